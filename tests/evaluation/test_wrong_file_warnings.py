import random

import pytest

from nmt.evaluation.wrong_file_warnings import mismatch_warnings

ENGLISH = [
    "the",
    "a",
    "cat",
    "dog",
    "house",
    "man",
    "sleeps",
    "reads",
    "is",
    "in",
    "on",
    "and",
    "black",
    "big",
    "small",
    "under",
]
FRENCH = [
    "le",
    "un",
    "chat",
    "chien",
    "maison",
    "homme",
    "dort",
    "lit",
    "est",
    "dans",
    "sur",
    "et",
    "noir",
    "grand",
    "petit",
    "sous",
]


@pytest.fixture
def texts():
    """English lines, others with one word in six changed, and French ones."""
    chosen = random.Random(1)
    numbers = [[chosen.randrange(16) for _ in range(8)] for _ in range(60)]
    other = [[chosen.randrange(16) if i == 3 else n for i, n in enumerate(row)] for row in numbers]
    said = (
        [[ENGLISH[n] for n in row] for row in numbers],
        [[ENGLISH[n] for n in row] for row in other],
    )
    french = [[FRENCH[n] for n in row] for row in numbers]
    return tuple([" ".join(row) for row in text] for text in (*said, french))


def test_what_belongs_together_is_not_suspected(texts):
    references, hypotheses, sources = texts
    assert mismatch_warnings(hypotheses, [references], sources) == []
    assert mismatch_warnings(hypotheses, [references, hypotheses[::-1]]) == []
    assert mismatch_warnings(["", ""], [["", ""]], ["", ""]) == []
    assert mismatch_warnings(["One."], [["Two."]], ["Un."]) == []


def test_the_same_file_twice(texts):
    references, hypotheses, _ = texts
    (warning,) = mismatch_warnings(references, [references])
    assert warning == (
        "the hypotheses equal the references line by line. Check whether it is the same file."
    )
    (warning,) = mismatch_warnings(references, [hypotheses, references])
    assert "equal reference 2 line by line" in warning


def test_the_source_in_place_of_a_translation(texts):
    references, hypotheses, sources = texts
    (warning,) = mismatch_warnings(sources, [references], sources)
    assert warning.startswith("100% of the hypotheses equal their source")
    (warning,) = mismatch_warnings(hypotheses, [sources], sources)
    assert warning.startswith("100% of the references equal their source")


def test_another_language(texts):
    references, hypotheses, sources = texts
    (warning,) = mismatch_warnings(sources, [references])
    assert warning.startswith("only 0% of the words of the hypotheses are in the references. Check")
    turned = sources[1:] + sources[:1]
    (warning,) = mismatch_warnings(turned, [references], sources)
    assert "Check the language of the hypotheses" in warning
    (warning,) = mismatch_warnings(hypotheses, [turned], sources)
    assert "Check whether --ref is the source" in warning


@pytest.mark.parametrize(("shift", "name"), [(1, "after"), (-1, "before")])
def test_a_line_lost_or_added(texts, shift, name):
    references, hypotheses, _ = texts
    shifted = hypotheses[shift:] + hypotheses[:shift]
    (warning,) = mismatch_warnings(shifted, [references])
    assert f"the reference of the line {name} better" in warning


@pytest.mark.parametrize(("factor", "size"), [(0.5, "short"), (2, "long")])
def test_lengths(texts, factor, size):
    references, hypotheses, _ = texts
    cut = [(line + " " + line)[: int(len(line) * factor)] for line in hypotheses]
    (warning,) = mismatch_warnings(cut, [references])
    assert warning.startswith(f"the hypotheses are {size}: ")
