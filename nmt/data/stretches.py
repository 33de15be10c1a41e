"""Stretches: the parts of a sentence whose subwords can be sampled independently.

A stretch is a run of ordinary pieces that no piece joins to its neighbours, mostly a word. No piece
of the model spans the border of two stretches. The samples of two stretches are therefore
independent, and intermediate results of a stretch can be cached.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from nmt.tokenizers.model_file import PieceKind, SentencePieceModel

Stretch = tuple[str, Sequence[int]]
"""A text and its token ids. The text is empty for a token that stays as it is."""

Draw = Callable[[], float]
"""A source of random numbers from [0, 1)."""

LONG = 24
"""The length of the longest stretch that is cached. Longer ones are seldom repeated."""


class Stretches:
    """The division of sentences into stretches, for one model."""

    def __init__(self, model: SentencePieceModel) -> None:
        self._texts = [
            piece.text if piece.kind == PieceKind.NORMAL else "" for piece in model.pieces
        ]
        followers = _followers(self._texts)
        self._firsts = [text[:1] for text in self._texts]
        self._followers = [followers.get(text[-1:], frozenset()) for text in self._texts]

    def of(self, sentence: Sequence[int]) -> Iterator[Stretch]:
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


def _followers(texts: list[str]) -> dict[str, frozenset[str]]:
    """Return, for each character, the characters that follow it in some piece."""
    found: dict[str, set[str]] = {}
    for text in texts:
        for left, right in pairwise(text):
            found.setdefault(left, set()).add(right)
    return {left: frozenset(rights) for left, rights in found.items()}
