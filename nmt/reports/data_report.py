"""What the binarized corpora of a run are like: lengths, drops, repetitions, odd pairs."""

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
"""Pairs whose lengths are looked at: of more, so many that are evenly spread."""

_MOST_TEXTS = 20_000
"""Pairs whose words are looked at, a few seconds' work; of more, so many evenly spread."""

_WIDTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_MOST_BINS = 60
_HIGHEST_RATIO = 4.0
_RATIO_BIN = 0.1

_Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """Counts of pairs. edges: where the bins begin and the last one ends, one more than counts; the
    last bin has all that is above, too.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class DataReport:
    """manifest: as binarizing counted; measured: pairs whose lengths are in the histograms."""

    manifest: Manifest
    measured: int
    source_lengths: Histogram
    target_lengths: Histogram
    ratios: Histogram
    odd: OddPairs

    @property
    def train(self) -> CorpusReport:
        """Of the pairs that are trained on."""
        return self.manifest.train

    def record(self) -> dict[str, Any]:
        """The same as plain data, for programs."""
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
    """Look at the train corpus of a run, in bounded time and memory however large it is.

    Raises DataError and ModelError when corpora or tokenizer are missing or damaged.
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
    """The report, or None and why there is none: the rest of a run can be shown without."""
    try:
        state.check_data()
        return data_report(state.run), ""
    except NmtError as error:
        return None, error.message


def spread(count: int, most: int) -> _Integers:
    """Numbers below `count`, evenly spread and rising: all, or `most` of them."""
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
