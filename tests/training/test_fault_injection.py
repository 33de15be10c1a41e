"""Runs that are killed, damaged or out of disk: the next one goes on or says what is wrong, and the
weights at the end are those of an undisturbed run, bit for bit.
"""

import os
import random
import shutil
import subprocess
import sys
import time

import pytest
from faults import KILLED, Instants, die, kill_after, run
from safetensors.torch import load_file

from nmt.errors import ModelError, ResourceError, UsageError
from nmt.runtime.run_directory import RunDirectory
from nmt.training import best_bundle, checkpoints
from nmt.training.run import train
from nmt.training.trainer import Trainer

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked and killed")

LAST = 8
OFTEN = ("training.checkpoint.every_updates=1", f"training.max_updates={LAST}")


def files_of(run_directory):
    path = run_directory.checkpoints / f"step-{LAST:08d}"
    return {file.name: load_file(file) for file in path.glob("*.safetensors")}


def assert_same_end(one, other):
    tensors, others = files_of(one), files_of(other)
    assert tensors.keys() == others.keys() == {"model.safetensors", "optimizer.safetensors"}
    for name in tensors:
        assert tensors[name].keys() == others[name].keys()
        for key, tensor in tensors[name].items():
            assert tensor.equal(others[name][key]), key


def nothing_half_done(run_directory):
    return not [p for p in run_directory.path.rglob("*") if p.name.startswith((".tmp", ".old"))]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the undisturbed run is kept, which is trained once."""
    return tmp_path_factory.mktemp("kept") / "whole"


@pytest.fixture
def whole(tiny, tmp_path, kept):
    """An undisturbed run."""
    if kept.exists():
        shutil.copytree(kept, tmp_path / "whole")
    else:
        shutil.copytree(train(tiny(*OFTEN, name="whole")).path, kept)
    return RunDirectory(tmp_path / "whole")


def parts(whole):
    return RunDirectory(whole.path.with_name("parts"))


def survive_random_kills(tiny, whole, kills, seed):
    """Kill a run, at random instants from its very beginning to its end, again and again; one that
    came to its end is compared, and another begins.
    """
    began, chosen = time.monotonic(), random.Random(seed)
    assert run(lambda: train(tiny(*OFTEN, name="timed"))) == 0
    seconds, ended = time.monotonic() - began, 0
    while kills > 0:
        code = kill_after(lambda: train(tiny(*OFTEN, name="parts")), chosen.random() * seconds)
        assert code in (0, KILLED)
        kills -= code == KILLED
        if code == 0:
            ended += 1
            assert_same_end(whole, parts(whole))
            parts(whole).path.rename(parts(whole).path.with_name(f"ended-{ended}"))
    assert run(lambda: train(tiny(*OFTEN, name="parts"))) == 0
    assert_same_end(whole, parts(whole))
    assert nothing_half_done(parts(whole))


def test_killed_at_a_few_random_instants_it_goes_on_exactly(tiny, whole):
    survive_random_kills(tiny, whole, kills=3, seed=1)


@pytest.mark.slow
def test_killed_at_fifty_random_instants_it_goes_on_exactly(tiny, whole):
    survive_random_kills(tiny, whole, kills=50, seed=2)


def test_killed_inside_of_saves_it_goes_on_exactly(tiny, whole):
    """Each time a little later in the save of a checkpoint; test_checkpoints has every step."""

    def dying(step):
        Instants(parts(whole).checkpoints, step, die)
        train(tiny(*OFTEN, name="parts"))

    for step in (3, 9, 17, 26):
        assert run(lambda step=step: dying(step)) == KILLED
    assert run(lambda: train(tiny(*OFTEN, name="parts"))) == 0
    assert_same_end(whole, parts(whole))
    assert nothing_half_done(parts(whole))


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_from_a_damaged_checkpoint_the_one_before_is_gone_on_from(tiny, whole, capsys, file):
    broken = shutil.copytree(whole.path, parts(whole).path)
    newest = broken / "checkpoints" / f"step-{LAST:08d}"
    damaged = newest / file
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    train(tiny(*OFTEN, name="parts"))
    said = capsys.readouterr().err
    assert f"{newest}: skipped, because this checkpoint is damaged" in said
    assert f"resuming from update {LAST - 1}" in said
    assert_same_end(whole, parts(whole))
    aside = newest.with_name(f"damaged-{newest.name}")
    assert (aside / file).read_bytes() == data


def test_with_all_checkpoints_damaged_it_says_so_and_touches_nothing(tiny, whole):
    for path in whole.checkpoints.glob("step-*"):
        os.truncate(path / "model.safetensors", 100)
    before = {p: p.read_bytes() for p in whole.path.rglob("*") if p.is_file()}
    with pytest.raises(ModelError, match="--restart"):
        train(tiny(*OFTEN, name="whole"))
    assert {p: p.read_bytes() for p in whole.path.rglob("*") if p.is_file()} == before


def failing_saves(monkeypatch, module, name, updates):
    """`name` of a module fails as a full disk does when training is at one of `updates`."""
    works, update = getattr(module, name), Trainer._complete_update
    now = [0]

    def counted(self, group):
        update(self, group)
        now[0] = self.state.update

    def failing(*arguments):
        if now[0] in updates:
            raise ResourceError("the disk: cannot be written: No space left on device.")
        return works(*arguments)

    monkeypatch.setattr(Trainer, "_complete_update", counted)
    monkeypatch.setattr(module, name, failing)


def test_training_goes_on_without_the_checkpoints_that_a_full_disk_refused(
    tiny, whole, monkeypatch, capsys
):
    failing_saves(monkeypatch, checkpoints, "write_tensors", {4, 5, 6})
    train(tiny(*OFTEN, name="parts"))
    said = capsys.readouterr().err
    for update in (4, 5, 6):
        assert f"NOT SAVED: the checkpoint of update {update}. the disk: cannot" in said
    assert said.count("NOT SAVED") == 3
    log = parts(whole).log_records.read_text(encoding="utf-8")
    assert log.count('"kind": "not_saved"') == 3
    assert_same_end(whole, parts(whole))
    assert nothing_half_done(parts(whole))


def test_a_best_model_that_a_full_disk_refused_does_not_count_as_kept(tiny, monkeypatch, capsys):
    by_loss = (*OFTEN, "training.metric=loss")
    failing_saves(monkeypatch, best_bundle, "save_bundle", {LAST})
    run_directory = train(tiny(*by_loss, name="parts"))
    assert "NOT SAVED: the best model by loss of update 8" in capsys.readouterr().err
    state = checkpoints.load_state(checkpoints.newest_checkpoint(run_directory.checkpoints))
    assert state.best["loss"].update == 4


def test_a_run_whose_model_could_never_be_written_has_not_ended(tiny, monkeypatch):
    failing_saves(monkeypatch, best_bundle, "save_bundle", {4, LAST})
    with pytest.raises(ResourceError, match="trained model could not be written"):
        train(tiny(*OFTEN, name="parts"))
    monkeypatch.undo()
    assert (train(tiny(*OFTEN, name="parts")).best / "bundle.json").is_file()


def test_a_last_checkpoint_that_a_full_disk_refuses_is_an_error(tiny, whole, monkeypatch):
    failing_saves(monkeypatch, checkpoints, "write_tensors", {LAST})
    with pytest.raises(ResourceError, match="No space left"):
        train(tiny(*OFTEN, name="parts"))
    monkeypatch.undo()
    train(tiny(*OFTEN, name="parts"))
    assert_same_end(whole, parts(whole))


def test_a_signal_with_a_full_disk_does_not_claim_that_all_is_saved(tiny, monkeypatch):
    failing_saves(monkeypatch, checkpoints, "write_tensors", {5})
    update = Trainer._complete_update

    def stopped(self, group):
        update(self, group)
        if self.state.update == 5:
            os.kill(os.getpid(), 15)

    monkeypatch.setattr(Trainer, "_complete_update", stopped)
    with pytest.raises(ResourceError, match="No space left"):
        train(tiny(*OFTEN, name="parts"))


_ON_A_SMALL_DISK = """
import shutil, sys
from collections import namedtuple
from pathlib import Path
from nmt.config.load import load_config
from nmt.training.run import train
from nmt.training.trainer import Trainer

