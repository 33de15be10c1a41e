"""Validation on dev: cross-entropy, perplexity, and BLEU and chrF of detokenized translations."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray

from nmt.bundles.bundle import Bundle
from nmt.config.registry import SCORE_METRICS
from nmt.config.settings import SearchSettings, TrainingSettings
from nmt.console import LineLog, progress
from nmt.data.batches import make_batch, plan_in_order
from nmt.evaluation.input_checks import count_four_grams, unspaced_text_warning
from nmt.evaluation.metrics import FourGrams, MetricValue, deciding_value, metric, perplexity
from nmt.evaluation.scores import Score, bleu_tokenizer, score
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime
from nmt.runtime.distributed import SINGLE_PROCESS, Ranks
from nmt.search.decode_corpus import decode_corpus
from nmt.search.logits_processors import LengthLimits
from nmt.search.target_vocabulary import find_case_marks
from nmt.text.characters import normalize_for_comparison
from nmt.training.data_preparation import DevGroup, PreparedData
from nmt.translation.segments import divide_line

_LONGEST_SENTENCES = 8
_BATCH_SENTENCES = 128


@dataclass(frozen=True)
class ValidationSample:
    """A dev sentence with its reference and the model's translation.

    Attributes:
        source: The sentence.
        reference: Its reference.
        hypothesis: The translation.
    """

    source: str
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class Validation:
    """The result of a validation.

    Attributes:
        metrics: The values by metric: loss (nats per token), perplexity, bleu, chrf, and others
            that the settings name.
        noise: The reason why the value of a metric is noise, by metric; other metrics have no
            entry.
        signatures: sacreBLEU's signatures, by metric.
        samples: Some translations.
        seconds: The duration in seconds.
        groups: Where dev has several language pairs, the values of each by metric. The loss in
            `metrics` is then that of all tokens, and any other value is the mean over the pairs.
    """

    metrics: dict[str, float]
    noise: dict[str, str]
    signatures: dict[str, str]
    samples: list[ValidationSample]
    seconds: float
    groups: dict[str, dict[str, float]] = field(default_factory=dict)

    def deciding_value(self, metric: str) -> MetricValue:
        """Return the value that counts for a metric that the settings name."""
        value = deciding_value(metric, self.metrics, self.noise)
        assert value is not None  # the validation computed all metrics of the settings
        return value


class Validator:
    """The validation of a bundle's model on the dev corpus.

    Args:
        bundle: The model, its tokenizers and settings.
        data: The corpora.
        runtime: The device and the precision.
        batch_tokens: See `plan_in_order`.
        bleu_tokenizer: sacreBLEU's tokenizer for BLEU; None: 13a. If dev has several language
            pairs, each has the tokenizer of its target language.
        ranks: The processes that share the work; each gets all results.
        log: Takes a line every 30 seconds.
    """

    def __init__(
        self,
        bundle: Bundle,
        data: PreparedData,
        runtime: Runtime,
        batch_tokens: int,
        bleu_tokenizer: str | None = None,
        ranks: Ranks = SINGLE_PROCESS,
        log: LineLog | None = None,
    ) -> None:
        self._ranks = ranks
        self._log = log
        self._tokenizers = bundle.tokenizers
        self._data = data
        self._runtime = runtime
        self._settings = bundle.config.training.validation
        self._batch_tokens = batch_tokens
        self._groups = _find_groups(data, self._settings.max_sentences, bleu_tokenizer)
        self._metrics = translation_metrics(bundle.config.training)
        self._limits = LengthLimits(bundle.length_ratio)
        model_limit = bundle.config.model.max_source_tokens
        search_limit = bundle.search.max_source_tokens
        self._max_source_tokens = (
            search_limit if model_limit is None else min(search_limit, model_limit)
        )
        self._search = SearchSettings(
            beam_size=self._settings.beam_size,
            length_penalty=bundle.search.length_penalty,
            alpha=bundle.search.alpha,
            batch_sentences=_BATCH_SENTENCES,
        )

    def validate(self, model: Seq2Seq) -> Validation:
        """Validate a model on dev.

        Args:
            model: The model, whose mode (training or evaluation) is restored afterwards.

        Returns:
            The result.
        """
        start = time.monotonic()
        sentences = [i for group in self._groups for i in group.translated]
        total = sum(len(self._segments(i)) for i in self._ranks.shard(sentences))
        with progress("validation", total, "sentences", by_time=True, log=self._log) as bar:
            losses = [self._cross_entropy(model, group.pairs) for group in self._groups]
            hypotheses = self._ranks.map_shards(
                sentences, lambda local: self._translate(model, list(local), bar.advance)
            )
        samples = [
            ValidationSample(
                self._data.dev_source[sentences[i]],
                self._data.dev_target[sentences[i]],
                hypotheses[i],
            )
            for i in _evenly_spread(len(hypotheses), self._settings.samples)
        ]
        translations = iter(hypotheses)
        scores = [
            self._score(group, list(islice(translations, len(group.translated))))
            for group in self._groups
        ]
        metrics = _loss_metrics(np.sum(losses, axis=0))
        metrics |= {
            each[0].metric: fmean(score.value for score in each)
            for each in zip(*scores, strict=True)
        }
        groups = {}
        if len(self._groups) > 1:
            for group, loss, values in zip(self._groups, losses, scores, strict=True):
                groups[group.label] = _loss_metrics(loss) | {
                    each.metric: each.value for each in values
                }
        every_score = [each for values in scores for each in values]
        return Validation(
            metrics,
            {each.metric: each.noise for each in reversed(every_score) if each.noise},
            _join_signatures(every_score),
            samples,
            time.monotonic() - start,
            groups,
        )

    def _score(self, group: "_Group", hypotheses: list[str]) -> list[Score]:
        """Return the scores of the translations of a group."""
        return score(
            list(map(normalize_for_comparison, hypotheses)),
            [list(map(normalize_for_comparison, self._references(group)))],
            self._metrics,
            tokenize=group.bleu_tokenizer,
        )

    def four_grams(self) -> FourGrams:
        """Return the counts of 4-grams of the references that translations are compared with.

        If dev has several language pairs, they are those of the pair with the fewest.
        """
        counts = [
            count_four_grams([self._references(group)], group.bleu_tokenizer)
            for group in self._groups
        ]
        return min(counts, key=lambda each: each.long_references / max(1, each.references))

    def undivided_warning(self) -> str | None:
        """Return the warning that BLEU takes sentences for words; None where it does not."""
        warnings = (
            unspaced_text_warning(self._references(group), group.bleu_tokenizer)
            for group in self._groups
        )
        return next(filter(None, warnings), None)

    def _references(self, group: "_Group") -> list[str]:
        return [self._data.dev_target[i] for i in group.translated]

    def decode_longest(self, model: Seq2Seq) -> None:
        """Decode the longest dev sentences, so that errors show before hours of training."""
        order = np.argsort(self._data.dev.source_lengths)[::-1]
        self._translate(model, [int(i) for i in order[:_LONGEST_SENTENCES]])

    def _cross_entropy(self, model: Seq2Seq, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the nats and the number of the target tokens of some pairs, `[2]`.

        End marks count as tokens.
        """
        dev = self._data.dev
        was_training = model.training
        model.eval()
        total, tokens = 0.0, 0
        lengths = dev.source_lengths[chosen], dev.target_lengths[chosen]
        plan = plan_in_order(*lengths, self._batch_tokens)
        with torch.no_grad(), self._runtime.computing():
            for pairs in self._ranks.shard([chosen[batch] for batch in plan]):
                batch = make_batch(
                    [dev.source(int(pair)) for pair in pairs],
                    [dev.target(int(pair)) for pair in pairs],
                    pairs,
                ).to(self._runtime.device)
                sums = model.loss(
                    batch.source, batch.source_lengths, batch.target_input, batch.target_output
                )
                total += float(sums.cross_entropy)
                tokens += int(sums.tokens)
        model.train(was_training)
        totals = torch.tensor([total, tokens], dtype=torch.float64)
        self._ranks.all_reduce_tensors([totals])
        return totals.numpy()

    def _translate(
        self, model: Seq2Seq, sentences: list[int], on_decoded: Callable[[int], None] | None = None
    ) -> list[str]:
        """Translate as `nmt translate` does: a source that is too long in segments."""
        segments = [self._segments(i) for i in sentences]
        sources = [segment for parts in segments for segment in parts]
        hypotheses = iter(
            decode_corpus(
                model,
                sources,
                self._search,
                self._limits,
                self._runtime,
                on_decoded=on_decoded,
                forbidden=sorted(self._tokenizers.target.added_control_ids),
                case=find_case_marks(self._tokenizers.target),
            )
        )
        texts = [
            [self._tokenizers.target.decode(next(hypotheses)[0].tokens) for _ in parts]
            for parts in segments
        ]
        return [" ".join(filter(None, parts)) for parts in texts]

    def _segments(self, sentence: int) -> list[list[int]]:
        """Return the segments of a dev sentence, divided as `nmt translate` divides it."""
        source: list[int] = self._data.dev.source(sentence).tolist()
        if len(source) <= self._max_source_tokens:
            return [source]
        count = next(group.tags for group in self._groups if sentence in group.pairs)
        tags, text = source[:count], source[count:]
        divided = divide_line(self._tokenizers.source, text, self._max_source_tokens - count)
        tokenizer = self._tokenizers.source
        return [[*tags, *tokenizer.ids(marks), *text[run]] for marks, run in divided]


