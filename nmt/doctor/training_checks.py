"""Checks by a short training: memory, search, updates, checkpoint, time and disk space."""

import math
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

import torch

from nmt.bundles.bundle import Bundle
from nmt.console import format_count, format_duration, format_size
from nmt.data.batches import Batch
from nmt.doctor.data_checks import DATA_CHECKS
from nmt.doctor.examination import Check, CheckResult, Examination
from nmt.doctor.forecast import expected_end, folder_bytes, run_bytes, updates_per_epoch
from nmt.doctor.machine_checks import CONFIG_CHECK, MACHINE_CHECKS
from nmt.errors import ModelError, ResourceError, is_out_of_memory
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime
from nmt.runtime.memory import available_bytes, peak_bytes
from nmt.runtime.processor import BUSY_SHARE, CoreWaitTime, count_cores
from nmt.runtime.run_directory import RunDirectory
from nmt.search.decode_corpus import decode_corpus
from nmt.search.logits_processors import LengthLimits
from nmt.training.batch_loader import BatchLoader
from nmt.training.batch_size import forward_and_backward, largest_budget, worst_batches
from nmt.training.checkpoints import TrainingState, newest_checkpoint, save_checkpoint
from nmt.training.optimizers import make_optimizer

_WARM_UP = 3
_MIN_SECONDS = 2.0
_MAX_SECONDS = 20.0
_MIN_UPDATES = 3
"""The least number of timed updates.

Updates are timed for `_MIN_SECONDS`, or for up to `_MAX_SECONDS` where they are fewer.
"""

_MIN_TIME = 1e-9

_MAX_MEMORY_SHARE = 0.9
"""The share of the free memory that a peak may take without a warning."""


def _check_model(examination: Examination) -> CheckResult:
    config, tokenizers, data = examination.config, examination.tokenizers, examination.data
    assert tokenizers is not None
    assert data is not None
    sizes = (tokenizers.source.size, tokenizers.target.size)
    is_part = examination.sample is not None and not examination.sample.is_whole
    if is_part and config.tokenizer.fills_vocabulary:
        # A sample gives fewer subwords, but the model must have its final size.
        full_size = config.tokenizer.vocab_size
        sizes = (max(sizes[0], full_size), max(sizes[1], full_size))
    torch.manual_seed(config.seed)
    model = Seq2Seq(config.model, *sizes, kernels=config.runtime.kernels).to(
        examination.runtime.device
    )
    bundle = Bundle(model, tokenizers, config, data.manifest.length_ratio)
    examination.bundle = bundle
    examination.optimizer = make_optimizer(model.parameters(), config.training.optimizer)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return CheckResult(f"{parameters:,} parameters", facts={"parameters": parameters})


def _check_worst_batch(examination: Examination) -> CheckResult:
    config, bundle, runtime = examination.config, examination.bundle, examination.runtime
    data = examination.data
    assert data is not None

    def loader(batch_size: int) -> BatchLoader:
        return BatchLoader(
            data.train,
            bundle.tokenizers,
            batch_size,
            config.tokenizer.sampling,
            config.seed,
            config.training.cuda_graphs,
            batch_by=config.training.batch_by,
            capitals=config.tokenizer.capitals,
        )

    known_budget = examination.state.batch_size if examination.state else config.training.batch_size
    batch_size = known_budget or largest_budget(bundle, loader, runtime)
    examination.loader = loader(batch_size)
    bundle.model.train()
    batches = worst_batches(examination.loader)
    try:
        for batch in batches:
            _run_batch(bundle, batch, examination)
    finally:
        bundle.model.zero_grad(set_to_none=True)
    widest = max(batches, key=lambda batch: batch.source.shape[1] + batch.target_input.shape[1])
    summary = f"forward and backward pass; the longest of {len(batches)} is {_batch_text(widest)}"
    return CheckResult(f"{summary} (batch size {batch_size:,})", facts={"batch_size": batch_size})


def _run_batch(bundle: Bundle, batch: Batch, examination: Examination) -> None:
    try:
        forward_and_backward(bundle, batch, examination.runtime)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise ResourceError(
            f"{_batch_text(batch)} do not fit into memory.\n"
            f"lower `training.batch_size` (now {examination.loader.batch_size}) or "
            f"`data.max_length` (now {examination.config.data.max_length}), or use a smaller model"
        ) from error


def _batch_text(batch: Batch) -> str:
    longest = f"{batch.source.shape[1]} and {batch.target_input.shape[1]} tokens"
    return f"{format_count(len(batch.pairs), 'pair', 'pairs')} of up to {longest}"


