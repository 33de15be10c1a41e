"""Scoring by a model for `nmt score --model`."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, TypeVar

from nmt.console import say
from nmt.errors import DataError

if TYPE_CHECKING:
    from nmt.evaluation.line_labels import LineLabels
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

    def corpus(
        self, texts: Iterable[str] | None, labels: "LineLabels | None" = None
    ) -> "ModelTotals":
        """Return the sums over all lines and over those of each label.

        Args:
            texts: The lines of `hypotheses`, where they were read already.
            labels: The labels of the lines; None for no groups.

        Raises:
            DataError: The texts are empty, or their number of lines is not that of the labels.
        """
        from nmt.search.forced_decoding import CorpusScore
        from nmt.text.lines import read_all_input_lines

        sources = None
        if labels is not None:
            sources = read_all_input_lines(self.source)
            labels.check_count(len(sources), self.source)
        whole, groups = CorpusScore(), dict[str, CorpusScore]()
        for index, (target, score) in enumerate(self._scored(texts, [], sources)):
            whole.add(target, score)
            if labels is not None:
                groups.setdefault(labels.labels[index], CorpusScore()).add(target, score)
        if whole.subwords == 0:
            raise DataError(f"nothing to score: {self.source} and {self._name} have no text.")
        return ModelTotals(whole, groups)

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
        self,
        texts: Iterable[str] | None,
        written: list[Path | None],
        sources: list[str] | None = None,
    ) -> Iterator[tuple[str, "ForcedScore"]]:
        """Yield each text with its score.

        Args:
            texts: The lines of `hypotheses`, where they were read already.
            written: The output files, see `stream_progress`.
            sources: The lines of `source`, where they were read already.
        """
        from nmt.text.lines import pair_with_source, read_input_lines
        from nmt.translation.stream_progress import StreamProgress, stream_progress

        texts = read_input_lines(self.hypotheses) if texts is None else texts
        first = 1
        windows = self._windows(pair_with_source(self.source, texts, self._name, sources))
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


@dataclass(frozen=True)
class ModelTotals:
    """The sums of a model's scores over a text.

    Attributes:
        whole: The sums over all lines.
        groups: The sums over the lines of each label; empty without labels.
    """

    whole: "CorpusScore"
    groups: Mapping[str, "CorpusScore"]

    def mean(self, measure: str) -> float | None:
        """Return the mean of a measure over the groups; None where there are fewer than two.

        Args:
            measure: The name of a property of `CorpusScore`.
        """
        if len(self.groups) < 2:
            return None
        return fmean(getattr(group, measure) for group in self.groups.values())


_MEASURES = {
    "perplexity": "perplexity",
    "word_perplexity": "word perplexity",
    "bits_per_character": "bits per character",
}
"""The measures that have a mean over groups, with their titles in the table of groups."""


def print_model_scores(totals: ModelTotals) -> None:
    """Print the sums over all lines, and a table of those of the groups where there are groups."""
    from nmt.evaluation.group_scores import ALL_LINES, MEAN_OF_GROUPS
    from nmt.runtime.tables import print_table, printable

    print("\n".join(corpus_text(totals.whole)))
    if not totals.groups:
        return
    rows = [
        [printable(label), f"{group.lines:,}", f"{group.log_probability:.2f}"]
        + [f"{getattr(group, measure):.4f}" for measure in _MEASURES]
        for label, group in (*totals.groups.items(), (ALL_LINES, totals.whole))
    ]
    means = [mean for measure in _MEASURES if (mean := totals.mean(measure)) is not None]
    if means:
        rows.append([MEAN_OF_GROUPS, "-", "-", *(f"{mean:.4f}" for mean in means)])
    header = ["group", "lines", "log-probability", *_MEASURES.values()]
    print()
    print_table(header, rows, left_aligned=(0,))


def model_record(totals: ModelTotals) -> dict[str, Any]:
    """Return the sums over all lines and over each group as plain data for JSON."""
    record = corpus_record(totals.whole)
    if totals.groups:
        record["groups"] = [
            {"label": label, "lines": group.lines, **corpus_record(group)}
            for label, group in totals.groups.items()
        ]
    means = {measure: totals.mean(measure) for measure in _MEASURES}
    if len(totals.groups) > 1:
        record["mean_of_groups"] = {
            measure: None if mean is None else _json_number(mean) for measure, mean in means.items()
        }
    return record


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
