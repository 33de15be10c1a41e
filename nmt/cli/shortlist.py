"""The command `nmt shortlist`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmt.cli.help_format import RARE
from nmt.cli.options import Debug, Quiet, Set
from nmt.console import say
from nmt.errors import DataError, UsageError

if TYPE_CHECKING:
    from nmt.data.manifest import Manifest
    from nmt.runtime.run_directory import RunDirectory

_COVERAGE_SIZE = 100


def shortlist(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="Path of the configuration of the run.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            metavar="PATH",
            help="Path of the run directory or bundle, instead of CONFIG.",
        ),
    ] = None,
    settings: Set = None,
    best: Annotated[
        int,
        typer.Option(
            "--best", min=1, metavar="N", help="Keep the N best translations of each subword."
        ),
    ] = 50,
    max_pairs: Annotated[
        int,
        typer.Option(
            "--max-pairs",
            min=1,
            metavar="N",
            help="Learn from at most N pairs, spread over the corpus.",
            rich_help_panel=RARE,
        ),
    ] = 200_000,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Learn likely translations of each subword, for faster search.

    Learns from the training corpus and stores the result in the bundle of the run, for `nmt
    translate --shortlist N`. Reports on stderr how much of dev it covers.
    """
    from nmt.alignment.shortlist import make_shortlist, measure_coverage
    from nmt.bundles.bundle import add_shortlist
    from nmt.data.binary_dataset import Corpus
    from nmt.data.manifest import Manifest
    from nmt.runtime.lock import hold_lock
    from nmt.runtime.run_directory import find_run
    from nmt.tokenizers.tokenizer import TokenizerPair

    bundle = _find_bundle(config, settings, model)
    run = find_run(bundle.parent)
    _check_has_data(run, bundle)
    tokenizers = TokenizerPair.load(bundle)
    _check_tokenizer(Manifest.load(run.data), tokenizers.fingerprint, run.data)
    # Running training would replace the bundle at the next best validation.
    with hold_lock(run.training_lock, "this run"):
        train, dev = (Corpus.open(run.data / name) for name in ("train", "dev"))
        for corpus in (train, dev):
            corpus.verify()
            corpus.check_ids(tokenizers.source.size, tokenizers.target.size)
        new_shortlist = make_shortlist(train, tokenizers, best, max_pairs)
        add_shortlist(bundle, new_shortlist)
    dev_coverage = measure_coverage(new_shortlist, dev, _COVERAGE_SIZE)
    say(f"shortlist: {bundle}")
    say(
        f"with --shortlist {_COVERAGE_SIZE}: {dev_coverage.size:,.0f} of "
        f"{tokenizers.target.size:,} subwords for a sentence of dev; {dev_coverage.tokens:.2%} of "
        "the subwords of its references are among them"
    )


def _find_bundle(config: Path | None, settings: list[str] | None, model: Path | None) -> Path:
    from nmt.bundles.bundle_files import check_is_folder, find_bundle
    from nmt.config.load import load_config

    if (config is None) == (model is None):
        raise UsageError("give either a configuration or --model RUN.")
    if config is not None:
        model = load_config(config, settings or ()).run_dir
    bundle = find_bundle(model)
    check_is_folder(bundle)
    return bundle


def _check_has_data(run: "RunDirectory", bundle: Path) -> None:
    from nmt.data.manifest import MANIFEST

    if (run.data / MANIFEST).is_file():
        return
    if not run.config_file.is_file():
        raise DataError(
            f"{bundle}: this bundle is not inside a run. shortlist needs the data of the run "
            "(`nmt binarize`)."
        )
    raise DataError(f"{bundle}: its run has no data in {run.data}. Run `nmt binarize`.")


def _check_tokenizer(manifest: "Manifest", fingerprint: str, data: Path) -> None:
    if manifest.tokenizer != fingerprint:
        raise DataError(
            f"{data}: was made with a different tokenizer than this model's. Re-run `nmt "
            "binarize`, or give the run of this model."
        )
