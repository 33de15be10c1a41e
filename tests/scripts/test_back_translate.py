"""The recipe of back-translation, with real commands and a tiny model."""

import importlib
import re
import shutil
import sys
from pathlib import Path

import pytest

from nmt.__main__ import main as nmt_main
from nmt.config.load import load_config
from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.tokenizer import TokenizerPair
from nmt.training.data_preparation import prepare_corpora
from nmt.training.run import train

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

recipe = importlib.import_module("back_translate")


@pytest.fixture
def mono(tmp_path):
    """Ten lines, of which the third is blank, in two files."""
    lines = [f"two three {word}" for word in ("one", "four", "five", "six", "seven")]
    for name, part in (("a.en", [*lines[:2], "", *lines[2:]]), ("b.en", lines[:4])):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in part), encoding="utf-8")
    return [str(tmp_path / "a.en"), str(tmp_path / "b.en")]


@pytest.fixture
def in_this_process(monkeypatch):
    """Commands run here, which takes less time; the slow test runs them as they are."""

    def run(self, *arguments):
        monkeypatch.setattr(sys, "argv", ["nmt", *arguments])
        with pytest.raises(SystemExit) as ended:
            nmt_main()
        if ended.value.code:
            raise recipe.CommandFailed(ended.value.code)

    monkeypatch.setattr(recipe.Recipe, "_nmt", run)
    # A model that has learned nothing spells most of what it says in bytes.
    monkeypatch.setattr(recipe, "_CONTROL", re.compile("\0"))


def lines_of(path):
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def prepared(config):
    run = RunDirectory(config.run_dir)
    return prepare_corpora(config, run, prepare_tokenizers(config, run))


@pytest.mark.parametrize(
    "real",
    [pytest.param(True, marks=pytest.mark.slow, id="processes"), pytest.param(False, id="here")],
)
def test_the_whole_recipe_by_commands_of_our_own(real, tiny_config, mono, tmp_path, capfd, request):
    if not real:
        request.getfixturevalue("in_this_process")
    folder = tmp_path / "back translation"
    arguments = [str(tiny_config), "--monolingual", *mono, "--output", str(folder), "--longer"]
    arguments += ["--set", "training.max_updates=2", "--times", "2", "--search", "--beam 2"]
    assert recipe.main(arguments) == 0
    printed = capfd.readouterr()
    assert printed.out == f"nmt train '{folder}/forward.yaml'\n"
    assert re.search(r"synthetic: \d pairs; \d blank or unreadable ones left out", printed.err)
    backward = load_config(folder / "backward.yaml")
    assert backward.data.train[0].source == (tmp_path / "train.en",)
    assert backward.data.dev[0].target == (tmp_path / "dev.fr",)
    assert len(lines_of(folder / "synthetic.raw")) == 10
    sources, targets = (lines_of(folder / f"synthetic.{side}") for side in ("source", "target"))
    assert len(sources) == len(targets) > 0
    assert all(line.startswith("<BT> ") for line in sources)
    forward = load_config(folder / "forward.yaml")
    assert forward.data.train[0].source == (
        *[tmp_path / "train.fr"] * 2,
        folder / "synthetic.source",
    )
    assert forward.data.train[0].target == (
        *[tmp_path / "train.en"] * 2,
        folder / "synthetic.target",
    )
    assert forward.tokenizer.user_symbols == ("<BT>",)
    assert forward.training.max_updates == 5  # 2 for 200 pairs, now there are 400 and some


