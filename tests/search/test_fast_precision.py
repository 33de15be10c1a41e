"""The precision of search, with flags and speeds that are made up."""

import pytest
import torch

from nmt.model.kernels.int8 import Int8Product
from nmt.runtime.processor import Processor
from nmt.search import fast_precision
from nmt.search.fast_precision import FastPrecision, choose_precision
from nmt.translation.translator import Translator

AVX2 = Processor("GenuineIntel", frozenset({"avx2"}))
WITHOUT_AMX = Processor("GenuineIntel", frozenset({"avx2", "avx512_bf16"}))
WITH_AMX = Processor("GenuineIntel", frozenset({"avx2", "avx512_bf16", "amx_bf16"}))
ZEN5 = Processor("AuthenticAMD", frozenset({"avx2", "avx512_bf16"}))

FLOAT32 = FastPrecision("float32")
INT8 = FastPrecision("float32", int8_vocabulary=True)
WEIGHT = torch.zeros(300, 300)


@pytest.fixture
def machine(monkeypatch):
    """Sets the processor, and what each product's speed is."""

    def make(processor: Processor, **speeds: float) -> None:
        def gigaflops(candidates, operations, seconds):
            return {name: speeds[name] for name in candidates}

        monkeypatch.setattr(fast_precision, "read_processor", lambda: processor)
        monkeypatch.setattr(fast_precision, "measure_gigaflops", gigaflops)

    return make


@pytest.mark.parametrize(
    ("processor", "asked", "speeds", "expected"),
    [
        (AVX2, "int8", {"float32": 64, "int8": 12}, FLOAT32),
        (AVX2, "int8", {"float32": 64, "int8": 66}, FLOAT32),
        (AVX2, "int8", {"float32": 64, "int8": 80}, INT8),
        (WITHOUT_AMX, "bfloat16", {"float32": 157, "bfloat16": 82}, FLOAT32),
        (WITHOUT_AMX, "int8", {"float32": 157, "bfloat16": 82, "int8": 300}, INT8),
        (WITH_AMX, "bfloat16", {"float32": 99, "bfloat16": 900}, FastPrecision("bfloat16")),
        (
            WITH_AMX,
            "int8",
            {"float32": 99, "bfloat16": 900, "int8": 450},
            FastPrecision("bfloat16", int8_vocabulary=True),
        ),
        (WITH_AMX, "int8", {"float32": 99, "bfloat16": 900, "int8": 50}, FLOAT32),
    ],
)
def test_what_is_asked_for_is_kept_where_it_is_faster(
    machine, capfd, processor, asked, speeds, expected
):
    machine(processor, **speeds)
    assert choose_precision(asked, WEIGHT, measured=True) == expected
    told = capfd.readouterr().err
    if expected == FLOAT32:
        figures = f"{speeds[asked]} against {speeds['float32']} GFLOP/s"
        assert told == (
            f"{asked}: not clearly faster than float32 on this processor ({figures}); using "
            "float32.\n"
        )
    else:
        assert told == ""


def test_a_type_that_the_processor_lacks_is_not_timed(machine, capfd):
    machine(AVX2)
    assert choose_precision("bfloat16", WEIGHT, measured=True) == FLOAT32
    assert capfd.readouterr().err == (
        "bfloat16: this processor does not support it; using float32.\n"
    )


def test_no_products_in_8_bits(machine, monkeypatch, capfd):
    machine(AVX2)
    monkeypatch.setattr(fast_precision, "has_int8_products", lambda: False)
    assert choose_precision("int8", WEIGHT, measured=True) == FLOAT32
    assert "no oneDNN; using float32." in capfd.readouterr().err


@pytest.mark.parametrize(
    ("processor", "asked", "expected"),
    [
        (AVX2, "bfloat16", FLOAT32),
        (WITHOUT_AMX, "bfloat16", FastPrecision("bfloat16")),
        (AVX2, "int8", INT8),
        (WITHOUT_AMX, "int8", INT8),
        (WITH_AMX, "int8", FastPrecision("bfloat16", int8_vocabulary=True)),
        (ZEN5, "int8", FastPrecision("bfloat16", int8_vocabulary=True)),
    ],
)
def test_without_a_stopwatch_the_flags_decide(machine, processor, asked, expected):
    machine(processor)  # any measurement would raise KeyError
    assert choose_precision(asked, WEIGHT, measured=False) == expected


def test_small_products_are_not_timed(machine):
    machine(WITHOUT_AMX)
    assert choose_precision("int8", torch.zeros(20, 30), measured=True) == INT8


@pytest.mark.parametrize("name", ["float32", "bfloat16", "int8"])
def test_what_is_timed_is_the_product(name):
    torch.manual_seed(0)
    x, weight = torch.randn(4, 64), torch.randn(40, 64)
    found = fast_precision._make_product(name, x, weight)()
    torch.testing.assert_close(found, x @ weight.t(), rtol=0.05, atol=0.5)
    if name == "int8":
        assert torch.equal(found, Int8Product(weight)(x))


@pytest.mark.parametrize("asked", ["bfloat16", "int8"])
def test_a_translator_records_what_is_computed(machine, monkeypatch, tiny_bundle, asked):
    monkeypatch.setattr(fast_precision, "_LEAST_WEIGHTS", 1)
    machine(WITH_AMX, float32=64, bfloat16=32, int8=16)
    plain = Translator.load(tiny_bundle, device="cpu")
    slow = Translator.load(tiny_bundle, device="cpu", precision=asked)
    assert slow.made_by == plain.made_by
    (found,), (expected,) = slow.translate(["le chat"]), plain.translate(["le chat"])
    assert found.log_probability == expected.log_probability
    unmeasured = Translator.load(tiny_bundle, device="cpu", precision=asked, measured=False)
    assert unmeasured.made_by["precision"] == "bfloat16"
    assert unmeasured.made_by.get("vocabulary") == ("int8" if asked == "int8" else None)
