"""Detection of target lines that a tokenizer changes, and that a model can therefore not write."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmt.text.characters import clean_input, make_visible

_SAMPLE_SIZE = 2000
_MAX_COMPARED_LINES = 200
_MAX_COMPARED_CHARACTERS = 400
_CHANGES_KEPT = 5
_CHANGES_DESCRIBED = 3


class Change(NamedTuple):
    """A replacement that encoding and decoding makes.

    Attributes:
        before: The original text.
        after: The text that takes its place.
        lines: The number of lines with this change.
    """

    before: str
    after: str
    lines: int

    def __str__(self) -> str:
        lines = f"{self.lines:,} line{'s' * (self.lines > 1)}"
        return f"{make_visible(self.before)} as {make_visible(self.after)} ({lines})"


@dataclass
class RoundTrip:
    """The counts of a comparison of lines with the decoding of their subwords.

    Attributes:
        total: The number of lines of the corpus, of which an even sample is compared.
        lines: The lines compared so far.
        changed: The compared lines that decoding changes.
        without_invisible: The lines that lose only characters without meaning.
        first_changed: The number of the first changed line, None without one.
    """

    total: int
    lines: int = 0
    changed: int = 0
    without_invisible: int = 0
    first_changed: int | None = None
    _changes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def is_sampled(self, lines: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether the lines of these numbers (from 1) are in the sample, `[n]`."""
        size, total = min(self.total, _SAMPLE_SIZE), max(1, self.total)
        sampled: NDArray[np.bool_] = lines * size // total != (lines - 1) * size // total
        return sampled

    def add(self, line: int, text: str, decoded: str) -> None:
        """Compare a line with the decoding of its subwords.

        Args:
            line: The number of the line, from 1.
            text: The line.
            decoded: The decoding of its subwords.
        """
        self.lines += 1
        if decoded == text or decoded == _fold_spaces(text):
            return
        expected = _fold_spaces(clean_input(text))
        decoded = _fold_spaces(decoded)
        if decoded == expected:
            self.without_invisible += 1
            return
        self.changed += 1
        if self.first_changed is None:
            self.first_changed = line
        if self.changed <= _MAX_COMPARED_LINES:
            self._changes.update(set(_differences(expected, decoded)))

    @property
    def most_common_changes(self) -> tuple[Change, ...]:
        """The commonest changes, each counted once for each line that has it."""
        ranked = sorted(self._changes.items(), key=lambda item: (-item[1], item[0]))
        return tuple(Change(*texts, count) for texts, count in ranked[:_CHANGES_KEPT])


def describe_changes(changes: Sequence[Change]) -> str:
    """Return a description of the commonest changes, such as `, as , (12 lines)`."""
    return ", ".join(map(str, changes[:_CHANGES_DESCRIBED]))


def _fold_spaces(text: str) -> str:
    """Return a text with single spaces, and none at the ends, as models see it."""
    return " ".join(filter(None, text.replace("\t", " ").split(" ")))


def _differences(before: str, after: str) -> list[tuple[str, str]]:
    begin = 0
    while begin < min(len(before), len(after)) and before[begin] == after[begin]:
        begin += 1
    before, after = (text[begin : begin + _MAX_COMPARED_CHARACTERS] for text in (before, after))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return [
        (before[a:b], after[c:d]) for kind, a, b, c, d in matcher.get_opcodes() if kind != "equal"
    ]
