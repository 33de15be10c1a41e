"""The fused loss against torch's own."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from nmt.model import loss as loss_module
from nmt.model.kernels import fused_cross_entropy
from nmt.model.loss import LossSums, coverage_loss, cross_entropy_sums, pointer_cross_entropy_sums


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
    monkeypatch.setattr(fused_cross_entropy, "_BLOCK_BYTES", block_rows * 7 * 8)
    monkeypatch.setitem(fused_cross_entropy._CHUNK_BYTES, "cpu", chunk_rows * 7 * 8)
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


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sums_are_wide_in_autocast(smoothing, dtype):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(200, 64, generator=generator, requires_grad=True)
    weight = torch.randn(4000, 64, generator=generator) / 8
    targets = torch.randint(4000, (200,), generator=generator)
    with torch.autocast("cpu", dtype=dtype):
        sums = cross_entropy_sums(features, weight, None, targets, smoothing)
    # Rounded as the products see them: the sums themselves must bring no more error.
    rounded = features.to(dtype).double() @ weight.to(dtype).double().t()
    exact = cross_entropy(rounded, targets, reduction="sum", label_smoothing=smoothing)
    assert sums.loss.dtype == torch.float32
    assert sums.loss.item() == pytest.approx(exact.item(), rel=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("copying", [True, False])
def test_padding_counts_for_nothing(smoothing, bias, copying):
    """Whatever stands there; where all is padding too."""
    features, weight, b, targets = inputs(bias)
    extra = (torch.zeros(11).double(), torch.full((11,), 0.5).double()) if copying else ()
    sums_of = pointer_cross_entropy_sums if copying else cross_entropy_sums
    learned = [x for x in (features, weight, b) if x is not None]
    for real in (torch.arange(11) % 3 != 1, torch.ones(11).bool(), torch.zeros(11).bool()):
        found = sums_of(features, weight, b, targets, *extra, smoothing, real)
        if real.any():
            few = [x[real] for x in (targets, *extra)]
            expected = sums_of(features[real], weight, b, *few, smoothing)
            theirs = torch.autograd.grad(expected.loss, learned)
        else:
            expected = LossSums(torch.zeros(()).double(), torch.zeros(()).double(), 0)
            theirs = [torch.zeros_like(x) for x in learned]
        assert found.tokens == expected.tokens
        assert not found.cross_entropy.requires_grad
        close = {"rtol": 1e-12, "atol": 1e-12}
        torch.testing.assert_close(found.loss, expected.loss, **close)
        torch.testing.assert_close(found.cross_entropy, expected.cross_entropy, **close)
        for one, other in zip(torch.autograd.grad(found.loss, learned), theirs, strict=True):
            torch.testing.assert_close(one, other, **close)


@pytest.mark.parametrize("learned", ["features", "weight", "bias"])
def test_when_only_one_part_is_learned(learned):
    features, weight, b, targets = inputs()
    parts = {"features": features, "weight": weight, "bias": b}
    (expected,) = torch.autograd.grad(
        cross_entropy_sums(*parts.values(), targets, 0.1).loss, parts[learned]
    )
    frozen = [part if name == learned else part.detach() for name, part in parts.items()]
    (found,) = torch.autograd.grad(cross_entropy_sums(*frozen, targets, 0.1).loss, parts[learned])
    torch.testing.assert_close(found, expected)


def test_gradcheck():
    features, weight, b, targets = inputs()

    def f(x, w, c):
        return cross_entropy_sums(x, w, c, targets, 0.2).loss

    assert torch.autograd.gradcheck(f, (features, weight, b))


def test_without_gradients_none_are_made(monkeypatch):
    features, weight, b, targets = inputs()
    kept = []
    add = fused_cross_entropy._Softmax.add

    def spy(self, logits, targets):
        kept.append(self.needs_gradients)
        before = logits.clone()
        add(self, logits, targets)
        assert torch.equal(logits, before)

    monkeypatch.setattr(fused_cross_entropy._Softmax, "add", spy)
    with torch.no_grad():
        sums = cross_entropy_sums(features, weight, b, targets, 0.1)
    assert not sums.loss.requires_grad
    assert kept == [False]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("block_rows", [1, 5, 100])
def test_with_copying(monkeypatch, smoothing, bias, block_rows):
    monkeypatch.setattr(loss_module, "_BLOCK_BYTES", block_rows * 7 * 4)
    features, weight, b, targets = inputs(bias)
    generator = torch.Generator().manual_seed(2)
    gate = torch.randn(11, generator=generator, dtype=torch.float64, requires_grad=True)
    copies = torch.rand(11, generator=generator, dtype=torch.float64)
    copies[::3] = 0.0
    copies.requires_grad_()
    learned = [x for x in (features, weight, b, gate, copies) if x is not None]
    sums = pointer_cross_entropy_sums(features, weight, b, targets, gate, copies, smoothing)
    p = torch.softmax(features @ weight.t() + (0 if b is None else b), -1)
    share = 1 / (1 + torch.exp(-gate))
    log_p = torch.log(share * p[range(11), targets] + (1 - share) * copies)
    expected = -((1 - smoothing) * log_p + smoothing * torch.log(p).mean(1)).sum()
    torch.testing.assert_close(sums.loss, expected)
    torch.testing.assert_close(sums.cross_entropy, -log_p.sum())
    assert sums.tokens == 11
    assert not sums.cross_entropy.requires_grad
    ours = torch.autograd.grad(sums.loss, learned)
    theirs = torch.autograd.grad(expected, learned)
    for one, other, x in zip(ours, theirs, learned, strict=True):
        # Where nothing is copied there is no slope to follow: what gets no attention at all is
        # out of sight, behind the mask or the window.
        seen = x != 0 if x is copies else slice(None)
        torch.testing.assert_close(one[seen], other[seen])
        assert one.isfinite().all()


def test_gates_that_are_wide_open_or_shut_stay_finite():
    features, weight, b, targets = inputs()
    gate = torch.tensor([-1e4, 1e4] * 5 + [0.0]).double().requires_grad_()
    copies = torch.zeros(11).double().requires_grad_()
    sums = pointer_cross_entropy_sums(features, weight, b, targets, gate, copies, 0.1)
    found = torch.autograd.grad(sums.loss, [features, weight, b, gate, copies])
    assert sums.loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_coverage_loss_of_a_sentence(dtype):
    """What looks twice at the same place pays for it; what stands in the padding does not."""
    weights = torch.tensor(
        [[[1.0, 0.0], [0.25, 0.75], [0.5, 0.5]], [[0.5, 0.5], [0.9, 0.1], [1.0, 0.0]]], dtype=dtype
    )
    real = torch.tensor([[True, True, True], [True, True, False]])
    expected = (0.25 + 0.0) + (0.5 + 0.5) + (0.5 + 0.1)
    assert coverage_loss(weights, real).item() == pytest.approx(expected)
