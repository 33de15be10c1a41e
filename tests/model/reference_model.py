"""The model once more, slowly: one sentence, one step, one equation at a time, in float64.

An independent witness for the fast code: it takes the weights of a `Seq2Seq` by their names and
computes the loss from the papers' equations with plain automatic differentiation, knowing nothing
of batches, padding, masks or kernels.
"""

from dataclasses import dataclass

import torch
from reference_attention import attend
from reference_cells import sigmoid, step, transitions, zero_state

_BOS, _EOS = 2, 3
_NOTHING = torch.zeros(0, dtype=torch.float64)


def reference_loss(model, pairs, smoothing=0.0, coverage=0.0, guide=None):
    """Sum of the losses of (source ids, target ids) pairs, the end mark appended to each.

    guide: for each pair the cost of each step's attention weights, as a function of its number and
    of them.
    """
    guides = guide or [lambda position, weights: 0.0] * len(pairs)
    return sum(
        _Sentence(model, source).loss(target, smoothing, coverage, own)
        for (source, target), own in zip(pairs, guides, strict=True)
    )


@dataclass
class _Step:
    """Where a step of the decoder stands: its number, the states before it and what it sees."""

    position: int
    embedded: torch.Tensor
    fed: torch.Tensor
    covered: torch.Tensor
    before: list
    context: torch.Tensor = _NOTHING
    weights: torch.Tensor | None = None


