"""What the doctor found: a line for each check, and a verdict."""

from dataclasses import dataclass, field
from typing import Any, Literal

from nmt.runtime.console import counted

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Remark:
    """What a check saw. mend: what to do about it; a remark that has it is a warning. facts: the
    same as numbers, for programs.
    """

    found: str
    mend: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """The outcome of a check. exit_code: of a failure, see `nmt.errors`; else 0; blocked_by: the
    failed check without which this one could not be made.
    """

    level: Level
    check: str
    remark: Remark
    exit_code: int = 0
    blocked_by: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether other checks may build on this one."""
        return self.blocked_by is None and self.level != "fail"

    def line(self, width: int) -> str:
        """For people. width: room for the longest name of a check."""
        text = self.remark.found
        if self.remark.mend:
            text = f"{text.rstrip('.:')}; {self.remark.mend}"
        return f"{self.level:<4}  {self.check + ':':<{width + 1}}  {text}"

    def record(self) -> dict[str, Any]:
        """For programs."""
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
    """A failed check. message: as errors have it, first what is wrong, then how to mend it."""
    first, *rest = [" ".join(line.split()) for line in message.split("\n")]
    return Finding("fail", check, Remark(first, "; ".join(rest)), exit_code)


def not_tried(check: str, needed: Finding) -> Finding:
    """A check that needs what another, itself failed or not tried, did not give."""
    cause = needed.blocked_by or needed.check
    return Finding("warn", check, Remark("not tried", f"mend `{cause}` first"), blocked_by=cause)


@dataclass(frozen=True)
class Report:
    """All findings, in the order of the checks."""

    findings: list[Finding]

    @property
    def exit_code(self) -> int:
        """That of the first failure, or 0."""
        failures = self.of_level("fail")
        return failures[0].exit_code if failures else 0

    def of_level(self, level: Level) -> list[Finding]:
        """The findings of a level."""
        return [finding for finding in self.findings if finding.level == level]

    @property
    def verdict(self) -> str:
        """The sum of it, in a line."""
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
        """For programs."""
        return {
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "checks": [finding.record() for finding in self.findings],
        }


def size_text(count: float) -> str:
    """So many bytes, for people: 812 kB, 1.4 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return (
                f"{count:.0f} {unit}" if count >= 10 or unit == "bytes" else f"{count:.1f} {unit}"
            )
        count /= 1000
    return f"{count:.1f} TB"


def time_text(seconds: float) -> str:
    """A duration, for people: 40 seconds, 12 minutes, 7.5 hours."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
