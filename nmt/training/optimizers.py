"""The optimizers, all torch's own, and parameters chosen by patterns of their names."""

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn
from torch.optim import Optimizer

from nmt.config.config_errors import nearest_name
from nmt.config.registry import OPTIMIZERS
from nmt.config.settings.training import OptimizerSettings
from nmt.errors import ConfigError

_Parameters = Iterable[nn.Parameter]


_MEAN_DECAY = 0.9
"""The decay of Adam's mean gradient, beta1."""


def make_optimizer(parameters: _Parameters, settings: OptimizerSettings) -> Optimizer:
    """Return the optimizer that the settings name.

    Args:
        parameters: The parameters to train.
        settings: The settings of the optimizer.
    """
    make: Callable[[_Parameters, OptimizerSettings], Optimizer] = OPTIMIZERS.resolve(settings.kind)
    return make(parameters, settings)


def adam(parameters: _Parameters, settings: OptimizerSettings) -> Optimizer:
    """Return Adam (Kingma and Ba 2015); weight_decay is added to the gradient.

    Args:
        parameters: The parameters to train.
        settings: The settings of the optimizer.
    """
    return torch.optim.Adam(
        parameters,
        lr=settings.learning_rate,
        betas=(_MEAN_DECAY, settings.beta2),
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def adamw(parameters: _Parameters, settings: OptimizerSettings) -> Optimizer:
    """Return AdamW, Adam with decoupled weight decay (Loshchilov and Hutter 2019).

    Args:
        parameters: The parameters to train.
        settings: The settings of the optimizer.
    """
    return torch.optim.AdamW(
        parameters,
        lr=settings.learning_rate,
        betas=(_MEAN_DECAY, settings.beta2),
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def sgd(parameters: _Parameters, settings: OptimizerSettings) -> Optimizer:
    """Return stochastic gradient descent, with momentum where the settings have it.

    Args:
        parameters: The parameters to train.
        settings: The settings of the optimizer.
    """
    return torch.optim.SGD(
        parameters,
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def adadelta(parameters: _Parameters, settings: OptimizerSettings) -> Optimizer:
    """Return Adadelta (Zeiler 2012).

    Bahdanau et al. 2014 use learning_rate 1, rho 0.95, epsilon 1e-6.

    Args:
        parameters: The parameters to train.
        settings: The settings of the optimizer.
    """
    return torch.optim.Adadelta(
        parameters,
        lr=settings.learning_rate,
        rho=settings.rho,
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
        foreach=True,
    )


def rmsprop(parameters: _Parameters, settings: OptimizerSettings) -> Optimizer:
    """Return RMSProp (Tieleman and Hinton 2012).

    Args:
        parameters: The parameters to train.
        settings: The settings of the optimizer.
    """
    return torch.optim.RMSprop(
        parameters,
        lr=settings.learning_rate,
        alpha=settings.rho,
        eps=settings.epsilon,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        foreach=True,
    )


def matching(model: nn.Module, patterns: Sequence[str], key: str) -> list[str]:
    """Return the names of the parameters that match any of the patterns, in the model's order.

    A tied parameter has the first of its names.

    Args:
        model: The model.
        patterns: The patterns.
        key: The key of the configuration that holds the patterns, for the error.

    Raises:
        ConfigError: A pattern matches no parameter.
    """
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        if not _matched(names, pattern):
            raise ConfigError(
                f"{key}: {pattern!r} matches no parameter; {_hint(model, names, pattern)}"
            )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _matched(names: Iterable[str], pattern: str) -> list[str]:
    return [name for name in names if fnmatchcase(name, pattern)]


def _hint(model: nn.Module, names: Sequence[str], pattern: str) -> str:
    every = dict(model.named_parameters(remove_duplicate=False))
    tied = _matched(every, pattern)
    if tied:
        first = next(name for name in names if every[name] is every[tied[0]])
        return f"{tied[0]} is the same as {first} (`model.tying`); use that name."
    meant = nearest_name(pattern, [*names, *_groups(names)])
    if meant is not None:
        return f"did you mean {meant}?"
    return f"the names are {', '.join(dict.fromkeys(_top(name) for name in names))}."


def _groups(names: Sequence[str]) -> Iterable[str]:
    """Return a pattern for each part of the model that has parameters."""
    parts = [name.split(".") for name in names]
    return dict.fromkeys(
        ".".join([*path[:depth], "*"]) for path in parts for depth in range(1, len(path))
    )


def _top(name: str) -> str:
    first, dot, _ = name.partition(".")
    return f"{first}.*" if dot else first
