"""Constraints on a translation: its beginning, and words that it must or must not contain."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from nmt.errors import UsageError
from nmt.search.target_vocabulary import MAX_CHARACTER_BYTES, Vocabulary, token_bytes
from nmt.text.characters import JOINERS, find_unwritable, is_unspaced
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK, Tokenizer
from nmt.tokenizers.words import starts_word

_SPACE = "▁"
_SPECIAL_TOKENS = frozenset((PAD, UNK, BOS, EOS))


@dataclass(frozen=True)
class OpenWord:
    """The beginning of a word after a prefix, which any subwords may spell.

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


def split_open_word(tokenizer: Tokenizer, text: str) -> tuple[list[int], OpenWord | None]:
    """Return the tokens of a text up to its last word, and the open word.

    Where the text ends with a space, all of its tokens are returned, and the open word is the space
    of the next word. A word that the vocabulary cannot spell is encoded as it is, without an open
    word. Where tokens are whole words, the open word may be a part of the last word, such as the
    rest after a bracket. Case marks of the last word are among the tokens.

    Args:
        tokenizer: The tokenizer of the target side.
        text: The beginning of a translation.
    """
    ids = tokenizer.encode(text)
    if not ids:
        return ids, None
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    if text != text.rstrip():
        return ids, OpenWord(_SPACE, vocabulary)
    pieces = [subword.piece for subword in tokenizer.subwords(text)]
    marks = vocabulary.case_marks
    starts = (i for i, piece in enumerate(pieces) if starts_word(piece) or ids[i - 1] in marks)
    last = max(starts, default=0)
    for begin in range(last, len(pieces) if vocabulary.whole_words else last + 1):
        open_word = "".join(pieces[begin:])
        if vocabulary.can_spell(open_word):
            return ids[:begin], OpenWord(open_word, vocabulary)
    return ids, None


Tokens = frozenset[int]


@dataclass(frozen=True)
class AvoidedText:
    """Text that a translation must not contain.

    A text that begins with a letter or digit is matched only at the beginning of a word. One that
    ends with a letter or digit is not matched inside a longer word. Avoiding `cat` therefore allows
    `cats` and `concatenate`. Neither holds for scripts without spaces between words.

    Attributes:
        text: The text, see `normalize_text`.
        vocabulary: The subwords of the target side.
    """

    text: str
    vocabulary: Vocabulary = field(repr=False)

    def count(self, text: str) -> int:
        """Return how often the text occurs in another text, in the form of `normalize_text`."""
        encoded, pattern, occurrences = text.encode("utf-8"), self._text_bytes, 0
        position = encoded.find(pattern)
        while position >= 0:
            before, after = encoded[:position], encoded[position + len(pattern) :]
            occurrences += _may_begin(self.text, before) and _may_end(self.text, after)
            position = encoded.find(pattern, position + 1)
        return occurrences

    @property
    def always(self) -> Tokens:
        """The tokens that contain the whole text, whatever comes before them.

        There are none where case marks decide what a token spells.
        """
        if self.vocabulary.case is not None:
            return frozenset()
        return self._always(self.vocabulary)

    def _always(self, vocabulary: Vocabulary) -> Tokens:
        completions = _find_completions(vocabulary, self.text)
        return (
            completions.containing
            if self._begins_word
            else completions.containing | completions.continuing[0]
        )

    def completing_tokens(
        self, end: bytes, in_word: bool, following: Vocabulary | None = None
    ) -> Iterator[Tokens]:
        """Yield groups of other next tokens that would complete the text.

        Args:
            end: The end of the translation so far, as `spell_end` returns it.
            in_word: Whether it ends with a letter or digit of a word between spaces.
            following: The result of `vocabulary_after`. None without case marks.
        """
        following = self.vocabulary if following is None else following
        completions = _find_completions(following, self.text)
        if self.vocabulary.case is not None:
            yield self._always(following)
        if self._begins_word and not in_word:
            yield completions.continuing[0]
        for count in completions.prefix_lengths.get(end[-1], ()):
            if end.endswith(self._text_bytes[:count]) and _may_begin(self.text, end[:-count]):
                yield completions.continuing[count]

    @cached_property
    def _begins_word(self) -> bool:
        return _is_word_character(self.text[0])

    @cached_property
    def _text_bytes(self) -> bytes:
        return self.text.encode("utf-8")


def count_context_bytes(texts: Sequence[AvoidedText]) -> int:
    """Return the number of bytes before a token that decide whether it completes a text."""
    longest = max((len(text.text.encode("utf-8")) for text in texts), default=0)
    return longest + MAX_CHARACTER_BYTES


