"""Products whose rows give the same bits however many rows are computed with them.

A library multiplies few rows, many rows and the remaining rows at the end by different kernels,
which add up in different orders. The safe numbers of rows depend on the library and the processor.
A probe finds them when a shape first occurs, and search pads its rows to such a number.
(`nmt.runtime.device.fix_summation_order` keeps MKL's order of sums independent of the threads.)
"""

import math
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor, nn

SOURCE_MULTIPLE = 16
"""Search pads sources to a multiple of this number of tokens.

Attention then adds up over the source in the same order, whatever the batch's longest sentence is.
"""

_MIN_WORK = 4096
"""The most multiplications of a product that torch may compute itself or by another library."""

_MULTIPLES = (1, 2, 4, 8, 16)
"""The multiples that rows may be padded to. More would make a single sentence too slow."""

_COUNTS = (64, 1, 2, 3, 4, 5, 8, 16, 20, 32, 33, 128, 6, 7, 12, 24, 40, 48, 56, 96, 192, 320, 960)
"""The numbers of rows that the probe compares, the most informative first."""

_PROBED_WORK = 1 << 27
_MIN_PROBED_COUNTS = 9
"""The limit of multiplications for one probe, and the fewest counts that it compares anyway."""

_DRAWN_ROWS = 67
"""The most rows of random numbers in a probe. More would take longer than the products."""

_BATCHES = 5
_STEPS = 2
"""The number of matrices in the probe of batched products, and of steps for recurrences."""


def invariant_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return `x W^T + b`, `[.., out]`, the values of `linear(x, weight, bias)`.

    Args:
        x: The rows, `[.., in]`.
        weight: W, `[out, in]`.
        bias: b, `[out]`, or None.
    """
    if not _depends_on_rows(x):
        return nn.functional.linear(x, weight, bias)
    out_features, in_features = weight.shape
    if out_features == 1:  # a library has special kernels for one column
        doubled = None if bias is None else torch.cat((bias, bias))
        return invariant_linear(x, torch.cat((weight, weight)), doubled)[..., :1]
    # One matrix: torch may compute several as a batch of products, with different kernels.
    rows = x.reshape(-1, in_features)
    multiple = _product_multiple(in_features, out_features, bias is not None, x.dtype, *_kernels())
    result = nn.functional.linear(
        pad_rows(rows, in_features * out_features, multiple), weight, bias
    )
    return result[: len(rows)].view(*x.shape[:-1], out_features)


def invariant_matmul(x: Tensor, matrices: Tensor) -> Tensor:
    """Return x M, `[.., queries, m]`, the values of `x @ matrices`.

    Args:
        x: The rows, `[.., queries, n]`.
        matrices: M, `[.., n, m]`.
    """
    if not _depends_on_rows(x):
        return x @ matrices
    n, m = matrices.shape[-2:]
    multiple = _batched_multiple(n, m, matrices.stride(-1) == 1, x.dtype, *_kernels())
    return (pad_rows(x, n * m, multiple) @ matrices)[..., : x.shape[-2], :]


def pad_recurrence(
    x: Tensor, state: tuple[Tensor, ...], gates: int
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Add sentences of zeros to the input of torch's recurrence over whole sequences.

    Args:
        x: The input, `[batch, length, size]`.
        state: The states before the first step, each `[directions, batch, hidden]`.
        gates: 4 for an LSTM, 3 for a GRU.

    Returns:
        Both, padded to a number of sentences at which no sentence's result depends on the number of
        the others.
    """
    if not _depends_on_rows(x):
        return x, state
    directions, batch, hidden = state[0].shape
    multiple = _recurrence_multiple(gates, x.shape[2], hidden, directions, x.dtype, *_kernels())
    missing = _round_up(batch, multiple) - batch
    if missing == 0:
        return x, state
    pad = nn.functional.pad
    return pad(x, (0, 0, 0, 0, 0, missing)), tuple(pad(part, (0, 0, 0, missing)) for part in state)


def row_multiples() -> list[int | None]:
    """Return the multiples that the probes of this process found, to which rows are padded.

    None stands for a shape whose results depend on the batch with any padding.
    """
    return list(_probed_multiples)


_probed_multiples: list[int | None] = []


def _depends_on_rows(x: Tensor) -> bool:
    """Return whether a row's result may depend on the other rows.

    It may on a CPU, outside autocast.
    """
    return x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


def _kernels() -> tuple[int, str]:
    """Return the threads and torch's precision setting, on which the choice of kernels depends."""
    return torch.get_num_threads(), torch.get_float32_matmul_precision()


