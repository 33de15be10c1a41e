"""What a training tells by time where updates, validations and preparations are slow."""

import json
import re
import time

import pytest
from sentencepiece import SentencePieceTrainer

from nmt import console
from nmt.console import set_quiet
from nmt.search.beam import BeamSearch
from nmt.training import validation
from nmt.training.run import train
from nmt.training.trainer import Trainer


@pytest.fixture
def slow(monkeypatch):
    """Makes a function take some time, and lines be due after less."""
    monkeypatch.setattr(console, "_MAX_SECONDS_WITHOUT_LINE", 0.05)

    def make(owner, name, seconds=0.2):
        original = getattr(owner, name)

        def slowed(*arguments, **options):
            time.sleep(seconds)
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, slowed)

    return make


UPDATE_LINE = re.compile(r"train: (\d)/8 updates, [0-9.]+ updates/s(, [0-9:]+ left, epoch \d)?\n")


def without_clock(run):
    lines = run.log_records.read_text(encoding="utf-8").split("\n")[:-1]
    clock = ("time", "seconds", "tokens_per_second", "samples", "runtime")  # it tells speeds
    return [{k: v for k, v in json.loads(line).items() if k not in clock} for line in lines]


def test_slow_updates_are_told_of_before_a_record_is_due(tiny, slow, capsys):
    options = ("training.log_every_updates=1000", "training.validation.samples=0")
    fast = train(tiny(*options, name="fast"))
    capsys.readouterr()
    slow(Trainer, "_complete_update")
    run = train(tiny(*options))
    told = capsys.readouterr().err
    counts = [int(match[1]) for match in UPDATE_LINE.finditer(told)]
    assert len(counts) >= 8
    assert counts == sorted(counts)
    assert len(UPDATE_LINE.findall(run.log_text.read_text(encoding="utf-8"))) == len(counts)
    assert without_clock(run) == without_clock(fast)  # the sums are as they were


def test_with_quiet_the_lines_are_in_the_log_alone(tiny, slow, capsys):
    slow(Trainer, "_complete_update")
    set_quiet(True)
    run = train(tiny("training.metric=chrf"))  # BLEU is warned of
    assert capsys.readouterr().err == ""
    assert UPDATE_LINE.search(run.log_text.read_text(encoding="utf-8"))


def test_a_slow_validation_is_told_of(tiny, slow, capsys, monkeypatch):
    slow(BeamSearch, "search")
    monkeypatch.setattr(validation, "_BATCH_SENTENCES", 5)
    run = train(tiny())
    line = re.compile(r"validation: (\d+)/20 sentences, [0-9.]+ sentences/s")
    told = [int(count) for count in line.findall(capsys.readouterr().err)]
    assert any(0 < count < 20 for count in told)
    assert line.search(run.log_text.read_text(encoding="utf-8"))


def test_a_slow_tokenizer_is_told_of(tiny, slow, capsys):
    slow(SentencePieceTrainer, "train")
    train(tiny())
    told = capsys.readouterr().err
    assert "tokenizer: learning bpe subwords from both sides: running for 0:00:00\n" in told
