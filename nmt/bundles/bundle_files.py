"""The files of a bundle: in a folder, in one file, or in the run of a checkpoint."""

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

from nmt.config.load import load_config
from nmt.config.serialize import dump_config
from nmt.config.settings import Config
from nmt.console import say
from nmt.data.manifest import Manifest
from nmt.errors import ConfigError, DataError, ModelError, UsageError, describe_damage
from nmt.runtime.atomic_files import sha256
from nmt.runtime.folder_or_archive import FileStore, is_archive, open_file_store, write_archive
from nmt.runtime.log_records import last_time, read_records
from nmt.runtime.run_directory import RunDirectory, find_run
from nmt.text.scripts import Scripts
from nmt.tokenizers.tokenizer import TOKENIZER_FILES, TokenizerPair

FORMAT = 1
"""The version of the layout below. A bundle of another version is refused."""

WEIGHTS = "model.safetensors"
CONFIG = "config.yaml"
BUNDLE_RECORD = "bundle.json"
CARD = "README.md"
SHORTLIST = "shortlist.safetensors"

_STATE = "state.json"
_AVERAGE = "average.safetensors"
"""Files of a checkpoint, see `nmt.training.checkpoints`."""

_SCRIPTS = "source_scripts"


def read_config(path: Path) -> Config:
    """Return the configuration of a bundle, without paths.

    Raises:
        ModelError: The configuration cannot be read.
    """
    store = open_bundle(path)
    try:
        return without_paths(load_config(path / CONFIG, content=store.read(CONFIG)))
    except ConfigError as error:
        raise ModelError(f"{path}: its configuration is not valid.\n{error.message}") from error
    except OSError as error:
        raise ModelError(f"{path / CONFIG}: cannot be read: {error.strerror}.") from error


def check_files(path: Path) -> None:
    """Compare the files of a bundle with their checksums.

    Raises:
        ModelError: A file differs or is missing. The message names the first.
    """
    store = open_bundle(path)
    for name, digest in read_bundle_record(path)["sha256"].items():
        check_digest(store, name, digest)


def check_is_folder(path: Path) -> None:
    """Raise UsageError for a bundle in one file and for a checkpoint, which are never changed."""
    if is_checkpoint(path):
        raise UsageError(
            f"{path}: is a checkpoint, which nmt does not change. Make a bundle from it with `nmt "
            f"average {path} --output FOLDER`."
        )
    if is_archive(path):
        raise UsageError(
            f"{path}: single-file models are read-only. Change the run or bundle it was exported "
            "from, then re-run `nmt export`."
        )


def format_bundle_record(record: dict[str, Any]) -> str:
    """Return the record of a bundle as JSON text."""
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def without_paths(config: Config) -> Config:
    """Return a configuration with the names of files in place of their paths, to be shared.

    They are the paths of corpora, given tokenizers, embeddings and the model that training started
    from. The folders of run, data and tokenizer are left out.
    """
    data, training, tokenizer = config.data, config.training, config.tokenizer
    names = {
        part: tuple(
            corpus.model_copy(
                update={
                    side: tuple(Path(path.name) for path in getattr(corpus, side))
                    for side in ("source", "target", "pairs")
                }
            )
            for corpus in corpora
        )
        for part, corpora in data.corpora.items()
    }
    if training.init_from is not None:
        training = training.model_copy(update={"init_from": Path(training.init_from.name)})
    vectors = training.pretrained_embeddings
    files = {
        side: Path(path.name) for side in ("source", "target") if (path := getattr(vectors, side))
    }
    if files:
        vectors = vectors.model_copy(update=files)
        training = training.model_copy(update={"pretrained_embeddings": vectors})
    models = tuple(Path(path.name) for path in tokenizer.model)
    return config.model_copy(
        update={
            "run_dir": None,
            "data": data.model_copy(update={"root": None, "dir": None, **names}),
            "tokenizer": tokenizer.model_copy(update={"dir": None, "model": models}),
            "training": training,
        }
    )


def read_bundle_record(path: Path) -> dict[str, Any]:
    """Return the content of `bundle.json`.

    Raises:
        ModelError: There is no bundle at the path, or it cannot be read.
    """
    file = path / BUNDLE_RECORD
    try:
        record = _parsed(open_bundle(path).read(BUNDLE_RECORD))
        version = record["format"]
        known = isinstance(record["sha256"], dict) and set(record["sha256"]) >= {WEIGHTS, CONFIG}
        plain = all(Path(name).name == name for name in record["sha256"])
        _check_length_ratio(**record["length_ratio"])
        read_scripts(record)
    except OSError as error:
        raise ModelError(
            f"{path}: is not a bundle ({BUNDLE_RECORD}: {error.strerror}). Give a run directory, "
            "its `best` folder, or a file made by `nmt export`."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{file}: is damaged ({describe_damage(error)}). Copy the bundle again."
        ) from error
    if version == FORMAT and not (known and plain):
        raise ModelError(
            f"{file}: is damaged (it names no model, or a file outside of the bundle). Copy the "
            "bundle again."
        )
    if version != FORMAT:
        raise ModelError(
            f"{file}: has format {version!r:.40}, but this nmt reads format {FORMAT}. Use the "
            "version of nmt that made it, or a later one."
        )
    assert isinstance(record, dict)
    return record


