"""Strategies that spoil what a reader is given: bytes, and values of JSON."""

import json
from typing import Any

from hypothesis import strategies as st

_VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from(
        [float("inf"), float("nan"), -0.5, 1e308, "", "../x", "/etc/passwd", "\0", "9"]
    )
    | st.sampled_from([[], {}, [[]], {"": None}, [None], ["a"] * 3, "x" * 5000])
)


@st.composite
def spoiled(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut off, or with some bytes or bits changed, left out, put in or moved."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(changed)))
        kind = draw(st.sampled_from(["cut", "flip", "write", "insert", "leave out", "numbers"]))
        if kind == "cut":
            del changed[place:]
        elif kind == "flip" and place < len(changed):
            changed[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "write":
            piece = draw(st.binary(min_size=1, max_size=8))
            changed[place : place + len(piece)] = piece
        elif kind == "insert":
            changed[place:place] = draw(st.binary(min_size=1, max_size=16))
        elif kind == "leave out":
            del changed[place : place + draw(st.integers(1, 64))]
        else:
            number = draw(st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]))
            changed[place : place + 8] = number.to_bytes(8, "little")
    return bytes(changed)


@st.composite
def spoiled_json(draw: st.DrawFn, content: bytes) -> bytes:
    """The same JSON with a value, somewhere, that does not belong there, or a member less."""
    record = json.loads(content)
    section, key = draw(st.sampled_from(_places(record)))
    if isinstance(section, dict) and draw(st.integers(0, 4)) == 0:
        del section[key]
    else:
        section[key] = draw(_VALUES)
    return json.dumps(record).encode()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place of a value below this one, as what holds it and its key there."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, item in pairs:
        found.append((value, key))
        if isinstance(item, dict | list):
            found += _places(item)
    return found
