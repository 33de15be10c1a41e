"""Updates by recording and replay, with a recorder that does the work again instead of a GPU's."""

import os
import signal
from contextlib import contextmanager, nullcontext

import pytest
import torch
from recorded import BATCHES, BUDGET, LONG, SHORT, Again, batch, make_model, make_work, updates
from safetensors.torch import load_file

from nmt.config.settings.runtime import RuntimeSettings
from nmt.errors import ResourceError, StoppedBySignal, UsageError
from nmt.model.loss import LossSums
from nmt.runtime.device import prepare_runtime
from nmt.training import run as run_module
from nmt.training.cuda_graphs import CudaRecorder, GraphedStep, make_recorder
from nmt.training.run import train
from nmt.training.trainer import Trainer


def graphed(model, recorder, most=64):
    return GraphedStep(make_work(model), recorder, torch.device("cpu"), BUDGET, most)


@pytest.mark.parametrize("feeding", [True, False])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_updates_by_replay_are_plain_updates(feeding, accumulate):
    plain = make_model(input_feeding=feeding).double()
    expected = updates(plain, make_work(plain, fixed_shapes=False), accumulate, in_place=False)
    recorder, model = Again(), make_model(input_feeding=feeding).double()
    found = updates(model, graphed(model, recorder), accumulate)
    assert (recorder.runs, recorder.records, recorder.replays) == (3, 2, 5)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-12, atol=0)
    for name, parameter in expected[1].items():
        # Adam divides by the root of a gradient's square: what is nearly zero weighs more there.
        torch.testing.assert_close(found[1][name], parameter, rtol=1e-9, atol=1e-9)


def test_dropout_does_not_depend_on_what_has_been_recorded():
    """So a resumed run, which has recorded nothing yet, goes on as it would have."""
    plain = make_model(dropout=0.3)
    expected = updates(plain, lambda *arguments: graphed(plain, Again())(*arguments))
    model = make_model(dropout=0.3)
    found = updates(model, graphed(model, Again()))
    assert torch.equal(found[0], expected[0])
    assert all(torch.equal(found[1][name], one) for name, one in expected[1].items())


def test_gradients_are_added_to_where_they_lie():
    model = make_model()
    step = graphed(model, Again())
    step(BATCHES[0], 10)
    places = {name: one.grad.data_ptr() for name, one in model.named_parameters()}
    first = {name: one.grad.clone() for name, one in model.named_parameters()}
    step(BATCHES[0], 5)
    for name, one in model.named_parameters():
        assert one.grad.data_ptr() == places[name]
        torch.testing.assert_close(one.grad, 3 * first[name])


def test_sums_stay_what_they_were():
    step = graphed(make_model(), Again())
    step(BATCHES[0], 10)
    one = step(BATCHES[0], 10)
    before = one.loss.item(), one.cross_entropy.item()
    step(BATCHES[2], 10)
    assert (one.loss.item(), one.cross_entropy.item()) == before
    assert one.tokens == BATCHES[0].target_tokens


def test_a_recording_reads_the_same_tensors_each_time():
    seen = []

    def work(batch, tokens, update):
        seen.append((batch.source.data_ptr(), batch.target_output.data_ptr(), tokens.data_ptr()))
        return LossSums(batch.source.sum().double(), tokens.double(), 1)

    step = GraphedStep(work, Again(), torch.device("cpu"), BUDGET)
    sums = [step(each, tokens) for tokens, each in enumerate(BATCHES[:1] + BATCHES[2:4])]
    assert seen[1] == seen[2]
    padding = [3 * (8 - len(each.source)) for each in (BATCHES[0], *BATCHES[2:4])]
    expected = [int(each.source.sum()) for each in (BATCHES[0], *BATCHES[2:4])]
    assert [int(each.loss) for each in sums] == [
        one + other for one, other in zip(expected, padding, strict=True)
    ]
    assert [int(each.cross_entropy) for each in sums] == [0, 1, 2]


def test_the_shapes_that_come_most_often_are_kept():
    recorder = Again()
    step = graphed(make_model(), recorder, most=1)
    for chosen, recorded, replayed in (
        (SHORT, 0, 0),  # new
        (SHORT, 1, 1),
        (LONG, 1, 1),  # new
        (LONG, 1, 1),  # no commoner than the one that is kept
        (SHORT, 1, 2),
        (LONG, 1, 2),
        (LONG, 2, 3),  # commoner now
        (SHORT, 2, 3),
        (LONG, 2, 4),
    ):
        step(batch(*chosen), 10)
        assert (recorder.records, recorder.replays) == (recorded, replayed)


