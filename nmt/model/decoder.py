"""The decoder: one definition of a step, from which training and search both derive."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.config.kinds import ATTENTIONS, CELLS, DECODER_STARTS, OUTPUTS
from nmt.config.settings.model import ModelSettings
from nmt.model.attention import Attention, Memory
from nmt.model.encoder import EncodedSource
from nmt.model.linear import gathered_weight_gradients
from nmt.model.output import OutputLayer
from nmt.model.precision import widened
from nmt.model.recurrent import Cell, CellState, run
from nmt.model.start import Start


@dataclass(frozen=True)
class DecoderState:
    """Everything that a step needs of the steps before it, for each sentence and beam.

    layers: bottom first, each part `[batch, beams, hidden]`; fed: the last features, `[batch,
    beams, feature]`, with input feeding, else None.
    """

    layers: tuple[CellState, ...]
    fed: Tensor | None

    @property
    def top(self) -> Tensor:
        """The top layer's hidden vector, `[batch, beams, hidden]`."""
        return self.layers[-1][0]

    def select(self, rows: Tensor) -> "DecoderState":
        """The states of some of the sentences, `rows [new_batch]`."""
        return self._map(lambda part: part[rows])

    def reorder(self, beams: Tensor) -> "DecoderState":
        """For each sentence the given beams, in that order: `beams [batch, new_beams]`."""
        rows = torch.arange(beams.shape[0], device=beams.device).unsqueeze(1)
        return self._map(lambda part: part[rows, beams])

    def _map(self, change: Callable[[Tensor], Tensor]) -> "DecoderState":
        layers = tuple(tuple(change(part) for part in layer) for layer in self.layers)
        return DecoderState(layers, None if self.fed is None else change(self.fed))


@dataclass(frozen=True)
class Step:
    """What a step gives: the next state, features `[batch, beams, feature]` and attention weights
    `[batch, beams, source_len]`.
    """

    state: DecoderState
    features: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Unrolled:
    """All steps of a target: features `[batch, target_len, feature]`, attention weights `[batch,
    target_len, source_len]`.
    """

    features: Tensor
    weights: Tensor


