"""A training run from configuration to finished model: prepare, begin or resume, train."""

import time
from pathlib import Path

import torch

from nmt.bundle import Bundle, LengthStatistics
from nmt.config.dump import Difference, config_differences, dump_config
from nmt.config.load import load_config
from nmt.config.settings import Config
from nmt.data.loader import BatchLoader
from nmt.data.prepare import PreparedData, prepare_corpora, prepare_tokenizers
from nmt.data.tokenizer import TokenizerPair
from nmt.errors import DataError, UsageError
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.console import say
from nmt.runtime.device import Runtime, prepare_runtime
from nmt.runtime.files import remove_leftovers, write_text
from nmt.runtime.lock import exclusive
from nmt.runtime.run_directory import RunDirectory
from nmt.training.checkpoints import TrainingState, load_state, newest_checkpoint
from nmt.training.log import TrainingLog
from nmt.training.trainer import Trainer
from nmt.training.validation import Validator

_MAY_CHANGE = ("training.", "search.", "runtime.", "data.workers", "run_dir", "name")
"""Keys that may differ when a run goes on: they leave model, subwords and corpus as they are."""


def train(config: Config, resume: bool = False, restart: bool = False) -> RunDirectory:
    """Train what the configuration asks for, or go on with it; gives the run's folder.

    resume: go on although settings differ, where they may; restart: move an earlier run aside and
    begin again. Raises UsageError when settings differ and neither is given.
    """
    assert config.run_dir is not None
    run = RunDirectory(config.run_dir)
    if restart:
        _move_aside(run)
    with exclusive(run.path / ".training", "training this run"):
        remove_leftovers(run.path)
        remove_leftovers(run.checkpoints)
        _begin_or_go_on(config, run, resume)
    return run


def _begin_or_go_on(config: Config, run: RunDirectory, resume: bool) -> None:
    _check_settings(run, config, resume)
    write_text(run.config_file, dump_config(config))
    tokenizers = prepare_tokenizers(config, run)
    data = prepare_corpora(config, run, tokenizers)
    checkpoint = newest_checkpoint(run.checkpoints)
    state = None if checkpoint is None else load_state(checkpoint)
    if state is not None and _is_over(config, state, resume):
        say(f"{run.path}: training has ended ({state.ended}); nothing to do.")
        return
    runtime = prepare_runtime(config.runtime, choices=None if state is None else state.choices)
    if state is None:
        state = TrainingState(runtime.choices, data.train.fingerprint)
    _check_corpus(run, state, data)
    _train(config, run, tokenizers, data, runtime, state, checkpoint)


def _train(
    config: Config,
    run: RunDirectory,
    tokenizers: TokenizerPair,
    data: PreparedData,
    runtime: Runtime,
    state: TrainingState,
    checkpoint: Path | None,
) -> None:
    torch.manual_seed(config.seed)
    model = Seq2Seq(config.model, tokenizers.source.size, tokenizers.target.size)
    lengths = LengthStatistics(data.manifest.length_ratio_mean, data.manifest.length_ratio_std)
    bundle = Bundle(model.to(runtime.device), tokenizers, config, lengths)
    training = config.training
    loader = BatchLoader(
        data.train, tokenizers, training.batch_tokens, config.tokenizer.sampling, config.seed
    )
    validator = Validator(bundle, data, runtime)
    log = TrainingLog(run, training.tensorboard)
    try:
        _introduce(log, bundle, loader, runtime, state)
        trainer = Trainer(bundle, loader, validator, runtime, run, log, state, checkpoint)
        if checkpoint is None and training.validation.at_start:
            validator.rehearse(model)
        trainer.train()
    finally:
        log.close()


def _introduce(
    log: TrainingLog, bundle: Bundle, loader: BatchLoader, runtime: Runtime, state: TrainingState
) -> None:
    parameters = sum(parameter.numel() for parameter in bundle.model.parameters())
    log.tell(runtime.describe())
    plan = loader.plan(state.epoch)
    tokens = int(loader.corpus.target_lengths.sum()) + len(loader.corpus)
    log.tell(
        f"{parameters:,} parameters; {len(loader.corpus):,} pairs, {tokens:,} target tokens, "
        f"{len(plan)} batches an epoch"
    )
    if state.update > 0:
        log.tell(f"going on from update {state.update} (epoch {state.epoch + 1})")
    log.record(
        "start",
        state.update,
        parameters=parameters,
        pairs=len(loader.corpus),
        target_tokens=tokens,
        runtime=runtime.describe(),
    )


def _check_settings(run: RunDirectory, config: Config, resume: bool) -> None:
    if not run.config_file.exists():
        return
    differences = config_differences(load_config(run.config_file), config)
    differences = [d for d in differences if d.key not in ("run_dir", "name")]
    fixed = [d for d in differences if not d.key.startswith(_MAY_CHANGE)]
    if newest_checkpoint(run.checkpoints) is None or not differences or (resume and not fixed):
        return
    raise UsageError(
        f"{run.path}: this run was begun with other settings.\n{_table(differences)}\n"
        + (
            f"{', '.join(d.key for d in fixed)} cannot change in the middle of a run. "
            if fixed
            else "--resume goes on with the new ones; "
        )
        + "--restart moves the old run aside and begins again."
    )


def _table(differences: list[Difference]) -> str:
    rows = [("key", "old", "new"), *((d.key, str(d.old), str(d.new)) for d in differences)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _check_corpus(run: RunDirectory, state: TrainingState, data: PreparedData) -> None:
    if state.corpus != data.train.fingerprint:
        raise DataError(
            f"{run.path}: the training corpus is not the one this run was begun with (its "
            "fingerprint differs). Bring the old files back, or begin again with --restart."
        )


def _is_over(config: Config, state: TrainingState, resume: bool) -> bool:
    """Whether a run has ended; with --resume the settings may have given it a new end."""
    if state.ended is None:
        return False
    if not resume:
        return True
    state.ended = None
    training = config.training
    reached = training.max_updates is not None and state.update >= training.max_updates
    if reached:
        raise UsageError(
            f"the run is at update {state.update} and `training.max_updates` is "
            f"{training.max_updates}: nothing to do. Raise `training.max_updates`."
        )
    return False


def _move_aside(run: RunDirectory) -> None:
    if not run.path.exists():
        return
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = run.path.with_name(f"{run.path.name}.{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = run.path.with_name(f"{run.path.name}.{stamp}-{number}")
    run.path.rename(aside)
    say(f"{run.path}: the old run is now {aside}")
