"""Table of the trials of a tuning."""

from nmt.runtime.tables import print_table as print_rows
from nmt.tuning.tune import Trial, Tuning

_WORDS = (1, 9)
"""Columns of words. The others are of numbers."""


def print_table(tuning: Tuning) -> None:
    """Print the trials on stdout, best first, and the signature of the scores."""
    header = ["beam", "penalty", "alpha", "coverage", tuning.metric, "95% interval", "p"]
    header += ["hyp/ref", "sentences/s", ""]
    rows = [[*_cells(trial), _mark(trial, tuning)] for trial in tuning.trials]
    print_rows(header, rows, _WORDS, bold=(0,))
    print(tuning.signature)


def _cells(trial: Trial) -> list[str]:
    settings, standing = trial.settings, trial.standing
    low, high = standing.interval
    greedy = settings.beam_size == 1
    plain = greedy or settings.length_penalty == "none"
    return [
        str(settings.beam_size),
        "-" if greedy else settings.length_penalty,
        "-" if plain else f"{settings.alpha:g}",
        "-" if greedy else f"{settings.coverage_penalty:g}",
        f"{standing.score:.2f}",
        f"{low:.2f} - {high:.2f}",
        "-" if standing.p is None else f"{standing.p:.3f}",
        f"{standing.length_ratio:.3f}",
        f"{trial.sentences_per_second:.1f}",
    ]


def _mark(trial: Trial, tuning: Tuning) -> str:
    marks = ["best"] if trial is tuning.winner else []
    marks += ["present"] if trial.present else []
    return ", ".join(marks)
