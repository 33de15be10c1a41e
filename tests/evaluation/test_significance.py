"""Paired bootstrap resampling against texts resampled line by line."""

import numpy as np
import pytest

from nmt.errors import DataError, UsageError
from nmt.evaluation import significance
from nmt.evaluation.metrics import make_scorer
from nmt.evaluation.scores import score
from nmt.evaluation.significance import compare

REFERENCES = [
    [
        "The black cat is on the mat.",
        "A dog sleeps in the house.",
        "Two men are playing chess in the park.",
        "Where is the station?",
        "She reads a long book about birds.",
        "It is raining again.",
    ],
    [
        "The black cat sits on the mat.",
        "There is a dog asleep in the house.",
        "In the park two men play chess.",
        "Where can I find the station?",
        "She is reading a long book about birds.",
        "Rain, again.",
    ],
]
BASELINE = [
    "The black cat is on a mat.",
    "A dog in the house.",
    "Two men play chess in the park.",
    "Where is station?",
    "She reads a book about birds.",
    "It is again raining.",
]
BETTER = [*REFERENCES[0][:4], *BASELINE[4:]]
WORSE = [*BASELINE[:3], "What?", *BASELINE[4:]]
RESAMPLES = 60


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(significance, "RESAMPLES", RESAMPLES)
    monkeypatch.delenv("SACREBLEU_SEED", raising=False)


def resampled(hypotheses, references, metric):
    """The score of each resampled text, looked at as a text of its own."""
    drawn = np.random.default_rng(12345).choice(len(hypotheses), (RESAMPLES, len(hypotheses)))
    scores = []
    for lines in drawn:
        chosen = [[reference[i] for i in lines] for reference in references]
        whole = make_scorer(metric).corpus_score([hypotheses[i] for i in lines], chosen)
        scores.append(whole.score)
    return scores


@pytest.mark.parametrize("metric", ["bleu", "chrf", "chrf++", "ter"])
@pytest.mark.parametrize("references", [REFERENCES, REFERENCES[:1]], ids=["two", "one"])
def test_against_resampled_texts(metric, references):
    found = compare(BASELINE, [BETTER, WORSE], references, metric)
    baseline = resampled(BASELINE, references, metric)
    for hypotheses, standing in (
        (BASELINE, found.baseline),
        (BETTER, found.others[0]),
        (WORSE, found.others[1]),
    ):
        (whole,) = score(hypotheses, references, [metric])
        assert standing.score == whole.value
        assert found.metric == whole.name
        scores = resampled(hypotheses, references, metric)
        ordered = sorted(scores)
        outside = RESAMPLES // 40
        within = ordered[outside], ordered[-1 - outside]
        assert standing.interval == pytest.approx(within, abs=1e-3)
        if standing is found.baseline:
            assert standing.p is None
            continue
        differences = [abs(a - b) for a, b in zip(scores, baseline, strict=True)]
        centre = sum(differences) / RESAMPLES
        difference = abs(whole.value - found.baseline.score)
        as_large = sum(each - centre > difference for each in differences)
        assert standing.p == pytest.approx((as_large + 1) / (RESAMPLES + 1))


def test_what_equals_the_baseline_does_not_differ_from_it():
    found = compare(BASELINE, [list(BASELINE), BETTER], REFERENCES, "bleu")
    assert found.others[0].p == 1.0
    assert found.others[0].interval == found.baseline.interval
    assert found.others[1].p < 1.0


def test_the_baseline_alone():
    found = compare(BASELINE, [], REFERENCES, "bleu")
    assert found.others == []
    assert found.signature.startswith(f"nrefs:2|bs:{RESAMPLES}|seed:12345|case:mixed|")


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_the_length_ratio_is_that_of_bleu(metric):
    found = compare(["a b c d", "e f"], [["a b", "e"]], [["a b c d", "e f"]], metric)
    assert (found.baseline.length_ratio, found.others[0].length_ratio) == (1.0, 0.5)


@pytest.mark.parametrize("hypotheses", [BASELINE[1:], []])
def test_unequal_counts_are_refused(hypotheses):
    with pytest.raises(DataError, match="line counts differ"):
        compare(BASELINE, [hypotheses], REFERENCES, "bleu")


def test_randomization_against_texts_with_lines_exchanged(monkeypatch):
    """A line of the one goes to the other or not: how often do they then differ more?"""
    monkeypatch.setattr(significance, "TRIALS", 40)
    found = compare(BASELINE, [BETTER], REFERENCES, "bleu", method="randomization")
    keep = np.random.default_rng(12345).integers(2, size=(40, len(BASELINE)), dtype=bool)
    scores = []
    for row in keep:
        pairs = [
            (a, b) if kept else (b, a) for a, b, kept in zip(BASELINE, BETTER, row, strict=True)
        ]
        texts = [[pair[side] for pair in pairs] for side in (0, 1)]
        scores.append([score(text, REFERENCES, ["bleu"])[0].value for text in texts])
    difference = abs(found.others[0].score - found.baseline.score)
    as_large = sum(abs(a - b) > difference + 1e-9 for a, b in scores)
    assert found.others[0].p == pytest.approx((as_large + 1) / 41)
    assert "|bs:60|ar:40|" in found.signature


