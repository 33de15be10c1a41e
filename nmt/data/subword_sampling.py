"""Subword regularisation and BPE-dropout, which sample other segmentations of a text.

SentencePiece samples too, but its generator starts elsewhere in each process. Here a seed
determines all samples. Training is therefore reproducible, and a resumed run continues exactly.
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
        self._stretches = Stretches(model)
        self._way = _choose_way(model, settings)

    def sample(self, sentences: Iterable[Sequence[int]], seed: int) -> list[list[int]]:
        """Return a sampled segmentation of each sentence, with the same text.

        It is a pure function of the arguments, the same in each process.

        Args:
            sentences: The token ids of the best segmentations.
            seed: The random seed.
        """
        draw = random.Random(seed).random
        return [self._way.segment(self._stretches.of(sentence), draw) for sentence in sentences]


class _Way(Protocol):
    """A method of sampling."""

    def segment(self, stretches: Iterator[Stretch], draw: Draw) -> list[int]:
        """Return the token ids of a newly drawn segmentation of a sentence."""


class _Keep:
    """The method for models with only one segmentation."""

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
