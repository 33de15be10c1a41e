"""The metrics: names, directions of improvement, sacreBLEU's scorers, and when a value is noise.

A metric is a record here and a line in `nmt.config.registry`. Commands, configurations, charts and
help texts are made from them.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmt.config.registry import DEV_METRICS, SCORE_METRICS
from nmt.errors import NmtError, ResourceError, UsageError

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as Scorer

References = Sequence[Sequence[str | None]]
"""One sequence for each set of references; None where a line has none in that set."""


@dataclass(frozen=True)
class ScorerOptions:
    """The options of a scorer of sacreBLEU.

    Attributes:
        lowercase: Whether to compare without case. TER always does.
        tokenize: The name of sacreBLEU's tokenizer for BLEU; None: its default, 13a.
        references: References to cache, for several translations of them.
        effective_order: Whether BLEU is of single sentences, and uses only the orders of n-grams
            that they have. chrF always does.
    """

    lowercase: bool = False
    tokenize: str | None = None
    references: References | None = None
    effective_order: bool = False

    @property
    def given_references(self) -> Any:
        """The references for sacreBLEU, which accepts None for a line against its types."""
        return self.references


def _no_noise(scorer: "Scorer", counts: Sequence[Sequence[float]]) -> str:
    return ""


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: The name in commands and YAML.
        title: The name for people.
        higher_is_better: Whether a higher value is better.
        highest: The end of its scale, which begins at zero.
        scorer: Makes the scorer of sacreBLEU; None for a metric of the model's probabilities.
        noise: Returns the reason why a score is noise, empty where it is not. It takes a scorer
            with cached references, and the counts of each segment.
    """

    name: str
    title: str
    higher_is_better: bool = True
    highest: float = 100.0
    scorer: "Callable[[ScorerOptions], Scorer] | None" = None
    noise: "Callable[[Scorer, Sequence[Sequence[float]]], str]" = _no_noise


def metric(name: str) -> Metric:
    """Return the metric of a name.

    Raises:
        UsageError: There is no such metric.
    """
    for registry in (SCORE_METRICS, DEV_METRICS):
        if name in registry.kinds:
            resolved: Metric = registry.resolve(name)
            return resolved
    known = dict.fromkeys((*DEV_METRICS.names(), *SCORE_METRICS.names()))
    raise UsageError(f"{name!r} is not a metric; choose one of {', '.join(known)}.")


def make_scorer(name: str, options: ScorerOptions | None = None) -> "Scorer":
    """Return the scorer of a metric.

    Its own warnings are off: `nmt.evaluation.input_checks` gives ours.

    Args:
        name: The name of the metric.
        options: The options of the scorer.

    Raises:
        UsageError: The metric needs a model and no references, sacreBLEU has no such tokenizer, or
            the tokenizer needs a package.
        ResourceError: A file of the tokenizer cannot be downloaded.
    """
    chosen = metric(name)
    if chosen.scorer is None:
        raise UsageError(
            f"{name} is not a metric of translations; choose one of "
            f"{', '.join(SCORE_METRICS.names())}."
        )
    return chosen.scorer(options or ScorerOptions())


