"""Saves that the disk refuses to the first of several ranks: all go on alike, or all end."""

import json
import os
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from nmt.errors import ResourceError
from nmt.runtime.distributed import SINGLE_PROCESS
from nmt.training.checkpoints import save_or_warn
from nmt.training.training_log import WorkerLog


class Two:
    """The first of two ranks, of which the other tells `theirs`."""

    def __init__(self, theirs):
        self.theirs = theirs

    def all_reduce_min(self, number):
        return min(number, self.theirs)


def refused():
    raise ResourceError("the disk: cannot be written.")


@pytest.mark.parametrize(
    ("save", "ranks", "saved"),
    [
        (list, SINGLE_PROCESS, True),
        (refused, SINGLE_PROCESS, False),
        (list, Two(1), True),
        (refused, Two(1), False),
        (list, Two(0), False),
    ],
)
def test_all_ranks_hear_whether_all_have_saved(save, ranks, saved, capsys):
    assert save_or_warn(save, "the checkpoint", 3, WorkerLog(1), ranks) is saved
    assert capsys.readouterr().err.count("NOT SAVED: the checkpoint of update 3") == (
        save is refused
    )


# Like `nmt`, but at some updates nothing can be saved; argument 2: after which a signal comes.
_FULL = """\
import json, os, signal, sys
from nmt.__main__ import main
from nmt.errors import ResourceError
from nmt.training import best_bundle, checkpoints, trainer

full, stop = json.loads(sys.argv.pop(1)), int(sys.argv.pop(1))
update, now = trainer.Trainer._complete_update, [0]

def counted(self, group):
    update(self, group)
    now[0] = self.state.update
    if now[0] == stop and self.ranks.rank == 1:
        os.kill(os.getpid(), signal.SIGTERM)

def failing(works):
    def write(*arguments):
        if now[0] in full:
            raise ResourceError("the disk: cannot be written: No space left on device.")
        return works(*arguments)
    return write

trainer.Trainer._complete_update = counted
checkpoints.write_tensors = failing(checkpoints.write_tensors)
best_bundle.save_bundle = failing(best_bundle.save_bundle)
main()
"""


@pytest.fixture
def train_two(tiny_config, tmp_path):
    """Train with two processes, 8 updates with a checkpoint after each."""
    script = tmp_path / "full.py"
    script.write_text(_FULL, encoding="utf-8")
    plain = {key: value for key, value in os.environ.items() if key != "NMT_MODEL"}

    def run(name, full, stop=0):
        given = [f"run_dir={tmp_path / name}", "training.checkpoint.every_updates=1"]
        given += ["training.max_updates=8", "training.rank_timeout=60s"]
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        command = [script, json.dumps(full), str(stop), "train", tiny_config]
        command += [word for each in given for word in ("--set", each)]
        return subprocess.run(
            [sys.executable, *launcher, *map(str, command)],
            env={**plain, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    return run


def tensors(folder):
    path = folder / "checkpoints" / "step-00000008"
    return {file.name: load_file(file) for file in path.glob("*.safetensors")}


@pytest.mark.slow
def test_all_ranks_go_on_alike_without_what_the_first_could_not_save(train_two, tmp_path):
    assert train_two("whole", []).returncode == 0
    done = train_two("parts", [3, 4, 5])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("NOT SAVED: the checkpoint") == 3
    assert done.stderr.count("NOT SAVED: the best model") == 1
    one, two = tensors(tmp_path / "whole"), tensors(tmp_path / "parts")
    assert one.keys() == two.keys() != set()
    for name, group in one.items():
        assert group.keys() == two[name].keys()
        assert all(group[key].equal(two[name][key]) for key in group)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize(
    ("full", "stop", "told"),
    [([8], 0, "No space left"), ([5], 5, "No space left"), ([4, 8], 0, "could not be written")],
    ids=["last", "signal", "model"],
)
def test_a_save_that_must_not_be_missed_ends_all_ranks(train_two, full, stop, told):
    done = train_two("parts", full, stop)
    assert done.returncode == 1
    errors = done.stderr.split("nmt: error:")[1:]
    assert any(told in error.split("\n")[0] for error in errors), done.stderr
    assert "everything is saved" not in done.stderr
    again = train_two("parts", [])
    assert again.returncode == 0, again.stderr
