"""The script that a text is written in: Latin, Cyrillic, Han and so on."""

import unicodedata
from collections import Counter
from functools import lru_cache

_NAMES = {"CJK": "HAN", "HIRAGANA": "KANA", "KATAKANA": "KANA"}


def scripts_of(text: str) -> Counter[str]:
    """How many letters of a text are of which script, by the script's name in Unicode; signs,
    digits and blanks do not count.
    """
    letters = ((_script(character), count) for character, count in Counter(text).items())
    counts: Counter[str] = Counter()
    for script, count in letters:
        if script is not None:
            counts[script] += count
    return counts


def share(counts: Counter[str], script: str) -> float:
    """Of the letters counted, that of one script; 1 where there are none."""
    total = counts.total()
    return counts[script] / total if total else 1.0


@lru_cache(maxsize=1 << 14)
def _script(character: str) -> str | None:
    if not character.isalpha():
        return None
    first = unicodedata.name(character, "UNKNOWN").split()[0].split("-")[0]
    return _NAMES.get(first, first)
