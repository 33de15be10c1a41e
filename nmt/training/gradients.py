"""The gradients of an update: forward and backward of its batches, in parts where memory is short.

Each update tries every batch whole first, and the plan of batches does not change. An update
therefore depends only on its batches and on the memory of the machine. A run that is resumed on a
machine with as much memory continues as it would have.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from nmt.config.settings import TrainingSettings
from nmt.data.batches import Batch
from nmt.errors import ResourceError, is_out_of_memory
from nmt.model.loss import LossSums
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime
from nmt.runtime.memory import return_freed_memory
from nmt.tokenizers.tokenizer import PAD
from nmt.training.cuda_graphs import GraphedStep, Recorder
from nmt.training.schedules import batch_guidance, teacher_forcing_ratio
from nmt.training.training_log import TrainingLog

Step = Callable[[Batch, int, int], LossSums]
"""Adds the gradients of a batch; takes the batch, the divisor of its loss, and the update."""

_ADVISE_AFTER = 3
"""The number of updates that did not fit after which a smaller batch is advised."""


class LossStep:
    """The loss of a batch, and its gradients."""

    def __init__(
        self,
        model: Seq2Seq,
        settings: TrainingSettings,
        runtime: Runtime,
        scaler: torch.amp.GradScaler,
        fixed_shapes: bool,
    ) -> None:
        self._model, self._settings, self._runtime = model, settings, runtime
        self._scaler, self._fixed_shapes = scaler, fixed_shapes

    def __call__(self, batch: Batch, divisor: int | Tensor, update: int) -> LossSums:
        """Add the gradients of a batch to those of the parameters.

        Args:
            batch: The batch, on any device; with fixed shapes on the device of the model.
            divisor: The number that the summed loss is divided by.
            update: The number of the update, from 1.

        Returns:
            The sums of the losses, without a graph.
        """
        settings = self._settings
        if not self._fixed_shapes:
            batch = batch.to(self._runtime.device)
        with self._runtime.computing(caching=not self._fixed_shapes):
            sums = self._model.loss(
                batch.source,
                batch.source_lengths,
                batch.target_input,
                batch.target_output,
                settings.label_smoothing,
                teacher_forcing_ratio(settings, update),
                settings.coverage_loss,
                fixed_shapes=self._fixed_shapes,
                guidance=batch_guidance(settings.guided_alignment, batch, update),
                forcing_draw=settings.teacher_forcing.draw,
            )
        self._scaler.scale(sums.loss / divisor).backward()
        return sums.detached()


class GradientAccumulator:
    """Adds up the gradients of an update's batches.

    Args:
        model: The model, whose parameters hold the gradients.
        whole_step: Computes the gradients of a batch.
        part: Computes those of a part of a batch that did not fit.
        seed: The seed of the run. Each batch draws its dropout from (seed, update, its number in
            the update): the same on every rank, and when it is computed again. Dropout in parts is
            not that of the whole batch.
        log: Takes the warnings.
        keeps_tensors: Whether the gradients stay where they are in memory, as CUDA graphs need.
    """

    def __init__(
        self,
        model: nn.Module,
        whole_step: Step,
        part_step: Step,
        seed: int,
        log: TrainingLog,
        keeps_tensors: bool = False,
    ) -> None:
        self._model, self._whole_step, self._part_step = model, whole_step, part_step
        self._run_seed, self._log, self._keeps_tensors = seed, log, keeps_tensors
        self._updates_in_parts = 0

    def accumulate(
        self, numbered_batches: Sequence[tuple[int, Batch]], divisor: int, update: int
    ) -> LossSums:
        """Add the gradients of the batches of an update.

        Args:
            numbered_batches: The batches, each with its number in the update.
            divisor: The number that each summed loss is divided by.
            update: The number of the update.

        Returns:
            The sums of the losses over all these batches.

        Raises:
            ResourceError: A single sentence does not fit into memory.
        """
        group = [batch for _, batch in numbered_batches]
        parts = [1] * len(group)
        result = self._attempt(self._whole_step, numbered_batches, parts, divisor, update)
        while isinstance(result, int):
            parts[result] = _more_parts(parts[result], group[result], update)
            self.clear()
            return_freed_memory()
            result = self._attempt(self._part_step, numbered_batches, parts, divisor, update)
        if max(parts, default=1) > 1:
            self._warn(group, parts, update)
        return result

    def clear(self) -> None:
        """Put the gradients to zero."""
        self._model.zero_grad(set_to_none=not self._keeps_tensors)

    def _attempt(
        self,
        step: Step,
        numbered_batches: Sequence[tuple[int, Batch]],
        parts: list[int],
        divisor: int,
        update: int,
    ) -> LossSums | int:
        """Return the sums over all parts of all batches, or the index of one that did not fit.

        The error is dropped here: by its traceback it holds all tensors of the failed step.
        """
        sums: list[LossSums] = []
        for index, (number, batch) in enumerate(numbered_batches):
            self._seed(update, number)
            try:
                sums += [step(part, divisor, update) for part in split_batch(batch, parts[index])]
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                return index
        guided = [part.guided for part in sums if part.guided is not None]
        return LossSums(
            _sum([part.loss for part in sums]),
            _sum([part.cross_entropy for part in sums]),
            divisor,
            _sum(guided) if guided else None,
        )

    def _seed(self, update: int, number: int) -> None:
        torch.manual_seed(_derive_seed(self._run_seed, update, number))

    def _warn(self, group: Sequence[Batch], parts: list[int], update: int) -> None:
        for batch, count in zip(group, parts, strict=True):
            if count > 1:
                self._log.record("out_of_memory", update, parts=count, **_sizes(batch))
                self._log.warn_on_rank(
                    f"update {update}: out of memory with {_describe_batch(batch)}; computed it "
                    f"in {count} parts with the same gradient."
                )
        self._updates_in_parts += 1
        if self._updates_in_parts == _ADVISE_AFTER:
            self._log.warn_on_rank(
                f"{self._updates_in_parts} updates did not fit into memory. The results are "
                "correct, but each of these updates is computed at least twice. "
                "`training.batch_size` is too high for this device and cannot change during a "
                "run. Lower it in the next run, or now with --restart. Raise "
                "`training.accumulate` to keep the size of updates."
            )


def make_accumulator(
    model: Seq2Seq,
    settings: TrainingSettings,
    runtime: Runtime,
    scaler: torch.amp.GradScaler,
    seed: int,
    log: TrainingLog,
    batch_size: int,
    recorder: Recorder | None,
) -> GradientAccumulator:
    """Return the accumulator of a training run.

    Args:
        model: The model to train.
        settings: Those of training.
        runtime: The device and the precision.
        scaler: Scales the loss in float16.
        seed: The seed of the run.
        log: Takes the warnings.
        batch_size: The most tokens of a batch.
        recorder: Records CUDA graphs, None to train without them.
    """
    step = LossStep(model, settings, runtime, scaler, fixed_shapes=recorder is not None)
    if recorder is None:
        return GradientAccumulator(model, step, step, seed, log)
    graphed = GraphedStep(step, recorder, runtime.device, batch_size)

    def part_step(batch: Batch, divisor: int, update: int) -> LossSums:
        return recorder.run(lambda: step(batch.to(runtime.device), divisor, update))

    return GradientAccumulator(model, graphed, part_step, seed, log, keeps_tensors=True)


def _derive_seed(seed: int, update: int, number: int) -> int:
    """Return a different seed for each run, update and batch of the update."""
    return (seed * 0x9E3779B97F4A7C15 + number * 0xD1B54A32D192ED03 + update) % (1 << 63)


def split_batch(batch: Batch, parts: int) -> list[Batch]:
    """Return the sentences of a batch in several batches, each as wide as its longest sentence.

    Args:
        batch: The batch.
        parts: The number of batches to make of it.
    """
    count = len(batch.pairs)
    bounds = [number * count // parts for number in range(parts + 1)]
    return (
        [_slice_batch(batch, begin, end) for begin, end in pairwise(bounds)]
        if parts > 1
        else [batch]
    )


def _slice_batch(batch: Batch, begin: int, end: int) -> Batch:
    rows = slice(begin, end)
    lengths = (batch.target_output[rows] != PAD).sum(1)
    source_len, target_len = int(batch.source_lengths[rows].max()), int(lengths.max())
    return Batch(
        batch.source[rows, :source_len],
        batch.source_lengths[rows],
        batch.target_input[rows, :target_len],
        batch.target_output[rows, :target_len],
        batch.pairs[rows],
        int(lengths.sum()),
        None if batch.guide is None else batch.guide[rows, :target_len, :source_len],
    )


def _sum(values: list[Tensor]) -> Tensor:
    if not values:  # a rank has no batch in the last update of an epoch
        return torch.zeros(())
    return values[0] if len(values) == 1 else torch.stack(values).sum()


def _more_parts(parts: int, batch: Batch, update: int) -> int:
    if parts == len(batch.pairs):
        raise ResourceError(
            f"update {update}: out of memory with {_describe_batch(batch)}, even sentence by "
            "sentence.\n"
            "Lower data.max_length, use a smaller model (model.*.hidden_size), or a device with "
            "more memory."
        )
    return min(2 * parts, len(batch.pairs))


def _sizes(batch: Batch) -> dict[str, int]:
    return {
        "sentences": len(batch.pairs),
        "source_length": batch.source.shape[1],
        "target_length": batch.target_input.shape[1],
    }


def _describe_batch(batch: Batch) -> str:
    sizes = _sizes(batch)
    return (
        f"a batch of {sizes['sentences']} sentences of up to {sizes['source_length']} source and "
        f"{sizes['target_length']} target tokens"
    )
