"""`nmt doctor` as a process."""

import json
import os
import signal
import time

import pytest
from processes import NMT, python, start

PLAIN = {key: value for key, value in os.environ.items() if key != "NMT_MODEL"}


def doctor(*arguments, cwd):
    return python(*NMT, "doctor", *arguments, cwd=cwd, env=PLAIN, encoding="utf-8")


def test_lines_and_a_verdict(tiny_config, tmp_path):
    before = sorted(tmp_path.iterdir())
    by_chrf = "training.metric=chrf"  # of dev's short phrases BLEU says little
    done = doctor(tiny_config, "--set", by_chrf, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    *checks, verdict, end = done.stdout.split("\n")
    assert end == ""
    sound = [
        line for line in checks if "other processes use the CPU" not in line
    ]  # beside other tests
    assert all(line.startswith("ok    ") and line[18:20] == "  " for line in sound)
    warned = " (with 1 warning)" if len(sound) < len(checks) else ""
    assert verdict.startswith(f"verdict: ready{warned}: ")
    assert sorted(tmp_path.iterdir()) == before


def test_json_has_the_same(tiny_config, tmp_path):
    tiny_config.with_name("train.en").unlink()
    done = doctor(tiny_config, "--json", cwd=tmp_path)
    record = json.loads(done.stdout)
    assert done.returncode == record["exit_code"] == 3
    failed = [check for check in record["checks"] if check["level"] == "fail"]
    assert [check["check"] for check in failed] == ["text"]
    assert failed[0]["exit_code"] == 3
    assert "train.en" in failed[0]["found"]
    assert record["verdict"] == "not ready: 1 check fails; fix `text` first"


def test_wrong_command_lines(tmp_path):
    done = doctor("--set", "a=1", cwd=tmp_path)
    assert done.returncode == 2
    assert "Add CONFIG" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(tiny_config, tmp_path, number, code):
    before = sorted(tmp_path.iterdir())
    slow = ["--set", "training.accumulate=1000000"]
    command = [*NMT, "doctor", tiny_config, *slow]
    process = start(*command, cwd=tmp_path, env=PLAIN, encoding="utf-8")
    for line in process.stdout:
        if " search: " in line:
            break
    assert list(tmp_path.glob(".tmp-doctor-*"))
    time.sleep(0.2)
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert "no files were left" in said
    assert sorted(tmp_path.iterdir()) == before
