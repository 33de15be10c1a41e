"""Scores of groups of lines."""

from statistics import fmean

import pytest

from nmt.evaluation.breakdown import by_label
from nmt.evaluation.group_scores import (
    ALL_LINES,
    GroupResult,
    ScoredGroup,
    group_warnings,
    groups_record,
    print_groups,
    score_groups,
    segment_scores,
)
from nmt.evaluation.score_page import score_page
from nmt.evaluation.score_report import ReportOptions, System, compare_systems
from nmt.evaluation.scores import SegmentScorer, score
from nmt.evaluation.significance import compare

REFERENCES = ["a b c d e", "猫坐在垫子上。", "f g h i j", "k l m n o", "狗在房子里睡觉。"]
GOOD = ["a b c d e", "猫坐在垫子上。", "f g h i x", "k l m n o", "狗在房间里睡觉。"]
POOR = ["a b c x e", "猫在垫子上。", "f g h i x", "k l m n", "狗在房间睡觉。"]
LABELS = ["fr-en", "en-zh", "de-en", "fr-en", "en-zh"]
TOKENIZERS = {"fr-en": None, "de-en": None, "en-zh": "zh"}


def report_of(*texts, has_intervals=False, labels=LABELS, metrics=("bleu", "chrf", "ter")):
    systems = [System(f"system {index}", text) for index, text in enumerate(texts)]
    options = ReportOptions(references=[REFERENCES], metrics=metrics, trials=20)
    scores = [score(text, [REFERENCES], metrics) for text in texts]
    results = {each[0].metric: GroupResult.from_scores(each) for each in zip(*scores, strict=True)}
    whole = ScoredGroup(ALL_LINES, len(REFERENCES), None, results)
    tokenizers = {label: TOKENIZERS.get(label) for label in labels}
    return score_groups(systems, options, by_label(labels), tokenizers, whole, has_intervals)


def test_a_group_has_the_score_of_its_lines_by_its_tokenizer():
    report = report_of(POOR)
    for group, segments in zip(report.groups, ((0, 3), (1, 4), (2,)), strict=True):
        hypotheses, references = ([text[i] for i in segments] for text in (POOR, REFERENCES))
        expected = score(hypotheses, [references], tokenize=TOKENIZERS[group.label])
        assert [group.results[each.metric].scores[0].value for each in expected] == [
            each.value for each in expected
        ]
        assert group.lines == len(segments)
    assert "|tok:zh|" in report.groups[1].results["bleu"].signature


def test_the_mean_counts_each_group_once():
    report = report_of(POOR, GOOD)
    for name in report.metrics:
        for index, mean in enumerate(report.means(name)):
            values = [group.results[name].scores[index].value for group in report.groups]
            assert mean == pytest.approx(fmean(values))
    single = report_of(POOR, labels=["news"] * 5)
    assert single.means("bleu") is None
    assert "mean_of_groups" not in groups_record(single)


def test_significance_is_that_of_the_group_as_a_text():
    report = report_of(GOOD, POOR, has_intervals=True)
    texts = [[text[i] for i in (0, 3)] for text in (GOOD, POOR, REFERENCES)]
    alone = compare(texts[0], [texts[1]], [texts[2]], "chrf", trials=20)
    first = report.groups[0].results["chrf"]
    assert first == GroupResult.from_comparison(alone)
    assert first.scores[1].p == alone.others[0].p
    (baseline, other) = report.groups[2].results["chrf"].scores  # a group of one line
    assert (baseline.interval, other.interval, other.p) == (None, None, None)


def test_bleu_of_all_lines_is_not_comparable_where_tokenizers_differ():
    assert "different tokenizers" in group_warnings(report_of(GOOD))[0]
    assert not report_of(GOOD, labels=["fr-en"] * 5).has_different_tokenizers
    assert not report_of(GOOD, metrics=("chrf",)).has_different_tokenizers


def test_only_some_noisy_groups_are_named():
    references = [f"word{i} and then more words follow" for i in range(8)]
    hypotheses = [f"word{i} only" for i in range(8)]
    (bleu,) = score(hypotheses, [references], ["bleu"])
    whole = ScoredGroup(ALL_LINES, 8, None, {"bleu": GroupResult.from_scores([bleu])})
    labels = [f"label{i}" for i in range(8)]
    options = ReportOptions(references=[references], metrics=["bleu"])
    report = score_groups(
        [System("one", hypotheses)],
        options,
        by_label(labels),
        dict.fromkeys(labels),
        whole,
        has_intervals=False,
    )
    *named, rest = group_warnings(report)
    assert [text.partition(":")[0] for text in named] == labels[:5]
    assert rest == "BLEU is unreliable in 3 more groups."


def test_a_table_for_each_metric_has_the_difference(capsys):
    print_groups(report_of(GOOD, POOR, metrics=("bleu", "chrf")))
    title, header, *rows = capsys.readouterr().out.strip().split("\n")
    assert title == "BLEU by group"
    assert " ".join(header.split()) == "group lines system 0 system 1 difference p"
    first = rows[0].split()
    assert float(first[4]) == pytest.approx(float(first[3]) - float(first[2]), abs=0.011)
    assert rows[4].startswith("mean of groups      -")
    assert rows[5].startswith("BLEU of en-zh: ") and "|tok:zh|" in rows[5]


def test_segments_have_bleu_of_their_group():
    options = ReportOptions(references=[REFERENCES], metrics=["bleu", "ter"])
    rows = segment_scores(System("poor", POOR), options, by_label(LABELS), TOKENIZERS)
    plain = segment_scores(System("poor", POOR), options, [], {})
    chinese = SegmentScorer([REFERENCES], "bleu", tokenize="zh").statistics(POOR).sentences()
    for index, label in enumerate(LABELS):
        expected = chinese[index] if label == "en-zh" else plain[index]["bleu"]
        assert rows[index]["bleu"] == expected
        assert rows[index]["ter"] == plain[index]["ter"]


def test_the_page_has_a_section_of_groups():
    systems = [System("good", GOOD), System("poor", POOR)]
    labels = ["<b>"] * 2 + ["en-zh"] * 3
    groups = report_of(GOOD, POOR, labels=labels, has_intervals=True)
    report = compare_systems(systems, ReportOptions(references=[REFERENCES], trials=20))
    body = score_page(report, groups).body
    section = body[body.index('<h2 id="groups">') : body.index('id="parts"')]
    assert section.count("<tr>") == 1 + 2 * 4
    assert "&lt;b&gt;" in section and "<b>" not in section
    assert "mean of groups" in section and ", p = " in section and "tok:zh" in section
    assert 'id="groups"' not in score_page(report).body
