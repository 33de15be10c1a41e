"""`nmt score` of several translations, of parts of a text, and as a page."""

import json
import re
import shutil
from pathlib import Path

import pytest

from nmt.cli.app import run
from nmt.data.manifest import Manifest
from nmt.evaluation.scores import score

DEMO = Path(__file__).parents[2] / "data" / "demo"
LINES = 40


def read(name):
    return (DEMO / name).read_text(encoding="utf-8").split("\n")[:LINES]


SOURCES, REFERENCES = read("test.fr"), read("test.en")
GOOD = [line if i % 4 else line.replace("the", "a") for i, line in enumerate(REFERENCES)]
POOR = [" ".join(line.split()[:-2]) + "." if i % 2 else line for i, line in enumerate(REFERENCES)]
TEXTS = {"src.txt": SOURCES, "ref.txt": REFERENCES, "good.txt": GOOD, "poor.txt": POOR}


@pytest.fixture
def files(tmp_path, monkeypatch):
    for name, lines in TEXTS.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    shutil.copy(tmp_path / "good.txt", tmp_path / "same.txt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SACREBLEU_SEED", raising=False)
    return tmp_path


@pytest.fixture
def printed(files, capsys):
    """Runs `nmt score ... --ref ref.txt` and gives its stdout and stderr."""

    def printed(command, code=0):
        assert run(["score", *command.split(), "--ref", "ref.txt"]) == code
        told = capsys.readouterr()
        return told.out, told.err

    return printed


def test_a_table_of_several(printed):
    out, err = printed("good.txt poor.txt same.txt --trials 200")
    header, *rows = out.split("\n")[:4]
    assert header.split() == ["system", "BLEU", "p", "chrF2", "p", "TER", "p", "hyp/ref"]
    assert [row.split()[0] for row in rows] == ["good", "poor", "same"]
    (bleu,) = score(POOR, [REFERENCES], ["bleu"])
    assert re.match(rf"poor +{bleu.value:.2f} ± \d+\.\d\d  0\.\d+\* ", rows[1])
    assert rows[2].split().count("1.000") == 4  # p of three metrics, and the lengths
    assert "same: identical to good in every line, so p = 1" in err
    assert out.count("|bs:200|seed:12345|") == 3


def test_a_baseline_and_names(printed):
    out, _ = printed("good.txt --baseline poor.txt --name ours --metric bleu --json --trials 100")
    record = json.loads(out)
    assert (record["lines"], record["test"], record["baseline"]) == (LINES, "bootstrap", "poor")
    assert [system["name"] for system in record["systems"]] == ["poor", "ours"]
    (of_baseline,), (ours,) = (system["scores"] for system in record["systems"])
    assert "p" not in of_baseline
    assert ours["p"] < 0.05 and not ours["identical"]
    assert ours["interval"][0] < ours["value"] < ours["interval"][1]


def test_names_are_told_apart(printed):
    out, _ = printed("good.txt good.txt --metric ter --trials 10")
    assert [line.split("  ")[0] for line in out.split("\n")[1:3]] == ["good.txt", "good.txt (2)"]


def test_randomization(printed):
    out, _ = printed("good.txt poor.txt --test randomization --trials 100 --metric bleu")
    assert "|bs:1000|ar:100|seed:12345|" in out


def test_the_confidence_of_one(printed):
    out, _ = printed("good.txt --confidence --metric bleu")
    (bleu,) = score(GOOD, [REFERENCES], ["bleu"])
    assert re.match(rf"BLEU = {bleu.value:.1f}  95% \d+\.\d - \d+\.\d  \(nrefs:1\|bs:1000\|", out)
    record = json.loads(printed("good.txt --confidence --metric bleu --json")[0])
    assert record["scores"][0]["value"] == bleu.value
    assert len(record["scores"][0]["interval"]) == 2


def test_segments(printed):
    header, *rows = printed("good.txt poor.txt --segments --metric chrf")[0].split("\n")[:-1]
    assert header == "line\tsystem\tchrf"
    assert len(rows) == 2 * LINES
    assert rows[2].split("\t")[:2] == ["2", "good"]
    objects = [
        json.loads(line) for line in printed("poor.txt --segments --json")[0].split("\n")[:-1]
    ]
    assert [each["line"] for each in objects] == list(range(1, LINES + 1))
    assert set(objects[0]) == {"line", "system", "bleu", "chrf", "ter"}
    assert f"{objects[1]['chrf']:.4f}" == rows[3].split("\t")[2]


