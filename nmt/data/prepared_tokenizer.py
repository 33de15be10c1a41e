"""The tokenizers of a run, trained when missing or out of date, else loaded."""

from pathlib import Path
from typing import Any

from nmt.config.kinds import tokenizer_kind
from nmt.config.settings import Config
from nmt.data.inputs import (
    Inputs,
    check_languages,
    check_unchanged,
    describe_inputs,
    lines_of,
)
from nmt.data.pair_filters import selection_settings
from nmt.data.prepared_folder import (
    FolderKind,
    PreparedFolder,
    changed_inputs,
    changed_settings,
    listed,
)
from nmt.data.record import Record, load_record
from nmt.data.tokenizer_training import given_tokenizers, train_tokenizers
from nmt.errors import ConfigError, DataError, ModelError, UsageError
from nmt.runtime.console import say, warn
from nmt.runtime.files import atomic_directory
from nmt.runtime.places import is_archive
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.given_model import fingerprint_given_model
from nmt.tokenizers.normalization import AUTO
from nmt.tokenizers.sentencepiece import TokenizerPair

_KIND = FolderKind(
    "tokenizer",
    "nmt tokenizer",
    "tokenizer.json",
    frozenset(("tokenizer.json", "joint.model", "source.model", "target.model")),
)
_VERSION = 1
_TAKEN_OVER = "taken_over_from"
_GIVEN = "sha256_of_model"
_KEYS = {
    "on_bad_utf8": "data.on_bad_utf8",
    "max_pairs": "data.max_pairs",
    "target_prefixes": "data.target_prefixes",
    "validation_split": "data.validation_split",
    "seed": "data.split_seed",
}
"""The settings of a record that are outside the section `tokenizer`."""


class TokenizerRecord(Record):
    """The provenance of a run's tokenizers."""

    version: int = _VERSION
    inputs: Inputs
    settings: dict[str, Any]
    fingerprint: str


def prepare_tokenizers(
    config: Config, run: RunDirectory, force: bool = False, checked: bool = False
) -> TokenizerPair:
    """Return the tokenizers of a run, trained when missing, out of date or forced.

    Where the settings say so, they are the tokenizers of the model from which training starts.

    Args:
        config: The configuration.
        run: The run, with the folder of its tokenizer.
        force: Whether to replace existing tokenizers.
        checked: Whether findings about the texts are reported elsewhere.

    Raises:
        UsageError: They are out of date, but a model was trained with them or other runs may use
            them. Or the folder has files that nmt did not make.
        ConfigError: See `train_tokenizers`.
        DataError: A text is unfit, or the tokenizer of a trained run is missing.
    """
    folder = _folder(run)
    with folder.held():
        if not force:
            folder.check_there()
        record = _known_record(folder)
        made = None if record is None else _load_made(folder, record)
        if (start := _start(config)) is not None:
            return _taken_over(config, start, folder, record, None if force else made, force)
        inputs = _inputs(config, record, checked)
        reasons = _reasons(config, folder, record, made, inputs)
        if record is not None and made is not None and not reasons and not force:
            if record.inputs != inputs and folder.may_update(record.inputs, inputs):
                record.model_copy(update={"inputs": inputs}).save_as(folder.record_file)
            folder.report_up_to_date(made.fingerprint)
            return made
        check_languages(config.data)
        folder.check_ours()
        if not force:
            _refuse_to_replace(folder, record, reasons)
        if config.tokenizer.model:
            tokenizers = given_tokenizers(config.tokenizer)
        else:
            tokenizers = train_tokenizers(config, lines_of(inputs, "train"))
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
    folder.check_there()
    record = _known_record(folder)
    made = None if record is None else _load_made(folder, record)
    if (start := _start(config)) is not None:
        return _tokenizers_of(start) if record is None else made
    reasons: list[str] = []
    if record is not None:
        inputs = _inputs(config, record)
        reasons = _reasons(config, folder, record, made, inputs)
    if made is None or reasons:
        folder.check_ours()
        _refuse_to_replace(folder, record, reasons)
        return None
    return made


def _folder(run: RunDirectory) -> PreparedFolder:
    return PreparedFolder.of(run, run.tokenizer, _KIND)


def _inputs(config: Config, record: TokenizerRecord | None, checked: bool = False) -> Inputs:
    """Return the training texts of the tokenizers, or nothing where models are given."""
    if config.tokenizer.model:
        return {}
    known = None if record is None else record.inputs
    return describe_inputs({"train": config.data.train}, known, checked)


def _start(config: Config) -> Path | None:
    """Return the model whose tokenizer is used, None where one is to be trained."""
    same = config.training.init_vocabulary == "same"
    return config.training.init_from if same else None


def _reasons(
    config: Config,
    folder: PreparedFolder,
    record: TokenizerRecord | None,
    made: TokenizerPair | None,
    inputs: Inputs,
) -> list[str]:
    """Return the reasons why a tokenizer differs from the one that the configuration asks for."""
    if record is None:
        return ["its record cannot be read"]
    if _TAKEN_OVER in record.settings:
        return [f"it was taken over from {record.settings[_TAKEN_OVER]}"]
    wanted = _settings(config)
    given = (record.settings.get(_GIVEN), wanted.get(_GIVEN))
    if given != (None, None) and given[0] != given[1]:
        there = "trained from a text" if given[0] is None else "given by `tokenizer.model`"
        here = "to be trained" if given[1] is None else "another model that is given"
        return [f"it is one that was {there}, and here it is {here}"]
    if wanted.get("normalization") == AUTO and folder.is_trained_with:
        # Once a model is trained, any rule is right: an earlier release had another default.
        wanted["normalization"] = record.settings.get("normalization")
    reasons = changed_settings("tokenizer", record.settings, wanted, _KEYS)
    reasons += changed_inputs(record.inputs, inputs)
    return reasons or (["its models are damaged"] if made is None else [])


