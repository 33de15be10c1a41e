"""A checkpoint is a model: it translates, is described, exported and averaged."""

import shutil

import pytest
import torch
from safetensors.torch import load_file

from nmt import Translator
from nmt.bundles.bundle import load_bundle
from nmt.bundles.bundle_files import check_is_folder, find_bundle, write_model_file
from nmt.bundles.model_info import describe
from nmt.errors import ModelError, UsageError
from nmt.training.averaging import CheckpointChoice, average

CPU = torch.device("cpu")
LINES = ["un deux", "trois"]


@pytest.fixture
def run(trained):
    return trained("training.ema=0.9")


def checkpoint(run):
    return max(run.checkpoints.glob("step-*"))


def weights(path):
    return dict(load_bundle(path, CPU).model.named_parameters())


def test_its_weights_are_the_average_where_training_keeps_one(run):
    expected = load_file(checkpoint(run) / "average.safetensors")
    found = weights(find_bundle(checkpoint(run)))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_its_weights_are_the_last_ones_where_training_keeps_no_average(trained):
    path = checkpoint(trained())
    expected = load_file(path / "model.safetensors")
    found = weights(path)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_it_translates_as_the_bundle_made_of_it(run, tmp_path):
    path, bundle = checkpoint(run), tmp_path / "bundle"
    file = tmp_path / "model.nmt"
    average([path], None, bundle)
    write_model_file(path, file)
    found = [Translator.load(each, threads=1).translate(LINES) for each in (path, bundle, file)]
    texts = [[each.text for each in translations] for translations in found]
    assert texts[0] == texts[1] == texts[2]


def test_the_last_checkpoint_alone_makes_a_bundle(run, tmp_path):
    average([run.path], CheckpointChoice(1, best=False), tmp_path / "bundle")
    assert (tmp_path / "bundle" / "bundle.json").is_file()


def test_it_is_described(run):
    described = describe(checkpoint(run), verify=True)
    assert described.kind == "checkpoint"
    assert described.run == run.path
    assert described.bundle_record["training"]["checkpoint"] == checkpoint(run).name


def test_damage_is_noticed(run):
    file = checkpoint(run) / "average.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelError, match="checksum differs"):
        load_bundle(checkpoint(run), CPU)


def test_a_checkpoint_apart_from_its_run_is_refused(run, tmp_path):
    alone = shutil.copytree(checkpoint(run), tmp_path / "elsewhere" / "checkpoints" / "step-1")
    with pytest.raises(ModelError, match="incomplete without the other files of its run"):
        load_bundle(alone, CPU)


def test_it_is_never_changed(run):
    with pytest.raises(UsageError, match="nmt average"):
        check_is_folder(checkpoint(run))
