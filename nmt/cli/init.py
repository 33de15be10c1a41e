"""The command `nmt init`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from nmt.cli.help_format import RARE
from nmt.cli.options import Debug, Quiet, named_path
from nmt.config.registry import PAIR_FORMATS
from nmt.console import say
from nmt.errors import DataError, StoppedBySignal, UsageError
from nmt.runtime.process import SignalReceived, raise_signals

_STDOUT = Path("-")

_OptionalPaths = list[Path] | None


def init(
    source: Annotated[
        _OptionalPaths,
        typer.Option(
            "--source",
            "-s",
            metavar="FILE",
            parser=named_path,
            help="Read the source side of the training text from FILE, which may be compressed. "
            "Repeat for more.",
        ),
    ] = None,
    target: Annotated[
        _OptionalPaths,
        typer.Option(
            "--target",
            "-t",
            metavar="FILE",
            parser=named_path,
            help="Read the target side of the training text from FILE, line by line.",
        ),
    ] = None,
    pairs: Annotated[
        _OptionalPaths,
        typer.Option(
            "--pairs",
            "-p",
            metavar="FILE",
            parser=named_path,
            help="Read both sides of the training text from FILE: a table (TSV, CSV), JSON lines, "
            "TMX or XLIFF. Repeat for more.",
        ),
    ] = None,
    sides: Annotated[
        str | None,
        typer.Option(
            "--sides",
            metavar="SOURCE,TARGET",
            help="With --pairs: name the columns, JSON fields or language codes of both sides, "
            "such as 2,3 or en,de. [default: the languages if the file has them, else its only two "
            "sides]",
        ),
    ] = None,
    dev_source: Annotated[
        _OptionalPaths,
        typer.Option(
            "--dev-source",
            metavar="FILE",
            parser=named_path,
            help="Validate on the text in FILE. Without it, part of the training text is set "
            "aside.",
        ),
    ] = None,
    dev_target: Annotated[
        _OptionalPaths,
        typer.Option(
            "--dev-target",
            metavar="FILE",
            parser=named_path,
            help="Read the target side of that text from FILE.",
        ),
    ] = None,
    source_language: Annotated[
        str | None,
        typer.Option(
            "--source-language",
            metavar="CODE",
            help="Set the source language. [default: inferred from the file name]",
        ),
    ] = None,
    target_language: Annotated[
        str | None,
        typer.Option(
            "--target-language",
            metavar="CODE",
            help="Set the target language. [default: inferred from the file name]",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            metavar="TIME",
            callback=lambda value: _check_budget(value),
            help="Limit the training time on this machine, such as 30m or 3h. A few updates are "
            "timed for it. [default: no limit]",
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            parser=named_path,
            help="Write the configuration to FILE; - is stdout.",
        ),
    ] = _STDOUT,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE where it exists.")] = False,
    pair_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(PAIR_FORMATS.names()),
            help="With --pairs: set the format. [default: the file tells]",
            rich_help_panel=RARE,
        ),
    ] = None,
    on_bad_utf8: Annotated[
        Literal["error", "replace", "skip_pair"],
        typer.Option(
            "--on-bad-utf8",
            help="Choose what happens to a line that is not UTF-8.",
            rich_help_panel=RARE,
        ),
    ] = "error",
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Write a configuration fitted to your texts.

    Reads the texts once, checks them as `nmt binarize` does, and states the reason of each value.
    Without --output the configuration goes to stdout, with paths relative to the current
    folder.
    """
    given = (source, target, pairs, dev_source, dev_target)
    texts = [path for paths in given for path in paths or ()]
    _check_output(output, texts, force)
    if (dev_source is None) != (dev_target is None):
        given_side, missing = ("source", "target") if dev_source else ("target", "source")
        raise UsageError(f"--dev-{given_side} requires --dev-{missing}.")
    from nmt.cli.init_choices import (
        Texts,
        TrainingFiles,
        config_comment,
        corpus_report_lines,
        recommend_for,
    )
    from nmt.config.recommend.render import format_table, format_yaml
    from nmt.runtime.atomic_files import write_text

    texts_of_options = Texts.from_options(
        TrainingFiles(source or (), target or (), pairs or (), sides, pair_format),
        (dev_source, dev_target),
        (source_language, target_language),
        on_bad_utf8,
    )
    try:
        with raise_signals(), _advise_option_for_bad_utf8():
            facts = texts_of_options.summarize()
            for line in corpus_report_lines(facts, texts_of_options):
                say(line)
            folder = Path.cwd() if output == _STDOUT else output.parent
            choices = recommend_for(facts, texts_of_options, folder, budget)
    except SignalReceived as signal:
        message = f"stopped by {signal.name}; no file was written."
        raise StoppedBySignal(message, signal.number) from None
    for line in format_table(choices):
        say(f"  {line}")
    text = format_yaml(choices, config_comment(facts, texts_of_options, budget))
    if output == _STDOUT:
        print(text, end="")
        return
    write_text(output, text)
    say(f"{output}: written. Next: nmt train {output} (`nmt doctor {output}` estimates the time)")


@contextmanager
def _advise_option_for_bad_utf8() -> Iterator[None]:
    """Replace the advice about invalid UTF-8, which names a setting, by that of the option."""
    from nmt.text.lines import NotUtf8Error

    try:
        yield
    except NotUtf8Error as error:
        raise DataError(f"{error.message} For nmt init, add --on-bad-utf8 skip_pair.") from error


def _check_output(output: Path, texts: list[Path], force: bool) -> None:
    """Raise UsageError for an unfit output file before the texts are read, which takes a while."""
    if output == _STDOUT:
        return
    if output.is_dir():
        raise UsageError(f"{output}: is a folder; give a file, such as {output / 'my.yaml'}.")
    if any(output.resolve() == text.resolve() for text in texts):
        raise UsageError(f"{output}: is one of the texts; choose another --output.")
    if output.exists() and not force:
        raise UsageError(f"{output}: already exists. Choose another --output or add --force.")


def _check_budget(budget: str | None) -> str | None:
    from nmt.config.settings.training import duration_seconds

    if budget is not None:
        try:
            seconds = duration_seconds(budget)
        except ValueError as error:
            raise typer.BadParameter(f"{budget!r} {error}.") from None
        if seconds == 0.0:
            raise typer.BadParameter(f"{budget!r} is not a training time.")
    return budget
