"""`nmt init`, run in this process; that nothing heavy is loaded in vain, as one of its own."""

import os

import pytest

from nmt.cli.app import run
from nmt.config.load import load_config
from nmt.doctor import training_checks

WORDS = ["river", "tree", "house", "cat", "dog", "sees", "eats", "small", "red", "under"]


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """The current folder, with texts in it."""
    monkeypatch.chdir(tmp_path)
    for name, count in (("train", 1200), ("dev", 20)):
        for side, words in (("en", WORDS), ("de", [word.upper() for word in WORDS])):
            lines = (
                f"{words[i % 10]} {words[i // 10 % 10]} {words[i // 100 % 10]}\n"
                for i in range(count)
            )
            (tmp_path / f"{name}.{side}").write_text("".join(lines), encoding="utf-8")
    return tmp_path


TRAIN = ["init", "--source", "train.en", "--target", "train.de"]
DEV = ["--dev-source", "dev.en", "--dev-target", "dev.de"]


def test_it_writes_what_trains(texts, capsys):
    assert run([*TRAIN, *DEV, "-o", "my.yaml"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "train: 1,200 pairs, a small corpus; dev: 20 pairs" in captured.err
    assert "my.yaml: written. Next: nmt train my.yaml (`nmt doctor my.yaml" in captured.err
    config = load_config(texts / "my.yaml")
    assert (config.data.source_language, config.data.target_language) == ("en", "de")
    assert config.data.train[0].source == (texts / "train.en",)
    assert config.data.drop_duplicates
    few = ["training.max_updates=2", "training.schedule.warmup_updates=1"]
    few += ["training.validation.every_updates=2", "model.embedding_size=8", "model.output.size=8"]
    few += ["model.encoder.hidden_size=8", "model.decoder.hidden_size=8", "model.attention.size=8"]
    given = [part for each in few for part in ("--set", each)]
    assert run(["train", "my.yaml", *given]) == 0
    assert (texts / "runs" / "my" / "best" / "model.safetensors").is_file()


def test_without_a_file_it_goes_to_stdout(texts, capsys):
    assert run([*TRAIN, "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    (texts / "c.yaml").write_text(captured.out, encoding="utf-8")
    config = load_config(texts / "c.yaml")
    assert config.data.dev is None
    assert config.data.validation_split == 0.1
    assert run([*TRAIN, "-o", "-", "-q"]) == 0
    assert capsys.readouterr().out == captured.out


def test_paths_are_seen_from_the_folder_of_the_file(texts):
    dev = ["--dev-source", str(texts / "dev.en"), "--dev-target", "dev.de"]
    assert run([*TRAIN, *dev, "-o", "new/folder/my.yaml"]) == 0
    text = (texts / "new" / "folder" / "my.yaml").read_text(encoding="utf-8")
    assert "source: ../../train.en\n" in text
    assert f"source: {texts / 'dev.en'}\n" in text
    config = load_config(texts / "new" / "folder" / "my.yaml")
    assert config.data.train[0].target == (texts / "train.de",)


def test_several_files_and_what_is_told(texts):
    more = ["--source", "dev.en", "--target", "dev.de", "--on-bad-utf8", "skip_pair"]
    assert run([*TRAIN, *more, "--target-language", "Deutsch", "-o", "my.yaml"]) == 0
    config = load_config(texts / "my.yaml")
    assert config.data.train[0].source == (texts / "train.en", texts / "dev.en")
    assert (config.data.source_language, config.data.target_language) == ("en", "Deutsch")
    assert config.data.on_bad_utf8 == "skip_pair"


def test_a_file_is_replaced_only_by_force(texts, capsys):
    (texts / "my.yaml").write_text("mine\n", encoding="utf-8")
    assert run([*TRAIN, "-o", "my.yaml"]) == 2
    assert "my.yaml: already exists" in capsys.readouterr().err
    assert (texts / "my.yaml").read_text(encoding="utf-8") == "mine\n"
    assert run([*TRAIN, "-o", "my.yaml", "--force"]) == 0
    assert load_config(texts / "my.yaml").training.max_updates
    before = (texts / "train.de").read_bytes()
    os.link(texts / "train.de", texts / "same.yaml")
    for name in ("train.de", "./train.de"):
        assert run([*TRAIN, "-o", name, "--force"]) == 2
    assert (texts / "train.de").read_bytes() == before


def test_a_budget_is_measured(texts, capsys, monkeypatch):
    """How fast this machine is must not matter: what is measured is replaced once it has been."""
    measure, measured = training_checks.measure_pace, []

    def slow(config):
        measured.append(measure(config).seconds)
        return training_checks.Pace(3.3, waited_share=0.02)

    monkeypatch.setattr(training_checks, "measure_pace", slow)
    monkeypatch.setattr("nmt.config.recommend.constants.HIDDEN", SMALL)
    monkeypatch.setattr("nmt.config.recommend.constants.EMBEDDING", SMALL)
    before = sorted(texts.iterdir())
    assert run([*TRAIN, *DEV, "--budget", "10m", "-o", "my.yaml"]) == 0
    assert measured[0] > 0.0
    assert sorted(texts.iterdir()) == sorted([*before, texts / "my.yaml"])
    told = capsys.readouterr().err
    assert "160 updates fit into 10m here (0.3 a second); all are chosen\n" in told
    assert "busy" not in told
    training = load_config(texts / "my.yaml").training
    assert (training.max_updates, training.max_time) == (160, "10m")


def test_a_budget_with_room_to_spare_says_how_many_updates_are_chosen(texts, capsys, monkeypatch):
    monkeypatch.setattr(
        training_checks, "measure_pace", lambda config: training_checks.Pace(1e-3, waited_share=0.0)
    )
    assert run([*TRAIN, *DEV, "--budget", "10m", "-o", "my.yaml"]) == 0
    told = capsys.readouterr().err
    chosen = load_config(texts / "my.yaml").training.max_updates
    assert "updates fit into 10m here (1000.0 a second); " in told
    assert f"; {chosen:,} are chosen, because they suffice for a corpus of this size\n" in told
    assert "epochs, enough for a corpus of this size" in told


def test_a_budget_that_is_measured_on_a_busy_machine_is_warned_of(texts, capsys, monkeypatch):
    monkeypatch.setattr(
        training_checks, "measure_pace", lambda config: training_checks.Pace(3.3, waited_share=0.41)
    )
    assert run([*TRAIN, *DEV, "--budget", "10m", "-o", "my.yaml"]) == 0
    told = capsys.readouterr().err
    assert "other processes use the CPU (the timed updates waited 41% of their time)" in told


class SMALL:
    """A curve of small models."""

    @staticmethod
    def at(words):
        return 16

    integer_at = at


def test_dev_that_is_swapped_by_its_names_is_refused(texts, capsys):
    swapped = [DEV[0], DEV[3], DEV[2], DEV[1]]
    assert run([*TRAIN, *swapped, "-o", "my.yaml"]) == 2
    told = capsys.readouterr().err
    assert "suggest the opposite" in told
    assert "Swap --dev-source and --dev-target." in told
    assert not (texts / "my.yaml").exists()


def test_odd_texts_are_warned_of(texts, capsys):
    few = (texts / "train.en").read_bytes()
    (texts / "train.de").write_bytes(few)
    assert run([*TRAIN, "-o", "my.yaml"]) == 0
    told = capsys.readouterr().err
    assert "warning: source and target of train are the same text" in told
    assert "warning: 100% of the pairs have the same text on both sides" in told


@pytest.mark.parametrize(
    ("language", "why"), [("km", "BLEU finds no words"), ("de", "little text")]
)
def test_the_metric_is_by_the_target_language(texts, capsys, language, why):
    assert run([*TRAIN, "--target-language", language, "-o", "my.yaml"]) == 0
    (told,) = (line for line in capsys.readouterr().err.split("\n") if "training.metric" in line)
    assert why in told
    assert load_config(texts / "my.yaml").training.metric == "chrf"


def test_it_comes_first(capsys):
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    commands = out[out.index("Set up:") :].split("\n")
    assert commands[1].split()[0] == "init"


@pytest.mark.parametrize(
    ("target", "joint", "reason"),
    [
        ("den {} Fluss, ½ Baum", "true", "both sides are unchanged, such as ½"),
        (
            "他说：“{}，好！”",
            "false",
            "source characters are normalized, the target is unchanged, such as ：, ，, ！",
        ),
        ("می\u200cروم {}", "false", "source characters are normalized, the target is unchanged"),
    ],
)
def test_the_target_stays_as_it_is_written(texts, target, joint, reason):
    lines = [target.format("αβγδε"[i % 5]) for i in range(1200)]
    (texts / "train.de").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert run([*TRAIN, "-o", "my.yaml"]) == 0
    text = (texts / "my.yaml").read_text(encoding="utf-8")
    assert f"  joint: {joint} " in text
    assert "  normalization: auto" in text
    assert reason in text
