"""Lines of a target text that a tokenizer changes: what a model can never write."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmt.text.characters import clean_input, show

_SAMPLED = 2000
_COMPARED = 200
_LONGEST_COMPARED = 400
_CHANGES_KEPT = 5
_CHANGES_TOLD = 3


class Change(NamedTuple):
    """A text that comes back as another one, and the number of lines that have it."""

    before: str
    after: str
    lines: int

    def __str__(self) -> str:
        lines = f"{self.lines:,} line{'s' * (self.lines > 1)}"
        return f"{show(self.before)} as {show(self.after)} ({lines})"


@dataclass
class RoundTrip:
    """Compares lines with what their subwords decode to.

    Attributes:
        total: The number of lines of the corpus, of which a sample is compared, evenly spread.
        lines: The lines compared so far.
        changed: The lines of these that come back changed.
        without_invisible: The lines that lack nothing but characters without meaning.
        first_changed: The number of the first line that comes back changed, None where none does.
    """

    total: int
    lines: int = 0
    changed: int = 0
    without_invisible: int = 0
    first_changed: int | None = None
    _changes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def is_sampled(self, lines: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether the lines of these numbers (from 1) are to be compared."""
        wanted, total = min(self.total, _SAMPLED), max(1, self.total)
        sampled: NDArray[np.bool_] = lines * wanted // total != (lines - 1) * wanted // total
        return sampled

    def add(self, line: int, text: str, decoded: str) -> None:
        """Compare a line, given by its number, with what its subwords decode to."""
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
        if self.changed <= _COMPARED:
            self._changes.update(set(_differences(expected, decoded)))

    @property
    def commonest(self) -> tuple[Change, ...]:
        """The commonest changes, each counted once for each line that has it."""
        ranked = sorted(self._changes.items(), key=lambda item: (-item[1], item[0]))
        return tuple(Change(*texts, count) for texts, count in ranked[:_CHANGES_KEPT])


def describe_changes(changes: Sequence[Change]) -> str:
    """Return the commonest changes in words, such as `, as , (12 lines)`."""
    return ", ".join(map(str, changes[:_CHANGES_TOLD]))


def _fold_spaces(text: str) -> str:
    """Return a text as models see its spaces: single ones, none at the ends."""
    return " ".join(filter(None, text.replace("\t", " ").split(" ")))


def _differences(before: str, after: str) -> list[tuple[str, str]]:
    begin = 0
    while begin < min(len(before), len(after)) and before[begin] == after[begin]:
        begin += 1
    before, after = (text[begin : begin + _LONGEST_COMPARED] for text in (before, after))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return [
        (before[a:b], after[c:d]) for kind, a, b, c, d in matcher.get_opcodes() if kind != "equal"
    ]
