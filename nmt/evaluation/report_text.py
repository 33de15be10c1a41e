"""A report on translations in the terminal: tables on stdout, conclusions on stderr."""

from nmt.evaluation.metrics import metric
from nmt.evaluation.report import Report, buckets_record
from nmt.evaluation.significance import SIGNIFICANT, Standing
from nmt.runtime.console import say
from nmt.runtime.tables import print_table


def print_scores(found: Report) -> None:
    """Print one table of all systems and metrics, and the signatures of the metrics."""
    header, rows = ["system"], [[system.name] for system in found.systems]
    for measure in found.measures:
        header += [measure.comparison.metric, "p"]
        for row, standing in zip(rows, measure.standings, strict=True):
            row += [_confident(standing, metric(measure.metric).highest), _chance(standing)]
    header.append("hyp/ref")
    for row, ratio in zip(rows, found.ratios, strict=True):
        row.append("-" if ratio is None else f"{ratio:.3f}")
    print_table(header, rows, words=(0,))
    for measure in found.measures:
        print(f"{measure.comparison.metric}: {measure.comparison.signature}")


def _confident(standing: Standing, highest: float) -> str:
    """Return a score and half the width of its interval.

    Where that would exceed the scale, the interval itself is shown.
    """
    low, high = standing.interval
    half = (high - low) / 2
    if standing.score < half or standing.score + half > highest:
        return f"{standing.score:.2f} ({low:.2f} - {high:.2f})"
    return f"{standing.score:.2f} ± {half:.2f}"


def _chance(standing: Standing) -> str:
    if standing.p is None:
        return "-"
    return f"{standing.p:.3f}{'*' if standing.p < SIGNIFICANT else ' '}"


def tell_verdicts(found: Report) -> None:
    """Write a sentence about each system that does not differ from the baseline."""
    baseline = found.systems[0].name
    for place, system in enumerate(found.systems[1:], start=1):
        standings = [measure.standings[place] for measure in found.measures]
        if standings[0].identical:
            say(f"{system.name}: the same as {baseline} in every line, so p = 1")
        elif all(standing.p is None or standing.p >= SIGNIFICANT for standing in standings):
            say(f"{system.name}: no difference to {baseline} beyond chance")


def print_buckets(found: Report) -> None:
    """Print tables by length, by score and by word frequency."""
    record = buckets_record(found)
    names = [system.name for system in found.systems]
    for measure in found.measures:
        title = measure.comparison.metric
        print(f"\n{title} by words of the {found.measured_by}")
        rows = [
            [row["words"], str(row["lines"]), *map(_figure, row[measure.metric])]
            for row in record[f"{found.measured_by}_length"]
        ]
        print_table(["words", "lines", *names], rows, words=(0,))
    for measure in found.measures:
        print(f"\nlines by {measure.comparison.metric} of the sentence")
        rows = [
            [row["points"], *map(str, row["lines"])]
            for row in record["sentence_score"][measure.metric]
        ]
        print_table(["points", *names], rows, words=(0,))
    if found.words is not None:
        print("\nF1 of words by how often training saw them")
        rows = [
            [row["seen"], f"{row['reference'][0]:,}", *map(_percent, row["f1"])]
            for row in record["word_frequency"]
        ]
        print_table(["times seen", "words", *names], rows, words=(0,))


def _figure(score: float | None) -> str:
    return "-" if score is None else f"{score:.2f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
