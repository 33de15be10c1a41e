"""YAML with the position of every key, and without the surprises of YAML 1.1.

Only `true` and `false` are booleans, `1e-4` is a number, and `no`, `12:30`, `2024-01-01` and
`1_000` are texts. A repeated key is a problem. Tags, anchors and aliases are refused.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from nmt.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""The path to a value: names of keys and indices in lists."""

_PositionAt = Callable[[int, int], "YamlPosition"]
"""A function that returns the position of a line and a column, both counted from 1."""

_MAX_DEPTH = 30
_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {
    text: text.lower() == "true" for text in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_PREFIXED_INTEGER = re.compile(r"0o[0-7]{1,400}|0x[0-9a-fA-F]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, order=True)
class YamlPosition:
    """The position of a value in the file or on the command line. It sorts in reading order."""

    order: tuple[int, int, int]
    where: str = field(compare=False)
    """The position as text: `config.yaml:12:5`, or `--set model.tying`."""
    raw_scalar: str | None = field(default=None, compare=False)
    """A number in its original spelling; None for other values."""
    on_command_line: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Problem:
    """A problem of a configuration."""

    position: YamlPosition
    key: str
    message: str

    def __str__(self) -> str:
        key = "" if self.position.where == f"--set {self.key}" else self.key
        return ": ".join(part for part in (self.position.where, key, self.message) if part)


@dataclass
class Document:
    """A value read from YAML, with the position of each part and its problems."""

    value: Any
    positions: dict[KeyPath, YamlPosition]
    problems: list[Problem]

    def position_of(self, path: KeyPath) -> YamlPosition:
        """Return the position of a value, or of the nearest section around it that was written."""
        while path not in self.positions:
            path = path[:-1]
        return self.positions[path]

    def path_of(self, location: KeyPath) -> KeyPath:
        """Return the path of a value as it is written, where a list of one has no index.

        Args:
            location: The path in the settings, with the index of each list.
        """
        path: KeyPath = ()
        for part in location:
            if isinstance(part, str) or (*path, part) in self.positions:
                path = (*path, part)
        return path


def read_yaml(text: str, name: str) -> Document:
    """Read the text of a configuration file.

    Args:
        text: The text.
        name: The name of the file in messages.

    Returns:
        The content with positions and problems.

    Raises:
        ConfigError: The text is no YAML, is empty or does not hold keys with values.
    """

    def position(line: int, column: int) -> YamlPosition:
        return YamlPosition((0, line, column), f"{name}:{line}:{column}")

    node = _compose(text, position)
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value in _NULLS):
        raise ConfigError(
            f"{name}: is empty. A configuration needs at least `data` and `training`; "
            "`nmt config default` prints one with every key."
        )
    if not isinstance(node, yaml.MappingNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
        raise ConfigError(
            f"{_start(node, position).where}: expected keys with values, such as `seed: 1`, "
            f"found {kind}"
        )
    whole = YamlPosition((0, 0, 0), name)
    builder = _Builder(position, {(): whole}, [])
    return Document(builder.build(node, ()), builder.positions, builder.problems)


def read_override(text: str, path: KeyPath, order: int) -> Document:
    """Read the value of a `--set key=value`.

    Args:
        text: The value.
        path: The path of the key.
        order: The index of the override on the command line.

    Returns:
        The value with positions and problems.

    Raises:
        ConfigError: The text is no YAML.
    """
    where = f"--set {key_text(path)}"

    def position(line: int, column: int) -> YamlPosition:
        return YamlPosition((1, order, column), where, on_command_line=True)

    positions = {path: YamlPosition((1, order, 0), where, on_command_line=True)}
    node = _compose(text, position)
    if node is None:
        return Document(None, positions, [])
    builder = _Builder(position, positions, [])
    return Document(builder.build(node, path), builder.positions, builder.problems)


def key_text(path: KeyPath) -> str:
    """Return a path as it is written in messages, such as `data.train.source[1]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def plain_value(text: str) -> bool | int | float | str | None:
    """Return the value of a scalar without quotes, by the core schema of YAML 1.2."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _PREFIXED_INTEGER.fullmatch(text):
        return int(text, base=0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


@dataclass
class _Builder:
    """A builder of values from YAML nodes, which records the position of each."""

    position: _PositionAt
    positions: dict[KeyPath, YamlPosition]
    problems: list[Problem]

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        """Return the value of a node."""
        if isinstance(node, yaml.MappingNode):
            return self._build_mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return self._build_sequence(node, path)
        if not isinstance(node, yaml.ScalarNode) or node.style is not None:
            return node.value
        value = plain_value(node.value)
        if isinstance(value, int | float) and path in self.positions:
            self.positions[path] = _with_raw_scalar(self.positions[path], node.value)
        return value

    def _build_sequence(self, node: yaml.SequenceNode, path: KeyPath) -> list[Any]:
        values = []
        for index, item in enumerate(node.value):
            below = (*path, index)
            self.positions[below] = _start(item, self.position)
            values.append(self.build(item, below))
        return values

    def _build_mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            position = _start(key_node, self.position)
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(
                    Problem(position, key_text(path), "a key must be a single word")
                )
                continue
            key = key_node.value
            below = (*path, key)
            if key in values:
                message = f"duplicate key; the first one is in line {lines[key]}"
                if position.on_command_line:
                    message = "duplicate key"
                self.problems.append(Problem(position, key_text(below), message))
                continue
            lines[key] = key_node.start_mark.line + 1
            self.positions[below] = position
            values[key] = self.build(value_node, below)
        return values


def _start(node: yaml.Node, position: _PositionAt) -> YamlPosition:
    return position(node.start_mark.line + 1, node.start_mark.column + 1)


def _with_raw_scalar(position: YamlPosition, raw_scalar: str) -> YamlPosition:
    return YamlPosition(position.order, position.where, raw_scalar, position.on_command_line)


class _Composer(yaml.SafeLoader):
    """A composer of YAML nodes that refuses tags, anchors, aliases and deep nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """See `yaml.composer.Composer.compose_node`."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs lack it
        if getattr(event, "anchor", None) is not None:
            _refuse("anchors and aliases (& and *) are not supported; write the value out", event)
        if getattr(event, "tag", None) is not None:
            _refuse("tags (!) are not supported; put a text that starts with ! in quotes", event)
        if self.depth == _MAX_DEPTH:
            _refuse("nested too deeply", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _refuse(message: str, event: Any) -> None:
    raise yaml.composer.ComposerError(None, None, message, event.start_mark)


def _compose(text: str, position: _PositionAt) -> yaml.Node | None:
    try:
        loader = _Composer(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        where = position(before.count("\n") + 1, error.position - before.rfind("\n")).where
        character = f"U+{ord(text[error.position]):04X}"
        raise ConfigError(f"{where}: the character {character} is not allowed") from error
    except yaml.MarkedYAMLError as error:
        line, column, message = _simplify_error(error)
        faulty_line = "".join(text.split("\n")[line - 1 : line])
        if _LANGUAGE.search(_QUOTED.sub("", faulty_line)):
            message = "put a text with {source_language} or {target_language} in quotes"
        raise ConfigError(f"{position(line, column).where}: {message}") from error


_LANGUAGE = re.compile(r"\{(source|target)_language\}")
_QUOTED = re.compile("\"[^\"]*\"|'[^']*'")

_SIMPLER_MESSAGES: tuple[tuple[str, str, bool], ...] = (
    (r"found character '\\t'", "tab character; indent and separate with spaces", False),
    (
        r"found character (?P<it>.+) that cannot start any token",
        "put a text that starts with {it} in quotes",
        False,
    ),
    (
        r"expected alphabetic or numeric character",
        "put a text that starts with * or & in quotes",
        True,
    ),
    (
        r"mapping values are not allowed",
        "unexpected `: `; put a text with `: ` in quotes, or fix the indentation",
        False,
    ),
    (
        r"could not find expected ':'",
        "missing `: ` after a key; check the indentation of this line",
        True,
    ),
    (r"expected <block end>", "the indentation does not match the lines above", False),
    (r"found unexpected end of stream", "missing closing quote", True),
    (r"expected ',' or '\]'", "missing comma or closing ] in a list", True),
    (r"expected ',' or '\}'", "missing comma or closing }} in a section", True),
    (
        r"but found another document",
        "second document (---); a configuration must be one document",
        False,
    ),
)
"""PyYAML's message, the message to show, and whether to name the start of the construct."""


def _simplify_error(error: yaml.MarkedYAMLError) -> tuple[int, int, str]:
    """Return the line, the column and the message of an error of PyYAML."""
    message, mark = error.problem or "not valid YAML", error.problem_mark
    for pattern, simpler, at_start in _SIMPLER_MESSAGES:
        match = re.search(pattern, message)
        if match is not None:
            message = simpler.format(**match.groupdict())
            mark = error.context_mark if at_start and error.context_mark else mark
            break
    return (mark.line + 1, mark.column + 1, message) if mark else (1, 1, message)
