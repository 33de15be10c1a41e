"""The whole translator: embeddings, encoder, decoder, output matrix, loss."""

import math

import torch
from torch import Tensor, nn

from nmt.config.settings.model import ModelSettings
from nmt.model.decoder import Decoder, DecoderState, Step
from nmt.model.encoder import EncodedSource, Encoder, length_mask
from nmt.model.loss import LossSums, cross_entropy_sums
from nmt.model.precision import widened

PAD = 0
"""The id that fills a target up; it has no part in the loss."""


class Embedding(nn.Embedding):
    """Word vectors, with dropout: `[..] -> [.., embedding]`."""

    def __init__(self, vocabulary: int, size: int, dropout: float) -> None:
        super().__init__(vocabulary, size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input: Tensor) -> Tensor:
        """The vectors of token ids of any shape."""
        embedded: Tensor = self.dropout(super().forward(input))
        return embedded


class Seq2Seq(nn.Module):
    """An attention-based recurrent encoder-decoder.

    source_vocabulary, target_vocabulary: numbers of tokens; equal when the settings tie the two.
    """

    def __init__(
        self, settings: ModelSettings, source_vocabulary: int, target_vocabulary: int
    ) -> None:
        super().__init__()
        self.settings = settings
        size, dropout = settings.embedding_size, settings.embedding_dropout
        self.source_embedding = Embedding(source_vocabulary, size, dropout)
        self.target_embedding = (
            self.source_embedding
            if settings.tying in ("source_target", "all")
            else Embedding(target_vocabulary, size, dropout)
        )
        self.encoder = Encoder(settings.encoder, size)
        self.decoder = Decoder(settings, self.target_embedding)
        self.output_matrix = (
            None
            if settings.ties_output
            else nn.Parameter(torch.empty(target_vocabulary, settings.feature_size))
        )
        self.output_bias = (
            nn.Parameter(torch.zeros(target_vocabulary)) if settings.output.bias else None
        )
        self._initialize()

    @property
    def output_weight(self) -> Tensor:
        """What features are compared with, `[target_vocabulary, feature]`."""
        return self.target_embedding.weight if self.output_matrix is None else self.output_matrix

    def encode(self, source: Tensor, lengths: Tensor) -> EncodedSource:
        """Encode `source [batch, source_len]`, right-padded, of `lengths [batch]` tokens each (at
        least one: the end mark).
        """
        mask = length_mask(lengths, source.shape[1])
        annotations = self.encoder(self.source_embedding(source), mask)
        memory = self.decoder.attention.prepare(annotations.vectors, mask)
        return EncodedSource(annotations, memory)

    def start(self, encoded: EncodedSource, beams: int) -> DecoderState:
        """The decoder's state before the first token, for `beams` beams a sentence."""
        return self.decoder.start(encoded, beams)

    def step(self, encoded: EncodedSource, state: DecoderState, previous: Tensor) -> Step:
        """One step of every beam, from the tokens before it, `previous [batch, beams]`."""
        return self.decoder.step(encoded, state, previous)

    def log_probabilities(self, features: Tensor) -> Tensor:
        """Of each target token, `[.., feature] -> [.., vocabulary]`, in float32 or wider."""
        logits = nn.functional.linear(features.to(self.output_weight.dtype), self.output_weight)
        logits = widened(logits)
        if self.output_bias is not None:
            logits = logits + self.output_bias
        return torch.log_softmax(logits, -1)

    def loss(
        self,
        source: Tensor,
        source_lengths: Tensor,
        target_input: Tensor,
        target_output: Tensor,
        smoothing: float = 0.0,
        teacher_forcing: float = 1.0,
    ) -> LossSums:
        """Cross-entropy sums of a batch.

        source: `[batch, source_len]`; source_lengths: `[batch]`; target_input: `[batch,
        target_len]`, from BOS on; target_output: the same shape, one token later, filled up with
        PAD; smoothing: of the labels; teacher_forcing: probability with which a step sees the true
        token before it instead of the model's own (Bengio et al. 2015, token by token).
        """
        encoded = self.encode(source, source_lengths)
        choose = None
        if teacher_forcing < 1.0:

            def choose(step: int, features: Tensor) -> Tensor:
                return self._sample_previous(target_input[:, step], features, teacher_forcing)

        unrolled = self.decoder.unroll(encoded, target_input, choose)
        real = target_output != PAD
        return cross_entropy_sums(
            unrolled.features[real],
            self.output_weight,
            self.output_bias,
            target_output[real],
            smoothing,
        )

    def _sample_previous(self, true: Tensor, features: Tensor, teacher_forcing: float) -> Tensor:
        with torch.no_grad():
            predicted = self.log_probabilities(features.detach()).argmax(-1)
        told = torch.rand(true.shape, device=true.device) < teacher_forcing
        return torch.where(told.unsqueeze(1), true.unsqueeze(1), predicted)

    def _initialize(self) -> None:
        self.encoder.initialize(self.settings.forget_bias)
        self.decoder.initialize(self.settings.forget_bias)
        spread = 1.0 / math.sqrt(self.settings.embedding_size)
        for embedding in dict.fromkeys((self.source_embedding, self.target_embedding)):
            nn.init.normal_(embedding.weight, std=spread)
        if self.output_matrix is not None:
            nn.init.xavier_uniform_(self.output_matrix)
        if self.settings.initial_range > 0.0:
            for parameter in self.parameters():
                if parameter.dim() > 1:
                    nn.init.uniform_(
                        parameter, -self.settings.initial_range, self.settings.initial_range
                    )
