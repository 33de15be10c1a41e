"""What else might come at a place of a translation, and how it would go on from there."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from nmt.config.settings import SearchSettings
from nmt.runtime.device import Runtime
from nmt.search.constraints import TokenConstraints
from nmt.search.corpus import Evaluating, decode_corpus
from nmt.search.forced import Pair, Unrolling, force_decode, padded
from nmt.search.hypothesis import Hypothesis
from nmt.search.limits import LengthLimits
from nmt.search.translation import Translation
from nmt.tokenizers.sentencepiece import BOS, EOS, PAD, UNK
from nmt.tokenizers.words import is_punctuation, starts_word

_NEVER = frozenset((PAD, UNK, BOS))


@dataclass(frozen=True)
class Alternative:
    """One subword that may come next; probability: by the model, of all subwords; translation: the
    best that begins with what came before and goes on with it.
    """

    token: str
    probability: float
    translation: Translation


@dataclass(frozen=True)
class Place:
    """A place in a translation; source, prefix: token ids, without end marks; model: one that both
    searches and unrolls, as ours do.
    """

    model: Any
    source: list[int]
    prefix: list[int]
    settings: SearchSettings
    limits: LengthLimits
    runtime: Runtime

    def onwards(
        self, fits: Callable[[int], bool], count: int
    ) -> list[tuple[int, float, Hypothesis]]:
        """The `count` likeliest tokens that fit, each with its probability and the best hypothesis
        that goes on from it; of the end mark the prefix itself.
        """
        after = next_log_probabilities(self.model, self.source, self.prefix, self.runtime)
        chosen = list(islice((each for each in likeliest(after) if fits(each[0])), count))
        found = iter(self._searched([token for token, _ in chosen if token != EOS]))
        return [
            (token, probability, self._ended() if token == EOS else next(found))
            for token, probability in chosen
        ]

    def _searched(self, tokens: Sequence[int]) -> list[Hypothesis]:
        """The best that goes on with each token."""
        found = decode_corpus(
            self.model,
            [self.source] * len(tokens),
            self.settings,
            self.limits,
            self.runtime,
            attention=True,
            constraints=[TokenConstraints((*self.prefix, token)) for token in tokens],
        )
        return [best for best, *_ in found]

    def _ended(self) -> Hypothesis:
        pair = Pair(self.source, self.prefix)
        return force_decode(self.model, [pair], self.settings, self.runtime, attention=True)[0]


@torch.inference_mode()
def next_log_probabilities(
    model: Unrolling, source: Sequence[int], prefix: Sequence[int], runtime: Runtime
) -> Tensor:
    """Of each target token after `prefix`, `[vocabulary]`; source and prefix without end marks."""
    batch = padded([Pair(source, prefix)]).to(runtime.device)
    with Evaluating(model), runtime.computing():
        encoded = model.encode(batch.source, batch.source_lengths)
        unrolled = model.unroll(encoded, batch.target_input)
        last = unrolled.span(len(prefix), len(prefix) + 1)
        return model.log_probabilities(encoded, last)[0, 0].float().cpu()


def likeliest(log_probabilities: Tensor) -> Iterator[tuple[int, float]]:
    """Token ids that a translation may go on with, each with its probability, the likeliest
    first; of equal ones the lower id.
    """
    values, order = log_probabilities.sort(descending=True, stable=True)
    for token, value in zip(order.tolist(), values.exp().tolist(), strict=True):
        if token not in _NEVER:
            yield token, value


def distinct_alternatives(alternatives: Sequence[Alternative]) -> list[Alternative]:
    """Return the first of those whose translations are the same text, in their order."""
    first: dict[str, Alternative] = {}
    for each in alternatives:
        first.setdefault(each.translation.text, each)
    return list(first.values())


def parts_words(token: int, piece: str) -> bool:
    """Whether the word before ends where this subword comes: it begins another, is punctuation, or
    the end mark.
    """
    return token == EOS or starts_word(piece) or is_punctuation(piece)
