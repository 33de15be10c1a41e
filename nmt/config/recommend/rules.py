"""The rules that fit a configuration to a corpus. Their numbers are in `constants`.

The sources are experiments on Multi30k and the demonstration corpus, and these papers:

- Sennrich and Zhang 2019 on small corpora
- Chen et al. 2018 (RNMT+) on the sizes for large corpora
- Sennrich et al. 2017 on the conditional GRU
- Provilkov et al. 2020 on BPE-dropout
- Kudo 2018 on subword regularization
- Press and Wolf 2017 on tied embeddings
- Loshchilov and Hutter 2017 on the cosine schedule
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from nmt.config.key_index import all_keys
from nmt.config.recommend import constants
from nmt.config.recommend.corpus_summary import CorpusSummary, SideSummary
from nmt.config.recommend.fault_filters import FILTERS_OF_FAULTS, filters_needed
from nmt.text.characters import make_visible


@dataclass(frozen=True)
class Recommendation:
    """A key of the configuration with its value and the reason.

    Attributes:
        key: The dotted key.
        value: The value.
        reason: The reason; empty where none is needed.
    """

    key: str
    value: Any
    reason: str = ""


@dataclass(frozen=True)
class Budget:
    """A time limit of training and the updates that fit into it.

    Attributes:
        time: The limit as text, such as 30m.
        updates: The number of updates that fit.
        seconds_per_update: The measured time of an update; None where it was not measured.
    """

    time: str
    updates: int
    seconds_per_update: float | None = None


@dataclass(frozen=True)
class TrainingPlan:
    """The length of training.

    Attributes:
        batch_size: Tokens of a batch.
        updates_per_epoch: Updates of a pass over the training text.
        full_updates: The number of updates without a budget.
        updates: The number of updates with the budget.
    """

    batch_size: int
    updates_per_epoch: float
    full_updates: int
    updates: int

    @property
    def epochs(self) -> float:
        """Passes over the training text."""
        return self.updates / self.updates_per_epoch

    @property
    def share(self) -> float:
        """The share of the wanted updates that the budget allows."""
        return self.updates / self.full_updates

    @property
    def strength(self) -> float:
        """The factor of all dropouts for training of this length."""
        return min(1.0, max(constants.MIN_STRENGTH, self.share / constants.FULL_STRENGTH_SHARE))

    @property
    def sampling(self) -> float:
        """The factor of subword regularization for training of this length, 0 to 1."""
        return max(0.0, self.share - constants.SAMPLING_FROM_SHARE) / (
            1.0 - constants.SAMPLING_FROM_SHARE
        )


def make_plan(corpus: CorpusSummary, budget: Budget | None = None) -> TrainingPlan:
    """Return the length of training: enough passes over the corpus, or the limit of the budget.

    Args:
        corpus: Statistics of the corpus.
        budget: The limit; None for no limit.
    """
    corpus = without_dropped_pairs(corpus)
    words = max(1, corpus.words)
    batch = constants.BATCH_TOKENS.integer_at(words)
    most = max(corpus.source.words, corpus.target.words)
    tokens = constants.SUBWORDS_PER_WORD.at(words) * most + corpus.pairs
    per_epoch = max(1.0, tokens / (constants.BATCH_FILLED * batch))
    full_updates = _round_to_two_digits(
        max(constants.MIN_UPDATES, constants.EPOCHS.at(words) * per_epoch)
    )
    updates = full_updates if budget is None else max(1, min(full_updates, budget.updates))
    return TrainingPlan(batch, per_epoch, full_updates, updates)


def recommend(corpus: CorpusSummary, budget: Budget | None = None) -> list[Recommendation]:
    """Choose the keys of `data`, `tokenizer`, `model` and `training`, except texts and languages.

    Args:
        corpus: Statistics of the corpus.
        budget: The limit; None for no limit.

    Returns:
        The recommendations. Defaults that need no reason are left out.
    """
    plan, kept = make_plan(corpus, budget), without_dropped_pairs(corpus)
    recommendations = [
        *_data(corpus),
        *_tokenizer(kept, plan),
        *_model(kept, plan),
        *_training(kept, plan, budget),
    ]
    keys = all_keys()
    return [each for each in recommendations if each.reason or each.value != keys[each.key].default]


def without_dropped_pairs(corpus: CorpusSummary) -> CorpusSummary:
    """Return statistics of the corpus without the pairs that binarizing drops.

    They are blank pairs, repeated pairs where `data.drop_duplicates` is chosen, and those of the
    filters that are chosen.
    """
    share = max(0.0, 1.0 - _dropped_share(corpus))
    source, target = (
        replace(side, words=round(share * side.words)) for side in (corpus.source, corpus.target)
    )
    pairs = max(1, round(share * corpus.pairs))
    return replace(
        corpus, pairs=pairs, source=source, target=target, blank=0, repeated=0.0, faults={}
    )


def _dropped_share(corpus: CorpusSummary) -> float:
    repeated = corpus.repeated if corpus.repeated >= constants.REPEATED_SHARE else 0.0
    faulty = sum(corpus.faults[key] for key in filters_needed(corpus))
    return corpus.blank / corpus.pairs + repeated + faulty


def vocabulary_size(corpus: CorpusSummary) -> tuple[int, str]:
    """Return the vocabulary size, of each side where they are separate, and its reason.

    It grows with the amount of text. It is limited by a share of the frequent words, because rare
    subwords are learned badly (Sennrich and Zhang 2019, section 4.2).
    """
    size, reason = constants.VOCABULARY.at(corpus.words), "by the amount of text"
    if corpus.shared_script is None:
        size *= constants.SEPARATE_VOCABULARY_FACTOR
        groups = [[corpus.source], [corpus.target]]
    else:
        groups = [[corpus.source, corpus.target]]
    least = max(_fixed_subwords(group) for group in groups) + constants.MIN_LEARNED_SUBWORDS
    frequent = min(_frequent_subwords(group) for group in groups)
    if frequent < size:
        size, reason = frequent, "few words are frequent: more subwords would be too rare"
    return max(least, _round_to_two_digits(size)), reason


def _frequent_subwords(sides: list[SideSummary]) -> float:
    """Return the number of frequent subwords; infinity where words cannot be counted."""
    if any(side.unspaced for side in sides):
        return math.inf
    return _fixed_subwords(sides) + constants.MAX_SHARE_OF_FREQUENT_WORDS * sum(
        side.frequent_words for side in sides
    )


def _fixed_subwords(sides: list[SideSummary]) -> int:
    """Return the number of fixed subwords: bytes, reserved ones, characters."""
    return 260 + sum(side.characters for side in sides)


def _data(corpus: CorpusSummary) -> Iterator[Recommendation]:
    if corpus.dev_pairs is None:
        share = validation_share(corpus.pairs)
        yield Recommendation(
            "data.validation_split", share, f"for dev: about {share * corpus.pairs:,.0f} pairs"
        )
        if share < constants.MAX_DEV_SHARE:
            reason = "for a test of the trained model: as many"
            yield Recommendation("data.test_split", share, reason)
    shortest, longest = constants.MAX_LENGTH
    needed = math.ceil(constants.MAX_SUBWORDS_PER_WORD * corpus.long_words / 10) * 10
    length = min(longest, max(shortest, needed))
    reason = f"subwords; 99% of the pairs have at most {corpus.long_words} words per side"
    yield Recommendation("data.max_length", length, reason)
    dropped = _dropped_share(corpus)
    if corpus.repeated >= constants.REPEATED_SHARE:
        reason = f"{corpus.repeated:.0%} of the pairs occur before"
        yield Recommendation("data.drop_duplicates", True, reason)
    yield from _filters(corpus)
    if dropped > constants.RAISED_LIMIT_FROM:
        limit = min(1.0, math.ceil(20 * dropped + 2) / 20)
        kinds = "blank, repeated or faulty" if filters_needed(corpus) else "blank or repeated"
        yield Recommendation("data.max_dropped", limit, f"{dropped:.0%} are {kinds}")


def _filters(corpus: CorpusSummary) -> Iterator[Recommendation]:
    needed = filters_needed(corpus)
    for key in needed:
        found = FILTERS_OF_FAULTS[key]
        reason = f"{corpus.faults[key]:.1%} of the pairs {found.fault}"
        yield Recommendation(f"data.{key}", found.value, reason)
    if needed and corpus.pairs >= constants.WORD_MATCH_FROM_PAIRS:
        reason = "where pairs have such faults, some sides do not belong together"
        yield Recommendation("data.min_word_match", constants.WORD_MATCH, reason)


def validation_share(pairs: int) -> float:
    """Return the share of the training text to set aside for validation."""
    fewest, most = constants.DEV_PAIRS
    pairs_for_dev = min(most, max(fewest, constants.DEV_SHARE * pairs))
    share = min(constants.MAX_DEV_SHARE, pairs_for_dev / max(1, pairs))
    # From a handful of pairs, a small share would often set none aside.
    return float(f"{max(share, min(0.5, 5 / max(1, pairs))):.2g}")


def _tokenizer(corpus: CorpusSummary, plan: TrainingPlan) -> Iterator[Recommendation]:
    unspaced = corpus.source.unspaced or corpus.target.unspaced
    script = corpus.shared_script
    size, reason = vocabulary_size(corpus)
    if unspaced:
        yield Recommendation("tokenizer.kind", "unigram", "suited to text without spaces")
    else:
        yield Recommendation("tokenizer.kind", "bpe")
    joint = f"both sides are {script}" if script else "the sides have different scripts"
    yield Recommendation("tokenizer.joint", script is not None, joint)
    yield Recommendation("tokenizer.vocab_size", size, reason)
    yield Recommendation("tokenizer.normalization", "auto", _normalization_reason(corpus))
    if max(corpus.source.characters, corpus.target.characters) > constants.MANY_CHARACTERS:
        coverage = 0.9995 if unspaced else 0.9999
        yield Recommendation("tokenizer.character_coverage", coverage, "rare characters as bytes")
    if unspaced:
        alpha = constants.UNIGRAM_ALPHA if plan.sampling else 0.0
    else:
        alpha = round(constants.BPE_DROPOUT.at(corpus.words) * plan.sampling, 2)
    note = "" if unspaced or plan.sampling == 1.0 else _LESS_IN_SHORT_TRAINING
    reason = (
        "different subwords in each epoch" + note if alpha else "the same subwords in each epoch"
    )
    yield Recommendation("tokenizer.sampling.alpha", alpha, reason)


def _normalization_reason(corpus: CorpusSummary) -> str:
    examples = ", ".join(map(make_visible, corpus.target.folded))
    suffix = f", such as {examples}" if examples else ""
    if corpus.shared_script is None:
        return f"source characters are normalized, the target is unchanged{suffix}"
    return f"both sides are unchanged{suffix}"


def _model(corpus: CorpusSummary, plan: TrainingPlan) -> Iterator[Recommendation]:
    words = corpus.words
    word_dropout = _scaled_dropout(constants.WORD_DROPOUT.at(words), plan)
    reason = f"sizes depend on the amount of text: {_format_words(words)} words per side"
    yield Recommendation("model.embedding_size", constants.EMBEDDING.integer_at(words), reason)
    dropout = _scaled_dropout(constants.EMBEDDING_DROPOUT.at(words), plan)
    yield Recommendation(
        "model.embedding_dropout", dropout, "lower for more text" + _short_training_note(plan)
    )
    if word_dropout:
        yield Recommendation("model.source_word_dropout", word_dropout)
        yield Recommendation("model.target_word_dropout", word_dropout)
    tying = "all" if corpus.shared_script else "target_output"
    yield Recommendation("model.tying", tying, "one shared matrix: fewer parameters")
    yield from _conditional_gru(corpus, plan)


def _conditional_gru(corpus: CorpusSummary, plan: TrainingPlan) -> Iterator[Recommendation]:
    """Yield the sizes of the default model, with two residual layers for larger corpora."""
    words, hidden = corpus.words, constants.HIDDEN.integer_at(corpus.words)
    layers = 2 if words >= _TWO_LAYERS_FROM else 1
    dropout = _scaled_dropout(constants.DECODER_DROPOUT.at(words), plan)
    yield Recommendation("model.encoder.layers", layers, "depth helps from a few million words on")
    yield Recommendation(
        "model.encoder.hidden_size", round(hidden * constants.ENCODER_SHARE), "per direction"
    )
    if layers > 1:
        yield Recommendation("model.encoder.residual_from", 2)
        yield Recommendation("model.encoder.dropout", dropout)
    yield Recommendation("model.decoder.layers", layers)
    yield Recommendation(
        "model.decoder.hidden_size", hidden, "a third more than per encoder direction"
    )
    if layers > 1:
        yield Recommendation("model.decoder.residual_from", 2)
    yield Recommendation("model.decoder.dropout", dropout)
    yield Recommendation(
        "model.output.dropout", _scaled_dropout(constants.OUTPUT_DROPOUT.at(words), plan)
    )


_TWO_LAYERS_FROM = 6_000_000
"""Words of a side from which the model has two layers."""


def _training(
    corpus: CorpusSummary, plan: TrainingPlan, budget: Budget | None
) -> Iterator[Recommendation]:
    validations = plan_validations(corpus, plan)
    warmup = plan.updates * constants.WARMUP_SHARE
    warmup = max(constants.MIN_WARMUP_UPDATES, min(constants.MAX_WARMUP_UPDATES, warmup))
    window = min(constants.MAX_AVERAGED, max(20.0, plan.updates * constants.AVERAGED_SHARE))
    metric, reason = best_metric(corpus)
    yield Recommendation("training.batch_size", plan.batch_size, "larger for more text")
    yield Recommendation("training.max_updates", plan.updates, _stopping_reason(plan, budget))
    if budget is not None:
        yield Recommendation("training.max_time", budget.time, "upper limit")
    smoothing = constants.LABEL_SMOOTHING.at(corpus.words)
    yield Recommendation("training.label_smoothing", smoothing, "lower for more text")
    yield Recommendation("training.ema", round(1.0 - 1.0 / window, 4), "averages the last updates")
    yield Recommendation(
        "training.optimizer.learning_rate", _learning_rate(corpus, plan), _RATE_REASON
    )
    yield Recommendation("training.schedule.warmup_updates", min(round(warmup), plan.updates // 2))
    interval = validations.every_updates
    yield Recommendation("training.validation.every_updates", interval, validations.reason(budget))
    if validations.max_sentences is not None:
        yield Recommendation(
            "training.validation.max_sentences", validations.max_sentences, "of dev"
        )
    yield Recommendation("training.metric", metric, reason)
    yield Recommendation(
        "training.patience", validations.patience, "validations without improvement"
    )


@dataclass(frozen=True)
class Validations:
    """The interval and the size of validations.

    Attributes:
        every_updates: Updates between two validations.
        max_sentences: The number of dev sentences to decode; None for all.
        patience: The number of validations without improvement that ends training.
        cost: The cost of a validation in updates.
    """

    every_updates: int
    max_sentences: int | None
    patience: int
    cost: float

    @property
    def share(self) -> float:
        """The share of training time for validations."""
        return self.cost / (self.cost + self.every_updates)

    def reason(self, budget: Budget | None) -> str:
        """Return a sentence on the cost of validations."""
        sentence = f"validations take about {max(0.01, self.share):.0%} of the time"
        pace = None if budget is None else budget.seconds_per_update
        return sentence if pace is None else f"{sentence}, {max(1.0, self.cost * pace):.0f} s each"


def plan_validations(corpus: CorpusSummary, plan: TrainingPlan) -> Validations:
    """Balance the cost of validations and of updates.

    Where validations would exceed their share of the time, there are fewer. Where that does not
    suffice, they decode a part of dev.

    Args:
        corpus: Statistics of the corpus.
        plan: The length of training.

    Returns:
        The interval and the size of validations.
    """
    pairs = max(1, corpus.pairs)
    dev = corpus.dev_pairs
    if dev is None:
        dev = round(validation_share(pairs) * pairs)
    subwords_per_word = constants.SUBWORDS_PER_WORD.at(max(1, corpus.words))
    subwords = max(
        side.words * max(subwords_per_word, side.word_length / constants.CHARACTERS_PER_SUBWORD)
        for side in (corpus.source, corpus.target)
    )
    tokens = subwords / pairs + 1
    updates_per_sentence = tokens / plan.batch_size
    loss = constants.LOSS_COST * dev * updates_per_sentence
    decoding = constants.DECODING_COST * updates_per_sentence
    updates_per_cost = (1.0 - constants.VALIDATION_SHARE) / constants.VALIDATION_SHARE

    sentences = min(dev, constants.DEV_LINES_DECODED)
    interval = max(20.0, plan.updates / constants.VALIDATIONS)
    longest_interval = max(interval, plan.updates / constants.MIN_VALIDATIONS)
    interval = min(
        longest_interval, max(interval, updates_per_cost * (loss + decoding * sentences))
    )
    affordable = int((interval / updates_per_cost - loss) / decoding)
    if affordable < sentences:
        fewest = min(sentences, constants.MIN_DECODED)
        sentences = max(fewest, _round_to_two_digits(max(0, affordable)))
    count = plan.updates / interval
    patience = round(constants.PATIENCE * min(1.0, count / constants.VALIDATIONS))
    return Validations(
        every_updates=_round_to_two_digits(interval),
        max_sentences=sentences if sentences < dev else None,
        patience=max(constants.PATIENCE // 2, patience),
        cost=loss + decoding * sentences,
    )


def best_metric(corpus: CorpusSummary) -> tuple[str, str]:
    """Return the metric that chooses the best model and stops training, and its reason."""
    script = corpus.target.main_script
    if not corpus.bleu_counts_words:
        return "chrf", "BLEU finds no words in the target language"
    if script in _SCRIPTS_WITHOUT_WORDS:
        return "chrf", f"BLEU finds no words in the {script} script"
    if corpus.words < constants.CHRF_BELOW_WORDS:
        return "chrf", "little text: BLEU would be low and noisy"
    if corpus.target.word_length >= constants.CHRF_FROM_WORD_LENGTH:
        return "chrf", "words are long: BLEU counts whole words and would be low"
    return "bleu", ""


_SCRIPTS_WITHOUT_WORDS = frozenset(["Thai", "Lao", "Khmer", "Myanmar", "Tibetan"])
"""Scripts without a BLEU tokenizer, for corpora whose language is not known."""


def _learning_rate(corpus: CorpusSummary, plan: TrainingPlan) -> float:
    relative_width = constants.REFERENCE_WIDTH / constants.HIDDEN.at(corpus.words)
    rate = constants.LEARNING_RATE.at(plan.updates)
    if relative_width >= 1.0:
        rate *= min(constants.MAX_NARROW_FACTOR, relative_width)
    else:
        rate = min(rate, constants.MAX_WIDE_RATE * relative_width**2)
    return float(f"{rate:.2g}")


_RATE_REASON = "higher for few updates and for a small model"


def _stopping_reason(plan: TrainingPlan, budget: Budget | None) -> str:
    passes = f"about {plan.epochs:.{0 if plan.epochs >= 2 else 1}f} epochs"
    if budget is None:
        return passes
    if plan.updates == plan.full_updates:
        return f"{passes}, enough for a corpus of this size"
    return f"{passes}, as many as fit into {budget.time} here"


def _scaled_dropout(dropout: float, plan: TrainingPlan) -> float:
    return round(dropout * plan.strength, 2)


_LESS_IN_SHORT_TRAINING = "; lower for a short training"


def _short_training_note(plan: TrainingPlan) -> str:
    return "" if plan.strength == 1.0 else _LESS_IN_SHORT_TRAINING


def _round_to_two_digits(value: float) -> int:
    """Return a number rounded to two digits, because rules are not exact."""
    return round(float(f"{value:.2g}"))


def _format_words(count: int) -> str:
    return f"{count / 1e6:.1f} million" if count >= 1_000_000 else f"{count:,}"
