"""The HTML report that compares several runs."""

from nmt.evaluation.page import score_page
from nmt.pages.charts import SCRIPTS, STYLE, chart_html
from nmt.pages.page import Page, render
from nmt.reports.comparison import RunComparison
from nmt.reports.comparison_curves import comparison_curves
from nmt.reports.comparison_rows import RUN_COLUMNS, run_rows, setting_rows
from nmt.reports.markup import Column, clock, paragraph, section, table
from nmt.reports.report_page import RUN_STYLE


def comparison_page(found: RunComparison) -> str:
    """Return the comparison as a self-contained HTML document."""
    judged = None if found.judged is None else score_page(found.judged.report)
    parts = (
        section("runs", "Runs", _runs(found)),
        section("settings", "Settings that differ", _settings(found)),
        section("curves", "Curves", _curves(found)),
        section("translations", f"Translations{_of_what(found)}", *_judged(found, judged)),
    )
    return render(
        Page(
            title=" and ".join(found.names) if len(found.names) == 2 else ", ".join(found.names),
            about=f"compared {clock(found.states[0].now)}",
            body="\n".join(parts),
            data=None if judged is None else judged.data,
            styles=(STYLE, RUN_STYLE, *(() if judged is None else judged.styles)),
            scripts=(*SCRIPTS, *(() if judged is None else judged.scripts)),
        )
    )


def _of_what(found: RunComparison) -> str:
    return "" if found.judged is None else f" of {found.judged.what}"


def _judged(found: RunComparison, judged: Page | None) -> tuple[str, ...]:
    return (paragraph(found.why_not, "muted"),) if judged is None else (judged.body,)


def _runs(found: RunComparison) -> str:
    return table(RUN_COLUMNS, run_rows(found))


def _settings(found: RunComparison) -> str:
    if found.settings_problem:
        return paragraph(f"Cannot be compared. {found.settings_problem}", "bad")
    if not found.settings:
        return paragraph("None: the runs have the same settings.", "muted")
    columns = (Column("setting"), *(Column(name) for name in found.names))
    return table(columns, setting_rows(found))


def _curves(found: RunComparison) -> str:
    charts = comparison_curves(found.names, [state.history for state in found.states])
    return f'<div class="charts">{"".join(map(chart_html, charts))}</div>'
