import os
import shutil

import pytest

from nmt.errors import ModelError, ResourceError
from nmt.runtime.lock import hold_lock
from nmt.runtime.run_directory import RunDirectory
from nmt.translation.tuning import locked_bundle


@pytest.fixture
def run(tiny_bundle, tmp_path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    shutil.copytree(tiny_bundle, run.best)
    shutil.copy(tiny_bundle / "config.yaml", run.config_file)
    return run


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_run_and_its_bundle_are_the_same(run):
    for path in (run.path, run.best):
        with locked_bundle(path) as found:
            assert found.resolve() == run.best.resolve()
            assert run.training_lock.exists()
    assert names(run.path) == ["best", "config.yaml"]


def test_training_keeps_tuning_out(run):
    with (
        hold_lock(run.training_lock, "this run"),
        pytest.raises(ResourceError, match="is using this model"),
        locked_bundle(run.path),
    ):
        raise AssertionError("it was held by training")


def test_tuning_keeps_training_out(run):
    with (
        locked_bundle(run.path),
        pytest.raises(ResourceError, match="is using this run"),
        hold_lock(run.training_lock, "this run"),
    ):
        raise AssertionError("it was held by tuning")


def test_a_bundle_anywhere_is_held(tiny_bundle, tmp_path):
    bundle = shutil.copytree(tiny_bundle, tmp_path / "passed-on")
    with locked_bundle(bundle) as found:
        assert found == bundle
        with pytest.raises(ResourceError), locked_bundle(bundle):
            raise AssertionError("it was held already")
    assert names(tmp_path) == ["passed-on"]


@pytest.mark.parametrize("as_run", [True, False])
def test_what_was_left_aside_is_put_back(run, as_run):
    aside = run.path / ".old-best-abcdefgh"
    aside.mkdir()
    run.best.rename(aside / "best")
    half = run.path / ".tmp-best-abcdefgh"
    half.mkdir()
    with locked_bundle(run.path if as_run else run.best) as found:
        assert (found / "model.safetensors").is_file()
    assert names(run.path) == ["best", "config.yaml"]


def test_no_bundle(tmp_path, run):
    shutil.rmtree(run.best)
    for path, rule in (
        (run.path, "no finished model yet"),
        (tmp_path / "nowhere", "no such file or folder"),
        (tmp_path / "nowhere" / "at-all", "no such file or folder"),
        (tmp_path, "neither a bundle"),
    ):
        with pytest.raises(ModelError, match=rule), locked_bundle(path):
            raise AssertionError("there is none")
    assert names(tmp_path) == ["run"]


def test_the_default_is_held(run, monkeypatch):
    monkeypatch.setenv("NMT_MODEL", os.fspath(run.path))
    with locked_bundle(None) as found:
        assert found.resolve() == run.best.resolve()
        assert run.training_lock.exists()
