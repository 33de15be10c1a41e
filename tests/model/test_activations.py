"""tanh by way of the sigmoid."""

import pytest
import torch

from nmt.model.kernels.activations import tanh, tanh_


@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float64, 4e-16), (torch.float32, 2e-7), (torch.bfloat16, 4e-3)]
)
def test_values(dtype, error):
    x = torch.linspace(-30, 30, 10_001, dtype=torch.float64).to(dtype)
    expected = torch.tanh(x.double())
    assert (tanh(x).double() - expected).abs().max() <= error
    assert tanh(x).dtype == dtype
    assert tanh(torch.tensor([-torch.inf, 0.0, torch.inf])).tolist() == [-1.0, 0.0, 1.0]


def test_the_input_is_left_alone_unless_in_place_is_asked_for():
    x = torch.tensor([[0.5, -2.0, 3.0]])
    before = x.clone()
    result = tanh(x)
    assert torch.equal(x, before)
    tanh_(x[:, 1:])
    assert x[0, 0] == 0.5
    torch.testing.assert_close(x[:, 1:], result[:, 1:])


def test_gradients():
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(tanh, x)
    y = torch.randn(5, requires_grad=True)
    tanh(y).sum().backward()
    torch.testing.assert_close(y.grad, 1 - torch.tanh(y.detach()) ** 2)
