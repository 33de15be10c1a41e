"""Minimum Bayes risk against sacreBLEU's sentence scores in a plain double loop."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from nmt.config.registry import UTILITIES
from nmt.config.settings import SearchSettings
from nmt.search.minimum_risk import MinimumRisk, expected_utilities
from nmt.translation.source_tagging import SourceTagging
from nmt.translation.translator import Translator

WITNESSES = {"chrf": CHRF(), "bleu": BLEU(effective_order=True)}

texts = st.text("ab .,", min_size=1, max_size=25).filter(str.strip)
words = st.lists(st.sampled_from(["ein", "zwei", ",", ".", "vier-fünf", "U.S.", "3.5"]), min_size=1)


def plain_expected(name: str, candidates: list[str], weights: list[float]) -> list[float]:
    scorer = WITNESSES[name]
    return [
        sum(
            weight * scorer.sentence_score(candidate, [reference]).score
            for reference, weight in zip(candidates, weights, strict=True)
        )
        for candidate in candidates
    ]


@given(
    name=st.sampled_from(["chrf", "bleu"]),
    candidates=st.lists(texts | words.map(" ".join), min_size=1, max_size=6),
    data=st.data(),
)
def test_expected_utilities(name, candidates, data):
    weights = [data.draw(st.integers(1, 9)) for _ in candidates]
    shares = [weight / sum(weights) for weight in weights]
    found = expected_utilities(candidates, shares, UTILITIES.resolve(name)())
    assert found == pytest.approx(plain_expected(name, candidates, shares), abs=1e-9)


@pytest.mark.parametrize("name", ["chrf", "bleu"])
def test_texts_without_anything_to_compare(name):
    utility = UTILITIES.resolve(name)()
    assert expected_utilities(["", ""], [0.5, 0.5], utility) == [100.0, 100.0]
    assert expected_utilities(["", "a"], [0.5, 0.5], utility) == [50.0, 50.0]


@dataclass(frozen=True)
class Found:
    """A candidate."""

    text: str
    log_probability: float = -1.0
    score: float = 0.0
    finished: bool = True


def risk(**settings: object) -> MinimumRisk:
    settings = SearchSettings.model_validate({"mbr": "chrf", **settings})
    return MinimumRisk.from_settings(settings, lambda: "13a")


def test_candidates_of_a_beam_count_by_their_probability():
    candidates = [Found("ein Hund", -1.0), Found("ein Hut", -0.5), Found("zwei Hunde", -3.0)]
    total = sum(math.exp(each.log_probability) for each in candidates)
    weights = [math.exp(each.log_probability) / total for each in candidates]
    expected = plain_expected("chrf", [each.text for each in candidates], weights)
    ranked = risk().rank(candidates)
    assert [i for i, _ in ranked] == sorted(range(3), key=lambda i: -expected[i])
    assert [value for _, value in ranked] == pytest.approx(sorted(expected, reverse=True))


def test_samples_count_alike_however_improbable():
    samples = [Found("ein Hund", -50.0), Found("ein Hund", -1.0), Found("zwei Katzen", -0.1)]
    expected = plain_expected("chrf", [each.text for each in samples], [1 / 3] * 3)
    ranked = risk(sampling=True).rank(samples)
    assert dict(ranked) == pytest.approx(dict(enumerate(expected)))
    assert [i for i, _ in ranked] == [0, 1, 2]
    assert ranked[0][1] > 66.0


def test_the_model_decides_between_equals():
    same = [Found("a", score=-2.0), Found("a", score=-1.0), Found("a", score=-1.0)]
    assert risk().rank(same) == [(1, 100.0), (2, 100.0), (0, 100.0)]


def test_what_was_cut_off_comes_last_and_is_no_reference():
    candidates = [
        Found("ein ein ein", 0.0, finished=False),
        Found("ein", math.log(0.9)),
        Found("zwei", math.log(0.1)),
    ]
    ranked = risk().rank(candidates)
    assert [i for i, _ in ranked] == [1, 2, 0]
    assert ranked[0][1] == pytest.approx(plain_expected("chrf", ["ein", "zwei"], [0.9, 0.1])[0])
    (first, _), *_ = risk().rank([Found("a", -9.0, finished=False), Found("b", finished=False)])
    assert first == 1


def test_without_it_nothing_chooses():
    assert MinimumRisk.from_settings(SearchSettings(), lambda: "13a") is None


@pytest.mark.parametrize("tokenizer", ["zh", "char"])
def test_bleu_counts_the_words_of_the_language(tokenizer):
    """To the tokenizer 13a each of these sentences would be one word, and none like another."""
    texts = ["猫在垫子上睡觉。", "猫在垫子上睡着了。", "狗在房子里跑来跑去。"]
    chooser = MinimumRisk.from_settings(SearchSettings(mbr="bleu"), lambda: tokenizer)
    found = [value for _, value in chooser.rank([Found(text) for text in texts])]
    witness = BLEU(effective_order=True, tokenize=tokenizer)
    expected = [
        sum(witness.sentence_score(one, [other]).score for other in texts) / 3 for one in texts
    ]
    assert found == pytest.approx(sorted(expected, reverse=True))
    assert found[0] > 100 / 3 + 10


@pytest.mark.parametrize(("language", "tokenizer"), [("zh", "zh"), ("th", "char"), ("de", None)])
def test_a_translator_takes_the_tokenizer_of_its_target_language(
    tiny_bundle, monkeypatch, capsys, language, tokenizer
):
    translator = Translator.load(tiny_bundle, device="cpu", threads=1)
    monkeypatch.setattr(SourceTagging, "language", lambda self, selection: language)
    for _ in range(2):
        translator.translate(["un chien"], beam_size=2, mbr="bleu")
        translator.with_model(translator.model).translate(["un chat"], beam_size=2, mbr="bleu")
    assert translator.bleu_tokenizer == tokenizer
    assert capsys.readouterr().err.count("BLEU counts characters") == (tokenizer == "char")


@pytest.fixture(scope="module")
def translator(tiny_bundle) -> Translator:
    return Translator.load(tiny_bundle, device="cpu", threads=1)


@pytest.mark.parametrize("name", ["chrf", "bleu"])
def test_translations_are_chosen_among_all_of_the_beam(translator, name):
    text = "un chien dort dans la maison ."
    every = translator.translate([text], beam_size=5, n_best=5)[0].n_best
    chosen = translator.translate([text, ""], beam_size=5, n_best=2, mbr=name)
    order = MinimumRisk(UTILITIES.resolve(name)(), sampled=False).rank(every)
    assert [each.text for each in chosen[0].n_best] == [every[i].text for i, _ in order[:2]]
    assert [each.score for each in chosen[0].n_best] == pytest.approx(
        [every[i].score for i, _ in order[:2]]
    )
    assert chosen[0].expected_utility == pytest.approx(order[0][1])
    assert chosen[1].text == ""
    assert all(each.expected_utility is None for each in every)


def test_parts_of_a_long_text_are_chosen_each_by_itself(translator):
    sentences = ["le chat noir est sur le tapis .", "un chien dort dans la maison ."]
    parts = translator.translate(sentences, mbr="chrf")
    limit = max(len(part.source_tokens) for part in parts) - 1
    (whole,) = translator.translate([" ".join(sentences)], mbr="chrf", max_source_tokens=limit)
    assert whole.text == " ".join(part.text for part in parts)
    assert whole.expected_utility == pytest.approx(sum(part.expected_utility for part in parts) / 2)
