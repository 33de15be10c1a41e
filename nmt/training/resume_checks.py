"""Checks that a resumed run has the settings, tokenizer, corpora and links of its start."""

from collections.abc import Iterator

from nmt.config.differences import SettingDifference, config_differences
from nmt.config.load import load_config
from nmt.config.settings import Config
from nmt.console import say
from nmt.data.prepared_folder_rules import shorten_fingerprint
from nmt.errors import DataError, UsageError
from nmt.runtime.distributed import World
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.normalization import AUTO
from nmt.tokenizers.tokenizer import TokenizerPair
from nmt.training.checkpoints import TrainingState
from nmt.training.data_preparation import (
    PreparedData,
)
from nmt.training.schedules import rate_changes

_CHANGEABLE_SECTIONS = ("training.", "search.", "runtime.")
"""The sections that may differ when a run is resumed: model, subwords and corpus do not depend on
them.
"""

_FIXED_KEYS = (
    "training.batch_size",
    "training.batch_by",
    "training.cuda_graphs",
    "training.optimizer.kind",
    "training.init_from",
    "training.init_parameters",
    "training.init_vocabulary",
    "training.pretrained_embeddings.source",
    "training.pretrained_embeddings.target",
)
"""The keys of these sections that may not differ. The position in the corpus, the optimizer's state
or the beginning of the run depends on them.
"""

_LOCATION_KEYS = (
    "run_dir",
    "name",
    "tokenizer.dir",
    "data.dir",
    "data.root",
    "data.train",
    "data.dev",
    "data.test",
    "data.workers",
)
"""The keys of locations. Tokenizer and corpora are compared by their content instead."""

_IGNORED_KEYS = ("preset", "data.max_unknown")
"""The keys that only abbreviate other keys, or that do not change which pairs are accepted."""


def check_settings(
    run: RunDirectory, config: Config, world: World, state: TrainingState, resume: bool
) -> list[SettingDifference]:
    """Compare the settings with those that the run was started with; it must have a checkpoint.

    Args:
        run: The folder of the run.
        config: The present configuration.
        world: The position of this process.
        state: The state in the checkpoint.
        resume: Whether the run may be resumed with other settings.

    Returns:
        The settings that differ, with which the run may be resumed.

    Raises:
        UsageError: The run may not be resumed; the message has a table of the differences.
    """
    saved_config = load_config(run.config_file)
    differences = [
        difference
        for difference in config_differences(saved_config, config)
        if not _is_in_section(
            difference.key, (*_LOCATION_KEYS, *_IGNORED_KEYS, "training.accumulate")
        )
        # `auto` stands for the rule of the run's tokenizer: see `prepare_tokenizers`.
        and (difference.key, difference.new) != ("tokenizer.normalization", AUTO)
    ]
    old = state.batches_per_update or saved_config.training.accumulate
    new = config.training.accumulate * world.size
    if old != new:
        differences.append(SettingDifference(_accumulation_key(world), old, new))
    differences += _corpus_differences(saved_config, config)
    fixed = [
        difference.key
        for difference in differences
        if difference.key in _FIXED_KEYS or not difference.key.startswith(_CHANGEABLE_SECTIONS)
    ]
    if not differences or (resume and not fixed):
        return differences
    advice = (
        f"{', '.join(fixed)} cannot change during a run. To resume with the old settings, run "
        f"`nmt train {run.config_file}`. "
        if fixed
        else "To resume with the new settings, add --resume. "
    )
    raise UsageError(
        f"{run.path}: this run was started with different settings.\n"
        f"{_difference_table(differences)}\n"
        f"{advice}To archive the old run and train from scratch, add --restart. To keep it in "
        "place, choose another run_dir."
    )


_CORPUS_KEYS = ("target_language", "source_language", "tag", "weight", "filters")
"""The keys of the corpora of train that may not differ, because epochs and pairs depend on them."""


