"""The text files from which a run was made, recognised by their content."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from nmt.config.settings import CorpusSettings, DataSettings
from nmt.data.text import (
    check_file_format,
    check_line_counts,
    count_lines,
    plain_read_errors,
    status,
)
from nmt.errors import DataError
from nmt.runtime.console import working
from nmt.runtime.files import sha256
from nmt.text.languages import check_file_languages


class InputFile(BaseModel):
    """A text file as it was found.

    The content counts as unchanged while size and modification time stay the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    bytes: int
    modified_ns: int
    lines: int
    sha256: str


Inputs = dict[str, tuple[InputFile, ...]]
"""The files of each side of each corpus, by names such as `train.source`."""


def describe_inputs(
    corpora: Mapping[str, CorpusSettings | None], known: Inputs | None, checked: bool = False
) -> Inputs:
    """Return descriptions of the present files of the corpora.

    Args:
        corpora: The corpora, by their names.
        known: Earlier descriptions. A file with the same size and time is not read again.
        checked: Whether the files are known to be plain text.

    Raises:
        DataError: A file is missing, damaged or not plain text, or the sides of a corpus differ in
            their number of lines.
    """
    cache = {file.path: file for files in (known or {}).values() for file in files}
    inputs: Inputs = {}
    for name, corpus in corpora.items():
        if corpus is None:
            continue
        if not checked:
            check_formats(corpus)
        sides = (_describe_all(corpus.source, cache), _describe_all(corpus.target, cache))
        check_line_counts(*(((Path(file.path), file.lines) for file in side) for side in sides))
        inputs[f"{name}.source"], inputs[f"{name}.target"] = sides
    return inputs


def check_formats(corpus: CorpusSettings) -> None:
    """Check that the files of a corpus are plain text, and warn of doubtful ones.

    Raises:
        DataError: A file is certainly not plain text, or a doubtful file is both source and target.
    """
    for path in (*corpus.source, *corpus.target):
        check_file_format(path, path in corpus.source and path in corpus.target)


def check_languages(data: DataSettings) -> None:
    """Raise ConfigError where the file names show swapped languages."""
    for corpus in filter(None, (data.train, data.dev, data.test)):
        files = zip(corpus.source, corpus.target, strict=True)
        check_file_languages(data.source_language, data.target_language, files)


def check_unchanged(corpora: Mapping[str, CorpusSettings | None], inputs: Inputs) -> None:
    """Check that the texts are still as described.

    Args:
        corpora: The corpora, by their names.
        inputs: The descriptions of their files.

    Raises:
        DataError: A text has changed.
    """
    if describe_inputs(corpora, inputs, checked=True) != inputs:
        raise DataError("a text was changed while it was read; let it be written, and run again.")


def files_of(inputs: Inputs) -> dict[str, list[tuple[str, int]]]:
    """Return the files of each side with their numbers of lines."""
    return {name: [(file.path, file.lines) for file in files] for name, files in inputs.items()}


def changed_texts(before: Inputs, now: Inputs) -> list[str]:
    """Return the names of the sides whose text differs, such as `train.source`.

    Args:
        before: The earlier descriptions.
        now: The present descriptions.
    """
    old, new = _contents(before), _contents(now)
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]


def lines_of(inputs: Inputs, corpus: str) -> int:
    """Return the number of line pairs of a corpus.

    Args:
        inputs: The descriptions of the files.
        corpus: The name of the corpus.
    """
    return sum(file.lines for file in inputs[f"{corpus}.source"])


def _contents(inputs: Inputs) -> dict[str, list[str]]:
    return {name: [file.sha256 for file in files] for name, files in inputs.items()}


def _describe_all(paths: Sequence[Path], cache: dict[str, InputFile]) -> tuple[InputFile, ...]:
    return tuple(_describe_each(paths, cache))


def _describe_each(paths: Sequence[Path], cache: dict[str, InputFile]) -> Iterable[InputFile]:
    for path in paths:
        if str(path) not in cache or not _looks_alike(path, cache[str(path)]):
            cache[str(path)] = _describe(path)
        yield cache[str(path)]


def _looks_alike(path: Path, known: InputFile) -> bool:
    """Return whether a file still has the known size and time.

    Raises:
        DataError: The file is missing or cannot be accessed.
    """
    found = status(path)
    return (found.st_size, found.st_mtime_ns) == (known.bytes, known.modified_ns)


def _describe(path: Path) -> InputFile:
    with working(f"reading {path}"):
        lines = count_lines(path)
        found = status(path)
        with plain_read_errors(path):
            digest = sha256(path)
    return InputFile(
        path=str(path),
        bytes=found.st_size,
        modified_ns=found.st_mtime_ns,
        lines=lines,
        sha256=digest,
    )
