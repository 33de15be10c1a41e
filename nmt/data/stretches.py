"""Stretches: the parts of a sentence whose subwords can be drawn anew on their own.

They are runs of ordinary pieces that nothing joins to their neighbours: words, for the most part.
No piece of the model spans the border of two of them, so what is drawn for one says nothing about
the next, and what was worked out for one can be kept for when it comes again.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from nmt.tokenizers.model_file import PieceKind, SentencePieceModel

Stretch = tuple[str, Sequence[int]]
"""A text and its token ids. The text of a token that stays as it is is empty."""

Draw = Callable[[], float]
"""Gives a number from [0, 1)."""

LONG = 24
"""Characters of the longest stretch worth keeping; longer ones hardly come again."""


class Stretches:
    """Cuts sentences of a model into stretches."""

    def __init__(self, model: SentencePieceModel) -> None:
        self._texts = [
            piece.text if piece.kind == PieceKind.NORMAL else "" for piece in model.pieces
        ]
        followers = _followers(self._texts)
        self._firsts = [text[:1] for text in self._texts]
        self._followers = [followers.get(text[-1:], frozenset()) for text in self._texts]

    def of(self, sentence: Sequence[int]) -> Iterator[Stretch]:
        """Cut token ids wherever no piece of the model holds the characters of both sides."""
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
    """For each character, those that stand right after it in some piece."""
    found: dict[str, set[str]] = {}
    for text in texts:
        for left, right in pairwise(text):
            found.setdefault(left, set()).add(right)
    return {left: frozenset(rights) for left, rights in found.items()}