def translation_metrics(settings: TrainingSettings) -> list[str]:
    """Return the metrics of translations that a validation computes.

    These are BLEU, chrF, and the metric by which models are chosen.
    """
    required = {"bleu", "chrf", settings.metric}
    return [name for name in SCORE_METRICS.names() if name in required]


@dataclass(frozen=True)
class _Group:
    """The pairs of dev in one language pair.

    Attributes:
        label: The language pair, and the tag of the corpus where there is one.
        pairs: The indices of all its pairs, `[pairs]`.
        translated: The indices of the pairs that are translated.
        tags: The number of tags at the start of each source.
        bleu_tokenizer: sacreBLEU's tokenizer for BLEU; None: 13a.
    """

    label: str
    pairs: NDArray[np.int64]
    translated: Sequence[int]
    tags: int
    bleu_tokenizer: str | None


def _find_groups(
    data: PreparedData, max_sentences: int | None, single_tokenizer: str | None
) -> list[_Group]:
    """Return the language pairs of dev.

    Args:
        data: The corpora.
        max_sentences: The number of sentences to translate in all, None for all. Each language pair
            has its share of them.
        single_tokenizer: The BLEU tokenizer if there is one language pair.
    """
    groups = data.dev_groups or {"": DevGroup("", 0, list(range(len(data.dev))))}
    share = 1.0 if max_sentences is None else min(1.0, max_sentences / len(data.dev))
    return [
        _Group(
            label,
            np.array(group.pairs, np.int64),
            group.pairs[: math.ceil(share * len(group.pairs))],
            group.tags,
            single_tokenizer if len(groups) == 1 else bleu_tokenizer(group.target_language),
        )
        for label, group in groups.items()
    ]


