"""The report of the doctor: a finding for each check, and a verdict."""

from dataclasses import dataclass, field
from typing import Any, Literal

from nmt.runtime.console import counted

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Remark:
    """The observation of a check. A remark with advice is a warning.

    Attributes:
        found: The observation.
        mend: Advice on how to fix it, or an empty string.
        facts: The observation as numbers, for programs.
    """

    found: str
    mend: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """The outcome of a check.

    Attributes:
        level: The level.
        check: The name of the check.
        remark: The observation.
        exit_code: The exit code of a failure (see `nmt.errors`), else 0.
        blocked_by: The failed check without which this one was not possible, else None.
    """

    level: Level
    check: str
    remark: Remark
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
        text = self.remark.found
        if self.remark.mend:
            text = f"{text.rstrip('.:')}; {self.remark.mend}"
        return f"{self.level:<4}  {self.check + ':':<{width + 1}}  {text}"

    def record(self) -> dict[str, Any]:
        """Return a record for programs."""
        return {
            "check": self.check,
            "level": self.level,
            "found": self.remark.found,
            "mend": self.remark.mend,
            "exit_code": self.exit_code,
            "blocked_by": self.blocked_by,
            "facts": self.remark.facts,
        }


def failure(check: str, message: str, exit_code: int) -> Finding:
    """Return the finding of a failed check.

    Args:
        check: The name of the check.
        message: The error message: the problem in the first line, then advice on how to fix it.
        exit_code: The exit code.
    """
    first, *rest = [" ".join(line.split()) for line in message.split("\n")]
    return Finding("fail", check, Remark(first, "; ".join(rest)), exit_code)


def not_tried(check: str, needed: Finding) -> Finding:
    """Return the finding of a check that was not made, because another check failed.

    Args:
        check: The name of the check.
        needed: The finding of a check on which it depends.
    """
    cause = needed.blocked_by or needed.check
    return Finding("warn", check, Remark("not tried", f"mend `{cause}` first"), blocked_by=cause)


@dataclass(frozen=True)
class Report:
    """All findings, in the order of the checks."""

    findings: list[Finding]

    @property
    def exit_code(self) -> int:
        """The exit code of the first failure, or 0."""
        failures = self.of_level("fail")
        return failures[0].exit_code if failures else 0

    def of_level(self, level: Level) -> list[Finding]:
        """Return the findings of a level."""
        return [finding for finding in self.findings if finding.level == level]

    @property
    def verdict(self) -> str:
        """The summary in one line."""
        failures, warnings = self.of_level("fail"), self.of_level("warn")
        if failures:
            count = counted(len(failures), "check fails", "checks fail")
            return f"not ready: {count}; mend `{failures[0].check}` first"
        summary = {finding.check: finding.remark.found for finding in self.findings}
        names = [name for name in ("time", "peak memory", "disk space") if name in summary]
        parts = [summary[name].partition(" (")[0] for name in names]
        told = f" (with {counted(len(warnings), 'warning', 'warnings')})" if warnings else ""
        return f"ready{told}" + (f": {'; '.join(parts)}" if parts else "")

    def record(self) -> dict[str, Any]:
        """Return a record for programs."""
        return {
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "checks": [finding.record() for finding in self.findings],
        }


def size_text(count: float) -> str:
    """Return a number of bytes for people, such as 812 kB or 1.4 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return (
                f"{count:.0f} {unit}" if count >= 10 or unit == "bytes" else f"{count:.1f} {unit}"
            )
        count /= 1000
    return f"{count:.1f} TB"


def time_text(seconds: float) -> str:
    """Return a duration for people, such as 40 seconds, 12 minutes or 7.5 hours."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
