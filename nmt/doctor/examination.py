"""An examination: checks one after the other, and the report on their findings."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nmt.console import collect_warnings, format_count, show_activity
from nmt.errors import NmtError, is_out_of_memory
from nmt.runtime.atomic_files import wrap_os_errors
from nmt.runtime.run_directory import RunDirectory

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from nmt.bundles.bundle import Bundle
    from nmt.config.settings import Config
    from nmt.doctor.corpus_sample import CorpusSample
    from nmt.runtime.device import Runtime
    from nmt.tokenizers.tokenizer import TokenizerPair
    from nmt.training.batch_loader import BatchLoader
    from nmt.training.checkpoints import TrainingState
    from nmt.training.data_preparation import PreparedData

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class CheckResult:
    """The result of a check that did not fail. A result with advice is a warning.

    Attributes:
        summary: The observation in a sentence.
        advice: Advice on how to fix it, or an empty string.
        facts: The observation as numbers, for programs.
    """

    summary: str
    advice: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """The outcome of a check.

    Attributes:
        level: The level.
        check: The name of the check.
        result: The result of the check, or the error message.
        exit_code: The exit code of a failure (see `nmt.errors`), else 0.
        blocked_by: The failed check without which this one was not possible, else None.
    """

    level: Level
    check: str
    result: CheckResult
    exit_code: int = 0
    blocked_by: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether other checks may depend on this one."""
        return self.blocked_by is None and self.level != "fail"

    def line(self, width: int) -> str:
        """Return a line for people.

        Args:
            width: The length of the longest name of a check.
        """
        text = self.result.summary
        if advice := self.result.advice:
            if advice[1:2].islower():  # a sentence, which continues after the semicolon
                advice = advice[0].lower() + advice[1:]
            text = f"{text.rstrip('.:')}; {advice}"
        return f"{self.level:<4}  {self.check + ':':<{width + 1}}  {text}"

    def to_dict(self) -> dict[str, Any]:
        """Return a record for programs."""
        return {
            "check": self.check,
            "level": self.level,
            "found": self.result.summary,
            "fix": self.result.advice,
            "exit_code": self.exit_code,
            "blocked_by": self.blocked_by,
            "facts": self.result.facts,
        }


def failure(check: str, message: str, exit_code: int) -> Finding:
    """Return the finding of a failed check.

    Args:
        check: The name of the check.
        message: The error message: the problem in the first line, then advice on how to fix it.
        exit_code: The exit code.
    """
    first, *rest = [" ".join(line.split()) for line in message.split("\n")]
    return Finding("fail", check, CheckResult(first, "; ".join(rest)), exit_code)


def blocked_finding(check: str, failed: Finding) -> Finding:
    """Return the finding of a check that was not made, because another check failed.

    Args:
        check: The name of the check.
        failed: The finding of a check on which it depends.
    """
    cause = failed.blocked_by or failed.check
    return Finding("warn", check, CheckResult("not run", f"fix `{cause}` first"), blocked_by=cause)


