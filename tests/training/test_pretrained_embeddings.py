"""Embeddings that another program has learned: which rows get them, and what is refused."""

import gzip

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nmt.errors import ConfigError, DataError
from nmt.tokenizers.tokenizer import Tokenizer, TokenizerPair
from nmt.training.pretrained_embeddings import find_vectors
from nmt.training.run import train

SIZE = 8
SOURCE = "training.pretrained_embeddings.source"
TARGET = "training.pretrained_embeddings.target"


def vector(number):
    return [round(number + i / 10, 1) for i in range(SIZE)]


def lines(words, head=True):
    rows = [f"{len(words)} {SIZE}"] if head else []
    return rows + [f"{word} {' '.join(map(str, vector(i)))}" for i, word in enumerate(words)]


@pytest.fixture
def write(tmp_path):
    def make(rows, name="words.vec"):
        path, content = tmp_path / name, ("\n".join(rows) + "\n").encode("utf-8")
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return make


@pytest.fixture
def tiny(tiny):
    """As elsewhere, with subwords that are whole words."""
    words = ("tokenizer.byte_fallback=false", "tokenizer.vocab_size=90")
    return lambda *overrides, **more: tiny(*words, *overrides, **more)


def embeddings(run):
    path = max(run.checkpoints.glob("step-*"))
    tensors = load_file(path / "model.safetensors")
    return tensors["source_embedding.weight"], tensors["target_embedding.weight"]


def row_of(run, piece):
    return TokenizerPair.load(run.tokenizer).source.ids([piece])[0]


ONE_UPDATE = ("training.max_updates=1", "training.optimizer.learning_rate=1e-30")


@pytest.mark.parametrize(("head", "name"), [(True, "a.vec"), (False, "a.txt"), (True, "a.vec.gz")])
def test_words_begin_with_their_vectors(tiny, write, head, name):
    path = write(lines(["deux", "Sept", "dix"], head), name)
    run = train(tiny(f"{SOURCE}={path}", *ONE_UPDATE))
    source, target = embeddings(run)
    torch.testing.assert_close(source[row_of(run, "▁deux")], torch.tensor(vector(0)))
    torch.testing.assert_close(source[row_of(run, "▁dix")], torch.tensor(vector(2)))
    assert not torch.allclose(source[row_of(run, "▁sept")], torch.tensor(vector(1)))  # a capital
    assert target.abs().max() < 3  # of random values
    assert "source embeddings: 2 of " in run.log_text.read_text(encoding="utf-8")


def test_frozen_ones_stay_and_all_others_learn(tiny, write):
    path = write(lines(["deux", "dix"]))
    options = (f"{SOURCE}={path}", "training.pretrained_embeddings.freeze=true")
    run = train(tiny(*options))
    source, _ = embeddings(run)
    torch.testing.assert_close(source[row_of(run, "▁deux")], torch.tensor(vector(0)))
    assert "pretrained embeddings are not trained" in run.log_text.read_text(encoding="utf-8")


def test_a_resumed_run_takes_nothing_from_the_file_again(tiny, write):
    path = write(lines(["deux", "dix"]))
    whole = train(tiny(f"{SOURCE}={path}", name="whole"))
    train(tiny(f"{SOURCE}={path}", "training.max_updates=4", name="parts"))
    path.write_bytes(b"")
    parts = train(tiny(f"{SOURCE}={path}", name="parts"), resume=True)
    for one, other in zip(embeddings(whole), embeddings(parts), strict=True):
        assert torch.equal(one, other)


def test_a_bundle_has_the_name_of_the_file_alone(tiny, write):
    run = train(tiny(f"{TARGET}={write(lines(['two']))}", *ONE_UPDATE))
    assert "target: words.vec" in (run.best / "config.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["deux 1 2 3"], r"line 1: vectors of 3 numbers, but `model.embedding_size` is 8"),
        (["2 300", "deux 1"], "line 1: vectors of 300 numbers"),
        ([*lines(["un"]), "deux 1 2"], "line 3: vectors of 2 numbers"),
        ([*lines(["un"]), "deux " + "x " * 8], "line 3: expected a word and its numbers"),
        ([*lines(["un"]), "deux" + " nan" * 8], "line 3: a number is not finite"),
        (lines(["Haus"]), "none of its "),
        ([""], "has no word vectors"),
        (["2 8"], "has no word vectors"),
        (["2 ²", "deux 1"], "line 1: expected a word and its numbers"),
        (["deux"], "line 1: expected a word and its numbers"),
    ],
)
def test_what_is_no_such_file_is_refused(tiny, write, rows, message):
    with pytest.raises(DataError, match=message):
        train(tiny(f"{SOURCE}={write(rows)}"))


def test_blank_lines_and_tabs_are_understood(write, tiny_bundle):
    tokenizer = Tokenizer.load(tiny_bundle / "joint.model")
    pieces = tokenizer.pieces(range(260, tokenizer.size))
    word = next(piece for piece in pieces if piece.startswith("▁") and piece[1:].isalpha())
    (row,) = lines([word.removeprefix("▁")], head=False)
    found = find_vectors(write(["", row.replace(" ", "\t"), ""]), tokenizer, SIZE)
    np.testing.assert_allclose(found.values[0], vector(0), rtol=1e-6)


def test_a_missing_file_is_refused_before_anything_is_trained(tiny, tmp_path):
    with pytest.raises(DataError, match=r"none\.vec: "):
        train(tiny(f"{SOURCE}={tmp_path / 'none.vec'}"))


def test_freezing_needs_vectors(tiny):
    with pytest.raises(ConfigError, match="needs `source` or `target` vectors"):
        tiny("training.pretrained_embeddings.freeze=true")


def test_a_word_with_a_space_and_a_word_twice(write, tiny_bundle):
    tokenizer = Tokenizer.load(tiny_bundle / "joint.model")
    pieces = tokenizer.pieces(range(260, tokenizer.size))
    word = next(piece for piece in pieces if piece.startswith("▁") and piece[1:].isalpha())
    text = word.removeprefix("▁")
    rows = [*lines([text, text]), f"a b {' '.join(map(str, vector(9)))}"]
    found = find_vectors(write(rows), tokenizer, SIZE)
    assert tokenizer.ids([word])[0] in found.rows
    np.testing.assert_allclose(found.values[0], vector(0), rtol=1e-6)
