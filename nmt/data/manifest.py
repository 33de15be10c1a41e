"""What binarized corpora were made from and what became of every pair: `manifest.json`."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from nmt.data.inputs import Inputs
from nmt.errors import DataError
from nmt.runtime.files import write_text

_FILE = "manifest.json"
_VERSION = 1


class Record(BaseModel):
    """A frozen record kept as a JSON file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def save_as(self, path: Path) -> None:
        """Write the JSON file, whole or not at all."""
        write_text(path, self.model_dump_json(indent=2) + "\n")


class SideReport(Record):
    """One side of the pairs kept; lengths in tokens without BOS and EOS."""

    tokens: int
    unknown: int
    mean_length: float
    max_length: int

    @property
    def unknown_rate(self) -> float:
        """Share of the tokens that are unknown."""
        return self.unknown / max(1, self.tokens)


class CorpusReport(Record):
    """What became of the pairs of a corpus.

    dropped: pairs by reason; first_dropped: the lines of the first of them. The rest are counts of
    pairs: blank (kept with a side that has no token), identical (both sides the same text),
    duplicates (seen before in this corpus), control_characters (with such a character, or with
    U+0085, U+2028 or U+2029, which other programs take for line ends).
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


class OverlapReport(Record):
    """Train pairs that occur in dev or test: as whole pairs, and counting only their source."""

    pairs: int
    sources: int


class Manifest(Record):
    """All about the binarized corpora of a run.

    length_ratio_mean, length_ratio_std: of target tokens per source token, over the pairs of train.
    """

    version: int = _VERSION
    inputs: Inputs
    settings: dict[str, Any]
    tokenizer: str
    train: CorpusReport
    dev: CorpusReport
    overlap: dict[str, OverlapReport]
    length_ratio_mean: float
    length_ratio_std: float

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Read the manifest of a data folder. Raises DataError when it is missing or damaged."""
        manifest = load_record(cls, folder / _FILE)
        if manifest.version != _VERSION:
            raise DataError(
                f"{folder / _FILE}: format version {manifest.version}, but this nmt reads "
                f"{_VERSION}; re-run nmt binarize."
            )
        return manifest

    def save(self, folder: Path) -> None:
        """Write the manifest into a data folder."""
        self.save_as(folder / _FILE)


_Record = TypeVar("_Record", bound=Record)


def load_record(kind: type[_Record], path: Path) -> _Record:
    """Read a record from its JSON file. Raises DataError when it is missing or damaged."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: cannot be read: {reason}; re-run nmt binarize.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(
            f"{path}: damaged ({place}: {first['msg']}); re-run nmt binarize."
        ) from error
