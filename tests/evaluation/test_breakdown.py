from nmt.evaluation.breakdown import Bucket, by_length, by_score, corpus_scores
from nmt.evaluation.scores import SegmentScorer, score


def test_by_length():
    lines = ["a", "", "a b c", "a b c d.", "a b", "a b c d e f g", "一 二三四五"]
    assert by_length(lines, upper_bounds=(2, 3, 4, 6)) == [
        Bucket("up to 2", (0, 1, 4)),
        Bucket("3", (2,)),
        Bucket("4", (3,)),
        Bucket("5 to 6", (6,)),
        Bucket("over 6", (5,)),
    ]
    assert by_length(["a b c"], upper_bounds=(2, 4)) == [Bucket("3 to 4", (0,))]
    assert by_length([]) == []


def test_by_score():
    assert by_score([0.0, 49.9, 50.0, 100.0, 130.0], bounds=(50.0, 100.0)) == [
        Bucket("0 to 50", (0, 1)),
        Bucket("50 to 100", (2,)),
        Bucket("from 100", (3, 4)),
    ]
    assert [bucket.segments for bucket in by_score([], bounds=(50.0,))] == [(), ()]


def test_the_scores_are_those_of_texts_of_their_own():
    references = ["a b c d e", "a b", "c d e f g"]
    hypotheses = ["a b c d x", "a c", "c d e f g"]
    statistics = SegmentScorer([references], "chrf").statistics(hypotheses)
    long, short = [hypotheses[i] for i in (0, 2)], [references[i] for i in (0, 2)]
    assert corpus_scores(statistics, by_length(references, upper_bounds=(2, 4))) == [
        score(["a c"], [["a b"]], ["chrf"])[0].value,
        score(long, [short], ["chrf"])[0].value,
    ]
    assert corpus_scores(statistics, [Bucket("none", ())]) == [None]
