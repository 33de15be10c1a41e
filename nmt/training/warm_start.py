"""The start of training from another model, and frozen parameters."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.bundles.bundle import Bundle, load_bundle
from nmt.bundles.bundle_files import find_bundle, fingerprint
from nmt.config.settings import TrainingSettings
from nmt.errors import ConfigError, ModelError
from nmt.tokenizers.tokenizer import Tokenizer, TokenizerPair
from nmt.training.checkpoints import TrainingState
from nmt.training.optimizers import matching
from nmt.training.training_log import TrainingLog

VOCABULARY_ROWS = {
    "source_embedding.weight": "source",
    "target_embedding.weight": "target",
    "output_matrix": "target",
    "output_bias": "target",
}
"""The parameters that have a row for each subword, with the side of its vocabulary."""


@dataclass(frozen=True)
class SharedRows:
    """The ids of the subwords that two tokenizers share; a subword is identified by its text.

    Attributes:
        new: The ids in the new tokenizer, `[shared]`.
        old: The ids in the old tokenizer, `[shared]`.
    """

    new: Tensor
    old: Tensor

    @classmethod
    def from_tokenizers(cls, new: Tokenizer, old: Tokenizer) -> "SharedRows":
        """Return the rows that two tokenizers share.

        Args:
            new: The tokenizer of the new model.
            old: The tokenizer of the model whose rows are copied.
        """
        old_ids = {subword: number for number, subword in enumerate(old.pieces(range(old.size)))}
        subwords = new.pieces(range(new.size))
        shared = [
            (number, old_ids[subword])
            for number, subword in enumerate(subwords)
            if subword in old_ids
        ]
        pairs = torch.tensor(shared, dtype=torch.long).view(-1, 2)
        return cls(pairs[:, 0], pairs[:, 1])


def initialize_from_model(bundle: Bundle, state: TrainingState, log: TrainingLog) -> None:
    """Copy parameters of the model in `training.init_from` into a new model, and log their names.

    Args:
        bundle: The new model, with its tokenizers and settings.
        state: The state of training, which records the origin.
        log: The log of training.

    Raises:
        ModelError: A parameter to copy is missing there or has another shape, or the tokenizer
            differs and must be the same.
        ConfigError: A pattern matches no parameter.
    """
    settings = bundle.config.training
    if settings.init_from is None:
        return
    old = load_bundle(find_bundle(settings.init_from), torch.device("cpu"))
    assert old.path is not None
    patterns = ("*",) if settings.init_parameters is None else settings.init_parameters
    chosen = matching(bundle.model, patterns, "training.init_parameters")
    rows: Mapping[str, SharedRows] = {}
    if settings.init_vocabulary == "extend":
        rows = _shared_rows(bundle.tokenizers, old.tokenizers)
    else:
        _check_same_tokenizer(bundle, old)
    filled = {n: p for n, p in bundle.model.named_parameters() if n in chosen}
    saved = dict(old.model.named_parameters(remove_duplicate=False))
    _check_fit(filled, saved, rows, old)
    _copy(filled, saved, rows)
    state.started_from = {"name": str(old.config.name), "fingerprint": fingerprint(old.path)}
    log.info(
        "\n".join([f"parameters of {old.path}:", *_copy_report(bundle.model, old, filled, rows)])
    )


def freeze_parameters(model: nn.Module, settings: TrainingSettings, log: TrainingLog) -> None:
    """Exclude the parameters that `training.freeze_parameters` names from training.

    Without a gradient they get neither updates nor weight decay, and do not count in the norm that
    is clipped.

    Args:
        model: The model.
        settings: The settings of training.
        log: The log of training.

    Raises:
        ConfigError: A pattern matches no parameter, or nothing is left to train.
    """
    frozen = matching(model, settings.freeze, "training.freeze")
    if not frozen:
        return
    named = dict(model.named_parameters())
    if len(frozen) == len(named):
        raise ConfigError("training.freeze: matches all parameters. Leave some to train.")
    for name in frozen:
        named[name].requires_grad_(False)
    frozen_size = sum(named[name].numel() for name in frozen)
    total = sum(parameter.numel() for parameter in named.values())
    log.info(f"frozen: {frozen_size:,} of {total:,} parameters ({', '.join(frozen)})")


def training_origin(settings: TrainingSettings, state: TrainingState) -> dict[str, object]:
    """Return the warm start, frozen parameters and averaging of a training run, for a model card.

    Args:
        settings: The settings of training.
        state: The state of training.
    """
    provenance: dict[str, object] = {}
    if state.started_from:
        provenance["started_from"] = state.started_from
    if settings.freeze:
        provenance["frozen"] = list(settings.freeze)
    if settings.ema is not None:
        provenance["weights"] = f"moving average of the trained ones, decay {settings.ema:g}"
    return provenance


def _shared_rows(new: TokenizerPair, old: TokenizerPair) -> dict[str, SharedRows]:
    sides = {
        "source": SharedRows.from_tokenizers(new.source, old.source),
        "target": SharedRows.from_tokenizers(new.target, old.target),
    }
    return {name: sides[side] for name, side in VOCABULARY_ROWS.items()}


def _check_same_tokenizer(new: Bundle, old: Bundle) -> None:
    if new.tokenizers.fingerprint != old.tokenizers.fingerprint:
        raise ModelError(
            f"{old.path}: its tokenizer ({old.tokenizers.fingerprint}) differs from that of this "
            f"run ({new.tokenizers.fingerprint}).\n"
            "Set `training.init_vocabulary: extend` to copy the rows of the subwords that both "
            "have."
        )


def _check_fit(
    filled: Mapping[str, Tensor],
    saved: Mapping[str, Tensor],
    rows: Mapping[str, SharedRows],
    old: Bundle,
) -> None:
    problems = []
    for name, parameter in filled.items():
        if name not in saved:
            problems.append(f"{name} is missing")
            continue
        first = 1 if name in rows else 0
        if saved[name].shape[first:] != parameter.shape[first:]:
            problems.append(
                f"{name} is {list(saved[name].shape)} instead of {list(parameter.shape)}"
            )
    if problems:
        raise ModelError(
            f"{old.path}: its parameters do not match this model: {'; '.join(problems)}.\n"
            "List the parameters to copy in `training.init_parameters`, or use the `model` "
            "settings of the config.yaml of the bundle."
        )


@torch.no_grad()
def _copy(
    filled: Mapping[str, Tensor], saved: Mapping[str, Tensor], rows: Mapping[str, SharedRows]
) -> None:
    for name, parameter in filled.items():
        values = saved[name].to(parameter.device)
        if name in rows:
            shared = rows[name]
            parameter[shared.new.to(parameter.device)] = values[shared.old.to(parameter.device)]
        else:
            parameter.copy_(values)


def _copy_report(
    model: nn.Module, old: Bundle, filled: Mapping[str, Tensor], rows: Mapping[str, SharedRows]
) -> list[str]:
    """Return lines about the copied parameters, the others, and those of the old model alone."""
    named = dict(model.named_parameters())
    copied = sum(_copied_count(name, parameter, rows) for name, parameter in filled.items())
    total = sum(parameter.numel() for parameter in named.values())
    lines = [f"  copied: {copied:,} of {total:,}"]
    lines += [
        f"  {name}: {len(rows[name].new):,} of {len(parameter):,} rows, those of shared subwords"
        for name, parameter in filled.items()
        if name in rows
    ]
    others = [name for name in named if name not in filled]
    if others:
        lines.append(f"  initialized as usual: {', '.join(others)}")
    known = dict(model.named_parameters(remove_duplicate=False))
    unknown = [name for name, _ in old.model.named_parameters() if name not in known]
    if unknown:
        lines.append(f"  unused: {', '.join(unknown)}")
    return lines


def _copied_count(name: str, parameter: Tensor, rows: Mapping[str, SharedRows]) -> int:
    if name not in rows:
        return parameter.numel()
    return len(rows[name].new) * (parameter.numel() // len(parameter))
