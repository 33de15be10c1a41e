"""N-best lists in Moses' form: `index ||| text ||| features ||| score`, index counted from 0."""

import re
from dataclasses import dataclass

from nmt.errors import DataError

_BETWEEN = "|||"
_INDEX = re.compile("[0-9]{1,18}")


@dataclass(frozen=True)
class NBestEntry:
    """One translation of an n-best list. source: which source line, from 0; text: the translation;
    rest: the fields after it, features and score or less.
    """

    source: int
    text: str
    rest: tuple[str, ...]

    def with_feature(self, name: str, value: float) -> str:
        """The line with one more feature, after the others; where there are no features, they get
        their field, before the score.
        """
        feature = f"{name}= {value:.4f}"
        rest = list(self.rest)
        if len(rest) > 1 or (rest and "=" in rest[0]):
            rest[0] = f"{rest[0]} {feature}"
        else:
            rest.insert(0, feature)
        return f" {_BETWEEN} ".join([str(self.source), self.text, *rest])


def parse_entry(line: str, name: str, number: int) -> NBestEntry:
    """Read line `number` (from 1) of the n-best list `name`. Raises DataError."""
    index, *fields = map(str.strip, line.split(_BETWEEN))
    if not fields or _INDEX.fullmatch(index) is None:
        raise DataError(
            f"{name}: line {number}: is no line of an n-best list. Expected `index ||| text`, "
            "features and score after it as they come, index 0 for the first source line."
        )
    return NBestEntry(int(index), fields[0], tuple(fields[1:]))
