"""The frame of all HTML reports: layout, style, and safely embedded data."""

import html
import json
import math
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'"
)
_CONNECT_POLICY = "; connect-src 'self'"
_BASE_STYLE = "base.css"
_BASE_SCRIPT = "base.js"
_SCRIPT_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


@dataclass(frozen=True)
class Page:
    """An HTML report.

    Attributes:
        title: The title.
        body: The HTML below the heading.
        data: The data for scripts, which `pageData()` returns.
        styles: The names of style files in this package, after the common one.
        scripts: The names of script files in this package, after the common one.
        about: One line of text below the title.
        may_connect: Whether its scripts may send requests to the server that it came from.
    """

    title: str
    body: str
    data: Any = None
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    about: str = ""
    may_connect: bool = False

    @property
    def policy(self) -> str:
        """The Content Security Policy."""
        return _POLICY + (_CONNECT_POLICY if self.may_connect else "")


def render(page: Page) -> str:
    """Return the report as one HTML document."""
    styles = "\n".join(map(read_asset, (_BASE_STYLE, *page.styles)))
    scripts = "\n".join(map(read_asset, (_BASE_SCRIPT, *page.scripts)))
    about = f'<p class="about">{escape_html(page.about)}</p>\n' if page.about else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{page.policy}">
<meta name="color-scheme" content="light dark">
<title>{escape_html(page.title)}</title>
<link rel="icon" href="data:,">
<style>
{styles}</style>
</head>
<body>
<header class="top">
<div>
<h1 dir="auto">{escape_html(page.title)}</h1>
{about}</div>
<button type="button" id="theme" class="quiet" hidden>Dark</button>
</header>
<main>
{page.body}
</main>
<script type="application/json" id="data">{json_for_script(page.data)}</script>
<script>
{scripts}</script>
</body>
</html>
"""


def escape_html(text: str) -> str:
    """Return text as HTML, also for use between quotes."""
    return html.escape(text, quote=True)


def json_for_script(data: Any) -> str:
    """Return JSON for a `<script>` element, with null for numbers that are not finite.

    The text `</script>` is escaped.
    """
    text = json.dumps(
        replace_non_finite(data), ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    for character, escape in _SCRIPT_ESCAPES.items():
        text = text.replace(character, escape)
    return text


def read_asset(name: str) -> str:
    """Return the text of a style or script file of this package."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def replace_non_finite(data: Any) -> Any:
    """Return plain data with None in place of numbers that are not finite."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {key: replace_non_finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [replace_non_finite(value) for value in data]
    return data
