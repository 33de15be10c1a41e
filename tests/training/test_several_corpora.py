"""Training on a list of corpora with languages, tags, weights and filters."""

import json
import os
import re

import pytest
from faults import KILLED, Instants, die, run
from safetensors.torch import load_file

from nmt.cli.app import run as run_command
from nmt.config.load import load_config
from nmt.data.manifest import Manifest
from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.errors import ConfigError, UsageError
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.tokenizer import TokenizerPair
from nmt.training.data_preparation import prepare_corpora
from nmt.training.run import train

LAST = 26
CORPORA = """\
  source_language: fr
  train:
    - {source: train.fr, target: train.en, target_language: en, weight: 1}
    - {source: more.fr, target: more.de, target_language: de, weight: 2, tag: web,
       filters: {drop_duplicates: true, max_length: 50}}
  dev:
    - {source: dev.fr, target: dev.en, target_language: en}
    - {source: dev.fr, target: dev.en, target_language: de, tag: web}
"""


@pytest.fixture
def listed(tiny_config):
    """Makes a configuration of two corpora in two languages."""
    folder = tiny_config.parent
    sources = (folder / "train.fr").read_text(encoding="utf-8").split("\n")
    distinct = list(dict.fromkeys(filter(None, sources)))[:80]
    more = [*distinct, *distinct[:20]]
    (folder / "more.fr").write_text("".join(f"{line}\n" for line in more), encoding="utf-8")
    german = ["".join(f"{word[::-1]} " for word in line.split(" ")).strip() for line in more]
    (folder / "more.de").write_text("".join(f"{line}\n" for line in german), encoding="utf-8")
    text = tiny_config.read_text(encoding="utf-8")
    begin, end = text.index("  train:"), text.index("  exclude_overlap")
    (folder / "list.yaml").write_text(text[:begin] + CORPORA + text[end:], encoding="utf-8")

    def make(*overrides, name="run"):
        every = (f"run_dir={folder / name}", f"training.max_updates={LAST}", *overrides)
        return load_config(folder / "list.yaml", every)

    return make


def records(run_directory, kind):
    lines = run_directory.log_records.read_text(encoding="utf-8").split("\n")[:-1]
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def prepared(config):
    run_directory = RunDirectory(config.run_dir)
    tokenizers = prepare_tokenizers(config, run_directory)
    return tokenizers, prepare_corpora(config, run_directory, tokenizers)


def test_tags_stand_before_each_source_and_no_text_has_them(listed):
    tokenizers, data = prepared(listed())
    pieces = [tokenizers.source.pieces(data.train.source(i)) for i in range(len(data.train))]
    assert {tuple(each[:1]) for each in pieces[:200]} == {("<2en>",)}
    assert {tuple(each[:2]) for each in pieces[200:]} == {("<2de>", "<web>")}
    untagged = [tokenizers.source.decode(data.train.source(i)) for i in (0, 200)]
    assert untagged == [listed().data.train[0].source[0].read_text().split("\n")[0]] * 2
    written = tokenizers.source.pieces(tokenizers.source.encode("<2de> <web>"))
    assert not {"<2de>", "<web>"} & set(written)
    dev = [tokenizers.source.pieces(data.dev.source(i))[0] for i in (0, 19, 20, 39)]
    assert dev == ["<2en>", "<2en>", "<2de>", "<2de>"]
    assert list(data.dev_groups) == ["fr-en", "fr-de web"]


def test_filters_are_those_of_a_corpus(listed):
    _, data = prepared(listed())
    report = data.manifest.train
    assert report.dropped["duplicate"] == 20
    assert [part.pairs_read for part in report.parts] == [200, 100]
    assert [part.pairs_kept for part in report.parts] == [200, 80]
    assert report.pairs_kept == 280 == len(data.train)
    # Line numbers run on over the corpora.
    assert data.train.line_numbers.tolist() == list(range(1, 281))


