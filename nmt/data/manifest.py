"""The manifest of binarized corpora: the numbers of kept and dropped pairs, and their origin."""

import hashlib
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from nmt.config.settings.data import LANGUAGE_TAG
from nmt.data.input_files import Inputs
from nmt.errors import DataError, UsageError, describe_wrong_value
from nmt.runtime.atomic_files import write_text
from nmt.tokenizers.round_trip import Change, RoundTrip

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


class PartReport(Record):
    """The statistics of one corpus of several.

    Attributes:
        name: The names of its files of source or pairs.
        languages: The names of its source and target language.
        tags: The names of the tags of its sources.
        pairs_read: The pairs that were read.
        pairs_kept: The pairs that were kept. They follow those of the corpus before.
        first_line: The number of its first line, counted over all corpora.
    """

    name: str
    languages: tuple[str, str]
    tags: tuple[str, ...]
    pairs_read: int
    pairs_kept: int
    first_line: int = 1

    @property
    def title(self) -> str:
        """The name with the label, for tables."""
        return f"{self.name} ({self.label})"

    @property
    def label(self) -> str:
        """The language pair, with the tag of the corpus: `en-de`, or `en-de web`."""
        tags = [tag for tag in self.tags if not tag.startswith(LANGUAGE_TAG)]
        return " ".join(["-".join(self.languages), *tags])


class CorpusReport(Record):
    """The statistics of the pairs of train or dev.

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
        parts: The statistics of each corpus, empty in the manifest of an earlier release.
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
    parts: tuple[PartReport, ...] = ()


def name_line(parts: Sequence[PartReport], line: int) -> str:
    """Return the place of a line: its number, for several corpora with the name of the corpus.

    Corpora with the same file, such as the source of two languages, have their languages too.

    Args:
        parts: The corpora.
        line: The number of the line, counted over all corpora.
    """
    if len(parts) < 2:
        return str(line)
    part = max(
        (part for part in parts if part.first_line <= line), key=lambda part: part.first_line
    )
    has_own_name = [other.name for other in parts].count(part.name) == 1
    return f"{part.name if has_own_name else part.title}:{line - part.first_line + 1}"


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
        test_pairs: The pairs of train that are held out for tests.
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
    test_pairs: int = 0

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
