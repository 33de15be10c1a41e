"""The text files a run was made from, known again by their content."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from nmt.config.settings import CorpusSettings
from nmt.data.text import check_line_counts, count_lines, plain_read_errors, status
from nmt.runtime.console import working
from nmt.runtime.files import sha256


class InputFile(BaseModel):
    """A text file as it was found. Its size and time stand for its content while they are alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    bytes: int
    modified_ns: int
    lines: int
    sha256: str


Inputs = dict[str, tuple[InputFile, ...]]
"""The files of each side of each corpus, by names such as `train.source`."""


def describe_inputs(corpora: dict[str, CorpusSettings | None], known: Inputs | None) -> Inputs:
    """What the files of the corpora hold now. Files as large and old as in `known` are not read.

    Raises DataError when a file is missing or damaged, or when the two sides of a corpus differ in
    their number of lines.
    """
    cache = {file.path: file for files in (known or {}).values() for file in files}
    inputs: Inputs = {}
    for name, corpus in corpora.items():
        if corpus is None:
            continue
        sides = (_describe_all(corpus.source, cache), _describe_all(corpus.target, cache))
        check_line_counts(*(((Path(file.path), file.lines) for file in side) for side in sides))
        inputs[f"{name}.source"], inputs[f"{name}.target"] = sides
    return inputs


def same_content(a: Inputs, b: Inputs) -> bool:
    """Whether both name the same texts in the same places, wherever the files lie."""
    return _contents(a) == _contents(b)


def lines_of(inputs: Inputs, corpus: str) -> int:
    """Number of line pairs of a corpus."""
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
    """Raises DataError when the file is missing or out of reach."""
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
