from pathlib import Path

import pytest

from nmt.config.load import load_config
from nmt.errors import ConfigError

SMALL = """\
data:
  train: {source: train.fr, target: train.en}
  dev: {source: [a.fr, sub/b.fr], target: [/abs/a.en, ../b.en]}
training: {max_updates: 10}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project with configs/small.yaml; the current folder is another one."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "small.yaml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def load(folder, *overrides, text=None):
    path = folder / "configs" / "small.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    return load_config(path, overrides)


def test_paths_of_the_file_start_at_its_folder(folder):
    data = load(folder).data
    configs = folder / "configs"
    assert data.train[0].source == (configs / "train.fr",)
    assert data.dev is not None
    assert data.dev[0].source == (configs / "a.fr", configs / "sub" / "b.fr")
    assert data.dev[0].target == (Path("/abs/a.en"), folder / "b.en")


def test_paths_of_corpora_start_at_the_root_where_there_is_one(folder):
    config = load(folder, text=SMALL.replace("data:", "data:\n  root: ../corpora"))
    assert config.data.root == folder / "corpora"
    assert config.data.train[0].source == (folder / "corpora" / "train.fr",)


def test_paths_of_overrides_start_at_the_current_folder(folder):
    config = load(folder, "data.root=texts", "data.train.source=x.fr", "run_dir=out")
    here = folder / "elsewhere"
    assert config.data.root == here / "texts"
    assert config.data.train[0].source == (here / "x.fr",)
    assert config.data.train[0].target == (here / "texts" / "train.en",)
    assert config.run_dir == here / "out"


def test_a_relative_path_of_the_config_itself(folder, monkeypatch):
    monkeypatch.chdir(folder / "configs")
    assert load_config(Path("small.yaml")).data.train[0].source == (
        folder / "configs" / "train.fr",
    )


def test_the_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    config = load(folder, "data.train.source=~/x.fr")
    assert config.data.train[0].source == (Path("/home/someone/x.fr"),)


def test_name_and_run_dir_are_filled_in(folder):
    config = load(folder)
    assert config.name == "small"
    assert config.run_dir == folder / "elsewhere" / "runs" / "small"
    assert load(folder, "name=other").run_dir == folder / "elsewhere" / "runs" / "other"
    assert load(folder, text=f"run_dir: here\n{SMALL}").run_dir == folder / "configs" / "here"


def test_the_languages_in_texts(folder):
    text = """\
name: "small.{source_language}-{target_language}"
data:
  root: "../{source_language}"
  source_language: fr
  train: {source: ["a.{source_language}", b], target: ["a.{target_language}", "{c}"]}
  validation_split: 0.1
training: {max_updates: 10}
"""
    config = load(folder, "data.target_language=no", text=text)
    assert config.name == "small.fr-no"
    assert config.run_dir == folder / "elsewhere" / "runs" / "small.fr-no"
    assert config.data.train[0].source == (folder / "fr" / "a.fr", folder / "fr" / "b")
    assert config.data.train[0].target == (folder / "fr" / "a.no", folder / "fr" / "{c}")
    other = load(folder, 'data.train.target=["x.{target_language}", y]', text=text)
    assert other.data.train[0].target[0] == folder / "elsewhere" / "x.target"
    assert load(folder, "run_dir=to-{target_language}").run_dir == folder / "elsewhere/to-target"


def test_a_language_that_is_no_text_is_told_of_once(folder):
    with pytest.raises(ConfigError, match=r"source_language: .*\Z"):
        load(folder, "data.source_language=[fr]", "name=to-{source_language}")
    with pytest.raises(ConfigError, match="data"):
        load(folder, "data=texts")


def test_overrides_are_typed_like_the_file(folder):
    config = load(
        folder,
        "training.optimizer.learning_rate=1e-4",
        "data.source_language=no",
        "tokenizer.user_symbols=[<2de>, '1']",
        "search={beam_size: 3, n_best: 2}",
        "model.tying=all",
        "training.max_updates=",
        "training.max_time=1h",
        "seed=3",
        "seed=4",
    )
    assert config.training.optimizer.learning_rate == 1e-4
    assert config.data.source_language == "no"
    assert config.tokenizer.user_symbols == ("<2de>", "1")
    assert (config.search.beam_size, config.search.n_best) == (3, 2)
    assert config.model.tying == "all"
    assert config.training.max_updates is None
    assert config.seed == 4


def test_an_override_takes_the_place_of_a_whole_section(folder):
    config = load(folder, "data.dev=null", "data.validation_split=0.1")
    assert config.data.dev is None
    text = SMALL + "search: {beam_size: 9, alpha: 0.5}\n"
    assert load(folder, "search={beam_size: 3}", text=text).search.alpha == 1.0


def test_an_empty_section_has_the_defaults(folder):
    config = load(folder, text=SMALL + "model:\n  encoder:\n  # layers: 2\nsearch:\n")
    assert config.model.encoder.layers == 1


def test_byte_order_mark_and_carriage_returns_are_accepted(folder):
    path = folder / "configs" / "small.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load_config(path).training.max_updates == 10


def test_files_that_cannot_be_read(folder):
    with pytest.raises(ConfigError, match=r"^none\.yaml: no such file \(/.*/none\.yaml"):
        load_config(Path("none.yaml"))
    with pytest.raises(ConfigError, match="is a folder; give the configuration file in it"):
        load_config(folder)
    path = folder / "bytes.yaml"
    path.write_bytes(b"seed: 1\nname: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"bytes\.yaml:2:10: not valid UTF-8 \(byte 0xE9\)"):
        load_config(path)
    path.write_bytes(b"#" * (1 << 21))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load_config(path)


@pytest.mark.parametrize("override", ["seed", "=3", "a..b=1", ".a=1", ""])
def test_an_override_needs_a_key_and_a_value(folder, override):
    with pytest.raises(ConfigError, match=r"expected KEY=VALUE, such as --set"):
        load(folder, override)


@pytest.mark.parametrize(
    ("there", "given"), [("my.yaml", "my.yml"), ("my.yml", "my.yaml"), ("my.yaml", "my")]
)
def test_a_file_with_another_suffix_is_named(tmp_path, there, given):
    (tmp_path / there).write_text("", encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_config(tmp_path / given)
    assert raised.value.message.endswith(f"did you mean {tmp_path / there}?")


def test_the_configuration_in_a_run_folder_is_named(tmp_path):
    with pytest.raises(ConfigError, match="give the configuration file in it"):
        load_config(tmp_path)
    (tmp_path / "config.yaml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_config(tmp_path)
    expected = f"{tmp_path}: is a folder; give its configuration, {tmp_path / 'config.yaml'}"
    assert raised.value.message == expected


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("data.train.tag", "is a list of 1; .* such as data.train.0.tag$"),
        ("data.train.1.tag", "has no element 1; they are numbered from 0 to 0$"),
        ("data.train.-1.tag", "has no element -1; they are numbered from 0 to 0$"),
    ],
)
def test_an_override_of_a_list_shows_the_number_of_an_element(folder, key, message):
    text = "data: {train: [{source: a, target: b}], validation_split: 0.1}\n"
    with pytest.raises(ConfigError, match=message):
        load(folder, f"{key}=x", text=text + "training: {max_updates: 1}\n")
