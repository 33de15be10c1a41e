"""How sure a score is, and a difference of two: paired bootstrap resampling (Koehn 2004)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nmt.evaluation.scores import MetricName, check_counts, metric_of

if TYPE_CHECKING:
    from sacrebleu.significance import Result

RESAMPLES = 1000


@dataclass(frozen=True)
class Standing:
    """The score of one translation of a text, in points.

    interval: 95% of the scores of resampled texts lie within; p: how likely resampling alone gives
    a difference to the baseline as large; None for the baseline itself; length_ratio: words of the
    translation to those of its references, as BLEU counts them.
    """

    score: float
    interval: tuple[float, float]
    p: float | None
    length_ratio: float


@dataclass(frozen=True)
class Comparison:
    """Translations of one text beside a baseline. metric: as papers write it; signature: how
    sacreBLEU came to the scores and intervals.
    """

    metric: str
    signature: str
    baseline: Standing
    others: list[Standing]


def compare(
    baseline: Sequence[str],
    others: Sequence[Sequence[str]],
    references: Sequence[Sequence[str]],
    metric: MetricName,
) -> Comparison:
    """Score translations of one text, detokenised, and each one's difference to the baseline.

    references: one sequence for each set of references. The figures are those of `sacrebleu
    --paired-bs`, but for a translation that equals the baseline line by line: its p is 1.

    Raises DataError when the counts differ or there is nothing to score.
    """
    from sacrebleu.significance import PairedTest

    for hypotheses in (baseline, *others):
        check_counts(hypotheses, references)
    systems = [("baseline", baseline), *((str(i), other) for i, other in enumerate(others))]
    scorers = {str(metric): metric_of(metric, references=references)}
    signatures, results = PairedTest(systems, scorers, None, "bs", RESAMPLES)()
    ((name, signature),) = signatures.items()
    lengths = metric_of("bleu", references=references)
    standings = [
        _standing(result, hypotheses == baseline, lengths.corpus_score(hypotheses, None).ratio)
        for (_, hypotheses), result in zip(systems, results[name], strict=True)
    ]
    return Comparison(name, signature.format(), standings[0], standings[1:])


def _standing(result: "Result | str", same: bool, length_ratio: float) -> Standing:
    """From sacreBLEU's figures, all of which a bootstrap test gives; same: as the baseline."""
    assert not isinstance(result, str) and result.mean is not None and result.ci is not None
    # sacreBLEU takes two equal translations for significantly different: no resample differs more.
    p = 1.0 if same and result.p_value is not None else result.p_value
    return Standing(
        score=result.score,
        interval=(float(result.mean - result.ci), float(result.mean + result.ci)),
        p=p,
        length_ratio=length_ratio,
    )
