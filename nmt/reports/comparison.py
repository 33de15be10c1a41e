"""The comparison of several runs: their settings, their training and their translation quality."""

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
"""Settings that differ between any two runs and are left out."""


@dataclass(frozen=True)
class Setting:
    """A setting whose value differs between runs.

    Attributes:
        key: The key of the setting.
        values: The value in each run, as plain data.
    """

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Swing:
    """A sentence that a run translates much better or worse than the first run.

    Attributes:
        line: The line number, from 1.
        run: The index of the run.
        change: The change in the sentence's chrF, in points.
        source: The source; empty where it is not known.
        reference: The reference.
        hypotheses: The translations of the first run and of this one.
        scores: The chrF of these translations.
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
    """The translation quality of runs on a text.

    Attributes:
        what: The name of the text.
        report: The scores, with the first run as the baseline.
    """

    what: str
    report: Report


@dataclass(frozen=True)
class RunComparison:
    """A comparison of runs.

    Attributes:
        states: The state of each run.
        names: The names of the runs, all different.
        settings: The settings that differ.
        settings_problem: The reason why the settings are not compared.
        judged: The translation quality; None where it is not compared.
        why_not: The reason why translation quality is not compared.
    """

    states: tuple[RunState, ...]
    names: tuple[str, ...]
    settings: tuple[Setting, ...]
    settings_problem: str
    judged: Judged | None
    why_not: str

    def record(self, swings: int) -> dict[str, Any]:
        """Return the comparison as plain data for JSON.

        Args:
            swings: The number of sentences with the largest differences to list.
        """
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
    """Compare runs.

    Args:
        states: The state of each run.
        judge: A function that is given the names of the runs. It returns their translation quality,
            or the reason why it is not known.

    Returns:
        The comparison.
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
    """Return the settings that differ between configurations, in the order of the reference."""
    first, *others = configs
    found: dict[str, list[Any]] = {}
    for place, other in enumerate(others, start=1):
        for difference in config_differences(first, other):
            values = found.setdefault(difference.key, [difference.old] * len(configs))
            values[place] = difference.new
    order = [key for key in all_keys() if key in found and key not in _LOCATIONS]
    return [Setting(key, tuple(found[key])) for key in order]


def swings_of(report: Report, wanted: int) -> list[Swing]:
    """Return the sentences whose chrF differs most from that of the first run, the largest first.

    Args:
        report: The scores of the runs.
        wanted: The greatest number of sentences to return.
    """
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
    """Return a distinct name for each run.

    Runs of the same name go by their folders, and where these are equal too, by folder and number.
    """
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