class Decoder(nn.Module):
    """A stack of cells with attention, built from the settings' terms:

    - query: attention is asked by s_i (Luong) or s_{i-1} (Bahdanau);
    - context: the answer enters the recurrence, the output layer, or both;
    - input feeding: the features of step i - 1 enter the recurrence of step i.
    """

    def __init__(self, settings: ModelSettings, embedding: nn.Module) -> None:
        super().__init__()
        decoder, annotation = settings.decoder, settings.encoder.annotation_size
        self.embed = embedding
        self.input_feeding = decoder.input_feeding
        self.feature_size = settings.feature_size
        self.asks_before = settings.attention.query == "previous_state"
        self.context_recurs = settings.attention.context != "output"
        bottom = [settings.embedding_size]
        if self.input_feeding:
            bottom.append(settings.feature_size)
        if self.context_recurs:
            bottom.append(annotation)
        cell = CELLS.resolve(decoder.cell)
        self.cells = nn.ModuleList(
            cell(bottom if layer == 0 else [decoder.hidden_size], decoder.hidden_size)
            for layer in range(decoder.layers)
        )
        self.dropout = nn.Dropout(decoder.dropout)
        self.attention: Attention = ATTENTIONS.resolve(settings.attention.kind)(
            settings.attention, decoder.hidden_size, annotation
        )
        self.start_state: Start = DECODER_STARTS.resolve(decoder.start)(settings, self._cells())
        self.output: OutputLayer = OUTPUTS.resolve(settings.output.kind)(settings)

    def start(self, encoded: EncodedSource, beams: int) -> DecoderState:
        """The state before the first token, the same for each of `beams` beams.

        It is in float32 or wider, whatever type products are computed in.
        """
        layers = tuple(
            tuple(widened(part).unsqueeze(1).expand(-1, beams, -1) for part in layer)
            for layer in self.start_state(encoded.annotations)
        )
        fed = layers[-1][0].new_zeros(*layers[-1][0].shape[:2], self.feature_size)
        return DecoderState(layers, fed if self.input_feeding else None)

    def step(self, encoded: EncodedSource, state: DecoderState, previous: Tensor) -> Step:
        """One step for each beam, from the tokens before it, `previous [batch, beams]`."""
        embedded = self.embed(previous)
        return self._advance(encoded.memory, state, embedded, self._cells()[0].project(embedded))

    def unroll(
        self,
        encoded: EncodedSource,
        target_input: Tensor,
        choose_previous: Callable[[int, Tensor], Tensor] | None = None,
    ) -> Unrolled:
        """All steps over `target_input [batch, target_len]`, which begins with BOS.

        choose_previous: scheduled sampling; called before step i > 0 with i and the features of
        step i - 1 `[batch, 1, feature]`, gives the tokens `[batch, 1]` that step i really sees.
        """
        if choose_previous is not None:
            return self._unroll_sampling(encoded, target_input, choose_previous)
        if self.input_feeding or self.context_recurs:
            return self._unroll_by_step(encoded, target_input)
        return self._unroll_at_once(encoded, target_input)

    def initialize(self, forget_bias: float) -> None:
        """Each part by its own rule."""
        for cell in self._cells():
            cell.initialize(forget_bias)
        self.attention.initialize()
        self.output.initialize()

    def _advance(
        self, memory: Memory, state: DecoderState, embedded: Tensor, projected: Tensor
    ) -> Step:
        """The step itself. embedded: `[batch, beams, embedding]`; projected: its part of the bottom
        cell's input, `[batch, beams, gates * hidden]`.
        """
        bottom = self._cells()[0]
        part = 1
        if state.fed is not None:
            projected = projected + bottom.project(state.fed, part)
            part += 1
        if self.asks_before:
            context, weights = self.attention(state.top, memory)
            if self.context_recurs:
                projected = projected + bottom.project(context, part)
        layers = self._recur(projected, state)
        if not self.asks_before:
            context, weights = self.attention(layers[-1][0], memory)
        features = self._features(layers[-1][0], context, embedded)
        return Step(
            DecoderState(layers, features if self.input_feeding else None), features, weights
        )

    def _recur(self, projected: Tensor, state: DecoderState) -> tuple[CellState, ...]:
        layers: list[CellState] = []
        for cell, before in zip(self._cells(), state.layers, strict=True):
            if layers:
                projected = cell.project(self.dropout(layers[-1][0]))
            layers.append(cell.advance(projected, before))
        return tuple(layers)

    def _features(self, top: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        features: Tensor = self.output(self.dropout(top), context, embedded)
        return features

    def _unroll_by_step(self, encoded: EncodedSource, target_input: Tensor) -> Unrolled:
        """The recurrence passes through attention: a loop, with the embeddings' part hoisted."""
        embedded = self.embed(target_input)
        projected = self._cells()[0].project(embedded).split(1, 1)
        state = self.start(encoded, 1)
        steps = []
        with gathered_weight_gradients():
            for embedded_step, projected_step in zip(embedded.split(1, 1), projected, strict=True):
                step = self._advance(encoded.memory, state, embedded_step, projected_step)
                state = step.state
                steps.append(step)
        return _side_by_side(steps)

    def _unroll_at_once(self, encoded: EncodedSource, target_input: Tensor) -> Unrolled:
        """Attention feeds nothing back: each layer is one call over the whole sequence, and so is
        attention.
        """
        embedded = self.embed(target_input)
        state = self.start(encoded, 1)
        hidden = embedded
        for layer, cell in enumerate(self._cells()):
            start = tuple(part.transpose(0, 1).contiguous() for part in state.layers[layer])
            hidden, _ = run([cell], hidden if layer == 0 else self.dropout(hidden), start)
        queries = hidden
        if self.asks_before:
            queries = torch.cat((state.top.to(hidden.dtype), hidden[:, :-1]), 1)
        context, weights = self.attention(queries, encoded.memory)
        return Unrolled(self._features(hidden, context, embedded), weights)

    def _unroll_sampling(
        self,
        encoded: EncodedSource,
        target_input: Tensor,
        choose_previous: Callable[[int, Tensor], Tensor],
    ) -> Unrolled:
        state = self.start(encoded, 1)
        steps: list[Step] = []
        with gathered_weight_gradients():
            for i, previous in enumerate(target_input.split(1, 1)):
                if steps:
                    previous = choose_previous(i, steps[-1].features)
                step = self.step(encoded, state, previous)
                state = step.state
                steps.append(step)
        return _side_by_side(steps)

    def _cells(self) -> list[Cell]:
        return [cell for cell in self.cells if isinstance(cell, Cell)]


def _side_by_side(steps: list[Step]) -> Unrolled:
    return Unrolled(
        torch.cat([step.features for step in steps], 1),
        torch.cat([step.weights for step in steps], 1),
    )
