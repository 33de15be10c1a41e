"""The tokenizer of a run: loaded, or trained when it is missing or out of date.

Training on the same text gives the same bytes.
"""

from pathlib import Path
from typing import Any

from nmt.config.registry import tokenizer_kind
from nmt.config.settings import Config
from nmt.console import say, warn
from nmt.data.input_files import (
    Inputs,
    check_languages,
    check_unchanged,
    count_pairs,
    describe_inputs,
)
from nmt.data.manifest import Record, load_record
from nmt.data.pair_filters import selection_settings
from nmt.data.prepared_folder_rules import (
    FolderKind,
    PreparedFolder,
    changed_inputs,
    changed_settings,
    join_reasons,
)
from nmt.data.tokenizer_training import load_external_tokenizers, train_tokenizers
from nmt.errors import ConfigError, DataError, ModelError, UsageError
from nmt.runtime.atomic_files import atomic_directory
from nmt.runtime.folder_or_archive import is_archive
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.external_model import fingerprint_external_model
from nmt.tokenizers.normalization import AUTO
from nmt.tokenizers.tokenizer import TokenizerPair

_KIND = FolderKind(
    "tokenizer",
    "nmt tokenizer",
    "tokenizer.json",
    frozenset(("tokenizer.json", "joint.model", "source.model", "target.model")),
)
_VERSION = 1
_TAKEN_OVER_FROM = "taken_over_from"
_MODEL_HASHES = "sha256_of_model"
_FULL_KEYS = {
    "on_bad_utf8": "data.on_bad_utf8",
    "max_pairs": "data.max_pairs",
    "target_prefixes": "data.target_prefixes",
    "validation_split": "data.validation_split",
    "test_split": "data.test_split",
    "seed": "data.split_seed",
    "tags": "data.train.tag",
}
"""The settings of a record that are outside the section `tokenizer`."""


class TokenizerRecord(Record):
    """The provenance of a run's tokenizers."""

    version: int = _VERSION
    inputs: Inputs
    settings: dict[str, Any]
    fingerprint: str


def prepare_tokenizers(
    config: Config, run: RunDirectory, force: bool = False, texts_checked: bool = False
) -> TokenizerPair:
    """Return the tokenizers of a run, trained when missing, out of date or forced.

    Where the settings say so, they are the tokenizers of the model from which training starts.

    Args:
        config: The configuration.
        run: The run, with the folder of its tokenizer.
        force: Whether to replace existing tokenizers.
        texts_checked: Whether findings about the texts are reported elsewhere.

    Raises:
        UsageError: They are out of date, but a model was trained with them or other runs may use
            them. Or the folder has files that nmt did not make.
        ConfigError: See `train_tokenizers`.
        DataError: A text is unfit, or the tokenizer of a trained run is missing.
    """
    folder = _folder(run)
    with folder.locked():
        if not force:
            folder.check_exists()
        record = _load_record(folder)
        existing = None if record is None else _load_existing(folder, record)
        if (start := _start_model(config)) is not None:
            return _take_over_tokenizers(
                config, start, folder, record, None if force else existing, force
            )
        inputs = _describe_inputs(config, record, texts_checked)
        reasons = _find_differences(config, folder, record, existing, inputs)
        if record is not None and existing is not None and not reasons and not force:
            if record.inputs != inputs and folder.may_update(record.inputs, inputs):
                record.model_copy(update={"inputs": inputs}).write(folder.record_file)
            folder.report_up_to_date(existing.fingerprint)
            return existing
        check_languages(config.data)
        folder.check_made_by_nmt()
        if not force:
            _refuse_to_replace(folder, record, reasons)
        if config.tokenizer.model:
            tokenizers = load_external_tokenizers(config.tokenizer, config.data.tags)
        else:
            tokenizers = train_tokenizers(config, count_pairs(inputs, "train"))
            check_unchanged({"train": config.data.train}, inputs)
        _save(folder, tokenizers, inputs, _settings(config))
        return tokenizers


