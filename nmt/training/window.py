"""What a line of the training log is about: the updates since the line before it."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nmt.model.loss import LossSums
from nmt.runtime.ranks import Ranks


@dataclass
class Window:
    """Sums since the last log line; tensors stay on the device until they are shown.

    loss, cross_entropy, guided (cost of guided alignment): of this rank's batches; the others are
    of all ranks. updates: without those left out; done: of these, those that were not passed over,
    as float16 training does when a gradient overflows.
    """

    loss: Tensor
    cross_entropy: Tensor
    gradient_norm: Tensor
    done: Tensor
    guided: Tensor
    target_tokens: int
    updates: int
    began: float

    @classmethod
    def on(cls, device: torch.device) -> "Window":
        """One that begins now."""
        zeros = torch.zeros(5, device=device)
        return cls(zeros[0], zeros[1], zeros[2], zeros[3], zeros[4], 0, 0, time.monotonic())

    def count(self, sums: LossSums, norm: Tensor, tokens: int, may_overflow: bool) -> None:
        """Add an update. norm: of its gradient; tokens: of all ranks together; may_overflow:
        whether it was passed over where the norm is not finite.
        """
        self.loss += sums.loss
        self.cross_entropy += sums.cross_entropy
        if sums.guided is not None:
            self.guided += sums.guided
        if may_overflow:
            finite = torch.isfinite(norm)
            self.gradient_norm += torch.where(finite, norm, 0.0)
            self.done += finite
        else:
            self.gradient_norm += norm
            self.done += 1
        self.target_tokens += tokens
        self.updates += 1

    def is_sound(self) -> bool:
        """Whether all sums are numbers, and some update was done. Waits for the device."""
        finite = torch.isfinite(self.gradient_norm) & torch.isfinite(self.cross_entropy)
        return bool(finite & (self.done > 0))

    def means(self, ranks: Ranks, guided: bool = False) -> dict[str, float]:
        """What is shown of it: means over tokens of all ranks, or over updates; guided: with the
        cost of guided alignment.
        """
        tokens, updates = max(1, self.target_tokens), max(1.0, float(self.done))
        sums = torch.stack((self.loss, self.cross_entropy, self.guided))
        ranks.sum([sums])
        loss, cross_entropy, cost = sums.tolist()
        return {
            "loss": loss / tokens,
            "perplexity": _exp(cross_entropy / tokens),
            **({"guided": cost / tokens} if guided else {}),
            "gradient_norm": float(self.gradient_norm) / updates,
            "tokens_per_second": round(tokens / (time.monotonic() - self.began), 1),
        }


def train_line(update: int, values: Mapping[str, float]) -> str:
    """What people are told of it; values: what `means` gives, `epoch` and `learning_rate`."""
    guided = f"  guided {values['guided']:.3f}" if "guided" in values else ""
    return (
        f"update {update}  epoch {values['epoch']}  loss {values['loss']:.3f}  "
        f"perplexity {values['perplexity']:.2f}{guided}  gradient {values['gradient_norm']:.2f}  "
        f"rate {values['learning_rate']:.2e}  {values['tokens_per_second']:.0f} target tokens/s"
    )


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
