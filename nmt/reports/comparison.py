"""Several runs beside each other: their settings, their training, and how well they translate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.config.dump import config_differences
from nmt.config.schema import all_keys
from nmt.config.settings import Config
from nmt.evaluation.report import Report, buckets_record, systems_record
from nmt.evaluation.segments import SegmentScorer
from nmt.reports.state import RunState

_LOCATIONS = ("name", "run_dir")
"""Settings in which any two runs differ, and which say nothing."""


@dataclass(frozen=True)
class Setting:
    """A key whose value is not the same in all runs. values: of each, plain."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Swing:
    """A sentence of which a run's translation is much better or worse than that of the first run.

    line: from 1; run: by its place; change: of the sentence's chrF, in points; scores, hypotheses:
    of the first run and of this one.
    """

    line: int
    run: int
    change: float
    source: str
    reference: str
    hypotheses: tuple[str, str]
    scores: tuple[float, float]


@dataclass(frozen=True)
class Judged:
    """How well the runs translate a text. what: the text; report: the first run is its baseline."""

    what: str
    report: Report


@dataclass(frozen=True)
class RunComparison:
    """names: of the runs, all different; settings: those that differ; settings_problem: why they
    are not compared; judged: None where translations are not compared, and why_not tells why.
    """

    states: tuple[RunState, ...]
    names: tuple[str, ...]
    settings: tuple[Setting, ...]
    settings_problem: str
    judged: Judged | None
    why_not: str

    def record(self, swings: int) -> dict[str, Any]:
        """The same as plain data, for programs. swings: how many sentences to name."""
        record: dict[str, Any] = {
            "runs": [_run(*each) for each in zip(self.names, self.states, strict=True)],
            "settings": [{"key": each.key, "values": list(each.values)} for each in self.settings],
            "settings_problem": self.settings_problem or None,
            "not_judged": self.why_not or None,
        }
        if self.judged is not None:
            report = self.judged.report
            record |= {
                "text": self.judged.what,
                "lines": len(report.systems[0].hypotheses),
                **report.sampling,
                "systems": systems_record(report),
                "buckets": buckets_record(report),
                "swings": [_swing(each, self.names) for each in swings_of(report, swings)],
            }
        return record


def compare_runs(
    states: Sequence[RunState], judge: Callable[[Sequence[str]], Judged | str]
) -> RunComparison:
    """Compare runs. judge: given their names, tells how well they translate, or why it is not
    known.
    """
    names = _names(states)
    configs = [state.config for state in states]
    problems = [state.config_problem for state in states if state.config is None]
    known = [config for config in configs if config is not None]
    judged = judge(names)
    return RunComparison(
        tuple(states),
        names,
        () if problems else tuple(different_settings(known)),
        "\n".join(problems),
        None if isinstance(judged, str) else judged,
        judged if isinstance(judged, str) else "",
    )


def different_settings(configs: Sequence[Config]) -> list[Setting]:
    """The settings that are not the same in all, in their order."""
    first, *others = configs
    found: dict[str, list[Any]] = {}
    for place, other in enumerate(others, start=1):
        for difference in config_differences(first, other):
            values = found.setdefault(difference.key, [difference.old] * len(configs))
            values[place] = difference.new
    order = [key for key in all_keys() if key in found and key not in _LOCATIONS]
    return [Setting(key, tuple(found[key])) for key in order]


def swings_of(report: Report, wanted: int) -> list[Swing]:
    """The sentences with the greatest differences to the first run by chrF, the greatest first."""
    question = report.question
    scorer = SegmentScorer(question.references, "chrf", lowercase=question.lowercase)
    scores = [scorer.statistics(system.hypotheses).sentences() for system in report.systems]
    changes = [
        (scores[run][line] - scores[0][line], line, run)
        for run in range(1, len(scores))
        for line in range(len(scores[0]))
        if scores[run][line] != scores[0][line]
    ]
    changes.sort(key=lambda each: (-abs(each[0]), each[1], each[2]))
    texts = [system.hypotheses for system in report.systems]
    return [
        Swing(
            line + 1,
            run,
            change,
            "" if question.sources is None else question.sources[line],
            question.references[0][line],
            (texts[0][line], texts[run][line]),
            (scores[0][line], scores[run][line]),
        )
        for change, line, run in changes[:wanted]
    ]


def _names(states: Sequence[RunState]) -> tuple[str, ...]:
    """That of each run; where two have the same, their folders, and numbers where these are too."""
    names = [state.name for state in states]
    folders = [str(state.run.path) for state in states]
    chosen = [
        name if names.count(name) == 1 else folder
        for name, folder in zip(names, folders, strict=True)
    ]
    return tuple(
        f"{name} ({chosen[:place].count(name) + 1})" if name in chosen[:place] else name
        for place, name in enumerate(chosen)
    )


def _run(name: str, state: RunState) -> dict[str, Any]:
    history = state.history
    best = history.best(state.best_metric)
    return {
        "name": name,
        "run": str(state.run.path),
        "status": state.status,
        "update": history.update,
        "seconds": history.seconds,
        "parameters": history.fact("parameters"),
        "best_metric": state.best_metric,
        "best": None if best is None else {"update": best.update, **best.metrics},
        "dev": [{"update": point.update, **point.metrics} for point in history.dev],
    }


def _swing(swing: Swing, names: Sequence[str]) -> dict[str, Any]:
    return {
        "line": swing.line,
        "run": names[swing.run],
        "change": swing.change,
        "source": swing.source,
        "reference": swing.reference,
        "translations": list(swing.hypotheses),
        "chrf": list(swing.scores),
    }
