"""Which way a metric improves: one place."""

from dataclasses import dataclass

_HIGHER_IS_BETTER = {"loss": False, "perplexity": False, "bleu": True, "chrf": True}


def is_better(metric: str, value: float, best: float | None, margin: float = 0.0) -> bool:
    """Whether `value` improves on `best` (None: nothing yet) by more than `margin`."""
    if best is None:
        return True
    return value > best + margin if higher_is_better(metric) else value < best - margin


def higher_is_better(metric: str) -> bool:
    """Whether the metric rises as translations get better."""
    return _HIGHER_IS_BETTER[metric]


@dataclass
class Best:
    """The best value of a metric so far, when it came, and for how long there was none better."""

    metric: str
    value: float | None = None
    update: int = 0
    in_vain: int = 0

    def see(self, value: float, update: int, margin: float = 0.0) -> bool:
        """Learn of a validation; gives whether it is the best."""
        if is_better(self.metric, value, self.value, margin):
            self.value, self.update, self.in_vain = value, update, 0
            return True
        self.in_vain += 1
        return False
