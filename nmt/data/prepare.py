"""Tokenizer and corpora of a run: made when missing or out of date, else opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nmt.config.kinds import tokenizer_kind
from nmt.config.settings import Config, CorpusSettings, DataSettings
from nmt.data.alignment.link_file import PairLinks
from nmt.data.binarize import DATA_FILES, binarize, binarize_settings, dev_text
from nmt.data.corpus import Corpus
from nmt.data.guidance import GUIDANCE_FILE, open_guidance, prepare_guidance
from nmt.data.inputs import Inputs, describe_inputs, lines_of, same_content
from nmt.data.manifest import MANIFEST, Manifest
from nmt.data.pair_filters import selection_settings
from nmt.data.record import Record, check_replaceable, load_record
from nmt.data.tokenizer_training import given_tokenizers, train_tokenizers
from nmt.errors import ConfigError, DataError, ModelError, UsageError
from nmt.runtime.console import say, warn
from nmt.runtime.files import atomic_directory, remove_leftovers
from nmt.runtime.lock import exclusive
from nmt.runtime.places import is_archive
from nmt.runtime.run_directory import RunDirectory
from nmt.text.languages import check_file_languages
from nmt.tokenizers.given_model import fingerprint_given_model
from nmt.tokenizers.normalization import AUTO
from nmt.tokenizers.sentencepiece import TokenizerPair

_TOKENIZER_RECORD = "tokenizer.json"
_TOKENIZER_FILES = frozenset((_TOKENIZER_RECORD, "joint.model", "source.model", "target.model"))
_DATA_FILES = DATA_FILES | {GUIDANCE_FILE}
_VERSION = 1
_LINES_SHOWN = 8


@dataclass(frozen=True)
class PreparedData:
    """The corpora of a run, ready to train on.

    dev_source, dev_target: the lines of dev as they were written, one for each pair of `dev`;
    links: of the pairs of `train`, where attention is guided.
    """

    train: Corpus
    dev: Corpus
    dev_source: list[str]
    dev_target: list[str]
    manifest: Manifest
    links: PairLinks | None = None


class TokenizerRecord(Record):
    """What a run's tokenizers were made from."""

    version: int = _VERSION
    inputs: Inputs
    settings: dict[str, Any]
    fingerprint: str


def prepare_tokenizers(
    config: Config, run: RunDirectory, force: bool = False, checked: bool = False
) -> TokenizerPair:
    """The tokenizers of a run: trained when missing, out of date or forced, else loaded; those of
    the model that training starts from where the settings say so.

    checked: see `prepare_corpora`.

    Raises UsageError when they are out of date but a model was trained with them, or when the
    folder holds what nmt did not make; ConfigError and DataError as training them does;
    ResourceError when another process prepares the same run.
    """
    with _alone(run, run.tokenizer):
        record = _known_record(run)
        start = config.training.init_from
        if start is not None and config.training.init_vocabulary == "same":
            present = None if record is None or force else _load_made(run, record)
            return _taken_over(config, start, run, record, present, force)
        inputs = _tokenizer_inputs(config, record, checked)
        tokenizers = _up_to_date_tokenizers(config, run, record, inputs)
        if record is not None and tokenizers is not None and not force:
            if record.inputs != inputs:
                record.model_copy(update={"inputs": inputs}).save_as(_record_file(run))
            say(f"tokenizer: up to date ({run.tokenizer})")
            return tokenizers
        _check_languages(config.data)
        check_replaceable(run.tokenizer, _TOKENIZER_RECORD, _TOKENIZER_FILES)
        if not force:
            _refuse_to_replace(run, record)
        if config.tokenizer.model:
            tokenizers = given_tokenizers(config.tokenizer)
        else:
            tokenizers = train_tokenizers(config, lines_of(inputs, "train"))
            _check_unchanged({"train": config.data.train}, inputs)
        _save_tokenizers(run, tokenizers, inputs, _tokenizer_settings(config))
        return tokenizers


def _tokenizer_inputs(
    config: Config, record: TokenizerRecord | None, checked: bool = False
) -> Inputs:
    """Return the texts that the tokenizers are learned from: none where they are given."""
    if config.tokenizer.model:
        return {}
    known = None if record is None else record.inputs
    return describe_inputs({"train": config.data.train}, known, checked)


