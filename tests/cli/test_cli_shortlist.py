"""`nmt shortlist` and `nmt translate --shortlist` as processes."""

import json
import os
import shutil
import subprocess

import pytest
from processes import NMT, python

from nmt.bundles.bundle import load_bundle
from nmt.training.run import train

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def nmt(*arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
    return python(*NMT, *arguments, given=given, env=ENVIRONMENT, encoding="utf-8")


@pytest.fixture
def run(trained):
    """A run that has ended."""
    return trained().path


def test_it_goes_into_the_bundle_and_translating_uses_it(run):
    made = nmt("shortlist", run / "config.yaml", "--best", 3)
    assert (made.returncode, made.stdout) == (0, "")
    assert f"shortlist: {run / 'best'}\n" in made.stderr
    assert "subwords for a sentence of dev" in made.stderr
    again = nmt("shortlist", "--model", run, "--best", 2, "--max-pairs", 50, "--quiet")
    assert (again.returncode, again.stderr) == (0, "")
    assert load_bundle(run / "best", "cpu").shortlist.translations.shape[1] == 3  # itself and 2
    text = "un deux trois\n\nquatre\n"
    done = nmt("translate", "--model", run, "--shortlist", 7, given=text)
    assert done.returncode == 0
    search = "search: beam 5, length penalty gnmt (alpha 1), shortlist 7\n"
    assert done.stderr.startswith(f"{search}translated 3 lines: ")
    assert len(done.stdout.split("\n")) == 4
    assert done.stdout.split("\n")[1] == ""
    everything = nmt("translate", "--model", run, "--shortlist", 10_000, given=text)
    assert everything.stdout == nmt("translate", "--model", run, given=text).stdout


def test_a_bundle_without_one_is_told_so(run):
    done = nmt("translate", "--model", run, "--shortlist", 7, given="un\n")
    assert (done.returncode, done.stdout) == (4, "")
    assert "this bundle has no shortlist. Make one with `nmt shortlist`" in done.stderr


def test_what_cannot_be_is_refused(run, tiny, tmp_path):
    for arguments in ((), (run / "config.yaml", "--model", run)):
        done = nmt("shortlist", *arguments)
        assert done.returncode == 2
        assert "either a configuration or --model" in done.stderr
    shutil.copytree(run / "best", tmp_path / "alone" / "best")
    done = nmt("shortlist", "--model", tmp_path / "alone")
    assert done.returncode == 3
    assert "best: this bundle is not inside a run" in done.stderr
    manifest = json.loads((run / "data" / "manifest.json").read_text())
    del manifest["length_ratio"]
    (run / "data" / "manifest.json").write_text(json.dumps(manifest))
    done = nmt("shortlist", "--model", run)
    assert done.returncode == 3
    assert "an older version of nmt made it (length_ratio is missing)" in done.stderr
    assert "damaged" not in done.stderr
    other = train(tiny("tokenizer.vocab_size=280", name="other")).path
    shutil.rmtree(run / "data")
    done = nmt("shortlist", "--model", run)
    assert done.returncode == 3
    assert f"its run has no data in {run / 'data'}." in done.stderr
    shutil.copytree(other / "data", run / "data")
    done = nmt("shortlist", "--model", run)
    assert done.returncode == 3
    assert "a different tokenizer" in done.stderr
    assert load_bundle(run / "best", "cpu").shortlist is None