def find_tokenizers(config: Config, run: RunDirectory) -> TokenizerPair | None:
    """Return the tokenizers that `prepare_tokenizers` would find up to date, or None.

    Nothing is written, and no lock is waited for.

    Args:
        config: The configuration.
        run: The run, with the folder of its tokenizer.

    Raises:
        UsageError: `prepare_tokenizers` would refuse to replace the existing tokenizers.
        DataError: A text is missing, or the tokenizer of a trained run is missing.
    """
    folder = _folder(run)
    folder.check_exists()
    record = _load_record(folder)
    existing = None if record is None else _load_existing(folder, record)
    if (start := _start_model(config)) is not None:
        return _load_model_tokenizers(start) if record is None else existing
    reasons: list[str] = []
    if record is not None:
        inputs = _describe_inputs(config, record)
        reasons = _find_differences(config, folder, record, existing, inputs)
    if existing is None or reasons:
        folder.check_made_by_nmt()
        _refuse_to_replace(folder, record, reasons)
        return None
    return existing


def _folder(run: RunDirectory) -> PreparedFolder:
    return PreparedFolder.for_run(run, run.tokenizer, _KIND)


def _describe_inputs(
    config: Config, record: TokenizerRecord | None, texts_checked: bool = False
) -> Inputs:
    """Return the training texts of the tokenizers, none where models are given."""
    if config.tokenizer.model:
        return {}
    known = None if record is None else record.inputs
    return describe_inputs({"train": config.data.train}, known, texts_checked)


def _start_model(config: Config) -> Path | None:
    """Return the model whose tokenizer is used, None where a tokenizer is trained."""
    same = config.training.init_vocabulary == "same"
    return config.training.init_from if same else None


def _find_differences(
    config: Config,
    folder: PreparedFolder,
    record: TokenizerRecord | None,
    existing: TokenizerPair | None,
    inputs: Inputs,
) -> list[str]:
    """Return the differences of the existing tokenizer from the one in the configuration."""
    if record is None:
        return ["its record is not readable"]
    if _TAKEN_OVER_FROM in record.settings:
        return [f"it was copied from {record.settings[_TAKEN_OVER_FROM]}"]
    settings = _settings(config)
    model_hashes = (record.settings.get(_MODEL_HASHES), settings.get(_MODEL_HASHES))
    if model_hashes != (None, None) and model_hashes[0] != model_hashes[1]:
        there = "trained from a text" if model_hashes[0] is None else "given by `tokenizer.model`"
        here = "a model to be trained" if model_hashes[1] is None else "another existing model"
        return [f"it was {there}, but the configuration has {here}"]
    if settings.get("normalization") == AUTO and folder.is_trained_with:
        # Once a model is trained, any rule is right: an earlier release had another default.
        settings["normalization"] = record.settings.get("normalization")
    reasons = changed_settings("tokenizer", record.settings, settings, _FULL_KEYS)
    reasons += changed_inputs(record.inputs, inputs)
    return reasons or (["its models are damaged"] if existing is None else [])


def _settings(config: Config) -> dict[str, Any]:
    """Return the settings that a tokenizer depends on."""
    tokenizer = config.tokenizer
    tags = {"tags": list(config.data.tags)} if config.data.tags else {}
    if tokenizer.model:
        files = [fingerprint_external_model(path) for path in tokenizer.model]
        return {"joint": tokenizer.joint, _MODEL_HASHES: files, **tags}
    excluded = {"dir", "sampling", "model", "min_frequency", "case", "capitals"}
    settings = tokenizer.model_dump(mode="json", exclude=excluded)
    if "min_frequency" in tokenizer_kind(tokenizer.kind).settings:
        settings["min_frequency"] = tokenizer.min_frequency
    if tokenizer.case != "keep":
        settings["case"] = tokenizer.case
    settings["on_bad_utf8"] = config.data.on_bad_utf8
    settings |= {**selection_settings(config.data), **tags}
    splits = {
        "validation_split": config.data.validation_split,
        "test_split": config.data.test_split,
    }
    if given := {name: share for name, share in splits.items() if share}:
        settings |= {**given, "seed": config.data.split_seed}
    return settings


def _load_record(folder: PreparedFolder) -> TokenizerRecord | None:
    if not folder.record_file.is_file():
        return None
    try:
        record = load_record(TokenizerRecord, folder.record_file, _KIND.command)
    except DataError as error:
        warn(error.message)
        return None
    return record if record.version == _VERSION else None


