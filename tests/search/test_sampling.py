"""Sampling: what is drawn from, by the definitions; and that it is drawn as often as it should."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_search import SOURCES, Forced, make_model, padded, search

from nmt.config.settings import SearchSettings
from nmt.errors import UsageError
from nmt.search.beam import BeamSearch
from nmt.search.constraints import TokenConstraints
from nmt.search.selection import truncate_distribution
from nmt.tokenizers.tokenizer import BOS, EOS


def narrowed_by_definition(
    log_probabilities: list[float], temperature: float, top_k: int, top_p: float
) -> np.ndarray:
    weights = np.exp(np.array(log_probabilities) / temperature)
    weights /= weights.sum()
    order = sorted(range(len(weights)), key=lambda token: -weights[token])
    if top_k:
        weights[order[top_k:]] = 0.0
        weights /= weights.sum()
    if top_p < 1.0:
        before, kept = 0.0, []
        for token in order:
            if before < top_p:
                kept.append(token)
            before += weights[token]
        weights[[token for token in order if token not in kept]] = 0.0
        weights /= weights.sum()
    return weights


@given(
    st.lists(st.integers(-20, 0).map(lambda n: 0.37 * n), min_size=3, max_size=9, unique=True),
    st.floats(0.3, 3.0),
    st.integers(0, 5),
    st.floats(0.1, 1.0),
)
@settings(max_examples=200, deadline=None)
def test_what_is_drawn_from(values, temperature, top_k, top_p):
    changes = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    found = truncate_distribution(
        torch.tensor(values, dtype=torch.float64), SearchSettings(sampling=True, **changes)
    )
    expected = narrowed_by_definition(values, **changes)
    np.testing.assert_allclose(found / found.sum(), expected / expected.sum(), atol=1e-9)


def test_what_is_forbidden_is_never_drawn():
    values = torch.tensor([-1.0, -torch.inf, -2.0, -torch.inf]).double()
    assert (
        truncate_distribution(values, SearchSettings(sampling=True, top_k=4))[[1, 3]] == 0.0
    ).all()


def test_translations_come_as_often_as_the_model_says():
    model = make_model(seed=2)
    source = SOURCES[0]
    drawn = 4000
    (found,) = search(
        model, [source], 3, beam_size=drawn, n_best=drawn, sampling=True, length_penalty="none"
    )
    assert len(found) == drawn
    forced = Forced(model, source, "none", 0.0, 0.0)
    counts: dict[tuple[tuple[int, ...], bool], int] = {}
    for hypothesis in found:
        key = (tuple(hypothesis.tokens), hypothesis.finished)
        counts[key] = counts.get(key, 0) + 1
    for (tokens, finished), count in counts.items():
        assert len(tokens) <= 3
        if count >= 100:
            expected = drawn * possible(forced, list(tokens), finished)
            assert abs(count - expected) < 5.0 * expected**0.5


def possible(forced: Forced, tokens: list[int], finished: bool) -> float:
    """The probability of a translation when PAD, BOS and an end at once are left out."""
    whole = [*tokens, EOS] if finished else tokens
    probability = 1.0
    for position in range(len(whole)):
        output = torch.tensor([[BOS, *whole[:position]]])
        with torch.no_grad():
            unrolled = forced.model.decoder.unroll(forced.encoded, output)
            row = forced.model.log_probabilities(forced.encoded, unrolled)[0, -1].exp()
        row[[0, BOS]] = 0.0
        if position == 0:
            row[EOS] = 0.0
        probability *= float(row[whole[position]] / row.sum())
    return probability


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_neighbours_have_no_say_and_scores_are_the_models(seed, beam_size, draw):
    model = make_model(seed)
    changes = {"beam_size": beam_size, "n_best": beam_size, "sampling": True, "seed": draw}
    together = search(model, SOURCES, 6, **changes)
    for source, hypotheses in zip(SOURCES, together, strict=True):
        (alone,) = search(model, [source], 6, **changes)
        assert [h.tokens for h in alone] == [h.tokens for h in hypotheses]
        forced = Forced(model, source, "gnmt", 1.0, 0.0)
        for hypothesis in hypotheses:
            scored = forced(hypothesis.tokens, hypothesis.finished)
            assert hypothesis.score == pytest.approx(scored.score, abs=1e-5)
            assert hypothesis.token_log_probabilities == pytest.approx(
                scored.log_probabilities, abs=1e-5
            )


def test_the_seed_decides():
    model = make_model(seed=1)
    changes = {"beam_size": 6, "n_best": 6, "sampling": True}
    first, again, other = (
        [[h.tokens for h in found] for found in search(model, SOURCES, 8, seed=seed, **changes)]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_terms_are_not_sampled():
    model = make_model(seed=1)
    wishes = [TokenConstraints(terms=((4,),))] * 3
    with pytest.raises(UsageError, match="sampling"):
        search(model, SOURCES, 5, wishes, beam_size=2, sampling=True)


def test_equal_sources_with_numbers_have_draws_of_their_own():
    model = make_model(seed=1)
    beam = BeamSearch(model, SearchSettings(beam_size=8, n_best=8, sampling=True))
    source, lengths = padded([SOURCES[0]] * 3)
    limits = torch.full_like(lengths, 8)

    def drawn(numbers):
        found = beam.search(source, lengths, limits, None, numbers)
        return [[hypothesis.tokens for hypothesis in each] for each in found]

    plain = drawn(None)
    assert plain[0] == plain[1] == plain[2]
    numbered = drawn([1, 2, 1])
    assert numbered[0] == numbered[2] != numbered[1]
    assert numbered == drawn([1, 2, 1])
