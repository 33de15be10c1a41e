"""Comparison of search settings by the scores of their translations of one text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmt.config.settings import SearchSettings
from nmt.errors import DataError
from nmt.evaluation.scores import bleu_tokenizer
from nmt.evaluation.significance import SIGNIFICANT, Standing, compare
from nmt.search.translator import Translator
from nmt.text.characters import comparable
from nmt.tuning.sweep import Outcome, sweep


@dataclass(frozen=True)
class Trial:
    """Search settings and their result.

    Attributes:
        settings: The search settings.
        standing: The score of their translations.
        sentences_per_second: The speed on this machine.
        present: Whether these are the present defaults.
    """

    settings: SearchSettings
    standing: Standing
    sentences_per_second: float
    present: bool


@dataclass(frozen=True)
class Tuning:
    """All trials, best first.

    Attributes:
        metric: The name of the metric in papers.
        signature: The signature of sacreBLEU for the scores.
        sentences: The number of sentences in the text.
        trials: The trials, best first.
    """

    metric: str
    signature: str
    sentences: int
    trials: list[Trial]

    @property
    def winner(self) -> Trial:
        """The trial with the highest score; of several such, see `tune`."""
        return self.trials[0]

    @property
    def present(self) -> Trial:
        """The trial of the present defaults."""
        return next(trial for trial in self.trials if trial.present)

    @property
    def has_higher_score(self) -> bool:
        """Whether the winner scores higher than the present defaults."""
        return self.winner.standing.score > self.present.standing.score

    @property
    def within_noise(self) -> bool:
        """Whether the winner may be no better than the present defaults."""
        p = self.winner.standing.p
        return bool(self.noise) or (p is not None and p >= SIGNIFICANT)

    @property
    def noise(self) -> str:
        """The reason why the best score is noise, empty where it is not."""
        return self.winner.standing.noise

    def record(self) -> dict[str, Any]:
        """Return the result as plain data, for programs."""
        return {
            "metric": self.metric,
            "signature": self.signature,
            "sentences": self.sentences,
            "trials": [_record(trial) for trial in self.trials],
        }


def tune(
    translator: Translator,
    sources: Sequence[str],
    references: Sequence[Sequence[str]],
    points: Sequence[SearchSettings],
    metric: str,
) -> Tuning:
    """Translate a text with all settings, and compare each score with that of the first.

    Texts are compared in the form of `comparable`.

    Args:
        translator: The translator.
        sources: The source texts.
        references: One list for each set of references, each as long as `sources`.
        points: The settings to try, the present defaults first.
        metric: The metric, a name of TUNING_METRICS.

    Returns:
        All trials, by score. Of equal scores, the smaller beam comes first, then the present
        defaults, then the order of `points`.

    Raises:
        UsageError: The model cannot do one of the searches.
        DataError: The numbers of sources and references differ, or there is nothing to translate.
    """
    if next(translator.batches(sources), None) is None:
        raise DataError("there is nothing to tune on: all lines of the source are blank.")
    outcomes = sweep(translator, sources, points)
    baseline, *others = [list(map(comparable, outcome.texts)) for outcome in outcomes]
    references = [list(map(comparable, each)) for each in references]
    # Other metrics need no words, but the length ratio counts the words of BLEU.
    tokenize = (
        translator.bleu_tokenizer
        if metric == "bleu"
        else bleu_tokenizer(translator.target_language, report=None)
    )
    compared = compare(baseline, others, references, metric, tokenize=tokenize)
    standings = [compared.baseline, *compared.others]
    trials = [
        _trial(outcome, standing, present=outcome is outcomes[0])
        for outcome, standing in zip(outcomes, standings, strict=True)
    ]
    return Tuning(compared.metric, compared.signature, len(sources), sorted(trials, key=_rank))


def _trial(outcome: Outcome, standing: Standing, present: bool) -> Trial:
    rate = len(outcome.texts) / outcome.seconds if outcome.seconds > 0.0 else 0.0
    return Trial(outcome.settings, standing, rate, present)


def _rank(trial: Trial) -> tuple[float, int, bool]:
    return -trial.standing.score, trial.settings.beam_size, not trial.present


def _record(trial: Trial) -> dict[str, Any]:
    settings, standing = trial.settings, trial.standing
    return {
        "beam_size": settings.beam_size,
        "length_penalty": settings.length_penalty,
        "alpha": settings.alpha,
        "coverage_penalty": settings.coverage_penalty,
        "score": standing.score,
        "interval": list(standing.interval),
        "p": standing.p,
        "noise": standing.noise,
        "length_ratio": standing.length_ratio,
        "sentences_per_second": trial.sentences_per_second,
        "present": trial.present,
    }
