"""Settings of the one core: embeddings, encoder, attention, decoder, output."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nmt.config.kinds import ATTENTIONS, CELLS, DECODER_STARTS, OUTPUTS
from nmt.config.settings.base import Settings, kind_of

_Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]


class EncoderSettings(Settings):
    """Reads the source and gives one annotation per source token."""

    cell: Annotated[str, kind_of(CELLS)] = Field("lstm", description="The recurrent cell.")
    layers: int = Field(1, ge=1, description="Number of recurrent layers.")
    hidden_size: int = Field(
        256, ge=1, description="Units of each direction; annotations have twice as many when both."
    )
    direction: Literal["forward", "bidirectional"] = Field(
        "bidirectional", description="The directions in which each layer reads."
    )
    dropout: _Dropout = Field(0.0, description="Dropout between layers.")

    @property
    def annotation_size(self) -> int:
        """D, the size of an annotation."""
        return self.hidden_size * (2 if self.direction == "bidirectional" else 1)


class AttentionSettings(Settings):
    """Weighs the annotations for each target position."""

    kind: Annotated[str, kind_of(ATTENTIONS)] = Field("additive", description="The score function.")
    size: int | None = Field(
        None, ge=1, description="Width of the additive score's hidden layer; default: decoder's."
    )
    query: Literal["state", "previous_state"] = Field(
        "state", description="s_i (Luong et al. 2015) or s_{i-1} (Bahdanau et al. 2014)."
    )
    context: Literal["output", "recurrence", "both"] = Field(
        "output", description="Where the context vector goes."
    )
    dropout: _Dropout = Field(0.0, description="Dropout of the attention weights.")

    @model_validator(mode="after")
    def _size_is_for_the_additive_score(self) -> "AttentionSettings":
        if self.size is not None and self.kind != "additive":
            raise ValueError(
                f"`size` is for `kind: additive`; {self.kind} has no hidden layer: leave it out"
            )
        return self

    @model_validator(mode="after")
    def _recurrence_needs_the_previous_state(self) -> "AttentionSettings":
        if self.context != "output" and self.query == "state":
            raise ValueError(
                f"`context: {self.context}` needs `query: previous_state`: the context that enters "
                "the recurrence cannot be asked for by the state that comes out of it"
            )
        return self


class DecoderSettings(Settings):
    """Writes the target, one token after the other."""

    cell: Annotated[str, kind_of(CELLS)] = Field("lstm", description="The recurrent cell.")
    layers: int = Field(1, ge=1, description="Number of recurrent layers.")
    hidden_size: int = Field(512, ge=1, description="Units of each layer.")
    input_feeding: bool = Field(
        True, description="Feed the output features into the next step (Luong et al. 2015, 3.3)."
    )
    start: Annotated[str, kind_of(DECODER_STARTS)] = Field(
        "bridge", description="How the first state is made."
    )
    dropout: _Dropout = Field(
        0.0, description="Dropout between layers, and of the state that the output layer sees."
    )


class OutputSettings(Settings):
    """From the decoder's state to the features that the vocabulary is scored with."""

    kind: Annotated[str, kind_of(OUTPUTS)] = Field("attentional", description="The output layer.")
    size: int | None = Field(
        None,
        ge=1,
        description="Size of the features; default: decoder's hidden size, or the embedding's when "
        "the output matrix is tied to it.",
    )
    bias: bool = Field(True, description="A bias for each word of the target vocabulary.")
    dropout: _Dropout = Field(0.0, description="Dropout of the features.")


class ModelSettings(Settings):
    """The one encoder-decoder core."""

    embedding_size: int = Field(256, ge=1, description="Size of source and target embeddings.")
    embedding_dropout: _Dropout = Field(0.0, description="Dropout of the embeddings.")
    tying: Literal["none", "source_target", "target_output", "all"] = Field(
        "none", description="Which of source embedding, target embedding, output matrix are one."
    )
    encoder: EncoderSettings = Field(
        default_factory=EncoderSettings, description="Reads the source."
    )
    attention: AttentionSettings = Field(
        default_factory=AttentionSettings, description="Weighs the source."
    )
    decoder: DecoderSettings = Field(
        default_factory=DecoderSettings, description="Writes the target."
    )
    output: OutputSettings = Field(default_factory=OutputSettings, description="Scores the words.")
    initial_range: float = Field(
        0.0, ge=0.0, description="Matrices start uniform in [-r, r]; 0: by each layer's own rule."
    )
    forget_bias: float = Field(1.0, description="Start of the LSTM's forget-gate bias.")

    @property
    def ties_output(self) -> bool:
        """Whether the output matrix is the target embedding."""
        return self.tying in ("target_output", "all")

    @property
    def feature_size(self) -> int:
        """Size of the features that the output matrix multiplies."""
        if self.ties_output:
            return self.embedding_size
        return self.output.size or self.decoder.hidden_size

    @model_validator(mode="after")
    def _sizes_fit(self) -> "ModelSettings":
        if self.ties_output and self.output.size not in (None, self.embedding_size):
            raise ValueError(
                f"`tying: {self.tying}` needs `output.size` to be `embedding_size` "
                f"({self.embedding_size}), not {self.output.size}"
            )
        if self.attention.kind == "dot" and (
            self.encoder.annotation_size != self.decoder.hidden_size
        ):
            raise ValueError(
                f"`attention.kind: dot` needs annotations ({self.encoder.annotation_size}) as "
                f"large as the decoder's state ({self.decoder.hidden_size}); take `general`, or "
                "set `encoder.hidden_size` or `decoder.hidden_size`"
            )
        if self.decoder.start == "copy" and (
            self.encoder.annotation_size != self.decoder.hidden_size
            or self.encoder.layers != self.decoder.layers
            or self.encoder.cell != self.decoder.cell
        ):
            raise ValueError(
                "`decoder.start: copy` needs encoder and decoder of the same cell, number of "
                "layers and size (an encoder in both directions counts twice); take `bridge`"
            )
        return self
