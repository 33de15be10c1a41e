"""The manifest of binarized corpora: input files, and the numbers of kept and dropped pairs."""

import hashlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from nmt.config.registry import PAIR_FORMATS
from nmt.config.settings import CorpusSettings, DataSettings
from nmt.console import show_activity
from nmt.data.pair_files import PairFile, pair_files
from nmt.errors import DataError, UsageError, describe_wrong_value
from nmt.runtime.atomic_files import sha256, write_text
from nmt.text.languages import check_file_languages
from nmt.text.lines import (
    ExpectedFormats,
    check_file_format,
    check_line_counts,
    count_lines,
    file_status,
    wrap_read_errors,
)
from nmt.tokenizers.round_trip import Change, RoundTrip


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
    corpora: Mapping[str, CorpusSettings | None],
    known: Inputs | None,
    formats_checked: bool = False,
) -> Inputs:
    """Return descriptions of the present files of the corpora.

    Args:
        corpora: The corpora, by their names.
        known: Earlier descriptions. A file with the same size and time is not read again.
        formats_checked: Whether the files are known to be plain text.

    Raises:
        DataError: A file is missing, damaged or not plain text, or the sides of a corpus differ in
            their number of lines.
    """
    cache = {(file.path, file.part): file for files in (known or {}).values() for file in files}
    inputs: Inputs = {}
    for name, corpus in corpora.items():
        if corpus is None:
            continue
        if not formats_checked:
            check_formats(corpus)
        sides = (
            _describe_pair_files(corpus, cache)
            if corpus.pairs
            else (_describe_files(corpus.source, cache), _describe_files(corpus.target, cache))
        )
        check_line_counts(*(((Path(file.path), file.lines) for file in side) for side in sides))
        inputs[f"{name}.source"], inputs[f"{name}.target"] = sides
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
    for name, corpus in (("train", data.train), ("dev", data.dev), ("test", data.test)):
        if corpus is not None:
            files = zip(corpus.source, corpus.target, strict=True)
            check_file_languages(data.source_language, data.target_language, files, f"data.{name}")


def check_unchanged(corpora: Mapping[str, CorpusSettings | None], inputs: Inputs) -> None:
    """Check that the texts are still as described.

    Args:
        corpora: The corpora, by their names.
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


def count_pairs(inputs: Inputs, corpus: str) -> int:
    """Return the number of line pairs of a corpus.

    Args:
        inputs: The descriptions of the files.
        corpus: The name of the corpus.
    """
    return sum(file.lines for file in inputs[f"{corpus}.source"])


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


_RECORD_START = b'{\n  "version": '
_MAX_NAMES_SHOWN = 5


class Record(BaseModel):
    """A frozen record kept as a JSON file. Unknown keys are refused.

    The record of a folder has `version` as its first field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def write(self, path: Path) -> None:
        """Write the JSON file atomically."""
        write_text(path, self.model_dump_json(indent=2) + "\n")


_Record = TypeVar("_Record", bound=Record)


