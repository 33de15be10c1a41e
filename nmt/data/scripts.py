"""Which writing systems a text is in: what tells that a text was given to the wrong model."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nmt.data.corpus import Corpus
from nmt.text.characters import name_script
from nmt.tokenizers.sentencepiece import Tokenizer

_NAMES = {"Cjk": "Han", "Ideographic": "Han", "Hiragana": "Kana", "Katakana": "Kana"}
_SAMPLED_PAIRS = 2000
_AT_HOME = 0.01
_FEWEST_LETTERS = 5


@dataclass(frozen=True)
class Scripts:
    """The shares of the letters of a text that are of each script, by its name: Latin, Cyrillic,
    Han, Kana and so on.
    """

    shares: Mapping[str, float]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Scripts":
        """Those of some lines of text."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(scripts_of(text))
        total = counts.total()
        return cls({script: count / total for script, count in counts.most_common()})

    def foreign(self, text: str) -> str | None:
        """The script that most letters of a text are of, where this is a text that should be in
        these scripts and most letters are not; else None. A word or two in another script, or a
        text of next to no letters, is nothing to speak of.
        """
        letters = scripts_of(text)
        strange = Counter(
            {script: n for script, n in letters.items() if self.shares.get(script, 0.0) < _AT_HOME}
        )
        if not self.shares or 2 * strange.total() <= max(letters.total(), _FEWEST_LETTERS):
            return None
        return strange.most_common(1)[0][0]

    @property
    def main(self) -> list[str]:
        """The scripts of more than a stray letter, the most frequent first."""
        return [script for script, share in self.shares.items() if share >= _AT_HOME]


def source_scripts(corpus: Corpus, tokenizer: Tokenizer) -> Scripts:
    """The scripts of a corpus' sources, by some thousand of them from all over it."""
    count = min(len(corpus), _SAMPLED_PAIRS)
    pairs = np.linspace(0, len(corpus) - 1, count).astype(int).tolist()
    return Scripts.of(tokenizer.decode(corpus.source(pair).tolist()) for pair in pairs)


def scripts_of(text: str) -> Counter[str]:
    """How many letters of a text are of which script; signs, digits and blanks do not count."""
    counts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        script = _script(character)
        if script is not None:
            counts[script] += count
    return counts


def share(counts: Counter[str], script: str) -> float:
    """Of the letters counted, that of one script; 1 where there are none."""
    total = counts.total()
    return counts[script] / total if total else 1.0


@lru_cache(1 << 14)
def _script(character: str) -> str | None:
    """Return the name of a letter's script; None of other characters."""
    if not character.isalpha():
        return None
    first = name_script(character).capitalize()
    return _NAMES.get(first, first)
