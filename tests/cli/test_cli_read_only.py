"""Folders that may not be written to; as root only without the right to write everywhere."""

import os
import shutil
import sys

import pytest
from processes import python

from nmt.cli.app import run
from nmt.config.load import load_config
from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.runtime.run_directory import RunDirectory
from nmt.training.data_preparation import prepare_corpora

pytestmark = pytest.mark.skipif(
    os.geteuid() == 0 and sys.platform != "linux",
    reason="root may write everywhere, and only Linux lets it give that up",
)

# Like `nmt`, but of root's rights it keeps none.
_WITHOUT_RIGHTS = """
import ctypes, os
from nmt.__main__ import main

if os.geteuid() == 0:
    version = (ctypes.c_uint32 * 2)(0x20080522)
    assert ctypes.CDLL(None).capset(version, (ctypes.c_uint32 * 6)()) == 0
main()
"""


def nmt(*arguments, given=b"", **environment):
    return python("-c", _WITHOUT_RIGHTS, *arguments, given=given, env={**os.environ, **environment})


@pytest.fixture
def sealed():
    """Makes folders read-only, and writable again after the test."""
    folders = []

    def seal(folder):
        folder.chmod(0o500)
        folders.append(folder)

    yield seal
    for folder in folders:
        folder.chmod(0o700)


def test_a_home_that_may_not_be_written(tiny_bundle, sealed, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    sealed(home)
    done = nmt("translate", "--model", tiny_bundle, given=b"le chat\n", HOME=str(home))
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 1), done.stderr
    assert list(home.iterdir()) == []


def assert_refused(done, *words):
    told = done.stderr.decode()
    assert done.returncode == 5, told
    assert done.stdout == b""
    assert "Traceback" not in told
    message = told[told.index("nmt: error: ") :]
    assert message.count("\n") <= 3, told
    for word in ("ermission denied", *words):
        assert word in message


def test_a_place_for_runs(tiny_config, sealed, tmp_path):
    (tmp_path / "runs").mkdir()
    sealed(tmp_path / "runs")
    place = ("--set", f"run_dir={tmp_path / 'runs' / 'tiny'}")
    for command in ("tokenizer", "binarize", "train"):
        assert_refused(nmt(command, tiny_config, *place), "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_that_was_made_read_only(tiny_config, sealed, tmp_path):
    folder = tmp_path / "runs" / "tiny"
    place = ("--set", f"run_dir={folder}")
    assert run(["train", str(tiny_config), *place]) == 0
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    for path in [folder, *filter(os.path.isdir, before)]:
        sealed(path)
    assert_refused(
        nmt("train", tiny_config, *place, "--resume", "--set", "training.max_updates=99")
    )
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    done = nmt("translate", "--model", folder, given=b"le chat\n")
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 1), done.stderr


def test_a_place_for_translations(tiny_bundle, sealed, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    sealed(place)
    model = ("--model", tiny_bundle)
    assert_refused(
        nmt("translate", *model, "--output", place / "out.txt", given=b"le chat\n"), "out.txt"
    )
    assert_refused(nmt("average", tiny_bundle, tiny_bundle, "--output", place / "mean"), "mean")


def test_a_bundle_that_tune_cannot_change(tiny_bundle, sealed, tmp_path):
    bundle = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    (tmp_path / "text").write_bytes(b"le chat\nun chien\n")
    sealed(bundle)
    text = tmp_path / "text"
    options = ("--beam", "1,2", "--metric", "chrf", "--force")
    done = nmt("tune", "--model", bundle, "--source", text, "--ref", text, *options)
    assert_refused(done, "bundle")


def test_a_shared_tokenizer_and_data_that_were_made_read_only(tiny_config, sealed, tmp_path):
    shared = tmp_path / "shared"
    places = [f"tokenizer.dir={shared}/tokenizer", f"data.dir={shared}/data"]
    config = load_config(tiny_config, [f"run_dir={tmp_path}/one", *places])
    owner = RunDirectory.from_config(config)
    prepare_corpora(config, owner, prepare_tokenizers(config, owner))
    for folder in (shared / "tokenizer", shared / "data", shared):
        sealed(folder)
    settings = [f"run_dir={tmp_path}/two", *places]
    done = nmt("binarize", tiny_config, *(word for each in settings for word in ("--set", each)))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(b"up to date") == 2
