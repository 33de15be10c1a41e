"""Translations with their attention and search trees, and their records for HTML reports.

Weights are whole thousandths. Rounding keeps the sum of each row: a row that sums to one has 1000
thousandths, and so has each row of merged words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nmt.errors import DataError, UsageError
from nmt.search.forced_decoding import ForcedScore
from nmt.search.head_attentions import HeadAttention
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
class ModelOutput:
    """The output of one model for one text.

    Attributes:
        translations: One translation or more. The best comes first and the reference last.
    """

    translations: tuple[InspectedTranslation, ...]

    @property
    def best(self) -> Translation:
        """The first translation."""
        return self.translations[0].translation

    @classmethod
    def from_translation(cls, translation: Translation) -> "ModelOutput":
        """Return the output of a model that wrote a translation and its alternatives."""
        return cls(tuple(map(InspectedTranslation, translation.n_best)))


@dataclass(frozen=True)
class Sentence:
    """A text and the output of each model for it.

    Attributes:
        number: The line number, from 1.
        text: The source text.
        outputs: The output of each model.
        reference: A translation that is known to be good, or None.
    """

    number: int
    text: str
    outputs: tuple[ModelOutput, ...] = field(default_factory=tuple)
    reference: str | None = None


def translation_of_score(text: str, score: ForcedScore) -> Translation:
    """Return a text that was scored by forced decoding as a translation.

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
        source_tags=score.source_tags,
    )


def with_views(output: ModelOutput, views: Sequence[Sequence[HeadAttention]]) -> ModelOutput:
    """Return an output with views added to its translations.

    Args:
        output: The output.
        views: The views of each translation.
    """
    pairs = zip(output.translations, views, strict=True)
    return ModelOutput(
        tuple(
            replace(inspected, views=tuple(views_of_translation))
            for inspected, views_of_translation in pairs
        )
    )


