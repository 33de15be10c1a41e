"""Statistics of the binarized corpora of a run: lengths, drops, repetitions, suspicious pairs."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmt.data.corpus import Corpus
from nmt.data.manifest import CorpusReport, Manifest
from nmt.errors import NmtError
from nmt.reports.odd_pairs import OddPairs, odd_pairs
from nmt.reports.state import RunState
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.sentencepiece import TokenizerPair

_MOST_LENGTHS = 1_000_000
"""The number of pairs whose lengths are read. From a larger corpus they are evenly spaced."""

_MOST_TEXTS = 20_000
"""The number of pairs whose words are read, a few seconds' work. They are evenly spaced."""

_WIDTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_MOST_BINS = 60
_HIGHEST_RATIO = 4.0
_RATIO_BIN = 0.1

_Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """Counts of pairs by bin.

    Attributes:
        edges: The lower edges of the bins and the upper edge of the last: one more than counts.
        counts: The number of pairs in each bin. The last bin also counts all larger values.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class DataReport:
    """Statistics of the corpora of a run.

    Attributes:
        manifest: The counts that binarizing recorded.
        measured: The number of pairs whose lengths are in the histograms.
        source_lengths: Source lengths in subwords.
        target_lengths: Target lengths in subwords.
        ratios: Ratios of target length to source length.
        odd: The suspicious pairs.
    """

    manifest: Manifest
    measured: int
    source_lengths: Histogram
    target_lengths: Histogram
    ratios: Histogram
    odd: OddPairs

    @property
    def train(self) -> CorpusReport:
        """The counts of the training pairs."""
        return self.manifest.train

    def record(self) -> dict[str, Any]:
        """Return the report as plain data for JSON."""
        manifest = self.manifest.model_dump(mode="json")
        return {
            **{key: manifest[key] for key in ("train", "dev", "overlap", "length_ratio")},
            "settings": manifest["settings"],
            "inputs": manifest["inputs"],
            "measured": self.measured,
            "source_lengths": asdict(self.source_lengths),
            "target_lengths": asdict(self.target_lengths),
            "ratios": asdict(self.ratios),
            "looked_at": self.odd.looked_at,
            "identical": self.odd.identical,
            "scripts": dict(zip(("source", "target"), map(dict, self.odd.scripts), strict=True)),
            "odd_pairs": [asdict(pair) for pair in self.odd.pairs],
            "findings": manifest["findings"],
        }


def data_report(run: RunDirectory) -> DataReport:
    """Examine the training corpus of a run, in bounded time and memory for a corpus of any size.

    Returns:
        The statistics of the corpora.

    Raises:
        DataError: The corpora are missing or damaged.
        ModelError: The tokenizer is missing or damaged.
    """
    manifest = Manifest.load(run.data)
    tokenizers = TokenizerPair.load(run.tokenizer)
    corpus = Corpus.open(run.data / "train")
    pairs = spread(len(corpus), _MOST_LENGTHS)
    lengths = corpus.lengths_of(pairs)
    whole = lengths[(lengths > 0).all(axis=1)]
    width = _width(int(lengths.max(initial=1)))
    sample = spread(len(corpus), _MOST_TEXTS)
    return DataReport(
        manifest,
        len(pairs),
        _lengths(lengths[:, 0], width),
        _lengths(lengths[:, 1], width),
        _ratios(whole[:, 1] / whole[:, 0]),
        odd_pairs(corpus, tokenizers, sample, (pairs, lengths)),
    )


def try_data_report(state: RunState) -> tuple[DataReport | None, str]:
    """Return the data report, or None and the reason why there is none."""
    try:
        state.check_data()
        return data_report(state.run), ""
    except NmtError as error:
        return None, error.message


def spread(count: int, most: int) -> _Integers:
    """Return rising numbers below `count`, evenly spaced: all of them, or `most` of them.

    Args:
        count: The exclusive upper bound.
        most: The greatest number of numbers to return.
    """
    wanted = min(count, most)
    return np.arange(wanted, dtype=np.int64) * count // max(1, wanted)


def _width(longest: int) -> int:
    fitting = (width for width in _WIDTHS if longest / width <= _MOST_BINS)
    return next(fitting, _WIDTHS[-1])


def _lengths(lengths: _Integers, width: int) -> Histogram:
    bins = max(1, int(lengths.max(initial=0)) // width + 1)
    counts = np.bincount(lengths // width, minlength=bins)
    return _histogram(np.arange(bins + 1) * float(width), counts)


def _ratios(ratios: NDArray[np.float64]) -> Histogram:
    highest = min(_HIGHEST_RATIO, float(ratios.max(initial=_RATIO_BIN)))
    bins = max(1, int(np.ceil(highest / _RATIO_BIN - 1e-9)))
    places = np.minimum((ratios / _RATIO_BIN + 1e-9).astype(np.int64), bins - 1)
    return _histogram(
        np.round(np.arange(bins + 1) * _RATIO_BIN, 6), np.bincount(places, minlength=bins)
    )


def _histogram(edges: NDArray[np.floating], counts: NDArray[np.integer]) -> Histogram:
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))
