"""The model once more, slowly: one sentence, one step, one equation at a time, in float64.

An independent witness for the fast code: it takes the weights of a `Seq2Seq` by their names and
computes the loss from the papers' equations with plain automatic differentiation, knowing nothing
of batches, padding, masks, fused kernels or gathered gradients.
"""

import torch


def reference_loss(model, pairs, smoothing=0.0):
    """Sum of the label-smoothed cross-entropies of (source ids, target ids) pairs, EOS appended."""
    return sum(_sentence_loss(model, source, target, smoothing) for source, target in pairs)


def _sentence_loss(model, source, target, smoothing):
    w = dict(model.named_parameters())
    settings = model.settings
    eos, bos = 3, 2
    annotations, final = _encode(w, settings, [*source, eos])
    layers = _start(w, settings, annotations, final)
    fed = torch.zeros(settings.feature_size, dtype=torch.float64)
    total = torch.zeros((), dtype=torch.float64)
    embedding = _target_embedding(w, settings)
    matrix = embedding if settings.ties_output else w["output_matrix"]
    for previous, word in zip([bos, *target], [*target, eos], strict=True):
        embedded = embedding[previous]
        inputs = [embedded]
        if settings.decoder.input_feeding:
            inputs.append(fed)
        if settings.attention.query == "previous_state":
            context = _attend(w, settings, layers[-1][0], annotations)
        if settings.attention.context != "output":
            inputs.append(context)
        layers = _decoder_step(w, settings, inputs, layers)
        state = layers[-1][0]
        if settings.attention.query == "state":
            context = _attend(w, settings, state, annotations)
        fed = _features(w, settings, state, context, embedded)
        logits = matrix @ fed
        if settings.output.bias:
            logits = logits + w["output_bias"]
        log_p = logits - torch.log(torch.exp(logits).sum())
        total = total - (1 - smoothing) * log_p[word] - smoothing * log_p.mean()
    return total


def _target_embedding(w, settings):
    shared = settings.tying in ("source_target", "all")
    return w["source_embedding.weight" if shared else "target_embedding.weight"]


def _lstm(w, prefix, inputs, state):
    h, c = state
    z = sum(w[f"{prefix}.inputs.{i}.weight"] @ x for i, x in enumerate(inputs))
    z = z + w[f"{prefix}.inputs.0.bias"] + w[f"{prefix}.recurrent.weight"] @ h
    n = len(h)
    i, f, g, o = z[:n], z[n : 2 * n], z[2 * n : 3 * n], z[3 * n :]
    c = _sigmoid(f) * c + _sigmoid(i) * torch.tanh(g)
    return _sigmoid(o) * torch.tanh(c), c


def _gru(w, prefix, inputs, state):
    (h,) = state
    n = len(h)
    x = sum(w[f"{prefix}.inputs.{i}.weight"] @ x for i, x in enumerate(inputs))
    x = x + w[f"{prefix}.inputs.0.bias"]
    u = w[f"{prefix}.recurrent.weight"] @ h
    r = _sigmoid(x[:n] + u[:n])
    z = _sigmoid(x[n : 2 * n] + u[n : 2 * n])
    candidate = torch.tanh(x[2 * n :] + r * (u[2 * n :] + w[f"{prefix}.recurrent_bias"]))
    return ((1 - z) * candidate + z * h,)


_CELLS = {"lstm": (_lstm, 2), "gru": (_gru, 1)}


def _encode(w, settings, source):
    encoder = settings.encoder
    step, parts = _CELLS[encoder.cell]
    xs = [w["source_embedding.weight"][word] for word in source]
    final = []
    for layer in range(encoder.layers):
        outputs, finals = [], []
        for direction in range(2 if encoder.direction == "bidirectional" else 1):
            prefix = f"encoder.layers.{layer}.{direction}"
            zero = torch.zeros(encoder.hidden_size, dtype=torch.float64)
            state = (zero,) * parts
            hidden = [None] * len(xs)
            order = range(len(xs)) if direction == 0 else reversed(range(len(xs)))
            for position in order:
                state = step(w, prefix, [xs[position]], state)
                hidden[position] = state[0]
            outputs.append(hidden)
            finals.append(state)
        xs = [torch.cat([hidden[i] for hidden in outputs]) for i in range(len(xs))]
        final.append(tuple(torch.cat([state[i] for state in finals]) for i in range(parts)))
    return xs, final


def _start(w, settings, annotations, final):
    decoder = settings.decoder
    parts = _CELLS[decoder.cell][1]
    layers = []
    for layer in range(decoder.layers):
        below = final[min(layer, len(final) - 1)]
        if decoder.start == "zeros":
            layers.append((torch.zeros(decoder.hidden_size, dtype=torch.float64),) * parts)
        elif decoder.start == "copy":
            layers.append(below)
        else:
            state = []
            for part in range(parts):
                prefix = f"decoder.start_state.maps.{layer}.{part}"
                x = below[min(part, len(below) - 1)]
                if decoder.start == "mean":
                    x = sum(annotations) / len(annotations)
                state.append(torch.tanh(w[f"{prefix}.weight"] @ x + w[f"{prefix}.bias"]))
            layers.append(tuple(state))
    return layers


def _attend(w, settings, query, annotations):
    kind = settings.attention.kind
    scores = []
    for h in annotations:
        if kind == "additive":
            hidden = torch.tanh(
                w["decoder.attention.query_map.weight"] @ query
                + w["decoder.attention.key_map.weight"] @ h
            )
            scores.append(w["decoder.attention.energy"] @ hidden)
        elif kind == "general":
            scores.append(query @ (w["decoder.attention.key_map.weight"] @ h))
        else:
            scores.append(query @ h)
    exponentials = [torch.exp(score) for score in scores]
    total = sum(exponentials)
    return sum(e / total * h for e, h in zip(exponentials, annotations, strict=True))


def _decoder_step(w, settings, inputs, layers):
    step = _CELLS[settings.decoder.cell][0]
    new = []
    for layer, state in enumerate(layers):
        new.append(step(w, f"decoder.cells.{layer}", inputs, state))
        inputs = [new[-1][0]]
    return new


def _features(w, settings, state, context, embedded):
    sees_context = settings.attention.context != "recurrence"
    if settings.output.kind == "attentional":
        x = torch.cat([context, state]) if sees_context else state
        return torch.tanh(w["decoder.output.map.weight"] @ x + w["decoder.output.map.bias"])
    total = w["decoder.output.state_map.weight"] @ state + w["decoder.output.state_map.bias"]
    total = total + w["decoder.output.embedding_map.weight"] @ embedded
    if sees_context:
        total = total + w["decoder.output.context_map.weight"] @ context
    return torch.tanh(total)


def _sigmoid(x):
    return 1 / (1 + torch.exp(-x))
