import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from parallel_texts import parallel_text

from nmt.config.settings import TokenizerSettings
from nmt.config.settings.tokenizer import SubwordSamplingSettings
from nmt.data.binary_dataset import Corpus, CorpusWriter
from nmt.tokenizers.inline_case import learn_tokenizer
from nmt.tokenizers.normalization import make_normalizer
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, TokenizerPair, open_tokenizer
from nmt.training.batch_loader import BatchLoader

PAIRS = 60
OFF = SubwordSamplingSettings(alpha=0.0)
ON = SubwordSamplingSettings(alpha=0.05)


@pytest.fixture(scope="module")
def prefix(tokenizers, tmp_path_factory) -> Path:
    """A corpus, with its tokenizers in the folder beside it."""
    folder = tmp_path_factory.mktemp("loader")
    tokenizers.save(folder)
    sources, targets = parallel_text(PAIRS)
    with CorpusWriter(folder / "train", tokenizers.source.size) as corpus:
        for line, (source, target) in enumerate(zip(sources, targets, strict=True), 1):
            corpus.add(line, tokenizers.source.encode(source), tokenizers.target.encode(target))
    return folder / "train"


@pytest.fixture
def loader(prefix, tokenizers):
    def make(sampling: SubwordSamplingSettings, seed: int = 1) -> BatchLoader:
        return BatchLoader(Corpus.open(prefix), tokenizers, 200, sampling, seed)

    return make


def contents(loader: BatchLoader, epoch: int, start: int = 0) -> list[tuple]:
    return [
        (batch.pairs.tolist(), batch.source.tolist(), batch.target_output.tolist())
        for batch in loader.batches(epoch, start)
    ]


def threads_left() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "batches"]


@pytest.mark.parametrize("sampling", [OFF, ON], ids=["off", "on"])
def test_an_epoch_goes_on_from_any_batch(loader, sampling):
    whole = contents(loader(sampling), epoch=2)
    assert len(whole) > 10
    for start in (0, 1, 7, len(whole) - 1, len(whole)):
        assert contents(loader(sampling), epoch=2, start=start) == whole[start:]


@pytest.mark.parametrize("sampling", [OFF, ON], ids=["off", "on"])
def test_an_epoch_holds_the_text_of_each_pair_once(loader, tokenizers, sampling):
    sources, targets = parallel_text(PAIRS)
    seen = []
    for batch in loader(sampling).batches(epoch=0, start=0):
        for row, pair in enumerate(batch.pairs):
            assert tokenizers.source.decode(batch.source[row].tolist()) == sources[pair]
            assert tokenizers.target.decode(batch.target_output[row].tolist()) == targets[pair]
            given, wanted = batch.target_input[row], batch.target_output[row]
            length = int((wanted != PAD).sum())
            assert given[0] == BOS
            assert wanted[length - 1] == EOS
            assert given[1:length].equal(wanted[: length - 1])
        assert batch.target_tokens == int((batch.target_output != PAD).sum())
        seen += batch.pairs.tolist()
    assert sorted(seen) == list(range(PAIRS))


def test_without_sampling_the_tokens_are_those_of_the_corpus(loader, prefix):
    corpus = Corpus.open(prefix)
    for batch in loader(OFF).batches(epoch=0, start=0):
        for row, pair in enumerate(batch.pairs):
            length = int(batch.source_lengths[row])
            assert batch.source[row, : length - 1].tolist() == corpus.source(pair).tolist()


def test_each_epoch_and_seed_is_drawn_anew(prefix, tokenizers):
    ids = tokenizers.source.encode("red river under small house")
    with CorpusWriter(prefix.parent / "one", tokenizers.source.size) as writer:
        writer.add(1, ids, ids)

    def drawn(epoch: int, seed: int) -> str:
        loader = BatchLoader(Corpus.open(prefix.parent / "one"), tokenizers, 200, ON, seed)
        return str(contents(loader, epoch))

    assert len({drawn(epoch, seed=1) for epoch in range(10)}) > 1
    assert len({drawn(0, seed) for seed in range(10)}) > 1


def inline_case_loader(folder, capitals, sampling=OFF):
    """A loader of a corpus with case marks, its tokenizer and its texts."""
    sources = [f"The small river {number} runs to Paris" for number in range(PAIRS)]
    chosen = TokenizerSettings.model_validate({"case": "inline", "vocab_size": 320})
    normalizer = make_normalizer("composed")
    model = learn_tokenizer(chosen, normalizer, iter(sources), "train", None)
    tokenizer = open_tokenizer(model)
    with CorpusWriter(folder / "inline", tokenizer.size) as writer:
        for line, ids in enumerate(tokenizer.encode_batch(sources), 1):
            writer.add(line, ids, ids)
    both = TokenizerPair(tokenizer, tokenizer, joint=True)
    corpus = Corpus.open(folder / "inline")
    loader = BatchLoader(corpus, both, 200, sampling, 1, capitals=capitals)
    return loader, tokenizer, sources


def texts_of(loader, tokenizer, epoch):
    """The source and target text of each pair."""
    return {
        pair: (
            tokenizer.decode(batch.source[row].tolist()),
            tokenizer.decode(batch.target_output[row].tolist()),
        )
        for batch in loader.batches(epoch, 0)
        for row, pair in enumerate(batch.pairs.tolist())
    }