@pytest.mark.parametrize(
    "override",
    [
        "data.train.1.tag=news",
        "data.train.1.filters={max_length: 60}",
        "data.dev.1.target_language=en",
    ],
)
def test_another_tag_or_filter_makes_the_data_anew(listed, made, override):
    prepared(listed("data.dev.1.tag=null"))
    assert made == ["train_tokenizers", "binarize"]
    prepared(listed("data.dev.1.tag=null"))
    assert made == ["train_tokenizers", "binarize"]
    prepared(listed("data.dev.1.tag=null", override))
    assert made[2:] and made[-1] == "binarize"


def test_a_list_of_one_is_what_a_single_corpus_is(tiny, made):
    one = tiny("training.max_updates=2")
    files = one.data.train[0]
    first = train(one)
    as_list = f"[{{source: {files.source[0]}, target: {files.target[0]}}}]"
    second = train(tiny("training.max_updates=2", f"data.train={as_list}"))
    assert first.path == second.path
    assert made == ["train_tokenizers", "binarize"]


def test_validation_shows_each_language_pair(listed):
    run_directory = train(listed("training.max_updates=4"))
    (record,) = records(run_directory, "validation")
    groups = record["groups"]
    assert list(groups) == ["fr-en", "fr-de web"]
    values = groups.values()
    assert record["chrf"] == pytest.approx(sum(each["chrf"] for each in values) / 2)
    tokens = [each["loss"] for each in values]
    assert record["loss"] == pytest.approx(sum(tokens) / 2)  # both have the same targets
    assert min(tokens) < record["loss"] < max(tokens)
    log = (run_directory.path / "train.log").read_text(encoding="utf-8")
    assert "  fr-en: loss " in log and "  fr-de web: loss " in log
    assert "train.fr (fr-en) 93 of 200 pairs, more.fr (fr-de web) 187 of 80 pairs" in log
    card = (run_directory.best / "README.md").read_text(encoding="utf-8")
    assert "- fr-de web: loss " in card


def test_a_part_of_dev_is_a_part_of_each_language_pair(listed):
    run_directory = train(listed("training.max_updates=4", "training.validation.max_sentences=10"))
    (record,) = records(run_directory, "validation")
    assert set(record["groups"]) == {"fr-en", "fr-de web"}


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("data.train.1.weight=3", "weight"),
        ("data.train[1].weight=3", "weight"),
        ("data.train.1.filters={max_length: 60}", "filters"),
    ],
)
def test_the_keys_of_a_corpus_cannot_change_within_a_run(listed, override, key):
    run_directory = train(listed("training.max_updates=4"))
    before = (run_directory.data / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match=rf"data\.train\.{key}"):
        train(listed("training.max_updates=4", override))
    assert (run_directory.data / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["data.train=[{source: train.fr, target: train.en}]"],
            "has `dev` in the target language en",
        ),
        (["data.train.0.tag=talk", "data.dev.1.tag=null"], "has a corpus without `tag` in `dev`"),
    ],
)
def test_dev_has_what_train_has(listed, overrides, message):
    with pytest.raises(ConfigError, match=message):
        listed(*overrides)


@pytest.mark.parametrize("limit", [1, 6])
def test_long_sentences_beyond_the_part_of_dev_are_divided(listed, limit):
    """The longest sentences are decoded first, also where validation does not translate them."""
    part = ("training.validation.max_sentences=2", f"search.max_source_tokens={limit}")
    run_directory = train(listed("training.max_updates=2", *part))
    assert records(run_directory, "validation")


def test_a_corpus_without_a_pair_in_an_epoch_is_reported(listed):
    run_directory = train(listed("training.max_updates=2", "data.train.0.weight=0.000001"))
    log = (run_directory.path / "train.log").read_text(encoding="utf-8")
    assert "no epoch has a pair of train.fr (fr-en), because its weight is too small." in log


def test_other_names_of_the_files_are_no_other_run(listed, tmp_path):
    train(listed("training.max_updates=4"))
    (tmp_path / "more.fr").rename(tmp_path / "renamed.fr")
    config = listed("training.max_updates=4", f"data.train.1.source={tmp_path / 'renamed.fr'}")
    assert len(records(train(config), "validation")) == 1