def fingerprint(path: Path) -> str:
    """Return a SHA-256 digest that is the same for bundles with the same files.

    Raises:
        ModelError: There is no bundle at the path, or it cannot be read.
    """
    files = json.dumps(read_bundle_record(path)["sha256"], sort_keys=True)
    return hashlib.sha256(files.encode("utf-8")).hexdigest()


def find_bundle(path: Path | None) -> Path:
    """Return the bundle that a command is to use.

    Without a path it is `$NMT_MODEL`, or else the finished run below `./runs` that was trained
    last. A choice below `./runs` is reported on stderr.

    Args:
        path: A bundle, a run with a `best` bundle, a checkpoint, or None.

    Raises:
        ModelError: There is no model.
    """
    if path is None and os.environ.get("NMT_MODEL"):
        path = Path(os.environ["NMT_MODEL"])
    if path is None:
        return _newest_run()
    if is_archive(path) or (path / BUNDLE_RECORD).is_file() or is_checkpoint(path):
        return path
    best = RunDirectory(path).best
    if (best / BUNDLE_RECORD).is_file():
        return best
    if RunDirectory(path).config_file.is_file():
        raise ModelError(
            f"{path}: this run has no finished model yet (no {best.name}/{BUNDLE_RECORD}). Run "
            "`nmt train` at least until the first validation."
        )
    if not path.exists():
        raise ModelError(f"{path}: no such file or folder. Give a run, a bundle or a checkpoint.")
    raise ModelError(
        f"{path}: is neither a bundle nor a run that has one. Give the `best` folder of a run."
    )


def is_checkpoint(path: Path) -> bool:
    """Return whether a path is a checkpoint in the folder of its run."""
    return all((path / name).is_file() for name in (_STATE, WEIGHTS)) and not is_archive(path)


def open_bundle(path: Path) -> FileStore:
    """Return the files of a bundle, which is a folder, one file, or a checkpoint of a run.

    Raises:
        ModelError: A file is damaged, or the run of a checkpoint lacks one.
        OSError: A file cannot be read.
    """
    return _CheckpointFiles(path) if is_checkpoint(path) else open_file_store(path)


class _CheckpointFiles(FileStore):
    """A checkpoint as the files of a bundle: its weights, with the rest from the folder of its run.

    Where training keeps a moving average of the weights, the weights are that average.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        weights = path / (_AVERAGE if (path / _AVERAGE).is_file() else WEIGHTS)
        self._files: dict[str, Path | bytes] = {WEIGHTS: weights}
        try:
            run = find_run(path.parent.parent)
            config = dump_config(without_paths(load_config(run.config_file)))
            self._files[CONFIG] = config.encode("utf-8")
            for name in TOKENIZER_FILES:
                if (run.tokenizer / name).is_file():
                    self._files[name] = run.tokenizer / name
            manifest = Manifest.load(run.data)
            tokenizers = TokenizerPair.load(run.tokenizer)
        except (ConfigError, DataError, ModelError) as error:
            raise ModelError(
                f"{path}: is a checkpoint, which is incomplete without the other files of its "
                "run.\n"
                f"{error.message}"
            ) from error
        self._check_unchanged(run, manifest, tokenizers)
        ratio = manifest.length_ratio
        digests = {name: self.digest(name) for name in self.names() if name != WEIGHTS}
        record = {
            "format": FORMAT,
            "vocabulary": [tokenizers.source.size, tokenizers.target.size],
            "length_ratio": {"mean": ratio.mean, "std": ratio.deviation},
            "training": {"checkpoint": path.name},
            "sha256": {WEIGHTS: str(self._saved("sha256", weights.name)), **digests},
        }
        self._files[BUNDLE_RECORD] = format_bundle_record(record).encode("utf-8")

    def _check_unchanged(
        self, run: RunDirectory, manifest: Manifest, tokenizers: TokenizerPair
    ) -> None:
        """Raise ModelError where tokenizer or data have changed since the weights were trained."""
        corpora_at_start = self._saved("state", "corpora")
        # A checkpoint of an earlier release has no fingerprint of its tokenizer.
        tokenizer = corpora_at_start.get("tokenizer", manifest.tokenizer)
        for folder, saved, present in (
            (run.data, self._saved("state", "corpora", "train"), manifest.train.fingerprint),
            (run.tokenizer, tokenizer, tokenizers.fingerprint),
        ):
            if saved != present:
                raise ModelError(
                    f"{self.path}: the files in {folder} changed after it was trained.\n"
                    "Restore the old files, or use the `best` model of the run."
                )

    def _saved(self, *keys: str) -> Any:
        """Return the value at a path of nested keys in the record of the checkpoint."""
        file = self.path / _STATE
        try:
            value = _parsed(file.read_bytes())
            for key in keys:
                value = value[key]
            return value
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{file}: is damaged ({describe_damage(error)}). Use another checkpoint."
            ) from error

    def names(self) -> list[str]:
        """See `FileStore.names`."""
        return sorted(self._files)

    def content(self, name: str) -> Path | bytes:
        """See `FileStore.content`."""
        if name not in self._files:
            raise FileNotFoundError(2, os.strerror(2), str(self.path / name))
        return self._files[name]

    def read(self, name: str, length: int = -1) -> bytes:
        """See `FileStore.read`."""
        content = self.content(name)
        if isinstance(content, bytes):
            return content if length < 0 else content[:length]
        with content.open("rb") as file:
            return file.read(length)

    def size(self, name: str) -> int:
        """See `FileStore.size`."""
        content = self.content(name)
        return len(content) if isinstance(content, bytes) else content.stat().st_size

    def digest(self, name: str) -> str:
        """See `FileStore.digest`."""
        content = self.content(name)
        return (
            hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else sha256(content)
        )


def _parsed(content: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: The text is no JSON, or is nested too deeply.
    """
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _newest_run() -> Path:
    bundles = [folder.parent for folder in Path("runs").glob(f"*/best/{BUNDLE_RECORD}")]
    if not bundles:
        raise ModelError(
            "no trained model in ./runs. Train one with `nmt train`, or set --model or $NMT_MODEL."
        )
    logs = {bundle: _read_log(RunDirectory(bundle.parent)) for bundle in bundles}
    finished = [bundle for bundle, log in logs.items() if log and log[-1]["kind"] == "end"]
    newest = max(finished or bundles, key=lambda bundle: _time_trained(bundle, logs[bundle]))
    say(f"model: {newest}" + ("" if finished else " (its training is not finished)"))
    return newest