def _check_languages(data: DataSettings) -> None:
    """Raise ConfigError where texts are named for the languages of one another."""
    for corpus in filter(None, (data.train, data.dev, data.test)):
        files = zip(corpus.source, corpus.target, strict=True)
        check_file_languages(data.source_language, data.target_language, files)


def prepare_corpora(
    config: Config,
    run: RunDirectory,
    tokenizers: TokenizerPair,
    force: bool = False,
    checked: bool = False,
) -> PreparedData:
    """The binarized corpora of a run: made when missing, out of date or forced, else opened.

    Out of date are they when a text (by its content), a setting or the tokenizer has changed.
    checked: what is wrong with the texts is told elsewhere, and not warned of here.

    Raises DataError when the text is unfit, ConfigError when its files are named for the languages
    of one another, UsageError when the folder holds what nmt did not make,
    ResourceError when another process prepares the run.
    """
    with _alone(run, run.data):
        manifest = _known_manifest(run)
        corpora = _corpora(config)
        inputs = describe_inputs(corpora, None if manifest is None else manifest.inputs, checked)
        known = None if force else manifest
        prepared = _up_to_date_corpora(config, run, tokenizers, known, inputs)
        if manifest is not None and prepared is not None:
            if manifest.inputs != inputs:
                manifest.model_copy(update={"inputs": inputs}).save(run.data)
            _check_dev_fits(config, prepared)
            say(f"data: up to date ({run.data})")
            return _guided(config, run, tokenizers, prepared)
        _check_languages(config.data)
        check_replaceable(run.data, MANIFEST, _DATA_FILES)
        with atomic_directory(run.data) as folder:
            manifest = binarize(config, tokenizers, inputs, folder)
            _check_unchanged(corpora, inputs)
        for finding in manifest.findings or ():
            if not checked:
                warn(finding.message)
        prepared = _open(run, manifest)
        _check_dev_fits(config, prepared)
        return _guided(config, run, tokenizers, prepared)


def _guided(
    config: Config, run: RunDirectory, tokenizers: TokenizerPair, prepared: PreparedData
) -> PreparedData:
    links = prepare_guidance(config, run.data, prepared.train, tokenizers)
    return prepared if links is None else replace(prepared, links=links)


def _taken_over(
    config: Config,
    start: Path,
    run: RunDirectory,
    record: TokenizerRecord | None,
    present: TokenizerPair | None,
    force: bool,
) -> TokenizerPair:
    """The tokenizers of the bundle or run `start`; `present` ones stay once they were trained with,
    whatever has become of `start` since. The record is of those in the run's folder.
    """
    if present is not None and _has_checkpoints(run):
        say(f"tokenizer: up to date ({run.tokenizer})")
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
        say(f"tokenizer: up to date ({run.tokenizer})")
        return present
    if record is not None and present is not None and record.inputs:
        raise UsageError(
            f"{run.tokenizer}: this run has a tokenizer of its own ({present.fingerprint}), other "
            f"than that of {start} ({tokenizers.fingerprint}).\nSet `training.init_vocabulary: "
            "extend` to keep it, or replace it by nmt tokenizer --force."
        )
    check_replaceable(run.tokenizer, _TOKENIZER_RECORD, _TOKENIZER_FILES)
    known = record is not None and record.fingerprint == tokenizers.fingerprint
    if not force and not known:
        _refuse_to_replace(run, record)
    _save_tokenizers(run, tokenizers, {}, {"taken_over_from": str(start)})
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


def _save_tokenizers(
    run: RunDirectory, tokenizers: TokenizerPair, inputs: Inputs, settings: dict[str, Any]
) -> None:
    with atomic_directory(run.tokenizer) as folder:
        tokenizers.save(folder)
        made = TokenizerRecord(inputs=inputs, settings=settings, fingerprint=tokenizers.fingerprint)
        made.save_as(folder / _TOKENIZER_RECORD)


def open_prepared(config: Config, run: RunDirectory) -> tuple[TokenizerPair, PreparedData]:
    """What another process has just prepared. Raises ModelError and DataError when it is not to be
    found here, or is not the one.
    """
    prepared = _open(run, Manifest.load(run.data))
    links = open_guidance(config, run.data, prepared.train)
    return TokenizerPair.load(run.tokenizer), replace(prepared, links=links)


