"""The bundles of a run: the model as it was when dev liked it best, by each metric asked for."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

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
    """Keeps the bundles of a run; what has been best is in the state that it is given."""

    bundle: Bundle
    loader: BatchLoader
    runtime: Runtime
    run: RunDirectory
    log: TrainingLog
    ranks: Ranks

    @property
    def metric(self) -> str:
        """The one that the run's best model is chosen by."""
        return self.bundle.config.training.checkpoint.best_metric

    def keep(self, state: TrainingState, validation: Validation) -> list[str]:
        """Write the bundles of the metrics that improved; gives those metrics."""
        improved: list[str] = []
        others = self.bundle.config.training.checkpoint.keep_best_of
        for metric in dict.fromkeys((self.metric, *others)):
            best = state.best.setdefault(metric, Best(metric))
            before = replace(best)
            if best.update_with(validation.deciding_value(metric), state.update):
                path = self.run.best_of(None if metric == self.metric else metric)
                save = partial(self._write, path, state, validation, metric)
                what = f"the best model by {metric}"
                if save_or_go_on(save, what, best.update, self.log, self.ranks):
                    improved.append(metric)
                else:
                    state.best[metric] = before
        return improved

    def best(self, state: TrainingState) -> Best | None:
        """How good the run's best model is; None while there is none."""
        best = state.best.get(self.metric)
        return None if best is None or best.value is None else best

    def _write(self, path: Path, state: TrainingState, validation: Validation, metric: str) -> None:
        if self.ranks.leads:
            facts = self._facts(state, validation, validation.deciding_value(metric).shown[0])
            save_bundle(self.bundle, path, facts)

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
