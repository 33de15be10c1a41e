"""Label-smoothed cross-entropy, fused with the output product.

The logits of a batch are the largest tensor of the whole model. They are made a block of rows at a
time, and the gradients at once with them, so that no `[tokens, vocabulary]` float32 tensor is ever
held and nothing of the kind waits for the backward pass.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nmt.model.autograd import call
from nmt.model.precision import product_dtype, wide_dtype, widened

_ROWS = 64
"""Tokens of a batch are filled up to a multiple of these with zeros."""
_BLOCK_BYTES = 64 << 20
_CHUNK_BYTES = {"cpu": 1 << 20, "cuda": _BLOCK_BYTES}
"""How much of the softmax is made at a time: on a CPU as much as its cache holds."""


@dataclass(frozen=True)
class LossSums:
    """Sums over the target tokens of a batch.

    loss: label-smoothed cross-entropy in nats, a scalar with a gradient; cross_entropy: without
    smoothing, a scalar without gradient; tokens: their number, a scalar tensor where only the
    device knows it; guided: cost of guided alignment, which the loss has in it times its weight, a
    scalar without gradient; None where there is none.
    """

    loss: Tensor
    cross_entropy: Tensor
    tokens: int | Tensor
    guided: Tensor | None = None

    def detached(self) -> "LossSums":
        """The same without a graph."""
        return replace(self, loss=self.loss.detach())


def cross_entropy_sums(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    smoothing: float,
    real: Tensor | None = None,
) -> LossSums:
    """Sums of -((1 - e) log p(target) + e mean_v log p(v)) over the tokens (Szegedy et al. 2016).

    features: `[tokens, feature]`; weight: `[vocabulary, feature]`; bias: `[vocabulary]` or None;
    targets: `[tokens]`; smoothing: e; real: `[tokens]`, false at padding, which counts for nothing;
    None: there is none. Products run in the autocast type where there is one; sums and softmax in
    float32 or wider.
    """
    if real is not None:
        # With zero features every position of padding adds the same, which is taken off below.
        features = features.masked_fill(~real.unsqueeze(1), 0.0)
        targets = targets.masked_fill(~real, 0)
    dtype = product_dtype(weight)
    # Inside the function gradients are always off, so it cannot see for itself.
    learned = [part for part in (features, weight, bias) if part is not None]
    wanted = torch.is_grad_enabled() and any(part.requires_grad for part in learned)
    loss, cross_entropy = call(
        _CrossEntropy, features.to(dtype), weight, bias, targets, smoothing, wanted
    )
    if real is None:
        return LossSums(loss, cross_entropy, targets.numel())
    tokens = real.sum()
    padding = targets.numel() - tokens
    log_p = torch.log_softmax(widened(weight.new_zeros(len(weight)) if bias is None else bias), 0)
    of_one = (1 - smoothing) * log_p[0] + smoothing * log_p.mean()
    return LossSums(loss + padding * of_one, cross_entropy + padding * log_p[0].detach(), tokens)


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
    """The same where copying is mixed in (See et al. 2017, eq. 9).

    Sums of -((1 - e) log(g p(target) + (1 - g) copies) + e mean_v log p(v)), p that of the
    vocabulary. gate: `[tokens]`, the logit of g; copies: `[tokens]`, the attention that the target
    gets in the source.
    """
    rows = max(1, _BLOCK_BYTES // (len(weight) * 4))
    blocks = []
    for begin in range(0, len(features), rows):
        block = (features[begin : begin + rows], weight, bias, targets[begin : begin + rows])
        # Nothing random happens inside; and the generator's state is not to be had while a CUDA
        # graph is captured.
        blocks.append(
            checkpoint(
                _token_log_probabilities, *block, use_reentrant=False, preserve_rng_state=False
            )
        )
    plain, mean = (torch.cat(parts) for parts in zip(*blocks, strict=True))
    tiny = torch.finfo(copies.dtype).tiny  # below it a logarithm has no gradient to give
    copying = torch.log(copies.clamp_min(tiny)) + nn.functional.logsigmoid(-gate)
    log_p = torch.logaddexp(plain + nn.functional.logsigmoid(gate), copying)
    smoothed = (1 - smoothing) * log_p + smoothing * mean
    if real is None:
        return LossSums(-smoothed.sum(), -log_p.detach().sum(), targets.numel())
    loss, cross_entropy = (-x.masked_fill(~real, 0.0).sum() for x in (smoothed, log_p.detach()))
    return LossSums(loss, cross_entropy, real.sum())


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
    """A block of logits is made by one product, turned into its gradients where it lies, a few rows
    at a time, and multiplied back by two products. The last block has some rows of zeros, so that
    batches have few shapes: on a CPU, kernels are written for each (`runtime.memory.keep_kernels`).

    Smoothing's uniform part, -e / V for every word of every token, needs no logits: it comes in by
    way of the sums of all features and of all weights.
    """

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        wide_weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        smoothing: float,
        wanted: bool,
    ) -> tuple[Tensor, Tensor]:
        weight = wide_weight.to(features.dtype)
        softmax = _Softmax(weight, bias, 1 - smoothing, wanted)
        padded = nn.functional.pad(features, (0, 0, 0, -len(features) % _ROWS))
        rows = min(len(padded), max(1, _BLOCK_BYTES // (len(weight) * features.itemsize)))
        logits = features.new_empty(rows, len(weight))
        d_padded = torch.empty_like(padded) if wanted else None
        d_weight: Tensor | None = None
        for begin in range(0, len(features), rows):
            block, of_block = padded[begin : begin + rows], targets[begin : begin + rows]
            d_logits = torch.mm(block, weight.t(), out=logits[: len(block)])
            softmax.take(d_logits[: len(of_block)], of_block.unsqueeze(1))
            if d_padded is not None:
                d_logits[len(of_block) :] = 0.0
                torch.mm(d_logits, weight, out=d_padded[begin : begin + rows])
                part = d_logits.t() @ block
                d_weight = part if d_weight is None else widened(d_weight).add_(part)
        d_features = None if d_padded is None else d_padded[: len(features)]
        if d_weight is None:
            d_weight = torch.zeros_like(weight)
        loss = (1 - smoothing) * softmax.cross_entropy
        if smoothing > 0.0:
            share = smoothing / len(weight)
            wide = wide_dtype(weight.dtype)
            all_features, all_weights = features.sum(0, dtype=wide), weight.sum(0, dtype=wide)
            logits_sum = (all_features * all_weights).sum()  # autocast would narrow a product
            if bias is not None:
                logits_sum += len(features) * bias.sum()
            loss += smoothing * softmax.normalizers - share * logits_sum
            if d_features is not None:
                d_features -= (share * all_weights).to(d_features.dtype)
                d_weight = widened(d_weight).sub_(share * all_features)
                softmax.d_bias -= share * len(features)
        if wanted:
            ctx.save_for_backward(d_features, d_weight.to(wide_weight.dtype), softmax.d_bias)
        ctx.bias_dtype = None if bias is None else bias.dtype
        ctx.mark_non_differentiable(softmax.cross_entropy)
        return loss, softmax.cross_entropy

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        d_features, d_weight, d_bias = ctx.saved_tensors
        scale = gradients[0]
        d_bias = None if ctx.bias_dtype is None else (d_bias * scale).to(ctx.bias_dtype)
        return d_features * scale, d_weight * scale, d_bias, None, None, None


class _Softmax:
    """Turns blocks of logits into sums and gradients, in float32 or wider.

    target: the probability that the target is to have in the gradient. The rows are taken so few at
    a time that they stay in the processor's cache, in buffers made once: memory that is new at
    every turn would have to be cleared by the system first.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, target: float, wanted: bool) -> None:
        wide = wide_dtype(weight.dtype)
        self.bias = None if bias is None else bias.to(wide)
        self.target = target
        self.wanted = wanted
        chunk = _CHUNK_BYTES.get(weight.device.type, _BLOCK_BYTES)
        self.rows = max(1, chunk // (len(weight) * wide.itemsize))
        self.buffers = torch.empty(2, self.rows, len(weight), dtype=wide, device=weight.device)
        self.normalizers = torch.zeros((), dtype=wide, device=weight.device)
        """Sum of log sum_v exp(logit) over the tokens."""
        self.cross_entropy = torch.zeros((), dtype=wide, device=weight.device)
        """Sum of -log p(target) over the tokens."""
        self.d_bias = torch.zeros(len(weight), dtype=wide, device=weight.device)

    def take(self, logits: Tensor, targets: Tensor) -> None:
        """Add up the tokens of `logits [rows, vocabulary]`, still without bias, and `targets [rows,
        1]`. If gradients are wanted, put p - target onehot in place of the logits and add it up in
        `d_bias`.
        """
        of_targets = logits.gather(1, targets).sum(dtype=self.d_bias.dtype)
        if self.bias is not None:
            of_targets += self.bias[targets].sum()
        greatest = self.d_bias.new_empty(2, len(logits))  # logit and probability of each row
        shares = self.d_bias.new_full((len(logits), 1), -self.target)
        parts = (logits, targets, shares, greatest[0], greatest[1])
        for few in zip(*(part.split(self.rows) for part in parts), strict=True):
            self._take_few(*few)
        # Of the greatest logit the probability is never too small for a logarithm.
        normalizers = (greatest[0] - greatest[1].log()).sum()
        self.normalizers += normalizers
        self.cross_entropy += normalizers - of_targets

    def _take_few(
        self, logits: Tensor, targets: Tensor, shares: Tensor, greatest: Tensor, likeliest: Tensor
    ) -> None:
        wide, probabilities = self.buffers[:, : len(logits)]
        in_place = self.wanted and logits.dtype == wide.dtype
        wide = logits if in_place else wide.copy_(logits)
        if self.bias is not None:
            wide += self.bias
        torch.softmax(wide, 1, out=probabilities)
        torch.amax(wide, 1, out=greatest)
        torch.amax(probabilities, 1, out=likeliest)
        if self.wanted:
            probabilities.scatter_add_(1, targets, shares)
            self.d_bias += probabilities.sum(0)
            logits.copy_(probabilities)