def _load_existing(folder: PreparedFolder, record: TokenizerRecord) -> TokenizerPair | None:
    """Return the tokenizers that nmt made, None where they are damaged.

    Raises:
        UsageError: The models were not made by nmt here.
    """
    try:
        tokenizers = TokenizerPair.load(folder.path)
    except ModelError as error:
        warn(error.message)
        return None
    if tokenizers.fingerprint != record.fingerprint:
        raise UsageError(
            f"{folder.path}: the models are valid, but nmt did not make them here.\n"
            f"Move them away, or choose another {folder.alternative_key}."
        )
    return tokenizers


def _refuse_to_replace(
    folder: PreparedFolder, record: TokenizerRecord | None, reasons: list[str]
) -> None:
    """Raise UsageError where a model, other runs or other people depend on the folder."""
    if folder.is_trained_with and not folder.is_shared:
        if not folder.path.exists():
            raise UsageError(
                f"{folder.path}: is missing, but the checkpoints of this run need it.\n"
                "Restore it, or re-create it with `nmt tokenizer --force`. To train from scratch, "
                "run `nmt train --restart`."
            )
        why = f" ({join_reasons(reasons)})" if record is not None else ""
        raise UsageError(
            f"{folder.path}: out of date{why}, but the checkpoints of this run need it.\n"
            "Choose another run_dir, or train from scratch with `nmt train --restart`. To replace "
            "the tokenizer, run `nmt tokenizer --force`."
        )
    if record is None and folder.path.is_dir() and any(folder.path.glob("*.model")):
        raise UsageError(
            f"{folder.path}: has models without a valid record of their origin.\n"
            "Move them away, or replace them with `nmt tokenizer --force`."
        )
    folder.refuse_to_replace(reasons)


def _take_over_tokenizers(
    config: Config,
    start: Path,
    folder: PreparedFolder,
    record: TokenizerRecord | None,
    existing: TokenizerPair | None,
    force: bool,
) -> TokenizerPair:
    """Return the tokenizers of the bundle or run `start`, written into the folder.

    Once a model is trained with the present ones, they stay, even if `start` changes.
    """
    if existing is not None and folder.is_trained_with:
        folder.report_up_to_date(existing.fingerprint)
        return existing
    tokenizers = _load_model_tokenizers(start)
    if tokenizers.joint != config.tokenizer.joint:
        raise ConfigError(
            f"tokenizer.joint: the value is {str(config.tokenizer.joint).lower()}, but the "
            f"tokenizer of {start} has "
            f"{'one model' if tokenizers.joint else 'a model for each side'}.\n"
            f"Set `tokenizer.joint: {str(tokenizers.joint).lower()}`, or "
            "`training.init_vocabulary: extend` to train another."
        )
    if existing is not None and existing.fingerprint == tokenizers.fingerprint:
        folder.report_up_to_date(existing.fingerprint)
        return existing
    if record is not None and existing is not None and (record.inputs or folder.is_shared):
        alternative = (
            "set `tokenizer.dir` to another folder"
            if folder.is_shared
            else "replace it with `nmt tokenizer --force`"
        )
        raise UsageError(
            f"{folder.path}: its tokenizer ({existing.fingerprint}) differs from that of {start} "
            f"({tokenizers.fingerprint}).\n"
            f"Set `training.init_vocabulary: extend` to train one, or {alternative}."
        )
    folder.check_made_by_nmt()
    is_recorded = record is not None and record.fingerprint == tokenizers.fingerprint
    if not force and not is_recorded:
        _refuse_to_replace(folder, record, ["its models are damaged"])
    _save(folder, tokenizers, {}, {_TAKEN_OVER_FROM: str(start)})
    say(f"tokenizer: copied from {start} ({tokenizers.source.size} subwords)")
    return tokenizers


def _load_model_tokenizers(start: Path) -> TokenizerPair:
    if is_archive(start):
        return TokenizerPair.load(start)
    for folder in (start, RunDirectory(start).best):
        if any(folder.glob("*.model")):
            return TokenizerPair.load(folder)
    raise ModelError(
        f"training.init_from: {start} is neither a bundle nor a run that has one. Give the `best` "
        "folder of a run."
    )


def _save(
    folder: PreparedFolder, tokenizers: TokenizerPair, inputs: Inputs, settings: dict[str, Any]
) -> None:
    with atomic_directory(folder.path) as new_folder:
        tokenizers.save(new_folder)
        record = TokenizerRecord(
            inputs=inputs, settings=settings, fingerprint=tokenizers.fingerprint
        )
        record.write(new_folder / _KIND.record)
