"""The HTML report on scores, with every sentence and its differences from the reference."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from nmt.evaluation.breakdown import split_words_and_spaces
from nmt.evaluation.group_scores import MEAN_OF_GROUPS, GroupReport, GroupResult, GroupScore
from nmt.evaluation.metrics import metric
from nmt.evaluation.score_report import MetricResult, ScoreReport, buckets_record
from nmt.evaluation.scores import is_blank
from nmt.evaluation.significance import SIGNIFICANT, SystemScore
from nmt.pages.page import Page, escape_html

MAX_SENTENCES = 5000
"""The number of sentences above which a browser is slow with the report."""

_METHODS = {
    "bootstrap": "paired bootstrap resampling",
    "randomization": "paired approximate randomization",
}


def score_page(report: ScoreReport, groups: GroupReport | None = None) -> Page:
    """Return the HTML report, with at most the first `MAX_SENTENCES` sentences.

    Args:
        report: The scores.
        groups: The scores of groups of lines, where there are groups.
    """
    lines = len(report.systems[0].hypotheses)
    names = ", ".join(system.name for system in report.systems)
    shown = min(lines, MAX_SENTENCES)
    return Page(
        title=f"Scores of {names}",
        about=f"{lines:,} lines" + (f", of which the first {shown:,} are shown" * (shown < lines)),
        body="\n".join([_scores(report), _groups(groups), _PARTS, _SENTENCES]),
        data=_data(report, shown),
        styles=("score.css",),
        scripts=("score.js",),
    )


_PARTS = """<section aria-labelledby="parts">
<div class="bar"><h2 id="parts">Parts of the text</h2>
<div id="metrics" role="group" aria-label="Metric"></div></div>
<div id="charts"></div>
</section>"""

_SENTENCES = """<section aria-labelledby="sentences">
<h2 id="sentences">Sentences</h2>
<div class="bar controls">
<label>Order <select id="order"></select></label>
<label id="whose">of <select id="system"></select></label>
<label class="grow">Find <input id="find" type="search" autocomplete="off"></label>
<span id="count" class="muted" role="status"></span>
</div>
<p class="muted legend"><span class="extra">only in the translation</span>
<span class="missing">only in the reference</span></p>
<ol id="list"></ol>
<button type="button" id="more" hidden>Show more</button>
</section>"""


def _scores(report: ScoreReport) -> str:
    head = "".join(
        f'<th class="number">{escape_html(result.comparison.metric)}</th>'
        for result in report.results
    )
    rows = "\n".join(_row(report, index) for index in range(len(report.systems)))
    signatures = "".join(
        f"<dt>{escape_html(result.comparison.metric)}</dt><dd><code>{escape_html(result.comparison.signature)}</code></dd>"
        for result in report.results
    )
    return f"""<section aria-label="Scores" class="card">
