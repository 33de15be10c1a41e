import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parallel_texts import parallel_text

from nmt.data import encode
from nmt.data.binarize import DATA_FILES
from nmt.data.binary_dataset import Corpus
from nmt.data.encode import encode_pairs
from nmt.data.hashing import in_validation_split
from nmt.data.manifest import Manifest
from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.errors import DataError
from nmt.runtime.run_directory import RunDirectory
from nmt.text.characters import letters_of
from nmt.text.lines import LinePair
from nmt.training.data_preparation import PreparedData, prepare_corpora

DEV = (["the cat sees", "a red dog"], ["le chat voit", "un chien rouge"])


@pytest.fixture
def prepare(tmp_path):
    """Tokenizer and corpora for a configuration, in a new run."""

    def prepared(config, name="run") -> PreparedData:
        run = RunDirectory(tmp_path / name)
        return prepare_corpora(config, run, prepare_tokenizers(config, run))

    return prepared


def with_pairs(extra, pairs=100):
    source, target = parallel_text(pairs)
    return source + [s for s, _ in extra], target + [t for _, t in extra]


def decoded(corpus: Corpus, tokenizers) -> list[tuple[str, str]]:
    return [
        (
            tokenizers.source.decode(corpus.source(i).tolist()),
            tokenizers.target.decode(corpus.target(i).tolist()),
        )
        for i in range(len(corpus))
    ]


def test_every_pair_is_there_in_order(make_config, tmp_path):
    source, target = parallel_text(100)
    config = make_config((source, target), DEV, tokenizer={"joint": False, "vocab_size": 280})
    run = RunDirectory(tmp_path / "run")
    tokenizers = prepare_tokenizers(config, run)
    data = prepare_corpora(config, run, tokenizers)
    assert decoded(data.train, tokenizers) == list(zip(source, target, strict=True))
    assert data.train.line_numbers.tolist() == list(range(1, 101))
    assert (data.dev_source, data.dev_target) == DEV
    assert decoded(data.dev, tokenizers) == list(zip(*DEV, strict=True))
    data.train.verify()
    ratios = data.train.target_lengths / data.train.source_lengths
    assert data.manifest.length_ratio.mean == pytest.approx(ratios.mean())
    assert data.manifest.length_ratio.deviation == pytest.approx(ratios.std())
    assert data.manifest.train.source.tokens == data.train.source_lengths.sum()
    assert data.manifest.train.target.max_length == data.train.target_lengths.max()
    assert Manifest.load(run.data) == data.manifest


def test_unfit_train_pairs_are_dropped_by_reason_and_told(make_config, prepare, capsys):
    extra = [
        ("", ""),
        ("cat", " "),
        ("\t", "chat"),
        ("\u200b", "chat"),
        ("cat " * 60, "chat"),
        ("cat", "chat arbre chien rouge petit maison sous mange"),
        DEV[0][:1] + DEV[1][:1],
    ]
    config = make_config(with_pairs(extra), DEV, max_length=50, max_length_ratio=6.0)
    report = prepare(config).manifest.train
    assert report.dropped == {
        "both sides empty": 1,
        "source empty": 2,
        "target empty": 1,
        "too long": 1,
        "length ratio": 1,
        "also in dev": 1,
    }
    assert report.first_dropped["source empty"] == (103, 104)
    assert {reason: pair.line for reason, (pair,) in report.examples.items()} == {
        "source empty": 104,
        "too long": 105,
        "length ratio": 106,
        "also in dev": 107,
    }
    assert report.examples["too long"][0].source == ("cat " * 60).strip()
    assert (report.pairs_read, report.pairs_kept) == (107, 100)
    told = capsys.readouterr().err
    assert "train: 107 pairs read, 100 kept, 7 dropped (6.54%)" in told
    assert "  source empty               2 (1.87%)  line 103, 104\n" in told
    assert "line 106\n    such as line 106: cat | chat arbre chien rouge petit maison sous…" in told