_MAX_CELLS = 500_000


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
        translators: The models. They do not form an ensemble: each translates alone.
        full: Whether to add the data of an HTML report: attention of single heads, search tree and
            scores of the reference.
        overrides: Search settings, see `Translator.translate`.
    """

    translators: "Sequence[Translator]"
    full: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def sentences(self, lines: Sequence[InspectedLine]) -> list[Sentence]:
        """Return the output of every model for each line, in order.

        Raises:
            UsageError: A model has no attention.
            DataError: A given translation is too long to be drawn. See also `Translator.translate`
                and `Translator.score`.
        """
        outputs_by_model = [self._outputs(translator, lines) for translator in self.translators]
        return [
            Sentence(
                line.number,
                line.text,
                tuple(outputs[i] for outputs in outputs_by_model),
                line.reference,
            )
            for i, line in enumerate(lines)
        ]

    def _outputs(
        self, translator: "Translator", lines: Sequence[InspectedLine]
    ) -> list[ModelOutput]:
        """Return the output of one model for each line."""
        outputs = self._best_outputs(translator, lines)
        if any(_lacks_attention(output.best) for output in outputs):
            raise UsageError(f"{translator.name} has no attention, so there is nothing to draw.")
        if not self.full:
            return outputs
        outputs = _with_references(translator, lines, outputs)
        translations = [look.translation for output in outputs for look in output.translations]
        views = iter(translator.views(translations))
        return [
            with_views(output, [next(views) for _ in output.translations]) for output in outputs
        ]

    def _best_outputs(
        self, translator: "Translator", lines: Sequence[InspectedLine]
    ) -> list[ModelOutput]:
        """Return outputs with the given translations, or with those that search finds."""
        texts = [line.text for line in lines]
        targets = [line.target for line in lines if line.target is not None]
        if not targets:
            translations = translator.translate(texts, tree=self.full, **self.overrides)
            return [ModelOutput.from_translation(translation) for translation in translations]
        numbers = [line.number for line in lines]
        scores = translator.score(texts, targets, attention=True, lines=numbers)
        for number, score in zip(numbers, scores, strict=True):
            if len(score.tokens) * len(score.source_tokens) > _MAX_CELLS:
                size = f"{len(score.source_tokens)} by {len(score.tokens)}"
                raise DataError(
                    f"line {number}: {size} subwords are too many to draw. Remove or split the "
                    "line."
                )
        return [
            ModelOutput((InspectedTranslation(translation_of_score(target, score), "given"),))
            for target, score in zip(targets, scores, strict=True)
        ]


def _with_references(
    translator: "Translator", lines: Sequence[InspectedLine], outputs: Sequence[ModelOutput]
) -> list[ModelOutput]:
    """Return outputs with the model's scores of the references added.

    A line without a reference, a blank text and a text in segments stay as they are.
    """
    scored_lines = [
        (i, line.text, line.reference, line.number)
        for i, (line, output) in enumerate(zip(lines, outputs, strict=True))
        if line.text.strip() and (line.reference or "").strip() and output.best.pieces == 1
    ]
    texts = [text for _, text, _, _ in scored_lines]
    references = [reference or "" for _, _, reference, _ in scored_lines]
    numbers = [number for *_, number in scored_lines]
    scores = translator.score(texts, references, attention=True, lines=numbers)
    result = list(outputs)
    for (i, *_), reference, score in zip(scored_lines, references, scores, strict=True):
        inspected = InspectedTranslation(translation_of_score(reference, score), "reference")
        result[i] = ModelOutput((*outputs[i].translations, inspected))
    return result


def _lacks_attention(translation: Translation) -> bool:
    return (
        translation.attention is None
        and bool(translation.source_tokens)
        and translation.pieces == 1
    )


_SCALE = 1000
_SPACE = "▁"


class AttentionPair(Protocol):
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

    @property
    def source_tags(self) -> tuple[str, ...]:
        """The pieces of the tags with which the source subwords start."""


def attention_record(pair: AttentionPair, views: Sequence[HeadAttention] = ()) -> dict[str, Any]:
    """Return the data of one translation and its source.

    Args:
        pair: The translation.
        views: The attention of its parts, where there are several.
    """
    return {**source_record(pair), **target_record(pair, views)}


def source_record(pair: AttentionPair) -> dict[str, Any]:
    """Return the data of the source: its subwords and their word sizes, see `word_sizes`."""
    tokens = pair.source_tokens
    sizes = word_sizes(tokens, pair.segmented_source, pair.source_tags)
    return {"source": tokens, "source_words": sizes}


def target_record(pair: AttentionPair, views: Sequence[HeadAttention] = ()) -> dict[str, Any]:
    """Return the data of the translation.

    The members `target` and `target_words` are as in `source_record`. The member `ended` says
    whether the last subword is the end mark. `probabilities` of subwords and `weights`, a row for
    each subword, are in thousandths.

    Args:
        pair: The translation.
        views: The attention of its parts, added in the same form as `views`.
    """
    tokens = pair.tokens
    record: dict[str, Any] = {
        "target": tokens,
        "target_words": word_sizes(tokens, pair.segmented_target),
        "ended": tokens[-1:] == [END_MARK],
        "probabilities": [round(_SCALE * p) for p in np.exp(pair.token_log_probabilities)],
        "weights": None if pair.attention is None else round_to_thousandths(pair.attention),
    }
    if views:
        record["views"] = [
            {"name": view.name, "weights": round_to_thousandths(view.weights)} for view in views
        ]
    return record


def word_sizes(
    tokens: Sequence[str],
    segmented_text: SegmentedText | None = None,
    tags: tuple[str, ...] = (),
) -> list[int | list[Any]]:
    """Return the number of subwords of each word, or `[size, text]` where they spell another text.

    They spell another text where they are bytes, and where normalization has changed the text.

    Args:
        tokens: Subwords, with the end mark.
        segmented_text: The text that they stand for; None where only the tokens are known.
        tags: The pieces of the tags with which they start.
    """
    sizes: list[int | list[Any]] = []
    for word in words_to_display(tokens, segmented_text, tags):
        spelled = "".join(tokens[i] for i in word.subwords).replace(_SPACE, "")
        size = len(word.subwords)
        sizes.append(size if word.text == (spelled or _SPACE) else [size, word.text])
    return sizes


def merge_words(pair: AttentionPair) -> tuple[list[str], list[str], Weights]:
    """Return target words, source words and the attention between them.

    The attention that a word receives is the sum over its subwords. The attention that it pays is
    their mean, so that rows still sum to one.

    Args:
        pair: A translation with attention. Its end mark is left out, unless it is the only
            token.

    Returns:
        The words, and the weights `[target words, source words]`.
    """
    assert pair.attention is not None
    target = words_to_display(pair.tokens, pair.segmented_target)
    if pair.tokens[-1:] == [END_MARK] and len(target) > 1:
        target = target[:-1]
    source = words_to_display(pair.source_tokens, pair.segmented_source, pair.source_tags)
    summed = np.stack([pair.attention[:, word.subwords].sum(1) for word in source], 1)
    merged = np.stack([summed[word.subwords].mean(0) for word in target])
    return [word.text for word in target], [word.text for word in source], merged


def round_to_thousandths(weights: Weights) -> list[list[int]]:
    """Return weights in whole thousandths whose rows keep their rounded sums.

    Each weight is rounded down. The rest of a row goes to its largest remainders, the first of
    equal ones.
    """
    exact = weights.astype(np.float64) * _SCALE
    floored = np.floor(exact)
    missing = np.rint(exact.sum(1)) - floored.sum(1)
    order = np.argsort(floored - exact, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    rounded: list[list[int]] = (floored + (rank < missing[:, None])).astype(int).tolist()
    return rounded


def mean_entropy(weights: Weights) -> float:
    """Return the mean entropy of the attention rows in bits, each row normalized to sum to one.

    It is 0 where every token attends to one position only, or where there are no tokens.
    """
    if not len(weights):
        return 0.0
    shares = weights.astype(np.float64)
    shares = shares / np.maximum(shares.sum(1, keepdims=True), np.finfo(np.float64).tiny)
    logarithms = np.log2(shares, where=shares > 0.0, out=np.zeros_like(shares))
    return float(abs((shares * logarithms).sum(1).mean()))


_OUTCOMES = list(NodeOutcome)


def tree_record(tree: SearchTree) -> dict[str, Any]:
    """Return the columns of a search tree, with a number for each node.

    The column `tokens` holds indices into `pieces`, and `fate` indices into `fates`. The column
    `scores` is in thousandths, and `ranks` has 0 for nodes without a rank.
    """
    index_of: dict[str, int] = {}
    tokens = [index_of.setdefault(subword, len(index_of)) for subword in tree.pieces]
    return {
        "pieces": list(index_of),
        "fates": [outcome.value for outcome in _OUTCOMES],
        "parents": [node.parent for node in tree.nodes],
        "tokens": tokens,
        "scores": [round(_SCALE * node.score) for node in tree.nodes],
        "fate": [_OUTCOMES.index(node.outcome) for node in tree.nodes],
        "ranks": [node.rank or 0 for node in tree.nodes],
    }
