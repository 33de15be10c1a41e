"""The options of `nmt translate`, and the description of the search that they set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

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
    "tsv": "Each line is translated as it is; --input-format tsv --column N translates one column.",
    "jsonl": "Each line is translated as it is; --input-format json translates the member `text`.",
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
        parts = [f"{settings.beam_size} drawn at random (seed {settings.seed})"]
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
            raise typer.BadParameter("a blank text.")
    return texts


def _check_text(text: str | None) -> str | None:
    if text is None:
        return None
    if find_surrogate(text):
        raise typer.BadParameter("it is not UTF-8, or the locale is not (try LC_ALL=C.UTF-8).")
    if problem := find_unwritable(text):
        raise typer.BadParameter(f"it has {problem}, which no translation can have.")
    return text


InputFile = Annotated[
    Path | None,
    typer.Option(
        "--input",
        "-i",
        metavar="FILE",
        parser=named_path,
        help="What to translate; default: stdin.",
    ),
]
OutputFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        parser=named_path,
        help="Where to write; default: stdout.",
    ),
]
InputFormat = Annotated[
    Literal["text", "json", "tsv"],
    typer.Option(
        "--input-format",
        help="Lines of text; JSON objects with `text` and perhaps `prefix`, `terms`, `avoid` "
        "(answered in JSON); or rows of a table, answered with one more column.",
    ),
]
Column = Annotated[
    int | None,
    typer.Option(
        "--column", min=1, metavar="N", help="The column of a table that is translated. [1]"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for each line.")]
Attention = Annotated[
    bool, typer.Option("--attention", help="JSON with the attention weights, a row for each token.")
]
Alignment = Annotated[
    bool,
    typer.Option(
        "--alignment",
        help="With the source word of each word: `text ||| 0-0 1-1`. Words are what spaces divide, "
        "as in `nmt align`.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        parser=named_path,
        help="Write a JSON object about each line: status, scores, numbers of subwords, flags, "
        "risk that it is wrong.",
    ),
]
Flag = Annotated[
    bool,
    typer.Option(
        "--flag",
        help="With the names of what speaks against each translation, such as `copy,unsure`, after "
        "a tab; empty where nothing does.",
    ),
]
FlagAbove = Annotated[
    list[str] | None,
    typer.Option(
        "--flag-above",
        metavar="NAME=X",
        help="Raise a flag above another value of its signal; may be given again. "
        "[diffuse=0.45 uncovered=0.3 repetition=0.15 copy=0.4 length=2.5 unknown=0.1; unsure: the "
        "square root of the model's dev loss]",
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="A line that is not UTF-8, or not of the input format, is an error."
    ),
]

Beam = Annotated[
    int | None,
    typer.Option("--beam", "-b", min=1, metavar="N", help="Width of the search; 1: greedy."),
]
NBest = Annotated[
    int | None,
    typer.Option(
        "--n-best",
        min=1,
        metavar="N",
        help="More than 1: lines `index ||| text ||| logprob= X length= N ||| score`, each text "
        "once; with --sample as often as it is drawn.",
    ),
]
LengthPenalty = Annotated[
    str | None,
    typer.Option(
        "--length-penalty",
        metavar="gnmt|average|word_reward|none",
        help="How hypotheses of different lengths are compared.",
    ),
]
Alpha = Annotated[
    float | None, typer.Option("--alpha", metavar="X", help="Strength of the length penalty.")
]
CoveragePenalty = Annotated[
    float | None,
    typer.Option(
        "--coverage-penalty", metavar="X", help="Strength of the coverage penalty; 0: off."
    ),
]
MaxLength = Annotated[
    int | None,
    typer.Option(
        "--max-length",
        min=1,
        metavar="N",
        help="Most subwords of a translation, and room for what is forced. [by its text]",
    ),
]
MinLength = Annotated[
    int | None,
    typer.Option("--min-length", min=0, metavar="N", help="Fewest subwords of a translation."),
]
NoRepeatNgram = Annotated[
    int | None,
    typer.Option(
        "--no-repeat-ngram", min=0, metavar="N", help="No run of N subwords comes twice; 0: off."
    ),
]
Groups = Annotated[
    int | None,
    typer.Option("--groups", min=1, metavar="N", help="Parts of the beam that are kept apart."),
]
Diversity = Annotated[
    float | None,
    typer.Option("--diversity", metavar="X", help="How strongly they are kept apart."),
]
Sample = Annotated[
    bool | None,
    typer.Option("--sample/--no-sample", help="Draw --beam translations at random."),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        metavar="X",
        help="Of --sample: below 1 likelier words, above 1 rarer ones.",
    ),
]
TopK = Annotated[
    int | None,
    typer.Option("--top-k", min=0, metavar="N", help="Of --sample: from the N likeliest; 0: all."),
]
TopP = Annotated[
    float | None,
    typer.Option(
        "--top-p", metavar="X", help="Of --sample: from the likeliest that have X of the mass."
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, metavar="N", help="Of --sample: the same seed, the same draws."),
]
DrawBy = Annotated[
    Literal["text", "line"] | None,
    typer.Option(
        "--draw-by",
        help="Of --sample: equal lines are given equal samples, or each line its own, by its "
        "number. [text]",
    ),
]
Mbr = Annotated[
    str | None,
    typer.Option(
        "--mbr",
        metavar="none|chrf|bleu",
        help="Choose the translation most like the others, by minimum Bayes risk.",
    ),
]
ReplaceUnknown = Annotated[
    bool | None,
    typer.Option(
        "--replace-unknown/--no-replace-unknown",
        help="Write the source word attended to for an unknown one.",
    ),
]
Batch = Annotated[
    int | None, typer.Option("--batch", min=1, metavar="N", help="Lines translated at once.")
]
Prefix = Annotated[
    str | None,
    typer.Option(
        "--prefix", metavar="TEXT", callback=_check_text, help="How every translation begins."
    ),
]
Terms = Annotated[
    list[str] | None,
    typer.Option(
        "--term",
        metavar="TEXT",
        callback=_check_texts,
        help="What every translation must have; may be given again.",
    ),
]
Avoid = Annotated[
    list[str] | None,
    typer.Option(
        "--avoid",
        metavar="TEXT",
        callback=_check_texts,
        help="What no translation may have but in its prefix; may be given again.",
    ),
]
Resumable = Annotated[
    bool,
    typer.Option(
        "--resumable",
        help="Keep what is finished beside the output: after a stop the same command goes on from "
        "there. Under torchrun it is always so.",
    ),
]
Shortlist = Annotated[
    int | None,
    typer.Option(
        "--shortlist",
        min=0,
        metavar="N",
        help="Choose among the N most frequent subwords and what `nmt shortlist` learned of the "
        "line's own; 0: among all.",
    ),
]
