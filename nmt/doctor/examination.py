"""An examination: checks one after the other, of which one that fails does not stop the others."""

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

if TYPE_CHECKING:  # none of it, nor torch, need be there for the first checks
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
    """What is examined, and what the checks so far have made of it for those that follow.

    machine: settings of `runtime`, for where no configuration can be read; state: of a run that has
    begun; sample: of train, where it is not binarized; data: the run's, or what was made of the
    sample; seconds_per_update: measured; waited_share: of the time of updates, in which they waited
    for a core.
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
        """The run that the configuration is of."""
        return RunDirectory.of(self.config)

    @property
    def place(self) -> Path:
        """The folder that the run will be made in, or the nearest above it that exists; where the
        configuration cannot be read, the current one.
        """
        return nearest_folder(self.run.path.parent if hasattr(self, "config") else Path.cwd())

    @property
    def folder(self) -> Path:
        """A temporary folder, of this examination alone."""
        if self._folder is None:
            return self.make_folder(Path(tempfile.gettempdir()))
        return self._folder

    def make_folder(self, place: Path) -> Path:
        """Have the temporary folder in `place`. Raises ResourceError when it cannot be made."""
        with plain_disk_errors(place):
            made = tempfile.TemporaryDirectory(prefix=".tmp-doctor-", dir=place)
        self._folder = Path(self._stack.enter_context(made))
        return self._folder

    def close(self) -> None:
        """Remove the temporary folder."""
        self._stack.close()


def nearest_folder(place: Path) -> Path:
    """Return a folder, or the nearest above it that exists."""
    with plain_disk_errors(place):
        while not place.exists() and place != place.parent:
            place = place.parent
    return place


@dataclass(frozen=True)
class Check:
    """look: gives what it saw, or raises an NmtError; needs: checks that must not have failed."""

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
    """Make the checks in their order; gives the earlier findings and theirs.

    show: is given each finding as it is made; stop_at_bugs: raise what is not an NmtError instead
    of reporting it.
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
