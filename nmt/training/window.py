"""What a line of the training log is about: the updates since the line before it."""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from nmt.model.loss import LossSums
from nmt.runtime.ranks import Ranks


@dataclass
class Window:
    """Sums since the last log line; tensors stay on the device until they are shown.

    loss, cross_entropy: of this rank's batches; the others are of all ranks. updates: without those
    left out; done: of these, those that were not passed over, as float16 training does when a
    gradient overflows.
    """

    loss: Tensor
    cross_entropy: Tensor
    gradient_norm: Tensor
    done: Tensor
    target_tokens: int
    updates: int
    began: float

    @classmethod
    def on(cls, device: torch.device) -> "Window":
        """One that begins now."""
        zeros = torch.zeros(4, device=device)
        return cls(zeros[0], zeros[1], zeros[2], zeros[3], 0, 0, time.monotonic())

    def count(self, sums: LossSums, norm: Tensor, tokens: int, may_overflow: bool) -> None:
        """Add an update. norm: of its gradient; tokens: of all ranks together; may_overflow:
        whether it was passed over where the norm is not finite.
        """
        self.loss += sums.loss
        self.cross_entropy += sums.cross_entropy
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

    def means(self, ranks: Ranks) -> dict[str, float]:
        """What is shown of it: means over tokens of all ranks, or over updates."""
        tokens, updates = max(1, self.target_tokens), max(1.0, float(self.done))
        sums = torch.stack((self.loss, self.cross_entropy))
        ranks.sum([sums])
        loss, cross_entropy = sums.tolist()
        return {
            "loss": loss / tokens,
            "perplexity": _exp(cross_entropy / tokens),
            "gradient_norm": float(self.gradient_norm) / updates,
            "tokens_per_second": round(tokens / (time.monotonic() - self.began), 1),
        }


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
