"""Gathered gradients where backward passes fail, are partial, or find nothing to learn."""

import gc

import pytest
import torch

from nmt.config.kinds import ATTENTIONS
from nmt.config.settings.attention import AttentionSettings
from nmt.model.linear import Linear
from nmt.model.loop import Gathered, gathered_gradients
from nmt.model.shared_product import shared_product


def additive():
    torch.manual_seed(0)
    attention = ATTENTIONS.resolve("additive")(AttentionSettings(), 3, 5).double()
    attention.initialize()
    return attention


def linear_loop():
    torch.manual_seed(0)
    linear = Linear(4, 4).double()
    return linear.weight, lambda x: torch.tanh(linear(torch.tanh(linear(x))))


def product_loop():
    torch.manual_seed(0)
    matrices = torch.randn(2, 4, 4, dtype=torch.float64, requires_grad=True)
    return matrices, lambda x: shared_product(shared_product(x, matrices), matrices)


def additive_loop():
    attention = additive()
    keys = torch.randn(2, 6, 3, dtype=torch.float64, requires_grad=True)
    return keys, lambda x: attention.score(x[..., :3], keys) + attention.score(x[..., 1:], keys)


loops = pytest.mark.parametrize("make", [linear_loop, product_loop, additive_loop])


def inputs():
    return torch.randn(2, 1, 4, dtype=torch.float64, requires_grad=True)


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


@loops
def test_a_pass_that_asked_for_other_gradients_leaves_nothing(make):
    shared, loop = make()
    x = inputs()
    expected = torch.autograd.grad((loop(x) ** 3).sum(), [x, shared])
    with gathered_gradients():
        total = (loop(x) ** 3).sum()
    (only_x,) = torch.autograd.grad(total, x, retain_graph=True)
    torch.testing.assert_close(only_x, expected[0])
    for _ in range(2):
        (found,) = torch.autograd.grad(total, shared, retain_graph=True)
        torch.testing.assert_close(found, expected[1])


@loops
def test_a_pass_that_failed_leaves_nothing(make):
    shared, loop = make()
    x = inputs()
    (expected,) = torch.autograd.grad((loop(x) ** 3).sum(), shared)
    with gathered_gradients():
        total = (loop(Failure.apply(x)) ** 3).sum()
    Failure.times = 1
    with pytest.raises(torch.OutOfMemoryError):
        torch.autograd.grad(total, [x, shared], retain_graph=True)
    _, found = torch.autograd.grad(total, [x, shared])
    torch.testing.assert_close(found, expected)


def left():
    gc.collect()
    return sum(issubclass(type(thing), Gathered) for thing in gc.get_objects())


@loops
def test_a_failure_frees_the_graph(make):
    before = left()
    for _ in range(3):
        _, loop = make()
        with gathered_gradients():
            total = loop(loop(Failure.apply(torch.tanh(inputs())))[..., :4]).sum()
        Failure.times = 1
        with pytest.raises(torch.OutOfMemoryError):
            total.backward()
        del total, loop
    assert left() == before


@loops
def test_what_is_frozen_keeps_nothing(make):
    before = left()
    for _ in range(3):
        shared, loop = make()
        shared.requires_grad_(False)
        x = inputs()
        (expected,) = torch.autograd.grad(loop(x).sum(), x)
        with gathered_gradients():
            total = loop(x).sum()
        (found,) = torch.autograd.grad(total, x)
        torch.testing.assert_close(found, expected)
        del total, loop, shared, x
    assert left() == before
