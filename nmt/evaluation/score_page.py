"""The HTML report on scores, with every sentence and its differences from the reference."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from nmt.evaluation.breakdown import pieces
from nmt.evaluation.metrics import metric
from nmt.evaluation.score_report import Measure, ScoreReport, buckets_record
from nmt.evaluation.scores import is_blank
from nmt.evaluation.significance import SIGNIFICANT, Standing
from nmt.pages.page import Page, escape_html

MOST_SENTENCES = 5000
"""The number of sentences above which a browser is slow with the report."""

_METHODS = {
    "bootstrap": "paired bootstrap resampling",
    "randomization": "paired approximate randomisation",
}


def score_page(found: ScoreReport) -> Page:
    """Return the HTML report, with at most the first `MOST_SENTENCES` sentences."""
    lines = len(found.systems[0].hypotheses)
    names = ", ".join(system.name for system in found.systems)
    shown = min(lines, MOST_SENTENCES)
    return Page(
        title=f"Scores of {names}",
        about=f"{lines:,} lines" + (f", of which the first {shown:,} are shown" * (shown < lines)),
        body="\n".join([_scores(found), _PARTS, _SENTENCES]),
        data=_data(found, shown),
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


def _scores(found: ScoreReport) -> str:
    head = "".join(
        f'<th class="number">{escape_html(m.comparison.metric)}</th>' for m in found.measures
    )
    rows = "\n".join(_row(found, place) for place in range(len(found.systems)))
    signatures = "".join(
        f"<dt>{escape_html(m.comparison.metric)}</dt><dd><code>{escape_html(m.comparison.signature)}</code></dd>"
        for m in found.measures
    )
    return f"""<section aria-label="Scores" class="card">
