"""Parameters without a gradient: the others' gradients stay what they were."""

import torch
from tiny_model import KINDS, PAIRS, batch_loss, each_kind, gradients, make_model


@each_kind
def test_the_gradients_of_the_others_do_not_change(kind):
    model = make_model(**KINDS[kind])
    expected = gradients(model, batch_loss(model, PAIRS, smoothing=0.1).loss)
    named = dict(model.named_parameters())
    for start in (0, 1):
        frozen = list(named)[start::2]
        for name, parameter in named.items():
            parameter.requires_grad_(name not in frozen)
        found = gradients(model, batch_loss(model, PAIRS, smoothing=0.1).loss)
        assert found.keys() == expected.keys() - set(frozen)
        for name, gradient in found.items():
            torch.testing.assert_close(gradient, expected[name], rtol=1e-12, atol=1e-14)