def test_buckets(printed, files):
    (files / "train.txt").write_text("the the a cat\n", encoding="utf-8")
    command = "good.txt poor.txt -s src.txt --buckets --train train.txt --metric bleu --trials 10"
    out, _ = printed(command)
    assert "BLEU by words of the source\nwords" in out
    assert "lines by BLEU of the sentence\npoints" in out
    assert ("F1 of words by frequency in the training text\ntimes seen") in out
    buckets = json.loads(printed(f"{command} --json")[0])["buckets"]
    assert sum(row["lines"] for row in buckets["source_length"]) == LINES
    for place in (0, 1):
        spread = buckets["sentence_score"]["bleu"]
        assert sum(row["lines"][place] for row in spread) == LINES
    seen = {row["seen"]: row for row in buckets["word_frequency"]}
    assert seen["2 to 4"]["reference"][0] == sum(line.split().count("the") for line in REFERENCES)
    by_reference = json.loads(printed("good.txt --buckets --json")[0])
    assert "reference_length" in by_reference["buckets"]
    assert [each["metric"] for each in by_reference["scores"]] == ["bleu", "chrf", "ter"]


def test_words_of_a_run(tiny, files, printed):
    from nmt.training.run import train

    run_directory = train(tiny(), restart=False, resume=False)
    manifest = Manifest.load(run_directory.data)
    assert manifest.inputs["train.target"]
    out, _ = printed(f"good.txt --buckets --train {run_directory.path} --json")
    assert json.loads(out)["buckets"]["word_frequency"][0]["seen"] == "never"


def test_the_tokenizer_of_a_language(printed):
    for options, tokenizer in (
        ("--language zh-CN", "zh"),
        ("--language de", "13a"),
        ("--language zh --tokenize char", "char"),
    ):
        assert f"|tok:{tokenizer}|" in printed(f"good.txt --metric bleu {options}")[0]


def test_the_language_of_a_model(files, tiny_bundle, printed, monkeypatch):
    from nmt.translation.translator import Translator

    monkeypatch.setattr(Translator, "target_language", "zh")
    out, _ = printed(f"good.txt --metric bleu -m {tiny_bundle} -s src.txt --device cpu")
    assert "|tok:zh|" in out
    assert "perplexity" in out


def test_the_language_of_a_run_whose_training_text_is_named(tiny, files, printed):
    from nmt.training.run import train

    run = train(tiny("data.target_language=zh_CN", "training.max_updates=1"))
    assert "|tok:zh|" in printed(f"good.txt --buckets --train {run.path} --metric bleu")[0]
    out, _ = printed(f"good.txt --buckets --train {run.path} --metric bleu --language en")
    assert "|tok:13a|" in out


