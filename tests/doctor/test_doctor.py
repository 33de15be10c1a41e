"""Each check, good and bad, on a tiny corpus; and that nothing is changed or left behind."""

import shutil
import tempfile
from types import SimpleNamespace

import pytest
import torch

from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.doctor import all_checks as environment
from nmt.doctor import corpus_sample, training_checks
from nmt.doctor.all_checks import NAME_WIDTH, preflight
from nmt.doctor.machine_checks import _check_allocator
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.lock import hold_lock
from nmt.runtime.processor import count_cores
from nmt.runtime.run_directory import RunDirectory
from nmt.training.data_preparation import prepare_corpora
from nmt.training.run import train


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    """Runs go below the test's folder, temporary files of the system into `others`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training_checks, "_MIN_SECONDS", 0.0)
    monkeypatch.setattr(
        training_checks.CoreWaitTime, "share", lambda self: 0.0
    )  # whatever else runs here
    others = tmp_path / "others"  # torch too leaves folders there
    others.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(others))
    yield
    assert list(tmp_path.rglob(".tmp-*")) == []


@pytest.fixture
def doctor(tiny_config, tmp_path):
    """Examines the tiny configuration; gives the report, having seen that nothing was changed."""

    def examined(*overrides, config=tiny_config, **machine):
        before = snapshot(tmp_path)
        shown = []
        report = preflight(config, overrides, machine, shown.append, raise_unexpected_errors=True)
        assert shown == report.findings
        assert snapshot(tmp_path) == before
        return report

    return examined


BY_CHRF = "training.metric=chrf"


def snapshot(folder):
    """Every file and folder below, with its time and content."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in folder.rglob("*")
        if path.relative_to(folder).parts[0] != "others"
    }


def finding(report, check):
    return next(each for each in report.findings if each.check == check)


def assert_fails(report, check, code, *said):
    found = finding(report, check)
    assert (found.level, found.exit_code) == ("fail", code), found
    for text in said:
        assert text in found.line(NAME_WIDTH)


def assert_sound(report, *checks):
    for check in checks:
        assert finding(report, check).level == "ok", finding(report, check)


def test_all_is_well(doctor):
    report = doctor(BY_CHRF)
    assert [each for each in report.findings if each.level != "ok"] == []
    assert report.exit_code == 0
    assert report.verdict.startswith("ready: ")
    assert max(len(each.check) for each in report.findings) == NAME_WIDTH
    assert finding(report, "data").result.facts["binarized"] is False
    assert finding(report, "time").result.facts["updates"] == 8
    assert finding(report, "updates").result.facts["tokens_per_second"] > 0


def test_bleu_of_short_references_is_warned_of(doctor):
    found = finding(doctor(), "scores")
    assert found.level == "warn"
    assert "9 of 20 references have four tokens or more" in found.result.summary
    assert "training.metric: chrf" in found.result.advice
    thai = finding(doctor(BY_CHRF, "data.target_language=th"), "scores")
    assert thai.result.facts["tokenizer"] == "char"
    assert "BLEU has no word tokenizer for Thai" in thai.result.advice


def test_without_a_configuration_it_looks_at_the_machine(doctor):
    report = doctor(config=None, device="cpu", threads=1)
    assert_sound(report, "python", "packages", "device", "threads", "memory", "disk")
    assert "data" not in {each.check for each in report.findings}
    assert_fails(doctor(config=None, device="cuda:99"), "device", 5, "cuda:99")


def test_a_run_that_is_there_is_left_alone_and_gone_on_with(tiny, doctor):
    train(tiny("training.max_updates=4"))
    report = doctor("run_dir=run", "training.max_updates=4")
    found = finding(report, "run")
    assert (found.level, found.result.facts["update"]) == ("warn", 4)
    assert "training has ended" in found.result.summary
    assert finding(report, "data").result.facts["binarized"] is True
    assert finding(report, "tokenizer").result.facts["trained"] is True
    assert finding(report, "time").result.facts["updates"] == 0
    there = finding(report, "disk space").result.facts["there_bytes"]
    assert there == sum(f.stat().st_size for f in RunDirectory(tiny().run_dir).path.rglob("*.*"))


