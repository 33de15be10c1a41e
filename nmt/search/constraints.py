"""What a translation is told to contain or to leave out, as text and as tokens."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Constraints:
    """Wishes for the translation of one text.

    prefix: how it begins, word for word; terms: words or phrases that it must have; avoid: words or
    phrases that it must not have.
    """

    prefix: str = ""
    terms: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()


@dataclass(frozen=True)
class TokenConstraints:
    """The same in token ids, which `BeamSearch` follows. No phrase is empty."""

    prefix: tuple[int, ...] = ()
    terms: tuple[tuple[int, ...], ...] = ()
    avoid: tuple[tuple[int, ...], ...] = ()

    @property
    def tokens(self) -> int:
        """How many a translation has at least, to have all of it."""
        return len(self.prefix) + sum(map(len, self.terms))
