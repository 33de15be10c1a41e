"""Every two choices together: models in which each pair of settings' values occurs.

What goes wrong only where three choices meet is not covered, but such faults are rare, and the
models stay few enough to be compared with the equations one and all.
"""

import pytest
from pairwise_models import all_pairs, encode_pairs, pairwise_models, with_sizes
from tiny_model import assert_equals_the_equations, make_model

_MODELS = pairwise_models()
_PAIRS = [([4, 5, 6, 7, 8], [4, 9, 5, 7]), ([9], [6, 9])]

_REFUSED = """
attention coverage=True, attention kind=dot
attention coverage=True, attention kind=general
attention coverage=True, attention kind=location
attention coverage=True, attention kind=multi_head
attention coverage=True, attention kind=none
attention coverage=True, attention kind=scaled_dot
attention kind=location, attention query_embedding=False
attention kind=none, attention window=local_m
attention kind=none, attention window=local_p
attention kind=none, decoder start=zeros
attention kind=none, output copy_source=True
attention query=inner_state, decoder transition_depth=1
decoder input_feeding=True, output state=previous_state
decoder layers=1, decoder residual_from=2
decoder layers=1, decoder residual_from=3
decoder layers=2, decoder residual_from=3
encoder direction=bidirectional_bottom, encoder residual_from=2
encoder layers=1, encoder residual_from=2
encoder layers=1, encoder residual_from=3
encoder layers=2, encoder residual_from=3
""".strip().split("\n")
"""The pairs that no settings can have, whatever the others are."""


@pytest.mark.parametrize("number", range(len(_MODELS)))
def test_pairwise_models_equal_the_equations(number):
    model = make_model(seed=number, **with_sizes(_MODELS[number])).train()
    coverage = 0.0 if model.settings.attention.kind == "none" else 0.5
    assert_equals_the_equations(model, _PAIRS, coverage=coverage)


def test_no_pair_is_left_out_but_those_that_make_no_sense():
    missing = all_pairs().difference(*map(encode_pairs, _MODELS))
    named = [
        ", ".join(sorted(f"{name.replace('__', ' ')}={value}" for name, value in pair))
        for pair in missing
    ]
    assert sorted(named) == _REFUSED
