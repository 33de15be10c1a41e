"""Scoring by a model for `nmt score --model`."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nmt.console import say
from nmt.errors import DataError

if TYPE_CHECKING:
    from nmt.evaluation.n_best_format import NBestEntry
    from nmt.search.forced_decoding import CorpusScore, ForcedScore
    from nmt.translation.translator import Translator

_WINDOW_BATCHES = 16
_FEATURE = "model"

T = TypeVar("T")


@dataclass(frozen=True)
class ModelScoring:
    """Texts that a model scores as translations of others.

    Attributes:
        translator: The model.
        source: The source text.
        hypotheses: The text to score; None for stdin.
    """

    translator: "Translator"
    source: Path
    hypotheses: Path | None

    def corpus(self, texts: Iterable[str] | None) -> "CorpusScore":
        """Return the sums over all lines.

        Args:
            texts: The lines of `hypotheses`, where they were read already.

        Raises:
            DataError: The texts are empty.
        """
        from nmt.search.forced_decoding import CorpusScore

        total = CorpusScore()
        for target, score in self._scored(texts, []):
            total.add(target, score)
        if total.subwords == 0:
            raise DataError(f"nothing to score: {self.source} and {self._name} have no text.")
        return total

    def print_sentences(self, tokens: bool, as_json: bool) -> None:
        """Print a line for each pair, in order.

        Args:
            tokens: Whether to add the subwords.
            as_json: Whether to print JSON.
        """
        from nmt.search.penalties import describe_penalties

        say(f"score: {describe_penalties(self.translator.settings)}")
        line = _sentence_json if as_json else _sentence_text
        for _, score in self._scored(None, [None]):
            print(line(score, tokens))

    def print_n_best(self) -> None:
        """Print the lines of an n-best list in order, each with the model's log-probability."""
        from nmt.text.lines import read_all_input_lines, read_input_lines
        from nmt.translation.stream_progress import StreamProgress, stream_progress

        sources = read_all_input_lines(self.source)
        windows = self._windows(self._entries(read_input_lines(self.hypotheses), len(sources)))
        with stream_progress("score", self.hypotheses, [None]) as bar:
            for window in StreamProgress(bar).counted(windows):
                scores = self.translator.score(
                    [sources[entry.source] for entry in window],
                    [entry.text for entry in window],
                    lines=[entry.source + 1 for entry in window],
                )
                for entry, score in zip(window, scores, strict=True):
                    print(entry.with_feature(_FEATURE, score.log_probability))

    def _scored(
        self, texts: Iterable[str] | None, written: list[Path | None]
    ) -> Iterator[tuple[str, "ForcedScore"]]:
        """Yield each text with its score.

        Args:
            texts: The lines of `hypotheses`, where they were read already.
            written: The output files, see `stream_progress`.
        """
        from nmt.text.lines import pair_with_source, read_input_lines
        from nmt.translation.stream_progress import StreamProgress, stream_progress

        texts = read_input_lines(self.hypotheses) if texts is None else texts
        first = 1
        windows = self._windows(pair_with_source(self.source, texts, self._name))
        with stream_progress("score", self.hypotheses, written) as bar:
            for window in StreamProgress(bar).counted(windows):
                targets = [target for _, target in window]
                scores = self.translator.score(
                    [source for source, _ in window],
                    targets,
                    lines=range(first, first + len(window)),
                )
                yield from zip(targets, scores, strict=True)
                first += len(window)

    def _entries(self, lines: Iterable[str], sources: int) -> Iterator["NBestEntry"]:
        from nmt.evaluation.n_best_format import parse_entry

        for number, line in enumerate(lines, start=1):
            entry = parse_entry(line, self._name, number)
            if entry.source >= sources:
                raise DataError(
                    f"{self._name}: line {number}: index {entry.source}, but {self.source} has "
                    f"{sources} lines, 0 to {sources - 1}."
                )
            yield entry

    def _windows(self, items: Iterator[T]) -> Iterator[list[T]]:
        """Yield items in windows large enough to sort by length, with bounded memory."""
        size = _WINDOW_BATCHES * self.translator.settings.batch_sentences
        while window := list(islice(items, size)):
            yield window

    @property
    def _name(self) -> str:
        return "stdin" if self.hypotheses is None else str(self.hypotheses)


def corpus_text(total: "CorpusScore") -> list[str]:
    """Return the sums as lines of text."""
    return [
        f"log-probability = {total.log_probability:.2f}  ({total.lines} lines, {total.subwords} "
        "subwords with end-of-sentence tokens)",
        f"cross-entropy = {total.cross_entropy:.4f}  (nats per subword)",
        f"perplexity = {total.perplexity:.3f}  (per subword)",
        f"word perplexity = {total.word_perplexity:.3f}  ({total.words} words and line ends)",
        f"bits per character = {total.bits_per_character:.4f}  "
        f"({total.characters} characters and line ends)",
    ]


def corpus_record(total: "CorpusScore") -> dict[str, Any]:
    """Return the sums as plain data for JSON."""
    return {
        "log_probability": total.log_probability,
        "subwords": total.subwords,
        "words": total.words,
        "characters": total.characters,
        "cross_entropy": total.cross_entropy,
        "perplexity": _json_number(total.perplexity),
        "word_perplexity": _json_number(total.word_perplexity),
        "bits_per_character": total.bits_per_character,
    }


def _json_number(value: float) -> float | None:
    """Return a number for JSON; None for infinity and NaN, which JSON lacks."""
    return value if math.isfinite(value) else None


def _sentence_text(score: "ForcedScore", tokens: bool) -> str:
    columns = [
        f"{score.score:.4f}",
        f"{score.log_probability:.4f}",
        str(len(score.tokens)),
        f"{score.perplexity:.4f}",
    ]
    if tokens:
        columns.append(" ".join(score.tokens))
        columns.append(" ".join(f"{value:.4f}" for value in score.token_log_probabilities))
    return "\t".join(columns)


def _sentence_json(score: "ForcedScore", tokens: bool) -> str:
    record: dict[str, Any] = {
        "score": score.score,
        "log_probability": score.log_probability,
        "subwords": len(score.tokens),
        "perplexity": _json_number(score.perplexity),
    }
    if tokens:
        record["tokens"] = score.tokens
        record["token_log_probabilities"] = score.token_log_probabilities
    return json.dumps(record, ensure_ascii=False)
