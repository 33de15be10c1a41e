import struct

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st
from subword_models import USER_SYMBOLS, message, train_model

from nmt.errors import ModelError
from nmt.tokenizers.sentencepiece_model import ModelKind, PieceKind, read_model


def piece(text: bytes, score: bytes = struct.pack("<f", -1.5), kind: int = 1) -> bytes:
    return message(1, message(1, text) + b"\x15" + score + b"\x18" + bytes([kind]))


@pytest.mark.parametrize("kind", ["unigram", "bpe", "word", "char"])
def test_what_is_read_is_what_sentencepiece_knows(kind):
    byte_fallback = kind in ("unigram", "bpe")
    tokenizer = train_model(kind, byte_fallback=byte_fallback)
    model = tokenizer.read_model()
    processor: sentencepiece.SentencePieceProcessor = tokenizer._processor
    assert model.kind == ModelKind[kind.upper()]
    assert len(model.pieces) == tokenizer.size
    for token, (text, score, piece_kind) in enumerate(model.pieces):
        assert text == processor.id_to_piece(token)
        assert score == processor.get_score(token)
        assert processor.is_unknown(token) == (piece_kind == PieceKind.UNKNOWN)
        assert processor.is_control(token) == (piece_kind == PieceKind.CONTROL)
        assert processor.is_byte(token) == (piece_kind == PieceKind.BYTE)
        assert (text.lstrip("▁") in USER_SYMBOLS) == (piece_kind == PieceKind.USER_DEFINED)
    assert any(piece.kind == PieceKind.BYTE for piece in model.pieces) == byte_fallback


def test_what_is_left_out_has_its_default():
    model = read_model(message(1, message(1, "▁é".encode())) + message(2, b""), "m")
    assert model == ((("▁é", 0.0, PieceKind.NORMAL),), ModelKind.UNIGRAM)


def test_other_fields_are_passed_over():
    others = b"\x49" + bytes(8) + b"\x55" + bytes(4) + b"\x38\xff\x01" + message(3, b"\xff\xff")
    model = read_model(
        others + piece(b"a", kind=5) + others + message(2, others + b"\x18\x02"), "m"
    )
    assert model == ((("a", -1.5, PieceKind.UNUSED),), ModelKind.BPE)


@pytest.mark.parametrize(
    "content",
    [
        piece(b"abc")[:-1],
        piece(b"a")[:5],
        b"\x0a",
        b"\x0a\x05ab",
        b"\x0b",
        b"\x80" * 11 + b"\x01",
        piece(b"\xff"),
        piece(b"a", kind=0),
        piece(b"a", kind=7),
        piece(b"a", struct.pack("<f", float("nan"))),
        message(1, b""),
        message(1, b"\x08\x01"),
        message(1, message(1, b"a") + b"\x10\x01"),
        message(1, message(1, b"a") + message(3, b"a")),
        b"\x08\x01",
        message(2, b"\x18\x09"),
    ],
    ids=repr,
)
def test_damage_is_told_by_the_name_of_the_model(content):
    with pytest.raises(ModelError, match=r"x\.model: .*damaged"):
        read_model(content, "x.model")


@given(st.binary())
def test_any_bytes_are_a_model_or_damaged(content):
    try:
        assert all(isinstance(piece.text, str) for piece in read_model(content, "m").pieces)
    except ModelError as error:
        assert "m: " in error.message
