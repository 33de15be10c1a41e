"""Translations with their attention and search trees, and their records for HTML reports.

Weights are whole thousandths. Rounding keeps the sum of each row: a row that sums to one has 1000
thousandths, and so has each row of merged words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nmt.errors import DataError, UsageError
from nmt.search.ensemble import HeadAttention
from nmt.search.forced_decoding import ForcedScore
from nmt.search.hypothesis import NodeOutcome, SearchTree, Weights
from nmt.tokenizers.words import END_MARK, SegmentedText, words_to_display
from nmt.translation.translation import Translation

if TYPE_CHECKING:
    from nmt.translation.translator import Translator


@dataclass(frozen=True)
class InspectedTranslation:
    """A translation to inspect.

    Attributes:
        translation: The translation.
        kind: `found` by search, `given` to be scored, or `reference`.
        views: The attention of each of its parts, where there are several.
    """

    translation: Translation
    kind: str = "found"
    views: tuple[HeadAttention, ...] = ()


@dataclass(frozen=True)
class Reading:
    """The output of one model for one text.

    Attributes:
        looks: One translation or more, the best first and the reference last.
    """

    looks: tuple[InspectedTranslation, ...]

    @property
    def best(self) -> Translation:
        """The first translation."""
        return self.looks[0].translation

    @classmethod
    def of(cls, translation: Translation) -> "Reading":
        """Return the reading of a translation and its alternatives."""
        return cls(tuple(map(InspectedTranslation, translation.n_best)))


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


def with_views(reading: Reading, views: Sequence[Sequence[HeadAttention]]) -> Reading:
    """Return a reading with views added to its translations.

    Args:
        reading: The reading.
        views: The views of each translation.
    """
    pairs = zip(reading.looks, views, strict=True)
    return Reading(tuple(replace(look, views=tuple(own)) for look, own in pairs))


_MOST_CELLS = 500_000


@dataclass(frozen=True)
class InspectedLine:
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
class Inspector:
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

    def sentences(self, lines: Sequence[InspectedLine]) -> list[Sentence]:
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

    def _readings(self, translator: "Translator", lines: Sequence[InspectedLine]) -> list[Reading]:
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

    def _best(self, translator: "Translator", lines: Sequence[InspectedLine]) -> list[Reading]:
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
            Reading((InspectedTranslation(forced_translation(target, score), "given"),))
            for target, score in zip(targets, scores, strict=True)
        ]


def _with_references(
    translator: "Translator", lines: Sequence[InspectedLine], readings: Sequence[Reading]
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
        look = InspectedTranslation(forced_translation(reference, score), "reference")
        found[i] = Reading((*readings[i].looks, look))
    return found


def _lacks_attention(translation: Translation) -> bool:
    return (
        translation.attention is None
        and bool(translation.source_tokens)
        and translation.pieces == 1
    )


_ONE = 1000
_SPACE = "▁"


class Attended(Protocol):
    """A text pair with attention: a `Translation` or a `ForcedScore`."""

    @property
    def tokens(self) -> list[str]:
        """The target subwords."""

    @property
    def source_tokens(self) -> list[str]:
        """The source subwords."""

    @property
    def token_log_probabilities(self) -> list[float]:
        """The log-probability of each target subword."""

    @property
    def attention(self) -> Weights | None:
        """Attention weights `[tokens, source_tokens]`, or None."""

    @property
    def segmented_source(self) -> SegmentedText | None:
        """The source text with its subwords, or None."""

    @property
    def segmented_target(self) -> SegmentedText | None:
        """The target text with its subwords, or None."""


def attention_record(attended: Attended, views: Sequence[HeadAttention] = ()) -> dict[str, Any]:
    """Return the data of one translation.

    Args:
        attended: The translation.
        views: The attention of its parts, where there are several.
    """
    return {**source_record(attended), **target_record(attended, views)}


def source_record(attended: Attended) -> dict[str, Any]:
    """Return the data of the source: its subwords and their word sizes, see `word_sizes`."""
    tokens = attended.source_tokens
    return {"source": tokens, "source_words": word_sizes(tokens, attended.segmented_source)}


def target_record(attended: Attended, views: Sequence[HeadAttention] = ()) -> dict[str, Any]:
    """Return the data of the translation.

    The members `target` and `target_words` are as in `source_record`. The member `ended` says
    whether the last subword is the end mark. `probabilities` of subwords and `weights`, a row for
    each subword, are in thousandths.

    Args:
        attended: The translation.
        views: The attention of its parts, added in the same form as `views`.
    """
    tokens = attended.tokens
    record: dict[str, Any] = {
        "target": tokens,
        "target_words": word_sizes(tokens, attended.segmented_target),
        "ended": tokens[-1:] == [END_MARK],
        "probabilities": [round(_ONE * p) for p in np.exp(attended.token_log_probabilities)],
        "weights": None if attended.attention is None else thousandths(attended.attention),
    }
    if views:
        record["views"] = [
            {"name": view.name, "weights": thousandths(view.weights)} for view in views
        ]
    return record


def word_sizes(tokens: Sequence[str], known: SegmentedText | None = None) -> list[int | list[Any]]:
    """Return the number of subwords of each word, or `[size, text]` where they spell another text.

    They spell another text where they are bytes, and where normalisation has changed the text.

    Args:
        tokens: Subwords, with the end mark.
        known: The text that they stand for; None where only the tokens are known.
    """
    sizes: list[int | list[Any]] = []
    for word in words_to_display(tokens, known):
        spelled = "".join(tokens[i] for i in word.subwords).replace(_SPACE, "")
        size = len(word.subwords)
        sizes.append(size if word.text == (spelled or _SPACE) else [size, word.text])
    return sizes


def merge_words(attended: Attended) -> tuple[list[str], list[str], Weights]:
    """Return target words, source words and the attention between them.

    The attention that a word receives is the sum over its subwords. The attention that it pays is
    their mean, so that rows still sum to one.

    Args:
        attended: A translation with attention. Its end mark is left out, unless it is the only
            token.

    Returns:
        The words, and the weights `[target words, source words]`.
    """
    assert attended.attention is not None
    target = words_to_display(attended.tokens, attended.segmented_target)
    if attended.tokens[-1:] == [END_MARK] and len(target) > 1:
        target = target[:-1]
    source = words_to_display(attended.source_tokens, attended.segmented_source)
    summed = np.stack([attended.attention[:, word.subwords].sum(1) for word in source], 1)
    merged = np.stack([summed[word.subwords].mean(0) for word in target])
    return [word.text for word in target], [word.text for word in source], merged


def thousandths(weights: Weights) -> list[list[int]]:
    """Return weights in whole thousandths whose rows keep their rounded sums.

    Each weight is rounded down. The rest of a row goes to its largest remainders, the first of
    equal ones.
    """
    exact = weights.astype(np.float64) * _ONE
    whole = np.floor(exact)
    missing = np.rint(exact.sum(1)) - whole.sum(1)
    order = np.argsort(whole - exact, axis=1, kind="stable")
    place = np.argsort(order, axis=1, kind="stable")
    rounded: list[list[int]] = (whole + (place < missing[:, None])).astype(int).tolist()
    return rounded


def mean_entropy(weights: Weights) -> float:
    """Return the mean entropy of the attention rows in bits, each row normalised to sum to one.

    It is 0 where every token attends to one position only, or where there are no tokens.
    """
    if not len(weights):
        return 0.0
    shares = weights.astype(np.float64)
    shares = shares / np.maximum(shares.sum(1, keepdims=True), np.finfo(np.float64).tiny)
    logarithms = np.log2(shares, where=shares > 0.0, out=np.zeros_like(shares))
    return float(abs((shares * logarithms).sum(1).mean()))


_THOUSAND = 1000
_OUTCOMES = list(NodeOutcome)


def tree_record(tree: SearchTree) -> dict[str, Any]:
    """Return the columns of a search tree, with a number for each node.

    The column `tokens` holds indices into `pieces`, and `fate` indices into `fates`. The column
    `scores` is in thousandths, and `ranks` has 0 for nodes without a rank.
    """
    places: dict[str, int] = {}
    tokens = [places.setdefault(piece, len(places)) for piece in tree.pieces]
    return {
        "pieces": list(places),
        "fates": [outcome.value for outcome in _OUTCOMES],
        "parents": [node.parent for node in tree.nodes],
        "tokens": tokens,
        "scores": [round(_THOUSAND * node.score) for node in tree.nodes],
        "fate": [_OUTCOMES.index(node.outcome) for node in tree.nodes],
        "ranks": [node.rank or 0 for node in tree.nodes],
    }
