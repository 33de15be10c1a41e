import numpy as np
import pytest

from nmt.config.registry import FILTERS
from nmt.config.settings import DataSettings
from nmt.data.encode import Chunk, EncodedChunk
from nmt.data.hashing import pair_key, text_hashes
from nmt.data.pair_filters import CandidatePairs, HeldOut, PairFilters, filter_settings

CORPUS = {"source": "train.de", "target": "train.en"}


def data(**values):
    return DataSettings.model_validate(
        {"train": CORPUS, "dev": CORPUS, "exclude_overlap": False, **values}
    )


def chunk_of(*pairs):
    sources, targets = ([pair[side] for pair in pairs] for side in (0, 1))
    lengths = np.array([[len(text.split()) for text in pair] for pair in pairs], np.int64)
    count = len(pairs)
    return Chunk(list(range(1, count + 1)), sources, targets), EncodedChunk(
        tokens=np.zeros(lengths.sum(), np.uint32),
        lengths=lengths,
        unknown=np.zeros((count, 2), np.int64),
        pair_hashes=text_hashes(pair_key(*pair) for pair in pairs),
        source_hashes=text_hashes(sources),
        identical=np.zeros(count, np.bool_),
        has_controls=np.zeros(count, np.bool_),
    )


def dropped(settings, *pairs, held_out=None, duplicate=()):
    """The numbers of the pairs that are dropped for each reason."""
    repeated = np.array([number in duplicate for number in range(len(pairs))])
    found = PairFilters(settings, held_out or {}).apply(*chunk_of(*pairs), repeated)
    return {
        reason: np.flatnonzero(marked).tolist() for reason, marked in found.items() if any(marked)
    }


def test_filters_are_turned_on_by_keys_of_data():
    for kind in FILTERS.kinds.values():
        assert {*kind.settings} <= DataSettings.model_fields.keys()


@pytest.mark.parametrize(
    ("values", "more"),
    [
        ({}, []),
        ({"max_length_ratio": 2.0}, ["length ratio"]),
        ({"exclude_overlap": True}, ["also in dev"]),
        ({"exclude_overlap": True, "test": CORPUS}, ["also in dev", "also in test"]),
        ({"drop_duplicates": True, "on_bad_utf8": "skip_pair"}, ["duplicate", "not UTF-8"]),
    ],
)
def test_a_reason_is_in_the_table_where_its_filter_is_on(values, more):
    always = ["both sides empty", "source empty", "target empty", "too long"]
    assert PairFilters(data(**values), {}).reasons == [*always, *more]


def test_a_pair_is_dropped_for_the_first_reason_that_it_gives():
    settings = data(max_length=3, max_length_ratio=2.0, max_pairs=6, drop_duplicates=True)
    pairs = [("", ""), ("", "a"), ("a", ""), ("a", "a b c d"), ("a b c", "a"), ("a", "a"), ("", "")]
    assert dropped(settings, *pairs, duplicate={0, 5}) == {
        "beyond max_pairs": [6],
        "both sides empty": [0],
        "source empty": [1],
        "target empty": [2],
        "too long": [3],
        "length ratio": [4],
        "duplicate": [5],
    }


def test_pairs_of_dev_are_dropped():
    held_out = {"dev": HeldOut()}
    held_out["dev"].add(chunk_of(("a", "b"))[1])
    settings = data(exclude_overlap=True)
    assert dropped(settings, ("a", "c"), ("a", "b"), held_out=held_out) == {"also in dev": [1]}


def test_a_filter_gets_only_the_pairs_that_are_left(monkeypatch):
    seen: list[CandidatePairs] = []

    def drops(self, pairs):
        seen.append(pairs)
        return np.zeros(len(pairs.lines), np.bool_)

    monkeypatch.setattr("nmt.data.pair_filters.Duplicate.drops", drops)
    pairs = [("", "a"), ("b", "c"), ("a", ""), ("d", "e f")]
    dropped(data(drop_duplicates=True), *pairs)
    (left,) = seen
    assert (left.lines, left.sides) == ([2, 4], (["b", "d"], ["c", "e f"]))
    assert left.lengths.tolist() == [[1, 1], [1, 2]]


def test_the_settings_of_the_filters_are_those_that_are_set():
    assert filter_settings(data(target_prefixes=["i am"])) == {
        "target_prefixes": ["i am"],
        "max_length": 100,
    }
