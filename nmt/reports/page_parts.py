"""HTML parts of run reports: tiles, tables, sections and formatted numbers."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nmt.pages.page import escape_html


@dataclass(frozen=True)
class Tile:
    """A figure at the top of a report.

    Attributes:
        name: The name of the figure.
        value: The figure as text.
        note: A smaller line below the figure.
    """

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: The heading.
        number: Whether the column holds numbers, aligned at the right.
        is_user_text: Whether the column holds user text, which has its own writing direction.
    """

    name: str
    number: bool = False
    is_user_text: bool = False


def tiles(items: Iterable[Tile]) -> str:
    """Return the HTML of figures side by side."""
    parts = []
    for item in items:
        note = f'<span class="note">{escape_html(item.note)}</span>' if item.note else ""
        parts.append(
            f"<div><dt>{escape_html(item.name)}</dt><dd>{escape_html(item.value)}{note}</dd></div>"
        )
    return f'<dl class="tiles">{"".join(parts)}</dl>'


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], sortable: bool = False) -> str:
    """Return the HTML of a table of texts, each escaped.

    Args:
        columns: The columns.
        rows: The texts of each row.
        sortable: Whether the reader can sort the rows. Numbers are sorted by value.
    """
    head = "".join(
        f'<th scope="col"{_class(column)}>{escape_html(column.name)}</th>' for column in columns
    )
    body = "".join(
        f"<tr>{''.join(_cell(*cell) for cell in zip(columns, row, strict=True))}</tr>"
        for row in rows
    )
    attribute = " data-sortable" if sortable else ""
    return (
        f'<div class="wide"><table{attribute}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def section(anchor: str, title: str, *parts: str) -> str:
    """Return the HTML of a section; empty where all its parts are empty.

    Args:
        anchor: The id that links point to.
        title: The heading.
        parts: The HTML of the content.
    """
    inner = "\n".join(part for part in parts if part)
    return (
        f'<section id="{anchor}"><h2>{escape_html(title)}</h2>\n{inner}\n</section>'
        if inner
        else ""
    )


def links_to_sections(sections: Iterable[tuple[str, str]]) -> str:
    """Return the HTML of links to sections, given as anchor and title."""
    links = "".join(f'<a href="#{anchor}">{escape_html(title)}</a>' for anchor, title in sections)
    return f'<nav class="contents" aria-label="Contents">{links}</nav>'


def paragraph(text: str, kind: str = "") -> str:
    """Return the HTML of a paragraph of plain text; empty for an empty text.

    Args:
        text: The text, which is escaped.
        kind: The CSS class, or nothing.
    """
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{escape_html(text)}</p>" if text else ""


def format_count(value: float) -> str:
    """Return a number without decimals and with commas."""
    return f"{value:,.0f}" if math.isfinite(value) else "–"


def format_score(value: float) -> str:
    """Return a score or perplexity with two decimals."""
    return f"{value:.2f}" if math.isfinite(value) else "–"


def format_percent(part: float, total: float) -> str:
    """Return a share in per cent; small shares have two decimals, so that they do not read as none.

    Args:
        part: The part.
        total: The whole. A whole of 0 gives a dash.
    """
    if not total:
        return "–"
    share = 100 * part / total
    if 0 < share < 0.01:
        return "<0.01%"
    return f"{share:.2f}%" if 0 < share < 10 else f"{share:.1f}%".replace(".0", "")


def format_time(seconds: float) -> str:
    """Return the local date and time of a moment in seconds since 1970."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (ValueError, OverflowError, OSError):
        return "–"


def _class(column: Column) -> str:
    return ' class="number"' if column.number else ""


def _cell(column: Column, text: str) -> str:
    if not column.number:
        direction = ' dir="auto"' if column.is_user_text else ""
        return f"<td{direction}>{escape_html(text)}</td>"
    try:
        value = f' data-value="{float(text.strip("<%").replace(",", ""))}"'
    except ValueError:
        value = ""
    return f'<td class="number"{value}>{escape_html(text)}</td>'
