"""The input files of a configuration: their descriptions, and the checks of their formats."""

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from nmt.config.registry import PAIR_FORMATS
from nmt.config.settings import CorpusSettings, DataSettings
from nmt.console import show_activity
from nmt.data.pair_files import PairFile, pair_files
from nmt.errors import DataError
from nmt.runtime.atomic_files import sha256
from nmt.text.languages import check_file_languages
from nmt.text.lines import (
    ExpectedFormats,
    check_file_format,
    check_line_counts,
    count_lines,
    file_status,
    wrap_read_errors,
)


class InputFile(BaseModel):
    """A text file as it was read.

    The content counts as unchanged while size and modification time stay the same.

    Attributes:
        path: The file.
        bytes: Its size.
        modified_ns: The time of its last change, in nanoseconds.
        lines: The number of its lines; of a file with both sides, that of its pairs.
        sha256: The hash of its content.
        part: For a file with both sides, the side and where it stands. None for plain text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    bytes: int
    modified_ns: int
    lines: int
    sha256: str
    part: str | None = None


Inputs = dict[str, tuple[InputFile, ...]]
"""The files of each side of each corpus, by names such as `train.source`."""


def describe_inputs(
    corpora: Mapping[str, Sequence[CorpusSettings] | None],
    known: Inputs | None,
    formats_checked: bool = False,
) -> Inputs:
    """Return descriptions of the present files of the corpora.

    Args:
        corpora: The corpora, by the names of their uses, such as `train`.
        known: Earlier descriptions. A file with the same size and time is not read again.
        formats_checked: Whether the files are known to be plain text.

    Raises:
        DataError: A file is missing, damaged or not plain text, or the sides of a corpus differ in
            their number of lines.
    """
    cache = {(file.path, file.part): file for files in (known or {}).values() for file in files}
    inputs: Inputs = {}
    for name, parts in corpora.items():
        for corpus in parts or ():
            if not formats_checked:
                check_formats(corpus)
            sides = (
                _describe_pair_files(corpus, cache)
                if corpus.pairs
                else (_describe_files(corpus.source, cache), _describe_files(corpus.target, cache))
            )
            check_line_counts(*(((Path(file.path), file.lines) for file in side) for side in sides))
            for side, files in zip(("source", "target"), sides, strict=True):
                inputs[f"{name}.{side}"] = (*inputs.get(f"{name}.{side}", ()), *files)
    return inputs


def check_formats(corpus: CorpusSettings) -> None:
    """Check that the files of a corpus are plain text, and warn of doubtful ones.

    Raises:
        DataError: A file is certainly not plain text, or a doubtful file is both source and target.
    """
    for path in (*corpus.source, *corpus.target):
        check_file_format(path, path in corpus.source and path in corpus.target, _PAIR_FILES)


_PAIR_FILES = ExpectedFormats(
    hints=dict.fromkeys(
        PAIR_FORMATS.names(),
        "If it holds both sides, name it by `pairs` in place of `source` and `target` "
        "(nmt init --pairs FILE).",
    )
)
"""The advice for files that are read as pairs."""


def check_languages(data: DataSettings) -> None:
    """Raise ConfigError where the file names show swapped languages."""
    for name, corpora in data.corpora.items():
        for corpus in corpora:
            files = zip(corpus.source, corpus.target, strict=True)
            check_file_languages(*data.languages_of(corpus), files, f"data.{name}")


def check_unchanged(corpora: Mapping[str, Sequence[CorpusSettings] | None], inputs: Inputs) -> None:
    """Check that the texts are still as described.

    Args:
        corpora: The corpora, by the names of their uses.
        inputs: The descriptions of their files.

    Raises:
        DataError: A text has changed.
    """
    if describe_inputs(corpora, inputs, formats_checked=True) != inputs:
        raise DataError(
            "a text changed while nmt read it. Wait until it is complete and re-run the command."
        )


def list_files(inputs: Inputs) -> dict[str, list[tuple[str, int]]]:
    """Return the files of each side with their numbers of lines."""
    return {name: [(file.path, file.lines) for file in files] for name, files in inputs.items()}


def changed_texts(before: Inputs, now: Inputs) -> list[str]:
    """Return the names of the sides whose text differs, such as `train.source`.

    Args:
        before: The earlier descriptions.
        now: The present descriptions.
    """
    old, new = content_hashes(before), content_hashes(now)
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]


def count_pairs(inputs: Inputs, name: str) -> int:
    """Return the number of line pairs of all corpora of one use.

    Args:
        inputs: The descriptions of the files.
        name: The use, such as `train`.
    """
    return sum(file.lines for file in inputs[f"{name}.source"])


def count_corpus_pairs(inputs: Inputs, name: str, corpora: Sequence[CorpusSettings]) -> list[int]:
    """Return the number of line pairs of each corpus of one use.

    Args:
        inputs: The descriptions of the files.
        name: The use, such as `train`.
        corpora: The corpora.
    """
    files = iter(inputs[f"{name}.source"])
    return [
        sum(file.lines for file in islice(files, len(corpus.source or corpus.pairs)))
        for corpus in corpora
    ]


def content_hashes(inputs: Inputs) -> dict[str, list[tuple[str, str | None]]]:
    """Return what tells the texts of each side apart: the hash of each file and the part of it."""
    return {name: [(file.sha256, file.part) for file in files] for name, files in inputs.items()}


_Cache = dict[tuple[str, str | None], InputFile]


def _describe_files(paths: Sequence[Path], cache: _Cache) -> tuple[InputFile, ...]:
    for path in paths:
        key = (str(path), None)
        if key not in cache or not _is_unchanged(path, cache[key]):
            cache[key] = _read_description(path)
    return tuple(cache[str(path), None] for path in paths)


def _describe_pair_files(
    corpus: CorpusSettings, cache: _Cache
) -> tuple[tuple[InputFile, ...], tuple[InputFile, ...]]:
    """Return the descriptions of both sides of files that hold both."""
    sides = corpus.sides or corpus.languages
    parts = tuple(f"{side} of {sides}" for side in ("source", "target"))
    for file in pair_files(corpus):
        keys = [(str(file.path), part) for part in parts]
        if any(key not in cache or not _is_unchanged(file.path, cache[key]) for key in keys):
            whole = _read_description(file.path, file)
            for key, part in zip(keys, parts, strict=True):
                cache[key] = whole.model_copy(update={"part": part})
    source, target = (tuple(cache[str(path), part] for path in corpus.pairs) for part in parts)
    return source, target


def _is_unchanged(path: Path, description: InputFile) -> bool:
    """Return whether a file still has the known size and time.

    Raises:
        DataError: The file is missing or cannot be accessed.
    """
    status = file_status(path)
    return (status.st_size, status.st_mtime_ns) == (description.bytes, description.modified_ns)


def _read_description(path: Path, pair_file: PairFile | None = None) -> InputFile:
    with show_activity(f"reading {path}"):
        if pair_file is None:
            lines = count_lines(path)
        else:
            lines = sum(1 for _ in pair_file.read(reports_omitted=True))
            if lines == 0:
                raise DataError(f"{path}: has no pair.")
        status = file_status(path)
        with wrap_read_errors(path):
            digest = sha256(path)
    return InputFile(
        path=str(path),
        bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
        lines=lines,
        sha256=digest,
    )