def test_texts_that_differ_only_in_what_the_metric_does_not_see(printed, files):
    for name, change in (("spaces", lambda t: t.replace(" ", "  ")), ("case", str.upper)):
        lines = [change(line) if i == 2 else line for i, line in enumerate(GOOD)]
        (files / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for test in ("bootstrap", "randomization"):
        out, err = printed(f"good.txt spaces --test {test} --trials 50")
        assert out.split("\n")[2].split().count("1.000") == 4  # p of three metrics, and lengths
        assert "spaces: no difference to good beyond chance" in err
        ter = printed(f"good.txt case --test {test} --trials 50 --metric ter --json")[0]
        assert json.loads(ter)["systems"][1]["scores"][0]["p"] == 1.0


def test_mismatches_are_reported(printed):
    _, err = printed("src.txt good.txt -s src.txt --metric bleu --trials 10")
    assert "warning: src: 100% of the hypotheses equal their source" in err
    assert "warning: good" not in err


def test_a_page(printed, files):
    out, err = printed("good.txt poor.txt -s src.txt --html page.html --trials 10")
    assert out.startswith("system")
    assert "page: page.html" in err
    page = (files / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "Scores of good, poor" in page


def test_stdin_is_read_once(printed):
    _, err = printed("- -", code=2)
    assert "Give - for one text only" in err


@pytest.fixture
def labelled(files):
    """The labels of the lines: two of a language pair with Chinese, the rest without."""
    (files / "pairs.txt").write_text("fr-en\n" * (LINES - 10) + "en-zh\n" * 10, encoding="utf-8")
    return files


def test_scores_by_group(labelled, printed):
    out, err = printed("good.txt --group-by pairs.txt --metric bleu")
    rows = [line.split("  ")[0] for line in out.split("\n")[2:-1]]
    assert rows[:5] == ["group", "fr-en", "en-zh", "all lines", "mean of groups"]
    assert out.split("\n")[7].startswith("BLEU of en-zh: ") and out.count("|tok:zh|") == 1
    assert err.count("the groups need different tokenizers") == 1
    record = json.loads(printed("good.txt --group-by pairs.txt --metric bleu --json")[0])
    assert [(group["label"], group["lines"]) for group in record["groups"]] == [
        ("fr-en", LINES - 10),
        ("en-zh", 10),
    ]
    values = [group["scores"][0]["value"] for group in record["groups"]]
    assert values[0] == score(GOOD[:-10], [REFERENCES[:-10]], ["bleu"])[0].value
    assert values[1] == score(GOOD[-10:], [REFERENCES[-10:]], ["bleu"], tokenize="zh")[0].value
    assert record["mean_of_groups"]["scores"][0]["value"] == pytest.approx(sum(values) / 2)


def test_the_tokenizer_of_all_lines_beside_groups(labelled, printed):
    (labelled / "chinese.txt").write_text("fr-zh\nen-zh\n" * (LINES // 2), encoding="utf-8")
    for options, whole, is_warned in (
        ("pairs.txt", "13a", True),
        ("pairs.txt --language zh", "zh", True),
        ("pairs.txt --tokenize char", "char", False),
        ("chinese.txt", "zh", False),
    ):
        out, err = printed(f"good.txt --metric bleu --group-by {options}")
        assert f"|tok:{whole}|" in out.split("\n")[0]
        assert ("the groups need different tokenizers" in err) == is_warned
    assert "BLEU of" not in printed("good.txt --group-by pairs.txt --tokenize char")[0]


def test_groups_of_several_translations(labelled, printed):
    command = "good.txt poor.txt --group-by pairs.txt --trials 50"
    out, _ = printed(command)
    for name in ("BLEU", "chrF2", "TER"):
        assert f"\n{name} by group\ngroup " in out
    record = json.loads(printed(f"{command} --json")[0])
    (_, poor) = record["groups"][0]["systems"]
    assert poor["name"] == "poor" and 0 < poor["scores"][0]["p"] <= 1
    assert len(poor["scores"][0]["interval"]) == 2
    assert [system["name"] for system in record["mean_of_groups"]["systems"]] == ["good", "poor"]


def test_the_confidence_of_groups(labelled, printed):
    out, _ = printed("poor.txt --group-by pairs.txt --confidence --trials 50 --metric chrf")
    assert re.search(r"\nfr-en +30 +\d+\.\d\d ± \d+\.\d\d\n", out)


def test_segments_name_their_group(labelled, printed):
    header, first, *_ = printed("poor.txt --group-by pairs.txt --segments --metric ter")[0].split(
        "\n"
    )
    assert header == "line\tgroup\tsystem\tter"
    assert first.startswith("1\tfr-en\tpoor\t")
    out, _ = printed("poor.txt --group-by pairs.txt --segments --json --metric ter")
    assert json.loads(out.split("\n")[-2])["group"] == "en-zh"


def test_groups_on_the_page(labelled, printed):
    printed("poor.txt --group-by pairs.txt --html scores.html --metric bleu")
    assert 'id="groups">Groups of lines' in (labelled / "scores.html").read_text(encoding="utf-8")


def test_labels_must_have_as_many_lines(labelled, printed):
    (labelled / "pairs.txt").write_text("fr-en\n" * 3)
    out, err = printed("good.txt --group-by pairs.txt", code=3)
    assert f"line counts differ: pairs.txt: 3, ref.txt: {LINES}." in err
    assert out == "" and err.count("\n") <= 3
