"""Subword regularisation (Kudo 2018): segmentations sampled from a unigram model by P(x)^alpha."""

from bisect import bisect
from collections.abc import Iterator, Sequence
from functools import lru_cache
from heapq import heappop, heappush, nlargest
from itertools import accumulate, count
from math import exp, log
from typing import NamedTuple

from nmt.data.stretches import LONG, Draw, Stretch
from nmt.tokenizers.model_file import PieceKind, SentencePieceModel

_KEPT = 1 << 15
"""The number of stretches whose lattices are cached, up to about 100 MB in all."""


class _Edge(NamedTuple):
    """A piece in a lattice.

    Attributes:
        start: The position of its first character.
        token: Its token id.
        score: Its log-probability.
    """

    start: int
    token: int
    score: float


class Lattice:
    """All segmentations of a text in a unigram model."""

    def __init__(self, model: SentencePieceModel) -> None:
        self._pieces = {
            piece.text: (token, piece.score)
            for token, piece in enumerate(model.pieces)
            if piece.kind == PieceKind.NORMAL
        }
        self._longest = max(map(len, self._pieces), default=0)

    def edges(self, text: str) -> list[list[_Edge]]:
        """Return the pieces that end with each character and are reachable from the start."""
        reached = {0}
        edges = []
        for end in range(1, len(text) + 1):
            here = [
                _Edge(start, *self._pieces[piece])
                for start in range(max(0, end - self._longest), end)
                if start in reached and (piece := text[start:end]) in self._pieces
            ]
            if here:
                reached.add(end)
            edges.append(here)
        return edges


class AllPaths:
    """Sampling of any segmentation by P(x)^alpha (Kudo 2018, 3.2).

    It uses forward filtering and backward sampling.
    """

    def __init__(self, lattice: Lattice, alpha: float) -> None:
        self._lattice = lattice
        self._alpha = alpha
        self._kept = lru_cache(_KEPT)(self._filter)

    def segment(self, stretches: Iterator[Stretch], draw: Draw) -> list[int]:
        """Return the token ids of a newly drawn segmentation of a sentence.

        Args:
            stretches: The stretches of the sentence.
            draw: The source of random numbers.
        """
        ids: list[int] = []
        for text, given in stretches:
            position = len(text)
            if position < 2:
                ids += given
                continue
            ends = (self._kept if position <= LONG else self._filter)(text)
            backwards = []
            while position:
                cumulative, starts, tokens = ends[position - 1]
                choice = bisect(cumulative, draw())
                backwards.append(tokens[choice])
                position = starts[choice]
            backwards.reverse()
            ids += backwards
        return ids

    def _filter(self, text: str) -> list["_End"]:
        """Return, for each character, the pieces that end with it, by their share of paths."""
        totals = [0.0]
        ends = []
        for edges in self._lattice.edges(text):
            weights = [totals[edge.start] + self._alpha * edge.score for edge in edges]
            best = max(weights, default=0.0)
            cumulative = list(accumulate(exp(weight - best) for weight in weights))
            total = cumulative[-1] if edges else 1.0
            totals.append(best + log(total))
            ends.append(
                _End(
                    tuple([share / total for share in cumulative[:-1]]),
                    tuple([edge.start for edge in edges]),
                    tuple([edge.token for edge in edges]),
                )
            )
        return ends


class _End(NamedTuple):
    """The pieces that end with a character.

    Attributes:
        cumulative: The cumulative shares, without the last.
        starts: The position of each piece's first character.
        tokens: The token id of each piece.
    """

    cumulative: tuple[float, ...]
    starts: tuple[int, ...]
    tokens: tuple[int, ...]


class BestPaths:
    """Sampling of one of the n best segmentations of a sentence by P(x)^alpha (Kudo 2018, 3.2)."""

    def __init__(self, lattice: Lattice, alpha: float, n_best: int) -> None:
        self._lattice = lattice
        self._alpha = alpha
        self._n_best = n_best
        self._kept = lru_cache(_KEPT)(self._search)

    def segment(self, stretches: Iterator[Stretch], draw: Draw) -> list[int]:
        """Return the token ids of a newly drawn segmentation of a sentence.

        Args:
            stretches: The stretches of the sentence.
            draw: The source of random numbers.
        """
        found = []
        for text, ids in stretches:
            search = self._kept if len(text) <= LONG else self._search
            found.append(search(text) if text else [_Path(0.0, tuple(ids))])
        losses = [[paths[0].score - path.score for path in paths] for paths in found]
        best = smallest_sums(losses, self._n_best)
        cumulative = list(accumulate(exp(-self._alpha * loss) for loss, _ in best))
        _, choices = best[bisect(cumulative[:-1], draw() * cumulative[-1])]
        chosen = [paths[0].ids for paths in found]
        for place, option in choices:
            chosen[place] = found[place][option].ids
        return [token for ids in chosen for token in ids]

    def _search(self, text: str) -> list["_Path"]:
        """Return the n best segmentations of a text, the best first."""
        best = [[_Path(0.0, ())]]
        for edges in self._lattice.edges(text):
            longer = (
                _Path(path.score + edge.score, (*path.ids, edge.token))
                for edge in edges
                for path in best[edge.start]
            )
            best.append(nlargest(self._n_best, longer))
        return best[-1]


class _Path(NamedTuple):
    """A segmentation of a stretch.

    Attributes:
        score: Its log-probability.
        ids: Its token ids.
    """

    score: float
    ids: tuple[int, ...]


_Choices = tuple[tuple[int, int], ...]


def smallest_sums(lists: Sequence[Sequence[float]], wanted: int) -> list[tuple[float, _Choices]]:
    """Return the smallest sums of one number from each list, in rising order.

    Args:
        lists: The lists, each in rising order from 0.
        wanted: The number of sums, at most.

    Returns:
        The sums with their choices as (list, index in the list). A choice of index 0 is left out.
    """
    # The first sum has only zeros. Each other sum follows from exactly one sum that is no greater:
    # it takes the next number of the last list with a choice, or chooses from one more list, or
    # from that list in place of the last. The lists are therefore sorted by their second number.
    order = sorted(
        (place for place, numbers in enumerate(lists) if len(numbers) > 1),
        key=lambda place: lists[place][1],
    )
    best: list[tuple[float, _Choices]] = [(0.0, ())]
    heap: list[tuple[float, int, int, int, _Choices]] = []
    serial = count()  # orders equal sums

    def add(total: float, rank: int, option: int, others: _Choices) -> None:
        heappush(heap, (total, next(serial), rank, option, others))

    if order:
        add(lists[order[0]][1], 0, 1, ())
    while heap and len(best) < wanted:
        total, _, rank, option, others = heappop(heap)
        numbers = lists[order[rank]]
        choices = (*others, (order[rank], option))
        best.append((total, choices))
        if option + 1 < len(numbers):
            add(total - numbers[option] + numbers[option + 1], rank, option + 1, others)
        if rank + 1 < len(order):
            least = lists[order[rank + 1]][1]
            add(total + least, rank + 1, 1, choices)
            if option == 1:
                add(total - numbers[1] + least, rank + 1, 1, others)
    return best
