"""Subword regularisation and BPE-dropout: other segmentations of a text, drawn at random.

SentencePiece draws too, but from a generator that starts elsewhere in each process. Here all chance
comes from a seed, so that training is the same each time and a resumed run goes on exactly.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from nmt.config.settings.tokenizer import SubwordSamplingSettings
from nmt.data.bpe_dropout import Dropout
from nmt.data.stretches import Draw, Stretch, Stretches
from nmt.data.unigram_sampling import AllPaths, BestPaths, Lattice
from nmt.tokenizers.model_file import ModelKind, SentencePieceModel
from nmt.tokenizers.sentencepiece import Tokenizer


class SubwordSampler:
    """Draws segmentations of sentences, given as the token ids of their best segmentation.

    Only ordinary pieces are cut anew; bytes, unknown and user-defined tokens stay as they are.
    Models of words or of characters have one segmentation only, which stays.
    """

    def __init__(self, tokenizer: Tokenizer, settings: SubwordSamplingSettings) -> None:
        """Raises ModelError when the tokenizer's model is damaged."""
        model = tokenizer.read_model()
        self._stretches = Stretches(model)
        self._way = _choose_way(model, settings)

    def sample(self, sentences: Iterable[Sequence[int]], seed: int) -> list[list[int]]:
        """Another segmentation of each sentence, with the same text.

        A pure function of the arguments: the same in each process, whatever was drawn before.
        """
        draw = random.Random(seed).random
        return [self._way.segment(self._stretches.of(sentence), draw) for sentence in sentences]


class _Way(Protocol):
    """A way to draw segmentations."""

    def segment(self, stretches: Iterator[Stretch], draw: Draw) -> list[int]:
        """Token ids of a sentence, drawn anew."""


class _Keep:
    """The way of models that know one segmentation only."""

    def segment(self, stretches: Iterator[Stretch], draw: Draw) -> list[int]:
        return [token for _, ids in stretches for token in ids]


def _choose_way(model: SentencePieceModel, settings: SubwordSamplingSettings) -> _Way:
    if model.kind == ModelKind.BPE:
        return Dropout(model, settings.alpha)
    if model.kind != ModelKind.UNIGRAM:
        return _Keep()
    if settings.n_best == -1:
        return AllPaths(Lattice(model), settings.alpha)
    return BestPaths(Lattice(model), settings.alpha, settings.n_best)
