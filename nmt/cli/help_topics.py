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


def read_topics(folder: Path = DOCS) -> dict[str, Topic]:
    """Return the topics by name, in their order.

    Args:
        folder: The folder of the Markdown files. The third line of a file is its summary.
    """
    places = {name: place for place, name in enumerate(ORDER)}
    topics = {}
    paths = folder.glob("*.md")
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

    console = Console(width=min(_WIDTH, shutil.get_terminal_size().columns))
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
        part = _TOPIC_LINK.sub(r"\1 (`nmt help \2`)", parts[place])
        parts[place] = _FILE_LINK.sub(r"\1 (`\2`)", part)
    return "".join(parts)


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
        written = text.encode()
        while True:
            try:
                process.communicate(written)
                return
            except KeyboardInterrupt:
                written = None  # the pager handles Ctrl-C itself
