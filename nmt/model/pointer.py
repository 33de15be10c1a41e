"""Copying source tokens: the pointer-generator of See et al. 2017.

Needs one vocabulary for both sides: a source token is copied under its own id.
"""

import torch
from torch import Tensor, nn

from nmt.config.settings.model import ModelSettings
from nmt.model.activations import logaddexp
from nmt.model.linear import Linear
from nmt.model.precision import widened


class PointerGate(nn.Module):
    """p_gen = sigmoid(w_c c + w_s s + w_e e + b), the share of the vocabulary (eq. 8), given as its
    logit `[batch, queries]` in float32 or wider.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.context_map = Linear(settings.context_size, 1)
        self.state_map = Linear(settings.decoder.hidden_size, 1, bias=False)
        self.embedding_map = Linear(settings.embedding_size, 1, bias=False)

    def forward(self, state: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """state `[.., hidden]`, context `[.., annotation]`, embedded `[.., embedding]`."""
        logit: Tensor = (
            self.context_map(context) + self.state_map(state) + self.embedding_map(embedded)
        )
        return widened(logit).squeeze(-1)

    def initialize(self) -> None:
        """Glorot maps, bias zero."""
        for module in (self.context_map, self.state_map, self.embedding_map):
            nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(self.context_map.bias)


def copied(weights: Tensor, source: Tensor, targets: Tensor) -> Tensor:
    """What attention `[batch, queries, source_len]` gives to the places where `source [batch,
    source_len]` has the target token `[batch, queries]`.
    """
    return (weights * (source.unsqueeze(1) == targets.unsqueeze(2))).sum(-1)


def mixed(log_vocabulary: Tensor, gate: Tensor, weights: Tensor, source: Tensor) -> Tensor:
    """log(p_gen p_vocabulary(v) + (1 - p_gen) sum of the weights where v stands): eq. 9.

    log_vocabulary: `[batch, queries, vocabulary]`; gate: `[batch, queries]`, a logit.
    """
    generated = log_vocabulary + nn.functional.logsigmoid(gate).unsqueeze(-1)
    places = source.unsqueeze(1).expand_as(weights)
    copies = torch.zeros_like(log_vocabulary).scatter_add(2, places, weights.to(generated.dtype))
    log_copies = torch.log(copies) + nn.functional.logsigmoid(-gate).unsqueeze(-1)
    return logaddexp(generated, log_copies)
