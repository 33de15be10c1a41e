"""Settings of the model: embeddings, encoder, attention, decoder, output."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from nmt.config.registry import CELLS, DECODER_STARTS, OUTPUTS, output_parts
from nmt.config.settings.attention import AttentionSettings
from nmt.config.settings.base import LARGEST_SIZE, Dropout, Settings, kind_of


class EncoderSettings(Settings):
    """Reads the source and gives one annotation per source token."""

    cell: Annotated[str, kind_of(CELLS)] = Field("gru", description="The recurrent cell.")
    layers: int = Field(1, ge=1, le=100, description="Number of recurrent layers.")
    hidden_size: int = Field(
        384,
        ge=1,
        le=LARGEST_SIZE,
        description="Hidden units per direction. Annotations have twice as many when both "
        "directions are used.",
    )
    direction: Literal["forward", "bidirectional", "bidirectional_bottom", "alternating"] = Field(
        "bidirectional",
        description="Reading direction of the layers: all forward; all in both directions; only "
        "the bottom one in both (GNMT, Wu et al. 2016); forward and backward alternately (Zhou "
        "et al. 2016).",
    )
    reverse_source: bool = Field(
        False, description="Read the words of the source in reverse order (Sutskever et al. 2014)."
    )
    residual_from: int | None = Field(
        None,
        ge=2,
        description="The first layer, from 1, with a residual connection: its input is added to "
        "its output. Default: none.",
    )
    transition_depth: int = Field(
        1,
        ge=1,
        le=100,
        description="Number of transitions of a cell per token (Miceli Barone et al. 2017).",
    )
    dropout: Dropout = Field(0.2, description="Dropout between layers.")
    recurrent_dropout: Dropout = Field(
        0.0,
        description="Dropout of the hidden vector in the recurrent product, with the same mask "
        "at each step (Gal and Ghahramani 2016).",
    )

    def directions(self, layer: int) -> tuple[str, ...]:
        """Return the directions of a layer (from 0): forward, backward, or both."""
        if self.direction == "bidirectional":
            return ("forward", "backward")
        if self.direction == "bidirectional_bottom" and layer == 0:
            return ("forward", "backward")
        if self.direction == "alternating" and layer % 2 == 1:
            return ("backward",)
        return ("forward",)

    def output_size(self, layer: int) -> int:
        """Return the size of the output and of the final state of a layer (from 0)."""
        return self.hidden_size * len(self.directions(layer))

    @property
    def annotation_size(self) -> int:
        """D, the size of an annotation."""
        return self.output_size(self.layers - 1)

    @model_validator(mode="after")
    def _check_residuals(self) -> "EncoderSettings":
        if self.residual_from is None:
            return self
        if self.residual_from > self.layers:
            raise ValueError(
                f"`residual_from` ({self.residual_from}) is above `layers` ({self.layers})"
            )
        for layer in range(self.residual_from - 1, self.layers):
            if self.output_size(layer) != self.output_size(layer - 1):
                raise ValueError(
                    f"`residual_from: {self.residual_from}` adds the input of layer {layer + 1} "
                    f"({self.output_size(layer - 1)} wide, both directions) to its output "
                    f"({self.output_size(layer)}); "
                    + (
                        f"set `residual_from: {layer + 2}` or more"
                        if layer + 2 <= self.layers
                        else "remove it"
                    )
                )
        return self


class DecoderSettings(Settings):
    """Writes the target, one token after the other."""

    cell: Annotated[str, kind_of(CELLS)] = Field("gru", description="The recurrent cell.")
    layers: int = Field(1, ge=1, le=100, description="Number of recurrent layers.")
    hidden_size: int = Field(512, ge=1, le=LARGEST_SIZE, description="Hidden units per layer.")
    input_feeding: bool = Field(
        False, description="Feed the output features into the next step (Luong et al. 2015, 3.3)."
    )
    combine_context: bool = Field(
        False,
        description="Feed relu(W [embedding; context] + b), of the size of the embedding, to the "
        "recurrence instead of both vectors.",
    )
    residual_from: int | None = Field(
        None,
        ge=2,
        description="The first layer, from 1, with a residual connection: its input is added to "
        "its output. Default: none.",
    )
    transition_depth: int = Field(
        2,
        ge=1,
        le=100,
        description="Number of transitions of a cell per token (Miceli Barone et al. 2017).",
    )
    start: Annotated[str, kind_of(DECODER_STARTS)] = Field(
        "mean", description="Initialization of the first state."
    )
    dropout: Dropout = Field(
        0.2, description="Dropout between layers, and of the state that enters the output layer."
    )
    recurrent_dropout: Dropout = Field(
        0.0,
        description="Dropout of the hidden vector in the recurrent product, with the same mask "
        "at each step (Gal and Ghahramani 2016).",
    )

    @model_validator(mode="after")
    def _check_residuals(self) -> "DecoderSettings":
        if self.residual_from is not None and self.residual_from > self.layers:
            raise ValueError(
                f"`residual_from` ({self.residual_from}) is above `layers` ({self.layers})"
            )
        return self


class OutputSettings(Settings):
    """From the decoder's state to the features that the vocabulary is scored with."""

    kind: Annotated[str, kind_of(OUTPUTS)] = Field("deep", description="The output layer.")
    size: int | None = Field(
        None,
        ge=1,
        le=LARGEST_SIZE,
        description="Size of the features. Default: the decoder's hidden size, or the embedding "
        "size if the output matrix is tied to the embedding.",
    )
    state: Literal["state", "previous_state"] = Field(
        "state",
        description="The state that enters the output layer: s_i, or s_{i-1} as in Bahdanau et "
        "al. 2014, appendix A.2.2.",
    )
    copy_source: bool = Field(
        False,
        description="Copy mechanism: a learned gate splits the probability between the "
        "vocabulary and the source tokens, weighted by attention (See et al. 2017, eq. 8-9).",
    )
    bias: bool = Field(True, description="Add a bias for each token of the target vocabulary.")
    dropout: Dropout = Field(0.3, description="Dropout of the features.")


