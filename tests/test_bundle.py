"""Bundles: what is written is what is read; damage is named."""

import json
import os
import resource
import shutil

import pytest
import torch

from nmt.bundle import load_bundle, read_facts, save_bundle
from nmt.config.dump import dump_config
from nmt.errors import ModelError, ResourceError

CPU = torch.device("cpu")


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    return shutil.copytree(tiny_bundle, tmp_path / "copy")


def test_a_bundle_survives_saving_and_loading(copy, tmp_path):
    bundle = load_bundle(copy, CPU)
    save_bundle(bundle, tmp_path / "again", {"updates": 7, "dev": {"bleu": 12.345678}})
    again = load_bundle(tmp_path / "again", CPU)
    assert dump_config(again.config) == dump_config(bundle.config)
    assert again.length_ratio == bundle.length_ratio
    assert again.tokenizers.fingerprint == bundle.tokenizers.fingerprint
    for one, two in zip(bundle.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, two)
    card = (tmp_path / "again" / "README.md").read_text(encoding="utf-8")
    assert "bleu 12.35" in card
    assert "nmt translate" in card


def test_tied_weights_are_kept_once(copy, tmp_path):
    bundle = load_bundle(copy, CPU)
    names = [name for name, _ in bundle.model.named_parameters()]
    assert len(names) == len(set(names))
    assert "decoder.embed.weight" not in names


@pytest.mark.parametrize("name", ["model.safetensors", "config.yaml", "joint.model", "bundle.json"])
@pytest.mark.parametrize("damage", ["remove", "truncate", "flip"])
def test_damage_is_named(copy, name, damage):
    file = copy / name
    content = bytearray(file.read_bytes())
    if damage == "remove":
        file.unlink()
    elif damage == "truncate":
        file.write_bytes(content[: len(content) // 2])
    else:
        content[2] ^= 0xFF
        file.write_bytes(content)
    with pytest.raises(ModelError) as error:
        load_bundle(copy, CPU)
    assert name in error.value.message


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"sha256": {"../../etc/passwd": "0"}},
        {"sha256": None},
        {"length_ratio": {"mean": "long"}},
    ],
    ids=str,
)
def test_facts_that_cannot_be_are_refused(copy, change):
    file = copy / "bundle.json"
    facts = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**facts, **change}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"bundle\.json"):
        read_facts(copy)


def test_weights_of_another_shape_are_named(copy):
    from safetensors.torch import load_file, save_file

    from nmt.runtime.files import sha256

    weights = copy / "model.safetensors"
    tensors = load_file(weights)
    tensors["output_bias"] = torch.zeros(3)
    tensors["stranger"] = torch.zeros(1)
    del tensors["output_matrix"]
    save_file(tensors, weights)
    file = copy / "bundle.json"
    facts = json.loads(file.read_text(encoding="utf-8"))
    facts["sha256"]["model.safetensors"] = sha256(weights)
    file.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(ModelError) as error:
        load_bundle(copy, CPU)
    for part in ("output_bias is [3]", "stranger is not of this model", "output_matrix is missing"):
        assert part in error.value.message


@pytest.mark.skipif(os.name != "posix", reason="file sizes are limited by POSIX means")
def test_a_full_disk_is_named_and_leaves_nothing(copy, tmp_path):
    bundle = load_bundle(copy, CPU)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(ResourceError, match="cannot be written"):
            save_bundle(bundle, tmp_path / "new", {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
