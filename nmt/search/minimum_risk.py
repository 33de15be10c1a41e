"""Minimum Bayes risk: choice of the translation that agrees most with all translations found.

The expected utility of a candidate is its mean utility against all candidates as references.
References from a beam are weighted by their model probabilities, normalized to sum to one (Kumar
and Byrne 2004). Samples have equal weights (Eikema and Aziz 2020). A candidate is among its own
references. For samples, that does not change the order. For a beam, it favours probable candidates.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, inf
from typing import Any, Protocol

from nmt.config.registry import UTILITIES
from nmt.config.settings import SearchSettings
from nmt.evaluation.metrics import ScorerOptions, make_scorer

NO_UTILITY = None
"""Value of `mbr: none`: the best score decides."""

_FULL = 100.0


class Utility(ABC):
    """Agreement of a candidate with a reference, 0 to 100, by their common n-grams.

    Attributes:
        max_order: The greatest order of the n-grams, from 1.
        has_words: Whether the n-grams are of words. The constructor then takes the name of
            sacreBLEU's tokenizer.
    """

    max_order: int
    has_words = False

    @abstractmethod
    def units(self, text: str) -> Sequence[str]:
        """Return the units whose runs are the n-grams of a text. Slices of them can be hashed."""

    @abstractmethod
    def value(self, matches: Sequence[int], candidate: int, reference: int) -> float:
        """Return the utility.

        Args:
            matches: The number of common n-grams of each order.
            candidate: The length of the candidate in units.
            reference: The length of the reference in units.
        """


class ChrF(Utility):
    """Character F-score over orders 1 to 6, recall counting double: Popovic 2015.

    It equals sacreBLEU's sentence chrF2.
    """

    max_order = 6
    _BETA_SQUARED = 4.0

    def units(self, text: str) -> str:
        """Return the characters except spaces."""
        return "".join(text.split())

    def value(self, matches: Sequence[int], candidate: int, reference: int) -> float:
        """See `Utility.value`."""
        orders = range(min(self.max_order, candidate, reference))
        precision = sum(matches[n] / (candidate - n) for n in orders)
        recall = sum(matches[n] / (reference - n) for n in orders)
        if precision + recall == 0.0:
            return 0.0
        weighted = (1.0 + self._BETA_SQUARED) * precision * recall / len(orders)
        return _FULL * weighted / (self._BETA_SQUARED * precision + recall)


class Bleu(Utility):
    """Sentence BLEU with exponential smoothing, as sacreBLEU's.

    Args:
        tokenizer: sacreBLEU's tokenizer, see `bleu_tokenizer`; None: 13a.
    """

    max_order = 4
    has_words = True

    def __init__(self, tokenizer: str | None = None) -> None:
        self._bleu: Any = make_scorer("bleu", ScorerOptions(tokenize=tokenizer))

    def units(self, text: str) -> tuple[str, ...]:
        """Return the words and punctuation marks of a text, by sacreBLEU's tokenizer."""
        return tuple(self._bleu.tokenizer(text.rstrip()).split())

    def value(self, matches: Sequence[int], candidate: int, reference: int) -> float:
        """See `Utility.value`."""
        score = self._bleu.compute_bleu(
            list(matches),
            [max(0, candidate - n) for n in range(self.max_order)],
            candidate,
            reference,
            smooth_method="exp",
            effective_order=True,
        )
        return float(score.score)


class Candidate(Protocol):
    """Members of a `Translation` that the choice needs."""

    @property
    def text(self) -> str:
        """The text, which utilities compare."""

    @property
    def score(self) -> float:
        """The score, which decides between candidates of the same expected utility."""

    @property
    def log_probability(self) -> float:
        """The log-probability, from which the weight of a candidate of a beam follows."""

    @property
    def finished(self) -> bool:
        """Whether it is finished. Others rank last, and are references only if none is."""


