import json
import shutil
import struct

import pytest
import torch

from nmt.bundles.bundle import load_bundle, save_bundle
from nmt.bundles.bundle_files import write_model_file
from nmt.bundles.model_info import describe
from nmt.cli.app import run
from nmt.errors import ModelError
from nmt.training.run import train


def test_a_bundle(tiny_bundle):
    record = describe(tiny_bundle).record()
    bundle = load_bundle(tiny_bundle, torch.device("cpu"))
    parameters = dict(record["parameters"])
    assert parameters.pop("total") == sum(p.numel() for p in bundle.model.parameters())
    assert sum(parameters.values()) == record["parameters"]["total"]
    assert parameters["encoder"] == sum(p.numel() for p in bundle.model.encoder.parameters())
    assert "decoder attention" in parameters
    assert record["vocabulary"] == [bundle.tokenizers.source.size] * 2
    assert record["search"]["beam_size"] == 3
    assert (record["kind"], record["verified"], record["run"]) == ("bundle", False, None)
    assert record["files"]["model.safetensors"] == (
        (tiny_bundle / "model.safetensors").stat().st_size
    )


def test_recorded_lists_and_tables_are_plain_text(tiny_bundle, tmp_path):
    facts = {"average_of": ["base step-30", "base step-60"], "started_from": {"name": "old"}}
    save_bundle(load_bundle(tiny_bundle, torch.device("cpu")), tmp_path / "mean", facts)
    lines = [" ".join(line.split()) for line in describe(tmp_path / "mean").lines()]
    assert "average of base step-30, base step-60" in lines
    assert "started from name old" in lines


def test_a_file_says_the_same(tiny_bundle, tmp_path):
    write_model_file(tiny_bundle, tmp_path / "x.nmt")
    own, of_file = describe(tiny_bundle).record(), describe(tmp_path / "x.nmt", True).record()
    assert of_file.pop("kind") == "one file"
    assert of_file.pop("verified")
    assert {key: of_file[key] for key in of_file if key != "path"} == {
        key: own[key] for key in own if key in of_file and key != "path"
    }


def test_damage_is_found_when_it_is_looked_for(tiny_bundle, tmp_path):
    copy = shutil.copytree(tiny_bundle, tmp_path / "copy")
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    describe(copy)
    with pytest.raises(ModelError, match="its checksum differs"):
        describe(copy, verify=True)
    for header in (b"{}x", b"[1]", b'{"a": {"shape": ["x"]}}', b"", b'{"a": 1}'):
        weights.write_bytes(struct.pack("<Q", len(header)) + header)
        if header != b"":
            with pytest.raises(ModelError, match=r"model\.safetensors: is damaged"):
                describe(copy)
    weights.write_bytes(struct.pack("<Q", 2**62))
    with pytest.raises(ModelError, match="header is too long"):
        describe(copy)
    weights.unlink()
    with pytest.raises(ModelError, match="is missing"):
        describe(copy)


def test_a_run_and_the_command(tiny, capsys):
    trained = train(tiny("training.max_updates=4"))
    assert run(["info", str(trained.path), "--json", "--verify"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["run"] == str(trained.path)
    assert record["checkpoints"][-1] == "step-00000004"
    assert record["verified"]
    training = record["training"]
    assert [file["name"] for file in training["data"]["train.source"]] == ["train.fr"]
    assert training["data"]["train.target"][0]["lines"] == 200
    assert training["versions"]["torch"] == torch.__version__
    assert run(["info", str(trained.path)]) == 0
    lines = capsys.readouterr().out.split("\n")
    told = {line[: line.find("  ")]: line for line in lines if line[:1].strip()}
    assert list(told)[:4] == ["model", "place", "run", "files"]
    assert "the newest step-00000004" in told["run"]
    assert "not checked (add --verify)" in told["checksums"]
    assert any("bleu" in line and "nrefs:1|" in line for line in lines)
    card = (trained.best / "README.md").read_text(encoding="utf-8")
    assert (
        f"| train.source | train.fr | 200 | {training['data']['train.source'][0]['sha256']} |"
        in card
    )
    assert "machine: cpu" in card
    assert "nmt train config.yaml --set data.root=" in card
