"""Weight gradients that are formed after a loop over time are the plain ones."""

import gc

import pytest
import torch

from nmt.model.kernels.deferred_gradients import Linear, deferred_gradients


def recur(linear, x, steps, deferred):
    def loop():
        h = x
        for _ in range(steps):
            h = torch.tanh(linear(h))
        return h

    if not deferred:
        return loop()
    with deferred_gradients(linear, steps):
        return loop()


def make_linear(bias=True, size=5):
    torch.manual_seed(0)
    return Linear(size, size, bias=bias).double()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("frozen", [(), ("weight",), ("bias",), ("weight", "bias")])
def test_values_and_gradients_of_a_loop(bias, frozen):
    linear = make_linear(bias)
    for name, parameter in linear.named_parameters():
        parameter.requires_grad_(name not in frozen)
    x = torch.randn(3, 2, 5, dtype=torch.float64, requires_grad=True)
    learned = [x, *(p for p in linear.parameters() if p.requires_grad)]
    plain = recur(linear, x, 4, deferred=False)
    deferred = recur(linear, x, 4, deferred=True)
    torch.testing.assert_close(deferred, plain, rtol=1e-14, atol=0)
    weights = torch.randn_like(plain)
    expected = torch.autograd.grad((plain * weights).sum(), learned)
    found = torch.autograd.grad((deferred * weights).sum(), learned)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_gradcheck():
    linear = make_linear(size=2)
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, w, b: recur(linear, x, 3, deferred=True), (x, linear.weight, linear.bias)
    )


def test_no_product_of_a_step_makes_a_gradient_of_the_weight():
    linear = make_linear()
    result = recur(linear, torch.ones(2, 5).double(), 3, deferred=True)
    nodes, found = [result.grad_fn], set()
    while nodes:
        node = nodes.pop()
        found.add(node)
        nodes += [each for each, _ in node.next_functions if each is not None]
    names = [type(node).__name__ for node in found]
    assert names.count("AddmmBackward0") == 3
    assert names.count("_DeferredBackward") == 1
    assert names.count("AccumulateGrad") == 2


def test_fewer_steps_than_said_and_none_at_all():
    linear, other = make_linear(), make_linear()
    x = torch.ones(1, 5).double()
    with deferred_gradients(linear, 7), deferred_gradients(other, 7):
        result = linear(linear(x))
        other(x)
    found = torch.autograd.grad(result.sum(), linear.weight, retain_graph=True)
    expected = torch.autograd.grad(linear(linear(x)).sum(), linear.weight)
    torch.testing.assert_close(found, expected)
    result.sum().backward()
    assert other.weight.grad is None


def test_more_steps_than_said_are_an_error():
    linear = make_linear()
    with pytest.raises(IndexError), deferred_gradients(linear, 1):
        linear(linear(torch.ones(1, 5).double()))
    assert linear.steps is None


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
    with deferred_gradients(linear, 1):
        inside = linear(x, plus)
    for found in (outside, results(inside)):
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


class Failure(torch.autograd.Function):
    """Identity whose backward pass fails as often as it is told."""

    times = 0

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        if Failure.times > 0:
            Failure.times -= 1
            raise torch.OutOfMemoryError("as told")
        return gradient


def test_passes_that_fail_or_ask_for_other_gradients_leave_nothing():
    linear = make_linear()
    x = torch.randn(2, 1, 5, dtype=torch.float64, requires_grad=True)
    expected = torch.autograd.grad((recur(linear, x, 3, False) ** 3).sum(), [x, linear.weight])
    total = (recur(linear, Failure.apply(x), 3, True) ** 3).sum()
    Failure.times = 1
    with pytest.raises(torch.OutOfMemoryError):
        torch.autograd.grad(total, [x, linear.weight], retain_graph=True)
    (only_x,) = torch.autograd.grad(total, x, retain_graph=True)
    torch.testing.assert_close(only_x, expected[0])
    for _ in range(2):
        (found,) = torch.autograd.grad(total, linear.weight, retain_graph=True)
        torch.testing.assert_close(found, expected[1])


def test_the_graph_is_freed_with_its_result():
    linear = make_linear()
    x = torch.randn(2, 5, dtype=torch.float64, requires_grad=True)

    class Node(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.held = Held()
            return x.view_as(x)

        @staticmethod
        def backward(ctx, gradient):
            return gradient

    class Held:
        alive = 0

        def __init__(self):
            Held.alive += 1

        def __del__(self):
            Held.alive -= 1

    result = recur(linear, Node.apply(x), 3, deferred=True)
    assert Held.alive == 1
    del result
    gc.collect()
    assert Held.alive == 0


def test_in_autocast_the_gradient_is_of_the_weights_own_type():
    linear = Linear(4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        result = recur(linear, torch.randn(2, 4), 2, deferred=True)
    assert result.dtype == torch.bfloat16
    result.float().sum().backward()
    assert linear.weight.grad.dtype == linear.bias.grad.dtype == torch.float32
