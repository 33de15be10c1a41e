"""Warm starts from the parameters of another model, and frozen parameters."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.bundle import Bundle, find_bundle, fingerprint, load_bundle
from nmt.config.settings import TrainingSettings
from nmt.errors import ConfigError, ModelError
from nmt.tokenizers.sentencepiece import Tokenizer, TokenizerPair
from nmt.training.checkpoints import TrainingState
from nmt.training.log import TrainingLog
from nmt.training.parameter_patterns import matching

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
    def of(cls, new: Tokenizer, old: Tokenizer) -> "SharedRows":
        """Return the rows that two tokenizers share.

        Args:
            new: The tokenizer of the new model.
            old: The tokenizer of the model whose rows are taken over.
        """
        known = {piece: number for number, piece in enumerate(old.pieces(range(old.size)))}
        pieces = new.pieces(range(new.size))
        shared = [(number, known[piece]) for number, piece in enumerate(pieces) if piece in known]
        pairs = torch.tensor(shared, dtype=torch.long).view(-1, 2)
        return cls(pairs[:, 0], pairs[:, 1])


def start_from(bundle: Bundle, state: TrainingState, log: TrainingLog) -> None:
    """Fill a new model from the model in `training.init_from`, and log what was taken over.

    Args:
        bundle: The new model, with its tokenizers and settings.
        state: The state of training, which records the origin.
        log: The log of training.

    Raises:
        ModelError: A wanted parameter is missing there or has another shape, or the tokenizer
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
    wanted = {n: p for n, p in bundle.model.named_parameters() if n in chosen}
    saved = dict(old.model.named_parameters(remove_duplicate=False))
    _check_fit(wanted, saved, rows, old)
    _copy(wanted, saved, rows)
    state.started_from = {"name": str(old.config.name), "fingerprint": fingerprint(old.path)}
    log.tell("\n".join([f"parameters of {old.path}:", *_account(bundle.model, old, wanted, rows)]))


def freeze(model: nn.Module, settings: TrainingSettings, log: TrainingLog) -> None:
    """Exclude the parameters that `training.freeze` names from training.

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
        raise ConfigError("training.freeze: matches every parameter; leave some to train.")
    for name in frozen:
        named[name].requires_grad_(False)
    numbers = sum(named[name].numel() for name in frozen)
    every = sum(parameter.numel() for parameter in named.values())
    log.tell(f"frozen: {numbers:,} of {every:,} parameters ({', '.join(frozen)})")


def origin(settings: TrainingSettings, state: TrainingState) -> dict[str, object]:
    """Return the warm start, frozen parameters and averaging of a training, for a model card.

    Args:
        settings: The settings of training.
        state: The state of training.
    """
    facts: dict[str, object] = {}
    if state.started_from:
        facts["started_from"] = state.started_from
    if settings.freeze:
        facts["frozen"] = list(settings.freeze)
    if settings.ema is not None:
        facts["weights"] = f"moving average of the trained ones, decay {settings.ema:g}"
    return facts


def _shared_rows(new: TokenizerPair, old: TokenizerPair) -> dict[str, SharedRows]:
    sides = {
        "source": SharedRows.of(new.source, old.source),
        "target": SharedRows.of(new.target, old.target),
    }
    return {name: sides[side] for name, side in VOCABULARY_ROWS.items()}


def _check_same_tokenizer(new: Bundle, old: Bundle) -> None:
    if new.tokenizers.fingerprint != old.tokenizers.fingerprint:
        raise ModelError(
            f"{old.path}: its tokenizer ({old.tokenizers.fingerprint}) is not that of this run "
            f"({new.tokenizers.fingerprint}).\nSet `training.init_vocabulary: extend` to take over "
            "the rows of the subwords that both have."
        )


def _check_fit(
    wanted: Mapping[str, Tensor],
    saved: Mapping[str, Tensor],
    rows: Mapping[str, SharedRows],
    old: Bundle,
) -> None:
    problems = []
    for name, parameter in wanted.items():
        if name not in saved:
            problems.append(f"{name} is missing")
            continue
        first = 1 if name in rows else 0
        if saved[name].shape[first:] != parameter.shape[first:]:
            problems.append(
                f"{name} is {list(saved[name].shape)} there and {list(parameter.shape)} here"
            )
    if problems:
        raise ModelError(
            f"{old.path}: cannot fill this model: {'; '.join(problems)}.\n"
            "Name the parameters that are to be taken over in `training.init_parameters`, or give "
            "`model` the settings of the bundle's config.yaml."
        )


@torch.no_grad()
def _copy(
    wanted: Mapping[str, Tensor], saved: Mapping[str, Tensor], rows: Mapping[str, SharedRows]
) -> None:
    for name, parameter in wanted.items():
        values = saved[name].to(parameter.device)
        if name in rows:
            shared = rows[name]
            parameter[shared.new.to(parameter.device)] = values[shared.old.to(parameter.device)]
        else:
            parameter.copy_(values)


def _account(
    model: nn.Module, old: Bundle, wanted: Mapping[str, Tensor], rows: Mapping[str, SharedRows]
) -> list[str]:
    """Return lines about what was taken over, what was not, and what only the old model has."""
    named = dict(model.named_parameters())
    taken = sum(_taken(name, parameter, rows) for name, parameter in wanted.items())
    every = sum(parameter.numel() for parameter in named.values())
    lines = [f"  taken over: {taken:,} of {every:,}"]
    lines += [
        f"  {name}: {len(rows[name].new):,} of {len(parameter):,} rows, those of shared subwords"
        for name, parameter in wanted.items()
        if name in rows
    ]
    others = [name for name in named if name not in wanted]
    if others:
        lines.append(f"  initialised as usual: {', '.join(others)}")
    known = dict(model.named_parameters(remove_duplicate=False))
    unknown = [name for name, _ in old.model.named_parameters() if name not in known]
    if unknown:
        lines.append(f"  of no use here: {', '.join(unknown)}")
    return lines


def _taken(name: str, parameter: Tensor, rows: Mapping[str, SharedRows]) -> int:
    if name not in rows:
        return parameter.numel()
    return len(rows[name].new) * (parameter.numel() // len(parameter))
