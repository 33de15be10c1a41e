"""How many rows make a product independent of the others: found by a probe of results."""

import pytest
import torch

from nmt.model.kernels import batch_invariance
from nmt.model.kernels.batch_invariance import invariant_linear, invariant_matmul, pad_recurrence


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """What is found here does not excuse a search that depends on its batch."""
    monkeypatch.setattr(batch_invariance, "_probed_multiples", [])


def kernel(*wrong):
    """Results of rows that differ in the last digit where their number is one of the wrong ones."""

    def compute(rows):
        return torch.full((rows, 3), 1.0 + (1e-6 if wrong_number(rows) else 0.0))

    def wrong_number(rows):
        return any(rows == each if isinstance(each, int) else each(rows) for each in wrong)

    return compute


@pytest.mark.parametrize(
    ("compute", "multiple"),
    [
        (kernel(), 1),
        (kernel(1), 2),
        (kernel(1, 2, 3), 4),
        (kernel(lambda rows: rows % 4 != 0), 4),
        (kernel(lambda rows: rows % 8 != 0), 8),
        (kernel(4, lambda rows: rows % 2 == 1), 8),
    ],
)
def test_the_least_multiple_is_found(compute, multiple):
    assert batch_invariance._smallest_multiple(compute, work=1) == multiple
    assert batch_invariance.row_multiples()[-1] == multiple


def test_where_no_multiple_helps_nothing_is_filled_and_it_is_known():
    assert batch_invariance._smallest_multiple(lambda rows: torch.rand(rows, 3), work=1) == 1
    assert batch_invariance.row_multiples()[-1] is None


def test_a_large_product_is_probed_with_few_rows():
    seen = []

    def compute(rows):
        seen.append(rows)
        return torch.ones(rows, 1)

    batch_invariance._smallest_multiple(compute, work=512 * 32_000)
    assert sum(seen) < 250
    assert {1, 2, 3, 4, 8, 64} <= set(seen)


def test_rows_left_over_of_a_small_product_are_found(monkeypatch):
    """A product that is filled up to 17 rows: of an odd number, the last row is another's work."""

    def linear(x, weight, bias):
        result = (x[:, None] * weight).sum(-1)
        result[len(x) // 2 * 2 :] += 1e-6
        return result

    monkeypatch.setattr(torch.nn.functional, "linear", linear)
    batch_invariance._product_multiple.cache_clear()
    x, weight = torch.randn(64, 8), torch.randn(32, 8)
    with torch.inference_mode():
        whole = invariant_linear(x, weight)
        for rows in (1, 17, 19, 33):
            assert torch.equal(invariant_linear(x[:rows], weight), whole[:rows])
    batch_invariance._product_multiple.cache_clear()


@pytest.mark.parametrize("multiple", [1, 4])
def test_filled_rows_leave_results_and_shapes_as_they_are(monkeypatch, multiple):
    for name in ("_product_multiple", "_batched_multiple", "_recurrence_multiple"):
        monkeypatch.setattr(batch_invariance, name, lambda *_: multiple)
    torch.manual_seed(0)
    weight, bias, matrices = torch.randn(70, 90), torch.randn(70), torch.randn(3, 90, 60)
    with torch.inference_mode():
        for shape in ((1, 90), (2, 1, 90), (2, 3, 90), (90,)):
            x = torch.randn(*shape)
            torch.testing.assert_close(invariant_linear(x, weight, bias), x @ weight.t() + bias)
            one = invariant_linear(x, weight[:1], bias[:1])
            torch.testing.assert_close(one, x @ weight[:1].t() + bias[:1])
        for queries in (1, 5):
            x = torch.randn(3, queries, 90)
            torch.testing.assert_close(invariant_matmul(x, matrices), x @ matrices)
        x, zero = torch.randn(5, 3, 8), torch.zeros(1, 5, 8)
        filled, state = pad_recurrence(x, (zero, zero), gates=4)
        rows = 5 if multiple == 1 else 8
        assert (len(filled), state[0].shape, state[1].shape) == (rows, (1, rows, 8), (1, rows, 8))
        assert torch.equal(filled[:5], x)