class ModelSettings(Settings):
    """The one encoder-decoder core."""

    embedding_size: int = Field(
        256, ge=1, le=LARGEST_SIZE, description="Size of source and target embeddings."
    )
    embedding_dropout: Dropout = Field(0.2, description="Dropout of the embeddings.")
    source_word_dropout: Dropout = Field(
        0.0, description="Probability of setting the embedding of a source token to zero."
    )
    target_word_dropout: Dropout = Field(
        0.0, description="Probability of setting the embedding of a previous target token to zero."
    )
    variational_dropout: bool = Field(
        False,
        description="Use one mask for all steps of a sentence in all dropout of vectors (Gal and "
        "Ghahramani 2016).",
    )
    tying: Literal["none", "source_target", "target_output", "all"] = Field(
        "all",
        description="The matrices to share among source embedding, target embedding and output "
        "matrix. Default: all; with two vocabularies target_output; with output kind plain or "
        "concat, the output matrix is not shared.",
    )
    encoder: EncoderSettings = Field(default_factory=EncoderSettings, description="The encoder.")
    attention: AttentionSettings = Field(
        default_factory=AttentionSettings, description="The attention."
    )
    decoder: DecoderSettings = Field(default_factory=DecoderSettings, description="The decoder.")
    output: OutputSettings = Field(default_factory=OutputSettings, description="The output layer.")
    initialization: Literal["by_layer", "uniform", "normal", "glorot", "orthogonal"] = Field(
        "by_layer",
        description="Initialization of the matrices. by_layer: orthogonal for recurrent "
        "matrices, normal for embeddings, Glorot for others. Otherwise one rule for all.",
    )
    initial_range: float = Field(
        0.1, gt=0.0, description="uniform: from [-r, r]; normal: standard deviation r."
    )
    forget_bias: float = Field(1.0, description="Initial value of the forget-gate bias of an LSTM.")

    @property
    def ties_output(self) -> bool:
        """Whether the output matrix is the target embedding."""
        return self.tying in ("target_output", "all")

    @property
    def context_size(self) -> int:
        """The size of the context vector; 0 without attention."""
        return 0 if self.attention.kind == "none" else self.encoder.annotation_size

    @property
    def query_size(self) -> int:
        """H, the size of the attention query."""
        embedding = self.embedding_size if self.attention.query_embedding else 0
        return self.decoder.hidden_size + embedding

    @property
    def max_source_tokens(self) -> int | None:
        """The longest source that attention can cover, without its end mark; None for no limit."""
        return self.attention.max_positions - 1 if self.attention.kind == "location" else None

    @property
    def feature_size(self) -> int:
        """The size of the features that the output matrix multiplies."""
        parts = output_parts(self.output.kind)
        if parts:
            sizes = {
                "state": self.decoder.hidden_size,
                "context": self.context_size if self.attention.enters_output else 0,
                "embedding": self.embedding_size,
            }
            return sum(sizes[part] for part in parts)
        if self.ties_output:
            return self.embedding_size
        return self.output.size or self.decoder.hidden_size

    @model_validator(mode="after")
    def _check_parts(self) -> "ModelSettings":
        problems = [*self._output_problems(), *self._attention_problems(), *self._start_problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _output_problems(self) -> Iterator[str]:
        kind, size = self.output.kind, self.output.size
        maps = not output_parts(kind)
        if not maps and size not in (None, self.feature_size):
            yield f"`output.kind: {kind}` has no matrix: remove `output.size`"
        elif self.ties_output and not maps and self.feature_size != self.embedding_size:
            yield (
                f"`tying: {self.tying}` needs features as large as embeddings "
                f"({self.embedding_size}), but `output.kind: {kind}` makes {self.feature_size}"
            )
        elif self.ties_output and size not in (None, self.embedding_size):
            yield (
                f"`tying: {self.tying}` needs `output.size` to be `embedding_size` "
                f"({self.embedding_size}), not {size}"
            )
        if self.output.copy_source and self.attention.kind == "none":
            yield "`output.copy_source` copies by attention, but `attention.kind` is none"
        if self.output.state == "previous_state" and self.decoder.input_feeding:
            yield (
                "`output.state: previous_state` with `decoder.input_feeding` would leave the new "
                "token out of the recurrence: change one of them"
            )

    def _attention_problems(self) -> Iterator[str]:
        attention, decoder = self.attention, self.decoder
        annotation = self.encoder.annotation_size
        if attention.kind in ("dot", "scaled_dot") and annotation != self.query_size:
            yield (
                f"`attention.kind: {attention.kind}` needs annotations ({annotation}) as large as "
                f"the query ({self.query_size}); use `general`, or set `encoder.hidden_size` or "
                "`decoder.hidden_size`"
            )
        if attention.kind == "multi_head" and (attention.size or self.query_size) % attention.heads:
            yield (
                f"`attention.heads` ({attention.heads}) must divide `attention.size` "
                f"({attention.size or self.query_size})"
            )
        if attention.query == "inner_state" and decoder.transition_depth < 2:
            yield (
                "`attention.query: inner_state` is the state between two transitions: set "
                "`decoder.transition_depth` to 2 or more, or `attention.query: state`"
            )
        if attention.enters_upper_layers and decoder.layers < 2:
            yield f"`attention.context: {attention.context}` needs `decoder.layers` of 2 or more"
        if decoder.combine_context and not (
            attention.enters_bottom and attention.query == "previous_state"
        ):
            yield (
                "`decoder.combine_context` needs a context that enters the recurrence with the "
                "embedding: set `attention.query: previous_state` and `attention.context: "
                "recurrence`"
            )

    def _start_problems(self) -> Iterator[str]:
        encoder, decoder = self.encoder, self.decoder
        sizes = {encoder.output_size(layer) for layer in range(encoder.layers)}
        if decoder.start == "copy" and (
            sizes != {decoder.hidden_size}
            or encoder.layers != decoder.layers
            or encoder.cell.rpartition("_")[2] != decoder.cell.rpartition("_")[2]
        ):
            yield (
                "`decoder.start: copy` needs encoder and decoder of the same cell, number of "
                "layers and size (a layer in both directions counts twice); use `bridge`"
            )
        if self.attention.kind == "none" and decoder.start == "zeros":
            yield (
                "`attention.kind: none` with `decoder.start: zeros`: the decoder would get no "
                "input from the source; use `decoder.start: bridge`"
            )
        by_layer = decoder.start in ("bridge", "linear")
        if self.attention.kind == "none" and by_layer and encoder.layers > decoder.layers:
            yield (
                f"`attention.kind: none` with `decoder.start: {decoder.start}`: the decoder can "
                f"use only as many encoder layers as it has layers ({decoder.layers}); lower "
                f"`encoder.layers` ({encoder.layers}) to that number, or use `decoder.start: mean`"
            )
