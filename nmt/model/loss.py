"""The training loss: cross-entropy with label smoothing, coverage and guided alignment."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nmt.model.kernels.fused_cross_entropy import fused_cross_entropy
from nmt.model.kernels.kernel_module import Kernels
from nmt.model.kernels.precision import product_dtype, upcast

_BLOCK_BYTES = 64 << 20
"""The size of the logits that are held at a time with copying."""


@dataclass(frozen=True)
class LossSums:
    """Sums over the target tokens of a batch.

    Attributes:
        loss: The label-smoothed cross-entropy in nats, a scalar with a gradient.
        cross_entropy: The cross-entropy without smoothing in nats, a scalar without gradient.
        tokens: The number of target tokens, a scalar tensor where only the device knows it.
        guided: The cost of guided alignment, a scalar without gradient. The loss includes it times
            its weight. None without guided alignment.
    """

    loss: Tensor
    cross_entropy: Tensor
    tokens: int | Tensor
    guided: Tensor | None = None

    def detached(self) -> "LossSums":
        """Return the same sums without a gradient."""
        return replace(self, loss=self.loss.detach())


def cross_entropy_sums(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    smoothing: float,
    mask: Tensor | None = None,
    kernels: Kernels = "fast",
) -> LossSums:
    """Return the label-smoothed loss -((1 - e) log p(target) + e mean_v log p(v)), summed.

    Label smoothing: Szegedy et al. 2016, section 7.

    Products run in the autocast type inside autocast. Sums and softmax run in float32 or wider.

    Args:
        features: The results of the output layer, `[tokens, feature]`.
        weight: The output matrix, `[vocabulary, feature]`.
        bias: The output bias, `[vocabulary]`, or None.
        targets: The true token ids, `[tokens]`.
        smoothing: e, from 0 to 1.
        mask: `[tokens]`, false at padding, which adds nothing to the sums. None without padding.
        kernels: "fast" for the fused kernel, anything else for the plain expression.
    """
    if kernels == "fast":
        return _fused_sums(features, weight, bias, targets, smoothing, mask)
    log_p, mean = _token_log_probabilities(features, weight, bias, targets)
    return _sums(log_p, mean, smoothing, mask)


def pointer_cross_entropy_sums(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    gate: Tensor,
    copy_probabilities: Tensor,
    smoothing: float,
    mask: Tensor | None = None,
) -> LossSums:
    """Return the sums of -((1 - e) log(g p(target) + (1 - g) c) + e mean_v log p(v)).

    p is the probability of the vocabulary. Copying is mixed in by See et al. 2017, eq. 9. The
    logits are computed a block of tokens at a time, and again in the backward pass.

    Args:
        features: The results of the output layer, `[tokens, feature]`.
        weight: The output matrix, `[vocabulary, feature]`.
        bias: The output bias, `[vocabulary]`, or None.
        targets: The true token ids, `[tokens]`.
        gate: The logit of g, `[tokens]`.
        copy_probabilities: c, the sum of the attention weights of source tokens equal to the
            target, `[tokens]`.
        smoothing: e, from 0 to 1.
        mask: `[tokens]`, false at padding, which adds nothing to the sums. None without padding.
    """
    rows = max(1, _BLOCK_BYTES // (len(weight) * 4))
    blocks = []
    for begin in range(0, len(features), rows):
        block = (features[begin : begin + rows], weight, bias, targets[begin : begin + rows])
        # The block draws no random numbers, and the generator's state cannot be read while a CUDA
        # graph is captured.
        blocks.append(
            checkpoint(
                _token_log_probabilities, *block, use_reentrant=False, preserve_rng_state=False
            )
        )
    generated, mean = (torch.cat(parts) for parts in zip(*blocks, strict=True))
    # Below the smallest normal number a logarithm has no gradient to give.
    tiny = torch.finfo(copy_probabilities.dtype).tiny
    copying = torch.log(copy_probabilities.clamp_min(tiny)) + nn.functional.logsigmoid(-gate)
    log_p = torch.logaddexp(generated + nn.functional.logsigmoid(gate), copying)
    return _sums(log_p, mean, smoothing, mask)


def coverage_loss(weights: Tensor, mask: Tensor) -> Tensor:
    """Return the sum over target tokens of sum_j min(a_ij, c_ij): See et al. 2017, eq. 12.

    c_ij is the sum of the weights of source token j at the target tokens before i.

    Args:
        weights: a_ij, `[batch, target_len, source_len]`.
        mask: `[batch, target_len]`, true at tokens.
    """
    covered = weights.cumsum(1) - weights
    return (torch.minimum(weights, covered).sum(-1) * mask).sum()


GuidanceCost = Callable[[Tensor, Tensor], Tensor]
"""A function of attention weights and reference weights, each `[batch, target_len, source_len]`.