@pytest.mark.skipif(os.name != "posix", reason="processes are forked and killed")
def test_a_killed_run_resumes_exactly(listed):
    """The kill falls into the third epoch, where a corpus has begun its second permutation."""
    whole = train(listed(name="whole"))
    assert records(whole, "train")[-1]["epoch"] >= 2

    def dying():
        checkpoints = RunDirectory(listed(name="parts").run_dir).checkpoints
        Instants(checkpoints, 150, die)
        train(listed(name="parts"))

    assert run(dying) == KILLED
    parts = RunDirectory(listed(name="parts").run_dir)
    done = sorted(path.name for path in parts.checkpoints.glob("step-*"))
    assert done and done[-1] < f"step-{LAST:08d}"
    train(listed(name="parts"))
    for name in ("model.safetensors", "optimizer.safetensors"):
        one, other = (
            load_file(each.checkpoints / f"step-{LAST:08d}" / name) for each in (whole, parts)
        )
        assert one.keys() == other.keys()
        assert all(tensor.equal(other[key]) for key, tensor in one.items())


def test_the_table_names_each_corpus(listed, capsys):
    listed()
    config = listed().run_dir.parent / "list.yaml"
    assert run_command(["binarize", str(config), "--set", f"run_dir={config.parent / 'x'}"]) == 0
    said = capsys.readouterr().err
    assert "train: 300 pairs read, 280 kept, 20 dropped (6.67%)" in said
    assert "such as line more.fr:81: " in said
    assert "  train.fr (fr-en)     200 pairs read, 200 kept" in said
    assert "  more.fr (fr-de web)  100 pairs read, 80 kept, 20 dropped (20.00%)" in said


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.train.2.weight=1", "data.train has no element 2; they are numbered from 0 to 1"),
        ("data.train.-1.weight=1", "data.train has no element -1; they are numbered from 0 to 1"),
        ("data.train.weight=1", "such as data.train.0.weight"),
        ("data.train.0.weight=null", "without `weight` (none: train.0); give each"),
        ("data.dev.0.target_language=fr", "has `dev` in the target language fr, but"),
    ],
)
def test_a_wrong_value_of_one_corpus_is_named(listed, override, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        listed(override)


def test_an_existing_tokenizer_gets_the_tags(listed, tmp_path):
    config = listed()
    tokenizers, _ = prepared(config)
    plain = tmp_path / "plain.model"
    plain.write_bytes((config.run_dir / "tokenizer" / "joint.model").read_bytes())
    given = listed(f"tokenizer={{model: {plain}}}", name="given")
    found, data = prepared(given)
    # A tag that is there stays where it is, so the same tokenizer gives the same tokens.
    assert found.source.size == tokenizers.source.size
    assert found.source.pieces(data.train.source(200))[:2] == ["<2de>", "<web>"]


def test_a_manifest_of_an_earlier_release_has_no_parts(tiny):
    config = tiny("training.max_updates=2")
    run_directory = train(config)
    manifest = Manifest.load(run_directory.data)
    bare = {"parts": ()}
    manifest.model_copy(
        update={
            "train": manifest.train.model_copy(update=bare),
            "dev": manifest.dev.model_copy(update=bare),
        }
    ).save(run_directory.data)
    train(tiny("training.max_updates=4"), resume=True)
    assert TokenizerPair.load(run_directory.tokenizer).source.size > 4


def test_the_end_of_training_names_the_held_out_test_set(tiny):
    run_directory = train(tiny("training.max_updates=2", "data.test_split=0.2"))
    test = run_directory.data / "test.source.txt"
    assert test.read_text(encoding="utf-8").count("\n") > 10
    log = run_directory.log_text.read_text(encoding="utf-8")
    assert f"nmt translate -m {run_directory.path} -i {test} | nmt score" in log


def test_a_language_that_dev_lacks_is_named(listed, capsys):
    prepared(listed("data.dev.1.tag=null", "data.dev.1.target_language=en"))
    assert "dev has no pair into de, so validation cannot judge" in capsys.readouterr().err
