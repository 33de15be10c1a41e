"""The output of models for lines of text, prepared for inspection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nmt.errors import DataError, UsageError
from nmt.inspection.readings import Look, Reading, Sentence, forced_translation, with_views
from nmt.search.translation import Translation

if TYPE_CHECKING:
    from nmt.search.translator import Translator

_MOST_CELLS = 500_000


@dataclass(frozen=True)
class Asked:
    """A line to inspect.

    Attributes:
        number: The line number, from 1.
        text: The source text.
        target: The translation that the models are forced to write; None for the result of their
            search.
        reference: A translation that is known to be good.
    """

    number: int
    text: str
    target: str | None = None
    reference: str | None = None


@dataclass(frozen=True)
class Looker:
    """The models to inspect and the detail of the inspection.

    Attributes:
        translators: The models, each of which translates by itself.
        whole: Whether to add the data of an HTML report: attention of single heads, search tree and
            scores of the reference.
        overrides: Search settings, see `Translator.translate`.
    """

    translators: "Sequence[Translator]"
    whole: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def sentences(self, lines: Sequence[Asked]) -> list[Sentence]:
        """Return the output of every model for each line, in order.

        Raises:
            UsageError: A model has no attention.
            DataError: A given translation is too long to be drawn. Translation and scoring may
                raise more.
        """
        of_models = [self._readings(translator, lines) for translator in self.translators]
        return [
            Sentence(
                line.number, line.text, tuple(readings[i] for readings in of_models), line.reference
            )
            for i, line in enumerate(lines)
        ]

    def _readings(self, translator: "Translator", lines: Sequence[Asked]) -> list[Reading]:
        """Return the output of one model for each line."""
        readings = self._best(translator, lines)
        if any(_lacks_attention(reading.best) for reading in readings):
            raise UsageError(f"{translator.name} has no attention: there is nothing to draw.")
        if not self.whole:
            return readings
        readings = _with_references(translator, lines, readings)
        looks = [look.translation for reading in readings for look in reading.looks]
        views = iter(translator.views(looks))
        return [with_views(reading, [next(views) for _ in reading.looks]) for reading in readings]

    def _best(self, translator: "Translator", lines: Sequence[Asked]) -> list[Reading]:
        """Return readings of the given translations, or of the translations that search finds."""
        texts = [line.text for line in lines]
        targets = [line.target for line in lines if line.target is not None]
        if not targets:
            found = translator.translate(texts, tree=self.whole, **self.overrides)
            return [Reading.of(translation) for translation in found]
        numbers = [line.number for line in lines]
        scores = translator.score(texts, targets, attention=True, lines=numbers)
        for number, score in zip(numbers, scores, strict=True):
            if len(score.tokens) * len(score.source_tokens) > _MOST_CELLS:
                size = f"{len(score.source_tokens)} by {len(score.tokens)}"
                raise DataError(
                    f"line {number}: {size} subwords are too many to draw. Leave the line out, or "
                    "divide it."
                )
        return [
            Reading((Look(forced_translation(target, score), "given"),))
            for target, score in zip(targets, scores, strict=True)
        ]


def _with_references(
    translator: "Translator", lines: Sequence[Asked], readings: Sequence[Reading]
) -> list[Reading]:
    """Return readings with the model's scores of the references added.

    A line without a reference, a blank text and a text in segments stay as they are.
    """
    asked = [
        (i, line.text, line.reference, line.number)
        for i, (line, reading) in enumerate(zip(lines, readings, strict=True))
        if line.text.strip() and (line.reference or "").strip() and reading.best.pieces == 1
    ]
    texts = [text for _, text, _, _ in asked]
    references = [reference or "" for _, _, reference, _ in asked]
    numbers = [number for *_, number in asked]
    scores = translator.score(texts, references, attention=True, lines=numbers)
    found = list(readings)
    for (i, *_), reference, score in zip(asked, references, scores, strict=True):
        look = Look(forced_translation(reference, score), "reference")
        found[i] = Reading((*readings[i].looks, look))
    return found


def _lacks_attention(translation: Translation) -> bool:
    return (
        translation.attention is None
        and bool(translation.source_tokens)
        and translation.pieces == 1
    )