It returns a sum over target tokens, a scalar. A target token without links costs nothing.
"""


@dataclass(frozen=True)
class Guidance:
    """Known word links, for guided alignment.

    Chen et al. 2016, "Guided Alignment Training for Topic-Aware Neural Machine Translation".

    Attributes:
        reference_weights: The reference attention weights g_ij, `[batch, target_len, source_len]`.
            A row sums to one, or to zero where no link is known.
        weight: The weight of the cost in the loss.
        cost: The function that computes the cost.
    """

    reference_weights: Tensor
    weight: float
    cost: GuidanceCost


def guided_cross_entropy(weights: Tensor, reference_weights: Tensor) -> Tensor:
    """Return - sum_ij g_ij log a_ij; see `GuidanceCost`.

    Args:
        weights: a_ij, `[batch, target_len, source_len]`.
        reference_weights: g_ij, `[batch, target_len, source_len]`.
    """
    tiny = torch.finfo(weights.dtype).tiny  # below it a logarithm has no gradient to give
    return -(reference_weights.to(weights.dtype) * weights.clamp_min(tiny).log()).sum()


def guided_squared_error(weights: Tensor, reference_weights: Tensor) -> Tensor:
    """Return sum_ij (g_ij - a_ij)^2 over target tokens with links; see `GuidanceCost`.

    Args:
        weights: a_ij, `[batch, target_len, source_len]`.
        reference_weights: g_ij, `[batch, target_len, source_len]`.
    """
    linked = reference_weights.sum(2, keepdim=True) > 0
    return ((reference_weights.to(weights.dtype) - weights).square() * linked).sum()


def _sums(log_p: Tensor, mean: Tensor, smoothing: float, mask: Tensor | None) -> LossSums:
    """Return the loss sums from log p(target) and mean_v log p(v), each `[tokens]`."""
    smoothed = (1 - smoothing) * log_p + smoothing * mean
    if mask is None:
        return LossSums(-smoothed.sum(), -log_p.detach().sum(), len(log_p))
    loss, cross_entropy = (-x.masked_fill(~mask, 0.0).sum() for x in (smoothed, log_p.detach()))
    return LossSums(loss, cross_entropy, mask.sum())


def _token_log_probabilities(
    features: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Return log p(target) and mean_v log p(v), each `[tokens]`, in float32 or wider."""
    dtype = product_dtype(weight)
    logits = upcast(features.to(dtype) @ weight.to(dtype).t())
    log_p = torch.log_softmax(logits if bias is None else logits + bias, 1)
    return log_p.gather(1, targets.unsqueeze(1)).squeeze(1), log_p.mean(1)


def _fused_sums(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    smoothing: float,
    mask: Tensor | None,
) -> LossSums:
    """Return the result of `cross_entropy_sums`, computed by the fused kernel."""
    if mask is not None:
        # With zero features each padding position adds the same amount, which is subtracted below.
        features = features.masked_fill(~mask.unsqueeze(1), 0.0)
        targets = targets.masked_fill(~mask, 0)
    loss, cross_entropy = fused_cross_entropy(
        features.to(product_dtype(weight)), weight, bias, targets, smoothing
    )
    if mask is None:
        return LossSums(loss, cross_entropy, len(targets))
    tokens = mask.sum()
    padding = len(targets) - tokens
    log_p = torch.log_softmax(upcast(weight.new_zeros(len(weight)) if bias is None else bias), 0)
    padding_loss = (1 - smoothing) * log_p[0] + smoothing * log_p.mean()
    return LossSums(
        loss + padding * padding_loss, cross_entropy + padding * log_p[0].detach(), tokens
    )
