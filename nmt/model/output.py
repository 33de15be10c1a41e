"""From the decoder's state to the features that are compared with each target word."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from nmt.config.settings.model import ModelSettings
from nmt.model.linear import Linear


class OutputLayer(nn.Module, ABC):
    """Features `[batch, queries, feature]` of state, previous embedding and (unless it only enters
    the recurrence) context.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.sees_context = settings.attention.context != "recurrence"
        self.dropout = nn.Dropout(settings.output.dropout)

    @abstractmethod
    def forward(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """state `[.., hidden]`, context `[.., annotation]`, embedded `[.., embedding]`."""

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
        context_size = settings.encoder.annotation_size if self.sees_context else 0
        self.map = Linear(context_size + settings.decoder.hidden_size, settings.feature_size)

    def forward(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """See `OutputLayer.forward`."""
        seen = torch.cat((context, state.to(context.dtype)), -1) if self.sees_context else state
        features: Tensor = self.dropout(torch.tanh(self.map(seen)))
        return features


class DeepOutput(OutputLayer):
    """tanh(W s + V e + C c + b): every source of evidence has its own map (Pascanu et al. 2014)."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        self.state_map = Linear(settings.decoder.hidden_size, settings.feature_size)
        self.embedding_map = Linear(settings.embedding_size, settings.feature_size, bias=False)
        if self.sees_context:
            self.context_map = Linear(
                settings.encoder.annotation_size, settings.feature_size, bias=False
            )

    def forward(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """See `OutputLayer.forward`."""
        total = self.state_map(state) + self.embedding_map(embedded)
        if self.sees_context:
            total = total + self.context_map(context)
        features: Tensor = self.dropout(torch.tanh(total))
        return features