def test_one_line_cannot_be_resampled():
    for method in ("bootstrap", "randomization"):
        with pytest.raises(UsageError, match="at least two lines"):
            compare(["a"], [["b"]], [["a"]], "bleu", method=method)


@pytest.mark.parametrize("seed", ["many", "-1", "1.5", ""])
def test_a_seed_that_is_none(monkeypatch, seed):
    monkeypatch.setenv("SACREBLEU_SEED", seed)
    with pytest.raises(UsageError, match=f"SACREBLEU_SEED is '{seed}'"):
        compare(BASELINE, [BETTER], REFERENCES, "bleu")


def test_equal_translations_are_said_to_be_equal():
    found = compare(BASELINE, [list(BASELINE), BETTER], REFERENCES, "ter", method="randomization")
    assert [standing.identical for standing in found.system_scores] == [False, True, False]
    assert found.others[0].p == 1.0


def test_case_and_tokenizer_are_those_asked_for():
    found = compare(["A B C D.", "x"], [], [["a b c d.", "x"]], "bleu", lowercase=True)
    assert found.baseline.score == pytest.approx(100.0)
    assert "|case:lc|" in found.signature
    assert "|tok:char|" in compare(["a", "b"], [], [["a", "b"]], "bleu", tokenize="char").signature


@pytest.mark.parametrize("method", ["bootstrap", "randomization"])
@pytest.mark.parametrize(
    ("metric", "change"),
    [
        ("bleu", lambda line: line.replace(" ", "  ")),
        ("chrf", lambda line: line.replace(" ", "  ")),
        ("chrf++", lambda line: f" {line} "),
        ("ter", str.upper),
        ("ter", lambda line: line.replace(" ", "   ")),
    ],
)
def test_what_a_metric_does_not_see_is_no_difference(monkeypatch, method, metric, change):
    monkeypatch.setattr(significance, "TRIALS", 40)
    changed = [*BASELINE[:3], *map(change, BASELINE[3:])]
    assert changed != BASELINE
    (other,) = compare(BASELINE, [changed], REFERENCES, metric, method=method).others
    assert (other.p, other.identical) == (1.0, False)


@pytest.mark.parametrize("method", ["bootstrap", "randomization"])
def test_two_scores_of_zero_do_not_differ(monkeypatch, method):
    monkeypatch.setattr(significance, "TRIALS", 40)
    references = [["a cat", "two dogs", "the sun", "red", "green"]]
    texts = [["a cat", "dogs", "sun", "red", "x"], ["one", "two dogs", "the sun", "a", "y"]]
    found = compare(texts[0], texts[1:], references, "bleu", method=method)
    assert [each.score for each in found.system_scores] == [0.0, 0.0]
    assert found.others[0].p == 1.0
    assert "have four tokens" in found.others[0].noise


def test_one_segment_alone_proves_nothing(monkeypatch):
    """Whichever text has it, the difference is the same: sacreBLEU says p = 1 / (trials + 1)."""
    monkeypatch.setattr(significance, "TRIALS", 40)
    one = [*BASELINE[:2], REFERENCES[0][2], *BASELINE[3:]]
    (other,) = compare(BASELINE, [one], REFERENCES, "chrf", method="randomization").others
    assert other.score > compare(BASELINE, [], REFERENCES, "chrf").baseline.score
    assert other.p == 1.0


def test_equal_scores_of_different_texts_do_not_differ():
    """One line is better by as much as another is worse; few resamples tell them apart."""
    hypotheses = ["a b c d e", "x y"] * 2
    turned = ["x y", "a b c d e"] * 2
    (other,) = compare(hypotheses, [turned], [["a b c d e"] * 4], "bleu").others
    assert other.p == 1.0


@pytest.mark.parametrize("metric", ["bleu", "chrf", "chrf++", "ter"])
def test_intervals_lie_within_the_scale(metric):
    """Few lines, some perfect: the mean and half the width would leave the scale."""
    references = [["a dog sleeps in the house", "xyz", "two cats play in a big garden"]]
    hypotheses = ["a dog sleeps in the house", "", "two cats play in a big garden"]
    low, high = compare(hypotheses, [], references, metric).baseline.interval
    assert 0.0 <= low <= high <= 100.0 + 1e-9


def test_without_a_seed_resamples_are_shared(monkeypatch):
    monkeypatch.setenv("SACREBLEU_SEED", "none")
    found = compare(BASELINE, [[*BASELINE], BETTER], REFERENCES, "chrf")
    assert found.baseline.interval == found.others[0].interval
    assert "|seed:none|" in found.signature
    assert significance.os.environ["SACREBLEU_SEED"] == "none"


def test_missing_references_count_as_none():
    """A blank beside a reference that is not blank, and no reference there, are the same."""
    holes = [line if i % 2 else "" for i, line in enumerate(REFERENCES[1])]
    found = compare(BASELINE, [BETTER], [REFERENCES[0], holes], "bleu")
    plain = make_scorer("bleu").corpus_score(
        BASELINE, [REFERENCES[0], [line or None for line in holes]]
    )
    assert found.baseline.score == plain.score
    assert "nrefs:var|" in found.signature