def test_filters_of_texts_drop_pairs_and_only_those_set_are_recorded(make_config, prepare):
    faulty = [("cat cat", "Cat, cat!"), ("cat 12", "chat 13"), ("кот", "chat"), ("a&apos;", "b")]
    keys = {
        "drop_identical": True,
        "drop_different_numbers": True,
        "min_script_share": 0.5,
        "drop_tool_marks": True,
        "min_word_match": 0.01,
    }
    manifest = prepare(make_config(with_pairs(faulty), DEV, **keys)).manifest
    dropped = {reason: count for reason, count in manifest.train.dropped.items() if count}
    dropped.pop("unrelated words", None)
    assert dropped == {
        "identical sides": 1,
        "marks of a tool": 1,
        "other script": 1,
        "other numbers": 1,
    }
    assert keys.items() <= manifest.settings.items()
    assert "drop_different_ends" not in manifest.settings
    assert "drop_near_duplicates" not in manifest.settings


def test_dev_keeps_all_its_pairs(make_config, prepare, capsys):
    dev = (["", "cat " * 200, "a\u2028b", "dog\r"], ["chat", "", "c", "chien"])
    data = prepare(make_config(parallel_text(100), dev, max_length=20))
    assert data.dev_source == ["", "cat " * 200, "a\u2028b", "dog"]
    assert data.dev_target == dev[1]
    assert len(data.dev) == 4
    assert data.dev.source_lengths[0] == data.dev.target_lengths[1] == 0
    assert data.manifest.dev.blank == 2
    assert data.manifest.dev.control_characters == 1
    assert "dev: 2 pairs with a blank side are kept" in capsys.readouterr().err


def test_duplicates_are_told_and_dropped_when_asked(make_config, prepare):
    source, target = parallel_text(50)
    train = ([*source, *source[:5], source[0]], [*target, *target[:5], "autre"])
    kept = prepare(make_config(train, DEV), "kept")
    assert kept.manifest.train.duplicates == 5
    assert len(kept.train) == 56
    dropped = prepare(make_config(train, DEV, drop_duplicates=True), "dropped")
    assert dropped.manifest.train.duplicates == dropped.manifest.train.dropped["duplicate"] == 5
    assert dropped.train.line_numbers.tolist() == [*range(1, 51), 56]


def test_overlap_with_dev_and_test_is_told_and_dropped_unless_kept(make_config, prepare):
    source, target = parallel_text(50)
    dev = ([*DEV[0], source[3]], [*DEV[1], target[3]])
    test = ([source[5], source[6], source[3]], [target[5], "autre", target[3]])
    excluded = prepare(make_config((source, target), dev, test), "excluded")
    assert excluded.manifest.train.dropped["also in test"] == 1
    assert excluded.manifest.train.dropped["also in dev"] == 1
    assert set(range(1, 51)) - set(excluded.train.line_numbers.tolist()) == {4, 6}
    kept = prepare(make_config((source, target), dev, test, exclude_overlap=False), "kept")
    assert len(kept.train) == 50
    for data in (excluded, kept):
        overlap = {name: (o.pairs, o.sources) for name, o in data.manifest.overlap.items()}
        assert overlap == {"dev": (1, 1), "test": (2, 3)}


def test_identical_sides_and_control_characters_are_kept_and_told(make_config, prepare, capsys):
    extra = [("cat", "cat"), ("cat\u2028dog", "chat"), ("dog", "chi\ren"), ("a\tb", "c")]
    manifest = prepare(make_config(with_pairs(extra), DEV)).manifest
    assert (manifest.train.identical, manifest.train.control_characters) == (1, 2)
    assert manifest.train.pairs_kept == 104
    told = capsys.readouterr().err
    assert "train: 1 pairs have the same text on both sides" in told
    assert "train: 2 pairs have control characters" in told


def test_bad_utf8_is_dropped_as_a_pair(make_config, prepare, tmp_path):
    config = make_config(parallel_text(50), DEV, on_bad_utf8="skip_pair")
    lines = (tmp_path / "train.target").read_bytes().split(b"\n")
    lines[9] = b"\xff\xfe"
    (tmp_path / "train.target").write_bytes(b"\n".join(lines))
    (tmp_path / "dev.source").write_bytes(b"the cat sees\n\xff\n")
    data = prepare(config)
    assert data.manifest.train.dropped["not UTF-8"] == 1
    assert data.train.line_numbers.tolist() == [n for n in range(1, 51) if n != 10]
    assert data.dev_source == DEV[0][:1]
    assert data.dev.line_numbers.tolist() == [1]


