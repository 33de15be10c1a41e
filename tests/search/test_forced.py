"""Forced decoding against stepping one pair at a time, and against what search reported."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nmt.search.forced_decoding
from nmt.config.settings import ModelSettings, RuntimeSettings, SearchSettings
from nmt.data.manifest import LengthRatio
from nmt.errors import ModelError, UsageError
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime, prepare_runtime
from nmt.search.decode_corpus import decode_corpus
from nmt.search.forced_decoding import ForcedPair, force_decode
from nmt.search.logits_processors import LengthLimits
from nmt.tokenizers.tokenizer import BOS, EOS, UNK

VOCABULARY = 9
SOURCES = [[4, 5, 6, 4], [6], [5, 5, 4, 8, 7, 7, 6], [8, 4]]

KINDS = {
    "additive, fed back": {"attention": {"kind": "additive", "query": "previous_state"}},
    "additive, at once": {
        "attention": {"kind": "normalized_additive"},
        "decoder": {"input_feeding": False},
    },
    "concat": {"attention": {"kind": "concat", "coverage": True}},
    "dot": {"attention": {"kind": "dot"}, "decoder": {"hidden_size": 8}},
    "scaled dot": {
        "attention": {"kind": "scaled_dot", "normalizer": "entmax15"},
        "decoder": {"hidden_size": 8, "input_feeding": False},
    },
    "general": {"attention": {"kind": "general", "window": "local_p", "window_size": 2}},
    "location": {"attention": {"kind": "location", "query_embedding": True, "max_positions": 8}},
    "multi head": {
        "attention": {"kind": "multi_head", "heads": 2, "window": "local_m", "window_size": 3},
        "decoder": {"hidden_size": 6, "input_feeding": False},
    },
    "none": {"attention": {"kind": "none"}, "decoder": {"input_feeding": False}},
    "gnmt": {
        "attention": {
            "query": "previous_state",
            "query_layer": "bottom",
            "context": "all_layers",
        },
        "decoder": {"layers": 3, "input_feeding": False},
    },
    "conditional": {
        "attention": {"query": "inner_state", "query_layer": "bottom", "context": "both"},
        "decoder": {"transition_depth": 2},
    },
    "pointer": {"output": {"copy_source": True}, "decoder": {"input_feeding": False}},
    "late state": {
        "attention": {"query": "previous_state"},
        "output": {"kind": "deep", "state": "previous_state"},
        "decoder": {"input_feeding": False},
    },
}

PENALTIES = [
    {"length_penalty": "none"},
    {"length_penalty": "gnmt", "alpha": 1.0},
    {"length_penalty": "gnmt", "alpha": -0.7, "coverage_penalty": 0.3},
    {"length_penalty": "average", "alpha": 1.0},
    {"length_penalty": "average", "alpha": 0.5, "coverage_penalty": 0.4},
    {"length_penalty": "word_reward", "alpha": 0.8},
]


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return prepare_runtime(RuntimeSettings(device="cpu", precision="float32", threads=1))


def make_model(seed: int = 0, kind: str = "additive, fed back") -> Seq2Seq:
    """A random model in float64, with dropout that must be off."""
    torch.manual_seed(seed)
    own = KINDS[kind]
    shape = ModelSettings.model_validate(
        {
            "embedding_size": 6,
            "encoder": {"hidden_size": 4},
            **own,
            "decoder": {"hidden_size": 5, "dropout": 0.5, **own.get("decoder", {})},
        }
    )
    model = Seq2Seq(shape, VOCABULARY, VOCABULARY).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.7)
    return model


def stepped(model: Seq2Seq, pair: ForcedPair) -> tuple[list[float], list[torch.Tensor | None]]:
    """The slow witness: log-probability of each token and attention, one step after the other."""
    source = torch.tensor([[*pair.source, EOS]])
    values, weights, previous = [], [], BOS
    with torch.no_grad():
        encoded = model.encode(source, torch.tensor([source.shape[1]]))
        state = model.start(encoded, 1)
        for token in [*pair.target, EOS] if pair.finished else pair.target:
            step = model.step(encoded, state, torch.tensor([[previous]]))
            values.append(float(model.log_probabilities(encoded, step)[0, 0, token]))
            weights.append(None if step.weights is None else step.weights[0, 0])
            state, previous = step.state, token
    return values, weights


token_ids = st.lists(st.sampled_from([UNK, *range(4, VOCABULARY)]), max_size=7)
pair_lists = st.lists(st.builds(ForcedPair, token_ids, token_ids, st.booleans()), max_size=9)


@pytest.mark.parametrize("kind", KINDS)
def test_equals_stepping(runtime, kind):
    model = make_model(kind=kind)
    targets = [[7, 8], [], [4, 5, 6, 7, 8, 4, 4, 4], [6]]
    pairs = [
        ForcedPair(source, target, finished)
        for source, target in zip([*SOURCES, []], [*targets, [5, 5]], strict=True)
        for finished in (True, False)
    ]
    found = force_decode(model, pairs, SearchSettings(batch_sentences=3), runtime, attention=True)
    for pair, hypothesis in zip(pairs, found, strict=True):
        values, weights = stepped(model, pair)
        assert hypothesis.tokens == pair.target
        assert hypothesis.finished == pair.finished
        assert hypothesis.token_log_probabilities == pytest.approx(values, rel=1e-9)
        assert hypothesis.log_probability == pytest.approx(math.fsum(values), rel=1e-9)
        if kind != "none" and values:
            np.testing.assert_allclose(hypothesis.attention, torch.stack(weights), atol=1e-6)
        else:
            assert hypothesis.attention is None


@pytest.mark.parametrize("kind", ["additive, fed back", "multi head", "pointer"])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_equals_what_search_reported(runtime, kind, penalty):
    ends = set()
    for seed in range(3):
        model = make_model(seed, kind)
        wanted = SearchSettings(beam_size=4, n_best=4, max_length=5, **penalty)
        limits = LengthLimits(LengthRatio(1.0, 0.1), wanted.max_length)
        n_best = decode_corpus(model, SOURCES, wanted, limits, runtime, attention=True)
        searched = [
            (source, hypothesis)
            for source, hypotheses in zip(SOURCES, n_best, strict=True)
            for hypothesis in hypotheses
        ]
        pairs = [ForcedPair(source, found.tokens, found.finished) for source, found in searched]
        forced = force_decode(model, pairs, wanted, runtime, attention=True)
        for (_, found), again in zip(searched, forced, strict=True):
            assert again.score == pytest.approx(found.score, rel=1e-5)
            assert again.log_probability == pytest.approx(found.log_probability, rel=1e-5)
            assert again.token_log_probabilities == pytest.approx(
                found.token_log_probabilities, rel=1e-5
            )
            np.testing.assert_allclose(again.attention, found.attention, atol=1e-6)
            ends.add(found.finished)
    assert ends == {True, False}


@given(pairs=pair_lists, size=st.integers(1, 4), random=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_neither_batch_nor_order_matters(runtime, pairs, size, random):
    model = make_model(kind="general").float()
    wanted = {"length_penalty": "average", "coverage_penalty": 0.2}
    together = force_decode(model, pairs, SearchSettings(**wanted), runtime)
    order = list(range(len(pairs)))
    random.shuffle(order)
    shuffled = force_decode(
        model,
        [pairs[i] for i in order],
        SearchSettings(batch_sentences=size, **wanted),
        runtime,
    )
    assert len(together) == len(pairs)
    for position, i in enumerate(order):
        assert shuffled[position].tokens == together[i].tokens == pairs[i].target
        assert shuffled[position].score == pytest.approx(together[i].score, rel=1e-4, abs=1e-5)
        assert shuffled[position].token_log_probabilities == pytest.approx(
            together[i].token_log_probabilities, rel=1e-4, abs=1e-5
        )


def test_where_there_is_nothing_to_score_no_model_is_asked(runtime):
    class Untouchable:
        def encode(self, source, lengths):
            raise AssertionError("the model was asked")

    pairs = [
        ForcedPair([], []),
        ForcedPair([], [], finished=False),
        ForcedPair([5], [], finished=False),
    ]
    found = force_decode(Untouchable(), pairs, SearchSettings(length_penalty="average"), runtime)
    assert [(h.log_probability, h.score, h.token_log_probabilities) for h in found] == [
        (0.0, 0.0, [])
    ] * 3
    assert [h.finished for h in found] == [True, False, False]


@pytest.mark.parametrize("rows", [1, 5, 1000])
def test_probabilities_are_held_a_few_positions_at_a_time(runtime, monkeypatch, rows):
    model, held = make_model(kind="pointer"), []
    inner = model.log_probabilities

    def spy(encoded, steps):
        found = inner(encoded, steps)
        held.append(found.shape[0] * found.shape[1])
        return found

    pairs = [ForcedPair(source, [7, 8, 4, 5, 6, 7, 8]) for source in SOURCES]
    expected = force_decode(model, pairs, SearchSettings(), runtime)
    monkeypatch.setattr(model, "log_probabilities", spy)
    monkeypatch.setattr(nmt.search.forced_decoding, "_ROWS", rows)
    found = force_decode(model, pairs, SearchSettings(), runtime)
    assert max(held) <= max(rows, len(SOURCES))
    assert sum(held) == 8 * len(SOURCES)
    for one, other in zip(found, expected, strict=True):
        assert one.token_log_probabilities == pytest.approx(other.token_log_probabilities)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_and_the_mode_comes_back(runtime, training):
    model = make_model()
    model.train(training)
    first, again = (
        force_decode(model, [ForcedPair([5], [6])], SearchSettings(), runtime)[0] for _ in "ab"
    )
    assert first.score == again.score
    assert model.training is training


def test_a_model_of_nan_is_refused(runtime):
    model = make_model()
    with torch.no_grad():
        model.output_bias[4] = float("nan")
    with pytest.raises(ModelError, match="finite"):
        force_decode(model, [ForcedPair([5], [6])], SearchSettings(), runtime)


def test_coverage_needs_attention(runtime):
    model = make_model(kind="none")
    with pytest.raises(UsageError, match="no attention"):
        force_decode(model, [ForcedPair([5], [6])], SearchSettings(coverage_penalty=0.1), runtime)
