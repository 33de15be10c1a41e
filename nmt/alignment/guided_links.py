"""The links for guided alignment, which are made when missing or out of date."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmt.alignment.aligners import Aligner, SwappedPairs
from nmt.alignment.link_dataset import LinksProvenance, PairLinks, write_links
from nmt.alignment.links import Link, check_within, parse_links, sort_links
from nmt.alignment.symmetrize import symmetrize
from nmt.config.registry import ALIGNERS
from nmt.config.settings import Config
from nmt.console import Progress, progress, say, warn
from nmt.data.binary_dataset import Corpus
from nmt.data.pair_files import read_corpus_pairs
from nmt.errors import DataError, UsageError
from nmt.runtime.atomic_files import sha256
from nmt.text.lines import LinePair, count_lines, read_lines
from nmt.tokenizers.tokenizer import TokenizerPair
from nmt.tokenizers.words import SegmentedText

GUIDANCE_FILE = "train.links"
_METHOD = "grow-diag-final-and"
_VERSION = 1

_LinkArray = NDArray[np.int64]


def prepare_guidance(
    config: Config, folder: Path, corpus: Corpus, tokenizers: TokenizerPair, is_shared: bool = False
) -> PairLinks | None:
    """Return the links that guide attention on a training corpus, None without guided alignment.

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
    path, provenance = folder / GUIDANCE_FILE, _provenance(config, corpus)
    links = _open_if_valid(path, corpus, provenance)
    if links is not None:
        say(f"guided alignment: up to date ({path})")
        return links
    if is_shared and _has_other_provenance(path, corpus, provenance):
        raise UsageError(
            f"{path}: its links come from different files or from an aligner other than the one "
            "`training.guided_alignment` names. Other runs may use them.\n"
            "Set `data.dir` to another folder, or rebuild this one with `nmt binarize --force`."
        )
    links_of_pairs = (
        _from_files(config, corpus, tokenizers)
        if guided.alignments
        else _from_aligner(ALIGNERS.resolve(guided.aligner or ""), corpus, tokenizers)
    )
    lengths = _lengths(corpus)
    with progress("guided alignment", len(corpus), "pairs") as progress_bar:
        longest = int(lengths.max(initial=0)) + 1
        write_links(path, _with_progress(links_of_pairs, progress_bar), longest, provenance)
    links = PairLinks.open(path)
    say(f"guided alignment: {links.total:,} subword links for {len(links):,} pairs ({path})")
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
    return _open_if_valid(folder / GUIDANCE_FILE, corpus, _provenance(config, corpus)) is not None


