"""What corpora are like, from what binarizing left."""

from dataclasses import replace

import numpy as np
import pytest

from nmt.config.load import load_config
from nmt.data.binary_dataset import Corpus
from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.errors import DataError
from nmt.reports.corpus_report import (
    data_section,
    evenly_spaced,
    examine_corpora,
    examine_corpora_or_reason,
)
from nmt.reports.run_history import RunHistory
from nmt.reports.run_state import RunState
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.round_trip import Change
from nmt.training.data_preparation import prepare_corpora

_ODD = {
    50: ("un deux", "one two three four five six seven eight nine ten one two three four"),
    80: ("un deux trois", "un deux trois"),
    120: ("quatre cinq six", "четыре пять шесть"),
}


@pytest.fixture
def run(tiny_config):
    """Corpora without a training, three of the 200 pairs of train odd ones."""
    folder = tiny_config.parent
    for side, name in enumerate(("fr", "en")):
        path = folder / f"train.{name}"
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        for line, pair in _ODD.items():
            lines[line - 1] = pair[side]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    config = load_config(tiny_config, [f"run_dir={folder / 'run'}"])
    found = RunDirectory(config.run_dir)
    prepare_corpora(config, found, prepare_tokenizers(config, found))
    return found


def test_odd_pairs_come_first_with_their_lines_and_reasons(run):
    report = examine_corpora(run)
    found = {pair.line: pair for pair in report.suspicious.pairs}
    assert set(list(found)[:3]) == set(_ODD)
    assert "subwords for" in found[50].reasons[0]
    assert "the same text on both sides" in found[80].reasons
    assert "target mostly in Cyrillic letters" in found[120].reasons
    for line, (source, target) in _ODD.items():
        assert (found[line].source, found[line].target) == (source, target)
    scores = [pair.score for pair in report.suspicious.pairs]
    assert scores == sorted(scores, reverse=True)
    assert (report.suspicious.examined, report.suspicious.identical) == (200, 3)  # two are `six`
    assert report.suspicious.scripts[1]["Cyrillic"] == 15


def test_examples_of_dropped_pairs_are_in_the_report(tiny_config):
    folder = tiny_config.parent
    config = load_config(tiny_config, [f"run_dir={folder / 'run'}", "data.max_length=60"])
    for name in ("fr", "en"):
        path = folder / f"train.{name}"
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{'<b> ' * 200}\n{text}", encoding="utf-8")
    found = RunDirectory(config.run_dir)
    prepare_corpora(config, found, prepare_tokenizers(config, found))
    report = examine_corpora(found)
    example = report.record()["train"]["examples"]["too long"][0]
    assert example["line"] == 1
    assert example["source"] == "<b> " * 75 + "…"
    assert "&lt;b&gt; &lt;b&gt;" in data_section(report, "")
    train = report.train.model_copy(update={"examples": {}})
    older = replace(report, manifest=report.manifest.model_copy(update={"train": train}))
    assert "Examples of dropped pairs" not in data_section(older, "")


def test_what_is_wrong_with_the_texts_is_in_the_report(tiny_config):
    folder = tiny_config.parent
    path = folder / "train.fr"
    path.write_text(path.read_text(encoding="utf-8").replace("deux", "d&apos;eux"), "utf-8")
    config = load_config(tiny_config, [f"run_dir={folder / 'run'}"])
    found = RunDirectory(config.run_dir)
    prepare_corpora(config, found, prepare_tokenizers(config, found))
    report = examine_corpora(found)
    kinds = [finding["kind"] for finding in report.record()["findings"]]
    assert kinds[0] == "entities"
    page = data_section(report, "")
    assert "Possible problems in the texts" in page
    assert "d&amp;apos;eux" in page
    older = replace(report, manifest=report.manifest.model_copy(update={"findings": None}))
    assert "Possible problems in the texts" not in data_section(older, "")


def test_lines_that_cannot_be_written_are_told(run):
    report = examine_corpora(run)
    assert report.record()["train"]["round_trip"]["lines"] == 200
    assert "All 200 target lines compared are restored" in data_section(report, "")
    found = report.train.round_trip.model_copy(
        update={"changed": 3, "first_changed": 7, "changes": (Change("½", "1⁄2", 3),)}
    )
    train = report.train.model_copy(update={"round_trip": found})
    manifest = report.manifest.model_copy(update={"train": train})
    told = data_section(replace(report, manifest=manifest), "")
    assert "3 of 200 target lines compared change in tokenization" in told
    assert "½ as 1⁄2 (3 lines)" in told
    train = report.train.model_copy(update={"round_trip": None})  # of an earlier release
    manifest = report.manifest.model_copy(update={"train": train})
    assert "target lines compared" not in data_section(replace(report, manifest=manifest), "")


def test_histograms_count_every_pair_once_where_it_belongs(run):
    report, corpus = examine_corpora(run), Corpus.open(run.data / "train")
    for histogram, lengths in (
        (report.source_lengths, corpus.source_lengths),
        (report.target_lengths, corpus.target_lengths),
    ):
        assert sum(histogram.counts) == len(corpus) == report.measured
        expected = np.histogram(lengths, bins=[*histogram.edges[:-1], np.inf])[0]
        assert list(histogram.counts) == expected.tolist()
        assert lengths.max() < histogram.edges[-1]
    ratios = corpus.target_lengths / corpus.source_lengths
    assert sum(report.ratios.counts) == len(corpus)
    above = report.ratios.edges[-2]
    assert report.ratios.counts[-1] == int((ratios >= above - 1e-9).sum())


def test_lengths_of_some_pairs_are_those_of_all(run):
    corpus = Corpus.open(run.data / "train")
    pairs = np.array([3, 0, 199])
    both = np.stack([corpus.source_lengths, corpus.target_lengths], axis=1)
    assert corpus.lengths_of(pairs).tolist() == both[pairs].tolist()
    assert corpus.lengths_of(np.array([], np.int64)).shape == (0, 2)


def test_of_a_large_corpus_a_part_is_looked_at(run, monkeypatch):
    monkeypatch.setattr("nmt.reports.corpus_report._MAX_TEXTS", 20)
    monkeypatch.setattr("nmt.reports.corpus_report._MAX_LENGTHS", 100)
    report = examine_corpora(run)
    assert (report.suspicious.examined, report.measured) == (20, 100)
    assert evenly_spaced(10, 4).tolist() == [0, 2, 5, 7]
    assert evenly_spaced(3, 4).tolist() == [0, 1, 2]
    assert evenly_spaced(0, 4).tolist() == []


def test_damaged_corpora_are_told_and_do_not_stop_the_rest(run, tmp_path):
    (run.data / "train.idx").write_bytes(b"nonsense")
    state = RunState(run, None, "", RunHistory(), None, 0, 0.0)
    report, problem = examine_corpora_or_reason(state)
    assert report is None and "damaged" in problem
    with pytest.raises(DataError, match="cannot be read"):
        examine_corpora(RunDirectory(tmp_path))
