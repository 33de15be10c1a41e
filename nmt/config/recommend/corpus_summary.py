"""The statistics of a corpus from which a configuration is recommended."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SideSummary:
    """Statistics of one side of the training text.

    Attributes:
        words: The number of words. Text without spaces is counted by its characters.
        frequent_words: The number of distinct frequent words in the lines that were examined
            closely.
        characters: The number of distinct characters in the lines that were examined closely.
        scripts: Shares of the letters by script.
        unspaced: Whether most of the text is in scripts without spaces between words.
        word_length: The mean length of a word in characters; 0 where it is not known.
        folded: The most frequent characters that SentencePiece normalization would change, such as
            full-width commas.
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
        """The script of most letters; None without letters."""
        return max(self.scripts, key=lambda script: self.scripts[script], default=None)


@dataclass(frozen=True)
class CorpusSummary:
    """Statistics of a parallel corpus.

    Attributes:
        pairs: The number of pairs.
        source: Statistics of the source.
        target: Statistics of the target.
        long_words: The 99th percentile of the longer side's number of words.
        blank: The number of pairs with a blank side.
        repeated: The share of pairs that occur earlier in the corpus.
        identical: The share of pairs with the same text on both sides.
        dev_pairs: The number of dev pairs; None without dev.
        bleu_counts_words: Whether BLEU has a tokenizer for the words of the target language. True
            where this is unknown.
        faults: The share of the pairs that a filter would drop, by its key of `data`.
        findings: Messages about possible errors in the texts.
    """

    pairs: int
    source: SideSummary
    target: SideSummary
    long_words: int
    blank: int = 0
    repeated: float = 0.0
    identical: float = 0.0
    dev_pairs: int | None = None
    bleu_counts_words: bool = True
    faults: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[str, ...] = ()

    @property
    def words(self) -> int:
        """The mean number of words of both sides."""
        return (self.source.words + self.target.words) // 2

    @property
    def size(self) -> str:
        """The size of the corpus: small, medium or large."""
        if self.pairs < SMALL_BELOW:
            return "small"
        return "medium" if self.pairs < MEDIUM_BELOW else "large"

    @property
    def shared_script(self) -> str | None:
        """The script that most of both sides is in; None where they are in different ones."""
        for script, share in self.source.scripts.items():
            if share >= _MAIN_SHARE and self.target.scripts.get(script, 0.0) >= _MAIN_SHARE:
                return script
        return None


SMALL_BELOW = 100_000
MEDIUM_BELOW = 2_000_000
"""The numbers of pairs from which a corpus is medium, and large."""

_MAIN_SHARE = 0.5
