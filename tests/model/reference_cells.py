"""Recurrent cells from their papers' equations, one vector at a time.

`w` holds a model's weights by name; a state is a tuple of vectors, the hidden one first.
"""

import torch


def transitions(prefix, depth):
    """The names of a cell's transitions; all but the first are without input."""
    if depth == 1:
        return [prefix]
    return [f"{prefix}.first", *(f"{prefix}.others.{i}" for i in range(depth - 1))]


def step(w, names, kind, inputs, state):
    """The state after all transitions of a token, of which the first sees the input vectors."""
    for name in names:
        state = _CELLS[kind](w, name, inputs, state)
        inputs = []
    return state


def zero_state(kind, size):
    """A state of zeros."""
    vector = torch.zeros(size, dtype=torch.float64)
    return (vector, vector) if kind.endswith("lstm") else (vector,)


def sigmoid(x):
    """1 / (1 + e^-x)."""
    return 1 / (1 + torch.exp(-x))


def _lstm(w, name, inputs, state):
    """Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000."""
    h, c = state
    i, f, g, o = (_input(w, name, inputs) + _recurrent(w, name, h) + _bias(w, name)).chunk(4)
    c = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
    return sigmoid(o) * torch.tanh(c), c


def _gru(w, name, inputs, state):
    """Cho et al. 2014, the reset gate after the product."""
    (h,) = state
    x = _input(w, name, inputs) + _bias(w, name)
    return _gru_state(x, _recurrent(w, name, h), w[f"{name}.recurrent_bias"], h)


def _layer_norm_lstm(w, name, inputs, state):
    """Ba et al. 2016, eq. 20-22."""
    h, c = state
    x, u = _normalized_products(w, name, inputs, h)
    i, f, g, o = (x + u + _bias(w, name)).chunk(4)
    c = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
    shown = _layer_norm(c, w[f"{name}.memory_gain"]) + w[f"{name}.memory_bias"]
    return sigmoid(o) * torch.tanh(shown), c


def _layer_norm_gru(w, name, inputs, state):
    """Ba et al. 2016, the GRU's products normalized apart."""
    (h,) = state
    x, u = _normalized_products(w, name, inputs, h)
    return _gru_state(x + _bias(w, name), u, w[f"{name}.recurrent_bias"], h)


def _gru_state(x, u, candidate_bias, h):
    x_r, x_z, x_n = x.chunk(3)
    u_r, u_z, u_n = u.chunk(3)
    r, z = sigmoid(x_r + u_r), sigmoid(x_z + u_z)
    candidate = torch.tanh(x_n + r * (u_n + candidate_bias))
    return ((1 - z) * candidate + z * h,)


def _normalized_products(w, name, inputs, h):
    u = _layer_norm(_recurrent(w, name, h), w[f"{name}.recurrent_gain"])
    if not inputs:
        return torch.zeros_like(u), u
    return _layer_norm(_input(w, name, inputs), w[f"{name}.input_gain"]), u


def _layer_norm(x, gain):
    mean = x.sum() / len(x)
    variance = ((x - mean) ** 2).sum() / len(x)
    return (x - mean) / torch.sqrt(variance + 1e-5) * gain


def _input(w, name, inputs):
    return sum(w[f"{name}.inputs.{i}.weight"] @ x for i, x in enumerate(inputs))


def _recurrent(w, name, h):
    return w[f"{name}.recurrent.weight"] @ h


def _bias(w, name):
    own = f"{name}.own_bias"
    return w[own] if own in w else w[f"{name}.inputs.0.bias"]


_CELLS = {
    "lstm": _lstm,
    "gru": _gru,
    "layer_norm_lstm": _layer_norm_lstm,
    "layer_norm_gru": _layer_norm_gru,
}
