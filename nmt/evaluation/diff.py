"""The differences of a translation and its reference, word by word."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from nmt.evaluation.words import pieces


class Span(NamedTuple):
    """A stretch of a text.

    Attributes:
        text: The text.
        same: Whether the other text has it too, at its position.
    """

    text: str
    same: bool


class Difference(NamedTuple):
    """Two texts in spans, in turns the same and different; joined they are the texts.

    Attributes:
        hypothesis: The spans of the translation.
        reference: The spans of the reference.
    """

    hypothesis: list[Span]
    reference: list[Span]


def difference(hypothesis: str, reference: str) -> Difference:
    """Return both texts in spans that are the same or different; spaces alone do not differ.

    Args:
        hypothesis: The translation.
        reference: The reference.
    """
    ours, theirs = _Words.of(hypothesis), _Words.of(reference)
    matcher = SequenceMatcher(None, ours.words, theirs.words, autojunk=False)
    in_ours, in_theirs = [False] * len(ours.words), [False] * len(theirs.words)
    for block in matcher.get_matching_blocks():
        in_ours[block.a : block.a + block.size] = [True] * block.size
        in_theirs[block.b : block.b + block.size] = [True] * block.size
    return Difference(ours.spans(in_ours), theirs.spans(in_theirs))


def missing_from_all(references: Sequence[Sequence[Span]]) -> list[Span]:
    """Return a reference in spans that differ only where all of several translations lack them.

    Args:
        references: The spans of that reference beside each translation, at least one.
    """
    marks = [[span.same for span in spans for _ in span.text] for spans in references]
    text = "".join(span.text for span in references[0])
    found = [any(each) for each in zip(*marks, strict=True)]
    return _joined([Span(character, same) for character, same in zip(text, found, strict=True)])


class _Words(NamedTuple):
    """A text in words and spaces: spaces[i] is before words[i], and the last one at the end."""

    words: list[str]
    spaces: list[str]

    @classmethod
    def of(cls, text: str) -> "_Words":
        words: list[str] = []
        spaces = [""]
        for piece in pieces(text):
            if piece.isspace():
                spaces[-1] += piece
            else:
                words.append(piece)
                spaces.append("")
        return cls(words, spaces)

    def spans(self, same: Sequence[bool]) -> list[Span]:
        """Return the text in spans; a space belongs to a difference when both its neighbours do."""
        parts: list[Span] = []
        for place, word in enumerate(self.words):
            inside = place > 0 and not same[place - 1] and not same[place]
            parts += [Span(self.spaces[place], not inside), Span(word, same[place])]
        parts.append(Span(self.spaces[-1], True))
        return _joined([part for part in parts if part.text])


def _joined(parts: list[Span]) -> list[Span]:
    """Return the spans with neighbours of the same kind merged."""
    spans: list[Span] = []
    for part in parts:
        if spans and spans[-1].same == part.same:
            spans[-1] = Span(spans[-1].text + part.text, part.same)
        else:
            spans.append(part)
    return spans
