"""The tree of a search against the hypotheses that the search gives."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_search import SOURCES, Forced, make_model, padded, search

from nmt.config.settings import SearchSettings
from nmt.search.beam import BeamSearch
from nmt.search.hypothesis import NodeOutcome, SearchTree
from nmt.tokenizers.tokenizer import EOS
from nmt.translation.translator import Translator


def grown(model, limit=6, **changes):
    source, lengths = padded(SOURCES)
    beam = BeamSearch(model, SearchSettings(**changes), tree=True)
    return beam.search(source, lengths, torch.full_like(lengths, limit))


def path(tree: SearchTree, number: int) -> list[int]:
    tokens = []
    while number >= 0:
        tokens.append(tree.nodes[number].token)
        number = tree.nodes[number].parent
    return tokens[::-1]


WAYS = [{}, {"length_penalty": "none"}, {"groups": 2, "diversity": 0.3}, {"sampling": True}]


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 50), beam_size=st.sampled_from([2, 4]), way=st.sampled_from(WAYS))
def test_what_ended_is_what_was_found(seed, beam_size, way):
    found = grown(make_model(seed), beam_size=beam_size, n_best=beam_size, **way)
    for hypotheses in found:
        tree = hypotheses[0].tree
        ends = {node.rank: i for i, node in enumerate(tree.nodes) if node.rank is not None}
        assert sorted(ends) == list(range(1, len(ends) + 1))
        if "groups" not in way:  # what two groups found is one of the best only once
            for rank, hypothesis in enumerate(hypotheses, start=1):
                node = tree.nodes[ends[rank]]
                assert node.outcome is (
                    NodeOutcome.FINISHED if hypothesis.finished else NodeOutcome.CUT
                )
                assert path(tree, ends[rank]) == hypothesis.tokens + [EOS] * hypothesis.finished
                assert node.score == pytest.approx(hypothesis.score)
                assert node.log_probability == pytest.approx(hypothesis.log_probability)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 50), beam_size=st.integers(1, 4), way=st.sampled_from(WAYS[:2]))
def test_every_node_is_what_the_model_says(seed, beam_size, way):
    model = make_model(seed)
    found = grown(model, beam_size=beam_size, **way)
    penalty = {"length_penalty": "gnmt", "alpha": 1.0, **way}
    for source, hypotheses in zip(SOURCES, found, strict=True):
        tree = hypotheses[0].tree
        forced = Forced(model, source, penalty["length_penalty"], penalty["alpha"], 0.0)
        extended = {node.parent for node in tree.nodes}
        last = max(node.time for node in tree.nodes)
        for time in range(1, last + 1):
            kept = [
                n for n in tree.nodes if n.time == time and n.outcome is not NodeOutcome.FINISHED
            ]
            assert len(kept) <= beam_size
        for i, node in enumerate(tree.nodes):
            tokens = path(tree, i)
            assert len(tokens) == node.time
            assert node.parent < i
            ended = node.outcome is NodeOutcome.FINISHED
            assert (tokens[-1] == EOS) == ended
            expected = forced(tokens[: len(tokens) - ended], ended)
            assert node.log_probability == pytest.approx(sum(expected.log_probabilities))
            assert node.score == pytest.approx(expected.score)
            assert (node.outcome is NodeOutcome.EXTENDED) == (i in extended)
            if node.outcome is NodeOutcome.PRUNED:
                assert node.time < last
            if node.outcome is NodeOutcome.LEFT:
                assert node.time == last


def test_nothing_is_kept_unless_it_is_asked_for():
    model = make_model(3)
    plain = search(model, SOURCES, limit=6, beam_size=3, n_best=3)
    trees = grown(model, beam_size=3, n_best=3)
    for with_tree, without in zip(trees, plain, strict=True):
        assert all(hypothesis.tree is None for hypothesis in without)
        assert [h.tokens for h in with_tree] == [h.tokens for h in without]
        assert [h.score for h in with_tree] == [h.score for h in without]


def test_impossible_hypotheses_are_no_nodes():
    """A wide beam has places that nothing can take at the first steps."""
    (hypotheses, *_) = grown(make_model(1), limit=3, beam_size=50)
    assert all(math.isfinite(node.log_probability) for node in hypotheses[0].tree.nodes)


def test_pieces_are_those_of_the_tokens():
    tree = grown(make_model(1))[0][0].tree
    with pytest.raises(ValueError, match="nodes"):
        tree.with_pieces(["a"])


def test_a_translation_has_the_tree_of_its_search(tiny_bundle):
    translator = Translator.load(tiny_bundle, device="cpu", threads=1)
    texts = ["le chat noir", "", "un chien dort ."]
    plain = translator.translate(texts, n_best=3)
    seen = translator.translate(texts, n_best=3, tree=True)
    assert [each.text for each in seen] == [each.text for each in plain]
    assert plain[0].tree is None
    assert seen[1].tree is None
    for translation in (seen[0], seen[2]):
        for rank, each in enumerate(translation.n_best, start=1):
            (end,) = [i for i, node in enumerate(each.tree.nodes) if node.rank == rank]
            pieces, at = [], end
            while at >= 0:
                pieces.append(each.tree.pieces[at])
                at = each.tree.nodes[at].parent
            assert pieces[::-1] == each.tokens


def test_a_text_in_pieces_has_no_tree(tiny_bundle):
    translator = Translator.load(tiny_bundle, device="cpu", threads=1)
    (translation,) = translator.translate(["le chat . " * 9], max_source_tokens=20, tree=True)
    assert translation.pieces > 1
    assert translation.tree is None
