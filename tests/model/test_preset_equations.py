"""Every preset, made small, against the equations."""

import pytest
from tiny_model import assert_equals_the_equations, randomized

from nmt.config.presets import PRESETS
from nmt.config.settings import ModelSettings

_SHRINKING = 125
"""All widths are divided by it; those of one preset keep their proportions."""


@pytest.mark.parametrize("name", PRESETS)
def test_presets_equal_the_equations(name):
    assert_equals_the_equations(randomized(ModelSettings(**_small(PRESETS[name].model))))


def _small(section):
    small = {}
    for key, value in section.items():
        if isinstance(value, dict):
            small[key] = _small(value)
        elif key in ("embedding_size", "hidden_size", "size") and value is not None:
            small[key] = max(2, value // _SHRINKING)
        else:
            small[key] = value
    return small
