"""The writing systems of texts, by which a text for another model is recognised."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from nmt.text.characters import name_script

_NAMES = {"Cjk": "Han", "Ideographic": "Han", "Hiragana": "Kana", "Katakana": "Kana"}
_MIN_SHARE = 0.01
_MIN_LETTERS = 5


@dataclass(frozen=True)
class Scripts:
    """The share of each script among the letters of a text.

    Attributes:
        shares: The shares by the name of the script: Latin, Cyrillic, Han, Kana and so on.
    """

    shares: Mapping[str, float]

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> "Scripts":
        """Return the scripts of some lines of text."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(count_scripts(text))
        total = counts.total()
        return cls({script: count / total for script, count in counts.most_common()})

    def foreign_script(self, text: str) -> str | None:
        """Return the main script of a text that is mostly in other scripts than these, else None.

        A few words in another script do not count, and neither does a text with hardly any letters.
        """
        letters = count_scripts(text)
        foreign = Counter(
            {
                script: n
                for script, n in letters.items()
                if self.shares.get(script, 0.0) < _MIN_SHARE
            }
        )
        if not self.shares or 2 * foreign.total() <= max(letters.total(), _MIN_LETTERS):
            return None
        return foreign.most_common(1)[0][0]

    @property
    def main(self) -> list[str]:
        """The scripts of more than a stray letter, the most frequent first."""
        return [script for script, share in self.shares.items() if share >= _MIN_SHARE]


def count_scripts(text: str) -> Counter[str]:
    """Return the number of letters of each script. Signs, digits and spaces do not count."""
    counts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        script = _script(character)
        if script is not None:
            counts[script] += count
    return counts


def script_share(counts: Counter[str], script: str) -> float:
    """Return the share of one script among the letters counted, 1 without letters.

    Args:
        counts: The number of letters of each script.
        script: The name of the script.
    """
    total = counts.total()
    return counts[script] / total if total else 1.0


class LetterCounter:
    """A counter of the letters in some scripts.

    Args:
        scripts: The names of the scripts.
    """

    def __init__(self, scripts: Iterable[str]) -> None:
        self._table = _ScriptTable(scripts)

    def share(self, text: str) -> float:
        """Return the share of the letters of a text that are in the scripts, 1 without letters."""
        letters = text.translate(self._table)
        return letters.count("+") / len(letters) if letters else 1.0


class _ScriptTable(dict[int, str | None]):
    """A table for `str.translate`: `+` for letters in some scripts, `-` for other letters."""

    def __init__(self, scripts: Iterable[str]) -> None:
        super().__init__()
        self._scripts = frozenset(scripts)

    def __missing__(self, code: int) -> str | None:
        script = _script(chr(code))
        self[code] = None if script is None else "+" if script in self._scripts else "-"
        return self[code]


@lru_cache(1 << 14)
def _script(character: str) -> str | None:
    """Return the name of a letter's script, None for other characters."""
    if not character.isalpha():
        return None
    first = name_script(character).capitalize()
    return _NAMES.get(first, first)
