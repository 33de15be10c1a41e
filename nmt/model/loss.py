"""Label-smoothed cross-entropy, fused with the output product.

The logits of a batch are the largest tensor of the whole model. They are made a chunk of rows at a
time, and the gradients at once with them, so that no `[tokens, vocabulary]` float32 tensor is ever
held and nothing of the kind waits for the backward pass.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_CHUNK_BYTES = 64 << 20


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
    if torch.is_autocast_enabled(features.device.type):
        dtype = torch.get_autocast_dtype(features.device.type)
        features, weight = features.to(dtype), weight.to(dtype)
    elif features.dtype != weight.dtype:
        features = features.to(weight.dtype)
    loss, cross_entropy = _CrossEntropy.apply(features, weight, bias, targets, smoothing)
    return LossSums(loss, cross_entropy, targets.numel())


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        smoothing: float,
    ) -> tuple[Tensor, Tensor]:
        wide = torch.promote_types(features.dtype, torch.float32)
        totals = torch.zeros(2, dtype=wide, device=features.device)
        wanted = any(ctx.needs_input_grad)
        if wanted:
            d_features = torch.empty_like(features)
            d_weight = torch.zeros(weight.shape, dtype=wide, device=weight.device)
            d_bias = torch.zeros(weight.shape[0], dtype=wide, device=weight.device)
        rows = max(1, _CHUNK_BYTES // (weight.shape[0] * wide.itemsize))
        for begin in range(0, features.shape[0], rows):
            chunk = features[begin : begin + rows]
            target = targets[begin : begin + rows].unsqueeze(1)
            logits = (chunk @ weight.t()).to(wide)
            if bias is not None:
                logits += bias
            totals += _sums(logits, target, smoothing)
            if not wanted:
                continue
            d_logits = _logit_gradients(logits, target, smoothing)
            d_bias += d_logits.sum(0)
            d_logits = d_logits.to(features.dtype)
            torch.mm(d_logits, weight, out=d_features[begin : begin + rows])
            d_weight += d_logits.t() @ chunk
        if wanted:
            ctx.save_for_backward(d_features, d_weight.to(weight.dtype), d_bias)
        ctx.bias_dtype = None if bias is None else bias.dtype
        loss, cross_entropy = totals.clone().unbind()
        ctx.mark_non_differentiable(cross_entropy)
        return loss, cross_entropy

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, Tensor | None, None, None]:
        d_features, d_weight, d_bias = ctx.saved_tensors
        scale = gradients[0]
        d_bias = None if ctx.bias_dtype is None else (d_bias * scale).to(ctx.bias_dtype)
        return d_features * scale, d_weight * scale, d_bias, None, None


def _sums(logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """The chunk's smoothed and plain cross-entropy; leaves log-probabilities in `logits`."""
    logits -= torch.logsumexp(logits, 1, keepdim=True)
    plain = -logits.gather(1, target).sum()
    if smoothing == 0.0:
        return torch.stack((plain, plain))
    smooth = -logits.sum() / logits.shape[1]
    return torch.stack(((1 - smoothing) * plain + smoothing * smooth, plain))


def _logit_gradients(log_probabilities: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """p - (1 - e) onehot - e / V, in place of the log-probabilities."""
    gradients = log_probabilities.exp_()
    if smoothing > 0.0:
        gradients -= smoothing / gradients.shape[1]
    share = torch.full_like(target, smoothing - 1.0, dtype=gradients.dtype)
    return gradients.scatter_add_(1, target, share)
