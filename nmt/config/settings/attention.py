"""Settings of attention, of its window, and of the destination of its context."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from nmt.config.registry import ATTENTIONS, NORMALIZERS, WINDOWS
from nmt.config.settings.base import LARGEST_SIZE, Dropout, Settings, kind_of


class AttentionSettings(Settings):
    """Weighs the annotations for each target position."""

    kind: Annotated[str, kind_of(ATTENTIONS)] = Field("additive", description="The score function.")
    size: int | None = Field(
        None,
        ge=1,
        le=LARGEST_SIZE,
        description="Size of the hidden layer of additive, normalized_additive and concat; total "
        "size of all heads of multi_head. Default: the size of the query.",
    )
    heads: int = Field(8, ge=1, le=LARGEST_SIZE, description="multi_head: number of heads.")
    max_positions: int = Field(
        101,
        ge=1,
        le=LARGEST_SIZE,
        description="location: number of source positions that can be attended, including the "
        "end-of-sentence token.",
    )
    normalizer: Annotated[str, kind_of(NORMALIZERS)] = Field(
        "softmax", description="The function that turns scores into weights."
    )
    window: Annotated[str, kind_of(WINDOWS)] = Field(
        "global",
        description="The annotations that a query can attend to (Luong et al. 2015, section 3.2).",
    )
    window_size: int = Field(
        10,
        ge=1,
        le=LARGEST_SIZE,
        description="local_m, local_p: D, the number of annotations on each side of the centre.",
    )
    coverage: bool = Field(
        False,
        description="Add the attention that an annotation has received so far to its additive "
        "score (See et al. 2017, eq. 11).",
    )
    query: Literal["state", "previous_state", "inner_state"] = Field(
        "inner_state",
        description="The decoder state that makes the query: s_i (Luong et al. 2015), s_{i-1} "
        "(Bahdanau et al. 2014), or the state between the first and the second transition of the "
        "bottom cell (conditional GRU of Nematus).",
    )
    query_layer: Literal["top", "bottom"] = Field(
        "bottom", description="The decoder layer whose state makes the query."
    )
    query_embedding: bool = Field(
        False, description="Append the embedding of the previous token to the query."
    )
    context: Literal["output", "recurrence", "both", "upper_layers", "all_layers"] = Field(
        "both",
        description="The input that receives the context vector: the output layer; the "
        "recurrence of the bottom layer; both; the layers above the bottom one (GNMT's fast "
        "layout); all layers.",
    )
    dropout: Dropout = Field(0.0, description="Dropout of the attention weights.")

    @property
    def enters_bottom(self) -> bool:
        """Whether the context enters the recurrence of the decoder's bottom layer."""
        return self.kind != "none" and self.context in ("recurrence", "both", "all_layers")

    @property
    def enters_upper_layers(self) -> bool:
        """Whether the context enters the decoder's layers above the bottom one."""
        return self.kind != "none" and self.context in ("upper_layers", "all_layers")

    @property
    def enters_output(self) -> bool:
        """Whether the context enters the output layer."""
        return self.kind != "none" and self.context in ("output", "both")

    @model_validator(mode="after")
    def _check_terms(self) -> "AttentionSettings":
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        sized, covering = ATTENTIONS.names_with("size"), ATTENTIONS.names_with("coverage")
        if self.size is not None and self.kind not in sized:
            yield (
                f"`size` is for kinds {', '.join(sized)}; {self.kind} has no hidden layer: remove "
                "it"
            )
        if self.coverage and self.kind not in covering:
            yield f"`coverage` is for {', '.join(covering)}, not for `kind: {self.kind}`"
        if self.kind == "none" and self.window != "global":
            yield f"`window: {self.window}` needs attention, but `kind: none` has none"
        if self.kind == "location" and not self.query_embedding:
            yield (
                "`kind: location` computes its scores only from the state and the previous token: "
                "set `query_embedding: true`"
            )
        if self.kind == "multi_head" and self.size is not None and self.size % self.heads != 0:
            yield f"`size` ({self.size}) must be a multiple of `heads` ({self.heads})"
        if self.kind != "none":
            yield from self._query_problems()

    def _query_problems(self) -> Iterator[str]:
        """Yield a problem where the query depends on the context that it is to compute."""
        if self.query == "state" and self.enters_bottom:
            yield (
                f"`context: {self.context}` needs `query: previous_state` or `inner_state`: the "
                "context is an input of the recurrence, so the new state cannot be its query"
            )
        if self.query == "state" and self.enters_upper_layers and self.query_layer == "top":
            yield f"`context: {self.context}` with `query: state` needs `query_layer: bottom`"
        if self.query == "inner_state" and not self.enters_bottom:
            yield (
                "`query: inner_state` feeds the context to the second transition: set `context` "
                f"to recurrence, both or all_layers, not {self.context}"
            )
        if self.query == "inner_state" and self.query_layer == "top":
            yield "`query: inner_state` is a state of the bottom layer: set `query_layer: bottom`"
