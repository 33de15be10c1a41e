"""Tokenizers from SentencePiece models of other tools: `tokenizer.model`."""

import json

import pytest
from subword_models import syllable_texts, train_model, write_model

from nmt.config.load import load_config
from nmt.data.tokenizer_preparation import find_tokenizers, prepare_tokenizers
from nmt.errors import ConfigError, DataError, UsageError
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.subword_regularization import SubwordSampler
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, TokenizerPair, open_tokenizer
from nmt.training.data_preparation import prepare_corpora

LINES = syllable_texts(30)
TEXT = "".join(f"{line}\n" for line in LINES)


def save_model(kind, path, **options):
    tokenizer = train_model(kind, **options)
    tokenizer.save(path)
    return tokenizer


@pytest.fixture
def make(tmp_path):
    """A configuration over a small text that names models; gives it with its run."""
    (tmp_path / "text").write_text(TEXT, encoding="utf-8")

    def config(tokenizer, *overrides):
        file = tmp_path / "c.yaml"
        file.write_text(
            "data: {train: {source: text, target: text}, validation_split: 0.2, "
            "exclude_overlap: false, max_dropped: 1.0}\n"
            f"tokenizer: {tokenizer}\ntraining: {{max_updates: 1}}\n",
            encoding="utf-8",
        )
        loaded = load_config(file, [f"run_dir={tmp_path / 'run'}", *overrides])
        return loaded, RunDirectory(loaded.run_dir)

    return config


def test_a_model_is_taken_as_it_is(make, tmp_path, capsys):
    (tmp_path / "models").mkdir()
    given = save_model("bpe", tmp_path / "models" / "x.model")
    config, run = make("{model: models/x.model, sampling: {alpha: 0.5}}")
    assert find_tokenizers(config, run) is None
    tokenizers = prepare_tokenizers(config, run)
    assert tokenizers.joint
    assert tokenizers.source.fingerprint == given.fingerprint
    assert TokenizerPair.load(run.tokenizer).fingerprint == tokenizers.fingerprint
    assert f"bpe subwords of {tmp_path / 'models' / 'x.model'}" in capsys.readouterr().err
    (tmp_path / "text").write_text(TEXT * 2, encoding="utf-8")  # it is not learned from
    prepare_tokenizers(config, run)
    assert f"tokenizer: up to date ({run.tokenizer})" in capsys.readouterr().err
    data = prepare_corpora(config, run, tokenizers)
    sampler = SubwordSampler(tokenizers.source, config.tokenizer.sampling)
    ids = data.train.source(0).tolist()
    drawn = {tuple(sampler.sample([ids], seed)[0]) for seed in range(20)}
    assert len(drawn) > 1
    assert {tokenizers.source.decode(each) for each in drawn} <= set(LINES)


def test_one_for_each_side(make, tmp_path):
    source, target = (save_model(kind, tmp_path / f"{kind}.model") for kind in ("bpe", "char"))
    config, run = make("{model: [bpe.model, char.model], joint: false}")
    tokenizers = prepare_tokenizers(config, run)
    assert not tokenizers.joint
    assert tokenizers.source.fingerprint == source.fingerprint
    assert tokenizers.target.fingerprint == target.fingerprint
    record = json.loads((run.tokenizer / "tokenizer.json").read_text(encoding="utf-8"))
    assert record["settings"].keys() == {"joint", "sha256_of_model"}
    assert str(tmp_path) not in json.dumps(record["settings"])


def test_a_changed_file_is_noticed(make, tmp_path):
    save_model("bpe", tmp_path / "x.model")
    config, run = make("{model: x.model}")
    first = prepare_tokenizers(config, run)
    other = save_model("unigram", tmp_path / "x.model")
    assert find_tokenizers(config, run) is None
    assert prepare_tokenizers(config, run).fingerprint != first.fingerprint
    assert prepare_tokenizers(config, run).source.fingerprint == other.fingerprint
    (run.checkpoints / "step-1").mkdir(parents=True)
    prepare_tokenizers(config, run)
    save_model("bpe", tmp_path / "x.model")
    with pytest.raises(UsageError, match="but the checkpoints of this run"):
        prepare_tokenizers(config, run)


@pytest.mark.parametrize("kind", ["char", "word"])
def test_segmentations_are_drawn_of_subwords_only(make, tmp_path, kind):
    options = {} if kind == "char" else {"byte_fallback": False, "user_defined_symbols": []}
    save_model(kind, tmp_path / "x.model", **options)
    config, run = make("{model: x.model, sampling: {alpha: 0.1}}")
    with pytest.raises(ConfigError, match=rf"x.model \(kind {kind}\)\. Remove it"):
        prepare_tokenizers(config, run)


def test_other_kinds_of_settings_make_other_tokenizers(make, tmp_path):
    """The record of a release without words is up to date, and a new frequency is noticed."""
    config, run = make("{kind: bpe, vocab_size: 300, hard_vocab_limit: false}")
    prepare_tokenizers(config, run)
    settings = json.loads((run.tokenizer / "tokenizer.json").read_text("utf-8"))["settings"]
    assert not {"min_frequency", "model"} & settings.keys()
    words, _ = make("{kind: word}")
    prepare_tokenizers(words, run)
    rarer, _ = make("{kind: word, min_frequency: 2}")
    assert find_tokenizers(words, run) is not None
    assert find_tokenizers(rarer, run) is None


def test_unknown_words_are_no_error_without_a_limit(make, tmp_path):
    lines = "\n".join(f"w{chr(97 + number)} a b c d" for number in range(20)) + "\n"
    (tmp_path / "text").write_text(lines, encoding="utf-8")
    config, run = make("{kind: word, min_frequency: 2}")
    assert prepare_corpora(config, run, prepare_tokenizers(config, run)).manifest.train.pairs_kept
    strict, _ = make("{kind: word, min_frequency: 2}", "data.max_unknown=0.1")
    with pytest.raises(DataError, match=r"Lower tokenizer\.min_frequency"):
        prepare_corpora(strict, run, prepare_tokenizers(strict, run), force=True)


def test_reserved_ids_are_ours():
    tokenizer = open_tokenizer(write_model(3, {"▁a": -1.0}))
    assert tokenizer.kind == "word"
    assert not {PAD, BOS, EOS} & set(tokenizer.encode("a b"))
