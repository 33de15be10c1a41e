"""Confidence intervals of scores, and the significance of differences, both by sacreBLEU.

The methods are paired bootstrap resampling (Koehn 2004) and approximate randomization (Riezler and
Maxwell 2005).
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from nmt.errors import UsageError
from nmt.evaluation.metrics import ScorerOptions, make_scorer, metric
from nmt.evaluation.scores import check_reference_counts, mask_blank_references

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as Scorer

Method = Literal["bootstrap", "randomization"]

RESAMPLES = 1000
TRIALS = 10000
"""The numbers of resamples of a bootstrap and of trials of a randomization, as in sacreBLEU."""

SIGNIFICANT = 0.05
"""The p-value from which a difference may be due to chance."""

_SEED_VARIABLE = "SACREBLEU_SEED"
_DEFAULT_SEED = "12345"
_OUTSIDE = 40
"""One resample of this many lies below the interval, and one above it: 95% are within."""

_Counts = list[list[float]]
"""The counts of a metric in each segment of a text."""


@dataclass(frozen=True)
class SystemScore:
    """The score of one translation of a text, in points.

    Attributes:
        score: The score.
        interval: The 2.5th and the 97.5th percentile of the scores of resampled texts.
        p: The probability that chance alone gives as large a difference to the baseline; None for
            the baseline itself.
        length_ratio: Words of the translation divided by those of its references, as BLEU counts
            them.
        identical: Whether it equals the baseline, line by line.
        noise: The reason why the score is noise; empty where it is not.
    """

    score: float
    interval: tuple[float, float]
    p: float | None
    length_ratio: float
    identical: bool = False
    noise: str = ""


@dataclass(frozen=True)
class Comparison:
    """Translations of one text beside a baseline.

    Attributes:
        metric: The name of the metric in papers.
        signature: sacreBLEU's signature of the scores and intervals.
        baseline: The translation that the others are compared with.
        others: The others, in their order.
    """

    metric: str
    signature: str
    baseline: SystemScore
    others: list[SystemScore]

    @property
    def system_scores(self) -> list[SystemScore]:
        """The scores of all translations, the baseline first."""
        return [self.baseline, *self.others]


def compare(
    baseline: Sequence[str],
    others: Sequence[Sequence[str]],
    references: Sequence[Sequence[str]],
    metric_name: str,
    *,
    method: Method = "bootstrap",
    trials: int | None = None,
    lowercase: bool = False,
    tokenize: str | None = None,
) -> Comparison:
    """Score translations of one text, detokenized, and each one's difference to the baseline.

    Scores, p and the width of intervals are those of `sacrebleu --paired-bs` or `--paired-ar`, with
    two exceptions. First, p is 1 where no resample could distinguish a translation from the
    baseline. That holds where the scores or those of all resamples are the same, or under
    randomization where a single segment differs. Second, intervals are percentiles, which lie
    within the scale, and not centred on the mean.

    Args:
        baseline: One translation a line.
        others: Further translations of the same text.
        references: One sequence for each set of references.
        metric_name: A name of SCORE_METRICS.
        method: The significance test. Intervals are by the bootstrap either way.
        trials: The number of resamples or trials; None: sacreBLEU's default.
        lowercase: See `score`.
        tokenize: See `score`.

    Returns:
        The scores of all translations.

    Raises:
        DataError: The line counts differ, or there is nothing to score.
        UsageError: The text has one line, which cannot be resampled; and as `score` does.
        ResourceError: See `score`.
    """
    texts = [baseline, *others]
    for hypotheses in texts:
        check_reference_counts(hypotheses, references)
    _check_sampling(len(baseline))
    options = ScorerOptions(lowercase, tokenize, mask_blank_references(references))
    scorer = make_scorer(metric_name, options)
    counts: list[_Counts] = [scorer._extract_corpus_statistics(text, None) for text in texts]
    results = [scorer._aggregate_and_compute(score) for score in counts]
    scores = [float(result.score) for result in results]
    by_bootstrap = method == "bootstrap"
    resamples = (trials or RESAMPLES) if by_bootstrap else RESAMPLES
    resampled = _resample_scores(counts, scorer, resamples)
    differences = [abs(score - scores[0]) for score in scores[1:]]
    p_values = (
        [
            _bootstrap_p(resampled[0], score, difference)
            for score, difference in zip(resampled[1:], differences, strict=True)
        ]
        if by_bootstrap
        else _randomization_p(counts, scorer, differences, trials or TRIALS)
    )
    system_scores = [
        SystemScore(
            score=scores[index],
            interval=_interval(resampled[index]),
            p=None if index == 0 else p_values[index - 1],
            length_ratio=ratio,
            identical=index > 0 and list(texts[index]) == list(baseline),
            noise=metric(metric_name).noise(scorer, counts[index]),
        )
        for index, ratio in enumerate(_length_ratios(texts, options))
    ]
    signature = scorer.get_signature()
    signature.update("seed", os.environ.get(_SEED_VARIABLE, _DEFAULT_SEED).lower())
    signature.update("bs", resamples)
    if not by_bootstrap:
        signature.update("ar", trials or TRIALS)
    return Comparison(results[0].name, signature.format(), system_scores[0], system_scores[1:])


def _check_sampling(lines: int) -> None:
    """Raise UsageError where sacreBLEU could not sample."""
    if lines < 2:
        raise UsageError(
            "a confidence interval needs at least two lines, better some hundreds. Use a longer "
            "text."
        )
    seed = os.environ.get(_SEED_VARIABLE, "0")
    if seed.lower() != "none" and not (seed.isascii() and seed.isdigit()):
        raise UsageError(
            f"{_SEED_VARIABLE} is {seed!r}. Set it to a whole number, or to none for a new seed "
            "each time."
        )


def _resample_scores(counts: list[_Counts], scorer: "Scorer", resamples: int) -> list[list[float]]:
    """Return the scores of each text in the same resamples."""
    from sacrebleu.significance import _bootstrap_resample

    with _same_seed():
        resamples_by_text = [_bootstrap_resample(each, scorer, resamples)[1] for each in counts]
    return [[float(result.score) for result in each] for each in resamples_by_text]


@contextmanager
def _same_seed() -> Iterator[None]:
    """Return a context manager that fixes the seed of the resamples for all texts.

    A seed of `none` would otherwise give each text other resamples.
    """
    seed = os.environ.get(_SEED_VARIABLE)
    if seed is None or seed.lower() != "none":
        yield
        return
    os.environ[_SEED_VARIABLE] = str(secrets.randbelow(1 << 32))
    try:
        yield
    finally:
        os.environ[_SEED_VARIABLE] = seed


def _interval(resampled: list[float]) -> tuple[float, float]:
    ordered = sorted(resampled)
    outside = len(ordered) // _OUTSIDE
    return ordered[outside], ordered[-1 - outside]


def _bootstrap_p(baseline: list[float], other: list[float], difference: float) -> float:
    """Return p from the scores in the same resamples; `difference` is that of the whole text."""
    if difference == 0.0 or baseline == other:
        return 1.0
    differences = [abs(a - b) for a, b in zip(baseline, other, strict=True)]
    mean = fmean(differences)
    larger = sum(each - mean > difference for each in differences)
    return (larger + 1) / (len(differences) + 1)


def _randomization_p(
    counts: list[_Counts], scorer: "Scorer", differences: list[float], trials: int
) -> list[float]:
    from sacrebleu.significance import PairedTest

    systems = [(str(index), system_counts) for index, system_counts in enumerate(counts)]
    test: Any = PairedTest  # it receives counts in place of texts
    _, results_by_system = test(systems, {"metric": _CountScorer(scorer)}, None, "ar", trials, -1)()
    del results_by_system["System"]
    ((_, *results),) = results_by_system.values()
    p_values = []
    for system_counts, difference, result in zip(counts[1:], differences, results, strict=True):
        different = sum(a != b for a, b in zip(counts[0], system_counts, strict=True))
        # With a single different segment, the difference is the same in either assignment.
        p_values.append(1.0 if difference == 0.0 or different < 2 else float(result.p_value))
    return p_values


class _CountScorer:
    """A scorer of sacreBLEU that takes counts in place of texts."""

    def __init__(self, scorer: "Scorer") -> None:
        self._scorer = scorer

    def _extract_corpus_statistics(self, counts: _Counts, references: None) -> _Counts:
        return counts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scorer, name)


def _length_ratios(texts: Sequence[Sequence[str]], options: ScorerOptions) -> list[float]:
    """Return the words of each text divided by those of its references."""
    scorer = make_scorer("bleu", options)
    return [float(scorer.corpus_score(text, None).ratio) for text in texts]
