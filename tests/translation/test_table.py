import re
import sys

import pytest

from nmt.config.settings import SearchSettings
from nmt.evaluation.significance import SystemScore
from nmt.translation.tuning import Tuning, TuningTrial, print_table

TRIALS = [
    TuningTrial(
        SearchSettings(beam_size=10, length_penalty="average", alpha=0.6, coverage_penalty=0.2),
        SystemScore(38.207, (36.0, 40.5), 0.0412, 0.9876),
        83.26,
        present=False,
    ),
    TuningTrial(SearchSettings(), SystemScore(37.9, (35.71, 40.2), None, 1.0), 200.0, present=True),
    TuningTrial(
        SearchSettings(length_penalty="none"),
        SystemScore(37.8, (35.6, 40.1), 0.3, 0.9),
        9.96,
        False,
    ),
    TuningTrial(SearchSettings(beam_size=1), SystemScore(9.0, (8.0, 10.0), 1.0, 1.0), 612.0, False),
]
TUNING = Tuning("BLEU", "nrefs:1|bs:1000", 500, TRIALS)


def test_in_a_pipe(capsys):
    print_table(TUNING)
    assert capsys.readouterr().out == (
        "beam  penalty  alpha  coverage   BLEU   95% interval      p  hyp/ref  sentences/s\n"
        "  10  average    0.6       0.2  38.21  36.00 - 40.50  0.041    0.988         83.3  best\n"
        "   5  gnmt         1         0  37.90  35.71 - 40.20      -    1.000        200.0  present"
        "\n"
        "   5  none         -         0  37.80  35.60 - 40.10  0.300    0.900         10.0\n"
        "   1  -            -         -   9.00   8.00 - 10.00  1.000    1.000        612.0\n"
        "nrefs:1|bs:1000\n"
    )


@pytest.mark.parametrize("columns", ["60", "200"])
def test_on_a_terminal_no_digit_is_cut(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(TUNING)
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    rows = [line.split() for line in drawn.split("\n")]
    cells = ["10", "average", "0.6", "0.2", "38.21", "36.00", "-", "40.50", "0.041", "0.988"]
    assert [*cells, "83.3", "best"] in rows
    assert ["nrefs:1|bs:1000"] in rows


def test_the_present_winner_has_both_marks(capsys):
    print_table(Tuning("BLEU", "", 1, TRIALS[1:]))
    assert "best, present\n" in capsys.readouterr().out