def find_tokenizers(config: Config, run: RunDirectory) -> TokenizerPair | None:
    """What `prepare_tokenizers` would find up to date; None where it would train them.

    Nothing is written and nobody is kept waiting. Raises UsageError where it would refuse to
    replace what is there, DataError when a text is missing.
    """
    record = _known_record(run)
    start = config.training.init_from
    if start is not None and config.training.init_vocabulary == "same":
        return _tokenizers_of(start) if record is None else _load_made(run, record)
    tokenizers = None
    if record is not None:
        inputs = _tokenizer_inputs(config, record)
        tokenizers = _up_to_date_tokenizers(config, run, record, inputs)
    if tokenizers is None:
        check_replaceable(run.tokenizer, _TOKENIZER_RECORD, _TOKENIZER_FILES)
        _refuse_to_replace(run, record)
    return tokenizers


def find_corpora(
    config: Config, run: RunDirectory, tokenizers: TokenizerPair
) -> PreparedData | None:
    """What `prepare_corpora` would find up to date; None where it would make them.

    Nothing is written and nobody is kept waiting. Raises as `find_tokenizers` does.
    """
    manifest = _known_manifest(run)
    if manifest is not None:
        inputs = describe_inputs(_corpora(config), manifest.inputs)
        prepared = _up_to_date_corpora(config, run, tokenizers, manifest, inputs)
        if prepared is not None:
            _check_dev_fits(config, prepared)
            return prepared
    check_replaceable(run.data, MANIFEST, _DATA_FILES)
    return None


def _corpora(config: Config) -> dict[str, CorpusSettings | None]:
    return {"train": config.data.train, "dev": config.data.dev, "test": config.data.test}


def _up_to_date_tokenizers(
    config: Config, run: RunDirectory, record: TokenizerRecord | None, inputs: Inputs
) -> TokenizerPair | None:
    tokenizers = None if record is None else _load_made(run, record)
    if record is None or not _made_as_asked(record.settings, config, run):
        return None
    return tokenizers if same_content(record.inputs, inputs) else None


def _made_as_asked(settings: dict[str, Any], config: Config, run: RunDirectory) -> bool:
    """Return whether a tokenizer of such settings is the one that the configuration asks for.

    `auto` is any rule once a model was trained with it: an earlier release had another default.
    """
    wanted = _tokenizer_settings(config)
    if wanted.get("normalization") == AUTO and _has_checkpoints(run):
        wanted["normalization"] = settings.get("normalization")
    return settings == wanted


def _up_to_date_corpora(
    config: Config,
    run: RunDirectory,
    tokenizers: TokenizerPair,
    manifest: Manifest | None,
    inputs: Inputs,
) -> PreparedData | None:
    if (
        manifest is None
        or manifest.tokenizer != tokenizers.fingerprint
        or manifest.settings != binarize_settings(config)
        or not same_content(manifest.inputs, inputs)
    ):
        return None
    return _open_intact(run, manifest, tokenizers)


def _check_dev_fits(config: Config, data: PreparedData) -> None:
    """Train pairs are held to `data.max_length`; dev keeps all of its own, which are reported.

    Raises DataError where a source is longer than the model can attend.
    """
    _report_long_pairs(config.data.max_length, data.dev)
    places = config.model.max_source_tokens
    if places is None or not (long := data.dev.source_lengths > places).any():
        return
    lines = data.dev.line_numbers[long].tolist()
    raise DataError(
        f"{len(lines)} dev sentences have more than the {places} subwords that "
        f"`model.attention.max_positions: {places + 1}` can attend (lines {_listed(lines)}).\n"
        f"Raise it to {int(data.dev.source_lengths.max()) + 1}, or take these lines out."
    )


def _report_long_pairs(most: int, dev: Corpus) -> None:
    """Report the pairs of dev that would be too long for train."""
    long = np.maximum(dev.source_lengths, dev.target_lengths) > most
    if not long.any():
        return
    lines = dev.line_numbers[long].tolist()
    pairs, word = (
        ("1 pair is", "line") if len(lines) == 1 else (f"{len(lines):,} pairs are", "lines")
    )
    say(
        f"dev: {pairs} longer than data.max_length ({most} subwords a side), {word} "
        f"{_listed(lines)}: kept and scored, though no pair of train is as long."
    )


def _listed(lines: list[int]) -> str:
    """Return the first lines by number."""
    numbers = ", ".join(map(str, lines[:_LINES_SHOWN]))
    return f"{numbers}{', ...' if len(lines) > _LINES_SHOWN else ''}"


