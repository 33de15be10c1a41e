"""N-best lists in Moses' form: `index ||| text ||| features ||| score`, index counted from 0.

A word alignment may stand before the features, as `nmt translate --alignment` and Marian write it,
or after the score, as Moses does. The fields are identified from both ends of a line. A text may
therefore contain `|||`, as long as its end is certain:

- In our own lines, whose features begin with `logprob=` and `length=`, the text is all that stands
  before them and before the alignment. Where there is no alignment and the text itself ends like
  one, an empty one is written after it (`text_fields`).
- In other lines a text may contain `|||` where named features and the score stand after it, and no
  alignment before them; and `a|||b` without spaces. All else with `|||` is an error.
"""

import re
from dataclasses import dataclass

from nmt.errors import DataError

SEPARATOR = " ||| "
"""The separator between the fields of a line. A field without text is two spaces wide."""

_BAR = "|||"
_INDEX = re.compile(r"[ \t]*([0-9]{1,18})([ \t]*)\|\|\|( ?)")
_NUMBER = r"[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|inf|nan)"
_FEATURE = rf"(?:\S+=(?:{_NUMBER})?|{_NUMBER})"
_SCORE = re.compile(_NUMBER, re.ASCII)
_FEATURES = re.compile(rf"(?:{_FEATURE}(?:[ \t]+{_FEATURE})*)?", re.ASCII)
_NMT_FEATURES = re.compile(rf"logprob= {_NUMBER} length= \d+(?: .*)?", re.ASCII)
_ALIGNMENT = re.compile(r"(?:\d+-\d+(?:[ \t]+\d+-\d+)*)?", re.ASCII)
_LOOSE_BAR = re.compile(r"(?<![^ \t])\|\|\||\|\|\|(?![^ \t])")
_SPACES = " \t"


@dataclass(frozen=True)
class NBestEntry:
    """One translation of an n-best list.

    Attributes:
        source: The number of the source line, from 0.
        text: The translation.
        alignment: The word alignment, which may be empty; None where there is none.
        features: The features, which may be empty; None where there are none.
        rest: The score and the fields after it.
    """

    source: int
    text: str
    alignment: str | None
    features: str | None
    rest: tuple[str, ...]

    def with_feature(self, name: str, value: float) -> str:
        """Return the line with one more feature after the others.

        A line without features gets their field before the score.

        Args:
            name: The name of the feature.
            value: Its value.
        """
        features = f"{self.features or ''} {name}= {value:.4f}".lstrip()
        alignment = [] if self.alignment is None else [self.alignment]
        fields = [str(self.source), self.text, *alignment, features, *self.rest]
        return SEPARATOR.join(fields)


def text_fields(text: str, alignment: str | None = None) -> list[str]:
    """Return the fields of a text and its alignment, so that our line can be parsed.

    Args:
        text: The translation.
        alignment: Its word alignment, which may be empty; None where none is written.
    """
    if alignment is not None:
        return [text, alignment]
    _, bar, last = text.rpartition(SEPARATOR)
    return [text, ""] if bar and _matches(_ALIGNMENT, last) else [text]


def parse_entry(line: str, name: str, number: int) -> NBestEntry:
    """Return the entry in a line of an n-best list.

    Args:
        line: The line.
        name: The name of the list, for the error.
        number: The number of the line, from 1.

    Raises:
        DataError: It is no such line, or the end of its text is not certain.
    """
    match = _INDEX.match(line)
    if match is None:
        raise DataError(
            f"{name}: line {number}: is not a line of an n-best list. Expected `index ||| text`, "
            "optionally with features and a score. Index 0 is the first source line."
        )
    spaced = bool(match[2] and match[3])
    fields = _Fields(line[match.end() :], SEPARATOR if spaced else _BAR)
    rest = fields.pop_score()
    features = fields.pop(_FEATURES)
    is_ours = features is not None and len(rest) == 1 and _matches(_NMT_FEATURES, features)
    alignment = fields.pop(_ALIGNMENT)
    is_complete = features is not None and "=" in features and bool(rest) and alignment is None
    has_bars = _LOOSE_BAR.search(fields.remaining) if spaced else _BAR in fields.remaining
    if has_bars and not is_ours and not is_complete:
        raise DataError(
            f"{name}: line {number}: the end of its text is ambiguous: the text has {_BAR!r}, or "
            "unknown fields follow it.\n"
            "Expected `index ||| text ||| features ||| score`, each feature with a name. Replace "
            "the bars in the text, or remove the other fields."
        )
    return NBestEntry(int(match[1]), fields.remaining.strip(_SPACES), alignment, features, rest)


class _Fields:
    """The fields of a line after its index, which are removed from the end.

    Attributes:
        remaining: The fields that are not removed yet. In the end it is the text.
    """

    def __init__(self, line: str, separator: str) -> None:
        self.remaining = line
        self._separator = separator

    def pop_score(self) -> tuple[str, ...]:
        """Remove the score and an alignment after it, where they exist."""
        before = self.remaining
        after = self.pop(_ALIGNMENT)
        score = self.pop(_SCORE)
        if after is None or score is not None:
            return tuple(field for field in (score, after) if field is not None)
        self.remaining = before  # the alignment is before missing features, or part of the text
        return ()

    def pop(self, kind: re.Pattern[str]) -> str | None:
        """Remove the last field, if it is of this kind and not the only one, which is the text."""
        remaining, separator, last = self.remaining.rpartition(self._separator)
        if not separator or not _matches(kind, last):
            return None
        self.remaining = remaining
        return last.strip(_SPACES)


def _matches(kind: re.Pattern[str], field: str) -> bool:
    return kind.fullmatch(field.strip(_SPACES)) is not None
