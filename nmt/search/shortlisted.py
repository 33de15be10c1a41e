"""Search in a short vocabulary for each sentence, instead of the whole vocabulary.

For search, a token is its position on the list of its sentence. The lists are in ascending order,
so that the reserved tokens keep their ids: they are on every list. Beam search, its rules and its
selections therefore work unchanged. The softmax is over the list of a sentence, on which alone its
result depends. Only the product is computed for all lists of the batch together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nmt.alignment.shortlist import Shortlist
from nmt.data.batches import pad_sources
from nmt.model.decoder_state import DecoderState, Step
from nmt.model.encoder import EncodedSource
from nmt.model.kernels.batch_invariance import invariant_linear
from nmt.model.kernels.precision import upcast
from nmt.model.output import mix_copies
from nmt.model.seq2seq import Seq2Seq
from nmt.search.beam import Scorer
from nmt.search.hypothesis import Hypothesis
from nmt.tokenizers.tokenizer import PAD

_WORTH_GATHERING = 0.75
_BLOCK = 192
_NEVER = float("-inf")


@dataclass(frozen=True)
class _Vocabulary:
    """Part of the output matrix that some sentences need.

    Attributes:
        weight: `[tokens, feature]`, or the whole matrix.
        columns: The rows of `weight` for the candidates of each sentence, `[batch, candidates]`.
            None for a single sentence.
        sentences: The number of sentences that it was made for.
    """

    weight: Tensor
    columns: Tensor | None
    sentences: int

    @classmethod
    def of(cls, candidates: Tensor, weight: Tensor) -> "_Vocabulary":
        """Return the part of `weight [vocabulary, feature]` for lists `[batch, candidates]`."""
        if len(candidates) == 1:
            return cls(weight.index_select(0, candidates[0]), None, 1)
        wanted = torch.zeros(len(weight), dtype=torch.bool, device=weight.device)
        wanted[candidates] = True
        tokens = wanted.nonzero().squeeze(1)
        if len(tokens) > _WORTH_GATHERING * len(weight):
            return cls(weight, candidates, len(candidates))
        columns = (wanted.cumsum(0) - 1).take(candidates)
        return cls(weight.index_select(0, tokens), columns, len(candidates))

    def logits(self, features: Tensor) -> Tensor:
        """Return the logits without bias, `[batch, beams, candidates]`.

        Args:
            features: `[batch, beams, feature]`.
        """
        logits = invariant_linear(features.to(self.weight.dtype), self.weight)
        if self.columns is None:
            return logits
        return logits.gather(2, self.columns.unsqueeze(1).expand(-1, logits.shape[1], -1))

    def select(self, rows: Tensor) -> "_Vocabulary":
        """Return the part for the given sentences."""
        return self if self.columns is None else replace(self, columns=self.columns[rows])


@dataclass(frozen=True)
class _Encoded:
    """Encoded batch with the lists of its sentences.

    Attributes:
        inner: The encoded batch.
        source: The positions of source tokens on the list, `[batch, source_len]`, where they may be
            copied.
        candidates: The lists, ascending and padded with PAD, `[batch, candidates]`.
        sizes: The lengths of the lists, `[batch]`.
        bias: The output bias, minus infinity at padding, `[batch, candidates]`.
        weight: The whole output matrix.
        vocabulary: The part of it that these sentences need. Others that are done may have needed
            more.
    """

    inner: EncodedSource
    source: Tensor | None
    candidates: Tensor
    sizes: Tensor
    bias: Tensor
    weight: Tensor
    vocabulary: _Vocabulary

    def select(self, rows: Tensor) -> "_Encoded":
        """Return the given sentences, `rows [new_batch]`."""
        few = _Encoded(
            inner=self.inner.select(rows),
            source=None if self.source is None else self.source[rows],
            candidates=self.candidates[rows],
            sizes=self.sizes[rows],
            bias=self.bias[rows],
            weight=self.weight,
            vocabulary=self.vocabulary.select(rows),
        )
        return few._narrowed() if 2 * len(rows) <= self.vocabulary.sentences else few

    def _narrowed(self) -> "_Encoded":
        """Return the batch with a vocabulary for its sentences alone."""
        longest = int(self.sizes.max())
        candidates, bias = self.candidates[:, :longest], self.bias[:, :longest]
        vocabulary = _Vocabulary.of(candidates, self.weight)
        return replace(self, candidates=candidates, bias=bias, vocabulary=vocabulary)


class Shortlisted:
    """Model with a list of allowed tokens for each sentence: a `Scorer`.

    Args:
        model: The model.
        shortlist: The likely translations of each source token.
        frequent: The number of most frequent tokens that are on every list.
        encoder: The encoder to use. None: the model itself.
        forbidden: The tokens that no translation has.
    """

    def __init__(
        self,
        model: Seq2Seq,
        shortlist: Shortlist,
        frequent: int,
        encoder: Scorer | None = None,
        forbidden: Sequence[int] = (),
    ) -> None:
        self._model = model
        self._encoder: Scorer = model if encoder is None else encoder
        self._shortlist = shortlist.to(model.output_weight.device)
        self._frequent = frequent
        self._copies = model.settings.output.copy_source
        device = model.output_weight.device
        self._forbidden = torch.tensor(list(forbidden), dtype=torch.long, device=device)

    def encode(self, source: Tensor, lengths: Tensor) -> _Encoded:
        """See `Seq2Seq.encode`."""
        allowed = self._allowed(source)
        candidates, sizes = _listed(allowed)
        places = (allowed.cumsum(1) - 1).gather(1, source) if self._copies else None
        weight = self._model.output_weight
        return _Encoded(
            inner=self._encoder.encode(source, lengths),
            source=places,
            candidates=candidates,
            sizes=sizes,
            bias=self._bias(candidates, sizes),
            weight=weight,
            vocabulary=_Vocabulary.of(candidates, weight),
        )

    def start(self, encoded: _Encoded, beams: int) -> DecoderState:
        """See `Seq2Seq.start`."""
        return self._model.start(encoded.inner, beams)

    def step(self, encoded: _Encoded, state: DecoderState, previous: Tensor) -> Step:
        """See `Seq2Seq.step`.

        The previous tokens are positions on the lists.
        """
        tokens = encoded.candidates.gather(1, previous)
        return self._model.step(encoded.inner, state, tokens)

    def log_probabilities(self, encoded: _Encoded, step: Step) -> Tensor:
        """Return the log-probability of each candidate, minus infinity at padding.

        Args:
            encoded: The encoded batch.
            step: The step of the decoder.

        Returns:
            `[batch, beams, candidates]`.
        """
        logits = upcast(encoded.vocabulary.logits(step.features))
        generated = torch.log_softmax(logits.add_(encoded.bias.unsqueeze(1)), -1)
        if step.gate is not None:
            assert step.weights is not None
            assert encoded.source is not None
            generated = mix_copies(generated, step.gate, step.weights, encoded.source)
        if len(self._forbidden):
            masks = torch.isin(encoded.candidates, self._forbidden)
            generated = generated.masked_fill(masks.unsqueeze(1), _NEVER)
        return generated

    def in_tokens(
        self, sources: Sequence[Sequence[int]], found: Sequence[Sequence[Hypothesis]]
    ) -> list[list[Hypothesis]]:
        """Return hypotheses with token ids in place of positions on the lists.

        Args:
            sources: The token ids of each sentence, with or without end marks.
            found: The hypotheses of each sentence, as search found them.
        """
        translated: list[list[Hypothesis]] = []
        for begin in range(0, len(sources), _BLOCK):
            source, _ = pad_sources(sources[begin : begin + _BLOCK])
            candidates, _ = _listed(self._allowed(source.to(self._shortlist.always.device)))
            block = found[begin : begin + _BLOCK]
            for tokens, hypotheses in zip(candidates.tolist(), block, strict=True):
                translated.append([_in_tokens(hypothesis, tokens) for hypothesis in hypotheses])
        return translated

    def _allowed(self, source: Tensor) -> Tensor:
        """Return the mask of tokens on the list of each sentence, `[batch, vocabulary]`.

        Where source tokens may be copied, they are on the list.
        """
        allowed = self._shortlist.allowed(source, self._frequent)
        return allowed.scatter_(1, source, True) if self._copies else allowed

    def _bias(self, candidates: Tensor, sizes: Tensor) -> Tensor:
        ended = torch.arange(candidates.shape[1], device=sizes.device) >= sizes.unsqueeze(1)
        if self._model.output_bias is None:
            bias = upcast(self._model.output_weight).new_zeros(candidates.shape)
        else:
            bias = self._model.output_bias[candidates]
        return bias.masked_fill(ended, _NEVER)


def _in_tokens(hypothesis: Hypothesis, tokens: Sequence[int]) -> Hypothesis:
    """Return a hypothesis with the token ids of the list `tokens` in place of positions on it."""
    tree = hypothesis.tree
    if tree is not None:
        tree = tree.with_tokens([tokens[node.token] for node in tree.nodes])
    own = [tokens[place] for place in hypothesis.tokens]
    return replace(hypothesis, tokens=own, tree=tree)


def _listed(allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Return masks as ascending lists, padded with PAD, and the lengths of the lists.

    Args:
        allowed: The masks, `[batch, vocabulary]`.

    Returns:
        The lists, `[batch, candidates]`, and their lengths, `[batch]`.
    """
    sizes = allowed.sum(1)
    rows, tokens = allowed.nonzero(as_tuple=True)
    firsts = sizes.cumsum(0) - sizes
    places = torch.arange(len(tokens), device=tokens.device) - firsts[rows]
    candidates = tokens.new_full((len(allowed), int(sizes.max())), PAD)
    candidates[rows, places] = tokens
    return candidates, sizes