class _Sentence:
    """One source sentence and what is made of it."""

    def __init__(self, model, source):
        self.w = dict(model.named_parameters())
        self.settings = model.settings
        self.tokens = [*source, _EOS]
        self.annotations, self.final = self._encoded()

    def loss(self, target, smoothing, coverage, guide):
        settings = self.settings
        embedding, matrix = self._target_matrices()
        covered = torch.zeros(len(self.tokens), dtype=torch.float64)
        fed = torch.zeros(settings.feature_size, dtype=torch.float64)
        states = self._start()
        total = torch.zeros((), dtype=torch.float64)
        words = zip([_BOS, *target], [*target, _EOS], strict=True)
        for position, (previous, word) in enumerate(words):
            now = _Step(position, embedding[previous], fed, covered, states)
            states, top = self._advance(now)
            seen = now.before[-1][0] if settings.output.state == "previous_state" else top
            fed = self._features(seen, now)
            logits = matrix @ fed
            if settings.output.bias:
                logits = logits + self.w["output_bias"]
            log_p = logits - torch.log(torch.exp(logits).sum())
            total = total - (1 - smoothing) * self._log_probability(log_p, word, seen, now)
            total = total - smoothing * log_p.sum() / len(log_p)
            if now.weights is not None:
                total = total + coverage * torch.minimum(now.weights, covered).sum()
                covered = covered + now.weights
                total = total + guide(position, now.weights)
        return total

    # The source.

    def _encoded(self):
        """Annotations in the order of the source, and each layer's final state."""
        encoder = self.settings.encoder
        order = list(range(len(self.tokens)))
        if encoder.reverse_source:
            order = [*order[-2::-1], order[-1]]
        xs = [self.w["source_embedding.weight"][self.tokens[i]] for i in order]
        final = []
        for layer in range(encoder.layers):
            hidden, state = self._encoder_layer(layer, xs)
            if encoder.residual_from is not None and layer + 1 >= encoder.residual_from:
                hidden = [h + x for h, x in zip(hidden, xs, strict=True)]
            xs = hidden
            final.append(state)
        annotations = [None] * len(xs)
        for place, x in zip(order, xs, strict=True):
            annotations[place] = x
        return annotations, final

    def _encoder_layer(self, layer, xs):
        encoder = self.settings.encoder
        forward, backward = range(len(xs)), range(len(xs) - 1, -1, -1)
        both = encoder.direction == "bidirectional" or (
            encoder.direction == "bidirectional_bottom" and layer == 0
        )
        if both:
            orders = [forward, backward]
        else:
            turned = encoder.direction == "alternating" and layer % 2 == 1
            orders = [backward if turned else forward]
        outputs, finals = [], []
        for number, order in enumerate(orders):
            names = transitions(f"encoder.layers.{layer}.{number}", encoder.transition_depth)
            state = zero_state(encoder.cell, encoder.hidden_size)
            hidden = [None] * len(xs)
            for place in order:
                state = step(self.w, names, encoder.cell, [xs[place]], state)
                hidden[place] = state[0]
            outputs.append(hidden)
            finals.append(state)
        joined = [torch.cat(parts) for parts in zip(*outputs, strict=True)]
        return joined, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))

    def _start(self):
        decoder = self.settings.decoder
        states = []
        for layer in range(decoder.layers):
            zeros = zero_state(decoder.cell, decoder.hidden_size)
            final = self.final[min(layer, len(self.final) - 1)]
            if decoder.start == "zeros":
                states.append(zeros)
            elif decoder.start == "copy":
                states.append(final)
            else:
                states.append(
                    tuple(self._start_part(layer, part, final) for part in range(len(zeros)))
                )
        return states

    def _start_part(self, layer, part, final):
        name = f"decoder.start_state.maps.{layer}.{part}"
        if self.settings.decoder.start == "mean":
            return torch.tanh(self._affine(name, sum(self.annotations) / len(self.annotations)))
        mapped = self._affine(name, final[min(part, len(final) - 1)])
        return mapped if self.settings.decoder.start == "linear" else torch.tanh(mapped)

    # The decoder.

    def _advance(self, now):
        """The states after a step, and what the top layer gives."""
        attention, decoder = self.settings.attention, self.settings.decoder
        asks_bottom = attention.query_layer == "bottom"
        if attention.query == "previous_state":
            self._ask(now.before[0 if asks_bottom else -1][0], now)
        bottom = self._bottom(now)
        if attention.query == "state" and asks_bottom:
            self._ask(bottom[0], now)
        states, below = [bottom], bottom[0]
        for layer in range(1, decoder.layers):
            inputs = [below]
            if attention.kind != "none" and attention.context in ("upper_layers", "all_layers"):
                inputs.append(now.context)
            names = transitions(f"decoder.cells.{layer}", decoder.transition_depth)
            states.append(step(self.w, names, decoder.cell, inputs, now.before[layer]))
            residual = decoder.residual_from is not None and layer + 1 >= decoder.residual_from
            below = states[-1][0] + below if residual else states[-1][0]
        if attention.query == "state" and not asks_bottom:
            self._ask(states[-1][0], now)
        return states, below

    def _bottom(self, now):
        attention, decoder = self.settings.attention, self.settings.decoder
        between = attention.kind != "none" and attention.query == "inner_state"
        enters = attention.kind != "none" and attention.context in (
            "recurrence",
            "both",
            "all_layers",
        )
        inputs = [now.embedded]
        if decoder.combine_context:
            combined = self._affine("decoder.combine", torch.cat([now.embedded, now.context]))
            inputs = [torch.relu(combined)]
        if decoder.input_feeding:
            inputs.append(now.fed)
        if enters and not between and not decoder.combine_context:
            inputs.append(now.context)
        depth = 1 if between else decoder.transition_depth
        names = transitions("decoder.cells.0", depth)
        state = step(self.w, names, decoder.cell, inputs, now.before[0])
        if between:
            self._ask(state[0], now)
            names = transitions("decoder.second", decoder.transition_depth - 1)
            state = step(self.w, names, decoder.cell, [now.context], state)
        return state

    def _ask(self, hidden, now):
        attention = self.settings.attention
        query = torch.cat([hidden, now.embedded]) if attention.query_embedding else hidden
        now.context, now.weights = attend(
            self.w, attention, query, now.position, self.annotations, now.covered
        )

    # The words.

    def _features(self, state, now):
        kind = self.settings.output.kind
        context = now.context
        if self.settings.attention.context not in ("output", "both"):
            context = _NOTHING
        if kind == "plain":
            return torch.cat([state, context])
        if kind == "concat":
            return torch.cat([state, context, now.embedded])
        if kind == "attentional":
            return torch.tanh(self._affine("decoder.output.map", torch.cat([context, state])))
        total = self._affine("decoder.output.state_map", state)
        total = total + self._affine("decoder.output.embedding_map", now.embedded)
        if len(context) > 0:
            total = total + self._affine("decoder.output.context_map", context)
        if kind == "deep":
            return torch.tanh(total)
        return torch.stack([torch.maximum(*pair) for pair in total.split(2)])

    def _log_probability(self, log_p, word, state, now):
        """With copying: See et al. 2017, eq. 8 and 9."""
        if not self.settings.output.copy_source:
            return log_p[word]
        share = self._affine("decoder.gate.context_map", now.context)
        share = share + self._affine("decoder.gate.state_map", state)
        share = sigmoid(share + self._affine("decoder.gate.embedding_map", now.embedded))[0]
        places = [j for j, token in enumerate(self.tokens) if token == word]
        copied = sum(now.weights[j] for j in places)
        return torch.log(share * torch.exp(log_p[word]) + (1 - share) * copied)

    def _target_matrices(self):
        """The target embedding and the output matrix."""
        tying = self.settings.tying
        shared = tying in ("source_target", "all")
        embedding = self.w["source_embedding.weight" if shared else "target_embedding.weight"]
        tied = tying in ("target_output", "all")
        return embedding, embedding if tied else self.w["output_matrix"]

    def _affine(self, name, x):
        product = self.w[f"{name}.weight"] @ x
        bias = f"{name}.bias"
        return product + self.w[bias] if bias in self.w else product
