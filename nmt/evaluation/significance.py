"""How sure a score is, and a difference of two: paired bootstrap resampling (Koehn 2004) and
approximate randomisation (Riezler and Maxwell 2005), both by sacreBLEU.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nmt.errors import UsageError
from nmt.evaluation.scores import MetricName, check_counts, metric_of

if TYPE_CHECKING:
    from sacrebleu.significance import Result

Method = Literal["bootstrap", "randomization"]

RESAMPLES = 1000
TRIALS = 10000
"""As many as sacreBLEU takes: resamples of a bootstrap, trials of a randomisation."""

_SEED = "SACREBLEU_SEED"


@dataclass(frozen=True)
class Standing:
    """The score of one translation of a text, in points.

    interval: 95% of the scores of resampled texts lie within; p: how likely chance alone gives a
    difference to the baseline as large; None for the baseline itself; length_ratio: words of the
    translation to those of its references, as BLEU counts them; identical: whether it equals the
    baseline, line by line.
    """

    score: float
    interval: tuple[float, float]
    p: float | None
    length_ratio: float
    identical: bool = False


@dataclass(frozen=True)
class Comparison:
    """Translations of one text beside a baseline. metric: as papers write it; signature: how
    sacreBLEU came to the scores and intervals.
    """

    metric: str
    signature: str
    baseline: Standing
    others: list[Standing]

    @property
    def standings(self) -> list[Standing]:
        """All of them, the baseline first."""
        return [self.baseline, *self.others]


def compare(
    baseline: Sequence[str],
    others: Sequence[Sequence[str]],
    references: Sequence[Sequence[str]],
    metric: MetricName,
    *,
    method: Method = "bootstrap",
    trials: int | None = None,
    lowercase: bool = False,
    tokenize: str | None = None,
) -> Comparison:
    """Score translations of one text, detokenised, and each one's difference to the baseline.

    references: one sequence for each set of references; trials: how many resamples or trials, by
    default as many as sacreBLEU takes; the rest as for `score`. The figures are those of
    `sacrebleu --paired-bs` or `--paired-ar`, but for a translation that equals the baseline line by
    line: its p is 1. Intervals are by the bootstrap either way.

    Raises DataError when the counts differ or there is nothing to score, UsageError for a text of
    one line, which cannot be resampled, and as `score` does.
    """
    from sacrebleu.significance import PairedTest

    for hypotheses in (baseline, *others):
        check_counts(hypotheses, references)
    _check_sampling(len(baseline))
    systems = [("baseline", baseline), *((str(i), other) for i, other in enumerate(others))]
    scorers = {str(metric): metric_of(metric, lowercase, tokenize, references)}
    kind, samples, resamples = (
        ("bs", trials or RESAMPLES, -1)
        if method == "bootstrap"
        else ("ar", trials or TRIALS, RESAMPLES)
    )
    signatures, results = PairedTest(systems, scorers, None, kind, samples, resamples)()
    ((name, signature),) = signatures.items()
    lengths = metric_of("bleu", lowercase, tokenize, references)
    standings = [
        _standing(result, hypotheses == baseline, lengths.corpus_score(hypotheses, None).ratio)
        for (_, hypotheses), result in zip(systems, results[name], strict=True)
    ]
    return Comparison(name, signature.format(), standings[0], standings[1:])


def _check_sampling(lines: int) -> None:
    """Raises UsageError where sacreBLEU could not sample."""
    if lines < 2:
        raise UsageError(
            "how sure a score is cannot be told from a text of one line: give two or more, better "
            "some hundreds."
        )
    seed = os.environ.get(_SEED, "0")
    if seed.lower() != "none" and not (seed.isascii() and seed.isdigit()):
        raise UsageError(
            f"{_SEED} is {seed!r}. Set it to a whole number, or to none for another one each time."
        )


def _standing(result: "Result | str", same: bool, length_ratio: float) -> Standing:
    """From sacreBLEU's figures, all of which a test gives; same: as the baseline."""
    assert not isinstance(result, str) and result.mean is not None and result.ci is not None
    other = result.p_value is not None
    # sacreBLEU takes two equal translations for significantly different: no sample differs more.
    p = 1.0 if same and other else result.p_value
    return Standing(
        score=result.score,
        interval=(float(result.mean - result.ci), float(result.mean + result.ci)),
        p=p,
        length_ratio=length_ratio,
        identical=same and other,
    )
