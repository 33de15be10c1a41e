"""The recurrent cells: gradients of one step, and along a padded sequence in each direction."""

import pytest
import torch
from reference_cells import step, transitions, zero_state
from torch.autograd import gradcheck

from nmt.config.registry import CELLS
from nmt.model.cells import make_cell
from nmt.model.recurrent_layer import run_cells


def build(kind, inputs=(3,), depth=1):
    torch.manual_seed(0)
    cell = make_cell(kind, inputs, 4, depth).double()
    for parameter in cell.parameters():
        parameter.data.normal_(std=0.7)
    return cell


@pytest.mark.parametrize("kind", CELLS.names())
@pytest.mark.parametrize("depth", [1, 3])
def test_gradcheck_of_a_step(kind, depth):
    cell = build(kind, depth=depth)
    parts = len(cell.zero_state(torch.zeros(1), 2))
    states = [torch.randn(2, 4).double().requires_grad_() for _ in range(parts)]
    x = torch.randn(2, 3).double().requires_grad_()
    parameters = list(cell.parameters())

    def advance(x, *rest):
        return cell.advance(cell.project(x), rest[:parts])

    assert gradcheck(advance, (x, *states, *parameters))


@pytest.mark.parametrize("kind", CELLS.names())
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("directions", [("forward",), ("backward",), ("forward", "backward")])
def test_a_padded_sequence_in_each_direction(kind, depth, directions):
    cells = [build(kind, (3, 2), depth) for _ in directions]
    for cell in cells[1:]:
        for parameter in cell.parameters():
            parameter.data.mul_(-0.5)
    lengths = [5, 1, 3]
    parts = [torch.randn(3, 5, size).double() for size in (3, 2)]
    mask = torch.arange(5) < torch.tensor(lengths).unsqueeze(1)
    states = [cell.zero_state(parts[0], 3) for cell in cells]
    if "backward" not in directions:
        states = [tuple(torch.randn_like(part) for part in state) for state in states]
    hidden, final = run_cells(cells, parts, states, directions, mask)
    for row, length in enumerate(lengths):
        for number, (cell, direction) in enumerate(zip(cells, directions, strict=True)):
            order = range(length) if direction == "forward" else reversed(range(length))
            names = transitions("cell", depth)
            weights = {f"cell.{name}": value for name, value in cell.named_parameters()}
            state = tuple(part[row] for part in states[number])
            assert len(state) == len(zero_state(kind, 4))
            own = slice(4 * number, 4 * number + 4)
            for time in order:
                state = step(weights, names, kind, [part[row, time] for part in parts], state)
                torch.testing.assert_close(hidden[row, time, own], state[0])
            for found, part in zip(final, state, strict=True):
                torch.testing.assert_close(found[row, own], part)
