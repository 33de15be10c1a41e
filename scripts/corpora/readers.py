"""Readers of lines: each returns the sentence of a line, or None where it holds none."""

from corpora.corpus_types import Reader


def column(number: int) -> Reader:
    """Return a reader of one column of a tab-separated table.

    Args:
        number: The column, from 1.
    """

    def read(line: str) -> str | None:
        cells = line.split("\t")
        return cells[number - 1] if len(cells) >= 2 else None

    return read


def iwslt_line(line: str) -> str | None:
    """Return the text of a line of IWSLT's `train.tags`, or None.

    Sentences, titles and descriptions of talks count as text.
    """
    for tag in ("title", "description"):
        line = line.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    line = line.strip()
    return None if line.startswith("<") else line


def iwslt_segment(line: str) -> str | None:
    """Return the text of a line of IWSLT's test sets, `<seg id="1"> ... </seg>`, or None."""
    line = line.strip()
    if not line.startswith("<seg") or not line.endswith("</seg>"):
        return None
    return line.removesuffix("</seg>").partition(">")[2].strip()