def test_what_it_makes_trains_and_what_is_done_stays(
    tiny_config, mono, tiny_bundle, tmp_path, in_this_process
):
    folder = tmp_path / "bt"
    arguments = [str(tiny_config), "--monolingual", *mono, "--output", str(folder)]
    arguments += ["--model", str(tiny_bundle), "--search", "--beam 2 --max-length 5"]
    assert recipe.main(arguments) == 0
    before = (folder / "synthetic.raw").stat().st_mtime_ns
    assert recipe.main(arguments) == 0
    assert (folder / "synthetic.raw").stat().st_mtime_ns == before
    assert not (folder / "backward.yaml").exists()
    run = train(load_config(folder / "forward.yaml", ["training.max_updates=2"]))
    tokenizer = TokenizerPair.load(run.best).source
    tokens = tokenizer.encode("<BT> un deux")
    assert "<BT>" in tokenizer.pieces(tokens)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--times", "0"], "--times"),
        (["--tag", "a b"], "--tag"),
        (["--set", "data.drop_duplicates=true"], "data.drop_duplicates"),
        (["--set", "data.nothing=1"], "data.nothing"),
        (["--tag", "<s>"], "tokenizer.user_symbols"),
        (["--set", "training.guided_alignment.alignments=links"], "links of the own pairs"),
        (["--search", "--smaple --beam 1"], "--search: No such option: --smaple"),
        (["--search", "--n-best 4"], "--search: --n-best is no option of the search"),
        (["--search", "--beam 5 --json"], "--search: --json is no option of the search"),
        (["--search", "--beam two"], "--search: Invalid value for '--beam'"),
        (["--search", "--beam '2"], "--search: No closing quotation"),
        (["--search=--help"], "--search: --help is no option of the search"),
    ],
)
def test_what_does_not_go_together(tiny_config, mono, tmp_path, capsys, more, told):
    arguments = [str(tiny_config), "--monolingual", *mono, "--output", str(tmp_path / "bt"), *more]
    assert recipe.main(arguments) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "bt").exists()


def test_a_command_that_fails_ends_it_with_its_code(tiny_config, mono, tmp_path, in_this_process):
    arguments = [str(tiny_config), "--monolingual", *mono, "--output", str(tmp_path / "bt")]
    assert recipe.main([*arguments, "--model", str(tmp_path / "none")]) == 4
    assert not (tmp_path / "bt" / "forward.yaml").exists()


def test_a_folder_is_of_one_text(tiny_config, mono, tiny_bundle, tmp_path, capsys, in_this_process):
    more = ["--output", str(tmp_path / "bt"), "--model", str(tiny_bundle)]
    assert recipe.main([str(tiny_config), "--monolingual", mono[1], *more]) == 0
    kept = (tmp_path / "bt" / "monolingual").read_bytes()
    assert recipe.main([str(tiny_config), "--monolingual", mono[0], *more]) == 2
    assert "another text" in capsys.readouterr().err
    assert (tmp_path / "bt" / "monolingual").read_bytes() == kept
    assert (
        recipe.main([str(tiny_config), "--monolingual", mono[1], *more, "--search=--beam 3"]) == 2
    )
    assert "another text, model or search" in capsys.readouterr().err
    assert recipe.main([str(tiny_config), "--monolingual", "nowhere", *more]) == 3


