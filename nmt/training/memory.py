"""Batches that memory has no room for: done in parts, whose gradients add up to the whole's.

Every batch is tried whole first, whatever happened before, and the plan of batches stays as it is:
what an update does depends on nothing but its batches and what the machine has room for, so that a
resumed run, on a machine with as much memory, goes on as it would have.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from nmt.data.batches import Batch
from nmt.errors import ResourceError, is_out_of_memory
from nmt.model.loss import LossSums
from nmt.runtime.memory import return_freed_memory
from nmt.tokenizers.sentencepiece import PAD
from nmt.training.log import TrainingLog

Step = Callable[[Batch, int], LossSums]

_ADVISE_AFTER = 3


class FittingStep:
    """Adds up the gradients of an update's batches, in parts where they do not fit.

    whole, part: add the gradients of a batch, its loss divided by the tokens given, to those that
    are there; part: of a piece of one that did not fit. clear: puts the gradients to where they
    stood before the update's first batch; seed: the generators, before each batch, by its number in
    the update. Dropout in parts is not that of the whole batch, but the same each time.
    """

    def __init__(
        self,
        whole: Step,
        part: Step,
        clear: Callable[[], None],
        seed: Callable[[int], None],
        log: TrainingLog,
    ) -> None:
        self._whole, self._part, self._clear, self._seed = whole, part, clear, seed
        self._log = log
        self._events = 0

    def __call__(self, numbered: Sequence[tuple[int, Batch]], tokens: int, update: int) -> LossSums:
        """The sums over the given batches of an update, each with its number in the update.

        tokens: of all batches of the update, what each loss is divided by. Raises ResourceError
        when a sentence alone is too large.
        """
        group = [batch for _, batch in numbered]
        parts = [1] * len(group)
        result = self._attempt(self._whole, numbered, parts, tokens)
        while isinstance(result, int):
            parts[result] = _more_parts(parts[result], group[result], update)
            self._clear()
            return_freed_memory()
            result = self._attempt(self._part, numbered, parts, tokens)
        if max(parts, default=1) > 1:
            self._tell(group, parts, update)
        return result

    def _attempt(
        self, step: Step, numbered: Sequence[tuple[int, Batch]], parts: list[int], tokens: int
    ) -> LossSums | int:
        """The sums over all parts of all batches, or the place of the batch that did not fit.

        The error must not outlive this: by its traceback it holds all that the failed step has
        made.
        """
        sums: list[LossSums] = []
        for place, (number, batch) in enumerate(numbered):
            self._seed(number)
            try:
                sums += [step(part, tokens) for part in split_batch(batch, parts[place])]
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                return place
        guided = [each.guided for each in sums if each.guided is not None]
        return LossSums(
            _sum([each.loss for each in sums]),
            _sum([each.cross_entropy for each in sums]),
            tokens,
            _sum(guided) if guided else None,
        )

    def _tell(self, group: Sequence[Batch], parts: list[int], update: int) -> None:
        for batch, count in zip(group, parts, strict=True):
            if count > 1:
                self._log.record("out_of_memory", update, parts=count, **_sizes(batch))
                self._log.warn_here(
                    f"update {update}: out of memory with {_described(batch)}; done in {count} "
                    "parts instead, with the same gradient."
                )
        self._events += 1
        if self._events == _ADVISE_AFTER:
            self._log.warn_here(
                f"{self._events} updates did not fit into memory. Training goes on rightly, but "
                "each of them is done twice or more: `training.batch_size` is too high for this "
                "device. It cannot change in the middle of a run; lower it for the next "
                "(`training.accumulate` keeps updates as large), or begin again with --restart."
            )


def split_batch(batch: Batch, parts: int) -> list[Batch]:
    """The sentences of a batch in so many batches, each no wider than its longest sentence."""
    count = len(batch.pairs)
    bounds = [number * count // parts for number in range(parts + 1)]
    return [_rows(batch, begin, end) for begin, end in pairwise(bounds)] if parts > 1 else [batch]


def _rows(batch: Batch, begin: int, end: int) -> Batch:
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
            f"update {update}: out of memory with {_described(batch)}, even sentence by sentence.\n"
            "Lower data.max_length, take a smaller model (model.*.hidden_size), or a device with "
            "more memory."
        )
    return min(2 * parts, len(batch.pairs))


def _sizes(batch: Batch) -> dict[str, int]:
    return {
        "sentences": len(batch.pairs),
        "source_length": batch.source.shape[1],
        "target_length": batch.target_input.shape[1],
    }


def _described(batch: Batch) -> str:
    sizes = _sizes(batch)
    return (
        f"a batch of {sizes['sentences']} sentences of up to {sizes['source_length']} source and "
        f"{sizes['target_length']} target tokens"
    )
