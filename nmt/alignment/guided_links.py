"""The links for guided alignment, made when missing or out of date."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmt.alignment.aligners import Aligner, Turned
from nmt.alignment.link_dataset import Origin, PairLinks, write_links
from nmt.alignment.links import Link, check_within, in_order, parse_links
from nmt.alignment.symmetrize import symmetrize
from nmt.config.registry import ALIGNERS
from nmt.config.settings import Config
from nmt.console import Progress, progress, say, warn
from nmt.data.binary_dataset import Corpus
from nmt.errors import DataError, UsageError
from nmt.runtime.atomic_files import sha256
from nmt.text.lines import LinePair, count_lines, read_lines, read_pairs
from nmt.tokenizers.tokenizer import TokenizerPair
from nmt.tokenizers.words import SegmentedText

GUIDANCE_FILE = "train.links"
_METHOD = "grow-diag-final-and"
_VERSION = 1

_Places = NDArray[np.int64]


def prepare_guidance(
    config: Config, folder: Path, corpus: Corpus, tokenizers: TokenizerPair, is_shared: bool = False
) -> PairLinks | None:
    """Return the links that guide attention on a training corpus, None where none are wanted.

    They are remade when the corpus, the files or the settings have changed, or when they are
    damaged.

    Args:
        config: The configuration.
        folder: The folder of the corpus, which holds the links.
        corpus: The training corpus.
        tokenizers: The tokenizers of the corpus.
        is_shared: Whether other runs may use the folder, so that different links are not replaced.

    Raises:
        DataError: The link files do not fit the text.
        UsageError: The folder is shared and has different links.
    """
    guided = config.training.guided_alignment
    if not guided.is_enabled:
        return None
    path, origin = folder / GUIDANCE_FILE, _origin(config, corpus)
    links = _intact(path, corpus, origin)
    if links is not None:
        say(f"guided alignment: up to date ({path})")
        return links
    if is_shared and _are_others(path, corpus, origin):
        raise UsageError(
            f"{path}: has links from other files or another aligner than "
            "`training.guided_alignment` asks for, and other runs may use them.\nName another "
            "folder by `data.dir`, or make this one again by nmt binarize --force."
        )
    made = (
        _from_files(config, corpus, tokenizers)
        if guided.alignments
        else _from_aligner(ALIGNERS.resolve(guided.aligner or ""), corpus, tokenizers)
    )
    lengths = _lengths(corpus)
    with progress("guided alignment", len(corpus), "pairs") as shown:
        longest = int(lengths.max(initial=0)) + 1
        write_links(path, _watched(made, shown), longest, origin)
    links = PairLinks.open(path)
    say(f"guided alignment: {links.total:,} links of subwords for {len(links):,} pairs ({path})")
    return links


def has_guidance(config: Config, folder: Path, corpus: Corpus) -> bool:
    """Return whether the folder has all links that the configuration asks for.

    Args:
        config: The configuration.
        folder: The folder of the corpus.
        corpus: The training corpus.
    """
    if not config.training.guided_alignment.is_enabled:
        return True
    return _intact(folder / GUIDANCE_FILE, corpus, _origin(config, corpus)) is not None


def open_guidance(config: Config, folder: Path, corpus: Corpus) -> PairLinks | None:
    """Return the links that another process has just prepared, None where none are wanted.

    Args:
        config: The configuration.
        folder: The folder of the corpus.
        corpus: The training corpus.

    Raises:
        DataError: The links are missing here, or belong to another corpus.
    """
    if not config.training.guided_alignment.is_enabled:
        return None
    links = PairLinks.open(folder / GUIDANCE_FILE)
    if links.origin.corpus != corpus.fingerprint or len(links) != len(corpus):
        raise DataError(f"{folder / GUIDANCE_FILE}: belongs to another corpus.")
    return links


def _origin(config: Config, corpus: Corpus) -> Origin:
    guided = config.training.guided_alignment
    maker: dict[str, object] = {"version": _VERSION}
    if guided.alignments:
        maker["alignments"] = [_digest(path) for path in guided.alignments]
    else:
        maker |= {"aligner": guided.aligner, "symmetrised": _METHOD}
    text = json.dumps(maker, sort_keys=True)
    return Origin(corpus.fingerprint, hashlib.sha256(text.encode()).hexdigest())


def _digest(path: Path) -> str:
    count_lines(path)  # raises a clear error for a file that cannot be read
    return sha256(path)


def _intact(path: Path, corpus: Corpus, origin: Origin) -> PairLinks | None:
    """Return the links of a file, or None unless they are sound and have this provenance."""
    if not path.is_file():
        return None
    try:
        links = PairLinks.open(path)
        if links.origin != origin or len(links) != len(corpus):
            return None
        links.verify(_lengths(corpus))
        return links
    except DataError as error:
        warn(f"{error.message} It is made anew.")
        return None


def _are_others(path: Path, corpus: Corpus, origin: Origin) -> bool:
    """Return whether a file has sound links of the corpus with another provenance."""
    try:
        found = PairLinks.open(path).origin
    except DataError:
        return False
    return found.corpus == corpus.fingerprint and found != origin


def _lengths(corpus: Corpus) -> _Places:
    return np.stack((corpus.source_lengths, corpus.target_lengths), 1)


def _watched(made: Iterator[_Places], shown: Progress) -> Iterator[_Places]:
    for links in made:
        yield links
        shown.advance()


def _from_aligner(
    aligner: type[Aligner], corpus: Corpus, tokenizers: TokenizerPair
) -> Iterator[_Places]:
    """Yield links between subwords, which an aligner learns and finds in both directions."""
    pairs = np.arange(len(corpus))
    sizes = tokenizers.source.size, tokenizers.target.size
    turned = Turned(corpus)
    forward = aligner.learn(corpus, pairs, *sizes).align(corpus, pairs)
    backward = aligner.learn(turned, pairs, *sizes[::-1]).align(turned, pairs)
    for one, other in zip(forward, backward, strict=True):
        there = [(i, j) for j, i in enumerate(one.best.tolist()) if i >= 0]
        back = [(i, j) for i, j in enumerate(other.best.tolist()) if j >= 0]
        yield _places(symmetrize(_METHOD, there, back))


def _from_files(config: Config, corpus: Corpus, tokenizers: TokenizerPair) -> Iterator[_Places]:
    """Yield links between the subwords of linked words, for the lines that the corpus has kept."""
    train, files = config.data.train, config.training.guided_alignment.alignments
    for text, file in zip(train.source, files, strict=True):
        if (lines := count_lines(text)) != (found := count_lines(file)):
            raise DataError(
                f"{file}: {found} lines, but {text} has {lines}. Line i must link the words of "
                "line i; pairs without links have blank lines."
            )
    places = ((file, number, line) for file in files for number, line in _numbered(file))
    texts = read_pairs(train.source, train.target, config.data.on_bad_utf8)
    kept = map(int, corpus.line_numbers)
    wanted = next(kept, 0)
    for pair, (file, number, line) in zip(texts, places, strict=True):
        if pair.line == wanted:
            links = parse_links(line, str(file), number)
            yield _between_subwords(pair, links, tokenizers, str(file), number)
            wanted = next(kept, 0)


def _numbered(file: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(read_lines(file), start=1):
        yield number, line or ""


def _between_subwords(
    pair: LinePair, links: list[Link], tokenizers: TokenizerPair, name: str, number: int
) -> _Places:
    """Return links of all subwords of a source word with all subwords of its target word."""
    assert pair.source is not None and pair.target is not None
    sides = (
        SegmentedText(pair.source, tokenizers.source.subwords(pair.source)).membership,
        SegmentedText(pair.target, tokenizers.target.subwords(pair.target)).membership,
    )
    check_within(links, (sides[0].shape[1], sides[1].shape[1]), name, number)
    subwords = {
        (int(i), int(j))
        for source, target in links
        for i in np.flatnonzero(sides[0][:, source])
        for j in np.flatnonzero(sides[1][:, target])
    }
    return _places(in_order(subwords))


def _places(links: list[Link]) -> _Places:
    return np.array(links, np.int64).reshape(-1, 2)
