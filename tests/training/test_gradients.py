"""Batches that do not fit: parts with the gradients of the whole, in reproducible runs."""

import numpy as np
import pytest
import torch
from recorded import batch, make_model, make_work
from test_training import assert_same_weights, records, weights

from nmt.console import say
from nmt.errors import ResourceError, is_out_of_memory
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.run_directory import RunDirectory
from nmt.training.gradients import GradientAccumulator, split_batch
from nmt.training.run import train
from nmt.training.training_log import TrainingLog

LENGTHS = ((3, 5), (6, 2), (4, 4), (9, 3), (2, 12), (5, 5), (1, 1))


def out_of_memory():
    raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")


WEIGHTLESS = torch.nn.Module()
"""A model without gradients to clear."""


def limited(work, sentences, after_backward=False):
    """The work, for which more sentences are too many: at the beginning, or when the gradients of
    some of them are there already.
    """

    def step(batch, tokens, update):
        if len(batch.pairs) <= sentences:
            return work(batch, tokens, update)
        if after_backward:
            work(split_batch(batch, 2)[0], tokens, update)
        return out_of_memory()

    return step


def gradients(model):
    return {name: one.grad.clone() for name, one in model.named_parameters()}


@pytest.fixture
def log(tmp_path):
    (tmp_path / "run").mkdir()
    return TrainingLog(RunDirectory(tmp_path / "run"), tensorboard=False)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_parts_are_the_batch(parts):
    whole = batch(*LENGTHS)
    split = split_batch(whole, parts)
    assert len(split) == parts
    assert np.array_equal(np.concatenate([part.pairs for part in split]), whole.pairs)
    assert sum(part.target_tokens for part in split) == whole.target_tokens
    row = 0
    for part in split:
        assert part.source.shape[1] == part.source_lengths.max()
        for source, length, before, after in zip(
            part.source, part.source_lengths, part.target_input, part.target_output, strict=True
        ):
            assert torch.equal(source[:length], whole.source[row, :length])
            assert length == whole.source_lengths[row]
            assert torch.equal(before, whole.target_input[row, : len(before)])
            assert torch.equal(after, whole.target_output[row, : len(after)])
            assert not whole.target_output[row, len(after) :].any()
            row += 1


@pytest.mark.parametrize("feeding", [True, False])
@pytest.mark.parametrize("sentences", [1, 2, 4])
@pytest.mark.parametrize("after_backward", [False, True])
def test_parts_have_the_gradient_of_the_whole(log, feeding, sentences, after_backward):
    group = [batch((2, 3), seed=1), batch(*LENGTHS, seed=2), batch(*LENGTHS[:3], seed=3)]
    tokens = sum(each.target_tokens for each in group)
    plain = make_model(input_feeding=feeding).double()
    expected = [make_work(plain, fixed_shapes=False)(each, tokens) for each in group]
    model = make_model(input_feeding=feeding).double()
    step = limited(make_work(model, fixed_shapes=False), sentences, after_backward)
    accumulator = GradientAccumulator(model, step, step, 0, log)
    found = accumulator.accumulate(list(enumerate(group)), tokens, 5)
    torch.testing.assert_close(found.loss, sum(each.loss for each in expected))
    torch.testing.assert_close(found.cross_entropy, sum(each.cross_entropy for each in expected))
    assert found.tokens == tokens
    for name, gradient in gradients(plain).items():
        torch.testing.assert_close(gradients(model)[name], gradient, rtol=1e-10, atol=1e-14)


def test_a_failed_attempt_leaves_nothing_when_memory_gives_out_inside_backward(log, monkeypatch):
    """The steps' parts of gathered gradients, too, are those of the last attempt alone."""
    whole = batch(*LENGTHS)
    plain, model = make_model().double(), make_model().double()
    make_work(plain, fixed_shapes=False)(whole, 10)
    work = make_work(model, fixed_shapes=False)
    embedding = dict(model.named_parameters())["source_embedding.weight"]
    failures = []

    def fail_once(gradient):
        if not failures:
            failures.append(True)
            out_of_memory()
        return gradient

    embedding.register_hook(fail_once)
    GradientAccumulator(model, work, work, 0, log).accumulate([(0, whole)], 10, 1)
    assert failures
    for name, gradient in gradients(plain).items():
        torch.testing.assert_close(gradients(model)[name], gradient, rtol=1e-10, atol=1e-14)


