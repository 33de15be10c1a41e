"""A training run from configuration to finished model: prepare, start or resume, train."""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import torch

from nmt.bundles.bundle import Bundle
from nmt.config.load import load_config
from nmt.config.serialize import dump_config
from nmt.config.settings import Config
from nmt.console import say, set_quiet, warn
from nmt.data.binarize import held_out_path
from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.errors import ResourceError, StoppedBySignal, UsageError
from nmt.evaluation.metrics import ScorerOptions, make_scorer
from nmt.evaluation.scores import bleu_tokenizer
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.atomic_files import remove_leftovers, write_text
from nmt.runtime.device import Choices, Runtime
from nmt.runtime.distributed import Ranks, World
from nmt.runtime.lock import hold_lock
from nmt.runtime.process import SignalReceived, raise_signals
from nmt.runtime.processor import read_processor
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.tokenizer import TokenizerPair
from nmt.training.batch_loader import BatchLoader
from nmt.training.batch_size import CPU_BATCH_TOKENS, largest_budget
from nmt.training.best_bundle import software_versions
from nmt.training.checkpoints import (
    TrainingState,
    load_state,
    newest_checkpoint,
    rename_newer_checkpoints,
)
from nmt.training.cuda_graphs import make_recorder
from nmt.training.data_parallel import (
    RunStart,
    announce_start,
    await_start,
    check_equal_weights,
    check_one_gpu_each,
    connected_ranks,
    warn_of_idle_ranks,
)
from nmt.training.data_preparation import (
    PreparedData,
    open_prepared,
    prepare_corpora,
    source_scripts,
)
from nmt.training.pretrained_embeddings import (
    check_vector_files,
    freeze_pretrained_embeddings,
    load_pretrained_embeddings,
)
from nmt.training.resume_checks import (
    check_corpora,
    check_links,
    check_settings,
    check_tokenizer,
    fingerprints,
    report_changes,
)
from nmt.training.runtime_choice import choose_training_runtime
from nmt.training.stopping import STOP_SIGNALS, early_end_hint, find_stop_reason
from nmt.training.trainer import Trainer
from nmt.training.training_log import TrainingLog, WorkerLog
from nmt.training.validation import Validator
from nmt.training.warm_start import freeze_parameters, initialize_from_model

_OpenLog = Callable[[RunDirectory, bool], TrainingLog]


def train(
    config: Config,
    resume: bool = False,
    restart: bool = False,
    open_log: _OpenLog = TrainingLog,
) -> RunDirectory:
    """Train a configuration, or resume its training.

    Args:
        config: The configuration, with absolute paths.
        resume: Whether to resume although settings differ, where they may.
        restart: Whether to archive an earlier run and start from scratch.
        open_log: Opens the log of a run.

    Returns:
        The folder of the run.

    Raises:
        UsageError: Settings differ, and neither `resume` nor `restart` is given.
        ResourceError: Another process trains the same run.
        StoppedBySignal: SIGINT, SIGTERM or SIGUSR1 was received.
    """
    run = RunDirectory.from_config(config)
    world = World.from_environment()
    try:
        # Under a launcher a process may wait inside C++ code, where no signal is raised.
        with raise_signals(() if world.launched else STOP_SIGNALS):
            if world.rank > 0:
                _run_worker(config, run, world)
            else:
                _run_rank_zero(config, run, world, resume, restart, open_log)
    except SignalReceived as stopped:
        message = f"stopped by {stopped.name}. Run the same command to resume."
        raise StoppedBySignal("" if world.rank > 0 else message, stopped.number) from None
    return run


def _run_rank_zero(
    config: Config, run: RunDirectory, world: World, resume: bool, restart: bool, open_log: _OpenLog
) -> None:
    """Run rank zero: prepare, start or resume, train and write."""
    if restart and world.attempt == 0:
        _archive_run(run)
    with hold_lock(run.training_lock, "this run"):
        remove_leftovers(run.path, [run.config_file.name, run.best.name])
        remove_leftovers(run.checkpoints)
        _start_or_resume(config, run, world, resume, open_log)


