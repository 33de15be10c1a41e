"""The loss of an update is a mean over its target tokens, or over its sentence pairs."""

import json

import pytest
import torch
from safetensors.torch import load_file

from nmt.training.run import train

PLAIN = (
    "training.optimizer.kind=sgd",
    "training.optimizer.learning_rate=0.5",
    "training.clip_norm=0",
    "training.label_smoothing=0",
    "model.embedding_dropout=0",
    "model.output.dropout=0",
    "training.max_updates=1",
    "training.checkpoint.every_updates=1",
    "training.validation.every_updates=1",
    "training.batch_by=sentences",
    "training.batch_size=10",
)


LAST = "step-00000001"


@pytest.mark.parametrize("accumulate", [1, 2])
def test_by_sentences_a_step_is_longer_by_the_tokens_of_a_sentence(tiny, accumulate):
    more = (*PLAIN, f"training.accumulate={accumulate}")
    start = train(tiny(*more, "training.optimizer.learning_rate=1e-30", name="start"))
    first = load_file(start.checkpoints / LAST / "model.safetensors")
    steps = []
    for by in ("tokens", "sentences"):
        run = train(tiny(*more, f"training.normalize_loss={by}", name=by))
        last = load_file(run.checkpoints / LAST / "model.safetensors")
        steps.append(torch.cat([(last[key] - first[key]).flatten() for key in first]))
    record = json.loads((run.checkpoints / LAST / "state.json").read_text(encoding="utf-8"))
    ratio = record["state"]["target_tokens"] / (10 * accumulate)
    torch.testing.assert_close(steps[1], steps[0] * ratio, rtol=0.01, atol=1e-4)


def test_the_log_shows_the_loss_of_a_token_either_way(tiny):
    runs = [
        train(
            tiny(*PLAIN, f"training.normalize_loss={by}", "training.log_every_updates=1", name=by)
        )
        for by in ("tokens", "sentences")
    ]
    logs = [run.log_text.read_text(encoding="utf-8").split("\n") for run in runs]
    losses = [
        next(line for line in log if "update 1 " in line).split("loss")[1].split()[0]
        for log in logs
    ]
    assert losses[0] == losses[1]


def test_batches_by_sentences_do_not_change_by_resuming(tiny):
    settings = (
        "training.batch_by=sentences",
        "training.batch_size=10",
        "training.normalize_loss=sentences",
        "training.max_updates=6",
    )
    whole = train(tiny(*settings, name="whole"))
    train(tiny(*settings[:-1], "training.max_updates=4", name="parts"))
    parts = train(tiny(*settings, name="parts"), resume=True)
    weights = [
        load_file(max(run.checkpoints.glob("step-*")) / "model.safetensors")
        for run in (whole, parts)
    ]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
