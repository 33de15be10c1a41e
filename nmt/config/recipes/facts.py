"""What the recipes know of a corpus."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class SideFacts:
    """One side of train.

    words: in all lines; what is written without spaces is counted by its characters;
    frequent_words, characters: different words that are frequent, and different characters, of the
    lines looked at closely; scripts: shares of the letters, by the script's name; unspaced: whether
    most of the text is in scripts that put no spaces between words; word_length: characters of a
    word, the mean, 0 where unknown; folded: the most frequent characters that SentencePiece's rules
    would write in another form, such as full-width commas.
    """

    words: int
    frequent_words: int
    characters: int
    scripts: Mapping[str, float]
    unspaced: bool = False
    word_length: float = 0.0
    folded: tuple[str, ...] = ()

    @property
    def main_script(self) -> str | None:
        """The script that most letters are of, None where there are no letters."""
        return max(self.scripts, key=lambda script: self.scripts[script], default=None)


@dataclass(frozen=True)
class CorpusFacts:
    """A parallel corpus.

    blank: pairs with a blank side; long_words: words of the longer side that 99 pairs in 100 do not
    exceed; repeated, identical: shares of the pairs that occur before, and that have one text on
    both sides; dev_pairs: None without dev; bleu_of_words: whether BLEU has a tokenizer that finds
    the words of the target language, as far as it is known; findings: what may be wrong with the
    texts, each a message.
    """

    pairs: int
    source: SideFacts
    target: SideFacts
    long_words: int
    blank: int = 0
    repeated: float = 0.0
    identical: float = 0.0
    dev_pairs: int | None = None
    bleu_of_words: bool = True
    findings: tuple[str, ...] = ()

    @property
    def words(self) -> int:
        """Words of a side, the mean of both."""
        return (self.source.words + self.target.words) // 2

    @property
    def size(self) -> str:
        """small, medium or large."""
        if self.pairs < SMALL_BELOW:
            return "small"
        return "medium" if self.pairs < MEDIUM_BELOW else "large"

    @property
    def shared_script(self) -> str | None:
        """The script that both sides are mostly in; None where they are in different ones."""
        for script, share in self.source.scripts.items():
            if share >= _MOSTLY and self.target.scripts.get(script, 0.0) >= _MOSTLY:
                return script
        return None


SMALL_BELOW = 100_000
MEDIUM_BELOW = 2_000_000
"""Pairs from which on a corpus is medium, and large."""

_MOSTLY = 0.5
