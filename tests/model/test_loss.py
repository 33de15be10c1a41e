"""The fused loss against torch's own."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from nmt.model import loss as loss_module
from nmt.model.loss import cross_entropy_sums


def inputs(bias=True):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(11, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    b = torch.randn(7, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(7, (11,), generator=generator)
    return features, weight, b if bias else None, targets


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("block_rows", "chunk_rows"), [(1, 1), (5, 2), (11, 4), (100, 100)])
def test_value_and_gradients(monkeypatch, smoothing, bias, block_rows, chunk_rows):
    monkeypatch.setattr(loss_module, "_BLOCK_BYTES", block_rows * 7 * 8)
    monkeypatch.setattr(loss_module, "_CHUNK_BYTES", chunk_rows * 7 * 8)
    features, weight, b, targets = inputs(bias)
    learned = [x for x in (features, weight, b) if x is not None]
    sums = cross_entropy_sums(features, weight, b, targets, smoothing)
    ours = torch.autograd.grad(3 * sums.loss, learned)
    logits = features @ weight.t() + (0 if b is None else b)
    expected = cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
    theirs = torch.autograd.grad(3 * expected, learned)
    torch.testing.assert_close(sums.loss, expected)
    torch.testing.assert_close(sums.cross_entropy, cross_entropy(logits, targets, reduction="sum"))
    assert sums.tokens == 11
    assert not sums.cross_entropy.requires_grad
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_gradcheck():
    features, weight, b, targets = inputs()

    def f(x, w, c):
        return cross_entropy_sums(x, w, c, targets, 0.2).loss

    assert torch.autograd.gradcheck(f, (features, weight, b))


def test_without_gradients_none_are_made(monkeypatch):
    features, weight, b, targets = inputs()
    made = []
    block_sums = loss_module._block_sums

    def spy(*arguments):
        made.append(arguments[-2])
        return block_sums(*arguments)

    monkeypatch.setattr(loss_module, "_block_sums", spy)
    with torch.no_grad():
        sums = cross_entropy_sums(features, weight, b, targets, 0.1)
    assert not sums.loss.requires_grad
    assert made == [None]
