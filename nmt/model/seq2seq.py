"""The whole model: embeddings, encoder, decoder, output matrix, loss.

nmt/model/__init__.py tells where the equations of the papers stand.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from nmt.config.settings.model import ModelSettings
from nmt.config.settings.training import ForcingDraw
from nmt.model.decoder import Decoder
from nmt.model.decoder_state import DecoderState, Step, Unrolled
from nmt.model.embedding import Embedding
from nmt.model.encoder import EncodedSource, Encoder, length_mask
from nmt.model.kernels.batch_invariance import invariant_linear
from nmt.model.kernels.int8 import Int8Product
from nmt.model.kernels.kernel_module import KernelModule, Kernels
from nmt.model.kernels.precision import upcast
from nmt.model.loss import (
    Guidance,
    LossSums,
    coverage_loss,
    cross_entropy_sums,
    pointer_cross_entropy_sums,
)
from nmt.model.output import copy_probabilities, mix_copies

PAD = 0
"""The id that pads a target. The loss ignores it."""


class Seq2Seq(KernelModule):
    """A recurrent encoder-decoder, with attention or without."""

    def __init__(
        self,
        settings: ModelSettings,
        source_vocabulary: int,
        target_vocabulary: int,
        kernels: Kernels = "fast",
    ) -> None:
        """Create the parts and draw their weights.

        Args:
            settings: The architecture.
            source_vocabulary: The size of the source vocabulary.
            target_vocabulary: The size of the target vocabulary, equal to the source's if the
                settings tie both embeddings.
            kernels: How the model computes, see `Kernels`.
        """
        super().__init__()
        self.settings = settings
        self.source_embedding = Embedding(source_vocabulary, settings, settings.source_word_dropout)
        self.target_embedding = Embedding(target_vocabulary, settings, settings.target_word_dropout)
        if settings.tying in ("source_target", "all"):
            self.target_embedding.weight = self.source_embedding.weight
        self.encoder = Encoder(
            settings.encoder, settings.embedding_size, settings.variational_dropout
        )
        self.decoder = Decoder(settings, self.target_embedding)
        self.output_matrix = (
            None
            if settings.ties_output
            else nn.Parameter(torch.empty(target_vocabulary, settings.feature_size))
        )
        self.output_bias = (
            nn.Parameter(torch.zeros(target_vocabulary)) if settings.output.bias else None
        )
        self._quantized_output: Int8Product | None = None
        self.use_kernels(kernels)
        if not self.source_embedding.weight.is_meta:
            self._initialize()

    @property
    def output_weight(self) -> Tensor:
        """The output matrix, which scores features, `[target_vocabulary, feature]`."""
        return self.target_embedding.weight if self.output_matrix is None else self.output_matrix

    def encode(self, source: Tensor, lengths: Tensor) -> EncodedSource:
        """Return an encoded batch.

        Args:
            source: Token ids, right-padded, `[batch, source_len]`.
            lengths: The number of tokens of each sentence, `[batch]`, at least 1 for the end mark.
        """
        mask = length_mask(lengths, source.shape[1])
        annotations = self.encoder(self.source_embedding(source), mask)
        memory = self.decoder.attention.prepare(annotations.vectors, mask)
        return EncodedSource(source, annotations, memory)

    def start(self, encoded: EncodedSource, beams: int) -> DecoderState:
        """Return the decoder's state before the first token.

        Args:
            encoded: The source, with annotations `[batch, source_len, annotation]`.
            beams: The number of beams a sentence.
        """
        return self.decoder.start(encoded, beams)

    def step(self, encoded: EncodedSource, state: DecoderState, previous: Tensor) -> Step:
        """Return the result of one step of each beam.

        Args:
            encoded: The source, with annotations `[batch, source_len, annotation]`.
            state: The state before the step, each layer's parts `[batch, beams, hidden]`.
            previous: The tokens before the step, y_{i-1}, `[batch, beams]`.
        """
        return self.decoder.step(encoded, state, previous)

    def unroll(self, encoded: EncodedSource, target_input: Tensor) -> Unrolled:
        """Return all steps over a target.

        Args:
            encoded: The source, with annotations `[batch, source_len, annotation]`.
            target_input: The target, beginning with BOS, `[batch, target_len]`.
        """
        return self.decoder.unroll(encoded, target_input)

    def log_probabilities(self, encoded: EncodedSource, step: Step | Unrolled) -> Tensor:
        """Return log p(y_i | y_<i, x) of each target token, in float32 or wider.

        The softmax over the vocabulary: Luong et al. 2015, eq. 6.

        Args:
            encoded: The source, with tokens `[batch, source_len]`, which copying needs.
            step: A step, or the unrolled steps of a target.

        Returns:
            Log-probabilities, `[batch, beams, vocabulary]` or `[batch, target_len, vocabulary]`.
        """
        logits = self._vocabulary_product(step.features)
        if self.output_bias is not None:
            logits.add_(self.output_bias)
        generated = torch.log_softmax(logits, -1)
        if step.gate is None:
            return generated
        assert step.weights is not None
        return mix_copies(generated, step.gate, step.weights, encoded.tokens)

    def quantize_output(self) -> None:
        """Switch the output product of `log_probabilities` to 8 bits.

        Raises:
            ResourceError: The model is not on the CPU, or torch was built without oneDNN.
        """
        self._quantized_output = Int8Product(self.output_weight)

    def _vocabulary_product(self, features: Tensor) -> Tensor:
        if self._quantized_output is not None:
            return self._quantized_output(features)
        weight = self.output_weight
        features = features.to(weight.dtype)
        if self.is_batch_invariant:
            return upcast(invariant_linear(features, weight))
        return upcast(nn.functional.linear(features, weight))

    def loss(
        self,
        source: Tensor,
        source_lengths: Tensor,
        target_input: Tensor,
        target_output: Tensor,
        smoothing: float = 0.0,
        teacher_forcing: float = 1.0,
        coverage: float = 0.0,
        fixed_shapes: bool = False,
        guidance: Guidance | None = None,
        forcing_draw: ForcingDraw = "token",
    ) -> LossSums:
        """Return the loss sums of a batch.

        Args:
            source: Token ids, right-padded, `[batch, source_len]`.
            source_lengths: The number of tokens of each sentence, `[batch]`.
            target_input: The target, beginning with BOS, `[batch, target_len]`.
            target_output: The target from its first token on, padded with PAD,
                `[batch, target_len]`.
            smoothing: The label smoothing, from 0 to 1, see `cross_entropy_sums`.
            teacher_forcing: The probability that the input of a step is the true token, not the
                model's most probable one (Bengio et al. 2015).
            coverage: The weight of the coverage loss.
            fixed_shapes: Whether padding is computed and masked instead of removed. That is slower,
                but no tensor's shape depends on the values, as a CUDA graph requires.
            guidance: The word links for guided alignment, or None.
            forcing_draw: The scope of a draw of teacher forcing: one token, one step of all
                sentences, or all steps of one sentence.
        """
        encoded = self.encode(source, source_lengths)
        choose_previous = None
        if teacher_forcing < 1.0:
            count = 1 if forcing_draw == "step" else len(target_input)

            def draw() -> Tensor:
                return torch.rand(count, device=target_input.device) < teacher_forcing

            sentence_draw = draw() if forcing_draw == "sentence" else None

            def choose_previous(time: int, step: Step) -> Tensor:
                is_forced = draw() if sentence_draw is None else sentence_draw
                return self._previous(encoded, target_input[:, time], step, is_forced)

        unrolled = self.decoder.unroll(encoded, target_input, choose_previous)
        target_mask = target_output != PAD
        sums = self._cross_entropy(
            encoded, unrolled, target_output, target_mask, smoothing, fixed_shapes
        )
        if unrolled.weights is not None and coverage != 0.0:
            extra = coverage * coverage_loss(unrolled.weights, target_mask)
            sums = replace(sums, loss=sums.loss + extra)
        if unrolled.weights is not None and guidance is not None:
            cost = guidance.cost(unrolled.weights, guidance.reference_weights)
            loss = sums.loss + guidance.weight * cost
            sums = replace(sums, loss=loss, guided=cost.detach())
        return sums

    def _cross_entropy(
        self,
        encoded: EncodedSource,
        unrolled: Unrolled,
        targets: Tensor,
        target_mask: Tensor,
        smoothing: float,
        fixed_shapes: bool,
    ) -> LossSums:
        def select_tokens(x: Tensor) -> Tensor:
            return x.flatten(0, 1) if fixed_shapes else x[target_mask]

        features = select_tokens(unrolled.features)
        mask = select_tokens(target_mask) if fixed_shapes else None
        if unrolled.gate is None:
            return cross_entropy_sums(
                features,
                self.output_weight,
                self.output_bias,
                select_tokens(targets),
                smoothing,
                mask,
                self.kernels,
            )
        assert unrolled.weights is not None
        return pointer_cross_entropy_sums(
            features,
            self.output_weight,
            self.output_bias,
            select_tokens(targets),
            select_tokens(unrolled.gate),
            select_tokens(copy_probabilities(unrolled.weights, encoded.tokens, targets)),
            smoothing,
            mask,
        )

    def _previous(
        self, encoded: EncodedSource, true: Tensor, step: Step, is_forced: Tensor
    ) -> Tensor:
        """Return the input tokens of the next step, `[batch, 1]`.

        Args:
            encoded: The source.
            true: The true tokens, `[batch]`.
            step: The step before, whose most probable tokens are the alternative.
            is_forced: Whether to return the true tokens (teacher forcing), `[batch]` or `[1]`.
        """
        with torch.no_grad():
            predicted = self.log_probabilities(encoded, step).argmax(-1)
        return torch.where(is_forced.unsqueeze(1), true.unsqueeze(1), predicted)

    def _initialize(self) -> None:
        self.encoder.initialize(self.settings.forget_bias)
        self.decoder.initialize(self.settings.forget_bias)
        std = 1.0 / math.sqrt(self.settings.embedding_size)
        for embedding in dict.fromkeys((self.source_embedding, self.target_embedding)):
            nn.init.normal_(embedding.weight, std=std)
        if self.output_matrix is not None:
            nn.init.xavier_uniform_(self.output_matrix)
        if self.settings.initialization != "by_layer":
            for parameter in self.parameters():
                if parameter.dim() > 1:
                    self._initialize_matrix(parameter)

    def _initialize_matrix(self, matrix: nn.Parameter) -> None:
        scale = self.settings.initial_range
        if self.settings.initialization == "uniform":
            nn.init.uniform_(matrix, -scale, scale)
        elif self.settings.initialization == "normal":
            nn.init.normal_(matrix, std=scale)
        elif self.settings.initialization == "glorot":
            nn.init.xavier_uniform_(matrix)
        else:
            nn.init.orthogonal_(matrix)
