"""Gathered gradients of matrices that steps share are the plain ones."""

import pytest
import torch

from nmt.model.loop import gathered_gradients
from nmt.model.shared_product import shared_product


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("queries", [1, 3])
def test_values_and_gradients(transposed, queries):
    torch.manual_seed(0)
    matrices = torch.randn(2, 4, 5, dtype=torch.float64, requires_grad=True)
    width = 5 if transposed else 4
    steps = [
        torch.randn(2, queries, width, dtype=torch.float64, requires_grad=True) for _ in range(3)
    ]

    def results():
        products = [shared_product(x, matrices, transposed) for x in steps]
        total = sum((product**3).sum() for product in products)
        return [*products, *torch.autograd.grad(total, [*steps, matrices])]

    plain = results()
    with gathered_gradients():
        gathered = results()
    for one, other in zip(gathered, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_one_tensor_may_be_keys_and_annotations():
    torch.manual_seed(0)
    annotations = torch.randn(2, 4, 4, dtype=torch.float64, requires_grad=True)

    def gradient():
        scores = shared_product(torch.ones(2, 1, 4).double(), annotations, transposed=True)
        context = shared_product(scores.softmax(-1), annotations)
        return torch.autograd.grad((context**2).sum(), annotations)[0]

    plain = gradient()
    with gathered_gradients():
        torch.testing.assert_close(gradient(), plain)


def test_in_autocast_all_is_of_its_type_and_the_gradient_of_the_matrices_own():
    matrices = torch.randn(2, 4, 5, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16), gathered_gradients():
        product = shared_product(torch.randn(2, 1, 4), matrices)
    assert product.dtype == torch.bfloat16
    product.float().sum().backward()
    assert matrices.grad.dtype == torch.float32
