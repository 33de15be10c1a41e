"""Quality estimation: flags of translations that are likely wrong, and a risk to sort them by."""

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
"""Power of the norm that combines the signals: one large signal outweighs several small ones."""


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of the quality flags, all above zero.

    A flag is raised when its signal exceeds the threshold: see `Signals`. With the defaults, each
    flag is raised for at most three percent of the translations of a development set. A model's
    confidence depends on its training: see `of_model`.

    Attributes:
        diffuse: The threshold of `attention_entropy`.
        uncovered: The threshold of `uncovered`.
        repetition: The threshold of `repetition`.
        copy: The threshold of `copy`.
        length: The threshold of the absolute value of `length`.
        unsure: The threshold of the negated `log_probability`.
        unknown: The threshold of `unknown`.
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
        """Return the default thresholds for a model.

        The threshold of `unsure` is the square root of the dev loss. About two percent of a model's
        dev translations have a mean subword cost above it. This held within a tenth for models with
        losses of 0.15, 0.5 and 1.9.

        Args:
            dev_loss: The loss of the model on the development set, None where it is unknown.
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
"""The signal of each flag. A value above zero is evidence against a translation."""


@dataclass(frozen=True)
class Verdict:
    """Quality report on a translation.

    Attributes:
        signals: The quality signals.
        flags: The names of the `Thresholds` that the signals exceed.
        risk: The norm of all signals, each as a multiple of its threshold. It is 0 without
            evidence, and above 1 wherever a flag is raised.
    """

    signals: Signals
    flags: tuple[str, ...]
    risk: float

    def record(self) -> dict[str, Any]:
        """Return the risk and the signals, for a JSON report."""
        return {"risk": self.risk, "signals": asdict(self.signals)}


@dataclass(frozen=True)
class Judge:
    """Quality estimator, which looks for signs of a wrong translation.

    Attributes:
        ratio: The length ratio of the training corpus.
        thresholds: The thresholds of the flags.
    """

    ratio: LengthRatio
    thresholds: Thresholds = Thresholds()

    @classmethod
    def of(cls, bundle: "Bundle", changes: Mapping[str, float] | None = None) -> "Judge":
        """Return the quality estimator for translations of a bundle.

        Args:
            bundle: The bundle.
            changes: Thresholds to change, by name: see `changed`.
        """
        return cls(
            bundle.length_ratio,
            replace(Thresholds.of_model(bundle.dev_loss), **(changes or {})),
        )

    def verdict(self, source: str, translation: Judged) -> Verdict | None:
        """Return the quality report on a translation, or None for a blank one.

        Signals of attention count only where the translation carries its attention.

        Args:
            source: The source text.
            translation: Its translation.
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
        """Return each known signal as a multiple of its threshold, by the name of its flag."""
        values = {name: value(found) for name, value in _SIGNALS.items()}
        return {
            name: max(0.0, value) / getattr(self.thresholds, name)
            for name, value in values.items()
            if value is not None
        }


def changed(thresholds: Sequence[str]) -> dict[str, float]:
    """Return the thresholds that texts of the form `NAME=VALUE` set, by name.

    Raises:
        UsageError: There is no such flag, or a value is no number above zero.
    """
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