def _start_or_resume(
    config: Config, run: RunDirectory, world: World, resume: bool, open_log: _OpenLog
) -> None:
    checkpoint = newest_checkpoint(run.checkpoints)
    state = None if checkpoint is None else load_state(checkpoint)
    if state is not None:
        changed = check_settings(run, config, world, state, resume)
        if _has_ended(run, config, state, resume):
            announce_start(world, None)
            say(f"{run.path}: training has ended ({state.ended}). Nothing to do.")
            if hint := early_end_hint(config.training, state, run.config_file):
                say(hint)
            return
        report_changes(run, config, state, changed)
    saved_choices = None if state is None else state.choices
    runtime = choose_training_runtime(config, saved_choices)
    _warn_of_emulation(runtime)
    check_one_gpu_each(world, runtime)
    _check_config_file(run)
    if state is None:
        check_vector_files(config)
        write_text(run.config_file, dump_config(config))
    log = open_log(run, config.training.tensorboard)
    try:
        tokenizers = prepare_tokenizers(config, run)
        if state is not None:
            check_tokenizer(run, state, tokenizers)
        data = prepare_corpora(config, run, tokenizers)
        if state is None:
            state = _new_state(runtime, data)
        state.choices = runtime.choices
        if saved_choices is not None:
            _warn_of_other_choices(runtime, saved_choices, log)
        check_corpora(run, state, data)
        check_links(run, state, data, resume)
        state.corpora = fingerprints(data)
        if checkpoint is not None:
            write_text(run.config_file, dump_config(config))
            rename_newer_checkpoints(checkpoint)
        name = None if checkpoint is None else checkpoint.name
        announce_start(world, RunStart(config, runtime.choices, name))
        with runtime.applied(), connected_ranks(config, world, runtime, state) as ranks:
            _train(config, run, tokenizers, data, runtime, log, state, checkpoint, ranks)
    finally:
        log.close()


def _run_worker(config: Config, run: RunDirectory, world: World) -> None:
    """Run a worker: train, and write nothing."""
    set_quiet(True)
    start = await_start(config, run)
    if start is None:
        return
    runtime = choose_training_runtime(config, start.choices)
    check_one_gpu_each(world, runtime)
    tokenizers, data = open_prepared(start.config, run)
    checkpoint = None if start.checkpoint is None else run.checkpoints / start.checkpoint
    state = _new_state(runtime, data) if checkpoint is None else load_state(checkpoint)
    state.ended = None
    with runtime.applied(), connected_ranks(config, world, runtime, state) as ranks:
        _train(
            config, run, tokenizers, data, runtime, WorkerLog(world.rank), state, checkpoint, ranks
        )


def _warn_of_other_choices(runtime: Runtime, saved_choices: Choices, log: TrainingLog) -> None:
    """Warn where device, precision, kernels or threads differ from those of the checkpoint."""
    if differences := runtime.choices.differences(saved_choices):
        log.warn(
            f"{'; '.join(differences)}. The results may now differ in the last digits from those "
            "of an uninterrupted run."
        )


def _warn_of_emulation(runtime: Runtime) -> None:
    """Warn of a configured precision that the processor only emulates."""
    choices = runtime.choices
    if (
        choices.device == "cpu"
        and choices.precision == "bfloat16"
        and not read_processor().has_bfloat16
    ):
        warn(
            "runtime.precision: bfloat16 is emulated on this processor and many times slower than "
            "float32. Choose float32 or auto."
        )


def _new_state(runtime: Runtime, data: PreparedData) -> TrainingState:
    return TrainingState(runtime.choices, fingerprints(data))


def _check_config_file(run: RunDirectory) -> None:
    """Raise UsageError where the configuration file was not written by a run.

    Where there is a log, a run wrote the file, although an earlier version may have written fewer
    keys.
    """
    file = run.config_file
    if run.log_records.exists() or not file.exists():
        return
    expected = dump_config(
        load_config(file)
    )  # read first, which raises for an invalid configuration
    if file.read_text(encoding="utf-8") != expected:
        raise UsageError(
            f"{file}: was not written by a run and would be overwritten.\n"
            "Rename it, or choose another run_dir."
        )


