"""The training loop: updates with teacher forcing, validations and checkpoints."""

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from nmt.bundles.bundle import Bundle
from nmt.config.settings import TrainingSettings
from nmt.console import Progress, progress
from nmt.data.batches import Batch
from nmt.errors import ModelError, ResourceError, StoppedBySignal
from nmt.evaluation.metrics import SUBSTITUTE, BestValidation, metric
from nmt.model.loss import LossSums
from nmt.runtime.device import Runtime
from nmt.runtime.distributed import SINGLE_PROCESS, Ranks
from nmt.runtime.run_directory import RunDirectory
from nmt.training.batch_loader import BatchLoader
from nmt.training.best_bundle import BestModelWriter
from nmt.training.checkpoints import (
    TrainingState,
    load_average,
    load_state,
    load_tensors,
    remove_newer_checkpoints,
    save_checkpoint,
    save_or_warn,
)
from nmt.training.cuda_graphs import Recorder
from nmt.training.data_parallel import GradientSum
from nmt.training.gradients import make_accumulator
from nmt.training.metric_accumulator import MetricAccumulator, train_line, train_means
from nmt.training.moving_average import MovingAverage
from nmt.training.optimizers import make_optimizer
from nmt.training.recovery import LateNonFiniteError, NonFiniteError, Recovery
from nmt.training.schedules import make_schedule
from nmt.training.stopping import StopSignalRecorder, find_stop_reason
from nmt.training.training_log import TrainingLog
from nmt.training.validation import Validation, Validator, validation_line