def test_too_many_drops_stop_with_the_table(make_config, prepare, tmp_path):
    config = make_config(with_pairs([("", "x")] * 30), DEV)
    with pytest.raises(DataError) as caught:
        prepare(config)
    assert "23.1% of the train pairs are dropped" in caught.value.message
    assert "source empty" in caught.value.message
    assert not (tmp_path / "run" / "data").exists()
    assert (
        len(prepare(make_config(with_pairs([("", "x")] * 30), DEV, max_dropped=0.3)).train) == 100
    )


def test_no_pair_left_is_an_error(make_config, prepare):
    with pytest.raises(DataError, match="no training pairs are left"):
        prepare(make_config(parallel_text(50), DEV, max_length=1, max_dropped=1.0))


def test_too_many_unknown_tokens_stop(make_config, prepare):
    plain = {"byte_fallback": False, "vocab_size": 60}
    dev = (["漢字 仮名", "the cat"], ["le chat", "le chien"])
    with pytest.raises(DataError, match=r"tokens of the source of dev are unknown.*\n.*byte_fall"):
        prepare(make_config(parallel_text(100), dev, tokenizer=plain))


def test_line_counts_are_compared_before_any_work(make_config, prepare, tmp_path):
    config = make_config(parallel_text(50), DEV)
    with (tmp_path / "dev.target").open("ab") as file:
        file.write(b"more\n")
    with pytest.raises(DataError, match=r"dev\.source has 2 lines, .*dev\.target 3;"):
        prepare(config)
    assert not (tmp_path / "run" / "data").exists()


def test_equal_files_are_warned_of(make_config, prepare, capsys):
    source, target = parallel_text(50)
    dev = (source, target)
    prepare(make_config((source, target), dev, exclude_overlap=False))
    assert "warning: dev is the same text as train" in capsys.readouterr().err
    prepare(make_config((source, source), DEV), "second")
    assert "warning: source and target of train are the same text" in capsys.readouterr().err


def test_the_split_is_a_function_of_text_and_seed(make_config, prepare):
    source, target = parallel_text(300)
    source, target = [*source, source[0], ""], [*target, "autre", "x"]
    data = prepare(make_config((source, target), validation_split=0.2, split_seed=5))
    aside = [in_validation_split(s, t, 0.2, 5) for s, t in zip(source, target, strict=True)]
    assert data.dev_source == [s for s, wanted in zip(source, aside, strict=True) if wanted]
    assert data.dev_target == [t for t, wanted in zip(target, aside, strict=True) if wanted]
    assert 30 < len(data.dev) < 90
    assert data.manifest.train.pairs_read + len(data.dev) == 302
    assert len(data.train) + len(data.dev) == 301
    assert not set(data.dev.line_numbers.tolist()) & set(data.train.line_numbers.tolist())
    assert aside[0] == aside[300]
    assert aside != [in_validation_split(s, t, 0.2, 6) for s, t in zip(source, target, strict=True)]


def test_no_near_duplicate_is_in_train_and_in_dev(make_config, prepare):
    source, target = parallel_text(300)
    variants = [lambda s: s, str.upper, lambda s: f"{s}!", lambda s: f"12. {s.title()}"]
    source = [vary(line) for vary in variants for line in source]
    data = prepare(make_config((source, target * len(variants)), validation_split=0.2))
    dev, train = ({letters_of(line) for line in text} for text in (data.dev_source, source))
    numbers = set(data.dev.line_numbers.tolist())
    kept = {letters_of(line) for n, line in enumerate(source, start=1) if n not in numbers}
    assert len(data.dev) == len(variants) * len(dev) and 30 < len(dev) < 90
    assert dev & kept == set() and dev | kept == train
    assert len(data.train) == len(source) - len(data.dev)


