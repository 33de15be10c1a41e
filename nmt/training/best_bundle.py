"""The bundle of the best model of a run, and its provenance."""

import platform
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import sentencepiece
import torch

from nmt.bundles.bundle import Bundle, save_bundle
from nmt.data.manifest import MANIFEST, Manifest
from nmt.evaluation.metrics import BestValidation
from nmt.runtime.device import Runtime
from nmt.runtime.distributed import Ranks
from nmt.runtime.run_directory import RunDirectory
from nmt.training.batch_loader import BatchLoader
from nmt.training.checkpoints import TrainingState, save_or_warn
from nmt.training.training_log import TrainingLog, json_numbers
from nmt.training.validation import Validation
from nmt.training.warm_start import training_origin
from nmt.version import __version__


@dataclass(frozen=True)
class BestModelWriter:
    """The writer of a run's bundle.

    The state that `save_if_better` receives records the best value so far.

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

    def save_if_better(self, state: TrainingState, validation: Validation) -> bool:
        """Write the bundle where the model has improved.

        Args:
            state: The state of training, which records the best value.
            validation: The result of the validation.

        Returns:
            Whether the bundle was written.
        """
        best = state.best.setdefault(self.metric, BestValidation(self.metric))
        before = replace(best)
        if not best.update_with(validation.deciding_value(self.metric), state.update):
            return False
        save = partial(self._write, state, validation)
        what = f"the best model by {self.metric}"
        if save_or_warn(save, what, best.update, self.log, self.ranks):
            return True
        state.best[self.metric] = before
        return False

    def best(self, state: TrainingState) -> BestValidation | None:
        """Return the best value so far; None while there is none."""
        best = state.best.get(self.metric)
        return None if best is None or best.value is None else best

    def _write(self, state: TrainingState, validation: Validation) -> None:
        if self.ranks.is_rank_zero:
            chosen_by = validation.deciding_value(self.metric).shown[0]
            save_bundle(self.bundle, self.run.best, self._provenance(state, validation, chosen_by))

    def _provenance(
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
            **({"dev_groups": json_numbers(validation.groups)} if validation.groups else {}),
            "train_fingerprint": self.loader.corpus.fingerprint,
            "batch_size": self.loader.batch_size,
            "precision": self.runtime.choices.precision,
            **training_origin(self.bundle.config.training, state),
            **data_provenance(self.run),
            **machine_provenance(self.runtime, self.ranks.size),
        }


def data_provenance(run: RunDirectory) -> dict[str, Any]:
    """Return the name, line count and checksum of each text of a run, without its folder."""
    if not (run.data / MANIFEST).is_file():
        return {}
    inputs = Manifest.load(run.data).inputs
    return {
        "data": {
            corpus: [
                {"name": file.path.rpartition("/")[2], "lines": file.lines, "sha256": file.sha256}
                for file in files
            ]
            for corpus, files in inputs.items()
        }
    }


def machine_provenance(runtime: Runtime, processes: int) -> dict[str, Any]:
    """Return the machine that a model was trained on, and the versions of the software.

    Args:
        runtime: The device and the precision.
        processes: The number of processes that train together.
    """
    machine = runtime.describe().removeprefix("device ")
    return {
        "machine": machine if processes == 1 else f"{processes} processes, each: {machine}",
        "versions": {
            "nmt": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "sentencepiece": sentencepiece.__version__,
        },
    }


_PACKAGES = ("torch", "numpy", "sentencepiece", "sacrebleu", "safetensors", "pydantic")


def software_versions() -> dict[str, str]:
    """Return the versions of nmt, Python, the system and the packages that results depend on.

    Returns:
        The versions by name, without packages that are not installed.
    """
    by_name = {
        "nmt": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for name in _PACKAGES:
        try:
            by_name[name] = version(name)
        except PackageNotFoundError:
            continue
    return by_name