<div class="wide"><table class="scores">
<thead><tr><th>system</th>{head}<th class="number">length ratio</th></tr></thead>
<tbody>
{rows}
</tbody></table></div>
<p class="muted">{escape_html(_explanation(report))}</p>
<details><summary>Signatures</summary><dl class="signatures">{signatures}</dl></details>
</section>"""


def _explanation(report: ScoreReport) -> str:
    sentence = "Below a score: its 95% confidence interval, from resampled texts"
    if len(report.systems) == 1:
        return sentence + "."
    method = _METHODS[report.options.method]
    return (
        f"{sentence}; the difference to {report.systems[0].name} and p, the probability of a "
        f"difference this large by chance ({method}). Coloured where p is below {SIGNIFICANT}."
    )


def _row(report: ScoreReport, index: int) -> str:
    cells = "".join(_cell(result, index) for result in report.results)
    ratio = report.ratios[index]
    name = escape_html(report.systems[index].name)
    key = f'<span class="key" style="--colour: var(--series-{index % 6 + 1})"></span>'
    return (
        f'<tr><th scope="row"><span>{key}<bdi>{name}</bdi></span></th>{cells}'
        f'<td class="number">{"–" if ratio is None else f"{ratio:.3f}"}</td></tr>'
    )


def _cell(result: MetricResult, index: int) -> str:
    system_score = result.system_scores[index]
    low, high = system_score.interval
    return (
        f'<td class="number"><strong>{system_score.score:.2f}</strong>'
        f"<small>{low:.2f} – {high:.2f}</small>{_difference(result, system_score)}</td>"
    )


def _difference(result: MetricResult, system_score: SystemScore) -> str:
    if system_score.p is None:
        return "<small>baseline</small>" if len(result.system_scores) > 1 else ""
    if system_score.identical:
        return "<small>identical, p = 1</small>"
    gain = system_score.score - result.comparison.baseline.score
    return _format_difference(result.metric, gain, system_score.p)


def _format_difference(name: str, gain: float, p: float | None) -> str:
    """Return a difference to the baseline, coloured where it is significant, and p.

    Args:
        name: The metric.
        gain: The difference.
        p: Its probability by chance; None where it was not computed.
    """
    better = (gain > 0) == metric(name).higher_is_better
    colour = ("good" if better else "bad") if p is not None and p < SIGNIFICANT else "same"
    sign = "−" if gain < 0 else "+"
    suffix = "" if p is None else f", p = {p:.3f}"
    return f'<small class="{colour}">{sign}{abs(gain):.2f}{suffix}</small>'


def _groups(report: GroupReport | None) -> str:
    """Return the section of the groups: a row for each group and translation."""
    if report is None:
        return ""
    names = [report.whole.results[name].name for name in report.metrics]
    head = "".join(f'<th class="number">{escape_html(name)}</th>' for name in names)
    rows = [
        _group_rows(report, group.label, f"{group.lines:,}", group.results)
        for group in (*report.groups, report.whole)
    ]
    if len(report.groups) > 1:
        means = {
            name: replace(result, scores=[GroupScore(mean) for mean in report.means(name) or ()])
            for name, result in report.whole.results.items()
        }
        rows.append(_group_rows(report, MEAN_OF_GROUPS, "–", means))
    system = "<th>system</th>" if len(report.systems) > 1 else ""
    return f"""<section aria-labelledby="groups">