def load_record(kind: type[_Record], path: Path, command: str) -> _Record:
    """Return a record read from its JSON file.

    Args:
        kind: The class of the record.
        path: The JSON file.
        command: The command that makes the record, such as `nmt binarize`.

    Raises:
        DataError: The record is missing, damaged, or has fields of another version.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: cannot be read: {reason}; re-run `{command}`.") from error
    except ValidationError as error:
        problems = error.errors()
        first = problems[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        if all(problem["type"] == "missing" for problem in problems):
            raise DataError(
                f"{path}: an older version of nmt made it ({key} is missing); re-run `{command}`."
            ) from error
        raise DataError(
            f"{path}: damaged ({key}: {describe_wrong_value(first)}); re-run `{command}`."
        ) from error


def check_replaceable(folder: Path, record: str, names: Container[str], key: str) -> None:
    """Check that replacing a folder loses no files except those of nmt.

    This holds for a folder that is absent or empty. It also holds for a folder with the file
    `record`, even of another version or damaged, and otherwise only files that nmt writes there.

    Args:
        folder: The folder.
        record: The name of the record file.
        names: The names of the files that nmt writes there.
        key: The configuration key that chooses another folder.

    Raises:
        UsageError: The folder has other files, or is not a folder.
    """
    if folder.is_dir():
        foreign = sorted(path.name for path in folder.iterdir())
        if _is_record(folder / record):
            foreign = [name for name in foreign if name not in names]
        if not foreign:
            return
        more = ", ..." if len(foreign) > _MAX_NAMES_SHOWN else ""
        problem = f"has files that nmt did not make ({', '.join(foreign[:_MAX_NAMES_SHOWN])}{more})"
    elif folder.exists():
        problem = "is not a folder"
    else:
        return
    raise UsageError(
        f"{folder}: nmt needs this folder, but it {problem}.\n"
        f"Move it away, or choose another {key}."
    )


def _is_record(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_RECORD_START)) == _RECORD_START


@dataclass(frozen=True)
class LengthRatio:
    """The number of target subwords per source subword over the pairs of a corpus.

    Attributes:
        mean: The mean.
        deviation: The standard deviation.
    """

    mean: float
    deviation: float


class TextFinding(Record):
    """A problem of the texts.

    Attributes:
        kind: A name for programs.
        message: A message for people.
    """

    kind: str
    message: str


MANIFEST = "manifest.json"
_VERSION = 1


class SideReport(Record):
    """The statistics of one side of the kept pairs.

    Attributes:
        tokens: The number of tokens, without BOS and EOS.
        unknown: The number of unknown tokens.
        mean_length: The mean length in tokens.
        max_length: The greatest length in tokens.
    """

    tokens: int
    unknown: int
    mean_length: float
    max_length: int

    @property
    def unknown_rate(self) -> float:
        """The share of the tokens that are unknown."""
        return self.unknown / max(1, self.tokens)


class RoundTripReport(Record):
    """The target lines that encoding and decoding changes, in a sample of a corpus.

    Attributes:
        lines: The lines compared.
        changed: The changed lines, which a model cannot write.
        without_invisible: The lines that lose only characters without meaning.
        first_changed: The number of the first changed line.
        changes: The commonest changes.
    """

    lines: int
    changed: int
    without_invisible: int
    first_changed: int | None
    changes: tuple[Change, ...]

    @classmethod
    def from_round_trip(cls, counts: RoundTrip) -> "RoundTripReport":
        """Return the counts as a record."""
        return cls(
            lines=counts.lines,
            changed=counts.changed,
            without_invisible=counts.without_invisible,
            first_changed=counts.first_changed,
            changes=counts.most_common_changes,
        )


class DroppedPair(Record):
    """A pair that was dropped, as an example.

    Attributes:
        line: Its line.
        source: The source text, cut where it is very long.
        target: The target text, cut where it is very long.
    """

    line: int
    source: str
    target: str


class CorpusReport(Record):
    """The statistics of the pairs of a corpus.

    Attributes:
        pairs_read: The pairs that were read.
        pairs_kept: The pairs that were kept.
        dropped: The number of dropped pairs, by reason.
        first_dropped: The lines of the first dropped pairs, by reason.
        examples: The first dropped pairs with text on both sides, by reason. Empty in the manifest
            of an earlier release.
        blank: The kept pairs with a side without tokens.
        identical: The pairs with the same text on both sides.
        duplicates: The pairs that occur earlier in the corpus.
        control_characters: The pairs with a control character, or with U+0085, U+2028 or U+2029,
            which other programs treat as line ends.
        source: The statistics of the source.
        target: The statistics of the target.
        fingerprint: The fingerprint of the corpus.
        round_trip: The comparison of target lines, None in the manifest of an earlier release.
    """

    pairs_read: int
    pairs_kept: int
    dropped: dict[str, int]
    first_dropped: dict[str, tuple[int, ...]]
    blank: int
    identical: int
    duplicates: int
    control_characters: int
    source: SideReport
    target: SideReport
    fingerprint: str
    round_trip: RoundTripReport | None = None
    examples: dict[str, tuple[DroppedPair, ...]] = {}


class OverlapReport(Record):
    """The pairs of train that occur in dev or test.

    Attributes:
        pairs: The pairs that occur there as a whole.
        sources: The pairs whose source occurs there.
    """

    pairs: int
    sources: int


class Manifest(Record):
    """The provenance and statistics of the binarized corpora of a run.

    Attributes:
        version: The version of the format.
        inputs: The text files.
        settings: The settings that the result depends on.
        tokenizer: The fingerprint of the tokenizer.
        train: The statistics of train.
        dev: The statistics of dev.
        overlap: The pairs of train that occur in dev or test, by corpus.
        length_ratio: The length ratio over the pairs of train.
        findings: The findings about the texts, None in the manifest of an earlier release.
    """

    version: int = _VERSION
    inputs: Inputs
    settings: dict[str, Any]
    tokenizer: str
    train: CorpusReport
    dev: CorpusReport
    overlap: dict[str, OverlapReport]
    length_ratio: LengthRatio
    findings: tuple[TextFinding, ...] | None = None

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Return the manifest of a data folder.

        Raises:
            DataError: The manifest is missing or damaged.
        """
        manifest = load_record(cls, folder / MANIFEST, "nmt binarize")
        if manifest.version != _VERSION:
            raise DataError(
                f"{folder / MANIFEST}: format version {manifest.version}, but this nmt reads "
                f"{_VERSION}; re-run `nmt binarize`."
            )
        return manifest

    @property
    def fingerprint(self) -> str:
        """A SHA-256, in hexadecimal, of the corpora and their tokenizer."""
        parts = f"{self.tokenizer} {self.train.fingerprint} {self.dev.fingerprint}"
        return hashlib.sha256(parts.encode("ascii", "replace")).hexdigest()

    def save(self, folder: Path) -> None:
        """Write the manifest into a data folder."""
        self.write(folder / MANIFEST)
