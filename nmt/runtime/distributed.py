"""The processes of one job, as torchrun starts them, and their exchange of data."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from nmt.errors import NmtError, ResourceError, UsageError, is_out_of_memory

_ATTEMPT = "TORCHELASTIC_RESTART_COUNT"


@dataclass(frozen=True)
class World:
    """The position of a process in its job and on its machine.

    Attributes:
        rank: The number of the process in the job, from 0.
        size: The number of processes in the job.
        local_rank: The number of the process on its machine, from 0.
        local_size: The number of processes on its machine.
        launched: Whether a launcher started the process, even as the only one.
        attempt: The number of times that torchrun has restarted the job after a failure
            (--max-restarts).
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    launched: bool = False
    attempt: int = 0

    @classmethod
    def from_environment(cls) -> "World":
        """Return the world that RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE describe.

        Without them it is a single process.

        Raises:
            UsageError: A variable is not a number, or a rank is not below its size.
        """
        if not {"RANK", "WORLD_SIZE"} <= os.environ.keys():
            return cls()
        size, local_size = _read_number("WORLD_SIZE", 1), _read_number("LOCAL_WORLD_SIZE", 1)
        launched = size > 1 or "TORCHELASTIC_RUN_ID" in os.environ
        world = cls(
            _read_number("RANK", 0),
            size,
            _read_number("LOCAL_RANK", 0),
            local_size,
            launched,
            _read_number(_ATTEMPT, 0),
        )
        if world.rank >= size or world.local_rank >= local_size:
            raise UsageError(
                f"RANK={world.rank} of WORLD_SIZE={size}, LOCAL_RANK={world.local_rank} of "
                f"LOCAL_WORLD_SIZE={local_size}: a rank must be from 0 to the size - 1. Start "
                "with torchrun."
            )
        return world


class SharedTexts:
    """Texts that the processes of a job exchange, each under a name."""

    def __init__(self, world: World) -> None:
        assert world.size > 1
        self._store = _open_store()

    def set(self, name: str, text: str) -> None:
        """Store a text for all processes.

        Args:
            name: The name of the text.
            text: The text.

        Raises:
            ResourceError: The other processes cannot be reached.
        """
        with _wrap_network_errors():
            self._store.set(name, text)

    def get(self, name: str) -> str | None:
        """Return the text of a name, None while there is none.

        Raises:
            ResourceError: The other processes cannot be reached.
        """
        with _wrap_network_errors():
            return self._store.get(name).decode("utf-8") if self._store.check([name]) else None


class Counters:
    """Named numbers that all processes of a job add to; each begins at 0."""

    def __init__(self, world: World) -> None:
        self._local: Counter[str] = Counter()
        self._store = _open_store() if world.size > 1 else None

    def value(self, name: str) -> int:
        """Return the present value of a number.

        Raises:
            ResourceError: The other processes cannot be reached.
        """
        return self.add(name, 0)

    def add(self, name: str, amount: int) -> int:
        """Add to a number atomically.

        Args:
            name: The name of the number.
            amount: The amount to add.

        Returns:
            The value after the addition.

        Raises:
            ResourceError: The other processes cannot be reached.
        """
        if self._store is None:
            self._local[name] += amount
            return self._local[name]
        with _wrap_network_errors():
            return int(self._store.add(name, amount))


@contextmanager
def process_group(
    world: World, device: torch.device, timeout: timedelta | None = None
) -> Iterator[None]:
    """Return a context manager within which torch.distributed's collectives work.

    GPUs communicate by nccl; CPUs by gloo, also on machines with GPUs. A single process needs no
    group.

    Args:
        world: The position of this process.
        device: The device of this process.
        timeout: The time that a collective waits for the other processes; None: torch's default.

    Raises:
        ResourceError: The other processes cannot be reached.
    """
    if world.size == 1:
        yield
        return
    _import_group_users()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with _wrap_network_errors():
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(
            backend,
            store=PrefixStore("group", _open_store()),
            rank=world.rank,
            world_size=world.size,
            timeout=timeout,
        )
    try:
        yield
    finally:
        dist.destroy_process_group()


def _import_group_users() -> None:
    """Import a module that keeps the present group as a default argument, while there is none.

    Optimizers import it at their first step. It would keep the group alive after
    `destroy_process_group`, and the group's threads sometimes abort an interpreter that exits.
    """
    import_module("torch.distributed.nn.functional")


def _open_store() -> Store:
    with _wrap_network_errors():
        store, _, _ = next(rendezvous("env://"))
    # torchrun keeps its store when it restarts a job. The new job must neither continue the old
    # counts nor look for its processes at their old addresses.
    return PrefixStore(f"nmt-{os.environ.get(_ATTEMPT, '0')}", store)


@contextmanager
def _wrap_network_errors() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:  # ValueError: an address that is missing or wrong
        reason = str(error).partition("\n")[0]
        raise ResourceError(
            f"cannot connect to the other processes of this job ({reason}). One may have stopped, "
            "or MASTER_ADDR and MASTER_PORT are wrong. Start all of them with torchrun."
        ) from error


def _read_number(variable: str, default: int) -> int:
    text = os.environ.get(variable, str(default))
    if not text.isdecimal():
        raise UsageError(f"{variable}={text}: expected a number, as torchrun sets it.")
    return int(text)


