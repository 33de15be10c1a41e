"""The output of models for a text, in the form in which it is inspected."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nmt.search.model_scores import ForcedScore
from nmt.search.translation import Translation
from nmt.search.views import View


@dataclass(frozen=True)
class Look:
    """A translation to inspect.

    Attributes:
        translation: The translation.
        kind: `found` by search, `given` to be scored, or `reference`.
        views: The attention of each of its parts, where there are several.
    """

    translation: Translation
    kind: str = "found"
    views: tuple[View, ...] = ()


@dataclass(frozen=True)
class Reading:
    """The output of one model for one text.

    Attributes:
        looks: One translation or more, the best first and the reference last.
    """

    looks: tuple[Look, ...]

    @property
    def best(self) -> Translation:
        """The first translation."""
        return self.looks[0].translation

    @classmethod
    def of(cls, translation: Translation) -> "Reading":
        """Return the reading of a translation and its alternatives."""
        return cls(tuple(map(Look, translation.n_best)))


@dataclass(frozen=True)
class Sentence:
    """A text and the output of each model for it.

    Attributes:
        number: The line number, from 1.
        text: The source text.
        readings: The output of each model.
        reference: A translation that is known to be good, or None.
    """

    number: int
    text: str
    readings: tuple[Reading, ...] = field(default_factory=tuple)
    reference: str | None = None


def forced_translation(text: str, score: ForcedScore) -> Translation:
    """Return a given text as a translation that the model was forced to write.

    Args:
        text: The text.
        score: The model's score of it.
    """
    return Translation(
        text=text.strip(),
        score=score.score,
        log_probability=score.log_probability,
        tokens=score.tokens,
        source_tokens=score.source_tokens,
        token_log_probabilities=score.token_log_probabilities,
        attention=score.attention,
        finished=True,
        segmented_source=score.segmented_source,
        segmented_target=score.segmented_target,
    )


def with_views(reading: Reading, views: Sequence[Sequence[View]]) -> Reading:
    """Return a reading with views added to its translations.

    Args:
        reading: The reading.
        views: The views of each translation.
    """
    pairs = zip(reading.looks, views, strict=True)
    return Reading(tuple(replace(look, views=tuple(own)) for look, own in pairs))
