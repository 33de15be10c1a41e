"""Subword regularization: segmentations of a text that are sampled at random.

SentencePiece samples too, but its generator starts elsewhere in each process. Here a seed
determines all samples. Training is therefore reproducible, and a resumed run continues exactly.

A stretch is a part of a sentence, mostly a word. No piece of the model spans the border of two
stretches. The samples of two stretches are therefore independent, and intermediate results of a
stretch can be cached.
"""

import random
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from heapq import heappop, heappush, nlargest
from itertools import accumulate, count, pairwise
from math import exp, log
from typing import NamedTuple, Protocol

from nmt.config.settings.tokenizer import SubwordSamplingSettings
from nmt.tokenizers.sentencepiece_model import ModelKind, PieceKind, SentencePieceModel
from nmt.tokenizers.tokenizer import Tokenizer

Stretch = tuple[str, Sequence[int]]
"""A text and its token ids. The text is empty for a token that stays as it is."""

Draw = Callable[[], float]
"""A source of random numbers from [0, 1)."""

MAX_CACHED_LENGTH = 24
"""The length of the longest stretch that is cached. Longer ones are seldom repeated."""


class StretchSplitter:
    """A splitter of sentences into stretches, for one model."""

    def __init__(self, model: SentencePieceModel) -> None:
        self._texts = [
            piece.text if piece.kind == PieceKind.NORMAL else "" for piece in model.pieces
        ]
        followers = _find_followers(self._texts)
        self._firsts = [text[:1] for text in self._texts]
        self._followers = [followers.get(text[-1:], frozenset()) for text in self._texts]

    def split(self, sentence: Sequence[int]) -> Iterator[Stretch]:
        """Yield the stretches of a sentence, given as token ids.

        The sentence is divided wherever no piece of the model holds the characters of both sides.
        """
        texts, firsts, all_followers = self._texts, self._firsts, self._followers
        ids: list[int] = []
        text = ""
        followers: frozenset[str] = frozenset()
        for token in sentence:
            if firsts[token] not in followers and ids:
                yield text, ids
                ids, text = [], ""
            ids.append(token)
            text += texts[token]
            followers = all_followers[token]
        if ids:
            yield text, ids


def _find_followers(texts: list[str]) -> dict[str, frozenset[str]]:
    """Return, for each character, the characters that follow it in some piece."""
    followers: dict[str, set[str]] = {}
    for text in texts:
        for left, right in pairwise(text):
            followers.setdefault(left, set()).add(right)
    return {left: frozenset(rights) for left, rights in followers.items()}


class SubwordSampler:
    """A sampler of segmentations for sentences given as the token ids of their best segmentation.

    Only ordinary pieces are divided differently. Bytes, unknown and user-defined tokens stay.
    Models of words or of characters have only one segmentation, which stays.
    """

    def __init__(self, tokenizer: Tokenizer, settings: SubwordSamplingSettings) -> None:
        """Create a sampler.

        Args:
            tokenizer: The tokenizer.
            settings: The settings of the sampling.

        Raises:
            ModelError: The tokenizer's model is damaged.
        """
        model = tokenizer.read_model()
        self._splitter = StretchSplitter(model)
        self._method = _choose_method(model, settings)

    def sample(self, sentences: Iterable[Sequence[int]], seed: int) -> list[list[int]]:
        """Return a sampled segmentation of each sentence, with the same text.

        It is a pure function of the arguments, the same in each process.

        Args:
            sentences: The token ids of the best segmentations.
            seed: The random seed.
        """
        draw = random.Random(seed).random
        return [
            self._method.segment(self._splitter.split(sentence), draw) for sentence in sentences
        ]


class _SamplingMethod(Protocol):
    """A method of sampling."""

    def segment(self, stretches: Iterator[Stretch], draw: Draw) -> list[int]:
        """Return the token ids of a newly drawn segmentation of a sentence."""