def test_a_run_begun_with_other_settings(tiny, doctor):
    train(tiny("training.max_updates=2"))
    report = doctor("run_dir=run", "training.max_updates=2", "model.embedding_size=9")
    assert_fails(report, "run", 2, "model.embedding_size", "--restart")
    assert_sound(report, "text", "worst batch")


def test_tokenizer_and_data_outside_of_the_run(tiny, doctor, tmp_path):
    places = [f"tokenizer.dir={tmp_path}/tok", f"data.dir={tmp_path}/dat", "run_dir=run"]
    assert doctor(*places).exit_code == 0
    assert not (tmp_path / "tok").exists() and not (tmp_path / "dat").exists()
    run = RunDirectory.from_config(tiny(*places[:2]))
    prepare_corpora(tiny(), run, prepare_tokenizers(tiny(), run))
    assert_sound(doctor(*places), "text", "tokenizer", "data", "disk space")
    report = doctor(*places, "data.max_length=30")
    assert_fails(
        report,
        "text",
        2,
        "data.max_length is 100 in the folder, 30 in the configuration",
        "`data.dir`",
    )
    train(tiny(*places[:2], "training.max_updates=2"))
    for side, line in (("fr", "un deux"), ("en", "one two")):
        (tmp_path / f"dev.{side}").write_text(f"{line}\n" * 20, encoding="utf-8")
    prepare_corpora(tiny(), run, prepare_tokenizers(tiny(), run), force=True)
    report = doctor(*places, "training.max_updates=2")
    assert_fails(report, "text", 3, "the dev corpus in", "differs from that of this run")


def test_it_waits_for_nobody(tiny, doctor):
    config = tiny()
    run = RunDirectory(config.run_dir)
    prepare_corpora(config, run, prepare_tokenizers(config, run))
    with (
        hold_lock(run.training_lock, "training"),
        hold_lock(run.preparation_locks[0], "preparing"),
    ):
        assert doctor("run_dir=run").exit_code == 0


def test_a_wrong_configuration(tiny_config, doctor):
    report = doctor("training.max_update=3", "training.batch_size=many")
    assert_fails(report, "config", 2, "did you mean max_updates", "batch_size")
    assert_sound(report, "device", "disk")
    assert "text" not in {each.check for each in report.findings}
    assert report.exit_code == 2
    assert_fails(doctor(config=tiny_config.with_name("absent.yaml")), "config", 2, "no such file")


def test_a_missing_file(tiny_config, doctor):
    tiny_config.with_name("dev.en").unlink()
    report = doctor()
    assert_fails(report, "text", 3, "dev.en")
    assert_sound(report, "config", "device", "disk", "run")
    assert {each.check for each in report.findings if each.blocked_by} >= {"data", "worst batch"}
    assert report.exit_code == 3


def test_unequal_lines(tiny_config, doctor):
    with tiny_config.with_name("train.en").open("a", encoding="utf-8") as file:
        file.write("one\n")
    assert_fails(doctor(), "text", 3, "200 lines", "201")


def test_a_line_that_is_not_utf8(tiny_config, doctor):
    with tiny_config.with_name("train.fr").open("ab") as file:
        file.write(b"caf\xe9\n")
    with tiny_config.with_name("train.en").open("ab") as file:
        file.write(b"one\n")
    assert_fails(doctor(), "text", 3, "train.fr: line 201", "0xE9")
    assert_sound(doctor("data.on_bad_utf8=skip_pair"), "text", "data")


def test_lines_that_have_slipped(tiny_config, doctor):
    path = tiny_config.with_name("train.en")
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    path.write_text("".join(f"{line}\n" for line in [*lines[1:], lines[0]]), encoding="utf-8")
    report = doctor()
    assert finding(report, "lengths").level == "warn"
    assert report.exit_code == 0


