"""Very long texts in pieces: memory and quality must not hang on one line."""

from collections.abc import Sequence

_SPACE = "▁"
_STOPS = (".", "!", "?", "…")
_WIDE_STOPS = ("。", "！", "？")
_CLOSERS = "\"'”’»)]」』）"
_LONGEST_CLOSING = 3
_CONTINUATION_BYTES = frozenset(f"<0x{byte:02X}>" for byte in range(0x80, 0xC0))


def split(tokens: Sequence[str], limit: int) -> list[slice]:
    """Runs of subwords, each of at most `limit`, that together are all of them, in order.

    tokens: subwords of one text, `▁` for a space. A text within the limit is one run. Each cut is
    in the second half of what fits, at the best place there, the latest of its kind: after the end
    of a sentence, else before a word, else between two characters, else anywhere.
    """
    runs, start = [], 0
    while len(tokens) - start > limit:
        places = range(start + (limit + 1) // 2, start + limit + 1)
        cut = max(places, key=lambda place: (_quality(tokens, place), place))
        runs.append(slice(start, cut))
        start = cut
    return [*runs, slice(start, len(tokens))]


def _quality(tokens: Sequence[str], place: int) -> int:
    """How good a cut before `tokens[place]` is, from 0 to 3."""
    ending = "".join(tokens[max(0, place - _LONGEST_CLOSING) : place]).rstrip(_CLOSERS)
    if tokens[place].startswith(_SPACE):
        return 3 if ending.endswith(_STOPS + _WIDE_STOPS) else 2
    if ending.endswith(_WIDE_STOPS) and not tokens[place].startswith(tuple(_CLOSERS)):
        return 3
    return 0 if tokens[place] in _CONTINUATION_BYTES else 1