def _loss_metrics(sums: NDArray[np.float64]) -> dict[str, float]:
    """Return loss and perplexity.

    Args:
        sums: The nats and the number of target tokens, `[2]`.
    """
    loss = float(sums[0] / sums[1])
    return {"loss": loss, "perplexity": perplexity(loss)}


def _join_signatures(scores: Iterable[Score]) -> dict[str, str]:
    """Return the signatures by metric, those of several language pairs with `; ` between them."""
    signatures: dict[str, list[str]] = {}
    for each in scores:
        known = signatures.setdefault(each.metric, [])
        if each.signature not in known:
            known.append(each.signature)
    return {name: "; ".join(known) for name, known in signatures.items()}


def _evenly_spread(count: int, max_count: int) -> list[int]:
    """Return `max_count` of `count` positions, evenly spread; all where there are fewer."""
    max_count = min(count, max_count)
    return [(2 * i + 1) * count // (2 * max_count) for i in range(max_count)]


def validation_line(update: int, validation: Validation, best: str | None) -> str:
    """Return the lines of the log for people, with a line for each of several language pairs.

    Args:
        update: The update of the validation.
        validation: The result.
        best: The metric by which the model is the best so far, None where it is not.
    """
    shown = _format_metrics(validation.metrics)
    remark = "" if best is None else f"  best {best}"
    lines = [f"validation at update {update}: {shown}  ({validation.seconds:.1f} s){remark}"]
    lines += [
        f"  {label}: {_format_metrics(values)}" for label, values in validation.groups.items()
    ]
    return "\n".join(lines)


def _format_metrics(values: Mapping[str, float]) -> str:
    return "  ".join(
        f"{metric(name).title} {value:.{3 if name == 'loss' else 2}f}"
        for name, value in values.items()
    )
