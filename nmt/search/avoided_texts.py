"""Texts that a translation must not contain, matched by characters across subwords."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from nmt.search.stems import Vocabulary
from nmt.text.characters import JOINERS, is_unspaced
from nmt.tokenizers.sentencepiece import BOS, EOS, PAD, UNK, Tokenizer

_SPACE = "▁"
_LONGEST_CHARACTER = 4
_UNKNOWN = b"\xff"
"""Placeholder for a token without letters. No text has this byte."""

Tokens = frozenset[int]


@dataclass(frozen=True)
class AvoidedText:
    """Text that a translation must not contain.

    A text that begins with a letter or digit is matched only at the beginning of a word. One that
    ends with a letter or digit is not matched inside a longer word. Avoiding `cat` therefore allows
    `cats` and `concatenate`. Neither holds for scripts without spaces between words.

    Attributes:
        text: The text, see `as_written`.
        vocabulary: The subwords of the target side.
    """

    text: str
    vocabulary: Vocabulary = field(repr=False)

    def count(self, text: str) -> int:
        """Return how often the text occurs in another text, in the form of `as_written`."""
        letters, wanted, found = text.encode("utf-8"), self._letters, 0
        place = letters.find(wanted)
        while place >= 0:
            before, after = letters[:place], letters[place + len(wanted) :]
            found += _may_begin(self.text, before) and _may_end(self.text, after)
            place = letters.find(wanted, place + 1)
        return found

    @property
    def always(self) -> Tokens:
        """The tokens that contain the whole text, whatever comes before them."""
        endings = self._endings
        return endings.within if self._begins_word else endings.within | endings.after[0]

    def completed_after(self, end: bytes, in_word: bool) -> Iterator[Tokens]:
        """Yield groups of other next tokens that would complete the text.

        Args:
            end: The end of the translation so far, as `spell_end` returns it.
            in_word: Whether it ends with a letter or digit of a word between spaces.
        """
        endings = self._endings
        if self._begins_word and not in_word:
            yield endings.after[0]
        for count in endings.counts.get(end[-1], ()):
            if end.endswith(self._letters[:count]) and _may_begin(self.text, end[:-count]):
                yield endings.after[count]

    @cached_property
    def _begins_word(self) -> bool:
        return _is_of_word(self.text[0])

    @cached_property
    def _letters(self) -> bytes:
        return self.text.encode("utf-8")

    @cached_property
    def _endings(self) -> "_Endings":
        return _find_endings(self.vocabulary, self.text)


def bytes_needed(texts: Sequence[AvoidedText]) -> int:
    """Return the number of bytes before a token that decide whether it completes a text."""
    longest = max((len(text.text.encode("utf-8")) for text in texts), default=0)
    return longest + _LONGEST_CHARACTER


def spell_end(vocabulary: Vocabulary, tokens: Sequence[int], needed: int) -> bytes:
    """Return the last bytes that tokens spell, `needed` or more.

    Args:
        vocabulary: The subwords of the target side.
        tokens: The token ids of the translation so far.
        needed: The number of bytes, see `bytes_needed`.

    Returns:
        The bytes. Where the tokens spell fewer, a space stands before them.
    """
    letters = _letters(vocabulary)
    parts, count = [], 0
    for token in reversed(tokens):
        parts.append(letters[token])
        count += len(parts[-1])
        if count >= needed:
            break
    else:
        parts.append(b" ")
    return b"".join(reversed(parts))


def ends_in_word(end: bytes) -> bool:
    """Return whether bytes end with a letter or digit of a word between spaces."""
    return _is_of_word(_decode(end[-_LONGEST_CHARACTER:])[-1:])


@dataclass(frozen=True)
class _Endings:
    """Tokens that complete a text.

    Attributes:
        within: The tokens that contain the whole text after other letters.
        after: The tokens that begin with the rest of the text, by the number of its bytes that came
            before.
        counts: The keys of `after` above 0, by the last of the bytes that came before.
    """

    within: Tokens
    after: Mapping[int, Tokens]
    counts: Mapping[int, Sequence[int]]


def avoided(tokenizer: Tokenizer, text: str) -> AvoidedText:
    """Return a text to avoid as the model would write it.

    Args:
        tokenizer: The tokenizer of the target side.
        text: The text.
    """
    return AvoidedText(as_written(tokenizer, text), Vocabulary.of(tokenizer))


def as_written(tokenizer: Tokenizer, text: str) -> str:
    """Return a text as the tokenizer normalises it. Unknown characters are kept.

    Args:
        tokenizer: The tokenizer of the target side.
        text: The text.
    """
    tokens = tokenizer.encode(text)
    if UNK in tokens:
        pieces = [subword.piece for subword in tokenizer.subwords(text)]
        return "".join(pieces).replace(_SPACE, " ").strip()
    return tokenizer.decode(tokens).strip()


@lru_cache(maxsize=4)
def _letters(vocabulary: Vocabulary) -> list[bytes]:
    """Return what each token spells, in UTF-8."""
    spelled = [_spell(piece) for piece in vocabulary.pieces]
    for token in (PAD, UNK, BOS, EOS):
        spelled[token] = _UNKNOWN
    return spelled


def _spell(piece: str) -> bytes:
    if len(piece) == 6 and piece.startswith("<0x"):
        return bytes([int(piece[3:5], 16)])
    return piece.replace(_SPACE, " ").encode("utf-8")


@lru_cache(maxsize=1024)
def _find_endings(vocabulary: Vocabulary, text: str) -> _Endings:
    wanted = text.encode("utf-8")
    places: dict[int, list[int]] = defaultdict(list)
    for place, byte in enumerate(wanted):
        places[byte].append(place)
    within: set[int] = set()
    after: dict[int, set[int]] = {0: set()}
    for token, letters in enumerate(_letters(vocabulary)):
        place = letters.find(wanted, 1)
        while place > 0:
            if _may_begin(text, letters[:place]) and _may_end(text, letters[place + len(wanted) :]):
                within.add(token)
            place = letters.find(wanted, place + 1)
        for count in places.get(letters[0], ()):
            rest = wanted[count:]
            if letters.startswith(rest) and _may_end(text, letters[len(rest) :]):
                after.setdefault(count, set()).add(token)
    counts: dict[int, list[int]] = defaultdict(list)
    for count in after:
        if count:
            counts[wanted[count - 1]].append(count)
    groups = {count: frozenset(found) for count, found in after.items()}
    return _Endings(frozenset(within), groups, counts)


def _may_begin(text: str, before: bytes) -> bool:
    """Return whether a text may begin after the bytes `before`, not inside a word."""
    return not (_is_of_word(text[0]) and ends_in_word(before))


def _may_end(text: str, after: bytes) -> bool:
    """Return whether a text may end before the bytes `after`, not inside a longer word."""
    return not (_is_of_word(text[-1]) and _is_of_word(_decode(after[:_LONGEST_CHARACTER])[:1]))


def _decode(letters: bytes) -> str:
    return letters.decode("utf-8", "ignore")


@lru_cache(maxsize=1 << 12)
def _is_of_word(character: str) -> bool:
    """Return whether a character belongs to a word between spaces."""
    if not character or is_unspaced(character):
        return False
    return character in JOINERS or unicodedata.category(character)[0] in "LMN"
