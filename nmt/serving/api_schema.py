"""The schema of the server's JSON: requests with their checks and limits, and responses."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nmt.config.config_errors import nearest_name
from nmt.errors import describe_wrong_value
from nmt.inspection.attention_data import attention_record
from nmt.search.constraints import Constraints
from nmt.text.characters import find_surrogate, find_unwritable
from nmt.translation.alternatives import Alternative
from nmt.translation.quality_estimation import QualityEstimator
from nmt.translation.translation import Translation


@dataclass(frozen=True)
class RequestLimits:
    """The limits of requests.

    Attributes:
        body: Bytes of a request body.
        texts: Texts of a request.
        lines: Lines of all texts of a request.
        characters: Characters of a line.
        prefix: Characters or subwords of a prefix.
        beam: Beam size of a search.
        alternatives: Alternatives of a request.
        waiting: Requests that wait or run.
        together: Characters times hypotheses of one batch of requests.
        seconds: Seconds until a response.
        body_seconds: Seconds for a body to arrive.
        connections: Open connections.
    """

    body: int = 262_144
    texts: int = 64
    lines: int = 256
    characters: int = 2_000
    prefix: int = 2_000
    beam: int = 20
    alternatives: int = 10
    waiting: int = 32
    together: int = 20_000
    seconds: float = 30.0
    body_seconds: float = 10.0
    connections: int = 128


_Request = TypeVar("_Request", bound="ApiRequest")

_MAX_PROBLEMS = 3


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
    def from_text(cls, text: str) -> "LinedText":
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


class ApiRequest(BaseModel):
    """A JSON object with exactly these members, each of its type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def check(self, limits: RequestLimits) -> None:
        """Raise BadRequest for a request that exceeds the limits or contradicts itself."""


