"""What a SentencePiece model file says that SentencePiece's Python interface does not tell.

The file is a protobuf message. Of it two fields are read: 1, the pieces (each with 1 its text,
2 its score, 3 its kind), and 2, how it was trained (of which 3 is the kind of model). A text cut
into tokens comes as such a message too, in every version of the interface.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from math import isfinite
from typing import NamedTuple

from nmt.errors import ModelError
from nmt.tokenizers.words import Subword


class ModelKind(IntEnum):
    """How text is cut into pieces."""

    UNIGRAM = 1
    BPE = 2
    WORD = 3
    CHAR = 4


class PieceKind(IntEnum):
    """What a piece stands for."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


class Piece(NamedTuple):
    """One subword; score: log-probability in a unigram model, minus the merge's rank in BPE."""

    text: str
    score: float
    kind: PieceKind


class SentencePieceModel(NamedTuple):
    """The pieces of a model, in the order of their ids, and its kind."""

    pieces: tuple[Piece, ...]
    kind: ModelKind


def read_model(content: bytes, name: str) -> SentencePieceModel:
    """Read a serialized SentencePiece model; `name` stands for it in errors.

    Raises ModelError when it is damaged.
    """
    pieces: list[Piece] = []
    kind = ModelKind.UNIGRAM
    try:
        for field, value in _fields(content):
            if field == 1:
                pieces.append(_read_piece(_message(value)))
            elif field == 2:
                kind = ModelKind(_number(dict(_fields(_message(value))).get(3, kind)))
    except (ValueError, struct.error) as error:
        raise ModelError(
            f"{name}: no SentencePiece model, or a damaged one ({error}). "
            "Copy it anew, or make it again with nmt tokenizer --force."
        ) from error
    return SentencePieceModel(tuple(pieces), kind)


def read_subwords(content: bytes) -> list[Subword]:
    """Read a serialized segmentation of a text (`SentencePieceText`): of the message field 2, the
    tokens, and of each 1, its piece, and 3, its surface.
    """
    tokens = (dict(_fields(_message(value))) for field, value in _fields(content) if field == 2)
    return [
        Subword(*(_message(token.get(field, b"")).decode("utf-8") for field in (1, 3)))
        for token in tokens
    ]


_Value = int | float | bytes


def _read_piece(content: bytes) -> Piece:
    fields = dict(_fields(content))
    text = _message(fields.get(1, 0)).decode("utf-8")
    score = fields.get(2, 0.0)
    if not isinstance(score, float) or not isfinite(score):
        raise ValueError(f"the score of {text!r} is no number")
    return Piece(text, score, PieceKind(_number(fields.get(3, PieceKind.NORMAL))))


def _fields(content: bytes) -> Iterator[tuple[int, _Value]]:
    """The fields of a message: number and value. Raises ValueError or struct.error on damage."""
    position = 0
    while position < len(content):
        tag, position = _varint(content, position)
        value: _Value
        match tag & 7:
            case 0:
                value, position = _varint(content, position)
            case 1:
                (value,) = struct.unpack_from("<d", content, position)
                position += 8
            case 2:
                length, position = _varint(content, position)
                value = content[position : position + length]
                if len(value) < length:
                    raise ValueError("it ends too early")
                position += length
            case 5:
                (value,) = struct.unpack_from("<f", content, position)
                position += 4
            case other:
                raise ValueError(f"unknown wire type {other} at byte {position}")
        yield tag >> 3, value


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    number = 0
    for place, byte in enumerate(content[position : position + 10]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, position + place + 1
    raise ValueError("it ends too early")


def _number(value: _Value) -> int:
    if not isinstance(value, int):
        raise ValueError("no number where a kind belongs")
    return value


def _message(value: _Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number where a text or message belongs")
    return value
