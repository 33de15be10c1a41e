"""The rules that fit a configuration to a corpus. Their numbers stand in `constants`.

Sources: Sennrich and Zhang 2019 for small corpora, Chen et al. 2018 (RNMT+) for the sizes of large
ones, Sennrich et al. 2017 for the conditional GRU, Provilkov et al. 2020 for BPE-dropout, Kudo 2018
for subword regularisation, Press and Wolf 2017 for tied embeddings, Loshchilov and Hutter 2017 for
the cosine schedule; and experiments on Multi30k and the demonstration corpus.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from nmt.config.key_index import all_keys
from nmt.config.recommend import constants
from nmt.config.recommend.corpus_profile import CorpusSummary, SideSummary
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
class Plan:
    """The length of training.

    Attributes:
        batch_size: Tokens of a batch.
        updates_per_epoch: Updates of a pass over the training text.
        wanted: The number of updates without a budget.
        updates: The number of updates with the budget.
    """

    batch_size: int
    updates_per_epoch: float
    wanted: int
    updates: int

    @property
    def epochs(self) -> float:
        """Passes over the training text."""
        return self.updates / self.updates_per_epoch

    @property
    def share(self) -> float:
        """The share of the wanted updates that the budget allows."""
        return self.updates / self.wanted

    @property
    def strength(self) -> float:
        """The factor of all dropouts for a training of this length."""
        return min(1.0, max(constants.LEAST_STRENGTH, self.share / constants.FULL_STRENGTH))

    @property
    def sampling(self) -> float:
        """The factor of subword regularisation for a training of this length, 0 to 1."""
        return max(0.0, self.share - constants.SAMPLED_FROM) / (1.0 - constants.SAMPLED_FROM)


def make_plan(facts: CorpusSummary, budget: Budget | None = None) -> Plan:
    """Return the length of training: enough passes over the corpus, or the limit of the budget.

    Args:
        facts: Statistics of the corpus.
        budget: The limit; None for no limit.
    """
    facts = what_is_kept(facts)
    words = max(1, facts.words)
    batch = constants.BATCH_TOKENS.whole(words)
    most = max(facts.source.words, facts.target.words)
    tokens = constants.SUBWORDS_PER_WORD.at(words) * most + facts.pairs
    per_epoch = max(1.0, tokens / (constants.BATCH_FILLED * batch))
    wanted = _few_digits(max(constants.FEWEST_UPDATES, constants.EPOCHS.at(words) * per_epoch))
    updates = wanted if budget is None else max(1, min(wanted, budget.updates))
    return Plan(batch, per_epoch, wanted, updates)


def fitted(facts: CorpusSummary, budget: Budget | None = None) -> list[Recommendation]:
    """Choose the keys of `data`, `tokenizer`, `model` and `training`, except texts and languages.

    Args:
        facts: Statistics of the corpus.
        budget: The limit; None for no limit.

    Returns:
        The choices. Defaults that need no reason are left out.
    """
    plan, kept = make_plan(facts, budget), what_is_kept(facts)
    choices = [
        *_data(facts),
        *_tokenizer(kept, plan),
        *_model(kept, plan),
        *_training(kept, plan, budget),
    ]
    keys = all_keys()
    return [each for each in choices if each.reason or each.value != keys[each.key].default]


def what_is_kept(facts: CorpusSummary) -> CorpusSummary:
    """Return statistics of the corpus without the pairs that binarizing drops.

    They are blank pairs, and repeated pairs where `data.drop_duplicates` is chosen.
    """
    share = max(0.0, 1.0 - _dropped(facts))
    source, target = (
        replace(side, words=round(share * side.words)) for side in (facts.source, facts.target)
    )
    pairs = max(1, round(share * facts.pairs))
    return replace(facts, pairs=pairs, source=source, target=target, blank=0, repeated=0.0)


def _dropped(facts: CorpusSummary) -> float:
    repeated = facts.repeated if facts.repeated >= constants.REPEATED else 0.0
    return facts.blank / facts.pairs + repeated


def vocabulary(facts: CorpusSummary) -> tuple[int, str]:
    """Return the vocabulary size, of each side where they are separate, and its reason.

    It grows with the amount of text. It is limited by a share of the frequent words, because rare
    subwords are learned badly (Sennrich and Zhang 2019, section 4.2).
    """
    size, reason = constants.VOCABULARY.at(facts.words), "by the amount of text"
    if facts.shared_script is None:
        size *= constants.OWN_VOCABULARY
        groups = [[facts.source], [facts.target]]
    else:
        groups = [[facts.source, facts.target]]
    least = max(_letters(group) for group in groups) + constants.FEWEST_WORDS_AND_PARTS
    seen = min(_often_seen(group) for group in groups)
    if seen < size:
        size, reason = seen, "few words are frequent: more subwords would hardly be seen"
    return max(least, _few_digits(size)), reason


def _often_seen(sides: list[SideSummary]) -> float:
    """Return the number of frequent subwords; infinity where words cannot be counted."""
    if any(side.unspaced for side in sides):
        return math.inf
    return _letters(sides) + constants.FREQUENT_WORDS_TAKEN * sum(x.frequent_words for x in sides)


def _letters(sides: list[SideSummary]) -> int:
    """Return the number of fixed subwords: bytes, reserved ones, characters."""
    return 260 + sum(side.characters for side in sides)


def _data(facts: CorpusSummary) -> Iterator[Recommendation]:
    if facts.dev_pairs is None:
        share = validation_share(facts.pairs)
        yield Recommendation(
            "data.validation_split", share, f"for dev: about {share * facts.pairs:,.0f} pairs"
        )
    shortest, longest = constants.MAX_LENGTH
    needed = math.ceil(constants.LONGER_THAN_USUAL * facts.long_words / 10) * 10
    length = min(longest, max(shortest, needed))
    why = f"subwords; 99% of the pairs have at most {facts.long_words} words a side"
    yield Recommendation("data.max_length", length, why)
    dropped = _dropped(facts)
    if facts.repeated >= constants.REPEATED:
        told = f"{facts.repeated:.0%} of the pairs occur before"
        yield Recommendation("data.drop_duplicates", True, told)
    if dropped > constants.DROPPED_WITHOUT_WORD:
        limit = min(1.0, math.ceil(20 * dropped + 2) / 20)
        yield Recommendation("data.max_dropped", limit, f"{dropped:.0%} are blank or repeated")


def validation_share(pairs: int) -> float:
    """Return the share of the training text to set aside for validation."""
    fewest, most = constants.DEV_PAIRS
    wanted = min(most, max(fewest, constants.DEV_SHARE * pairs))
    share = min(constants.MOST_FOR_DEV, wanted / max(1, pairs))
    # From a handful of pairs, a small share would often set none aside.
    return float(f"{max(share, min(0.5, 5 / max(1, pairs))):.2g}")


def _tokenizer(facts: CorpusSummary, plan: Plan) -> Iterator[Recommendation]:
    unspaced = facts.source.unspaced or facts.target.unspaced
    script = facts.shared_script
    size, why = vocabulary(facts)
    if unspaced:
        yield Recommendation("tokenizer.kind", "unigram", "made for text without spaces")
    else:
        yield Recommendation("tokenizer.kind", "bpe")
    joint = f"both sides are {script}" if script else "the sides are in different scripts"
    yield Recommendation("tokenizer.joint", script is not None, joint)
    yield Recommendation("tokenizer.vocab_size", size, why)
    yield Recommendation("tokenizer.normalization", "auto", _normalization_reason(facts))
    if max(facts.source.characters, facts.target.characters) > constants.MANY_CHARACTERS:
        coverage = 0.9995 if unspaced else 0.9999
        yield Recommendation("tokenizer.character_coverage", coverage, "rare characters as bytes")
    if unspaced:
        alpha = constants.UNIGRAM_ALPHA if plan.sampling else 0.0
    else:
        alpha = round(constants.BPE_DROPOUT.at(facts.words) * plan.sampling, 2)
    less = "" if unspaced or plan.sampling == 1.0 else _LESS
    why = "other subwords in each epoch" + less if alpha else "the same subwords in each epoch"
    yield Recommendation("tokenizer.sampling.alpha", alpha, why)


def _normalization_reason(facts: CorpusSummary) -> str:
    written = ", ".join(map(make_visible, facts.target.folded))
    kept = f", such as {written}" if written else ""
    if facts.shared_script is None:
        return f"forms of the source are folded, the target stays as written{kept}"
    return f"both sides stay as written{kept}"


def _model(facts: CorpusSummary, plan: Plan) -> Iterator[Recommendation]:
    words = facts.words
    word_dropout = _weakened(constants.WORD_DROPOUT.at(words), plan)
    why = f"as all sizes by the amount of text: {_million(words)} words a side"
    yield Recommendation("model.embedding_size", constants.EMBEDDING.whole(words), why)
    dropout = _weakened(constants.EMBEDDING_DROPOUT.at(words), plan)
    yield Recommendation(
        "model.embedding_dropout", dropout, "the more text, the less" + _because(plan)
    )
    if word_dropout:
        yield Recommendation("model.source_word_dropout", word_dropout)
        yield Recommendation("model.target_word_dropout", word_dropout)
    tying = "all" if facts.shared_script else "target_output"
    yield Recommendation("model.tying", tying, "one matrix instead of three or two: less to learn")
    yield from _conditional_gru(facts, plan)


def _conditional_gru(facts: CorpusSummary, plan: Plan) -> Iterator[Recommendation]:
    """Yield the sizes of the default model, with two residual layers for larger corpora."""
    words, hidden = facts.words, constants.HIDDEN.whole(facts.words)
    layers = 2 if words >= _TWO_LAYERS_FROM else 1
    dropout = _weakened(constants.DECODER_DROPOUT.at(words), plan)
    yield Recommendation("model.encoder.layers", layers, "depth pays from some million words on")
    yield Recommendation(
        "model.encoder.hidden_size", round(hidden * constants.ENCODER_SHARE), "of each direction"
    )
    if layers > 1:
        yield Recommendation("model.encoder.residual_from", 2)
        yield Recommendation("model.encoder.dropout", dropout)
    yield Recommendation("model.decoder.layers", layers)
    yield Recommendation("model.decoder.hidden_size", hidden, "a third more than a direction's")
    if layers > 1:
        yield Recommendation("model.decoder.residual_from", 2)
    yield Recommendation("model.decoder.dropout", dropout)
    yield Recommendation(
        "model.output.dropout", _weakened(constants.OUTPUT_DROPOUT.at(words), plan)
    )


_TWO_LAYERS_FROM = 6_000_000
"""Words of a side from which the model has two layers."""


def _training(facts: CorpusSummary, plan: Plan, budget: Budget | None) -> Iterator[Recommendation]:
    validations = plan_validations(facts, plan)
    warm = plan.updates * constants.WARM_UP
    warm = max(constants.FEWEST_WARM_UPDATES, min(constants.MOST_WARM_UPDATES, warm))
    average = min(constants.MOST_AVERAGED, max(20.0, plan.updates * constants.AVERAGED))
    metric, why = best_metric(facts)
    yield Recommendation("training.batch_size", plan.batch_size, "the more text, the larger")
    yield Recommendation("training.max_updates", plan.updates, _end(plan, budget))
    if budget is not None:
        yield Recommendation("training.max_time", budget.time, "the limit, whatever happens")
    smoothing = constants.LABEL_SMOOTHING.at(facts.words)
    yield Recommendation("training.label_smoothing", smoothing, "the more text, the less")
    yield Recommendation(
        "training.ema", round(1.0 - 1.0 / average, 4), "the mean of the last updates"
    )
    yield Recommendation("training.optimizer.learning_rate", _rate(facts, plan), _WHY_THIS_RATE)
    yield Recommendation("training.schedule.warmup_updates", min(round(warm), plan.updates // 2))
    every = validations.every_updates
    yield Recommendation("training.validation.every_updates", every, validations.reason(budget))
    if validations.max_sentences is not None:
        yield Recommendation(
            "training.validation.max_sentences", validations.max_sentences, "of dev"
        )
    yield Recommendation("training.metric", metric, why)
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
        told = f"validations take about {max(0.01, self.share):.0%} of the time"
        pace = None if budget is None else budget.seconds_per_update
        return told if pace is None else f"{told}, {max(1.0, self.cost * pace):.0f} s each"


def plan_validations(facts: CorpusSummary, plan: Plan) -> Validations:
    """Balance the cost of validations and of updates.

    Where validations would exceed their share of the time, there are fewer. Where that does not
    suffice, they decode a part of dev.

    Args:
        facts: Statistics of the corpus.
        plan: The length of training.

    Returns:
        The interval and the size of validations.
    """
    pairs = max(1, facts.pairs)
    dev = facts.dev_pairs
    if dev is None:
        dev = round(validation_share(pairs) * pairs)
    usual = constants.SUBWORDS_PER_WORD.at(max(1, facts.words))
    subwords = max(
        side.words * max(usual, side.word_length / constants.CHARACTERS_A_SUBWORD)
        for side in (facts.source, facts.target)
    )
    tokens = subwords / pairs + 1
    updates_a_sentence = tokens / plan.batch_size
    loss = constants.LOSS_COST * dev * updates_a_sentence
    decoding = constants.DECODING_COST * updates_a_sentence
    wanted = (1.0 - constants.VALIDATION_SHARE) / constants.VALIDATION_SHARE

    sentences = min(dev, constants.DEV_LINES_DECODED)
    every = max(20.0, plan.updates / constants.VALIDATIONS)
    rarest = max(every, plan.updates / constants.FEWEST_VALIDATIONS)
    every = min(rarest, max(every, wanted * (loss + decoding * sentences)))
    affordable = int((every / wanted - loss) / decoding)
    if affordable < sentences:
        fewest = min(sentences, constants.FEWEST_DECODED)
        sentences = max(fewest, _few_digits(max(0, affordable)))
    times = plan.updates / every
    patience = round(constants.PATIENCE * min(1.0, times / constants.VALIDATIONS))
    return Validations(
        every_updates=_few_digits(every),
        max_sentences=sentences if sentences < dev else None,
        patience=max(constants.PATIENCE // 2, patience),
        cost=loss + decoding * sentences,
    )


def best_metric(facts: CorpusSummary) -> tuple[str, str]:
    """Return the metric that chooses the best model and stops training, and its reason."""
    script = facts.target.main_script
    if not facts.bleu_of_words:
        return "chrf", "BLEU finds no words in the target language"
    if script in _WITHOUT_WORDS:
        return "chrf", f"BLEU finds no words in the {script} script"
    if facts.words < constants.CHRF_BELOW_WORDS:
        return "chrf", "little text: BLEU would be low, and choose by chance"
    if facts.target.word_length >= constants.CHRF_FROM_WORD_LENGTH:
        return "chrf", "words are long: BLEU, which counts whole words, would be low"
    return "bleu", ""


_WITHOUT_WORDS = frozenset(["Thai", "Lao", "Khmer", "Myanmar", "Tibetan"])
"""Scripts without a BLEU tokenizer, for corpora whose language is not known."""


def _rate(facts: CorpusSummary, plan: Plan) -> float:
    narrower = constants.RATE_WIDTH / constants.HIDDEN.at(facts.words)
    rate = constants.LEARNING_RATE.at(plan.updates)
    if narrower >= 1.0:
        rate *= min(constants.MOST_FOR_NARROW, narrower)
    else:
        rate = min(rate, constants.MOST_FOR_WIDE * narrower**2)
    return float(f"{rate:.2g}")


_WHY_THIS_RATE = "longer steps where they are few, and for a narrow model"


def _end(plan: Plan, budget: Budget | None) -> str:
    passes = f"about {plan.epochs:.{0 if plan.epochs >= 2 else 1}f} passes over train"
    if budget is None:
        return passes
    if plan.updates == plan.wanted:
        return f"{passes}, of which {budget.time} would hold more"
    return f"{passes}: what {budget.time} hold here"


def _weakened(dropout: float, plan: Plan) -> float:
    return round(dropout * plan.strength, 2)


_LESS = "; less of it in a short training"


def _because(plan: Plan) -> str:
    return "" if plan.strength == 1.0 else _LESS


def _few_digits(value: float) -> int:
    """Return a number rounded to two digits, because rules are not exact."""
    return round(float(f"{value:.2g}"))


def _million(count: int) -> str:
    return f"{count / 1e6:.1f} million" if count >= 1_000_000 else f"{count:,}"
