import math
from dataclasses import replace

import numpy as np
import pytest

from nmt.data.manifest import LengthRatio
from nmt.translation.quality_estimation import signals
from nmt.translation.translation import Translation

RATIO = LengthRatio(1.0, 0.25)
SOURCE = "a big dog."
DONE = Translation(
    text="ein Hund.",
    score=-0.5,
    log_probability=-2.0,
    tokens=["▁ein", "▁Hu", "nd", ".", "</s>"],
    source_tokens=["▁a", "▁big", "▁do", "g", ".", "</s>"],
    token_log_probabilities=[-0.4] * 5,
    attention=np.array(
        [
            [0.5, 0.1, 0.0, 0.0, 0.0, 0.4],  # ein: a, nothing much of big
            [0.0, 0.05, 0.5, 0.45, 0.0, 0.0],  # Hu: both subwords of dog
            [0.0, 0.05, 0.7, 0.25, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],  # the end mark's does not count
        ],
        np.float32,
    ),
    finished=True,
)


def found(translation=DONE, source=SOURCE, ratio=RATIO):
    got = signals(source, translation, ratio)
    assert got is not None
    return got


def with_text(*tokens, source=("▁x",) * 20):
    """A translation without attention."""
    return replace(
        DONE,
        text="".join(tokens).replace("▁", " ").strip(),
        tokens=[*tokens, "</s>"],
        source_tokens=[*source, "</s>"],
        attention=None,
    )


def test_a_blank_one_has_none():
    assert signals(" ", replace(DONE, tokens=[], source_tokens=[], attention=None), RATIO) is None


def test_entropy_is_of_words_and_a_share_of_the_most():
    rows = [
        [0.5, 0.1, 0.0, 0.0, 0.4],
        [0.0, 0.05, 0.95, 0.0, 0.0],  # the mean of Hu and nd
        [0.0, 0.0, 0.0, 1.0, 0.0],
    ]
    entropies = [-sum(p * math.log(p) for p in row if p > 0) for row in rows]
    assert found().attention_entropy == pytest.approx(sum(entropies) / 3 / math.log(5), abs=1e-6)
    even = replace(DONE, attention=np.full((5, 6), 1 / 6, np.float32))
    three, two = -2 / 3 * math.log(1 / 6), -1 / 3 * math.log(1 / 3)
    assert found(even).attention_entropy == pytest.approx((three + two) / math.log(5), abs=1e-6)


def test_uncovered_words_are_those_that_nothing_looked_at():
    assert found().uncovered == pytest.approx(1 / 3)  # big, of a, big, dog
    marks = replace(DONE, source_tokens=["!"] * 5 + ["</s>"])
    assert found(marks).uncovered == 0.0


@pytest.mark.parametrize(
    ("tokens", "source", "share"),
    [
        (["▁a", "▁b", "▁c"], ["▁x"], 0.0),
        (["▁a", "▁b", "▁a", "▁b", "▁a"], ["▁x"], 0.5),  # ab, ba, ab, ba
        (["▁no", "▁no", "▁no"], ["▁non", "▁non", "▁non"], 0.0),
        (["▁no", "▁no", "▁no"], ["▁non", "▁merci"], 0.5),
        (["▁a"], ["▁b"], 0.0),
        ([], ["▁b"], 0.0),
    ],
)
def test_repetition_beyond_that_of_the_source(tokens, source, share):
    assert found(with_text(*tokens, source=source)).repetition == share


@pytest.mark.parametrize(
    ("text", "source", "share"),
    [
        ("A Dog", "a  dog", 1.0),
        ("abcde", "abcdx", 0.5),
        ("ein", "ein", 1.0),
        ("ein", "eine", 0.0),
        ("你好吗我", "你好吗我", 1.0),
        ("", "a dog", 0.0),
    ],
)
def test_copies_of_the_source(text, source, share):
    assert found(replace(DONE, text=text), source).copy == share


def test_length_is_in_deviations_of_the_training_corpus():
    many = found(with_text(*["▁y"] * 30)).length
    assert many == pytest.approx((30 - 20) / (0.25 * 20))
    assert found(with_text(*["▁y"] * 10)).length == pytest.approx(-2.0)
    one = found(with_text("▁y", "▁y", "▁y", source=["▁x"])).length
    assert one == pytest.approx((3 - 1) / 2.0)


def test_log_probability_is_of_a_subword_with_the_end_mark():
    assert found().log_probability == pytest.approx(-0.4)


def test_unknown_words_of_the_source():
    source = ["▁a", "▁<0xE2>".removeprefix("▁"), "<0x82>", "▁b", "<unk>", ".", "▁<unk"]
    words = found(with_text("▁y", source=source))  # a+bytes, b+unk, ., <unk
    assert words.unknown == pytest.approx(2 / 4)


def test_without_attention_there_is_no_word_of_it():
    got = found(replace(DONE, attention=None))
    assert (got.attention_entropy, got.uncovered) == (None, None)
    assert replace(got, attention_entropy=1.0, uncovered=1.0) == replace(
        found(), attention_entropy=1.0, uncovered=1.0
    )


def test_one_that_says_nothing_has_no_attention_to_look_at():
    silent = replace(DONE, text="", tokens=["</s>"], attention=DONE.attention[-1:])
    assert found(silent).attention_entropy is None
