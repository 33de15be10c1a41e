"""The report on the corpora of a run: lengths, drops, repetitions, suspicious pairs."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmt.data.binary_dataset import Corpus
from nmt.data.manifest import CorpusReport, Manifest, RoundTripReport, name_line
from nmt.data.pair_counts import describe_round_trip
from nmt.errors import NmtError
from nmt.pages.charts import BarChart, Bars, Mark, chart_html
from nmt.reports.page_parts import (
    Column,
    Tile,
    format_count,
    format_percent,
    paragraph,
    table,
    tiles,
)
from nmt.reports.run_state import RunState
from nmt.reports.suspicious_pairs import SuspiciousPairs, suspicious_pairs
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.tokenizer import TokenizerPair

_MAX_LENGTHS = 1_000_000
"""The number of pairs whose lengths are read. From a larger corpus they are evenly spaced."""

_MAX_TEXTS = 20_000
"""The number of pairs whose words are read, a few seconds' work. They are evenly spaced."""

_WIDTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_MAX_BINS = 60
_MAX_RATIO = 4.0
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
        suspicious: The suspicious pairs.
    """

    manifest: Manifest
    measured: int
    source_lengths: Histogram
    target_lengths: Histogram
    ratios: Histogram
    suspicious: SuspiciousPairs

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
            "looked_at": self.suspicious.examined,
            "identical": self.suspicious.identical,
            "scripts": dict(
                zip(("source", "target"), map(dict, self.suspicious.scripts), strict=True)
            ),
            "odd_pairs": [asdict(pair) for pair in self.suspicious.pairs],
            "findings": manifest["findings"],
        }


def examine_corpora(run: RunDirectory) -> DataReport:
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
    pairs = evenly_spaced(len(corpus), _MAX_LENGTHS)
    lengths = corpus.lengths_of(pairs)
    complete = lengths[(lengths > 0).all(axis=1)]
    width = _bin_width(int(lengths.max(initial=1)))
    sample = evenly_spaced(len(corpus), _MAX_TEXTS)
    return DataReport(
        manifest,
        len(pairs),
        _length_histogram(lengths[:, 0], width),
        _length_histogram(lengths[:, 1], width),
        _ratio_histogram(complete[:, 1] / complete[:, 0]),
        suspicious_pairs(corpus, tokenizers, sample, (pairs, lengths)),
    )


def examine_corpora_or_reason(state: RunState) -> tuple[DataReport | None, str]:
    """Return the data report, or None and the reason why there is none."""
    try:
        state.check_data()
        return examine_corpora(state.run), ""
    except NmtError as error:
        return None, error.message


def evenly_spaced(count: int, max_count: int) -> _Integers:
    """Return at most `max_count` evenly spaced, rising numbers below `count`.

    Args:
        count: The exclusive upper bound.
        max_count: The greatest number of numbers to return.
    """
    size = min(count, max_count)
    return np.arange(size, dtype=np.int64) * count // max(1, size)


def _bin_width(longest: int) -> int:
    fitting = (width for width in _WIDTHS if longest / width <= _MAX_BINS)
    return next(fitting, _WIDTHS[-1])


def _length_histogram(lengths: _Integers, width: int) -> Histogram:
    bins = max(1, int(lengths.max(initial=0)) // width + 1)
    counts = np.bincount(lengths // width, minlength=bins)
    return _histogram(np.arange(bins + 1) * float(width), counts)


def _ratio_histogram(ratios: NDArray[np.float64]) -> Histogram:
    highest = min(_MAX_RATIO, float(ratios.max(initial=_RATIO_BIN)))
    bins = max(1, int(np.ceil(highest / _RATIO_BIN - 1e-9)))
    bins_of_pairs = np.minimum((ratios / _RATIO_BIN + 1e-9).astype(np.int64), bins - 1)
    return _histogram(
        np.round(np.arange(bins + 1) * _RATIO_BIN, 6), np.bincount(bins_of_pairs, minlength=bins)
    )


def _histogram(edges: NDArray[np.floating], counts: NDArray[np.integer]) -> Histogram:
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))


def data_section(data: DataReport | None, problem: str) -> str:
    """Return the HTML of counts, lengths, dropped pairs and suspicious pairs.

    Without a data report, it is the reason.

    Args:
        data: The data report, or None.
        problem: The reason why there is no data report.
    """
    if data is None:
        return paragraph(problem, "muted")
    return "\n".join(
        (
            _tiles(data),
            _findings(data),
            _charts(data),
            _dropped_pairs(data),
            _repetitions(data),
            _scripts(data),
            _suspicious_pairs(data),
        )
    )


def _tiles(data: DataReport) -> str:
    train, dev = data.train, data.manifest.dev
    ratio = data.manifest.length_ratio
    return tiles(
        (
            Tile("Train pairs", format_count(train.pairs_kept), f"of {train.pairs_read:,} read"),
            Tile("Dev pairs", format_count(dev.pairs_kept)),
            _side_tile("Source", train, "source"),
            _side_tile("Target", train, "target"),
            Tile("Length ratio", f"{ratio.mean:.2f}", f"± {ratio.deviation:.2f}, target to source"),
        )
    )


def _findings(data: DataReport) -> str:
    """Return a table of the findings in the texts.

    They are traces of other tools, and differences in writing between train, dev and test.
    """
    findings = data.manifest.findings or ()
    if not findings:
        return ""
    columns = (Column("finding"), Column("lines and fix", is_user_text=True))
    rows = [finding.message.partition("\n")[::2] for finding in findings]
    return "<h3>Possible problems in the texts</h3>" + table(columns, rows)


def _side_tile(name: str, train: CorpusReport, side: str) -> Tile:
    report = train.source if side == "source" else train.target
    unknown = format_percent(report.unknown, report.tokens)
    return Tile(
        f"{name} subwords",
        format_count(report.tokens),
        f"{report.mean_length:.1f} per sentence, at most {report.max_length}; {unknown} unknown",
    )


def _charts(data: DataReport) -> str:
    sides = data.source_lengths, data.target_lengths
    bins = max(len(side.counts) for side in sides)
    longer = max(sides, key=lambda side: len(side.counts))
    lengths = BarChart(
        "Sentence lengths",
        tuple(
            Bars(name, (*side.counts, *[0] * (bins - len(side.counts))))
            for name, side in zip(("source", "target"), sides, strict=True)
        ),
        labels=_length_labels(longer.edges),
        edges=longer.edges,
        x_name="subwords",
        y_name="pairs",
    )
    mean = data.manifest.length_ratio.mean
    ratios = BarChart(
        "Length ratios",
        (Bars("pairs", data.ratios.counts, 3),),
        labels=_ratio_labels(data.ratios.edges),
        edges=data.ratios.edges,
        x_name="target to source",
        y_name="pairs",
        marks=(Mark(mean, f"mean {mean:.2f}"),),
    )
    return f'<div class="charts">{chart_html(lengths)}{chart_html(ratios)}</div>'


def _length_labels(edges: tuple[float, ...]) -> list[str]:
    pairs = pairwise(edges)
    return [
        f"{low:.0f} subwords" if high - low == 1 else f"{low:.0f} to {high - 1:.0f} subwords"
        for low, high in pairs
    ]


def _ratio_labels(edges: tuple[float, ...]) -> list[str]:
    labels = [f"{low:.1f} to {high:.1f}" for low, high in pairwise(edges)]
    return [*labels[:-1], f"{edges[-2]:.1f} and more"]


def _dropped_pairs(data: DataReport) -> str:
    rows = [
        (reason, number, data.train.first_dropped.get(reason, ()))
        for reason, number in data.train.dropped.items()
        if number
    ]
    if not rows:
        return paragraph("No train pair was dropped.")
    counts = table(
        (Column("reason"), Column("pairs", True), Column("share", True), Column("first lines")),
        [
            (
                reason,
                format_count(number),
                format_percent(number, data.train.pairs_read),
                ", ".join(name_line(data.train.parts, line) for line in lines[:8])
                + (", …" if number > 8 else ""),
            )
            for reason, number, lines in rows
        ],
    )
    return f"<h3>Dropped train pairs</h3>{counts}{_dropped_examples(data)}"


def _dropped_examples(data: DataReport) -> str:
    """Return a table of the first pairs that each filter dropped."""
    rows = [
        (reason, name_line(data.train.parts, pair.line), pair.source, pair.target)
        for reason, pairs in data.train.examples.items()
        for pair in pairs
    ]
    if not rows:
        return ""
    columns = (
        Column("reason"),
        Column("line", True),
        Column("source", is_user_text=True),
        Column("target", is_user_text=True),
    )
    return f'<h3>Examples of dropped pairs</h3><div class="pairs">{table(columns, rows)}</div>'


def _repetitions(data: DataReport) -> str:
    train = data.train
    columns = (Column("repetition and leakage"), Column("pairs", True), Column("share", True))
    rows = [
        ("are repeated in train", train.duplicates),
        ("have the same text on both sides", train.identical),
        ("have control characters or unusual line ends", train.control_characters),
        ("have a blank side", train.blank),
    ]
    for name, overlap in data.manifest.overlap.items():
        rows.append((f"are also in {name}", overlap.pairs))
        rows.append((f"have a source that occurs in {name}", overlap.sources))
    html = table(
        columns,
        [(reason, format_count(n), format_percent(n, train.pairs_read)) for reason, n in rows],
    )
    return html + _round_trip(train.round_trip)


def _round_trip(report: RoundTripReport | None) -> str:
    """Return a sentence on the target lines that change in the tokenizer.

    It is empty where they were not counted.
    """
    if report is None:
        return ""
    if not report.changed:
        return paragraph(
            f"All {report.lines:,} target lines compared are restored from their subwords."
        )
    return paragraph(f"{describe_round_trip(report)}.")


def _scripts(data: DataReport) -> str:
    """Return a sentence on the scripts of each side's letters."""
    sides = []
    for name, counts in zip(("source", "target"), data.suspicious.scripts, strict=True):
        total = counts.total()
        shares = [
            f"{script.title()} {format_percent(n, total)}" for script, n in counts.most_common(5)
        ]
        sides.append(f"{name}: {', '.join(shares) or 'none'}")
    return paragraph(f"Letters of the {data.suspicious.examined:,} pairs read, {'; '.join(sides)}.")


def _suspicious_pairs(data: DataReport) -> str:
    suspicious = data.suspicious
    if not suspicious.pairs:
        return ""
    is_all = suspicious.examined == data.train.pairs_kept
    examined_text = "all pairs" if is_all else f"{suspicious.examined:,} pairs, evenly spaced"
    note = (
        f"The {len(suspicious.pairs)} most suspicious pairs, by length ratio of "
        f"{'all' if data.measured == data.train.pairs_kept else f'{data.measured:,}'} pairs, and "
        f"by words (IBM Model 1) and letters of {examined_text}. Texts are joined from their "
        "subwords."
    )
    columns = (
        Column("line", True),
        Column("score", True),
        Column("why"),
        Column("source", is_user_text=True),
        Column("target", is_user_text=True),
    )
    rows = [
        (str(pair.line), f"{pair.score:.1f}", "; ".join(pair.reasons), pair.source, pair.target)
        for pair in suspicious.pairs
    ]
    html = table(columns, rows, sortable=True)
    return f'<h3>Suspicious pairs</h3>{paragraph(note, "muted")}<div class="pairs">{html}</div>'
