"""Segments of source texts, and the splitting of long lines into segments."""

from collections.abc import Sequence
from dataclasses import dataclass

from nmt.search.constraints import TokenConstraints
from nmt.tokenizers.letter_case import CASE_MARKS, find_open_mark
from nmt.tokenizers.tokenizer import Tokenizer
from nmt.tokenizers.words import SegmentedText, Subword


@dataclass(frozen=True)
class Segment:
    """Segment of a source text, which search translates as a whole.

    Attributes:
        tokens: The token ids, none for a blank text.
        text: The text of the segment with its subwords.
        constraints: The constraints of its translation, in tokens.
        prefix: The subwords of the prefix, to be written as they are. Empty where the model has a
            token for everything in the prefix.
        number: The number that samples depend on, different for all segments of all texts. None
            where equal segments have equal samples.
    """

    tokens: list[int]
    text: SegmentedText
    constraints: TokenConstraints
    prefix: Sequence[Subword] = ()
    number: int | None = None


def divide_line(
    tokenizer: Tokenizer, tokens: Sequence[int], limit: int
) -> list[tuple[list[str], slice]]:
    """Return the runs of a text's tokens that are translated separately, each with its marks.

    The marks are the case marks that a run needs at its beginning, because the run before it ends
    within capitals.

    Args:
        tokenizer: The tokenizer of the source.
        tokens: The token ids of the text, without tags.
        limit: The maximum number of tokens of a run with its marks.
    """
    room = max(1, limit)
    if len(tokens) <= room:
        return [([], slice(0, len(tokens)))]
    pieces = tokenizer.pieces(tokens)
    runs = split_line(pieces, room - 1 if tokenizer.case_marks and room > 1 else room)
    return [(find_open_mark(pieces[: run.start]), run) for run in runs]


def split_line(tokens: Sequence[str], limit: int) -> list[slice]:
    """Return runs of at most `limit` subwords that together are all of a text, in order.

    A text within the limit is one run. Each cut is in the second half of the positions that fit, at
    the last of the best ones. The end of a sentence is best, then the beginning of a word, then any
    position between characters.

    Args:
        tokens: The subwords of one text, `▁` for a space.
        limit: The maximum number of subwords of a run.
    """
    tokens = _spaces_before_marks(tokens)
    runs, start = [], 0
    while len(tokens) - start > limit:
        places = range(start + (limit + 1) // 2, start + limit + 1)
        cut = max(places, key=lambda place: (_quality(tokens, place), place))
        runs.append(slice(start, cut))
        start = cut
    return [*runs, slice(start, len(tokens))]


def _quality(tokens: Sequence[str], place: int) -> int:
    """Return the quality of a cut before `tokens[place]`, from 0 to 3."""
    ending = "".join(tokens[max(0, place - _LONGEST_CLOSING) : place]).rstrip(_CLOSERS)
    if tokens[place].startswith(_SPACE):
        return 3 if ending.endswith(_STOPS + _WIDE_STOPS) else 2
    if ending.endswith(_WIDE_STOPS) and not tokens[place].startswith(tuple(_CLOSERS)):
        return 3
    return int(tokens[place] not in _CONTINUATION_BYTES and not tokens[place - 1].endswith(_MARK))


def _spaces_before_marks(tokens: Sequence[str]) -> list[str]:
    """Return subwords with `_MARK` for each case mark, after the space of the next subword."""
    written = list(tokens)
    for i in range(len(tokens) - 1):
        if tokens[i] in CASE_MARKS:
            is_spaced = tokens[i + 1].startswith(_SPACE)
            written[i] = _SPACE * is_spaced + _MARK
            written[i + 1] = tokens[i + 1][is_spaced:]
    return written


_SPACE = "▁"
_MARK = "\0"
"""Placeholder for a case mark, which is not cut off from the subword that follows."""
_STOPS = (".", "!", "?", "…")
_WIDE_STOPS = ("。", "！", "？")
_CLOSERS = "\"'”’»)]」』）"
_LONGEST_CLOSING = 3
_CONTINUATION_BYTES = frozenset(f"<0x{byte:02X}>" for byte in range(0x80, 0xC0))
