"""Settings of beam search, kept in a bundle as its defaults."""

from typing import Annotated

from pydantic import Field, model_validator

from nmt.config.registry import LENGTH_PENALTIES, UTILITIES
from nmt.config.settings.base import LARGEST_SIZE, Settings, kind_of


class SearchSettings(Settings):
    """How translations are looked for; kept in the bundle as its defaults."""

    beam_size: int = Field(
        5, ge=1, le=LARGEST_SIZE, description="Hypotheses kept at each step; 1: greedy."
    )
    n_best: int = Field(
        1, ge=1, le=LARGEST_SIZE, description="Translations given for each sentence."
    )
    length_penalty: Annotated[str, kind_of(LENGTH_PENALTIES)] = Field(
        "gnmt", description="How hypotheses of different lengths are compared."
    )
    alpha: float = Field(1.0, ge=-100.0, le=100.0, description="Strength of the length penalty.")
    coverage_penalty: float = Field(
        0.0, ge=0.0, description="Strength of the coverage penalty (Wu et al. 2016, eq. 14)."
    )
    max_length: int | None = Field(
        None,
        ge=1,
        le=LARGEST_SIZE,
        description="Longest translation in subwords; default: by the sentence's length and the "
        "length ratios of the training corpus.",
    )
    min_length: int = Field(
        0,
        ge=0,
        le=LARGEST_SIZE,
        description="Shortest translation in subwords, its end mark not counted.",
    )
    no_repeat_ngram: int = Field(
        0,
        ge=0,
        le=LARGEST_SIZE,
        description="Length of the subword n-grams that may not come twice; 0: all may.",
    )
    groups: int = Field(
        1,
        ge=1,
        le=LARGEST_SIZE,
        description="Groups of the beam that are kept apart (diverse beam search, Vijayakumar et "
        "al. 2018); they divide `beam_size`.",
    )
    diversity: float = Field(
        0.5,
        ge=0.0,
        description="What a token costs a group for each earlier group that took it at this step.",
    )
    sampling: bool = Field(
        False,
        description="Draw `beam_size` translations at random instead of looking for the best.",
    )
    temperature: float = Field(
        1.0,
        ge=0.01,
        le=100.0,
        description="Of sampling: below 1 prefers probable tokens, above 1 rare ones.",
    )
    top_k: int = Field(
        0,
        ge=0,
        le=LARGEST_SIZE,
        description="Sampling draws from so many most probable tokens; 0: from all.",
    )
    top_p: float = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="Sampling draws from the fewest most probable tokens that have this "
        "probability together (Holtzman et al. 2020).",
    )
    seed: int = Field(
        1,
        ge=0,
        lt=2**63,
        description="Of sampling: the same seed draws the same translations of the same text.",
    )
    mbr: Annotated[str, kind_of(UTILITIES)] = Field(
        "none",
        description="Choose, of the `beam_size` translations found, by minimum Bayes risk.",
    )
    shortlist: int = Field(
        0,
        ge=0,
        description="Choose among the translations of the source's own subwords, learned by "
        "`nmt shortlist`, and so many most frequent subwords; 0: among all.",
    )
    replace_unknown: bool = Field(
        False, description="Write the source word that attention points to for an unknown token."
    )
    max_source_tokens: int = Field(
        500,
        ge=1,
        le=LARGEST_SIZE,
        description="Longest source in subwords that is translated as a whole; a longer one is "
        "split, best at the ends of sentences, and its parts are translated each by itself.",
    )
    batch_sentences: int = Field(
        192, ge=1, le=LARGEST_SIZE, description="Sentences translated at once."
    )

    @model_validator(mode="after")
    def _check_limits(self) -> "SearchSettings":
        if self.n_best > self.beam_size:
            raise ValueError(
                f"`n_best` ({self.n_best}) cannot exceed `beam_size` ({self.beam_size})"
            )
        if self.max_length is not None and self.min_length >= self.max_length:
            raise ValueError(
                f"`min_length` ({self.min_length}) must be below `max_length` ({self.max_length}), "
                "which counts the end mark"
            )
        return self

    @model_validator(mode="after")
    def _check_search_kind(self) -> "SearchSettings":
        if self.beam_size % self.groups:
            raise ValueError(f"`groups` ({self.groups}) must divide `beam_size` ({self.beam_size})")
        if self.sampling and self.groups > 1:
            raise ValueError("`sampling` draws each translation by itself: leave `groups` at 1")
        changed = [name for name in SAMPLING_KEYS if getattr(self, name) != _default_value(name)]
        if changed and not self.sampling:
            raise ValueError(f"`{changed[0]}` belongs to sampling: set `sampling` to true")
        return self


SAMPLING_KEYS = ("temperature", "top_k", "top_p")
"""Settings that restrict sampling and have no meaning without it."""


def _default_value(name: str) -> object:
    return SearchSettings.model_fields[name].default
