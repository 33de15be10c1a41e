"""`nmt tune` from the table to the bundle."""

import gzip
import json
import os
import shutil
import signal

import pytest
from processes import NMT, start

from nmt.cli.app import run

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
TEXTS = [
    "le chat noir est sur le tapis .",
    "",
    "un chien dort dans la maison .",
    "le chat",
    "le chien noir est dans la maison .",
    "un chat dort sur le tapis .",
    "la maison est sur le tapis noir .",
    "le chien dort .",
]


@pytest.fixture
def bundle(tiny_bundle, tmp_path):
    return shutil.copytree(tiny_bundle, tmp_path / "bundle")


@pytest.fixture
def command(bundle, tmp_path):
    """Tunes on texts whose references are what a greedy search finds."""
    from nmt.translation.translator import Translator

    translator = Translator.load(bundle, device="cpu", threads=1)
    greedy = [each.text for each in translator.translate(TEXTS, beam_size=1)]
    (tmp_path / "dev.fr").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    (tmp_path / "dev.en.gz").write_bytes(gzip.compress("\n".join(greedy).encode() + b"\n"))
    files = ["--source", str(tmp_path / "dev.fr"), "--ref", str(tmp_path / "dev.en.gz")]
    device = ["--device", "cpu", "--threads", "1"]
    return ["tune", "--model", str(bundle), *files, *device, "--metric", "chrf"]


GRID = ["--beam", "1,2", "--length-penalty", "gnmt", "--alpha", "0,1"]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def search_of(bundle):
    from nmt.config.load import load_config

    return load_config(bundle / "config.yaml").search


def test_the_winner_becomes_the_default(command, bundle, capsys):
    assert run([*command, *GRID]) == 0
    told = capsys.readouterr()
    header, first, *others = told.out.removesuffix("\n").split("\n")
    assert header.split()[:5] == ["beam", "penalty", "alpha", "coverage", "chrF2"]
    assert first.split()[:5] == ["1", "-", "-", "-", "100.00"]
    assert first.endswith("best")
    assert len(others) == 4  # beam 2 twice, the present beam 3, and the signature
    assert others[-1].startswith("nrefs:1|bs:1000|seed:12345|case:mixed|")
    assert told.err.startswith("4 searches of 8 lines, encoded once\n")
    assert "dev.fr: only 7 sentences: the settings found may not suit other text" in told.err
    assert "best search: beam 1, length penalty gnmt (alpha 1): chrF2 100.00, " in told.err
    assert told.err.endswith(f"{bundle}: defaults set to the best settings\n")
    assert search_of(bundle).beam_size == 1
    record = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["tuning"]
    assert (record["source"], record["references"]) == ("dev.fr", ["dev.en.gz"])
    assert record["signature"] == others[-1]
    assert [trial["present"] for trial in record["trials"]].count(True) == 1


