"""N-best lists in Moses' form: `index ||| text ||| features ||| score`, index counted from 0.

Between text and features there may be a word alignment, as `nmt translate --alignment` writes it,
or after the score, as Moses does.
"""

import re
from dataclasses import dataclass

from nmt.errors import DataError

_BETWEEN = "|||"
_INDEX = re.compile("[0-9]{1,18}")
_NUMBER = r"[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|inf|nan)"
_FEATURE = rf"(?:\S+=(?:{_NUMBER})?|{_NUMBER})"
_SCORE = re.compile(_NUMBER, re.ASCII)
_FEATURES = re.compile(rf"(?:{_FEATURE}(?:\s+{_FEATURE})*)?", re.ASCII)
_ALIGNMENT = re.compile(r"(?:\d+-\d+(?:\s+\d+-\d+)*)?", re.ASCII)


@dataclass(frozen=True)
class NBestEntry:
    """One translation of an n-best list. source: which source line, from 0; text: the translation;
    alignment, features: the fields after it, which may be empty, None where there are none; rest:
    score and what follows it.
    """

    source: int
    text: str
    alignment: str | None
    features: str | None
    rest: tuple[str, ...]

    def with_feature(self, name: str, value: float) -> str:
        """The line with one more feature, after the others; where there are no features, they get
        their field, before the score.
        """
        features = f"{self.features or ''} {name}= {value:.4f}".lstrip()
        alignment = [] if self.alignment is None else [self.alignment]
        fields = [str(self.source), self.text, *alignment, features, *self.rest]
        return f" {_BETWEEN} ".join(fields)


def parse_entry(line: str, name: str, number: int) -> NBestEntry:
    """Read line `number` (from 1) of the n-best list `name`. Raises DataError.

    A text may have ` ||| ` in itself: the fields after it are told by what they look like, from the
    last one on.
    """
    index, *fields = line.split(_BETWEEN)
    if not fields or _INDEX.fullmatch(index.strip()) is None:
        raise DataError(
            f"{name}: line {number}: is no line of an n-best list. Expected `index ||| text`, "
            "features and score after it as they come, index 0 for the first source line."
        )
    rest = _taken_score(fields)
    features = _taken(fields, _FEATURES)
    alignment = _taken(fields, _ALIGNMENT)
    text = _BETWEEN.join(fields).strip()
    return NBestEntry(int(index), text, alignment, features, rest)


def _taken_score(fields: list[str]) -> tuple[str, ...]:
    """Take score and alignment after it, where they are there, from the end of a line's fields."""
    alignment_after = len(fields) > 2 and _is(_ALIGNMENT, fields[-1]) and _is(_SCORE, fields[-2])
    after = [fields.pop().strip()] if alignment_after else []
    score = _taken(fields, _SCORE)
    return tuple(after if score is None else [score, *after])


def _taken(fields: list[str], kind: re.Pattern[str]) -> str | None:
    """Take the last field, if it is of this kind and not the only one, which is the text."""
    if len(fields) > 1 and _is(kind, fields[-1]):
        return fields.pop().strip()
    return None


def _is(kind: re.Pattern[str], field: str) -> bool:
    return kind.fullmatch(field.strip()) is not None
