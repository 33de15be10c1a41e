"""`nmt align` from its command line to its lines."""

import gzip
import json
import os
from pathlib import Path

import pytest

from nmt.cli.app import run
from nmt.text.lines import read_all_input_lines
from nmt.tokenizers.words import split_words

SOURCES = ["le chat noir", "", "un  chien dort .", "maison", "le tapis"]
TARGETS = ["the black cat", "", "a dog sleeps .", " ", "the mat"]
GOLD = os.environ.get("NMT_ALIGNMENT_GOLD")
"""A folder with the English-French Hansards of Och and Ney: `enfr.src-tgt.gz`, `enfr.gold.gz`."""


@pytest.fixture
def texts(tmp_path):
    for name, lines in (("s", SOURCES), ("t", TARGETS)):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ["--source", str(tmp_path / "s"), "--target", str(tmp_path / "t")]


@pytest.fixture
def lines(capsys):
    """The lines that `nmt align` writes."""

    def align(*arguments):
        assert run(["align", *map(str, arguments)]) == 0
        out = capsys.readouterr().out
        assert out.endswith("\n")
        return out.removesuffix("\n").split("\n")

    return align


@pytest.fixture
def model(tiny_bundle):
    return ["--model", str(tiny_bundle), "--device", "cpu", "--threads", "1"]


def links(line):
    return [tuple(map(int, link.split("-"))) for link in line.split()]


def test_given_translations(lines, model, texts):
    found = lines(*model, *texts)
    assert len(found) == len(SOURCES)
    for line, source, target in zip(found, SOURCES, TARGETS, strict=True):
        linked = bool(source.strip() and target.strip())
        assert [j for _, j in links(line)] == list(range(len(target.split()) if linked else 0))
        assert all(i < len(source.split()) for i, _ in links(line))


def test_weights_links_and_thresholds_agree(lines, model, texts):
    records = [json.loads(line) for line in lines(*model, *texts, "--json")]
    best = lines(*model, *texts)
    above = lines(*model, *texts, "--threshold", "0.3")
    soft = lines(*model, *texts, "--soft")
    table = lines(*model, *texts, "--tsv", "--soft", "--threshold", "0.3")
    for number, record in enumerate(records):
        weights = record["weights"]
        assert record["alignment"] == best[number]
        assert links(above[number]) == [
            (i, j) for j, row in enumerate(weights) for i, weight in enumerate(row) if weight >= 0.3
        ]
        for text in soft[number].split():
            link, weight = text.split(":")
            (place,) = links(link)
            assert float(weight) == pytest.approx(weights[place[1]][place[0]], abs=6e-5)
        columns = table[number].split("\t")
        if above[number]:
            assert columns[:2] == [SOURCES[number], TARGETS[number]]
            assert [text.split(":")[0] for text in columns[2].split()] == above[number].split()
    assert records[1]["weights"] == []


def test_links_turned(lines, model, texts, tmp_path):
    there = lines(*model, *texts)
    back = lines(*model, *texts, "--reverse")
    for one, other in zip(there, back, strict=True):
        assert sorted((i, j) for i, j in links(one)) == sorted((i, j) for j, i in links(other))
    (tmp_path / "back").write_text("\n".join(back) + "\n", encoding="utf-8")
    again = lines(tmp_path / "back", "--reverse")
    assert again == there


def test_translations_of_its_own(lines, model, tmp_path):
    (tmp_path / "s").write_text("\n".join(SOURCES) + "\n", encoding="utf-8")
    found = lines(*model, "--source", tmp_path / "s")
    records = lines(*model, "--source", tmp_path / "s", "--json")
    for line, record, source in zip(found, map(json.loads, records), SOURCES, strict=True):
        if not source:
            assert line == ""
            continue
        text, alignment = line.split(" ||| ")
        assert (text, alignment) == (record["translation"], record["alignment"])
        assert [j for _, j in links(alignment)] == list(range(len(split_words(text))))


