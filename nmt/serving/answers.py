"""The JSON responses of the server."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.inspection.attention_record import attention_record
from nmt.search.alternatives import Alternative
from nmt.search.flags import Judge
from nmt.search.translation import Translation
from nmt.serving.contract import LinedText

_DECIMALS = 4
"""The decimals of scores. Further digits may depend on the other texts of a batch."""


@dataclass(frozen=True)
class Answers:
    """A writer of responses.

    Attributes:
        judge: The quality estimator that raises flags.
    """

    judge: Judge

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
        found = iter(translations)
        return [self._text(text, found, attention, n_best) for text in texts]

    def alternatives(self, text: str, found: Sequence[Alternative]) -> list[dict[str, Any]]:
        """Return the response for alternatives: the subword, probability and translation of each.

        Args:
            text: The source text.
            found: The alternatives.
        """
        return [
            {
                "token": each.token,
                "probability": round(each.probability, 6),
                **self._line(text, each.translation, attention=True),
            }
            for each in found
        ]

    def _text(
        self, text: LinedText, found: Iterator[Translation], attention: bool, n_best: bool
    ) -> dict[str, Any]:
        written = [self._with_list(line, next(found), attention, n_best) for line in text.lines]
        return {
            "translation": text.with_lines([line["translation"] for line in written]),
            "lines": written,
        }

    def _with_list(
        self, text: str, translation: Translation, attention: bool, n_best: bool
    ) -> dict[str, Any]:
        record = self._line(text, translation, attention)
        if n_best:
            record["n_best"] = [self._line(text, each, attention) for each in translation.n_best]
        return record

    def _line(self, text: str, translation: Translation, attention: bool) -> dict[str, Any]:
        verdict = self.judge.verdict(text, translation)
        drawn = attention and translation.pieces == 1 and bool(translation.source_tokens)
        return {
            "translation": translation.text,
            "score": round(translation.score, _DECIMALS),
            "log_probability": round(translation.log_probability, _DECIMALS),
            "finished": translation.finished,
            "pieces": translation.pieces,
            "missed": list(translation.missed),
            "flags": [] if verdict is None else list(verdict.flags),
            "risk": None if verdict is None else round(verdict.risk, _DECIMALS),
            "attention": attention_record(translation) if drawn else None,
        }
