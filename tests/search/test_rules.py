"""What may come next, against plain Python over lists of tokens."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_search import (
    ORDINARY,
    SOURCES,
    VOCABULARY,
    Forced,
    assert_same,
    enumerate_all,
    make_model,
    search,
)

from nmt.config.settings import SearchSettings
from nmt.search.constraints import AvoidedText, TokenConstraints
from nmt.search.logits_processors import LogitsProcessors
from nmt.search.target_vocabulary import Vocabulary
from nmt.tokenizers.tokenizer import BOS, EOS, PAD

WORDS = Vocabulary(tuple(f"▁w{token}" for token in range(VOCABULARY)))
"""Every token is a word, so that texts are runs of tokens."""

PHRASES = st.lists(st.lists(st.sampled_from(ORDINARY[1:]), min_size=1, max_size=3), max_size=3)


def avoided(phrases) -> tuple[AvoidedText, ...]:
    """Runs of tokens as texts to avoid."""
    texts = (" ".join(f"w{token}" for token in phrase) for phrase in phrases)
    return tuple(AvoidedText(text, WORDS) for text in texts)


def allowed(rules: dict[str, int], wish: TokenConstraints, tokens: list[int]) -> list[int]:
    """The tokens that may follow, one rule after the other."""
    if len(tokens) < len(wish.prefix):
        return [wish.prefix[len(tokens)]]
    found = []
    for token in range(VOCABULARY):
        after = [*tokens, token]
        order = rules["no_repeat_ngram"]
        grams = [after[i : i + order] for i in range(len(after) - order + 1)] if order else []
        too_short = token == EOS and len(tokens) < max(1, rules["min_length"])
        repeats = grams.count(grams[-1]) > 1 if grams else False
        spelled = " ".join(f"w{each}" for each in after) + " "
        avoids = any(spelled.endswith(f"{text.text} ") for text in wish.avoid)
        if token not in (PAD, BOS) and not too_short and not repeats and not avoids:
            found.append(token)
    return found or [EOS]


@given(
    st.integers(0, 4),
    st.integers(0, 3),
    st.lists(
        st.tuples(st.lists(st.sampled_from(ORDINARY), max_size=3), PHRASES), min_size=2, max_size=2
    ),
    st.data(),
)
@settings(max_examples=300, deadline=None)
def test_what_is_forbidden(min_length, order, wishes, data):
    sizes = {"min_length": min_length, "no_repeat_ngram": order}
    constraints = [
        TokenConstraints(prefix=tuple(prefix), avoid=avoided(avoid)) for prefix, avoid in wishes
    ]
    length = data.draw(st.integers(0, 6))
    token = st.sampled_from(ORDINARY)
    beams = st.lists(st.lists(token, min_size=length, max_size=length), min_size=2, max_size=2)
    tokens = data.draw(st.lists(beams, min_size=2, max_size=2))
    values = torch.randn(2, 2, VOCABULARY)
    expected = values.clone()
    for row, wish in enumerate(constraints):
        for beam in range(2):
            may = allowed(sizes, wish, tokens[row][beam])
            expected[row, beam, [t for t in range(VOCABULARY) if t not in may]] = -torch.inf
    rules = LogitsProcessors.from_settings(
        SearchSettings(**sizes), constraints, torch.device("cpu")
    )
    order_of_rows = torch.tensor([1, 0])
    swapped = values[order_of_rows]
    given_tokens = torch.tensor(tokens).reshape(2, 2, length)
    rules.mask(values, given_tokens, length + 1)
    torch.testing.assert_close(values, expected, rtol=0, atol=0)
    rules.select(order_of_rows).mask(swapped, given_tokens[order_of_rows], length + 1)
    torch.testing.assert_close(swapped, expected[order_of_rows], rtol=0, atol=0)


def test_a_wide_beam_finds_the_best_of_all_that_the_rules_allow():
    model = make_model(seed=1)
    wishes = [
        TokenConstraints(prefix=(5, 4)),
        TokenConstraints(avoid=avoided([(4,), (5, 6)])),
        TokenConstraints(),
    ]
    sizes = {"min_length": 2, "no_repeat_ngram": 2}
    found = search(model, SOURCES, 4, wishes, beam_size=400, n_best=50, **sizes)
    for source, wish, hypotheses in zip(SOURCES, wishes, found, strict=True):
        every = enumerate_all(Forced(model, source, "gnmt", 1.0, 0.0), limit=4)
        possible = [each for each in every if follows(each.tokens, each.finished, sizes, wish)]
        assert_same(hypotheses, possible[:50])


def follows(
    tokens: list[int], finished: bool, sizes: dict[str, int], wish: TokenConstraints
) -> bool:
    whole = [*tokens, EOS] if finished else tokens
    return all(whole[i] in allowed(sizes, wish, whole[:i]) for i in range(len(whole)))


@given(
    st.integers(0, 1000),
    st.integers(1, 3),
    st.lists(st.lists(st.sampled_from(ORDINARY), max_size=3), min_size=3, max_size=3),
    st.lists(PHRASES, min_size=3, max_size=3),
)
@settings(max_examples=30, deadline=None)
def test_neighbours_have_no_say(seed, beam_size, prefixes, phrases):
    model = make_model(seed)
    wishes = [
        TokenConstraints(prefix=tuple(prefix), avoid=avoided(avoid))
        for prefix, avoid in zip(prefixes, phrases, strict=True)
    ]
    sizes = {"beam_size": beam_size, "n_best": beam_size, "no_repeat_ngram": 2}
    together = search(model, SOURCES, 7, wishes, **sizes)
    for source, wish, hypotheses in zip(SOURCES, wishes, together, strict=True):
        (alone,) = search(model, [source], 7, [wish], **sizes)
        assert [h.tokens for h in alone] == [h.tokens for h in hypotheses]


@pytest.mark.parametrize("length", [1, 3, 5])
def test_the_minimum_holds(length):
    model = make_model(seed=0)
    with torch.no_grad():
        model.output_bias[EOS] = 30.0
    for hypotheses in search(model, SOURCES, 8, beam_size=2, min_length=length):
        assert len(hypotheses[0].tokens) == length
        assert hypotheses[0].finished