def test_the_new_defaults_are_those_of_translate(command, bundle, capsys):
    assert run([*command, *GRID, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["written"] is True
    assert record["trials"][0]["beam_size"] == 1
    assert run(["translate", "--model", str(bundle), "--input", command[4], "--device", "cpu"]) == 0
    assert "search: beam 1" in capsys.readouterr().err
    assert run([*command, *GRID]) == 0
    told = capsys.readouterr()
    assert "best, present\n" in told.out
    assert told.err.endswith(
        f"no other settings score higher than the current defaults\n{bundle}: not changed\n"
    )


def test_a_dry_run_writes_nothing(command, bundle, capsys):
    before = contents(bundle)
    assert run([*command, *GRID, "--dry-run", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["written"] is False
    assert told.err.endswith(f"{bundle}: not changed\n")
    assert contents(bundle) == before
    assert not list(bundle.parent.glob(".*"))


def test_within_noise_the_defaults_stay_unless_forced(command, bundle, capsys, monkeypatch):
    monkeypatch.setattr("nmt.translation.tuning.SIGNIFICANT", 0.0)
    before = contents(bundle)
    assert run([*command, *GRID]) == 0
    told = capsys.readouterr().err
    assert "The difference is not significant" in told
    assert told.endswith(f"{bundle}: not changed\n")
    assert contents(bundle) == before
    assert run([*command, *GRID, "--force"]) == 0
    told = capsys.readouterr().err
    assert "The difference is not significant" in told
    assert told.endswith(f"{bundle}: defaults set to the best settings\n")
    assert search_of(bundle).beam_size == 1


@pytest.mark.parametrize(
    ("changes", "code", "rule"),
    [
        (
            ["--beam", "1,0"],
            2,
            "search.beam_size: expected a whole number >= 1 and <= 1000000, got 0",
        ),
        (["--length-penalty", "gnnt"], 2, "did you mean gnmt?"),
        (["--alpha", "0,...,1"], 2, "`...` needs two numbers before it"),
        (["--metric", "ter"], 2, "unknown metric 'ter'; choose bleu, chrf, chrf++."),
        (["--model", "another"], 2, "--model was given 2 times"),
        (["--source", "empty"], 3, "line counts differ"),
        (["--source", "nowhere"], 3, "nowhere"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(
    command, bundle, tmp_path, monkeypatch, capsys, changes, code, rule
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_bytes(b"")
    before = contents(bundle)
    assert run([*command, *changes]) == code
    told = capsys.readouterr()
    assert rule in told.err
    assert told.out == ""
    assert contents(bundle) == before
    assert not list(bundle.parent.glob(".*"))


def test_an_empty_text_is_refused(bundle, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    arguments = ["--source", str(empty), "--ref", str(empty)]
    assert run(["tune", "--model", str(bundle), *arguments]) == 3
    assert "empty: the file is empty" in capsys.readouterr().err


def test_a_text_of_blank_lines_is_refused(bundle, tmp_path, capsys):
    blank = tmp_path / "blank"
    blank.write_bytes(b"\n \n")
    arguments = ["--source", str(blank), "--ref", str(blank), "--device", "cpu", "--threads", "1"]
    assert run(["tune", "--model", str(bundle), *arguments, *GRID]) == 3
    assert "nothing to tune on" in capsys.readouterr().err


def test_interrupted_it_leaves_the_bundle_as_it_was(command, bundle, tmp_path):
    before = contents(bundle)
    (tmp_path / "dev.fr").write_text("le chat noir\n" * 20_000, encoding="utf-8")
    (tmp_path / "dev.en.gz").write_bytes(gzip.compress(b"the cat\n" * 20_000))
    with start(*NMT, *command, env=ENVIRONMENT) as process:
        assert b"searches of 20000 lines" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == b""
    assert err.endswith(b"nmt: interrupted\n")
    assert contents(bundle) == before
    assert not list(bundle.parent.glob(".*"))


@pytest.mark.parametrize("options", [[], ["--force"]])
def test_settings_that_all_score_zero_change_nothing(command, bundle, tmp_path, capsys, options):
    (tmp_path / "dev.en.gz").write_bytes(gzip.compress(b"the cat\n\n" + b"a dog\n" * 6))
    before = contents(bundle)
    assert run([*command[:-2], *GRID, "--metric", "bleu", *options]) == 0
    told = capsys.readouterr()
    assert "all settings score BLEU 0.00, so they cannot be compared" in told.err
    assert "--metric chrf." in told.err
    assert "only 0 of 7 references have four tokens or more" in told.err
    assert told.err.endswith(f"{bundle}: not changed\n")
    assert "0.001" not in told.out
    assert contents(bundle) == before


def test_a_tie_changes_nothing_even_by_force(command, bundle, tmp_path, capsys):
    """References that no search finds anything of: all have the same score."""
    (tmp_path / "dev.en.gz").write_bytes(gzip.compress(("\u4e00\n\n" + "\u4e8c\n" * 6).encode()))
    before = contents(bundle)
    assert run([*command, *GRID, "--force"]) == 0
    assert contents(bundle) == before


def test_blank_references_are_told_of(command, tmp_path, capsys):
    (tmp_path / "more.en").write_text("the cat\n\n\n" + "a\n" * 5, encoding="utf-8")
    assert run([*command, *GRID, "--dry-run", "--ref", str(tmp_path / "more.en")]) == 0
    told = capsys.readouterr()
    assert "reference 2 is blank in 1 line (line 3), where another reference is not" in told.err
    assert "nrefs:var|" in told.out


def tuning_of(model):
    return ["tune", "--model", str(model), *DEVICE, "--metric", "chrf", *GRID]


DEVICE = ["--device", "cpu", "--threads", "1"]


@pytest.mark.parametrize("split", [False, True])
def test_without_files_dev_of_the_run_is_translated(trained, tmp_path, capsys, split):
    changes = ["data.dev=null", "data.validation_split=0.1"] if split else []
    run_folder = trained(*changes)
    for name in ("train.fr", "train.en", "dev.fr", "dev.en"):
        (tmp_path / name).unlink()
    kept = (run_folder.data / "dev.source.txt").read_text(encoding="utf-8").count("\n")
    assert 0 < kept < 60
    assert run(tuning_of(run_folder.path)) == 0
    told = capsys.readouterr().err
    assert f"dev of the run: {run_folder.data / 'dev.source.txt'} and dev.target.txt" in told
    assert f"searches of {kept} lines" in told


def test_without_files_and_without_a_run_the_message_names_the_options(bundle, capsys):
    assert run(tuning_of(bundle)) == 2
    told = capsys.readouterr().err
    assert "without its run, which keeps dev" in told
    assert "by --source and --ref" in told


def test_one_side_alone_is_refused(bundle, tmp_path, capsys):
    (tmp_path / "a").write_text("a\n", encoding="utf-8")
    assert run([*tuning_of(bundle), "--source", str(tmp_path / "a")]) == 2
    assert "--source is given without --ref" in capsys.readouterr().err


def test_dev_that_changed_since_training_is_refused(trained, capsys):
    run_folder = trained()
    log = run_folder.log_records
    text = log.read_text(encoding="utf-8")
    fingerprint = json.loads(text.split("\n")[0])["fingerprints"]["dev"]
    log.write_text(text.replace(fingerprint, "0" * 64), encoding="utf-8")
    assert run(tuning_of(run_folder.path)) == 3
    assert "its dev corpus changed" in capsys.readouterr().err
