"""Pretrained embeddings: word vectors from files, as initial rows of the embeddings of a model.

A file of vectors has a line for each word: the word and its numbers, separated by spaces. That is
the text format of word2vec, GloVe and fastText (`.vec`, compressed or not). A first line may give
the number of words and the size.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmt.bundles.bundle import Bundle
from nmt.config.settings import Config
from nmt.console import progress
from nmt.errors import DataError
from nmt.text.compression import open_content, open_file
from nmt.text.lines import wrap_read_errors
from nmt.tokenizers.tokenizer import Tokenizer
from nmt.tokenizers.words import is_punctuation, starts_word
from nmt.training.training_log import TrainingLog

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class WordVectors:
    """The word vectors of a file for the rows of one embedding.

    Attributes:
        rows: The ids of the subwords, `[found]`.
        values: Their vectors, `[found, embedding_size]`.
        words: The number of subwords that were looked up.
    """

    rows: list[int]
    values: list[Vector]
    words: int


def check_vector_files(config: Config) -> None:
    """Check the first lines of the files of vectors, before anything else is prepared.

    Args:
        config: The configuration of the training.

    Raises:
        DataError: A file cannot be read, or has vectors of another size.
    """
    settings = config.training.pretrained_embeddings
    for path in (settings.source, settings.target):
        if path is None:
            continue
        with wrap_read_errors(str(path)), open_file(path) as file:
            rows = _field_rows(open_content(file, str(path)).stream)
            first = next(rows, None)
            if first is None or (_is_header(first[1]) and next(rows, None) is None):
                raise DataError(f"{path}: has no word vectors.")
            _check_size(path, first[0], _size_of_first(first[1]), config.model.embedding_size)


def load_pretrained_embeddings(bundle: Bundle, log: TrainingLog) -> None:
    """Fill the embeddings of a new model from the files in `training.pretrained_embeddings`.

    Subwords that begin a word get the vector of that text, or of its lower-case form where the file
    lacks it. All others keep their random values.

    Args:
        bundle: The new model, with its tokenizers and settings.
        log: Takes a line for each file.

    Raises:
        DataError: A file cannot be read, is damaged, or has vectors of another size.
    """
    settings = bundle.config.training.pretrained_embeddings
    sides = (
        ("source", settings.source, bundle.tokenizers.source, bundle.model.source_embedding),
        ("target", settings.target, bundle.tokenizers.target, bundle.model.target_embedding),
    )
    for side, path, tokenizer, embedding in sides:
        if path is None:
            continue
        vectors = find_vectors(path, tokenizer, bundle.config.model.embedding_size)
        if not vectors.rows:
            raise DataError(
                f"{path}: none of its {vectors.words:,} words is in the {side} vocabulary. Give "
                "vectors of that language, with a word and its numbers in each line."
            )
        _fill_rows(embedding.weight, vectors)
        log.info(
            f"{side} embeddings: {len(vectors.rows):,} of {vectors.words:,} words have vectors in "
            f"{path}"
        )


def freeze_pretrained_embeddings(bundle: Bundle, log: TrainingLog) -> None:
    """Exclude the embeddings that were filled from training, where the settings say so.

    Args:
        bundle: The model and its settings.
        log: The log of training.
    """
    settings = bundle.config.training.pretrained_embeddings
    if not settings.freeze:
        return
    sides = (
        (settings.source, bundle.model.source_embedding),
        (settings.target, bundle.model.target_embedding),
    )
    for path, embedding in sides:
        if path is not None:
            embedding.weight.requires_grad_(False)
    log.info("pretrained embeddings are not trained")


def find_vectors(path: Path, tokenizer: Tokenizer, size: int) -> WordVectors:
    """Return the vectors of a file for the words that a tokenizer knows.

    Args:
        path: The file of vectors.
        tokenizer: The tokenizer, whose subwords are looked up.
        size: The size of a vector.

    Raises:
        DataError: The file cannot be read, is damaged, or has vectors of another size.
    """
    subwords = tokenizer.pieces(range(tokenizer.size))
    ids_by_text: dict[str, list[int]] = {}
    for number, subword in enumerate(subwords):
        if (text := _word_text(subword)) is not None:
            ids_by_text.setdefault(text, []).append(number)
    lowered = {text.lower() for text in ids_by_text}
    vectors: dict[str, Vector] = {}
    for word, vector in _read_vectors(path, size, ids_by_text.keys() | lowered):
        vectors.setdefault(word, vector)
    result = WordVectors([], [], sum(map(len, ids_by_text.values())))
    for text, numbers in ids_by_text.items():
        vector_of_text = vectors.get(text, vectors.get(text.lower()))
        if vector_of_text is not None:
            result.rows.extend(numbers)
            result.values.extend([vector_of_text] * len(numbers))
    return result


def _word_text(subword: str) -> str | None:
    """Return the text of a subword that may be a word, None of another."""
    text = subword.replace(_SPACE, "")
    is_word = starts_word(subword) or is_punctuation(subword) or text.isdigit()
    return text if text and is_word else None


def _read_vectors(path: Path, size: int, words: set[str]) -> Iterator[tuple[str, Vector]]:
    """Yield the words of a file that are in `words`, each with its vector."""
    with wrap_read_errors(str(path)), open_file(path) as file:
        content = open_content(file, str(path))
        with progress("reading vectors", None, "words") as bar:
            for index, (number, fields) in enumerate(_field_rows(content.stream)):
                bar.advance()
                if index == 0:
                    _check_size(path, number, _size_of_first(fields), size)
                    if _is_header(fields):
                        continue
                word = " ".join(fields[:-size]) if len(fields) > size else fields[0]
                if len(fields) <= size:
                    _check_size(path, number, len(fields) - 1, size)
                if word in words:
                    yield word, _parse_vector(path, number, fields[-size:])


def _field_rows(lines: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of the lines that are not blank, each with the number of its line."""
    for number, line in enumerate(lines, start=1):
        text = line.decode("utf-8", errors="replace").replace("\t", " ").strip()
        if text:
            yield number, text.split(" ")


def _is_header(fields: list[str]) -> bool:
    """Return whether a first line gives the number of words and the size."""
    return len(fields) == 2


def _size_of_first(fields: list[str]) -> int:
    """Return the size of the vectors by a first line, which may be a header."""
    if _is_header(fields):
        return int(fields[1]) if fields[1].isdecimal() else 0
    return len(fields) - 1


def _check_size(path: Path, line: int, found: int, size: int) -> None:
    if found == 0:
        raise DataError(f"{path}: line {line}: expected a word and its numbers.")
    if found != size:
        raise DataError(
            f"{path}: line {line}: vectors of {found} numbers, but `model.embedding_size` is "
            f"{size}. Set it to {found}, or give vectors of {size} numbers."
        )


def _parse_vector(path: Path, line: int, fields: list[str]) -> Vector:
    try:
        vector = np.array(fields, np.float32)
    except ValueError as error:
        raise DataError(
            f"{path}: line {line}: expected a word and its numbers ({error})."
        ) from error
    if not np.isfinite(vector).all():
        raise DataError(f"{path}: line {line}: a number is not finite. Remove the line.")
    return vector


@torch.no_grad()
def _fill_rows(weight: Tensor, vectors: WordVectors) -> None:
    values = torch.from_numpy(np.stack(vectors.values)).to(weight.device, weight.dtype)
    weight[torch.tensor(vectors.rows, device=weight.device)] = values


_SPACE = "▁"
