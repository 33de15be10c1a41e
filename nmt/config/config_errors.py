"""Messages about mistakes in a configuration: position, key, value, and what is allowed."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from nmt.config.key_index import Expected, Key, all_keys, sibling_names
from nmt.config.presets import find_preset
from nmt.config.yaml_positions import (
    Document,
    KeyPath,
    Problem,
    YamlPosition,
    key_text,
    plain_value,
)

_MAX_VALUE_LENGTH = 60
_MAX_SECTIONS_NAMED = 6


def find_problems(
    error: ValidationError, document: Document, section: KeyPath = ()
) -> list[Problem]:
    """Return all problems that pydantic found in a document or a section.

    Args:
        error: The error of pydantic.
        document: The document.
        section: The path of the section that was validated; empty for the whole document.
    """
    problems = []
    for detail in error.errors(include_url=False):
        path = document.path_of((*section, *detail["loc"]))
        position = document.position_of(path or _first_key_in(detail["msg"]))
        value = detail["input"]
        if detail["type"] == "extra_forbidden":
            message = f"unknown key; {unknown_key_hint(_names(path))}"
        elif detail["type"] == "missing":
            message = f"missing. {_key_at(path).description}"
        elif detail["type"] == "value_error":
            message = _validator_message(
                str(detail["ctx"]["error"]), path, value, position.raw_scalar
            )
            message += _preset_hint(path, value, document)
        else:
            message = _type_message(_expected_at(path), value, position.raw_scalar)
        problems.append(Problem(position, key_text(path), message))
    return problems


def find_signed_integers(document: Document) -> list[Problem]:
    """Return a problem for each integer with a plus sign, which looks like an addition."""
    problems = []
    for path, position in document.positions.items():
        raw_scalar = "" if position.raw_scalar is None else position.raw_scalar
        if raw_scalar.startswith("+") and ".".join(_names(path)) in all_keys():
            expected = _expected_at(path)
            if expected.base is int:
                message = f"expected {expected.noun}, got {raw_scalar}; write {raw_scalar[1:]}"
                problems.append(Problem(position, key_text(path), message))
    return problems


def format_problems(problems: Iterable[Problem], name: str) -> str:
    """Return one message for all problems, a line each, in the order of the file.

    Args:
        problems: The problems.
        name: The name of the configuration.
    """
    lines = [str(problem) for problem in sorted(problems, key=lambda problem: problem.position)]
    if len(lines) == 1:
        return lines[0]
    return "\n".join([f"{len(lines)} problems in {name}:", *lines])


def describe_validation_error(error: ValidationError, section: str) -> str:
    """Return a message about settings that do not come from a file, a line for each problem.

    Args:
        error: The error of pydantic.
        section: The name of the section that has these settings, such as `search`.
    """
    empty = Document({}, {(): YamlPosition((0, 0, 0), "")}, [])
    return "\n".join(map(str, find_problems(error, empty, (section,))))


def unknown_key_hint(path: tuple[str, ...]) -> str:
    """Return advice about a key that does not exist."""
    *above, name = path
    if name in all_keys():
        return f"write it as nested keys: {': '.join(name.split('.'))}"
    sections = _sections_with_key(name, tuple(above))
    if sections:
        one_of = "one of " if len(sections) > 1 else ""
        return f"it belongs in {one_of}{', '.join(sections)}"
    siblings = sibling_names(path)
    suggestion = nearest_name(name, siblings)
    if suggestion is not None:
        return f"did you mean {suggestion}?"
    return f"known keys: {', '.join(siblings)}"


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """Return the name that was probably meant; None where no name is similar.

    Args:
        name: The name as it was written.
        names: The known names.
    """
    by_lower_case = {known.lower(): known for known in names}
    matches = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
    return by_lower_case[matches[0]] if matches else None


def _sections_with_key(name: str, above: tuple[str, ...]) -> list[str]:
    """Return the sections below `above` that have a key of this name, or else all that have one.

    The result is empty where there are too many to name.
    """
    sections = [key.path[:-1] for key in all_keys().values() if key.path[-1] == name]
    below = [section for section in sections if section[: len(above)] == above]
    names = [".".join(section) or "the top" for section in below or sections]
    return names if len(names) <= _MAX_SECTIONS_NAMED else []


def _first_key_in(message: str) -> KeyPath:
    """Return the path of the first key between backticks in a message about several keys."""
    match = re.search(r"`([a-z_.]+)", message)
    return tuple(match[1].split(".")) if match else ()


def _preset_hint(path: KeyPath, value: Any, document: Document) -> str:
    """Return a hint that conflicting keys of the model may come from the preset."""
    within_model = path[:1] == ("model",) and isinstance(value, dict)
    if not within_model or find_preset(document.value) is None:
        return ""
    name = document.value["preset"]
    return (
        f"; keys that are not set come from `preset: {name}` (to unset a key that "
        "allows it, write null)"
    )


def _names(path: KeyPath) -> tuple[str, ...]:
    return tuple(part for part in path if isinstance(part, str))


def _key_at(path: KeyPath) -> Key:
    """Return the key at a path. The filters of a corpus are keys of `data` too."""
    name = ".".join(_names(path))
    return all_keys()[re.sub(r"^data\.\w+\.filters\.", "data.", name)]


def _expected_at(path: KeyPath) -> Expected:
    expected = _key_at(path).expected
    if isinstance(path[-1], int) and expected.item is not None:
        return expected.item
    return expected


def _validator_message(message: str, path: KeyPath, value: Any, raw_scalar: str | None) -> str:
    """Return the message of a settings validator, with the value where it is a single one."""
    if not isinstance(value, str | int | float):
        return message
    value_text = _quote(value) if isinstance(value, str) else _format_value(value, raw_scalar)
    sentence = (
        f"{value_text} {message}" if message.startswith("is ") else f"{message}, not {value_text}"
    )
    suggestion = nearest_name(str(value), _expected_at(path).choices)
    return f"{sentence}; did you mean {suggestion}?" if suggestion else sentence


def _type_message(expected: Expected, value: Any, raw_scalar: str | None) -> str:
    message = f"expected {expected.noun}, got {_format_value(value, raw_scalar)}"
    hint = _fix_hint(expected, value)
    return f"{message}; {hint}" if hint else message


def _format_value(value: Any, raw_scalar: str | None) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {_quote(value)}"
    if isinstance(value, int | float):
        return raw_scalar or str(value)
    return "a list" if isinstance(value, list) else "a section of keys"


def _quote(text: str) -> str:
    quoted = repr(text)
    return quoted if len(quoted) <= _MAX_VALUE_LENGTH else f"{quoted[: _MAX_VALUE_LENGTH - 4]}...'"


def _fix_hint(expected: Expected, value: Any) -> str:
    """Return the probable fix of a wrong value, where there is one."""
    if isinstance(value, str):
        suggestion = nearest_name(value, expected.choices)
        if suggestion is not None:
            return f"did you mean {suggestion}?"
        if expected.base in (bool, int, float):
            if not isinstance(plain_value(value), str | None):
                return "write it without quotes"
            digits = value.replace("_", "").replace(",", "").removeprefix("+")
            if digits != value and isinstance(plain_value(digits), int | float):
                return f"write {digits}"
    elif isinstance(value, int | float) and expected.base is str:
        return "put it in quotes"
    elif isinstance(value, float) and expected.base is int and value.is_integer():
        return f"write {int(value)}"
    return ""
