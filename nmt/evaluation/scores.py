"""Corpus scores of translations, by sacreBLEU: what a paper may print, with its signature."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nmt.errors import DataError, NmtError, ResourceError, UsageError

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

MetricName = Literal["bleu", "chrf", "ter"]

_EXTRAS = {"ja-mecab": "sacrebleu[ja]", "ko-mecab": "sacrebleu[ko]"}

METRICS: tuple[MetricName, ...] = ("bleu", "chrf", "ter")

LESS_IS_BETTER = frozenset(("ter",))


@dataclass(frozen=True)
class Score:
    """The score of a whole corpus by one metric.

    metric: the name to ask for it by; name: as papers write it (BLEU, chrF2, TER); value: in
    points, 0 to 100 (TER: edits per 100 words, may be more); signature: how sacreBLEU came to it;
    details: BLEU's precisions, brevity penalty and lengths, else empty.
    """

    metric: str
    name: str
    value: float
    signature: str
    details: str = ""

    def __str__(self) -> str:
        return f"{self.name} = {self.value:.1f}  ({self.signature})"


def score(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    metrics: Sequence[MetricName] = METRICS,
    *,
    lowercase: bool = False,
    tokenize: str | None = None,
) -> list[Score]:
    """Score detokenised hypotheses against one or more references of each.

    references: one sequence for each set of references, each as long as `hypotheses`; lowercase:
    compare without case (TER always does); tokenize: sacreBLEU's tokenizer for BLEU, default 13a.

    Raises DataError when the counts differ or there is nothing to score, UsageError for a
    tokenizer that sacreBLEU does not have or that needs a package, ResourceError for one whose file
    cannot be downloaded.
    """
    check_counts(hypotheses, references)
    scores = []
    for name in metrics:
        scorer = metric_of(name, lowercase, tokenize)
        result = scorer.corpus_score(hypotheses, references)
        signature = scorer.get_signature().format()
        details = getattr(result, "_verbose", "").strip()
        scores.append(Score(name, result.name, float(result.score), signature, details))
    return scores


def check_counts(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Raise DataError unless there are hypotheses, and as many of each reference."""
    if not references:
        raise DataError("there are no references to score against. Give at least one with --ref.")
    counts = [len(stream) for stream in references]
    if any(count != len(hypotheses) for count in counts):
        each = ", ".join(f"reference {i}: {count}" for i, count in enumerate(counts, 1))
        raise DataError(
            f"line counts differ: hypotheses: {len(hypotheses)}, {each}. Line i of each must "
            "belong to line i of the others; look for lines that were lost or added."
        )
    if not hypotheses:
        raise DataError("there is nothing to score: hypotheses and references have no lines.")


def metric_of(
    name: MetricName,
    lowercase: bool = False,
    tokenize: str | None = None,
    references: Sequence[Sequence[str]] | None = None,
    *,
    effective_order: bool = False,
) -> "Metric":
    """The sacreBLEU metric; its own warnings are off, `nmt.evaluation.checks` gives ours.

    references: looked through once, for a metric that is to score several translations of them;
    effective_order: BLEU of single sentences, which takes the orders of n-grams that there are
    (chrF always does). Raises as `score` does.
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    if name == "chrf":
        return CHRF(lowercase=lowercase, references=references)
    if name == "ter":
        return TER(references=references)
    if tokenize is not None and tokenize not in BLEU.TOKENIZERS:
        raise UsageError(
            f"sacreBLEU has no tokenizer {tokenize!r}; choose one of {', '.join(BLEU.TOKENIZERS)}."
        )
    try:
        return BLEU(
            lowercase,
            force=True,
            tokenize=tokenize,
            effective_order=effective_order,
            references=references,
        )
    except (OSError, RuntimeError, ImportError) as error:
        raise _unloadable(tokenize, error) from error


def _unloadable(tokenize: str | None, error: Exception) -> NmtError:
    """What to do about a tokenizer that needs more than comes with sacreBLEU."""
    if isinstance(error, OSError):
        from sacrebleu.utils import SACREBLEU_DIR

        return ResourceError(
            f"the tokenizer {tokenize!r} needs a file that sacreBLEU could not download: "
            f"{getattr(error, 'reason', error)}.\n"
            f"Run this once with a connection (the file is kept in {SACREBLEU_DIR}), or choose a "
            "tokenizer that needs none, such as 13a, intl or char."
        )
    if tokenize in _EXTRAS:
        return UsageError(
            f"the tokenizer {tokenize!r} needs packages that are not installed. "
            f"Install them: pip install '{_EXTRAS[tokenize]}'."
        )
    return UsageError(
        f"the tokenizer {tokenize!r} cannot be loaded: {' '.join(str(error).split())}"
    )
