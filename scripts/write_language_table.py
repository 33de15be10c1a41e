"""Write the table of languages.

    python scripts/write_language_table.py

The texts and the columns are those of tests/tokenizers.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "tokenizers"))

from language_table import TABLE, rows, table


def main() -> None:
    """Write the table."""
    with tempfile.TemporaryDirectory(prefix=".tmp-languages-") as folder:
        TABLE.write_text(table(rows(Path(folder))), encoding="utf-8", newline="\n")
    print(TABLE)


if __name__ == "__main__":
    main()
