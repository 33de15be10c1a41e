"""The tokenizer: a vocabulary, and the conversion from text to token ids and back.

Each tokenizer is a SentencePiece model file, which includes the normalization. A kind that
SentencePiece does not know, such as words, is a class in `nmt.config.registry.TOKENIZERS`. The file
stores the name of its kind.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import Any

import sentencepiece

from nmt.config.registry import LETTER_CASES, TOKENIZERS, tokenizer_units
from nmt.errors import ModelError, UsageError
from nmt.runtime.atomic_files import atomic_file
from nmt.runtime.folder_or_archive import FileStore, Folder, open_file_store
from nmt.text.characters import clean_output, find_surrogate
from nmt.tokenizers.letter_case import CaseRestorer, make_letter_case
from nmt.tokenizers.sentencepiece_model import (
    ModelKind,
    SentencePieceModel,
    read_case_rule,
    read_model,
    read_subwords,
    read_tokenizer_kind,
)
from nmt.tokenizers.words import Subword

PAD = 0
UNK = 1
BOS = 2
EOS = 3

_CONTROL_IDS = frozenset((PAD, BOS, EOS))
_JOINT = "joint.model"
_SOURCE = "source.model"
_TARGET = "target.model"
_NUL = "\0"

TOKENIZER_FILES = (_JOINT, _SOURCE, _TARGET)
"""The names of model files. A pair of tokenizers has the first, or both others."""


class Tokenizer:
    """A SentencePiece model. It can be pickled.

    A kind with another segmentation overrides `encode_batch` and `subwords`.
    """

    def __init__(self, model: bytes, name: str = "tokenizer") -> None:
        """Open a model from its bytes. See `open_tokenizer`.

        Args:
            model: The bytes of the model file.
            name: The name of the model in errors.

        Raises:
            ModelError: The bytes are no SentencePiece model, or its reserved ids are not pad 0, unk
                1, bos 2, eos 3.
        """
        self._model = model
        self.name = name
        self._processor = _open_processor(model, name)
        self.fingerprint = hashlib.sha256(model).hexdigest()

    @staticmethod
    def load(path: Path) -> "Tokenizer":
        """Return the tokenizer of a model file.

        Raises:
            ModelError: The file is missing or damaged.
        """
        return Tokenizer.from_store(Folder(path.parent), path.name)

    @staticmethod
    def from_store(store: FileStore, name: str) -> "Tokenizer":
        """Return the tokenizer of a model file in a file store.

        Args:
            store: The file store.
            name: The name of the model file.

        Raises:
            ModelError: The file is missing or damaged.
        """
        file = store.path / name
        try:
            return open_tokenizer(store.read(name), str(file))
        except OSError as error:
            reason = error.strerror or str(error)
            raise ModelError(f"{file}: cannot read the tokenizer: {reason}.") from error

    def save(self, path: Path) -> None:
        """Write the model file atomically."""
        with atomic_file(path) as file:
            file.write(self._model)

    @property
    def size(self) -> int:
        """The number of subwords, including the reserved ones."""
        return int(self._processor.get_piece_size())

    @cached_property
    def kind(self) -> str:
        """The name of its kind in the configuration."""
        return read_tokenizer_kind(self._model) or self.read_model().kind.name.lower()

    @property
    def units(self) -> str:
        """The name of its tokens, such as `bpe subwords` or `words`."""
        return tokenizer_units(self.kind)

    @cached_property
    def is_word_level(self) -> bool:
        """Whether its tokens are whole words, so that an unknown token is an unknown word."""
        return self.read_model().kind == ModelKind.WORD

    @property
    def segmentation_instructions(self) -> str | None:
        """Instructions for the segmentation; None where SentencePiece alone does it."""
        return None

    @cached_property
    def added_control_ids(self) -> frozenset[int]:
        """The ids of control pieces that no text has, besides PAD, BOS and EOS: those of tags."""
        ids = range(self.size)
        controls = frozenset(compress(ids, self._processor.is_control(list(ids))))
        return controls - _CONTROL_IDS - self.case_marks

    def read_model(self) -> SentencePieceModel:
        """Return the contents of the model file.

        Raises:
            ModelError: The file is damaged.
        """
        return self._contents

    @cached_property
    def _contents(self) -> SentencePieceModel:
        return read_model(self._model, self.name)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, without BOS and EOS.

        Text such as `<s>` gives ordinary subwords, never a reserved id other than UNK.

        Raises:
            UsageError: The text has a surrogate.
        """
        return self.encode_batch((text,))[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, without BOS and EOS.

        Raises:
            UsageError: A text has a surrogate.
        """
        if _NUL in "".join(texts):
            texts = [remove_nul(text) for text in texts]
        with refuse_surrogates(texts):
            return [list(ids) for ids in map(self._processor.encode_as_ids, texts)]

    def normalize(self, text: str) -> str:
        """Return a normalized text, with `▁` for each space and at the start."""
        return str(self._processor.normalize(remove_nul(text)))

    @property
    def case_marks(self) -> frozenset[int]:
        """The ids of the marks of letter case, see `nmt.tokenizers.letter_case`."""
        return frozenset()

    def in_capitals(self, ids: Sequence[int]) -> list[int]:
        """Return the token ids of the same text in capitals, unchanged without case marks."""
        return list(ids)

    def make_restorer(self) -> CaseRestorer:
        """Return a restorer of the capitals that the case marks replace."""
        return CaseRestorer(make_letter_case(turkic=False, joined=self.is_word_level))

    def subwords(self, text: str) -> list[Subword]:
        """Return the tokens of `encode(text)`, each with its characters in the text.

        Raises:
            UsageError: The text has a surrogate.
        """
        with refuse_surrogates((text,)):
            content: bytes = self._processor.encode(remove_nul(text), out_type="serialized_proto")
        return read_subwords(content)

    def decoded_subwords(self, pieces: Sequence[str]) -> list[Subword]:
        """Return subwords, each with its characters in the decoded text.

        `subwords` does the same for the text before encoding.

        Args:
            pieces: Subwords as `pieces` returns them, without control pieces such as end marks.
        """
        content: bytes = self._processor.decode(list(pieces), out_type="serialized_proto")
        return [
            each._replace(surface=clean_output(each.surface)) for each in read_subwords(content)
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the clean text of token ids, without PAD, BOS, EOS and tags."""
        left_out = _CONTROL_IDS | self.added_control_ids
        kept = [int(token) for token in ids if int(token) not in left_out]
        # Byte subwords can spell any character, including line ends.
        return clean_output(str(self._processor.decode(kept)))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the subwords of token ids as the model writes them (`▁` is a space)."""
        return [str(self._processor.id_to_piece(int(token))) for token in ids]

    def ids(self, pieces: Sequence[str]) -> list[int]:
        """Return the token ids of subwords as `pieces` returns them.

        Raises:
            UsageError: A subword is not in the vocabulary, or is one that no text has.
        """
        ids = []
        for piece in pieces:
            token = self.find_piece(piece)
            if token is None or token in _CONTROL_IDS or token in self.added_control_ids:
                raise UsageError(f"{piece!r:.80} is not a subword of this vocabulary.")
            ids.append(token)
        return ids

    def find_piece(self, piece: str) -> int | None:
        """Return the token id of a piece of any kind, None where the model has no such piece."""
        token = int(self._processor.piece_to_id(piece))
        return token if self.pieces([token]) == [piece] else None

    def __reduce__(self) -> tuple[Any, ...]:
        return open_tokenizer, (self._model, self.name)


def open_tokenizer(model: bytes, name: str = "tokenizer") -> Tokenizer:
    """Return the tokenizer of a model of any kind.

    Args:
        model: The bytes of the model file.
        name: The name of the model in errors.

    Raises:
        ModelError: The bytes are no SentencePiece model, its reserved ids differ, or its kind is
            unknown.
    """
    kind = read_tokenizer_kind(model)
    if kind is None:
        return Tokenizer(model, name)
    if kind not in TOKENIZERS.kinds:
        raise ModelError(
            f"{name}: unknown tokenizer kind {kind!r:.40}. Update nmt, or import the module that "
            "registers this kind."
        )
    tokenizer: Tokenizer = TOKENIZERS.resolve(kind)(model, name)
    if (rule := read_case_rule(model)) is None:
        return tokenizer
    with_marks: Tokenizer = LETTER_CASES.resolve("inline")(model, name, tokenizer, rule)
    return with_marks


@dataclass(frozen=True)
class TokenizerPair:
    """The tokenizers of both sides.

    Attributes:
        source: The tokenizer of the source.
        target: The tokenizer of the target.
        joint: Whether both are the same tokenizer.
    """

    source: Tokenizer
    target: Tokenizer
    joint: bool

    @classmethod
    def load(cls, path: Path) -> "TokenizerPair":
        """Return the tokenizers whose model files are in a folder or archive.

        Raises:
            ModelError: The model files are missing or damaged.
        """
        if not path.exists():
            raise ModelError(f"{path}: no tokenizer. Make one with `nmt tokenizer`.")
        return cls.from_store(open_file_store(path))

    @classmethod
    def from_store(cls, store: FileStore) -> "TokenizerPair":
        """Return the tokenizers of a file store.

        Raises:
            ModelError: The model files are missing or damaged.
        """
        if store.has(_JOINT):
            both = Tokenizer.from_store(store, _JOINT)
            return cls(both, both, joint=True)
        return cls(
            Tokenizer.from_store(store, _SOURCE), Tokenizer.from_store(store, _TARGET), joint=False
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
        """A SHA-256, in hexadecimal, of both model files and whether they are joint."""
        kind = "joint" if self.joint else "separate"
        parts = f"{kind} {self.source.fingerprint} {self.target.fingerprint}"
        return hashlib.sha256(parts.encode("ascii")).hexdigest()


def _open_processor(model: bytes, name: str) -> Any:
    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.load_from_serialized_proto(model)
    except (RuntimeError, OSError, UnicodeDecodeError) as error:
        raise _damage_error(name) from error
    if not model or processor.get_piece_size() == 0:
        raise _damage_error(name)
    reserved_ids = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
    if reserved_ids != (PAD, UNK, BOS, EOS):
        raise ModelError(
            f"{name}: reserved ids pad, unk, bos, eos are {reserved_ids}, not "
            f"{(PAD, UNK, BOS, EOS)}.\n"
            "To use an existing SentencePiece model, set tokenizer.model in the configuration."
        )
    return processor


@contextmanager
def refuse_surrogates(texts: Sequence[str]) -> Iterator[None]:
    """Return a context manager that raises UsageError for texts with surrogates.

    UTF-8 cannot encode such a text, and SentencePiece reports it as an internal error.
    """
    try:
        yield
    except (UnicodeEncodeError, RuntimeError) as error:
        for number, text in enumerate(texts, start=1):
            if problem := find_surrogate(text):
                name = f"text {number}" if len(texts) > 1 else "the text"
                raise UsageError(
                    f"{name} has {problem}. Fix the decoding of the text: this character replaces "
                    "a byte or a part of a character that was not decoded."
                ) from error
        raise


def remove_nul(text: str) -> str:
    """Return a text without NUL, the one control character that no normalization rule can name."""
    return text.replace(_NUL, "")


def _damage_error(name: str) -> ModelError:
    return ModelError(
        f"{name}: is damaged or not a SentencePiece model. Copy it again, or re-create it with "
        "`nmt tokenizer --force`."
    )
