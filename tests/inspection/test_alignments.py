import numpy as np
import pytest

from nmt.errors import DataError
from nmt.inspection.alignments import align_pairs, translate_and_align
from nmt.tokenizers.words import split_words
from nmt.translation.translator import Translator

SOURCES = ["le chat noir", "", "un  chien dort dans la maison.", "maison"]
TARGETS = ["the black cat .", "a", " a dog", " "]


@pytest.fixture(scope="module")
def translator(tiny_bundle):
    return Translator.load(tiny_bundle, device="cpu", threads=1)


def test_words_are_those_that_spaces_divide(translator):
    found = align_pairs(translator, SOURCES, TARGETS)
    assert [each.source for each in found] == [source.split() for source in SOURCES]
    assert [each.target for each in found] == [target.split() for target in TARGETS]
    for each in found:
        assert each.weights.shape == (len(each.target), len(each.source))


def test_weights_are_sums_over_source_subwords_and_means_over_target_subwords(translator):
    source, target = "un chien dort", "the house cat"
    (aligned,) = align_pairs(translator, [source], [target])
    (score,) = translator.score([source], [target], attention=True)
    assert score.attention is not None

    def words(tokens):
        return np.cumsum([token.startswith("▁") for token in tokens[:-1]]) - 1

    of_source, of_target = words(score.source_tokens), words(score.tokens)
    expected = np.zeros((3, 3))
    for j in range(3):
        rows = score.attention[:-1][of_target == j]
        for i in range(3):
            expected[j, i] = rows[:, :-1][:, of_source == i].sum(1).mean()
    np.testing.assert_allclose(aligned.weights, expected, atol=1e-6)
    assert aligned.best.tolist() == expected.argmax(1).tolist()
    assert aligned.links() == [(int(i), j) for j, i in enumerate(expected.argmax(1))]


def test_links_above_a_threshold(translator):
    (aligned,) = align_pairs(translator, SOURCES[:1], TARGETS[:1])
    threshold = float(np.median(aligned.weights))
    links = aligned.links(threshold)
    assert set(links) == {
        (i, j) for j in range(4) for i in range(3) if aligned.weights[j, i] >= threshold
    }
    assert len(aligned.links(0.0)) == 12


def test_nothing_is_linked_where_a_side_is_blank(translator):
    for each in (align_pairs(translator, SOURCES, TARGETS)[i] for i in (1, 3)):
        assert each.links() == []


def test_found_translations_are_aligned_as_when_they_are_given(translator):
    found = translate_and_align(translator, SOURCES)
    for source, (translation, aligned) in zip(SOURCES, found, strict=True):
        assert aligned.target == split_words(translation.text)
        assert aligned.source == source.split()
        if source and translation.finished:
            assert all(link[1] < len(aligned.target) for link in aligned.links())


def test_subwords(translator):
    (aligned,) = align_pairs(translator, SOURCES[:1], TARGETS[:1], subwords=True)
    (score,) = translator.score(SOURCES[:1], TARGETS[:1], attention=True)
    assert aligned.source == score.source_tokens[:-1]
    assert aligned.target == score.tokens[:-1]
    np.testing.assert_allclose(aligned.weights, score.attention[:-1, :-1])


def test_unequal_numbers_are_refused(translator):
    with pytest.raises(DataError, match="2 sources, but 1 targets"):
        align_pairs(translator, ["a", "b"], ["a"])