def test_the_split_takes_only_pairs_that_pass_the_checks(make_config, prepare, tmp_path):
    source, target = parallel_text(300)
    test = (source[:40], target[:40])
    source = [*source, *source[40:80]]
    target = [*target, *target[40:80]]
    for place in range(100, 200):
        target[place] *= 60
    config = make_config(
        (source, target),
        test=test,
        validation_split=0.3,
        max_length=100,
        drop_duplicates=True,
        max_dropped=0.6,
    )
    data = prepare(config)
    good = [*range(40, 100), *range(200, 300)]
    aside = {n for n in good if in_validation_split(source[n], target[n], 0.3, 1)}
    assert data.dev.line_numbers.tolist() == [n + 1 for n in good if n in aside]
    assert data.train.line_numbers.tolist() == [n + 1 for n in good if n not in aside]
    assert data.dev_target == [target[n] for n in good if n in aside]
    report = data.manifest.train
    assert report.dropped["also in test"] == 40
    assert report.dropped["too long"] == 100
    assert report.dropped["duplicate"] == 40
    assert data.manifest.dev.pairs_read == len(aside) > 20
    assert report.pairs_read + len(aside) == 340
    assert report.duplicates + data.manifest.dev.duplicates == 40


def test_the_share_dropped_counts_the_pairs_set_aside_too(make_config, prepare):
    train = with_pairs([("", "x")] * 20, pairs=180)
    data = prepare(make_config(train, validation_split=0.5, max_dropped=0.1))
    assert data.manifest.train.dropped["source empty"] == 20


def test_no_file_but_the_known_ones_is_written(make_config, prepare, tmp_path):
    prepare(make_config(parallel_text(50), DEV, test_split=0.5))
    assert {path.name for path in (tmp_path / "run" / "data").iterdir()} == DATA_FILES


def test_a_split_that_sets_nothing_aside_is_an_error(make_config, prepare):
    with pytest.raises(DataError, match="validation_split is too small"):
        prepare(make_config(parallel_text(50), validation_split=1e-9))


def test_any_number_of_processes_gives_the_same_bytes(make_config, prepare, tmp_path, monkeypatch):
    monkeypatch.setattr(encode, "_MIN_PAIRS_FOR_WORKERS", 0)
    monkeypatch.setattr(encode, "_CHUNK_PAIRS", 7)
    draw = random.Random(3)
    source, target = parallel_text(200)
    for place in draw.sample(range(200), 20):
        source[place] = target[place] = ""
    names = ["train.bin", "train.idx", "dev.bin", "dev.idx", "dev.source.txt", "manifest.json"]
    found = []
    for workers in (1, 2, 3):
        prepare(make_config((source, target), validation_split=0.1, workers=workers), f"{workers}")
        found.append([(tmp_path / f"{workers}" / "data" / name).read_bytes() for name in names])
    # The texts are written anew for each: only the time of their last change differs.
    for files in found:
        manifest = json.loads(files.pop())
        for entries in manifest["inputs"].values():
            for entry in entries:
                del entry["modified_ns"]
        files.append(manifest)
    assert found[0] == found[1] == found[2]


@settings(deadline=None, max_examples=30)
@given(
    texts=st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6)), max_size=20),
    size=st.integers(1, 7),
)
def test_chunks_lose_and_reorder_nothing(tokenizers, texts, size):
    pairs = [
        LinePair(line, source if line % 5 else None, target)
        for line, (source, target) in enumerate(texts, start=1)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "_CHUNK_PAIRS", size)
        chunks = list(encode_pairs(pairs, tokenizers, workers=1, pair_count=len(pairs)))
    lines = [line for chunk, _ in chunks for line in (*chunk.lines, *chunk.unreadable)]
    assert sorted(lines) == list(range(1, len(texts) + 1))
    lengths = [row for _, encoded in chunks for row in encoded.lengths.tolist()]
    readable = [pair for pair in pairs if pair.source is not None]
    assert lengths == [
        [len(tokenizers.source.encode(p.source)), len(tokenizers.target.encode(p.target))]
        for p in readable
    ]


PERSIAN = ("I go home.", "به خانه می\u200cروم، بله…")
SOFT = ("the soft cat", "le cha\u00adt doux")
OLD_LINE_ENDS = ("the\x0bcat\u2028sees", "le\x85chat\x1cvoit")


