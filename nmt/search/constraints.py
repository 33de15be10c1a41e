"""Lexical constraints on a translation, as text and as token ids."""

from dataclasses import dataclass

from nmt.errors import UsageError
from nmt.search.avoided_texts import AvoidedText
from nmt.search.stems import Stem
from nmt.text.characters import find_unwritable


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
