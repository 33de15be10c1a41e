"""`nmt` and `python -m nmt`."""

import io
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    _speak_utf8()
    from nmt.cli.app import run

    sys.exit(run(sys.argv[1:]))


def _speak_utf8() -> None:
    """UTF-8 and bare `\\n` on all three streams, whatever the locale says.

    A stream may be missing or replaced (a service, a test); it is then left as it is.
    """
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", newline="\n")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")


if __name__ == "__main__":
    main()
