"""The warnings in a run's train.log."""

import re
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) warning: (.*)")


@dataclass(frozen=True)
class Warned:
    """A warning in the log of a run.

    Attributes:
        time: The time when the warning was first given, on the clock of the machine.
        text: The message.
        count: The number of times that the warning was given.
    """

    time: str
    text: str
    count: int


def warnings_of(log: Path) -> list[Warned]:
    """Return the distinct warnings of a train.log in order of their first time; none without a log.

    Raises:
        OSError: The log cannot be read.
    """
    found: dict[str, Warned] = {}
    try:
        file = log.open("rb")
    except FileNotFoundError:
        return []
    with file:
        for line in file:
            match = _LINE.match(line.decode("utf-8", errors="replace").rstrip("\n"))
            if match is not None:
                time, text = match.groups()
                known = found.get(text, Warned(time, text, 0))
                found[text] = Warned(known.time, text, known.count + 1)
    return list(found.values())
