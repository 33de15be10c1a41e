"""Words that must be there: the book-keeping by hand, the search against enumeration and rules."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_search import ORDINARY, SOURCES, Forced, assert_same, enumerate_all, make_model, search

from nmt.search.constrained_selection import Phrases, _allocate_beams, _ranks_in_banks
from nmt.search.constraints import TokenConstraints

PHRASE = st.lists(st.sampled_from(ORDINARY), min_size=1, max_size=3)
TERMS = st.lists(PHRASE, max_size=2).map(lambda terms: tuple(map(tuple, terms)))
CPU = torch.device("cpu")


def contains(tokens: list[int], phrase: tuple[int, ...]) -> bool:
    places = range(len(tokens) - len(phrase) + 1)
    return any(tuple(tokens[place : place + len(phrase)]) == phrase for place in places)


def met_after(phrase: tuple[int, ...], tokens: list[int]) -> int:
    met = 0
    for token in tokens:
        if met == len(phrase):
            return met
        if token == phrase[met]:
            met += 1
        else:
            met = int(token == phrase[0])
    return met


@given(st.lists(PHRASE, min_size=1, max_size=3), st.lists(st.sampled_from(ORDINARY), max_size=8))
@settings(max_examples=200, deadline=None)
def test_what_is_met(phrases, tokens):
    wanted = Phrases.from_lists([phrases, []], CPU)
    met = torch.zeros(2, 1, len(phrases), dtype=torch.long)
    for token in tokens:
        met = wanted.advance(met, torch.tensor([[token], [token]]))
    assert met[0, 0].tolist() == [met_after(tuple(phrase), tokens) for phrase in phrases]
    assert met[1, 0].tolist() == [0] * len(phrases)
    for place, phrase in enumerate(phrases):
        if met[0, 0, place] == len(phrase):
            assert contains(tokens, tuple(phrase))


def test_the_fullest_banks_come_first():
    totals = torch.tensor([[-1.0, -2.0, -3.0, -4.0, -5.0, -torch.inf]])
    banks = torch.tensor([[0, 0, 0, 1, 2, 2]])
    assert _allocate_beams(totals, banks, 3).tolist() == [[0, 3, 4]]
    assert _allocate_beams(totals, banks, 4).tolist() == [[0, 1, 3, 4]]
    assert _allocate_beams(totals, torch.zeros_like(banks), 4).tolist() == [[0, 1, 2, 3]]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_places_within_banks(banks):
    expected = [banks[:place].count(bank) for place, bank in enumerate(banks)]
    assert _ranks_in_banks(torch.tensor([banks])).tolist() == [expected]


def test_a_wide_beam_finds_the_best_of_all_that_have_the_terms():
    model = make_model(seed=1)
    wishes = [
        TokenConstraints(terms=((5,),)),
        TokenConstraints(terms=((6, 4), (5,))),
        TokenConstraints(),
    ]
    found = search(model, SOURCES, 4, wishes, beam_size=400, n_best=20)
    for source, wish, hypotheses in zip(SOURCES, wishes, found, strict=True):
        every = enumerate_all(Forced(model, source, "gnmt", 1.0, 0.0), limit=4)
        possible = [
            each
            for each in every
            if each.finished and all(contains(each.tokens, term) for term in wish.terms)
        ]
        assert_same([each for each in hypotheses if each.finished], possible[:20])


@given(st.integers(0, 1000), st.integers(1, 5), st.lists(TERMS, min_size=3, max_size=3))
@settings(max_examples=25, deadline=None)
def test_neighbours_have_no_say_and_no_terms_change_nothing(seed, beam_size, terms):
    model = make_model(seed)
    wishes = [TokenConstraints(terms=each) for each in terms]
    sizes = {"beam_size": beam_size, "n_best": beam_size}
    together = search(model, SOURCES, 12, wishes, **sizes)
    plain = search(model, SOURCES, 12, **sizes)
    for source, wish, hypotheses, without in zip(SOURCES, wishes, together, plain, strict=True):
        (alone,) = search(model, [source], 12, [wish], **sizes)
        assert [h.tokens for h in alone] == [h.tokens for h in hypotheses]
        if not wish.terms:
            assert [h.tokens for h in without] == [h.tokens for h in hypotheses]
        for hypothesis in hypotheses:
            if hypothesis.finished:
                assert all(contains(hypothesis.tokens, term) for term in wish.terms)


@pytest.mark.parametrize("beam_size", [1, 2, 5])
def test_even_unlikely_terms_come(beam_size):
    model = make_model(seed=3)
    with torch.no_grad():
        model.output_bias[5] = -40.0
    wishes = [TokenConstraints(terms=((5, 6),))] * 3
    for hypotheses in search(model, SOURCES, 12, wishes, beam_size=beam_size):
        assert contains(hypotheses[0].tokens, (5, 6))
