"""The options of `nmt translate`, and the description of the search that they set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nmt.cli.help_format import RARE
from nmt.cli.options import named_path
from nmt.text.characters import find_surrogate, find_unwritable

if TYPE_CHECKING:
    from nmt.config.settings import SearchSettings
    from nmt.text.lines import ExpectedFormats


def given_settings(**options: Any) -> dict[str, Any]:
    """Return the options that were given, by the names of their settings."""
    return {name: value for name, value in options.items() if value is not None}


def expected_formats(input_format: str) -> "ExpectedFormats":
    """Return the formats that an input may have without a warning, and hints for the others."""
    from nmt.text.lines import ExpectedFormats

    if input_format == "tsv":
        return ExpectedFormats(frozenset(["tsv"]))
    if input_format == "json":
        return ExpectedFormats(frozenset(["jsonl"]))
    return ExpectedFormats(hints=_FORMAT_HINTS)


_FORMAT_HINTS = {
    "tsv": "nmt translates each line as it is. To translate one column, add --input-format tsv "
    "--column N.",
    "jsonl": "nmt translates each line as it is. To translate the member `text`, add "
    "--input-format json.",
}


def describe_search(settings: "SearchSettings") -> str:
    """Return a line that describes the search."""
    return "search: " + ", ".join([*_search_texts(settings), *_choice_texts(settings)])


def _search_texts(settings: "SearchSettings") -> list[str]:
    """Return the description of how hypotheses are found."""
    if not settings.sampling:
        parts = [f"beam {settings.beam_size}"]
        if settings.groups > 1:
            parts.append(f"{settings.groups} groups (diversity {settings.diversity:g})")
    else:
        parts = [f"{settings.beam_size} random samples (seed {settings.seed})"]
        if settings.temperature != 1.0:
            parts.append(f"temperature {settings.temperature:g}")
        if settings.top_k > 0:
            parts.append(f"top-k {settings.top_k}")
        if settings.top_p < 1.0:
            parts.append(f"top-p {settings.top_p:g}")
    if settings.min_length > 0:
        parts.append(f"min length {settings.min_length}")
    if settings.no_repeat_ngram > 0:
        parts.append(f"no {settings.no_repeat_ngram}-gram twice")
    return parts


def _choice_texts(settings: "SearchSettings") -> list[str]:
    """Return the description of how a translation is chosen among hypotheses."""
    from nmt.search.penalties import describe_penalties as penalties

    parts = [penalties(settings)]
    if settings.mbr != "none":
        parts.append(f"minimum Bayes risk by {settings.mbr}")
    if settings.shortlist > 0:
        parts.append(f"shortlist {settings.shortlist}")
    if settings.replace_unknown:
        parts.append("unknown words replaced")
    return parts


def _check_texts(texts: list[str] | None) -> list[str] | None:
    for text in texts or ():
        _check_text(text)
        if not text.strip():
            raise typer.BadParameter("the text is blank.")
    return texts


def _check_text(text: str | None) -> str | None:
    if text is None:
        return None
    if find_surrogate(text):
        raise typer.BadParameter("it is not UTF-8, or the locale is not (set LC_ALL=C.UTF-8).")
    if problem := find_unwritable(text):
        raise typer.BadParameter(f"it has {problem}, which cannot occur in a translation.")
    return text


InputFile = Annotated[
    Path | None,
    typer.Option(
        "--input",
        "-i",
        metavar="FILE",
        parser=named_path,
        help="Read the text from FILE. [default: stdin]",
    ),
]
OutputFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        parser=named_path,
        help="Write the translations to FILE. [default: stdout]",
    ),
]
InputFormat = Annotated[
    Literal["text", "json", "tsv"],
    typer.Option(
        "--input-format",
        help="Read lines of text, rows of a table, or JSON objects with `text` and, "
        "optionally, `prefix`, `terms`, `avoid`, `to`, `tag`. A table gets one more column. JSON "
        "input gives JSON output.",
    ),
]
Column = Annotated[
    int | None,
    typer.Option(
        "--column", min=1, metavar="N", help="Translate this column of a table. [default: 1]"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object for each line.")]
Attention = Annotated[
    bool,
    typer.Option(
        "--attention",
        help="Add the attention weights to the JSON output, one row for each token.",
        rich_help_panel=RARE,
    ),
]
Alignment = Annotated[
    bool,
    typer.Option(
        "--alignment",
        help="Append the source word of each word, as in `text ||| 0-0 1-1`. Words are what "
        "spaces separate.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        parser=named_path,
        help="Write a JSON object about each line: status, scores, numbers of subwords, "
        "flags, risk of error.",
    ),
]
Flag = Annotated[
    bool,
    typer.Option(
        "--flag",
        help="Append the quality flags of each translation after a tab, such as `copy,unsure`.",
    ),
]
FlagAbove = Annotated[
    list[str] | None,
    typer.Option(
        "--flag-above",
        metavar="NAME=X",
        help="Change the threshold of a flag. Repeat for more. [default: diffuse=0.45 "
        "uncovered=0.3 repetition=0.15 copy=0.4 length=2.5 unknown=0.1; unsure: the "
        "square root of the model's dev loss]",
        rich_help_panel=RARE,
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Stop at a line that is not UTF-8 or not of the input format.",
        rich_help_panel=RARE,
    ),
]

Beam = Annotated[
    int | None,
    typer.Option("--beam", "-b", min=1, metavar="N", help="Set the beam size; 1 is greedy search."),
]
NBest = Annotated[
    int | None,
    typer.Option(
        "--n-best",
        min=1,
        metavar="N",
        help="Write the N best translations as lines `index ||| text ||| logprob= X length= "
        "N ||| score`. Each text occurs once, with --sample as often as it is drawn.",
    ),
]
LengthPenalty = Annotated[
    str | None,
    typer.Option(
        "--length-penalty",
        metavar="gnmt|average|word_reward|none",
        help="Choose how hypotheses of different lengths are compared.",
    ),
]
Alpha = Annotated[
    float | None,
    typer.Option("--alpha", metavar="X", help="Set the strength of the length penalty."),
]
CoveragePenalty = Annotated[
    float | None,
    typer.Option(
        "--coverage-penalty",
        metavar="X",
        help="Set the strength of the coverage penalty; 0 turns it off.",
        rich_help_panel=RARE,
    ),
]
MaxLength = Annotated[
    int | None,
    typer.Option(
        "--max-length",
        min=1,
        metavar="N",
        help="Allow at most N subwords in a translation, plus those of constraints. [default: "
        "depends on the source length]",
        rich_help_panel=RARE,
    ),
]
MinLength = Annotated[
    int | None,
    typer.Option(
        "--min-length",
        min=0,
        metavar="N",
        help="Require at least N subwords in a translation.",
        rich_help_panel=RARE,
    ),
]
NoRepeatNgram = Annotated[
    int | None,
    typer.Option(
        "--no-repeat-ngram",
        min=0,
        metavar="N",
        help="Forbid that N subwords in a row occur twice; 0 allows it.",
        rich_help_panel=RARE,
    ),
]
Groups = Annotated[
    int | None,
    typer.Option(
        "--groups",
        min=1,
        metavar="N",
        help="Divide the beam into N groups that differ from each other.",
        rich_help_panel=RARE,
    ),
]
Diversity = Annotated[
    float | None,
    typer.Option(
        "--diversity", metavar="X", help="Set how strongly the groups differ.", rich_help_panel=RARE
    ),
]
Sample = Annotated[
    bool | None,
    typer.Option(
        "--sample/--no-sample",
        help="Sample translations at random, as many as the beam size. Without --beam the size is "
        "--n-best, or 1.",
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        metavar="X",
        help="With --sample: below 1 draw probable subwords more often, above 1 less often.",
        rich_help_panel=RARE,
    ),
]
TopK = Annotated[
    int | None,
    typer.Option(
        "--top-k",
        min=0,
        metavar="N",
        help="With --sample: draw from the N most probable subwords; 0 draws from all.",
        rich_help_panel=RARE,
    ),
]
TopP = Annotated[
    float | None,
    typer.Option(
        "--top-p",
        metavar="X",
        help="With --sample: draw from the smallest set of subwords with total probability X "
        "(nucleus sampling).",
        rich_help_panel=RARE,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        metavar="N",
        help="With --sample: set the seed. The same seed gives the same samples.",
        rich_help_panel=RARE,
    ),
]
DrawBy = Annotated[
    Literal["text", "line"] | None,
    typer.Option(
        "--draw-by",
        help="With --sample: seed samples by text (equal lines get equal samples) or by line "
        "number. [default: text]",
        rich_help_panel=RARE,
    ),
]
Mbr = Annotated[
    str | None,
    typer.Option(
        "--mbr",
        metavar="none|chrf|bleu",
        help="Choose the translation most similar to the others (minimum Bayes risk).",
        rich_help_panel=RARE,
    ),
]
ReplaceUnknown = Annotated[
    bool | None,
    typer.Option(
        "--replace-unknown/--no-replace-unknown",
        help="Replace an unknown word by the source word that it attends to.",
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(
        "--batch", min=1, metavar="N", help="Translate N lines at once.", rich_help_panel=RARE
    ),
]
Prefix = Annotated[
    str | None,
    typer.Option(
        "--prefix", metavar="TEXT", callback=_check_text, help="Begin every translation with TEXT."
    ),
]
Terms = Annotated[
    list[str] | None,
    typer.Option(
        "--term",
        metavar="TEXT",
        callback=_check_texts,
        help="Require TEXT in every translation. Repeat for more.",
    ),
]
Avoid = Annotated[
    list[str] | None,
    typer.Option(
        "--avoid",
        metavar="TEXT",
        callback=_check_texts,
        help="Forbid TEXT in every translation, except in its prefix. Repeat for more.",
    ),
]
Resumable = Annotated[
    bool,
    typer.Option(
        "--resumable",
        help="Keep finished parts beside the output; after a stop the same command resumes "
        "from them. Under torchrun this is always on.",
    ),
]
Shortlist = Annotated[
    int | None,
    typer.Option(
        "--shortlist",
        min=0,
        metavar="N",
        help="Choose among the N most frequent subwords and those that `nmt shortlist` "
        "learned for the line; 0 chooses among all.",
        rich_help_panel=RARE,
    ),
]