class TranslateRequest(ApiRequest):
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
        to: The target language, for a model of several. None: that of `nmt serve --to`.
        tag: The tag of the text, for a model with tags. None: that of `nmt serve --tag`.
    """

    text: str | None = None
    texts: list[str] | None = None
    prefix: str = ""
    terms: list[str] = []
    avoid: list[str] = []
    n_best: int = Field(1, ge=1)
    beam_size: int | None = Field(None, ge=1)
    attention: bool = False
    to: str | None = None
    tag: str | None = None

    @property
    def all_texts(self) -> "list[LinedText]":
        """The texts as lines."""
        texts = self.texts if self.text is None else [self.text]
        return [LinedText.from_text(text) for text in texts or ()]

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

    def check(self, limits: RequestLimits) -> None:
        """See `ApiRequest.check`."""
        if (self.text is None) == (self.texts is None):
            raise BadRequest("give either `text` or `texts`.")
        _check_limit(len(self.texts or ()), limits.texts, "texts", "texts")
        lines = [line for text in self.all_texts for line in text.lines]
        _check_limit(len(lines), limits.lines, "lines", "texts")
        for line in lines:
            _check_limit(len(line), limits.characters, "characters in a line", "text")
        _check_limit(len(self.prefix), limits.prefix, "characters", "prefix")
        if self.prefix and len(lines) != 1:
            raise BadRequest("`prefix` requires a single text of one line.")
        _check_writable(self.prefix, "prefix")
        for name, phrases in (("terms", self.terms), ("avoid", self.avoid)):
            for phrase in phrases:
                _check_writable(phrase, name)
            _check_limit(sum(map(len, phrases)), limits.prefix, "characters", name)
            if not all(phrase.strip() for phrase in phrases):
                raise BadRequest(f"`{name}` has a blank text.")
        _check_limit(self.n_best, limits.beam, "translations", "n_best", 400)
        _check_limit(self.beam_size or 0, limits.beam, "hypotheses", "beam_size", 400)
        if self.beam_size is not None and self.n_best > self.beam_size:
            raise BadRequest("`n_best` cannot exceed `beam_size`.")


class AlternativesRequest(ApiRequest):
    """The body of `POST /api/alternatives`: alternatives after `prefix` in a line's translation.

    Attributes:
        text: The source line.
        prefix: The translation before the position, as text or as subwords.
        count: The number of alternatives.
        units: Whether alternatives are whole words or any subwords.
        beam_size: The beam size of the search.
        to: As in `TranslateRequest`.
        tag: As in `TranslateRequest`.
    """

    text: str
    prefix: str | list[str] = ""
    count: int = Field(5, ge=1)
    units: Literal["words", "subwords"] = "words"
    beam_size: int | None = Field(None, ge=1)
    to: str | None = None
    tag: str | None = None

    def check(self, limits: RequestLimits) -> None:
        """See `ApiRequest.check`."""
        if "\n" in self.text:
            raise BadRequest("`text` must be one line.")
        _check_limit(len(self.text), limits.characters, "characters in a line", "text")
        _check_limit(len(self.prefix), limits.prefix, "characters or subwords", "prefix")
        if isinstance(self.prefix, str):
            _check_writable(self.prefix, "prefix")
        _check_limit(self.count, limits.alternatives, "alternatives", "count", 400)
        _check_limit(self.beam_size or 0, limits.beam, "hypotheses", "beam_size", 400)


def parse_request(kind: type[_Request], body: bytes, limits: RequestLimits) -> _Request:
    """Return the request in a body.

    Args:
        kind: The type of the request.
        body: The body.
        limits: The limits of requests.

    Raises:
        BadRequest: The body is not a valid request.
    """
    try:
        request = kind.model_validate(_parse_json(body))
    except ValidationError as error:
        problems = error.errors()[:_MAX_PROBLEMS]
        texts = (_problem_text(problem, kind.model_fields) for problem in problems)
        raise BadRequest("; ".join(texts)) from error
    request.check(limits)
    return request


def _problem_text(problem: Any, members: Iterable[str]) -> str:
    location = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        near = nearest_name(location, members) or _containing(location, members)
        hint = f" Did you mean `{near}`?" if near else ""
        return f"`{location:.80}`: unknown member.{hint}"
    return f"`{location:.80}`: {describe_wrong_value(problem)}."


def _containing(name: str, members: Iterable[str]) -> str | None:
    """Return the first member with a name as one of its words, such as `beam_size` for `beam`."""
    return next((member for member in members if name in member.split("_")), None)


def _parse_json(body: bytes) -> Any:
    try:
        # All numbers here are small, and int refuses those of thousands of digits.
        value = json.loads(
            body.decode("utf-8"), parse_constant=_refuse_constant, parse_int=_parse_int
        )
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise BadRequest(
            f"the body is not valid JSON: {error.msg} at character {error.pos}."
        ) from error
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply.") from error
    if not isinstance(value, dict):
        raise BadRequest("the body is not a JSON object.")
    _check_texts(value, _check_text)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise BadRequest(f"the body is not valid JSON: {name} is not a number.")


def _parse_int(digits: str) -> int | float:
    return int(digits) if len(digits) < 10 else float(digits)


def _check_texts(value: Any, check: Callable[[str], None]) -> None:
    """Call `check` with every text of an object and of the lists in it."""
    for member in value.values():
        for text in member if isinstance(member, list) else [member]:
            if isinstance(text, str):
                check(text)


def _check_text(text: str) -> None:
    """Raise BadRequest for unpaired surrogates, which JSON can express but UTF-8 cannot."""
    if problem := find_surrogate(text):
        raise BadRequest(f"a text has {problem}.")


def _check_writable(text: str, name: str) -> None:
    """Raise BadRequest for characters that no translation can have."""
    if problem := find_unwritable(text):
        raise BadRequest(f"`{name}` has {problem}, which cannot occur in a translation.")


def _check_limit(count: int, limit: int, unit: str, name: str, status: int = 413) -> None:
    if count > limit:
        raise BadRequest(f"`{name}`: {count:,} {unit}, but the limit is {limit:,}.", status)


_DECIMALS = 4
"""The decimals of scores. Further digits may depend on the other texts of a batch."""


@dataclass(frozen=True)
class ApiResponses:
    """A writer of responses.

    Attributes:
        estimator: The quality estimator that raises flags.
    """

    estimator: QualityEstimator

    def translations(
        self,
        texts: Sequence[LinedText],
        translations: Sequence[Translation],
        attention: bool,
        n_best: bool,
    ) -> list[dict[str, Any]]:
        """Return the response for texts: the joined translation of each, and each of its lines.

        Line ends are those of the text.

        Args:
            texts: The texts of the request.
            translations: The translations of all lines of all texts, in order.
            attention: Whether to add attention.
            n_best: Whether to add the alternatives of each line.
        """
        remaining = iter(translations)
        return [self._text(text, remaining, attention, n_best) for text in texts]

    def alternatives(self, text: str, alternatives: Sequence[Alternative]) -> list[dict[str, Any]]:
        """Return the response for alternatives: the subword, probability and translation of each.

        Args:
            text: The source text.
            alternatives: The alternatives.
        """
        return [
            {
                "token": alternative.token,
                "probability": round(alternative.probability, 6),
                **self._line(text, alternative.translation, attention=True),
            }
            for alternative in alternatives
        ]

    def _text(
        self, text: LinedText, remaining: Iterator[Translation], attention: bool, n_best: bool
    ) -> dict[str, Any]:
        written = [
            self._line_with_n_best(line, next(remaining), attention, n_best) for line in text.lines
        ]
        return {
            "translation": text.with_lines([line["translation"] for line in written]),
            "lines": written,
        }

    def _line_with_n_best(
        self, text: str, translation: Translation, attention: bool, n_best: bool
    ) -> dict[str, Any]:
        record = self._line(text, translation, attention)
        if n_best:
            record["n_best"] = [
                self._line(text, hypothesis, attention) for hypothesis in translation.n_best
            ]
        return record

    def _line(self, text: str, translation: Translation, attention: bool) -> dict[str, Any]:
        report = self.estimator.estimate(text, translation)
        has_attention = attention and translation.pieces == 1 and bool(translation.source_tokens)
        return {
            "translation": translation.text,
            "score": round(translation.score, _DECIMALS),
            "log_probability": round(translation.log_probability, _DECIMALS),
            "finished": translation.finished,
            "pieces": translation.pieces,
            "missed": list(translation.missed),
            "flags": [] if report is None else list(report.flags),
            "risk": None if report is None else round(report.risk, _DECIMALS),
            "attention": attention_record(translation) if has_attention else None,
        }
