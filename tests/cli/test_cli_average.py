"""`nmt average` as a process."""

import os

import pytest
from processes import NMT, python

from nmt.training.run import train

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def nmt(*arguments, cwd, given=""):
    return python(*NMT, *arguments, given=given, cwd=cwd, env=ENVIRONMENT, encoding="utf-8")


def test_it_makes_a_model_that_translates(tiny, tmp_path):
    run = train(tiny("training.max_updates=4")).path
    done = nmt("average", run, "--last", 2, "-o", "a mean", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr == (
        "taken: tiny step-00000004\ntaken: tiny step-00000002\nthe mean of 2 models: a mean\n"
    )
    translated = nmt("translate", "--model", "a mean", cwd=tmp_path, given="un deux\n\n")
    assert translated.returncode == 0, translated.stderr
    assert len(translated.stdout.split("\n")) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["BUNDLE", "--last", 2, "--best", 2, "-o", "out"], 2, "either --last or --best"),
        (["BUNDLE", "absent", "-o", "out"], 4, "absent: no such file or folder"),
        (["BUNDLE"], 2, "--output"),
    ],
    ids=str,
)
def test_what_cannot_be_is_answered_plainly(tiny_bundle, tmp_path, arguments, code, said):
    given = [tiny_bundle if argument == "BUNDLE" else argument for argument in arguments]
    done = nmt("average", *given, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()
