"""The output formats of `nmt translate`: text, Moses n-best lists, JSON and table rows."""

import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmt.errors import UsageError

if TYPE_CHECKING:
    from nmt.alignment.links import WordAlignment
    from nmt.search.hypothesis import Weights
    from nmt.translation.quality_estimation import QualityEstimator
    from nmt.translation.requests import Request
    from nmt.translation.translation import Translation

_DECIMALS = 4
_BREAKS_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class OutputForm(ABC):
    """An output format of translations.

    Attributes:
        attention: Whether to write all attention weights.
        alignment: Whether to write a word alignment.
        n_best: Whether to write the alternatives.
        estimator: The quality estimator whose flags are written; None for no flags.
    """

    attention: bool = False
    alignment: bool = False
    n_best: bool = False
    estimator: "QualityEstimator | None" = None

    @abstractmethod
    def lines(self, request: "Request", translation: "Translation") -> list[str]:
        """Return the lines of output for a request, one or more.

        Args:
            request: The request.
            translation: Its translation. A request with a problem has the translation of a blank
                text.
        """


class TextOutput(OutputForm):
    """The translation, with an alignment as `text ||| 0-0 1-1`, and flags after a tab.

    A blank line stays blank.
    """

    def lines(self, request: "Request", translation: "Translation") -> list[str]:
        """See `OutputForm.lines`."""
        if not request.text.strip():
            return [translation.text]
        text = translation.text if self.estimator is None else _as_cell(translation.text)
        line = " ||| ".join([text, *_alignment_field(self, translation)])
        return ["\t".join([line, *_flags_cell(self, request, translation)])]


class MosesOutput(OutputForm):
    """Lines `index ||| text ||| logprob= -3.21 length= 7 ||| score`.

    An alignment follows the text. The index starts at 0. The length counts subwords with the end
    mark. A text may contain ` ||| `, see `nmt.evaluation.n_best_format`.
    """

    def lines(self, request: "Request", translation: "Translation") -> list[str]:
        """See `OutputForm.lines`."""
        from nmt.evaluation.n_best_format import SEPARATOR, text_fields

        return [
            SEPARATOR.join(
                [
                    str(request.line.number - 1),
                    *text_fields(hypothesis.text, *_alignment_field(self, hypothesis)),
                    f"logprob= {hypothesis.log_probability:.4f} length= {len(hypothesis.tokens)}",
                    f"{hypothesis.score:.4f}",
                ]
            )
            for hypothesis in translation.n_best
        ]


class TsvOutput(OutputForm):
    """The row with added columns: translation, alignment and flags.

    A blank line without tabs stays as it is. A row of empty cells gets its columns like any other.
    """

    def lines(self, request: "Request", translation: "Translation") -> list[str]:
        """See `OutputForm.lines`."""
        row = request.line.text
        if not row.strip() and "\t" not in row:
            return [row]
        cells = [_as_cell(translation.text), *_alignment_field(self, translation)]
        flags = _flags_cell(self, request, translation)
        return ["\t".join([row, *cells, *flags])]


class JsonOutput(OutputForm):
    """A JSON object with the members of the input object and those of the translation.

    The object of a request with a problem has its line number and `error`. Members of the
    translation replace input members of the same name.
    """

    def lines(self, request: "Request", translation: "Translation") -> list[str]:
        """See `OutputForm.lines`."""
        if request.problem is None:
            added = self._record(request, translation)
        else:
            added = {"line": request.line.number, "error": request.problem}
        members = {**request.members, **{name: _member(name, added[name]) for name in added}}
        return [_without_line_breaks("{" + ", ".join(members.values()) + "}")]

    def _record(self, request: "Request", translation: "Translation") -> dict[str, Any]:
        record = self._fields(request, translation)
        record["source_tokens"] = translation.source_tokens
        if self.n_best:
            record["n_best"] = [
                self._fields(request, hypothesis) for hypothesis in translation.n_best
            ]
        return record

    def _fields(self, request: "Request", translation: "Translation") -> dict[str, Any]:
        fields: dict[str, Any] = {
            "translation": translation.text,
            "score": translation.score,
            "log_probability": translation.log_probability,
            "tokens": translation.tokens,
            "token_log_probabilities": translation.token_log_probabilities,
            "finished": translation.finished,
        }
        if translation.expected_utility is not None:
            fields["expected_utility"] = translation.expected_utility
        if request.constraints.terms:
            fields["missed"] = translation.missed
        if self.estimator is not None:
            from nmt.translation.translation import flags

            verdict = self.estimator.estimate(request.text, translation)
            fields["flags"] = flags(request, translation, self.estimator)
            fields["risk"] = None if verdict is None else verdict.risk
        if self.attention:
            fields["attention"] = _rounded(_weights(translation))
        if self.alignment:
            alignment = _aligned(translation)
            fields["alignment"] = _links(alignment)
            fields["source_words"] = None if alignment is None else alignment.source
            fields["target_words"] = None if alignment is None else alignment.target
        return fields


def _member(name: str, value: Any) -> str:
    return f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"


def _without_line_breaks(text: str) -> str:
    """Return JSON without characters that a reader may take for a line end.

    Raw tabs and carriage returns occur only between its values, the others only in its texts.
    """
    spaced = text.replace("\t", " ").replace("\r", " ")
    return _BREAKS_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", spaced)


def _alignment_field(form: OutputForm, translation: "Translation") -> list[str]:
    """Return the alignment where the format has one, empty where there is none."""
    return [_links(_aligned(translation)) or ""] if form.alignment else []


def _links(alignment: "WordAlignment | None") -> str | None:
    from nmt.alignment.links import format_links

    return None if alignment is None else format_links(alignment.links())


def _as_cell(text: str) -> str:
    """Return a text as a cell of a row."""
    return text.replace("\t", " ")


def _flags_cell(form: OutputForm, request: "Request", translation: "Translation") -> list[str]:
    """Return the names of the flags where the format has them."""
    if form.estimator is None:
        return []
    from nmt.translation.translation import flags

    return [",".join(flags(request, translation, form.estimator))]


def _aligned(translation: "Translation") -> "WordAlignment | None":
    """Return the word alignment; None for a blank text and one in segments."""
    from nmt.inspection.alignments import align_translation

    return None if _weights(translation) is None else align_translation(translation)


def _rounded(weights: "Weights | None") -> list[list[float]] | None:
    """Return rounded weights: a row for each token, a column for each source token."""
    if weights is None:
        return None
    return [[round(float(weight), _DECIMALS) for weight in row] for row in weights]


def _weights(translation: "Translation") -> "Weights | None":
    """Return the attention weights; None for a blank text and one in segments."""
    if translation.attention is None and translation.source_tokens and translation.pieces == 1:
        raise UsageError("this model has no attention. Remove --attention and --alignment.")
    return translation.attention
