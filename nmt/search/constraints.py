"""What a translation is told to contain or to leave out, as text and as tokens."""

from dataclasses import dataclass

from nmt.errors import UsageError


@dataclass(frozen=True)
class Constraints:
    """Wishes for the translation of one text.

    prefix: how it begins, in the subwords that it is written with; terms: words or phrases that it
    must have, looked for by beam search alone; avoid: words or phrases that it must not have.
    """

    prefix: str = ""
    terms: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, phrases in (("terms", self.terms), ("avoid", self.avoid)):
            if isinstance(phrases, str):
                raise UsageError(f"{name} are several texts, not one: {name}=({phrases!r},)")


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
