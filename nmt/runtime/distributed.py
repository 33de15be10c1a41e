"""The processes of one job, as a launcher such as torchrun starts them, and what they share."""

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
    """Which of how many processes this is, in the job and on its machine.

    launched: whether a launcher started it, be it alone; attempt: how often torchrun has started
    the job anew after a failure (--max-restarts).
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    launched: bool = False
    attempt: int = 0

    @classmethod
    def of_environment(cls) -> "World":
        """What RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE say; one process without them.

        Raises UsageError when they are no such numbers.
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
    """Texts that processes of a job leave for one another, each under a name."""

    def __init__(self, world: World) -> None:
        assert world.size > 1
        self._store = _open_store()

    def leave(self, name: str, text: str) -> None:
        """Let all read a text. Raises ResourceError when they are out of reach."""
        with _plain_network_errors():
            self._store.set(name, text)

    def find(self, name: str) -> str | None:
        """The text of that name, None while there is none. Raises as `leave` does."""
        with _plain_network_errors():
            return self._store.get(name).decode("utf-8") if self._store.check([name]) else None


class Counters:
    """Numbers that all processes of a job add to, each by a name; they begin at 0."""

    def __init__(self, world: World) -> None:
        self._own: Counter[str] = Counter()
        self._store = _open_store() if world.size > 1 else None

    def value(self, name: str) -> int:
        """What a number has come to. Raises as `add` does."""
        return self.add(name, 0)

    def add(self, name: str, amount: int) -> int:
        """Add to a number at one stroke, and give what it has come to.

        Raises ResourceError when the other processes are out of reach.
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
    """torch.distributed's collectives, for as long as the block runs: nccl between GPUs, gloo
    between CPUs, those of machines with GPUs too; none for one process.

    timeout: how long a collective waits for the others; None: as long as torch has it. Raises
    ResourceError when the other processes are out of reach.
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
    """Import what takes the group of its moment as an argument's default, while there is none.

    Optimizers import it at their first step. The group would outlive `destroy_process_group`, and
    its threads would abort the interpreter that ends beneath them, now and then.
    """
    import_module("torch.distributed.nn.functional")


def _open_store() -> Store:
    with _plain_network_errors():
        store, _, _ = next(rendezvous("env://"))
    # torchrun keeps its store when it starts a job anew: the job must neither go on counting nor
    # look for its processes where they were before.
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
