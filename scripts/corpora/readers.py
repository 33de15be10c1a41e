"""What becomes of a line of a source: its sentence, or None where it holds none."""

from corpora.kinds import Reader


def column(number: int) -> Reader:
    """The text of a column, from 1, of a line of a table."""

    def read(line: str) -> str | None:
        cells = line.split("\t")
        return cells[number - 1] if len(cells) >= 2 else None

    return read


def talk(line: str) -> str | None:
    """The text of a line of IWSLT's `train.tags`: sentences, titles and descriptions of talks."""
    for tag in ("title", "description"):
        line = line.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    line = line.strip()
    return None if line.startswith("<") else line


def segment(line: str) -> str | None:
    """The text of a line of IWSLT's test sets: `<seg id="1"> ... </seg>`."""
    line = line.strip()
    if not line.startswith("<seg") or not line.endswith("</seg>"):
        return None
    return line.removesuffix("</seg>").partition(">")[2].strip()
