"""The HTML report on a run."""

import math

from nmt.config.serialize import dump_config, format_value
from nmt.console import format_duration
from nmt.pages.charts import MAX_POINTS, SCRIPTS, STYLE, chart_html
from nmt.pages.page import Page, escape_html, render
from nmt.reports.corpus_report import data_section
from nmt.reports.curves import curves
from nmt.reports.page_parts import (
    Column,
    Tile,
    clock,
    contents,
    count,
    paragraph,
    points,
    section,
    table,
    tiles,
)
from nmt.reports.run_history import METRICS, DevPoint, TrackedSample, track_samples
from nmt.reports.run_report import RunReport
from nmt.reports.run_state import status_text

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
    there = [(anchor, title) for anchor, title, inner in sections if inner]
    parts = [section(anchor, title, inner) for anchor, title, inner in sections]
    return render(
        Page(
            title=report.state.name,
            about=_about(report),
            body="\n".join((contents(there), _summary(report), *parts)),
            styles=(STYLE, RUN_STYLE),
            scripts=SCRIPTS,
        )
    )


def _about(report: RunReport) -> str:
    config = report.state.config
    languages = []
    if config is not None:
        languages = [f"{config.data.source_language} to {config.data.target_language}"]
    return " · ".join([*languages, status_text(report.state), f"as of {clock(report.state.now)}"])


def _summary(report: RunReport) -> str:
    history = report.state.history
    shown = []
    best = report.best
    value = None if best is None else best.deciding_value(report.state.best_metric)
    if best is not None and value is not None:
        name, points_of_best = value.shown
        title = f"Best {METRICS[name]}"
        shown.append(Tile(title, points(points_of_best), f"at update {best.update:,}"))
    if history.dev:
        shown.append(_last_validation(history.dev[-1], report.state.best_metric))
    epoch = f"epoch {history.train[-1].epoch}" if history.train else ""
    shown.append(Tile("Updates", count(history.update), epoch))
    shown.append(Tile("Time of training", format_duration(history.seconds), _left_or_begun(report)))
    if history.train:
        pace = history.train[-1].tokens_per_second
        shown.append(Tile("Pace", count(pace), "target tokens per second"))
    parameters = history.fact("parameters")
    if isinstance(parameters, int):
        shown.append(Tile("Parameters", count(parameters)))
    return _bar(report) + (tiles(shown) if history.sessions or history.train else "")


def _last_validation(point: DevPoint, best_metric: str) -> Tile:
    """Return the tile of the last validation, with the metric that chooses the best model first.

    While that metric is noise, chrF comes first.
    """
    value = point.deciding_value(best_metric)
    first = best_metric if value is None else value.shown[0]
    known = dict.fromkeys((first, "bleu", "chrf", "chrf++", "perplexity"))
    told = [
        f"{METRICS[name]} {points(point.metrics[name])}" for name in known if name in point.metrics
    ]
    return Tile("Last validation", told[0] if told else "–", ", ".join(told[1:]))


def _left_or_begun(report: RunReport) -> str:
    """Return the time that training still takes, or the time when an inactive run began."""
    progress, sessions = report.progress, report.state.history.sessions
    if report.state.status != "training":
        times = f", in {len(sessions)} sittings" if len(sessions) > 1 else ""
        return f"begun {clock(sessions[0].time)}{times}" if sessions else ""
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
    charts = "".join(map(chart_html, curves(report.state.history)))
    note = ""
    if len(report.state.history.train) > MAX_POINTS:
        note = paragraph(
            "Of each stretch of updates the highest and lowest values are drawn.", "muted"
        )
    return f'<div class="charts">{charts}</div>' + note + _validations(report)


def _validations(report: RunReport) -> str:
    dev = report.state.history.dev
    if not dev:
        return ""
    names = [name for name in METRICS if any(name in point.metrics for point in dev)]
    columns = [Column("update", True), *(Column(METRICS[name], True) for name in names)]
    rows = [
        [count(point.update), *(points(point.metrics.get(name, math.nan)) for name in names)]
        for point in dev
    ]
    return (
        f"<details><summary>All {len(dev)} validations as a table</summary>"
        f"{table(columns, rows, sortable=True)}</details>"
    )


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
                f"{report.state.damaged} lines of log.jsonl are damaged and not shown.", "bad"
            )
        )
    if history.faults:
        columns = [Column("update", True), Column("time"), Column("what happened")]
        rows = [[count(each.update), clock(each.time), each.text] for each in history.faults]
        parts.append(table(columns, rows))
    if report.warnings:
        columns = [Column("first"), Column("times", True), Column("warning")]
        rows = [[each.time, count(each.count), each.text] for each in report.warnings]
        parts.append(table(columns, rows))
    return "".join(parts) or paragraph("None.", "muted")


def _machine(report: RunReport) -> str:
    rows = []
    for session in report.state.history.sessions:
        versions = session.facts.get("versions")
        told = versions.items() if isinstance(versions, dict) else ()
        rows.append(
            [
                clock(session.time),
                count(session.update),
                str(session.facts.get("runtime", "–")),
                ", ".join(f"{name} {version}" for name, version in told) or "–",
            ]
        )
    if not rows:
        return ""
    columns = [Column("begun"), Column("at update", True), Column("machine"), Column("versions")]
    return table(columns, rows)


def _settings(report: RunReport) -> str:
    config = report.state.config
    if config is None:
        return paragraph(f"The configuration cannot be read. {report.state.config_problem}", "bad")
    columns = [Column("setting"), Column("value"), Column("default")]
    rows = [[each.key, format_value(each.new), format_value(each.old)] for each in report.changes]
    return (
        table(columns, rows)
        + "<details><summary>The whole configuration</summary>"
        + f"<pre>{escape_html(dump_config(config))}</pre></details>"
    )