def _read_log(run: RunDirectory) -> list[dict[str, Any]]:
    """Return the records of a run's log; none where it cannot be read."""
    try:
        return read_records(run.log_records)
    except OSError:
        return []


def _time_trained(bundle: Path, log: list[dict[str, Any]]) -> float:
    """Return the time of the last record of training, in seconds since 1970.

    Without such a record it is the time of the bundle. That is later where a command such as
    `nmt tune` changed the bundle.
    """
    time = last_time(log)
    return (bundle / BUNDLE_RECORD).stat().st_mtime if time is None else time


def _check_length_ratio(mean: float, std: float) -> None:
    """Raise ValueError or TypeError where search could not bound lengths by a length ratio."""
    if not (0.0 < mean < math.inf and 0.0 <= std < math.inf):
        raise ValueError(f"length ratio {mean}, deviation {std}")


def scripts_record(scripts: Scripts | None) -> dict[str, Any]:
    """Return the member of `bundle.json` that holds scripts, with shares rounded to millionths."""
    if scripts is None:
        return {}
    return {_SCRIPTS: {name: round(share, 6) for name, share in scripts.shares.items()}}


def read_scripts(record: dict[str, Any]) -> Scripts | None:
    """Return the scripts that `bundle.json` records; None where it records none.

    Raises:
        ValueError: A share is no number.
        TypeError: A share is no number.
        AttributeError: The record is no object.
    """
    if _SCRIPTS not in record:
        return None
    return Scripts({str(name): float(share) for name, share in record[_SCRIPTS].items()})


def check_digest(store: FileStore, name: str, digest: str) -> None:
    """Compare a file of a bundle with its checksum.

    Args:
        store: The files of the bundle.
        name: The name of the file.
        digest: The checksum that it should have.

    Raises:
        ModelError: The file is missing or differs.
    """
    file = store.path / name
    if not store.has(name):
        raise ModelError(f"{file}: is missing from the bundle. Copy the bundle again.")
    if store.digest(name) != digest:
        raise ModelError(f"{file}: is damaged (its checksum differs). Copy the bundle again.")


SUFFIX = ".nmt"


def write_model_file(bundle: Path, out: Path, replace: bool = False) -> list[str]:
    """Write a bundle to one file.

    The same bundle gives the same bytes. Other files in the folder of the bundle are left out.

    Args:
        bundle: The path of the bundle.
        out: The file to write.
        replace: Whether the file may exist already.

    Returns:
        The names of the files within the new one.

    Raises:
        UsageError: The file exists already.
        ModelError: The bundle is damaged.
        ResourceError: The disk does not take the file.
    """
    if out.is_dir() or (out.exists() and not replace):
        hint = (
            "Give a file, not a folder." if out.is_dir() else "Choose another path or add --force."
        )
        raise UsageError(f"{out}: already exists. {hint}")
    store = open_bundle(bundle)
    check_files(bundle)
    names = [BUNDLE_RECORD, *sorted(read_bundle_record(bundle)["sha256"])]
    names += [CARD] if store.has(CARD) else []
    write_archive(out, ((name, store.content(name)) for name in names))
    return names
