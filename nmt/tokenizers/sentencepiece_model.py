"""Reading and writing of SentencePiece model files beyond SentencePiece's Python interface.

The file is a protobuf message with three fields: the pieces (field 1), the training settings (2)
and the normalization (3). A piece has a text (field 1), a score (2) and a kind (3). A segmented
text is such a message too, in every version of the interface.

The format reserves fields from 200 on for other programs. A tokenizer of nmt that SentencePiece
does not know stores its kind there, in the first field of the file.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from math import isfinite
from typing import NamedTuple

from nmt.errors import ModelError
from nmt.tokenizers.words import Subword


class ModelKind(IntEnum):
    """The kind of segmentation of a model."""

    UNIGRAM = 1
    BPE = 2
    WORD = 3
    CHAR = 4


class PieceKind(IntEnum):
    """The kind of a piece."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


class TrainerField(IntEnum):
    """The fields of the training settings that are read or written here."""

    MODEL_KIND = 3
    VOCABULARY_SIZE = 4
    SPACE_AS_SUFFIX = 24
    UNKNOWN_ID = 40
    BEGIN_ID = 41
    END_ID = 42
    PADDING_ID = 43
    UNKNOWN_SHOWN_AS = 44
    UNKNOWN_PIECE = 45
    BEGIN_PIECE = 46
    END_PIECE = 47
    PADDING_PIECE = 48


Value = int | float | bytes
"""The value of a field of a message."""

PIECE_FIELD, TRAINER_FIELD, NORMALIZER_FIELD = 1, 2, 3
_KIND_FIELD = 200
_CASE_SEPARATOR = " with case marks: "
_RULE, _ADD_PREFIX, _REMOVE_SPACES, _ESCAPE_SPACES = 2, 3, 4, 5
"""Fields of the normalization."""
_RESERVED = 4
"""The number of reserved pieces."""


class Piece(NamedTuple):
    """A subword of a model.

    Attributes:
        text: The text, with `▁` for a space.
        score: The log-probability in a unigram model, minus the merge rank in BPE.
        kind: The kind of the piece.
    """

    text: str
    score: float
    kind: PieceKind


class SentencePieceModel(NamedTuple):
    """The contents of a model.

    Attributes:
        pieces: The pieces, in the order of their ids.
        kind: The kind of segmentation.
    """

    pieces: tuple[Piece, ...]
    kind: ModelKind


def read_model(content: bytes, name: str) -> SentencePieceModel:
    """Return the contents of a serialized SentencePiece model.

    Args:
        content: The bytes of the model file.
        name: The name of the model in errors.

    Raises:
        ModelError: The model is damaged.
    """
    pieces: list[Piece] = []
    kind = ModelKind.UNIGRAM
    try:
        for field, value in read_fields(content):
            if field == PIECE_FIELD:
                pieces.append(_read_piece(_expect_message(value)))
            elif field == TRAINER_FIELD:
                trainer = dict(read_fields(_expect_message(value)))
                kind = ModelKind(_expect_number(trainer.get(TrainerField.MODEL_KIND, kind)))
    except (ValueError, struct.error) as error:
        raise ModelError(
            f"{name}: is damaged or not a SentencePiece model ({error}). Copy it again, or "
            "re-create it with `nmt tokenizer --force`."
        ) from error
    return SentencePieceModel(tuple(pieces), kind)


def read_subwords(content: bytes) -> list[Subword]:
    """Return the subwords of a serialized segmentation (`SentencePieceText`).

    Field 2 of the message holds the tokens. Fields 1 and 3 of a token hold its piece and its
    surface.
    """
    tokens = (
        dict(read_fields(_expect_message(value)))
        for field, value in read_fields(content)
        if field == 2
    )
    return [
        Subword(*(_expect_message(token.get(field, b"")).decode("utf-8") for field in (1, 3)))
        for token in tokens
    ]


def read_tokenizer_kind(content: bytes) -> str | None:
    """Return the kind of tokenizer that a file names, None for a plain SentencePiece model."""
    return (_read_kind_field(content) or "").partition(_CASE_SEPARATOR)[0] or None


def read_case_rule(content: bytes) -> str | None:
    """Return the rule of letter case that a file names, None for letters as written."""
    return (_read_kind_field(content) or "").partition(_CASE_SEPARATOR)[2] or None


def _read_kind_field(content: bytes) -> str | None:
    try:
        field, value = next(read_fields(content))
        return _expect_message(value).decode("utf-8") if field == _KIND_FIELD else None
    except (StopIteration, ValueError, struct.error):
        return None