class _NoSampling:
    """The method for models with only one segmentation."""

    def segment(self, stretches: Iterator[Stretch], draw: Draw) -> list[int]:
        return [token for _, ids in stretches for token in ids]


def _choose_method(model: SentencePieceModel, settings: SubwordSamplingSettings) -> _SamplingMethod:
    if model.kind == ModelKind.BPE:
        return BpeDropout(model, settings.alpha)
    if model.kind != ModelKind.UNIGRAM:
        return _NoSampling()
    if settings.n_best == -1:
        return AllPaths(Lattice(model), settings.alpha)
    return BestPaths(Lattice(model), settings.alpha, settings.n_best)


_CACHED_LATTICES = 1 << 15
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
            edges_to_end = [
                _Edge(start, *self._pieces[piece])
                for start in range(max(0, end - self._longest), end)
                if start in reached and (piece := text[start:end]) in self._pieces
            ]
            if edges_to_end:
                reached.add(end)
            edges.append(edges_to_end)
        return edges


class AllPaths:
    """Sampling of any segmentation by P(x)^alpha (Kudo 2018, 3.2).

    It uses forward filtering and backward sampling.
    """

    def __init__(self, lattice: Lattice, alpha: float) -> None:
        self._lattice = lattice
        self._alpha = alpha
        self._cached = lru_cache(_CACHED_LATTICES)(self._filter)

    def segment(self, stretches: Iterator[Stretch], draw: Draw) -> list[int]:
        """Return the token ids of a newly drawn segmentation of a sentence.

        Args:
            stretches: The stretches of the sentence.
            draw: The source of random numbers.
        """
        ids: list[int] = []
        for text, best_ids in stretches:
            position = len(text)
            if position < 2:
                ids += best_ids
                continue
            ends = (self._cached if position <= MAX_CACHED_LENGTH else self._filter)(text)
            backwards = []
            while position:
                cumulative, starts, tokens = ends[position - 1]
                choice = bisect(cumulative, draw())
                backwards.append(tokens[choice])
                position = starts[choice]
            backwards.reverse()
            ids += backwards
        return ids

    def _filter(self, text: str) -> list["_PathEnd"]:
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
                _PathEnd(
                    tuple([share / total for share in cumulative[:-1]]),
                    tuple([edge.start for edge in edges]),
                    tuple([edge.token for edge in edges]),
                )
            )
        return ends


class _PathEnd(NamedTuple):
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
        self._cached = lru_cache(_CACHED_LATTICES)(self._search)

    def segment(self, stretches: Iterator[Stretch], draw: Draw) -> list[int]:
        """Return the token ids of a newly drawn segmentation of a sentence.

        Args:
            stretches: The stretches of the sentence.
            draw: The source of random numbers.
        """
        paths_by_stretch = []
        for text, ids in stretches:
            search = self._cached if len(text) <= MAX_CACHED_LENGTH else self._search
            paths_by_stretch.append(search(text) if text else [_Path(0.0, tuple(ids))])
        losses = [[paths[0].score - path.score for path in paths] for paths in paths_by_stretch]
        best = smallest_sums(losses, self._n_best)
        cumulative = list(accumulate(exp(-self._alpha * loss) for loss, _ in best))
        _, choices = best[bisect(cumulative[:-1], draw() * cumulative[-1])]
        chosen = [paths[0].ids for paths in paths_by_stretch]
        for index, option in choices:
            chosen[index] = paths_by_stretch[index][option].ids
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