@cache
def _product_multiple(
    in_features: int,
    out_features: int,
    has_bias: bool,
    dtype: torch.dtype,
    threads: int,
    setting: str,
) -> int:
    min_rows = _min_rows(in_features * out_features)
    x = _normal((*_COUNTS, *_unpadded_counts(min_rows)), in_features, dtype=dtype)
    weight = _normal((out_features,), in_features, dtype=dtype)
    bias = _normal((1,), out_features, dtype=dtype)[0] if has_bias else None
    return _smallest_multiple(
        lambda rows: nn.functional.linear(
            pad_rows(x[:rows], len(weight) * in_features, 1), weight, bias
        ),
        in_features * out_features,
        min_rows,
    )


@cache
def _batched_multiple(
    n: int, m: int, is_contiguous: bool, dtype: torch.dtype, threads: int, setting: str
) -> int:
    min_rows = _min_rows(n * m)
    x = _normal((*_COUNTS, *_unpadded_counts(min_rows)), n, dtype=dtype)
    matrices = _normal((m,), n, dtype=dtype).t()
    if is_contiguous:
        matrices = matrices.contiguous()
    matrix_batch = torch.stack([matrices.t()] * _BATCHES).transpose(1, 2)
    matrix_batch = matrix_batch.contiguous() if is_contiguous else matrix_batch

    def compute(rows: int) -> Tensor:
        padded = pad_rows(x[:rows], n * m, 1)
        alone = (padded[None] @ matrices[None])[0]
        batched = padded.repeat(_BATCHES, 1, 1) @ matrix_batch
        return torch.cat((alone, *batched), -1)

    return _smallest_multiple(compute, (1 + _BATCHES) * n * m, min_rows)


@cache
def _recurrence_multiple(
    gates: int,
    in_features: int,
    hidden: int,
    directions: int,
    dtype: torch.dtype,
    threads: int,
    setting: str,
) -> int:
    x = _normal(_COUNTS, _STEPS * in_features, dtype=dtype).view(-1, _STEPS, in_features)
    state = x.new_zeros(directions, len(x), hidden)
    out_features = gates * hidden
    weights = [
        _normal((out_features,), size, dtype=dtype) / math.sqrt(size)
        if size
        else x.new_zeros(out_features)
        for _ in range(directions)
        for size in (in_features, hidden, 0, 0)
    ]
    options = (True, 1, 0.0, False, directions == 2, True)

    def compute(rows: int) -> Tensor:
        first = state[:, :rows].contiguous()
        if gates == 4:
            return torch.lstm(x[:rows], (first, first), weights, *options)[0]
        return torch.gru(x[:rows], first, weights, *options)[0]

    return _smallest_multiple(compute, _STEPS * directions * (in_features + hidden) * out_features)


def _smallest_multiple(compute: Callable[[int], Tensor], work: int, min_rows: int = 1) -> int:
    """Return the least multiple that rows must be padded to.

    Args:
        compute: A function that computes the first rows of a fixed input, `[rows or more, ..]`.
        work: The multiplications of one row.
        min_rows: The fewest rows of a product. `compute` pads fewer rows to that number.

    Returns:
        The multiple. It is 1 where results depend on the number of rows with any padding.
    """
    counts = list(_unpadded_counts(min_rows))
    for count in _COUNTS:
        if len(counts) < _MIN_PROBED_COUNTS or sum(counts) * work < _PROBED_WORK:
            counts.append(count)
    largest = compute(max(counts))
    is_equal = {count: torch.equal(compute(count)[:count], largest[:count]) for count in counts}
    for multiple in _MULTIPLES:
        compared = [is_equal[count] for count in counts if count % multiple == 0]
        if len(compared) > 1 and all(compared):
            _probed_multiples.append(multiple)
            return multiple
    _probed_multiples.append(None)
    return 1


def _min_rows(work: int) -> int:
    """Return the fewest rows of a product, given the multiplications of one row."""
    return _MIN_WORK // max(1, work) + 1


def _unpadded_counts(min_rows: int) -> range:
    """Return the first numbers of rows that are not padded to the fewest."""
    return range(min_rows, min_rows + _MULTIPLES[-1] // 2) if min_rows > 1 else range(0)


def _normal(counts: Sequence[int], size: int, dtype: torch.dtype) -> Tensor:
    """Return the same random numbers at each call, `[max(counts), size]`. Rows may repeat."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(min(max(counts), _DRAWN_ROWS), size, generator=generator, dtype=dtype)
    return drawn.repeat(-(-max(counts) // len(drawn)), 1)[: max(counts)]


def pad_rows(x: Tensor, work: int, multiple: int) -> Tensor:
    """Return rows with rows of zeros after them, `[.., padded rows, n]`.

    Args:
        x: The rows, `[.., rows, n]`.
        work: The multiplications of one row.
        multiple: The divisor of the number of rows after padding.
    """
    rows = x.shape[-2]
    padded_rows = _round_up(max(rows, _min_rows(work)), multiple)
    return x if rows == padded_rows else nn.functional.pad(x, (0, 0, 0, padded_rows - rows))


def _round_up(count: int, multiple: int) -> int:
    """Return the least multiple that is not below the count."""
    return -(-count // multiple) * multiple