def add_case_marks(content: bytes, kind: str, rule: str, marks: Sequence[str]) -> bytes:
    """Return a model file with marks of letter case after the reserved pieces.

    Releases of nmt that do not know such marks refuse the file by its kind.

    Args:
        content: The model file.
        kind: The kind of tokenizer.
        rule: The rule of letter case.
        marks: The marks.
    """
    fields = [(field, value) for field, value in read_fields(content) if field != _KIND_FIELD]
    pieces = [value for field, value in fields if field == PIECE_FIELD]
    added = [write_piece(Piece(mark, 0.0, PieceKind.CONTROL)) for mark in marks]
    size = write_message({TrainerField.VOCABULARY_SIZE: len(pieces) + len(added)})
    trainer = b"".join(_expect_message(value) for field, value in fields if field == TRAINER_FIELD)
    return b"".join(
        [
            write_field(_KIND_FIELD, f"{kind}{_CASE_SEPARATOR}{rule}".encode()),
            *[write_field(PIECE_FIELD, piece) for piece in pieces[:_RESERVED]],
            *[write_field(PIECE_FIELD, piece) for piece in added],
            *[write_field(PIECE_FIELD, piece) for piece in pieces[_RESERVED:]],
            # Where a field occurs twice, the last one counts.
            write_field(TRAINER_FIELD, trainer + size),
            *[
                write_field(field, value)
                for field, value in fields
                if field not in (PIECE_FIELD, TRAINER_FIELD)
            ],
        ]
    )


def drop_normalization(content: bytes) -> bytes:
    """Return a model file that takes texts which are normalized already, `▁` included."""
    no_rule = dict.fromkeys((_ADD_PREFIX, _REMOVE_SPACES, _ESCAPE_SPACES), 0)
    return content + write_field(NORMALIZER_FIELD, write_message({_RULE: b"", **no_rule}))


def write_model(
    kind: str, pieces: Sequence[Piece], trainer: Mapping[int, Value], normalizer: bytes
) -> bytes:
    """Return the file of a tokenizer of nmt's own kind.

    Args:
        kind: The name of the kind in the configuration.
        pieces: The vocabulary, in the order of its ids.
        trainer: The fields of the training settings.
        normalizer: The message of the normalization.
    """
    return b"".join(
        [
            write_field(_KIND_FIELD, kind.encode("utf-8")),
            *[write_field(PIECE_FIELD, write_piece(piece)) for piece in pieces],
            write_field(TRAINER_FIELD, write_message(trainer)),
            write_field(NORMALIZER_FIELD, normalizer),
        ]
    )


def write_piece(piece: Piece) -> bytes:
    """Return the message of a piece."""
    return write_message({1: piece.text.encode("utf-8"), 2: piece.score, 3: piece.kind})


def write_message(values: Mapping[int, Value]) -> bytes:
    """Return the message that consists of these fields."""
    return b"".join(write_field(field, value) for field, value in values.items())


def write_field(field: int, value: Value) -> bytes:
    """Return one field of a message. A float takes four bytes.

    Args:
        field: The number of the field.
        value: The value of the field.
    """
    if isinstance(value, bytes):
        return _write_varint(field << 3 | 2) + _write_varint(len(value)) + value
    if isinstance(value, float):
        return _write_varint(field << 3 | 5) + struct.pack("<f", value)
    return _write_varint(field << 3) + _write_varint(value)


def _write_varint(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups[-1] |= 0x80
        groups.append(number & 0x7F)
    return bytes(groups)


def _read_piece(content: bytes) -> Piece:
    fields = dict(read_fields(content))
    text = _expect_message(fields.get(1, 0)).decode("utf-8")
    score = fields.get(2, 0.0)
    if not isinstance(score, float) or not isfinite(score):
        raise ValueError(f"the score of {text!r} is not a number")
    return Piece(text, score, PieceKind(_expect_number(fields.get(3, PieceKind.NORMAL))))


def read_fields(content: bytes) -> Iterator[tuple[int, Value]]:
    """Yield the number and the value of each field of a message.

    Raises:
        ValueError: The message is damaged.
        struct.error: The message ends within a number.
    """
    position = 0
    while position < len(content):
        tag, position = _read_varint(content, position)
        value: Value
        match tag & 7:
            case 0:
                value, position = _read_varint(content, position)
            case 1:
                (value,) = struct.unpack_from("<d", content, position)
                position += 8
            case 2:
                length, position = _read_varint(content, position)
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


def _read_varint(content: bytes, position: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, the lowest first, and the position after it."""
    number = 0
    for index, byte in enumerate(content[position : position + 10]):
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number, position + index + 1
    raise ValueError("it ends too early")


def _expect_number(value: Value) -> int:
    if not isinstance(value, int):
        raise ValueError("no number where a kind belongs")
    return value


def _expect_message(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number where a text or message belongs")
    return value
