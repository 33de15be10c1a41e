"""Training with a tokenizer and data that other runs use too."""

import random
import shutil

import pytest

from nmt import Translator
from nmt.bundles.bundle_files import read_config
from nmt.config.load import load_config
from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.errors import DataError, ModelError, UsageError
from nmt.reports.corpus_report import examine_corpora_or_reason
from nmt.reports.run_scoring import read_shared_dev
from nmt.reports.run_state import open_run
from nmt.runtime.run_directory import RunDirectory, find_run
from nmt.training import verify_resume as proof
from nmt.training.data_preparation import open_prepared, prepare_corpora
from nmt.training.run import train

FEW = "training.max_updates=4"


@pytest.fixture
def shared(tiny, tmp_path):
    """Makes configurations that name the folders `tok` and `dat`."""

    def make(*overrides, name="one"):
        places = [f"tokenizer.dir={tmp_path}/tok", f"data.dir={tmp_path}/dat"]
        return tiny(*places, FEW, *overrides, name=name)

    return make


def prepare(config, force=False):
    run = RunDirectory.from_config(config)
    return prepare_corpora(config, run, prepare_tokenizers(config, run, force), force)


def write_other_texts(folder):
    """Replace train by another text of the same words."""
    chosen = random.Random(5)
    for side, words in (("fr", ["un", "deux"]), ("en", ["one", "two"])):
        lines = [" ".join(chosen.choices(words, k=4)) for _ in range(200)]
        (folder / f"train.{side}").write_text("\n".join(lines) + "\n", encoding="utf-8")


def inodes(*folders):
    return {path: path.stat().st_ino for folder in folders for path in folder.rglob("*")}


def test_two_seeds_share_tokenizer_and_data_and_make_an_ensemble(shared, tmp_path, capsys):
    train(shared())
    before = inodes(tmp_path / "tok", tmp_path / "dat")
    capsys.readouterr()
    other = train(shared("seed=2", name="two"))
    told = capsys.readouterr().err
    assert f"tokenizer: up to date ({tmp_path}/tok), fingerprint " in told
    assert f"data: up to date ({tmp_path}/dat), fingerprint " in told
    assert "pairs read" not in told
    assert inodes(tmp_path / "tok", tmp_path / "dat") == before
    for name in ("one", "two"):
        assert not {"tokenizer", "data"} & {path.name for path in (tmp_path / name).iterdir()}
    ensemble = Translator.load([tmp_path / "one", tmp_path / "two"], threads=1)
    assert len(ensemble.translate(["un deux"])) == 1
    config = read_config(other.best)
    assert (config.tokenizer.dir, config.data.dir) == (None, None)
    checkpoint = max(other.checkpoints.glob("step-*"))
    config = read_config(checkpoint)
    assert (config.tokenizer.dir, config.data.dir) == (None, None)
    assert find_run(other.path).data == tmp_path / "dat"
    report, problem = examine_corpora_or_reason(open_run(other.path))
    assert (report.manifest.train.pairs_kept, problem) == (200, "")
    assert (
        len(read_shared_dev([open_run(tmp_path / name) for name in ("one", "two")]).sources) == 20
    )


def test_a_run_is_resumed_with_shared_folders(shared, tmp_path):
    train(shared())
    run = train(shared("training.max_updates=6"), resume=True)
    assert (run.checkpoints / "step-00000006").is_dir()
    tokenizers, data = open_prepared(shared(), run)
    assert data.manifest.tokenizer == tokenizers.fingerprint


@pytest.mark.parametrize(
    ("own", "error", "told"),
    [
        ((), DataError, "the tokenizer in {}/tok differs from that of this run ("),
        (
            ("data.dir=null",),
            DataError,
            "the tokenizer in {}/tok differs from that of this run (",
        ),
        (
            ("tokenizer.dir=null",),
            UsageError,
            "one/tokenizer: out of date (data.train.source has changed ({}/train.fr)",
        ),
    ],
    ids=["both shared", "tokenizer shared", "data shared"],
)
def test_folders_that_were_changed_under_a_run(shared, tmp_path, own, error, told):
    run = train(shared(*own))
    write_other_texts(tmp_path)
    prepare(shared(*own, name="two"), force=True)
    before = {path: path.read_bytes() for path in (run.path / "data").glob("*.bin")}
    with pytest.raises(error) as refused:
        train(shared(*own, "training.max_updates=6"), resume=True)
    assert told.format(tmp_path) in refused.value.message
    assert before == {path: path.read_bytes() for path in (run.path / "data").glob("*.bin")}


def test_what_is_made_of_a_run_tells_that_its_data_were_changed(shared, tmp_path):
    run = train(shared())
    checkpoint = max(run.checkpoints.glob("step-*"))
    read_config(checkpoint)
    write_other_texts(tmp_path)
    other = shared(name="two")
    prepare_tokenizers(other, RunDirectory.from_config(other), force=True)
    with pytest.raises(ModelError, match=f"the files in {tmp_path}/tok changed"):
        read_config(checkpoint)
    prepare(other, force=True)
    with pytest.raises(ModelError, match=f"the files in {tmp_path}/dat changed"):
        read_config(checkpoint)
    report, problem = examine_corpora_or_reason(open_run(run.path))
    assert report is None
    assert problem.startswith(f"{tmp_path}/dat: its train corpus changed after {run.path}")
    with pytest.raises(DataError, match="changed after"):
        read_shared_dev([open_run(run.path)])
    assert Translator.load(run.best, threads=1).translate(["un"])


