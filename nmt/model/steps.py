"""What decoder steps take and give."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nmt.model.cells import CellState


@dataclass(frozen=True)
class DecoderState:
    """Everything that a step needs of the steps before it, for each sentence and beam.

    layers: bottom first, each part `[batch, beams, hidden]`; fed: the last features, `[batch,
    beams, feature]`, with input feeding, else None; covered: the sum of the attention weights so
    far, `[batch, beams, source_len]`, where coverage is kept, else None; position: of the next
    target token, from 0.
    """

    layers: tuple[CellState, ...]
    fed: Tensor | None
    covered: Tensor | None
    position: int

    def select(self, rows: Tensor) -> "DecoderState":
        """The states of some of the sentences, `rows [new_batch]`."""
        return self._map(lambda part: part[rows])

    def reorder(self, beams: Tensor) -> "DecoderState":
        """For each sentence the given beams, in that order: `beams [batch, new_beams]`."""
        rows = torch.arange(beams.shape[0], device=beams.device).unsqueeze(1)
        return self._map(lambda part: part[rows, beams])

    def _map(self, change: Callable[[Tensor], Tensor]) -> "DecoderState":
        return DecoderState(
            tuple(tuple(change(part) for part in layer) for layer in self.layers),
            None if self.fed is None else change(self.fed),
            None if self.covered is None else change(self.covered),
            self.position,
        )


@dataclass(frozen=True)
class Advanced:
    """A step up to the output layer: the state before it, its layers after it, and what the output
    layer sees of it, state `[batch, beams, hidden]` and context `[batch, beams, annotation]`;
    weights as in `Step`.
    """

    before: DecoderState
    layers: tuple[CellState, ...]
    seen: Tensor
    context: Tensor
    weights: Tensor | None

    def state(self, features: Tensor | None) -> DecoderState:
        """After the step, whose features count with input feeding only."""
        covered = self.before.covered
        if covered is not None and self.weights is not None:
            covered = covered + self.weights
        fed = None if self.before.fed is None else features
        return DecoderState(self.layers, fed, covered, self.before.position + 1)


@dataclass(frozen=True)
class Step:
    """What a step gives: the next state, features `[batch, beams, feature]`, attention weights
    `[batch, beams, source_len]` (None without attention) and the logit of the vocabulary's share
    `[batch, beams]` (None without copying).
    """

    state: DecoderState
    features: Tensor
    weights: Tensor | None
    gate: Tensor | None


@dataclass(frozen=True)
class Unrolled:
    """All steps of a target: features `[batch, target_len, feature]`, attention weights `[batch,
    target_len, source_len]`, gate `[batch, target_len]`; the last two as in `Step`.
    """

    features: Tensor
    weights: Tensor | None
    gate: Tensor | None

    def span(self, begin: int, end: int) -> "Unrolled":
        """The steps from `begin` up to, but not including, `end`."""
        return Unrolled(
            self.features[:, begin:end],
            None if self.weights is None else self.weights[:, begin:end],
            None if self.gate is None else self.gate[:, begin:end],
        )


def side_by_side(steps: Sequence[Step]) -> Unrolled:
    """Steps of one target, one after the other."""
    weights = [step.weights for step in steps if step.weights is not None]
    gates = [step.gate for step in steps if step.gate is not None]
    return Unrolled(
        torch.cat([step.features for step in steps], 1),
        torch.cat(weights, 1) if weights else None,
        torch.cat(gates, 1) if gates else None,
    )