@contextmanager
def _alone(run: RunDirectory, folder: Path) -> Iterator[None]:
    """Nobody else prepares the run meanwhile, and what a killed process left half done is mended.

    Only what is written here: a training process may be saving its best model beside it.
    """
    with exclusive(run.preparing_lock, "the tokenizer or the data of this run"):
        remove_leftovers(run.path, {folder.name})
        remove_leftovers(folder, {_TOKENIZER_RECORD, MANIFEST, GUIDANCE_FILE})
        yield


def _check_unchanged(corpora: dict[str, CorpusSettings | None], inputs: Inputs) -> None:
    if describe_inputs(corpora, inputs, checked=True) != inputs:
        raise DataError("a text was changed while it was read; let it be written, and run again.")


def _tokenizer_settings(config: Config) -> dict[str, Any]:
    tokenizer = config.tokenizer
    if tokenizer.model:
        files = [fingerprint_given_model(path) for path in tokenizer.model]
        return {"joint": tokenizer.joint, "sha256_of_model": files}
    settings = tokenizer.model_dump(mode="json", exclude={"sampling", "model", "min_frequency"})
    if "min_frequency" in tokenizer_kind(tokenizer.kind).settings:
        settings["min_frequency"] = tokenizer.min_frequency
    settings["on_bad_utf8"] = config.data.on_bad_utf8
    settings |= selection_settings(config.data)
    if config.data.validation_split:
        settings["validation_split"] = config.data.validation_split
        settings["seed"] = config.data.split_seed
    return settings


def _record_file(run: RunDirectory) -> Path:
    return run.tokenizer / _TOKENIZER_RECORD


def _known_record(run: RunDirectory) -> TokenizerRecord | None:
    if not _record_file(run).is_file():
        return None
    try:
        record = load_record(TokenizerRecord, _record_file(run), "nmt tokenizer")
    except DataError as error:
        warn(error.message)
        return None
    return record if record.version == _VERSION else None


def _load_made(run: RunDirectory, record: TokenizerRecord) -> TokenizerPair | None:
    """The tokenizers that nmt made, None when they are damaged; others' are not to be replaced."""
    try:
        tokenizers = TokenizerPair.load(run.tokenizer)
    except ModelError as error:
        warn(error.message)
        return None
    if tokenizers.fingerprint != record.fingerprint:
        raise UsageError(
            f"{run.tokenizer}: the models are sound, but not those that nmt made here.\n"
            "Move them away, or take another run_dir."
        )
    return tokenizers


def _refuse_to_replace(run: RunDirectory, record: TokenizerRecord | None) -> None:
    """A model is worth nothing without its subwords, and models that others made are theirs."""
    if _has_checkpoints(run):
        raise UsageError(
            f"{run.tokenizer}: out of date, but this run has checkpoints trained with it.\n"
            "Take another run_dir, or nmt train --restart; nmt tokenizer --force replaces it."
        )
    if record is None and run.tokenizer.is_dir() and any(run.tokenizer.glob("*.model")):
        raise UsageError(
            f"{run.tokenizer}: holds models without a sound record of how nmt made them.\n"
            "Move them away, or replace them by nmt tokenizer --force."
        )


def _has_checkpoints(run: RunDirectory) -> bool:
    return run.checkpoints.is_dir() and any(run.checkpoints.iterdir())


def _known_manifest(run: RunDirectory) -> Manifest | None:
    if not (run.data / MANIFEST).is_file():
        return None
    try:
        return Manifest.load(run.data)
    except DataError as error:
        warn(error.message)
        return None


def _open_intact(
    run: RunDirectory, manifest: Manifest, tokenizers: TokenizerPair
) -> PreparedData | None:
    try:
        prepared = _open(run, manifest)
        # Every byte, on the way to training too: it costs 0.6 s per GB (sha256 on a CPU that has
        # instructions for it, file cache warm), and a corpus with a flipped bit trains silently.
        for corpus in (prepared.train, prepared.dev):
            corpus.verify()
            corpus.check_ids(tokenizers.source.size, tokenizers.target.size)
        return prepared
    except DataError as error:
        warn(f"{error.message} It is made anew.")
        return None


def _open(run: RunDirectory, manifest: Manifest) -> PreparedData:
    corpora = {}
    for name, report in (("train", manifest.train), ("dev", manifest.dev)):
        corpora[name] = Corpus.open(run.data / name)
        if corpora[name].fingerprint != report.fingerprint:
            raise DataError(
                f"{run.data / name}: is not what its manifest says; re-run nmt binarize."
            )
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