def test_a_step_that_overflows_is_passed_over():
    """As in float16: gradients are made finite and looked at outside of the recorded work."""

    def run(make_step):
        model = make_model()
        scaler = torch.amp.GradScaler("cpu", init_scale=1e38, backoff_factor=1e-36)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        step, scales = make_step(model, scaler), []
        for each in BATCHES[:4]:
            step(each, 1)
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=False)
            scales.append(scaler.get_scale())
        return scales, list(model.parameters())

    def replayed(model, scaler):
        return GraphedStep(make_work(model, scaler), Again(), torch.device("cpu"), BUDGET)

    expected, found = run(make_work), run(replayed)
    assert expected[0] == found[0] == pytest.approx([100.0] * 4)
    for one, other in zip(expected[1], found[1], strict=True):
        torch.testing.assert_close(one, other)


def test_a_recorder_only_where_it_is_asked_for_and_can_be(tiny, capsys):
    runtime = prepare_runtime(RuntimeSettings(device="cpu"))
    assert make_recorder(tiny().training, runtime) is None
    assert capsys.readouterr().err == ""
    assert make_recorder(tiny("training.cuda_graphs=true").training, runtime) is None
    assert "training.cuda_graphs: ignored, because the device is cpu" in capsys.readouterr().err


def test_what_cannot_be_captured_is_said(monkeypatch):
    @contextmanager
    def broken(*_, **__):
        try:
            yield
        finally:
            raise RuntimeError("capture failed")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: None)
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "graph", broken)
    recorder = object.__new__(CudaRecorder)
    recorder._device = recorder._stream = recorder._pool = None

    def fails(error):
        def work():
            raise error

        return work

    with pytest.raises(ResourceError) as refused:
        recorder.record(fails(RuntimeError("not permitted when stream is capturing\nCompile with")))
    assert "cannot be captured here (not permitted when stream is capturing)" in str(refused.value)
    with pytest.raises(torch.OutOfMemoryError):
        recorder.record(fails(torch.OutOfMemoryError("CUDA out of memory")))


def weights(run):
    return load_file(run.checkpoints / "step-00000008" / "model.safetensors")


@pytest.fixture
def recorder(monkeypatch):
    """Makes runs record and replay on the CPU."""
    again = Again()
    monkeypatch.setattr(run_module, "make_recorder", lambda *_: again)
    return again


def test_a_run_by_replay_is_a_plain_run(tiny, monkeypatch):
    dropouts = ("embedding_dropout", "encoder.dropout", "decoder.dropout", "output.dropout")
    options = ("training.cuda_graphs=true", *(f"model.{each}=0" for each in dropouts))
    plain = train(tiny(*options, name="plain"))
    assert "CUDA graphs" not in plain.log_text.read_text(encoding="utf-8")
    again, update, places = Again(), Trainer._complete_update, set()

    def watched(self, group):
        update(self, group)
        gradients = [parameter.grad for parameter in self.model.parameters()]
        assert not any(gradient.any() for gradient in gradients)
        places.add(tuple(gradient.data_ptr() for gradient in gradients))

    monkeypatch.setattr(run_module, "make_recorder", lambda *_: again)
    monkeypatch.setattr(Trainer, "_complete_update", watched)
    replayed = train(tiny(*options, name="replayed"))
    assert again.replays > 0
    assert again.runs + again.replays == 8
    assert len(places) == 1  # a graph writes to addresses
    assert ", CUDA graphs\n" in replayed.log_text.read_text(encoding="utf-8")
    one, two = weights(plain), weights(replayed)
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "overrides",
    [
        ("training.accumulate=2",),
        (
            "tokenizer.sampling.alpha=0.2",
            "runtime.precision=bfloat16",
            "training.teacher_forcing.ratio=0.5",
        ),
    ],
    ids=str,
)
def test_a_stopped_run_goes_on_exactly(tiny, monkeypatch, recorder, overrides):
    overrides = (*overrides, "training.cuda_graphs=true")
    whole = train(tiny(*overrides, name="whole"))
    assert recorder.replays > 0
    update = Trainer._complete_update

    def interrupted(self, group):
        update(self, group)
        if self.state.update in (3, 5):
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "_complete_update", interrupted)
    for _ in range(2):
        with pytest.raises(StoppedBySignal):
            train(tiny(*overrides, name="parts"))
    parts = train(tiny(*overrides, name="parts"))
    two = weights(parts)
    assert all(torch.equal(tensor, two[name]) for name, tensor in weights(whole).items())


def test_the_order_of_the_batches_depends_on_it(tiny):
    train(tiny("training.max_updates=4"))
    with pytest.raises(UsageError, match=r"training\.cuda_graphs cannot change during a run"):
        train(tiny("training.cuda_graphs=true"), resume=True)
