"""The command `nmt serve`."""

from dataclasses import replace
from importlib.util import find_spec
from typing import Annotated

import typer

from nmt.cli import translate_options as opts
from nmt.cli.help_format import RARE
from nmt.cli.options import (
    Combination,
    Debug,
    Device,
    ModelPaths,
    ModelWeights,
    Quiet,
    SearchPrecision,
    Tag,
    Threads,
    To,
)
from nmt.cli.translate import open_translator
from nmt.errors import UsageError, install_command

_PACKAGES = ("starlette", "uvicorn", "h11")


def serve(
    model: ModelPaths = None,
    weight: ModelWeights = None,
    combine: Combination = None,
    to: To = None,
    tag: Tag = None,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Listen at this address.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            metavar="N",
            help="Listen at this port; 0 takes any free one.",
        ),
    ] = 8765,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Also accept this host name; localhost and numeric addresses are always accepted. "
            "Repeat for more.",
            rich_help_panel=RARE,
        ),
    ] = None,
    beam: opts.Beam = None,
    flag_above: opts.FlagAbove = None,
    timeout: Annotated[
        int,
        typer.Option(
            "--timeout",
            min=1,
            metavar="SECONDS",
            help="Abort a request after this time.",
            rich_help_panel=RARE,
        ),
    ] = 30,
    waiting: Annotated[
        int,
        typer.Option(
            "--waiting",
            min=1,
            metavar="N",
            help="Let at most N requests wait, and refuse more.",
            rich_help_panel=RARE,
        ),
    ] = 32,
    device: Device = None,
    precision: SearchPrecision = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Serve translations as a web page and as JSON over HTTP.

    --to and --tag are the defaults of requests that do not choose.
    """
    _require_packages()
    from nmt.config.search_overrides import override
    from nmt.serving.api_schema import RequestLimits
    from nmt.serving.server import open_listener
    from nmt.serving.server import serve as run_server
    from nmt.translation.quality_estimation import QualityEstimator, parse_thresholds

    thresholds = parse_thresholds(flag_above or ())
    listener = open_listener(host, port)
    with listener:
        translator = open_translator(
            model, device, precision, threads, weight, combine, to=to, tag=tag
        )
        settings = override(translator.settings, opts.given_settings(beam_size=beam, n_best=1))
        limits = replace(RequestLimits(), seconds=float(timeout), waiting=waiting)
        limits = replace(limits, beam=max(limits.beam, settings.beam_size))
        estimator = QualityEstimator.of(translator.bundles[0], thresholds)
        run_server(translator, listener, limits, estimator, settings.beam_size, tuple(name or ()))


def _require_packages() -> None:
    """Raise UsageError where the packages of the extra are missing."""
    if any(find_spec(package) is None for package in _PACKAGES):
        raise UsageError(
            "nmt serve needs packages that are not installed. Install them with "
            f"{install_command('serve')}."
        )
