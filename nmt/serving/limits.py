"""The limits of requests to the server."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of requests.

    Attributes:
        body: Bytes of a request body.
        texts: Texts of a request.
        lines: Lines of all texts of a request.
        characters: Characters of a line.
        prefix: Characters or subwords of a prefix.
        beam: Beam size of a search.
        alternatives: Alternatives of a request.
        waiting: Requests that wait or run.
        together: Characters times hypotheses of one batch of requests.
        seconds: Seconds until a response.
        body_seconds: Seconds for a body to arrive.
        connections: Open connections.
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
