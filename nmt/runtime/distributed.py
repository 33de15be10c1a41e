"""The processes of one job, as a launcher such as torchrun starts them, and their shared store."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from nmt.errors import ResourceError, UsageError

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
    def of_environment(cls) -> "World":
        """Return the world that RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE describe.

        Without them it is a single process.

        Raises:
            UsageError: A variable is not a number, or a rank is not below its size.
        """
        if not {"RANK", "WORLD_SIZE"} <= os.environ.keys():
            return cls()
        size, local_size = _number("WORLD_SIZE", 1), _number("LOCAL_WORLD_SIZE", 1)
        launched = size > 1 or "TORCHELASTIC_RUN_ID" in os.environ
        world = cls(
            _number("RANK", 0),
            size,
            _number("LOCAL_RANK", 0),
            local_size,
            launched,
            _number(_ATTEMPT, 0),
        )
        if world.rank >= size or world.local_rank >= local_size:
            raise UsageError(
                f"RANK={world.rank} of WORLD_SIZE={size}, LOCAL_RANK={world.local_rank} of "
                f"LOCAL_WORLD_SIZE={local_size}: ranks count from 0. Start with torchrun."
            )
        return world


class Notes:
    """Texts that the processes of a job exchange, each under a name."""

    def __init__(self, world: World) -> None:
        assert world.size > 1
        self._store = _open_store()

    def leave(self, name: str, text: str) -> None:
        """Store a text for all processes.

        Args:
            name: The name of the text.
            text: The text.

        Raises:
            ResourceError: The other processes cannot be reached.
        """
        with _plain_network_errors():
            self._store.set(name, text)

    def find(self, name: str) -> str | None:
        """Return the text of a name, None while there is none.

        Raises:
            ResourceError: The other processes cannot be reached.
        """
        with _plain_network_errors():
            return self._store.get(name).decode("utf-8") if self._store.check([name]) else None


class Counters:
    """Named numbers that all processes of a job add to; each begins at 0."""

    def __init__(self, world: World) -> None:
        self._own: Counter[str] = Counter()
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
            self._own[name] += amount
            return self._own[name]
        with _plain_network_errors():
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
    _load_what_keeps_groups()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with _plain_network_errors():
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


def _load_what_keeps_groups() -> None:
    """Import a module that keeps the present group as a default argument, while there is none.

    Optimizers import it at their first step. It would keep the group alive after
    `destroy_process_group`, and the group's threads sometimes abort an interpreter that exits.
    """
    import_module("torch.distributed.nn.functional")


def _open_store() -> Store:
    with _plain_network_errors():
        store, _, _ = next(rendezvous("env://"))
    # torchrun keeps its store when it restarts a job. The new job must neither continue the old
    # counts nor look for its processes at their old addresses.
    return PrefixStore(f"nmt-{os.environ.get(_ATTEMPT, '0')}", store)


@contextmanager
def _plain_network_errors() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:  # ValueError: an address that is missing or wrong
        reason = str(error).partition("\n")[0]
        raise ResourceError(
            f"the other processes of this job are out of reach ({reason}). One may have ended, or "
            "MASTER_ADDR and MASTER_PORT are wrong: start all of them with torchrun."
        ) from error


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable, str(default))
    if not text.isdecimal():
        raise UsageError(f"{variable}={text}: expected a number, as torchrun sets it.")
    return int(text)
