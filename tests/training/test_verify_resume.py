"""The proof of an exact resume, where there is something to be found."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from nmt.errors import DataError, NmtError, UsageError
from nmt.runtime.run_directory import RunDirectory
from nmt.training import verify_resume as proof
from nmt.training.checkpoints import with_checksum
from nmt.training.run import train
from nmt.training.verify_resume import verify_resume


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where a run is kept, which is trained once."""
    return tmp_path_factory.mktemp("kept") / "whole"


@pytest.fixture
def two_runs(tiny, tmp_path, kept):
    """Two with the same results, after ten updates as the proof trains them."""
    if not kept.exists():
        shutil.copytree(train(tiny("training.max_updates=10")).path, kept)
    for name in ("whole", "parts"):
        shutil.copytree(kept, tmp_path / name)
    return RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "parts")


def test_the_same_is_found_the_same(two_runs):
    assert proof._compare(*two_runs) == {"model.safetensors": 23, "optimizer.safetensors": 69}


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors"])
def test_the_least_difference_of_a_tensor_is_found_and_named(two_runs, file):
    path = two_runs[1].checkpoints / "step-00000010" / file
    tensors = load_file(path)
    name = sorted(tensors)[3]
    flat = tensors[name].reshape(-1)
    flat[0] = torch.nextafter(flat[0], torch.tensor(9.0))
    save_file(tensors, path)
    with pytest.raises(NmtError, match=f"NOT exact.*\n?1 of .* tensors of {file} .{name}") as found:
        proof._compare(*two_runs)
    assert found.value.exit_code == 1


def test_averages_of_the_parameters_are_compared_too(two_runs):
    one, two = (run.checkpoints / "step-00000010" for run in two_runs)
    for path in (one, two):
        shutil.copy(path / "model.safetensors", path / "average.safetensors")
    assert proof._compare(*two_runs)["average.safetensors"] == 23
    save_file({}, two / "average.safetensors")
    with pytest.raises(NmtError, match=r"23 of 23 tensors of average\.safetensors"):
        proof._compare(*two_runs)


def test_several_processes_are_refused(tiny, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="--verify-resume: supports one process"):
        verify_resume(tiny())


def test_another_position_is_found_and_named(two_runs):
    state = two_runs[1].checkpoints / "step-00000010" / "state.json"
    record = proof.load_state(state.parent)
    text = state.read_text(encoding="utf-8").replace(f'"batch": {record.batch}', '"batch": 99')
    text = (
        text.replace('"format": 3', '"format": 1')
        .replace('"batch_size"', '"batch_tokens"')
        .replace('"checksum"', '"unsealed"')
    )
    state.write_text(text, encoding="utf-8")
    with pytest.raises(NmtError, match=f"batch: {record.batch} and 99"):
        proof._compare(*two_runs)


def test_speeds_that_were_measured_are_not_compared(two_runs):
    for run, speed in zip(two_runs, (100.0, 90.0), strict=True):
        file = run.checkpoints / "step-00000010" / "state.json"
        record = json.loads(file.read_text(encoding="utf-8"))
        record["state"]["choices"]["speeds"] = {"float32": speed}
        del record["checksum"]
        file.write_text(json.dumps(with_checksum(record)), encoding="utf-8")
    assert proof._compare(*two_runs)


def test_bits_are_compared_not_values():
    zero = torch.zeros(2)
    assert not proof._same_bits(zero, -zero)
    assert proof._same_bits(zero / zero, zero / zero)
    assert not proof._same_bits(zero, None)


def test_without_a_run_nothing_is_left_behind(tiny, tmp_path):
    (tmp_path / "train.fr").unlink()
    with pytest.raises(DataError, match=r"train\.fr"):
        verify_resume(tiny(name="runs/mine"))
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="processes are forked")
def test_it_is_exact(tiny, tmp_path, monkeypatch):
    """In forked processes, which begin sooner than new ones."""
    forking = proof.multiprocessing.get_context("fork")
    monkeypatch.setattr(proof.multiprocessing, "get_context", lambda kind: forking)
    said = verify_resume(tiny(name="runs/mine"))
    assert said.startswith(
        "exact: 10 updates, and 6 + kill -9 + resume to 10, give identical bits\n"
    )
    assert "23 tensors of weights, 69 of the optimizer, position (update 10" in said
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ("training.accumulate=2", "tokenizer.sampling.alpha=0.2"),
        ("training.schedule.kind=plateau", "training.schedule.patience=0"),
        ("runtime.precision=bfloat16", "training.schedule.kind=cosine"),
        ("training.patience=1", "training.batch_size=900", "training.ema=0.9"),
        ("training.max_updates=null", "training.max_epochs=1", "training.batch_size=null"),
    ],
    ids=str,
)
def test_it_is_exact_with_all_that_remembers_something(tiny, tmp_path, overrides):
    assert verify_resume(tiny(*overrides, name="runs/mine")).startswith("exact: 10 updates")
    assert list((tmp_path / "runs").iterdir()) == []
