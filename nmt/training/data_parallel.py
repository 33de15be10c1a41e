"""Data-parallel training by several processes, as torchrun starts them.

An update consists of `training.accumulate` batches of each rank. The ranks take the batches in
turn, in the order of a single process. The loss is a mean over the tokens of all ranks. Each batch
draws its dropout from (seed, update, its number in the update). N ranks thus compute the same as
one rank with N times the accumulation, to rounding. A run may be resumed with another number of
ranks where the product with the accumulation is the same.

Rank zero prepares the data, chooses the checkpoint to resume from, writes and reports. The workers
wait for its announcement.

There is no DistributedDataParallel here. It hides communication behind a backward pass that
produces gradients one by one. Our backward pass produces those of a recurrence at the very end, and
may be the replay of a CUDA graph, which calls no hooks. DistributedDataParallel would also take the
mean over ranks, not over tokens.
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

from nmt.config.differences import config_differences
from nmt.config.settings import Config
from nmt.config.settings.training import duration_seconds
from nmt.console import warn
from nmt.errors import ResourceError, UsageError
from nmt.runtime.device import Choices, Runtime
from nmt.runtime.distributed import RankLost, Ranks, SharedTexts, World, process_group
from nmt.runtime.run_directory import RunDirectory
from nmt.training.batch_loader import BatchLoader
from nmt.training.checkpoints import TrainingState

_START_NOTE = "how training starts"
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class RunStart:
    """The findings of rank zero that the workers start from.

    Attributes:
        config: The configuration of rank zero.
        choices: The device, precision, kernels and threads.
        checkpoint: The name of the checkpoint to resume from; None for a new run.
    """

    config: Config
    choices: Choices
    checkpoint: str | None


def announce_start(world: World, start: RunStart | None) -> None:
    """Announce to the workers that rank zero has prepared the run.

    Args:
        world: The position of this process.
        start: The findings of rank zero; None where there is nothing to do.

    Raises:
        ResourceError: The other processes cannot be reached.
    """
    if world.size == 1:
        return
    if start is None:
        SharedTexts(world).set(_START_NOTE, "null")
        return
    message = {
        "config": start.config.model_dump(mode="json"),
        "choices": asdict(start.choices),
        "checkpoint": start.checkpoint,
    }
    SharedTexts(world).set(_START_NOTE, json.dumps(message))


def await_start(config: Config, run: RunDirectory) -> RunStart | None:
    """Wait for the announcement of rank zero, without a time limit.

    Args:
        config: The configuration of this process.
        run: The folder of the run.

    Returns:
        The findings of rank zero; None where there is nothing to do.

    Raises:
        UsageError: This process has other settings than rank zero, or does not see its disk.
        ResourceError: The other processes cannot be reached.
    """
    notes = SharedTexts(World.from_environment())
    while (text := notes.get(_START_NOTE)) is None:
        time.sleep(_POLL_SECONDS)
    message = json.loads(text)
    if message is None:
        return None
    rank_zero_config = Config.model_validate(message["config"])
    if differences := config_differences(rank_zero_config, config):
        keys = ", ".join(
            f"{difference.key} ({difference.old}, here {difference.new})"
            for difference in differences
        )
        raise UsageError(
            f"this process has different settings from rank 0: {keys}.\n"
            "Start all with the same command and the same files."
        )
    if not run.config_file.is_file():
        raise UsageError(
            f"{run.path}: rank 0 prepared this run, but this machine cannot see it.\n"
            "Set run_dir to a folder on a file system that all machines share."
        )
    return RunStart(rank_zero_config, Choices(**message["choices"]), message["checkpoint"])


def check_one_gpu_each(world: World, runtime: Runtime) -> None:
    """Check that each process has a GPU of its own, as nccl requires.

    Args:
        world: The position of this process.
        runtime: The device of this process.

    Raises:
        UsageError: Processes of a machine would share a GPU.
    """
    if world.size == 1 or runtime.device.type != "cuda":
        return
    count = torch.cuda.device_count()
    if world.local_size > count:
        raise UsageError(
            f"{world.local_size} processes on a machine with {count} GPUs, but each process needs "
            f"its own GPU. Start torchrun with --nproc-per-node {count}."
        )
    if runtime.device.index != world.local_rank:
        raise UsageError(
            f"runtime.device: {runtime.device} is one GPU, but process {world.local_rank} of this "
            "machine needs its own GPU. Set `runtime.device: cuda`."
        )


@contextmanager
def connected_ranks(
    config: Config, world: World, runtime: Runtime, state: TrainingState
) -> Iterator[Ranks]:
    """Yield the ranks of this training, within the process group.

    Args:
        config: The configuration.
        world: The position of this process.
        runtime: The device of this process.
        state: The state of training. The error of a lost rank names its update.

    Raises:
        ResourceError: The other processes do not connect, or a rank is lost.
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
    """Warn where an epoch has fewer batches than there are ranks.

    Args:
        ranks: The processes of the training.
        loader: The batches of train.
        epoch: The epoch.
    """
    if ranks.size == 1 or not ranks.is_rank_zero:
        return
    if (batches := len(loader.plan(epoch))) < ranks.size:
        warn(
            f"{ranks.size} processes, but an epoch has only {batches} batches, so some are idle. "
            "Lower training.batch_size, or start fewer processes."
        )


def check_equal_weights(ranks: Ranks, model: nn.Module) -> None:
    """Check that all ranks begin with the same weights.

    A difference would not be noticed later, because all ranks apply the same gradients.

    Args:
        ranks: The processes of the training.
        model: The model of this rank.

    Raises:
        ResourceError: A rank has other weights than rank zero.
    """
    if ranks.size == 1:
        return
    digest = hashlib.sha256()
    for parameter in model.parameters():
        digest.update(parameter.detach().cpu().contiguous().numpy().data)
    digests = ranks.gather(digest.hexdigest())
    differing = [str(rank) for rank, other in enumerate(digests) if other != digests[0]]
    if differing:
        raise ResourceError(
            f"rank {', '.join(differing)} has other initial weights than rank 0.\n"
            "Use the same versions of nmt and torch, and one shared run_dir, on all machines."
            if ranks.is_rank_zero
            else ""
        )


class GradientSum:
    """The sum of a model's gradients over all ranks.

    Args:
        ranks: The processes of the training.
        model: The model of this rank.
    """

    def __init__(self, ranks: Ranks, model: nn.Module) -> None:
        self._ranks = ranks
        self._parameters = list(model.parameters())
        self._trained: list[nn.Parameter] | None = None

    def sum(self) -> None:
        """Replace the gradients of every rank by the sum over all ranks.

        A rank without a batch, at the end of an epoch, has no gradients and adds zeros. The set of
        trained parameters does not change, and is determined once.
        """
        if self._ranks.size == 1:
            return
        if self._trained is None:
            with_gradient = self._ranks.all_reduce_sums(
                [int(p.grad is not None) for p in self._parameters]
            )
            self._trained = [p for p, n in zip(self._parameters, with_gradient, strict=True) if n]
        gradients = []
        for parameter in self._trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        self._ranks.all_reduce_tensors(gradients)
