"""SentencePiece models: the vocabulary, and the way from text to token ids and back.

A model is trained with whitespace folded (runs of it become one space, none at the ends) and a
space before the first word; digits are learned like letters, so that frequent numbers may become
one subword. A model carries its own normalisation, so text is treated alike everywhere.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sentencepiece

from nmt.data.sentencepiece_model import SentencePieceModel, read_model, read_subwords
from nmt.errors import ModelError, UsageError
from nmt.runtime.files import atomic_file
from nmt.runtime.places import Folder, Place, open_place
from nmt.text.characters import clean_output, find_surrogate
from nmt.tokenizers.words import Subword

PAD = 0
UNK = 1
BOS = 2
EOS = 3

_CONTROLS = frozenset((PAD, BOS, EOS))
_JOINT = "joint.model"
_SOURCE = "source.model"
_TARGET = "target.model"
_NUL = "\0"

TOKENIZER_FILES = (_JOINT, _SOURCE, _TARGET)
"""The names of model files, of which one pair of tokenizers has the first or both others."""


class Tokenizer:
    """One SentencePiece model. Can be sent to another process."""

    def __init__(self, model: bytes, name: str = "tokenizer") -> None:
        """Open a model from its bytes; `name` stands for it in errors.

        Raises ModelError when the bytes are no SentencePiece model, or one whose reserved ids are
        not pad 0, unk 1, bos 2, eos 3.
        """
        self._model = model
        self._name = name
        self._processor = _open_processor(model, name)
        self.fingerprint = hashlib.sha256(model).hexdigest()

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Open a model file. Raises ModelError when it is missing or damaged."""
        return cls.of_place(Folder(path.parent), path.name)

    @classmethod
    def of_place(cls, place: Place, name: str) -> "Tokenizer":
        """Open a model file of a folder or archive. Raises ModelError as `load` does."""
        file = place.path / name
        try:
            return cls(place.read(name), str(file))
        except OSError as error:
            reason = error.strerror or str(error)
            raise ModelError(f"{file}: the tokenizer cannot be read: {reason}.") from error

    def save(self, path: Path) -> None:
        """Write the model file, whole or not at all."""
        with atomic_file(path) as file:
            file.write(self._model)

    @property
    def size(self) -> int:
        """Number of subwords, reserved ones included."""
        return int(self._processor.get_piece_size())

    def read_model(self) -> SentencePieceModel:
        """What the model's file says of its pieces. Raises ModelError when it is damaged."""
        return read_model(self._model, self._name)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, without BOS and EOS.

        Text such as `<s>` gives ordinary subwords, never a reserved id other than UNK.

        Raises:
            UsageError: The text has half of a surrogate pair.
        """
        with _surrogates_refused((text,)):
            return list(self._processor.encode_as_ids(_without_nul(text)))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text. Raises as `encode` does."""
        if _NUL in "".join(texts):
            texts = [_without_nul(text) for text in texts]
        with _surrogates_refused(texts):
            return [self._processor.encode_as_ids(text) for text in texts]

    def subwords(self, text: str) -> list[Subword]:
        """Return the tokens of `encode(text)`, each with what it stands for in the text.

        Raises as `encode` does.
        """
        with _surrogates_refused((text,)):
            content: bytes = self._processor.encode(_without_nul(text), out_type="serialized_proto")
        return read_subwords(content)

    def spelled(self, pieces: Sequence[str]) -> list[Subword]:
        """Return subwords, each with what it is in the text that they decode to.

        Args:
            pieces: Subwords as `pieces` gives them, without those of control characters, such as
                end marks.
        """
        content: bytes = self._processor.decode(list(pieces), out_type="serialized_proto")
        return [
            each._replace(surface=clean_output(each.surface)) for each in read_subwords(content)
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, as it may leave; PAD, BOS and EOS are passed over."""
        kept = [int(token) for token in ids if int(token) not in _CONTROLS]
        # Byte subwords can spell any character, line ends among them.
        return clean_output(str(self._processor.decode(kept)))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The subwords of token ids, as the model writes them (`▁` is a space)."""
        return [str(self._processor.id_to_piece(int(token))) for token in ids]

    def ids(self, pieces: Sequence[str]) -> list[int]:
        """The token ids of subwords, as `pieces` gives them.

        Raises UsageError for one that is not in the vocabulary, or that no text has.
        """
        ids = [int(self._processor.piece_to_id(piece)) for piece in pieces]
        for piece, token in zip(pieces, ids, strict=True):
            if token in _CONTROLS or self.pieces([token]) != [piece]:
                raise UsageError(f"{piece!r:.80} is no subword of this vocabulary.")
        return ids

    def __reduce__(self) -> tuple[Any, ...]:
        return Tokenizer, (self._model, self._name)


@dataclass(frozen=True)
class TokenizerPair:
    """The tokenizers of both sides; `joint` when they are one and the same."""

    source: Tokenizer
    target: Tokenizer
    joint: bool

    @classmethod
    def load(cls, path: Path) -> "TokenizerPair":
        """Open `joint.model`, or `source.model` and `target.model`, of a folder or archive.

        Raises ModelError when they are missing or damaged.
        """
        if not path.exists():
            raise ModelError(f"{path}: there is no tokenizer; make one with nmt tokenizer.")
        return cls.of_place(open_place(path))

    @classmethod
    def of_place(cls, place: Place) -> "TokenizerPair":
        """Open the model files among those of a place. Raises ModelError as `load` does."""
        if place.has(_JOINT):
            both = Tokenizer.of_place(place, _JOINT)
            return cls(both, both, joint=True)
        return cls(
            Tokenizer.of_place(place, _SOURCE), Tokenizer.of_place(place, _TARGET), joint=False
        )

    def save(self, folder: Path) -> None:
        """Write the model files into a folder."""
        if self.joint:
            self.source.save(folder / _JOINT)
        else:
            self.source.save(folder / _SOURCE)
            self.target.save(folder / _TARGET)

    @property
    def fingerprint(self) -> str:
        """One SHA-256, in hexadecimal, for both sides and the way they are joined."""
        kind = "joint" if self.joint else "separate"
        parts = f"{kind} {self.source.fingerprint} {self.target.fingerprint}"
        return hashlib.sha256(parts.encode("ascii")).hexdigest()


def _open_processor(model: bytes, name: str) -> Any:
    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.load_from_serialized_proto(model)
    except (RuntimeError, OSError, UnicodeDecodeError) as error:
        raise _damaged(name) from error
    if not model or processor.get_piece_size() == 0:
        raise _damaged(name)
    found = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
    if found != (PAD, UNK, BOS, EOS):
        raise ModelError(
            f"{name}: reserved ids pad, unk, bos, eos are {found}, not {(PAD, UNK, BOS, EOS)}.\n"
            "Train the model with nmt tokenizer, or with pad_id=0, unk_id=1, bos_id=2, eos_id=3."
        )
    return processor


@contextmanager
def _surrogates_refused(texts: Sequence[str]) -> Iterator[None]:
    """Raise UsageError for texts that no UTF-8 can hold, which SentencePiece takes for internal."""
    try:
        yield
    except (UnicodeEncodeError, RuntimeError) as error:
        for number, text in enumerate(texts, start=1):
            if problem := find_surrogate(text):
                which = f"text {number}" if len(texts) > 1 else "the text"
                raise UsageError(
                    f"{which} has {problem}. Decode it properly: such a character stands for a "
                    "byte or a part of a character that was not understood."
                ) from error
        raise


def _without_nul(text: str) -> str:
    """Return a text without the one control character that no normalisation rule can name."""
    return text.replace(_NUL, "")


def _damaged(name: str) -> ModelError:
    return ModelError(
        f"{name}: no SentencePiece model, or a damaged one. "
        "Copy it anew, or make it again with nmt tokenizer --force."
    )
