"""The report on a run: its content, its form as plain data for programs, and its HTML page."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nmt.config.differences import SettingDifference, changed_from_defaults
from nmt.config.serialize import dump_config, format_value
from nmt.console import format_duration
from nmt.pages.charts import MAX_POINTS, SCRIPTS, STYLE, chart_html
from nmt.pages.page import Page, escape_html, render
from nmt.reports.corpus_report import DataReport, data_section, examine_corpora_or_reason
from nmt.reports.curves import run_curves
from nmt.reports.page_parts import (
    Column,
    Tile,
    format_count,
    format_score,
    format_time,
    links_to_sections,
    paragraph,
    section,
    table,
    tiles,
)
from nmt.reports.run_history import (
    METRICS,
    DevPoint,
    LoggedWarning,
    Session,
    TrackedSample,
    read_warnings,
    track_samples,
)
from nmt.reports.run_state import RunProgress, RunState, run_progress, status_text
from nmt.text.lines import wrap_read_errors
from nmt.tokenizers.source_tags import TagInventory


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
            "sittings": [_session(session) for session in history.sessions],
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
        **({"groups": dict(point.groups)} if point.groups else {}),
        "samples": [asdict(sample) for sample in point.samples],
    }


def _session(each: Session) -> dict[str, Any]:
    return {"update": each.update, "time": each.time, **each.facts}


RUN_STYLE = "run.css"

_STAGES_SHOWN = 8


def report_page(report: RunReport) -> str:
    """Return the report as a self-contained HTML document."""
    sections = (
        ("curves", "Curves", _curves(report)),
        ("samples", "Samples", _samples(report)),
        ("data", "Data", data_section(report.data, report.data_problem)),
        ("events", "Faults and warnings", _events(report)),
        ("machine", "Machine", _machine(report)),
        ("settings", "Settings", _settings(report)),
    )
    present = [(anchor, title) for anchor, title, inner in sections if inner]
    parts = [section(anchor, title, inner) for anchor, title, inner in sections]
    return render(
        Page(
            title=report.state.name,
            about=_subtitle(report),
            body="\n".join((links_to_sections(present), _summary(report), *parts)),
            styles=(STYLE, RUN_STYLE),
            scripts=SCRIPTS,
        )
    )


def _subtitle(report: RunReport) -> str:
    config = report.state.config
    languages = []
    if config is not None:
        languages = [" to ".join(TagInventory.of(config.data).language_pair)]
    return " · ".join(
        [*languages, status_text(report.state), f"as of {format_time(report.state.now)}"]
    )


def _summary(report: RunReport) -> str:
    history = report.state.history
    figures = []
    best = report.best
    value = None if best is None else best.deciding_value(report.state.best_metric)
    if best is not None and value is not None:
        name, points_of_best = value.shown
        title = f"Best {METRICS[name]}"
        figures.append(Tile(title, format_score(points_of_best), f"at update {best.update:,}"))
    if history.dev:
        figures.append(_last_validation(history.dev[-1], report.state.best_metric))
    epoch = f"epoch {history.train[-1].epoch}" if history.train else ""
    figures.append(Tile("Updates", format_count(history.update), epoch))
    figures.append(Tile("Training time", format_duration(history.seconds), _time_note(report)))
    if history.train:
        speed = history.train[-1].tokens_per_second
        figures.append(Tile("Pace", format_count(speed), "target tokens per second"))
    parameters = history.fact("parameters")
    if isinstance(parameters, int):
        figures.append(Tile("Parameters", format_count(parameters)))
    return _bar(report) + (tiles(figures) if history.sessions or history.train else "")


def _last_validation(point: DevPoint, best_metric: str) -> Tile:
    """Return the tile of the last validation, with the metric that chooses the best model first.

    While that metric is noise, chrF comes first.
    """
    value = point.deciding_value(best_metric)
    first = best_metric if value is None else value.shown[0]
    names = dict.fromkeys((first, "bleu", "chrf", "chrf++", "perplexity"))
    texts = [
        f"{METRICS[name]} {format_score(point.metrics[name])}"
        for name in names
        if name in point.metrics
    ]
    return Tile("Last validation", texts[0] if texts else "–", ", ".join(texts[1:]))


def _time_note(report: RunReport) -> str:
    """Return the time that training still takes, or the time when an inactive run began."""
    progress, sessions = report.progress, report.state.history.sessions
    if report.state.status != "training":
        times = f", in {len(sessions)} sessions" if len(sessions) > 1 else ""
        return f"begun {format_time(sessions[0].time)}{times}" if sessions else ""
    if progress is None:
        return ""
    if progress.left is not None:
        return f"about {format_duration(progress.left)} to {progress.key}"
    if progress.patience is not None:
        return f"{progress.in_vain} of {progress.patience} validations without improvement"
    return ""


def _bar(report: RunReport) -> str:
    progress = report.progress
    if progress is None or progress.share is None or report.state.status != "training":
        return ""
    share = round(100 * progress.share)
    return (
        f'<div class="progress" role="progressbar" aria-label="Training" aria-valuenow="{share}" '
        f'aria-valuemin="0" aria-valuemax="100"><span style="width: {share}%"></span></div>'
    )


def _curves(report: RunReport) -> str:
    if report.state.status == "not begun":
        return ""
    charts = "".join(map(chart_html, run_curves(report.state.history)))
    note = ""
    if len(report.state.history.train) > MAX_POINTS:
        note = paragraph(
            "The chart shows the highest and lowest value of each interval of updates.", "muted"
        )
    return f'<div class="charts">{charts}</div>' + note + _validations(report)


def _validations(report: RunReport) -> str:
    dev = report.state.history.dev
    if not dev:
        return ""
    names = [name for name in METRICS if any(name in point.metrics for point in dev)]
    columns = [Column("update", True), *(Column(METRICS[name], True) for name in names)]
    rows = [
        [
            format_count(point.update),
            *(format_score(point.metrics.get(name, math.nan)) for name in names),
        ]
        for point in dev
    ]
    return (
        f"<details><summary>All {len(dev)} validations as a table</summary>"
        f"{table(columns, rows, sortable=True)}</details>{_language_pairs(dev[-1], names)}"
    )


def _language_pairs(point: DevPoint, names: Sequence[str]) -> str:
    """Return a table of the values of each language pair; an empty text where dev has one."""
    if not point.groups:
        return ""
    columns = [Column("language pair"), *(Column(METRICS[name], True) for name in names)]
    rows = [
        [label, *(format_score(values.get(name, math.nan)) for name in names)]
        for label, values in point.groups.items()
    ]
    return paragraph("The last validation by language pair:") + table(columns, rows)


def _samples(report: RunReport) -> str:
    return "".join(map(_sample, track_samples(report.state.history)))


def _sample(sentence: TrackedSample) -> str:
    rows = [_stage(stage.first, stage.last, stage.text, stage.chrf) for stage in sentence.stages]
    rows[-1] = rows[-1].replace("<tr>", '<tr class="last">')
    head = (
        '<thead><tr><th scope="col">updates</th><th scope="col">translation</th>'
        '<th scope="col" class="number">chrF</th></tr></thead>'
    )
    hidden = rows[:-_STAGES_SHOWN]
    shown = f"<table>{head}<tbody>{''.join(rows[-_STAGES_SHOWN:])}</tbody></table>"
    earlier = (
        f"<details><summary>{len(hidden)} earlier ones</summary>"
        f"<table>{head}<tbody>{''.join(hidden)}</tbody></table></details>"
        if hidden
        else ""
    )
    return (
        '<div class="card sample"><div class="pair">'
        f'<p class="label">source</p><p dir="auto">{escape_html(sentence.source)}</p>'
        f'<p class="label">reference</p><p dir="auto">{escape_html(sentence.reference)}</p></div>'
        f'<div class="wide">{earlier}{shown}</div></div>'
    )


def _stage(first: int, last: int, text: str, chrf: float) -> str:
    updates = f"{first:,}" if first == last else f"{first:,} – {last:,}"
    score = f"{chrf:.0f}" if math.isfinite(chrf) else "–"
    return (
        f'<tr><td>{updates}</td><td dir="auto">{escape_html(text)}</td>'
        f'<td class="number">{score}</td></tr>'
    )


def _events(report: RunReport) -> str:
    history = report.state.history
    if report.state.status == "not begun":
        return ""
    parts = []
    if report.state.damaged:
        parts.append(
            paragraph(
                f"{report.state.damaged} lines of log.jsonl are damaged and are not shown.", "bad"
            )
        )
    if history.faults:
        columns = [Column("update", True), Column("time"), Column("what happened")]
        rows = [
            [format_count(fault.update), format_time(fault.time), fault.text]
            for fault in history.faults
        ]
        parts.append(table(columns, rows))
    if report.warnings:
        columns = [Column("first"), Column("times", True), Column("warning")]
        rows = [
            [warning.time, format_count(warning.count), warning.text] for warning in report.warnings
        ]
        parts.append(table(columns, rows))
    return "".join(parts) or paragraph("None.", "muted")


def _machine(report: RunReport) -> str:
    rows = []
    for session in report.state.history.sessions:
        versions = session.facts.get("versions")
        by_package = versions.items() if isinstance(versions, dict) else ()
        rows.append(
            [
                format_time(session.time),
                format_count(session.update),
                str(session.facts.get("runtime", "–")),
                ", ".join(f"{name} {version}" for name, version in by_package) or "–",
            ]
        )
    if not rows:
        return ""
    columns = [Column("begun"), Column("at update", True), Column("machine"), Column("versions")]
    return table(columns, rows)


def _settings(report: RunReport) -> str:
    config = report.state.config
    if config is None:
        return paragraph(f"The configuration is not valid. {report.state.config_problem}", "bad")
    columns = [Column("setting"), Column("value"), Column("default")]
    rows = [
        [change.key, format_value(change.new), format_value(change.old)]
        for change in report.changes
    ]
    return (
        table(columns, rows)
        + "<details><summary>Full configuration</summary>"
        + f"<pre>{escape_html(dump_config(config))}</pre></details>"
    )