@pytest.mark.parametrize("binarized", [False, True])
def test_one_text_on_both_sides_is_a_warning_of_the_verdict(tiny, tiny_config, doctor, binarized):
    """Whether one file is named twice, or two files are equal."""
    folder = tiny_config.parent
    if binarized:
        shutil.copy(folder / "train.fr", folder / "train.en")
        config = tiny()
        run = RunDirectory(config.run_dir)
        prepare_corpora(config, run, prepare_tokenizers(config, run))
    target = folder / ("train.en" if binarized else "train.fr")
    report = doctor(f"run_dir={folder / 'run'}", f"data.train.target={target}")
    found = finding(report, "text")
    assert found.level == "warn"
    assert "source and target of train are the same text" in found.line(NAME_WIDTH)
    assert "warning" in report.verdict


def test_a_table_as_source_is_a_warning_of_the_check(tiny_config, doctor, capsys):
    path = tiny_config.with_name("train.fr")
    rows = [f"{line}\tun\n" for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(rows), encoding="utf-8")
    report = doctor(BY_CHRF)
    found = finding(report, "text")
    assert found.level == "warn"
    assert "train.fr: looks like a tab-separated table" in found.result.advice
    assert "warning" in report.verdict
    assert "tab-separated" not in capsys.readouterr().err


def test_dev_with_swapped_sides(tiny_config, doctor):
    dev = [tiny_config.with_name(f"dev.{side}") for side in ("fr", "en")]
    texts = [path.read_text(encoding="utf-8") for path in dev]
    swapped = [f"data.dev.source={dev[1]}", f"data.dev.target={dev[0]}"]
    languages = ["data.source_language=fr", "data.target_language=en"]
    report = doctor(*swapped, *languages)
    assert_fails(report, "text", 2, "data.dev: ", "suggest the opposite")
    assert finding(report, "tokenizer").blocked_by == "text"
    for path, text in zip(dev, reversed(texts), strict=True):
        path.write_text(text, encoding="utf-8")
    found = finding(doctor(), "text")
    assert found.level == "warn"
    assert "source and target of dev are swapped" in found.result.advice
    assert_sound(doctor(), "writing", "marks")


def test_a_shuffled_target_is_said_to_belong_to_another_source(tiny_config, doctor):
    lengths = [range(1, 11), [5, 9, 2, 8, 4, 10, 1, 6, 7, 3]]
    for side, counts in zip(("fr", "en"), lengths, strict=True):
        lines = [" ".join(["un" if side == "fr" else "one"] * count) for count in counts]
        text = "".join(f"{line}\n" for line in lines * 120)
        tiny_config.with_name(f"train.{side}").write_text(text, encoding="utf-8")
    found = finding(doctor(), "lengths")
    assert found.result.facts["correlation"] < 0.2
    assert found.level == "warn"
    assert "the sides probably do not belong together" in found.result.advice


@pytest.mark.parametrize("binarized", [False, True])
def test_texts_that_are_written_otherwise_than_dev(tiny_config, doctor, tiny, capsys, binarized):
    """Said once, with the place in the user's own files, whether binarized or not yet."""
    folder = tiny_config.parent
    for name, before, after in (("train.fr", "\n", " , oui .\n"), ("dev.fr", "\n", ", oui.\n")):
        text = (folder / name).read_text(encoding="utf-8").replace(before, after)
        (folder / name).write_text(text, encoding="utf-8")
    english = (folder / "train.en").read_text(encoding="utf-8").replace("two", "&quot;two&quot;")
    (folder / "train.en").write_text(english, encoding="utf-8")
    if binarized:
        config = tiny()
        run = RunDirectory(config.run_dir)
        prepare_corpora(config, run, prepare_tokenizers(config, run))
        assert "differ in tokenization" in capsys.readouterr().err
    report = doctor(f"run_dir={folder / 'run'}")
    assert ("not binarized yet" in finding(report, "data").result.summary) is not binarized
    marks, writing = finding(report, "marks"), finding(report, "writing")
    assert (marks.level, writing.level) == ("warn", "warn")
    assert f"{folder / 'train.en'}:" in marks.line(NAME_WIDTH)
    assert "&quot;two&quot;" in marks.result.summary
    assert marks.result.advice.startswith("The model would learn to write them.")
    assert "train and dev differ in tokenization: 100% of the lines" in writing.result.summary
    assert f"{folder / 'train.fr'}:1: " in writing.result.summary
    assert "Detokenize train" in writing.result.advice
    assert writing.result.facts["findings"][0]["kind"] == "tokenization"
    assert "warning" not in capsys.readouterr().err


