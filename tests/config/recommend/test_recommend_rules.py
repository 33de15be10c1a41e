import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.config.key_index import all_keys
from nmt.config.load import load_config
from nmt.config.recommend.corpus_summary import CorpusSummary, SideSummary
from nmt.config.recommend.render import TEMPLATES, format_yaml, render_template
from nmt.config.recommend.rules import (
    Budget,
    Recommendation,
    best_metric,
    make_plan,
    plan_validations,
    recommend,
    validation_share,
)
from nmt.config.settings import Config
from nmt.model.seq2seq import Seq2Seq
from nmt.training.schedules import make_schedule

CONFIGS = Path(__file__).parents[3] / "configs"

LATIN, CYRILLIC = {"Latin": 0.98, "Greek": 0.02}, {"Cyrillic": 0.9, "Latin": 0.1}

SMALL = CorpusSummary(
    pairs=29_000,
    source=SideSummary(330_000, 10_000, 80, LATIN),
    target=SideSummary(330_000, 10_000, 90, LATIN),
    long_words=24,
    dev_pairs=1000,
)


def written(facts, budget=None):
    """The keys that are written."""
    choices = recommend(facts, budget)
    keys = {choice.key: choice.value for choice in choices}
    assert len(keys) == len(choices)
    return keys


def chosen(facts, budget=None):
    """The values of all keys: those that are written, and the defaults of all others."""
    return {key.name: key.default for key in all_keys().values()} | written(facts, budget)


def config_of(facts, budget=None):
    """As it is after being written and read."""
    paths = {"train": "t", **({"dev": "d"} if facts.dev_pairs is not None else {})}
    texts = [
        Recommendation(f"data.{name}.{side}", path)
        for name, path in paths.items()
        for side in ("source", "target")
    ]
    return format_yaml([*texts, *recommend(facts, budget)], "x")


def loaded(tmp_path, text) -> Config:
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def shapes(settings):
    with torch.device("meta"):
        model = Seq2Seq(settings, 100, 100)
    return {name: parameter.shape for name, parameter in model.named_parameters()}


def with_words(words, pairs):
    sides = {
        side: replace(getattr(SMALL, side), words=words, frequent_words=10**6)
        for side in ("source", "target")
    }
    return replace(SMALL, pairs=pairs, **sides)


def test_little_text_gets_what_was_measured_on_multi30k(tmp_path):
    """But for what serves any text, and how often is looked at dev."""
    measured = load_config(CONFIGS / "multi30k.en-de.yaml")
    fitting = loaded(tmp_path, config_of(SMALL))
    assert fitting.model == measured.model
    assert shapes(fitting.model) == shapes(measured.model)
    assert fitting.tokenizer == measured.tokenizer
    here, there = fitting.training, measured.training
    assert here.batch_size == there.batch_size
    assert here.max_updates == pytest.approx(there.max_updates, rel=0.05)
    assert here.label_smoothing == there.label_smoothing
    assert here.ema == pytest.approx(there.ema, abs=2e-4)
    assert here.optimizer == there.optimizer
    assert here.schedule.kind == there.schedule.kind
    warmups = [make_schedule(each).warmup for each in (here, there)]
    assert warmups[0] == pytest.approx(warmups[1], rel=0.1)
    assert here.metric == there.metric


def test_more_text_gets_a_larger_model_and_less_dropout():
    rows = [(8e4, 1e4), (3e5, 3e4), (3e6, 1e5), (1e7, 5e5), (4e7, 3e6), (1e8, 5e6)]
    keys = [chosen(with_words(int(words), int(pairs))) for words, pairs in rows]
    for key, rises in (
        ("tokenizer.vocab_size", True),
        ("model.embedding_size", True),
        ("model.decoder.hidden_size", True),
        ("model.encoder.layers", True),
        ("training.batch_size", True),
        ("training.max_updates", True),
        ("model.decoder.dropout", False),
        ("model.output.dropout", False),
        ("training.label_smoothing", False),
        ("training.optimizer.learning_rate", False),
    ):
        values = [each[key] for each in keys]
        assert values == sorted(values, reverse=not rises), key
        assert values[0] != values[-1], key
    assert {each["model.encoder.cell"] for each in keys} == {"gru"}  # what was measured
    assert keys[-1]["model.source_word_dropout"] == 0.0
    assert keys[-1]["tokenizer.sampling.alpha"] == 0.0


