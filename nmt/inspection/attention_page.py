"""Attention as an HTML report with heat maps, and drawn in a notebook."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.inspection.attention_data import (
    InspectedTranslation,
    ModelOutput,
    Sentence,
    mean_entropy,
    source_record,
    target_record,
    tree_record,
)
from nmt.pages.page import Page, escape_html, render
from nmt.runtime.atomic_files import write_text
from nmt.tokenizers.words import SegmentedText
from nmt.translation.translation import Translation

_DECIMALS = 3
_STYLES = ("attention.css", "search_tree.css", "attention_page.css")
_SCRIPTS = ("attention.js", "search_tree.js", "differences.js", "attention_page.js")
_BODY = """<div id="attention"></div>
<noscript><p>This page needs JavaScript. Enable it in the browser.</p></noscript>"""


def attention_page(
    sentences: Sequence[Sentence],
    models: Sequence[str],
    *,
    title: str = "Attention",
    about: str = "",
    subwords: bool = False,
    numbers: bool = False,
) -> str:
    """Return the report as a self-contained HTML document.

    Args:
        sentences: The sentences, each with the output of every model.
        models: The name of each model, in the order of a sentence's outputs.
        title: The title of the report.
        about: A line below the title.
        subwords: Whether the report shows subwords first, rather than words.
        numbers: Whether the heat maps show hundredths first.
    """
    data = {
        "models": list(models),
        "subwords": subwords,
        "numbers": numbers,
        "sentences": [_sentence_record(sentence) for sentence in sentences],
    }
    return render(
        Page(title, _BODY, data=data, styles=_STYLES, scripts=_SCRIPTS, about=about),
    )


def _sentence_record(sentence: Sentence) -> dict[str, Any]:
    return {
        "number": sentence.number,
        "text": sentence.text.strip(),
        "reference": sentence.reference,
        "readings": [_output_record(output) for output in sentence.outputs],
    }


def _output_record(output: ModelOutput) -> dict[str, Any]:
    """Return the data of a model's output: its source once, and each of its translations."""
    best = output.best
    trees = {} if best.tree is None else {"tree": tree_record(best.tree)}
    return {
        **source_record(best),
        "entropy": 0.0 if best.attention is None else _rounded(mean_entropy(best.attention)),
        "pieces": best.pieces,
        "looks": [_translation_record(inspected) for inspected in output.translations],
        **trees,
    }


def _translation_record(inspected: InspectedTranslation) -> dict[str, Any]:
    translation = inspected.translation
    return {
        "kind": inspected.kind,
        "text": translation.text,
        "score": _rounded(translation.score),
        "log_probability": _rounded(translation.log_probability),
        "finished": translation.finished,
        **target_record(translation, inspected.views),
    }


def _rounded(value: float) -> float:
    return round(value, _DECIMALS)


_HEIGHT = 720


@dataclass(frozen=True)
class AttentionReport:
    """An HTML report, which a notebook shows in a frame.

    Attributes:
        html: The whole document.
    """

    html: str

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape_html(self.html)}" sandbox="allow-scripts" title="Attention" '
            f'style="width: 100%; height: {_HEIGHT}px; border: 0"></iframe>'
        )

    def save(self, path: str | Path) -> None:
        """Write the report to a file.

        Raises:
            ResourceError: The file cannot be written.
        """
        write_text(Path(path), self.html)


def draw_attention(translations: Translation | Sequence[Translation]) -> AttentionReport:
    """Return the report of `nmt attention --html` for one translation or more.

    It includes their alternatives, and the search where they were made with `tree=True`.
    """
    if isinstance(translations, Translation):
        translations = [translations]
    sentences = [
        Sentence(number, _source_text(translation), (ModelOutput.from_translation(translation),))
        for number, translation in enumerate(translations, start=1)
    ]
    return AttentionReport(attention_page(sentences, [""]))


def _source_text(translation: Translation) -> str:
    """Return the source text of a translation, joined from subwords where the text is not kept."""
    source = translation.segmented_source
    return (
        SegmentedText.from_pieces(translation.source_tokens, translation.source_tags)
        if source is None
        else source
    ).strip()
