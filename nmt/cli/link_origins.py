"""The sources of alignments of `nmt align`: a model, a statistical aligner, or files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nmt.alignment.links import Link, parse_links, swap_sides
from nmt.alignment.symmetrize import symmetrize
from nmt.cli.translate import (
    OPTION,
    open_tagged_translator,
    open_translator,
    prompt_for_lines,
)
from nmt.errors import DataError, UsageError

if TYPE_CHECKING:
    from nmt.alignment.links import WordAlignment
    from nmt.translation.translator import Translator

_WINDOW_BATCHES = 4

T = TypeVar("T")


@dataclass(frozen=True)
class LinkOptions:
    """The selection of links.

    Attributes:
        threshold: The least weight of a link, see `WordAlignment.links`.
        method: The method of symmetrisation; None for one direction.
        subwords: Whether to align subwords rather than words.
        weights: Whether weights are written too.
    """

    threshold: float | None
    method: str | None
    subwords: bool = False
    weights: bool = False

    def links(self, forward: "WordAlignment", backward: "WordAlignment | None") -> list[Link]:
        """Return the links of a pair.

        Args:
            forward: The alignment of source and target.
            backward: The alignment in the other direction, or None.
        """
        links = forward.links(self.threshold)
        if backward is None:
            return links
        assert self.method is not None
        return symmetrize(self.method, links, swap_sides(backward.links(self.threshold)))


@dataclass(frozen=True)
class AlignedLine:
    """The alignment of a pair, ready to be written.

    Attributes:
        links: The links.
        source_text: The source.
        target_text: The target.
        aligned: The weights; None where only links are known.
        is_reversed: Whether links have the target first.
    """

    links: list[Link]
    source_text: str = ""
    target_text: str = ""
    aligned: "WordAlignment | None" = None
    is_reversed: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether a side is blank."""
        return not self.source_text.strip() or not self.target_text.strip()

    @property
    def sizes(self) -> tuple[int, int] | None:
        """The number of words of each side, in the order of the links; None where not known."""
        if self.aligned is None:
            return None
        sizes = len(self.aligned.source), len(self.aligned.target)
        return sizes[::-1] if self.is_reversed else sizes


def reverse_line(line: AlignedLine) -> AlignedLine:
    """Return a line with the target first in its links."""
    return replace(line, links=swap_sides(line.links), is_reversed=True)


def read_alignments(paths: list[Path], options: LinkOptions) -> Iterator[AlignedLine]:
    """Yield the alignments of a file, or the symmetrised alignments of two files.

    Args:
        paths: One file or two.
        options: The selection of links.

    Raises:
        DataError: The two files do not fit together.
    """
    from nmt.text.lines import pair_with_source, read_input_lines

    forward, *others = paths
    if not others:
        for number, line in enumerate(read_input_lines(forward), start=1):
            yield AlignedLine(parse_links(line, str(forward), number))
        return
    backward = others[0]
    assert options.method is not None
    _check_counts(forward, backward)
    pairs = pair_with_source(forward, read_input_lines(backward), str(backward))
    for number, (one, other) in enumerate(pairs, start=1):
        sides = (parse_links(one, str(forward), number), parse_links(other, str(backward), number))
        yield AlignedLine(symmetrize(options.method, *sides))


def align_by_model(
    forward: tuple[Any, ...],
    backward: tuple[Any, ...] | None,
    source: Path | None,
    target: Path | None,
    options: LinkOptions,
) -> Iterator[AlignedLine]:
    """Yield the alignments by the attention of a model.

    Args:
        forward: Arguments of `open_translator` for the model.
        backward: Arguments for a model of the other direction, or None.
        source: The source text; None for stdin.
        target: The target text; None for the translations of the model.
        options: The selection of links.
    """
    if source is not None and target is not None:
        _check_counts(source, target)
        translator = open_tagged_translator(*forward)
        other = None
        if backward is not None:
            other = _with_reverse_tags(open_translator(*backward), translator)
        yield from _align_pairs(translator, other, source, target, options)
    else:
        yield from _translate_and_align(open_tagged_translator(*forward), source, options)


