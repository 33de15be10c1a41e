"""The rules that fit a configuration to a corpus. Their numbers are in `figures`.

Sources: Sennrich and Zhang 2019 for small corpora, Chen et al. 2018 (RNMT+) for the sizes of large
ones, Sennrich et al. 2017 for the conditional GRU, Provilkov et al. 2020 for BPE-dropout, Kudo 2018
for subword regularisation, Press and Wolf 2017 for tied embeddings, Loshchilov and Hutter 2017 for
the cosine schedule; and experiments on Multi30k and the demonstration corpus.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from nmt.config.recipes import figures
from nmt.config.recipes.facts import CorpusFacts, SideFacts
from nmt.config.schema import all_keys
from nmt.text.characters import show


@dataclass(frozen=True)
class Choice:
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
        return min(1.0, max(figures.LEAST_STRENGTH, self.share / figures.FULL_STRENGTH))

    @property
    def sampling(self) -> float:
        """The factor of subword regularisation for a training of this length, 0 to 1."""
        return max(0.0, self.share - figures.SAMPLED_FROM) / (1.0 - figures.SAMPLED_FROM)


def make_plan(facts: CorpusFacts, budget: Budget | None = None) -> Plan:
    """Return the length of training: enough passes over the corpus, or the limit of the budget.

    Args:
        facts: Statistics of the corpus.
        budget: The limit; None for no limit.
    """
    facts = what_is_kept(facts)
    words = max(1, facts.words)
    batch = figures.BATCH_TOKENS.whole(words)
    most = max(facts.source.words, facts.target.words)
    tokens = figures.SUBWORDS_PER_WORD.at(words) * most + facts.pairs
    per_epoch = max(1.0, tokens / (figures.BATCH_FILLED * batch))
    wanted = _few_digits(max(figures.FEWEST_UPDATES, figures.EPOCHS.at(words) * per_epoch))
    updates = wanted if budget is None else max(1, min(wanted, budget.updates))
    return Plan(batch, per_epoch, wanted, updates)


def fitted(facts: CorpusFacts, budget: Budget | None = None) -> list[Choice]:
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


def what_is_kept(facts: CorpusFacts) -> CorpusFacts:
    """Return statistics of the corpus without the pairs that binarizing drops.

    They are blank pairs, and repeated pairs where `data.drop_duplicates` is chosen.
    """
    share = max(0.0, 1.0 - _dropped(facts))
    source, target = (
        replace(side, words=round(share * side.words)) for side in (facts.source, facts.target)
    )
    pairs = max(1, round(share * facts.pairs))
    return replace(facts, pairs=pairs, source=source, target=target, blank=0, repeated=0.0)


def _dropped(facts: CorpusFacts) -> float:
    repeated = facts.repeated if facts.repeated >= figures.REPEATED else 0.0
    return facts.blank / facts.pairs + repeated


def vocabulary(facts: CorpusFacts) -> tuple[int, str]:
    """Return the vocabulary size, of each side where they are separate, and its reason.

    It grows with the amount of text. It is limited by a share of the frequent words, because rare
    subwords are learned badly (Sennrich and Zhang 2019, section 4.2).
    """
    size, reason = figures.VOCABULARY.at(facts.words), "by the amount of text"
    if facts.shared_script is None:
        size *= figures.OWN_VOCABULARY
        groups = [[facts.source], [facts.target]]
    else:
        groups = [[facts.source, facts.target]]
    least = max(_letters(group) for group in groups) + figures.FEWEST_WORDS_AND_PARTS
    seen = min(_often_seen(group) for group in groups)
    if seen < size:
        size, reason = seen, "few words are frequent: more subwords would hardly be seen"
    return max(least, _few_digits(size)), reason


def _often_seen(sides: list[SideFacts]) -> float:
    """Return the number of frequent subwords; infinity where words cannot be counted."""
    if any(side.unspaced for side in sides):
        return math.inf
    return _letters(sides) + figures.FREQUENT_WORDS_TAKEN * sum(x.frequent_words for x in sides)


def _letters(sides: list[SideFacts]) -> int:
    """Return the number of fixed subwords: bytes, reserved ones, characters."""
    return 260 + sum(side.characters for side in sides)


def _data(facts: CorpusFacts) -> Iterator[Choice]:
    if facts.dev_pairs is None:
        share = validation_share(facts.pairs)
        yield Choice(
            "data.validation_split", share, f"for dev: about {share * facts.pairs:,.0f} pairs"
        )
    shortest, longest = figures.MAX_LENGTH
    needed = math.ceil(figures.LONGER_THAN_USUAL * facts.long_words / 10) * 10
    length = min(longest, max(shortest, needed))
    why = f"subwords; 99% of the pairs have at most {facts.long_words} words a side"
    yield Choice("data.max_length", length, why)
    dropped = _dropped(facts)
    if facts.repeated >= figures.REPEATED:
        told = f"{facts.repeated:.0%} of the pairs occur before"
        yield Choice("data.drop_duplicates", True, told)
    if dropped > figures.DROPPED_WITHOUT_WORD:
        limit = min(1.0, math.ceil(20 * dropped + 2) / 20)
        yield Choice("data.max_dropped", limit, f"{dropped:.0%} are blank or repeated")


def validation_share(pairs: int) -> float:
    """Return the share of the training text to set aside for validation."""
    fewest, most = figures.DEV_PAIRS
    wanted = min(most, max(fewest, figures.DEV_SHARE * pairs))
    share = min(figures.MOST_FOR_DEV, wanted / max(1, pairs))
    # From a handful of pairs, a small share would often set none aside.
    return float(f"{max(share, min(0.5, 5 / max(1, pairs))):.2g}")


def _tokenizer(facts: CorpusFacts, plan: Plan) -> Iterator[Choice]:
    unspaced = facts.source.unspaced or facts.target.unspaced
    script = facts.shared_script
    size, why = vocabulary(facts)
    if unspaced:
        yield Choice("tokenizer.kind", "unigram", "made for text without spaces")
    else:
        yield Choice("tokenizer.kind", "bpe")
    joint = f"both sides are {script}" if script else "the sides are in different scripts"
    yield Choice("tokenizer.joint", script is not None, joint)
    yield Choice("tokenizer.vocab_size", size, why)
    yield Choice("tokenizer.normalization", "auto", _normalization_reason(facts))
    if max(facts.source.characters, facts.target.characters) > figures.MANY_CHARACTERS:
        coverage = 0.9995 if unspaced else 0.9999
        yield Choice("tokenizer.character_coverage", coverage, "rare characters as bytes")
    if unspaced:
        alpha = figures.UNIGRAM_ALPHA if plan.sampling else 0.0
    else:
        alpha = round(figures.BPE_DROPOUT.at(facts.words) * plan.sampling, 2)
    less = "" if unspaced or plan.sampling == 1.0 else _LESS
    why = "other subwords in each epoch" + less if alpha else "the same subwords in each epoch"
    yield Choice("tokenizer.sampling.alpha", alpha, why)


def _normalization_reason(facts: CorpusFacts) -> str:
    written = ", ".join(map(show, facts.target.folded))
    kept = f", such as {written}" if written else ""
    if facts.shared_script is None:
        return f"forms of the source are folded, the target stays as written{kept}"
    return f"both sides stay as written{kept}"


def _model(facts: CorpusFacts, plan: Plan) -> Iterator[Choice]:
    words = facts.words
    word_dropout = _weakened(figures.WORD_DROPOUT.at(words), plan)
    why = f"as all sizes by the amount of text: {_million(words)} words a side"
    yield Choice("model.embedding_size", figures.EMBEDDING.whole(words), why)
    dropout = _weakened(figures.EMBEDDING_DROPOUT.at(words), plan)
    yield Choice("model.embedding_dropout", dropout, "the more text, the less" + _because(plan))
    if word_dropout:
        yield Choice("model.source_word_dropout", word_dropout)
        yield Choice("model.target_word_dropout", word_dropout)
    tying = "all" if facts.shared_script else "target_output"
    yield Choice("model.tying", tying, "one matrix instead of three or two: less to learn")
    yield from _conditional_gru(facts, plan)


def _conditional_gru(facts: CorpusFacts, plan: Plan) -> Iterator[Choice]:
    """Yield the sizes of the default model, with two residual layers for larger corpora."""
    words, hidden = facts.words, figures.HIDDEN.whole(facts.words)
    layers = 2 if words >= _TWO_LAYERS_FROM else 1
    dropout = _weakened(figures.DECODER_DROPOUT.at(words), plan)
    yield Choice("model.encoder.layers", layers, "depth pays from some million words on")
    yield Choice(
        "model.encoder.hidden_size", round(hidden * figures.ENCODER_SHARE), "of each direction"
    )
    if layers > 1:
        yield Choice("model.encoder.residual_from", 2)
        yield Choice("model.encoder.dropout", dropout)
    yield Choice("model.decoder.layers", layers)
    yield Choice("model.decoder.hidden_size", hidden, "a third more than a direction's")
    if layers > 1:
        yield Choice("model.decoder.residual_from", 2)
    yield Choice("model.decoder.dropout", dropout)
    yield Choice("model.output.dropout", _weakened(figures.OUTPUT_DROPOUT.at(words), plan))


_TWO_LAYERS_FROM = 6_000_000
"""Words of a side from which the model has two layers."""


def _training(facts: CorpusFacts, plan: Plan, budget: Budget | None) -> Iterator[Choice]:
    validations = plan_validations(facts, plan)
    warm = plan.updates * figures.WARM_UP
    warm = max(figures.FEWEST_WARM_UPDATES, min(figures.MOST_WARM_UPDATES, warm))
    average = min(figures.MOST_AVERAGED, max(20.0, plan.updates * figures.AVERAGED))
    metric, why = best_metric(facts)
    yield Choice("training.batch_size", plan.batch_size, "the more text, the larger")
    yield Choice("training.max_updates", plan.updates, _end(plan, budget))
    if budget is not None:
        yield Choice("training.max_time", budget.time, "the limit, whatever happens")
    smoothing = figures.LABEL_SMOOTHING.at(facts.words)
    yield Choice("training.label_smoothing", smoothing, "the more text, the less")
    yield Choice("training.ema", round(1.0 - 1.0 / average, 4), "the mean of the last updates")
    yield Choice("training.optimizer.learning_rate", _rate(facts, plan), _WHY_THIS_RATE)
    yield Choice("training.schedule.warmup_updates", min(round(warm), plan.updates // 2))
    every = validations.every_updates
    yield Choice("training.validation.every_updates", every, validations.reason(budget))
    if validations.max_sentences is not None:
        yield Choice("training.validation.max_sentences", validations.max_sentences, "of dev")
    yield Choice("training.metric", metric, why)
    yield Choice("training.patience", validations.patience, "validations without improvement")


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


def plan_validations(facts: CorpusFacts, plan: Plan) -> Validations:
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
    usual = figures.SUBWORDS_PER_WORD.at(max(1, facts.words))
    subwords = max(
        side.words * max(usual, side.word_length / figures.CHARACTERS_A_SUBWORD)
        for side in (facts.source, facts.target)
    )
    tokens = subwords / pairs + 1
    updates_a_sentence = tokens / plan.batch_size
    loss = figures.LOSS_COST * dev * updates_a_sentence
    decoding = figures.DECODING_COST * updates_a_sentence
    wanted = (1.0 - figures.VALIDATION_SHARE) / figures.VALIDATION_SHARE

    sentences = min(dev, figures.DEV_LINES_DECODED)
    every = max(20.0, plan.updates / figures.VALIDATIONS)
    rarest = max(every, plan.updates / figures.FEWEST_VALIDATIONS)
    every = min(rarest, max(every, wanted * (loss + decoding * sentences)))
    affordable = int((every / wanted - loss) / decoding)
    if affordable < sentences:
        fewest = min(sentences, figures.FEWEST_DECODED)
        sentences = max(fewest, _few_digits(max(0, affordable)))
    times = plan.updates / every
    patience = round(figures.PATIENCE * min(1.0, times / figures.VALIDATIONS))
    return Validations(
        every_updates=_few_digits(every),
        max_sentences=sentences if sentences < dev else None,
        patience=max(figures.PATIENCE // 2, patience),
        cost=loss + decoding * sentences,
    )


def best_metric(facts: CorpusFacts) -> tuple[str, str]:
    """Return the metric that chooses the best model and stops training, and its reason."""
    script = facts.target.main_script
    if not facts.bleu_of_words:
        return "chrf", "BLEU finds no words in the target language"
    if script in _WITHOUT_WORDS:
        return "chrf", f"BLEU finds no words in the {script} script"
    if facts.words < figures.CHRF_BELOW_WORDS:
        return "chrf", "little text: BLEU would be low, and choose by chance"
    if facts.target.word_length >= figures.CHRF_FROM_WORD_LENGTH:
        return "chrf", "words are long: BLEU, which counts whole words, would be low"
    return "bleu", ""


_WITHOUT_WORDS = frozenset(["Thai", "Lao", "Khmer", "Myanmar", "Tibetan"])
"""Scripts without a BLEU tokenizer, for corpora whose language is not known."""


def _rate(facts: CorpusFacts, plan: Plan) -> float:
    narrower = figures.RATE_WIDTH / figures.HIDDEN.at(facts.words)
    rate = figures.LEARNING_RATE.at(plan.updates)
    if narrower >= 1.0:
        rate *= min(figures.MOST_FOR_NARROW, narrower)
    else:
        rate = min(rate, figures.MOST_FOR_WIDE * narrower**2)
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
