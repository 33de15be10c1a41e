"""The options that several commands share, and the checks of files that a command writes.

A command names its options in its signature. The options `--debug` and `--quiet` take effect by
themselves:

    def train(config: ConfigPath, settings: Set = None, debug: Debug = False, quiet: Quiet = False)
"""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from nmt.cli.help_format import RARE
from nmt.config.registry import COMBINATIONS, Registry
from nmt.console import set_quiet
from nmt.errors import UsageError


@dataclass
class _State:
    debug: bool = False


_state = _State()


def is_debug() -> bool:
    """Return whether --debug was given, with which errors show their traceback."""
    return _state.debug


def reset() -> None:
    """Reset --debug and --quiet after an earlier command line in this process."""
    _state.debug = False
    set_quiet(False)


def _on_debug(value: bool) -> bool:
    if value:
        _state.debug = True
    return value


def _on_quiet(value: bool) -> bool:
    if value:
        set_quiet(True)
    return value


def _check_device(value: str | None) -> str | None:
    if value is not None and re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", value) is None:
        raise typer.BadParameter(f"{value!r} is not a device; choose auto, cpu, cuda or cuda:N.")
    return value


def check_metrics_of(registry: Registry) -> Callable[[list[str] | None], list[str] | None]:
    """Return the check of an option that names metrics of a registry."""

    def check(names: list[str] | None) -> list[str] | None:
        for name in names or ():
            check_metric(name, registry)
        return names

    return check


def check_metric_of(registry: Registry) -> Callable[[str], str]:
    """Return the check of an option that names one metric of a registry."""
    return lambda name: check_metric(name, registry)


def check_metric(name: str, registry: Registry) -> str:
    """Return the name of a metric that a registry has.

    Args:
        name: The name.
        registry: The registry.

    Raises:
        typer.BadParameter: The registry has no such metric.
    """
    if name not in registry.kinds:
        known = ", ".join(registry.names())
        raise typer.BadParameter(f"unknown {registry.noun} {name!r}; choose {known}.")
    return name


def named_path(text: str) -> Path:
    """Return the path of an option.

    Raises:
        typer.BadParameter: The path is empty, which usually means that a shell variable is not set.
    """
    if not str(text).strip():
        raise typer.BadParameter("the path is empty.")
    return Path(text)


def reject_contradictions(*contradictions: tuple[bool, str]) -> None:
    """Raise UsageError with the first message whose condition holds."""
    for holds, message in contradictions:
        if holds:
            raise UsageError(message)


Debug = Annotated[
    bool,
    typer.Option(
        "--debug", callback=_on_debug, help="Show the traceback of an error.", rich_help_panel=RARE
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", callback=_on_quiet, help="Show warnings and errors only.")
]
ConfigPath = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="Path of the YAML configuration.")
]
RunPath = Annotated[
    Path | None,
    typer.Argument(
        metavar="[RUN]",
        help="Path of a run directory, or of its configuration. "
        "[default: the newest run in ./runs]",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting, such as training.max_updates=2000. Repeat for more. Relative "
        "paths are relative to the current folder.",
    ),
]
ModelPaths = Annotated[
    list[Path] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="PATH",
        parser=named_path,
        help="Path of a run directory, bundle or checkpoint. Repeat for an ensemble. "
        "[default: $NMT_MODEL, else the newest finished run in ./runs]",
    ),
]
ModelWeights = Annotated[
    list[float] | None,
    typer.Option(
        "--weight",
        metavar="X",
        help="Weigh a model of the ensemble. Give one for each --model. [default: equal weights]",
        rich_help_panel=RARE,
    ),
]
Combination = Annotated[
    str | None,
    typer.Option(
        "--combine",
        metavar="|".join(COMBINATIONS.names()),
        help="Average the log-probabilities or the probabilities of an ensemble. "
        "[default: log_linear]",
        rich_help_panel=RARE,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda[:N]",
        callback=_check_device,
        help="Compute on this device. [default: auto, a GPU where there is one]",
    ),
]
PrecisionOption = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"] | None,
    typer.Option(
        "--precision", help="Set the number format of the computation.", rich_help_panel=RARE
    ),
]
SearchPrecision = Annotated[
    Literal["auto", "float32", "bfloat16", "float16", "int8"] | None,
    typer.Option(
        "--precision",
        help="Set the number format of the computation. int8 is for the product with the "
        "vocabulary. [default: float32]",
        rich_help_panel=RARE,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=0,
        metavar="N",
        help="Use N CPU threads; 0 uses one for each core.",
        rich_help_panel=RARE,
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="LANG",
        help="Set the target language of a model of several languages (`nmt info` lists them).",
    ),
]
Tag = Annotated[
    str | None,
    typer.Option(
        "--tag",
        metavar="NAME",
        help="Set the tag of the text, one of those of the training data (`nmt info` lists them).",
    ),
]
JsonOutput = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def check_output_files(
    written: Iterable[Path | None], read: Iterable[Path | None], runs: Iterable[Path] = ()
) -> None:
    """Check the output files of a command.

    Args:
        written: Output files; None for stdout.
        read: Input files; None for stdin.
        runs: Folders of runs, whose own files must not be overwritten.

    Raises:
        UsageError: An output is a folder, an input, given twice, or a file of a run.
    """
    outputs = [path for path in written if path is not None]
    inputs = [path for path in read if path is not None]
    for index, path in enumerate(outputs):
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; give a file.")
        if any(would_overwrite(path, source) for source in inputs):
            raise UsageError(f"{path}: is an input and would be overwritten. Choose another file.")
        if any(same_path(path, other) for other in outputs[:index]):
            raise UsageError(f"{path}: is given for two outputs. Choose another file.")
        if any(_belongs_to_run(path, run) for run in runs):
            raise UsageError(
                f"{path}: belongs to the run and would be overwritten. Choose another file."
            )


def same_path(one: Path | None, other: Path | None) -> bool:
    """Return whether two paths lead to the same file.

    Args:
        one: The first path; None for a standard stream, which equals no other path.
        other: The second path.
    """
    if one is None or other is None:
        return False
    return os.path.realpath(one) == os.path.realpath(other)


def would_overwrite(written: Path | None, read: Path | None) -> bool:
    """Return whether an output would overwrite an input. A terminal may be both.

    Args:
        written: The output file, or None.
        read: The input file, or None.
    """
    return read is not None and read.is_file() and same_path(written, read)


def _belongs_to_run(path: Path, run: Path) -> bool:
    """Return whether a run made a file. HTML reports in its folder may be overwritten."""
    inside = path.resolve().is_relative_to(run.resolve())
    return inside and path.exists() and path.suffix.lower() not in (".html", ".htm")
