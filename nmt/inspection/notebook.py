"""Attention in a notebook."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nmt.inspection.attention_page import attention_page
from nmt.inspection.readings import Reading, Sentence
from nmt.pages.page import escaped
from nmt.runtime.files import write_text
from nmt.search.translation import Translation
from nmt.tokenizers.words import SegmentedText

_HEIGHT = 720


@dataclass(frozen=True)
class Drawing:
    """An HTML report, which a notebook shows in a frame.

    Attributes:
        html: The whole document.
    """

    html: str

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escaped(self.html)}" sandbox="allow-scripts" title="Attention" '
            f'style="width: 100%; height: {_HEIGHT}px; border: 0"></iframe>'
        )

    def save(self, path: str | Path) -> None:
        """Write the report to a file.

        Raises:
            ResourceError: The file cannot be written.
        """
        write_text(Path(path), self.html)


def draw_attention(translations: Translation | Sequence[Translation]) -> Drawing:
    """Return the report of `nmt attention --html` for one translation or more.

    It includes their alternatives, and the search where they were made with `tree=True`.
    """
    if isinstance(translations, Translation):
        translations = [translations]
    sentences = [
        Sentence(number, _source_text(translation), (Reading.of(translation),))
        for number, translation in enumerate(translations, start=1)
    ]
    return Drawing(attention_page(sentences, [""]))


def _source_text(translation: Translation) -> str:
    """Return the source text of a translation, joined from subwords where the text is not kept."""
    source = translation.segmented_source
    return (
        SegmentedText.of_pieces(translation.source_tokens) if source is None else source
    ).strip()
