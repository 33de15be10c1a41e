"""Selection of parameters by patterns of their names, such as `encoder.*`."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from torch import nn

from nmt.config.problems import nearest
from nmt.errors import ConfigError


def matching(model: nn.Module, patterns: Sequence[str], key: str) -> list[str]:
    """Return the names of the parameters that match any of the patterns, in the model's order.

    A tied parameter has the first of its names.

    Args:
        model: The model.
        patterns: The patterns.
        key: The key of the configuration that holds the patterns, for the error.

    Raises:
        ConfigError: A pattern matches no parameter.
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
    """Return a pattern for each part of the model that has parameters."""
    parts = [name.split(".") for name in names]
    return dict.fromkeys(
        ".".join([*path[:depth], "*"]) for path in parts for depth in range(1, len(path))
    )


def _top(name: str) -> str:
    first, dot, _ = name.partition(".")
    return f"{first}.*" if dot else first
