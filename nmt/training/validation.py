"""Validation on dev: cross-entropy, perplexity, and BLEU and chrF of detokenized translations."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from nmt.bundles.bundle import Bundle
from nmt.config.registry import SCORE_METRICS
from nmt.config.settings import SearchSettings, TrainingSettings
from nmt.console import LineLog, progress
from nmt.data.batches import make_batch, plan_in_order
from nmt.evaluation.input_checks import count_four_grams, unspaced_text_warning
from nmt.evaluation.metrics import FourGrams, MetricValue, deciding_value, metric, perplexity
from nmt.evaluation.scores import score
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime
from nmt.runtime.distributed import SINGLE_PROCESS, Ranks
from nmt.search.decode_corpus import decode_corpus
from nmt.search.logits_processors import LengthLimits
from nmt.text.characters import normalize_for_comparison
from nmt.training.data_preparation import PreparedData
from nmt.translation.segments import split_line

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
    """

    metrics: dict[str, float]
    noise: dict[str, str]
    signatures: dict[str, str]
    samples: list[ValidationSample]
    seconds: float

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
        bleu_tokenizer: sacreBLEU's tokenizer for BLEU; None: 13a.
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
        self._bleu_tokenizer = bleu_tokenizer
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
        sentences = list(range(len(self._data.dev))[: self._settings.max_sentences])
        total = sum(len(self._segments(i)) for i in self._ranks.shard(sentences))
        with progress("validation", total, "sentences", by_time=True, log=self._log) as bar:
            loss = self._cross_entropy(model)
            hypotheses = self._ranks.map_shards(
                sentences, lambda local: self._translate(model, list(local), bar.advance)
            )
        references = [self._data.dev_target[i] for i in sentences]
        scores = score(
            list(map(normalize_for_comparison, hypotheses)),
            [list(map(normalize_for_comparison, references))],
            self._metrics,
            tokenize=self._bleu_tokenizer,
        )
        metrics = {"loss": loss, "perplexity": perplexity(loss)}
        metrics |= {metric_score.metric: metric_score.value for metric_score in scores}
        noise = {
            metric_score.metric: metric_score.noise for metric_score in scores if metric_score.noise
        }
        samples = [
            ValidationSample(self._data.dev_source[i], references[i], hypotheses[i])
            for i in _evenly_spread(len(hypotheses), self._settings.samples)
        ]
        signatures = {metric_score.metric: metric_score.signature for metric_score in scores}
        return Validation(metrics, noise, signatures, samples, time.monotonic() - start)

    def four_grams(self) -> FourGrams:
        """Return the counts of 4-grams of the references that translations are compared with."""
        return count_four_grams([self._references], self._bleu_tokenizer)

    def undivided_warning(self) -> str | None:
        """Return the warning that BLEU takes sentences for words; None where it does not."""
        return unspaced_text_warning(self._references, self._bleu_tokenizer)

    @property
    def _references(self) -> list[str]:
        return self._data.dev_target[: self._settings.max_sentences]

    def decode_longest(self, model: Seq2Seq) -> None:
        """Decode the longest dev sentences, so that errors show before hours of training."""
        order = np.argsort(self._data.dev.source_lengths)[::-1]
        self._translate(model, [int(i) for i in order[:_LONGEST_SENTENCES]])

    def _cross_entropy(self, model: Seq2Seq) -> float:
        """Return the mean nats per target token of dev, end marks included."""
        dev = self._data.dev
        was_training = model.training
        model.eval()
        total, tokens = 0.0, 0
        plan = plan_in_order(dev.source_lengths, dev.target_lengths, self._batch_tokens)
        with torch.no_grad(), self._runtime.computing():
            for pairs in self._ranks.shard(list(plan)):
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
        return float(totals[0] / totals[1])

    def _translate(
        self, model: Seq2Seq, sentences: list[int], on_decoded: Callable[[int], None] | None = None
    ) -> list[str]:
        """Translate as `nmt translate` does: a source that is too long in segments."""
        segments = [self._segments(i) for i in sentences]
        sources = [segment for parts in segments for segment in parts]
        hypotheses = iter(
            decode_corpus(
                model, sources, self._search, self._limits, self._runtime, on_decoded=on_decoded
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
        pieces = self._tokenizers.source.pieces(source)
        return [source[run] for run in split_line(pieces, self._max_source_tokens)]


def translation_metrics(settings: TrainingSettings) -> list[str]:
    """Return the metrics of translations that a validation computes.

    These are BLEU, chrF, and the metric by which models are chosen.
    """
    required = {"bleu", "chrf", settings.metric}
    return [name for name in SCORE_METRICS.names() if name in required]


def _evenly_spread(count: int, max_count: int) -> list[int]:
    """Return `max_count` of `count` positions, evenly spread; all where there are fewer."""
    max_count = min(count, max_count)
    return [(2 * i + 1) * count // (2 * max_count) for i in range(max_count)]


def validation_line(update: int, validation: Validation, best: str | None) -> str:
    """Return the log line for people.

    Args:
        update: The update of the validation.
        validation: The result.
        best: The metric by which the model is the best so far, None where it is not.
    """
    values = validation.metrics
    shown = "  ".join(
        f"{metric(name).title} {value:.{3 if name == 'loss' else 2}f}"
        for name, value in values.items()
    )
    remark = "" if best is None else f"  best {best}"
    return f"validation at update {update}: {shown}  ({validation.seconds:.1f} s){remark}"
