"""Diverse beams against the same rules for one sentence, step by step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_search import ORDINARY, SOURCES, Forced, Scored, assert_same, make_model, ranked, search

from nmt.search.selection import blockwise_topk
from nmt.tokenizers.tokenizer import EOS


def diverse_by_rule(
    forced: Forced, beam_size: int, groups: int, strength: float, limit: int
) -> list[Scored]:
    """Vijayakumar et al. 2018, algorithm 1; a group ends with as many translations as it keeps."""
    share = beam_size // groups
    live: list[list[list[int]]] = [[[]] for _ in range(groups)]
    finished: list[list[Scored]] = [[] for _ in range(groups)]
    for length in range(1, limit + 1):
        taken: list[int] = []
        for group in range(groups):
            options = []
            for prefix in live[group]:
                for token in ORDINARY:
                    whole = sum(forced([*prefix, token], False).log_probabilities)
                    options.append((whole - strength * taken.count(token), prefix, token))
                if length > 1:
                    options.append((sum(forced(prefix, True).log_probabilities), prefix, EOS))
            options.sort(key=lambda option: -option[0])
            room = share - len(finished[group])
            ends = [prefix for _, prefix, token in options[:share] if token == EOS][:room]
            finished[group] += [forced(prefix, True) for prefix in ends]
            live[group] = [[*prefix, token] for _, prefix, token in options if token != EOS][:share]
            if len(finished[group]) == share:
                live[group] = []
            taken += [prefix[-1] for prefix in live[group]]
    rest = [forced(prefix, False) for group in live for prefix in group]
    return ranked([*(each for group in finished for each in group), *rest])


def each_once(found: list[Scored]) -> list[Scored]:
    texts = [each.tokens for each in found]
    return [each for place, each in enumerate(found) if each.tokens not in texts[:place]]


@pytest.mark.parametrize(("beam_size", "groups"), [(2, 2), (4, 2), (6, 3), (4, 4), (3, 1)])
@pytest.mark.parametrize("strength", [0.0, 0.5, 3.0])
def test_groups_follow_the_rules(beam_size, groups, strength):
    for seed in range(3):
        model = make_model(seed)
        changes = {"beam_size": beam_size, "groups": groups, "diversity": strength}
        found = search(
            model, SOURCES, 5, n_best=beam_size, length_penalty="average", alpha=0.5, **changes
        )
        if groups == 1:
            plain = search(
                model,
                SOURCES,
                5,
                beam_size=beam_size,
                n_best=beam_size,
                length_penalty="average",
                alpha=0.5,
            )
            assert [[h.tokens for h in each] for each in found] == [
                [h.tokens for h in each] for each in plain
            ]
            continue
        for source, hypotheses in zip(SOURCES, found, strict=True):
            forced = Forced(model, source, "average", 0.5, 0.0)
            expected = diverse_by_rule(forced, beam_size, groups, strength, 5)
            assert_same(hypotheses, each_once(expected[:beam_size]))


@given(st.integers(0, 1000), st.sampled_from([(4, 2), (6, 2), (3, 3)]), st.floats(0.0, 4.0))
@settings(max_examples=25, deadline=None)
def test_neighbours_have_no_say(seed, sizes, strength):
    beam_size, groups = sizes
    model = make_model(seed)
    changes = {"beam_size": beam_size, "groups": groups, "diversity": strength}
    together = search(model, SOURCES, 6, n_best=2, **changes)
    every = search(model, SOURCES, 6, n_best=beam_size, **changes)
    for first, all_of in zip(together, every, strict=True):
        assert [h.tokens for h in first] == [h.tokens for h in all_of[:2]]
    for source, hypotheses in zip(SOURCES, together, strict=True):
        (alone,) = search(model, [source], 6, n_best=2, **changes)
        assert [h.tokens for h in alone] == [h.tokens for h in hypotheses]


def test_more_groups_than_first_tokens():
    model = make_model(seed=0)
    found = search(model, SOURCES, 5, beam_size=20, n_best=20, groups=2, diversity=1.0)
    for hypotheses in found:
        assert len({tuple(h.tokens) for h in hypotheses}) == len(hypotheses) > 10
        assert all(torch.isfinite(torch.tensor(h.score)) for h in hypotheses)


@given(
    st.integers(1, 5),
    st.sampled_from([1, 5, 63, 64, 127, 128, 129, 640, 700, 1000]),
    st.integers(0, 1000),
    st.integers(2, 400),
)
@settings(max_examples=150, deadline=None)
def test_the_greatest(k, size, seed, different):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(different, (2, 3, size), generator=generator).float()
    values[0, 0] = -torch.inf
    k = min(k, size)
    found, places = blockwise_topk(values, k)
    torch.testing.assert_close(found, values.topk(k).values, rtol=0, atol=0)
    torch.testing.assert_close(found, values.gather(-1, places), rtol=0, atol=0)
    assert all(len(set(row)) == k for row in places.flatten(0, 1).tolist())


def test_what_is_no_number_is_greatest():
    values = torch.zeros(1, 1, 1000)
    values[0, 0, 700] = float("nan")
    assert blockwise_topk(values, 2)[1][0, 0, 0] == 700
