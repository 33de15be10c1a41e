"""Tokenizer and corpora of a run: made when missing or out of date, else opened."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.config.settings import Config, CorpusSettings
from nmt.data.binarize import binarize, binarize_settings, dev_text
from nmt.data.corpus import Corpus
from nmt.data.inputs import Inputs, describe_inputs, lines_of, same_content
from nmt.data.manifest import Manifest, Record, load_record
from nmt.data.tokenizer import TokenizerPair
from nmt.data.tokenizer_training import train_tokenizers
from nmt.errors import DataError, ModelError, UsageError
from nmt.runtime.console import say, warn
from nmt.runtime.files import atomic_directory
from nmt.runtime.lock import exclusive
from nmt.runtime.run_directory import RunDirectory

_TOKENIZER_RECORD = "tokenizer.json"
_VERSION = 1


@dataclass(frozen=True)
class PreparedData:
    """The corpora of a run, ready to train on.

    dev_source, dev_target: the lines of dev as they were written, one for each pair of `dev`.
    """

    train: Corpus
    dev: Corpus
    dev_source: list[str]
    dev_target: list[str]
    manifest: Manifest


class TokenizerRecord(Record):
    """What a run's tokenizers were made from."""

    version: int = _VERSION
    inputs: Inputs
    settings: dict[str, Any]
    fingerprint: str


def prepare_tokenizers(config: Config, run: RunDirectory, force: bool = False) -> TokenizerPair:
    """The tokenizers of a run: trained when missing, out of date or forced, else loaded.

    Raises UsageError when they are out of date but a model was trained with them, ConfigError and
    DataError as training them does, ResourceError when another process prepares the same run.
    """
    with _lock(run):
        record = _known_record(run)
        known = record.inputs if record is not None else None
        inputs = describe_inputs({"train": config.data.train}, known)
        settings = _tokenizer_settings(config)
        current = record is not None and (
            record.version == _VERSION
            and record.settings == settings
            and same_content(record.inputs, inputs)
        )
        if record is not None and current and not force:
            tokenizers = _load_intact(run, record)
            if tokenizers is not None:
                if record.inputs != inputs:
                    record.model_copy(update={"inputs": inputs}).save_as(_record_file(run))
                say(f"tokenizer: up to date ({run.tokenizer})")
                return tokenizers
        if not force:
            _refuse_to_replace(run, record)
        tokenizers = train_tokenizers(config, lines_of(inputs, "train"))
        _check_unchanged({"train": config.data.train}, inputs)
        with atomic_directory(run.tokenizer) as folder:
            tokenizers.save(folder)
            made = TokenizerRecord(
                inputs=inputs, settings=settings, fingerprint=tokenizers.fingerprint
            )
            made.save_as(folder / _TOKENIZER_RECORD)
        return tokenizers


def prepare_corpora(
    config: Config, run: RunDirectory, tokenizers: TokenizerPair, force: bool = False
) -> PreparedData:
    """The binarized corpora of a run: made when missing, out of date or forced, else opened.

    Out of date are they when a text (by its content), a setting or the tokenizer has changed.

    Raises DataError when the text is unfit, ResourceError when another process prepares the run.
    """
    with _lock(run):
        manifest = _known_manifest(run)
        known = manifest.inputs if manifest is not None else None
        data = config.data
        corpora = {"train": data.train, "dev": data.dev, "test": data.test}
        inputs = describe_inputs(corpora, known)
        if manifest is not None and not force:
            current = (
                manifest.tokenizer == tokenizers.fingerprint
                and manifest.settings == binarize_settings(config)
                and same_content(manifest.inputs, inputs)
            )
            prepared = _open_intact(run, manifest) if current else None
            if prepared is not None:
                if manifest.inputs != inputs:
                    manifest.model_copy(update={"inputs": inputs}).save(run.data)
                say(f"data: up to date ({run.data})")
                return prepared
        with atomic_directory(run.data) as folder:
            manifest = binarize(config, tokenizers, inputs, folder)
            _check_unchanged(corpora, inputs)
        return _open(run, manifest)


def _lock(run: RunDirectory) -> AbstractContextManager[None]:
    return exclusive(run.path / ".preparing", "the tokenizer or the data of this run")


def _check_unchanged(corpora: dict[str, CorpusSettings | None], inputs: Inputs) -> None:
    if describe_inputs(corpora, inputs) != inputs:
        raise DataError("a text was changed while it was read; let it be written, and run again.")


def _tokenizer_settings(config: Config) -> dict[str, Any]:
    settings = config.tokenizer.model_dump(mode="json", exclude={"sampling"})
    settings["on_bad_utf8"] = config.data.on_bad_utf8
    if config.data.validation_split:
        settings["validation_split"] = config.data.validation_split
        settings["seed"] = config.seed
    return settings


def _record_file(run: RunDirectory) -> Path:
    return run.tokenizer / _TOKENIZER_RECORD


def _known_record(run: RunDirectory) -> TokenizerRecord | None:
    if not _record_file(run).exists():
        return None
    try:
        return load_record(TokenizerRecord, _record_file(run))
    except DataError as error:
        warn(error.message)
        return None


def _load_intact(run: RunDirectory, record: TokenizerRecord) -> TokenizerPair | None:
    try:
        tokenizers = TokenizerPair.load(run.tokenizer)
    except ModelError as error:
        warn(error.message)
        return None
    if tokenizers.fingerprint != record.fingerprint:
        warn(f"{run.tokenizer}: the models are not those that nmt made here.")
        return None
    return tokenizers


def _refuse_to_replace(run: RunDirectory, record: TokenizerRecord | None) -> None:
    """A model is worth nothing without its subwords, and models that others made are theirs."""
    if run.checkpoints.is_dir() and any(run.checkpoints.iterdir()):
        raise UsageError(
            f"{run.tokenizer}: out of date, but this run has checkpoints trained with it.\n"
            "Take another run_dir, or nmt train --restart; nmt tokenizer --force replaces it."
        )
    if record is None and run.tokenizer.is_dir() and any(run.tokenizer.glob("*.model")):
        raise UsageError(
            f"{run.tokenizer}: holds models without a sound record of how nmt made them.\n"
            "Move them away, or replace them by nmt tokenizer --force."
        )


def _known_manifest(run: RunDirectory) -> Manifest | None:
    if not run.data.exists():
        return None
    try:
        return Manifest.load(run.data)
    except DataError as error:
        warn(f"{error.message} It is made anew.")
        return None


def _open_intact(run: RunDirectory, manifest: Manifest) -> PreparedData | None:
    try:
        return _open(run, manifest)
    except DataError as error:
        warn(f"{error.message} It is made anew.")
        return None


def _open(run: RunDirectory, manifest: Manifest) -> PreparedData:
    corpora = {}
    for name, report in (("train", manifest.train), ("dev", manifest.dev)):
        corpora[name] = Corpus.open(run.data / name)
        if corpora[name].fingerprint != report.fingerprint:
            raise DataError(f"{run.data / name}: is not what its manifest says; re-run binarize.")
    pairs = len(corpora["dev"])
    return PreparedData(
        train=corpora["train"],
        dev=corpora["dev"],
        dev_source=_dev_lines(run, "source", pairs),
        dev_target=_dev_lines(run, "target", pairs),
        manifest=manifest,
    )


def _dev_lines(run: RunDirectory, side: str, expected: int) -> list[str]:
    path = dev_text(run.data, side)
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}; re-run nmt binarize.") from error
    if len(lines) != expected:
        raise DataError(
            f"{path}: has {len(lines)} lines instead of {expected}; re-run nmt binarize."
        )
    return lines
