"""`nmt translate`."""

import json
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmt.cli.options import (
    Debug,
    Device,
    ModelPaths,
    PrecisionOption,
    Quiet,
    Threads,
)
from nmt.errors import UsageError
from nmt.runtime.console import say

if TYPE_CHECKING:
    from nmt.config.settings import SearchSettings
    from nmt.search.stream import LineWarnings
    from nmt.search.translator import Translation, Translator

_WINDOW_BATCHES = 16


def translate(
    model: ModelPaths = None,
    input_file: Annotated[
        Path | None,
        typer.Option("--input", "-i", metavar="FILE", help="Text, one a line; default: stdin."),
    ] = None,
    output_file: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write; default: stdout."),
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option("--beam", "-b", min=1, metavar="N", help="Width of the search; 1: greedy."),
    ] = None,
    n_best: Annotated[
        int | None,
        typer.Option(
            "--n-best", min=1, metavar="N", help="More than 1: lines `index ||| text ||| score`."
        ),
    ] = None,
    length_penalty: Annotated[
        str | None,
        typer.Option(
            "--length-penalty",
            metavar="gnmt|average|word_reward|none",
            help="How hypotheses of different lengths are compared.",
        ),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option("--alpha", metavar="X", help="Strength of the length penalty."),
    ] = None,
    coverage_penalty: Annotated[
        float | None,
        typer.Option(
            "--coverage-penalty", metavar="X", help="Strength of the coverage penalty; 0: off."
        ),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(
            "--max-length", min=1, metavar="N", help="Most subwords of a translation. [by its text]"
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option("--batch", min=1, metavar="N", help="Lines translated at once."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Text that is not UTF-8 is an error.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each line.")] = False,
    device: Device = None,
    precision: PrecisionOption = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Translate lines of text: stdin to stdout, one line out for each line in, blank stays blank.

    Lines that come slowly are answered one by one, lines that come fast many at a time. Options not
    given have the model's own defaults (`nmt config explain search`).
    """
    from nmt.search.ports import reader, writer
    from nmt.search.stream import LineWarnings, answer, windows
    from nmt.search.translator import override

    wanted = {
        "beam_size": beam,
        "n_best": n_best,
        "length_penalty": length_penalty,
        "alpha": alpha,
        "coverage_penalty": coverage_penalty,
        "max_length": max_length,
        "batch_sentences": batch,
    }
    overrides: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
    translator = open_translator(model, device, precision, threads)
    settings = override(translator.settings, overrides)
    name = str(input_file or "stdin")
    long_lines = LineWarnings(name, "were translated in pieces")
    numbers = count()

    def answer_lines(number: int, translation: "Translation") -> list[str]:
        warn_of_pieces(long_lines, number + 1, translation)
        if as_json:
            return [_as_json(translation, settings.n_best)]
        if settings.n_best > 1:
            return list(_moses_lines(number, translation))
        return [translation.text]

    def translate_window(texts: list[str]) -> list[list[str]]:
        translations = translator.translate(texts, attention=False, **overrides)
        return [answer_lines(next(numbers), translation) for translation in translations]

    say(_described(settings))
    with reader(input_file) as read, writer(output_file) as write:
        invite(input_file)
        lines = windows(read, _WINDOW_BATCHES * settings.batch_sentences)
        answer(lines, translate_window, write, name, strict)
    long_lines.summarise()


def warn_of_pieces(warnings: "LineWarnings", line: int, translation: "Translation") -> None:
    """Say that a line was too long to be translated as a whole, where it was."""
    if translation.pieces > 1:
        subwords = len(translation.source_tokens) - translation.pieces  # each has an end mark
        warnings.add(
            line,
            f"{subwords} subwords, more than search.max_source_tokens: translated in "
            f"{translation.pieces} pieces",
        )


def open_translator(
    model: list[Path] | None, device: str | None, precision: str | None, threads: int | None
) -> "Translator":
    """The translator that a command's options name. Raises as `Translator.load` does."""
    from nmt.search.translator import Translator

    if model is not None and len(model) > 1:
        raise UsageError(
            f"--model was given {len(model)} times: ensembles are not supported yet. Give one."
        )
    return Translator.load(
        model[0] if model else None,
        device=device or "auto",
        precision=precision or "auto",
        threads=threads or 0,
    )


def invite(input_file: Path | None) -> None:
    """Tell someone at a terminal that it is their turn."""
    if input_file is None and sys.stdin.isatty():
        say("Type a line to have it translated. End with Ctrl-D.")


def _described(settings: "SearchSettings") -> str:
    """The search in use, in one line."""
    text = f"search: beam {settings.beam_size}, length penalty {settings.length_penalty}"
    if settings.length_penalty != "none":
        text += f" (alpha {settings.alpha:g})"
    if settings.coverage_penalty > 0.0:
        text += f", coverage penalty {settings.coverage_penalty:g}"
    return text


def _moses_lines(number: int, translation: "Translation") -> Iterator[str]:
    for hypothesis in translation.n_best:
        yield f"{number} ||| {hypothesis.text} ||| {hypothesis.score:.4f}"


def _as_json(translation: "Translation", n_best: int) -> str:
    record = {**_fields(translation), "source_tokens": translation.source_tokens}
    if n_best > 1:
        record["n_best"] = [_fields(hypothesis) for hypothesis in translation.n_best]
    return json.dumps(record, ensure_ascii=False)


def _fields(translation: "Translation") -> dict[str, Any]:
    return {
        "translation": translation.text,
        "score": translation.score,
        "log_probability": translation.log_probability,
        "tokens": translation.tokens,
        "token_log_probabilities": translation.token_log_probabilities,
        "finished": translation.finished,
    }
