"""What lines of input ask for, in each form that they may have: text, JSON objects, table rows.

A line that asks for nothing that can be done is a request too: it says what its problem is.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from nmt.search.constraints import Constraints
from nmt.search.stream import Line
from nmt.text.characters import find_surrogate, find_unwritable

NO_WISHES = Constraints()
"""Those of a line that asks for its translation and nothing else."""

_BETWEEN = re.compile(r"[ \t\r,:]*")


@dataclass(frozen=True)
class Request:
    """What one line asks for.

    text: to be translated; constraints: wishes for its translation; members: of a JSON object, in
    order, each as it is written (`"key": value`); problem: why the line cannot be translated (its
    text is then blank), or None.
    """

    line: Line
    text: str = ""
    constraints: Constraints = NO_WISHES
    members: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True)
class InputForm(ABC):
    """One way to write requests.

    constraints: wishes for every line; column: of a table, from 1, that is translated.
    """

    constraints: Constraints = NO_WISHES
    column: int = 1

    @abstractmethod
    def request(self, line: Line) -> Request:
        """What a line asks for."""


class TextInput(InputForm):
    """The line is the text."""

    def request(self, line: Line) -> Request:
        return Request(line, line.text, self.constraints)


class TsvInput(InputForm):
    """The text stands in one column of a row; tabs part the columns, nothing is quoted. A blank row
    is a blank text.
    """

    def request(self, line: Line) -> Request:
        if not line.text.strip():
            return Request(line, constraints=self.constraints)
        cells = line.text.split("\t")
        if len(cells) < self.column:
            columns = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            return Request(line, problem=f"the row has {columns}, not column {self.column}")
        return Request(line, cells[self.column - 1], self.constraints)


class JsonInput(InputForm):
    """An object with `text` and perhaps `prefix`, which takes the place of the prefix for every
    line, and lists `terms` and `avoid`, which are added to those for every line. A blank line is a
    blank text.
    """

    def request(self, line: Line) -> Request:
        if not line.text.strip():
            return Request(line, constraints=self.constraints)
        members: Mapping[str, str] = {}
        try:
            fields = _object(line.text)
            members = _members(line.text)
            return Request(line, _text(fields, "text"), self._constraints(fields), members)
        except _BadInput as error:
            return Request(line, members=members, problem=str(error))

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
    """What is wrong with a line, in words."""


def _no_number(name: str) -> NoReturn:
    raise _BadInput(f"{name} is no JSON")


# Numbers are only passed on, as they are written: int would refuse those of thousands of digits.
_DECODER = json.JSONDecoder(parse_int=float, parse_constant=_no_number)


def _object(text: str) -> dict[str, Any]:
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _BadInput(f"no JSON object ({error.msg} at column {error.pos + 1})") from error
    except RecursionError as error:
        raise _BadInput("a JSON object nested too deeply") from error
    if not isinstance(value, dict):
        raise _BadInput("no JSON object")
    return value


def _members(text: str) -> dict[str, str]:
    """How each member of a JSON object is written, by its key. The text is known to be right."""
    members = {}
    start = _after(text, text.index("{") + 1)
    while text[start] != "}":
        key, end = _DECODER.raw_decode(text, start)
        _, end = _DECODER.raw_decode(text, _after(text, end))
        members[key] = text[start:end]
        start = _after(text, end)
    return members


def _after(text: str, place: int) -> int:
    """The place of the next key, value or bracket."""
    match = _BETWEEN.match(text, place)
    return place if match is None else match.end()


def _text(fields: Mapping[str, Any], name: str) -> str:
    if name not in fields:
        raise _BadInput(f"`{name}` is missing")
    text = fields[name]
    if not isinstance(text, str):
        raise _BadInput(f"`{name}` is no text")
    # Breaks and control characters in a text to translate are for the tokenizer to normalise.
    problem = find_surrogate(text) if name == "text" else find_unwritable(text)
    if problem is not None:
        raise _BadInput(f"`{name}` has {problem}")
    return text


def _texts(fields: Mapping[str, Any], name: str) -> list[str]:
    texts = fields.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _BadInput(f"`{name}` is no list of texts")
    for text in texts:
        if problem := find_unwritable(text):
            raise _BadInput(f"`{name}` has {problem}")
    if not all(text.strip() for text in texts):
        raise _BadInput(f"`{name}` has a blank text")
    return texts