def open_guidance(config: Config, folder: Path, corpus: Corpus) -> PairLinks | None:
    """Return the links that another process has just prepared, None without guided alignment.

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
    if links.provenance.corpus != corpus.fingerprint or len(links) != len(corpus):
        raise DataError(f"{folder / GUIDANCE_FILE}: belongs to another corpus.")
    return links


def _provenance(config: Config, corpus: Corpus) -> LinksProvenance:
    guided = config.training.guided_alignment
    method: dict[str, object] = {"version": _VERSION}
    if guided.alignments:
        method["alignments"] = [_digest(path) for path in guided.alignments]
    else:
        method |= {"aligner": guided.aligner, "symmetrised": _METHOD}
    text = json.dumps(method, sort_keys=True)
    return LinksProvenance(corpus.fingerprint, hashlib.sha256(text.encode()).hexdigest())


def _digest(path: Path) -> str:
    count_lines(path)  # raises a clear error for a file that cannot be read
    return sha256(path)


def _open_if_valid(path: Path, corpus: Corpus, provenance: LinksProvenance) -> PairLinks | None:
    """Return the links of a file, or None unless they are sound and have this provenance."""
    if not path.is_file():
        return None
    try:
        links = PairLinks.open(path)
        if links.provenance != provenance or len(links) != len(corpus):
            return None
        links.verify(_lengths(corpus))
        return links
    except DataError as error:
        warn(f"{error.message} Rebuilding it.")
        return None


def _has_other_provenance(path: Path, corpus: Corpus, provenance: LinksProvenance) -> bool:
    """Return whether a file has sound links of the corpus with another provenance."""
    try:
        found = PairLinks.open(path).provenance
    except DataError:
        return False
    return found.corpus == corpus.fingerprint and found != provenance


def _lengths(corpus: Corpus) -> _LinkArray:
    return np.stack((corpus.source_lengths, corpus.target_lengths), 1)


def _with_progress(
    links_of_pairs: Iterator[_LinkArray], progress_bar: Progress
) -> Iterator[_LinkArray]:
    for links in links_of_pairs:
        yield links
        progress_bar.advance()


def _from_aligner(
    aligner: type[Aligner], corpus: Corpus, tokenizers: TokenizerPair
) -> Iterator[_LinkArray]:
    """Yield links between subwords, which an aligner learns and finds in both directions."""
    pairs = np.arange(len(corpus))
    sizes = tokenizers.source.size, tokenizers.target.size
    swapped = SwappedPairs(corpus)
    forward = aligner.learn(corpus, pairs, *sizes).align(corpus, pairs)
    backward = aligner.learn(swapped, pairs, *sizes[::-1]).align(swapped, pairs)
    for forward_links, backward_links in zip(forward, backward, strict=True):
        forward_pairs = [(i, j) for j, i in enumerate(forward_links.best.tolist()) if i >= 0]
        backward_pairs = [(i, j) for i, j in enumerate(backward_links.best.tolist()) if j >= 0]
        yield _link_array(symmetrize(_METHOD, forward_pairs, backward_pairs))


def _from_files(config: Config, corpus: Corpus, tokenizers: TokenizerPair) -> Iterator[_LinkArray]:
    """Yield links between the subwords of linked words, for the lines that are in the corpus."""
    train, files = config.data.train, config.training.guided_alignment.alignments
    sources = [file for part in train for file in part.source]
    for text, file in zip(sources, files, strict=True):
        if (lines := count_lines(text)) != (found := count_lines(file)):
            raise DataError(
                f"{file}: {found} lines, but {text} has {lines}. Line i must have the links of "
                "pair i. Use a blank line for a pair without links."
            )
    alignment_lines = (
        (file, number, line) for file in files for number, line in _numbered_lines(file)
    )
    texts = read_corpus_pairs(train, config.data.on_bad_utf8)
    kept = zip(map(int, corpus.line_numbers), corpus.source_lengths, strict=True)
    next_kept, length = next(kept, (0, 0))
    for pair, (file, number, line) in zip(texts, alignment_lines, strict=True):
        if pair.line == next_kept:
            links = parse_links(line, str(file), number)
            yield _between_subwords(pair, links, tokenizers, int(length), str(file), number)
            next_kept, length = next(kept, (0, 0))


def _numbered_lines(file: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(read_lines(file), start=1):
        yield number, line or ""


def _between_subwords(
    pair: LinePair,
    links: list[Link],
    tokenizers: TokenizerPair,
    source_length: int,
    name: str,
    number: int,
) -> _LinkArray:
    """Return links of all subwords of a source word with all subwords of its target word.

    Tags before the subwords of the source have no links.

    Args:
        pair: The pair.
        links: The links between its words.
        tokenizers: The tokenizers of both sides.
        source_length: The number of source tokens, tags included.
        name: The name of the file with the links.
        number: The line of the links in it.
    """
    assert pair.source is not None and pair.target is not None
    sides = (
        SegmentedText(pair.source, tokenizers.source.subwords(pair.source)).membership,
        SegmentedText(pair.target, tokenizers.target.subwords(pair.target)).membership,
    )
    check_within(links, (sides[0].shape[1], sides[1].shape[1]), name, number)
    tags = source_length - len(sides[0])
    subwords = {
        (tags + int(i), int(j))
        for source, target in links
        for i in np.flatnonzero(sides[0][:, source])
        for j in np.flatnonzero(sides[1][:, target])
    }
    return _link_array(sort_links(subwords))


def _link_array(links: list[Link]) -> _LinkArray:
    return np.array(links, np.int64).reshape(-1, 2)
