"""What models make of a text: translations of it, as they are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nmt.search.model_scores import ForcedScore
from nmt.search.translation import Translation
from nmt.search.views import View


@dataclass(frozen=True)
class Look:
    """A translation to look at.

    kind: `found` by search, `given` to be scored, or `reference`; views: the attention of each of
    its parts, where there are several.
    """

    translation: Translation
    kind: str = "found"
    views: tuple[View, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What one model makes of one text: one translation or more, best first, the reference after
    them.
    """

    looks: tuple[Look, ...]

    @property
    def best(self) -> Translation:
        """The first translation."""
        return self.looks[0].translation

    @classmethod
    def of(cls, translation: Translation) -> "Reading":
        """A translation with its alternatives."""
        return cls(tuple(map(Look, translation.n_best)))


@dataclass(frozen=True)
class Sentence:
    """A text and what each model makes of it.

    number: of its line, from 1; reference: a translation that is known to be good, or None.
    """

    number: int
    text: str
    readings: tuple[Reading, ...] = field(default_factory=tuple)
    reference: str | None = None


def forced_translation(text: str, score: ForcedScore) -> Translation:
    """A given text as the translation that a model was made to write."""
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
    """The reading with the views of each of its looks."""
    pairs = zip(reading.looks, views, strict=True)
    return Reading(tuple(replace(look, views=tuple(own)) for look, own in pairs))
