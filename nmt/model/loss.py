"""Label-smoothed cross-entropy, fused with the output product.

The logits of a batch are the largest tensor of the whole model. They are made a block of rows at a
time, and the gradients at once with them, so that no `[tokens, vocabulary]` float32 tensor is ever
held and nothing of the kind waits for the backward pass.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nmt.model.autograd import call
from nmt.model.precision import product_dtype, wide_dtype, widened

_BLOCK_BYTES = 64 << 20
_CHUNK_BYTES = 8 << 20


@dataclass(frozen=True)
class LossSums:
    """Sums over the target tokens of a batch.

    loss: label-smoothed cross-entropy in nats, a scalar with a gradient; cross_entropy: without
    smoothing, a scalar without gradient; tokens: their number.
    """

    loss: Tensor
    cross_entropy: Tensor
    tokens: int


def cross_entropy_sums(
    features: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, smoothing: float
) -> LossSums:
    """Sums of -((1 - e) log p(target) + e mean_v log p(v)) over the tokens (Szegedy et al. 2016).

    features: `[tokens, feature]`; weight: `[vocabulary, feature]`; bias: `[vocabulary]` or None;
    targets: `[tokens]`; smoothing: e. Products run in the autocast type where there is one; sums
    and softmax in float32 or wider.
    """
    dtype = product_dtype(weight)
    features, weight = features.to(dtype), weight.to(dtype)
    # Inside the function gradients are always off, so it cannot see for itself.
    wanted = torch.is_grad_enabled() and (features.requires_grad or weight.requires_grad)
    loss, cross_entropy = call(_CrossEntropy, features, weight, bias, targets, smoothing, wanted)
    return LossSums(loss, cross_entropy, targets.numel())


def pointer_cross_entropy_sums(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    gate: Tensor,
    copies: Tensor,
    smoothing: float,
) -> LossSums:
    """The same where copying is mixed in (See et al. 2017, eq. 9).

    Sums of -((1 - e) log(g p(target) + (1 - g) copies) + e mean_v log p(v)), p that of the
    vocabulary. gate: `[tokens]`, the logit of g; copies: `[tokens]`, the attention that the target
    gets in the source.
    """
    rows = max(1, _BLOCK_BYTES // (len(weight) * 4))
    blocks = []
    for begin in range(0, len(features), rows):
        block = (features[begin : begin + rows], weight, bias, targets[begin : begin + rows])
        blocks.append(checkpoint(_token_log_probabilities, *block, use_reentrant=False))
    plain, mean = (torch.cat(parts) for parts in zip(*blocks, strict=True))
    tiny = torch.finfo(copies.dtype).tiny  # below it a logarithm has no gradient to give
    copying = torch.log(copies.clamp_min(tiny)) + nn.functional.logsigmoid(-gate)
    log_p = torch.logaddexp(plain + nn.functional.logsigmoid(gate), copying)
    loss = -((1 - smoothing) * log_p + smoothing * mean).sum()
    return LossSums(loss, -log_p.detach().sum(), targets.numel())


def coverage_loss(weights: Tensor, real: Tensor) -> Tensor:
    """Sum over target tokens of sum_j min(a_ij, c_ij), c_ij the attention that source token j got
    before i (See et al. 2017, eq. 12).

    weights: `[batch, target_len, source_len]`; real: `[batch, target_len]`, true at tokens.
    """
    covered = weights.cumsum(1) - weights
    return (torch.minimum(weights, covered).sum(-1) * real).sum()


def _token_log_probabilities(
    features: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """log p(target) and mean_v log p(v), each `[tokens]`, in float32 or wider."""
    dtype = product_dtype(weight)
    logits = widened(features.to(dtype) @ weight.to(dtype).t())
    log_p = torch.log_softmax(logits if bias is None else logits + bias, 1)
    return log_p.gather(1, targets.unsqueeze(1)).squeeze(1), log_p.mean(1)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        smoothing: float,
        wanted: bool,
    ) -> tuple[Tensor, Tensor]:
        wide = wide_dtype(features.dtype)
        totals = torch.zeros(2, dtype=wide, device=features.device)
        d_features = torch.empty_like(features) if wanted else None
        d_weight = torch.zeros(weight.shape, dtype=wide, device=weight.device) if wanted else None
        d_bias = torch.zeros(len(weight), dtype=wide, device=weight.device) if wanted else None
        rows = max(1, _BLOCK_BYTES // (len(weight) * features.itemsize))
        for begin in range(0, len(features), rows):
            block = features[begin : begin + rows]
            d_logits = block.new_empty(len(block), len(weight)) if wanted else None
            target = targets[begin : begin + rows].unsqueeze(1)
            totals += _block_sums(block, weight, bias, target, smoothing, d_logits, d_bias)
            if d_features is not None and d_weight is not None and d_logits is not None:
                torch.mm(d_logits, weight, out=d_features[begin : begin + rows])
                d_weight += d_logits.t() @ block
        if d_weight is not None:
            ctx.save_for_backward(d_features, d_weight.to(weight.dtype), d_bias)
        ctx.bias_dtype = None if bias is None else bias.dtype
        loss, cross_entropy = totals.clone().unbind()
        ctx.mark_non_differentiable(cross_entropy)
        return loss, cross_entropy

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        d_features, d_weight, d_bias = ctx.saved_tensors
        scale = gradients[0]
        d_bias = None if ctx.bias_dtype is None else (d_bias * scale).to(ctx.bias_dtype)
        return d_features * scale, d_weight * scale, d_bias, None, None, None


def _block_sums(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    smoothing: float,
    d_logits: Tensor | None,
    d_bias: Tensor | None,
) -> Tensor:
    """Smoothed and plain cross-entropy of a block; fills `d_logits`, adds to `d_bias`.

    The softmax goes by so few rows at a time that they stay in the processor's cache.
    """
    wide = wide_dtype(features.dtype)
    sums = torch.zeros(2, dtype=wide, device=features.device)
    rows = max(1, _CHUNK_BYTES // (len(weight) * wide.itemsize))
    for begin in range(0, len(features), rows):
        target = targets[begin : begin + rows]
        logits = features[begin : begin + rows] @ weight.t()
        if bias is not None:
            logits = logits + bias
        log_probabilities = torch.log_softmax(logits, 1, dtype=wide)
        plain = -log_probabilities.gather(1, target).sum()
        smooth = -log_probabilities.sum() / len(weight) if smoothing > 0.0 else plain
        sums += torch.stack(((1 - smoothing) * plain + smoothing * smooth, plain))
        if d_logits is not None and d_bias is not None:
            gradients = _logit_gradients(log_probabilities, target, smoothing)
            d_bias += gradients.sum(0)
            d_logits[begin : begin + rows] = gradients
    return sums


def _logit_gradients(log_probabilities: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """p - (1 - e) onehot - e / V, in place of the log-probabilities."""
    gradients = log_probabilities.exp_()
    if smoothing > 0.0:
        gradients -= smoothing / gradients.shape[1]
    share = torch.full_like(target, smoothing - 1.0, dtype=gradients.dtype)
    return gradients.scatter_add_(1, target, share)
