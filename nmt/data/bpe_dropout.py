"""BPE-dropout (Provilkov et al. 2020), which skips merges at random."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from nmt.data.stretches import LONG, Draw, Stretch
from nmt.tokenizers.model_file import PieceKind, SentencePieceModel

_KEPT_MERGES = 1 << 18
_KEPT_IDS = 1 << 16
"""Caches of partly and fully merged stretches, up to about 150 MB together."""


class Dropout:
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
        self._kept_merges = lru_cache(_KEPT_MERGES)(self._merges)
        self._kept_ids = lru_cache(_KEPT_IDS)(self._ids)

    def segment(self, stretches: Iterator[Stretch], draw: Draw) -> list[int]:
        """Return the token ids of a newly drawn segmentation of a sentence.

        Args:
            stretches: The stretches of the sentence.
            draw: The source of random numbers.
        """
        ids: list[int] = []
        for text, given in stretches:
            ids += (self._merge(text, draw) if len(text) > 1 else ()) or given
        return ids

    def _merge(self, text: str, draw: Draw) -> tuple[int, ...]:
        """Return the ids of a text after random merges, or none where a resulting piece has no id.

        The merge to apply is the one of highest priority that is not dropped. Merges are therefore
        tried in the order of priority, and those after it need no random number.
        """
        alpha = self._alpha
        keep = len(text) <= LONG
        find_merges = self._kept_merges if keep else self._merges
        cuts = (1 << len(text)) - 2
        while True:
            for after in find_merges(text, cuts):
                if draw() >= alpha:
                    cuts = after
                    break
            else:
                return (self._kept_ids if keep else self._ids)(text, cuts)

    def _merges(self, text: str, cuts: int) -> tuple[int, ...]:
        """Return the cuts (bit i: before character i) after each merge, by falling priority."""
        places = _places(text, cuts)
        merges = [
            (-self._scores[merged], middle)
            for start, middle, end in zip(places, places[1:], places[2:], strict=False)
            if (merged := text[start:end]) in self._scores
        ]
        return tuple([cuts ^ (1 << middle) for _, middle in sorted(merges)])

    def _ids(self, text: str, cuts: int) -> tuple[int, ...]:
        pieces = [text[start:end] for start, end in pairwise(_places(text, cuts))]
        known = all(piece in self._tokens for piece in pieces)
        return tuple([self._tokens[piece] for piece in pieces]) if known else ()


def _places(text: str, cuts: int) -> list[int]:
    return [0, *(place for place in range(1, len(text)) if cuts >> place & 1), len(text)]