@dataclass(frozen=True)
class DoctorReport:
    """All findings, in the order of the checks."""

    findings: list[Finding]

    @property
    def exit_code(self) -> int:
        """The exit code of the first failure, or 0."""
        failures = self.with_level("fail")
        return failures[0].exit_code if failures else 0

    def with_level(self, level: Level) -> list[Finding]:
        """Return the findings of a level."""
        return [finding for finding in self.findings if finding.level == level]

    @property
    def verdict(self) -> str:
        """The summary in one line."""
        failures, warnings = self.with_level("fail"), self.with_level("warn")
        if failures:
            count = format_count(len(failures), "check fails", "checks fail")
            return f"not ready: {count}; fix `{failures[0].check}` first"
        summaries = {finding.check: finding.result.summary for finding in self.findings}
        names = [name for name in ("time", "peak memory", "disk space") if name in summaries]
        parts = [summaries[name].partition(" (")[0] for name in names]
        warned = f" (with {format_count(len(warnings), 'warning', 'warnings')})" if warnings else ""
        return f"ready{warned}" + (f": {'; '.join(parts)}" if parts else "")

    def to_dict(self) -> dict[str, Any]:
        """Return a record for programs."""
        return {
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "checks": [finding.to_dict() for finding in self.findings],
        }


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
    _temporary_folder: Path | None = None
    config: "Config" = field(init=False)
    runtime: "Runtime" = field(init=False)
    state: "TrainingState | None" = field(init=False)
    tokenizers: "TokenizerPair | None" = field(init=False)
    data: "PreparedData | None" = field(init=False)
    sample: "CorpusSample | None" = field(init=False)
    bundle: "Bundle" = field(init=False)
    loader: "BatchLoader" = field(init=False)
    optimizer: "Optimizer" = field(init=False)
    seconds_per_update: float = field(init=False)
    waited_share: float = 0.0
    checkpoint_bytes: int = field(init=False)

    @property
    def run(self) -> RunDirectory:
        """The run of the configuration."""
        return RunDirectory.from_config(self.config)

    @property
    def disk_folder(self) -> Path:
        """The nearest existing folder above the run.

        Without a readable configuration, it is the current folder.
        """
        return nearest_existing_folder(
            self.run.path.parent if hasattr(self, "config") else Path.cwd()
        )

    @property
    def temporary_folder(self) -> Path:
        """The temporary folder of this examination alone."""
        if self._temporary_folder is None:
            return self.make_temporary_folder(Path(tempfile.gettempdir()))
        return self._temporary_folder

    def make_temporary_folder(self, parent: Path) -> Path:
        """Return a new temporary folder in `parent`, for this examination.

        Raises:
            ResourceError: The folder cannot be made.
        """
        with wrap_os_errors(parent):
            directory = tempfile.TemporaryDirectory(prefix=".tmp-doctor-", dir=parent)
        self._temporary_folder = Path(self._stack.enter_context(directory))
        return self._temporary_folder

    def close(self) -> None:
        """Remove the temporary folder."""
        self._stack.close()


def nearest_existing_folder(folder: Path) -> Path:
    """Return a folder, or the nearest existing folder above it."""
    with wrap_os_errors(folder):
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
    return folder


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        name: The name of the check.
        run: A function that returns the result, or raises an NmtError.
        needs: The checks that must not have failed.
    """

    name: str
    run: Callable[[Examination], CheckResult]
    needs: tuple[str, ...] = ()


def run_checks(
    examination: Examination,
    checks: Sequence[Check],
    show: Callable[[Finding], None],
    earlier: DoctorReport | None = None,
    raise_unexpected_errors: bool = False,
) -> DoctorReport:
    """Run the checks in order and return all findings, including the earlier ones.

    Args:
        examination: The subject and the results of earlier checks.
        checks: The checks.
        show: A function that is called with each finding.
        earlier: The report of earlier checks.
        raise_unexpected_errors: Whether to raise errors other than NmtError, which are reported
            otherwise.

    Returns:
        The report.
    """
    report = earlier or DoctorReport([])
    for check in checks:
        missing = [
            earlier_finding
            for earlier_finding in report.findings
            if not earlier_finding.is_sound and earlier_finding.check in check.needs
        ]
        finding = (
            blocked_finding(check.name, missing[0])
            if missing
            else _run_check(check, examination, raise_unexpected_errors)
        )
        report = DoctorReport([*report.findings, finding])
        show(finding)
    return report


def _run_check(check: Check, examination: Examination, raise_unexpected_errors: bool) -> Finding:
    try:
        with show_activity(f"doctor: {check.name}"), collect_warnings() as warnings:
            result = check.run(examination)
    except NmtError as error:
        return failure(check.name, error.message, error.exit_code)
    except Exception as error:
        if is_out_of_memory(error):
            return failure(
                check.name,
                "out of memory.\nUse a smaller model, or a device with more memory",
                5,
            )
        if raise_unexpected_errors:
            raise
        description = " ".join(f"{type(error).__name__}: {error}".split())
        return failure(check.name, f"{description}\nadd --debug for the traceback", 1)
    if warnings:
        texts = [" ".join(text.split()).rstrip(".") for text in warnings]
        result = replace(result, advice="; ".join(filter(None, [*texts, result.advice])))
    return Finding("warn" if result.advice else "ok", check.name, result)