def _check_search(examination: Examination) -> CheckResult:
    """Check a search. The model is untrained, so the search runs to the length limit."""
    bundle, data = examination.bundle, examination.data
    assert data is not None
    longest = int(data.dev.source_lengths.argmax())
    source = data.dev.source(longest).tolist()
    limits = LengthLimits(bundle.length_ratio, bundle.search.max_length)
    start = time.monotonic()
    hypotheses = decode_corpus(bundle.model, [source], bundle.search, limits, examination.runtime)
    seconds = time.monotonic() - start
    line = int(data.dev.line_numbers[longest])
    summary = f"line {line} of dev ({len(source)} tokens), beam {bundle.search.beam_size}: "
    summary += f"{len(hypotheses[0][0].tokens)} tokens in {seconds:.1f} seconds"
    return CheckResult(summary, facts={"line": line, "seconds": seconds})


def _check_updates(examination: Examination) -> CheckResult:
    runtime = examination.runtime
    accumulate = examination.config.training.accumulate
    with closing(_update_batches(examination.loader, accumulate)) as groups:
        for group in islice(groups, _WARM_UP):
            _update(examination, group, runtime)
        waits = CoreWaitTime()
        timed = _time_updates(examination, groups, runtime, time.monotonic)
        # More threads than cores wait for each other, here as in training.
        can_measure_waiting = runtime.device.type == "cpu" and runtime.threads <= count_cores()
        share_waited = (waits.share() or 0.0) if can_measure_waiting else 0.0
        advice = ""
        if share_waited > BUSY_SHARE:
            # The CPU time of one thread is the same on an idle machine.
            one_thread = replace(runtime, choices=replace(runtime.choices, threads=1))
            timed_by_one_thread = _time_updates(examination, groups, one_thread, time.thread_time)
            timed = min(
                timed, timed_by_one_thread, key=lambda timing: timing.seconds / timing.tokens
            )
            advice = (
                f"other processes use the CPU (updates waited {share_waited:.0%} of their time): "
                "the figures are estimates for an idle machine"
            )
    examination.seconds_per_update = timed.seconds / timed.updates
    examination.waited_share = share_waited
    speed, rate = timed.tokens / timed.seconds, timed.updates / timed.seconds
    summary = f"{speed:,.0f} target tokens/s, {rate:.1f} updates/s ({timed.updates} timed)"
    facts = {"tokens_per_second": speed, "updates_per_second": rate, "waited_share": share_waited}
    return CheckResult(summary, advice, facts)


@dataclass(frozen=True)
class _TimedUpdates:
    updates: int
    tokens: int
    seconds: float


def _time_updates(
    examination: Examination,
    groups: Iterator[list[Batch]],
    runtime: Runtime,
    clock: Callable[[], float],
) -> _TimedUpdates:
    """Make updates for a while.

    Args:
        examination: The examination.
        groups: The batches of each update.
        runtime: The device and how to use it.
        clock: A function that returns seconds, of the day or of this thread.
    """
    tokens = updates = 0
    seconds, start, wall_start = 0.0, clock(), time.monotonic()
    for group in groups:
        _update(examination, group, runtime)
        tokens += sum(batch.target_tokens for batch in group)
        updates += 1
        seconds = clock() - start
        enough = updates >= _MIN_UPDATES and seconds >= _MIN_SECONDS
        if enough or time.monotonic() - wall_start >= _MAX_SECONDS:
            break
    return _TimedUpdates(updates, tokens, max(seconds, _MIN_TIME))


def _update_batches(loader: BatchLoader, size: int) -> Generator[list[Batch], None, None]:
    """Yield the batches of each update, epoch after epoch, without end."""
    for epoch in count():
        batches = loader.batches(epoch, 0)
        while group := list(islice(batches, size)):
            yield group


def _update(examination: Examination, group: list[Batch], runtime: Runtime) -> None:
    """Make one update and wait for the loss, so that the work of a GPU is timed too."""
    bundle, optimizer = examination.bundle, examination.optimizer
    losses = [forward_and_backward(bundle, batch, runtime) for batch in group]
    limit = examination.config.training.clip_norm or math.inf
    torch.nn.utils.clip_grad_norm_(bundle.model.parameters(), limit)
    optimizer.step()
    optimizer.zero_grad()
    if not math.isfinite(sum(map(float, losses))):
        raise ModelError(
            "the loss is not finite after a few updates.\n"
            "lower `training.optimizer.learning_rate`, or set `runtime.precision: float32`"
        )


def _check_checkpoint(examination: Examination) -> CheckResult:
    """Check that a checkpoint of the real size can be written to the disk of the run, and read."""
    folder = examination.temporary_folder / "checkpoints"
    model, optimizer = examination.bundle.model, examination.optimizer
    if not optimizer.state_dict()["state"]:  # no update was made
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    state = TrainingState(examination.runtime.choices, {"train": "", "dev": ""})
    start = time.monotonic()
    path = save_checkpoint(folder, 1, model, optimizer, state)
    seconds = time.monotonic() - start
    try:
        newest_checkpoint(folder)
        size = examination.checkpoint_bytes = folder_bytes(path)
    except ModelError as error:
        raise ResourceError(
            f"{path}: the written file cannot be read back.\nput run_dir on another disk"
        ) from error
    finally:
        shutil.rmtree(path)
    summary = f"{format_size(size)} written in {seconds:.1f} seconds, read back, removed"
    return CheckResult(summary, facts={"bytes": size, "seconds": seconds})


