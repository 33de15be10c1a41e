"""The loss of padded batches whose shapes are all that is known of them: what CUDA graphs need."""

from contextlib import nullcontext

import pytest
import torch
from tiny_model import KINDS, PAIRS, batch_of, each_kind, gradients, make_model

from nmt.data.batches import pad_to_bucket


def loss(model, batch, device="cpu", **options):
    tensors = (batch.source, batch.source_lengths, batch.target_input, batch.target_output)
    inputs = [tensor.to(device) for tensor in tensors]
    return model.loss(*inputs, smoothing=0.1, coverage=0.5, **options)


@each_kind
def test_padding_changes_nothing(kind):
    model = make_model(**KINDS[kind])
    plain = loss(model, batch_of(PAIRS))
    expected = gradients(model, plain.loss)
    bucket = pad_to_bucket(batch_of(PAIRS), 100)
    assert bucket.target_output.shape == (12, 8)
    padded = loss(model, bucket, fixed_shapes=True)
    found = gradients(model, padded.loss)
    assert padded.tokens == plain.tokens == bucket.target_tokens
    assert padded.loss.item() == pytest.approx(plain.loss.item(), rel=1e-12)
    assert padded.cross_entropy.item() == pytest.approx(plain.cross_entropy.item(), rel=1e-12)
    assert found.keys() == expected.keys()
    scale = max(gradient.abs().max() for gradient in expected.values())
    for name, gradient in expected.items():
        assert (found[name] - gradient).abs().max() <= 1e-12 * scale, name


@pytest.fixture
def no_autocast(monkeypatch):
    """The meta device knows none."""
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda *_: False)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())


def on_meta(kind, **options):
    """Forward and backward where tensors have shapes but no values, in training, with dropout."""
    rates = {"embedding_dropout": 0.1, "decoder__dropout": 0.1, "target_word_dropout": 0.1}
    model = make_model(**{**KINDS[kind], **rates}).to("meta").train()
    loss(model, batch_of([([5, 6], [4, 9]), ([], [])]), "meta", **options).loss.backward()
    return model


@each_kind
def test_no_value_is_looked_at(no_autocast, kind):
    """Neither to choose what to do nor for a shape: on the meta device there is none to be seen."""
    model = on_meta(kind, fixed_shapes=True)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_nor_by_the_kernel_of_a_conditional_gru(no_autocast, monkeypatch):
    cells = {"encoder__cell": "gru", "decoder__cell": "gru"}
    monkeypatch.setitem(KINDS, "conditional gru", {**KINDS["conditional"], **cells})
    model = on_meta("conditional gru", fixed_shapes=True)
    assert model.decoder._uses_conditional_gru_kernel()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_nor_with_scheduled_sampling(no_autocast):
    on_meta("luong", fixed_shapes=True, teacher_forcing=0.5)


def test_but_the_tokens_cannot_be_picked_out_unseen(no_autocast):
    with pytest.raises(NotImplementedError):
        on_meta("luong")
