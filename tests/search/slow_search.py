"""Search done slowly: tiny models, one sentence at a time, every score by unrolling the model."""

from dataclasses import dataclass
from functools import cache
from weakref import WeakKeyDictionary

import numpy as np
import pytest
import torch

from nmt.config.registry import LENGTH_PENALTIES
from nmt.config.settings import ModelSettings, SearchSettings
from nmt.model.seq2seq import Seq2Seq
from nmt.search.beam import BeamSearch
from nmt.search.constraints import TokenConstraints
from nmt.search.hypothesis import Hypothesis
from nmt.tokenizers.tokenizer import BOS, EOS, UNK

VOCABULARY = 7
ORDINARY = [UNK, 4, 5, 6]
SOURCES = [[4, 5, 6, 4, EOS], [6, EOS], [5, 5, 4, EOS]]


def make_model(seed: int, **decoder: object) -> Seq2Seq:
    torch.manual_seed(seed)
    sizes = ModelSettings.model_validate(
        {
            "embedding_size": 6,
            "encoder": {"hidden_size": 4},
            "decoder": {"hidden_size": 5, **decoder},
        }
    )
    model = Seq2Seq(sizes, VOCABULARY, VOCABULARY).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.9)
        model.output_bias[EOS] += 0.5
    return model


@cache
def kept_model(seed: int) -> Seq2Seq:
    """The plain model of a seed, once for all tests; `Forced` keeps with it what it has found."""
    return make_model(seed)


def padded(sources: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, sources))
    rows = [source + [0] * (longest - len(source)) for source in sources]
    return torch.tensor(rows), torch.tensor([len(source) for source in sources])


def search(
    model: Seq2Seq,
    sources: list[list[int]],
    limit: int,
    constraints: list[TokenConstraints] | None = None,
    **changes: object,
) -> list[list[Hypothesis]]:
    source, lengths = padded(sources)
    beam = BeamSearch(model, SearchSettings(**changes))
    return beam.search(source, lengths, torch.full_like(lengths, limit), constraints)


@dataclass(frozen=True)
class Scored:
    """What forced decoding says of a translation."""

    tokens: list[int]
    finished: bool
    log_probabilities: list[float]
    weights: np.ndarray
    score: float


class Forced:
    """Scores of given translations of one source, by unrolling the model over each."""

    def __init__(
        self, model: Seq2Seq, source: list[int], penalty: str, alpha: float, beta: float
    ) -> None:
        self.model, self.beta = model, beta
        self.penalty = LENGTH_PENALTIES.resolve(penalty)(alpha)
        self.encoded = model.encode(torch.tensor([source]), torch.tensor([len(source)]))
        self._found = _FOUND.setdefault(model, {}).setdefault(tuple(source), {})

    def __call__(self, tokens: list[int], finished: bool) -> Scored:
        output = [*tokens, EOS] if finished else tokens
        if tuple(output) not in self._found:
            self._found[tuple(output)] = self._unroll(output)
        values, weights = self._found[tuple(output)]
        total = torch.tensor(sum(values), dtype=torch.float64)
        score = float(self.penalty.score(total, torch.tensor(len(output))))
        score += self.beta * float(np.log(np.minimum(weights.sum(0), 1.0)).sum())
        return Scored(tokens, finished, values, weights, score)

    def _unroll(self, output: list[int]) -> tuple[list[float], np.ndarray]:
        with torch.no_grad():
            unrolled = self.model.decoder.unroll(self.encoded, torch.tensor([[BOS, *output[:-1]]]))
            rows = self.model.log_probabilities(self.encoded, unrolled)[0]
        return [float(rows[i, token]) for i, token in enumerate(output)], unrolled.weights[
            0
        ].numpy()


_FOUND: WeakKeyDictionary[Seq2Seq, dict[tuple[int, ...], dict]] = WeakKeyDictionary()
"""By model, source and output: log-probabilities and attention, which no penalty changes."""


def ranked(found: list[Scored]) -> list[Scored]:
    return sorted(found, key=lambda each: (not each.finished, -each.score))


def enumerate_all(forced: Forced, limit: int) -> list[Scored]:
    found, prefixes = [], [[token] for token in ORDINARY]
    for length in range(1, limit + 1):
        for prefix in prefixes:
            if length < limit:
                found.append(forced(prefix, True))
            else:
                found.append(forced(prefix, False))
        prefixes = [[*prefix, token] for prefix in prefixes for token in ORDINARY]
    return ranked(found)


def total(forced: Forced, prefix: list[int], token: int) -> float:
    scored = forced(prefix, True) if token == EOS else forced([*prefix, token], False)
    return sum(scored.log_probabilities)


def assert_same(found: list[Hypothesis], expected: list[Scored]) -> None:
    assert [(h.tokens, h.finished) for h in found] == [(e.tokens, e.finished) for e in expected]
    for hypothesis, scored in zip(found, expected, strict=True):
        assert hypothesis.score == pytest.approx(scored.score, abs=1e-5)
        assert hypothesis.log_probability == pytest.approx(sum(scored.log_probabilities), abs=1e-5)
        assert hypothesis.token_log_probabilities == pytest.approx(
            scored.log_probabilities, abs=1e-5
        )
        np.testing.assert_allclose(hypothesis.attention, scored.weights, atol=1e-6)