def test_the_search_may_change_until_something_is_translated(
    tiny_config, mono, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(recipe.Recipe, "_nmt", lambda *_: None)
    arguments = [str(tiny_config), "--monolingual", *mono, "--output", str(tmp_path / "bt")]
    for search in ("--beam 2", "--beam 3"):
        assert recipe.main([*arguments, "--search", search]) == 3  # nothing was translated
        assert "no such file" in capsys.readouterr().err
    (tmp_path / "bt" / "synthetic.raw.parts").mkdir()
    assert recipe.main([*arguments, "--search", "--beam 2"]) == 2
    assert "another text, model or search" in capsys.readouterr().err


def test_a_model_of_the_wrong_direction(tiny_config, mono, tiny_bundle, tmp_path, capsys):
    languages = ["--set", "data.source_language=fr", "--set", "data.target_language=en"]
    model = tmp_path / "model"
    shutil.copytree(tiny_bundle, model)
    arguments = [str(tiny_config), "--monolingual", *mono, "--output", str(tmp_path / "bt")]
    arguments += ["--model", str(model), *languages]
    config = (model / "config.yaml").read_text(encoding="utf-8")
    assert "source_language: source" in config
    config = config.replace("source_language: source", "source_language: fr")
    config = config.replace("target_language: target", "target_language: en")
    (model / "config.yaml").write_text(config, encoding="utf-8")
    assert recipe.main(arguments) == 2
    told = capsys.readouterr().err
    assert "translates from fr to en; what is needed is a translator from en to fr" in told
    assert not (tmp_path / "bt").exists()


def test_without_dev_the_pairs_set_aside_are_true_ones_and_each_once(
    tiny_config, mono, tiny_bundle, tmp_path, in_this_process, capsys
):
    folder = tmp_path / "bt"
    split = ["data.dev=null", "data.validation_split=0.2"]
    config = load_config(tiny_config, [*split, f"run_dir={tmp_path / 'plain'}"])
    plain = prepared(config)
    arguments = [str(tiny_config), "--monolingual", *mono, "--output", str(folder), "--times", "2"]
    arguments += [word for setting in split for word in ("--set", setting)]
    assert recipe.main([*arguments, "--model", str(tiny_bundle), "--search=--beam 2"]) == 0
    assert f"dev: {len(plain.dev)} pairs" in capsys.readouterr().err
    assert lines_of(folder / "dev.source") == list(plain.dev_source)
    assert lines_of(folder / "dev.target") == list(plain.dev_target)
    forward = load_config(folder / "forward.yaml")
    assert forward.data.validation_split == 0.0
    data = prepared(forward)
    assert list(data.dev_source) == list(plain.dev_source)
    synthetic = len(lines_of(folder / "synthetic.source"))
    assert synthetic > 0
    assert len(data.train) == 2 * len(plain.train) + synthetic


def test_longer_takes_the_time_limit_off(tiny_config, mono, tiny_bundle, tmp_path, in_this_process):
    arguments = [str(tiny_config), "--monolingual", *mono, "--output", str(tmp_path / "bt")]
    arguments += ["--model", str(tiny_bundle), "--search=--beam 2", "--times", "3", "--longer"]
    assert recipe.main([*arguments, "--set", "training.max_time=30m"]) == 0
    forward, before = load_config(tmp_path / "bt" / "forward.yaml"), load_config(tiny_config)
    assert forward.training.max_time is None
    assert before.training.max_updates is not None
    assert forward.training.max_updates >= 3 * before.training.max_updates


@pytest.mark.parametrize("split", [[], ["data.dev=null", "data.validation_split=0.2"]])
def test_models_of_several_seeds_make_an_ensemble(tiny_config, tmp_path, capfd, monkeypatch, split):
    """They share their tokenizer, for the same text gives the same whatever the seed."""
    runs = []
    for seed in (1, 2):
        changes = [f"seed={seed}", f"run_dir={tmp_path / str(seed)}", "training.max_updates=2"]
        changes += split
        runs.append(train(load_config(tiny_config, changes)))
    (tmp_path / "input").write_text("un deux\n\n", encoding="utf-8")
    models = [option for run in runs for option in ("-m", str(run.path))]
    arguments = ["nmt", "translate", *models, "-i", str(tmp_path / "input"), "--threads", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        nmt_main()
    assert ended.value.code in (0, None)
    assert capfd.readouterr().out.count("\n") == 2


@pytest.mark.parametrize(("search", "smoothing"), [("--sample --top-k 5", 0.0), ("--beam 2", 0.1)])
def test_what_is_drawn_from_is_trained_without_label_smoothing(
    tiny_config, mono, tmp_path, monkeypatch, search, smoothing
):
    monkeypatch.setattr(recipe.Recipe, "_nmt", lambda *_: None)
    arguments = [str(tiny_config), "--monolingual", *mono, "--output", str(tmp_path / "bt")]
    assert recipe.main([*arguments, "--search", search]) == 3  # nothing was translated
    assert load_config(tmp_path / "bt" / "backward.yaml").training.label_smoothing == smoothing


def test_pairs_stay_pairs_and_what_is_no_text_is_left_out(tiny_config, tmp_path):
    config = load_config(tiny_config)
    folder = tmp_path / "bt"
    folder.mkdir()
    (folder / "raw").write_bytes("un\n\nde\0ux\ntrois\u2028\nqu\ufffdatre\ncinq\n".encode())
    (folder / "mono").write_bytes(b"one\ntwo\ntwo\nthree\nfour\n \n")
    options = recipe._options([str(tiny_config), "--monolingual", "x", "--output", str(folder)])
    assert recipe.Recipe(config, options)._write_pairs(folder / "raw", folder / "mono") == 2
    assert lines_of(folder / "synthetic.source") == ["<BT> un", "<BT> trois"]
    assert lines_of(folder / "synthetic.target") == ["one", "three"]