disk, file, looks, *overrides = sys.argv[1:]
filler, update = Path(disk) / "filler", Trainer._complete_update

def filling(self, group):
    update(self, group)
    if self.state.update == 3:
        with filler.open("wb", buffering=0) as out:
            try:
                while out.write(bytes(4096)):
                    pass
            except OSError:
                out.truncate(out.tell() - 8192)
    if self.state.update == 7:
        filler.unlink()

Trainer._complete_update = filling
if looks == "blind":
    shutil.disk_usage = lambda path: namedtuple("usage", "free")(1 << 40)
run = train(load_config(Path(file), [f"run_dir={disk}/run", *overrides]))
shutil.copytree(run.path, Path(file).parent / "parts")
"""


@pytest.mark.parametrize("looks", ["blind", "seeing"])
def test_on_a_disk_that_is_full_for_a_while(tiny_config, tiny, whole, tmp_path, looks):
    """A real one, of 3 MB, that this process alone sees; blind: free space is not looked at."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=3m tmpfs '{disk}'"
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*alone, mount], check=False).returncode:
        pytest.skip("this system lets nobody mount a small disk for a test")
    python = [sys.executable, "-c", _ON_A_SMALL_DISK, disk, tiny_config, looks, *OFTEN]
    done = subprocess.run(
        [*alone, f'{mount} && exec "$@"', "sh", *map(str, python)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    reason = "No space left" if looks == "blind" else "MB free"
    for update in (3, 4, 5, 6):
        said = done.stderr.partition(f"NOT SAVED: the checkpoint of update {update}.")[2]
        assert reason in said.split("\n")[0]
    assert "NOT SAVED: the checkpoint of update 7" not in done.stderr
    assert_same_end(whole, parts(whole))
    assert nothing_half_done(parts(whole))


def test_in_a_folder_that_may_not_be_written_to_it_says_so(tiny, tmp_path):
    """Root may write anywhere: a file stands where the folder ought to be."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ResourceError, match="cannot be written"):
        train(tiny(name="file/run"))
    if os.geteuid() == 0:
        return
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(ResourceError, match="cannot be written"):
        train(tiny(name="closed/run"))


@pytest.mark.parametrize(
    ("limit", "key"),
    [
        (f"max_updates={LAST}", "training.max_updates"),
        (f"max_updates={LAST - 3}", "training.max_updates"),
        ("max_epochs=1", "training.max_epochs"),
        ("max_time=0.001s", "training.max_time"),
    ],
)
def test_to_go_on_beyond_the_end_needs_a_later_end(tiny, whole, limit, key):
    if "updates" not in limit:
        config = tiny("training.max_updates=null", f"training.{limit}", name="whole")
        train(config, restart=True)
    else:
        config = tiny(*OFTEN, f"training.{limit}", name="whole")
    with pytest.raises(
        UsageError, match=rf"a limit is already reached: .*\. Raise `{key}`"
    ) as refused:
        train(config, resume=True)
    assert refused.value.exit_code == 2
    assert "its checkpoint is at update" in refused.value.message
