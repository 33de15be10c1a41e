"""The options of `nmt score`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from nmt.cli.options import check_metrics_of
from nmt.config.registry import SCORE_METRICS

_MOST_TRIALS = 1_000_000


Hypotheses = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="HYP",
        help="Translations, one a line; several are compared. Default or -: stdin.",
    ),
]
References = Annotated[
    list[Path] | None,
    typer.Option("--ref", "-r", metavar="FILE", help="References; may be given again."),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="|".join(SCORE_METRICS.names()),
        callback=check_metrics_of(SCORE_METRICS),
        help="Only this metric; may be given again. [bleu, chrf and ter]",
    ),
]
Lowercase = Annotated[bool, typer.Option("--lowercase", help="Compare without case; TER always.")]
Tokenize = Annotated[
    str | None,
    typer.Option(
        "--tokenize", metavar="NAME", help="sacreBLEU's tokenizer for BLEU: 13a, zh, char, ..."
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        "--language",
        metavar="CODE",
        help="The target language, such as zh, ja or ko, for BLEU's tokenizer. "
        "[that of --model or of the run of --train]",
    ),
]
Baseline = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="A translation with which the others are compared. [the first of several]",
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="NAME", help="What to call HYP; once for each."),
]
Confidence = Annotated[
    bool, typer.Option("--confidence", help="The 95% interval of a score; always of several.")
]
Test = Annotated[
    Literal["bootstrap", "randomization"] | None,
    typer.Option("--test", help="How to tell a difference from chance. [bootstrap]"),
]
Trials = Annotated[
    int | None,
    typer.Option(
        "--trials",
        min=1,
        max=_MOST_TRIALS,
        metavar="N",
        help="Samples of that test. [as sacreBLEU: 1000, of randomization 10000]",
    ),
]
Segments = Annotated[
    bool,
    typer.Option(
        "--segments", help="A row for each line instead of the whole; with --json an object."
    ),
]
Buckets = Annotated[
    bool,
    typer.Option(
        "--buckets", help="Scores by length, and with --train by how frequent words are, too."
    ),
]
Train = Annotated[
    list[Path] | None,
    typer.Option(
        "--train",
        metavar="PATH",
        help="Target side of the training text, or the run's folder, for --buckets and "
        "--html; may be given again.",
    ),
]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write all of it as a page to look at."),
]
Models = Annotated[
    list[Path] | None,
    typer.Option(
        "--model", "-m", metavar="PATH", help="A run, a bundle or a checkpoint to score by."
    ),
]
Source = Annotated[
    Path | None,
    typer.Option("--source", "-s", metavar="FILE", help="What was translated."),
]
Sentences = Annotated[
    bool,
    typer.Option(
        "--sentences",
        help="A line for each pair: score, log-probability, subwords, perplexity, with tabs "
        "between.",
    ),
]
Tokens = Annotated[
    bool,
    typer.Option(
        "--tokens", help="With --sentences: the subwords too, and the log-probability of each."
    ),
]
NBest = Annotated[
    bool,
    typer.Option(
        "--n-best",
        help="HYP is an n-best list, `index ||| text ||| ...`: print it with a feature "
        "`model=`, the log-probability. Index 0 is the first line of --source.",
    ),
]
