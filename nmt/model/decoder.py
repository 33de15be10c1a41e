"""The decoder: one definition of a step, from which training and search both derive."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.config.kinds import ATTENTIONS, DECODER_STARTS, OUTPUTS
from nmt.config.settings.model import ModelSettings
from nmt.model.attention import Attention, Memory, Query
from nmt.model.cells import Cell, CellState, make_cell
from nmt.model.dropout import Dropout, recurrent_mask
from nmt.model.embedding import Embedding
from nmt.model.encoder import EncodedSource
from nmt.model.linear import Linear
from nmt.model.loop import gathered_gradients
from nmt.model.output import OutputLayer
from nmt.model.pointer import PointerGate
from nmt.model.precision import widened
from nmt.model.recurrent import run
from nmt.model.start import Start
from nmt.model.steps import Advanced, DecoderState, Step, Unrolled, side_by_side


@dataclass(frozen=True)
class _Noise:
    """The dropout masks that one batch keeps over time; each None where there is none.

    between: of what enters each layer above the bottom one, then of what the output layer sees,
    `[batch, 1, hidden]`; features: `[batch, 1, feature]`; recurrent: of each layer, `[batch, 1,
    hidden]`.
    """

    between: tuple[Tensor | None, ...]
    features: Tensor | None
    recurrent: tuple[Tensor | None, ...]


class Decoder(nn.Module):
    """A stack of cells with attention, built from the settings' terms:

    - query: attention is asked by s_i (Luong), s_{i-1} (Bahdanau), or between the bottom layer's
      two transitions (conditional GRU); by the top or the bottom layer;
    - context: the answer enters the bottom layer's recurrence, the upper layers, the output layer;
    - input feeding: the features of step i - 1 enter the recurrence of step i.
    """

    def __init__(self, settings: ModelSettings, embedding: Embedding) -> None:
        super().__init__()
        self.settings = settings
        self.embed = embedding
        decoder, attention = settings.decoder, settings.attention
        self.feature_size = settings.feature_size
        self.asks_between = attention.kind != "none" and attention.query == "inner_state"
        self.asks_before = attention.query == "previous_state"
        self.query_layer = 0 if attention.query_layer == "bottom" else decoder.layers - 1
        self.cells = nn.ModuleList(self._make_cell(layer) for layer in range(decoder.layers))
        self.second = (
            make_cell(
                decoder.cell,
                [settings.context_size],
                decoder.hidden_size,
                decoder.transition_depth - 1,
            )
            if self.asks_between
            else None
        )
        self.combine = (
            Linear(settings.embedding_size + settings.context_size, settings.embedding_size)
            if decoder.combine_context
            else None
        )
        self.dropout = Dropout(decoder.dropout, settings.variational_dropout)
        self.attention: Attention = ATTENTIONS.resolve(attention.kind)(
            attention, settings.query_size, settings.encoder.annotation_size
        )
        self.start_state: Start = DECODER_STARTS.resolve(decoder.start)(settings, self._cells())
        self.output: OutputLayer = OUTPUTS.resolve(settings.output.kind)(settings)
        self.gate = PointerGate(settings) if settings.output.copy_source else None

    def start(self, encoded: EncodedSource, beams: int) -> DecoderState:
        """The state before the first token, the same for each of `beams` beams.

        It is in float32 or wider, whatever type products are computed in.
        """
        layers = tuple(
            tuple(widened(part).unsqueeze(1).expand(-1, beams, -1) for part in layer)
            for layer in self.start_state(encoded.annotations)
        )
        zeros = layers[0][0].new_zeros
        shape = layers[0][0].shape[:2]
        covering = self.settings.attention.coverage
        return DecoderState(
            layers,
            zeros(*shape, self.feature_size) if self.settings.decoder.input_feeding else None,
            zeros(*shape, encoded.tokens.shape[1]) if covering else None,
            0,
        )

    def step(self, encoded: EncodedSource, state: DecoderState, previous: Tensor) -> Step:
        """One step for each beam, from the tokens before it, `previous [batch, beams]`."""
        embedded = self.embed(previous)
        projected = self._project(embedded)
        advanced = self._advance(encoded.memory, state, embedded, projected, None)
        return self._finish(advanced, embedded, None)

    def unroll(
        self,
        encoded: EncodedSource,
        target_input: Tensor,
        choose_previous: Callable[[int, Step], Tensor] | None = None,
    ) -> Unrolled:
        """All steps over `target_input [batch, target_len]`, which begins with BOS.

        choose_previous: scheduled sampling; called before step i > 0 with i and step i - 1, gives
        the tokens `[batch, 1]` that step i really sees.
        """
        attention = self.settings.attention
        feeds_back = (
            self.settings.decoder.input_feeding
            or attention.enters_bottom
            or (attention.enters_upper_layers and self.query_layer > 0)
            or attention.coverage
        )
        if feeds_back or choose_previous is not None:
            return self._unroll_by_step(encoded, target_input, choose_previous)
        return self._unroll_at_once(encoded, target_input)

    def initialize(self, forget_bias: float) -> None:
        """Each part by its own rule."""
        for cell in [*self._cells(), *([] if self.second is None else [self.second])]:
            cell.initialize(forget_bias)
        if self.combine is not None:
            nn.init.xavier_uniform_(self.combine.weight)
            nn.init.zeros_(self.combine.bias)
        self.attention.initialize()
        self.output.initialize()
        if self.gate is not None:
            self.gate.initialize()

    def _make_cell(self, layer: int) -> Cell:
        settings, decoder, attention = self.settings, self.settings.decoder, self.settings.attention
        if layer > 0:
            inputs = [decoder.hidden_size]
            if attention.enters_upper_layers:
                inputs.append(settings.context_size)
            return make_cell(decoder.cell, inputs, decoder.hidden_size, decoder.transition_depth)
        inputs = [settings.embedding_size]
        if decoder.input_feeding:
            inputs.append(settings.feature_size)
        if attention.enters_bottom and not self.asks_between and not decoder.combine_context:
            inputs.append(settings.context_size)
        depth = 1 if self.asks_between else decoder.transition_depth
        return make_cell(decoder.cell, inputs, decoder.hidden_size, depth)

    def _project(self, embedded: Tensor) -> Tensor | None:
        """The embeddings' part of the bottom layer's input, where it does not depend on the
        context.
        """
        return self._cells()[0].project(embedded) if self.combine is None else None

    def _advance(
        self,
        memory: Memory,
        state: DecoderState,
        embedded: Tensor,
        projected: Tensor | None,
        noise: _Noise | None,
    ) -> Advanced:
        """The step itself, up to the output layer. embedded: `[batch, beams, embedding]`;
        projected: of them, `[batch, beams, gates * hidden]`.
        """
        answer = None
        if self.asks_before:
            answer = self._ask(state.layers[self.query_layer][0], embedded, memory, state)
        context = None if answer is None else answer[0]
        bottom = self._bottom_input(state, embedded, projected, context)
        first = self._cells()[0].advance(bottom, state.layers[0], _recurrent(noise, 0))
        if not self.asks_before and self.query_layer == 0:
            answer = self._ask(first[0], embedded, memory, state)
        if self.second is not None:
            assert answer is not None
            first = self.second.advance(self.second.project(answer[0]), first, _recurrent(noise, 0))
        context = None if answer is None else answer[0]
        layers, top = self._upper_layers(first, context, state, noise)
        if answer is None:
            answer = self._ask(layers[-1][0], embedded, memory, state)
        before = self.settings.output.state == "previous_state"
        seen = state.layers[-1][0] if before else top
        context, weights = answer
        return Advanced(state, layers, seen, context, weights)

    def _ask(
        self, hidden: Tensor, embedded: Tensor, memory: Memory, state: DecoderState
    ) -> tuple[Tensor, Tensor | None]:
        positions = torch.full((1,), state.position, device=hidden.device)
        query = Query(self._query_vectors(hidden, embedded), positions, state.covered)
        answer: tuple[Tensor, Tensor | None] = self.attention(query, memory)
        return answer

    def _query_vectors(self, hidden: Tensor, embedded: Tensor) -> Tensor:
        if not self.settings.attention.query_embedding:
            return hidden
        return torch.cat((hidden, embedded.to(hidden.dtype)), -1)

    def _bottom_input(
        self,
        state: DecoderState,
        embedded: Tensor,
        projected: Tensor | None,
        context: Tensor | None,
    ) -> Tensor:
        bottom = self._cells()[0]
        if self.combine is not None:
            assert context is not None
            seen = torch.cat((embedded.to(context.dtype), context), -1)
            projected = bottom.project(torch.relu(self.combine(seen)))
        assert projected is not None
        if state.fed is not None:
            projected = bottom.project(state.fed, 1, projected)
        enters = self.settings.attention.enters_bottom and self.combine is None
        if enters and context is not None:
            projected = bottom.project(context, 1 if state.fed is None else 2, projected)
        return projected

    def _upper_layers(
        self,
        first: CellState,
        context: Tensor | None,
        state: DecoderState,
        noise: _Noise | None,
    ) -> tuple[tuple[CellState, ...], Tensor]:
        """The new states of all layers, and what the top one gives."""
        layers, given = [first], first[0]
        for number, cell in enumerate(self._cells()[1:], start=1):
            below = self.dropout(given, _between(noise, number - 1))
            projected = cell.project(below)
            if self.settings.attention.enters_upper_layers:
                assert context is not None
                projected = cell.project(context, 1, projected)
            layers.append(cell.advance(projected, state.layers[number], _recurrent(noise, number)))
            given = layers[-1][0]
            if self._is_residual(number):
                given = given + below.to(given.dtype)
        return tuple(layers), given

    def _finish(self, advanced: Advanced, embedded: Tensor, noise: _Noise | None) -> Step:
        """The rest of a step: its features."""
        features, gate = self._features(advanced.seen, advanced.context, embedded, noise)
        return Step(advanced.state(features), features, advanced.weights, gate)

    def _features(
        self, seen: Tensor, context: Tensor, embedded: Tensor, noise: _Noise | None
    ) -> tuple[Tensor, Tensor | None]:
        """Features and copying's gate, of one step or of all."""
        seen = self.dropout(seen, _between(noise, len(self.cells) - 1))
        mask = None if noise is None else noise.features
        features = self.output(seen, context, embedded, mask)
        return features, None if self.gate is None else self.gate(seen, context, embedded)

    def _unroll_by_step(
        self,
        encoded: EncodedSource,
        target_input: Tensor,
        choose_previous: Callable[[int, Step], Tensor] | None,
    ) -> Unrolled:
        """A loop over time, with the embeddings' part hoisted where all tokens are known."""
        mask = self.embed.mask(target_input)
        embedded = self.embed(target_input, mask)
        projected = self._project(embedded)
        # Split, not sliced: the backward pass of a slice fills a whole tensor at each step.
        parts = [None] * target_input.shape[1] if projected is None else projected.split(1, 1)
        noise = self._noise(embedded)
        state = self.start(encoded, 1)
        if choose_previous is None and state.fed is None:
            return self._unroll_recurrence(encoded.memory, state, embedded, parts, noise)
        steps: list[Step] = []
        with gathered_gradients():
            for embedded_step, projected_step in zip(embedded.split(1, 1), parts, strict=True):
                if steps and choose_previous is not None:
                    embedded_step = self.embed(choose_previous(len(steps), steps[-1]), mask)
                    projected_step = self._project(embedded_step)
                advanced = self._advance(
                    encoded.memory, state, embedded_step, projected_step, noise
                )
                steps.append(self._finish(advanced, embedded_step, noise))
                state = steps[-1].state
        return side_by_side(steps)

    def _unroll_recurrence(
        self,
        memory: Memory,
        state: DecoderState,
        embedded: Tensor,
        parts: Sequence[Tensor | None],
        noise: _Noise,
    ) -> Unrolled:
        """Nothing waits for the features: they are made of all steps at once, after the loop."""
        steps: list[Advanced] = []
        with gathered_gradients():
            for embedded_step, projected_step in zip(embedded.split(1, 1), parts, strict=True):
                steps.append(self._advance(memory, state, embedded_step, projected_step, noise))
                state = steps[-1].state(None)
        seen = torch.cat([step.seen for step in steps], 1)
        context = torch.cat([step.context for step in steps], 1)
        weights = [step.weights for step in steps if step.weights is not None]
        features, gate = self._features(seen, context, embedded, noise)
        return Unrolled(features, torch.cat(weights, 1) if weights else None, gate)

    def _unroll_at_once(self, encoded: EncodedSource, target_input: Tensor) -> Unrolled:
        """Attention feeds nothing back: each layer is one call over the whole sequence, and so is
        attention.
        """
        embedded = self.embed(target_input)
        noise = self._noise(embedded)
        start = self.start(encoded, 1)
        given, answer = embedded, None
        hidden: list[Tensor] = []
        for number, cell in enumerate(self._cells()):
            below = given if number == 0 else self.dropout(given, _between(noise, number - 1))
            parts = [below]
            if number > 0 and self.settings.attention.enters_upper_layers:
                assert answer is not None
                parts.append(answer[0])
            given = self._run_layer(cell, parts, start.layers[number], _recurrent(noise, number))
            hidden.append(given)
            if self._is_residual(number):
                given = given + below.to(given.dtype)
            if number == self.query_layer:
                answer = self._ask_all(hidden[-1], embedded, start, encoded.memory)
        assert answer is not None
        if self.settings.output.state == "previous_state":
            given = _one_later(start.layers[-1][0], hidden[-1])
        context, weights = answer
        features, gate = self._features(given, context, embedded, noise)
        return Unrolled(features, weights, gate)

    def _run_layer(
        self, cell: Cell, parts: list[Tensor], start: CellState, mask: Tensor | None
    ) -> Tensor:
        states = [tuple(part.squeeze(1) for part in start)]
        recurrent = None if mask is None else mask.squeeze(1)
        return run([cell], parts, states, ("forward",), None, [recurrent])[0]

    def _ask_all(
        self, hidden: Tensor, embedded: Tensor, start: DecoderState, memory: Memory
    ) -> tuple[Tensor, Tensor | None]:
        """Attention for all target positions, from the asking layer's hidden vectors."""
        if self.asks_before:
            hidden = _one_later(start.layers[self.query_layer][0], hidden)
        positions = torch.arange(hidden.shape[1], device=hidden.device)
        query = Query(self._query_vectors(hidden, embedded), positions)
        answer: tuple[Tensor, Tensor | None] = self.attention(query, memory)
        return answer

    def _noise(self, embedded: Tensor) -> _Noise:
        """The masks of a batch, whose size `embedded [batch, ..]` gives."""
        decoder = self.settings.decoder
        recurrent = [
            recurrent_mask(embedded, decoder.hidden_size, decoder.recurrent_dropout, self.training)
            for _ in self.cells
        ]
        return _Noise(
            tuple(self.dropout.mask(embedded, decoder.hidden_size) for _ in self.cells),
            self.output.dropout.mask(embedded, self.feature_size),
            tuple(None if mask is None else mask.unsqueeze(1) for mask in recurrent),
        )

    def _is_residual(self, number: int) -> bool:
        first = self.settings.decoder.residual_from
        return first is not None and number + 1 >= first

    def _cells(self) -> list[Cell]:
        return [cell for cell in self.cells if isinstance(cell, Cell)]


def _between(noise: _Noise | None, number: int) -> Tensor | None:
    return None if noise is None else noise.between[number]


def _recurrent(noise: _Noise | None, layer: int) -> Tensor | None:
    return None if noise is None else noise.recurrent[layer]


def _one_later(first: Tensor, hidden: Tensor) -> Tensor:
    """Hidden vectors `[batch, length, hidden]` each one step later, `first [batch, 1, hidden]` in
    front: s_{i-1} instead of s_i.
    """
    return torch.cat((first.to(hidden.dtype), hidden[:, :-1]), 1)