def _settings(config: Config) -> dict[str, Any]:
    """Return the settings that a tokenizer depends on."""
    tokenizer = config.tokenizer
    if tokenizer.model:
        files = [fingerprint_given_model(path) for path in tokenizer.model]
        return {"joint": tokenizer.joint, _GIVEN: files}
    others = {"dir", "sampling", "model", "min_frequency"}
    settings = tokenizer.model_dump(mode="json", exclude=others)
    if "min_frequency" in tokenizer_kind(tokenizer.kind).settings:
        settings["min_frequency"] = tokenizer.min_frequency
    settings["on_bad_utf8"] = config.data.on_bad_utf8
    settings |= selection_settings(config.data)
    if config.data.validation_split:
        settings["validation_split"] = config.data.validation_split
        settings["seed"] = config.data.split_seed
    return settings


def _known_record(folder: PreparedFolder) -> TokenizerRecord | None:
    if not folder.record_file.is_file():
        return None
    try:
        record = load_record(TokenizerRecord, folder.record_file, _KIND.command)
    except DataError as error:
        warn(error.message)
        return None
    return record if record.version == _VERSION else None


def _load_made(folder: PreparedFolder, record: TokenizerRecord) -> TokenizerPair | None:
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
            f"{folder.path}: the models are sound, but not those that nmt made here.\n"
            f"Move them away, or take another {folder.other_place}."
        )
    return tokenizers


def _refuse_to_replace(
    folder: PreparedFolder, record: TokenizerRecord | None, reasons: list[str]
) -> None:
    """Raise UsageError where a model, other runs or other people depend on the folder."""
    if folder.is_trained_with and not folder.is_shared:
        if not folder.path.exists():
            raise UsageError(
                f"{folder.path}: is missing, and this run has checkpoints trained with it.\n"
                "Bring it back, or nmt train --restart; nmt tokenizer --force makes it again."
            )
        why = f" ({listed(reasons)})" if record is not None else ""
        raise UsageError(
            f"{folder.path}: out of date{why}, but this run has checkpoints trained with it.\n"
            "Take another run_dir, or nmt train --restart; nmt tokenizer --force replaces it."
        )
    if record is None and folder.path.is_dir() and any(folder.path.glob("*.model")):
        raise UsageError(
            f"{folder.path}: holds models without a sound record of how nmt made them.\n"
            "Move them away, or replace them by nmt tokenizer --force."
        )
    folder.refuse_to_replace(reasons)


def _taken_over(
    config: Config,
    start: Path,
    folder: PreparedFolder,
    record: TokenizerRecord | None,
    present: TokenizerPair | None,
    force: bool,
) -> TokenizerPair:
    """Return the tokenizers of the bundle or run `start`, written into the folder.

    Once a model is trained with the present ones, they stay, even if `start` changes.
    """
    if present is not None and folder.is_trained_with:
        folder.report_up_to_date(present.fingerprint)
        return present
    tokenizers = _tokenizers_of(start)
    if tokenizers.joint != config.tokenizer.joint:
        raise ConfigError(
            f"tokenizer.joint: is {str(config.tokenizer.joint).lower()}, but the tokenizer of "
            f"{start} has {'one model' if tokenizers.joint else 'a model for each side'}.\n"
            f"Set `tokenizer.joint: {str(tokenizers.joint).lower()}`, or "
            "`training.init_vocabulary: extend` to train another."
        )
    if present is not None and present.fingerprint == tokenizers.fingerprint:
        folder.report_up_to_date(present.fingerprint)
        return present
    if record is not None and present is not None and (record.inputs or folder.is_shared):
        ways = (
            "name another folder by `tokenizer.dir`"
            if folder.is_shared
            else "replace it by nmt tokenizer --force"
        )
        raise UsageError(
            f"{folder.path}: holds a tokenizer ({present.fingerprint}) other than that of {start} "
            f"({tokenizers.fingerprint}).\n"
            f"Set `training.init_vocabulary: extend` to train one, or {ways}."
        )
    folder.check_ours()
    known = record is not None and record.fingerprint == tokenizers.fingerprint
    if not force and not known:
        _refuse_to_replace(folder, record, ["its models are damaged"])
    _save(folder, tokenizers, {}, {_TAKEN_OVER: str(start)})
    say(f"tokenizer: taken over from {start} ({tokenizers.source.size} subwords)")
    return tokenizers


def _tokenizers_of(start: Path) -> TokenizerPair:
    if is_archive(start):
        return TokenizerPair.load(start)
    for folder in (start, RunDirectory(start).best):
        if any(folder.glob("*.model")):
            return TokenizerPair.load(folder)
    raise ModelError(
        f"training.init_from: {start} is neither a bundle nor a run with one. Look for a `best` "
        "folder."
    )


def _save(
    folder: PreparedFolder, tokenizers: TokenizerPair, inputs: Inputs, settings: dict[str, Any]
) -> None:
    with atomic_directory(folder.path) as place:
        tokenizers.save(place)
        made = TokenizerRecord(inputs=inputs, settings=settings, fingerprint=tokenizers.fingerprint)
        made.save_as(place / _KIND.record)
