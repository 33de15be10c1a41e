"""`nmt train` and the whole pipeline as processes."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from processes import NMT, python, start
from safetensors.torch import load_file

from nmt.runtime.processor import count_cores

PLAIN = {key: value for key, value in os.environ.items() if key != "NMT_MODEL"}


def nmt(*arguments, cwd, text_in="", **changes):
    given = {"env": PLAIN, "timeout": 300, **changes}
    return python(*NMT, *arguments, given=text_in, cwd=cwd, encoding="utf-8", **given)


def test_the_whole_pipeline_from_a_folder_with_spaces_and_another_locale(tiny_config, tmp_path):
    home = tmp_path / "à côté du café"
    home.mkdir()
    plain = {**PLAIN, "LC_ALL": "C", "NO_COLOR": "1"}
    for command in ("tokenizer", "binarize", "train"):
        done = nmt(command, tiny_config, "--set", "name=tiny", cwd=home, env=plain)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    lines = "un deux\n\n  \ntrois é 日本\n"
    translated = nmt("translate", cwd=home, text_in=lines, env=plain)
    assert translated.returncode == 0, translated.stderr
    assert "runs/tiny/best" in translated.stderr
    hypotheses = translated.stdout.split("\n")
    assert len(hypotheses) == 5
    assert hypotheses[1] == hypotheses[2] == hypotheses[4] == ""
    assert hypotheses[0] != ""
    reference = home / "ref.txt"
    reference.write_text("one two\n\n\nthree\n", encoding="utf-8")
    scored = nmt("score", "--ref", reference, cwd=home, text_in=translated.stdout, env=plain)
    assert scored.returncode == 0, scored.stderr
    assert scored.stdout.startswith("BLEU = ")
    drawn = nmt("attention", "--model", "runs/tiny", cwd=home, text_in="un deux\n", env=plain)
    assert drawn.returncode == 0, drawn.stderr
    assert "deux" in drawn.stdout


def test_a_log_has_plain_lines_and_no_bar(tiny_config, tmp_path):
    done = nmt("train", tiny_config, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stderr
    assert re.search(r"^update 4  epoch 1  loss \d", done.stderr, re.MULTILINE)
    assert re.search(r"^validation at update 8: loss .* BLEU .* chrF", done.stderr, re.MULTILINE)


def test_quiet_says_nothing(tiny_config, tmp_path):
    by_chrf = "training.metric=chrf"  # of dev's short phrases BLEU says little
    done = nmt("train", tiny_config, "--quiet", "--set", by_chrf, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Like `nmt`, but with a pause before each update, so that a short training takes a while.
_PAUSING = """
import sys, time
from nmt.__main__ import main
from nmt.training.trainer import Trainer

update, seconds = Trainer._complete_update, float(sys.argv.pop(1))

def after_a_pause(self, group):
    time.sleep(seconds)
    update(self, group)

