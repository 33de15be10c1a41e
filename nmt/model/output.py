"""The output layer: from the decoder's state to the features compared with each target word.

Deep output with maxout (Bahdanau et al. 2014) is `MaxoutOutput`, the attentional vector (Luong et
al. 2015) `AttentionalOutput`. The softmax over the vocabulary is in nmt/model/seq2seq.py.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from nmt.config.settings.model import ModelSettings
from nmt.model.embedding import Dropout
from nmt.model.kernels.kernel_module import KernelModule, Linear
from nmt.model.kernels.precision import upcast


class OutputLayer(KernelModule, ABC):
    """A map from state, context (where it enters the output layer) and embedding to features."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.uses_context = settings.attention.enters_output
        self.dropout = Dropout(settings.output.dropout, settings.variational_dropout)

    def forward(
        self, state: Tensor, context: Tensor, embedded: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Return the features, `[batch, queries, feature]`, after dropout.

        Args:
            state: s_i, `[batch, queries, hidden]`.
            context: c_i, `[batch, queries, annotation]`.
            embedded: E y_{i-1}, `[batch, queries, embedding]`.
            mask: The result of `Dropout.mask`, `[batch, 1, feature]`, or None.
        """
        features: Tensor = self.dropout(self.features(state, context, embedded), mask)
        return features

    @abstractmethod
    def features(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """Return the features before dropout, `[batch, queries, feature]`.

        Args:
            state: s_i, `[batch, queries, hidden]`.
            context: c_i, `[batch, queries, annotation]`.
            embedded: E y_{i-1}, `[batch, queries, embedding]`.
        """

    def initialize(self) -> None:
        """Draw Glorot maps; biases are zero."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class AttentionalOutput(OutputLayer):
    """The attentional vector tanh(W [c; s] + b): Luong et al. 2015, eq. 5."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        context_size = settings.context_size if self.uses_context else 0
        self.map = Linear(context_size + settings.decoder.hidden_size, settings.feature_size)

    def features(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """See `OutputLayer.features`."""
        inputs = torch.cat((context, state.to(context.dtype)), -1) if self.uses_context else state
        return self.tanh(self.map(inputs))


class DeepOutput(OutputLayer):
    """Deep output, tanh(W s + V e + C c + b): Pascanu et al. 2014. Each input has its own map."""

    pool_size = 1

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        size = self.pool_size * settings.feature_size
        self.state_map = Linear(settings.decoder.hidden_size, size)
        self.embedding_map = Linear(settings.embedding_size, size, bias=False)
        if self.uses_context:
            self.context_map = Linear(settings.context_size, size, bias=False)

    def features(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """See `OutputLayer.features`."""
        return self.tanh(self.pre_activation(state, context, embedded))

    def pre_activation(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """Return W s + V e + C c + b, `[batch, queries, pieces * feature]`.

        Args:
            state: s_i, `[batch, queries, hidden]`.
            context: c_i, `[batch, queries, annotation]`.
            embedded: E y_{i-1}, `[batch, queries, embedding]`.
        """
        total: Tensor = self.state_map(state) + self.embedding_map(embedded)
        if self.uses_context:
            total = total + self.context_map(context)
        return total


class MaxoutOutput(DeepOutput):
    """Deep output with maxout: max(t_{2k-1}, t_{2k}), t = W s + V e + C c + b.

    Bahdanau et al. 2014, appendix A.2.2, where s is s_{i-1} (`output.state: previous_state`).
    """

    pool_size = 2

    def features(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """See `OutputLayer.features`."""
        pairs: Tensor = self.pre_activation(state, context, embedded).unflatten(-1, (-1, 2))
        return pairs.amax(-1)


class PlainOutput(OutputLayer):
    """[s; c]: the decoder's state and the context themselves."""

    def features(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """See `OutputLayer.features`."""
        return torch.cat((state, context.to(state.dtype)), -1) if self.uses_context else state


class ConcatOutput(OutputLayer):
    """[s; c; e]: the state, the context and the previous embedding themselves."""

    def features(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """See `OutputLayer.features`."""
        inputs = (state, context, embedded) if self.uses_context else (state, embedded)
        return torch.cat([part.to(state.dtype) for part in inputs], -1)


class PointerGate(nn.Module):
    """p_gen = sigmoid(w_c c + w_s s + w_e e + b): the pointer-generator, See et al. 2017, eq. 8.

    It needs one vocabulary for both sides, because a copied source token keeps its id.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.context_map = Linear(settings.context_size, 1)
        self.state_map = Linear(settings.decoder.hidden_size, 1, bias=False)
        self.embedding_map = Linear(settings.embedding_size, 1, bias=False)

    def forward(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """Return the logit of p_gen, `[batch, queries]`, in float32 or wider.

        Args:
            state: s_i, `[batch, queries, hidden]`.
            context: c_i, `[batch, queries, annotation]`.
            embedded: E y_{i-1}, `[batch, queries, embedding]`.
        """
        logit: Tensor = (
            self.context_map(context) + self.state_map(state) + self.embedding_map(embedded)
        )
        return upcast(logit).squeeze(-1)

    def initialize(self) -> None:
        """Draw Glorot maps; the bias is zero."""
        for module in (self.context_map, self.state_map, self.embedding_map):
            nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(self.context_map.bias)


def copy_probabilities(weights: Tensor, source: Tensor, targets: Tensor) -> Tensor:
    """Return the sum of a_ij over source tokens equal to the target token, `[batch, queries]`.

    Args:
        weights: a_ij, `[batch, queries, source_len]`.
        source: The source token ids, `[batch, source_len]`.
        targets: The target token ids, `[batch, queries]`.
    """
    return (weights * (source.unsqueeze(1) == targets.unsqueeze(2))).sum(-1)


def mix_copies(log_vocabulary: Tensor, gate: Tensor, weights: Tensor, source: Tensor) -> Tensor:
    """Return log(p_gen p_vocabulary(v) + (1 - p_gen) sum_{j: w_j = v} a_j): See et al. 2017, eq. 9.

    Args:
        log_vocabulary: log p_vocabulary, `[batch, queries, vocabulary]`.
        gate: The logit of p_gen, `[batch, queries]`.
        weights: a_j, `[batch, queries, source_len]`.
        source: w_j, the source token ids, `[batch, source_len]`.

    Returns:
        Log-probabilities, `[batch, queries, vocabulary]`.
    """
    generated = log_vocabulary + nn.functional.logsigmoid(gate).unsqueeze(-1)
    source_ids = source.unsqueeze(1).expand_as(weights)
    copies = torch.zeros_like(log_vocabulary).scatter_add(
        2, source_ids, weights.to(generated.dtype)
    )
    log_copies = torch.log(copies) + nn.functional.logsigmoid(-gate).unsqueeze(-1)
    return log_sum_exp(generated, log_copies)


def log_sum_exp(x: Tensor, y: Tensor) -> Tensor:
    """Return log(exp(x) + exp(y)), `[..]`.

    The rounding of `torch.logaddexp` depends on the position of a number.

    Args:
        x: Log-probabilities, `[..]`.
        y: Log-probabilities, of the same shape.
    """
    return torch.logsumexp(torch.stack((x, y)), 0)
