"""Handling of updates whose loss or gradient is not finite.

Such an update is skipped: its batches are passed over, and the weights stay. After too many in a
row training ends, or rolls back to the last checkpoint at a lower learning rate. Every decision
follows from settings and state alone, and the state is in the checkpoint. A run that is killed and
resumed at any time therefore takes the same decisions.

On a CPU every update is checked before the weights change. On a GPU each check is a wait, so there
is one for each log line, validation and checkpoint. If it fails, the weights are already spoiled.
Training rolls back to the last checkpoint and checks every update up to where it was.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, groupby
from pathlib import Path

import numpy as np

from nmt.config.settings import TrainingSettings
from nmt.console import format_count
from nmt.data.batches import Batch
from nmt.data.binary_dataset import Corpus
from nmt.data.input_files import InputFile
from nmt.data.manifest import Manifest
from nmt.errors import ModelError
from nmt.runtime.distributed import SINGLE_PROCESS, Ranks
from nmt.training.checkpoints import TrainingState, newest_checkpoint
from nmt.training.training_log import TrainingLog

_LINES_SHOWN = 8


class NonFiniteError(Exception):
    """A loss or gradient that is not finite, after which training cannot continue.

    Attributes:
        update: The last update concerned.
        where: The lines of its batches, or another description of it.
        has_lines: Whether `where` names lines.
    """

    def __init__(self, update: int, where: str, has_lines: bool = False) -> None:
        super().__init__(f"update {update}: {where}")
        self.update, self.where, self.has_lines = update, where, has_lines


class LateNonFiniteError(NonFiniteError):
    """A loss or gradient that was not finite, and that was found after the weights had changed.

    It occurred in `update` or in one of the few updates before it.
    """


_MAX_SKIPPED = 3
"""The number of updates in a row that are skipped before training ends or rolls back."""

_RATE_FACTOR = 0.5
"""The factor that multiplies the learning rate at a rollback."""

_MAX_ROLLBACKS = 3


class Recovery:
    """The handling of numbers that are not finite, the same on all ranks.

    Args:
        settings: The settings of training.
        precision: The precision of training.
        corpus: The training corpus.
        data: The folder of the corpora.
        log: The log of training.
        ranks: The processes of the training.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        precision: str,
        corpus: Corpus,
        data: Path,
        log: TrainingLog,
        ranks: Ranks = SINGLE_PROCESS,
    ) -> None:
        self._settings, self._precision = settings, precision
        self._corpus, self._data = corpus, data
        self._log, self._ranks = log, ranks

    def skip_update(self, state: TrainingState, group: Sequence[Batch]) -> None:
        """Count the update after `state` as skipped.

        Args:
            state: The state of training before the update.
            group: The batches of this rank.

        Raises:
            NonFiniteError: Too many updates in a row were skipped.
        """
        update = state.update + 1
        local_lines = [
            int(line) for batch in group for line in self._corpus.line_numbers[batch.pairs]
        ]
        gathered = map(json.loads, self._ranks.gather(json.dumps(local_lines)))
        lines = sorted(chain.from_iterable(gathered))
        where = describe_lines(Manifest.load(self._data).inputs["train.source"], lines)
        if state.skipped >= _MAX_SKIPPED:
            raise NonFiniteError(update, where, has_lines=True)
        state.skipped += 1
        self._log.record("skipped_update", update, in_a_row=state.skipped, lines=lines)
        self._log.warn(
            f"update {update}: its loss or gradient is not a finite number ({where}). It is "
            f"skipped ({state.skipped} of at most {_MAX_SKIPPED} in a row)."
        )

    def find_rollback_checkpoint(
        self, error: NonFiniteError, now: TrainingState, checkpoints: Path
    ) -> Path:
        """Return the newest sound checkpoint, as rank zero finds it.

        Args:
            error: The error that was found.
            now: The present state of training.
            checkpoints: The folder of the checkpoints.

        Raises:
            ModelError: Training ends instead.
        """
        self._check_may_roll_back(error, now, checkpoints)
        newest = None
        if self._ranks.is_rank_zero:
            newest = newest_checkpoint(checkpoints, lambda state: state.sound == state.update)
        names = self._ranks.gather(json.dumps(None if newest is None else newest.name))
        name = json.loads(names[0])
        if name is None:
            reason = "There is no checkpoint to return to."
            raise self._give_up_error(error, now, reason, checkpoints)
        return checkpoints / str(name)

    def _check_may_roll_back(
        self, error: NonFiniteError, now: TrainingState, checkpoints: Path
    ) -> None:
        if isinstance(error, LateNonFiniteError):
            return
        if self._settings.on_divergence == "stop":
            reason = (
                "Set `training.on_divergence: rollback` to return to a checkpoint and lower the "
                "rate automatically."
            )
            raise self._give_up_error(error, now, reason, checkpoints)
        if now.rollbacks >= _MAX_ROLLBACKS:
            reason = f"Training has rolled back {_MAX_ROLLBACKS} times."
            raise self._give_up_error(error, now, reason, checkpoints)

    def rolled_back_state(
        self, error: NonFiniteError, checkpoint: TrainingState, now: TrainingState
    ) -> TrainingState:
        """Return the state with which training continues from a checkpoint.

        Args:
            error: The error that was found.
            checkpoint: The state in the checkpoint.
            now: The present state of training.
        """
        checkpoint = replace(
            checkpoint,
            ended=None,
            best=now.best,  # the bundles on disk belong to it
            choices=now.choices,  # of this session, as the following two
            batch_size=now.batch_size,
            batches_per_update=now.batches_per_update,
        )
        values = {"fault": error.update, "back_to": checkpoint.update}
        if isinstance(error, LateNonFiniteError):
            self._log.record("looking_back", now.update, **values)
            self._log.warn(
                f"update {error.update}: its loss or gradient is not a finite number, "
                f"{error.where}. Rolling back to update {checkpoint.update} to check each update."
            )
            return checkpoint
        checkpoint.rollbacks = now.rollbacks + 1
        checkpoint.rate_scale = now.rate_scale * _RATE_FACTOR
        self._log.record("rollback", now.update, **values, rate_scale=checkpoint.rate_scale)
        self._log.warn(
            f"update {error.update}: its loss or gradient is not a finite number ({error.where}). "
            f"Rolling back to update {checkpoint.update}, with the learning rate times "
            f"{checkpoint.rate_scale:g} (rollback {checkpoint.rollbacks} of at most "
            f"{_MAX_ROLLBACKS})."
        )
        return checkpoint

    def _give_up_error(
        self, error: NonFiniteError, now: TrainingState, reason: str, checkpoints: Path
    ) -> ModelError:
        """Return the error that ends training; `reason` says why nothing else is possible."""
        if not self._ranks.is_rank_zero:
            return ModelError("")  # all ranks raise it, and rank zero reports it
        self._log.record("given_up", now.update, fault=error.update)
        skipped = format_count(now.skipped, "skipped update", "skipped updates")
        skipped_note = f", as in the {skipped} before it" if now.skipped else ""
        next_step = "train from scratch with --restart."
        if newest_checkpoint(checkpoints) is not None:
            next_step = "resume from the last checkpoint with --resume."
        return ModelError(
            f"the loss or gradient of update {error.update} is not a finite number ({error.where})"
            f"{skipped_note}. {reason}\n"
            f"{self._advice(error)}; then {next_step}"
        )

    def _advice(self, error: NonFiniteError) -> str:
        """Return the remedies that may help and are not in use already."""
        remedies = ["lower `training.optimizer.learning_rate`"]
        clipped = self._settings.clip_norm > 0.0
        remedies.append(f"{'lower' if clipped else 'set'} `training.clip_norm`")
        if self._precision != "float32":
            remedies.append("set `runtime.precision: float32`")
        if error.has_lines:
            remedies.insert(0, "check these lines")
        text = ", ".join(remedies[:-1]) + f" or {remedies[-1]}"
        return text[0].upper() + text[1:]


def describe_lines(files: Sequence[InputFile], lines: Sequence[int]) -> str:
    """Return a description of the first of some lines, each by its file and its number there.

    Args:
        files: The files, in the order of the corpus.
        lines: The line numbers, ascending, from 1 and counted over all files.
    """
    ends = np.cumsum([file.lines for file in files])
    located = [(int(np.searchsorted(ends, line)), line) for line in lines[:_LINES_SHOWN]]
    texts = []
    for number, members in groupby(located, key=lambda file_and_line: file_and_line[0]):
        file = files[number]
        numbers = [str(line - int(ends[number]) + file.lines) for _, line in members]
        word = "line" if len(numbers) == 1 else "lines"
        texts.append(f"{Path(file.path).name}: {word} {', '.join(numbers)}")
    more = len(lines) - len(located)
    return "; ".join(texts) + (f" and {more} more" if more else "")
