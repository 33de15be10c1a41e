"""The filters of train pairs that compare the texts of both sides.

Each filter is a line of the table `FILTERS` in nmt/config/registry.py, and off by default.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from nmt.config.settings import DataSettings
from nmt.data.hashing import SeenHashes, pair_key, text_hashes
from nmt.data.pair_files import sample_corpus_pairs
from nmt.data.pair_filters import CandidatePairs, HeldOut, PairFilter
from nmt.text.characters import ends_sentence, letters_of
from nmt.text.profile import find_marks
from nmt.text.scripts import LetterCounter, count_scripts

_SAMPLED_PAIRS = 50_000
MIN_CORPUS_SHARE = 0.2
"""The share of the letters of a corpus from which a script is one of the language."""


class IdenticalSides(PairFilter):
    """Drops pairs whose sides have the same letters, such as `Radio Berlin!` and `Radio Berlin`.

    Case, punctuation, digits and spaces do not count. Pairs without letters are kept.
    """

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        letters = (map(letters_of, side) for side in pairs.sides)
        return _mask(
            source != "" and source == target for source, target in zip(*letters, strict=True)
        )


class ToolMarks(PairFilter):
    """Drops pairs with a mark of another tool, such as `&apos;`, `@@` or `@-@`."""

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return _pair_mask(pairs, _have_marks)


class OtherEnd(PairFilter):
    """Drops pairs of which one side ends like a sentence and the other in the middle of one.

    Quotation marks and brackets after the punctuation do not count.
    """

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return _pair_mask(pairs, _ends_differ)


class OtherScript(PairFilter):
    """Drops pairs with a side of which too few letters are in the scripts of its language.

    These are the scripts of at least a fifth of the letters of that side of the corpus, such as Han
    and Kana for Japanese. A sample of the corpus is read for them.
    """

    def __init__(self, settings: DataSettings, held_out: Mapping[str, HeldOut]) -> None:
        """Find the scripts of both sides."""
        super().__init__(settings, held_out)
        totals: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        for source, target in sample_corpus_pairs(
            settings.train, settings.on_bad_utf8, _SAMPLED_PAIRS
        ):
            totals[0].update(count_scripts(source))
            totals[1].update(count_scripts(target))
        self._counters = [
            LetterCounter(
                script
                for script, count in total.items()
                if count >= MIN_CORPUS_SHARE * total.total()
            )
            for total in totals
        ]

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        dropped = np.zeros(len(pairs.lines), np.bool_)
        for counter, texts in zip(self._counters, pairs.sides, strict=True):
            dropped |= _mask(counter.share(text) < self.settings.min_script_share for text in texts)
        return dropped


class OtherNumbers(PairFilter):
    """Drops pairs of which one side has a number that the other side has not.

    Numbers of one digit do not count, because they are often written as words. Neither do numbers
    of a side if the other has no digits. The sign that separates thousands does not count.
    """

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return _pair_mask(pairs, _numbers_differ)


class OtherAddresses(PairFilter):
    """Drops pairs of which one side has a web or e-mail address that the other side has not."""

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return _pair_mask(pairs, _addresses_differ)


class NearDuplicate(PairFilter):
    """Drops pairs with the same letters as an earlier pair, on both sides.

    Case, punctuation, digits and spaces do not count. Pairs with a side without letters are
    compared as they are.
    """

    compares_corpora = True

    def __init__(self, settings: DataSettings, held_out: Mapping[str, HeldOut]) -> None:
        """Start without earlier pairs."""
        super().__init__(settings, held_out)
        self._seen = SeenHashes()

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return self._seen.add(text_hashes(map(letters_key, *pairs.sides)))


def _have_same_letters(source: str, target: str) -> bool:
    letters = letters_of(source)
    return letters != "" and letters == letters_of(target)


def _have_marks(source: str, target: str) -> bool:
    return bool(find_marks(source) or find_marks(target))


def _ends_differ(source: str, target: str) -> bool:
    return ends_sentence(source) != ends_sentence(target)


def letters_key(source: str, target: str) -> str:
    """Return one text for pairs with the same letters, see `NearDuplicate`.

    Args:
        source: The source text.
        target: The target text.
    """
    letters = letters_of(source), letters_of(target)
    return pair_key(*letters) if all(letters) else pair_key(source, target)


_GROUPED_DIGITS = re.compile(r"(?<=\d)[.,'’ \u00a0\u202f](?=\d{3}(?!\d))")
_NUMBER = re.compile(r"\d+")
_DIGIT = re.compile(r"\d")
_MIN_DIGITS = 2


def _numbers_differ(source: str, target: str) -> bool:
    if not (_DIGIT.search(source) and _DIGIT.search(target)):
        return False
    return _numbers(source) != _numbers(target)


def _numbers(text: str) -> set[int]:
    """Return the numbers of at least two digits."""
    numbers = _NUMBER.findall(_GROUPED_DIGITS.sub("", text))
    return {int(number) for number in numbers if len(number) >= _MIN_DIGITS}


_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"«»“”]+|[\w.+-]+@[\w-]+\.[\w.-]+")
_MAY_BE_ADDRESS = re.compile(r"://|www\.|@")


def _addresses(text: str) -> set[str]:
    """Return the addresses, without punctuation at their ends."""
    if not _MAY_BE_ADDRESS.search(text):
        return set()
    return {address.rstrip(".,;:!?)]}'’/").casefold() for address in _ADDRESS.findall(text)}


def _addresses_differ(source: str, target: str) -> bool:
    return _addresses(source) != _addresses(target)


PAIR_FAULTS: dict[str, Callable[[str, str], bool]] = {
    "drop_identical": _have_same_letters,
    "drop_tool_marks": _have_marks,
    "drop_different_ends": _ends_differ,
    "drop_different_numbers": _numbers_differ,
    "drop_different_addresses": _addresses_differ,
}
"""The keys that drop a pair by its texts alone, each with the test of source and target."""


def _pair_mask(pairs: CandidatePairs, drops: Callable[[str, str], bool]) -> NDArray[np.bool_]:
    return _mask(map(drops, *pairs.sides))


def _mask(values: Iterable[bool]) -> NDArray[np.bool_]:
    return np.fromiter(values, np.bool_)
