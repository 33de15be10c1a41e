"""How weights start: by layer, or all matrices by one rule; the forget gate."""

import pytest
import torch
from tiny_model import settings

from nmt.config.registry import CELLS
from nmt.model.cells import Cell
from nmt.model.seq2seq import Seq2Seq


def build(**changes):
    torch.manual_seed(0)
    changes = {"encoder__hidden_size": 30, "decoder__hidden_size": 60, **changes}
    return Seq2Seq(settings(**changes), 50, 50)


def matrices(model):
    return {name: weight for name, weight in model.named_parameters() if weight.dim() > 1}


def test_uniform():
    for matrix in matrices(build(initialization="uniform", initial_range=0.2)).values():
        assert 0.1 < matrix.abs().max() <= 0.2


def test_normal():
    for matrix in matrices(build(initialization="normal", initial_range=0.02)).values():
        assert matrix.std().item() == pytest.approx(0.02, rel=0.2)


def test_glorot():
    for matrix in matrices(build(initialization="glorot")).values():
        bound = (6 / sum(matrix.shape)) ** 0.5
        assert 0.9 * bound < matrix.abs().max() <= bound


def test_orthogonal():
    for matrix in matrices(build(initialization="orthogonal")).values():
        narrow = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.t()
        torch.testing.assert_close(narrow @ narrow.t(), torch.eye(len(narrow)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS.names())
def test_by_layer(cell):
    model = build(encoder__cell=cell, decoder__cell=cell, encoder__transition_depth=2)
    for name, matrix in matrices(model).items():
        if name.endswith("recurrent.weight"):
            for gate in matrix.split(matrix.shape[1]):
                eye = torch.eye(len(gate))
                torch.testing.assert_close(gate @ gate.t(), eye, rtol=0, atol=1e-5)
    assert model.source_embedding.weight.std().item() == pytest.approx(6**-0.5, rel=0.2)


@pytest.mark.parametrize("cell", CELLS.names())
@pytest.mark.parametrize("rule", ["by_layer", "orthogonal"])
def test_the_forget_gate_alone_has_a_bias(cell, rule):
    model = build(
        encoder__cell=cell,
        decoder__cell=cell,
        encoder__transition_depth=2,
        forget_bias=0.75,
        initialization=rule,
    )
    # Of plain cells alone: the others are made of them.
    cells = [m for m in model.modules() if isinstance(m, Cell) and not hasattr(m, "first")]
    assert len(cells) == 5
    for plain in cells:
        size, expected = plain.hidden_size, torch.zeros_like(plain.bias)
        if cell.endswith("lstm"):
            expected[size : 2 * size] = 0.75
        assert torch.equal(plain.bias, expected)


@pytest.mark.parametrize("cell", CELLS.names())
def test_the_same_seed_gives_the_same_weights(cell):
    one, other = (build(encoder__cell=cell).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert all(weight.isfinite().all() for weight in one.values())