def test_too_many_dropped_and_too_many_unknown(tiny_config, doctor):
    assert_fails(doctor("data.max_length=3"), "data", 3, "max_dropped")
    tiny_config.with_name("dev.fr").write_text("日本\n" * 20, encoding="utf-8")
    report = doctor("tokenizer.byte_fallback=false")
    assert_fails(report, "data", 3, "max_unknown")
    assert finding(report, "unknown").blocked_by


def test_target_lines_that_cannot_be_written_are_told(tiny_config, doctor):
    text = tiny_config.with_name("train.en")
    lines = text.read_text(encoding="utf-8").split("\n")
    lines[4] = "one，two"
    text.write_text("\n".join(lines), encoding="utf-8", newline="\n")
    assert_sound(doctor(), "writable")
    found = finding(doctor("tokenizer.normalization=nfkc"), "writable")
    assert (found.level, found.result.facts["train_unwritable"]) == ("warn", 1)
    assert "(first: line 5): ， as , (1 line)" in found.result.summary
    assert "tokenizer.normalization: auto" in found.result.advice


def test_more_subwords_than_the_text_can_give(doctor):
    report = doctor("tokenizer.hard_vocab_limit=true", "tokenizer.vocab_size=5000")
    assert_fails(report, "tokenizer", 2, "the maximum is")


def test_a_sample_stands_for_a_large_corpus(monkeypatch, doctor):
    whole = doctor()
    monkeypatch.setattr(corpus_sample, "_SAMPLE_PAIRS", 50)
    part = doctor("tokenizer.vocab_size=4000", "tokenizer.hard_vocab_limit=true")
    assert part.exit_code == 0
    assert "a sample of 50 pairs" in finding(part, "data").result.summary
    more = [finding(each, "model").result.facts["parameters"] for each in (whole, part)]
    size = finding(whole, "tokenizer").result.facts["sizes"][0]
    # Two embeddings of 8 numbers, and an output of 16 and a bias: see the tiny configuration.
    assert more[1] - more[0] == (4000 - size) * (8 + 8 + 16 + 1)
    epochs = [finding(each, "time").result.facts["updates_per_epoch"] for each in (whole, doctor())]
    assert epochs[1] == pytest.approx(epochs[0], rel=0.4)


def test_the_sample_is_evenly_spread(monkeypatch, tiny, tmp_path):
    monkeypatch.setattr(corpus_sample, "_SAMPLE_PAIRS", 5)
    monkeypatch.setattr(corpus_sample, "_MAX_READ_LINES", 100)
    taken = corpus_sample.take_sample(tiny(), tmp_path)
    assert (taken.pairs, taken.read, taken.lines["train"], taken.is_whole) == (5, 100, 200, False)
    for side, copy in (("fr", "sample.source"), ("en", "sample.target")):
        lines = (tmp_path / f"train.{side}").read_text(encoding="utf-8").split("\n")
        copied = (tmp_path / copy).read_text(encoding="utf-8").split("\n")
        assert copied == [*(lines[i] for i in (19, 39, 59, 79, 99)), ""]


def test_a_disk_that_cannot_be_written_to(tmp_path, doctor):
    (tmp_path / "file").write_text("", encoding="utf-8")
    report = doctor("run_dir=file/run")
    assert_fails(report, "disk", 5, str(tmp_path / "file"), "cannot be written")
    assert_sound(report, "text", "data", "worst batch", "search", "updates")
    assert finding(report, "checkpoint").blocked_by
    assert report.exit_code == 5
    assert_fails(doctor("run_dir=file"), "disk", 5, "is not writable")


def test_a_disk_that_is_too_small(monkeypatch, doctor):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_500_000))
    report = doctor("training.checkpoint.keep_last=200")
    assert_fails(report, "disk space", 5, "but only 1.5 MB is free", "keep_last")
    assert_sound(report, "checkpoint")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10_000))
    report = doctor()
    assert_fails(report, "checkpoint", 5, "the disk has 0.0 MB free")
    assert finding(report, "disk space").blocked_by


