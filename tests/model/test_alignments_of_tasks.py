"""Models that learn to copy and to reverse attend to the very token that they write, none beside
it: whatever the decoder's terms, alignments are not shifted.
"""

import numpy as np
import pytest
import torch
from tiny_model import APART, BAHDANAU, CONDITIONAL

from nmt.config.settings import ModelSettings
from nmt.data.batches import make_batch
from nmt.model.seq2seq import Seq2Seq

_VOCABULARY = 24
_UPDATES = 600

_GENERAL = {"attention__kind": "general"}
_DECODERS = {
    "luong, fed": _GENERAL,
    "bahdanau": BAHDANAU,
    "conditional": {**CONDITIONAL, "decoder__cell": "gru"},
    "previous state, apart": {**APART, "attention__query": "previous_state"},
    "source reversed": {**APART, **_GENERAL, "encoder__reverse_source": True},
    "multi head": {**APART, "attention__kind": "multi_head", "attention__heads": 2},
    "bottom asks": {
        **APART,
        "decoder__layers": 2,
        "attention__query_layer": "bottom",
        "attention__context": "upper_layers",
    },
}


def settings(changes):
    tree = {
        "embedding_size": 32,
        "encoder": {"hidden_size": 16},
        "decoder": {"hidden_size": 32},
        "attention": {},
    }
    for key, value in changes.items():
        section, name = key.split("__")
        tree[section][name] = value
    return ModelSettings.model_validate(tree)


def sentences(random, count, reverse):
    """Sources of different tokens, and their targets."""
    sources = [
        random.permutation(np.arange(4, _VOCABULARY))[: random.integers(3, 9)] for _ in range(count)
    ]
    return sources, [source[::-1] if reverse else source for source in sources]


def trained(changes, reverse, updates=_UPDATES):
    torch.manual_seed(1)
    random = np.random.default_rng(1)
    model = Seq2Seq(settings(changes), _VOCABULARY, _VOCABULARY)
    optimizer = torch.optim.Adam(model.parameters())
    for update in range(updates):
        optimizer.param_groups[0]["lr"] = 8e-3 * (1 - update / updates)
        batch = make_batch(*sentences(random, 48, reverse), np.arange(48))
        sums = model.loss(
            batch.source, batch.source_lengths, batch.target_input, batch.target_output, 0.0
        )
        optimizer.zero_grad()
        (sums.loss / sums.tokens).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()


@torch.no_grad()
def assert_exact(model, reverse):
    """On sentences that were not trained on: diagonals, or the other way."""
    sources, targets = sentences(np.random.default_rng(99), 40, reverse)
    batch = make_batch(sources, targets, np.arange(40))
    encoded = model.encode(batch.source, batch.source_lengths)
    weights = model.unroll(encoded, batch.target_input).weights
    for row, source in zip(weights.numpy(), sources, strict=True):
        places = np.arange(len(source))
        found = row[: len(source), : len(source)].argmax(1)
        assert found.tolist() == (places[::-1] if reverse else places).tolist()


@pytest.mark.parametrize("reverse", [pytest.param(False, marks=pytest.mark.slow), True])
def test_attention_all_at_once(reverse):
    assert_exact(trained({**APART, **_GENERAL}, reverse), reverse)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("decoder", "reverse"),
    [*((decoder, False) for decoder in _DECODERS), ("luong, fed", True), ("bahdanau", True)],
)
def test_every_decoder(decoder, reverse):
    assert_exact(trained(_DECODERS[decoder], reverse, 2 * _UPDATES), reverse)
