"""One model trained by several processes, as torchrun starts them: each has its own batches.

An update is made of `training.accumulate` batches of each rank, which take turns in the order that
one process would take them in; the loss is a mean over the tokens of all, and each batch draws its
dropout from (seed, update, its number in the update). So N ranks compute what one does at N times
the accumulation, to rounding, and a run may go on with other ranks where their product is the same.

The first rank prepares, decides where to go on, writes and speaks; the others wait until it has
left them word.

There is no DistributedDataParallel here. It hides communication behind a backward pass that makes
gradients one by one; ours gathers those of a recurrence at the very end, and may be the replay of a
CUDA graph, which calls no hooks. It would also take the mean over ranks, not over tokens.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta

import torch
from torch import nn

from nmt.config.dump import config_differences
from nmt.config.settings import Config
from nmt.config.settings.training import duration_seconds
from nmt.data.loader import BatchLoader
from nmt.errors import ResourceError, UsageError
from nmt.runtime.console import warn
from nmt.runtime.device import Choices, Runtime
from nmt.runtime.distributed import Notes, World, process_group
from nmt.runtime.ranks import RankLost, Ranks
from nmt.runtime.run_directory import RunDirectory
from nmt.training.checkpoints import TrainingState

_START = "how training starts"
_SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class Start:
    """What the first rank found: choices of the machine, and the checkpoint to go on from."""

    config: Config
    choices: Choices
    checkpoint: str | None


def announce(world: World, start: Start | None) -> None:
    """Tell the other ranks that all is prepared; None: that there is nothing to do."""
    if world.size == 1:
        return
    if start is None:
        Notes(world).leave(_START, "null")
        return
    facts = {
        "config": start.config.model_dump(mode="json"),
        "choices": asdict(start.choices),
        "checkpoint": start.checkpoint,
    }
    Notes(world).leave(_START, json.dumps(facts))


def await_start(config: Config, run: RunDirectory) -> Start | None:
    """What the first rank announces, however long it prepares; None: there is nothing to do.

    Raises UsageError when this rank was started with other settings, or sees another disk.
    """
    notes = Notes(World.of_environment())
    while (text := notes.find(_START)) is None:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    facts = json.loads(text)
    if facts is None:
        return None
    theirs = Config.model_validate(facts["config"])
    if differences := config_differences(theirs, config):
        keys = ", ".join(f"{each.key} ({each.old}, here {each.new})" for each in differences)
        raise UsageError(
            f"this process was started with other settings than the first: {keys}.\n"
            "Start all with the same command and the same files."
        )
    if not run.config_file.is_file():
        raise UsageError(
            f"{run.path}: the first process has prepared this run, but it is not to be seen here.\n"
            "Take a run_dir on a file system that all machines share."
        )
    return Start(theirs, Choices(**facts["choices"]), facts["checkpoint"])


def refuse_a_shared_gpu(world: World, runtime: Runtime) -> None:
    """Raises UsageError where processes of a machine would share a GPU: nccl cannot."""
    if world.size == 1 or runtime.device.type != "cuda":
        return
    count = torch.cuda.device_count()
    if world.local_size > count:
        raise UsageError(
            f"{world.local_size} processes on a machine with {count} GPUs: each needs its own. "
            f"Start torchrun with --nproc-per-node {count}."
        )
    if runtime.device.index != world.local_rank:
        raise UsageError(
            f"runtime.device: {runtime.device} is one GPU, but process {world.local_rank} of this "
            "machine needs its own. Set `runtime.device: cuda`."
        )


@contextmanager
def together(
    config: Config, world: World, runtime: Runtime, state: TrainingState
) -> Iterator[Ranks]:
    """The ranks of this training, within the block. A rank that is lost there is told of with the
    update. Raises ResourceError when the others do not come.
    """
    timeout = timedelta(seconds=duration_seconds(config.training.rank_timeout))
    with process_group(world, runtime.device, timeout):
        try:
            yield Ranks(world)
        except RankLost as lost:
            if not lost.message:
                raise
            raise ResourceError(f"after update {state.update}: {lost.message}") from lost


def warn_of_idle_ranks(ranks: Ranks, loader: BatchLoader, epoch: int) -> None:
    """Where an epoch has fewer batches than there are ranks."""
    if ranks.size == 1 or not ranks.leads:
        return
    if (batches := len(loader.plan(epoch))) < ranks.size:
        warn(
            f"{ranks.size} processes, but an epoch has only {batches} batches: some have nothing "
            "to do. Lower training.batch_size, or start fewer."
        )


def insist_on_equal_weights(ranks: Ranks, model: nn.Module) -> None:
    """Raises ResourceError where ranks begin with other weights than the first: nothing would
    tell later, for all add the same gradients.
    """
    if ranks.size == 1:
        return
    digest = hashlib.sha256()
    for parameter in model.parameters():
        digest.update(parameter.detach().cpu().contiguous().numpy().data)
    digests = ranks.gather(digest.hexdigest())
    others = [str(rank) for rank, each in enumerate(digests) if each != digests[0]]
    if others:
        raise ResourceError(
            f"rank {', '.join(others)} would begin with other weights than the first.\n"
            "Take the same versions of nmt and torch, and one shared run_dir, on all machines."
            if ranks.leads
            else ""
        )


class GradientSum:
    """The sum of all ranks' gradients of a model, which every rank is given."""

    def __init__(self, ranks: Ranks, model: nn.Module) -> None:
        self._ranks = ranks
        self._parameters = list(model.parameters())
        self._trained: list[nn.Parameter] | None = None

    def sum(self) -> None:
        """Put the sum in the gradients' place.

        A rank that had no batch, at the end of an epoch, has none: zeros stand for them. Which
        parameters are trained is asked once, for it does not change.
        """
        if self._ranks.size == 1:
            return
        if self._trained is None:
            having = self._ranks.totals([int(p.grad is not None) for p in self._parameters])
            self._trained = [p for p, n in zip(self._parameters, having, strict=True) if n]
        gradients = []
        for parameter in self._trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        self._ranks.sum(gradients)