@pytest.mark.parametrize("sampling", [OFF, ON], ids=["off", "on"])
def test_a_share_of_the_pairs_is_read_in_capitals(tmp_path, sampling):
    loader, tokenizer, sources = inline_case_loader(tmp_path, 0.2, sampling)
    chosen = []
    for epoch in range(2):
        texts = texts_of(loader, tokenizer, epoch)
        assert texts == texts_of(loader, tokenizer, epoch)
        chosen.append({pair for pair, (source, _) in texts.items() if source.isupper()})
        for pair, (source, target) in texts.items():
            assert source == (sources[pair].upper() if pair in chosen[-1] else sources[pair])
            assert target == source
        assert 0.1 < len(chosen[-1]) / PAIRS < 0.3
    assert chosen[0] != chosen[1]


def test_no_pair_is_read_in_capitals_without_a_share_or_marks(tmp_path, loader):
    without, tokenizer, sources = inline_case_loader(tmp_path, 0.0)
    assert {text for pair in texts_of(without, tokenizer, 0).values() for text in pair} == set(
        sources
    )
    plain = loader(OFF)
    assert contents(replace(plain, capitals=1.0), 0) == contents(plain, 0)


def test_both_sides_of_a_joint_tokenizer_are_drawn_apart(prefix, tokenizers):
    sources, _ = parallel_text(PAIRS)
    with CorpusWriter(prefix.parent / "twice", tokenizers.source.size) as writer:
        for line, ids in enumerate(tokenizers.source.encode_batch(sources), 1):
            writer.add(line, ids, ids)
    both = TokenizerPair(tokenizers.source, tokenizers.source, joint=True)
    twice = BatchLoader(Corpus.open(prefix.parent / "twice"), both, 200, ON, 1)
    batches = list(twice.batches(epoch=0, start=0))
    assert any(batch.source.tolist() != batch.target_output.tolist() for batch in batches)


def test_sampled_batches_are_the_same_in_a_new_process(loader, prefix):
    program = (
        "import sys; from pathlib import Path\n"
        "from nmt.config.settings.tokenizer import SubwordSamplingSettings\n"
        "from nmt.data.binary_dataset import Corpus\n"
        "from nmt.training.batch_loader import BatchLoader\n"
        "from nmt.tokenizers.tokenizer import TokenizerPair\n"
        "prefix = Path(sys.argv[1])\n"
        "sampling = SubwordSamplingSettings(alpha=0.05)\n"
        "pair = TokenizerPair.load(prefix.parent)\n"
        "loader = BatchLoader(Corpus.open(prefix), pair, 200, sampling, 1)\n"
        "for b in loader.batches(3, 4):\n"
        "    print((b.pairs.tolist(), b.source.tolist(), b.target_output.tolist()))"
    )
    command = [sys.executable, "-c", program, str(prefix)]
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    expected = contents(loader(ON), epoch=3)[4:]
    assert told.stdout == "".join(f"{batch}\n" for batch in expected)


def test_the_background_thread_ends_when_the_consumer_leaves(loader):
    batches = loader(OFF).batches(epoch=0, start=0)
    next(batches)
    batches.close()
    assert not threads_left()
    assert len(contents(loader(OFF), epoch=0)) > 10
    assert not threads_left()


@pytest.mark.parametrize("failing", ["source", "target"])
@pytest.mark.parametrize("sampling", [OFF, ON], ids=["off", "on"])
def test_an_error_in_the_background_reaches_the_consumer(loader, monkeypatch, failing, sampling):
    read = getattr(Corpus, failing)
    last = loader(OFF).plan(0)[2][0]

    def fail(self, pair):
        if pair == last:
            raise OSError("the disk is gone")
        return read(self, pair)

    monkeypatch.setattr(Corpus, failing, fail)
    batches = loader(sampling).batches(epoch=0, start=0)
    if sampling is OFF:  # else the first group is drawn before anything is given
        assert [next(batches).pairs.tolist() for _ in range(2)] == [
            pairs.tolist() for pairs in loader(OFF).plan(0)[:2]
        ]
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)
    assert not threads_left()


def test_drawn_batches_have_the_sizes_of_the_plan_and_less_padding(prefix, tokenizers):
    sources, targets = parallel_text(1500)
    with CorpusWriter(prefix.parent / "long", tokenizers.source.size) as corpus:
        encoded = map(tokenizers.source.encode, sources), map(tokenizers.target.encode, targets)
        for line, (source, target) in enumerate(zip(*encoded, strict=True), 1):
            corpus.add(line, source, target)
    sampling = SubwordSamplingSettings(alpha=0.1)
    loader = BatchLoader(Corpus.open(prefix.parent / "long"), tokenizers, 500, sampling, 1)
    plan = loader.plan(0)
    drawn = list(loader.batches(epoch=0, start=0))
    planned = [loader.planned_batch(pairs, 0, number) for number, pairs in enumerate(plan)]
    assert [len(batch.pairs) for batch in drawn] == [len(pairs) for pairs in plan]
    tokens = [sum(batch.target_tokens for batch in batches) for batches in (drawn, planned)]
    assert tokens[0] == tokens[1]
    places = [sum(batch.target_input.numel() for batch in each) for each in (drawn, planned)]
    assert places[0] < 0.9 * places[1]


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_ranks_take_turns(loader, ranks):
    """Each place of the epoch is one rank's, and that has there what one alone would have."""
    alone = [batch.pairs.tolist() for batch in loader(ON).batches(epoch=1, start=2)]
    shares = [list(loader(ON).rank_batches(1, 2, rank, ranks)) for rank in range(ranks)]
    for number, places in enumerate(zip(*shares, strict=True)):
        assert [place is not None for place in places] == [
            rank == number % ranks for rank in range(ranks)
        ]
        assert places[number % ranks].pairs.tolist() == alone[number]
    assert len(shares[0]) == len(alone)
