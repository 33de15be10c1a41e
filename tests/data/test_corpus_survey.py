import gzip

import pytest

from nmt.config.settings import CorpusSettings
from nmt.data import corpus_survey as module
from nmt.data.corpus_survey import summarize_corpus
from nmt.errors import DataError


@pytest.fixture
def corpus(tmp_path):
    def corpus(source, target, name="train"):
        for side, lines in (("source", source), ("target", target)):
            content = "".join(f"{line}\n" for line in lines)
            (tmp_path / f"{name}.{side}").write_text(content, encoding="utf-8")
        paths = [(tmp_path / f"{name}.{side}",) for side in ("source", "target")]
        return [CorpusSettings(source=paths[0], target=paths[1])]

    return corpus


def test_what_there_is_is_counted(corpus):
    source = ["a b c", "a b", "", "x", "a b", "a"]
    target = ["д е", "д", "д", " ", "д", "a"]
    facts = summarize_corpus(corpus(source, target), corpus(["a", "b"], ["c", "d"], "dev"))
    assert (facts.pairs, facts.blank, facts.dev_pairs) == (6, 2, 2)
    assert (facts.source.words, facts.target.words) == (8, 5)
    assert facts.repeated == pytest.approx(1 / 4)
    assert facts.identical == pytest.approx(1 / 4)
    assert facts.long_words == 3
    assert facts.source.scripts == {"Latin": 1.0}
    assert facts.target.scripts == {"Cyrillic": 4 / 5, "Latin": 1 / 5}
    assert facts.source.characters == 4
    assert facts.shared_script is None


def test_the_pairs_that_filters_would_drop_are_counted(corpus):
    clean = [(f"This is dog {word}.", f"Das ist Hund {word}.") for word in "abcdefghijklmnop"]
    faulty = [
        ("The same.", "the same!"),
        ("It &apos;s.", "Es ist."),
        ("In 1984.", "Im Jahr 1948."),
        ("Truncated.", "Abgeschnitten"),
        ("See www.a.org.", "Siehe dort."),
        ("A cat.", "Кошка."),
        (clean[0][0].upper(), clean[0][1]),
    ]
    facts = summarize_corpus(corpus(*zip(*clean, *faulty, strict=True)), None)
    assert facts.faults == {
        key: pytest.approx(1 / 23)
        for key in (
            "drop_identical",
            "drop_tool_marks",
            "drop_different_ends",
            "drop_different_numbers",
            "drop_different_addresses",
            "min_script_share",
            "drop_near_duplicates",
        )
    }


def test_words_seen_five_times_are_frequent(corpus):
    facts = summarize_corpus(corpus(["a b c"] * 4 + ["a b d"], ["x y"] * 5), None)
    assert (facts.source.frequent_words, facts.target.frequent_words) == (2, 2)
    assert facts.dev_pairs is None


def test_text_without_spaces_is_counted_by_characters(corpus):
    facts = summarize_corpus(corpus(["猫は家にいますよ。まだ", "見る"], ["the cat", "see"]), None)
    assert facts.source.words == 6 + 1 + 1  # 10 characters / 1.7; the full stop; 2 / 1.7
    assert (facts.source.unspaced, facts.target.unspaced) == (True, False)


def test_the_length_of_words(corpus):
    facts = summarize_corpus(
        corpus(["one three", "fourteen"], ["abcdefghij klmnopqrst", "uvwxyzabcd"]), None
    )
    assert facts.source.word_length == pytest.approx(16 / 3)
    assert facts.target.word_length == pytest.approx(10)


def test_what_is_wrong_with_the_texts_is_found(corpus):
    train = corpus(["The cat sleeps ."] * 50, ["l &apos; homme"] * 50)
    dev = corpus(["The cat sleeps."] * 50, ["l'homme"] * 50, "dev")
    facts = summarize_corpus(train, dev)
    assert "escaped characters" in facts.findings[0]
    assert "differ in tokenization" in facts.findings[1]
    assert "train.source:1: 'The cat sleeps .' against" in facts.findings[1]
    assert summarize_corpus(dev, None).findings == ()


def test_99_pairs_of_100_are_as_long(corpus):
    assert summarize_corpus(corpus(["a"] * 99 + ["a " * 50], ["b"] * 100), None).long_words == 1
    assert (
        summarize_corpus(corpus(["a"] * 98 + ["a " * 5000] * 2, ["b"] * 100), None).long_words
        == 2000
    )


def test_repetitions_are_estimated_in_bounded_memory(corpus, monkeypatch):
    monkeypatch.setattr(module, "_MAX_HASHES", 500)
    lines = [str(number % 6000) for number in range(9000)]
    assert summarize_corpus(corpus(lines, lines), None).repeated == pytest.approx(1 / 3, abs=0.04)


def test_a_part_stands_for_the_whole(corpus, monkeypatch):
    monkeypatch.setattr(module, "_SAMPLED_PAIRS", 100)
    lines = ["a"] * 500 + ["я"] * 500
    facts = summarize_corpus(corpus(lines, lines), None)
    assert facts.source.scripts == {"Latin": 0.5, "Cyrillic": 0.5}
    assert facts.source.words == 1000


def test_packed_files_and_several_of_them(tmp_path):
    for side in ("source", "target"):
        (tmp_path / f"1.{side}.gz").write_bytes(gzip.compress(b"a b\n"))
        (tmp_path / f"2.{side}").write_bytes(b"c\n")
    source, target = (
        (tmp_path / f"1.{side}.gz", tmp_path / f"2.{side}") for side in ("source", "target")
    )
    facts = summarize_corpus([CorpusSettings(source=source, target=target)], None)
    assert (facts.pairs, facts.source.words) == (2, 3)


def test_unfit_texts_are_refused(corpus, tmp_path):
    with pytest.raises(DataError, match=r"has 2 lines, .* 1; "):
        summarize_corpus(corpus(["a", "b"], ["c"]), None)
    with pytest.raises(DataError, match="no pair with text on both sides"):
        summarize_corpus(corpus(["", "a"], ["b", ""]), None)
    train = corpus(["a"], ["b"])
    with pytest.raises(DataError, match=r"has 1 lines, .* 2; "):
        summarize_corpus(train, corpus(["a"], ["b", "c"], "dev"))
    (tmp_path / "train.target").write_bytes(b"\xe9\n")
    with pytest.raises(DataError, match="line 1: not valid UTF-8"):
        summarize_corpus(train, None)
    with pytest.raises(DataError, match="no pair with text on both sides"):
        summarize_corpus(train, None, "skip_pair")
    assert summarize_corpus(train, None, "replace").pairs == 1
