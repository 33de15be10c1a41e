"""8-bit products against whole numbers in Python, and how near they come to the true ones."""

import os
import subprocess
import sys

import pytest
import torch
from tiny_model import make_model

from nmt.errors import ResourceError
from nmt.model.kernels import int8
from nmt.model.kernels.int8 import Int8Product


def by_hand(x: list[float], w: list[float], steps: int) -> float:
    step_x, step_w = max(map(abs, x)) / 127, max(map(abs, w)) / steps
    whole = sum(round(a / step_x) * round(b / step_w) for a, b in zip(x, w, strict=True))
    return whole * step_x * step_w


@pytest.mark.parametrize("steps", [int8._steps_of_weights(), 63])
def test_the_definition(monkeypatch, steps):
    monkeypatch.setattr(int8, "_steps_of_weights", lambda: steps)
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, 16), torch.randn(9, 16)
    found = Int8Product(weight)(x)
    assert found.dtype == torch.float32
    for i in range(2):
        for j in range(3):
            for k in range(9):
                expected = by_hand(x[i, j].tolist(), weight[k].tolist(), steps)
                assert float(found[i, j, k]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_other_rows_have_no_say(rows):
    torch.manual_seed(1)
    x, product = torch.randn(rows, 1, 32), Int8Product(torch.randn(50, 32))
    together = product(x)
    for row in range(rows):
        torch.testing.assert_close(product(x[row : row + 1])[0], together[row], rtol=0, atol=0)


def test_it_is_near_the_product():
    torch.manual_seed(2)
    x, weight = torch.randn(40, 1, 256), torch.randn(300, 256)
    exact = x @ weight.t()
    error = (Int8Product(weight)(x) - exact).abs().mean() / exact.abs().mean()
    assert 0 < error < 0.02


def test_rows_of_zeros():
    product = Int8Product(torch.zeros(4, 8))
    assert (product(torch.randn(2, 1, 8)) == 0).all()
    assert (Int8Product(torch.randn(4, 8))(torch.zeros(2, 1, 8)) == 0).all()


def test_a_model_with_it():
    model = make_model().float().eval()
    source, lengths = torch.tensor([[4, 5, 3]]), torch.tensor([3])
    encoded = model.encode(source, lengths)
    step = model.step(encoded, model.start(encoded, 1), torch.tensor([[2]]))
    exact = model.log_probabilities(encoded, step)
    kept = set(model.state_dict())
    model.quantize_output()
    assert set(model.state_dict()) == kept
    found = model.log_probabilities(encoded, step)
    torch.testing.assert_close(found, exact, rtol=0.02, atol=0.02)
    assert not torch.equal(found, exact)


def test_only_on_a_cpu():
    with pytest.raises(ResourceError, match="int8 needs a CPU"):
        Int8Product(torch.empty(4, 8, device="meta"))


def test_only_where_torch_has_the_library(monkeypatch):
    monkeypatch.setattr(int8, "has_int8_products", lambda: False)
    with pytest.raises(ResourceError, match="no oneDNN"):
        Int8Product(torch.zeros(4, 8))


@pytest.mark.parametrize("kernels", ["SSE41", "AVX2", "AVX512_CORE", "AVX512_CORE_BF16", "DEFAULT"])
def test_every_kernel_gives_the_whole_numbers(kernels):
    """Older processors add in 16 bits: all at the end of the scale is the worst that can be.

    Rows are also taken one by one and in parts: each must give the same bits.
    """
    program = """
import torch
from nmt.model.kernels.int8 import Int8Product, _steps_of_weights

generator = torch.Generator().manual_seed(1)
signs = torch.randint(2, (96, 512), generator=generator) * 2.0 - 1.0
signs[0] = 1.0
product = Int8Product(signs)(signs.unsqueeze(1)).squeeze(1)
torch.testing.assert_close(product, signs @ signs.t(), rtol=1e-5, atol=1e-3)

steps = _steps_of_weights()
for rows, inner, out in ((33, 257, 1203), (64, 512, 800), (5, 8, 1)):
    weight = torch.randint(-steps, steps + 1, (out, inner), generator=generator)
    x = torch.randint(-127, 128, (rows, inner), generator=generator)
    weight[:, 0], x[:, 0] = steps, 127  # a step is 1, so that nothing is rounded
    whole = (x @ weight.t()).float()
    product = Int8Product(weight.float())
    together = product(x.float())
    assert torch.equal(together, whole), (rows, inner, out)
    for count in (1, 2, 7, 32):
        for at in range(0, rows, count):
            assert torch.equal(product(x[at : at + count].float()), whole[at : at + count])
"""
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": kernels, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_a_product_of_no_rows():
    assert Int8Product(torch.randn(30, 20))(torch.empty(2, 0, 20)).shape == (2, 0, 30)
