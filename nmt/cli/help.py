"""The command `nmt help`."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmt.cli.options import Debug, Quiet
from nmt.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nmt.cli.help_topics import Topic

_AFTER_TOPICS = """\

nmt help TOPIC    Read about a topic.
nmt help COMMAND  Show the options of a command. `nmt --help` lists the commands.
nmt help KEY      Explain a key of the configuration, such as training.max_updates.
nmt help WORD     Search keys, options, sections and the glossary.
"""


def show_help(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Name of a topic, a command or a key."),
    ] = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Read the documentation by topic, command or key.

    Without NAME it lists the topics. Any other word is searched for.
    """
    from nmt.cli.help_topics import read_topics, show_markdown, show_text

    topics = read_topics()
    name = " ".join(names or ()).lower()
    if not name:
        show_text(_list(topics.values()))
        return
    command = _command_help(context.find_root(), name)
    if name in topics:
        show_markdown(topics[name].text + _see_also(name, command is not None))
    elif command is not None:
        show_text(command)
    else:
        show_text(_explanation(context.find_root(), name, topics))


def _list(topics: "Iterable[Topic]") -> str:
    """Return the table of topics."""
    rows = _align([(topic.name, topic.summary) for topic in topics])
    return "\n".join(["Topics:", *rows, _AFTER_TOPICS])


def _align(rows: "list[tuple[str, str]]") -> list[str]:
    """Return rows of a name and a text as aligned lines, wrapped on a narrow terminal."""
    import shutil
    import textwrap

    room = max((len(name) for name, _ in rows), default=0)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    return [
        textwrap.fill(f"  {name.ljust(room)}  {summary}", width, subsequent_indent=" " * (room + 4))
        for name, summary in rows
    ]


def _command_help(root: Any, name: str) -> str | None:
    """Return the help of a command, such as `translate` or `config show`; None without one."""
    context = root
    for word in name.split():
        found = getattr(context.command, "commands", {}).get(word)
        if found is None:
            return None
        context = typer.Context(found, parent=context, info_name=word)
    return f"{context.get_help()}\n"


def _see_also(name: str, is_command: bool) -> str:
    """Return a last line for a topic on the command and the keys of the same name, if any."""
    from nmt.config.key_index import all_keys

    others = []
    if is_command:
        others.append(f"`nmt {name} --help` shows the options of the command `{name}`.")
    if name in all_keys():
        others.append(f"`nmt config explain {name}` lists the keys of `{name}`.")
    return f"\n{' '.join(others)}\n" if others else ""


def _explanation(root: Any, name: str, topics: "dict[str, Topic]") -> str:
    """Return the description of a key, or what else a word leads to.

    Raises:
        UsageError: The name is that of nothing. The message says the nearest names.
    """
    from nmt.cli.help_search import keys_named, search_help
    from nmt.config.earlier_keys import REMOVED_KEYS, RENAMED_KEYS
    from nmt.config.key_index import all_keys
    from nmt.config.reference import explain

    if name in all_keys() or name in RENAMED_KEYS or name in REMOVED_KEYS:
        return explain(name)
    matches = search_help(name, root, topics)
    keys = keys_named(name)
    title = "Found:"
    shown = ""
    if len(keys) == 1:
        shown = explain(keys[0].name)
        matches = matches[1:]  # all but the key
        title = "\nSee also:"
    if matches:
        rows = _align([(match.command, match.summary) for match in matches])
        shown += "\n".join([title, *rows, ""])
    if shown:
        return shown
    from difflib import get_close_matches

    known = [*topics, *getattr(root.command, "commands", {}), *all_keys()]
    near = get_close_matches(name, dict.fromkeys(known))
    hint = f" Similar names: {', '.join(near)}." if near else ""
    raise UsageError(
        f"{name}: no such topic, command or key.{hint}\n"
        "`nmt help` lists the topics, `nmt --help` the commands, `nmt config explain` the keys."
    )
