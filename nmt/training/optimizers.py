"""The optimizers, all torch's own, fused or batched over the parameters."""

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from nmt.config.kinds import OPTIMIZERS
from nmt.config.settings.training import OptimizerSettings

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
