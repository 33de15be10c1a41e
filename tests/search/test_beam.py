"""Beam search against two slow searches: over all there is, and over one sentence by rule."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_search import (
    ORDINARY,
    SOURCES,
    Forced,
    Scored,
    assert_same,
    enumerate_all,
    kept_model,
    make_model,
    padded,
    ranked,
    search,
    total,
)

from nmt.config.settings import SearchSettings
from nmt.errors import ModelError, UsageError
from nmt.search.beam import BeamSearch
from nmt.tokenizers.tokenizer import BOS, EOS

PENALTIES = [
    ("none", 0.0, 0.0),
    ("gnmt", 1.0, 0.0),
    ("gnmt", -0.7, 0.0),
    ("average", 1.0, 0.0),
    ("average", 0.5, 0.4),
    ("word_reward", 0.8, 0.0),
    ("word_reward", -0.5, 0.2),
]


def search_by_rule(forced: Forced, beam_size: int, limit: int) -> list[Scored]:
    """The rules of `nmt.search.beam`, for one sentence, without the shortcut."""
    live, finished = [[]], []
    for length in range(1, limit + 1):
        options = [(prefix, token) for prefix in live for token in [*ORDINARY, EOS]]
        if length == 1:
            options = [(prefix, token) for prefix, token in options if token != EOS]
        options.sort(key=lambda option: -total(forced, *option))
        finished += [forced(prefix, True) for prefix, token in options[:beam_size] if token == EOS]
        live = [[*prefix, token] for prefix, token in options if token != EOS][:beam_size]
        if len(finished) >= beam_size:
            return ranked(finished)
    return ranked([*finished, *(forced(prefix, False) for prefix in live)])


@pytest.mark.parametrize(("penalty", "alpha", "beta"), PENALTIES)
def test_a_wide_beam_finds_what_enumeration_finds(penalty, alpha, beta):
    model = kept_model(1)
    found = search(
        model,
        SOURCES,
        limit=4,
        beam_size=400,
        n_best=100,
        length_penalty=penalty,
        alpha=alpha,
        coverage_penalty=beta,
    )
    for source, hypotheses in zip(SOURCES, found, strict=True):
        expected = enumerate_all(Forced(model, source, penalty, alpha, beta), limit=4)
        assert_same(hypotheses, expected[:100])


@pytest.mark.parametrize(("penalty", "alpha", "beta"), PENALTIES)
@pytest.mark.parametrize("beam_size", [1, 2, 3])
def test_a_narrow_beam_follows_the_rules(beam_size, penalty, alpha, beta):
    for seed in range(4):
        model = kept_model(seed)
        found = search(
            model,
            SOURCES,
            limit=6,
            beam_size=beam_size,
            n_best=beam_size,
            length_penalty=penalty,
            alpha=alpha,
            coverage_penalty=beta,
        )
        for source, hypotheses in zip(SOURCES, found, strict=True):
            forced = Forced(model, source, penalty, alpha, beta)
            assert_same(hypotheses, search_by_rule(forced, beam_size, 6)[:beam_size])


@given(
    seed=st.integers(0, 1000),
    beam_size=st.integers(1, 6),
    penalty=st.sampled_from(PENALTIES),
    limit=st.integers(1, 9),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_n_best_only_selects(seed, beam_size, penalty, limit, data):
    n_best = data.draw(st.integers(1, beam_size))
    kind, alpha, beta = penalty
    shared = {
        "beam_size": beam_size,
        "length_penalty": kind,
        "alpha": alpha,
        "coverage_penalty": beta,
    }
    model = make_model(seed)
    every = search(model, SOURCES, limit, n_best=beam_size, **shared)
    some = search(model, SOURCES, limit, n_best=n_best, **shared)
    for all_of, some_of in zip(every, some, strict=True):
        assert [h.tokens for h in some_of] == [h.tokens for h in all_of[:n_best]]


@pytest.mark.parametrize("alpha", [-3.0, 1.0])
def test_stopping_early_misses_nothing(alpha):
    """With few wanted, the bound ends the search long before the limit: never too soon."""
    for seed in range(3):
        model = kept_model(seed)
        shared = {"beam_size": 400, "length_penalty": "word_reward", "alpha": alpha}
        found = search(model, SOURCES, limit=4, n_best=3, **shared)
        for source, hypotheses in zip(SOURCES, found, strict=True):
            expected = enumerate_all(Forced(model, source, "word_reward", alpha, 0.0), limit=4)
            assert_same(hypotheses, expected[:3])


def test_the_limit_cuts_and_says_so():
    model = make_model(seed=0)
    with torch.no_grad():
        model.output_bias[EOS] = -1000.0
    for hypotheses in search(model, SOURCES, limit=3, beam_size=2, n_best=2):
        assert [len(h.tokens) for h in hypotheses] == [3, 3]
        assert not any(h.finished for h in hypotheses)
        assert [h.attention.shape[0] for h in hypotheses] == [3, 3]


def test_reserved_tokens_are_never_written_and_nothing_is_empty():
    model = make_model(seed=0)
    with torch.no_grad():
        model.output_bias[[0, BOS]] = 50.0
        model.output_bias[EOS] = 40.0
    for hypotheses in search(model, SOURCES, limit=5, beam_size=4, n_best=4):
        for hypothesis in hypotheses:
            assert hypothesis.tokens
            assert not {0, BOS, EOS} & set(hypothesis.tokens)


def test_each_limit_belongs_to_its_own_sentence():
    model = make_model(seed=0)
    with torch.no_grad():
        model.output_bias[EOS] = -1000.0
    source, lengths = padded(SOURCES)
    found = BeamSearch(model, SearchSettings(beam_size=2)).search(
        source, lengths, torch.tensor([2, 7, 4])
    )
    assert [len(hypotheses[0].tokens) for hypotheses in found] == [2, 7, 4]


def test_a_model_of_nan_is_refused():
    model = make_model(seed=0)
    with torch.no_grad():
        model.output_bias[4] = float("nan")
    with pytest.raises(ModelError, match="finite"):
        search(model, SOURCES, limit=3, beam_size=2)


def test_coverage_needs_attention():
    class Blind:
        def __init__(self, model):
            self.encode, self.start = model.encode, model.start
            self.log_probabilities, self._step = model.log_probabilities, model.step

        def step(self, encoded, state, previous):
            step = self._step(encoded, state, previous)
            return replace(step, weights=None)

    blind = Blind(make_model(seed=0))
    with pytest.raises(UsageError, match="no attention"):
        search(blind, SOURCES, limit=3, beam_size=2, coverage_penalty=0.1)
    for hypotheses in search(blind, SOURCES, limit=3, beam_size=2):
        assert hypotheses[0].attention is None


def test_unkept_attention_still_counts_for_coverage():
    source, lengths = padded(SOURCES)
    limits = torch.full_like(lengths, 5)
    settings = SearchSettings(beam_size=3, coverage_penalty=0.4)
    model = make_model(seed=1)
    kept = BeamSearch(model, settings).search(source, lengths, limits)
    unkept = BeamSearch(model, settings, attention=False).search(source, lengths, limits)
    for (with_weights, *_), (without, *_) in zip(kept, unkept, strict=True):
        assert without.attention is None
        assert with_weights.attention is not None
        assert (without.tokens, without.score) == (with_weights.tokens, with_weights.score)
