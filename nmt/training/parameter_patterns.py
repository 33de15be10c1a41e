"""Parameters chosen by patterns of their names, such as `encoder.*`."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from torch import nn

from nmt.config.problems import nearest
from nmt.errors import ConfigError


def matching(model: nn.Module, patterns: Sequence[str], key: str) -> list[str]:
    """The names of the model's parameters that any of the patterns matches, in the model's order.

    key: of the configuration, where the patterns stand. Tied parameters have the first of their
    names. Raises ConfigError for a pattern that matches none.
    """
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        if not _matched(names, pattern):
            raise ConfigError(
                f"{key}: {pattern!r} matches no parameter; {_hint(model, names, pattern)}"
            )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _matched(names: Iterable[str], pattern: str) -> list[str]:
    return [name for name in names if fnmatchcase(name, pattern)]


def _hint(model: nn.Module, names: Sequence[str], pattern: str) -> str:
    every = dict(model.named_parameters(remove_duplicate=False))
    tied = _matched(every, pattern)
    if tied:
        first = next(name for name in names if every[name] is every[tied[0]])
        return f"{tied[0]} is the same as {first} (`model.tying`): write that name."
    meant = nearest(pattern, [*names, *_groups(names)])
    if meant is not None:
        return f"did you mean {meant}?"
    return f"there are {', '.join(dict.fromkeys(_top(name) for name in names))}."


def _groups(names: Sequence[str]) -> Iterable[str]:
    """A pattern for each part of the model that has parameters."""
    parts = [name.split(".") for name in names]
    return dict.fromkeys(
        ".".join([*path[:depth], "*"]) for path in parts for depth in range(1, len(path))
    )


def _top(name: str) -> str:
    first, dot, _ = name.partition(".")
    return f"{first}.*" if dot else first
