"""The documentation in nmt/docs: its topics, and how one is shown."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"

ORDER = (
    "installation",
    "tutorial",
    "textbook-tutorial",
    "data",
    "configuration",
    "presets",
    "training",
    "distributed",
    "translation",
    "constraints",
    "evaluation",
    "inspection",
    "serving",
    "export",
    "python",
    "performance",
    "results",
    "troubleshooting",
    "glossary",
)
"""The topics in the order in which one reads them. Others come last."""

_WIDTH = 100
"""The longest line of rendered text, in columns."""

_MARK = re.compile(r"^<!--.*-->\n", re.MULTILINE)
_TOPIC_LINK = re.compile(r"\[([^\]]+)\]\(([\w-]+)\.md(?:#[\w-]*)?\)")
_FILE_LINK = re.compile(r"\[([^\]]+)\]\((?:\.\./)+([^)]+)\)")
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Topic:
    """A page of the documentation.

    Attributes:
        name: The name for `nmt help`.
        summary: One sentence.
        text: The page in Markdown.
    """

    name: str
    summary: str
    text: str


def read_topics() -> dict[str, Topic]:
    """Return the topics by name, in their order. The third line of a page is its summary."""
    places = {name: place for place, name in enumerate(ORDER)}
    topics = {}
    paths = DOCS.glob("*.md")
    for path in sorted(paths, key=lambda path: (places.get(path.stem, len(ORDER)), path.stem)):
        text = _MARK.sub("", path.read_text(encoding="utf-8"))
        summary = "".join(text.split("\n")[2:3])
        topics[path.stem] = Topic(path.stem, summary, text)
    return topics


def show_markdown(text: str) -> None:
    """Show Markdown on stdout: rendered on a terminal, as it is elsewhere."""
    if not _can_render():
        print(text, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    # The usual style of code has a black background, which suits dark terminals only.
    theme = Theme({"markdown.code": "bold cyan"})
    console = Console(width=min(_WIDTH, shutil.get_terminal_size().columns), theme=theme)
    page = Markdown(_without_links(text), code_theme="ansi_dark", hyperlinks=False)
    with console.capture() as capture:
        console.print(page)
    show_text(capture.get())


def show_text(text: str) -> None:
    """Show a text on stdout, through a pager where it is longer than the terminal."""
    pager = _pager() if sys.stdout.isatty() else []
    if pager and text.count("\n") >= shutil.get_terminal_size().lines:
        sys.stdout.flush()
        try:
            _page(text, pager)
            return
        except OSError:
            pass  # there is no such program
    print(text, end="")


def _can_render() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _without_links(text: str) -> str:
    """Return Markdown whose links to other pages say in words how to open them."""
    parts = _FENCED.split(text)
    for place in range(0, len(parts), 2):  # the others are code
        part = _TOPIC_LINK.sub(lambda link: _in_words(link, "nmt help "), parts[place])
        parts[place] = _FILE_LINK.sub(_in_words, part)
    return "".join(parts)


def _in_words(link: re.Match[str], command: str = "") -> str:
    text, target = link.groups()
    opened = f"`{command}{target}`"
    return opened if text.strip("`").lower() == target else f"{text} ({opened})"


def _pager() -> list[str]:
    """Return the command line of the pager, which is empty without one."""
    named = os.environ.get("PAGER")
    if named is not None:
        return shlex.split(named)
    return ["less", "-R"] if shutil.which("less") else []


def _page(text: str, pager: list[str]) -> None:
    """Run a pager on a text until the reader leaves it.

    Raises:
        OSError: The pager cannot be started.
    """
    # less shows colours only with -R, which $PAGER may lack.
    environment = {"LESS": "-R", **os.environ}
    with subprocess.Popen(pager, stdin=subprocess.PIPE, env=environment) as process:
        written: bytes | None = text.encode()
        while True:
            try:
                process.communicate(written)
                return
            except KeyboardInterrupt:
                written = None  # the pager handles Ctrl-C itself
