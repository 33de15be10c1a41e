"""Ensembles against a slow witness: every translation, token by token, model by model."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.config.registry import COMBINATIONS
from nmt.config.settings import ModelSettings, RuntimeSettings, SearchSettings
from nmt.data.manifest import LengthRatio
from nmt.errors import UsageError
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import prepare_runtime
from nmt.search.beam import BeamSearch
from nmt.search.decode_corpus import decode_corpus
from nmt.search.ensemble import Ensemble
from nmt.search.forced_decoding import ForcedPair, force_decode
from nmt.search.hypothesis import Hypothesis
from nmt.search.logits_processors import LengthLimits
from nmt.tokenizers.tokenizer import BOS, EOS, UNK

VOCABULARY = 7
ORDINARY = [UNK, 4, 5, 6]
SOURCES = [[4, 5, 6, 4, EOS], [6, EOS]]
WEIGHTS = [0.5, 0.2, 0.3]

SHAPES = (
    {"embedding_size": 6, "encoder": {"hidden_size": 4}, "decoder": {"hidden_size": 5}},
    {
        "embedding_size": 5,
        "encoder": {"cell": "gru", "hidden_size": 3, "layers": 2},
        "decoder": {"cell": "gru", "hidden_size": 7, "layers": 2},
        "attention": {"kind": "concat", "coverage": True},
    },
    {
        "embedding_size": 4,
        "encoder": {"hidden_size": 6},
        "decoder": {"hidden_size": 6, "start": "bridge"},
        "attention": {"kind": "none"},
    },
)


def make_model(seed: int, shape: dict[str, object]) -> Seq2Seq:
    torch.manual_seed(seed)
    sizes = ModelSettings.model_validate(shape)
    model = Seq2Seq(sizes, VOCABULARY, VOCABULARY).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.9)
        model.output_bias[EOS] += 0.5
    return model


def make_models(seed: int) -> list[Seq2Seq]:
    return [make_model(seed + i, shape) for i, shape in enumerate(SHAPES)]


def search(model, limit: int, **changes: object) -> list[list[Hypothesis]]:
    longest = max(map(len, SOURCES))
    source = torch.tensor([tokens + [0] * (longest - len(tokens)) for tokens in SOURCES])
    lengths = torch.tensor([len(tokens) for tokens in SOURCES])
    beam = BeamSearch(model, SearchSettings(length_penalty="none", **changes))
    return beam.search(source, lengths, torch.full_like(lengths, limit))


def combined(combination: str, rows: list[list[float]], weights: list[float]) -> list[float]:
    if combination == "linear":
        return [
            math.log(sum(w * math.exp(row[v]) for row, w in zip(rows, weights, strict=True)))
            for v in range(VOCABULARY)
        ]
    sums = [
        sum(w * row[v] for row, w in zip(rows, weights, strict=True)) for v in range(VOCABULARY)
    ]
    return [each - math.log(sum(map(math.exp, sums))) for each in sums]


class Witness:
    """Scores of given translations of one source."""

    def __init__(self, models, source, combination, weights):
        self.models, self.combination, self.weights = models, combination, weights
        source, length = torch.tensor([source]), torch.tensor([len(source)])
        self.encoded = [model.encode(source, length) for model in models]

    def __call__(self, tokens: list[int], finished: bool) -> tuple[float, np.ndarray]:
        output = [*tokens, EOS] if finished else tokens
        read = torch.tensor([[BOS, *output[:-1]]])
        with torch.no_grad():
            unrolled = [
                model.decoder.unroll(encoded, read)
                for model, encoded in zip(self.models, self.encoded, strict=True)
            ]
            opinions = [
                model.log_probabilities(encoded, own)[0].tolist()
                for model, encoded, own in zip(self.models, self.encoded, unrolled, strict=True)
            ]
        total = sum(
            combined(self.combination, [rows[i] for rows in opinions], self.weights)[token]
            for i, token in enumerate(output)
        )
        looking = [
            (own.weights[0].numpy(), weight)
            for own, weight in zip(unrolled, self.weights, strict=True)
            if own.weights is not None
        ]
        attention = sum(weight * each for each, weight in looking)
        return total, attention / sum(weight for _, weight in looking)


def enumerate_all(witness: Witness, limit: int) -> list[tuple[list[int], bool]]:
    found, prefixes = [], [[token] for token in ORDINARY]
    for length in range(1, limit + 1):
        found += [(prefix, length < limit) for prefix in prefixes]
        prefixes = [[*prefix, token] for prefix in prefixes for token in ORDINARY]
    return sorted(found, key=lambda each: (not each[1], -witness(*each)[0]))


@pytest.mark.parametrize("combination", COMBINATIONS.names())
def test_a_wide_beam_finds_what_enumeration_finds(combination):
    models = make_models(seed=1)
    ensemble = Ensemble(models, [5.0, 2.0, 3.0], combination)
    for source, found in zip(SOURCES, search(ensemble, 3, beam_size=100, n_best=30), strict=True):
        witness = Witness(models, source, combination, WEIGHTS)
        expected = enumerate_all(witness, limit=3)
        assert [(each.tokens, each.finished) for each in found] == expected[:30]
        for hypothesis in found:
            total, attention = witness(hypothesis.tokens, hypothesis.finished)
            assert hypothesis.log_probability == pytest.approx(total, abs=1e-5)
            np.testing.assert_allclose(hypothesis.attention, attention, atol=1e-6)


@pytest.mark.parametrize("combination", COMBINATIONS.names())
def test_probabilities_of_all_tokens_sum_to_one(combination):
    ensemble = Ensemble(make_models(seed=2), WEIGHTS, combination)
    encoded = ensemble.encode(torch.tensor([SOURCES[0]]), torch.tensor([5]))
    step = ensemble.step(encoded, ensemble.start(encoded, 2), torch.tensor([[BOS, 4]]))
    sums = ensemble.log_probabilities(encoded, step).exp().sum(-1)
    np.testing.assert_allclose(sums.detach(), 1.0, atol=1e-12)


@given(
    seed=st.integers(0, 1000),
    beam_size=st.integers(1, 4),
    copies=st.integers(1, 3),
    combination=st.sampled_from(COMBINATIONS.names()),
)
@settings(max_examples=10, deadline=None)
def test_copies_of_a_model_are_that_model(seed, beam_size, copies, combination):
    model = make_model(seed, SHAPES[0])
    ensemble = Ensemble([model] * copies, combination=combination)
    wanted = {"beam_size": beam_size, "n_best": beam_size}
    alone, together = search(model, 5, **wanted), search(ensemble, 5, **wanted)
    for one, other in zip(alone, together, strict=True):
        assert [each.tokens for each in one] == [each.tokens for each in other]
        for mine, theirs in zip(one, other, strict=True):
            assert mine.score == pytest.approx(theirs.score, abs=1e-5)
            np.testing.assert_allclose(mine.attention, theirs.attention, atol=1e-6)


@given(seed=st.integers(0, 1000), order=st.permutations(range(3)))
@settings(max_examples=4, deadline=None)
def test_the_order_of_the_models_does_not_matter(seed, order):
    models = make_models(seed)
    one = search(Ensemble(models, WEIGHTS), 4, beam_size=3)
    shuffled = Ensemble([models[i] for i in order], [WEIGHTS[i] for i in order])
    for mine, theirs in zip(one, search(shuffled, 4, beam_size=3), strict=True):
        assert mine[0].tokens == theirs[0].tokens
        assert mine[0].score == pytest.approx(theirs[0].score, abs=1e-5)


@pytest.mark.parametrize("combination", COMBINATIONS.names())
def test_given_translations_have_the_scores_that_search_gave(combination):
    runtime = prepare_runtime(RuntimeSettings(device="cpu", precision="float32", threads=1))
    ensemble = Ensemble(make_models(seed=3), WEIGHTS, combination)
    wanted = SearchSettings(length_penalty="none")
    for source, found in zip(SOURCES, search(ensemble, 5, beam_size=3, n_best=3), strict=True):
        pairs = [ForcedPair(source[:-1], each.tokens, each.finished) for each in found]
        scored = force_decode(ensemble, pairs, wanted, runtime, attention=True)
        for mine, theirs in zip(scored, found, strict=True):
            assert mine.score == pytest.approx(theirs.score, abs=1e-5)
            assert mine.token_log_probabilities == pytest.approx(
                theirs.token_log_probabilities, abs=1e-5
            )
            np.testing.assert_allclose(mine.attention, theirs.attention, atol=1e-6)


def test_a_model_without_weight_is_not_asked():
    models = make_models(seed=1)
    with torch.no_grad():
        models[1].output_bias.fill_(float("nan"))
    alone = search(models[0], 5, beam_size=2)
    beside = search(Ensemble(models[:2], [0.5, 0.0]), 5, beam_size=2)
    assert [each[0].tokens for each in alone] == [each[0].tokens for each in beside]


def test_no_attention_where_no_model_has_any():
    blind = [make_model(seed, SHAPES[2]) for seed in range(2)]
    for hypotheses in search(Ensemble(blind), 4, beam_size=2):
        assert hypotheses[0].attention is None
    with pytest.raises(UsageError, match="no attention"):
        search(Ensemble(blind), 4, beam_size=2, coverage_penalty=0.1)


def test_an_ensemble_is_in_the_mode_of_its_models():
    models = make_models(seed=1)
    assert not any(module.training for module in Ensemble(models).modules())


def test_the_mode_of_the_models_comes_back():
    shape = {**SHAPES[0], "embedding_dropout": 0.5}
    ensemble = Ensemble([make_model(seed, shape).float() for seed in range(2)]).train()
    runtime = prepare_runtime(RuntimeSettings(device="cpu", precision="float32", threads=1))
    limits = LengthLimits(LengthRatio(1.0, 0.2))
    first, again = (
        decode_corpus(ensemble, [[5, 6, 4]], SearchSettings(), limits, runtime) for _ in range(2)
    )
    assert first[0][0].token_log_probabilities == again[0][0].token_log_probabilities
    assert all(model.training for model in ensemble.models)


@pytest.mark.parametrize(
    ("weights", "combination", "rule"),
    [
        ([1.0], "linear", "models: 2, weights: 1. Give one weight for each"),
        ([], "linear", "weights: 0"),
        ([0.5, -0.1], "linear", "-0.1 is not a weight"),
        ([0.5, float("nan")], "linear", "nan is not a weight"),
        ([float("inf"), 1.0], "linear", "inf is not a weight"),
        ([0.0, 0.0], "linear", "the weights of all models are 0"),
        (None, "geometric", "'geometric' is not a combination .* choose one of log_linear, linear"),
    ],
)
def test_what_cannot_be_is_refused(weights, combination, rule):
    models = [make_model(seed, SHAPES[0]) for seed in range(2)]
    with pytest.raises(UsageError, match=rule):
        Ensemble(models, weights, combination)
