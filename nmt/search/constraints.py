"""Constraints on a translation: its beginning, and words it must have or must not have."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from nmt.errors import UsageError
from nmt.text.characters import JOINERS, find_unwritable, is_unspaced
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK, Tokenizer
from nmt.tokenizers.words import starts_word

_SPACE = "▁"
_NO_TEXT = frozenset((PAD, UNK, BOS, EOS))


@dataclass(frozen=True)
class Vocabulary:
    """Subwords of the target side, by their ids.

    Attributes:
        pieces: The subwords.
        whole_words: Whether each subword is a whole word, so that no word is spelled in several.
    """

    pieces: tuple[str, ...]
    whole_words: bool = False

    @cached_property
    def characters(self) -> frozenset[str]:
        """The characters that are subwords by themselves. They can spell any text made of them."""
        return frozenset(piece for piece in self.pieces if len(piece) == 1)

    def spelling(self, text: str) -> Tensor:
        """Return a mask `[vocabulary]` of the first subwords of texts that begin with `text`."""
        return torch.tensor(
            [
                token not in _NO_TEXT and (piece.startswith(text) or self._may_begin(text, piece))
                for token, piece in enumerate(self.pieces)
            ]
        )

    def can_spell(self, text: str) -> bool:
        """Return whether subwords can spell the beginning of a text, whichever come first."""
        if not self.whole_words:
            return set(text) <= self.characters
        return any(
            piece.startswith(text)
            for token, piece in enumerate(self.pieces)
            if token not in _NO_TEXT
        )

    def _may_begin(self, text: str, piece: str) -> bool:
        """Return whether a subword is the first of several that spell a text."""
        return not self.whole_words and text.startswith(piece)

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Vocabulary":
        """Return the vocabulary of a tokenizer."""
        return _vocabulary(tokenizer)


@lru_cache(maxsize=4)
def _vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    pieces = tokenizer.pieces(range(tokenizer.size))
    return Vocabulary(tuple(pieces), tokenizer.has_whole_words)


@dataclass(frozen=True)
class Stem:
    """Spelling with which the tokens after a prefix begin, in any subwords.

    The last of these subwords may extend beyond it.

    Attributes:
        text: The spelling, `▁` for a space.
        vocabulary: The subwords of the target side.
    """

    text: str
    vocabulary: Vocabulary = field(repr=False)

    def rest(self, tokens: Sequence[int]) -> str:
        """Return the text that remains to be spelled after `tokens`."""
        pieces = self.vocabulary.pieces
        return self.text[sum(len(pieces[token]) for token in tokens) :]


def begun(tokenizer: Tokenizer, text: str) -> tuple[list[int], Stem | None]:
    """Return the tokens of a text up to its last word, and the stem of that word.

    Where the text ends with a space, all of its tokens are returned, and the stem is the space of
    the next word. A word that the vocabulary cannot spell is encoded as it is, without a stem.
    Where tokens are whole words, the stem may be a part of the last word, such as the rest after a
    bracket.

    Args:
        tokenizer: The tokenizer of the target side.
        text: The beginning of a translation.
    """
    ids = tokenizer.encode(text)
    if not ids:
        return ids, None
    vocabulary = Vocabulary.of(tokenizer)
    if text != text.rstrip():
        return ids, Stem(_SPACE, vocabulary)
    pieces = [subword.piece for subword in tokenizer.subwords(text)]
    last = max((i for i, piece in enumerate(pieces) if starts_word(piece)), default=0)
    for begin in range(last, len(pieces) if vocabulary.whole_words else last + 1):
        stem = "".join(pieces[begin:])
        if vocabulary.can_spell(stem):
            return ids[:begin], Stem(stem, vocabulary)
    return ids, None


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


@dataclass(frozen=True)
class Constraints:
    """Lexical constraints on the translation of one text.

    Attributes:
        prefix: The beginning of the translation, in the subwords that the tokenizer gives it.
        terms: Words or phrases that the translation must contain. Only beam search places them.
        avoid: Words or phrases that the translation must not contain.
        open_end: Whether the last word of the prefix may continue, in other subwords too, as while
            a user types. After a space, it may not continue.

    Raises:
        UsageError: A list is a single text, or a text has characters that no translation can have.
    """

    prefix: str = ""
    terms: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    open_end: bool = False

    def __post_init__(self) -> None:
        lists = (("terms", self.terms), ("avoid", self.avoid))
        for name, phrases in lists:
            if isinstance(phrases, str):
                raise UsageError(f"{name} are several texts, not one: {name}=({phrases!r},)")
        for name, phrases in (("prefix", (self.prefix,)), *lists):
            for phrase in phrases:
                if problem := find_unwritable(phrase):
                    raise UsageError(
                        f"{name}: {phrase!r:.80} has {problem}, which no translation can have."
                    )


@dataclass(frozen=True)
class TokenConstraints:
    """Lexical constraints in token ids, for `BeamSearch`.

    No phrase is empty.

    Attributes:
        prefix: The token ids that the translation begins with.
        terms: The token ids of each phrase that it must contain.
        avoid: The texts that it must not contain, matched by characters.
        stem: The spelling with which the text after the prefix begins, or None.
    """

    prefix: tuple[int, ...] = ()
    terms: tuple[tuple[int, ...], ...] = ()
    avoid: tuple[AvoidedText, ...] = ()
    stem: Stem | None = None

    @property
    def tokens(self) -> int:
        """Number of target tokens that the constraints need, one for each character of a stem."""
        spelled = 0 if self.stem is None else len(self.stem.text)
        return len(self.prefix) + spelled + sum(map(len, self.terms))
