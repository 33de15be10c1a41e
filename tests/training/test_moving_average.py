"""The moving average of the parameters against a loop over Python's numbers, and in whole runs."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from nmt.bundles.bundle import load_bundle
from nmt.errors import ModelError
from nmt.training.checkpoints import newest_checkpoint
from nmt.training.moving_average import MovingAverage
from nmt.training.run import train
from nmt.training.trainer import Trainer

EMA = "training.ema=0.9"


def plain_average(values, decay):
    """values: of one number, first before training, then after updates 1, 2, ..."""
    average = values[0]
    for update, value in enumerate(values[1:], start=1):
        d = min(decay, (1 + update) / (10 + update))
        average = d * average + (1 - d) * value
    return average


@pytest.mark.parametrize("decay", [0.1, 0.5, 0.999])
def test_it_is_the_equation(decay):
    torch.manual_seed(1)
    model = nn.Linear(3, 2).double()
    average = MovingAverage(model, decay)
    seen = [[p.detach().clone() for p in model.parameters()]]
    for update in range(1, 41):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.update(update)
        seen.append([p.detach().clone() for p in model.parameters()])
    for place, found in enumerate(average.tensors().values()):
        for number, value in enumerate(found.flatten().tolist()):
            history = [step[place].flatten()[number].item() for step in seen]
            assert value == pytest.approx(plain_average(history, decay), rel=1e-12, abs=1e-14)


def test_what_does_not_change_is_its_own_average():
    model = nn.Linear(3, 2)
    average = MovingAverage(model, 0.7)
    for update in range(1, 20):
        average.update(update)
    for name, parameter in model.named_parameters():
        assert torch.equal(average.tensors()[name], parameter)


def test_in_place_the_model_has_the_averages_and_then_its_own_again():
    model = nn.Linear(3, 2)
    average = MovingAverage(model, 0.5)
    with torch.no_grad():
        model.weight.add_(1.0)
    average.update(1)
    trained, place = model.weight.detach().clone(), model.weight.data_ptr()
    with pytest.raises(RuntimeError, match="inside"), average.in_place():
        assert torch.equal(model.weight, average.tensors()["weight"])
        assert not torch.equal(model.weight, trained)
        raise RuntimeError("inside")
    assert torch.equal(model.weight, trained)
    assert model.weight.data_ptr() == place


def test_averages_of_another_model_are_refused(tmp_path):
    average = MovingAverage(nn.Linear(3, 2), 0.5)
    with pytest.raises(ModelError, match="weight is"):
        average.load(MovingAverage(nn.Linear(4, 2), 0.5).tensors(), tmp_path)


def test_training_is_what_it_would_have_been_and_the_bundle_has_the_average(tiny):
    plain = train(tiny(name="plain"))
    averaged = train(tiny(EMA, "training.metric=loss", name="averaged"))
    one, two = (file(run, "model") for run in (plain, averaged))
    assert all(torch.equal(one[name], two[name]) for name in one)
    average = file(averaged, "average")
    in_bundle = load_file(averaged.best / "model.safetensors")
    facts = json.loads((averaged.best / "bundle.json").read_text(encoding="utf-8"))["training"]
    assert facts["updates"] == 8
    assert "decay 0.9" in facts["weights"]
    assert all(torch.equal(average[name], in_bundle[name]) for name in average)
    assert not all(torch.equal(average[name], two[name]) for name in average)
    losses = [validation_loss(run) for run in (plain, averaged)]
    assert losses[0] != losses[1]
    load_bundle(averaged.best, torch.device("cpu"))


def test_it_goes_on_exactly_and_is_guarded_by_its_checksum(tiny, monkeypatch, capsys):
    settings = (EMA, "training.accumulate=2", "runtime.precision=bfloat16")
    whole = train(tiny(*settings, name="whole"))
    update = Trainer._complete_update

    def crashing(self, group):
        if self.state.update == 5:
            raise RuntimeError("power cut")
        update(self, group)

    monkeypatch.setattr(Trainer, "_complete_update", crashing)
    with pytest.raises(RuntimeError, match="power cut"):
        train(tiny(*settings, name="parts"))
    monkeypatch.undo()
    parts = train(tiny(*settings, name="parts"))
    for kind in ("model", "average", "optimizer"):
        one, two = file(whole, kind), file(parts, kind)
        assert one.keys() == two.keys()
        assert all(torch.equal(one[name], two[name]) for name in one), kind
    assert validation_loss(whole) == validation_loss(parts)
    newest = newest_checkpoint(parts.checkpoints)
    damaged = newest / "average.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x01")
    assert newest_checkpoint(parts.checkpoints).name == "step-00000006"
    assert "average.safetensors: its checksum differs" in capsys.readouterr().err


def test_it_may_be_begun_and_ended_when_a_run_goes_on(tiny):
    run = train(tiny("training.max_updates=2"))
    train(tiny(EMA, "training.max_updates=4"), resume=True)
    assert (run.checkpoints / "step-00000004" / "average.safetensors").is_file()
    train(tiny("training.max_updates=6"), resume=True)
    assert not (run.checkpoints / "step-00000006" / "average.safetensors").exists()


def file(run, kind, update=8):
    return load_file(run.checkpoints / f"step-{update:08d}" / f"{kind}.safetensors")


def validation_loss(run):
    lines = run.log_records.read_text(encoding="utf-8").split("\n")[:-1]
    return [r["loss"] for r in map(json.loads, lines) if r["kind"] == "validation"][-1]