def _train(
    config: Config,
    run: RunDirectory,
    tokenizers: TokenizerPair,
    data: PreparedData,
    runtime: Runtime,
    log: TrainingLog,
    state: TrainingState,
    checkpoint: Path | None,
    ranks: Ranks,
) -> None:
    torch.manual_seed(config.seed)
    sizes = (tokenizers.source.size, tokenizers.target.size)
    model = Seq2Seq(config.model, *sizes, kernels=config.runtime.kernels)
    bundle = Bundle(
        model.to(runtime.device),
        tokenizers,
        config,
        data.manifest.length_ratio,
        source_scripts=source_scripts(data.train, tokenizers.source),
    )

    if checkpoint is None:
        initialize_from_model(bundle, state, log)
        load_pretrained_embeddings(bundle, log)
    freeze_parameters(model, config.training, log)
    freeze_pretrained_embeddings(bundle, log)

    def make_loader(budget: int) -> BatchLoader:
        return BatchLoader(
            data.train,
            tokenizers,
            budget,
            config.tokenizer.sampling,
            config.seed,
            config.training.cuda_graphs,
            data.links,
            config.training.batch_by,
            data.weights(config.data),
            config.tokenizer.capitals,
        )

    # A checkpoint of an earlier version lacks its budget, which the settings then have.
    known_size = state.batch_size or config.training.batch_size
    state.batch_size = known_size or ranks.all_reduce_min(
        largest_budget(bundle, make_loader, runtime)
    )
    state.batches_per_update = config.training.accumulate * ranks.size
    loader = make_loader(state.batch_size)
    state.updates_per_epoch = math.ceil(len(loader.plan(0)) / state.batches_per_update)
    by_tokens = config.training.batch_by == "tokens"
    tokens = state.batch_size if by_tokens else CPU_BATCH_TOKENS
    tokenizer = _choose_bleu_tokenizer(config, data, state, log)
    validator = Validator(bundle, data, runtime, tokens, tokenizer, ranks, log)
    recorder = make_recorder(config.training, runtime)
    machine = runtime.describe() + (", CUDA graphs" if recorder is not None else "")
    machine += f", {ranks.size} processes" if ranks.size > 1 else ""
    _log_start(log, bundle, loader, machine, state)
    _log_weights(log, loader, data)
    _warn_of_references(log, validator, config)
    warn_of_idle_ranks(ranks, loader, state.epoch)
    trainer = Trainer(
        bundle, loader, validator, runtime, run, log, state, checkpoint, recorder, ranks
    )
    check_equal_weights(ranks, model)
    if checkpoint is None:
        validator.decode_longest(model)
    trainer.train()
    if hint := early_end_hint(config.training, state, run.config_file):
        log.info(hint)
    if data.manifest.test_pairs:
        source, target = (held_out_path(run.data, "test", side) for side in ("source", "target"))
        log.info(
            f"to score the held-out test set: nmt translate -m {run.path} -i {source} | nmt score "
            f"--ref {target}"
        )


def _log_start(
    log: TrainingLog, bundle: Bundle, loader: BatchLoader, machine: str, state: TrainingState
) -> None:
    parameters = sum(parameter.numel() for parameter in bundle.model.parameters())
    log.info(machine)
    plan = loader.plan(state.epoch)
    unit = loader.batch_by if loader.batch_size != 1 else loader.batch_by.removesuffix("s")
    tokens = int(loader.corpus.target_lengths.sum()) + len(loader.corpus)
    log.info(
        f"{parameters:,} parameters; {len(loader.corpus):,} pairs, {tokens:,} target tokens, "
        f"{len(plan)} batches of up to {loader.batch_size:,} {unit} per epoch"
    )
    if state.update > 0:
        log.info(f"resuming from update {state.update} (epoch {state.epoch + 1})")
    log.record(
        "start",
        state.update,
        fingerprints=state.corpora,
        parameters=parameters,
        pairs=len(loader.corpus),
        target_tokens=tokens,
        batch_size=loader.batch_size,
        batch_by=loader.batch_by,
        batches=len(plan),
        batches_per_update=state.batches_per_update,
        runtime=machine,
        versions=software_versions(),
    )


def _log_weights(log: TrainingLog, loader: BatchLoader, data: PreparedData) -> None:
    """Log the number of pairs of each corpus in an epoch, where the corpora have weights."""
    if loader.weights is None:
        return
    parts = list(zip(data.manifest.train.parts, loader.weights.counts, strict=True))
    shares = [f"{part.title} {count:,} of {part.pairs_kept:,} pairs" for part, count in parts]
    log.info(f"each epoch: {', '.join(shares)}")
    for part, count in parts:
        if not count:
            reason = "its weight is too small" if part.pairs_kept else "it has no pair left"
            log.warn(f"data.train: no epoch has a pair of {part.title}, because {reason}.")


