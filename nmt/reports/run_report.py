"""The content of a report on a run, and its form as plain data for programs."""

from dataclasses import asdict, dataclass
from typing import Any

from nmt.config.serialize import SettingDifference, changed_from_defaults
from nmt.reports.corpus_report import DataReport, examine_corpora_or_reason
from nmt.reports.run_history import DevPoint, LoggedWarning, Session, read_warnings
from nmt.reports.run_state import RunProgress, RunState, run_progress
from nmt.text.lines import wrap_read_errors


@dataclass(frozen=True)
class RunReport:
    """A report on a run.

    Attributes:
        state: The run as it was read from disk.
        progress: The progress of training; None where the configuration cannot be read.
        best: The best validation; None where there is none.
        data: The data report; None where the corpora cannot be read.
        data_problem: The reason why there is no data report.
        warnings: The distinct warnings of the run's log.
        changes: The settings that differ from their defaults.
    """

    state: RunState
    progress: RunProgress | None
    best: DevPoint | None
    data: DataReport | None
    data_problem: str
    warnings: list[LoggedWarning]
    changes: list[SettingDifference]

    def record(self) -> dict[str, Any]:
        """Return the report as plain data for JSON."""
        state, history = self.state, self.state.history
        config = None if state.config is None else state.config.model_dump(mode="json")
        return {
            "run": str(state.run.path),
            "name": state.name,
            "status": state.status,
            "process": state.process,
            "update": history.update,
            "seconds": history.seconds,
            "ended": history.ended,
            "made": state.now,
            "progress": None if self.progress is None else asdict(self.progress),
            "best_metric": state.best_metric,
            "best": None if self.best is None else _dev(self.best),
            "train": [asdict(point) for point in history.train],
            "dev": [_dev(point) for point in history.dev],
            "sittings": [_session(each) for each in history.sessions],
            "faults": [asdict(fault) for fault in history.faults],
            "warnings": [asdict(warned) for warned in self.warnings],
            "damaged_lines": state.damaged,
            "data": None if self.data is None else self.data.record(),
            "data_problem": self.data_problem or None,
            "changed_settings": [asdict(change) for change in self.changes],
            "config": config,
            "config_problem": state.config_problem or None,
        }


def gather_report(state: RunState) -> RunReport:
    """Gather a report on a run.

    Returns:
        The report.

    Raises:
        DataError: The log of the run cannot be read.
    """
    data, problem = examine_corpora_or_reason(state)
    with wrap_read_errors(state.run.log_text):
        warnings = read_warnings(state.run.log_text)
    return RunReport(
        state,
        run_progress(state),
        state.history.best(state.best_metric),
        data,
        problem,
        warnings,
        [] if state.config is None else changed_from_defaults(state.config),
    )


def _dev(point: DevPoint) -> dict[str, Any]:
    return {
        "update": point.update,
        "time": point.time,
        "seconds": point.seconds,
        **point.metrics,
        "samples": [asdict(sample) for sample in point.samples],
    }


def _session(each: Session) -> dict[str, Any]:
    return {"update": each.update, "time": each.time, **each.facts}