def test_two_models(lines, model, texts, tmp_path):
    forward = lines(*model, *texts)
    other = ["--source", texts[3], "--target", texts[1]]
    backward = lines(*model, *other, "--reverse")
    for name, content in (("fwd", forward), ("bwd.gz", backward)):
        text = ("\n".join(content) + "\n").encode()
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    for method in ("intersection", "grow-diag-final-and"):
        both = ["--reverse-model", model[1], "--symmetrise", method]
        by_files = lines(tmp_path / "fwd", tmp_path / "bwd.gz", "--symmetrise", method)
        assert lines(*model, *texts, *both) == by_files
    assert by_files != forward


def test_an_output_file(model, texts, lines, tmp_path, capsys):
    expected = lines(*model, *texts)
    assert run(["align", *model, *texts, "--output", str(tmp_path / "out.gz")]) == 0
    assert capsys.readouterr().out == ""
    assert read_all_input_lines(tmp_path / "out.gz") == expected


@pytest.mark.parametrize("kind", ["ibm1", "hmm"])
def test_an_aligner_without_a_model(lines, texts, kind):
    found = lines("--aligner", kind, *texts)
    assert len(found) == len(SOURCES)
    assert (found[1], found[3]) == ("", "")
    assert found[0]
    both = lines("--aligner", kind, *texts, "--symmetrise", "intersection")
    for line, other in zip(found, both, strict=True):
        assert set(links(other)) <= set(links(line))


def test_error_rate_by_hand(lines, tmp_path):
    (tmp_path / "mine").write_text("0-0 1-1 2-2\n\n0-0\n", encoding="utf-8")
    (tmp_path / "gold").write_text("1-1 2p2 4-4\n\n1-2\n", encoding="utf-8")
    (line,) = lines(tmp_path / "mine", "--gold", tmp_path / "gold", "--one-indexed")
    assert line == (
        "AER = 57.1  (precision 50.0, recall 33.3; 3 pairs, 4 links, 3 sure, 4 possible)"
    )
    (text,) = lines(tmp_path / "mine", "--gold", tmp_path / "gold", "--one-indexed", "--json")
    assert json.loads(text) == {
        "precision": 50.0,
        "recall": 33.33,
        "aer": 57.14,
        "pairs": 3,
        "links": 4,
        "sure": 3,
        "possible": 4,
    }


def test_gold_that_seems_to_count_from_one_is_warned_of(tmp_path, capsys):
    (tmp_path / "mine").write_text("0-0\n", encoding="utf-8")
    (tmp_path / "gold").write_text("1-1\n", encoding="utf-8")
    assert run(["align", str(tmp_path / "mine"), "--gold", str(tmp_path / "gold")]) == 0
    assert "Add --one-indexed" in capsys.readouterr().err


@pytest.mark.skipif(GOLD is None, reason="NMT_ALIGNMENT_GOLD names no folder")
def test_the_aligner_on_gold(lines, tmp_path):
    """The HMM must be far better than Model 1, and both directions better than one."""
    assert GOLD is not None
    folder = Path(GOLD)
    pairs = [line.split("|||") for line in read_all_input_lines(folder / "enfr.src-tgt.gz")]
    for name, side in (("s", 0), ("t", 1)):
        text = "".join(pair[side].strip() + "\n" for pair in pairs)
        (tmp_path / name).write_text(text, encoding="utf-8")
    texts = ["--source", tmp_path / "s", "--target", tmp_path / "t"]
    gold = ["--gold", folder / "enfr.gold.gz", "--one-indexed", "--json"]

    def rate(*arguments):
        (line,) = lines(*arguments, *texts, *gold)
        return json.loads(line)["aer"]

    both = ["--symmetrise", "grow-diag-final-and"]
    assert rate("--aligner", "hmm", *both) < 27 < rate("--aligner", "hmm") < 32
    assert rate("--aligner", "ibm1") > 45
