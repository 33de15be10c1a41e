"""Gathered weight gradients are the plain ones."""

import pytest
import torch

from nmt.model.linear import Linear
from nmt.model.loop import gathered_gradients


def recur(linear, x, steps, gathered):
    def loop():
        h = x
        for _ in range(steps):
            h = torch.tanh(linear(h))
        return h

    if not gathered:
        return loop()
    with gathered_gradients():
        return loop()


def test_values_and_gradients_of_a_loop():
    torch.manual_seed(0)
    for bias in (True, False):
        linear = Linear(5, 5, bias=bias).double()
        x = torch.randn(3, 2, 5, dtype=torch.float64, requires_grad=True)
        learned = [x, *linear.parameters()]
        plain = recur(linear, x, 4, gathered=False)
        gathered = recur(linear, x, 4, gathered=True)
        torch.testing.assert_close(gathered, plain, rtol=1e-14, atol=0)
        weights = torch.randn_like(plain)
        expected = torch.autograd.grad((plain * weights).sum(), learned)
        found = torch.autograd.grad((gathered * weights).sum(), learned)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)


def test_gradcheck():
    torch.manual_seed(0)
    linear = Linear(2, 2).double()
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, w, b: recur(linear, x, 3, gathered=True), (x, linear.weight, linear.bias)
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3, 2, 4), (4,)])
def test_what_is_added_to_the_product(bias, shape):
    torch.manual_seed(0)
    linear = Linear(5, 4, bias=bias).double()
    x = torch.randn(3, 2, 5, dtype=torch.float64, requires_grad=True)
    plus = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    learned = [x, plus, *linear.parameters()]

    def results(value):
        return [value, *torch.autograd.grad((value**3).sum(), learned)]

    expected = results(torch.nn.functional.linear(x, linear.weight, linear.bias) + plus)
    outside = results(linear(x, plus))
    with gathered_gradients():
        inside = linear(x, plus)
    for found in (outside, results(inside)):
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_a_map_that_no_loss_depends_on_has_no_gradient():
    linear, other = Linear(2, 2), Linear(2, 2)
    x = torch.ones(1, 2)
    with gathered_gradients():
        result = linear(x)
        other(x)
    result.sum().backward()
    assert linear.weight.grad is not None
    assert other.weight.grad is None


def test_an_inner_loop_does_not_end_the_outer_one():
    linear = Linear(2, 2)
    with gathered_gradients():
        with gathered_gradients():
            inner = linear(torch.ones(1, 2))
        outer = linear(inner)
    assert type(outer.grad_fn).__name__ == type(inner.grad_fn).__name__ != "AddmmBackward0"
