"""Several processes that train one model: what they compute, how they stop and go on."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from nmt.errors import ResourceError, UsageError
from nmt.runtime.device import Choices, Runtime
from nmt.runtime.distributed import Ranks, SharedTexts, World
from nmt.runtime.run_directory import RunDirectory
from nmt.training.data_parallel import (
    RunStart,
    announce_start,
    await_start,
    check_equal_weights,
    check_one_gpu_each,
)
from nmt.training.run import train

PLAIN = {key: value for key, value in os.environ.items() if key != "NMT_MODEL"}
PLAIN |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
LONG = ("training.max_updates=40", "training.validation.every_updates=20")

# Like `nmt`, but its last rank does something to itself before an update of the first attempt.
_HURT = """\
import os, sys, time
from nmt.__main__ import main
from nmt.training.trainer import Trainer

shard, deed = Trainer._local_shard, sys.argv.pop(1)

def hurt(self, group):
    if self.state.update == 11 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        if os.environ["RANK"] == "1":
            time.sleep(1000) if deed == "hang" else os.kill(os.getpid(), int(deed))
    return shard(self, group)

Trainer._local_shard = hurt
main()
"""

# Like `nmt`, but the second batch of some updates, that of the last of two ranks, is a bad one:
# too large for memory, with a loss that is no number, with a gradient of which none is a number.
_FAULTY = """\
import os
from nmt.__main__ import main
from nmt.model.loss import LossSums
from nmt.training import recovery
from nmt.training.gradients import GradientAccumulator, LossStep
from nmt.training.trainer import Trainer

recovery._MAX_SKIPPED = int(os.environ.get("MOST_SKIPPED", 1))

step, seed, train = LossStep.__call__, GradientAccumulator._seed, Trainer.train
now = {}

def trained(self):
    now["state"] = self.state
    return train(self)

def noted(self, update, number):
    now["number"] = number
    seed(self, update, number)

def faulty(self, batch, divisor, update):
    update = update * now["number"]
    if update == 2 and len(batch.source) > 4:
        raise MemoryError
    sums = step(self, batch, divisor, update)
    if update == 3:
        return LossSums(sums.loss * float("nan"), sums.cross_entropy, sums.tokens)
    if update in (6, 7) and now["state"].rate_scale == 1.0:
        for parameter in self._model.parameters():
            parameter.grad.fill_(float("nan"))
    return sums

LossStep.__call__, GradientAccumulator._seed, Trainer.train = faulty, noted, trained
main()
"""

# A group in which an optimizer takes its first step, and what is left of the group then.
_LEAVES = """\
from pathlib import Path
import torch
from nmt.runtime.distributed import World, process_group
from nmt.runtime.distributed import Ranks

world = World.from_environment()
with process_group(world, torch.device("cpu")):
    parameter = torch.nn.Parameter(torch.zeros(3))
    parameter.grad = torch.ones(3)
    Ranks(world).all_reduce_tensors([parameter.grad])
    torch.optim.Adam([parameter]).step()
    assert any("gloo" in path.read_text() for path in Path("/proc/self/task").glob("*/comm"))