class Trainer:
    """Trains the model of a bundle.

    Args:
        bundle: The model, with its tokenizers and settings.
        loader: The batches of train.
        validator: Validates on dev.
        runtime: The device and the precision.
        run: The folder of checkpoints, best model and logs.
        log: The log of training.
        state: The progress of training: that of the checkpoint, or of the beginning.
        resume_from: The checkpoint to resume from, None to begin.
        recorder: Records CUDA graphs, None to train without them.
        ranks: The processes that train together. Each has its own trainer, and all make the same
            steps.
    """

    def __init__(
        self,
        bundle: Bundle,
        loader: BatchLoader,
        validator: Validator,
        runtime: Runtime,
        run: RunDirectory,
        log: TrainingLog,
        state: TrainingState,
        resume_from: Path | None,
        recorder: Recorder | None = None,
        ranks: Ranks = SINGLE_PROCESS,
    ) -> None:
        self.ranks = ranks
        self.bundle, self.loader, self.validator = bundle, loader, validator
        self.runtime, self.run, self.log, self.state = runtime, run, log, state
        self.settings: TrainingSettings = bundle.config.training
        self.model = bundle.model
        self.optimizer = make_optimizer(self.model.parameters(), self.settings.optimizer)
        self.schedule = make_schedule(self.settings, state.updates_per_epoch)
        self.scaler = torch.amp.GradScaler(
            runtime.device.type, enabled=runtime.dtype == torch.float16
        )
        self.gradients = make_accumulator(
            self.model,
            self.settings,
            runtime,
            self.scaler,
            bundle.config.seed,
            log,
            loader.batch_size,
            recorder,
        )
        self.average = self._new_average()
        self._gradient_sum = GradientSum(ranks, self.model)
        self._is_new_run = resume_from is None
        self._metrics = self._new_accumulator()
        if resume_from is not None:
            self._restore(resume_from)
        self._best_models = BestModelWriter(bundle, loader, runtime, run, log, ranks)
        precision = runtime.choices.precision
        self._recovery = Recovery(self.settings, precision, loader.corpus, run.data, log, ranks)
        self._checks_late = runtime.device.type != "cpu"
        """Whether weights change before they are checked, because on a GPU each check is a wait."""
        self._check_at_once_until = 0
        """The last update that is checked at once nevertheless."""
        self._noisy_metrics: set[str] = set()
        """The metrics of choice that were noise at the last validation."""
        self._earlier_seconds = state.seconds
        self._start_time = time.monotonic()

    def train(self) -> str:
        """Train until a stopping criterion is met.

        Returns:
            The criterion, for people.

        Raises:
            StoppedBySignal: After a checkpoint, on SIGINT, SIGTERM and SIGUSR1.
            ModelError: The loss is no longer a finite number.
            ResourceError: The trained model cannot be saved, or a single sentence does not fit into
                memory.
        """
        self._start_time = time.monotonic()
        if self._is_new_run and (self._checks_late or self.settings.on_divergence == "rollback"):
            self._save()  # a checkpoint to roll back to
        with StopSignalRecorder(self.ranks.size > 1) as signals, self._progress() as bar:
            while self.state.ended is None:
                try:
                    for group in self._groups_of_batches():
                        update = self.state.update + 1
                        self._set_learning_rate(update)
                        local, tokens, divisor = self._local_shard(group)
                        sums = self.gradients.accumulate(local, divisor, update)
                        norm = self._reduce_and_clip_gradients()
                        if self._is_finite(update, norm, sums):
                            self._update_parameters(update)
                            self._count_update(sums, norm, tokens)
                        else:
                            self._recovery.skip_update(self.state, [batch for _, batch in local])
                        self.gradients.clear()
                        self._complete_update(group)
                        bar.advance(1, f"epoch {self.state.epoch + 1}")
                        if update % self.settings.log_every_updates == 0:
                            self._log_metrics()
                        saved = self._validate_and_save_when_due()
                        self._handle_signal(signals, saved)
                    self._finish()
                except NonFiniteError as error:
                    self._roll_back(error)
                    bar.advance(self.state.update - bar.done)
                    self._handle_signal(signals, saved=True)
        return self.state.ended

    def _progress(self) -> AbstractContextManager[Progress]:
        return progress(
            "train",
            self.settings.max_updates,
            "updates",
            self.state.update,
            by_time=True,
            log=self.log,
        )

    def _groups_of_batches(self) -> Iterator[list[Batch | None]]:
        """Yield the batches of each update until a stopping criterion is met.

        Those of other ranks are None. The state must count an update before the caller requests the
        batches of the next one.
        """
        size = self.settings.accumulate * self.ranks.size
        while self._stop_reason() is None:
            self.model.train()
            self._metrics.start_clock()
            batches = self.loader.rank_batches(
                self.state.epoch, self.state.batch, self.ranks.rank, self.ranks.size
            )
            while group := list(islice(batches, size)):
                yield group
                if self._stop_reason() is not None:
                    return
            self.state.epoch += 1
            self.state.batch = 0

    def _local_shard(self, group: list[Batch | None]) -> tuple[list[tuple[int, Batch]], int, int]:
        """Return the batches of this rank, and the sizes of the whole update.

        Args:
            group: The batches of an update, None for those of other ranks.

        Returns:
            This rank's batches, each with its number in the update, then the target tokens of all
            ranks, then the divisor of the loss (`training.normalize_loss`).
        """
        local = [(number, batch) for number, batch in enumerate(group) if batch is not None]
        tokens = self.ranks.all_reduce_sum(sum(batch.target_tokens for _, batch in local))
        if self.settings.normalize_loss == "tokens":
            return local, tokens, tokens
        return local, tokens, self.ranks.all_reduce_sum(sum(len(batch.pairs) for _, batch in local))

    def _set_learning_rate(self, update: int) -> None:
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = self._learning_rate(update)

    def _learning_rate(self, update: int) -> float:
        return self.schedule.rate(update) * self.state.rate_scale

    def _reduce_and_clip_gradients(self) -> Tensor:
        """Sum the gradients over ranks and clip them. Return their norm before that."""
        self._gradient_sum.sum()
        self.scaler.unscale_(self.optimizer)
        limit = self.settings.clip_norm or math.inf
        return torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit)

    def _update_parameters(self, update: int) -> None:
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update(update)

    def _count_update(self, sums: LossSums, norm: Tensor, tokens: int) -> None:
        """Count an update that has changed the weights."""
        self._metrics.count(sums, norm, tokens, may_overflow=self.scaler.is_enabled())
        self.state.target_tokens += tokens
        self.state.skipped = 0

    def _complete_update(self, group: list[Batch | None]) -> None:
        self.state.update += 1
        self.state.batch += len(group)
        self.state.seconds = self._seconds()

    def _handle_signal(self, signals: StopSignalRecorder, saved: bool) -> None:
        """Write a checkpoint and raise where a signal was received.

        Args:
            signals: The signals so far.
            saved: Whether there is a checkpoint of this update already.

        Raises:
            StoppedBySignal: A signal was received.
        """
        signal_number = self._sync_stop(signals.signal_number)
        if signal_number is None:
            return
        if not saved:
            self._save()
        self.ranks.barrier()  # a launcher ends all when one has ended
        raise StoppedBySignal(self._stop_message(), signal_number)

    def _sync_stop(self, signal_number: int | None) -> int | None:
        """Return the signal that any rank received. Also set all ranks to the same time.

        The time may end training.
        """
        number, milliseconds = self.ranks.all_reduce_max(
            signal_number or 0, int(1000 * self._seconds())
        )
        self.state.seconds = milliseconds / 1000
        return number or None

    def _stop_message(self) -> str:
        if not self.ranks.is_rank_zero:
            return ""
        return (
            f"stopped by a signal at update {self.state.update}; everything is saved. Run the "
            "same command to resume."
        )

    def _is_finite(self, update: int, norm: Tensor, sums: LossSums) -> bool:
        """Return whether the loss and the gradient are finite; True where that is checked later.

        Args:
            update: The number of the update.
            norm: The gradient norm, the same on all ranks.
            sums: The losses of this rank.
        """
        if not self._should_check_finite(update):
            return True
        finite = bool(torch.isfinite(norm + sums.loss + sums.cross_entropy))
        return self.ranks.all_reduce_sum(int(not finite)) == 0

    def _should_check_finite(self, update: int) -> bool:
        if self.scaler.is_enabled():
            return False  # it checks the gradients itself
        return (
            not self._checks_late or update <= self._check_at_once_until or self.state.skipped > 0
        )

    def _check_finite_late(self) -> None:
        """Check all updates since the last check, together: on a GPU each check is a wait.

        Raises:
            NonFiniteError: One of them was not finite.
        """
        if self._metrics.updates == 0:
            return
        if self.ranks.all_reduce_sum(int(not self._metrics.is_finite())):
            others = self._metrics.updates - 1
            kind = NonFiniteError if self.scaler.is_enabled() else LateNonFiniteError
            raise kind(self.state.update, f"or that of one of the {others} before it")

    def _roll_back(self, error: NonFiniteError) -> None:
        """Return to the newest sound checkpoint; all ranks do it together.

        Raises:
            ModelError: Training ends instead.
        """
        self.gradients.clear()
        path = self._recovery.find_rollback_checkpoint(error, self.state, self.run.checkpoints)
        state = self._recovery.rolled_back_state(error, load_state(path), self.state)
        vars(self.state).update(vars(state))  # in place, because other objects refer to it
        self._restore(path)
        self.ranks.barrier()  # until all ranks have read the checkpoint, which may be overwritten
        if isinstance(error, LateNonFiniteError):
            self._check_at_once_until = error.update
        else:
            if self.ranks.is_rank_zero:
                remove_newer_checkpoints(path)  # otherwise a resumed run would load them
            self._save()

    def _restore(self, path: Path) -> None:
        """Load weights, optimizer, schedule, scaler and average of a checkpoint."""
        load_tensors(path, self.model, self.optimizer)
        self.schedule.load_state(self.state.schedule)
        if self.state.scaler:
            self.scaler.load_state_dict(self.state.scaler)
        self.average = self._new_average()
        if self.average is not None:
            load_average(path, self.average)
        self._metrics = self._new_accumulator()

    def _new_average(self) -> MovingAverage | None:
        """Return a moving average that begins with the present weights; None without `ema`."""
        decay = self.settings.ema
        return None if decay is None else MovingAverage(self.model, decay)

    def _validate_and_save_when_due(self) -> bool:
        """Validate and write a checkpoint at the updates of either.

        Returns:
            Whether a checkpoint was written.
        """
        if not self._checkpoint_is_due():
            return False
        self._check_finite_late()  # waits for the device, before the clock is stopped
        with self._metrics.clock_stopped():
            if self._validation_is_due():
                self._validate()
            self._update_state()
            save = self._write_checkpoint
            return save_or_warn(save, "the checkpoint", self.state.update, self.log, self.ranks)

    def _validation_is_due(self) -> bool:
        return self.state.update % self.settings.validation.every_updates == 0

    def _checkpoint_is_due(self) -> bool:
        every = self.settings.checkpoint_every_updates
        return self._validation_is_due() or self.state.update % every == 0

    def _validate(self) -> None:
        """Validate the average of the weights where there is one, else the weights."""
        with nullcontext() if self.average is None else self.average.in_place():
            self._validate_weights()

    def _validate_weights(self) -> None:
        try:
            validation = self.validator.validate(self.model)
        except ModelError as error:
            if self.ranks.size > 1:
                raise  # other ranks may not have this error
            raise NonFiniteError(self.state.update, "its validation fails") from error
        self.model.train()
        self.state.validated = self.state.update
        value = validation.deciding_value(self.settings.metric)
        self.schedule.after_validation(value)
        if self.state.stopping is None or self.state.stopping.metric != value.metric:
            self.state.stopping = BestValidation(value.metric)
        self.state.stopping.update_with(value, self.state.update)
        self.state.seconds = self._seconds()
        improved = self._best_models.save_if_better(self.state, validation)
        self._log_validation(validation, improved)

    def _log_validation(self, validation: Validation, improved: bool) -> None:
        self.log.record(
            "validation",
            self.state.update,
            **validation.metrics,
            noise=validation.noise,
            **({"groups": validation.groups} if validation.groups else {}),
            seconds=validation.seconds,
            samples=[asdict(sample) for sample in validation.samples],
        )
        best = self.settings.metric if improved else None
        self.log.info(validation_line(self.state.update, validation, best))
        self._log_noise(validation)
        for sample in validation.samples:
            self.log.info(
                f"  source:     {sample.source}\n  reference:  {sample.reference}\n"
                f"  hypothesis: {sample.hypothesis}\n"
            )

    def _log_noise(self, validation: Validation) -> None:
        """Log once a session that the metric of choice is noise, and once that it is no longer."""
        chosen = self.settings.metric
        noise = {name: reason for name, reason in validation.noise.items() if name == chosen}
        for name, reason in noise.items():
            if name not in self._noisy_metrics:
                self.log.info(
                    f"{metric(name).title} is unreliable ({reason}); {SUBSTITUTE.title} selects "
                    "the model meanwhile"
                )
        for name in self._noisy_metrics - set(noise):
            self.log.info(f"{metric(name).title} is reliable again and selects the model")
        self._noisy_metrics = set(noise)

    def _save(self) -> None:
        self._update_state()
        self._write_checkpoint()

    def _update_state(self) -> None:
        """Update the parts of the state that only a checkpoint needs."""
        self._check_finite_late()
        if self.state.skipped == 0 and self._checkpoint_is_due():
            # A checkpoint after a signal does not count: there would be none without the signal.
            self.state.sound = self.state.update
        self.state.schedule = self.schedule.state()
        self.state.scaler = self.scaler.state_dict()
        self.state.unlogged = self._metrics.total(self.ranks)
        self.state.seconds = self._seconds()

    def _write_checkpoint(self) -> None:
        if not self.ranks.is_rank_zero:
            return
        keep = self.settings.checkpoint.keep_last
        save_checkpoint(
            self.run.checkpoints, keep, self.model, self.optimizer, self.state, self.average
        )

    def _finish(self) -> None:
        """Validate and save the last weights, and log the end.

        Raises:
            ResourceError: The best model could not be written.
        """
        stop_reason = self._stop_reason()
        self._log_metrics()
        if self.state.validated != self.state.update or self._best_models.best(self.state) is None:
            self._validate()
        best = self._best_models.best(self.state)
        if best is None:
            raise ResourceError(
                f"{self.run.best}: the trained model could not be written (see above). Free some "
                "disk space and run the same command to resume from the newest checkpoint."
                if self.ranks.is_rank_zero
                else ""
            )
        self.state.ended = stop_reason
        self._save()
        self.log.record("end", self.state.update, reason=self.state.ended)
        assert best.best_value is not None
        name, value = best.best_value.shown
        self.log.info(
            f"ended after {self.state.update} updates, {self.state.seconds / 60:.1f} minutes of "
            f"training: {self.state.ended}. Best {name} {value:.2f} at update "
            f"{best.update}: {self.run.best}"
        )

    def _stop_reason(self) -> str | None:
        end = find_stop_reason(self.settings, self.state, self.state.seconds)
        return None if end is None else end.reason

    def _seconds(self) -> float:
        return self._earlier_seconds + time.monotonic() - self._start_time

    def _new_accumulator(self) -> MetricAccumulator:
        """Return an accumulator that continues from the sums in the state."""
        return MetricAccumulator(self.runtime.device, self.state.unlogged, self.ranks.is_rank_zero)

    def _log_metrics(self) -> None:
        """Log the means of all updates since the last log line, where there are any."""
        self._check_finite_late()
        if self._metrics.updates == 0:
            return  # all were skipped
        values = {
            "epoch": self.state.epoch + (self.state.batch > 0),  # 0: one has just ended
            **train_means(
                self._metrics.total(self.ranks), self.settings.guided_alignment.is_enabled
            ),
            "learning_rate": self._learning_rate(self.state.update),
            "seconds": round(self.state.seconds, 1),
        }
        self.log.record("train", self.state.update, **values)
        self.log.info(train_line(self.state.update, values))
        self._metrics = MetricAccumulator(self.runtime.device)
        self._metrics.start_clock()
