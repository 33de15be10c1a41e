import json
import unicodedata
from dataclasses import replace

import pytest

from nmt.errors import DataError, UsageError
from nmt.evaluation.scores import score
from nmt.evaluation.significance import SystemScore
from nmt.translation.source_tagging import SourceTagging
from nmt.translation.translator import Translator
from nmt.translation.tuning import Tuning, TuningTrial, _rank, grid, tune

TEXTS = ["le chat noir est sur le tapis .", "", "un chien dort dans la maison .", "le chat"]


@pytest.fixture(scope="module")
def translator(tiny_bundle) -> Translator:
    return Translator.load(tiny_bundle, device="cpu", threads=1)


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_the_winner_scores_highest_by_what_nmt_score_says(translator, metric):
    greedy = [each.text for each in translator.translate(TEXTS, beam_size=1)]
    references = [greedy, TEXTS]
    points = grid(translator.settings, {"beam_size": [1, 2], "alpha": [0, 1]})
    tuning = tune(translator, TEXTS, references, points, metric)
    assert {trial.settings.model_dump_json() for trial in tuning.trials} == {
        point.model_dump_json() for point in points
    }
    for trial in tuning.trials:
        texts = [each.text for each in translator.translate(TEXTS, **trial.settings.model_dump())]
        (whole,) = score(texts, references, [metric])
        assert trial.standing.score == whole.value
        assert tuning.metric == whole.name
    scores = [trial.standing.score for trial in tuning.trials]
    assert scores == sorted(scores, reverse=True)
    assert tuning.winner.settings.beam_size == 1
    if metric == "chrf":  # gibberish has few words, and BLEU wants four in a row
        assert tuning.winner.standing.score == pytest.approx(100.0)
    assert tuning.present.settings == translator.settings
    assert tuning.sentences == len(TEXTS)
    assert json.loads(json.dumps(tuning.record()))["trials"][0]["beam_size"] == 1


def trial(translator, score, beam_size, *, present=False, p=None):
    settings = translator.settings.model_copy(update={"beam_size": beam_size})
    return TuningTrial(settings, SystemScore(score, (0.0, 0.0), p, 1.0), 1.0, present)


def test_of_equal_scores_the_smaller_beam_wins_then_the_present_one(translator):
    best = trial(translator, 30.0, 4, present=True)
    trials = [
        trial(translator, 29.0, 1),
        trial(translator, 30.0, 8),
        trial(translator, 30.0, 4),
        best,
    ]
    assert [each.settings.beam_size for each in sorted(trials, key=_rank)] == [4, 4, 8, 1]
    assert sorted(trials, key=_rank)[0] is best


@pytest.mark.parametrize(("p", "noise"), [(None, False), (0.049, False), (0.05, True), (1.0, True)])
def test_noise(translator, p, noise):
    assert Tuning("BLEU", "", 1, [trial(translator, 1.0, 1, p=p)]).within_noise is noise


def test_unequal_counts_are_refused(translator):
    with pytest.raises(DataError, match="line counts differ"):
        tune(translator, TEXTS, [TEXTS[1:]], [translator.settings], "bleu")


def test_a_coverage_penalty_needs_attention(tiny_bundle, translator):
    from nmt.bundles.bundle import load_bundle
    from nmt.config.settings import ModelSettings
    from nmt.model.seq2seq import Seq2Seq

    bundle = load_bundle(tiny_bundle, translator._runtime.device)
    plain = ModelSettings.model_validate(
        {
            "embedding_size": 12,
            "encoder": {"hidden_size": 8},
            "decoder": {"hidden_size": 16, "start": "copy"},
            "attention": {"kind": "none"},
        }
    )
    size = bundle.tokenizers.source.size
    blind = translator.with_model(Seq2Seq(plain, size, size).eval())
    points = grid(translator.settings, {"coverage_penalty": [0, 0.2]})
    with pytest.raises(UsageError, match="this model has no attention"):
        tune(blind, TEXTS, [TEXTS], points, "bleu")


@pytest.mark.parametrize(("score", "higher"), [(0.0, False), (1.0, True)])
def test_a_tie_is_no_higher_score(translator, score, higher):
    present = trial(translator, 0.0, 4, present=True)
    tuning = Tuning("BLEU", "", 1, [trial(translator, score, 1, p=0.001), present])
    assert tuning.has_higher_score is higher


def test_a_score_that_is_noise_is_within_noise(translator):
    winner = trial(translator, 0.1, 1, p=0.001)
    noise = replace(winner, standing=replace(winner.standing, noise="0 matching 4-grams"))
    assert Tuning("BLEU", "", 1, [noise, trial(translator, 0.0, 4, present=True)]).within_noise


def test_bleu_is_by_the_tokenizer_of_the_target_language(tiny_bundle, monkeypatch):
    monkeypatch.setattr(SourceTagging, "language", lambda self, selection: "zh-TW")
    translator = Translator.load(tiny_bundle, device="cpu", threads=1)
    tuning = tune(translator, TEXTS, [TEXTS], [translator.settings], "bleu")
    assert "|tok:zh|" in tuning.signature
    assert "|nw:2|" in tune(translator, TEXTS, [TEXTS], [translator.settings], "chrf++").signature


def test_lengths_are_in_words_of_the_target_language_by_any_metric(tiny_bundle, monkeypatch):
    monkeypatch.setattr(SourceTagging, "language", lambda self, selection: "zh")
    translator = Translator.load(tiny_bundle, device="cpu", threads=1)
    chinese = ["黑猫在垫子上。", "", "狗睡在房子里。", "猫"]
    bleu, other = (
        tune(translator, TEXTS, [chinese], [translator.settings], metric).present.standing
        for metric in ("bleu", "chrf++")
    )
    assert other.length_ratio == bleu.length_ratio


def test_the_spelling_of_accents_changes_no_score(translator):
    texts = [f"{each.text} ế" for each in translator.translate(TEXTS, beam_size=1)]
    one, other = (
        tune(
            translator,
            TEXTS,
            [[unicodedata.normalize(form, text) for text in texts]],
            [translator.settings],
            "chrf",
        ).present.standing.score
        for form in ("NFC", "NFD")
    )
    assert one == other
