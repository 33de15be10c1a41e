"""`nmt export` and the commands that take what it writes."""

import sys

import pytest

from nmt.cli.app import run


@pytest.fixture
def file(tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").symlink_to(tiny_bundle)
    assert run(["export", "model", "-o", "tiny.nmt", "-q"]) == 0
    return tmp_path / "tiny.nmt"


def test_commands_take_a_model_file(file, tmp_path, capsys, monkeypatch):
    (tmp_path / "source").write_text("le chat noir\nun chien\n")
    (tmp_path / "target").write_text("the black cat\na dog\n")
    outputs = []
    for model in ("model", "tiny.nmt"):
        monkeypatch.setenv("NMT_MODEL", model)
        common = ["--device", "cpu", "-q"]
        assert run(["translate", "--input", "source", *common]) == 0
        assert run(["score", "target", "-s", "source", "-m", model, *common]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert outputs[0].count("\n") == 7


def test_export_tells_what_it_wrote(file, capsys):
    assert run(["export", "model", "-o", "again.nmt"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("again.nmt: bundle.json, config.yaml, joint.model, model.safet")


def test_a_missing_package_is_named(file, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert run(["export", "model", "--onnx", "programs"]) == 2
    assert "pip install onnx onnxscript onnxruntime" in capsys.readouterr().err
    assert not (file.parent / "programs").exists()