def test_what_is_the_default_and_needs_no_reason_is_not_written():
    for choice in recommend(SMALL):
        assert choice.reason or choice.value != all_keys()[choice.key].default
    assert not written(SMALL).keys() & {"model.decoder.dropout", "training.metric"}


def test_few_frequent_words_give_few_subwords():
    sides = {
        side: replace(getattr(SMALL, side), frequent_words=1000) for side in ("source", "target")
    }
    assert chosen(replace(SMALL, **sides))["tokenizer.vocab_size"] == 1800


def test_there_is_room_for_bytes_and_characters():
    sides = {side: replace(getattr(SMALL, side), frequent_words=1) for side in ("source", "target")}
    assert chosen(replace(SMALL, **sides))["tokenizer.vocab_size"] == 256 + 4 + 80 + 90 + 100


def test_many_characters_are_left_to_bytes():
    assert "tokenizer.character_coverage" not in written(SMALL)
    keys = chosen(replace(SMALL, source=replace(SMALL.source, characters=2000)))
    assert keys["tokenizer.character_coverage"] == 0.9999


def test_different_scripts_have_a_model_each():
    keys = chosen(replace(SMALL, source=replace(SMALL.source, scripts=CYRILLIC)))
    assert keys["tokenizer.joint"] is False
    assert keys["model.tying"] == "target_output"
    assert keys["tokenizer.vocab_size"] == 4200


def test_text_without_spaces_has_unigrams():
    chinese = SideSummary(300_000, 3, 4000, {"Han": 1.0}, unspaced=True)
    keys = chosen(replace(SMALL, target=chinese))
    assert keys["tokenizer.kind"] == "unigram"
    assert keys["tokenizer.character_coverage"] == 0.9995
    assert keys["tokenizer.vocab_size"] == 4360
    assert keys["tokenizer.joint"] is False


def test_long_sentences_are_kept():
    assert chosen(SMALL)["data.max_length"] == 100
    assert chosen(replace(SMALL, long_words=100))["data.max_length"] == 160
    assert chosen(replace(SMALL, long_words=2000))["data.max_length"] == 400


def test_repetitions_are_dropped_and_may_be():
    assert "data.drop_duplicates" not in written(replace(SMALL, repeated=0.01))
    few = written(replace(SMALL, repeated=0.1))
    assert (few["data.drop_duplicates"], "data.max_dropped" in few) == (True, False)
    assert chosen(replace(SMALL, repeated=0.5))["data.max_dropped"] == 0.6
    assert chosen(replace(SMALL, blank=14_500))["data.max_dropped"] == 0.6


def test_filters_are_chosen_for_faults_of_some_pairs():
    faults = {"drop_tool_marks": 0.004, "drop_different_ends": 0.3, "drop_near_duplicates": 0.01}
    assert not [key for key in written(replace(SMALL, faults=faults)) if ".drop_" in key]
    faults = {"drop_tool_marks": 0.01, "min_script_share": 0.02, "drop_near_duplicates": 0.03}
    few = chosen(replace(SMALL, faults=faults))
    keys = ("data.drop_tool_marks", "data.min_script_share", "data.drop_near_duplicates")
    assert [few[key] for key in keys] == [True, 0.5, True]
    assert few["data.min_word_match"] == 0.0
    many = replace(SMALL, pairs=200_000, faults={"drop_identical": 0.19})
    assert chosen(many)["data.min_word_match"] == 0.9
    assert chosen(many)["data.max_dropped"] == 0.3


@pytest.mark.parametrize(
    ("pairs", "share"), [(1, 0.5), (10, 0.5), (100, 0.1), (29_000, 0.02), (10**6, 0.002)]
)
def test_a_share_is_set_aside_for_validation(pairs, share):
    assert validation_share(pairs) == share
    assert chosen(replace(SMALL, pairs=pairs, dev_pairs=None))["data.validation_split"] == share


def test_a_large_dev_is_not_decoded_as_a_whole():
    assert "training.validation.max_sentences" not in written(SMALL)
    large = with_words(10_000_000, 500_000)
    assert chosen(replace(large, dev_pairs=9000))["training.validation.max_sentences"] == 2000


# A corpus like those of low-resource languages: 4,000 pairs, and a dev set that is large beside it.
FEW = replace(
    SMALL,
    pairs=4_000,
    source=replace(SMALL.source, words=60_000),
    target=replace(SMALL.target, words=45_000),
    dev_pairs=900,
)