Trainer._complete_update = after_a_pause
main()
"""

few_with_pauses_or_many = pytest.mark.parametrize(
    ("updates", "pause"), [(24, 0.5), pytest.param(600, 0.0, marks=pytest.mark.slow)]
)


def length(updates):
    """Options for so many updates, with a validation at the end."""
    keys = ("max_updates", "validation.every_updates")
    return [word for key in keys for word in ("--set", f"training.{key}={updates}")]


@few_with_pauses_or_many
@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_the_same_command_goes_on_exactly(
    tiny_config, tmp_path, number, code, updates, pause
):
    many = length(updates)
    whole = nmt("train", tiny_config, *many, "--set", "run_dir=whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    command = ["-c", _PAUSING, pause, "train", tiny_config, *many, "--set", "run_dir=parts"]
    process = start(*command, cwd=tmp_path, env=PLAIN, encoding="utf-8")
    wait_for(tmp_path / "parts" / "checkpoints", process)
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert "Traceback" not in said
    saved = max((tmp_path / "parts" / "checkpoints").iterdir()).name
    assert saved < f"step-{updates:08d}", "it ended before the signal came; nothing was tested"
    update = int(saved.removeprefix("step-"))
    assert f"stopped by a signal at update {update}; everything is saved" in said
    goes_on = nmt("train", tiny_config, *many, "--set", "run_dir=parts", cwd=tmp_path)
    assert goes_on.returncode == 0, goes_on.stderr
    assert f"resuming from update {update}" in goes_on.stderr
    assert_same_model(tmp_path, updates)


@few_with_pauses_or_many
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_kill_9_loses_only_what_came_after_the_last_checkpoint(
    tiny_config, tmp_path, updates, pause
):
    many = length(updates)
    nmt("train", tiny_config, *many, "--set", "run_dir=whole", cwd=tmp_path)
    command = ["-c", _PAUSING, pause, "train", tiny_config, *many, "--set", "run_dir=parts"]
    for _ in range(3):
        process = start(*command, "--quiet", cwd=tmp_path, env=PLAIN)
        wait_for(tmp_path / "parts" / "checkpoints", process)
        process.kill()
        process.wait()
    done = nmt("train", tiny_config, *many, "--set", "run_dir=parts", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_same_model(tmp_path, updates)
    leftovers = [p for p in (tmp_path / "parts").rglob("*") if p.name.startswith(".tmp")]
    assert leftovers == []


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize("busy_processes", [0, 3])
def test_precision_and_threads_that_were_chosen_are_resumed_with(
    tiny_config, tmp_path, busy_processes
):
    automatic = ["--set", "runtime.precision=auto", "--set", "runtime.threads=0", *length(24)]
    plain = {key: value for key, value in PLAIN.items() if key != "OMP_NUM_THREADS"}
    whole = nmt("train", tiny_config, *automatic, "--set", "run_dir=whole", cwd=tmp_path, env=plain)
    assert whole.returncode == 0, whole.stderr
    command = ["-c", _PAUSING, "0.2", "train", tiny_config, *automatic, "--set", "run_dir=parts"]
    process = start(*command, cwd=tmp_path, env=plain, encoding="utf-8")
    wait_for(tmp_path / "parts" / "checkpoints", process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    before = choices(tmp_path / "parts")
    busy = [
        subprocess.Popen([sys.executable, "-c", "while 1: pass"]) for _ in range(busy_processes)
    ]
    try:
        resumed = nmt("train", *command[4:], cwd=tmp_path, env=plain)
    finally:
        for each in busy:
            each.kill()
            each.wait()
    assert resumed.returncode == 0, resumed.stderr
    assert "before," not in resumed.stderr, "it computed otherwise"
    assert choices(tmp_path / "parts") == before
    assert before["threads"] == count_cores()
    if before["precision"] == choices(tmp_path / "whole")["precision"]:
        assert_same_model(tmp_path, 24)


def test_a_run_that_is_resumed_with_other_threads_says_so(tiny_config, tmp_path):
    done = nmt("train", tiny_config, "--set", "training.max_updates=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    more = ["--set", "training.max_updates=4", "--resume", "--threads", "2"]
    done = nmt("train", tiny_config, *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warning: threads: 1 before, 2 now. The results may now differ" in done.stderr


def choices(run):
    """What the newest checkpoint of a run says that it was computed with."""
    newest = max((run / "checkpoints").iterdir()) / "state.json"
    return json.loads(newest.read_text(encoding="utf-8"))["state"]["choices"]


def test_two_trainings_of_one_run_are_refused(tiny_config, tmp_path):
    many = ["--set", "training.max_updates=100000"]
    process = start(*NMT, "train", tiny_config, *many, "--quiet", cwd=tmp_path, env=PLAIN)
    try:
        wait_for(tmp_path / "runs" / "tiny" / "checkpoints", process)
        second = nmt("train", tiny_config, *many, cwd=tmp_path)
        assert second.returncode == 5, second.stderr
        assert f"process {process.pid}" in second.stderr
    finally:
        process.terminate()
        assert process.wait(timeout=120) == 143


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--set", "training.max_update=3"], 2, "did you mean max_updates"),
        (["--set", "model.attention.kind=bahdanau"], 2, "additive"),
        (["--set", "training.optimizer.learning_rate=fast"], 2, "expected a number"),
        (["--device", "cuda:7"], 5, "device cuda:7"),
        (["--precision", "float16", "--device", "cpu"], 5, "precision float16 needs a GPU"),
        (["--set", "data.train={source: absent.fr, target: train.en}"], 3, "absent.fr"),
        (["--set", "training.tensorboard=maybe"], 2, "true or false"),
    ],
    ids=lambda value: str(value),
)
def test_wrong_input_has_a_plain_answer(tiny_config, tmp_path, arguments, code, said):
    done = nmt("train", tiny_config, *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_records_are_json_lines(tiny_config, tmp_path):
    nmt("train", tiny_config, cwd=tmp_path)
    text = (tmp_path / "runs" / "tiny" / "log.jsonl").read_text(encoding="utf-8")
    kinds = [json.loads(line)["kind"] for line in text.split("\n")[:-1]]
    assert kinds[0] == "start"
    assert kinds[-1] == "end"
    assert "validation" in kinds


def assert_same_model(folder, update):
    name = f"checkpoints/step-{update:08d}/model.safetensors"
    one, two = (load_file(folder / run / name) for run in ("whole", "parts"))
    assert one.keys() == two.keys()
    for key, tensor in one.items():
        assert tensor.equal(two[key]), key


def wait_for(folder, process):
    """Until there is one more checkpoint than now (at most two minutes)."""
    before = set(folder.iterdir()) if folder.is_dir() else set()
    for _ in range(1200):
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode} before its checkpoint")
        if folder.is_dir() and set(folder.glob("step-*")) - before:
            return
        time.sleep(0.1)
    raise AssertionError(f"no checkpoint in {folder}")
