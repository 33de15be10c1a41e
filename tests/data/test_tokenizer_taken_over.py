"""The tokenizer of a run that starts from another model."""

import shutil

import pytest
from parallel_texts import parallel_text

from nmt.config.load import load_config
from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.errors import ConfigError, ModelError, UsageError
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.tokenizer import TokenizerPair

DEV = (["the cat sees", "a red dog"], ["le chat voit", "un chien rouge"])


@pytest.fixture
def old(make_config, tmp_path):
    """A run with a `best` folder, of which only the tokenizer is looked at."""
    run = RunDirectory(tmp_path / "old")
    prepare_tokenizers(make_config(parallel_text(50), DEV), run)
    shutil.copytree(run.tokenizer, run.best)
    return run


@pytest.fixture
def new(make_config, tmp_path):
    """The configuration of a run that starts from there; `training` may have more keys."""

    def make(start, **training):
        config = make_config(parallel_text(100), DEV)
        update = {"init_from": start, **training}
        return config.model_copy(update={"training": config.training.model_copy(update=update)})

    return make


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "new")


def fingerprint(folder):
    return TokenizerPair.load(folder).fingerprint


@pytest.mark.parametrize("bundle", [False, True])
def test_it_is_taken_over_once(old, new, run, bundle, capsys):
    config = new(old.best if bundle else old.path)
    assert prepare_tokenizers(config, run).fingerprint == fingerprint(old.best)
    assert fingerprint(run.tokenizer) == fingerprint(old.best)
    capsys.readouterr()
    prepare_tokenizers(config, run)
    assert f"tokenizer: up to date ({run.tokenizer})" in capsys.readouterr().err


def test_to_extend_trains_one(old, new, run):
    config = new(old.path, init_vocabulary="extend")
    assert prepare_tokenizers(config, run).fingerprint != fingerprint(old.best)
    with pytest.raises(UsageError) as refused:
        prepare_tokenizers(new(old.path), run)
    for folder in (old.best, run.tokenizer):
        assert fingerprint(folder) in refused.value.message
    assert prepare_tokenizers(new(old.path), run, force=True).fingerprint == fingerprint(old.best)
    assert prepare_tokenizers(config, run).fingerprint != fingerprint(old.best)


def test_another_start_replaces_it_until_it_has_been_trained_with(old, new, run, make_config):
    other = RunDirectory(run.path.with_name("other"))
    prepare_tokenizers(make_config(parallel_text(30), DEV), other)
    shutil.copytree(other.tokenizer, other.best)
    prepare_tokenizers(new(old.path), run)
    assert prepare_tokenizers(new(other.path), run).fingerprint == fingerprint(other.best)
    (run.checkpoints / "step-00000001").mkdir(parents=True)
    assert prepare_tokenizers(new(old.path), run).fingerprint == fingerprint(other.best)
    shutil.rmtree(other.path)
    assert prepare_tokenizers(new(other.path), run).fingerprint == fingerprint(run.tokenizer)


def test_a_damaged_one_is_mended_even_when_it_has_been_trained_with(old, new, run):
    prepare_tokenizers(new(old.path), run)
    (run.checkpoints / "step-00000001").mkdir(parents=True)
    next(run.tokenizer.glob("*.model")).write_bytes(b"")
    assert prepare_tokenizers(new(old.path), run).fingerprint == fingerprint(old.best)
    shutil.rmtree(old.best)
    next(run.tokenizer.glob("*.model")).write_bytes(b"")
    with pytest.raises(ModelError, match="is neither a bundle nor a run that has one"):
        prepare_tokenizers(new(old.path), run)


def test_one_model_or_two_must_be_as_the_settings_say(old, new, run):
    config = new(old.path)
    tokenizer = config.tokenizer.model_copy(update={"joint": not config.tokenizer.joint})
    with pytest.raises(ConfigError, match=r"Set `tokenizer\.joint: "):
        prepare_tokenizers(config.model_copy(update={"tokenizer": tokenizer}), run)


def test_its_place_is_looked_up_as_other_paths_are(tiny_config, tmp_path, monkeypatch):
    given = tiny_config.read_text(encoding="utf-8")
    tiny_config.write_text(
        given.replace("training:\n", "training:\n  init_from: old/best\n"), encoding="utf-8"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load_config(tiny_config).training.init_from == tmp_path / "old" / "best"
    override = load_config(tiny_config, ["training.init_from=mine"])
    assert override.training.init_from == elsewhere / "mine"