@pytest.mark.parametrize("pairs", [1_000, 4_000, 26_000, 200_000])
@pytest.mark.parametrize("dev", [None, 100, 900, 3_000])
@pytest.mark.parametrize("updates", [None, 300, 3_000])
def test_validations_take_a_tenth_of_the_time_at_most(pairs, dev, updates):
    scale = pairs / FEW.pairs
    sides = (replace(side, words=round(side.words * scale)) for side in (FEW.source, FEW.target))
    facts = replace(FEW, pairs=pairs, dev_pairs=dev, source=next(sides), target=next(sides))
    plan = make_plan(facts, None if updates is None else Budget("1h", updates))
    planned = plan_validations(facts, plan)
    fewest = min(round(validation_share(pairs) * pairs) if dev is None else dev, 400)
    decoded = planned.max_sentences or dev or fewest
    assert decoded >= fewest
    times = plan.updates / planned.every_updates
    assert times <= 21
    if planned.every_updates > 20:
        assert times >= 9.5
    # What cannot be less than this many sentences, so many times, is told with its true share.
    assert planned.share <= 0.11 or (decoded == fewest and times <= 11) or dev == 3_000
    assert f"about {max(0.01, planned.share):.0%} of the time" in planned.reason(None)


def test_validations_of_few_pairs_become_fewer():
    plan, facts = make_plan(FEW), replace(FEW, dev_pairs=2_000)
    planned = plan_validations(facts, plan)
    assert planned.share <= 0.11
    assert planned.every_updates > 1.2 * plan.updates / 20
    assert plan_validations(replace(FEW, dev_pairs=50), plan).every_updates == pytest.approx(
        plan.updates / 20, rel=0.05
    )
    keys = chosen(facts)
    assert keys["training.validation.every_updates"] == planned.every_updates
    assert 5 <= keys["training.patience"] < 10


def test_long_words_make_validations_dearer():
    plan = make_plan(FEW)
    longer = replace(FEW, target=replace(FEW.target, word_length=10.0))
    assert plan_validations(longer, plan).cost > 1.2 * plan_validations(FEW, plan).cost


def test_the_time_of_a_validation_is_told_where_updates_were_timed():
    (reason,) = (
        choice.reason
        for choice in recommend(FEW, Budget("30m", 3000, 0.2))
        if choice.key == "training.validation.every_updates"
    )
    assert re.fullmatch(r"validations take about \d+% of the time, \d+ s each", reason)


@pytest.mark.parametrize(
    ("facts", "metric", "why"),
    [
        (SMALL, "bleu", ""),
        (FEW, "chrf", "little text"),
        (replace(SMALL, target=replace(SMALL.target, word_length=8.1)), "chrf", "words are long"),
        (replace(SMALL, target=replace(SMALL.target, word_length=6.1)), "bleu", ""),
        (replace(SMALL, source=replace(SMALL.source, word_length=9.0)), "bleu", ""),
        (replace(SMALL, target=replace(SMALL.target, scripts={"Thai": 1.0})), "chrf", "Thai"),
        (replace(SMALL, target=replace(SMALL.target, scripts={"Khmer": 0.9})), "chrf", "Khmer"),
        (replace(SMALL, target=replace(SMALL.target, scripts={"Han": 1.0})), "bleu", ""),
        (replace(SMALL, source=replace(SMALL.source, scripts={"Thai": 1.0})), "bleu", ""),
        (replace(SMALL, bleu_counts_words=False), "chrf", "in the target language"),
    ],
)
def test_the_metric_that_chooses_the_model(facts, metric, why):
    assert best_metric(facts)[0] == metric
    assert why in best_metric(facts)[1]
    keys = chosen(facts)
    assert keys["training.metric"] == metric


def test_a_budget_ends_the_schedule():
    keys = chosen(SMALL, Budget("30m", 3000))
    assert (keys["training.max_updates"], keys["training.max_time"]) == (3000, "30m")
    whole = chosen(SMALL)
    assert keys["model.decoder.dropout"] == pytest.approx(0.2 * 3000 / 6000 * 1.5, abs=0.02)
    assert keys["training.optimizer.learning_rate"] == whole["training.optimizer.learning_rate"]
    assert keys["training.schedule.warmup_updates"] == 180
    assert make_plan(SMALL, Budget("30m", 3000)).epochs == pytest.approx(8.5, abs=0.5)


