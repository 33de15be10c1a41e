"""Not one bit of what search and forced decoding give depends on what else is in the batch."""

import os
import random
import subprocess
import sys
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from nmt.alignment.shortlist import Shortlist
from nmt.config.presets import PRESETS, merge_settings
from nmt.config.settings import ModelSettings, RuntimeSettings, SearchSettings
from nmt.data.manifest import LengthRatio
from nmt.model.kernels.batch_invariance import row_multiples
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime, prepare_runtime
from nmt.search.beam import Scorer
from nmt.search.decode_corpus import decode_corpus
from nmt.search.ensemble import Ensemble
from nmt.search.forced_decoding import ForcedPair, force_decode
from nmt.search.hypothesis import Hypothesis
from nmt.search.logits_processors import LengthLimits
from nmt.search.shortlisted import Shortlisted
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK

VOCABULARY = 600
LIMITS = LengthLimits(LengthRatio(1.0, 0.2), fixed=12)
SIZES = ("embedding_size", "hidden_size", "size", "width")


def _smaller(values: dict[str, Any]) -> dict[str, Any]:
    """An eighth as wide, which makes odd sizes of round ones."""
    return {
        key: _smaller(value)
        if isinstance(value, dict)
        else max(1, value // 8)
        if key in SIZES and value is not None
        else value
        for key, value in values.items()
    }


def _plain(cell: str = "gru", **attention: Any) -> dict[str, Any]:
    return {
        "embedding_size": 128,
        "tying": "source_target",
        "encoder": {"cell": cell, "hidden_size": 100},
        "attention": attention,
        "decoder": {"cell": cell, "hidden_size": 200},
    }


_ALIKE = ("luong2015-general", "luong2015-concat")
MODELS = {name: _smaller(PRESETS[name].model) for name in PRESETS if name not in _ALIKE} | {
    "general": _plain(kind="general"),
    "multi-head": _plain(kind="multi_head", heads=4),
    "multi-head of few": _plain(kind="multi_head", heads=8, size=64),
    "coverage": _plain(coverage=True),
    "sparsemax": _plain("lstm", normalizer="sparsemax"),
    "entmax": _plain("lstm", normalizer="entmax15"),
    "normalized": _plain("layer_norm_gru", kind="normalized_additive"),
    "layer norm": _plain("layer_norm_lstm", kind="concat"),
    "copying": {**_plain(), "output": {"copy_source": True}},
    "wide": merge_settings(
        _plain(), {"encoder": {"hidden_size": 512}, "decoder": {"hidden_size": 512}}
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> Seq2Seq:
    return _model(request.param)


def _model(name: str) -> Seq2Seq:
    torch.manual_seed(1)
    return Seq2Seq(ModelSettings.model_validate(MODELS[name]), VOCABULARY, VOCABULARY).eval()


def _runtime(threads: int) -> Runtime:
    settings = RuntimeSettings(device="cpu", precision="float32", threads=threads)
    runtime = prepare_runtime(settings, exact=True)
    runtime = replace(runtime, choices=replace(runtime.choices, products=_products()))
    runtime.apply()
    return runtime


@cache
def _products() -> str:
    """Return one library of products for all tests: a busy machine may measure another one."""
    if os.environ.get("MKL_CBWR") == "COMPATIBLE":  # of no effect on oneDNN's products
        return "highest"
    settings = RuntimeSettings(device="cpu", precision="float32", threads=1)
    return prepare_runtime(settings, exact=True).choices.products


@pytest.fixture(scope="module")
def sources() -> list[list[int]]:
    draw = random.Random(1)
    lengths = (1, 2, 15, 16, 17, 30, 7, 7, 33, 3, 3)
    return [[draw.randrange(4, VOCABULARY) for _ in range(length)] for length in lengths]


def _bits(hypotheses: list[Hypothesis]) -> list[Any]:
    return [
        (
            each.tokens,
            each.score,
            each.log_probability,
            each.token_log_probabilities,
            None if each.attention is None else np.asarray(each.attention).tobytes(),
        )
        for each in hypotheses
    ]


@pytest.mark.parametrize(
    ("name", "beam_size"),
    [
        pytest.param(name, beam_size, marks=[] if number % 2 == turn else pytest.mark.slow)
        for number, name in enumerate(MODELS)
        for turn, beam_size in enumerate((1, 3))
    ],
)
def test_search(name: str, sources: list[list[int]], beam_size: int) -> None:
    _search(_model(name), sources, beam_size, threads=1)


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("name", ["wide", "layer norm"])
def test_search_by_threads(name: str, sources: list[list[int]], threads: int) -> None:
    by_one = _search(_model(name), sources, 3, threads=1)
    assert _search(_model(name), sources, 3, threads) == by_one


@pytest.mark.parametrize("combination", ["log_linear", "linear"])
def test_ensemble(sources: list[list[int]], combination: str) -> None:
    models = [_model("wide"), _model("layer norm")]
    _search(Ensemble(models, [0.7, 0.3], combination), sources, 3, threads=1)


def test_shortlist(sources: list[list[int]]) -> None:
    generator = torch.Generator().manual_seed(2)
    translations = torch.randint(4, VOCABULARY, (VOCABULARY, 6), generator=generator)
    translations[::2, 1:] = PAD  # so that the lists have other lengths
    translations[: EOS + 1] = PAD
    frequent = torch.randperm(VOCABULARY, generator=generator)
    shortlist = Shortlist(translations.int(), frequent.int(), torch.tensor([PAD, UNK, BOS, EOS]))
    _search(Shortlisted(_model("wide"), shortlist, frequent=20), sources, 3, threads=1)


def _search(
    model: Scorer, sources: list[list[int]], beam_size: int, threads: int, **changes: Any
) -> dict[int, list[Any]]:
    runtime = _runtime(threads)

    def found(order: list[int], together: int) -> dict[int, list[Any]]:
        search = SearchSettings(
            beam_size=beam_size, n_best=beam_size, batch_sentences=together, alpha=0.8, **changes
        )
        wanted = [sources[i] for i in order]
        results = decode_corpus(model, wanted, search, LIMITS, runtime, attention=True)
        return {i: _bits(result) for i, result in zip(order, results, strict=True)}

    in_order = list(range(len(sources)))
    alone = found(in_order, 1)
    _assert_same(found(in_order, 64), alone)
    _assert_same(found(in_order[::-1], 4), alone)
    _assert_same(found(in_order[4:], 5), {i: alone[i] for i in in_order[4:]})
    return alone


def _assert_same(found: Any, expected: Any) -> None:
    if found != expected and None in row_multiples():
        pytest.skip("on this processor no number of rows makes all products independent of others")
    assert found == expected


@pytest.mark.parametrize("name", ["wide", "multi-head of few"])
def test_many_and_long_ones_with_coverage_penalty(name: str, sources: list[list[int]]) -> None:
    draw = random.Random(2)
    longer = [[draw.randrange(4, VOCABULARY) for _ in range(length)] for length in (60, 90, 120)]
    _search(_model(name), [*sources * 3, *longer], 3, threads=1, coverage_penalty=0.2)
    _forced(_model(name), [*sources * 4, *longer], coverage_penalty=0.2)


def test_forced_decoding(model: Seq2Seq, sources: list[list[int]]) -> None:
    _forced(model, sources)


def _forced(model: Seq2Seq, sources: list[list[int]], **changes: Any) -> None:
    runtime = _runtime(threads=1)
    pairs = [ForcedPair(source, source[::-1][:20]) for source in sources]

    def forced(wanted: list[ForcedPair], together: int) -> list[Any]:
        search = SearchSettings(batch_sentences=together, alpha=0.8, **changes)
        return _bits(force_decode(model, wanted, search, runtime, attention=True))

    alone = forced(pairs, 1)
    _assert_same(forced(pairs, 64), alone)
    _assert_same(forced(pairs, 3), alone)
    _assert_same(forced(pairs[::-1], 4), alone[::-1])


def test_search_with_kernels_that_multiply_few_rows_otherwise() -> None:
    """By MKL's code for other processors: rows that are left over have a kernel of their own."""
    environment = {**os.environ, "MKL_CBWR": "COMPATIBLE"}
    here = f"{__file__}::test_search_beside_a_probe_that_is_needed"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", here]
    done = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(
    os.environ.get("MKL_CBWR") != "COMPATIBLE" or not torch.backends.mkl.is_available(),
    reason="started by the test above, with MKL's code for other processors",
)
def test_search_beside_a_probe_that_is_needed(sources: list[list[int]]) -> None:
    _search(_model("wide"), sources, 3, threads=1)
    assert max(each for each in row_multiples() if each is not None) > 2, "it was not needed"