def test_target_lines_that_a_model_cannot_write_are_counted(make_config, prepare, capsys):
    pairs = with_pairs([PERSIAN] * 3 + [SOFT])
    for rule, changed in (("nmt_nfkc", 3), ("auto", 0)):
        tokenizer = {"joint": False, "vocab_size": 330, "normalization": rule}
        config = make_config(pairs, DEV, tokenizer=tokenizer)
        found = prepare(config, rule).manifest.train.round_trip
        assert (found.lines, found.changed, found.without_invisible) == (104, changed, 1)
        told = capsys.readouterr().err
        assert ("set tokenizer.normalization: auto" in told) == bool(changed)
        assert "train: 1 of 104 target lines have control or invisible characters" in told


def test_breaks_become_spaces_before_subwords_are_learned(make_config, tmp_path):
    for rule in ("auto", "nmt_nfkc", "identity"):
        for joint in (True, False):
            tokenizer = {"joint": joint, "vocab_size": 330, "normalization": rule}
            config = make_config(with_pairs([OLD_LINE_ENDS] * 5), DEV, tokenizer=tokenizer)
            both = prepare_tokenizers(config, RunDirectory(tmp_path / f"{rule}-{joint}"))
            for side, line in zip((both.source, both.target), OLD_LINE_ENDS, strict=True):
                spaced = " ".join(line.split())
                assert side.encode(line) == side.encode(spaced)
                assert side.decode(side.encode(line)) == spaced
                pieces = "".join(side.pieces(range(side.size)))
                assert not set(pieces) & set("\x0b\x1c\x85\u2028")


def test_the_first_pairs_or_those_that_begin_as_wanted_are_selected(tiny, tmp_path):
    from nmt.runtime.run_directory import RunDirectory

    def prepared(name, *overrides):
        config = tiny(*overrides, name=name)
        run = RunDirectory(config.run_dir)
        tokenizers = prepare_tokenizers(config, run)
        data = prepare_corpora(config, run, tokenizers)
        rows = [data.train.target(i).tolist() for i in range(len(data.train))]
        return data, [tokenizers.target.decode(row) for row in rows]

    targets = (tmp_path / "train.en").read_text(encoding="utf-8").split("\n")[:-1]
    data, texts = prepared("first", "data.max_pairs=50")
    assert texts == targets[:50]
    assert data.manifest.train.dropped["beyond max_pairs"] == 150  # more than max_dropped
    _, texts = prepared("begun", "data.target_prefixes=[One t, SEVEN]")
    assert texts == [each for each in targets if each.startswith(("one t", "seven"))]
    _, texts = prepared("both", "data.max_pairs=50", "data.target_prefixes=[seven]")
    assert texts == [each for each in targets[:50] if each.startswith("seven")]


def test_a_test_set_without_near_duplicates_is_set_aside(make_config, prepare, tmp_path):
    source, target = parallel_text(300)
    variants = [f"{line.upper()}!" for line in source]
    config = make_config(
        ([*source, *variants], target * 2), validation_split=0.2, test_split=0.1, split_seed=5
    )
    data = prepare(config)
    sides = [
        (tmp_path / "run" / "data" / f"test.{side}.txt")
        .read_text(encoding="utf-8")
        .split("\n")[:-1]
        for side in ("source", "target")
    ]
    assert len(sides[0]) == len(sides[1]) == data.manifest.test_pairs
    assert 30 < data.manifest.test_pairs < 90
    assert len(data.train) + len(data.dev) + data.manifest.test_pairs == 600
    lines = {int(line) for corpus in (data.train, data.dev) for line in corpus.line_numbers}
    kept = {letters_of([*source, *variants][line - 1]) for line in lines}
    assert not kept & set(map(letters_of, sides[0]))
    # Without a test split, the same pairs are in dev.
    other = prepare(
        make_config(([*source, *variants], target * 2), validation_split=0.2, split_seed=5), "other"
    )
    assert other.dev.line_numbers.tolist() == data.dev.line_numbers.tolist()


def test_the_tokenizer_does_not_learn_from_the_test_set(make_config, made, prepare):
    texts = parallel_text(300)
    prepare(make_config(texts, validation_split=0.2))
    prepare(make_config(texts, validation_split=0.2, test_split=0.2))
    assert made == ["train_tokenizers", "binarize"] * 2


def test_a_split_without_test_pairs_is_an_error(prepare, make_config):
    config = make_config(parallel_text(50), DEV, test_split=1e-9)
    with pytest.raises(DataError, match=r"no test pair: data.test_split is too small. Raise it."):
        prepare(config)
