"""The JSON requests of the server, checked before any work."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nmt.search.constraints import Constraints
from nmt.serving.limits import Limits
from nmt.text.characters import find_surrogate, find_unwritable

_Asked = TypeVar("_Asked", bound="Asked")

_MOST_PROBLEMS = 3


class BadRequest(Exception):
    """A request that is refused.

    Attributes:
        message: The reason and the fix.
        status: The HTTP status.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(frozen=True)
class LinedText:
    """A text in lines.

    Attributes:
        lines: The lines without their ends.
        ends: The end of each line: a line feed, CR LF, or nothing after the last.
    """

    lines: list[str]
    ends: list[str]

    @classmethod
    def of(cls, text: str) -> "LinedText":
        """Return the lines of a text. A carriage return before a line feed belongs to the end."""
        lines, ends = [], []
        *ended, last = text.split("\n")
        for line, end in [*((line, "\n") for line in ended), (last, "")]:
            content = line.removesuffix("\r")
            lines.append(content)
            ends.append(line[len(content) :] + end)
        return cls(lines, ends)

    def with_lines(self, lines: Sequence[str]) -> str:
        """Return a text with other lines, equal in number, and the same line ends."""
        return "".join(line + end for line, end in zip(lines, self.ends, strict=True))


class Asked(BaseModel):
    """A JSON object with exactly these members, each of its type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def check(self, limits: Limits) -> None:
        """Raise BadRequest for a request that exceeds the limits or contradicts itself."""


class TranslateRequest(Asked):
    """The body of `POST /api/translate`: one `text` or several `texts`, each of one line or more.

    Attributes:
        text: The text.
        texts: Several texts.
        prefix: The beginning of the translation, for one text of one line. Its last word may
            continue, but not after a space.
        terms: Phrases that a translation must contain.
        avoid: Phrases that a translation must not contain.
        n_best: The number of translations, as in `nmt translate`.
        beam_size: The beam size, as in `nmt translate`.
        attention: Whether the response has the data to draw attention.
    """

    text: str | None = None
    texts: list[str] | None = None
    prefix: str = ""
    terms: list[str] = []
    avoid: list[str] = []
    n_best: int = Field(1, ge=1)
    beam_size: int | None = Field(None, ge=1)
    attention: bool = False

    @property
    def all_texts(self) -> "list[LinedText]":
        """The texts as lines."""
        texts = self.texts if self.text is None else [self.text]
        return [LinedText.of(text) for text in texts or ()]

    @property
    def constraints(self) -> Constraints:
        """The constraints of every line."""
        return Constraints(self.prefix, tuple(self.terms), tuple(self.avoid), open_end=True)

    def overrides(self, beam_size: int) -> dict[str, Any]:
        """Return the search settings of the request.

        Args:
            beam_size: The beam size where the request names none, raised to at least `n_best`.
        """
        return {"n_best": self.n_best, "beam_size": self.beam_size or max(beam_size, self.n_best)}

    def check(self, limits: Limits) -> None:
        """See `Asked.check`."""
        if (self.text is None) == (self.texts is None):
            raise BadRequest("give `text` or `texts`, one of them.")
        _at_most(len(self.texts or ()), limits.texts, "texts", "texts")
        lines = [line for text in self.all_texts for line in text.lines]
        _at_most(len(lines), limits.lines, "lines", "texts")
        for line in lines:
            _at_most(len(line), limits.characters, "characters in a line", "text")
        _at_most(len(self.prefix), limits.prefix, "characters", "prefix")
        if self.prefix and len(lines) != 1:
            raise BadRequest("`prefix` is for one text of one line.")
        _check_writable(self.prefix, "prefix")
        for name, phrases in (("terms", self.terms), ("avoid", self.avoid)):
            for phrase in phrases:
                _check_writable(phrase, name)
            _at_most(sum(map(len, phrases)), limits.prefix, "characters", name)
            if not all(phrase.strip() for phrase in phrases):
                raise BadRequest(f"`{name}` has a blank text.")
        _at_most(self.n_best, limits.beam, "translations", "n_best", 400)
        _at_most(self.beam_size or 0, limits.beam, "hypotheses", "beam_size", 400)
        if self.beam_size is not None and self.n_best > self.beam_size:
            raise BadRequest("`n_best` cannot exceed `beam_size`.")


class AlternativesRequest(Asked):
    """The body of `POST /api/alternatives`: alternatives after `prefix` in a line's translation.

    Attributes:
        text: The source line.
        prefix: The translation before the position, as text or as subwords.
        count: The number of alternatives.
        units: Whether alternatives are whole words or any subwords.
        beam_size: The beam size of the search.
    """

    text: str
    prefix: str | list[str] = ""
    count: int = Field(5, ge=1)
    units: Literal["words", "subwords"] = "words"
    beam_size: int | None = Field(None, ge=1)

    def check(self, limits: Limits) -> None:
        """See `Asked.check`."""
        if "\n" in self.text:
            raise BadRequest("`text` is one line here.")
        _at_most(len(self.text), limits.characters, "characters in a line", "text")
        _at_most(len(self.prefix), limits.prefix, "characters or subwords", "prefix")
        if isinstance(self.prefix, str):
            _check_writable(self.prefix, "prefix")
        _at_most(self.count, limits.alternatives, "alternatives", "count", 400)
        _at_most(self.beam_size or 0, limits.beam, "hypotheses", "beam_size", 400)


def asked(kind: type[_Asked], body: bytes, limits: Limits) -> _Asked:
    """Return the request in a body.

    Args:
        kind: The type of the request.
        body: The body.
        limits: The limits of requests.

    Raises:
        BadRequest: The body is not a valid request.
    """
    try:
        request = kind.model_validate(_read(body))
    except ValidationError as error:
        raise BadRequest("; ".join(map(_explained, error.errors()[:_MOST_PROBLEMS]))) from error
    request.check(limits)
    return request


def _explained(problem: Any) -> str:
    place = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f"`{place:.80}`: there is no such member."
    message = str(problem["msg"])
    return f"`{place:.80}`: {message[:1].lower()}{message[1:]}."


def _read(body: bytes) -> Any:
    try:
        # All numbers here are small, and int refuses those of thousands of digits.
        value = json.loads(body.decode("utf-8"), parse_constant=_no_number, parse_int=_whole)
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise BadRequest(f"the body is no JSON: {error.msg} at character {error.pos}.") from error
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply.") from error
    if not isinstance(value, dict):
        raise BadRequest("the body is no JSON object.")
    _each_text(value, _check_text)
    return value


def _no_number(name: str) -> NoReturn:
    raise BadRequest(f"the body is no JSON: {name} is no number.")


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 10 else float(digits)


def _each_text(value: Any, check: Callable[[str], None]) -> None:
    """Call `check` with every text of an object and of the lists in it."""
    for member in value.values():
        for each in member if isinstance(member, list) else [member]:
            if isinstance(each, str):
                check(each)


def _check_text(text: str) -> None:
    """Raise BadRequest for unpaired surrogates, which JSON can express but UTF-8 cannot."""
    if problem := find_surrogate(text):
        raise BadRequest(f"a text has {problem}.")


def _check_writable(text: str, name: str) -> None:
    """Raise BadRequest for characters that no translation can have."""
    if problem := find_unwritable(text):
        raise BadRequest(f"`{name}` has {problem}, which no translation can have.")


def _at_most(count: int, limit: int, unit: str, name: str, status: int = 413) -> None:
    if count > limit:
        raise BadRequest(f"`{name}`: {count:,} {unit}, at most {limit:,} are taken.", status)
