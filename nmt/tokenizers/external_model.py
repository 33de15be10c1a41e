"""SentencePiece models of other tools, converted to the reserved ids of nmt.

Other tools number the reserved pieces differently. SentencePiece itself gives `<unk>` 0, `<s>` 1
and `</s>` 2, and has no padding. The conversion changes only the order of the pieces, so the
segmentation of a text stays the same. It keeps all other pieces in their order, except further
control symbols, which no text has.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import sentencepiece

from nmt.errors import ModelError
from nmt.tokenizers.sentencepiece_model import (
    PIECE_FIELD,
    TRAINER_FIELD,
    Piece,
    PieceKind,
    TrainerField,
    Value,
    read_fields,
    read_model,
    read_tokenizer_kind,
    write_field,
    write_message,
    write_piece,
)
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK

_NAMES = ("<pad>", "<unk>", "<s>", "</s>")
_PIECE_FIELDS = (
    TrainerField.PADDING_PIECE,
    TrainerField.UNKNOWN_PIECE,
    TrainerField.BEGIN_PIECE,
    TrainerField.END_PIECE,
)
_ID_FIELDS = (
    TrainerField.PADDING_ID,
    TrainerField.UNKNOWN_ID,
    TrainerField.BEGIN_ID,
    TrainerField.END_ID,
)
_HINT = (
    "Give a SentencePiece model file, which ends in .model or .spm (tokenizer.model, "
    "spiece.model, sentencepiece.bpe.model, source.spm)."
)


def fingerprint_external_model(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises:
        ModelError: The file cannot be read.
    """
    return hashlib.sha256(_read(path)).hexdigest()


def read_external_model(path: Path) -> bytes:
    """Read a model file and convert its reserved ids.

    Returns:
        The model, with pad 0, unk 1, bos 2 and eos 3.

    Raises:
        ModelError: The file is missing, damaged, or no SentencePiece model.
    """
    content = _read(path)
    if read_tokenizer_kind(content) is not None:
        return content  # a tokenizer of nmt's own kind
    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.load_from_serialized_proto(content)
        pieces = read_model(content, str(path)).pieces
    except (RuntimeError, OSError, UnicodeDecodeError, ModelError) as error:
        raise ModelError(_describe_wrong_file(content, path)) from error
    if not content or not pieces:
        raise ModelError(_describe_wrong_file(content, path))
    trainer = b"".join(_messages(content, TRAINER_FIELD))
    if dict(read_fields(trainer)).get(TrainerField.SPACE_AS_SUFFIX):
        raise ModelError(
            f"tokenizer.model: {path}: it was trained with treat_whitespace_as_suffix, which nmt "
            "does not support. Train it without this option."
        )
    reserved_ids = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
    if reserved_ids == (PAD, UNK, BOS, EOS):
        return content
    return _renumber(content, pieces, trainer)


def _renumber(content: bytes, pieces: tuple[Piece, ...], trainer: bytes) -> bytes:
    kept = [
        (piece, message)
        for piece, message in zip(pieces, _messages(content, PIECE_FIELD), strict=True)
        if piece.kind not in (PieceKind.CONTROL, PieceKind.UNKNOWN)
    ]
    used_texts = {piece.text for piece, _ in kept}
    names = [_unused_name(name, used_texts) for name in _NAMES]
    kinds = [PieceKind.CONTROL] * len(names)
    kinds[UNK] = PieceKind.UNKNOWN
    reserved = [Piece(name, 0.0, kind) for name, kind in zip(names, kinds, strict=True)]
    ids: dict[int, Value] = {field: token for token, field in enumerate(_ID_FIELDS)}
    texts: dict[int, Value] = {
        field: name.encode() for field, name in zip(_PIECE_FIELDS, names, strict=True)
    }
    size: dict[int, Value] = {TrainerField.VOCABULARY_SIZE: len(reserved) + len(kept)}
    # Where a field occurs twice, the last one counts.
    trainer += write_message({**ids, **texts, **size})
    return b"".join(
        [
            *[write_field(PIECE_FIELD, write_piece(piece)) for piece in reserved],
            *[write_field(PIECE_FIELD, message) for _, message in kept],
            write_field(TRAINER_FIELD, trainer),
            *[
                write_field(field, value)
                for field, value in read_fields(content)
                if field not in (PIECE_FIELD, TRAINER_FIELD)
            ],
        ]
    )


def _messages(content: bytes, number: int) -> Iterator[bytes]:
    """Yield the values of a field that holds messages."""
    for field, value in read_fields(content):
        if field == number and isinstance(value, bytes):
            yield value


def _unused_name(name: str, used_texts: set[str]) -> str:
    while name in used_texts:  # a text that the model has as a symbol
        name = f"<{name}>"
    return name


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"tokenizer.model: {path}: no such file. {_HINT}") from error
    except IsADirectoryError as error:
        raise ModelError(f"tokenizer.model: {path}: is a folder. {_HINT}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelError(f"tokenizer.model: {path}: cannot be read: {reason}.") from error


def _describe_wrong_file(content: bytes, path: Path) -> str:
    """Return an error message for a file that is no model."""
    prefix = f"tokenizer.model: {path}: "
    if not content:
        return f"{prefix}the file is empty. Copy it again."
    if content.startswith(b"version https://git-lfs"):
        return f"{prefix}is a Git LFS pointer, not the file itself. Run `git lfs pull`."
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return f"{prefix}is damaged or not a SentencePiece model. Copy it again.\n{_HINT}"
    if text.lstrip().startswith("{"):
        return f"{prefix}is JSON, such as the tokenizer.json of Hugging Face.\n{_HINT}"
    return f"{prefix}is a text file, such as a list of subwords or of BPE merges.\n{_HINT}"
