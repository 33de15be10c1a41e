import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.data.binary_dataset import Corpus, CorpusWriter
from nmt.errors import DataError

_ids = st.lists(st.integers(0, 70_000), max_size=8)
_pairs = st.lists(st.tuples(st.integers(1, 10**9), _ids, _ids), max_size=20)


def write(prefix, pairs, vocabulary_size=70_001):
    with CorpusWriter(prefix, vocabulary_size) as writer:
        for line, source, target in pairs:
            writer.add(line, source, target)
    return prefix


@given(pairs=_pairs)
def test_pairs_come_back(tmp_path_factory, pairs):
    corpus = Corpus.open(write(tmp_path_factory.mktemp("corpus") / "train", pairs))
    corpus.verify()
    found = [
        (int(line), corpus.source(i).tolist(), corpus.target(i).tolist())
        for i, line in enumerate(corpus.line_numbers)
    ]
    assert found == pairs
    assert len(corpus) == len(pairs)
    assert corpus.source_lengths.tolist() == [len(source) for _, source, _ in pairs]
    assert corpus.target_lengths.tolist() == [len(target) for _, _, target in pairs]


@given(pairs=_pairs, cut=st.integers(0, 20))
def test_blocks_give_the_same_bytes_as_pairs(tmp_path_factory, pairs, cut):
    folder = tmp_path_factory.mktemp("corpus")
    write(folder / "single", pairs)
    with CorpusWriter(folder / "blocks", 70_001) as writer:
        for block in (pairs[:cut], pairs[cut:]):
            writer.add_block(
                np.array([line for line, _, _ in block], np.int64),
                np.array([i for _, *sides in block for side in sides for i in side], np.uint32),
                np.array([[len(s), len(t)] for _, s, t in block], np.int64).reshape(-1, 2),
            )
    for ending in ("bin", "idx"):
        single, blocks = (folder / f"{name}.{ending}" for name in ("single", "blocks"))
        assert single.read_bytes() == blocks.read_bytes()


PAIRS = [(1, [5, 6, 7], [8]), (3, [], [9, 10]), (4, [11], [12, 13])]


def test_small_vocabularies_take_two_bytes_a_token(tmp_path):
    small = write(tmp_path / "small", [(1, [65_535], [1])], 65_536)
    large = write(tmp_path / "large", [(1, [65_535], [1])], 65_537)
    assert Corpus.open(small).source(0).dtype == np.uint16
    assert Corpus.open(large).source(0).dtype == np.uint32
    with (
        pytest.raises(ValueError, match="do not fit"),
        CorpusWriter(tmp_path / "wrong", 100) as writer,
    ):
        writer.add(1, [65_536], [])


def test_a_corpus_is_whole_or_absent(tmp_path):
    with pytest.raises(RuntimeError), CorpusWriter(tmp_path / "train", 100) as writer:
        writer.add(*PAIRS[0])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_every_flipped_byte_is_found(tmp_path):
    prefix = write(tmp_path / "train", PAIRS)
    for path in (tmp_path / "train.bin", tmp_path / "train.idx"):
        content = path.read_bytes()
        for place in range(len(content)):
            path.write_bytes(
                content[:place] + bytes([content[place] ^ 0x40]) + content[place + 1 :]
            )
            with pytest.raises(DataError, match="re-run `nmt binarize`"):
                Corpus.open(prefix).verify()
        path.write_bytes(content)
    Corpus.open(prefix).verify()


@pytest.mark.parametrize("ending", ["bin", "idx"])
def test_truncated_and_missing_files_are_found_at_once(tmp_path, ending):
    prefix = write(tmp_path / "train", PAIRS)
    path = tmp_path / f"train.{ending}"
    content = path.read_bytes()
    for damaged in (content[:-1], content + b"x", b""):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"train\.{ending}: damaged.*re-run `nmt binarize`"):
            Corpus.open(prefix)
    path.unlink()
    with pytest.raises(DataError, match=rf"train\.{ending}.*re-run `nmt binarize`"):
        Corpus.open(prefix)


def test_fingerprints_tell_contents_apart(tmp_path):
    first = Corpus.open(write(tmp_path / "a", PAIRS)).fingerprint
    assert Corpus.open(write(tmp_path / "b", PAIRS)).fingerprint == first
    moved = [(1, [5, 6], [7, 8]), *PAIRS[1:]]
    assert Corpus.open(write(tmp_path / "c", moved)).fingerprint != first
    assert Corpus.open(write(tmp_path / "d", PAIRS[:2])).fingerprint != first


def test_a_corpus_can_be_sent_to_a_process(tmp_path):
    corpus = Corpus.open(write(tmp_path / "train", PAIRS))
    copy = pickle.loads(pickle.dumps(corpus))
    assert copy.target(2).tolist() == [12, 13]
    assert not copy.target(2).flags.writeable


def test_pairs_outside_are_refused(tmp_path):
    corpus = Corpus.open(write(tmp_path / "train", PAIRS))
    for outside in (-1, 3):
        with pytest.raises(IndexError):
            corpus.source(outside)
