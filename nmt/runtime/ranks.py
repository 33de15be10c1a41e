"""Communication between the processes of one training."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from nmt.errors import NmtError, ResourceError, is_out_of_memory
from nmt.runtime.distributed import Counters, World

T = TypeVar("T")

_BUCKET_ELEMENTS = 1 << 23  # 32 MiB of float32: few messages, and no second copy of all tensors
_SECONDS_TO_REPORT = 3.0
_SECONDS_BETWEEN_LOOKS = 0.1


class RankLost(ResourceError):
    """A process of the job that no longer responds.

    The message is empty where another process reports the loss.
    """


class Ranks:
    """The processes that train one model together, within `process_group`.

    Numbers and texts are exchanged between CPUs, so that no GPU is waited for. Tensors are
    exchanged on their device. All ranks must call the same methods in the same order. A single
    process exchanges nothing.

    Args:
        world: The position of this process.

    Raises:
        RankLost: By each method, when a rank has ended or exceeds the group's timeout.
    """

    def __init__(self, world: World) -> None:
        self.rank, self.size = world.rank, world.size
        self._counters = Counters(world)

    @property
    def leads(self) -> bool:
        """Whether this is rank zero, the process that writes and reports."""
        return self.rank == 0

    def own(self, items: Sequence[T]) -> Sequence[T]:
        """Return this rank's shard of the items: every `size`-th one, from the rank's number on."""
        return items[self.rank :: self.size]

    def shared(self, items: Sequence[T], work: Callable[[Sequence[T]], list[str]]) -> list[str]:
        """Process items, each rank its own shard, and share the results.

        Args:
            items: The items, the same on all ranks.
            work: Returns a text for each of the items that it is called with.

        Returns:
            The texts of all items, in the order of the items.
        """
        done = work(self.own(items))
        if self.size == 1:
            return done
        results = [""] * len(items)
        for rank, text in enumerate(self.gather(json.dumps(done))):
            results[rank :: self.size] = json.loads(text)
        return results

    def total(self, number: int) -> int:
        """Return the sum of a number over all ranks."""
        return self._combined([number], dist.ReduceOp.SUM)[0]

    def totals(self, numbers: Sequence[int]) -> list[int]:
        """Return the sum of each number over all ranks."""
        return self._combined(numbers, dist.ReduceOp.SUM)

    def greatest(self, *numbers: int) -> list[int]:
        """Return the maximum of each number over all ranks."""
        return self._combined(numbers, dist.ReduceOp.MAX)

    def least(self, number: int) -> int:
        """Return the minimum of a number over all ranks."""
        return self._combined([number], dist.ReduceOp.MIN)[0]

    def wait(self) -> None:
        """Wait until all ranks have called this."""
        self.total(0)

    def gather(self, text: str) -> list[str]:
        """Return the texts of all ranks, in the order of the ranks."""
        if self.size == 1:
            return [text]
        own = torch.frombuffer(bytearray(text.encode("utf-8")), dtype=torch.uint8)
        lengths = self.totals([len(own) * (rank == self.rank) for rank in range(self.size)])
        padded = torch.zeros(max(lengths), dtype=torch.uint8)
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in lengths]
        with self._naming_the_lost():
            dist.all_gather(parts, padded)
        return [
            bytes(part[:length].numpy()).decode("utf-8")
            for part, length in zip(parts, lengths, strict=True)
        ]

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all ranks.

        The tensors travel in a few flat buckets. The sums are the same on all ranks, to the last
        bit.

        Args:
            tensors: The tensors, all of one type on one device.
        """
        if self.size == 1:
            return
        with self._naming_the_lost():
            waiting = []
            for bucket in _buckets(tensors):
                flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
                waiting.append((bucket, flat, dist.all_reduce(flat, async_op=True)))
            for bucket, flat, work in waiting:
                work.wait()
                parts = flat.split([tensor.numel() for tensor in bucket])
                for tensor, part in zip(bucket, parts, strict=True):
                    tensor.copy_(part.view_as(tensor))

    def _combined(self, numbers: Sequence[int], how: dist.ReduceOp.RedOpType) -> list[int]:
        if self.size == 1:
            return list(numbers)
        combined = torch.tensor(numbers, dtype=torch.int64)
        with self._naming_the_lost():
            dist.all_reduce(combined, how)
        return [int(number) for number in combined.tolist()]

    @contextmanager
    def _naming_the_lost(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise self._lost(str(error).partition("\n")[0]) from error

    def _lost(self, reason: str) -> NmtError:
        """Return the error for a lost rank.

        All ranks that are alive report here. The lowest of them names those that did not.
        """
        name = "reported a loss: rank {}".format
        self._counters.add(name(self.rank), 1)
        last_look = time.monotonic() + _SECONDS_TO_REPORT
        while missing := [r for r in range(self.size) if not self._counters.value(name(r))]:
            if time.monotonic() > last_look:
                break
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        if self.rank != min(set(range(self.size)) - set(missing)):
            return RankLost("")
        who = f"rank {', '.join(map(str, missing))} of {self.size} no longer answers"
        return RankLost(
            f"{who if missing else 'the ranks no longer hear each other'} ({reason}).\n"
            "All end here; the checkpoints are whole, and the same command goes on from the newest."
        )


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    elements = 0
    for tensor in tensors:
        if bucket and elements + tensor.numel() > _BUCKET_ELEMENTS:
            yield bucket
            bucket, elements = [], 0
        bucket.append(tensor)
        elements += tensor.numel()
    if bucket:
        yield bucket


ALONE = Ranks(World())
