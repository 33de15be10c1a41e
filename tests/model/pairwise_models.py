"""Few models in which any two values of the architecture's settings occur together."""

import random
from functools import cache
from itertools import combinations, product

from pydantic import ValidationError
from tiny_model import settings

from nmt.config import registry

FACTORS = {
    "encoder__cell": registry.CELLS.names(),
    "encoder__layers": [1, 2, 3],
    "encoder__direction": ["forward", "bidirectional", "bidirectional_bottom", "alternating"],
    "encoder__transition_depth": [1, 2],
    "encoder__reverse_source": [False, True],
    "encoder__residual_from": [None, 2, 3],
    "decoder__cell": registry.CELLS.names(),
    "decoder__layers": [1, 2, 3],
    "decoder__transition_depth": [1, 2, 3],
    "decoder__residual_from": [None, 2, 3],
    "decoder__input_feeding": [True, False],
    "decoder__start": registry.DECODER_STARTS.names(),
    "attention__kind": registry.ATTENTIONS.names(),
    "attention__query": ["state", "previous_state", "inner_state"],
    "attention__query_layer": ["top", "bottom"],
    "attention__query_embedding": [False, True],
    "attention__context": ["output", "recurrence", "both", "upper_layers", "all_layers"],
    "attention__normalizer": registry.NORMALIZERS.names(),
    "attention__window": registry.WINDOWS.names(),
    "attention__coverage": [False, True],
    "output__kind": registry.OUTPUTS.names(),
    "output__state": ["state", "previous_state"],
    "output__copy_source": [False, True],
}
_DRAWS = 1000
"""So many models with a pair of values are drawn before it counts as refused."""


@cache
def pairwise_models():
    """Models, each a dictionary of all factors; always the same ones."""
    generator = random.Random(0)
    missing = all_pairs()
    models = []
    for pair in sorted(missing, key=lambda pair: sorted(map(repr, pair))):
        if pair not in missing:
            continue
        candidates = _candidates(generator, dict(pair))
        if candidates:
            models.append(max(candidates, key=lambda model: len(missing & encode_pairs(model))))
            missing -= encode_pairs(models[-1])
    return models


def covering_models():
    """The numbers of a few of the models that have every value of every factor which occurs."""
    models = [set(model.items()) for model in pairwise_models()]
    missing, chosen = set.union(*models), set()
    while missing:
        number = max(range(len(models)), key=lambda number: len(missing & models[number]))
        missing -= models[number]
        chosen.add(number)
    return chosen


def all_pairs():
    """Every two values of two factors."""
    return {
        frozenset([(one, a), (other, b)])
        for one, other in combinations(FACTORS, 2)
        for a, b in product(FACTORS[one], FACTORS[other])
    }


def encode_pairs(model):
    """Every two values that a model has."""
    return {frozenset(pair) for pair in combinations(model.items(), 2)}


def with_sizes(model):
    """The model with sizes that let as much as possible be combined."""
    both = model["encoder__direction"] == "bidirectional" or (
        model["encoder__direction"] == "bidirectional_bottom" and model["encoder__layers"] == 1
    )
    multiplied = model["attention__kind"] in ("dot", "scaled_dot")
    annotation = 10 if multiplied and model["attention__query_embedding"] else 6
    return model | {
        "embedding_size": 4,
        "encoder__hidden_size": annotation // 2 if both else annotation,
        "attention__heads": 2,
        "attention__window_size": 1,
    }


def _candidates(generator, chosen, enough=20):
    """Some models that the settings accept and that have the chosen values."""
    found = []
    for draw in range(_DRAWS):
        # Every second model is a plain one: those are accepted where little goes with a pair.
        plain = draw % 2 == 1
        model = {name: _drawn(generator, values, plain) for name, values in FACTORS.items()}
        model |= chosen
        if _is_accepted(model):
            found.append(model)
        if len(found) == enough:
            break
    return found


def _drawn(generator, values, plain):
    return values[0] if plain and generator.random() < 0.6 else generator.choice(values)


def _is_accepted(model):
    try:
        settings(**with_sizes(model))
    except ValidationError:
        return False
    return True