def spell_end(vocabulary: Vocabulary, tokens: Sequence[int], byte_count: int) -> bytes:
    """Return the last bytes that tokens spell, `byte_count` or more.

    Args:
        vocabulary: The subwords of the target side.
        tokens: The token ids of the translation so far.
        byte_count: The number of bytes, see `count_context_bytes`.

    Returns:
        The bytes. Where the tokens spell fewer, a space stands before them.
    """
    if vocabulary.case is not None:
        return b" " + vocabulary.case.spell(vocabulary, tokens)
    spelled = token_bytes(vocabulary)
    parts, count = [], 0
    for token in reversed(tokens):
        parts.append(spelled[token])
        count += len(parts[-1])
        if count >= byte_count:
            break
    else:
        parts.append(b" ")
    return b"".join(reversed(parts))


def ends_in_word(end: bytes) -> bool:
    """Return whether bytes end with a letter or digit of a word between spaces."""
    return _is_word_character(_decode(end[-MAX_CHARACTER_BYTES:])[-1:])


@dataclass(frozen=True)
class _Completions:
    """Tokens that complete a text.

    Attributes:
        containing: The tokens that contain the whole text after other letters.
        continuing: The tokens that begin with the rest of the text, by the number of its bytes that
            came before.
        prefix_lengths: The keys of `continuing` above 0, by the last of the bytes that came before.
    """

    containing: Tokens
    continuing: Mapping[int, Tokens]
    prefix_lengths: Mapping[int, Sequence[int]]


def make_avoided_text(tokenizer: Tokenizer, text: str) -> AvoidedText:
    """Return a text to avoid as the model would write it.

    Args:
        tokenizer: The tokenizer of the target side.
        text: The text.
    """
    return AvoidedText(normalize_text(tokenizer, text), Vocabulary.from_tokenizer(tokenizer))


def normalize_text(tokenizer: Tokenizer, text: str) -> str:
    """Return a text as the tokenizer normalizes it. Unknown characters are kept.

    Args:
        tokenizer: The tokenizer of the target side.
        text: The text.
    """
    tokens = tokenizer.encode(text)
    if UNK in tokens:
        return tokenizer.normalize(text).replace(_SPACE, " ").strip()
    return tokenizer.decode(tokens).strip()


@lru_cache(maxsize=1024)
def _find_completions(vocabulary: Vocabulary, text: str) -> _Completions:
    pattern = text.encode("utf-8")
    positions: dict[int, list[int]] = defaultdict(list)
    for position, byte in enumerate(pattern):
        positions[byte].append(position)
    containing: set[int] = set()
    continuing: dict[int, set[int]] = {0: set()}
    for token, spelled in enumerate(token_bytes(vocabulary)):
        position = spelled.find(pattern, 1)
        while position > 0:
            if _may_begin(text, spelled[:position]) and _may_end(
                text, spelled[position + len(pattern) :]
            ):
                containing.add(token)
            position = spelled.find(pattern, position + 1)
        for count in positions.get(spelled[0], ()) if spelled else ():
            rest = pattern[count:]
            if spelled.startswith(rest) and _may_end(text, spelled[len(rest) :]):
                continuing.setdefault(count, set()).add(token)
    counts: dict[int, list[int]] = defaultdict(list)
    for count in continuing:
        if count:
            counts[pattern[count - 1]].append(count)
    groups = {count: frozenset(tokens) for count, tokens in continuing.items()}
    return _Completions(frozenset(containing), groups, counts)


def _may_begin(text: str, before: bytes) -> bool:
    """Return whether a text may begin after the bytes `before`, not inside a word."""
    return not (_is_word_character(text[0]) and ends_in_word(before))


def _may_end(text: str, after: bytes) -> bool:
    """Return whether a text may end before the bytes `after`, not inside a longer word."""
    return not (
        _is_word_character(text[-1])
        and _is_word_character(_decode(after[:MAX_CHARACTER_BYTES])[:1])
    )


def _decode(spelled: bytes) -> str:
    return spelled.decode("utf-8", "ignore")


@lru_cache(maxsize=1 << 12)
def _is_word_character(character: str) -> bool:
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
                raise UsageError(f"{name} must be a list of texts: {name}=({phrases!r},)")
        for name, phrases in (("prefix", (self.prefix,)), *lists):
            for phrase in phrases:
                if problem := find_unwritable(phrase):
                    raise UsageError(
                        f"{name}: {phrase!r:.80} has {problem}, which cannot occur in a "
                        "translation."
                    )


@dataclass(frozen=True)
class TokenConstraints:
    """Lexical constraints in token ids, for `BeamSearch`.

    No phrase is empty.

    Attributes:
        prefix: The token ids that the translation begins with.
        terms: The token ids of each phrase that it must contain.
        avoid: The texts that it must not contain, matched by characters.
        open_word: The spelling with which the text after the prefix begins, or None.
    """

    prefix: tuple[int, ...] = ()
    terms: tuple[tuple[int, ...], ...] = ()
    avoid: tuple[AvoidedText, ...] = ()
    open_word: OpenWord | None = None

    @property
    def tokens(self) -> int:
        """Number of target tokens needed, one for each character and mark of an open word."""
        spelled = 0 if self.open_word is None else len(self.open_word.text)
        spelled += self.open_word is not None and bool(self.open_word.vocabulary.case_marks)
        return len(self.prefix) + spelled + sum(map(len, self.terms))
