"""Checkpoints: every format is read, all damage is found, a full disk loses nothing."""

import json
import os
import random
import shutil
import sys
from collections import namedtuple
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from faults import KILLED, Instants, die, disk_full, run

from nmt.bundles.bundle import load_bundle
from nmt.errors import ModelError, ResourceError
from nmt.runtime import atomic_files
from nmt.runtime.atomic_files import remove_leftovers
from nmt.training import checkpoints
from nmt.training import checkpoints as checkpoint_formats
from nmt.training.checkpoints import (
    NewerFormatError,
    intact_checkpoints,
    load_state,
    load_tensors,
    newest_checkpoint,
    read_record,
    rename_newer_checkpoints,
    save_checkpoint,
)
from nmt.training.moving_average import MovingAverage

FORMATS = Path(__file__).parents[1] / "formats"
sys.path.insert(0, str(FORMATS))
import make_formats  # noqa: E402  # it is a script, beside the files that it makes

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked and killed")


def write(folder, update, keep=2):
    """A checkpoint of its own weights; gives its path."""
    model, optimizer = make_formats.make_model(9)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += update
    state = make_formats.TrainingState(**{**vars(make_formats.STATE), "update": update})
    return save_checkpoint(folder, keep, model, optimizer, state)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.glob("*/*")}


def flip(file, position, bit):
    data = bytearray(file.read_bytes())
    data[position] ^= 1 << bit
    file.write_bytes(data)


@pytest.mark.parametrize("number", range(1, checkpoint_formats.FORMAT + 1))
def test_every_format_that_was_ever_released_is_read(number):
    path = newest_checkpoint(FORMATS / f"checkpoint-{number}")
    assert asdict(load_state(path)) == asdict(make_formats.STATE)
    known = json.loads((path / "state.json").read_text(encoding="utf-8"))
    assert known["format"] == number
    assert set(read_record(path / "state.json")) == {"format", "state", "sha256", "checksum"}
    tokenizer = make_formats.make_tokenizer()
    wanted, step = make_formats.make_model(tokenizer.size)
    model, optimizer = make_formats.make_model(tokenizer.size)
    for parameter in model.parameters():
        parameter.data.zero_()
    for values in optimizer.state.values():
        values["exp_avg"].zero_()
    load_tensors(path, model, optimizer)
    for one, other in zip(model.parameters(), wanted.parameters(), strict=True):
        assert torch.equal(one, other)
        for key, value in step.state[other].items():
            torch.testing.assert_close(optimizer.state[one][key], value)


def test_every_format_of_a_bundle_that_was_ever_released_is_read():
    folders = sorted(FORMATS.glob("bundle-*"))
    assert [folder.name for folder in folders] == ["bundle-1"]
    for folder in folders:
        bundle = load_bundle(folder, torch.device("cpu"))
        assert (bundle.length_ratio.mean, bundle.length_ratio.deviation) == (1.25, 0.25)
        ids = bundle.tokenizers.source.encode("le chat")
        assert bundle.tokenizers.target.decode(ids) == "le chat"
        for place, parameter in enumerate(bundle.model.parameters()):
            assert torch.equal(parameter, make_formats.numbers(place, parameter))


def test_a_later_format_is_not_taken_for_damage(tmp_path):
    write(tmp_path, 1)
    state = write(tmp_path, 2) / "state.json"
    record = json.loads(state.read_text(encoding="utf-8"))
    later = checkpoint_formats.with_checksum({**record, "format": checkpoint_formats.FORMAT + 1})
    state.write_text(json.dumps(later), encoding="utf-8")
    with pytest.raises(NewerFormatError, match="Use the version of nmt that wrote it"):
        newest_checkpoint(tmp_path)


def test_a_flipped_bit_in_any_byte_of_the_state_is_found(tmp_path):
    state = write(tmp_path, 1) / "state.json"
    sound, data, chosen = read_record(state), state.read_bytes(), random.Random(1)
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << chosen.randrange(8)
        state.write_bytes(changed)
        try:
            # A blank may become another that JSON does not mind.
            assert read_record(state) == sound
            assert data[position : position + 1].isspace()
        except ModelError as error:
            assert not isinstance(error, NewerFormatError)