@dataclass(frozen=True)
class MinimumRisk:
    """Choice among candidates by minimum Bayes risk.

    Attributes:
        utility: The utility.
        sampled: Whether the candidates are samples, rather than hypotheses of a beam.
    """

    utility: Utility
    sampled: bool

    @classmethod
    def from_settings(
        cls, settings: SearchSettings, tokenizer: Callable[[], str | None]
    ) -> "MinimumRisk | None":
        """Return the choice that the settings name, None where the best score decides.

        Args:
            settings: The search settings.
            tokenizer: Returns the tokenizer of BLEU for the target language. It is called only
                where needed.
        """
        utility = UTILITIES.resolve(settings.mbr)
        if utility is NO_UTILITY:
            return None
        made = utility(tokenizer()) if utility.has_words else utility()
        return cls(made, settings.sampling)

    def rank(self, candidates: Sequence[Candidate]) -> list[tuple[int, float]]:
        """Return the positions of the candidates and their expected utilities, best first."""
        texts = [candidate.text for candidate in candidates]
        expected = expected_utilities(texts, self._weights(candidates), self.utility)

        def sort_key(position: int) -> tuple[bool, float, float]:
            candidate = candidates[position]
            return not candidate.finished, -expected[position], -candidate.score

        return [(i, expected[i]) for i in sorted(range(len(candidates)), key=sort_key)]

    def _weights(self, candidates: Sequence[Candidate]) -> list[float]:
        """Return the weights of the candidates as references, of sum one."""
        none_finished = not any(each.finished for each in candidates)
        counts = [none_finished or each.finished for each in candidates]
        if self.sampled:
            total = sum(counts)
            return [count / total for count in counts]
        log_probabilities = [
            each.log_probability if count else -inf
            for each, count in zip(candidates, counts, strict=True)
        ]
        greatest = max(log_probabilities)
        weights = [exp(log_probability - greatest) for log_probability in log_probabilities]
        weight_sum = sum(weights)
        return [weight / weight_sum for weight in weights]


def expected_utilities(
    texts: Sequence[str], weights: Sequence[float], utility: Utility
) -> list[float]:
    """Return the mean utility of each text against all texts.

    Equal texts agree fully, and are compared with the others once.

    Args:
        texts: The texts.
        weights: The weights of the texts as references, of sum one.
        utility: The utility.
    """
    weight_of_text: dict[str, float] = {}
    for text, weight in zip(texts, weights, strict=True):
        weight_of_text[text] = weight_of_text.get(text, 0.0) + weight
    ids: dict[Hashable, int] = {}
    n_grams = {
        text: _NGrams.from_units(utility.units(text), utility.max_order, ids)
        for text in weight_of_text
    }
    expected = {text: _FULL * share for text, share in weight_of_text.items()}
    for one, other in combinations(weight_of_text, 2):
        matches = n_grams[one].count_matches(n_grams[other])
        lengths = n_grams[one].length, n_grams[other].length
        expected[one] += weight_of_text[other] * utility.value(matches, *lengths)
        expected[other] += weight_of_text[one] * utility.value(matches, *reversed(lengths))
    return [expected[text] for text in texts]


@dataclass(frozen=True)
class _NGrams:
    """N-grams of a text, a set for each order.

    The k-th occurrence of an n-gram is an element of its own. The size of an intersection therefore
    counts repeated n-grams too.

    Attributes:
        length: The length of the text in units.
        sets: The n-grams of each order.
    """

    length: int
    sets: tuple[set[int], ...]

    @classmethod
    def from_units(
        cls, units: Sequence[str], max_order: int, ids: dict[Hashable, int]
    ) -> "_NGrams":
        """Return the n-grams of a text.

        Args:
            units: The units of the text.
            max_order: The greatest order of the n-grams.
            ids: The numbers of the elements, to which new ones are added.
        """
        sets = []
        for order in range(1, max_order + 1):
            counts = Counter(units[i : i + order] for i in range(len(units) - order + 1))
            occurrences = ((gram, k) for gram, count in counts.items() for k in range(count))
            sets.append({ids.setdefault(occurrence, len(ids)) for occurrence in occurrences})
        return cls(len(units), tuple(sets))

    def count_matches(self, other: "_NGrams") -> list[int]:
        """Return the number of n-grams of each order that both texts have."""
        return [len(mine & theirs) for mine, theirs in zip(self.sets, other.sets, strict=True)]