def _corpus_differences(saved: Config, config: Config) -> Iterator[SettingDifference]:
    """Yield the keys of the corpora of train that differ, each with a list of its values."""
    for key in _CORPUS_KEYS:
        old, new = (
            [corpus.model_dump(mode="json").get(key) for corpus in each.data.train]
            for each in (saved, config)
        )
        if old != new and any(value is not None for value in (*old, *new)):
            yield SettingDifference(f"data.train.{key}", old, new)


def report_changes(
    run: RunDirectory, config: Config, state: TrainingState, changed: list[SettingDifference]
) -> None:
    """Print the settings that a run is resumed with, and how its learning rate changes.

    Args:
        run: The folder of the run.
        config: The present configuration.
        state: The state in the checkpoint.
        changed: The settings that differ.
    """
    if not changed:
        return
    say(f"{run.path}: resuming with different settings.\n{_difference_table(changed)}")
    for line in rate_changes(load_config(run.config_file).training, config.training, state):
        say(line)


def _accumulation_key(world: World) -> str:
    """Return the key of the batches of an update, with the number of processes.

    Accumulation and processes may change where their product stays the same.
    """
    return "training.accumulate" + (f" x {world.size} processes" if world.size > 1 else "")


def _is_in_section(key: str, sections: tuple[str, ...]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def _difference_table(differences: list[SettingDifference]) -> str:
    rows = [("key", "old", "new"), *((d.key, str(d.old), str(d.new)) for d in differences)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def check_tokenizer(run: RunDirectory, state: TrainingState, tokenizers: TokenizerPair) -> None:
    """Check that a run is resumed with the same tokenizer.

    A checkpoint of an earlier release does not record its tokenizer; `check_corpora` then finds a
    difference.

    Args:
        run: The folder of the run.
        state: The state in the checkpoint.
        tokenizers: The present tokenizers.

    Raises:
        DataError: The tokenizer is another one.
    """
    saved = state.corpora.get("tokenizer", tokenizers.fingerprint)
    if saved != tokenizers.fingerprint:
        raise DataError(
            f"{run.path}: the tokenizer in {run.tokenizer} differs from that of this run "
            f"({shorten_fingerprint(tokenizers.fingerprint)} instead of "
            f"{shorten_fingerprint(saved)}).\n"
            "Restore the old files, or train from scratch with --restart."
        )


def check_corpora(run: RunDirectory, state: TrainingState, data: PreparedData) -> None:
    """Check that a run is resumed with the same corpora.

    Args:
        run: The folder of the run.
        state: The state in the checkpoint.
        data: The present corpora.

    Raises:
        DataError: A corpus is another one.
    """
    current = fingerprints(data)
    for name in ("train", "dev"):
        if state.corpora[name] != current[name]:
            raise DataError(
                f"{run.path}: the {name} corpus in {run.data} differs from that of this run (its "
                "fingerprint changed).\n"
                "Restore the old files, or train from scratch with --restart."
            )


def check_links(run: RunDirectory, state: TrainingState, data: PreparedData, resume: bool) -> None:
    """Check that a run is resumed with the same links of guided alignment.

    Args:
        run: The folder of the run.
        state: The state in the checkpoint.
        data: The present corpora and links.
        resume: Whether other links are accepted.

    Raises:
        DataError: The links are others, and may not be.
    """
    current = fingerprints(data)
    if state.corpora.get("links") != current.get("links") and not resume:
        raise DataError(
            f"{run.path}: the links of guided alignment differ from those of this run.\n"
            "Restore the old files, or add --resume to use the new links."
        )


def fingerprints(data: PreparedData) -> dict[str, str]:
    """Return the fingerprints that a checkpoint records, by name."""
    by_name = {
        "train": data.train.fingerprint,
        "dev": data.dev.fingerprint,
        "tokenizer": data.manifest.tokenizer,
    }
    return by_name if data.links is None else {**by_name, "links": data.links.fingerprint}
