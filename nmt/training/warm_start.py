"""The start of training from another model or pretrained embeddings, frozen parameters.

A file of embeddings has a line for each word: the word and its numbers, separated by spaces. That
is the text format of word2vec, GloVe and fastText (`.vec`, compressed or not). A first line may
give the number of words and the size.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nmt.bundles.bundle import Bundle, load_bundle
from nmt.bundles.bundle_files import find_bundle, fingerprint
from nmt.config.settings import Config, TrainingSettings
from nmt.console import progress
from nmt.errors import ConfigError, DataError, ModelError
from nmt.text.compression import open_content, open_file
from nmt.text.lines import wrap_read_errors
from nmt.tokenizers.tokenizer import Tokenizer, TokenizerPair
from nmt.tokenizers.words import is_punctuation, starts_word
from nmt.training.checkpoints import TrainingState
from nmt.training.optimizers import matching
from nmt.training.training_log import TrainingLog

VOCABULARY_ROWS = {
    "source_embedding.weight": "source",
    "target_embedding.weight": "target",
    "output_matrix": "target",
    "output_bias": "target",
}
"""The parameters that have a row for each subword, with the side of its vocabulary."""


@dataclass(frozen=True)
class SharedRows:
    """The ids of the subwords that two tokenizers share; a subword is identified by its text.

    Attributes:
        new: The ids in the new tokenizer, `[shared]`.
        old: The ids in the old tokenizer, `[shared]`.
    """

    new: Tensor
    old: Tensor

    @classmethod
    def from_tokenizers(cls, new: Tokenizer, old: Tokenizer) -> "SharedRows":
        """Return the rows that two tokenizers share.

        Args:
            new: The tokenizer of the new model.
            old: The tokenizer of the model whose rows are copied.
        """
        old_ids = {subword: number for number, subword in enumerate(old.pieces(range(old.size)))}
        subwords = new.pieces(range(new.size))
        shared = [
            (number, old_ids[subword])
            for number, subword in enumerate(subwords)
            if subword in old_ids
        ]
        pairs = torch.tensor(shared, dtype=torch.long).view(-1, 2)
        return cls(pairs[:, 0], pairs[:, 1])


def initialize_from_model(bundle: Bundle, state: TrainingState, log: TrainingLog) -> None:
    """Copy parameters of the model in `training.init_from` into a new model, and log their names.

    Args:
        bundle: The new model, with its tokenizers and settings.
        state: The state of training, which records the origin.
        log: The log of training.

    Raises:
        ModelError: A parameter to copy is missing there or has another shape, or the tokenizer
            differs and must be the same.
        ConfigError: A pattern matches no parameter.
    """
    settings = bundle.config.training
    if settings.init_from is None:
        return
    old = load_bundle(find_bundle(settings.init_from), torch.device("cpu"))
    assert old.path is not None
    patterns = ("*",) if settings.init_parameters is None else settings.init_parameters
    chosen = matching(bundle.model, patterns, "training.init_parameters")
    rows: Mapping[str, SharedRows] = {}
    if settings.init_vocabulary == "extend":
        rows = _shared_rows(bundle.tokenizers, old.tokenizers)
    else:
        _check_same_tokenizer(bundle, old)
    filled = {n: p for n, p in bundle.model.named_parameters() if n in chosen}
    saved = dict(old.model.named_parameters(remove_duplicate=False))
    _check_fit(filled, saved, rows, old)
    _copy(filled, saved, rows)
    state.started_from = {"name": str(old.config.name), "fingerprint": fingerprint(old.path)}
    log.info(
        "\n".join([f"parameters of {old.path}:", *_copy_report(bundle.model, old, filled, rows)])
    )


def freeze_parameters(model: nn.Module, settings: TrainingSettings, log: TrainingLog) -> None:
    """Exclude the parameters that `training.freeze_parameters` names from training.

    Without a gradient they get neither updates nor weight decay, and do not count in the norm that
    is clipped.

    Args:
        model: The model.
        settings: The settings of training.
        log: The log of training.

    Raises:
        ConfigError: A pattern matches no parameter, or nothing is left to train.
    """
    frozen = matching(model, settings.freeze, "training.freeze")
    if not frozen:
        return
    named = dict(model.named_parameters())
    if len(frozen) == len(named):
        raise ConfigError("training.freeze: matches every parameter; leave some to train.")
    for name in frozen:
        named[name].requires_grad_(False)
    frozen_size = sum(named[name].numel() for name in frozen)
    total = sum(parameter.numel() for parameter in named.values())
    log.info(f"frozen: {frozen_size:,} of {total:,} parameters ({', '.join(frozen)})")


def training_origin(settings: TrainingSettings, state: TrainingState) -> dict[str, object]:
    """Return the warm start, frozen parameters and averaging of a training, for a model card.

    Args:
        settings: The settings of training.
        state: The state of training.
    """
    provenance: dict[str, object] = {}
    if state.started_from:
        provenance["started_from"] = state.started_from
    if settings.freeze:
        provenance["frozen"] = list(settings.freeze)
    if settings.ema is not None:
        provenance["weights"] = f"moving average of the trained ones, decay {settings.ema:g}"
    return provenance


def _shared_rows(new: TokenizerPair, old: TokenizerPair) -> dict[str, SharedRows]:
    sides = {
        "source": SharedRows.from_tokenizers(new.source, old.source),
        "target": SharedRows.from_tokenizers(new.target, old.target),
    }
    return {name: sides[side] for name, side in VOCABULARY_ROWS.items()}


def _check_same_tokenizer(new: Bundle, old: Bundle) -> None:
    if new.tokenizers.fingerprint != old.tokenizers.fingerprint:
        raise ModelError(
            f"{old.path}: its tokenizer ({old.tokenizers.fingerprint}) is not that of this run "
            f"({new.tokenizers.fingerprint}).\nSet `training.init_vocabulary: extend` to take over "
            "the rows of the subwords that both have."
        )


def _check_fit(
    filled: Mapping[str, Tensor],
    saved: Mapping[str, Tensor],
    rows: Mapping[str, SharedRows],
    old: Bundle,
) -> None:
    problems = []
    for name, parameter in filled.items():
        if name not in saved:
            problems.append(f"{name} is missing")
            continue
        first = 1 if name in rows else 0
        if saved[name].shape[first:] != parameter.shape[first:]:
            problems.append(
                f"{name} is {list(saved[name].shape)} there and {list(parameter.shape)} here"
            )
    if problems:
        raise ModelError(
            f"{old.path}: cannot fill this model: {'; '.join(problems)}.\n"
            "Name the parameters that are to be taken over in `training.init_parameters`, or give "
            "`model` the settings of the bundle's config.yaml."
        )


@torch.no_grad()
def _copy(
    filled: Mapping[str, Tensor], saved: Mapping[str, Tensor], rows: Mapping[str, SharedRows]
) -> None:
    for name, parameter in filled.items():
        values = saved[name].to(parameter.device)
        if name in rows:
            shared = rows[name]
            parameter[shared.new.to(parameter.device)] = values[shared.old.to(parameter.device)]
        else:
            parameter.copy_(values)


def _copy_report(
    model: nn.Module, old: Bundle, filled: Mapping[str, Tensor], rows: Mapping[str, SharedRows]
) -> list[str]:
    """Return lines about the copied parameters, the others, and those of the old model alone."""
    named = dict(model.named_parameters())
    copied = sum(_copied_count(name, parameter, rows) for name, parameter in filled.items())
    total = sum(parameter.numel() for parameter in named.values())
    lines = [f"  taken over: {copied:,} of {total:,}"]
    lines += [
        f"  {name}: {len(rows[name].new):,} of {len(parameter):,} rows, those of shared subwords"
        for name, parameter in filled.items()
        if name in rows
    ]
    others = [name for name in named if name not in filled]
    if others:
        lines.append(f"  initialised as usual: {', '.join(others)}")
    known = dict(model.named_parameters(remove_duplicate=False))
    unknown = [name for name, _ in old.model.named_parameters() if name not in known]
    if unknown:
        lines.append(f"  of no use here: {', '.join(unknown)}")
    return lines


def _copied_count(name: str, parameter: Tensor, rows: Mapping[str, SharedRows]) -> int:
    if name not in rows:
        return parameter.numel()
    return len(rows[name].new) * (parameter.numel() // len(parameter))


_SPACE = "▁"

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
                f"{path}: has none of the {vectors.words:,} words that the {side} tokenizer knows. "
                "Give the vectors of that language, one word and its numbers in each line."
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
        raise DataError(f"{path}: line {line}: is not a word with numbers.")
    if found != size:
        raise DataError(
            f"{path}: line {line}: vectors of {found} numbers, where `model.embedding_size` is "
            f"{size}. Set it to {found}, or give vectors of {size} numbers."
        )


def _parse_vector(path: Path, line: int, fields: list[str]) -> Vector:
    try:
        vector = np.array(fields, np.float32)
    except ValueError as error:
        raise DataError(f"{path}: line {line}: is not a word with numbers ({error}).") from error
    if not np.isfinite(vector).all():
        raise DataError(f"{path}: line {line}: has a number that is not finite. Remove the line.")
    return vector


@torch.no_grad()
def _fill_rows(weight: Tensor, vectors: WordVectors) -> None:
    values = torch.from_numpy(np.stack(vectors.values)).to(weight.device, weight.dtype)
    weight[torch.tensor(vectors.rows, device=weight.device)] = values
