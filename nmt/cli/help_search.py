"""The search of `nmt help` for a word: keys, options of commands, sections and glossary terms."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nmt.cli.help_topics import Topic
from nmt.config.key_index import Key, all_keys

_HEADING = re.compile(r"^##+ (.+)$", re.MULTILINE)
_TERM = re.compile(r"^\*\*(.+?)\.\*\* (.+?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_COMMON_OPTIONS = ("--help", "--debug", "--quiet")


@dataclass(frozen=True)
class Match:
    """A place in the documentation that a word leads to.

    Attributes:
        command: The command that shows it.
        summary: One line on it.
    """

    command: str
    summary: str


def keys_named(word: str) -> list[Key]:
    """Return the keys whose last part or parts are a word, such as `ema` or `optimizer.kind`."""
    ending = "." + re.sub(r"[-\s]+", "_", word.lower())
    return [key for name, key in all_keys().items() if f".{name}".endswith(ending)]


def search_help(word: str, root: Any, topics: dict[str, Topic]) -> list[Match]:
    """Return what has a word in its name: keys, then options, sections and glossary terms.

    Args:
        word: One or more words. Case, hyphens and underscores do not matter.
        root: The click context of the whole program.
        topics: The topics by name.
    """
    words = _spaced(word)
    if not re.search(r"\w", words):
        return []
    pattern = re.compile(rf"(?<!\w){re.escape(words)}s?(?!\w)")
    matches = [
        *_keys(word, pattern),
        *_options(root.command, "", pattern),
        *_sections(topics.values(), pattern),
    ]
    return list(dict.fromkeys(matches))


def _spaced(text: str) -> str:
    return re.sub(r"[-_\s]+", " ", text.lower()).strip()


def _keys(word: str, pattern: re.Pattern[str]) -> Iterator[Match]:
    """Yield the keys of the name; without one those that contain it or have such a choice."""
    found = keys_named(word) or [
        key
        for key in all_keys().values()
        if pattern.search(_spaced(key.path[-1])) or word in key.expected.choices
    ]
    for key in found:
        yield Match(f"nmt help {key.name}", _first_sentence(key.description))


def _options(command: Any, name: str, pattern: re.Pattern[str]) -> Iterator[Match]:
    """Yield the options of a command and of its subcommands."""
    for parameter in command.params if name else ():
        for option in getattr(parameter, "opts", ()):
            is_searched = option.startswith("--") and option not in _COMMON_OPTIONS
            if is_searched and pattern.search(_spaced(option)):
                help_text = _first_sentence(parameter.help or "")
                yield Match(f"nmt help {name}", f"{option}: {help_text}")
    for part, subcommand in getattr(command, "commands", {}).items():
        yield from _options(subcommand, f"{name} {part}".strip(), pattern)


def _sections(topics: Iterable[Topic], pattern: re.Pattern[str]) -> Iterator[Match]:
    """Yield the sections of topics by their headings, and the terms of the glossary."""
    for topic in topics:
        for heading in _HEADING.findall(topic.text):
            if pattern.search(_spaced(heading)):
                yield Match(f"nmt help {topic.name}", f"section: {heading}")
        for term, definition in _TERM.findall(topic.text) if topic.name == "glossary" else ():
            if pattern.search(_spaced(term)):
                yield Match("nmt help glossary", f"{term}: {_first_sentence(definition)}")


def _first_sentence(text: str) -> str:
    """Return the first sentence of a text as one line, without links."""
    line = " ".join(_LINK.sub(r"\1", text).split())
    return re.split(r"(?<=[.])\s+(?=[A-Z`])", line, maxsplit=1)[0]