def test_each_batch_has_the_dropout_of_its_number_in_the_update(log):
    """Done again too, in whatever parts, and on whatever rank; a rank may have none."""
    drawn = []

    def step(batch, tokens, update):
        drawn.append((len(batch.pairs), float(torch.rand(()))))
        return make_work(make_model())(batch, tokens)

    seeded = GradientAccumulator(WEIGHTLESS, step, limited(step, 4), 0, log)
    group = list(enumerate([batch(*LENGTHS[:3]), batch(*LENGTHS), batch(*LENGTHS[:2])]))
    seeded.accumulate(group, 10, 1)
    whole = drawn.copy()
    drawn.clear()
    scarce = GradientAccumulator(WEIGHTLESS, limited(step, 4), limited(step, 4), 0, log)
    scarce.accumulate(group, 10, 1)
    assert [count for count, _ in drawn] == [3, 3, 3, 4, 2]
    assert drawn[0] == drawn[1] == whole[0]
    assert drawn[2][1] == whole[1][1]
    assert drawn[4] == whole[2]
    drawn.clear()
    seeded.accumulate(group[2:], 10, 1)
    assert drawn == [whole[2]]
    assert float(seeded.accumulate([], 10, 1).loss) == 0.0


def test_without_trouble_every_batch_is_done_once(log):
    calls = []

    def step(batch, tokens, update):
        calls.append(len(batch.pairs))
        return make_work(make_model())(batch, tokens)

    class Never(torch.nn.Module):
        def zero_grad(self, set_to_none=True):
            raise AssertionError("nothing is to be done again")

    def never(batch, tokens, update):
        raise AssertionError("nothing is to be done again")

    group = [batch(*LENGTHS), batch(*LENGTHS[:2])]
    GradientAccumulator(Never(), step, never, 0, log).accumulate(list(enumerate(group)), 10, 1)
    assert calls == [7, 2]
    assert not log._text.exists()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("could not create a primitive descriptor for a matmul"), False),
    ],
    ids=repr,
)
def test_what_counts_as_out_of_memory(error, expected):
    assert is_out_of_memory(error) == expected


def test_other_errors_are_left_as_they_are(log):
    def broken(batch, tokens, update):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        GradientAccumulator(WEIGHTLESS, broken, broken, 0, log).accumulate(
            [(0, batch(*LENGTHS))], 10, 1
        )


def test_a_sentence_that_does_not_fit_is_an_error(log):
    work = limited(make_work(make_model()), 0)
    with pytest.raises(
        ResourceError, match=r"update 7: .*of 7 sentences of up to 10 source and 13"
    ):
        GradientAccumulator(WEIGHTLESS, work, work, 0, log).accumulate(
            [(0, batch(*LENGTHS))], 10, 7
        )


def test_it_says_what_did_not_fit_and_then_what_to_lower(log, capsys):
    work = limited(make_work(make_model()), 2)
    accumulator = GradientAccumulator(WEIGHTLESS, work, work, 0, log)
    for update in (1, 2, 3, 4):
        say(f"-- {update}")
        accumulator.accumulate([(0, batch(*LENGTHS))], 10, update)
    told = capsys.readouterr().err
    assert told.count("computed it in 4 parts with the same gradient") == 4
    assert told.count("training.batch_size") == 1
    assert told.index("-- 3") < told.index("training.batch_size") < told.index("-- 4")
    assert "warning: update 4: out of memory" in log._text.read_text(encoding="utf-8")


@pytest.fixture
def scarce(monkeypatch):
    """Memory for so many sentences in a step."""

    def allow(sentences):
        loss = Seq2Seq.loss

        def limited_loss(self, source, *arguments, **named):
            if self.training and len(source) > sentences:
                out_of_memory()
            return loss(self, source, *arguments, **named)

        monkeypatch.setattr(Seq2Seq, "loss", limited_loss)

    return allow


NO_DROPOUT = tuple(
    f"model.{part}=0"
    for part in ("embedding_dropout", "encoder.dropout", "decoder.dropout", "output.dropout")
)


def test_a_run_with_little_memory_learns_the_same(tiny, scarce):
    options = (*NO_DROPOUT, "training.accumulate=2")
    whole = train(tiny(*options, name="whole"))
    scarce(12)
    parts = train(tiny(*options, name="parts"))
    events = records(parts, "out_of_memory")
    assert {"update", "parts", "sentences", "source_length", "target_length"} <= events[0].keys()
    assert all(event["sentences"] > 12 for event in events)
    assert "training.batch_size" in parts.log_text.read_text(encoding="utf-8")
    for name, tensor in weights(whole, 8).items():
        torch.testing.assert_close(weights(parts, 8)[name], tensor, rtol=1e-3, atol=1e-4)
    for one, two in zip(records(whole, "train"), records(parts, "train"), strict=True):
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-4)


def test_with_dropout_too_it_is_reproducible_and_goes_on_exactly(tiny, scarce):
    scarce(12)
    whole = train(tiny(name="whole"))
    train(tiny("training.max_updates=6", name="parts"))
    parts = train(tiny(name="parts"), resume=True)
    assert records(whole, "out_of_memory")
    assert_same_weights(whole, parts, 8)
