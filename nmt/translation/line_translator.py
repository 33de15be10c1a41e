"""Translator of input lines: from requests to output lines and reports."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nmt.errors import DataError
from nmt.search.constraints import Constraints
from nmt.text.scripts import Scripts
from nmt.tokenizers.source_tags import NO_SELECTION
from nmt.translation.line_stream import Answer, Line, LineWarnings
from nmt.translation.quality_estimation import QualityEstimator
from nmt.translation.requests import NO_CONSTRAINTS, InputForm, Request
from nmt.translation.stream_progress import TranslationTotals
from nmt.translation.translation import report

if TYPE_CHECKING:
    from nmt.translation.translation import Translation
    from nmt.translation.translator import Translator


class WarningCollector:
    """Collector of warnings about lines and their translations.

    Args:
        name: The name of the input.
        strict: Whether a line that cannot be translated is an error.
        share: The end of each summary, which names the share of the input, where it is not all.
        scripts: The scripts that the lines should be in. None: any.
    """

    def __init__(
        self, name: str, strict: bool = False, share: str = "", scripts: Scripts | None = None
    ) -> None:
        self._name = name
        self._scripts = scripts
        self._foreign = LineWarnings(
            name, f"are in a script that the model was not trained on{share}"
        )
        self._strict = strict
        self._bad = LineWarnings(name, f"could not be translated{share}")
        self._long = LineWarnings(name, f"were translated in segments{share}")
        self._missed = LineWarnings(name, f"lack a term in their translation{share}")

    def check(self, request: Request) -> None:
        """Warn of the problem of a request, where it has one.

        Raises:
            DataError: It has one, and the collector is strict.
        """
        if request.problem is None:
            return
        if self._strict:
            raise DataError(
                f"{self._name}: line {request.line.number}: {request.problem}. Fix the line, or "
                "remove --strict."
            )
        self._bad.add(request.line.number, f"{request.problem}, not translated")

    def look_at(self, request: Request, translation: "Translation") -> None:
        """Warn of anything unusual: several segments, a foreign script or missed terms.

        Args:
            request: The request of a line.
            translation: Its translation.
        """
        warn_of_segments(self._long, request.line.number, translation)
        self._look_at_script(request)
        if translation.missed:
            terms = ", ".join(map(repr, translation.missed))
            self._missed.add(request.line.number, f"the translation lacks {terms}")

    def _look_at_script(self, request: Request) -> None:
        if self._scripts is None:
            return
        if foreign := self._scripts.foreign_script(request.text):
            known = ", ".join(self._scripts.main)
            self._foreign.add(
                request.line.number,
                f"is in {foreign} letters, but the model was trained to translate from {known}. "
                "Check the model.",
            )

    def summarise(self) -> None:
        """Log how many lines each kind of warning concerns, where not all were logged."""
        for warnings in (self._bad, self._long, self._missed, self._foreign):
            warnings.summarise()


@dataclass(frozen=True)
class LineTranslator:
    """Translator of input lines.

    Attributes:
        translator: The translator of texts.
        input_form: The format of the lines.
        output: Returns the output lines for a request and its translation.
        remarks: The collector of warnings.
        attention: Whether the output or the quality estimator needs attention weights.
        reported: Whether answers carry reports.
        estimator: The quality estimator whose findings the reports include, or None.
        places_terms: Whether the search can place terms. Otherwise a line with terms cannot be
            translated.
        draws_by_line: Whether sampling depends on the line number too.
        overrides: Search settings, see `Translator.translate`.
        totals: The totals of all lines so far.
        on_decoded: See `Translator.translate`.
    """

    translator: "Translator"
    input_form: InputForm
    output: "Callable[[Request, Translation], list[str]]"
    remarks: WarningCollector
    attention: bool = False
    reported: bool = False
    estimator: QualityEstimator | None = None
    places_terms: bool = True
    draws_by_line: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)
    totals: TranslationTotals = field(default_factory=TranslationTotals)
    on_decoded: Callable[[int], None] | None = None

    def answers(self, lines: list[Line]) -> list[Answer]:
        """Return one answer for each line, in order.

        Raises:
            DataError: A line cannot be translated, and `remarks` is strict.
        """
        requests = [self._request(line) for line in lines]
        for request in requests:
            self.remarks.check(request)
        constraints = [request.constraints for request in requests]
        tags = [request.tags for request in requests]
        translations = self.translator.translate(
            [request.text for request in requests],
            attention=self.attention,
            constraints=None
            if all(each == NO_CONSTRAINTS for each in constraints)
            else constraints,
            on_decoded=self.on_decoded,
            draw_numbers=[line.number for line in lines] if self.draws_by_line else None,
            tags=None if all(each == NO_SELECTION for each in tags) else tags,
            **self.overrides,
        )
        self.totals.lines += len(lines)
        self.totals.target_tokens += sum(len(each.tokens) for each in translations)
        return [self._answer(*each) for each in zip(requests, translations, strict=True)]

    def _request(self, line: Line) -> Request:
        request = self.input_form.request(line)
        problem = self._problem(request.constraints)
        if problem is None and request.text.strip():
            problem = self.translator.tagging.find_problem(request.tags)
        if problem is None:
            return request
        return Request(line, members=request.members, problem=problem)

    def _problem(self, constraints: Constraints) -> str | None:
        if constraints.terms and not self.places_terms:
            return "terms require beam search without sampling and groups"
        if constraints.terms or constraints.avoid:
            return self.translator.find_problem(constraints)
        return None

    def _answer(self, request: Request, translation: "Translation") -> Answer:
        self.remarks.look_at(request, translation)
        return Answer(
            self.output(request, translation),
            json.dumps(report(request, translation, self.estimator)) if self.reported else None,
        )


def warn_of_segments(warnings: LineWarnings, line: int, translation: "Translation") -> None:
    """Warn of a line that was too long to be translated as a whole.

    Args:
        warnings: The collector of these warnings.
        line: The line number.
        translation: The translation of the line.
    """
    if translation.pieces > 1:
        added = 1 + len(translation.source_tags)  # tags and an end mark
        subwords = len(translation.source_tokens) - added * translation.pieces
        warnings.add(
            line,
            f"{subwords} subwords, more than search.max_source_tokens: translated in "
            f"{translation.pieces} segments",
        )