def test_a_short_training_has_one_segmentation_of_each_word():
    key = "tokenizer.sampling.alpha"
    wanted = make_plan(SMALL).full_updates
    assert chosen(SMALL, Budget("30m", wanted // 2))[key] == 0.0
    assert 0.0 < chosen(SMALL, Budget("30m", 3 * wanted // 4))[key] < chosen(SMALL)[key]
    chinese = replace(SMALL, target=SideSummary(300_000, 3, 4000, {"Han": 1.0}, unspaced=True))
    assert chosen(chinese, Budget("30m", 2000))[key] == 0.0
    assert chosen(chinese, Budget("30m", 6000))[key] == chosen(chinese)[key] == 0.2


def test_narrow_models_take_longer_steps():
    narrow = with_words(80_000, 29_000)
    assert chosen(narrow)["model.decoder.hidden_size"] == 256
    key = "training.optimizer.learning_rate"
    assert chosen(narrow, Budget("4m", 2000))[key] == 6e-3
    assert chosen(SMALL, Budget("4m", 2000))[key] == 4e-3


def test_wide_models_take_shorter_steps_even_where_they_are_few():
    key = "training.optimizer.learning_rate"
    wide = with_words(100_000_000, 5_000_000)
    assert chosen(wide)["model.decoder.hidden_size"] == 1024
    assert chosen(wide, Budget("4m", 2000))[key] == 1e-3
    assert 4e-4 <= chosen(wide)[key] < 1e-3


def test_what_binarization_drops_is_not_trained_on():
    once, half = chosen(SMALL), 14_500
    sides = {side: replace(getattr(SMALL, side), words=660_000) for side in ("source", "target")}
    twice = chosen(replace(SMALL, pairs=58_000, repeated=0.5, **sides))
    blank = chosen(replace(SMALL, pairs=58_000, blank=29_000, **sides))
    for keys in (twice, blank):
        for key in ("training.max_updates", "training.batch_size", "model.decoder.hidden_size"):
            assert keys[key] == once[key]
    few = chosen(replace(SMALL, pairs=half, repeated=0.01))
    assert few["training.max_updates"] == chosen(replace(SMALL, pairs=half))["training.max_updates"]


def test_a_budget_that_is_large_changes_nothing_but_the_limit():
    keys = written(SMALL, Budget("9h", 10**6))
    assert keys.pop("training.max_time") == "9h"
    assert keys == written(SMALL)


_sides = st.builds(
    SideSummary,
    words=st.integers(1, 10**10),
    frequent_words=st.integers(0, 10**7),
    characters=st.integers(1, 10_000),
    scripts=st.sampled_from([LATIN, CYRILLIC, {"Han": 0.6, "Kana": 0.4}, {}]),
    unspaced=st.booleans(),
)
_facts = st.builds(
    CorpusSummary,
    pairs=st.integers(1, 10**9),
    source=_sides,
    target=_sides,
    long_words=st.integers(1, 2000),
    blank=st.just(0),
    repeated=st.floats(0.0, 1.0),
    identical=st.floats(0.0, 1.0),
    dev_pairs=st.none() | st.integers(1, 10**6),
)


@settings(max_examples=10)
@given(facts=_facts, budget=st.none() | st.builds(Budget, st.just("1h"), st.integers(1, 10**8)))
def test_whatever_the_corpus_the_configuration_is_right(tmp_path_factory, facts, budget):
    config = loaded(tmp_path_factory.mktemp("c"), config_of(facts, budget))
    assert config.training.max_updates is not None
    assert config.training.schedule.warmup_updates <= config.training.max_updates
    assert config.training.batch_size is not None
    assert config.training.batch_size >= config.data.max_length
    with torch.device("meta"):
        Seq2Seq(config.model, 100, 100)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_templates_are_what_the_rules_say(name):
    """Out of date? `python scripts/write_templates.py` writes them anew."""
    assert (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8") == render_template(name)
    assert TEMPLATES[name].size == name


_SMALL_PARTS = ("encoder.hidden_size=8", "decoder.hidden_size=16", "attention.size=16")


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_model_of_each_template_learns(name):
    small = load_config(
        CONFIGS / f"{name}.yaml",
        [f"model.{key}" for key in ("embedding_size=8", "output.size=8", *_SMALL_PARTS)],
    ).model
    torch.manual_seed(0)
    model = Seq2Seq(small, 30, 30)
    source, lengths = torch.randint(4, 30, (2, 5)), torch.tensor([5, 3])
    sums = model.loss(source, lengths, torch.randint(4, 30, (2, 4)), torch.randint(4, 30, (2, 4)))
    sums.loss.backward()
    assert torch.isfinite(sums.loss)
    assert all(parameter.grad is not None for parameter in model.parameters())