def test_memory_that_gives_out(monkeypatch, doctor):
    def loss(self, *batch, **options):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory")

    monkeypatch.setattr(Seq2Seq, "loss", loss)
    report = doctor()
    assert_fails(report, "worst batch", 5, "do not fit", "`training.batch_size` (now 200)")
    assert_sound(report, "search", "checkpoint")
    assert finding(report, "updates").blocked_by
    assert finding(report, "time").blocked_by
    assert report.exit_code == 5


@pytest.mark.parametrize("trained", [True, False])
def test_the_checkpoint_has_the_real_size(monkeypatch, doctor, tiny, trained):
    """With Adam's moments, be there an update before it or not."""
    if not trained:
        monkeypatch.setattr(training_checks, "_update", lambda examination, group, runtime: None)
    written = finding(doctor(), "checkpoint").result.facts["bytes"]
    run = train(tiny("training.max_updates=2"))
    (real,) = run.checkpoints.iterdir()
    tensors = sum(file.stat().st_size for file in real.glob("*.safetensors"))
    assert tensors < written < tensors + 4000


def test_a_rate_that_breaks_the_model(doctor):
    report = doctor("training.optimizer.learning_rate=1e38")
    assert_fails(report, "updates", 4, "is not finite", "learning_rate")


def test_a_busy_machine_is_noticed_and_not_taken_for_its_speed(monkeypatch, doctor):
    def timed(examination, groups, runtime, clock):
        by_one_thread = clock is training_checks.time.thread_time
        assert runtime.threads == 1 or not by_one_thread
        return training_checks._TimedUpdates(
            updates=10, tokens=1000, seconds=2.0 if by_one_thread else 50.0
        )

    monkeypatch.setattr(training_checks, "_time_updates", timed)
    monkeypatch.setattr(training_checks, "count_cores", lambda: 2)
    for share, expected in ((0.05, 0.2), (None, 0.2), (0.4, 5.0)):
        monkeypatch.setattr(training_checks.CoreWaitTime, "share", lambda self, share=share: share)
        found = finding(doctor("runtime.threads=2"), "updates")
        assert found.result.facts["updates_per_second"] == pytest.approx(expected)
        assert found.level == ("warn" if share == 0.4 else "ok")
    assert "waited 40% of their time" in found.line(NAME_WIDTH)
    own = finding(doctor("runtime.threads=3"), "updates")
    assert own.result.facts["updates_per_second"] == pytest.approx(0.2)
    assert own.level == "ok", "more threads than cores wait for each other, not for other processes"


def test_a_package_that_is_missing(monkeypatch, doctor):
    def missing(name):
        raise ImportError("libcudart.so.13: cannot open shared object file")

    monkeypatch.setattr(environment.importlib, "import_module", missing)
    report = doctor()
    assert_fails(report, "packages", 5, "torch cannot be imported", "libcudart", "pip install")
    assert [each.check for each in report.findings] == ["python", "packages", "locale"]


def test_more_threads_than_cores(doctor):
    threads = count_cores() + 1
    found = finding(doctor(config=None, threads=threads), "threads")
    assert found.level == "warn"
    assert found.result.facts["threads"] == threads


def test_an_allocator_that_is_preloaded_is_named(monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", "liballocator.so")
    runtime = SimpleNamespace(device=torch.device("cpu"), keeps_memory=False)
    remark = _check_allocator(SimpleNamespace(runtime=runtime))
    assert remark.summary.startswith("liballocator.so (LD_PRELOAD)")
    monkeypatch.delenv("LD_PRELOAD")
    assert (
        "returns freed memory to the system"
        in _check_allocator(SimpleNamespace(runtime=runtime)).summary
    )


def test_memory_that_is_nearly_all_taken(monkeypatch, doctor):
    monkeypatch.setattr(training_checks, "available_bytes", lambda device: 1000)
    found = finding(doctor(), "peak memory")
    assert (found.level, found.result.advice) == ("warn", "lower `training.batch_size`")