def _check_peak_memory(examination: Examination) -> CheckResult:
    device = examination.runtime.device
    peak, free = peak_bytes(device), available_bytes(device)
    if peak is None or free is None:
        return CheckResult("memory use is unknown on this system")
    # The memory of this process is free again when training begins.
    advice = "lower `training.batch_size`" if peak > _MAX_MEMORY_SHARE * (free + peak) else ""
    summary = f"{format_size(peak)} of memory at peak"
    return CheckResult(summary, advice, {"peak_bytes": peak, "available_bytes": free})


def _check_time(examination: Examination) -> CheckResult:
    training, state = examination.config.training, examination.state
    batches = len(examination.loader.plan(0))
    epoch = updates_per_epoch(batches, training.accumulate, _sample_share(examination))
    seconds_per_update = examination.seconds_per_update
    done = (state.update, state.seconds) if state else (0, 0.0)
    end = expected_end(training, seconds_per_update, epoch, *done)
    if end is None:
        summary = f"{format_duration(epoch * seconds_per_update)} an epoch, until early stopping"
        return CheckResult(summary, facts={"updates_per_epoch": epoch})
    summary = f"{format_duration(end.seconds)} and about {end.updates:,} updates to {end.key}"
    summary += f" ({epoch:,} updates an epoch, validations not counted)"
    facts = {"hours": end.seconds / 3600, "updates": end.updates, "end": end.key}
    return CheckResult(summary, facts={**facts, "updates_per_epoch": epoch})


def _check_disk_space(examination: Examination) -> CheckResult:
    run = examination.run
    bundle = sum(p.numel() * p.element_size() for p in examination.bundle.model.parameters())
    # Existing data outside the run take no more space.
    data = 0 if run.is_shared(run.data) else folder_bytes(run.data)
    if examination.sample is not None:
        data = int(
            folder_bytes(RunDirectory(examination.temporary_folder / "run").data)
            / _sample_share(examination)
        )
    needed = run_bytes(examination.config.training, examination.checkpoint_bytes, bundle, data)
    existing = folder_bytes(run.path)
    free = shutil.disk_usage(examination.disk_folder).free
    if needed > existing + free:
        raise ResourceError(
            f"the run needs {format_size(needed)}, but only {format_size(free)} is free.\n"
            "free some space, lower `training.checkpoint.keep_last`, or put run_dir on another "
            "disk"
        )
    summary = f"{format_size(needed)} of disk for the run"
    summary += f" ({format_size(existing)} of it already used)" if existing else ""
    return CheckResult(
        summary, facts={"needed_bytes": needed, "there_bytes": existing, "free_bytes": free}
    )


def _sample_share(examination: Examination) -> float:
    """Return the share of train from which the data were made."""
    sample = examination.sample
    return 1.0 if sample is None else sample.pairs / sample.lines["train"]


TRAINING_CHECKS = (
    Check("model", _check_model, ("data", "device")),
    Check("worst batch", _check_worst_batch, ("model",)),
    Check("search", _check_search, ("model",)),
    Check("updates", _check_updates, ("worst batch",)),
    Check("checkpoint", _check_checkpoint, ("model", "disk")),
    Check("peak memory", _check_peak_memory, ("updates",)),
    Check("time", _check_time, ("updates",)),
    Check("disk space", _check_disk_space, ("checkpoint",)),
)

_PREPARING_CHECKS = ("config", "device", "run", "text", "tokenizer", "data", "model", "worst batch")
"""The checks that prepare the updates."""


@dataclass(frozen=True)
class Pace:
    """The speed of updates, estimated for an idle machine where this one was busy.

    Attributes:
        seconds: The seconds of an update.
        waited_share: The share of the timed updates that was spent waiting for a core.
    """

    seconds: float
    waited_share: float

    @property
    def is_busy(self) -> bool:
        """Whether other processes kept the cores busy."""
        return self.waited_share > BUSY_SHARE


def measure_pace(config_file: Path) -> Pace:
    """Train a few updates on a sample of the texts, without leaving files.

    Returns:
        The speed of the updates.

    Raises:
        NmtError: The texts are unfit, or the model is too large for the memory, for example.
    """
    checks: dict[str, Check] = {
        check.name: check
        for check in (CONFIG_CHECK, *MACHINE_CHECKS, *DATA_CHECKS, *TRAINING_CHECKS)
    }
    examination = Examination(config_file, [], {})
    try:
        for name in (*_PREPARING_CHECKS, "updates"):
            checks[name].run(examination)
        return Pace(examination.seconds_per_update, examination.waited_share)
    finally:
        examination.close()
