"""The output formats of `nmt align`: a line for each pair, or one result for all."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.console import warn
from nmt.errors import DataError

if TYPE_CHECKING:
    from nmt.alignment.error_rate import GoldLinks
    from nmt.cli.link_origins import AlignedLine

_DECIMALS = 4


class AlignmentForm(ABC):
    """An output format of alignments."""

    @abstractmethod
    def line(self, aligned: "AlignedLine") -> str:
        """Return the line for a pair, without its end."""


@dataclass(frozen=True)
class LinkText(AlignmentForm):
    """Links alone.

    Attributes:
        soft: Whether links have weights. Links whose weight rounds to zero are left out.
        threshold: The least weight of a link, in place of that rounding.
    """

    soft: bool = False
    threshold: float | None = None

    def line(self, aligned: "AlignedLine") -> str:
        """Return links such as `0-0 2-1`, or `0-0:0.9731 2-1:0.8002`."""
        from nmt.alignment.links import format_links

        if not self.soft or aligned.aligned is None:
            return format_links(aligned.links)
        min_weight = 0.5 * 10**-_DECIMALS if self.threshold is None else self.threshold
        weights = aligned.aligned.weights
        texts = []
        for source, target in aligned.aligned.links(min_weight):
            link = (target, source) if aligned.is_reversed else (source, target)
            texts.append(f"{link[0]}-{link[1]}:{weights[target, source]:.{_DECIMALS}f}")
        return " ".join(texts)


@dataclass(frozen=True)
class AlignedText(AlignmentForm):
    """A translation by the model and its links, `text ||| 0-0 1-1`; blank for a blank text."""

    links: LinkText

    def line(self, aligned: "AlignedLine") -> str:
        """Return the line for a text and its translation."""
        if aligned.is_blank:
            return ""
        return f"{aligned.target_text} ||| {self.links.line(aligned)}"


@dataclass(frozen=True)
class TsvAlignments(AlignmentForm):
    """Source, target and links, separated by tabs."""

    links: LinkText

    def line(self, aligned: "AlignedLine") -> str:
        """Return the line for a pair, with the tabs of its texts as spaces."""
        if aligned.is_blank:
            return ""
        texts = (aligned.source_text, aligned.target_text)
        return "\t".join([*(text.replace("\t", " ") for text in texts), self.links.line(aligned)])


@dataclass(frozen=True)
class AlignmentJson(AlignmentForm):
    """A JSON object with words, links and all weights, a row for each target word.

    Attributes:
        translated: Whether the object has the translation too.
    """

    translated: bool = False

    def line(self, aligned: "AlignedLine") -> str:
        """Return the object for a pair."""
        from nmt.alignment.links import format_links

        assert aligned.aligned is not None
        record: dict[str, Any] = {"translation": aligned.target_text} if self.translated else {}
        record["alignment"] = format_links(aligned.links)
        record["source_words"] = aligned.aligned.source
        record["target_words"] = aligned.aligned.target
        record["weights"] = [
            [round(float(weight), 6) for weight in row] for row in aligned.aligned.weights
        ]
        return json.dumps(record, ensure_ascii=False)


def print_error(
    aligned: "Iterator[AlignedLine]", gold: Path, one_indexed: bool, as_json: bool
) -> None:
    """Print precision, recall and error rate of alignments against gold alignments.

    Args:
        aligned: The alignments.
        gold: The file of gold alignments.
        one_indexed: Whether the file counts words from 1.
        as_json: Whether to print JSON.

    Raises:
        DataError: The numbers of alignments differ, or a link does not fit its texts.
    """
    from nmt.alignment.error_rate import AlignmentErrorRate
    from nmt.alignment.links import check_within

    advice = "" if one_indexed else "Add --one-indexed if --gold counts words from 1."
    gold_links = _read_gold(gold, one_indexed)
    error = AlignmentErrorRate()
    lines = list(aligned)
    if len(lines) != len(gold_links):
        raise DataError(
            f"line counts differ: {gold}: {len(gold_links)}, alignments: {len(lines)}. Line i of "
            "one file must correspond to line i of the other."
        )
    for number, (line, links) in enumerate(zip(lines, gold_links, strict=True), start=1):
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
    from nmt.alignment.error_rate import parse_gold
    from nmt.text.lines import read_input_lines

    first = int(one_indexed)
    gold = [
        parse_gold(line, str(path), number, first)
        for number, line in enumerate(read_input_lines(path), start=1)
    ]
    positions = [position for links in gold for link in links.possible for position in link]
    if positions and min(positions) > 0 and not one_indexed:
        warn(f"{path}: no link has index 0. Add --one-indexed if it counts words from 1.")
    return gold
