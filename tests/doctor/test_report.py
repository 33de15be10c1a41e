"""Lines, verdicts and exit codes; and which checks are made."""

import pytest

from nmt.console import format_duration, format_size
from nmt.doctor.examination import (
    Check,
    CheckResult,
    DoctorReport,
    Examination,
    Finding,
    failure,
    run_checks,
)
from nmt.errors import DataError, ResourceError


def raising(error):
    def look(examination):
        raise error

    return look


def looked(*checks, **options):
    shown = []
    report = run_checks(Examination(None, [], {}), checks, shown.append, **options)
    assert shown == report.findings
    return report


def sound(examination):
    return CheckResult("good")


def test_a_line_tells_what_was_found_and_how_to_mend_it():
    assert Finding("ok", "disk", CheckResult("free.")).line(6) == "ok    disk:    free."
    assert failure("text", "a: lines differ.\nrestore\n  them", 3).line(4) == (
        "fail  text:  a: lines differ; restore; them"
    )


def test_a_failure_stops_only_what_needs_it():
    report = looked(
        Check("a", raising(DataError("no text.\nbring it"))),
        Check("b", sound),
        Check("c", sound, ("a",)),
        Check("d", sound, ("b", "c")),
        Check("e", raising(ResourceError("no room")), ("b",)),
    )
    levels = [(finding.check, finding.level, finding.blocked_by) for finding in report.findings]
    assert levels == [
        ("a", "fail", None),
        ("b", "ok", None),
        ("c", "warn", "a"),
        ("d", "warn", "a"),
        ("e", "fail", None),
    ]
    assert report.exit_code == 3
    assert report.verdict == "not ready: 2 checks fail; fix `a` first"


def test_what_can_be_mended_is_a_warning_and_no_failure():
    report = looked(Check("a", lambda examination: CheckResult("odd", "look at it")))
    assert report.findings[0].level == "warn"
    assert report.exit_code == 0
    assert report.verdict == "ready (with 1 warning)"


def test_out_of_memory_is_a_resource_and_a_bug_is_a_bug():
    report = looked(Check("a", raising(MemoryError())), Check("b", raising(ValueError("x"))))
    assert [finding.exit_code for finding in report.findings] == [5, 1]
    assert report.findings[1].result.summary == "ValueError: x"
    with pytest.raises(ValueError, match="x"):
        looked(Check("b", raising(ValueError("x"))), raise_unexpected_errors=True)


def test_the_verdict_sums_up():
    findings = [
        Finding("ok", "time", CheckResult("2 hours to the end (of it)")),
        Finding("ok", "disk space", CheckResult("5 MB of disk")),
    ]
    assert DoctorReport(findings).verdict == "ready: 2 hours to the end; 5 MB of disk"


def test_sizes_and_times():
    sizes = [0, 999, 1000, 12_345, 9_990_000, 12_000_000_000, 5e15]
    assert [format_size(size) for size in sizes] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "12 kB",
        "10.0 MB",
        "12 GB",
        "5000.0 TB",
    ]
    assert [format_duration(x) for x in (3, 600, 7200)] == ["3 seconds", "10 minutes", "2.0 hours"]
