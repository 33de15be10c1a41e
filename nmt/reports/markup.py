"""Small pieces of the pages about runs: tiles, tables, sections, numbers as people write them."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nmt.pages.page import escaped


@dataclass(frozen=True)
class Tile:
    """A figure at the top of a page. note: below it, smaller."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table. number: aligned at the right; written: text of others, in a direction
    of its own.
    """

    name: str
    number: bool = False
    written: bool = False


def tiles(items: Iterable[Tile]) -> str:
    """Figures side by side."""
    parts = []
    for item in items:
        note = f'<span class="note">{escaped(item.note)}</span>' if item.note else ""
        parts.append(
            f"<div><dt>{escaped(item.name)}</dt><dd>{escaped(item.value)}{note}</dd></div>"
        )
    return f'<dl class="tiles">{"".join(parts)}</dl>'


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], sortable: bool = False) -> str:
    """A table of texts, each escaped; numbers are sorted as such."""
    head = "".join(
        f'<th scope="col"{_class(column)}>{escaped(column.name)}</th>' for column in columns
    )
    body = "".join(
        f"<tr>{''.join(_cell(*each) for each in zip(columns, row, strict=True))}</tr>"
        for row in rows
    )
    mark = " data-sortable" if sortable else ""
    return (
        f'<div class="wide"><table{mark}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def section(anchor: str, title: str, *parts: str) -> str:
    """A part of a page, empty where it has nothing in it."""
    inner = "\n".join(part for part in parts if part)
    return f'<section id="{anchor}"><h2>{escaped(title)}</h2>\n{inner}\n</section>' if inner else ""


def contents(sections: Iterable[tuple[str, str]]) -> str:
    """Links to the sections that are there, given by anchor and title."""
    links = "".join(f'<a href="#{anchor}">{escaped(title)}</a>' for anchor, title in sections)
    return f'<nav class="contents" aria-label="Contents">{links}</nav>'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; nothing for an empty one."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{escaped(text)}</p>" if text else ""


def count(value: float) -> str:
    """A whole number with commas."""
    return f"{value:,.0f}" if math.isfinite(value) else "–"


def points(value: float) -> str:
    """A score or perplexity."""
    return f"{value:.2f}" if math.isfinite(value) else "–"


def percent(part: float, whole: float) -> str:
    """A share; small ones with the digits that tell them from none."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < share < 0.01:
        return "<0.01%"
    return f"{share:.2f}%" if 0 < share < 10 else f"{share:.1f}%".replace(".0", "")


def clock(seconds: float) -> str:
    """A time of the day on this machine, from seconds since 1970."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (ValueError, OverflowError, OSError):
        return "–"


def _class(column: Column) -> str:
    return ' class="number"' if column.number else ""


def _cell(column: Column, text: str) -> str:
    if not column.number:
        direction = ' dir="auto"' if column.written else ""
        return f"<td{direction}>{escaped(text)}</td>"
    try:
        value = f' data-value="{float(text.strip("<%").replace(",", ""))}"'
    except ValueError:
        value = ""
    return f'<td class="number"{value}>{escaped(text)}</td>'
