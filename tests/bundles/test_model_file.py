"""A model in one file does all that a bundle does, but for being changed."""

import shutil

import pytest
import torch

from nmt.alignment.shortlist import Shortlist
from nmt.bundles.bundle import add_shortlist, change_search, load_bundle
from nmt.bundles.bundle_files import find_bundle, fingerprint, write_model_file
from nmt.config.settings import SearchSettings
from nmt.errors import ModelError, UsageError
from nmt.translation.translator import Translator

CPU = torch.device("cpu")
TEXTS = ["le chat noir", "", "un chien dort dans la maison ."]


@pytest.fixture
def file(tiny_bundle, tmp_path):
    write_model_file(tiny_bundle, tmp_path / "tiny.nmt")
    return tmp_path / "tiny.nmt"


def test_it_translates_alike(file, tiny_bundle):
    found, expected = (
        Translator.load(path, device="cpu", threads=1).translate(TEXTS)
        for path in (file, tiny_bundle)
    )
    assert [(each.text, each.score) for each in found] == [
        (each.text, each.score) for each in expected
    ]
    assert fingerprint(file) == fingerprint(tiny_bundle)
    assert find_bundle(file) == file


def test_the_same_model_makes_the_same_bytes(file, tiny_bundle, tmp_path):
    copy = shutil.copytree(tiny_bundle, tmp_path / "elsewhere")
    (copy / "notes.txt").write_text("not of the bundle")
    write_model_file(copy, tmp_path / "again.nmt")
    assert (tmp_path / "again.nmt").read_bytes() == file.read_bytes()
    write_model_file(file, tmp_path / "of_a_file.nmt")
    assert (tmp_path / "of_a_file.nmt").read_bytes() == file.read_bytes()


def test_a_shortlist_goes_along(tiny_bundle, tmp_path):
    copy = shutil.copytree(tiny_bundle, tmp_path / "copy")
    size = load_bundle(copy, CPU).tokenizers.source.size
    tables = (torch.full((size, 2), 5), torch.arange(size), torch.arange(4))
    shortlist = Shortlist(*(table.int() for table in tables))
    add_shortlist(copy, shortlist)
    names = write_model_file(copy, tmp_path / "x.nmt")
    assert names == [
        "bundle.json",
        "config.yaml",
        "joint.model",
        "model.safetensors",
        "shortlist.safetensors",
        "README.md",
    ]
    assert load_bundle(tmp_path / "x.nmt", CPU).shortlist.translations.shape == (size, 2)


def test_it_is_not_changed(file):
    before = file.read_bytes()
    tables = (torch.zeros(1, 1), torch.zeros(1), torch.zeros(1))
    for change in (
        lambda: add_shortlist(file, Shortlist(*tables)),
        lambda: change_search(file, SearchSettings(), {}),
    ):
        with pytest.raises(UsageError, match="single-file models are read-only"):
            change()
    assert file.read_bytes() == before


def test_nothing_is_replaced_unasked(file, tiny_bundle, tmp_path):
    with pytest.raises(UsageError, match=r"tiny\.nmt: already exists"):
        write_model_file(tiny_bundle, file)
    write_model_file(tiny_bundle, file, replace=True)
    with pytest.raises(UsageError, match="Give a file, not a folder"):
        write_model_file(tiny_bundle, tmp_path, replace=True)


def test_a_damaged_bundle_makes_no_file(tiny_bundle, tmp_path):
    copy = shutil.copytree(tiny_bundle, tmp_path / "copy")
    (copy / "model.safetensors").write_bytes(b"half")
    with pytest.raises(ModelError, match=r"model\.safetensors: is damaged"):
        write_model_file(copy, tmp_path / "x.nmt")
    assert not (tmp_path / "x.nmt").exists()


def test_average_and_training_take_it(file, tiny, tmp_path):
    from nmt.training.averaging import average
    from nmt.training.run import train

    average([file, file], None, tmp_path / "mean")
    ours, theirs = load_bundle(tmp_path / "mean", CPU), load_bundle(file, CPU)
    for one, two in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        assert torch.equal(one, two)
    sizes = theirs.config.model
    run = train(
        tiny(
            f"training.init_from={file}",
            "training.max_updates=2",
            f"model.embedding_size={sizes.embedding_size}",
            f"model.encoder.hidden_size={sizes.encoder.hidden_size}",
            f"model.decoder.hidden_size={sizes.decoder.hidden_size}",
        )
    )
    assert load_bundle(run.best, CPU).tokenizers.fingerprint == theirs.tokenizers.fingerprint