def smallest_sums(lists: Sequence[Sequence[float]], max_sums: int) -> list[tuple[float, _Choices]]:
    """Return the smallest sums of one number from each list, in rising order.

    Args:
        lists: The lists, each in rising order from 0.
        max_sums: The maximum number of sums.

    Returns:
        The sums with their choices as (list, index in the list). A choice of index 0 is left out.
    """
    # The first sum has only zeros. Each other sum follows from exactly one sum that is no greater:
    # it takes the next number of the last list with a choice, or chooses from one more list, or
    # from that list in place of the last. The lists are therefore sorted by their second number.
    order = sorted(
        (index for index, numbers in enumerate(lists) if len(numbers) > 1),
        key=lambda index: lists[index][1],
    )
    best: list[tuple[float, _Choices]] = [(0.0, ())]
    heap: list[tuple[float, int, int, int, _Choices]] = []
    serial = count()  # orders equal sums

    def push(total: float, rank: int, option: int, others: _Choices) -> None:
        heappush(heap, (total, next(serial), rank, option, others))

    if order:
        push(lists[order[0]][1], 0, 1, ())
    while heap and len(best) < max_sums:
        total, _, rank, option, others = heappop(heap)
        numbers = lists[order[rank]]
        choices = (*others, (order[rank], option))
        best.append((total, choices))
        if option + 1 < len(numbers):
            push(total - numbers[option] + numbers[option + 1], rank, option + 1, others)
        if rank + 1 < len(order):
            least = lists[order[rank + 1]][1]
            push(total + least, rank + 1, 1, choices)
            if option == 1:
                push(total - numbers[1] + least, rank + 1, 1, others)
    return best


_CACHED_MERGES = 1 << 18
_CACHED_IDS = 1 << 16
"""Caches of partly and fully merged stretches, up to about 150 MB together."""


class BpeDropout:
    """BPE-dropout (Provilkov et al. 2020, algorithm 1)."""

    def __init__(self, model: SentencePieceModel, alpha: float) -> None:
        self._tokens = {
            piece.text: token
            for token, piece in enumerate(model.pieces)
            if piece.kind == PieceKind.NORMAL
        }
        self._scores = {
            piece.text: piece.score
            for piece in model.pieces
            if piece.kind in (PieceKind.NORMAL, PieceKind.UNUSED)
        }
        self._alpha = alpha
        self._cached_merges = lru_cache(_CACHED_MERGES)(self._merges)
        self._cached_ids = lru_cache(_CACHED_IDS)(self._ids)

    def segment(self, stretches: Iterator[Stretch], draw: Draw) -> list[int]:
        """Return the token ids of a newly drawn segmentation of a sentence.

        Args:
            stretches: The stretches of the sentence.
            draw: The source of random numbers.
        """
        ids: list[int] = []
        for text, best_ids in stretches:
            ids += (self._merge(text, draw) if len(text) > 1 else ()) or best_ids
        return ids

    def _merge(self, text: str, draw: Draw) -> tuple[int, ...]:
        """Return the ids of a text after random merges, or none where a resulting piece has no id.

        The merge to apply is the one of highest priority that is not dropped. Merges are therefore
        tried in the order of priority, and those after it need no random number.
        """
        alpha = self._alpha
        is_cached = len(text) <= MAX_CACHED_LENGTH
        find_merges = self._cached_merges if is_cached else self._merges
        cuts = (1 << len(text)) - 2
        while True:
            for merged_cuts in find_merges(text, cuts):
                if draw() >= alpha:
                    cuts = merged_cuts
                    break
            else:
                return (self._cached_ids if is_cached else self._ids)(text, cuts)

    def _merges(self, text: str, cuts: int) -> tuple[int, ...]:
        """Return the cuts (bit i: before character i) after each merge, by falling priority."""
        positions = _cut_positions(text, cuts)
        merges = [
            (-self._scores[merged], middle)
            for start, middle, end in zip(positions, positions[1:], positions[2:], strict=False)
            if (merged := text[start:end]) in self._scores
        ]
        return tuple([cuts ^ (1 << middle) for _, middle in sorted(merges)])

    def _ids(self, text: str, cuts: int) -> tuple[int, ...]:
        pieces = [text[start:end] for start, end in pairwise(_cut_positions(text, cuts))]
        known = all(piece in self._tokens for piece in pieces)
        return tuple([self._tokens[piece] for piece in pieces]) if known else ()


def _cut_positions(text: str, cuts: int) -> list[int]:
    return [0, *(position for position in range(1, len(text)) if cuts >> position & 1), len(text)]
