"""The training loop: teacher forcing, update by update, exactly resumable."""

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from nmt.bundle import Bundle
from nmt.config.settings import TrainingSettings
from nmt.data.batches import Batch
from nmt.data.loader import BatchLoader
from nmt.errors import ModelError, ResourceError, StoppedBySignal
from nmt.evaluation.metrics import SUBSTITUTE, Best, metric
from nmt.model.loss import LossSums
from nmt.runtime.console import Progress, progress
from nmt.runtime.device import Runtime
from nmt.runtime.ranks import ALONE, Ranks
from nmt.runtime.run_directory import RunDirectory
from nmt.training.best_models import BestModels
from nmt.training.checkpoints import (
    TrainingState,
    load_average,
    load_state,
    load_tensors,
    remove_newer,
    save_checkpoint,
)
from nmt.training.ends import reached_end
from nmt.training.graphs import GraphedStep, Recorder
from nmt.training.guidance import guidance_of
from nmt.training.interrupts import Interrupts
from nmt.training.log import TrainingLog
from nmt.training.memory import FittingStep, Step
from nmt.training.metric_accumulator import MetricAccumulator, train_line, train_means
from nmt.training.missed_saves import save_or_go_on
from nmt.training.moving_average import MovingAverage
from nmt.training.optimizers import make_optimizer
from nmt.training.parallel import GradientSum
from nmt.training.recovery import NotFinite, Recovery, SeenLate
from nmt.training.schedules import make_schedule, teacher_forcing_ratio
from nmt.training.validation import Validation, Validator


