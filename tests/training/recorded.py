"""Small batches and models for updates by recording and replay, and a recorder without a GPU."""

import numpy as np
import torch

from nmt.config.presets import PRESET_DEFAULTS, merge_settings
from nmt.config.settings import ModelSettings
from nmt.data.batches import make_batch
from nmt.model.loss import LossSums
from nmt.model.seq2seq import Seq2Seq

BUDGET = 64


class Again:
    """What is recorded is done again at each replay, on the tensors it was recorded with."""

    def __init__(self):
        self.runs = self.records = self.replays = 0

    def run(self, work):
        self.runs += 1
        result = work()
        # An autograd graph that outlives its work would keep nodes of another stream.
        assert result.loss.grad_fn is None
        return result

    def record(self, work):
        self.records += 1

        def replay():
            self.replays += 1
            work()

        return replay


def batch(*lengths, seed=0):
    """Sentences of the given lengths on either side."""
    random = np.random.default_rng(seed)
    sources = [random.integers(4, 10, length).tolist() for length, _ in lengths]
    targets = [random.integers(4, 10, length).tolist() for _, length in lengths]
    return make_batch(sources, targets, np.arange(len(lengths)))


SHORT = ((3, 5), (6, 2), (4, 4))
LONG = ((9, 3), (2, 12))
BATCHES = [
    batch(*lengths, seed=seed)
    for seed, lengths in enumerate((SHORT, LONG, SHORT, SHORT[:2], LONG[:1], SHORT, LONG, LONG))
]
"""Of three shapes in buckets: five, two and one that comes but once."""


def make_model(dropout=0.0, **decoder):
    """A tiny model in training; the same one each time."""
    torch.manual_seed(0)
    tree = {
        "embedding_size": 6,
        "embedding_dropout": dropout,
        "encoder": {"hidden_size": 4},
        "decoder": {"hidden_size": 8, **decoder},
    }
    settings = ModelSettings(**merge_settings(PRESET_DEFAULTS["model"], tree))
    return Seq2Seq(settings, 10, 10).train()


def make_work(model, scaler=None, fixed_shapes=True):
    """Forward and backward as the trainer does it."""

    def work(batch, tokens, update=1):
        sums = model.loss(
            batch.source,
            batch.source_lengths,
            batch.target_input,
            batch.target_output,
            smoothing=0.1,
            fixed_shapes=fixed_shapes,
        )
        loss = sums.loss / tokens
        (loss if scaler is None else scaler.scale(loss)).backward()
        return LossSums(sums.loss.detach(), sums.cross_entropy, sums.tokens)

    return work


def updates(model, step, accumulate=1, in_place=True):
    """Train on BATCHES; gives the losses, and each parameter at the end."""
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    losses = []
    for begin in range(0, len(BATCHES), accumulate):
        group = BATCHES[begin : begin + accumulate]
        torch.manual_seed(begin)
        tokens = sum(each.target_tokens for each in group)
        losses += [step(each, tokens).loss.double().cpu() for each in group]
        optimizer.step()
        optimizer.zero_grad(set_to_none=not in_place)
    return torch.stack(losses), {name: one.detach() for name, one in model.named_parameters()}
