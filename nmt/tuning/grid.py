"""Search settings to try: every combination of values, each distinct search once."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Any

from nmt.config.settings import SearchSettings
from nmt.config.yaml_source import plain_value
from nmt.errors import UsageError
from nmt.search.overrides import override

_PENALTIES = ("length_penalty", "alpha", "coverage_penalty")
_MOST_VALUES = 1000


def values(text: str) -> list[Any]:
    """Return the values of a list such as `1,5,10` or `0,0.2,...,1.4`, typed as in YAML.

    `...` continues the step between the two numbers before it.

    Raises:
        UsageError: The values that `...` stands for cannot be determined.
    """
    items = [item.strip() for item in text.split(",")]
    found: list[Any] = []
    for i, item in enumerate(items):
        found += _between(items, i) if item == "..." else [plain_value(item)]
    return found


def grid(present: SearchSettings, axes: Mapping[str, Sequence[Any]]) -> list[SearchSettings]:
    """Return the present settings, then those with every combination of the values.

    Of several settings that stand for the same search, only the first is kept. Greedy search has a
    single hypothesis to score, so that it is tried once, with the present penalties.

    Args:
        present: The present settings.
        axes: The values to try, by field.

    Raises:
        UsageError: A value is not allowed. The message says which, and why.
    """
    penalties = {name: getattr(present, name) for name in _PENALTIES}
    points = {_search_of(present): present}
    for choice in product(*axes.values()):
        changed = override(present, dict(zip(axes, choice, strict=True)))
        if changed.beam_size == 1:
            changed = changed.model_copy(update=penalties)
        points.setdefault(_search_of(changed), changed)
    return list(points.values())


def _search_of(settings: SearchSettings) -> SearchSettings:
    """Return a normal form, which is the same for settings of the same search.

    Without alpha, no penalty has an effect.
    """
    if settings.length_penalty != "none" and settings.alpha != 0.0:
        return settings
    return settings.model_copy(update={"length_penalty": "none", "alpha": 0.0})


def _between(items: list[str], dots: int) -> list[Any]:
    """Return the values that `...` stands for, at the position `dots` of a list."""
    if not 2 <= dots < len(items) - 1:
        raise _uncountable(items)
    try:
        first, second, last = (Decimal(items[i]) for i in (dots - 2, dots - 1, dots + 1))
        steps = (last - second) / (second - first)
        whole = int(steps)
    except (ArithmeticError, ValueError) as error:
        raise _uncountable(items) from error
    if steps != whole or not 0 < whole <= _MOST_VALUES:
        raise _uncountable(items)
    return [plain_value(str(second + step * (second - first))) for step in range(1, whole)]


def _uncountable(items: list[str]) -> UsageError:
    return UsageError(
        f"{','.join(items)}: `...` stands between two numbers and the one that they count to, at "
        f"most {_MOST_VALUES} steps on, as in 0,0.2,...,1.4."
    )