T = TypeVar("T")

_BUCKET_ELEMENTS = 1 << 23  # 32 MiB of float32: few messages, and no second copy of all tensors
_SECONDS_TO_REPORT = 3.0
_SECONDS_BETWEEN_CHECKS = 0.1


class RankLost(ResourceError):
    """A process of the job that no longer responds.

    The message is empty where another process reports the loss.
    """


class Ranks:
    """The processes that train one model together, within `process_group`.

    Numbers and texts are exchanged between CPUs, so that they do not wait for a GPU. Tensors are
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
    def is_rank_zero(self) -> bool:
        """Whether this is rank zero, the process that writes and reports."""
        return self.rank == 0

    def shard(self, items: Sequence[T]) -> Sequence[T]:
        """Return this rank's shard of the items: every `size`-th one, from the rank's number on."""
        return items[self.rank :: self.size]

    def map_shards(self, items: Sequence[T], work: Callable[[Sequence[T]], list[str]]) -> list[str]:
        """Process items, each rank its own shard, and share the results.

        Args:
            items: The items, the same on all ranks.
            work: Returns a text for each of the items that it is called with.

        Returns:
            The texts of all items, in the order of the items.
        """
        local_results = work(self.shard(items))
        if self.size == 1:
            return local_results
        results = [""] * len(items)
        for rank, text in enumerate(self.gather(json.dumps(local_results))):
            results[rank :: self.size] = json.loads(text)
        return results

    def all_reduce_sum(self, number: int) -> int:
        """Return the sum of a number over all ranks."""
        return self._all_reduce([number], dist.ReduceOp.SUM)[0]

    def all_reduce_sums(self, numbers: Sequence[int]) -> list[int]:
        """Return the sum of each number over all ranks."""
        return self._all_reduce(numbers, dist.ReduceOp.SUM)

    def all_reduce_max(self, *numbers: int) -> list[int]:
        """Return the maximum of each number over all ranks."""
        return self._all_reduce(numbers, dist.ReduceOp.MAX)

    def all_reduce_min(self, number: int) -> int:
        """Return the minimum of a number over all ranks."""
        return self._all_reduce([number], dist.ReduceOp.MIN)[0]

    def barrier(self) -> None:
        """Wait until all ranks have called this."""
        self.all_reduce_sum(0)

    def gather(self, text: str) -> list[str]:
        """Return the texts of all ranks, in the order of the ranks."""
        if self.size == 1:
            return [text]
        local = torch.frombuffer(bytearray(text.encode("utf-8")), dtype=torch.uint8)
        lengths = self.all_reduce_sums(
            [len(local) * (rank == self.rank) for rank in range(self.size)]
        )
        padded = torch.zeros(max(lengths), dtype=torch.uint8)
        padded[: len(local)] = local
        parts = [torch.empty_like(padded) for _ in lengths]
        with self._report_lost_ranks():
            dist.all_gather(parts, padded)
        return [
            bytes(part[:length].numpy()).decode("utf-8")
            for part, length in zip(parts, lengths, strict=True)
        ]

    def all_reduce_tensors(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all ranks.

        The tensors travel in a few flat buckets. The sums are the same on all ranks, to the last
        bit.

        Args:
            tensors: The tensors, all of one type on one device.
        """
        if self.size == 1:
            return
        with self._report_lost_ranks():
            pending = []
            for bucket in _buckets(tensors):
                flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
                pending.append((bucket, flat, dist.all_reduce(flat, async_op=True)))
            for bucket, flat, work in pending:
                work.wait()
                parts = flat.split([tensor.numel() for tensor in bucket])
                for tensor, part in zip(bucket, parts, strict=True):
                    tensor.copy_(part.view_as(tensor))

    def _all_reduce(self, numbers: Sequence[int], how: dist.ReduceOp.RedOpType) -> list[int]:
        if self.size == 1:
            return list(numbers)
        combined = torch.tensor(numbers, dtype=torch.int64)
        with self._report_lost_ranks():
            dist.all_reduce(combined, how)
        return [int(number) for number in combined.tolist()]

    @contextmanager
    def _report_lost_ranks(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise self._lost_rank_error(str(error).partition("\n")[0]) from error

    def _lost_rank_error(self, reason: str) -> NmtError:
        """Return the error for a lost rank.

        All ranks that are alive report here. The lowest of them names those that did not.
        """
        report_name = "reported a loss: rank {}".format
        self._counters.add(report_name(self.rank), 1)
        deadline = time.monotonic() + _SECONDS_TO_REPORT
        while missing := [r for r in range(self.size) if not self._counters.value(report_name(r))]:
            if time.monotonic() > deadline:
                break
            time.sleep(_SECONDS_BETWEEN_CHECKS)
        if self.rank != min(set(range(self.size)) - set(missing)):
            return RankLost("")
        lost = f"rank {', '.join(map(str, missing))} of {self.size} no longer responds"
        return RankLost(
            f"{lost if missing else 'the connection between the ranks is lost'} ({reason}).\n"
            "All processes stop. The checkpoints are intact; run the same command to resume from "
            "the newest."
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


SINGLE_PROCESS = Ranks(World())
