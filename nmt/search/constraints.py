"""What a translation is told to contain or to leave out, as text and as tokens."""

from dataclasses import dataclass

from nmt.errors import UsageError
from nmt.search.avoided_texts import AvoidedText
from nmt.search.stems import Stem
from nmt.text.characters import find_unwritable


@dataclass(frozen=True)
class Constraints:
    """Wishes for the translation of one text.

    prefix: how it begins, in the subwords that it is written with; terms: words or phrases that it
    must have, looked for by beam search alone; avoid: words or phrases that it must not have;
    open_end: whether the last word of the prefix may go on, and in other subwords, as of one who
    is still typing; after a space it may not.
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
    """The same in token ids, which `BeamSearch` follows. No phrase is empty.

    avoid: found in the letters of tokens; stem: how what comes after the prefix begins to be
    spelled.
    """

    prefix: tuple[int, ...] = ()
    terms: tuple[tuple[int, ...], ...] = ()
    avoid: tuple[AvoidedText, ...] = ()
    stem: Stem | None = None

    @property
    def tokens(self) -> int:
        """How many a translation has at least, to have all of it."""
        spelled = 0 if self.stem is None else len(self.stem.text)
        return len(self.prefix) + spelled + sum(map(len, self.terms))
