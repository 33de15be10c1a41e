"""From the decoder's state to the features that are compared with each target word."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from nmt.config.settings.model import ModelSettings
from nmt.model.activations import tanh
from nmt.model.dropout import Dropout
from nmt.model.linear import Linear


class OutputLayer(nn.Module, ABC):
    """Features `[batch, queries, feature]` of state, context (where it goes to the output layer)
    and previous embedding.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.sees_context = settings.attention.enters_output
        self.dropout = Dropout(settings.output.dropout, settings.variational_dropout)

    def forward(
        self, state: Tensor, context: Tensor, embedded: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """state `[.., hidden]`, context `[.., annotation]`, embedded `[.., embedding]`; mask: of
        dropout, see `Dropout.mask`.
        """
        features: Tensor = self.dropout(self.features(state, context, embedded), mask)
        return features

    @abstractmethod
    def features(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """The same before dropout."""

    def initialize(self) -> None:
        """Glorot maps, biases zero."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class AttentionalOutput(OutputLayer):
    """The attentional vector tanh(W [c; s] + b): Luong et al. 2015, eq. 5."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        context_size = settings.context_size if self.sees_context else 0
        self.map = Linear(context_size + settings.decoder.hidden_size, settings.feature_size)

    def features(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """See `OutputLayer.features`."""
        seen = torch.cat((context, state.to(context.dtype)), -1) if self.sees_context else state
        return tanh(self.map(seen))


class DeepOutput(OutputLayer):
    """tanh(W s + V e + C c + b): every source of evidence has its own map (Pascanu et al. 2014)."""

    pieces = 1

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        size = self.pieces * settings.feature_size
        self.state_map = Linear(settings.decoder.hidden_size, size)
        self.embedding_map = Linear(settings.embedding_size, size, bias=False)
        if self.sees_context:
            self.context_map = Linear(settings.context_size, size, bias=False)

    def features(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """See `OutputLayer.features`."""
        return tanh(self.evidence(state, context, embedded))

    def evidence(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """W s + V e + C c + b."""
        total: Tensor = self.state_map(state) + self.embedding_map(embedded)
        if self.sees_context:
            total = total + self.context_map(context)
        return total


class MaxoutOutput(DeepOutput):
    """max(t_{2k-1}, t_{2k}), t = W s + V e + C c + b: Bahdanau et al. 2014, appendix A.2.2."""

    pieces = 2

    def features(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """See `OutputLayer.features`."""
        pairs: Tensor = self.evidence(state, context, embedded).unflatten(-1, (-1, 2))
        return pairs.amax(-1)


class PlainOutput(OutputLayer):
    """[s; c]: nothing between the decoder and the vocabulary."""

    def features(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """See `OutputLayer.features`."""
        return torch.cat((state, context.to(state.dtype)), -1) if self.sees_context else state


class ConcatOutput(OutputLayer):
    """[s; c; e]: the vocabulary sees all three."""

    def features(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """See `OutputLayer.features`."""
        seen = (state, context, embedded) if self.sees_context else (state, embedded)
        return torch.cat([part.to(state.dtype) for part in seen], -1)
