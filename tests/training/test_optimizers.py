"""Each optimizer lowers a loss, and its state survives a checkpoint bit for bit."""

import pytest
import torch
from torch import nn

from nmt.config.registry import OPTIMIZERS
from nmt.config.settings.training import OptimizerSettings
from nmt.evaluation.metrics import BestValidation
from nmt.runtime.device import Choices
from nmt.training.checkpoints import (
    TrainingState,
    load_state,
    load_tensors,
    newest_checkpoint,
    save_checkpoint,
)
from nmt.training.optimizers import make_optimizer

STATE = TrainingState(Choices("cpu", "float32", "highest"), {"train": "abc", "dev": "def"})


def make(kind):
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    settings = OptimizerSettings(kind=kind, learning_rate=0.05, momentum=0.5)
    return model, make_optimizer(model.parameters(), settings)


def update(model, optimizer):
    loss = (model(torch.ones(4, 3)) - torch.tensor([1.0, -2.0])).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@pytest.mark.parametrize("kind", OPTIMIZERS.names())
def test_it_learns(kind):
    model, optimizer = make(kind)
    losses = [update(model, optimizer) for _ in range(40)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("kind", OPTIMIZERS.names())
def test_a_checkpoint_continues_bit_for_bit(kind, tmp_path):
    model, optimizer = make(kind)
    for _ in range(5):
        update(model, optimizer)
    path = save_checkpoint(tmp_path, 2, model, optimizer, STATE)
    for _ in range(5):
        update(model, optimizer)
    other, other_optimizer = make(kind)
    load_tensors(path, other, other_optimizer)
    for _ in range(5):
        update(other, other_optimizer)
    assert torch.equal(model.weight, other.weight)
    assert torch.equal(model.bias, other.bias)


def test_state_comes_back_as_it_was(tmp_path):
    model, optimizer = make("adam")
    state = TrainingState(
        Choices("cpu", "bfloat16", "medium"),
        STATE.corpora,
        update=7,
        epoch=1,
        batch=3,
        seconds=1.5,
        schedule={"scale": 0.5},
        best={"bleu": BestValidation("bleu", 12.5, 6, 1)},
        stopping=BestValidation("loss", 2.0, 5, 2),
    )
    path = save_checkpoint(tmp_path, 2, model, optimizer, state)
    assert load_state(path) == state


def test_only_the_newest_are_kept(tmp_path):
    model, optimizer = make("sgd")
    for number in (1, 2, 3):
        save_checkpoint(
            tmp_path,
            2,
            model,
            optimizer,
            TrainingState(STATE.choices, STATE.corpora, update=number),
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000003"]


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "state"])
def test_a_damaged_checkpoint_is_named_and_passed_over(tmp_path, capsys, damage):
    model, optimizer = make("adam")
    update(model, optimizer)
    for number in (1, 2):
        save_checkpoint(
            tmp_path,
            2,
            model,
            optimizer,
            TrainingState(STATE.choices, STATE.corpora, update=number),
        )
    file = tmp_path / "step-00000002" / ("state.json" if damage == "state" else "model.safetensors")
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
        file.write_bytes(content)
    elif damage == "remove":
        file.unlink()
    else:
        file.write_bytes(content[:-3])
    assert newest_checkpoint(tmp_path) == tmp_path / "step-00000001"
    assert "step-00000002" in capsys.readouterr().err


def test_no_checkpoint_is_none(tmp_path):
    assert newest_checkpoint(tmp_path / "absent") is None
