"""The update rules, all torch's own, fused or batched over the parameters."""

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from nmt.config.kinds import OPTIMIZERS
from nmt.config.settings.training import OptimizerSettings

_Parameters = Iterable[nn.Parameter]


_MEAN_DECAY = 0.9
"""Adam's decay of the mean gradient, beta1."""


def make_optimizer(parameters: _Parameters, settings: OptimizerSettings) -> Optimizer:
    """The optimizer that the settings name."""
    make: Callable[[_Parameters, OptimizerSettings], Optimizer] = OPTIMIZERS.resolve(settings.kind)
    return make(parameters, settings)


def adam(parameters: _Parameters, settings: OptimizerSettings) -> Optimizer:
    """Kingma and Ba 2015; weight_decay is added to the gradient."""
    return torch.optim.Adam(
        parameters,
        lr=settings.learning_rate,
        betas=(_MEAN_DECAY, settings.beta2),
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def adamw(parameters: _Parameters, settings: OptimizerSettings) -> Optimizer:
    """Loshchilov and Hutter 2019: Adam with decoupled weight decay."""
    return torch.optim.AdamW(
        parameters,
        lr=settings.learning_rate,
        betas=(_MEAN_DECAY, settings.beta2),
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def sgd(parameters: _Parameters, settings: OptimizerSettings) -> Optimizer:
    """Stochastic gradient descent, with momentum where given."""
    return torch.optim.SGD(
        parameters,
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def adadelta(parameters: _Parameters, settings: OptimizerSettings) -> Optimizer:
    """Zeiler 2012; Bahdanau et al. 2014 use learning_rate 1, rho 0.95, epsilon 1e-6."""
    return torch.optim.Adadelta(
        parameters,
        lr=settings.learning_rate,
        rho=settings.rho,
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
        foreach=True,
    )


def rmsprop(parameters: _Parameters, settings: OptimizerSettings) -> Optimizer:
    """Tieleman and Hinton 2012."""
    return torch.optim.RMSprop(
        parameters,
        lr=settings.learning_rate,
        alpha=settings.rho,
        eps=settings.epsilon,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        foreach=True,
    )
