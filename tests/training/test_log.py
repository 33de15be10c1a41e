"""The logs of a run, where the disk takes no more."""

import json

from nmt.errors import ResourceError
from nmt.runtime.run_directory import RunDirectory
from nmt.training import training_log as logs
from nmt.training.training_log import TrainingLog


def test_lines_that_a_full_disk_refuses_are_missed_and_that_is_said_once(
    tmp_path, monkeypatch, capsys
):
    run = RunDirectory(tmp_path)
    log = TrainingLog(run, tensorboard=False)
    log.record("train", 1)

    def full(path, text):
        raise ResourceError(f"{path}: cannot be written: No space left on device.")

    monkeypatch.setattr(logs, "append_text", full)
    log.record("train", 2)
    log.info("two")
    monkeypatch.undo()
    log.record("train", 3)
    said = capsys.readouterr().err
    assert said.count("lines of the log are lost") == 1
    assert "two\n" in said
    lines = run.log_records.read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line)["update"] for line in lines] == [1, 3]