<h2 id="groups">Groups of lines</h2>
<div class="card"><div class="wide"><table class="scores">
<thead><tr><th>group</th><th class="number">lines</th>{system}{head}</tr></thead>
<tbody>
{chr(10).join(rows)}
</tbody></table></div>{_group_signatures(report)}</div>
</section>"""


def _group_rows(
    report: GroupReport, label: str, lines: str, results: Mapping[str, GroupResult]
) -> str:
    """Return a table row for each translation of a group."""
    span = len(report.systems)
    first = (
        f'<th scope="rowgroup" rowspan="{span}"><bdi>{escape_html(label)}</bdi></th>'
        f'<td class="number" rowspan="{span}">{lines}</td>'
    )
    rows = []
    for index, name in enumerate(report.systems):
        system = f'<th scope="row"><bdi>{escape_html(name)}</bdi></th>' if span > 1 else ""
        cells = "".join(_group_cell(key, result, index) for key, result in results.items())
        rows.append(f"<tr>{first if index == 0 else ''}{system}{cells}</tr>")
    return "\n".join(rows)


def _group_cell(name: str, result: GroupResult, index: int) -> str:
    each = result.scores[index]
    interval = (
        "" if each.interval is None else "<small>{:.2f} – {:.2f}</small>".format(*each.interval)
    )
    difference = ""
    if index > 0:
        gain = each.value - result.scores[0].value
        difference = _format_difference(name, gain, each.p)
    return f'<td class="number"><strong>{each.value:.2f}</strong>{interval}{difference}</td>'


def _group_signatures(report: GroupReport) -> str:
    """Return the signatures of BLEU with other tokenizers than that of all lines."""
    items = "".join(
        f"<dt>{escape_html(title)}</dt><dd><code>{escape_html(signature)}</code></dd>"
        for title, signature in report.bleu_signatures()
    )
    if not items:
        return ""
    return (
        f"<details><summary>Signatures of groups</summary>"
        f'<dl class="signatures">{items}</dl></details>'
    )


def _data(report: ScoreReport, shown: int) -> dict[str, Any]:
    return {
        "systems": [system.name for system in report.systems],
        "metrics": [
            {
                "key": result.metric,
                "name": result.comparison.metric,
                "less": not metric(result.metric).higher_is_better,
            }
            for result in report.results
        ],
        "lengthOf": report.length_side,
        "buckets": buckets_record(report),
        "sentences": _sentences(report, shown),
    }


def _sentences(report: ScoreReport, shown: int) -> list[dict[str, Any]]:
    scores = [
        [statistics.sentences() for statistics in result.statistics] for result in report.results
    ]
    sources = report.options.sources
    return [
        {
            "line": line + 1,
            "source": None if sources is None else sources[line],
            **_texts(report, line),
            "scores": [
                [round(of_metric[index][line], 2) for of_metric in scores]
                for index in range(len(report.systems))
            ],
        }
        for line in range(shown)
    ]


def _texts(report: ScoreReport, line: int) -> dict[str, Any]:
    """Return the translations and the first reference in spans, and other references as texts.

    Blank references beside others are not shown.
    """
    references = [reference[line] for reference in report.options.references]
    first, *others = [text for text in references if not is_blank(text)] or references
    differences = [find_difference(system.hypotheses[line], first) for system in report.systems]
    return {
        "reference": _spans_to_json(
            merge_references([difference.reference for difference in differences])
        ),
        "others": others,
        "hypotheses": [_spans_to_json(difference.hypothesis) for difference in differences],
    }


def _spans_to_json(spans: Sequence[tuple[str, bool]]) -> list[list[Any]]:
    """Return spans as [text, 1 where it is the same]."""
    return [[text, int(same)] for text, same in spans]


class TextSpan(NamedTuple):
    """A stretch of a text.

    Attributes:
        text: The text.
        same: Whether the other text has it too, at its position.
    """

    text: str
    same: bool


class TextDifference(NamedTuple):
    """Two texts in spans, in turns the same and different; joined they are the texts.

    Attributes:
        hypothesis: The spans of the translation.
        reference: The spans of the reference.
    """

    hypothesis: list[TextSpan]
    reference: list[TextSpan]


def find_difference(hypothesis: str, reference: str) -> TextDifference:
    """Return both texts in spans that are the same or different; spaces alone do not differ.

    Args:
        hypothesis: The translation.
        reference: The reference.
    """
    hypothesis_text = _SplitText.from_text(hypothesis)
    reference_text = _SplitText.from_text(reference)
    matcher = SequenceMatcher(None, hypothesis_text.words, reference_text.words, autojunk=False)
    same_in_hypothesis = [False] * len(hypothesis_text.words)
    same_in_reference = [False] * len(reference_text.words)
    for block in matcher.get_matching_blocks():
        same_in_hypothesis[block.a : block.a + block.size] = [True] * block.size
        same_in_reference[block.b : block.b + block.size] = [True] * block.size
    return TextDifference(
        hypothesis_text.spans(same_in_hypothesis), reference_text.spans(same_in_reference)
    )


def merge_references(references: Sequence[Sequence[TextSpan]]) -> list[TextSpan]:
    """Return a reference in spans, which differ only where all translations differ.

    Args:
        references: The spans of the reference compared with each translation, at least one.
    """
    marks = [[span.same for span in spans for _ in span.text] for spans in references]
    text = "".join(span.text for span in references[0])
    same_in_any = [any(each) for each in zip(*marks, strict=True)]
    return _merge_spans(
        [TextSpan(character, same) for character, same in zip(text, same_in_any, strict=True)]
    )


class _SplitText(NamedTuple):
    """A text in words and spaces. `spaces[i]` is before `words[i]`; the last is at the end."""

    words: list[str]
    spaces: list[str]

    @classmethod
    def from_text(cls, text: str) -> "_SplitText":
        words: list[str] = []
        spaces = [""]
        for run in split_words_and_spaces(text):
            if run.isspace():
                spaces[-1] += run
            else:
                words.append(run)
                spaces.append("")
        return cls(words, spaces)

    def spans(self, same: Sequence[bool]) -> list[TextSpan]:
        """Return the text in spans; a space belongs to a difference when both its neighbours do."""
        parts: list[TextSpan] = []
        for index, word in enumerate(self.words):
            inside = index > 0 and not same[index - 1] and not same[index]
            parts += [TextSpan(self.spaces[index], not inside), TextSpan(word, same[index])]
        parts.append(TextSpan(self.spaces[-1], True))
        return _merge_spans([part for part in parts if part.text])


def _merge_spans(parts: list[TextSpan]) -> list[TextSpan]:
    """Return the spans with neighbours of the same kind merged."""
    spans: list[TextSpan] = []
    for part in parts:
        if spans and spans[-1].same == part.same:
            spans[-1] = TextSpan(spans[-1].text + part.text, part.same)
        else:
            spans.append(part)
    return spans