def test_states_of_two_kinds_are_damage(tmp_path):
    from safetensors.torch import load_file, save_file

    path = newest_checkpoint(FORMATS / "checkpoint-2")
    copy = shutil.copytree(path, tmp_path / path.name)
    tensors = load_file(copy / "optimizer.safetensors")
    tensors["0.other"] = tensors.pop("0.exp_avg")
    save_file(tensors, copy / "optimizer.safetensors")
    tokenizer = make_formats.make_tokenizer()
    with pytest.raises(ModelError, match="states of different optimizers"):
        load_tensors(copy, *make_formats.make_model(tokenizer.size))


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "longer", "missing"])
def test_a_damaged_checkpoint_is_named_passed_over_and_kept(tmp_path, capsys, file, damage):
    good, bad = write(tmp_path, 1), write(tmp_path, 2)
    size = (bad / file).stat().st_size
    if damage == "flip":
        flip(bad / file, size // 2, 3)
    elif damage == "longer":
        (bad / file).write_bytes((bad / file).read_bytes() + b"x")
    elif damage == "missing":
        (bad / file).unlink()
    else:
        os.truncate(bad / file, size // 2 if damage == "cut" else 0)
    before = contents(bad.parent)
    assert newest_checkpoint(tmp_path) == good
    said = capsys.readouterr().err
    assert f"{bad}: skipped, because this checkpoint is damaged" in said
    assert file in said
    assert contents(bad.parent) == before
    rename_newer_checkpoints(good)
    assert names(tmp_path) == ["damaged-step-00000002", "step-00000001"]
    write(tmp_path, 2, keep=1)
    assert names(tmp_path) == ["damaged-step-00000002", "step-00000002"]


def test_two_damaged_ones_of_one_name_are_both_kept(tmp_path):
    good = write(tmp_path, 1)
    for _ in range(2):
        (write(tmp_path, 2) / "state.json").unlink()
        rename_newer_checkpoints(good)
    assert names(tmp_path) == ["damaged-step-00000002", "damaged-step-00000002-2", "step-00000001"]


def test_with_nothing_but_damage_training_does_not_begin_again(tmp_path):
    for update in (1, 2):
        (write(tmp_path, update) / "state.json").unlink()
    with pytest.raises(ModelError, match=r"none of the 2 checkpoints is intact.*\n?.*--restart"):
        newest_checkpoint(tmp_path)
    assert newest_checkpoint(tmp_path / "empty") is None


def test_all_that_are_whole_are_found_newest_first(tmp_path, capsys):
    paths = [write(tmp_path, update, keep=9) for update in (1, 2, 3, 4)]
    (paths[2] / "state.json").unlink()
    assert list(intact_checkpoints(tmp_path)) == [paths[3], paths[1], paths[0]]
    assert capsys.readouterr().err.count("skipped, because") == 1


def test_a_disk_without_room_is_seen_before_anything_is_written(tmp_path, monkeypatch):
    write(tmp_path, 1)
    before = contents(tmp_path)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(atomic_files.shutil, "disk_usage", lambda _: usage(1000))
    monkeypatch.setattr(atomic_files, "_temporary_path", None)
    with pytest.raises(ResourceError, match=r"needs 1\.1 MB, but the disk has 0\.0 MB free"):
        write(tmp_path, 2)
    assert contents(tmp_path) == before


def test_an_average_needs_room_too(tmp_path, monkeypatch):
    model, optimizer = make_formats.make_model(9)
    asked = []
    monkeypatch.setattr(checkpoints, "check_free_space", lambda _, size: asked.append(size))
    for average in (None, MovingAverage(model, 0.9)):
        save_checkpoint(tmp_path, 1, model, optimizer, make_formats.STATE, average)
    parameters = sum(parameter.nbytes for parameter in model.parameters())
    assert asked[1] - asked[0] == parameters > 0


def instants_of_a_save(folder):
    """How many instants a save beside two other checkpoints has; its folder is left as it was."""
    for update in (1, 2):
        write(folder, update)
    copy = shutil.copytree(folder, folder.with_name("copy"))

    def count():
        instants = Instants(copy, None, None)
        write(copy, 3)
        folder.with_name("count").write_text(str(instants.count), encoding="utf-8")

    assert run(count) == 0
    return int(folder.with_name("count").read_text(encoding="utf-8"))


def whole_updates(folder):
    """The updates of the checkpoints below their final names, which must all be whole."""
    found = []
    for path in sorted(folder.glob("step-*")):
        alone = shutil.copytree(path, folder.with_name("alone") / path.name)
        assert newest_checkpoint(alone.parent) == alone
        found.append(load_state(path).update)
        shutil.rmtree(alone.parent)
    return found


def test_killed_at_each_step_of_a_save_all_checkpoints_are_whole(tmp_path):
    folder = tmp_path / "checkpoints"
    steps, seen = instants_of_a_save(folder), set()
    assert steps > 20
    for step in range(1, steps + 1):
        copy = shutil.copytree(folder, tmp_path / "copy", dirs_exist_ok=True)

        def save(copy=copy, step=step):
            Instants(copy, step, die)
            write(copy, 3)

        assert run(save) == KILLED
        remove_leftovers(copy)
        seen.add(tuple(whole_updates(copy)))
        assert all(name.startswith("step-") for name in names(copy))
        shutil.rmtree(copy)
    assert seen == {(1, 2), (1, 2, 3), (2, 3)}


def test_a_disk_that_fills_at_any_step_of_a_save_costs_that_checkpoint_only(tmp_path):
    folder = tmp_path / "checkpoints"
    steps, failed = instants_of_a_save(folder), 0
    before = contents(folder)
    for step in range(1, steps + 1):
        copy = shutil.copytree(folder, tmp_path / "copy", dirs_exist_ok=True)

        def save(copy=copy, step=step):
            Instants(copy, step, disk_full)
            try:
                write(copy, 3)
            except ResourceError:
                os._exit(5)

        code = run(save)
        if code == 5:
            failed += 1
            assert {**contents(copy), **before} == contents(copy)
        assert code in (0, 5)
        assert names(copy)[0].startswith("step-")
        assert whole_updates(copy) in ([1, 2], [1, 2, 3], [2, 3])
        shutil.rmtree(copy)
    assert failed > 3
