"""Links for guided alignment: from files and by an aligner, made anew only when they must be."""

import numpy as np
import pytest
from parallel_texts import parallel_text, write_lines

from nmt.alignment.guided_links import GUIDANCE_FILE
from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.errors import DataError
from nmt.runtime.run_directory import RunDirectory
from nmt.training.data_preparation import open_prepared, prepare_corpora

SOURCES, TARGETS = parallel_text(60)
SOURCES[3], TARGETS[3] = "", "chat"  # dropped
SOURCES[7], TARGETS[7] = "the  \u200b cat", "le chat rouge"
TRAIN = SOURCES, TARGETS
DEV = (["cat dog", "red tree"], ["chat chien", "rouge arbre"])
DIAGONAL = [
    " ".join(f"{i}-{i}" for i in range(len(source.split()))) if number != 7 else "0-0 2-1 2-2"
    for number, source in enumerate(SOURCES)
]
DIAGONAL[9] = ""


@pytest.fixture
def guided(make_config, tmp_path):
    """Makes a configuration with settings of guided alignment."""

    def make(train=TRAIN, **settings):
        config = make_config(train, DEV, max_dropped=0.5)
        alignment = config.training.guided_alignment.model_validate(settings)
        training = config.training.model_copy(update={"guided_alignment": alignment})
        return config.model_copy(update={"training": training})

    return make


@pytest.fixture
def prepare(tmp_path):
    run = RunDirectory(tmp_path / "run")

    def prepared(config):
        return prepare_corpora(config, run, prepare_tokenizers(config, run))

    return prepared


def test_links_of_words_become_links_of_their_subwords(guided, prepare, tmp_path):
    write_lines(tmp_path / "links", DIAGONAL)
    config = guided(alignments=[str(tmp_path / "links")])
    data = prepare(config)
    tokenizers, again = open_prepared(config, RunDirectory(tmp_path / "run"))
    assert again.links.fingerprint == data.links.fingerprint
    assert len(data.links) == len(data.train) == 59
    for pair, line in enumerate(data.train.line_numbers.tolist()):
        links = data.links.links(pair)
        source, target = SOURCES[line - 1].split(), TARGETS[line - 1].split()
        if line == 10:
            assert len(links) == 0
            continue
        # Each subword of a word with each of the word it is linked to.
        ends = [
            np.cumsum([p.startswith("▁") for p in side.pieces(tokens)]) - 1
            for side, tokens in (
                (tokenizers.source, data.train.source(pair)),
                (tokenizers.target, data.train.target(pair)),
            )
        ]
        if line == 8:
            word = {0: 0, 1: 2}  # the word that normalization drops has no subword
            found = {(word[int(ends[0][i])], int(ends[1][j])) for i, j in links.tolist()}
            assert found == {(0, 0), (2, 1), (2, 2)}
            continue
        expected = {
            (i, j)
            for i, a in enumerate(ends[0])
            for j, b in enumerate(ends[1])
            if a == b and a < len(source) and b < len(target)
        }
        assert set(map(tuple, links.tolist())) == expected


def test_the_aligner_finds_the_words(guided, prepare):
    data = prepare(guided(aligner="hmm"))
    right = total = 0
    for pair in range(len(data.train)):
        links = data.links.links(pair)
        target = len(data.train.target(pair))
        assert len(np.unique(links, axis=0)) == len(links)
        total += target
        right += len(np.unique(links[:, 1]))
    assert right > 0.8 * total


def test_they_are_made_only_when_they_must_be(guided, prepare, tmp_path, capsys):
    path = tmp_path / "run" / "data" / GUIDANCE_FILE
    assert prepare(guided()).links is None
    assert not path.exists()

    def told(config):
        prepare(config)
        return capsys.readouterr().err

    assert "subword links for 59 pairs" in told(guided(aligner="ibm1"))
    assert "guided alignment: up to date" in told(guided(aligner="ibm1", weight=0.5, cost="mse"))
    assert "subword links" in told(guided(aligner="hmm"))
    write_lines(tmp_path / "links", DIAGONAL)
    by_file = guided(alignments=[str(tmp_path / "links")])
    assert "subword links" in told(by_file)
    assert "up to date" in told(by_file)
    write_lines(tmp_path / "links", [""] * 60)
    assert "0 subword links" in told(by_file)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))
    assert "damaged: its index does not match its header. Rebuilding it." in told(by_file)
    other = guided((SOURCES[:50], TARGETS[:50]), aligner="hmm")
    assert "for 49 pairs" in told(other)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (DIAGONAL[:-1], "links: 59 lines, but .*train.source has 60"),
        ([*DIAGONAL, ""], "links: 61 lines"),
        ([*DIAGONAL[:5], "0-0 1", *DIAGONAL[6:]], "links: line 6: '1' is not a link"),
        ([*DIAGONAL[:5], "0-99", *DIAGONAL[6:]], "links: line 6: a link to target word 99"),
    ],
)
def test_files_that_do_not_fit(guided, prepare, tmp_path, lines, message):
    write_lines(tmp_path / "links", lines)
    with pytest.raises(DataError, match=message):
        prepare(guided(alignments=[str(tmp_path / "links")]))
    assert not (tmp_path / "run" / "data" / GUIDANCE_FILE).exists()


def test_links_of_another_corpus_are_not_taken(guided, prepare, tmp_path):
    config = guided(aligner="ibm1")
    prepare(config)
    run = RunDirectory(tmp_path / "run")
    links = (run.data / GUIDANCE_FILE).read_bytes()
    prepare(guided((SOURCES[:50], TARGETS[:50]), aligner="ibm1"))
    (run.data / GUIDANCE_FILE).write_bytes(links)
    with pytest.raises(DataError, match="belongs to another corpus"):
        open_prepared(config, run)


def test_tags_have_no_links(guided, prepare, tmp_path):
    write_lines(tmp_path / "links", DIAGONAL)
    config = guided(alignments=[str(tmp_path / "links")])
    plain = prepare(config)
    corpus = config.data.train[0].model_copy(update={"tag": "web"})
    settings = config.data.model_copy(update={"train": (corpus,)})
    run = RunDirectory(tmp_path / "tagged")
    config = config.model_copy(update={"data": settings})
    tagged = prepare_corpora(config, run, prepare_tokenizers(config, run))
    assert (tagged.train.source_lengths == plain.train.source_lengths + 1).all()
    for pair in range(len(plain.train)):
        assert (tagged.links.links(pair) == np.add(plain.links.links(pair), (1, 0))).all()
