"""The part of an HTML report that describes the corpora."""

from itertools import pairwise

from nmt.data.drop_table import describe_round_trip
from nmt.data.manifest import CorpusReport, RoundTripReport
from nmt.pages.charts import BarChart, Bars, Mark, chart_html
from nmt.reports.data_report import DataReport
from nmt.reports.markup import Column, Tile, count, paragraph, percent, table, tiles


def data_section(data: DataReport | None, problem: str) -> str:
    """Return the HTML of counts, lengths, drops and suspicious pairs.

    Without a data report it is the reason.

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
            _drops(data),
            _remarks(data),
            _scripts(data),
            _odd(data),
        )
    )


def _tiles(data: DataReport) -> str:
    train, dev = data.train, data.manifest.dev
    ratio = data.manifest.length_ratio
    return tiles(
        (
            Tile("Pairs to train on", count(train.pairs_kept), f"of {train.pairs_read:,} read"),
            Tile("Pairs of dev", count(dev.pairs_kept)),
            _side("Source", train, "source"),
            _side("Target", train, "target"),
            Tile("Length ratio", f"{ratio.mean:.2f}", f"± {ratio.deviation:.2f}, target to source"),
        )
    )


def _findings(data: DataReport) -> str:
    """Return a table of the findings in the texts.

    They are traces of other tools, and differences in writing between train, dev and test.
    """
    found = data.manifest.findings or ()
    if not found:
        return ""
    columns = (Column("finding"), Column("lines and what to do", written=True))
    rows = [finding.message.partition("\n")[::2] for finding in found]
    return "<h3>What may be wrong with the texts</h3>" + table(columns, rows)


def _side(name: str, train: CorpusReport, side: str) -> Tile:
    report = train.source if side == "source" else train.target
    unknown = percent(report.unknown, report.tokens)
    return Tile(
        f"{name} subwords",
        count(report.tokens),
        f"{report.mean_length:.1f} a sentence, at most {report.max_length}; {unknown} unknown",
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


def _drops(data: DataReport) -> str:
    rows = [
        (reason, number, data.train.first_dropped.get(reason, ()))
        for reason, number in data.train.dropped.items()
        if number
    ]
    if not rows:
        return paragraph("No pair of train was dropped.")
    return "<h3>Dropped pairs of train</h3>" + table(
        (Column("reason"), Column("pairs", True), Column("share", True), Column("first lines")),
        [
            (
                reason,
                count(number),
                percent(number, data.train.pairs_read),
                ", ".join(map(str, lines[:8])) + (", …" if number > 8 else ""),
            )
            for reason, number, lines in rows
        ],
    )


def _remarks(data: DataReport) -> str:
    train = data.train
    columns = (Column("repetition and leakage"), Column("pairs", True), Column("share", True))
    rows = [
        ("occur earlier in train", train.duplicates),
        ("have the same text on both sides", train.identical),
        ("have control characters or foreign line ends", train.control_characters),
        ("have a blank side", train.blank),
    ]
    for name, overlap in data.manifest.overlap.items():
        rows.append((f"occur in {name} too", overlap.pairs))
        rows.append((f"have a source that occurs in {name}", overlap.sources))
    shown = table(columns, [(what, count(n), percent(n, train.pairs_read)) for what, n in rows])
    return shown + _round_trip(train.round_trip)


def _round_trip(found: RoundTripReport | None) -> str:
    """Return a sentence on the target lines that change in the tokenizer.

    It is empty where they were not counted.
    """
    if found is None:
        return ""
    if not found.changed:
        return paragraph(
            f"All {found.lines:,} target lines compared come back from their subwords."
        )
    return paragraph(f"{describe_round_trip(found)}.")


def _scripts(data: DataReport) -> str:
    """Return a sentence on the scripts of each side's letters."""
    sides = []
    for name, counts in zip(("source", "target"), data.odd.scripts, strict=True):
        total = counts.total()
        told = [f"{script.title()} {percent(n, total)}" for script, n in counts.most_common(5)]
        sides.append(f"{name}: {', '.join(told) or 'none'}")
    return paragraph(f"Letters of the {data.odd.looked_at:,} pairs read, {'; '.join(sides)}.")


def _odd(data: DataReport) -> str:
    odd = data.odd
    if not odd.pairs:
        return ""
    whole = odd.looked_at == data.train.pairs_kept
    looked = "all pairs" if whole else f"{odd.looked_at:,} pairs, evenly spread"
    note = (
        f"The {len(odd.pairs)} pairs that look least like translations of each other: lengths of "
        f"{'all' if data.measured == data.train.pairs_kept else f'{data.measured:,}'} pairs, words "
        f"(by IBM Model 1) and letters of {looked}. Texts are put together from their subwords."
    )
    columns = (
        Column("line", True),
        Column("score", True),
        Column("why"),
        Column("source", written=True),
        Column("target", written=True),
    )
    rows = [
        (str(pair.line), f"{pair.score:.1f}", "; ".join(pair.reasons), pair.source, pair.target)
        for pair in odd.pairs
    ]
    shown = table(columns, rows, sortable=True)
    return f'<h3>Suspicious pairs</h3>{paragraph(note, "muted")}<div class="pairs">{shown}</div>'
