"""The training loss: cross-entropy with label smoothing, coverage and guided alignment."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nmt.model.kernels.fused_cross_entropy import fused_cross_entropy
from nmt.model.kernels.kernel_module import Kernels
from nmt.model.kernels.precision import product_dtype, widened

_BLOCK_BYTES = 64 << 20
"""How much of the logits is held at a time where copying is mixed in."""


@dataclass(frozen=True)
class LossSums:
    """Sums over the target tokens of a batch.

    Attributes:
        loss: The label-smoothed cross-entropy in nats, a scalar with a gradient.
        cross_entropy: The same without smoothing, a scalar without gradient.
        tokens: Their number, a scalar tensor where only the device knows it.
        guided: The cost of guided alignment, which the loss has in it times its weight, a scalar
            without gradient. None where there is none.
    """

    loss: Tensor
    cross_entropy: Tensor
    tokens: int | Tensor
    guided: Tensor | None = None

    def detached(self) -> "LossSums":
        """Return the same without a graph."""
        return replace(self, loss=self.loss.detach())


def cross_entropy_sums(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    smoothing: float,
    real: Tensor | None = None,
    kernels: Kernels = "fast",
) -> LossSums:
    """Return the sums of -((1 - e) log p(target) + e mean_v log p(v)), Szegedy et al. 2016.

    Products run in the autocast type where there is one; sums and softmax in float32 or wider.

    Args:
        features: `[tokens, feature]`.
        weight: `[vocabulary, feature]`.
        bias: `[vocabulary]`, or None.
        targets: `[tokens]`.
        smoothing: e.
        real: `[tokens]`, false at padding, which counts for nothing. None where there is none.
        kernels: How to compute.
    """
    if kernels == "fast":
        return _fused_sums(features, weight, bias, targets, smoothing, real)
    log_p, mean = _token_log_probabilities(features, weight, bias, targets)
    return _sums(log_p, mean, smoothing, real)


def pointer_cross_entropy_sums(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    gate: Tensor,
    copies: Tensor,
    smoothing: float,
    real: Tensor | None = None,
) -> LossSums:
    """Return the sums of -((1 - e) log(g p(target) + (1 - g) copies) + e mean_v log p(v)).

    p is the probability of the vocabulary; copying is mixed in by See et al. 2017, eq. 9. The
    logits are computed a block of tokens at a time, and again in the backward pass.

    Args:
        features: `[tokens, feature]`.
        weight: `[vocabulary, feature]`.
        bias: `[vocabulary]`, or None.
        targets: `[tokens]`.
        gate: The logit of g, `[tokens]`.
        copies: The attention that the target gets in the source, `[tokens]`.
        smoothing: e.
        real: `[tokens]`, false at padding, which counts for nothing. None where there is none.
    """
    rows = max(1, _BLOCK_BYTES // (len(weight) * 4))
    blocks = []
    for begin in range(0, len(features), rows):
        block = (features[begin : begin + rows], weight, bias, targets[begin : begin + rows])
        # Nothing random happens inside, and the generator's state cannot be read while a CUDA
        # graph is captured.
        blocks.append(
            checkpoint(
                _token_log_probabilities, *block, use_reentrant=False, preserve_rng_state=False
            )
        )
    generated, mean = (torch.cat(parts) for parts in zip(*blocks, strict=True))
    tiny = torch.finfo(copies.dtype).tiny  # below it a logarithm has no gradient to give
    copying = torch.log(copies.clamp_min(tiny)) + nn.functional.logsigmoid(-gate)
    log_p = torch.logaddexp(generated + nn.functional.logsigmoid(gate), copying)
    return _sums(log_p, mean, smoothing, real)


def coverage_loss(weights: Tensor, real: Tensor) -> Tensor:
    """Return the sum over target tokens of sum_j min(a_ij, c_ij): See et al. 2017, eq. 12.

    c_ij is the attention that source token j got before i.

    Args:
        weights: a_ij, `[batch, target_len, source_len]`.
        real: `[batch, target_len]`, true at tokens.
    """
    covered = weights.cumsum(1) - weights
    return (torch.minimum(weights, covered).sum(-1) * real).sum()


GuidanceCost = Callable[[Tensor, Tensor], Tensor]
"""The sum over target tokens, a scalar, from attention weights and what they should be, each
`[batch, target_len, source_len]`. A target token without links costs nothing.
"""


@dataclass(frozen=True)
class Guidance:
    """Known word links, for guided alignment: Chen et al. 2016, "Guided Alignment Training for
    Topic-Aware Neural Machine Translation".

    Attributes:
        shares: What attention should be, `[batch, target_len, source_len]`: rows that sum to one,
            or to zero where nothing is known.
        weight: The weight of the cost in the loss.
        cost: The cost.
    """

    shares: Tensor
    weight: float
    cost: GuidanceCost


def guided_cross_entropy(weights: Tensor, shares: Tensor) -> Tensor:
    """Return - sum_ij g_ij log a_ij; see `GuidanceCost`."""
    tiny = torch.finfo(weights.dtype).tiny  # below it a logarithm has no gradient to give
    return -(shares.to(weights.dtype) * weights.clamp_min(tiny).log()).sum()


def guided_squared_error(weights: Tensor, shares: Tensor) -> Tensor:
    """Return sum_ij (g_ij - a_ij)^2; see `GuidanceCost`."""
    linked = shares.sum(2, keepdim=True) > 0
    return ((shares.to(weights.dtype) - weights).square() * linked).sum()


def _sums(log_p: Tensor, mean: Tensor, smoothing: float, real: Tensor | None) -> LossSums:
    """Return the sums of log p(target) and mean_v log p(v), each `[tokens]`."""
    smoothed = (1 - smoothing) * log_p + smoothing * mean
    if real is None:
        return LossSums(-smoothed.sum(), -log_p.detach().sum(), len(log_p))
    loss, cross_entropy = (-x.masked_fill(~real, 0.0).sum() for x in (smoothed, log_p.detach()))
    return LossSums(loss, cross_entropy, real.sum())


def _token_log_probabilities(
    features: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Return log p(target) and mean_v log p(v), each `[tokens]`, in float32 or wider."""
    dtype = product_dtype(weight)
    logits = widened(features.to(dtype) @ weight.to(dtype).t())
    log_p = torch.log_softmax(logits if bias is None else logits + bias, 1)
    return log_p.gather(1, targets.unsqueeze(1)).squeeze(1), log_p.mean(1)


def _fused_sums(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    smoothing: float,
    real: Tensor | None,
) -> LossSums:
    """Return the same as `cross_entropy_sums`, by the kernel."""
    if real is not None:
        # With zero features every position of padding adds the same, which is taken off below.
        features = features.masked_fill(~real.unsqueeze(1), 0.0)
        targets = targets.masked_fill(~real, 0)
    loss, cross_entropy = fused_cross_entropy(
        features.to(product_dtype(weight)), weight, bias, targets, smoothing
    )
    if real is None:
        return LossSums(loss, cross_entropy, len(targets))
    tokens = real.sum()
    padding = len(targets) - tokens
    log_p = torch.log_softmax(widened(weight.new_zeros(len(weight)) if bias is None else bias), 0)
    of_one = (1 - smoothing) * log_p[0] + smoothing * log_p.mean()
    return LossSums(loss + padding * of_one, cross_entropy + padding * log_p[0].detach(), tokens)
