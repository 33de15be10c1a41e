"""Alternatives at a position of a translation: likely next subwords and their continuations."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from nmt.config.settings import SearchSettings
from nmt.runtime.device import Runtime
from nmt.search.constrained_selection import CaseMarks
from nmt.search.constraints import TokenConstraints
from nmt.search.decode_corpus import Evaluating, decode_corpus
from nmt.search.forced_decoding import ForcedPair, UnrollableModel, force_decode, make_forced_batch
from nmt.search.hypothesis import Hypothesis
from nmt.search.logits_processors import LengthLimits
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK, Tokenizer
from nmt.tokenizers.words import is_punctuation, starts_word
from nmt.translation.translation import Translation

_NEVER = frozenset((PAD, UNK, BOS))


@dataclass(frozen=True)
class Alternative:
    """Subword that may come next.

    Attributes:
        token: The subword. A word after a case mark has its capitals.
        probability: Its probability among all subwords.
        translation: The best translation that begins with the prefix and this subword.
    """

    token: str
    probability: float
    translation: Translation


@dataclass(frozen=True)
class TargetPosition:
    """Position in a translation.

    Attributes:
        model: A model that is both a `Scorer` and an `UnrollableModel`.
        source: The token ids of the source, without the end mark.
        prefix: The token ids of the translation before the position.
        settings: The search settings.
        limits: The length limits.
        runtime: The device and precision.
        marks: The tokens that are no alternatives by themselves, only with the token after them.
        forbidden: The tokens that no translation has, besides PAD and BOS.
        case: The case marks of the vocabulary, None without marks.
    """

    model: Any
    source: list[int]
    prefix: list[int]
    settings: SearchSettings
    limits: LengthLimits
    runtime: Runtime
    marks: frozenset[int] = frozenset()
    forbidden: Sequence[int] = ()
    case: CaseMarks | None = None

    def onwards(
        self, fits: Callable[[int], bool], count: int
    ) -> list[tuple[tuple[int, ...], float, Hypothesis]]:
        """Return the `count` most probable tokens that fit, with their best continuations.

        Args:
            fits: Returns whether a token may be an alternative.
            count: The maximum number of tokens.

        Returns:
            Each token with the mark before it, its probability, and the best hypothesis that begins
            with the prefix and the token. For the end mark, the hypothesis is the prefix itself.
        """
        chosen = self._likeliest(fits, count)
        found = iter(self._searched([tokens for tokens, _ in chosen if tokens[-1] != EOS]))
        return [
            (tokens, probability, self._ended() if tokens[-1] == EOS else next(found))
            for tokens, probability in chosen
        ]

    def _likeliest(
        self, fits: Callable[[int], bool], count: int
    ) -> list[tuple[tuple[int, ...], float]]:
        """Return the `count` most probable tokens that fit, each with the mark before it."""
        after = next_log_probabilities(self.model, self.source, self.prefix, self.runtime)
        barred = {*self.marks, *self.forbidden}
        plain = (((token,), share) for token, share in likeliest(after) if token not in barred)
        chosen: list[tuple[tuple[int, ...], float]] = []
        chosen += islice((each for each in plain if fits(each[0][-1])), count)
        for mark in sorted(self.marks):
            prefix, share = [*self.prefix, mark], float(after[mark].exp())
            then = next_log_probabilities(self.model, self.source, prefix, self.runtime)
            marked = (
                ((mark, token), share * its_share)
                for token, its_share in likeliest(then)
                if token not in barred and token != EOS and fits(token)
            )
            chosen += islice(marked, count)
        return sorted(chosen, key=lambda each: -each[1])[:count]

    def _searched(self, beginnings: Sequence[tuple[int, ...]]) -> list[Hypothesis]:
        """Return the best hypothesis that begins with the prefix and each of some tokens."""
        found = decode_corpus(
            self.model,
            [self.source] * len(beginnings),
            self.settings,
            self.limits,
            self.runtime,
            attention=True,
            constraints=[TokenConstraints((*self.prefix, *tokens)) for tokens in beginnings],
            forbidden=self.forbidden,
            case=self.case,
        )
        return [best for best, *_ in found]

    def _ended(self) -> Hypothesis:
        pair = ForcedPair(self.source, self.prefix)
        return force_decode(self.model, [pair], self.settings, self.runtime, attention=True)[0]


def find_alternatives(
    position: TargetPosition,
    target: Tokenizer,
    spell: Callable[[Sequence[int]], str],
    translate: Callable[[Sequence[Hypothesis]], list[Translation]],
    count: int,
    words: bool,
) -> list[Alternative]:
    """Return the likeliest subwords at a position, each with the translation that it leads to.

    Args:
        position: The position.
        target: The tokenizer of the target side.
        spell: Returns the subword of a token with the mark before it.
        translate: Returns the translations of hypotheses.
        count: The maximum number of alternatives.
        words: Whether to leave out subwords that continue a word, and to give each translation
            once.
    """

    def fits(token: int) -> bool:
        return not words or parts_words(token, target.pieces([token])[0])

    alternatives = [
        Alternative(spell(tokens), probability, *translate([continuation]))
        for tokens, probability, continuation in position.onwards(fits, count)
    ]
    return distinct_alternatives(alternatives) if words else alternatives


@torch.inference_mode()
def next_log_probabilities(
    model: UnrollableModel, source: Sequence[int], prefix: Sequence[int], runtime: Runtime
) -> Tensor:
    """Return the log-probability of each target token after a prefix, `[vocabulary]`.

    Args:
        model: The model.
        source: The token ids of the source, without the end mark.
        prefix: The token ids of the translation so far.
        runtime: The device and precision.
    """
    batch = make_forced_batch([ForcedPair(source, prefix)]).to(runtime.device)
    with Evaluating(model), runtime.computing():
        encoded = model.encode(batch.source, batch.source_lengths)
        unrolled = model.unroll(encoded, batch.target_input)
        last = unrolled.span(len(prefix), len(prefix) + 1)
        return model.log_probabilities(encoded, last)[0, 0].float().cpu()


def likeliest(log_probabilities: Tensor) -> Iterator[tuple[int, float]]:
    """Yield the tokens that a translation may contain, with probabilities, most probable first.

    Of equal ones, the lower id comes first.
    """
    values, order = log_probabilities.sort(descending=True, stable=True)
    for token, value in zip(order.tolist(), values.exp().tolist(), strict=True):
        if token not in _NEVER:
            yield token, value


def distinct_alternatives(alternatives: Sequence[Alternative]) -> list[Alternative]:
    """Return the first alternative of each translation text, in their order."""
    first: dict[str, Alternative] = {}
    for each in alternatives:
        first.setdefault(each.translation.text, each)
    return list(first.values())


def parts_words(token: int, piece: str) -> bool:
    """Return whether a subword ends the word before it.

    It does so where it begins a word, is punctuation or is the end mark.

    Args:
        token: The id of the subword.
        piece: The subword.
    """
    return token == EOS or starts_word(piece) or is_punctuation(piece)
