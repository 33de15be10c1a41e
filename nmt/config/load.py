"""The loading of configurations: a YAML file and `--set` overrides to checked, typed settings."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nmt.config.config_errors import find_problems, find_signed_integers, format_problems
from nmt.config.earlier_keys import apply_earlier_preset, translate_earlier_keys
from nmt.config.key_index import keys_of
from nmt.config.presets import find_preset, implied_values, key_paths
from nmt.config.settings import Config, CorpusSettings
from nmt.config.settings.base import UNWRITABLE_NAME, Settings
from nmt.config.settings.data import DataSettings
from nmt.config.yaml_positions import Document, KeyPath, Problem, read_override, read_yaml
from nmt.errors import ConfigError

_MAX_FILE_SIZE = 1 << 20


def load_config(
    path: Path,
    overrides: Sequence[str] = (),
    content: bytes | None = None,
    say: Callable[[str], None] | None = None,
) -> Config:
    """Read and check the configuration in a YAML file.

    The paths of the result are absolute. Relative paths in the file start from its folder, and
    those of corpora from `data.root` where it is set. Relative paths in overrides start from the
    current folder.

    `name`, `run_dir`, the keys of a preset and language names in texts are filled in.
    `tokenizer.dir` and `data.dir` are None where they are the default folders of the run.

    Args:
        path: The file.
        overrides: Texts `key.path=value`, typed like the file. The last of a key counts.
        content: The content of the file, where it is known already.
        say: A function that prints a line about renamed keys of earlier releases.

    Returns:
        The configuration.

    Raises:
        ConfigError: The configuration is wrong. The message has a line for every problem.
    """
    data = _read_bytes(path) if content is None else content
    document = read_yaml(_decode(data, path), str(path))
    for order, override in enumerate(overrides):
        _apply_override(document, override, order)
    has_preset = document.value.get("preset") is not None
    renamed = list(translate_earlier_keys(document))
    _replace_null_sections(document.value, Config)
    renamed += apply_earlier_preset(document)
    if renamed and say is not None:
        changed = "" if has_preset else ". Defaults have changed since then (see CHANGELOG.md)"
        say(f"{path}: keys of an earlier release: {'; '.join(renamed)}{changed}")
    document.value.setdefault("name", None)
    if document.value["name"] is None:
        document.value["name"] = path.stem
    document.problems += find_signed_integers(document)
    document.value = fill_in_languages(document.value)
    _position_preset_keys(document)
    try:
        config = Config.model_validate(document.value)
    except ValidationError as error:
        document.problems += find_problems(error, document)
    if document.problems:
        raise ConfigError(format_problems(document.problems, str(path)))
    config = _with_absolute_paths(config, document, path.absolute().parent)
    if problems := list(_folder_problems(config, document)):
        raise ConfigError(format_problems(problems, str(path)))
    config = _without_default_folders(config)
    try:
        os.fsencode(str(config.run_dir))
    except UnicodeEncodeError as error:
        raise ConfigError(f"{path}: run_dir: {config.run_dir} {UNWRITABLE_NAME}.") from error
    return config


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE_SIZE + 1)
    except FileNotFoundError as error:
        similar = _similar_file(path)
        hint = "" if similar is None else f"; did you mean {similar}?"
        raise ConfigError(f"{path}: no such file ({path.absolute()}){hint}") from error
    except IsADirectoryError as error:
        inside = path / "config.yaml"
        advice = (
            f"its configuration, {inside}" if inside.is_file() else "the configuration file in it"
        )
        raise ConfigError(f"{path}: is a folder; give {advice}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error


def _similar_file(path: Path) -> Path | None:
    """Return a file with the same name and another suffix of YAML, or None."""
    names = [f"{stem}{suffix}" for stem in (path.stem, path.name) for suffix in (".yaml", ".yml")]
    candidates = (path.with_name(name) for name in names)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _decode(data: bytes, path: Path) -> str:
    if len(data) > _MAX_FILE_SIZE:
        raise ConfigError(f"{path}: is larger than 1 MiB, so it cannot be a configuration")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise ConfigError(
            f"{path}:{line}:{column}: not valid UTF-8 (byte 0x{data[error.start]:02X}); "
            "save the file as UTF-8"
        ) from error


def _apply_override(document: Document, override: str, order: int) -> None:
    """Replace the value of a key in a document by a `key.path=value` override."""
    key, equals, text = override.partition("=")
    names = re.sub(r"\[(\d+)\]", r".\1", key.strip()).split(".")
    if not equals or "" in names:
        raise ConfigError(
            f"--set {override}: expected KEY=VALUE, such as --set training.max_updates=2000"
        )
    path = _path_in(document, names, override)
    new = read_override(text, path, order)
    section: Any = document.value
    for depth, name in enumerate(path[:-1], start=1):
        if isinstance(name, str) and not isinstance(section.get(name), dict | list):
            section[name] = {}
            document.positions[path[:depth]] = new.positions[path]
        section = section[name]
    section[path[-1]] = new.value
    for known_path in [
        known_path for known_path in document.positions if known_path[: len(path)] == path
    ]:
        del document.positions[known_path]
    document.positions.update(new.positions)
    document.problems += new.problems


def _path_in(document: Document, names: Sequence[str], override: str) -> KeyPath:
    """Return the path of an override, in which a number after a list is an index.

    Raises:
        ConfigError: A list has no such element.
    """
    path: list[str | int] = []
    value: Any = document.value
    for name in names:
        if isinstance(value, list):
            if not name.isdecimal() or int(name) >= len(value):
                raise ConfigError(f"--set {override}: {_index_hint(tuple(path), name, len(value))}")
            path.append(int(name))
            value = value[int(name)]
        else:
            path.append(name)
            value = value.get(name) if isinstance(value, dict) else None
    return tuple(path)


def _index_hint(path: KeyPath, name: str, length: int) -> str:
    """Return advice about a name that is no index of the list at a path."""
    key = ".".join(map(str, path))
    if name.lstrip("-").isdecimal():
        return f"{key} has no element {name}; they are numbered from 0 to {length - 1}"
    return (
        f"{key} is a list of {length}; write the number of an element from 0 after it, such as "
        f"{key}.0.{name}"
    )


def _replace_null_sections(values: dict[str, Any], section: type[Settings]) -> None:
    """Make a section empty whose keys are all commented out, so that it is not an error."""
    for key in keys_of(section):
        name, below = key.path[-1], key.expected.section
        if below is None or name not in values:
            continue
        if values[name] is None and not key.expected.nullable:
            values[name] = {}
        if isinstance(values[name], dict):
            _replace_null_sections(values[name], below)


def _position_preset_keys(document: Document) -> None:
    """Give keys that only the preset sets the position of the preset, for messages."""
    preset = find_preset(document.value)
    if preset is not None:
        for path in key_paths(implied_values(document.value)):
            document.positions.setdefault(path, document.positions[("preset",)])


def _with_absolute_paths(config: Config, document: Document, folder: Path) -> Config:
    def absolute(path: Path, key: KeyPath, base: Path) -> Path:
        start = Path.cwd() if document.position_of(key).on_command_line else base
        if path.parts[:1] == ("~",):
            path = Path.home().joinpath(*path.parts[1:])
        return Path(os.path.normpath(start / path))

    def corpus(settings: CorpusSettings, key: KeyPath) -> CorpusSettings:
        sides = {
            side: tuple(absolute(path, document.path_of((*key, side)), base) for path in paths)
            for side in ("source", "target", "pairs")
            if (paths := getattr(settings, side))
        }
        return settings.model_copy(update=sides)

    data = config.data
    root = absolute(data.root, ("data", "root"), folder) if data.root else None
    base = root or folder
    update: dict[str, Any] = {"root": root}
    for name, corpora in data.corpora.items():
        update[name] = tuple(corpus(each, ("data", name, i)) for i, each in enumerate(corpora))
    if data.dir is not None:
        update["dir"] = absolute(data.dir, ("data", "dir"), folder)
    tokenizer = config.tokenizer
    if tokenizer.dir is not None:
        tokenizer_dir = absolute(tokenizer.dir, ("tokenizer", "dir"), folder)
        tokenizer = tokenizer.model_copy(update={"dir": tokenizer_dir})
    training, start = config.training, config.training.init_from
    if start is not None:
        start = absolute(start, ("training", "init_from"), folder)
        training = training.model_copy(update={"init_from": start})
    vectors = training.pretrained_embeddings
    named = {side: path for side in ("source", "target") if (path := getattr(vectors, side))}
    if named:
        section = ("training", "pretrained_embeddings")
        paths = {side: absolute(path, (*section, side), folder) for side, path in named.items()}
        vectors = vectors.model_copy(update=paths)
        training = training.model_copy(update={"pretrained_embeddings": vectors})
    if training.guided_alignment.alignments:
        guided_alignment, key = (
            training.guided_alignment,
            ("training", "guided_alignment", "alignments"),
        )
        files = tuple(absolute(path, key, folder) for path in guided_alignment.alignments)
        guided_alignment = guided_alignment.model_copy(update={"alignments": files})
        training = training.model_copy(update={"guided_alignment": guided_alignment})
    if tokenizer.model:
        models = tuple(absolute(path, ("tokenizer", "model"), folder) for path in tokenizer.model)
        tokenizer = tokenizer.model_copy(update={"model": models})
    run_dir = config.run_dir or Path.cwd() / "runs" / str(config.name)
    return config.model_copy(
        update={
            "data": data.model_copy(update=update),
            "tokenizer": tokenizer,
            "training": training,
            "run_dir": absolute(run_dir, ("run_dir",), folder),
        }
    )


def _folder_problems(config: Config, document: Document) -> Iterator[Problem]:
    """Yield problems of tokenizer and data folders that overlap other folders."""
    run = config.run_dir
    assert run is not None
    sections = (("tokenizer", config.tokenizer.dir), ("data", config.data.dir))
    for section, folder in sections:
        if folder is None or folder == run / section:
            continue
        if folder.is_relative_to(run):
            message = f"{folder} is inside run_dir; choose a folder outside it, or remove the key"
        elif run.is_relative_to(folder):
            message = f"{folder} contains run_dir; choose another folder"
        else:
            continue
        yield Problem(document.position_of((section, "dir")), f"{section}.dir", message)
    tokenizer, data = config.tokenizer.dir, config.data.dir
    if tokenizer and data and (tokenizer.is_relative_to(data) or data.is_relative_to(tokenizer)):
        message = f"{data} and tokenizer.dir contain each other; choose two separate folders"
        yield Problem(document.position_of(("data", "dir")), "data.dir", message)


def _without_default_folders(config: Config) -> Config:
    """Return the configuration without folders at their default place, which follow the run."""
    update = {
        section: getattr(config, section).model_copy(update={"dir": None})
        for section in ("tokenizer", "data")
        if getattr(config, section).dir == Path(str(config.run_dir), section)
    }
    return config.model_copy(update=update)


_LANGUAGES = ("source_language", "target_language")
_LANGUAGE_MARK = re.compile(rf"\{{({'|'.join(_LANGUAGES)})\}}")


def fill_in_languages(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a configuration with the language names filled into its texts.

    `{source_language}` and `{target_language}` stand for the languages in `data`, or their
    defaults. A language that is not a text is not filled in; validation reports it.
    """
    data = values.get("data")
    data_values = data if isinstance(data, dict) else {}
    languages = {
        key: data_values.get(key, DataSettings.model_fields[key].default) for key in _LANGUAGES
    }
    names = {key: language for key, language in languages.items() if isinstance(language, str)}
    return {key: _fill_in(value, names) for key, value in values.items()}


def _fill_in(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill_in(below, names) for key, below in value.items()}
    if isinstance(value, list):
        return [_fill_in(item, names) for item in value]
    if isinstance(value, str):
        return _LANGUAGE_MARK.sub(lambda mark: names.get(mark[1], mark[0]), value)
    return value
