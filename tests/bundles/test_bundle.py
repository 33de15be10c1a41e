"""Bundles: what is written is what is read; damage is named."""

import json
import os
import resource
import shutil
import subprocess
import sys

import pytest
import torch

import nmt.bundles.bundle
from nmt.alignment.shortlist import Shortlist
from nmt.bundles import bundle as bundles
from nmt.bundles.bundle import Bundle, add_shortlist, change_search, load_bundle, save_bundle
from nmt.bundles.bundle_files import fingerprint, read_bundle_record
from nmt.config.serialize import dump_config
from nmt.config.settings import SearchSettings
from nmt.errors import ModelError, ResourceError

CPU = torch.device("cpu")


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    return shutil.copytree(tiny_bundle, tmp_path / "copy")


def test_loading_does_not_import_the_compiler_of_torch(tiny_bundle):
    """It takes more than a second, at each start of a command."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "import torch\n"
        "from nmt.bundles.bundle import load_bundle\n"
        "load_bundle(Path(sys.argv[1]), torch.device('cpu'))\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, tiny_bundle], check=True)


def make_shortlist(bundle: Bundle, token: int) -> Shortlist:
    """One that tells by its token which one it is."""
    source, target = bundle.tokenizers.source.size, bundle.tokenizers.target.size
    tables = (torch.full((source, 2), token), torch.arange(target), torch.arange(4))
    return Shortlist(*(table.int() for table in tables))


def shortlist_token(copy) -> int | None:
    shortlist = load_bundle(copy, CPU).shortlist
    return None if shortlist is None else int(shortlist.translations[0, 0])


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


def test_the_fingerprint_is_that_of_the_files(copy, tiny_bundle, tmp_path):
    assert fingerprint(copy) == fingerprint(tiny_bundle)
    bundle = load_bundle(copy, CPU)
    save_bundle(bundle, tmp_path / "told", {"updates": 7})
    assert fingerprint(tmp_path / "told") == fingerprint(copy)
    with torch.no_grad():
        next(bundle.model.parameters()).add_(1.0)
    save_bundle(bundle, tmp_path / "other", {})
    assert fingerprint(tmp_path / "other") != fingerprint(copy)


def test_tied_weights_are_kept_once(copy, tmp_path):
    bundle = load_bundle(copy, CPU)
    names = [name for name, _ in bundle.model.named_parameters()]
    assert len(names) == len(set(names))
    assert "decoder.embed.weight" not in names


@pytest.mark.parametrize(
    "name",
    ["model.safetensors", "config.yaml", "joint.model", "bundle.json", "shortlist.safetensors"],
)
@pytest.mark.parametrize("damage", ["remove", "truncate", "flip"])
def test_damage_is_named(copy, name, damage):
    add_shortlist(copy, make_shortlist(load_bundle(copy, CPU), 5))
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


def test_a_shortlist_is_added_and_replaced(copy, tmp_path):
    bundle = load_bundle(copy, CPU)
    assert bundle.shortlist is None
    facts = read_bundle_record(copy)
    for token in (5, 6):
        add_shortlist(copy, make_shortlist(bundle, token))
        assert shortlist_token(copy) == token
    changed = read_bundle_record(copy)
    del changed["sha256"]["shortlist.safetensors"]
    assert changed == facts
    save_bundle(load_bundle(copy, CPU), tmp_path / "again", {})
    assert shortlist_token(tmp_path / "again") == 6


@pytest.mark.parametrize("write", range(4))
def test_a_bundle_is_whole_whenever_the_adding_stops(copy, monkeypatch, write):
    """At each write of a file in turn, before it and after it."""
    bundle = load_bundle(copy, CPU)
    add_shortlist(copy, make_shortlist(bundle, 5))
    seen = []

    def stopping(original):
        def act(path, *rest):
            seen.append(shortlist_token(copy))
            if len(seen) == write + 1:
                raise KeyboardInterrupt
            return original(path, *rest)

        return act

    monkeypatch.setattr(bundles, "atomic_file", stopping(bundles.atomic_file))
    monkeypatch.setattr(bundles, "write_text", stopping(bundles.write_text))
    if write < 3:
        with pytest.raises(KeyboardInterrupt):
            add_shortlist(copy, make_shortlist(bundle, 6))
    else:
        add_shortlist(copy, make_shortlist(bundle, 6))
        seen.append(shortlist_token(copy))
    assert seen == [5, None, None, 6][: write + 1]
    add_shortlist(copy, make_shortlist(bundle, 7))
    assert shortlist_token(copy) == 7


def test_a_shortlist_for_another_vocabulary_is_refused(copy):
    bundle = load_bundle(copy, CPU)
    shortlist = make_shortlist(bundle, 5)
    add_shortlist(copy, Shortlist(shortlist.translations[1:], shortlist.frequent, shortlist.always))
    with pytest.raises(ModelError, match="nmt shortlist"):
        load_bundle(copy, CPU)


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
        read_bundle_record(copy)


def test_weights_of_another_shape_are_named(copy):
    from safetensors.torch import load_file, save_file

    from nmt.runtime.atomic_files import sha256

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
    for part in (
        "output_bias is [3]",
        "stranger does not belong to this model",
        "output_matrix is missing",
    ):
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


SEARCH = SearchSettings(beam_size=4, length_penalty="average", alpha=0.6, coverage_penalty=0.2)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_changed_defaults_of_search(copy):
    before = contents(copy)
    change_search(copy, SEARCH, {"metric": "BLEU"})
    after = contents(copy)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == {
        "config.yaml",
        "bundle.json",
        "README.md",
    }
    changed = load_bundle(copy, CPU)
    assert changed.search == SEARCH
    facts = read_bundle_record(copy)
    assert facts.pop("tuning") == {"metric": "BLEU"}
    facts["sha256"]["config.yaml"] = json.loads(before["bundle.json"])["sha256"]["config.yaml"]
    assert facts == json.loads(before["bundle.json"])
    card = "- search: beam 4, length penalty average (0.6), coverage penalty 0.2"
    assert card.encode() in after["README.md"]
    change_search(copy, SearchSettings(beam_size=3), {})
    assert load_bundle(copy, CPU).search == SearchSettings(beam_size=3)
    assert contents(copy)["README.md"] == before["README.md"]


def test_what_its_owner_put_into_a_bundle_stays(copy):
    (copy / "README.md").write_bytes(b"Ours \xff.\r\n- search: as it was\nKeep.\n")
    (copy / "more").mkdir()
    (copy / "more" / "notes.txt").write_text("of ours", encoding="utf-8")
    change_search(copy, SearchSettings(), {})
    assert (copy / "README.md").read_bytes() == (
        b"Ours \xff.\r\n- search: beam 5, length penalty gnmt (1)\nKeep.\n"
    )
    assert (copy / "more" / "notes.txt").read_text(encoding="utf-8") == "of ours"
    (copy / "README.md").unlink()
    change_search(copy, SearchSettings(beam_size=2), {})
    assert not (copy / "README.md").exists()


def test_a_link_to_a_bundle_stays_a_link(copy, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(copy, target_is_directory=True)
    change_search(link, SEARCH, {})
    assert link.is_symlink()
    assert load_bundle(copy, CPU).search == SEARCH


@pytest.mark.parametrize("moment", ["copy2", "check_digest", "dump_config", "replace_search_line"])
def test_interrupted_the_old_bundle_stays(copy, monkeypatch, moment):
    before = contents(copy)

    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil if moment == "copy2" else nmt.bundles.bundle, moment, interrupt)
    with pytest.raises(KeyboardInterrupt):
        change_search(copy, SEARCH, {})
    assert contents(copy) == before
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_a_damaged_bundle_is_not_passed_off_as_whole(copy):
    (copy / "model.safetensors").write_bytes(b"half")
    before = contents(copy)
    with pytest.raises(ModelError, match=r"model\.safetensors: is damaged"):
        change_search(copy, SEARCH, {})
    assert contents(copy) == before


@pytest.mark.skipif(os.name != "posix", reason="file sizes are limited by POSIX means")
def test_a_full_disk_leaves_the_old_bundle(copy):
    before = contents(copy)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(ResourceError, match="cannot be written"):
            change_search(copy, SEARCH, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(copy) == before
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


@pytest.mark.parametrize(
    ("training", "loss"),
    [
        ({"dev": {"loss": 1.5}}, 1.5),
        ({}, None),
        ({"dev": None}, None),
        ({"dev": []}, None),
        ({"dev": {"loss": "x"}}, None),
        ({"dev": {"loss": 0.0}}, None),
        ({"dev": {"loss": float("nan")}}, None),
        ({"dev": {"loss": float("inf")}}, None),
    ],
)
def test_the_dev_loss_where_it_is_one(tiny_bundle, tmp_path, training, loss):
    shutil.copytree(tiny_bundle, tmp_path / "copy")
    file = tmp_path / "copy" / "bundle.json"
    facts = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**facts, "training": training}), encoding="utf-8")
    assert load_bundle(tmp_path / "copy", CPU).dev_loss == loss
