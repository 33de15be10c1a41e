"""By which metric training chooses its best model and its end, and how that is computed."""

import json
import math
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

from nmt.bundles.bundle_files import read_bundle_record
from nmt.evaluation.metrics import BestValidation
from nmt.evaluation.scores import Score
from nmt.reports.run_report import gather_report, report_page
from nmt.reports.run_state import open_run
from nmt.reports.watch import Screen, screen_lines
from nmt.runtime.device import Choices
from nmt.training.averaging import _best_first, _validations
from nmt.training.checkpoints import TrainingState, checkpoint_update, load_state, newest_checkpoint
from nmt.training.run import _choose_bleu_tokenizer, train
from nmt.training.validation import Validator

NO_GROUPS = SimpleNamespace(dev_groups={})
"""Prepared data of an earlier release."""

OFTEN = ("training.validation.every_updates=2", "training.patience=2")
BROKEN_FIRST = [(2.19, 11.0), (0.0, 43.0), (0.0, 45.0), (0.0, 44.0)]
"""BLEU and chrF of dev, as of short phrases: BLEU is noise all along."""


@pytest.fixture
def scripted(monkeypatch):
    """Makes validations score as a script says: BLEU, chrF, and that BLEU is noise (default)."""

    def use(script):
        lines = iter(script)

        def score(hypotheses, references, metrics, **options):
            bleu, chrf, *noise = next(lines)
            values = {"bleu": bleu, "chrf": chrf}
            why = {"bleu": (noise or ["no 4-grams"])[0]}
            return [
                Score(name, name, values[name], "signature", noise=why.get(name, ""))
                for name in metrics
            ]

        monkeypatch.setattr("nmt.training.validation.score", score)

    return use


def text(run):
    return run.log_text.read_text(encoding="utf-8")


def last_state(run):
    return load_state(newest_checkpoint(run.checkpoints))


def test_a_bleu_that_cannot_move_chooses_and_ends_nothing(tiny, scripted):
    scripted(BROKEN_FIRST)
    run = train(tiny(*OFTEN))
    facts = read_bundle_record(run.best)["training"]
    assert (facts["updates"], facts["chosen_by"], facts["dev"]["chrf"]) == (6, "chrf", 45.0)
    state = last_state(run)
    assert state.ended == "training.max_updates (8)"
    assert state.best == {"bleu": BestValidation("bleu", 0.0, 6, 1, True, 45.0)}
    told = text(run)
    assert told.count("BLEU is unreliable (no 4-grams); chrF selects the model") == 1
    assert "Best chrf 45.00 at update 6" in told


def test_the_end_by_patience_names_what_it_went_by(tiny, scripted):
    scripted([*BROKEN_FIRST, (9.0, 44.0)])
    run = train(tiny(*OFTEN, "training.max_updates=20"))
    assert last_state(run).ended == (
        "no improvement of chrf in 2 validations (training.patience), because bleu is unreliable"
    )


def test_bleu_decides_once_it_is_no_longer_noise(tiny, scripted):
    scripted([(0.07, 14.0), (0.09, 20.0), (1.5, 21.0, ""), (1.4, 25.0, "")])
    run = train(tiny(*OFTEN))
    facts = read_bundle_record(run.best)["training"]
    assert (facts["updates"], facts["chosen_by"]) == (6, "bleu")
    assert last_state(run).stopping == BestValidation("bleu", 1.5, 6, 1, False, 21.0)
    assert "BLEU is reliable again and selects the model" in text(run)
    assert text(run).count("BLEU is unreliable (") == 1


def test_a_resumed_run_goes_on_choosing_alike(tiny, scripted):
    scripted(BROKEN_FIRST)
    whole = train(tiny(*OFTEN, name="whole"))
    scripted(BROKEN_FIRST[:2])
    train(tiny(*OFTEN, "training.max_updates=4", name="parts"))
    scripted(BROKEN_FIRST[2:])
    parts = train(tiny(*OFTEN, name="parts"), resume=True)
    one, other = last_state(whole), last_state(parts)
    assert (one.best, one.stopping) == (other.best, other.stopping)
    assert read_bundle_record(whole.best)["training"]["updates"] == 6
    assert read_bundle_record(parts.best)["training"]["updates"] == 6


def test_the_best_checkpoints_of_a_run_are_those_by_the_same_rule(tiny, scripted):
    scripted([(2.19, 11.0), (0.0, 43.0), (0.5, 40.0, ""), (0.0, 44.0)])
    run = train(tiny(*OFTEN))
    checkpoints = [run.checkpoints / f"step-{update:08d}" for update in (8, 6, 4, 2)]
    seen = _validations(run, "bleu")
    assert [checkpoint_update(path) for path in _best_first(checkpoints, seen)] == [8, 4, 6, 2]
    assert _validations(run, "chrf++") == {}


