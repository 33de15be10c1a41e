"""What a translation is told to contain or to leave out, as text and as tokens."""

from dataclasses import dataclass

from nmt.errors import UsageError
from nmt.search.stems import Stem


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
        for name, phrases in (("terms", self.terms), ("avoid", self.avoid)):
            if isinstance(phrases, str):
                raise UsageError(f"{name} are several texts, not one: {name}=({phrases!r},)")


@dataclass(frozen=True)
class TokenConstraints:
    """The same in token ids, which `BeamSearch` follows. No phrase is empty.

    stem: how what comes after the prefix begins to be spelled.
    """

    prefix: tuple[int, ...] = ()
    terms: tuple[tuple[int, ...], ...] = ()
    avoid: tuple[tuple[int, ...], ...] = ()
    stem: Stem | None = None

    @property
    def tokens(self) -> int:
        """How many a translation has at least, to have all of it."""
        spelled = 0 if self.stem is None else len(self.stem.text)
        return len(self.prefix) + spelled + sum(map(len, self.terms))
