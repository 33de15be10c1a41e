"""Scores of sentences and of parts against sacreBLEU's public methods."""

import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from nmt.errors import DataError
from nmt.evaluation.scores import METRICS, SegmentScorer, length_ratio, score

REFERENCES = [
    ["The black cat is on the mat.", "A dog sleeps.", "", "Where is the station?"],
    ["A black cat sits on the mat.", "One dog is asleep.", "", "Where's the station?"],
]
HYPOTHESES = ["The cat is on the black mat.", "A dog", "", "where is the big station?"]
SINGLE = {"bleu": BLEU(effective_order=True), "chrf": CHRF(), "ter": TER()}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("references", [REFERENCES, REFERENCES[:1]], ids=["two", "one"])
def test_against_the_public_methods(metric, references):
    found = SegmentScorer(references, metric).statistics(HYPOTHESES)
    (whole,) = score(HYPOTHESES, references, [metric])
    assert (found.corpus(), found.name, found.metric) == (whole.value, whole.name, metric)
    assert found.sentences() == [
        SINGLE[metric].sentence_score(line, list(each)).score
        for line, each in zip(HYPOTHESES, zip(*references, strict=True), strict=True)
    ]
    for part in ([0, 1], [3], [2]):
        chosen = [[reference[i] for i in part] for reference in references]
        (of_part,) = score([HYPOTHESES[i] for i in part], chosen, [metric])
        assert found.corpus(part) == of_part.value
    assert found.corpus([]) is None


def test_case_and_tokenizer():
    references = [["AB CD EF GH."]]
    for options in ({}, {"lowercase": True}, {"tokenize": "char", "lowercase": True}):
        found = SegmentScorer(references, "bleu", **options).statistics(["ab cd ef gh x."])
        (whole,) = score(["ab cd ef gh x."], references, ["bleu"], **options)
        assert found.corpus() == whole.value


def test_length_ratio():
    found = SegmentScorer([["a b c d", "e f", ""]], "bleu").statistics(["a b c", "e f g", ""])
    assert length_ratio(found) == 1.0
    assert length_ratio(found, [0]) == 0.75
    assert length_ratio(found, [2]) is None


def test_unequal_counts():
    with pytest.raises(DataError, match="line counts differ"):
        SegmentScorer([["a"]], "bleu").statistics(["a", "b"])
