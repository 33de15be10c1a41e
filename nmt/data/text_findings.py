"""Findings about the texts of a run: marks of other tools, and differences of train, dev and test.

Shares are compared only where both corpora have enough relevant lines, and where chance does not
explain the difference. A small corpus therefore gives no finding from noise.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from nmt.config.settings import CorpusSettings
from nmt.data.manifest import TextFinding
from nmt.data.pair_files import read_corpus_pairs
from nmt.text.lines import BadUtf8
from nmt.text.profile import (
    CONTRASTS,
    SHORT_EXAMPLE,
    TOOL_MARKS,
    CorpusProfile,
    Example,
    LineCount,
    TextProfile,
    ToolMark,
)

_LEAST_SHARE_OF_MARKS = 0.002

_FEWEST_LINES = 20
"""The least number of lines of each corpus that have one of two forms."""

_STANDARD_ERRORS = 4.0
"""The number of standard errors below which a difference of shares may be chance."""

_MAX_PHRASE_WORDS = 3
"""The number of words up to which a line is a word or a phrase rather than a sentence."""

_LEAST_SHORT = 0.4
_LENGTH_FACTOR = 2.5
_LENGTH_WORDS = 4
_MEAN_FACTOR = 1.3

_LEAST_UNKNOWN = 0.005
"""The share of the characters of a text that train lacks."""

_LEAST_EXPECTED = 10.0
"""The least expected count in train of a character, by its frequency in the other text."""

_FEWEST_UNKNOWN = 3
_MIN_UNKNOWN_SHARE = 0.01
"""The least share of lines, and number above, with a character that train lacks."""

_SHOWN_CHARACTERS = 5

SWAPPED = "swapped"
"""The kind of the finding that source and target of dev or test are swapped."""

_LEAST_DISTANCE = 0.05
_SWAPPED_FACTOR = 0.65
"""Swapped sides differ from those of train by the first, and by less than this factor crosswise."""

_SIDES = ("source", "target")

Files = dict[str, Sequence[tuple[str, int]]]
"""The files of each side with their numbers of lines, by names such as `train.source`."""


@dataclass(frozen=True)
class CorpusSide:
    """A side of a corpus, such as `source of dev`.

    Attributes:
        corpus: The name of the corpus.
        side: `source` or `target`.
        files: The paths of its files with their numbers of lines.
    """

    corpus: str
    side: str
    files: Sequence[tuple[str, int]]

    def __str__(self) -> str:
        return f"the {self.side} of {self.corpus}"

    def locate(self, example: Example | None) -> str:
        """Return a line with the name of its file and its number there."""
        if example is None:
            return "-"
        line, text = example.line, example.text
        for path, lines in self.files:
            if line <= lines:
                return f"{path}:{line}: {_quote(text)}"
            line -= lines
        return _quote(text)


def text_findings(
    profiles: Mapping[str, CorpusProfile], files: Mapping[str, Sequence[tuple[str, int]]]
) -> tuple[TextFinding, ...]:
    """Return the findings about the texts of a run, the most serious first.

    Args:
        profiles: The profiles of the corpora, by their names, including `train`.
        files: See `Files`.
    """
    texts = {
        (corpus, side): (
            CorpusSide(corpus, side, files[f"{corpus}.{side}"]),
            getattr(profile, side),
        )
        for corpus, profile in profiles.items()
        for side in _SIDES
    }
    swapped = [
        corpus
        for corpus, profile in profiles.items()
        if corpus != "train" and _is_swapped(profiles["train"], profile)
    ]
    pairs = [
        _SidePair(*texts["train", side], *texts[corpus, side])
        for corpus in profiles
        if corpus != "train" and corpus not in swapped
        for side in _SIDES
    ]
    return (
        *(_swapped_finding(corpus, texts) for corpus in swapped),
        *_mark_findings(list(texts.values())),
        *_contrast_findings(pairs),
        *_length_findings(pairs),
        *_unknown_character_findings(pairs),
    )


def profile_corpora(
    corpora: Sequence[CorpusSettings], lines: int, on_bad_utf8: BadUtf8
) -> CorpusProfile:
    """Return the profile of some corpora, which are read for it.

    Args:
        corpora: The corpora.
        lines: The number of their lines.
        on_bad_utf8: See `read_lines`.
    """
    profile = CorpusProfile(lines)
    for pair in read_corpus_pairs(corpora, on_bad_utf8):
        if pair.source is not None and pair.target is not None:
            profile.add(pair.line, pair.source, pair.target)
    return profile


@dataclass(frozen=True)
class _SidePair:
    """The same side of train and of another corpus."""

    train_side: CorpusSide
    train: TextProfile
    other_side: CorpusSide
    other: TextProfile


def _is_swapped(train: CorpusProfile, other: CorpusProfile) -> bool:
    """Return whether each side of a corpus has the letters of the other side of train."""
    if min(other.source.lines, train.source.lines) < _FEWEST_LINES:
        return False
    straight = [
        _letter_distance(train.source, other.source),
        _letter_distance(train.target, other.target),
    ]
    crossed = [
        _letter_distance(train.target, other.source),
        _letter_distance(train.source, other.target),
    ]
    return all(
        as_named >= _LEAST_DISTANCE and swapped <= _SWAPPED_FACTOR * as_named
        for as_named, swapped in zip(straight, crossed, strict=True)
    )


def _letter_distance(one: TextProfile, other: TextProfile) -> float:
    """Return the total variation distance of the letters of two texts, 0 to 1."""
    counts = [_count_letters(text) for text in (one, other)]
    totals = [max(1, count.total()) for count in counts]
    letters = counts[0].keys() | counts[1].keys()
    differences = (
        abs(counts[0][letter] / totals[0] - counts[1][letter] / totals[1]) for letter in letters
    )
    return sum(differences) / 2


def _count_letters(text: TextProfile) -> Counter[str]:
    counts = Counter[str]()
    for character, count in text.characters.items():
        if character.isalpha():
            counts[character.casefold()] += count
    return counts


def _swapped_finding(
    corpus: str, texts: Mapping[tuple[str, str], tuple[CorpusSide, TextProfile]]
) -> TextFinding:
    side, text = texts[corpus, "source"]
    example = side.locate(_example_of_length(text, _median(text)))
    message = (
        f"source and target of {corpus} are swapped: each has the letters of the other side of "
        f"train ({example}).\nSwap source and target of {corpus} (data.{corpus})."
    )
    return TextFinding(kind=SWAPPED, message=message)


def _mark_findings(texts: Sequence[tuple[CorpusSide, TextProfile]]) -> Iterator[TextFinding]:
    for mark in TOOL_MARKS:
        candidates = [
            (count.count / text.scanned, side, count)
            for side, text in texts
            if (count := text.marks.get(mark.name)) is not None
            and count.count >= max(1.0, _LEAST_SHARE_OF_MARKS * text.scanned)
        ]
        if candidates:
            yield _mark_finding(mark, candidates)


def _mark_finding(
    mark: ToolMark, candidates: list[tuple[float, CorpusSide, LineCount]]
) -> TextFinding:
    share, side, count = max(candidates, key=lambda each: each[0])
    others = [other for _, other, _ in candidates if other is not side]
    message = (
        f"{_format_percent(share)} of the lines of {side} have {mark.title}: "
        f"{side.locate(count.example)}{_describe_others(others)}.\n"
        f"The model would learn to write them. Remove them from all texts: {mark.remedy}"
    )
    return TextFinding(kind=mark.name, message=message)


def _contrast_findings(pairs: Sequence[_SidePair]) -> Iterator[TextFinding]:
    for number, contrast in enumerate(CONTRASTS):
        candidates = []
        for pair in pairs:
            shares = [_first_form_share(text, number) for text in (pair.train, pair.other)]
            if contrast.name == "punctuation" and _is_word_list_beside_sentences(pair):
                continue
            if _differ(shares, contrast.least):
                candidates.append((abs(shares[0][0] - shares[1][0]), pair, shares))
        if not candidates:
            continue
        _, pair, shares = max(candidates, key=lambda each: each[0])
        sides = [
            (shares[0][0], pair.train_side, pair.train),
            (shares[1][0], pair.other_side, pair.other),
        ]
        more, less = sorted(sides, key=lambda each: each[0], reverse=True)
        others = [other.other_side for _, other, _ in candidates if other is not pair]
        message = (
            f"train and {pair.other_side.corpus} differ in {contrast.title}: "
            f"{_format_percent(more[0])} of the lines of {more[1]} {contrast.form}, "
            f"{_format_percent(less[0])} of those of {less[1]}{_describe_others(others)}.\n"
            f"{more[1].locate(more[2].first[number].example)} against "
            f"{less[1].locate(less[2].second[number].example)}.\n"
            f"{contrast.remedy.format(corpus=more[1].corpus)}"
        )
        yield TextFinding(kind=contrast.name, message=message)


def _is_word_list_beside_sentences(pair: _SidePair) -> bool:
    """Return whether only one of two texts is a list of words, which lack punctuation."""
    if _length_difference(pair) is None:
        return False
    return min(_median(text) for text in (pair.train, pair.other)) < _MAX_PHRASE_WORDS


def _first_form_share(text: TextProfile, number: int) -> tuple[float, int]:
    """Return the share of lines with the first form of a contrast, and the relevant lines."""
    first, second = text.first[number].count, text.second[number].count
    return first / max(1, first + second), first + second


def _differ(shares: Sequence[tuple[float, int]], least: float) -> bool:
    """Return whether two shares differ by at least `least`, and significantly."""
    (one, count), (other, others) = shares
    if min(count, others) < _FEWEST_LINES or abs(one - other) < least:
        return False
    pooled_share = (one * count + other * others) / (count + others)
    standard_error = math.sqrt(pooled_share * (1.0 - pooled_share) * (1 / count + 1 / others))
    return abs(one - other) >= _STANDARD_ERRORS * standard_error


def _length_findings(pairs: Sequence[_SidePair]) -> Iterator[TextFinding]:
    candidates = [
        (pair, difference) for pair in pairs if (difference := _length_difference(pair)) is not None
    ]
    if not candidates:
        return
    pair, difference = candidates[0]
    others = [other.other_side for other, _ in candidates[1:]]
    medians = [_median(text) for text in (pair.train, pair.other)]
    advice = (
        "A model trained on words and phrases cannot translate sentences. Add sentences to train."
        if _mean(pair.train) < _mean(pair.other)
        else f"Use a {pair.other_side.corpus} set with lines like those of train."
    )
    message = (
        f"train and {pair.other_side.corpus} differ in length: "
        f"{difference}{_describe_others(others)}.\n"
        f"{pair.train_side.locate(_example_of_length(pair.train, medians[0]))} against "
        f"{pair.other_side.locate(_example_of_length(pair.other, medians[1]))}.\n{advice}"
    )
    yield TextFinding(kind="lengths", message=message)


def _length_difference(pair: _SidePair) -> str | None:
    """Describe how the lengths of the lines differ, or return None where they are alike."""
    train, other = pair.train, pair.other
    if min(train.lines, other.lines) < _FEWEST_LINES:
        return None
    medians = [_median(text) for text in (train, other)]
    low, high = sorted(medians)
    if high >= _LENGTH_FACTOR * low and high - low >= _LENGTH_WORDS:
        return (
            f"half of the lines of {pair.train_side} have at most {_format_words(medians[0])}, of "
            f"{pair.other_side} {_format_words(medians[1])}"
        )
    short = [(_share_of_short(text), text.lines) for text in (train, other)]
    fewer, more = sorted((_mean(train), _mean(other)))
    if _differ(short, _LEAST_SHORT) and more >= _MEAN_FACTOR * fewer:
        return (
            f"{_format_percent(short[0][0])} of the lines of {pair.train_side} have at most "
            f"{_MAX_PHRASE_WORDS} "
            f"words, {_format_percent(short[1][0])} of those of {pair.other_side}"
        )
    return None


def _median(text: TextProfile) -> float:
    return median(text.lengths.elements())


def _mean(text: TextProfile) -> float:
    return sum(words * count for words, count in text.lengths.items()) / text.lines


def _share_of_short(text: TextProfile) -> float:
    return (
        sum(count for words, count in text.lengths.items() if words <= _MAX_PHRASE_WORDS)
        / text.lines
    )


def _example_of_length(text: TextProfile, target_length: float) -> Example | None:
    nearest = min(text.by_length, key=lambda length: abs(length - target_length), default=None)
    return None if nearest is None else text.by_length[nearest]


def _unknown_character_findings(pairs: Sequence[_SidePair]) -> Iterator[TextFinding]:
    candidates = []
    for pair in pairs:
        unknown = _count_unknown_characters(pair)
        share = unknown.total() / max(1, pair.other.characters.total())
        if share >= _LEAST_UNKNOWN:
            candidates.append((share, pair, unknown))
    if not candidates:
        return
    share, pair, unknown = max(candidates, key=lambda candidate: candidate[0])
    shown = ", ".join(
        _describe_character(candidate) for candidate, _ in unknown.most_common(_SHOWN_CHARACTERS)
    )
    more = " and others" if len(unknown) > _SHOWN_CHARACTERS else ""
    others = [candidate.other_side for _, candidate, _ in candidates if candidate is not pair]
    message = (
        f"{_format_percent(share)} of the characters of {pair.other_side} are not in train: "
        f"{shown}{more}{_describe_others(others)}.\n"
        "The model cannot learn them. Write both texts alike, or add such text to train."
    )
    yield TextFinding(kind="unknown-characters", message=message)


def _count_unknown_characters(pair: _SidePair) -> Counter[str]:
    """Return the characters of the other text that are unexpectedly missing from train.

    Characters whose absence another finding explains do not count.
    """
    if pair.other.lines < _FEWEST_LINES:
        return Counter()
    fewest = max(_FEWEST_UNKNOWN, _MIN_UNKNOWN_SHARE * pair.other.lines)
    total = max(1, pair.other.characters.total())
    scale = pair.train.alphabet_total / total
    differences = _differing_contrasts(pair)
    return Counter(
        {
            character: count
            for character, count in pair.other.characters.items()
            if character not in pair.train.alphabet
            and pair.other.lines_with[character] >= fewest
            and count * scale >= _LEAST_EXPECTED
            and not _is_explained(character, differences, pair.train.alphabet)
        }
    )


def _differing_contrasts(pair: _SidePair) -> set[str]:
    """Return the names of the contrasts in which the texts differ."""
    texts = pair.train, pair.other
    return {
        contrast.name
        for number, contrast in enumerate(CONTRASTS)
        if _differ([_first_form_share(text, number) for text in texts], contrast.least)
    }


def _is_explained(character: str, differences: set[str], alphabet: set[str]) -> bool:
    """Return whether such differences explain that an alphabet lacks a character."""
    category = unicodedata.category(character)
    if differences & _CASE_CONTRASTS and alphabet & {character.lower(), character.upper()}:
        return True
    if differences & _PUNCTUATION_CONTRASTS and category.startswith("P"):
        return True
    if "normalization" in differences:
        decomposed = set(unicodedata.normalize("NFD", "".join(alphabet)))
        return decomposed.issuperset(unicodedata.normalize("NFD", character))
    return "digits" in differences and category == "Nd"


_CASE_CONTRASTS = {"lower-case", "upper-case"}
_PUNCTUATION_CONTRASTS = {
    "apostrophes",
    "quotes",
    "dashes",
    "punctuation",
    "full-width",
    "tokenization",
}


def _describe_character(character: str) -> str:
    code = f"U+{ord(character):04X}"
    return f"{character} ({code})" if character.isprintable() else code


def _describe_others(sides: Sequence[CorpusSide]) -> str:
    return f" (also {', '.join(map(str, sides))})" if sides else ""


def _format_percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 or share == 0.0 else f"{share:.1%}"


def _format_words(words: float) -> str:
    return "1 word" if words == 1 else f"{words:g} words"


def _quote(text: str) -> str:
    return repr(text if len(text) <= SHORT_EXAMPLE else f"{text[: SHORT_EXAMPLE - 3]}...")
