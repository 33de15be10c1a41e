"""Settings of beam search: the defaults that a bundle carries."""

from typing import Annotated

from pydantic import Field, model_validator

from nmt.config.kinds import LENGTH_PENALTIES
from nmt.config.settings.base import Settings, kind_of


class SearchSettings(Settings):
    """How translations are looked for; kept in the bundle as its defaults."""

    beam_size: int = Field(5, ge=1, description="Hypotheses kept at each step; 1: greedy.")
    n_best: int = Field(1, ge=1, description="Translations given for each sentence.")
    length_penalty: Annotated[str, kind_of(LENGTH_PENALTIES)] = Field(
        "gnmt", description="How hypotheses of different lengths are compared."
    )
    alpha: float = Field(1.0, description="Strength of the length penalty.")
    coverage_penalty: float = Field(
        0.0, ge=0.0, description="Strength of the coverage penalty (Wu et al. 2016, eq. 14)."
    )
    max_length: int | None = Field(
        None,
        ge=1,
        description="Longest translation in subwords; default: by the sentence's length and the "
        "length ratios of the training corpus.",
    )
    max_source_tokens: int = Field(
        500,
        ge=1,
        description="Longest source in subwords that is translated as a whole; a longer one is "
        "split, best at the ends of sentences, and its parts are translated each by itself.",
    )
    batch_sentences: int = Field(192, ge=1, description="Sentences translated at once.")

    @model_validator(mode="after")
    def _n_best_fits_the_beam(self) -> "SearchSettings":
        if self.n_best > self.beam_size:
            raise ValueError(
                f"`n_best` ({self.n_best}) cannot exceed `beam_size` ({self.beam_size})"
            )
        return self
