"""Every command counts the same words in a text, however its spaces are written."""

import json
import re

import pytest

from nmt.cli.app import run
from nmt.tokenizers.words import split_words

SOURCES = [
    "il a 10\u00a0000 chats",
    "le\u200bchat noir",
    "( le chat )",
    "le\u3000chat\u2009dort\u0085bien .",
    "  le   chat\t⁇  noir ",
    "吾輩は猫である。",
    "le ||| chat |||",
    "\u00a0 le chat \u202f",
    "½ ﬁn … « oui »",
    "",
    "\u3000",
]
TARGETS = [
    "it has 10\u00a0000 cats",
    "the\u200bblack cat",
    "( the cat )",
    "the\u3000cat\u2009sleeps\u0085well .",
    " the  black ⁇\tcat ",
    "I am a cat.",
    "the ||| cat |||",
    "the \u00a0 cat",
    "½ end … « yes »",
    "",
    "a",
]


@pytest.fixture
def texts(tmp_path):
    for name, lines in (("s", SOURCES), ("t", TARGETS)):
        text = "\n".join(lines) + "\n"
        (tmp_path / name).write_text(text, encoding="utf-8", newline="\n")
    return tmp_path


@pytest.fixture
def lines(capsys):
    def of(*arguments):
        assert run([*map(str, arguments)]) == 0
        return capsys.readouterr().out.removesuffix("\n").split("\n")

    return of


def links(text):
    return [tuple(map(int, link.split("-"))) for link in text.split()]


def assert_within(alignment, source, target):
    for i, j in links(alignment):
        assert i < len(split_words(source))
        assert j < len(split_words(target))


def both(texts):
    return ["--source", texts / "s", "--target", texts / "t"]


@pytest.mark.parametrize("way", [["--aligner", "hmm"], ["--aligner", "ibm1"], ["-m"]], ids=str)
def test_align_counts_the_words_of_the_texts(lines, texts, tiny_bundle, way):
    way = [*way, tiny_bundle] if way == ["-m"] else way
    records = map(json.loads, lines("align", *way, *both(texts), "--json"))
    for record, source, target in zip(records, SOURCES, TARGETS, strict=True):
        assert record["source_words"] == split_words(source)
        assert record["target_words"] == split_words(target)
        assert_within(record["alignment"], source, target)


def test_translate_and_align_count_alike(lines, texts, tiny_bundle):
    model = ["-m", tiny_bundle, "--threads", "1"]
    translated = lines("translate", *model, "-i", texts / "s", "--alignment")
    in_json = lines("translate", *model, "-i", texts / "s", "--alignment", "--json")
    aligned = lines("align", *model, "--source", texts / "s")
    for one, record, other, source in zip(
        translated, map(json.loads, in_json), aligned, SOURCES, strict=True
    ):
        if not source.strip():
            assert (one, other, record["alignment"]) == ("", "", None)
            continue
        assert one == other
        text, _, alignment = one.rpartition(" ||| ")
        assert (record["translation"], record["alignment"]) == (text, alignment)
        assert record["source_words"] == split_words(source)
        assert record["target_words"] == split_words(text)
        assert_within(alignment, source, text)
        assert [j for _, j in links(alignment)] == list(range(len(split_words(text))))


@pytest.mark.parametrize("replaced", [[], ["--replace-unknown"]], ids=str)
def test_lists_read_back(lines, texts, tiny_bundle, replaced):
    """Each entry keeps its text, whatever it has in it, and gets its feature."""
    model = ["-m", tiny_bundle, "--threads", "1"]
    for alignment in ([], ["--alignment"]):
        found = lines(
            "translate", *model, "-i", texts / "s", "--n-best", 3, "-b", 3, *alignment, *replaced
        )
        (texts / "list").write_text("\n".join(found) + "\n", encoding="utf-8", newline="\n")
        rescored = lines("score", texts / "list", *model, "--source", texts / "s", "--n-best")
        assert [re.sub(r" model= \S+", "", line) for line in rescored] == found


def test_gold_links_are_of_these_words(lines, texts, tiny_bundle):
    """The last word of each side is there, and no word after it."""
    gold = [
        f"{len(split_words(s)) - 1}-{len(split_words(t)) - 1}" if s and t else ""
        for s, t in zip(SOURCES, TARGETS, strict=True)
    ]
    (texts / "gold").write_text("\n".join(gold) + "\n", encoding="utf-8")
    for way in (["--aligner", "hmm"], ["-m", tiny_bundle]):
        assert lines("align", *way, *both(texts), "--gold", texts / "gold")[0].startswith("AER")
    (texts / "gold").write_text("\n".join(["3-4", *gold[1:]]) + "\n", encoding="utf-8")
    arguments = ["align", "--aligner", "hmm", *map(str, both(texts)), "--gold"]
    assert run([*arguments, str(texts / "gold")]) == 3


def test_pictures_divide_no_subword_and_join_no_words(lines, texts, tiny_bundle):
    shown = lines("attention", "-m", tiny_bundle, "-i", texts / "s", "--json")
    for record, source in zip(map(json.loads, shown), SOURCES, strict=True):
        words = [word for word in record["source"] if word != "</s>"]
        assert all(word.strip(" \t") == word for word in words)
        if source.strip():
            spelled = "".join(words)
            assert all(letter in "".join(split_words(source)) for letter in spelled)
            assert len(words) >= len([word for word in split_words(source) if word.strip()])