<div class="wide"><table class="scores">
<thead><tr><th>system</th>{head}<th class="number">length ratio</th></tr></thead>
<tbody>
{rows}
</tbody></table></div>
<p class="muted">{escape_html(_explained(found))}</p>
<details><summary>Signatures</summary><dl class="signatures">{signatures}</dl></details>
</section>"""


def _explained(found: ScoreReport) -> str:
    told = "Below a score: the interval that holds 95% of the scores of resampled texts"
    if len(found.systems) == 1:
        return told + "."
    method = _METHODS[found.question.method]
    return (
        f"{told}; the difference to {found.systems[0].name} and p, how likely chance alone gives "
        f"one as large ({method}). Coloured where p is below {SIGNIFICANT}."
    )


def _row(found: ScoreReport, place: int) -> str:
    cells = "".join(_cell(measure, place) for measure in found.measures)
    ratio = found.ratios[place]
    name = escape_html(found.systems[place].name)
    key = f'<span class="key" style="--colour: var(--series-{place % 6 + 1})"></span>'
    return (
        f'<tr><th scope="row"><span>{key}<bdi>{name}</bdi></span></th>{cells}'
        f'<td class="number">{"–" if ratio is None else f"{ratio:.3f}"}</td></tr>'
    )


def _cell(measure: Measure, place: int) -> str:
    standing = measure.standings[place]
    low, high = standing.interval
    return (
        f'<td class="number"><strong>{standing.score:.2f}</strong>'
        f"<small>{low:.2f} – {high:.2f}</small>{_difference(measure, standing)}</td>"
    )


def _difference(measure: Measure, standing: Standing) -> str:
    if standing.p is None:
        return "<small>baseline</small>" if len(measure.standings) > 1 else ""
    if standing.identical:
        return "<small>identical, p = 1</small>"
    gain = standing.score - measure.comparison.baseline.score
    better = (gain > 0) == metric(measure.metric).higher_is_better
    colour = ("good" if better else "bad") if standing.p < SIGNIFICANT else "same"
    sign = "−" if gain < 0 else "+"
    return f'<small class="{colour}">{sign}{abs(gain):.2f}, p = {standing.p:.3f}</small>'


def _data(found: ScoreReport, shown: int) -> dict[str, Any]:
    return {
        "systems": [system.name for system in found.systems],
        "metrics": [
            {
                "key": measure.metric,
                "name": measure.comparison.metric,
                "less": not metric(measure.metric).higher_is_better,
            }
            for measure in found.measures
        ],
        "lengthOf": found.measured_by,
        "buckets": buckets_record(found),
        "sentences": _sentences(found, shown),
    }


def _sentences(found: ScoreReport, shown: int) -> list[dict[str, Any]]:
    scores = [[each.sentences() for each in measure.statistics] for measure in found.measures]
    sources = found.question.sources
    return [
        {
            "line": line + 1,
            "source": None if sources is None else sources[line],
            **_texts(found, line),
            "scores": [
                [round(of_metric[place][line], 2) for of_metric in scores]
                for place in range(len(found.systems))
            ],
        }
        for line in range(shown)
    ]


def _texts(found: ScoreReport, line: int) -> dict[str, Any]:
    """Return the translations and the first reference in spans, and other references as they are.

    Blank references beside others are not shown.
    """
    references = [reference[line] for reference in found.question.references]
    first, *others = [each for each in references if not is_blank(each)] or references
    apart = [difference(system.hypotheses[line], first) for system in found.systems]
    return {
        "reference": _plain(missing_from_all([each.reference for each in apart])),
        "others": others,
        "hypotheses": [_plain(each.hypothesis) for each in apart],
    }


def _plain(spans: Sequence[tuple[str, bool]]) -> list[list[Any]]:
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


def difference(hypothesis: str, reference: str) -> TextDifference:
    """Return both texts in spans that are the same or different; spaces alone do not differ.

    Args:
        hypothesis: The translation.
        reference: The reference.
    """
    ours, theirs = _SplitText.of(hypothesis), _SplitText.of(reference)
    matcher = SequenceMatcher(None, ours.words, theirs.words, autojunk=False)
    in_ours, in_theirs = [False] * len(ours.words), [False] * len(theirs.words)
    for block in matcher.get_matching_blocks():
        in_ours[block.a : block.a + block.size] = [True] * block.size
        in_theirs[block.b : block.b + block.size] = [True] * block.size
    return TextDifference(ours.spans(in_ours), theirs.spans(in_theirs))


def missing_from_all(references: Sequence[Sequence[TextSpan]]) -> list[TextSpan]:
    """Return a reference in spans that differ only where all of several translations lack them.

    Args:
        references: The spans of that reference beside each translation, at least one.
    """
    marks = [[span.same for span in spans for _ in span.text] for spans in references]
    text = "".join(span.text for span in references[0])
    found = [any(each) for each in zip(*marks, strict=True)]
    return _joined([TextSpan(character, same) for character, same in zip(text, found, strict=True)])


class _SplitText(NamedTuple):
    """A text in words and spaces: spaces[i] is before words[i], and the last one at the end."""

    words: list[str]
    spaces: list[str]

    @classmethod
    def of(cls, text: str) -> "_SplitText":
        words: list[str] = []
        spaces = [""]
        for piece in pieces(text):
            if piece.isspace():
                spaces[-1] += piece
            else:
                words.append(piece)
                spaces.append("")
        return cls(words, spaces)

    def spans(self, same: Sequence[bool]) -> list[TextSpan]:
        """Return the text in spans; a space belongs to a difference when both its neighbours do."""
        parts: list[TextSpan] = []
        for place, word in enumerate(self.words):
            inside = place > 0 and not same[place - 1] and not same[place]
            parts += [TextSpan(self.spaces[place], not inside), TextSpan(word, same[place])]
        parts.append(TextSpan(self.spaces[-1], True))
        return _joined([part for part in parts if part.text])


def _joined(parts: list[TextSpan]) -> list[TextSpan]:
    """Return the spans with neighbours of the same kind merged."""
    spans: list[TextSpan] = []
    for part in parts:
        if spans and spans[-1].same == part.same:
            spans[-1] = TextSpan(spans[-1].text + part.text, part.same)
        else:
            spans.append(part)
    return spans