assert not any("gloo" in path.read_text() for path in Path("/proc/self/task").glob("*/comm"))
"""


@pytest.fixture
def faulty(tmp_path):
    script = tmp_path / "faulty.py"
    script.write_text(_FAULTY, encoding="utf-8")
    return str(script)


@pytest.fixture
def hurt(tmp_path):
    script = tmp_path / "hurt.py"
    script.write_text(_HURT, encoding="utf-8")
    return str(script)


@pytest.fixture
def command(tiny_config):
    """Makes what follows `python` or torchrun: `command("parts", "training.max_updates=6")`."""

    def make(name, *overrides):
        given = [f"run_dir={tiny_config.parent / name}", *overrides]
        return ["train", str(tiny_config), *(word for each in given for word in ("--set", each))]

    return make


def launch(*arguments):
    return start(*TWO, *arguments)


def start(*arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        env=PLAIN,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def weights(folder, update, kind="model"):
    return load_file(folder / "checkpoints" / f"step-{update:08d}" / f"{kind}.safetensors")


def records(folder, kind):
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def assert_equal(one, two, update, kind="model"):
    """To rounding: what is added up is added up in another order."""
    expected, found = weights(one, update, kind), weights(two, update, kind)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize(
    "settings",
    [(), pytest.param(("training.guided_alignment.aligner=hmm",), marks=pytest.mark.slow)],
    ids=str,
)
def test_two_processes_compute_what_one_does_at_twice_the_accumulation(
    tiny, command, tmp_path, capsys, settings
):
    """Over the end of an epoch (15 batches), where the last update has a batch for one alone; then
    one process goes on with what two have begun.
    """
    one = train(
        tiny(*settings, "training.accumulate=2", "training.max_updates=12", name="one")
    ).path
    done = launch("-m", "nmt", *command("two", *settings))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "2 processes" in done.stderr
    assert done.stderr.count("validation at update 4") == 1
    two = tmp_path / "two"
    for kind, keys in (("train", ("loss", "gradient_norm")), ("validation", ("loss", "chrf"))):
        theirs = records(two, kind)
        mine = [record for record in records(one, kind) if record["update"] <= 8]
        for a, b in zip(mine, theirs, strict=True):
            assert [b[key] for key in keys] == pytest.approx([a[key] for key in keys], rel=1e-4)
    with pytest.raises(UsageError, match=r"training\.accumulate +2 +1\n"):
        train(tiny(*settings, name="two"))
    train(tiny(*settings, "training.accumulate=2", name="two"))
    assert "Nothing to do" in capsys.readouterr().err
    train(
        tiny(*settings, "training.accumulate=2", "training.max_updates=12", name="two"), resume=True
    )
    assert_equal(one, two, 12)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the names of threads in /proc")
def test_no_thread_of_the_group_outlives_it(tmp_path):
    """One that did could abort the interpreter that ends beneath it, after all was done well."""
    script = tmp_path / "leaves.py"
    script.write_text(_LEAVES, encoding="utf-8")
    done = launch(str(script))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_fault_of_one_rank_is_met_by_all_as_one_process_meets_it(faulty, command, tmp_path):
    """It is done in parts, left out, and gone back from; the average goes with it."""
    faults = ("training.on_divergence=rollback", "training.ema=0.9")
    alone = start(faulty, *command("one", *faults, "training.accumulate=2"))
    assert alone.returncode == 0, alone.stderr
    together = launch(faulty, *command("two", *faults))
    assert (together.returncode, together.stdout) == (0, ""), together.stderr
    one, two = tmp_path / "one", tmp_path / "two"
    assert [record["update"] for record in records(one, "out_of_memory")] == [2]
    for kind, keys in (
        ("skipped_update", ("update", "in_a_row", "lines")),
        ("rollback", ("update", "fault", "back_to", "rate_scale")),
    ):
        theirs, mine = records(two, kind), records(one, kind)
        assert [[each[key] for key in keys] for each in theirs] == [
            [each[key] for key in keys] for each in mine
        ]
        assert theirs
    assert [(each["fault"], each["back_to"]) for each in records(two, "rollback")] == [(7, 4)]
    assert together.stderr.count("It is skipped") == len(records(two, "skipped_update")) == 2
    assert together.stderr.count("Rolling back to update 4") == 1
    for kind in ("model", "average"):
        assert_equal(one, two, 8, kind)


@pytest.mark.slow
def test_a_fault_of_one_rank_that_ends_training_is_told_once(faulty, command, monkeypatch):
    monkeypatch.setitem(PLAIN, "MOST_SKIPPED", "0")
    done = launch(faulty, *command("two"))
    assert done.returncode == 1
    assert done.stderr.count("nmt: error:") == 1, done.stderr
    assert "nmt: error: the loss or gradient of update 3 is not a finite number" in done.stderr


@pytest.fixture
def whole(tiny):
    """What one undisturbed process comes to."""
    return train(tiny("training.accumulate=2", *LONG, name="whole")).path


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_rank_that_dies_ends_all_and_the_same_command_goes_on(hurt, command, whole, tmp_path):
    done = launch(hurt, str(signal.SIGKILL.value), *command("parts", *LONG))
    assert done.returncode == 1
    assert done.stderr.count("nmt: error:") == 1, done.stderr
    assert "nmt: error: after update 11: rank 1 of 2 no longer responds" in done.stderr
    again = launch("-m", "nmt", *command("parts", *LONG))
    assert again.returncode == 0, again.stderr
    assert "resuming from update 10" in again.stderr
    assert_equal(whole, tmp_path / "parts", 40)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_torchrun_starts_anew_and_goes_on_by_itself(hurt, command, whole, tmp_path):
    """Even where --restart was asked for: that is done once."""
    (tmp_path / "parts").mkdir()
    given = ("--max-restarts", "1", hurt, str(signal.SIGKILL.value))
    done = launch(*given, *command("parts", *LONG), "--restart")
    assert done.returncode == 0, done.stderr
    assert "resuming from update 10" in done.stderr
    assert_equal(whole, tmp_path / "parts", 40)


@pytest.mark.slow
def test_a_rank_that_hangs_ends_all_within_the_timeout(hurt, command):
    done = launch(hurt, "hang", *command("parts", *LONG, "training.rank_timeout=5s"))
    assert done.returncode == 1
    assert "nmt: error: after update 11: rank 1 of 2 no longer responds" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
def test_a_signal_to_torchrun_stops_all_at_one_update_with_a_save(command, tiny, tmp_path):
    many = ("training.max_updates=600", "training.validation.every_updates=600")
    parts = tmp_path / "parts"
    process = subprocess.Popen(
        [sys.executable, *TWO, "-m", "nmt", *command("parts", *many)],
        env=PLAIN,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    while process.poll() is None and not list(parts.glob("checkpoints/step-*")):
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=120)
    newest = max((parts / "checkpoints").iterdir()).name
    update = int(newest.removeprefix("step-"))
    assert update < 600, "it ended before the signal came; nothing was tested"
    assert f"nmt: stopped by a signal at update {update}; everything is saved." in told
    assert told.count("nmt:") == 1, told
    train(tiny("training.accumulate=2", *many, name="parts"))
    whole = train(tiny("training.accumulate=2", *many, name="whole")).path
    assert_equal(whole, parts, 600)


@pytest.mark.parametrize(
    ("local_size", "device", "told"),
    [
        (3, "cuda:1", "3 processes on a machine with 2 GPUs"),
        (2, "cuda:0", "cuda:0 is one GPU, but process 1 of this machine needs its own"),
    ],
)
def test_a_gpu_is_not_shared(monkeypatch, local_size, device, told):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    runtime = Runtime(torch.device(device), Choices("cuda", "float32", "highest", 1))
    with pytest.raises(UsageError, match=told):
        check_one_gpu_each(World(1, local_size, 1, local_size, launched=True), runtime)
    check_one_gpu_each(World(), runtime)


def announced(monkeypatch, start):
    """What the first of two processes leaves is what the other finds."""
    left = {}
    monkeypatch.setattr(SharedTexts, "__init__", lambda self, world: None)
    monkeypatch.setattr(SharedTexts, "set", lambda self, name, text: left.update({name: text}))
    monkeypatch.setattr(SharedTexts, "get", lambda self, name: left.get(name))
    announce_start(World(0, 2), start)


def test_what_the_first_process_decides_is_what_the_others_do(tiny, monkeypatch):
    config = tiny()
    run = RunDirectory(config.run_dir)
    start = RunStart(config, Choices("cpu", "float32", "medium"), "step-00000004")
    announced(monkeypatch, start)
    with pytest.raises(UsageError, match="a file system that all machines share"):
        await_start(config, run)
    run.path.mkdir()
    run.config_file.touch()
    assert await_start(config, run) == start
    with pytest.raises(UsageError, match=r"different settings from rank 0: seed \(1, here 2\)"):
        await_start(tiny("seed=2"), run)
    announced(monkeypatch, None)
    assert await_start(config, run) is None


@pytest.mark.parametrize("rank", [0, 1])
def test_other_weights_to_begin_with_are_refused(monkeypatch, rank):
    """The first rank tells of it, the others end silently."""
    theirs, mine = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    seen = []
    monkeypatch.setattr(Ranks, "gather", lambda self, text: seen.append(text) or [text, *seen])
    ranks = Ranks(World())
    ranks.rank, ranks.size = rank, 2
    check_equal_weights(ranks, theirs)
    with pytest.raises(ResourceError) as refused:
        check_equal_weights(ranks, mine)
    assert refused.value.message.startswith("rank 1 has other initial weights" if rank == 0 else "")
    assert bool(refused.value.message) == (rank == 0)
