"""The entry point of `nmt` and `python -m nmt`."""

import sys

from nmt.console import prepare_streams
from nmt.runtime.process import claim_process


def main() -> None:
    """Run the command line and exit with its exit code."""
    prepare_streams()
    claim_process()
    from nmt.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
