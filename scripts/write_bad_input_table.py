"""Write the table of wrong inputs and the responses of the program to them.

    python scripts/write_bad_input_table.py

The cases are those of tests/bad_input. Each runs in a folder of its own, as in the tests. A wrong
response is reported, and the table then stays as it is.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "bad_input"))

from stage import act, faults, stage_folder
from table import CASES, TABLE, table


def main() -> None:
    """Run all cases and write the table.

    Raises:
        SystemExit: A response is wrong.
    """
    wrong = 0
    with stage_folder() as (stage, plays):
        outcomes = [act(case, stage, plays / str(i)) for i, case in enumerate(CASES)]
    for case, outcome in zip(CASES, outcomes, strict=True):
        for fault in faults(case, outcome):
            wrong += 1
            print(f"{case.wrong}: {fault}", file=sys.stderr)
    if wrong:
        raise SystemExit(1)
    TABLE.write_text(table(outcomes), encoding="utf-8", newline="\n")
    print(f"{TABLE}: {len(CASES)} cases")


if __name__ == "__main__":
    main()