def test_folders_that_are_gone(shared, tmp_path, capsys):
    run = train(shared())
    checkpoint = max(run.checkpoints.glob("step-*"))
    for name, key in (("tok", "tokenizer"), ("dat", "data")):
        (tmp_path / name).rename(tmp_path / "away")
        with pytest.raises(DataError, match=f"{tmp_path}/{name}: is missing") as refused:
            train(shared("training.max_updates=6"), resume=True)
        assert f"set `{key}.dir` to its new place" in refused.value.message
        with pytest.raises(
            ModelError, match="incomplete without the other files of its run"
        ) as refused:
            read_config(checkpoint)
        assert refused.value.message.split("\n")[1].startswith(f"{tmp_path}/{name}")
        report, problem = examine_corpora_or_reason(open_run(run.path))
        assert report is None and f"{tmp_path}/{name}" in problem
        (tmp_path / "away").rename(tmp_path / name)
    shutil.rmtree(tmp_path / "tok")
    capsys.readouterr()
    train(shared())
    assert "training has ended" in capsys.readouterr().err


def test_a_run_finds_folders_that_were_moved_where_it_is_told(shared, tmp_path):
    run = train(shared())
    for name in ("tok", "dat"):
        (tmp_path / name).rename(tmp_path / f"new-{name}")
    places = [f"tokenizer.dir={tmp_path}/new-tok", f"data.dir={tmp_path}/new-dat"]
    train(shared(*places, "training.max_updates=6"), resume=True)
    assert find_run(run.path).tokenizer == tmp_path / "new-tok"
    assert (run.checkpoints / "step-00000006").is_dir()


@pytest.mark.parametrize(("name", "key"), [("tok", "tokenizer"), ("dat", "data")])
def test_a_run_names_the_folder_that_it_was_trained_with(shared, tmp_path, name, key):
    run = train(shared())
    with pytest.raises(DataError) as refused:
        train(shared("training.max_updates=6", f"{key}.dir=null"), resume=True)
    assert refused.value.message.startswith(f"{run.path}/{key}: is missing. This run was ")
    assert f"`{key}.dir: {tmp_path}/{name}`" in refused.value.message
    assert not (run.path / key).exists()


def test_a_refused_resume_leaves_the_configuration_of_the_run(shared, tmp_path):
    run = train(shared())
    before = run.config_file.read_bytes()
    other = shared("data.max_length=30", f"data.dir={tmp_path}/other", name="two")
    prepare(other)
    with pytest.raises(
        UsageError, match=r"data\.max_length is 30 in the folder, 100 in the configuration"
    ):
        train(shared("training.max_updates=6", f"data.dir={tmp_path}/other"), resume=True)
    assert run.config_file.read_bytes() == before


def test_restart_leaves_shared_folders_where_they_are(shared, tmp_path):
    train(shared())
    before = inodes(tmp_path / "tok", tmp_path / "dat")
    train(shared("model.decoder.hidden_size=12"), restart=True)
    assert inodes(tmp_path / "tok", tmp_path / "dat") == before
    assert len(list(tmp_path.glob("one.*"))) == 1


def test_a_run_that_was_moved_finds_its_own_and_the_shared_ones(tiny, tmp_path):
    run = train(tiny(f"data.dir={tmp_path}/dat", FEW))
    assert load_config(run.config_file).tokenizer.dir is None
    moved = find_run(run.path.rename(tmp_path / "moved"))
    assert (moved.tokenizer, moved.data) == (tmp_path / "moved/tokenizer", tmp_path / "dat")
    read_config(max(moved.checkpoints.glob("step-*")))


def test_the_proof_of_a_resume_makes_only_what_is_missing(tiny, tmp_path):
    config = tiny()
    run, folder = RunDirectory.from_config(config), tmp_path / "proof"
    found = proof._with_prepared(config, run, folder)
    assert (found.tokenizer.dir, found.data.dir) == (folder / "tokenizer", folder / "data")
    assert not run.path.exists()
    prepare_tokenizers(config, run)
    found = proof._with_prepared(config, run, tmp_path / "second")
    assert (found.tokenizer.dir, found.data.dir) == (run.tokenizer, tmp_path / "second" / "data")
    assert not run.data.exists()
    prepare(config)
    found = proof._with_prepared(config, run, tmp_path / "third")
    assert (found.tokenizer.dir, found.data.dir) == (run.tokenizer, run.data)
    assert not (tmp_path / "third").exists()
    guided = tiny("training.guided_alignment.aligner=ibm1")
    found = proof._with_prepared(guided, run, tmp_path / "fourth")
    assert (found.tokenizer.dir, found.data.dir) == (run.tokenizer, tmp_path / "fourth" / "data")
    assert not (run.data / "train.links").exists()


def test_data_that_were_made_of_another_dev(shared, tmp_path):
    """The tokenizer is the same, and the data are up to date for the texts that are there now."""
    train(shared())
    for side, line in (("fr", "un deux"), ("en", "one two")):
        (tmp_path / f"dev.{side}").write_text(f"{line}\n" * 20, encoding="utf-8")
    prepare(shared(name="two"), force=True)
    with pytest.raises(DataError, match=f"the dev corpus in {tmp_path}/dat differs from that"):
        train(shared("training.max_updates=6"), resume=True)
