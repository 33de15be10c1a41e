"""The sums behind a line of the training log: all updates since the line before it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from nmt.evaluation.metrics import perplexity
from nmt.model.loss import LossSums
from nmt.runtime.distributed import Ranks


@dataclass(frozen=True)
class MetricSums:
    """The sums of updates that are not yet logged, as a checkpoint holds them.

    Attributes:
        loss: The label-smoothed loss in nats, summed over the tokens of all ranks.
        cross_entropy: The same without smoothing.
        guided: The cost of guided alignment.
        gradient_norm: The sum of the gradient norms of the applied updates.
        applied: How many updates changed the weights. In float16, the others had a gradient that
            overflowed.
        target_tokens: The target tokens of all ranks.
        updates: All updates that were counted.
        seconds: The seconds that they took, without validations and checkpoints.
    """

    loss: float = 0.0
    cross_entropy: float = 0.0
    guided: float = 0.0
    gradient_norm: float = 0.0
    applied: int = 0
    target_tokens: int = 0
    updates: int = 0
    seconds: float = 0.0

    def check(self) -> None:
        """Raise ValueError where a value cannot be a sum, as in a damaged file."""
        for name in ("applied", "target_tokens", "updates"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise ValueError(f"unlogged.{name} is {value!r:.40}")
        for name in ("loss", "cross_entropy", "guided", "gradient_norm", "seconds"):
            value = getattr(self, name)
            if type(value) not in (int, float):
                raise ValueError(f"unlogged.{name} is {value!r:.40}")


class MetricAccumulator:
    """Sums over the updates since the last log line.

    They continue across epochs, validations, checkpoints and resumes. The tensors stay on the
    device until they are needed. They are float64 where the device has it, so that the sums do not
    depend on the number of ranks and sessions.

    Args:
        device: The device of the losses.
        saved: The sums to continue from.
        is_rank_zero: Whether this process continues from the sums of the losses. A checkpoint holds
            them summed over all ranks, so only one may.
    """

    def __init__(
        self, device: torch.device, saved: MetricSums | None = None, is_rank_zero: bool = True
    ) -> None:
        saved = saved or MetricSums()
        losses = [saved.loss, saved.cross_entropy, saved.guided]
        dtype = torch.float32 if device.type == "mps" else torch.float64
        values = [*(losses if is_rank_zero else [0.0] * 3), saved.gradient_norm, saved.applied]
        sums = torch.tensor(values, dtype=dtype, device=device)
        # The losses are sums over this rank's batches, the other values over all ranks.
        self._loss, self._cross_entropy, self._guided, self._gradient_norm, self._applied = sums
        self._target_tokens = saved.target_tokens
        self._updates = saved.updates
        self._seconds = saved.seconds
        self._running_since: float | None = None

    @property
    def updates(self) -> int:
        """The number of updates that were counted, without those that were skipped."""
        return self._updates

    @property
    def seconds(self) -> float:
        """The seconds during which the clock ran."""
        running = 0.0 if self._running_since is None else time.monotonic() - self._running_since
        return self._seconds + running

    def start_clock(self) -> None:
        """Let the clock run for tokens per second, where it does not run already."""
        if self._running_since is None:
            self._running_since = time.monotonic()

    @contextmanager
    def clock_stopped(self) -> Iterator[None]:
        """Return a context manager that stops the clock for other work, such as a validation."""
        self._seconds, self._running_since = self.seconds, None
        try:
            yield
        finally:
            self.start_clock()

    def count(self, sums: LossSums, norm: Tensor, tokens: int, may_overflow: bool) -> None:
        """Add an update.

        Args:
            sums: Its losses over the batches of this rank.
            norm: The norm of its gradient.
            tokens: The target tokens of all ranks.
            may_overflow: Whether the update was not applied where the norm is not finite.
        """
        self._loss += sums.loss
        self._cross_entropy += sums.cross_entropy
        if sums.guided is not None:
            self._guided += sums.guided
        if may_overflow:
            finite = torch.isfinite(norm)
            self._gradient_norm += torch.where(finite, norm, 0.0)
            self._applied += finite
        else:
            self._gradient_norm += norm
            self._applied += 1
        self._target_tokens += tokens
        self._updates += 1

    def is_finite(self) -> bool:
        """Return whether all sums are finite and some update was applied. Wait for the device."""
        finite = torch.isfinite(self._gradient_norm) & torch.isfinite(self._cross_entropy)
        return bool(finite & (self._applied > 0))

    def total(self, ranks: Ranks) -> MetricSums:
        """Return the sums over all ranks. Wait for the device.

        All ranks must call it.
        """
        if self._updates == 0:
            return MetricSums()
        sums = torch.stack((self._loss, self._cross_entropy, self._guided))
        ranks.all_reduce_tensors([sums])
        loss, cross_entropy, guided = sums.tolist()
        return MetricSums(
            loss=loss,
            cross_entropy=cross_entropy,
            guided=guided,
            gradient_norm=float(self._gradient_norm),
            applied=int(self._applied),
            target_tokens=self._target_tokens,
            updates=self._updates,
            seconds=self.seconds,
        )


def train_means(sums: MetricSums, guided: bool = False) -> dict[str, float]:
    """Return the means that a log line shows: over tokens, or over updates for the gradient norm.

    Args:
        sums: The sums over all ranks.
        guided: Whether to include the cost of guided alignment.
    """
    tokens = max(1, sums.target_tokens)
    return {
        "loss": sums.loss / tokens,
        "perplexity": perplexity(sums.cross_entropy / tokens),
        **({"guided": sums.guided / tokens} if guided else {}),
        "gradient_norm": sums.gradient_norm / max(1, sums.applied),
        "tokens_per_second": round(tokens / max(sums.seconds, 1e-9), 1),
    }


def train_line(update: int, values: Mapping[str, float]) -> str:
    """Return the log line for people.

    Args:
        update: The last update of the line.
        values: The result of `train_means`, with `epoch` and `learning_rate`.
    """
    guided = f"  guided {values['guided']:.3f}" if "guided" in values else ""
    return (
        f"update {update}  epoch {values['epoch']}  loss {values['loss']:.3f}  "
        f"perplexity {values['perplexity']:.2f}{guided}  gradient {values['gradient_norm']:.2f}  "
        f"rate {values['learning_rate']:.2e}  {values['tokens_per_second']:.0f} target tokens/s"
    )
