"""Minimum Bayes risk: of the translations found, the one that agrees most with all of them.

The expected utility of a candidate is its mean utility against all candidates as references, each
counted by its probability: those of a beam by the model's, made to sum to one over them (Kumar and
Byrne 2004), samples all alike (Eikema and Aziz 2020). A candidate is among its own references; for
samples that changes no order, for a beam it is what a probable candidate has its say by.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, inf
from typing import Any, Protocol

from nmt.config.kinds import UTILITIES
from nmt.config.settings import SearchSettings
from nmt.evaluation.metrics import ScorerOptions, make_scorer

NO_UTILITY = None
"""What `mbr: none` names: the best score wins."""

_FULL = 100.0


class Utility(ABC):
    """How much a candidate agrees with a reference, 0 to 100, by the n-grams that both have.

    orders: of the n-grams, from 1; has_words: whether they are of the words that the tokenizer of
    BLEU finds, which the constructor then takes by its name.
    """

    orders: int
    has_words = False

    @abstractmethod
    def units(self, text: str) -> Sequence[str]:
        """What the n-grams of a text are runs of; slices of it can be hashed."""

    @abstractmethod
    def value(self, matches: Sequence[int], candidate: int, reference: int) -> float:
        """The utility, from the n-grams of each order that match, and the lengths in units."""


class ChrF(Utility):
    """Character F-score of precision and recall over orders 1 to 6, recall counting double:
    Popovic 2015, as sacreBLEU's sentence chrF2.
    """

    orders = 6
    _BETA_SQUARED = 4.0

    def units(self, text: str) -> str:
        """Characters but for spaces."""
        return "".join(text.split())

    def value(self, matches: Sequence[int], candidate: int, reference: int) -> float:
        """See the class."""
        orders = range(min(self.orders, candidate, reference))
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

    orders = 4
    has_words = True

    def __init__(self, tokenizer: str | None = None) -> None:
        self._bleu: Any = make_scorer("bleu", ScorerOptions(tokenize=tokenizer))

    def units(self, text: str) -> tuple[str, ...]:
        """Split a text into words and punctuation, by sacreBLEU's tokenizer."""
        return tuple(self._bleu.tokenizer(text.rstrip()).split())

    def value(self, matches: Sequence[int], candidate: int, reference: int) -> float:
        """See the class."""
        score = self._bleu.compute_bleu(
            list(matches),
            [max(0, candidate - n) for n in range(self.orders)],
            candidate,
            reference,
            smooth_method="exp",
            effective_order=True,
        )
        return float(score.score)


class Candidate(Protocol):
    """What is asked of a translation."""

    @property
    def text(self) -> str:
        """What utilities compare."""

    @property
    def score(self) -> float:
        """Decides between candidates of the same expected utility."""

    @property
    def log_probability(self) -> float:
        """Of the model, what a candidate of a beam is counted by."""

    @property
    def finished(self) -> bool:
        """Those that are not come after those that are, and are no references beside them."""


@dataclass(frozen=True)
class MinimumRisk:
    """Chooses among candidates; sampled: whether they were drawn at random, or are of a beam."""

    utility: Utility
    sampled: bool

    @classmethod
    def of(
        cls, settings: SearchSettings, tokenizer: Callable[[], str | None]
    ) -> "MinimumRisk | None":
        """Choose as the settings say; None where the best score wins.

        Args:
            settings: The settings of the search.
            tokenizer: Gives the tokenizer of BLEU for the target language, where it is needed.
        """
        utility = UTILITIES.resolve(settings.mbr)
        if utility is NO_UTILITY:
            return None
        made = utility(tokenizer()) if utility.has_words else utility()
        return cls(made, settings.sampling)

    def ranked(self, candidates: Sequence[Candidate]) -> list[tuple[int, float]]:
        """Positions of the candidates and their expected utilities, best first."""
        texts = [candidate.text for candidate in candidates]
        expected = expected_utilities(texts, self._weights(candidates), self.utility)

        def rank(position: int) -> tuple[bool, float, float]:
            candidate = candidates[position]
            return not candidate.finished, -expected[position], -candidate.score

        return [(i, expected[i]) for i in sorted(range(len(candidates)), key=rank)]

    def _weights(self, candidates: Sequence[Candidate]) -> list[float]:
        """Of the candidates as references, of sum one."""
        none_finished = not any(each.finished for each in candidates)
        counts = [none_finished or each.finished for each in candidates]
        if self.sampled:
            total = sum(counts)
            return [count / total for count in counts]
        log_probabilities = [
            each.log_probability if count else -inf
            for each, count in zip(candidates, counts, strict=True)
        ]
        likeliest = max(log_probabilities)
        weights = [exp(log_probability - likeliest) for log_probability in log_probabilities]
        whole = sum(weights)
        return [weight / whole for weight in weights]


def expected_utilities(
    texts: Sequence[str], weights: Sequence[float], utility: Utility
) -> list[float]:
    """The mean utility of each text against all texts; weights: of the references, of sum one.

    Texts that are the same agree fully and are compared with the others once.
    """
    shares: dict[str, float] = {}
    for text, weight in zip(texts, weights, strict=True):
        shares[text] = shares.get(text, 0.0) + weight
    ids: dict[Hashable, int] = {}
    found = {text: _NGrams.of(utility.units(text), utility.orders, ids) for text in shares}
    expected = {text: _FULL * share for text, share in shares.items()}
    for one, other in combinations(shares, 2):
        matches = found[one].shared(found[other])
        lengths = found[one].length, found[other].length
        expected[one] += shares[other] * utility.value(matches, *lengths)
        expected[other] += shares[one] * utility.value(matches, *reversed(lengths))
    return [expected[text] for text in texts]


@dataclass(frozen=True)
class _NGrams:
    """The n-grams of a text of `length` units, a set for each order. The k-th occurrence of an
    n-gram is an element of its own, so that sets meet in as many as both texts have.
    """

    length: int
    sets: tuple[set[int], ...]

    @classmethod
    def of(cls, units: Sequence[str], orders: int, ids: dict[Hashable, int]) -> "_NGrams":
        """ids: numbers of elements, which grows."""
        sets = []
        for order in range(1, orders + 1):
            counts = Counter(units[i : i + order] for i in range(len(units) - order + 1))
            occurrences = ((gram, k) for gram, count in counts.items() for k in range(count))
            sets.append({ids.setdefault(occurrence, len(ids)) for occurrence in occurrences})
        return cls(len(units), tuple(sets))

    def shared(self, other: "_NGrams") -> list[int]:
        """How many n-grams of each order both have."""
        return [len(mine & theirs) for mine, theirs in zip(self.sets, other.sets, strict=True)]