_DEFAULT_TOKENIZER = "13a"


def _choose_bleu_tokenizer(
    config: Config, data: PreparedData, state: TrainingState, log: TrainingLog
) -> str:
    """Choose the tokenizer of BLEU by the target language of dev, and record it in the state.

    A run keeps its first tokenizer, so that its scores can be compared. Where that is impossible
    (MeCab is no longer installed, or an earlier version took 13a for every language), the best BLEU
    so far is discarded.
    """
    previous = state.bleu_tokenizer or (_DEFAULT_TOKENIZER if state.update else "")
    groups = data.dev_groups.values()
    languages = {group.target_language for group in groups} or {config.data.target_language}
    # `Validator` chooses the tokenizers of several language pairs.
    language = languages.pop() if len(languages) == 1 else None
    tokenizer = bleu_tokenizer(language, log.warn) or _DEFAULT_TOKENIZER
    if previous and previous != tokenizer:
        if state.bleu_tokenizer and _can_load(previous):
            tokenizer = previous
        else:
            log.warn(
                f"the BLEU tokenizer is now {tokenizer}; it was {previous}. The best BLEU so far "
                "is discarded, because the two are not comparable."
            )
            _discard_bleu(state, config)
    state.bleu_tokenizer = tokenizer
    return tokenizer


def _can_load(tokenizer: str) -> bool:
    try:
        make_scorer("bleu", ScorerOptions(tokenize=tokenizer))
    except (UsageError, ResourceError):
        return False
    return True


def _discard_bleu(state: TrainingState, config: Config) -> None:
    state.best.pop("bleu", None)
    if state.stopping is not None and state.stopping.metric == "bleu":
        state.stopping = None
    if config.training.metric == "bleu" and "best" in state.schedule:
        state.schedule = {**state.schedule, "best": None, "in_vain": 0, "is_noise": False}


def _warn_of_references(log: TrainingLog, validator: Validator, config: Config) -> None:
    """Warn where BLEU counts sentences as words, or chooses a model by short references."""
    if warning := validator.undivided_warning():
        log.warn(f"dev: {warning}")
        return
    if config.training.metric != "bleu":
        return
    four_grams = validator.four_grams()
    if four_grams.has_few_long_references:
        log.warn(
            f"dev: only {four_grams.summary}, but BLEU counts 4-grams. "
            + (
                "BLEU is unreliable here, so chrF selects the model. To silence this warning, "
                if four_grams.has_too_few_long_references
                else "BLEU is unreliable here. To use chrF instead, "
            )
            + "set `training.metric: chrf`."
        )


def _has_ended(run: RunDirectory, config: Config, state: TrainingState, resume: bool) -> bool:
    """Return whether a run has ended. With --resume, changed settings may continue it.

    Raises:
        UsageError: The changed settings end training at the same point.
    """
    if state.ended is not None and not resume:
        return True
    end = find_stop_reason(config.training, state, state.seconds)
    limit = config.training.max_updates
    passed = limit is not None and state.update > limit
    if end is not None and (state.ended is not None or passed):
        raise UsageError(
            f"{run.path}: its checkpoint is at update {state.update}, epoch {state.epoch + 1}, "
            f"but a limit is already reached: {end.reason}. Raise `{end.key}`."
        )
    state.ended = None
    return False


def _archive_run(run: RunDirectory) -> None:
    """Rename the folder of an earlier run, after all its locks are acquired."""
    if not run.config_file.exists():
        return
    stamp = time.strftime("%Y%m%d-%H%M%S")
    archive = run.path.with_name(f"{run.path.name}.{stamp}")
    number = 1
    while archive.exists():
        number += 1
        archive = run.path.with_name(f"{run.path.name}.{stamp}-{number}")
    locks = (run.training_lock, *run.preparation_locks)
    with ExitStack() as stack:
        for lock in locks:
            work = "this run" if lock == run.training_lock else "its tokenizer or data"
            stack.enter_context(hold_lock(lock, work))
        run.path.rename(archive)
        for lock in locks:
            (archive / lock.name).unlink()
    say(f"{run.path}: moved the old run to {archive}")