@pytest.mark.parametrize(
    ("language", "tokenizer", "warnings"), [("zh", "zh", 0), ("th", "char", 1), ("en", "13a", 0)]
)
def test_validation_takes_the_tokenizer_of_the_target_language(
    trained, language, tokenizer, warnings
):
    run = trained(f"data.target_language={language}", "training.max_updates=4")
    assert (
        f"|tok:{tokenizer}|" in read_bundle_record(run.best)["training"]["dev_signatures"]["bleu"]
    )
    assert f"|tok:{tokenizer}|" in (run.best / "README.md").read_text(encoding="utf-8")
    assert last_state(run).bleu_tokenizer == tokenizer
    assert text(run).count("BLEU counts characters") == warnings


def test_chrf_with_words_chooses_where_it_is_asked_for(tiny):
    run = train(tiny("training.metric=chrf++", "training.schedule.kind=plateau"))
    state = last_state(run)
    facts = read_bundle_record(run.best)["training"]
    assert facts["chosen_by"] == "chrf++"
    assert "|nw:2|" in facts["dev_signatures"]["chrf++"]
    assert state.best["chrf++"].value == facts["dev"]["chrf++"] == state.schedule["best"]
    assert "  chrF++ " in text(run)
    assert set(_validations(run, "chrf++")) == {4, 8}
    assert "references have four tokens" not in text(run)  # BLEU chooses nothing


def test_dev_of_short_references_is_warned_of(trained):
    run = trained("data.target_language=en", "training.max_updates=4")
    assert "warning: dev: only 9 of 20 references have four tokens or more" in text(run)
    assert "set `training.metric: chrf`." in text(run)


class Told:
    """A log that keeps its warnings."""

    def __init__(self):
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


def state_with(tokenizer, update=100):
    state = TrainingState(Choices("cpu", "float32", 1), {}, update, bleu_tokenizer=tokenizer)
    state.best = {"bleu": BestValidation("bleu", 0.5, 50), "loss": BestValidation("loss", 3.0, 90)}
    state.stopping = BestValidation("bleu", 0.5, 50, 2)
    state.schedule = {"scale": 0.5, "best": 0.5, "in_vain": 1}
    return state


@pytest.fixture
def mecab(monkeypatch):
    """Says whether the tokenizer of Japanese is installed."""

    def use(installed):
        module = import_module("sacrebleu.tokenizers.tokenizer_ja_mecab")
        plain = import_module("sacrebleu.tokenizers.tokenizer_13a").Tokenizer13a
        monkeypatch.setattr(module, "MeCab", None)
        kind = plain if installed else module.TokenizerJaMecab
        monkeypatch.setattr(module, "TokenizerJaMecab", kind)

    return use


@pytest.mark.parametrize(
    ("language", "before", "installed", "after", "forgets"),
    [
        ("de", "", False, "13a", False),
        ("de", "13a", False, "13a", False),
        ("zh", "", False, "zh", True),  # of an earlier version, which took 13a
        ("zh", "zh", False, "zh", False),
        ("ja", "char", False, "char", False),
        ("ja", "char", True, "char", False),  # the run keeps what it has
        ("ja", "ja-mecab", True, "ja-mecab", False),
        ("ja", "ja-mecab", False, "char", True),
        ("th", "", False, "char", True),
    ],
)
def test_a_run_keeps_its_tokenizer_or_forgets_what_it_cannot_compare(
    tiny, mecab, language, before, installed, after, forgets
):
    mecab(installed)
    state, log = state_with(before), Told()
    config = tiny(f"data.target_language={language}", "training.metric=bleu")
    assert _choose_bleu_tokenizer(config, NO_GROUPS, state, log) == after
    assert state.bleu_tokenizer == after
    assert ("bleu" not in state.best, state.stopping is None) == (forgets, forgets)
    assert (state.schedule["best"] is None) is forgets
    assert state.best["loss"].value == 3.0
    assert any("is discarded" in text for text in log.warnings) is forgets


def test_a_run_that_begins_forgets_nothing(tiny):
    state, log = state_with("", update=0), Told()
    assert _choose_bleu_tokenizer(tiny("data.target_language=zh"), NO_GROUPS, state, log) == "zh"
    assert "bleu" in state.best and log.warnings == []


def test_an_infinite_perplexity_is_shown_and_gone_on_from(tiny, monkeypatch):
    losses = iter([800.0, 900.0, 3.0])
    sums = (np.array([loss, 1.0]) for loss in losses)
    monkeypatch.setattr(Validator, "_cross_entropy", lambda self, model, pairs: next(sums))
    options = ("training.metric=perplexity", "training.validation.every_updates=2")
    run = train(tiny(*options, "training.max_updates=4"))
    facts = json.loads((run.best / "bundle.json").read_text(encoding="utf-8"))["training"]
    assert (facts["dev"]["perplexity"], facts["updates"]) == ("inf", 2)
    assert "perplexity inf" in text(run)
    assert last_state(run).best["perplexity"] == BestValidation("perplexity", math.inf, 2, 1)
    page = report_page(gather_report(open_run(run.path)))
    assert any(
        "loss 900.00" in plain_line(each)
        for each in screen_lines(open_run(run.path), Screen(120, 60))
    )
    assert page.startswith("<!DOCTYPE html>")
    run = train(tiny(*options, "training.max_updates=6"), resume=True)
    assert last_state(run).best["perplexity"].update == 6


def plain_line(spans):
    return "".join(span.text for span in spans)