class Trainer:
    """Trains the bundle's model.

    run: where checkpoints, best bundles and logs go; state: where training stands, from a
    checkpoint at `resume_from` or the beginning; recorder: of CUDA graphs, or None to go without;
    ranks: the processes that train it together, each with its own trainer and all in step.
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
        ranks: Ranks = ALONE,
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
        self._gradients = GradientSum(ranks, self.model)
        self.average = self._new_average()
        self._anew = resume_from is None
        self._metrics = self._accumulator()
        if resume_from is not None:
            self._restore(resume_from)
        self._graphed = recorder is not None
        self._step = FittingStep(*self._steps(recorder), self._clear_gradients, self._seed, log)
        self._best_models = BestModels(bundle, loader, runtime, run, log, ranks)
        precision = runtime.choices.precision
        self._recovery = Recovery(self.settings, precision, loader.corpus, run.data, log, ranks)
        self._waits_to_look = runtime.device.type != "cpu"
        self._look_until = 0
        """At each update up to this one, though it is a wait."""
        self._noise: set[str] = set()
        """The metrics of choice that were noise at the last validation."""
        self._seconds_before = state.seconds
        self._began = time.monotonic()

    def train(self) -> str:
        """Train until an end that the settings name; gives why it ended.

        Raises StoppedBySignal after a clean save on SIGINT, SIGTERM and SIGUSR1, ModelError when
        the loss is no longer a number, ResourceError when what must be saved at last cannot be, or
        when a sentence alone does not fit into memory.
        """
        self._began = time.monotonic()
        if self._anew and (self._waits_to_look or self.settings.on_divergence == "rollback"):
            self._save()  # something to go back to
        with (
            Interrupts(self.ranks.size > 1) as interrupts,
            progress(
                "train",
                self.settings.max_updates,
                "updates",
                self.state.update,
                by_time=True,
                log=self.log,
            ) as bar,
        ):
            while self.state.ended is None:
                try:
                    if self._reason_to_end() is None:
                        self._train_epoch(bar, interrupts)
                    else:
                        self._finish()
                except NotFinite as fault:
                    self._go_back(fault)
                    bar.advance(self.state.update - bar.done)
                    self._obey(interrupts, saved=True)
        return self.state.ended

    def _train_epoch(self, bar: Progress, interrupts: Interrupts) -> None:
        """From the position in the state to the end of the epoch, or of training."""
        self.model.train()
        self._metrics.start_clock()
        ranks = self.ranks
        batches = self.loader.share(self.state.epoch, self.state.batch, ranks.rank, ranks.size)
        for group in _groups(batches, self.settings.accumulate * ranks.size):
            self._update(group)
            self.state.batch += len(group)
            bar.advance(1, f"epoch {self.state.epoch + 1}")
            if self.state.update % self.settings.log_every_updates == 0:
                self._log_metrics()
            saved = self._validate_and_save_when_due()
            self._obey(interrupts, saved)
            if self._reason_to_end() is not None:
                return
        self.state.epoch += 1
        self.state.batch = 0

    def _obey(self, interrupts: Interrupts, saved: bool) -> None:
        """End where a signal has come, with all saved."""
        signal_number = self._agree(interrupts.signal_number)
        if signal_number is None:
            return
        if not saved:
            self._save()
        self.ranks.wait()  # a launcher ends all when one has ended
        raise StoppedBySignal(self._farewell(), signal_number)

    def _agree(self, signal_number: int | None) -> int | None:
        """All ranks stop at the same update, by a signal to one of them or by their time."""
        number, milliseconds = self.ranks.greatest(signal_number or 0, int(1000 * self._seconds()))
        self.state.seconds = milliseconds / 1000
        return number or None

    def _farewell(self) -> str:
        if not self.ranks.leads:
            return ""
        return (
            f"stopped by a signal at update {self.state.update}; all is saved. "
            "The same command goes on from here."
        )

    def _update(self, group: list[Batch | None]) -> None:
        """One update from the batches of a group, None for those of other ranks; the loss is a mean
        over all their tokens, or over all their pairs (`training.normalize_loss`).
        """
        update = self.state.update + 1
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = self._rate(update)
        own = [(number, batch) for number, batch in enumerate(group) if batch is not None]
        tokens = self.ranks.total(sum(batch.target_tokens for _, batch in own))
        divisor = tokens
        if self.settings.normalize_loss == "sentences":
            divisor = self.ranks.total(sum(len(batch.pairs) for _, batch in own))
        sums = self._step(own, divisor, update)
        self._gradients.sum()
        self.scaler.unscale_(self.optimizer)
        limit = self.settings.clip_norm or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        if self._looks_at(update) and not self._all_finite(norm, sums):
            self._recovery.leave_out(self.state, [batch for _, batch in own])
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
            if self.average is not None:
                self.average.follow(update)
            self._count(sums, norm, tokens)
        self._clear_gradients()
        self.state.update = update
        self.state.seconds = self._seconds()

    def _rate(self, update: int) -> float:
        return self.schedule.rate(update) * self.state.rate_scale

    def _seed(self, number: int) -> None:
        """For the batch of that number in the update that is being done."""
        torch.manual_seed(_mix(self.bundle.config.seed, self.state.update + 1, number))

    def _all_finite(self, norm: Tensor, sums: LossSums) -> bool:
        """On all ranks: the norm is the same on all, the sums are each one's own."""
        finite = bool(torch.isfinite(norm + sums.loss + sums.cross_entropy))
        return self.ranks.total(int(not finite)) == 0

    def _clear_gradients(self) -> None:
        self.optimizer.zero_grad(set_to_none=not self._graphed)

    def _looks_at(self, update: int) -> bool:
        """Whether an update is looked at before the weights change."""
        if self.scaler.is_enabled():
            return False  # it does so itself
        return not self._waits_to_look or update <= self._look_until or self.state.skipped > 0

    def _count(self, sums: LossSums, norm: Tensor, tokens: int) -> None:
        """That an update has been done, with the sums of so many tokens."""
        self._metrics.count(sums, norm, tokens, may_overflow=self.scaler.is_enabled())
        self.state.target_tokens += tokens
        self.state.skipped = 0

    def _steps(self, recorder: Recorder | None) -> tuple[Step, Step]:
        """Forward and backward of a batch, and of a part of one that does not fit into memory."""
        if recorder is None:
            return self._plain_step, self._plain_step
        device, budget = self.runtime.device, self.loader.batch_size
        graphed = GraphedStep(self._forward_and_backward, recorder, device, budget)
        return graphed, lambda batch, tokens: recorder.run(lambda: self._plain_step(batch, tokens))

    def _plain_step(self, batch: Batch, tokens: int) -> LossSums:
        return self._forward_and_backward(batch.to(self.runtime.device), tokens)

    def _forward_and_backward(self, batch: Batch, tokens: int | Tensor) -> LossSums:
        """Add the gradients of a batch on the device up, its loss divided by `tokens`; gives its
        sums, which hold no graph.
        """
        with self.runtime.computing(caching=not self._graphed):
            sums = self.model.loss(
                batch.source,
                batch.source_lengths,
                batch.target_input,
                batch.target_output,
                self.settings.label_smoothing,
                teacher_forcing_ratio(self.settings, self.state.update + 1),
                self.settings.coverage_loss,
                fixed_shapes=self._graphed,
                guidance=guidance_of(self.settings.guided_alignment, batch, self.state.update + 1),
                forcing_draw=self.settings.teacher_forcing.draw,
            )
        self.scaler.scale(sums.loss / tokens).backward()
        return sums.detached()

    def _insist_on_numbers(self) -> None:
        """Of all updates since the last look: on a GPU each look is a wait, so they are rare."""
        if self._metrics.updates == 0:
            return
        if self.ranks.total(int(not self._metrics.is_sound())):
            others = self._metrics.updates - 1
            kind = NotFinite if self.scaler.is_enabled() else SeenLate
            raise kind(self.state.update, f"or that of one of the {others} before it")

    def _go_back(self, fault: NotFinite) -> None:
        """To the newest sound checkpoint. Raises ModelError when training is to end instead.

        All ranks come here with the same fault.
        """
        self._clear_gradients()
        path = self._recovery.way_back(fault, self.state, self.run.checkpoints)
        state = self._recovery.after_going_back(fault, load_state(path), self.state)
        vars(self.state).update(vars(state))  # in place, for others hold it too
        self._restore(path)
        self.ranks.wait()  # until all have read what may be written anew
        if isinstance(fault, SeenLate):
            self._look_until = fault.update
        else:
            if self.ranks.leads:
                remove_newer(path)  # or a resumed run would take them
            self._save()

    def _restore(self, path: Path) -> None:
        """Put everything to where it stood at a checkpoint with the state of this trainer."""
        load_tensors(path, self.model, self.optimizer)
        self.schedule.load_state(self.state.schedule)
        if self.state.scaler:
            self.scaler.load_state_dict(self.state.scaler)
        self.average = self._new_average()
        if self.average is not None:
            load_average(path, self.average)
        self._metrics = self._accumulator()

    def _new_average(self) -> MovingAverage | None:
        """Of the parameters as they are now, where one is asked for."""
        decay = self.settings.ema
        return None if decay is None else MovingAverage(self.model, decay)

    def _validate_and_save_when_due(self) -> bool:
        """Whether it was time for a validation or a checkpoint, and the disk took the latter."""
        if not self._checkpoint_is_due():
            return False
        self._insist_on_numbers()  # waits for the device, before the clock is stopped
        with self._metrics.clock_stopped():
            if self._validation_is_due():
                self._validate()
            self._bring_state_up_to_date()
            save = self._write_checkpoint
            return save_or_go_on(save, "the checkpoint", self.state.update, self.log, self.ranks)

    def _validation_is_due(self) -> bool:
        return self.state.update % self.settings.validation.every_updates == 0

    def _checkpoint_is_due(self) -> bool:
        every = self.settings.checkpoint_every_updates
        return self._validation_is_due() or self.state.update % every == 0

    def _validate(self) -> None:
        """With the average of the parameters where one is kept, for dev and for bundles."""
        with nullcontext() if self.average is None else self.average.in_place():
            self._look_at_dev()

    def _look_at_dev(self) -> None:
        try:
            validation = self.validator.validate(self.model)
        except ModelError as error:
            if self.ranks.size > 1:
                raise  # others may not have come to it
            raise NotFinite(self.state.update, "its validation fails") from error
        self.model.train()
        self.state.validated = self.state.update
        value = validation.deciding_value(self.settings.metric)
        self.schedule.after_validation(value)
        if self.state.stopping is None or self.state.stopping.metric != value.metric:
            self.state.stopping = Best(value.metric)
        self.state.stopping.update_with(value, self.state.update)
        self.state.seconds = self._seconds()
        improved = self._best_models.keep(self.state, validation)
        self.log.record(
            "validation",
            self.state.update,
            **validation.metrics,
            noise=validation.noise,
            seconds=validation.seconds,
            samples=[asdict(sample) for sample in validation.samples],
        )
        best = self.settings.metric if improved else None
        self.log.tell(_validation_line(self.state.update, validation, best))
        self._tell_of_noise(validation)
        for sample in validation.samples:
            self.log.tell(
                f"  source:     {sample.source}\n  reference:  {sample.reference}\n"
                f"  hypothesis: {sample.hypothesis}\n"
            )

    def _tell_of_noise(self, validation: Validation) -> None:
        """Say once in a session that a metric by which something is chosen is noise, and once that
        it is no longer.
        """
        chosen = self.settings.metric
        noise = {name: why for name, why in validation.noise.items() if name == chosen}
        for name, why in noise.items():
            if name not in self._noise:
                self.log.tell(
                    f"{metric(name).title} is noise ({why}): as long as it is, "
                    f"{SUBSTITUTE.title} decides instead"
                )
        for name in self._noise - set(noise):
            self.log.tell(f"{metric(name).title} is no longer noise and decides again")
        self._noise = set(noise)

    def _save(self) -> None:
        self._bring_state_up_to_date()
        self._write_checkpoint()

    def _bring_state_up_to_date(self) -> None:
        self._insist_on_numbers()
        if self.state.skipped == 0 and self._checkpoint_is_due():
            # Not one that a signal has asked for: there would be none without the signal.
            self.state.sound = self.state.update
        self.state.schedule = self.schedule.state()
        self.state.scaler = self.scaler.state_dict()
        self.state.unlogged = self._metrics.total(self.ranks)
        self.state.seconds = self._seconds()

    def _write_checkpoint(self) -> None:
        if not self.ranks.leads:
            return
        checkpoint = self.settings.checkpoint
        save_checkpoint(
            self.run.checkpoints,
            checkpoint.keep_last,
            self.model,
            self.optimizer,
            self.state,
            self.average,
        )

    def _finish(self) -> None:
        ended = self._reason_to_end()
        self._log_metrics()
        if self.state.validated != self.state.update or self._best_models.best(self.state) is None:
            self._validate()
        best = self._best_models.best(self.state)
        if best is None:
            raise ResourceError(
                f"{self.run.best}: the trained model could not be written (see above). Free space "
                "on the disk; the same command goes on from the newest checkpoint."
                if self.ranks.leads
                else ""
            )
        self.state.ended = ended
        self._save()
        self.log.record("end", self.state.update, reason=self.state.ended)
        assert best.best_value is not None
        name, value = best.best_value.shown
        self.log.tell(
            f"ended after {self.state.update} updates, {self.state.seconds / 60:.1f} minutes of "
            f"training: {self.state.ended}. Best {name} {value:.2f} at update "
            f"{best.update}: {self.run.best}"
        )

    def _reason_to_end(self) -> str | None:
        end = reached_end(self.settings, self.state, self.state.seconds)
        return None if end is None else end.reason

    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._began

    def _accumulator(self) -> MetricAccumulator:
        """Return one that continues from the sums in the state."""
        return MetricAccumulator(self.runtime.device, self.state.unlogged, self.ranks.leads)

    def _log_metrics(self) -> None:
        """Log the means of all updates since the last log line, where there are any."""
        self._insist_on_numbers()
        if self._metrics.updates == 0:
            return  # all were left out
        values = {
            "epoch": self.state.epoch + (self.state.batch > 0),  # 0: one has just ended
            **train_means(self._metrics.total(self.ranks), self.settings.guided_alignment.wanted),
            "learning_rate": self._rate(self.state.update),
            "seconds": round(self.state.seconds, 1),
        }
        self.log.record("train", self.state.update, **values)
        self.log.tell(train_line(self.state.update, values))
        self._metrics = MetricAccumulator(self.runtime.device)
        self._metrics.start_clock()


def _groups(batches: Iterator[Batch | None], size: int) -> Iterator[list[Batch | None]]:
    while group := list(islice(batches, size)):
        yield group


def _mix(seed: int, update: int, number: int) -> int:
    """One number for the generators, different for each batch of each update of each seed: a batch
    has the same dropout on whatever rank it is.
    """
    return (seed * 0x9E3779B97F4A7C15 + number * 0xD1B54A32D192ED03 + update) % (1 << 63)


def _validation_line(update: int, validation: Validation, best: str | None) -> str:
    values = validation.metrics
    shown = "  ".join(
        f"{metric(name).title} {value:.{3 if name == 'loss' else 2}f}"
        for name, value in values.items()
    )
    remark = "" if best is None else f"  best {best}"
    return f"validation at update {update}: {shown}  ({validation.seconds:.1f} s){remark}"
