import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.inspection.attention_data import (
    attention_record,
    mean_entropy,
    round_to_thousandths,
    word_sizes,
)
from nmt.search.head_attentions import HeadAttention
from nmt.translation.translation import Translation


def weights_of(rows, columns, seed, spread=1.0):
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.full(columns, spread), rows).astype(np.float32)


def translation(tokens, source_tokens, attention):
    return Translation(
        text="",
        score=-1.0,
        log_probability=-1.0,
        tokens=tokens,
        source_tokens=source_tokens,
        token_log_probabilities=[-0.5] * len(tokens),
        attention=attention,
        finished=True,
    )


@given(
    rows=st.integers(1, 6),
    columns=st.integers(1, 40),
    seed=st.integers(0, 999),
    spread=st.sampled_from([0.01, 0.3, 5.0]),
)
def test_thousandths_sum_to_a_thousand_and_none_is_off_by_one(rows, columns, seed, spread):
    weights = weights_of(rows, columns, seed, spread)
    rounded = np.array(round_to_thousandths(weights))
    assert rounded.shape == weights.shape
    assert (rounded.sum(1) == 1000).all()
    assert (abs(rounded - 1000.0 * weights) < 1.0).all()
    assert (rounded >= 0).all()


def test_rows_that_do_not_sum_to_one_keep_their_sum():
    """Behind a predictive window weights are multiplied by how near they are."""
    assert round_to_thousandths(np.array([[0.25, 0.1256, 0.0]], np.float32)) == [[250, 126, 0]]
    assert round_to_thousandths(np.zeros((1, 3), np.float32)) == [[0, 0, 0]]


def test_words_have_their_sizes_and_bytes_their_text():
    tokens = ["▁cha", "t", ".", "▁", "<0xC3>", "<0xA9>", "▁</s>", "</s>"]
    assert word_sizes(tokens) == [2, 1, [3, "é"], 1, 1]
    assert word_sizes([]) == []


def test_a_record():
    weights = np.array([[0.5, 0.5], [1.0, 0.0], [0.25, 0.75]], np.float32)
    record = attention_record(
        translation(["▁a", "b", "</s>"], ["▁x", "</s>"], weights),
        [HeadAttention("head 1", weights[:, ::-1])],
    )
    assert record == {
        "source": ["▁x", "</s>"],
        "source_words": [1, 1],
        "target": ["▁a", "b", "</s>"],
        "target_words": [2, 1],
        "ended": True,
        "probabilities": [607, 607, 607],
        "weights": [[500, 500], [1000, 0], [250, 750]],
        "views": [{"name": "head 1", "weights": [[500, 500], [0, 1000], [750, 250]]}],
    }


def test_without_attention_there_are_no_weights():
    record = attention_record(translation(["▁a"], ["▁x", "</s>"], None))
    assert record["weights"] is None
    assert record["ended"] is False
    assert "views" not in record


@pytest.mark.parametrize(
    ("weights", "bits"),
    [
        ([[1.0, 0.0, 0.0]], 0.0),
        ([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]], 1.25),
        ([[0.25, 0.25, 0.0]], 1.0),
        ([[0.0, 0.0]], 0.0),
    ],
)
def test_entropy(weights, bits):
    assert mean_entropy(np.array(weights, np.float32)) == pytest.approx(bits)


def test_entropy_of_nothing():
    assert mean_entropy(np.zeros((0, 3), np.float32)) == 0.0
