"""Lexical shortlists: the target tokens that a translation of given source tokens may need.

A search over these tokens alone saves most of the product with the vocabulary (Jean et al. 2015; Mi
et al. 2016).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmt.alignment.lexicon import NULL, learn_lexicon
from nmt.data.batches import pad_sources
from nmt.data.binary_dataset import Corpus
from nmt.errors import ModelError
from nmt.tokenizers.sentencepiece_model import PieceKind
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK, TokenizerPair

_RESERVED = (PAD, UNK, BOS, EOS)
_BLOCK = 10_000


@dataclass(frozen=True)
class Shortlist:
    """A lexical shortlist, in target ids of 32 bits.

    Attributes:
        translations: The translations of each source token, `[source_vocabulary, best]`, padded
            with PAD.
        frequent: All tokens, the most frequent first, `[target_vocabulary]`.
        always: The tokens that are always allowed, in rising order, `[tokens]`. These are the
            reserved tokens, the case marks, and the bytes, which can spell any text.
    """

    translations: Tensor
    frequent: Tensor
    always: Tensor

    def allowed(self, source: Tensor, frequent: int) -> Tensor:
        """Return the tokens that each translation may have, `[batch, target_vocabulary]`.

        Each row depends only on the tokens of its sentence.

        Args:
            source: The source tokens, `[batch, source_len]`, padded with PAD or not.
            frequent: The number of most frequent tokens that are always allowed.
        """
        allowed = torch.zeros(
            len(source), len(self.frequent), dtype=torch.bool, device=source.device
        )
        allowed[:, self.always.long()] = True
        allowed[:, self.frequent[:frequent].long()] = True
        return allowed.scatter_(1, self.translations[source].long().flatten(1), True)

    def to(self, device: torch.device) -> "Shortlist":
        """Return the shortlist on a device."""
        return Shortlist(
            self.translations.to(device), self.frequent.to(device), self.always.to(device)
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of its file, by name."""
        return {
            "translations": self.translations,
            "frequent": self.frequent,
            "always": self.always,
        }

    @classmethod
    def from_tensors(
        cls, tensors: dict[str, Tensor], vocabulary: tuple[int, int], name: str
    ) -> "Shortlist":
        """Return the shortlist with the tensors of its file.

        Args:
            tensors: The tensors, by name.
            vocabulary: The sizes of the source and the target vocabulary.
            name: The name of the file in errors.

        Raises:
            ModelError: The tensors do not fit the vocabularies.
        """
        source, target = vocabulary
        if (
            tensors.keys() != {"translations", "frequent", "always"}
            or any(tensor.dtype != torch.int32 for tensor in tensors.values())
            or tensors["translations"].dim() != 2
            or len(tensors["translations"]) != source
            or tensors["frequent"].shape != (target,)
            or not all(_are_ids(tensor, target) for tensor in tensors.values())
            or not set(_RESERVED) <= set(tensors["always"].tolist())
        ):
            raise ModelError(
                f"{name}: does not match the vocabularies of {source} and {target} tokens. "
                "Re-create it with `nmt shortlist`."
            )
        return cls(**tensors)


def make_shortlist(
    corpus: Corpus, tokenizers: TokenizerPair, best: int, max_pairs: int
) -> Shortlist:
    """Return a shortlist learned from a binarized corpus.

    With a joint vocabulary, each token is also one of its own translations, because names and
    numbers are copied.

    Args:
        corpus: The corpus.
        tokenizers: The tokenizers of both sides.
        best: The number of translations of each source token.
        max_pairs: The number of pairs to learn from, at most, evenly spread over the corpus.
    """
    count = min(max_pairs, len(corpus))
    pairs = np.arange(count) * len(corpus) // max(1, count)
    lexicon = learn_lexicon(corpus, pairs, tokenizers.source.size, tokenizers.target.size)
    translations = lexicon.best(best)
    translations[NULL] = PAD  # padding in a batch must not make a list longer
    if tokenizers.joint:
        copies = np.arange(tokenizers.source.size, dtype=np.int32).reshape(-1, 1)
        translations = np.concatenate((copies, translations), axis=1)
    counts = _token_counts(corpus, pairs, tokenizers.target.size)
    return Shortlist(
        torch.from_numpy(translations),
        torch.from_numpy(np.argsort(-counts, kind="stable").astype(np.int32)),
        torch.tensor(_always_allowed(tokenizers), dtype=torch.int32),
    )


@dataclass(frozen=True)
class ShortlistCoverage:
    """The coverage of a corpus by a shortlist.

    Attributes:
        tokens: The share of the target tokens that are on the list of their pair.
        size: The mean length of the lists.
    """

    tokens: float
    size: float


def measure_coverage(shortlist: Shortlist, corpus: Corpus, frequent: int) -> ShortlistCoverage:
    """Return the coverage of a corpus by a shortlist.

    Args:
        shortlist: The shortlist.
        corpus: The corpus.
        frequent: See `Shortlist.allowed`.
    """
    covered, total, size = 0, 0, 0
    for pair in range(len(corpus)):
        source, _ = pad_sources([corpus.source(pair)])
        allowed = shortlist.allowed(source, frequent)[0]
        target = torch.from_numpy(corpus.target(pair).astype(np.int64))
        covered += int(allowed[target].sum())
        total += len(target)
        size += int(allowed.sum())
    return ShortlistCoverage(covered / max(1, total), size / max(1, len(corpus)))


def _are_ids(tensor: Tensor, vocabulary: int) -> bool:
    return bool(((tensor >= 0) & (tensor < vocabulary)).all())


def _token_counts(corpus: Corpus, pairs: NDArray[np.int64], vocabulary: int) -> NDArray[np.int64]:
    """Return the number of occurrences of each target token, `[vocabulary]`."""
    counts = np.zeros(vocabulary, np.int64)
    for begin in range(0, len(pairs), _BLOCK):
        block = [corpus.target(int(pair)) for pair in pairs[begin : begin + _BLOCK]]
        counts += np.bincount(np.concatenate(block), minlength=vocabulary)
    return counts


def _always_allowed(tokenizers: TokenizerPair) -> list[int]:
    pieces = tokenizers.target.read_model().pieces
    return [
        token
        for token, piece in enumerate(pieces)
        if token in _RESERVED
        or token in tokenizers.target.case_marks
        or piece.kind == PieceKind.BYTE
    ]
