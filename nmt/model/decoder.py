"""The decoder: one definition of a step, from which training and search both derive.

`Decoder.start` gives s_0 (by a `DecoderStart` of nmt/model/decoder_state.py), `step` one step of
search, `unroll` all steps of a training target.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nmt.config.registry import ATTENTIONS, DECODER_STARTS, OUTPUTS
from nmt.config.settings.model import ModelSettings
from nmt.model.attention import AdditiveAttention, Attention, AttentionOutput, Memory, Query
from nmt.model.cells import GRU, Cell, CellState, make_cell
from nmt.model.decoder_state import DecoderStart, DecoderState, RecurrentOutput, Step, Unrolled
from nmt.model.embedding import Dropout, DropoutMasks, Embedding, recurrent_mask
from nmt.model.encoder import EncodedSource
from nmt.model.kernels.conditional_gru import ConditionalGRUWeights, conditional_gru
from nmt.model.kernels.kernel_module import KernelModule, Linear
from nmt.model.kernels.precision import upcast
from nmt.model.output import OutputLayer, PointerGate
from nmt.model.recurrent_layer import run_cells


class Decoder(KernelModule):
    """A stack of cells with attention, assembled from these choices of the settings.

    - Query, see `_bottom_step` and `_recurrent_step`: s_i (Luong et al. 2015), s_{i-1} (Bahdanau et
      al. 2014), or the state between the bottom layer's two transitions (the conditional GRU of
      Nematus, Sennrich et al. 2017). It is of the top or the bottom layer.
    - Context: c_i enters the bottom layer's recurrence, the upper layers or the output layer.
    - Input feeding, see `_bottom_input`: the features of step i - 1 enter the recurrence of step i.
    - Residual stack, see `_recurrent_step`: GNMT, Wu et al. 2016, eq. 6.
    - Output layer, see nmt/model/output.py: attentional vector, deep output, maxout.
    """

    def __init__(self, settings: ModelSettings, embedding: Embedding) -> None:
        super().__init__()
        self.settings = settings
        self.embed = embedding
        decoder, attention = settings.decoder, settings.attention
        self.feature_size = settings.feature_size
        self.queries_inner_state = attention.kind != "none" and attention.query == "inner_state"
        self.queries_previous_state = attention.query == "previous_state"
        self.query_layer = 0 if attention.query_layer == "bottom" else decoder.layers - 1
        self.cells = nn.ModuleList(self._make_cell(layer) for layer in range(decoder.layers))
        # `second` is the second transition of a conditional GRU, `combine` maps [E y; c] to the
        # input of the recurrence, `gate` is the pointer gate. Checkpoints hold these names.
        self.second = (
            make_cell(
                decoder.cell,
                [settings.context_size],
                decoder.hidden_size,
                decoder.transition_depth - 1,
            )
            if self.queries_inner_state
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
        self.start_state: DecoderStart = DECODER_STARTS.resolve(decoder.start)(
            settings, self._cells()
        )
        self.output: OutputLayer = OUTPUTS.resolve(settings.output.kind)(settings)
        self.gate = PointerGate(settings) if settings.output.copy_source else None

    def initialize(self, forget_bias: float) -> None:
        """Draw the weights of each part by its own rule.

        Args:
            forget_bias: See `Cell.initialize`.
        """
        for cell in [*self._cells(), *([] if self.second is None else [self.second])]:
            cell.initialize(forget_bias)
        if self.combine is not None:
            nn.init.xavier_uniform_(self.combine.weight)
            nn.init.zeros_(self.combine.bias)
        self.attention.initialize()
        self.output.initialize()
        if self.gate is not None:
            self.gate.initialize()

    def start(self, encoded: EncodedSource, beams: int) -> DecoderState:
        """Return the state before the first token, the same for each beam.

        It is in float32 or wider, whatever type products are computed in.

        Args:
            encoded: The source, with annotations `[batch, source_len, annotation]`.
            beams: The number of beams a sentence.
        """
        layers = tuple(
            tuple(upcast(part).unsqueeze(1).expand(-1, beams, -1) for part in layer)
            for layer in self.start_state(encoded.annotations)
        )
        zeros = layers[0][0].new_zeros
        shape = layers[0][0].shape[:2]
        has_coverage = self.settings.attention.coverage
        return DecoderState(
            layers,
            zeros(*shape, self.feature_size) if self.settings.decoder.input_feeding else None,
            zeros(*shape, encoded.tokens.shape[1]) if has_coverage else None,
            0,
        )

    def step(self, encoded: EncodedSource, state: DecoderState, previous: Tensor) -> Step:
        """Return the result of one step of each beam.

        Args:
            encoded: The source, with annotations `[batch, source_len, annotation]`.
            state: The state before the step, each layer's parts `[batch, beams, hidden]`.
            previous: The tokens before the step, y_{i-1}, `[batch, beams]`.
        """
        embedded = self.embed(previous)
        masks = self._draw_masks(embedded)
        return self._step_from_embedding(
            encoded.memory, state, embedded, self._project_embedding(embedded), masks
        )

    def unroll(
        self,
        encoded: EncodedSource,
        target_input: Tensor,
        choose_previous: Callable[[int, Step], Tensor] | None = None,
    ) -> Unrolled:
        """Return all steps over a target.

        Args:
            encoded: The source, with annotations `[batch, source_len, annotation]`.
            target_input: The target, beginning with BOS, `[batch, target_len]`.
            choose_previous: For scheduled sampling. It is called before step i > 0 with i and step
                i - 1, and returns the input tokens of step i, `[batch, 1]`.
        """
        attention = self.settings.attention
        top_feeds_back = self.query_layer > 0 and (
            attention.enters_bottom or attention.enters_upper_layers or attention.coverage
        )
        if self.settings.decoder.input_feeding or top_feeds_back or choose_previous is not None:
            return self._unroll_by_step(encoded, target_input, choose_previous)
        return self._unroll_by_layer(encoded, target_input)

    def _unroll_by_step(
        self,
        encoded: EncodedSource,
        target_input: Tensor,
        choose_previous: Callable[[int, Step], Tensor] | None,
    ) -> Unrolled:
        """Unroll step by step, where a layer or the features feed back to the bottom layer."""
        mask = self.embed.mask(target_input)
        embedded = self.embed(target_input, mask)
        masks = self._draw_masks(embedded)
        state = self.start(encoded, 1)
        steps: list[Step] = []
        for embedded_token, projected_token in self._split_steps(embedded):
            if steps and choose_previous is not None:
                embedded_token = self.embed(choose_previous(len(steps), steps[-1]), mask)
                projected_token = self._project_embedding(embedded_token)
            steps.append(
                self._step_from_embedding(
                    encoded.memory, state, embedded_token, projected_token, masks
                )
            )
            state = steps[-1].state
        return Unrolled(
            torch.cat([step.features for step in steps], 1),
            _concatenate([step.weights for step in steps]),
            _concatenate([step.gate for step in steps]),
        )

    def _unroll_by_layer(self, encoded: EncodedSource, target_input: Tensor) -> Unrolled:
        """Unroll layer by layer, where no layer feeds back to a layer below it."""
        embedded = self.embed(target_input)
        masks = self._draw_masks(embedded)
        start = self.start(encoded, 1)
        hidden, attended = self._unroll_bottom(encoded.memory, start, embedded, masks)
        top = hidden
        for number, cell in enumerate(self._cells()[1:], start=1):
            below = self.dropout(top, masks.between_layers[number - 1])
            parts = [below]
            if self.settings.attention.enters_upper_layers:
                assert attended is not None
                parts.append(attended.contexts)
            hidden = _run_layer(cell, parts, start.layers[number], masks.recurrent[number])
            top = hidden + below.to(hidden.dtype) if self._is_residual(number) else hidden
            if number == self.query_layer:
                attended = self._attend_all(hidden, embedded, start, encoded.memory)
        assert attended is not None
        if self.settings.output.state == "previous_state":
            top = _previous_states(start.layers[-1][0], hidden)
        context, weights = attended
        features, gate = self._features(top, context, embedded, masks)
        return Unrolled(features, weights, gate)

    def _unroll_bottom(
        self, memory: Memory, state: DecoderState, embedded: Tensor, masks: DropoutMasks
    ) -> tuple[Tensor, AttentionOutput | None]:
        """Unroll the bottom layer, and attention if that layer computes the query.

        Args:
            memory: The source.
            state: The state before the first step.
            embedded: The embeddings of all steps, `[batch, target_len, embedding]`.
            masks: The dropout masks.

        Returns:
            The hidden vectors, `[batch, target_len, hidden]`, and the result of attention. The
            latter is None if an upper layer computes the query.
        """
        attention = self.settings.attention
        if not (attention.enters_bottom or attention.coverage):
            cell, mask = self._cells()[0], masks.recurrent[0]
            hidden = _run_layer(cell, [embedded], state.layers[0], mask)
            if self.query_layer > 0:
                return hidden, None
            return hidden, self._attend_all(hidden, embedded, state, memory)
        if self._uses_conditional_gru_kernel():
            return self._unroll_conditional_gru(memory, state, embedded)
        states, contexts, weights = [], [], []
        for embedded_token, projected_token in self._split_steps(embedded):
            bottom, attended = self._bottom_step(
                memory, state, embedded_token, projected_token, masks
            )
            assert attended is not None
            states.append(bottom[0])
            contexts.append(attended.contexts)
            weights.append(attended.weights)
            state = state.next((bottom, *state.layers[1:]), None, attended.weights)
        return torch.cat(states, 1), AttentionOutput(torch.cat(contexts, 1), _concatenate(weights))

    def _uses_conditional_gru_kernel(self) -> bool:
        """Return whether `conditional_gru` can compute the bottom layer of a training step."""
        attention, decoder = self.settings.attention, self.settings.decoder
        return (
            self.kernels == "fast"
            and self.training
            and isinstance(self.attention, AdditiveAttention)
            and (attention.normalizer, attention.window) == ("softmax", "global")
            and not (attention.coverage or attention.query_embedding or attention.dropout > 0.0)
            and isinstance(self.cells[0], GRU)
            and isinstance(self.second, GRU)
            and not (decoder.input_feeding or decoder.recurrent_dropout > 0.0)
            and not torch.is_autocast_enabled(self.second.bias.device.type)
        )

    def _unroll_conditional_gru(
        self, memory: Memory, state: DecoderState, embedded: Tensor
    ) -> tuple[Tensor, AttentionOutput]:
        """Unroll the bottom layer as `_unroll_bottom` does, by one kernel."""
        first, second, attention = self.cells[0], self.second, self.attention
        assert isinstance(first, GRU) and isinstance(second, GRU)
        assert isinstance(attention, AdditiveAttention)
        hidden, contexts, weights = conditional_gru(
            first.project(embedded),
            state.layers[0][0].squeeze(1),
            memory.annotations,
            memory.keys,
            memory.bias.squeeze(1).to(memory.keys.dtype),
            ConditionalGRUWeights(
                first.recurrent.weight,
                first.recurrent_bias,
                attention.query_map.weight,
                attention.energy_vector(),
                second.input_weights[0],
                second.bias,
                second.recurrent.weight,
                second.recurrent_bias,
            ),
        )
        return hidden, AttentionOutput(contexts, weights)

    def _step_from_embedding(
        self,
        memory: Memory,
        state: DecoderState,
        embedded: Tensor,
        projected: Tensor | None,
        masks: DropoutMasks,
    ) -> Step:
        """Compute the recurrence of a step with attention, then its features."""
        output = self._recurrent_step(memory, state, embedded, projected, masks)
        features, gate = self._features(output.top, output.context, embedded, masks)
        return Step(
            state.next(output.layers, features, output.weights), features, output.weights, gate
        )

    def _recurrent_step(
        self,
        memory: Memory,
        state: DecoderState,
        embedded: Tensor,
        projected: Tensor | None,
        masks: DropoutMasks,
    ) -> RecurrentOutput:
        """Compute s_i = f(s_{i-1}, y_{i-1}, c_i) of all layers: Bahdanau et al. 2014, section 3.1.

        In a residual stack, the input of a layer is added to its output (GNMT, Wu et al. 2016).

        Args:
            memory: The source.
            state: The state before the step.
            embedded: E y_{i-1}, `[batch, beams, embedding]`.
            projected: The result of `_project_embedding`, `[batch, beams, gates * hidden]`, or
                None.
            masks: The dropout masks.
        """
        bottom, attended = self._bottom_step(memory, state, embedded, projected, masks)
        layers, top = [bottom], bottom[0]
        for number, cell in enumerate(self._cells()[1:], start=1):
            below = self.dropout(top, masks.between_layers[number - 1])
            projected_input = cell.project(below)
            if self.settings.attention.enters_upper_layers:
                assert attended is not None
                projected_input = cell.project(attended.contexts, 1, projected_input)
            layers.append(
                cell.advance(projected_input, state.layers[number], masks.recurrent[number])
            )
            hidden = layers[-1][0]
            # x^l_i = s^l_i + x^{l-1}_i: Wu et al. 2016, eq. 6.
            top = hidden + below.to(hidden.dtype) if self._is_residual(number) else hidden
        if attended is None:  # the query is s_i of the top layer, Luong
            attended = self._attend(layers[-1][0], embedded, memory, state)
        if self.settings.output.state == "previous_state":
            top = state.layers[-1][0]
        return RecurrentOutput(tuple(layers), top, *attended)

    def _bottom_step(
        self,
        memory: Memory,
        state: DecoderState,
        embedded: Tensor,
        projected: Tensor | None,
        masks: DropoutMasks,
    ) -> tuple[CellState, AttentionOutput | None]:
        """Compute the bottom layer's s_i, and c_i unless the query is s_i of an upper layer.

        The query is s_{i-1} (Bahdanau), s_i (Luong), or s'_i of the conditional GRU of Nematus:
        s'_i = GRU_1(s_{i-1}, y_{i-1}); c_i = attention(s'_i); s_i = GRU_2(s'_i, c_i).
        """
        attended = None
        if self.queries_previous_state:  # Bahdanau
            hidden = state.layers[self.query_layer][0]
            attended = self._attend(hidden, embedded, memory, state)
        x = self._bottom_input(state, embedded, projected, attended)
        bottom = self._cells()[0].advance(x, state.layers[0], masks.recurrent[0])
        if not self.queries_previous_state and self.query_layer == 0:  # Luong, Nematus
            attended = self._attend(bottom[0], embedded, memory, state)
        if self.second is not None:  # the second transition of a conditional GRU
            assert attended is not None
            x = self.second.project(attended.contexts)
            bottom = self.second.advance(x, bottom, masks.recurrent[0])
        return bottom, attended

    def _bottom_input(
        self,
        state: DecoderState,
        embedded: Tensor,
        projected: Tensor | None,
        attended: AttentionOutput | None,
    ) -> Tensor:
        """Return the sum of the projected parts of the bottom layer's input.

        These are the embedding, the last features with input feeding (Luong et al. 2015, section
        3.3), and the context where it enters the bottom layer.
        """
        bottom = self._cells()[0]
        if self.combine is not None:
            assert attended is not None
            inputs = torch.cat((embedded.to(attended.contexts.dtype), attended.contexts), -1)
            projected = bottom.project(torch.relu(self.combine(inputs)))
        assert projected is not None
        if state.previous_features is not None:  # input feeding
            projected = bottom.project(state.previous_features, 1, projected)
        enters = self.settings.attention.enters_bottom and self.combine is None
        if enters and attended is not None:
            projected = bottom.project(
                attended.contexts, 1 if state.previous_features is None else 2, projected
            )
        return projected

    def _attend(
        self, hidden: Tensor, embedded: Tensor, memory: Memory, state: DecoderState
    ) -> AttentionOutput:
        """Compute c_i and a_ij of one step, from a hidden vector `[batch, beams, hidden]`."""
        positions = torch.full((1,), state.position, device=hidden.device)
        query = Query(self._query_vectors(hidden, embedded), positions, state.coverage)
        attended: AttentionOutput = self.attention(query, memory)
        return attended

    def _attend_all(
        self, hidden: Tensor, embedded: Tensor, start: DecoderState, memory: Memory
    ) -> AttentionOutput:
        """Compute c_i and a_ij of all steps, from hidden vectors `[batch, target_len, hidden]`."""
        if self.queries_previous_state:
            hidden = _previous_states(start.layers[self.query_layer][0], hidden)
        positions = torch.arange(hidden.shape[1], device=hidden.device)
        query = Query(self._query_vectors(hidden, embedded), positions)
        attended: AttentionOutput = self.attention(query, memory)
        return attended

    def _query_vectors(self, hidden: Tensor, embedded: Tensor) -> Tensor:
        """Return s, or [s; E y], `[batch, queries, H]`."""
        if not self.settings.attention.query_embedding:
            return hidden
        return torch.cat((hidden, embedded.to(hidden.dtype)), -1)

    def _features(
        self, top: Tensor, context: Tensor, embedded: Tensor, masks: DropoutMasks
    ) -> tuple[Tensor, Tensor | None]:
        """Return the features and the logit of the pointer gate, of one step or of all steps."""
        top = self.dropout(top, masks.between_layers[-1])
        features = self.output(top, context, embedded, masks.features)
        return features, None if self.gate is None else self.gate(top, context, embedded)

    def _project_embedding(self, embedded: Tensor) -> Tensor | None:
        """Return the embeddings' part of the bottom layer's input, `[.., gates * hidden]`.

        It is None where the embeddings enter together with the context.
        """
        return self._cells()[0].project(embedded) if self.combine is None else None

    def _split_steps(self, embedded: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """Return the embedding of each step, and its part of one product over all steps."""
        projected = self._project_embedding(embedded)
        # The backward pass of a slice, unlike that of a split, fills a whole tensor at each step.
        steps = embedded.split(1, 1)
        if projected is None:
            return [(one, None) for one in steps]
        return list(zip(steps, projected.split(1, 1), strict=True))

    def _draw_masks(self, embedded: Tensor) -> DropoutMasks:
        """Draw the dropout masks of a batch, of the type and device of `embedded [batch, ..]`."""
        decoder = self.settings.decoder
        recurrent = [
            recurrent_mask(embedded, decoder.hidden_size, decoder.recurrent_dropout, self.training)
            for _ in self.cells
        ]
        return DropoutMasks(
            tuple(self.dropout.mask(embedded, decoder.hidden_size) for _ in self.cells),
            self.output.dropout.mask(embedded, self.feature_size),
            tuple(None if mask is None else mask.unsqueeze(1) for mask in recurrent),
        )

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
        if attention.enters_bottom and not self.queries_inner_state and not decoder.combine_context:
            inputs.append(settings.context_size)
        depth = 1 if self.queries_inner_state else decoder.transition_depth
        return make_cell(decoder.cell, inputs, decoder.hidden_size, depth)

    def _is_residual(self, number: int) -> bool:
        first = self.settings.decoder.residual_from
        return first is not None and number + 1 >= first

    def _cells(self) -> list[Cell]:
        return [cell for cell in self.cells if isinstance(cell, Cell)]


def _run_layer(cell: Cell, parts: list[Tensor], start: CellState, mask: Tensor | None) -> Tensor:
    """Return the hidden vectors of a cell over a whole target, `[batch, target_len, hidden]`."""
    states = [tuple(part.squeeze(1) for part in start)]
    recurrent = None if mask is None else mask.squeeze(1)
    return run_cells([cell], parts, states, ("forward",), None, [recurrent])[0]


def _previous_states(first: Tensor, hidden: Tensor) -> Tensor:
    """Return s_{i-1} instead of s_i.

    Args:
        first: s_0, `[batch, 1, hidden]`.
        hidden: s_i of all steps, `[batch, target_len, hidden]`.
    """
    return torch.cat((first.to(hidden.dtype), hidden[:, :-1]), 1)


def _concatenate(steps: list[Tensor | None]) -> Tensor | None:
    """Return the steps' tensors `[batch, 1, ..]` joined along time, or None if there are none."""
    present = [step for step in steps if step is not None]
    return torch.cat(present, 1) if present else None
