from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.alignment.lexicon import learn_lexicon
from nmt.alignment.shortlist import Shortlist, make_shortlist, measure_coverage
from nmt.data.binary_dataset import Corpus, CorpusWriter
from nmt.errors import ModelError
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK, TokenizerPair

SENTENCES = [
    ("the cat sees a tree", "le chat voit un arbre"),
    ("a red dog eats", "un chien rouge mange"),
    ("the small house", "la petite maison"),
    ("", ""),
]


def write(folder, tokenizers, count=40) -> Corpus:
    with CorpusWriter(folder / "train", max(tokenizers.source.size, tokenizers.target.size)) as out:
        for line in range(count):
            source, target = SENTENCES[line % len(SENTENCES)]
            out.add(line + 1, tokenizers.source.encode(source), tokenizers.target.encode(target))
    return Corpus.open(folder / "train")


def test_its_tables_say_what_the_corpus_says(tokenizers, tmp_path):
    corpus = write(tmp_path, tokenizers)
    shortlist = make_shortlist(corpus, tokenizers, 4, 1000)
    sizes = tokenizers.source.size, tokenizers.target.size
    lexicon = learn_lexicon(corpus, np.arange(len(corpus)), *sizes)
    assert shortlist.translations[1:].tolist() == lexicon.best(4)[1:].tolist()
    assert not shortlist.translations[PAD].any()
    counts = np.zeros(sizes[1], np.int64)
    for pair in range(len(corpus)):
        for token in corpus.target(pair):
            counts[token] += 1
    by_count = sorted(range(sizes[1]), key=lambda token: (-counts[token], token))
    assert shortlist.frequent.tolist() == by_count
    pieces = tokenizers.target.pieces(range(sizes[1]))
    spelt = [i for i, piece in enumerate(pieces) if piece.startswith("<0x")]
    assert len(spelt) == 256
    assert shortlist.always.tolist() == [PAD, UNK, BOS, EOS, *spelt]


def test_a_shared_vocabulary_is_copied_from(tokenizers, tmp_path):
    joint = TokenizerPair(tokenizers.source, tokenizers.source, joint=True)
    shortlist = make_shortlist(write(tmp_path, joint), joint, 2, 1000)
    assert shortlist.translations.shape == (joint.source.size, 3)
    tokens = torch.arange(joint.source.size)
    assert shortlist.allowed(tokens.unsqueeze(1), 1)[tokens, tokens].all()


def test_a_large_corpus_is_sampled_evenly(tokenizers, tmp_path):
    corpus = write(tmp_path, tokenizers, count=40)
    sample = make_shortlist(corpus, tokenizers, 50, 10)
    every_fourth = learn_lexicon(
        corpus, np.arange(0, 40, 4), tokenizers.source.size, tokenizers.target.size
    )
    assert sample.translations[1:].tolist() == every_fourth.best(50)[1:].tolist()


def small() -> Shortlist:
    translations = torch.tensor([[0, 0], [0, 0], [0, 0], [0, 0], [5, 7], [6, 0], [9, 8]])
    frequent = torch.tensor([4, 8, 10, 5, 6, 7, 9, 0, 1, 2, 3, 11])
    always = torch.tensor([0, 1, 2, 3, 11])
    return Shortlist(translations.int(), frequent.int(), always.int())


@given(
    sources=st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=5), min_size=1, max_size=5),
    frequent=st.integers(0, 15),
)
@settings(deadline=None)
def test_a_list_is_the_union_of_what_its_tokens_ask_for(sources, frequent):
    shortlist = small()
    longest = max(map(len, sources))
    padded = torch.tensor([source + [PAD] * (longest - len(source)) for source in sources])
    allowed = shortlist.allowed(padded, frequent)
    for source, row in zip(sources, allowed, strict=True):
        expected = set(shortlist.always.tolist()) | set(shortlist.frequent.tolist()[:frequent])
        for token in source:
            expected |= set(shortlist.translations[token].tolist())
        assert row.nonzero().squeeze(1).tolist() == sorted(expected)


def test_coverage_counts_tokens_and_lists(tmp_path):
    with CorpusWriter(tmp_path / "dev", 12) as out:
        out.add(1, [4], [5, 7, 9])
        out.add(2, [6, 5], [8, 6])
        out.add(3, [], [])
    found = measure_coverage(small(), Corpus.open(tmp_path / "dev"), 1)
    assert found.tokens == 4 / 5
    assert found.size == (8 + 9 + 6) / 3


def test_its_tensors_come_back():
    shortlist = small()
    again = Shortlist.from_tensors(shortlist.tensors(), (7, 12), "file")
    for name, tensor in shortlist.tensors().items():
        assert torch.equal(again.tensors()[name], tensor)


@pytest.mark.parametrize(
    "change",
    [
        {"translations": torch.zeros(6, 2, dtype=torch.int32)},
        {"frequent": torch.arange(11, dtype=torch.int32)},
        {"always": torch.tensor([0, 1, 2, 3, 12], dtype=torch.int32)},
        {"always": torch.tensor([0, 1, 2, 3, -1], dtype=torch.int32)},
        {"always": torch.tensor([0.0, 1.0, 2.0, 3.0])},
        {"always": torch.tensor([0, 1, 3], dtype=torch.int32)},
    ],
    ids=["rows", "frequent", "too great", "negative", "type", "reserved"],
)
def test_tensors_that_do_not_fit_are_refused(change):
    with pytest.raises(ModelError, match="file: does not match"):
        Shortlist.from_tensors(replace(small(), **change).tensors(), (7, 12), "file")


def test_a_missing_tensor_is_refused():
    tensors = small().tensors()
    del tensors["always"]
    with pytest.raises(ModelError, match="nmt shortlist"):
        Shortlist.from_tensors(tensors, (7, 12), "file")
