"""Flags of translations that are likely wrong, and one number to sort them by."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from nmt.data.length_ratio import LengthRatio
from nmt.errors import UsageError
from nmt.search.signals import Judged, Signals, signals

if TYPE_CHECKING:
    from nmt.bundle import Bundle

_POWER = 4
"""Of the norm that makes one number of many: one that is far off outweighs several a little."""


@dataclass(frozen=True)
class Thresholds:
    """Above which value of its signal (see `Signals`) each flag is raised; all above zero.

    diffuse: of attention_entropy; unsure: of log_probability, its sign turned; length: of its
    deviations, up or down; the others: of the signal of their name. The defaults are such that each
    is raised for at most three in a hundred translations of a development set. How sure a model is
    depends on its training: see `of_model`.
    """

    diffuse: float = 0.45
    uncovered: float = 0.3
    repetition: float = 0.15
    copy: float = 0.4
    length: float = 2.5
    unsure: float = 1.4
    unknown: float = 0.1

    @classmethod
    def of_model(cls, dev_loss: float | None) -> "Thresholds":
        """The defaults for a model; dev_loss: its own, where that is known.

        Two in a hundred of its translations of dev have a subword cost more than the square root of
        the dev loss: so it was, within a tenth, for models with losses of 0.15, 0.5 and 1.9.
        """
        return cls() if dev_loss is None else cls(unsure=math.sqrt(dev_loss))


_SIGNALS: Mapping[str, Callable[[Signals], float | None]] = {
    "diffuse": lambda found: found.attention_entropy,
    "uncovered": lambda found: found.uncovered,
    "repetition": lambda found: found.repetition,
    "copy": lambda found: found.copy,
    "length": lambda found: abs(found.length),
    "unsure": lambda found: -found.log_probability,
    "unknown": lambda found: found.unknown,
}
"""The signal of each flag, above zero where it speaks against a translation."""


@dataclass(frozen=True)
class Verdict:
    """What speaks against a translation.

    flags: names of `Thresholds` that its signals are above; risk: 0 for none, above 1 wherever a
    flag is raised: the norm of all signals, each as a multiple of its threshold.
    """

    signals: Signals
    flags: tuple[str, ...]
    risk: float

    def record(self) -> dict[str, Any]:
        """Risk and signals, for a report in JSON."""
        return {"risk": self.risk, "signals": asdict(self.signals)}


@dataclass(frozen=True)
class Judge:
    """Looks for signs of a wrong translation; ratio: of lengths in the training corpus."""

    ratio: LengthRatio
    thresholds: Thresholds = Thresholds()

    @classmethod
    def of(cls, bundle: "Bundle", changes: Mapping[str, float] | None = None) -> "Judge":
        """Of translations of a bundle; changes: thresholds by their names, see `changed`."""
        return cls(
            bundle.length_ratio,
            replace(Thresholds.of_model(bundle.dev_loss), **(changes or {})),
        )

    def verdict(self, source: str, translation: Judged) -> Verdict | None:
        """Of the translation of a text; None for a blank one. Signals that need attention count
        only where the translation carries it.
        """
        found = signals(source, translation, self.ratio)
        if found is None:
            return None
        times = self._times(found)
        return Verdict(
            found,
            tuple(name for name, value in times.items() if value > 1.0),
            sum(value**_POWER for value in times.values()) ** (1 / _POWER),
        )

    def _times(self, found: Signals) -> dict[str, float]:
        """Each known signal as a multiple of its threshold, by the name of its flag."""
        values = {name: value(found) for name, value in _SIGNALS.items()}
        return {
            name: max(0.0, value) / getattr(self.thresholds, name)
            for name, value in values.items()
            if value is not None
        }


def changed(thresholds: Sequence[str]) -> dict[str, float]:
    """Thresholds that are changed, each written as `NAME=VALUE`. Raises UsageError."""
    return dict(map(_change, thresholds))


def _change(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    known = [field.name for field in fields(Thresholds)]
    if name not in known:
        raise UsageError(f"{text!r}: there is no flag {name!r}; the flags are {', '.join(known)}.")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0.0 < number < math.inf:
        raise UsageError(f"{text!r}: give a number above zero, such as {name}=0.5.")
    return name, number
