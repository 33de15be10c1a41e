"""How much one request may ask for, and how many may wait."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """body: bytes of a request; texts: of one request; lines: of all its texts; characters: of one
    line; prefix: characters, or subwords, that a translation begins with; beam: of a search;
    waiting: requests that wait or are worked on; together: characters times hypotheses that are
    searched at once, of several requests; seconds: for an answer; body_seconds: for a body to
    arrive; connections: open at once.
    """

    body: int = 262_144
    texts: int = 64
    lines: int = 256
    characters: int = 2_000
    prefix: int = 2_000
    beam: int = 20
    alternatives: int = 10
    waiting: int = 32
    together: int = 20_000
    seconds: float = 30.0
    body_seconds: float = 10.0
    connections: int = 128
