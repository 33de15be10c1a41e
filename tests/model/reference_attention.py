"""Attention from its papers' equations: one query, one annotation, one head at a time."""

from math import sqrt

import torch
from reference_cells import sigmoid


def attend(w, settings, query, position, annotations, covered):
    """Context and weights `[source_len]` for a query at a target position.

    covered: the weights that each annotation got before.
    """
    if settings.kind == "none":
        return query[:0], None
    length = len(annotations)
    if settings.kind == "location":
        # What stands beyond the last place that has a row is not there at all.
        length = min(length, settings.max_positions)
    seen, factors = _window(w, settings, query, position, length)

    def weigh(scores):
        weights = [torch.zeros((), dtype=torch.float64)] * len(annotations)
        shares = normalize(settings.normalizer, [scores[j] for j in seen])
        for j, share in zip(seen, shares, strict=True):
            weights[j] = share * factors[j]
        return weights

    if settings.kind == "multi_head":
        return _multi_head(w, settings.heads, query, annotations, weigh)
    weights = weigh(
        [_score(w, settings, query, j, annotations[j], covered[j]) for j in range(length)]
    )
    return _weighted_sum(weights, annotations), torch.stack(weights)


def _score(w, settings, query, j, h, covered):
    kind = settings.kind
    if kind == "location":
        return w[_NAME + "place_map.weight"][j] @ query + w[_NAME + "place_map.bias"][j]
    if kind == "dot":
        return query @ h
    if kind == "scaled_dot":
        return query @ h / sqrt(len(h))
    if kind == "general":
        return query @ (w[_NAME + "key_map.weight"] @ h)
    hidden = w[_NAME + "query_map.weight"] @ query + w[_NAME + "key_map.weight"] @ h
    energy = w[_NAME + "energy"]
    if kind in ("concat", "normalized_additive"):
        hidden = hidden + w[_NAME + "key_map.bias"]
    if kind == "normalized_additive":
        energy = w[_NAME + "gain"] * energy / torch.sqrt((energy**2).sum())
    if settings.coverage:
        hidden = hidden + w[_NAME + "coverage_map"] * covered
    return energy @ torch.tanh(hidden)


def _multi_head(w, heads, query, annotations, weigh):
    """Vaswani et al. 2017, section 3.2.2."""
    maps = [w[_NAME + f"{name}_map.weight"].chunk(heads) for name in ("query", "key", "value")]
    contexts, shown = [], []
    for query_map, key_map, value_map in zip(*maps, strict=True):
        q = query_map @ query
        weights = weigh([q @ (key_map @ h) / sqrt(len(q)) for h in annotations])
        contexts.append(_weighted_sum(weights, [value_map @ h for h in annotations]))
        shown.append(torch.stack(weights))
    return w[_NAME + "context_map.weight"] @ torch.cat(contexts), sum(shown) / heads


def _window(w, settings, query, position, length):
    """The places that are seen, and what the weights there are multiplied by."""
    places, reach = range(length), settings.window_size
    if settings.window == "global":
        return list(places), [1.0] * length
    if settings.window == "local_m":
        centre = min(position, length - 1)
        return [j for j in places if abs(j - centre) <= reach], [1.0] * length
    hidden = torch.tanh(w[_NAME + "window.hidden.weight"] @ query)
    p = length * sigmoid(w[_NAME + "window.position.weight"][0] @ hidden)
    sigma = reach / 2
    gaussian = [torch.exp(-((j - p) ** 2) / (2 * sigma**2)) for j in places]
    return [j for j in places if abs(j - p.item()) <= reach], gaussian


def normalize(kind, scores):
    """Weights of a list of scores."""
    if kind == "softmax":
        top = max(score.item() for score in scores)
        exponentials = [torch.exp(score - top) for score in scores]
        return [e / sum(exponentials) for e in exponentials]
    if kind == "sparsemax":
        return _thresholded(scores, power=1)
    return _thresholded([score / 2 for score in scores], power=2)


def _thresholded(scores, power):
    """max(0, z_j - t)^power, t such that they add up to one.

    The threshold is found by bisection. One Newton step from there, differentiated with all else
    held fast, is the implicit function theorem: it gives the threshold's gradient.
    """
    values = [score.item() for score in scores]
    low, high = max(values) - 1, max(values)
    for _ in range(60):
        middle = (low + high) / 2
        if sum(max(0.0, value - middle) ** power for value in values) > 1:
            low = middle
        else:
            high = middle
    support = [score for score, value in zip(scores, values, strict=True) if value > low]
    excess = sum((score - low) ** power for score in support) - 1
    slope = sum(power * (score.item() - low) ** (power - 1) for score in support)
    threshold = low + excess / slope
    return [torch.clamp(score - threshold, min=0) ** power for score in scores]


def _weighted_sum(weights, vectors):
    return sum(weight * vector for weight, vector in zip(weights, vectors, strict=True))


_NAME = "decoder.attention."
