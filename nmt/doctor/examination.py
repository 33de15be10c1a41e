"""The examination: checks in order, where a failed check does not stop the others."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.doctor.report import Finding, Remark, Report, failure, not_tried
from nmt.errors import NmtError, is_out_of_memory
from nmt.runtime.console import working
from nmt.runtime.files import plain_disk_errors
from nmt.runtime.run_directory import RunDirectory

if TYPE_CHECKING:  # the first checks need none of it, and no torch
    from torch.optim import Optimizer

    from nmt.bundle import Bundle
    from nmt.config.settings import Config
    from nmt.data.loader import BatchLoader
    from nmt.data.prepared_corpora import PreparedData
    from nmt.doctor.sample import Sample
    from nmt.runtime.device import Runtime
    from nmt.tokenizers.sentencepiece import TokenizerPair
    from nmt.training.checkpoints import TrainingState


@dataclass
class Examination:
    """The subject of an examination, and the results of earlier checks that later checks need.

    Attributes:
        config_file: The configuration file, or None to check only the machine.
        overrides: See `load_config`.
        machine: The settings of `runtime`, for use without a readable configuration.
        config: The configuration.
        runtime: The device and how to use it.
        state: The training state of a run that has begun, else None.
        tokenizers: The tokenizers of the run or of the sample.
        data: The data of the run or of the sample.
        sample: The sample of train, where it is not binarized.
        bundle: The untrained model.
        loader: The training batches.
        optimizer: The optimizer.
        seconds_per_update: The measured seconds of an update.
        waited_share: The share of the update time that was spent waiting for a core.
        checkpoint_bytes: The size of a checkpoint.
    """

    config_file: Path | None
    overrides: Sequence[str]
    machine: Mapping[str, object]
    _stack: ExitStack = field(default_factory=ExitStack)
    _folder: Path | None = None
    config: "Config" = field(init=False)
    runtime: "Runtime" = field(init=False)
    state: "TrainingState | None" = field(init=False)
    tokenizers: "TokenizerPair | None" = field(init=False)
    data: "PreparedData | None" = field(init=False)
    sample: "Sample | None" = field(init=False)
    bundle: "Bundle" = field(init=False)
    loader: "BatchLoader" = field(init=False)
    optimizer: "Optimizer" = field(init=False)
    seconds_per_update: float = field(init=False)
    waited_share: float = 0.0
    checkpoint_bytes: int = field(init=False)

    @property
    def run(self) -> RunDirectory:
        """The run of the configuration."""
        return RunDirectory.of(self.config)

    @property
    def place(self) -> Path:
        """The nearest existing folder above the run.

        Without a readable configuration, it is the current folder.
        """
        return nearest_folder(self.run.path.parent if hasattr(self, "config") else Path.cwd())

    @property
    def folder(self) -> Path:
        """The temporary folder of this examination alone."""
        if self._folder is None:
            return self.make_folder(Path(tempfile.gettempdir()))
        return self._folder

    def make_folder(self, place: Path) -> Path:
        """Return a new temporary folder in `place`, for this examination.

        Raises:
            ResourceError: The folder cannot be made.
        """
        with plain_disk_errors(place):
            made = tempfile.TemporaryDirectory(prefix=".tmp-doctor-", dir=place)
        self._folder = Path(self._stack.enter_context(made))
        return self._folder

    def close(self) -> None:
        """Remove the temporary folder."""
        self._stack.close()


def nearest_folder(place: Path) -> Path:
    """Return a folder, or the nearest existing folder above it."""
    with plain_disk_errors(place):
        while not place.exists() and place != place.parent:
            place = place.parent
    return place


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        name: The name of the check.
        look: A function that returns a remark, or raises an NmtError.
        needs: The checks that must not have failed.
    """

    name: str
    look: Callable[[Examination], Remark]
    needs: tuple[str, ...] = ()


def examine(
    examination: Examination,
    checks: Sequence[Check],
    show: Callable[[Finding], None],
    earlier: Report | None = None,
    stop_at_bugs: bool = False,
) -> Report:
    """Run the checks in order and return all findings, including the earlier ones.

    Args:
        examination: The subject and the results of earlier checks.
        checks: The checks.
        show: A function that is called with each finding.
        earlier: The report of earlier checks.
        stop_at_bugs: Whether to raise errors other than NmtError instead of reporting them.

    Returns:
        The report.
    """
    report = earlier or Report([])
    for check in checks:
        unsound = [each for each in report.findings if not each.is_sound]
        missing = [each for each in unsound if each.check in check.needs]
        finding = (
            not_tried(check.name, missing[0])
            if missing
            else _looked(check, examination, stop_at_bugs)
        )
        report = Report([*report.findings, finding])
        show(finding)
    return report


def _looked(check: Check, examination: Examination, stop_at_bugs: bool) -> Finding:
    try:
        with working(f"doctor: {check.name}"):
            remark = check.look(examination)
    except NmtError as error:
        return failure(check.name, error.message, error.exit_code)
    except Exception as error:
        if is_out_of_memory(error):
            return failure(
                check.name,
                "out of memory.\nTake a smaller model, or a device with more memory",
                5,
            )
        if stop_at_bugs:
            raise
        told = " ".join(f"{type(error).__name__}: {error}".split())
        return failure(check.name, f"{told}\nrun again with --debug for the traceback", 1)
    return Finding("warn" if remark.mend else "ok", check.name, remark)