def _with_reverse_tags(backward: "Translator", forward: "Translator") -> "Translator":
    """Return a model of the other direction that translates into the source language of a model.

    It uses the tag of that model where it has this tag.

    Raises:
        UsageError: It has several languages, and none is the source language.
    """
    inventory, known = backward.tagging.inventory, forward.tagging.inventory
    to, tag = None, forward.tagging.default.tag
    if inventory.has_language_tags:
        to = known.source_languages[0]
        if len(known.source_languages) > 1 or to not in inventory.target_languages:
            raise UsageError(
                f"{backward.name}: translates into {', '.join(inventory.target_languages)}, but "
                f"the source of {forward.name} is {', '.join(known.source_languages)}. Use models "
                "of the same languages."
            )
    translator = backward.with_tags(to, tag if tag in inventory.tags else None)
    translator.tagging.check(option=OPTION)
    return translator


def align_by_aligner(
    kind: str, source: Path, target: Path, options: LinkOptions
) -> Iterator[AlignedLine]:
    """Yield the alignments of a statistical aligner that is trained on these texts alone.

    Args:
        kind: The name of the aligner.
        source: The source text.
        target: The target text.
        options: The selection of links.
    """
    from nmt.alignment.aligners import align_texts
    from nmt.text.lines import pair_with_source, read_input_lines

    _check_counts(source, target)
    pairs = pair_with_source(source, read_input_lines(target), str(target))
    with_other = options.method is not None
    for texts, forward, backward in align_texts(kind, pairs, with_other, options.weights):
        yield AlignedLine(options.links(forward, backward), *texts, forward)


def _align_pairs(
    translator: "Translator",
    backward: "Translator | None",
    source: Path,
    target: Path,
    options: LinkOptions,
) -> Iterator[AlignedLine]:
    from nmt.inspection.alignments import align_pairs
    from nmt.text.lines import pair_with_source, read_input_lines
    from nmt.translation.stream_progress import StreamProgress, stream_progress

    first = 1
    windows = _windows(pair_with_source(source, read_input_lines(target), str(target)), translator)
    with stream_progress("align", source, [None]) as bar:
        for window in StreamProgress(bar).counted(windows):
            texts = [text for text, _ in window], [text for _, text in window]
            lines = range(first, first + len(window))
            aligned = align_pairs(translator, *texts, options.subwords, lines)
            others: list[WordAlignment | None] = [None] * len(window)
            if backward is not None:
                others = list(align_pairs(backward, *texts[::-1], options.subwords, lines))
            for pair, alignment, backward_alignment in zip(window, aligned, others, strict=True):
                yield AlignedLine(options.links(alignment, backward_alignment), *pair, alignment)
            first += len(window)


def _translate_and_align(
    translator: "Translator", source: Path | None, options: LinkOptions
) -> Iterator[AlignedLine]:
    from nmt.inspection.alignments import translate_and_align
    from nmt.text.lines import read_input_lines
    from nmt.translation.line_stream import LineWarnings
    from nmt.translation.line_translator import warn_of_segments
    from nmt.translation.stream_progress import StreamProgress, is_typed, stream_progress

    prompt_for_lines(source)
    long_lines = LineWarnings(str(source or "stdin"), "were translated in segments, without links")
    number = 0
    windows = _windows(read_input_lines(source), translator, 1 if is_typed(source) else None)
    with stream_progress("align", source, [None]) as bar:
        for texts in StreamProgress(bar).counted(windows):
            results = translate_and_align(translator, texts, options.subwords)
            for text, (translation, aligned) in zip(texts, results, strict=True):
                number += 1
                warn_of_segments(long_lines, number, translation)
                yield AlignedLine(options.links(aligned, None), text, translation.text, aligned)
    long_lines.summarise()


def _windows(
    items: Iterable[T], translator: "Translator", size: int | None = None
) -> Iterator[list[T]]:
    """Yield items in windows large enough to sort by length, with bounded memory."""
    size = size or _WINDOW_BATCHES * translator.settings.batch_sentences
    remaining = iter(items)
    while window := list(islice(remaining, size)):
        yield window


def _check_counts(one: Path, other: Path) -> None:
    """Raise DataError before any work where two files differ in their number of lines.

    A pipe can be read only once, so it is checked at its end.
    """
    from nmt.text.lines import read_input_lines

    if not one.is_file() or not other.is_file():
        return
    counts = [sum(1 for _ in read_input_lines(path)) for path in (one, other)]
    if counts[0] != counts[1]:
        raise DataError(
            f"line counts differ: {one}: {counts[0]}, {other}: {counts[1]}. Line i of one file "
            "must correspond to line i of the other. Look for missing or extra lines."
        )
