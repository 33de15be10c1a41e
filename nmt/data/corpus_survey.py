"""The survey of a corpus, which counts words, letters and repetitions while reading it once."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from nmt.config.recommend.corpus_summary import CorpusSummary, SideSummary
from nmt.config.settings import CorpusSettings
from nmt.console import progress
from nmt.data.binarize import warn_of_equal_files
from nmt.data.hashing import pair_key
from nmt.data.input_files import count_pairs, describe_inputs, list_files
from nmt.data.pair_files import read_corpus_pairs
from nmt.data.text_filters import MIN_CORPUS_SHARE, PAIR_FAULTS, letters_key
from nmt.data.text_findings import profile_corpora, text_findings
from nmt.errors import DataError
from nmt.text.characters import JOINERS, is_folded
from nmt.text.lines import BadUtf8, LinePair
from nmt.text.profile import CorpusProfile, count_words, split_at_spaces
from nmt.text.scripts import count_scripts

_SAMPLED_PAIRS = 200_000
"""The number of pairs, evenly spread, whose words and letters are counted individually."""

_MAX_CHARACTERS = 1000
"""The number of characters counted in each of these lines. Both limits bound the memory."""

_MIN_FREQUENCY = 5
_FOLDED_NAMED = 3
_MAX_LENGTH = 2000

_MAX_HASHES = 100_000


def summarize_corpus(
    train: Sequence[CorpusSettings],
    dev: Sequence[CorpusSettings] | None,
    on_bad_utf8: BadUtf8 = "error",
) -> CorpusSummary:
    """Return the summary of a corpus on which `nmt init` bases its choices.

    Every line is read.

    Args:
        train: The corpora of train.
        dev: The corpora of dev, or None.
        on_bad_utf8: See `read_lines`.

    Raises:
        DataError: A file is missing, empty or damaged, or the sides of a corpus differ in their
            number of lines. Or no pair has text on both sides. Or a line is not UTF-8, and
            `on_bad_utf8` is `error`.
    """
    inputs = describe_inputs({"train": train, "dev": dev}, None)
    warn_of_equal_files(inputs)
    lines = count_pairs(inputs, "train")
    counts = _CorpusCounts(lines)
    with progress("reading", lines, "pairs") as bar:
        for pair in read_corpus_pairs(train, on_bad_utf8):
            counts.add(pair)
            bar.advance()
    if not counts.pairs:
        raise DataError(
            "train has no pair with text on both sides. Check that these are the right files."
        )
    profiles = {"train": counts.profile}
    dev_pairs = None
    if dev is not None:
        dev_pairs = count_pairs(inputs, "dev")
        profiles["dev"] = profile_corpora(dev, dev_pairs, on_bad_utf8)
    findings = text_findings(profiles, list_files(inputs))
    return replace(counts.summary(dev_pairs), findings=tuple(each.message for each in findings))


@dataclass
class _SideCounts:
    """The counts of a side. The last four are of a sample of the lines."""

    words: int = 0
    characters: int = 0
    lines: int = 0
    unspaced: int = 0
    word_counts: Counter[str] = field(default_factory=Counter)
    letter_counts: Counter[str] = field(default_factory=Counter)
    scripts: Counter[str] = field(default_factory=Counter)
    main_scripts: Counter[str] = field(default_factory=Counter)

    def add(self, text: str, in_sample: bool) -> int:
        """Count a line.

        Args:
            text: The line.
            in_sample: Whether the line is in the sample.

        Returns:
            The number of its words.
        """
        words, unspaced = split_at_spaces(text)
        count = count_words(words, unspaced)
        self.words += count
        self.characters += len(text)
        self.lines += 1
        self.unspaced += unspaced
        if in_sample:
            self.word_counts.update(split_at_spaces(text[:_MAX_CHARACTERS])[0])
            self.letter_counts.update(text[:_MAX_CHARACTERS])
            scripts = count_scripts(text[:_MAX_CHARACTERS])
            self.scripts.update(scripts)
            self.main_scripts.update(script for script, _ in scripts.most_common(1))
        return count

    def lines_in_other_scripts(self) -> int:
        """Return the number of lines of the sample that are mostly in a rare script."""
        least = MIN_CORPUS_SHARE * self.scripts.total()
        return sum(
            lines for script, lines in self.main_scripts.items() if self.scripts[script] < least
        )

    def summary(self) -> SideSummary:
        """Return the summary of the counts."""
        scripts = self.scripts.most_common()
        return SideSummary(
            words=self.words,
            frequent_words=sum(1 for count in self.word_counts.values() if count >= _MIN_FREQUENCY),
            characters=len(self.letter_counts),
            scripts={script: count / self.scripts.total() for script, count in scripts},
            unspaced=2 * self.unspaced > self.characters,
            word_length=self._word_length(),
            folded=tuple(islice(self._folded(), _FOLDED_NAMED)),
        )

    def _word_length(self) -> float:
        """Return the mean characters of a word. One space separates the words of a line."""
        spaces = max(0, self.words - self.lines)
        return max(0, self.characters - spaces) / max(1, self.words)

    def _folded(self) -> Iterator[str]:
        """Yield joiners and characters with a commoner form, the most frequent first."""
        for character, _ in self.letter_counts.most_common():
            if not character.isascii() and (character in JOINERS or is_folded(character)):
                yield character


@dataclass
class _RepetitionCounter:
    """A counter of repeated texts, by a sample of all distinct texts.

    The sample has the texts whose hash is below a bound. The bound is halved when there are too
    many. The sample shows repetitions at any distance, in memory that does not grow with the
    corpus.
    """

    bound: int = 1 << 64
    counts: Counter[int] = field(default_factory=Counter)

    def add(self, text: str) -> None:
        """Count a text."""
        digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
        number = int.from_bytes(digest, "little")
        if number >= self.bound:
            return
        self.counts[number] += 1
        if len(self.counts) > _MAX_HASHES:
            self.bound //= 2
            self.counts = Counter(
                {number: count for number, count in self.counts.items() if number < self.bound}
            )

    @property
    def share(self) -> float:
        """The share of texts that occur earlier."""
        total = self.counts.total()
        return 1.0 - len(self.counts) / total if total else 0.0


class _CorpusCounts:
    """The counts of a corpus of `lines` lines."""

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self._sample_size = min(lines, _SAMPLED_PAIRS)
        self._source, self._target = _SideCounts(), _SideCounts()
        self._lengths: Counter[int] = Counter()
        self._repeats = _RepetitionCounter()
        self._near_repeats = _RepetitionCounter()
        self._blank = self._identical = self._sampled = 0
        self._faults = dict.fromkeys(PAIR_FAULTS, 0)
        self.profile = CorpusProfile(lines)

    def add(self, pair: LinePair) -> None:
        """Count a pair, unless it is not UTF-8."""
        if pair.source is None or pair.target is None:
            return
        if not pair.source.strip() or not pair.target.strip():
            self._blank += 1
            return
        sample_size, lines = self._sample_size, self._lines
        in_sample = pair.line * sample_size // lines != (pair.line - 1) * sample_size // lines
        length = max(
            self._source.add(pair.source, in_sample), self._target.add(pair.target, in_sample)
        )
        self._lengths[min(length, _MAX_LENGTH)] += 1
        self.profile.add(pair.line, pair.source, pair.target)
        self._repeats.add(pair_key(pair.source, pair.target))
        self._near_repeats.add(letters_key(pair.source, pair.target))
        self._identical += pair.source.strip() == pair.target.strip()
        if in_sample:
            self._sampled += 1
            for key, has_fault in PAIR_FAULTS.items():
                self._faults[key] += has_fault(pair.source, pair.target)

    @property
    def pairs(self) -> int:
        """The number of pairs with text on both sides."""
        return self._lengths.total()

    def summary(self, dev_pairs: int | None) -> CorpusSummary:
        """Return the summary of the counts."""
        return CorpusSummary(
            pairs=self._lines,
            source=self._source.summary(),
            target=self._target.summary(),
            long_words=_length_percentile(self._lengths, 0.99),
            blank=self._blank,
            repeated=self._repeats.share,
            identical=self._identical / max(1, self.pairs),
            dev_pairs=dev_pairs,
            faults=self._fault_shares(),
        )

    def _fault_shares(self) -> dict[str, float]:
        others = sum(side.lines_in_other_scripts() for side in (self._source, self._target))
        counts = {**self._faults, "min_script_share": others}
        shares = {key: count / max(1, self._sampled) for key, count in counts.items()}
        near = max(0.0, self._near_repeats.share - self._repeats.share)
        return {**shares, "drop_near_duplicates": near}


def _length_percentile(lengths: Counter[int], share: float) -> int:
    """Return the length that the share of the pairs does not exceed."""
    total = 0
    for length in sorted(lengths):
        total += lengths[length]
        if total >= share * lengths.total():
            return length
    return 0
