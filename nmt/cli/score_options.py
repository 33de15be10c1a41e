"""The options of `nmt score`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from nmt.cli.help_format import RARE
from nmt.cli.options import check_metrics_of
from nmt.config.registry import SCORE_METRICS

_MOST_TRIALS = 1_000_000


Hypotheses = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="HYP",
        help="Path of translations, one a line; - is stdin. Repeat to compare several. "
        "[default: -]",
    ),
]
References = Annotated[
    list[Path] | None,
    typer.Option(
        "--ref", "-r", metavar="FILE", help="Compare with the references in FILE. Repeat for more."
    ),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="|".join(SCORE_METRICS.names()),
        callback=check_metrics_of(SCORE_METRICS),
        help="Compute only this metric. Repeat for more. [default: bleu, chrf and ter]",
    ),
]
Lowercase = Annotated[bool, typer.Option("--lowercase", help="Ignore case. TER always does.")]
Tokenize = Annotated[
    str | None,
    typer.Option(
        "--tokenize", metavar="NAME", help="Set sacreBLEU's tokenizer for BLEU: 13a, zh, char, ..."
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        "--language",
        metavar="CODE",
        help="Set the target language, such as zh, ja or ko, which chooses BLEU's tokenizer. "
        "[default: that of --model or of the run of --train]",
    ),
]
Baseline = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="Compare the others with the translation in FILE. [default: the first]",
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="Call HYP by this name. Give one for each.",
        rich_help_panel=RARE,
    ),
]
Confidence = Annotated[
    bool,
    typer.Option(
        "--confidence", help="Print the 95% interval of a score. Always printed for several HYP."
    ),
]
Test = Annotated[
    Literal["bootstrap", "randomization"] | None,
    typer.Option(
        "--test", help="Choose the significance test. [default: bootstrap]", rich_help_panel=RARE
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(
        "--trials",
        min=1,
        max=_MOST_TRIALS,
        metavar="N",
        help="Draw N samples in the test. [default: 1000, or 10000 for randomization, as in "
        "sacreBLEU]",
        rich_help_panel=RARE,
    ),
]
Segments = Annotated[
    bool,
    typer.Option(
        "--segments",
        help="Print a row, or with --json an object, for each line instead of the whole text.",
    ),
]
Buckets = Annotated[
    bool,
    typer.Option("--buckets", help="Print scores by length, and with --train by word frequency."),
]
GroupBy = Annotated[
    Path | None,
    typer.Option(
        "--group-by",
        metavar="FILE",
        help="Print scores by group too. FILE has the label of each line, such as en-zh, which "
        "chooses BLEU's tokenizer, or news.",
    ),
]
Train = Annotated[
    list[Path] | None,
    typer.Option(
        "--train",
        metavar="PATH",
        help="Path of the target side of the training text, or of the run directory, for "
        "--buckets and --html. Repeat for more.",
    ),
]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write an HTML report to FILE."),
]
Models = Annotated[
    list[Path] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="PATH",
        help="Path of a run directory, bundle or checkpoint to score with. Repeat for an ensemble.",
    ),
]
Source = Annotated[
    Path | None,
    typer.Option("--source", "-s", metavar="FILE", help="Read the source text from FILE."),
]
Sentences = Annotated[
    bool,
    typer.Option(
        "--sentences",
        help="Print a line for each pair: score, log-probability, subwords, perplexity, "
        "separated by tabs.",
    ),
]
Tokens = Annotated[
    bool,
    typer.Option(
        "--tokens",
        help="With --sentences: print the subwords too, each with its log-probability.",
        rich_help_panel=RARE,
    ),
]
NBest = Annotated[
    bool,
    typer.Option(
        "--n-best",
        help="Read HYP as an n-best list, `index ||| text ||| ...`, and add the feature "
        "`model=`, the log-probability. Index 0 is the first line of --source.",
        rich_help_panel=RARE,
    ),
]
