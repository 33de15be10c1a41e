"""The bundle of a run: the model with the best validation so far."""

from dataclasses import dataclass, replace
from functools import partial

from nmt.bundle import Bundle, save_bundle
from nmt.data.loader import BatchLoader
from nmt.evaluation.metrics import Best
from nmt.runtime.device import Runtime
from nmt.runtime.ranks import Ranks
from nmt.runtime.run_directory import RunDirectory
from nmt.training.checkpoints import TrainingState
from nmt.training.facts import data_facts, machine_facts
from nmt.training.log import TrainingLog, json_numbers
from nmt.training.missed_saves import save_or_go_on
from nmt.training.validation import Validation
from nmt.training.warm_start import origin


@dataclass(frozen=True)
class BestModels:
    """The writer of a run's bundle; the best value so far is in the state that `keep` receives.

    Attributes:
        bundle: The model, with its tokenizers and settings.
        loader: The batches of train.
        runtime: The device and the precision.
        run: The folder of the run.
        log: The log of training.
        ranks: The processes of the training.
    """

    bundle: Bundle
    loader: BatchLoader
    runtime: Runtime
    run: RunDirectory
    log: TrainingLog
    ranks: Ranks

    @property
    def metric(self) -> str:
        """The metric that the best model is chosen by."""
        return self.bundle.config.training.metric

    def keep(self, state: TrainingState, validation: Validation) -> bool:
        """Write the bundle where the model has improved.

        Args:
            state: The state of training, which records the best value.
            validation: The result of the validation.

        Returns:
            Whether the bundle was written.
        """
        best = state.best.setdefault(self.metric, Best(self.metric))
        before = replace(best)
        if not best.update_with(validation.deciding_value(self.metric), state.update):
            return False
        save = partial(self._write, state, validation)
        what = f"the best model by {self.metric}"
        if save_or_go_on(save, what, best.update, self.log, self.ranks):
            return True
        state.best[self.metric] = before
        return False

    def best(self, state: TrainingState) -> Best | None:
        """Return the best value so far; None while there is none."""
        best = state.best.get(self.metric)
        return None if best is None or best.value is None else best

    def _write(self, state: TrainingState, validation: Validation) -> None:
        if self.ranks.leads:
            chosen_by = validation.deciding_value(self.metric).shown[0]
            save_bundle(self.bundle, self.run.best, self._facts(state, validation, chosen_by))

    def _facts(
        self, state: TrainingState, validation: Validation, chosen_by: str
    ) -> dict[str, object]:
        return {
            "updates": state.update,
            "epochs": state.epoch + 1,
            "target_tokens": state.target_tokens,
            "training_seconds": round(state.seconds, 1),
            "chosen_by": chosen_by,
            "dev": json_numbers(validation.metrics),
            "dev_signatures": validation.signatures,
            "train_fingerprint": self.loader.corpus.fingerprint,
            "batch_size": self.loader.batch_size,
            "precision": self.runtime.choices.precision,
            **origin(self.bundle.config.training, state),
            **data_facts(self.run),
            **machine_facts(self.runtime, self.ranks.size),
        }
