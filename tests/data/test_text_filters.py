import numpy as np
import pytest

from nmt.config.registry import FILTERS
from nmt.config.settings import CorpusSettings, DataSettings
from nmt.data.hashing import pair_key, text_hashes
from nmt.data.pair_files import sample_corpus_pairs
from nmt.data.pair_filters import CandidatePairs, PairFilters


@pytest.fixture
def corpus(tmp_path):
    """Write a corpus, and return its settings."""

    def write(pairs):
        for side, name in enumerate(("source", "target")):
            text = "".join(f"{pair[side]}\n" for pair in pairs)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return {"source": str(tmp_path / "source"), "target": str(tmp_path / "target")}

    return write


def candidates(pairs):
    sources, targets = ([pair[side] for pair in pairs] for side in (0, 1))
    hashes = text_hashes(pair_key(*pair) for pair in pairs)
    lengths = np.array([[len(text.split()) for text in pair] for pair in pairs], np.int64)
    lines = list(range(1, len(pairs) + 1))
    return CandidatePairs(lines, sources, targets, lengths, hashes, np.zeros(len(pairs), np.bool_))


def drops(reason, values, pairs, train=None):
    """Return for each pair whether the filter of a reason drops it."""
    train = train or {"source": "a", "target": "b"}
    settings = DataSettings.model_validate({"train": train, "validation_split": 0.1, **values})
    assert reason in PairFilters(settings, {}).reasons
    return FILTERS.resolve(reason)(settings, {}).drops(candidates(pairs)).tolist()


IDENTICAL = [
    ("Ein Hund.", "Ein Hund.", True),
    ("Ein Hund!", "ein hund", True),
    ("Seite 12", "Seite 13", True),
    ("Ein Hund.", "A dog.", False),
    ("1999", "1999", False),  # numbers are copied rightly
    ("कि", "का", False),  # vowel signs are part of the word
    ("１２ Ｋｍ", "12 km", True),
]

MARKS = [
    ("It &apos;s", "C'est", True),
    ("Hund", "d@@ og", True),
    ("a @-@ b", "c", True),
    ("a@b.de & Co.", "c", False),
]

NUMBERS = [
    ("In 1984", "En 1984", False),
    ("In 1984", "En 1948", True),
    ("In 1984", "En dix-neuf cent", False),  # written as words
    ("10,000 of 25", "10\u202f000 sur 25", False),
    ("10.000", "10000", False),
    ("1,234,567", "1 234 567", False),
    ("4 dogs in 12 rooms", "quatre chiens dans 12 pièces", False),
    ("12 and 13", "12", True),
    ("١٢ و 3", "12, 3", False),
]

ADDRESSES = [
    ("See https://a.org/x.", "Voir https://a.org/x", False),
    ("See https://a.org/x.", "Voir https://a.org/y", True),
    ("See www.a.org", "Voir", True),
    ("Write to Me@a.org!", "Écrire à me@a.org", False),
    ("Write to me@a.org!", "Écrire", True),
    ("a @ b", "c", False),
]

ENDS = [
    ("A dog runs.", "Ein Hund rennt.", False),
    ("A dog runs.", "Ein Hund", True),
    ("“A dog runs!”", "« Un chien court\u202f! »", False),
    ("A dog", "Ein Hund", False),
    ("Is it a dog?", "犬ですか。", False),
    ("A dog (white.)", "Ein Hund", True),
]


@pytest.mark.parametrize(
    ("reason", "key", "cases"),
    [
        ("other end", "drop_different_ends", ENDS),
        ("identical sides", "drop_identical", IDENTICAL),
        ("marks of a tool", "drop_tool_marks", MARKS),
        ("other numbers", "drop_different_numbers", NUMBERS),
        ("other addresses", "drop_different_addresses", ADDRESSES),
    ],
)
def test_a_filter_drops_pairs_with_its_fault_only(reason, key, cases):
    pairs = [case[:2] for case in cases]
    assert drops(reason, {key: True}, pairs) == [case[2] for case in cases]


def test_only_the_first_pair_with_the_same_letters_is_kept():
    pairs = [
        ("Room 12", "Chambre 12"),
        ("room 13!", "Chambre 13"),
        ("Room 12", "Une chambre"),
        ("1", "2"),
        ("1", "3"),
        ("1", "2 "),
    ]
    kept = drops("near duplicate", {"drop_near_duplicates": True}, pairs)
    assert kept == [False, True, False, False, False, True]


def test_a_side_in_another_script_than_its_corpus_is_dropped(corpus):
    train = [("犬がいる", "There is a dog.")] * 20 + [("собака", "犬")] * 2
    pairs = [
        ("犬です", "A dog."),
        ("ドッグ DVD", "A dog's DVD."),
        ("A dog.", "A dog."),
        ("犬です", "Собака."),
        ("12", "12"),
    ]
    values = {"min_script_share": 0.5}
    found = drops("other script", values, pairs, corpus(train))
    assert found == [False, False, True, True, False]


def test_a_sample_of_a_corpus_is_evenly_spread(corpus):
    texts = [(f"a{number}", f"b{number}") for number in range(1000)]
    blank = [("", "b"), (" ", "")]
    settings = [CorpusSettings.model_validate(corpus([*blank, *texts]))]
    assert sample_corpus_pairs(settings, "error", 1000) == texts
    few = sample_corpus_pairs(settings, "error", 100)
    assert 50 <= len(few) <= 100
    lines = np.array([int(source[1:]) for source, _ in few])
    assert (np.diff(lines) == lines[1] - lines[0]).all()
    assert lines[0] < 20 and lines[-1] >= 980
