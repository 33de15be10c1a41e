"""The forms in which `nmt align` answers: a line for each pair, or one result of all."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.errors import DataError
from nmt.runtime.console import warn

if TYPE_CHECKING:
    from nmt.cli.align_lines import AlignedLine
    from nmt.data.alignment.pharaoh import GoldLinks

_DECIMALS = 4


class AlignmentForm(ABC):
    """One way to write alignments."""

    @abstractmethod
    def line(self, aligned: "AlignedLine") -> str:
        """The line for a pair, without its end."""


@dataclass(frozen=True)
class LinkText(AlignmentForm):
    """Links alone. soft: with their weights, all that are not rounded to zero, or those that reach
    the threshold.
    """

    soft: bool = False
    threshold: float | None = None

    def line(self, aligned: "AlignedLine") -> str:
        """`0-0 2-1`, or `0-0:0.9731 2-1:0.8002`."""
        from nmt.data.alignment.pharaoh import written

        if not self.soft or aligned.aligned is None:
            return written(aligned.links)
        least = 0.5 * 10**-_DECIMALS if self.threshold is None else self.threshold
        weights = aligned.aligned.weights
        texts = []
        for source, target in aligned.aligned.links(least):
            link = (target, source) if aligned.turned else (source, target)
            texts.append(f"{link[0]}-{link[1]}:{weights[target, source]:.{_DECIMALS}f}")
        return " ".join(texts)


@dataclass(frozen=True)
class AlignedText(AlignmentForm):
    """A translation that was found and its links, `text ||| 0-0 1-1`; blank stays blank."""

    links: LinkText

    def line(self, aligned: "AlignedLine") -> str:
        """The line for a text and its translation."""
        if aligned.is_blank:
            return ""
        return f"{aligned.target_text} ||| {self.links.line(aligned)}"


@dataclass(frozen=True)
class Tsv(AlignmentForm):
    """Source, target and links, with tabs between."""

    links: LinkText

    def line(self, aligned: "AlignedLine") -> str:
        """The line for a pair; tabs of the texts become spaces."""
        if aligned.is_blank:
            return ""
        texts = (aligned.source_text, aligned.target_text)
        return "\t".join([*(text.replace("\t", " ") for text in texts), self.links.line(aligned)])


@dataclass(frozen=True)
class AlignmentJson(AlignmentForm):
    """Words, links and all weights, a row for each target word; translated: the target too."""

    translated: bool = False

    def line(self, aligned: "AlignedLine") -> str:
        """An object for a pair."""
        from nmt.data.alignment.pharaoh import written

        assert aligned.aligned is not None
        record: dict[str, Any] = {"translation": aligned.target_text} if self.translated else {}
        record["alignment"] = written(aligned.links)
        record["source_words"] = aligned.aligned.source
        record["target_words"] = aligned.aligned.target
        record["weights"] = [
            [round(float(weight), 6) for weight in row] for row in aligned.aligned.weights
        ]
        return json.dumps(record, ensure_ascii=False)


def print_error(
    aligned: "Iterator[AlignedLine]", gold: Path, one_indexed: bool, as_json: bool
) -> None:
    """Precision, recall and error rate of alignments against those of a file.

    Raises DataError when there are more of the one than of the other, or they do not fit.
    """
    from nmt.data.alignment.pharaoh import check_within
    from nmt.evaluation.alignment_error import AlignmentError

    advice = "" if one_indexed else "If --gold counts words from 1, add --one-indexed."
    wanted = _read_gold(gold, one_indexed)
    error = AlignmentError()
    lines = list(aligned)
    if len(lines) != len(wanted):
        raise DataError(
            f"line counts differ: {gold}: {len(wanted)}, alignments: {len(lines)}. Line i of the "
            "one must belong to line i of the other."
        )
    for number, (line, links) in enumerate(zip(lines, wanted, strict=True), start=1):
        if (sizes := line.sizes) is not None:
            check_within(links.possible, sizes, str(gold), number, advice)
        error.add(line.links, links)
    percent = {"precision": error.precision, "recall": error.recall, "aer": error.rate}
    if as_json:
        counts = {key: vars(error)[key] for key in ("pairs", "links", "sure", "possible")}
        shown = {key: round(100 * value, 2) for key, value in percent.items()}
        print(json.dumps({**shown, **counts}))
        return
    print(
        f"AER = {100 * error.rate:.1f}  (precision {100 * error.precision:.1f}, recall "
        f"{100 * error.recall:.1f}; {error.pairs} pairs, {error.links} links, {error.sure} sure, "
        f"{error.possible} possible)"
    )


def _read_gold(path: Path, one_indexed: bool) -> "list[GoldLinks]":
    from nmt.data.alignment.pharaoh import parse_gold
    from nmt.evaluation.lines import each_line

    first = int(one_indexed)
    gold = [
        parse_gold(line, str(path), number, first)
        for number, line in enumerate(each_line(path), start=1)
    ]
    places = [place for links in gold for link in links.possible for place in link]
    if places and min(places) > 0 and not one_indexed:
        warn(f"{path}: no link is of a word 0. If it counts words from 1, add --one-indexed.")
    return gold
