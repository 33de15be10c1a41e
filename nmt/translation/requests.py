"""Translation requests, read from lines of text, JSON objects or table rows.

A line that cannot be translated is a request too, with a description of its problem.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from nmt.search.constraints import Constraints
from nmt.text.characters import find_surrogate, find_unwritable
from nmt.tokenizers.source_tags import NO_SELECTION, TagSelection
from nmt.translation.line_stream import Line

NO_CONSTRAINTS = Constraints()
"""The constraints of a line without any."""

_BETWEEN = re.compile(r"[ \t\r,:]*")


@dataclass(frozen=True)
class Request:
    """Translation request of one line.

    Attributes:
        line: The line.
        text: The text to translate.
        constraints: The constraints on its translation.
        members: The members of the JSON object by key, in order, each as it is written
            (`"key": value`).
        problem: The reason why the line cannot be translated, or None. The text is then blank.
        tags: The target language and the tag, where the line names them.
    """

    line: Line
    text: str = ""
    constraints: Constraints = NO_CONSTRAINTS
    members: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None
    tags: TagSelection = NO_SELECTION


@dataclass(frozen=True)
class InputForm(ABC):
    """Input format, one way to write requests.

    Attributes:
        constraints: The constraints on every line.
        column: The column of a table to translate, from 1.
        choices: The members of a JSON object that choose its language and tag, of `to` and `tag`.
            For a model of one language without tags, they are members like any other.
    """

    constraints: Constraints = NO_CONSTRAINTS
    column: int = 1
    choices: tuple[str, ...] = ()

    @abstractmethod
    def request(self, line: Line) -> Request:
        """Return the request of a line."""


class TextInput(InputForm):
    """Plain text: the line is the text to translate."""

    def request(self, line: Line) -> Request:
        """See `InputForm.request`."""
        return Request(line, line.text, self.constraints)


class TsvInput(InputForm):
    """Tab-separated values: one column of a row is the text to translate.

    Nothing is quoted. A blank row is a blank text.
    """

    def request(self, line: Line) -> Request:
        """See `InputForm.request`."""
        if not line.text.strip():
            return Request(line, constraints=self.constraints)
        cells = line.text.split("\t")
        if len(cells) < self.column:
            columns = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            return Request(line, problem=f"the row has {columns} and no column {self.column}")
        return Request(line, cells[self.column - 1], self.constraints)


class JsonInput(InputForm):
    """JSON objects with `text`, and optionally `prefix`, `terms`, `avoid`, `to` and `tag`.

    A `prefix` replaces the prefix for every line. The lists `terms` and `avoid` extend those for
    every line. The target language `to` and the `tag` replace those for every line, if the model
    has several languages or tags. A blank line is a blank text.
    """

    def request(self, line: Line) -> Request:
        """See `InputForm.request`."""
        if not line.text.strip():
            return Request(line, constraints=self.constraints)
        members: Mapping[str, str] = {}
        try:
            fields = _object(line.text)
            members = _members(line.text)
            constraints, tags = self._constraints(fields), self._tags(fields)
            return Request(line, _text(fields, "text"), constraints, members, tags=tags)
        except _BadInput as error:
            return Request(line, members=members, problem=str(error))

    def _tags(self, fields: Mapping[str, Any]) -> TagSelection:
        """Return the target language and the tag of an object. The value null leaves one open."""
        given = [name for name in self.choices if fields.get(name) is not None]
        return TagSelection(**{name: _text(fields, name) for name in given})

    def _constraints(self, fields: Mapping[str, Any]) -> Constraints:
        every = self.constraints
        return Constraints(
            prefix=_text(fields, "prefix") if "prefix" in fields else every.prefix,
            terms=(*every.terms, *_texts(fields, "terms")),
            avoid=(*every.avoid, *_texts(fields, "avoid")),
        )


INPUT_FORMS: Mapping[str, type[InputForm]] = {
    "text": TextInput,
    "json": JsonInput,
    "tsv": TsvInput,
}


class _BadInput(Exception):
    """Problem with a line, in words for the user."""


def _no_number(name: str) -> NoReturn:
    raise _BadInput(f"{name} is not valid JSON")


# Numbers are passed on as they are written. int would refuse those with thousands of digits.
_DECODER = json.JSONDecoder(parse_int=float, parse_constant=_no_number)


def _object(text: str) -> dict[str, Any]:
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _BadInput(f"not a JSON object ({error.msg} at column {error.pos + 1})") from error
    except RecursionError as error:
        raise _BadInput("a JSON object nested too deeply") from error
    if not isinstance(value, dict):
        raise _BadInput("not a JSON object")
    return value


def _members(text: str) -> dict[str, str]:
    """Return the members of a valid JSON object by key, each as it is written."""
    members = {}
    start = _after(text, text.index("{") + 1)
    while text[start] != "}":
        key, end = _DECODER.raw_decode(text, start)
        _, end = _DECODER.raw_decode(text, _after(text, end))
        members[key] = text[start:end]
        start = _after(text, end)
    return members


def _after(text: str, place: int) -> int:
    """Return the position of the next key, value or bracket."""
    match = _BETWEEN.match(text, place)
    return place if match is None else match.end()


def _text(fields: Mapping[str, Any], name: str) -> str:
    if name not in fields:
        raise _BadInput(f"`{name}` is missing")
    text = fields[name]
    if not isinstance(text, str):
        raise _BadInput(f"`{name}` is not a text")
    # The tokenizer normalizes line breaks and control characters in a text to translate.
    problem = find_surrogate(text) if name == "text" else find_unwritable(text)
    if problem is not None:
        raise _BadInput(f"`{name}` has {problem}")
    return text


def _texts(fields: Mapping[str, Any], name: str) -> list[str]:
    texts = fields.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _BadInput(f"`{name}` is not a list of texts")
    for text in texts:
        if problem := find_unwritable(text):
            raise _BadInput(f"`{name}` has {problem}")
    if not all(text.strip() for text in texts):
        raise _BadInput(f"`{name}` has a blank text")
    return texts
