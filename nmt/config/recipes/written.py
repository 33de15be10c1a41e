"""Choices of the recipes as a commented configuration and as a table."""

from collections.abc import Iterator, Sequence
from typing import Any

from nmt.config.dump import value_text
from nmt.config.recipes.rules import Choice

_WIDTH = 100
_FARTHEST_COMMENT = 48


def as_yaml(choices: Sequence[Choice], head: str) -> str:
    """Return choices as a configuration in YAML, each with its reason as a comment.

    Args:
        choices: The choices.
        head: The comment at the top, its lines without `#`.
    """
    lines = [f"# {line}".rstrip() for line in head.split("\n")]
    tree: dict[str, Any] = {}
    for choice in choices:
        *above, name = choice.key.split(".")
        section = tree
        for part in above:
            section = section.setdefault(part, {})
        section[name] = choice
    for name, value in tree.items():
        lines.append("")
        lines += _section(name, value, 0)
    return "\n".join(lines) + "\n"


def as_table(choices: Sequence[Choice]) -> list[str]:
    """Return a line for each choice that has a reason: key, value, reason."""
    rows = [(each.key, value_text(each.value), each.reason) for each in choices if each.reason]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return [f"{key:<{widths[0]}}  {value:<{widths[1]}}  {why}" for key, value, why in rows]


def _section(name: str, value: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, Choice):
        yield from _commented(f"{indent}{name}: {value_text(value.value)}", value.reason)
        return
    yield f"{indent}{name}:"
    for below, inner in value.items():
        yield from _section(below, inner, depth + 1)


def _commented(line: str, reason: str) -> Iterator[str]:
    """Yield a line with its reason behind it, or above it where it would not fit."""
    if not reason:
        yield line
    elif len(line) < _FARTHEST_COMMENT and _FARTHEST_COMMENT + len(reason) <= _WIDTH:
        yield f"{line:<{_FARTHEST_COMMENT - 2}}  # {reason}"
    else:
        yield f"{' ' * (len(line) - len(line.lstrip()))}# {reason}"
        yield line
