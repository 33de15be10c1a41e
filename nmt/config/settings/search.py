"""Settings of beam search, kept in a bundle as its defaults."""

from typing import Annotated

from pydantic import Field, model_validator

from nmt.config.registry import LENGTH_PENALTIES, UTILITIES
from nmt.config.settings.base import LARGEST_SIZE, Settings, kind_of


class SearchSettings(Settings):
    """How translations are looked for; kept in the bundle as its defaults."""

    beam_size: int = Field(
        5,
        ge=1,
        le=LARGEST_SIZE,
        description="Number of hypotheses to keep at each step. 1: greedy.",
    )
    n_best: int = Field(
        1, ge=1, le=LARGEST_SIZE, description="Number of translations for each sentence."
    )
    length_penalty: Annotated[str, kind_of(LENGTH_PENALTIES)] = Field(
        "gnmt", description="Length normalization of scores."
    )
    alpha: float = Field(1.0, ge=-100.0, le=100.0, description="Strength of the length penalty.")
    coverage_penalty: float = Field(
        0.0, ge=0.0, description="Strength of the coverage penalty (Wu et al. 2016, eq. 14)."
    )
    max_length: int | None = Field(
        None,
        ge=1,
        le=LARGEST_SIZE,
        description="Maximum translation length in subwords. Default: from the source length and "
        "the length ratios of the training corpus.",
    )
    min_length: int = Field(
        0,
        ge=0,
        le=LARGEST_SIZE,
        description="Minimum translation length in subwords, without the end-of-sentence token.",
    )
    no_repeat_ngram: int = Field(
        0,
        ge=0,
        le=LARGEST_SIZE,
        description="Length of the subword n-grams that must not occur twice. 0: no limit.",
    )
    groups: int = Field(
        1,
        ge=1,
        le=LARGEST_SIZE,
        description="Number of beam groups for diverse beam search (Vijayakumar et al. 2018). It "
        "must divide `beam_size`.",
    )
    diversity: float = Field(
        0.5,
        ge=0.0,
        description="Penalty of a token for each earlier group that chose it at the same step.",
    )
    sampling: bool = Field(
        False,
        description="Sample `beam_size` translations instead of searching for the best.",
    )
    temperature: float = Field(
        1.0,
        ge=0.01,
        le=100.0,
        description="Sampling temperature. Below 1 prefers probable tokens, above 1 rare ones.",
    )
    top_k: int = Field(
        0,
        ge=0,
        le=LARGEST_SIZE,
        description="Number of most probable tokens to sample from. 0: all.",
    )
    top_p: float = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="Sample from the smallest set of most probable tokens with this total "
        "probability (nucleus sampling, Holtzman et al. 2020).",
    )
    seed: int = Field(
        1,
        ge=0,
        lt=2**63,
        description="Sampling seed. The same seed gives the same translations of the same text.",
    )
    mbr: Annotated[str, kind_of(UTILITIES)] = Field(
        "none",
        description="Utility of minimum Bayes risk decoding over the `beam_size` translations.",
    )
    shortlist: int = Field(
        0,
        ge=0,
        description="Limit the output vocabulary to this number of most frequent subwords and to "
        "the translations of the source subwords, learned by `nmt shortlist`. 0: no limit.",
    )
    replace_unknown: bool = Field(
        False, description="Replace an unknown token by the source word with the highest attention."
    )
    max_source_tokens: int = Field(
        500,
        ge=1,
        le=LARGEST_SIZE,
        description="Maximum source length in subwords. A longer line is split into segments, at "
        "sentence ends where possible, and each segment is translated separately.",
    )
    batch_sentences: int = Field(
        192, ge=1, le=LARGEST_SIZE, description="Number of sentences in a batch."
    )

    @model_validator(mode="after")
    def _check_limits(self) -> "SearchSettings":
        if self.n_best > self.beam_size:
            raise ValueError(
                f"`n_best` ({self.n_best}) cannot exceed `beam_size` ({self.beam_size})"
            )
        if self.max_length is not None and self.min_length >= self.max_length:
            raise ValueError(
                f"`min_length` ({self.min_length}) must be below `max_length` "
                f"({self.max_length}), which includes the end-of-sentence token"
            )
        return self

    @model_validator(mode="after")
    def _check_search_kind(self) -> "SearchSettings":
        if self.beam_size % self.groups:
            raise ValueError(f"`groups` ({self.groups}) must divide `beam_size` ({self.beam_size})")
        if self.sampling and self.groups > 1:
            raise ValueError("`sampling` draws independent translations: set `groups` to 1")
        changed = [name for name in SAMPLING_KEYS if getattr(self, name) != _default_value(name)]
        if changed and not self.sampling:
            raise ValueError(
                f"`{changed[0]}` has an effect only on sampling: set `sampling` to true"
            )
        return self


SAMPLING_KEYS = ("temperature", "top_k", "top_p")
"""Settings that restrict sampling and have no meaning without it."""


def _default_value(name: str) -> object:
    return SearchSettings.model_fields[name].default
