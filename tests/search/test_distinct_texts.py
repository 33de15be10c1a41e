"""Lists of translations of a model that writes the same text in many subwords."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from nmt.bundles.bundle import load_bundle, save_bundle
from nmt.cli.app import run
from nmt.search.constraints import Constraints
from nmt.tokenizers.tokenizer import EOS
from nmt.translation.translation import distinct_texts, joined
from nmt.translation.translator import Translator

PIECES = ["▁", "l", "a", "la", "le", "e", "▁t", "t"]
TEXTS = ["le chat", "la"]


@pytest.fixture(scope="module")
def bundle(tiny_bundle, tmp_path_factory):
    """A model that writes only `PIECES`, the first of them a little more often than the last."""
    loaded = load_bundle(tiny_bundle, torch.device("cpu"))
    tokens = loaded.tokenizers.target.ids(PIECES)
    with torch.no_grad():
        for parameter in loaded.model.parameters():
            parameter.zero_()
        loaded.model.output_bias.fill_(-30.0)
        for rank, token in enumerate(tokens):
            loaded.model.output_bias[token] = -0.01 * rank
        loaded.model.output_bias[EOS] = 0.3
    path = tmp_path_factory.mktemp("repeating") / "bundle"
    save_bundle(loaded, path, {})
    return path


@pytest.fixture(scope="module")
def translator(bundle):
    return Translator.load(bundle, device="cpu", threads=1)


def texts_of(translation):
    return [each.text for each in translation.n_best]


SEARCHES = [
    {},
    {"length_penalty": "none"},
    {"max_length": 2},
    {"groups": 4},
    {"mbr": "chrf"},
    {"mbr": "bleu", "groups": 2},
    {"mbr": "chrf", "sampling": True},
]


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_each_text_is_there_once_with_its_best_score(translator, search):
    wide = {**search, "beam_size": 8}
    found = translator.translate(TEXTS, n_best=8, **wide)
    segments = [each for (each,) in translator._codec.segments(TEXTS, 500)]
    settings = translator.settings.model_copy(update={**wide, "n_best": 8})
    hypotheses = translator._search(segments, settings, False, False, None)
    decode = translator.tokenizers.target.decode
    for each, every in zip(found, hypotheses, strict=True):
        scores = {}
        for one in sorted(every, key=lambda one: (not one.finished, -one.score)):
            scores.setdefault(decode(one.tokens).strip(), one.score)
        assert len(scores) < len(every) or search.get("sampling")
        assert len(set(texts_of(each))) == len(each.n_best)
        assert {one.text: one.score for one in each.n_best} == scores


@pytest.mark.parametrize("search", SEARCHES[:-1], ids=str)
def test_a_shorter_list_is_the_beginning_of_a_longer_one(translator, search):
    lists = [
        texts_of(translator.translate(TEXTS, n_best=n, beam_size=8, **search)[0])
        for n in range(1, 9)
    ]
    for n, texts in enumerate(lists, start=1):
        assert texts == lists[-1][:n]


def test_prefixes_and_pieces(translator):
    wish = [Constraints(prefix="la")]
    (begun,) = translator.translate(TEXTS[:1], constraints=wish, n_best=8, beam_size=8)
    assert len(set(texts_of(begun))) == len(begun.n_best) > 1
    (long,) = translator.translate(["le chat la"], n_best=8, beam_size=8, max_source_tokens=3)
    assert long.pieces > 1
    assert len(set(texts_of(long))) == len(long.n_best) > 1


def test_texts_that_pieces_make_together_are_there_once(translator):
    one, two, three = translator.translate(["le", "la", "chat"], beam_size=1)
    first = replace(one, text="a b", alternatives=(replace(two, text="a"),))
    second = replace(three, text="c", alternatives=(replace(two, text="b c"),))
    assert texts_of(joined([first, second], distinct=True)) == ["a b c"]
    assert texts_of(joined([first, second])) == ["a b c", "a b c"]
    assert distinct_texts([]) == []


def test_samples_come_as_often_as_they_are_drawn(translator):
    sampled = {"sampling": True, "n_best": 20, "beam_size": 20, "max_length": 2}
    (drawn,) = translator.translate(TEXTS[1:], **sampled)
    assert len(drawn.n_best) == 20 > len(set(texts_of(drawn)))
    (chosen,) = translator.translate(TEXTS[1:], **sampled, mbr="chrf")
    assert sorted(texts_of(chosen)) == sorted(set(texts_of(drawn)))


def test_evidence_counts_every_sample(translator):
    """The text that was drawn most often agrees most with the others, here where none is alike."""
    sampled = {"sampling": True, "n_best": 20, "beam_size": 20, "max_length": 2}
    (drawn,) = translator.translate(TEXTS[1:], **sampled)
    (chosen,) = translator.translate(TEXTS[1:], **sampled, mbr="chrf")
    texts = texts_of(drawn)
    for each in chosen.n_best:
        assert each.expected_utility >= 100.0 * texts.count(each.text) / len(texts) - 1e-9


def test_alternatives_are_other_words(translator):
    found = translator.alternatives("le", "", count=6)
    texts = [each.translation.text for each in found]
    assert len(set(texts)) == len(texts)
    subwords = translator.alternatives("le", "", count=6, words=False)
    assert len(subwords) == 6


@pytest.mark.parametrize("models", [1, 2])
def test_lists_of_the_command(bundle, tmp_path, capsys, models):
    paths = [bundle]
    if models == 2:
        paths.append(tmp_path / "copy")
        shutil.copytree(bundle, paths[1])
    (tmp_path / "in").write_text("le chat\n\nla\n", encoding="utf-8")
    common = [part for path in paths for part in ("-m", str(path))]
    common = ["translate", *common, "-i", str(tmp_path / "in"), "--n-best", "6", "-b", "6"]
    assert run([*common, "--threads", "1"]) == 0
    rows = [line.split(" ||| ")[:2] for line in capsys.readouterr().out.split("\n")[:-1]]
    assert len(set(map(tuple, rows))) == len(rows) > 3
    assert run([*common, "--threads", "1", "--json"]) == 0
    for line in capsys.readouterr().out.split("\n")[:-1]:
        texts = [each["translation"] for each in json.loads(line)["n_best"]]
        assert len(set(texts)) == len(texts)