def perplexity(loss: float) -> float:
    """Return e to the power of a loss in nats; infinity where that is no floating-point number."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


# Scorers of sacreBLEU


def _bleu(options: ScorerOptions) -> "Scorer":
    from sacrebleu.metrics.bleu import BLEU

    tokenize = options.tokenize
    if tokenize is not None and tokenize not in BLEU.TOKENIZERS:
        raise UsageError(
            f"sacreBLEU has no tokenizer {tokenize!r}; choose one of {', '.join(BLEU.TOKENIZERS)}."
        )
    try:
        return BLEU(
            options.lowercase,
            force=True,
            tokenize=tokenize,
            effective_order=options.effective_order,
            references=options.given_references,
        )
    except (OSError, RuntimeError, ImportError, AssertionError) as error:
        raise _unloadable(tokenize, error) from error


def _chrf(options: ScorerOptions) -> "Scorer":
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(lowercase=options.lowercase, references=options.given_references)


def _chrf_plus_plus(options: ScorerOptions) -> "Scorer":
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(word_order=2, lowercase=options.lowercase, references=options.given_references)


def _ter(options: ScorerOptions) -> "Scorer":
    from sacrebleu.metrics.ter import TER

    return TER(references=options.given_references)


TOKENIZER_PACKAGES = {"ja-mecab": "sacrebleu[ja]", "ko-mecab": "sacrebleu[ko]"}
"""The package to install for a tokenizer that does not come with sacreBLEU."""


def _unloadable(tokenize: str | None, error: Exception) -> NmtError:
    """Return the error about the missing requirements of a tokenizer."""
    if isinstance(error, OSError):
        from sacrebleu.utils import SACREBLEU_DIR

        return ResourceError(
            f"the tokenizer {tokenize!r} needs a file, but sacreBLEU could not download it: "
            f"{getattr(error, 'reason', error)}.\n"
            f"Run this command once online (the file is cached in {SACREBLEU_DIR}), or choose a "
            "tokenizer without a file, such as 13a, intl or char."
        )
    if tokenize in TOKENIZER_PACKAGES and not isinstance(error, AssertionError):
        return UsageError(
            f"the tokenizer {tokenize!r} needs packages that are not installed. "
            f"Install them: pip install '{TOKENIZER_PACKAGES[tokenize]}'."
        )
    return UsageError(
        f"the tokenizer {tokenize!r} cannot be loaded: {' '.join(str(error).split())}"
    )


# When BLEU is noise

_BLEU_ORDER = 4
_FEW_SHARE = 0.5
_TOO_FEW_SHARE = 0.2
_MAX_MATCHES_NEEDED = 10
_MIN_SHARE_MATCHED = 0.01
"""The share of the 4-grams that must match, for texts of fewer than 1,000 4-grams. Ten matches are
enough elsewhere: chance changes them by three, which is a tenth of BLEU.
"""

SHORT_REFERENCES = "few references have four tokens"
"""The reason why BLEU is noise for a whole text. `nmt.evaluation.input_checks` gives the
numbers."""


@dataclass(frozen=True)
class FourGrams:
    """The 4-grams of some references.

    BLEU is zero, or close to it, where translations have none of them.

    Attributes:
        references: The number of lines that have a reference.
        long_references: The number of those lines with four tokens or more.
        count: The number of all 4-grams; of several references of a line those of the longest
            count.
    """

    references: int
    long_references: int
    count: int

    @classmethod
    def from_scorer(cls, scorer: "Scorer") -> "FourGrams":
        """Return the counts for the references that a scorer of BLEU has cached."""
        cached: list[dict[str, Any]] = scorer._ref_cache or []
        lengths = [max(line["ref_lens"], default=0) for line in cached]
        return cls(
            sum(length > 0 for length in lengths),
            sum(length >= _BLEU_ORDER for length in lengths),
            sum(max(0, length - _BLEU_ORDER + 1) for length in lengths),
        )

    @property
    def has_few_long_references(self) -> bool:
        """Whether fewer than half of the references have four tokens."""
        return self.references > 0 and self.long_references < _FEW_SHARE * self.references

    @property
    def has_too_few_long_references(self) -> bool:
        """Whether there are so few that BLEU is noise for any translations."""
        return self.references > 0 and self.long_references < _TOO_FEW_SHARE * self.references

    @property
    def needed(self) -> int:
        """The number of 4-grams that must match for BLEU to distinguish translations."""
        share = math.ceil(_MIN_SHARE_MATCHED * self.count)
        return min(_MAX_MATCHES_NEEDED, max(1, share))

    @property
    def summary(self) -> str:
        """The number of references that have four tokens, in words."""
        return (
            f"{self.long_references:,} of {self.references:,} references have four tokens or more"
        )


def _bleu_noise(scorer: "Scorer", counts: Sequence[Sequence[float]]) -> str:
    """Return why a BLEU is noise, empty where it is not.

    Each row of counts has two lengths, the matches of order 1 to 4, and the n-grams of 1 to 4.
    """
    four_grams = FourGrams.from_scorer(scorer)
    if four_grams.has_too_few_long_references:
        return SHORT_REFERENCES
    matches = int(sum(row[1 + _BLEU_ORDER] for row in counts))
    if four_grams.references and matches < four_grams.needed:
        return f"{matches} matching 4-grams, of {four_grams.needed} needed"
    return ""


LOSS = Metric("loss", "loss", higher_is_better=False, highest=math.inf)
PERPLEXITY = Metric("perplexity", "perplexity", higher_is_better=False, highest=math.inf)
BLEU = Metric("bleu", "BLEU", scorer=_bleu, noise=_bleu_noise)
CHRF = Metric("chrf", "chrF", scorer=_chrf)
CHRF_PLUS_PLUS = Metric("chrf++", "chrF++", scorer=_chrf_plus_plus)
TER = Metric("ter", "TER", higher_is_better=False, highest=math.inf, scorer=_ter)

SUBSTITUTE = CHRF
"""The metric that decides where the chosen one is noise."""


# Which of two validations is better


@dataclass(frozen=True)
class MetricValue:
    """The result of a validation by the metric that decides a choice.

    Attributes:
        metric: The name of the chosen metric.
        value: Its value.
        is_noise: Whether that value is noise.
        substitute: The value of chrF, for a metric that may be noise.
    """

    metric: str
    value: float
    is_noise: bool = False
    substitute: float | None = None

    def is_better_than(self, other: "MetricValue | None") -> bool:
        """Return whether this is better than another value, or than none.

        Where the metric is noise in one of the two, chrF decides.
        """
        if other is None:
            return True
        if self.is_noise or other.is_noise:
            if self.substitute is None or other.substitute is None:
                return other.is_noise and not self.is_noise
            return self.substitute > other.substitute
        gain = self.value - other.value
        return (gain if metric(self.metric).higher_is_better else -gain) > 0.0

    @property
    def shown(self) -> tuple[str, float]:
        """The name and the value of the metric to show: chrF where the other is noise."""
        if self.is_noise and self.substitute is not None:
            return SUBSTITUTE.name, self.substitute
        return self.metric, self.value


def deciding_value(
    name: str, values: Mapping[str, float], noise: Collection[str]
) -> MetricValue | None:
    """Return the result of a validation by a metric.

    Args:
        name: The metric.
        values: The values of the validation, by metric.
        noise: The metrics that are noise in it.

    Returns:
        The result; None where the metric was not computed.
    """
    if name not in values:
        return None
    may_be_noise = metric(name).noise is not _no_noise
    substitute = values.get(SUBSTITUTE.name) if may_be_noise else None
    return MetricValue(name, values[name], name in noise, substitute)


@dataclass
class BestValidation:
    """The best validation so far by a metric, and the number of validations since.

    Attributes:
        metric: The chosen metric.
        value: Its value in the best validation; None: there is no validation yet.
        update: The update of the best validation.
        in_vain: The number of validations without improvement since then.
        is_noise: See `MetricValue`.
        substitute: See `MetricValue`; also None in a checkpoint of an earlier version.
    """

    metric: str
    value: float | None = None
    update: int = 0
    in_vain: int = 0
    is_noise: bool = False
    substitute: float | None = None

    @property
    def best_value(self) -> MetricValue | None:
        """The result of the best validation; None: there is no validation yet."""
        if self.value is None:
            return None
        return MetricValue(self.metric, self.value, self.is_noise, self.substitute)

    def update_with(self, new: MetricValue, update: int) -> bool:
        """Take in a validation.

        Args:
            new: The result of the validation.
            update: The update of the validation.

        Returns:
            Whether it is the best so far.
        """
        if not new.is_better_than(self.best_value):
            self.in_vain += 1
            return False
        self.value, self.is_noise, self.substitute = new.value, new.is_noise, new.substitute
        self.update, self.in_vain = update, 0
        return True
