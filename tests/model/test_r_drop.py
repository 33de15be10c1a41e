"""R-Drop: the loss of two passes against the paper's equations, and what it goes with."""

import pytest
import torch
from tiny_model import KINDS, PAIRS, batch_of, gradients, make_model

from nmt.data.buckets import to_bucket
from nmt.model.guidance import Guidance, cross_entropy

ALPHA = 3.0
SMOOTHING = 0.1
DROPPED = {
    "output__dropout": 0.4,
    "embedding_dropout": 0.3,
    "decoder__dropout": 0.2,
    "target_word_dropout": 0.2,
}
CHOSEN = ["luong", "no attention", "bahdanau", "conditional", "no bias"]


def tensors(batch):
    return batch.source, batch.source_lengths, batch.target_input, batch.target_output


def by_the_paper(log_p, log_q, targets):
    """Half of Liang et al. 2021, eq. 4, with smoothed labels, one token and one word at a time."""
    total = torch.zeros((), dtype=torch.float64)
    for i, row in enumerate(targets.tolist()):
        for t, word in enumerate(row):
            if word == 0:
                continue
            p, q = log_p[i, t], log_q[i, t]
            for one in (p, q):
                total = total - (1 - SMOOTHING) * one[word] - SMOOTHING * sum(one) / len(one)
            for v in range(len(p)):
                total = total + ALPHA / 2 * torch.exp(p[v]) * (p[v] - q[v])
                total = total + ALPHA / 2 * torch.exp(q[v]) * (q[v] - p[v])
    return total / 2


@pytest.mark.parametrize("kind", CHOSEN)
def test_values_and_gradients_equal_the_paper(kind):
    model = make_model(**KINDS[kind], **DROPPED).train()
    batch = batch_of(PAIRS)
    torch.manual_seed(5)
    sums = model.loss(*tensors(batch), smoothing=SMOOTHING, r_drop=ALPHA)
    found = gradients(model, sums.loss)
    torch.manual_seed(5)
    source, lengths, target_input, _ = (torch.cat((x, x)) for x in tensors(batch))
    encoded = model.encode(source, lengths)
    twice = model.log_probabilities(encoded, model.unroll(encoded, target_input))
    expected = by_the_paper(*twice.chunk(2), batch.target_output)
    wanted = gradients(model, expected)
    assert sums.tokens == batch.target_tokens
    assert sums.loss.item() == pytest.approx(expected.item(), rel=1e-10)
    real = batch.target_output != 0
    of_targets = [
        log_p.gather(2, batch.target_output.unsqueeze(2)).squeeze(2)[real].sum()
        for log_p in twice.chunk(2)
    ]
    assert sums.cross_entropy.item() == pytest.approx(-sum(of_targets).item() / 2, rel=1e-10)
    assert found.keys() == wanted.keys()
    scale = max(gradient.abs().max() for gradient in wanted.values())
    for name, gradient in wanted.items():
        assert (found[name] - gradient).abs().max() <= 1e-10 * scale, name


@pytest.mark.parametrize("fixed_shapes", [False, True])
def test_without_dropout_it_is_the_plain_loss(fixed_shapes):
    model = make_model(**KINDS["conditional"], **DROPPED).eval()
    batch = to_bucket(batch_of(PAIRS), 100) if fixed_shapes else batch_of(PAIRS)
    options = {"smoothing": SMOOTHING, "coverage": 0.3, "fixed_shapes": fixed_shapes}
    plain = model.loss(*tensors(batch), **options)
    twice = model.loss(*tensors(batch), **options, r_drop=ALPHA)
    assert twice.tokens == plain.tokens
    assert twice.loss.item() == pytest.approx(plain.loss.item(), rel=1e-12)
    assert twice.cross_entropy.item() == pytest.approx(plain.cross_entropy.item(), rel=1e-12)


def test_guidance_counts_once():
    model = make_model(**KINDS["conditional"], **DROPPED).eval()
    batch = batch_of(PAIRS)
    shares = torch.zeros(*batch.target_output.shape, batch.source.shape[1], dtype=torch.float64)
    shares[:, 0, 0] = 1.0
    guidance = Guidance(shares, 0.7, cross_entropy)
    plain = model.loss(*tensors(batch), guidance=guidance)
    twice = model.loss(*tensors(batch), guidance=guidance, r_drop=ALPHA)
    assert twice.loss.item() == pytest.approx(plain.loss.item(), rel=1e-12)
    assert twice.guided.item() == pytest.approx(plain.guided.item(), rel=1e-12)
