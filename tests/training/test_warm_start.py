"""Models that start with another's parameters, and runs in which some stay as they are."""

import io
import json
import shutil

import pytest
import sentencepiece
import torch
from safetensors.torch import load_file

from nmt.bundles.bundle import Bundle, load_bundle, save_bundle
from nmt.bundles.bundle_files import fingerprint
from nmt.config.presets import PRESET_DEFAULTS, merge_settings
from nmt.config.settings import Config, ModelSettings
from nmt.data.manifest import LengthRatio
from nmt.errors import ConfigError, ModelError, UsageError
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Choices
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.tokenizer import Tokenizer, TokenizerPair
from nmt.training.checkpoints import TrainingState
from nmt.training.run import train
from nmt.training.trainer import Trainer
from nmt.training.training_log import TrainingLog
from nmt.training.warm_start import VOCABULARY_ROWS, initialize_from_model

CPU = torch.device("cpu")
SIZES = {"embedding_size": 8, "encoder": {"hidden_size": 8}, "decoder": {"hidden_size": 16}}
NUMBERS = "un deux trois quatre cinq six sept huit neuf dix one two three four five seven eight"
LETTERS = "abc bcd cde def efg fgh ghi hij ijk nine ten two one six"


def tokenizer(text, size):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text] * 3),
        model_writer=model,
        model_type="bpe",
        vocab_size=size,
        hard_vocab_limit=False,
        byte_fallback=size > 256,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    return Tokenizer(model.getvalue())


def joint(text, size):
    both = tokenizer(text, size)
    return TokenizerPair(both, both, joint=True)


OLD = joint(NUMBERS, 300)
NEW = joint(LETTERS, 45)


def make_bundle(tokenizers=OLD, seed=1, training=None, **model):
    """A model with every parameter random, biases too."""
    config = Config.model_validate(
        {
            "name": "old",
            "data": {
                "train": {"source": ["train.fr"], "target": ["train.en"]},
                "validation_split": 0.1,
            },
            "tokenizer": {"joint": tokenizers.joint},
            "model": merge_settings(PRESET_DEFAULTS["model"], {**SIZES, **model}),
            "training": {"max_updates": 1, **(training or {})},
        }
    )
    torch.manual_seed(seed)
    seq2seq = Seq2Seq(config.model, tokenizers.source.size, tokenizers.target.size)
    with torch.no_grad():
        for parameter in seq2seq.parameters():
            parameter.normal_()
    return Bundle(seq2seq, tokenizers, config, LengthRatio(1.0, 0.1))


@pytest.fixture
def started(tmp_path):
    """Starts a new model from an old one; gives the old and new parameters and what was told."""

    def start(old=None, new=None, tokenizers=OLD, **training):
        old = old or make_bundle()
        save_bundle(old, tmp_path / "old", {})
        training |= {"init_from": tmp_path / "old"}
        bundle = make_bundle(tokenizers, seed=2, training=training, **(new or {}))
        before = parameters(bundle)
        (tmp_path / "run").mkdir(exist_ok=True)
        run = RunDirectory(tmp_path / "run")
        state = TrainingState(Choices("cpu", "float32", "highest"), {})
        initialize_from_model(bundle, state, TrainingLog(run, tensorboard=False))
        assert state.started_from == {"name": "old", "fingerprint": fingerprint(tmp_path / "old")}
        told = run.log_text.read_text(encoding="utf-8")
        return parameters(old), before, parameters(bundle), told

    return start


def parameters(bundle):
    return {name: p.detach().clone() for name, p in bundle.model.named_parameters()}


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def numbers(tensors):
    return sum(tensor.numel() for tensor in tensors)


def test_all_parameters_are_taken_over(started):
    old, before, new, told = started()
    assert same(new, old)
    assert not any(torch.equal(new[name], before[name]) for name in new)
    assert f"copied: {numbers(old.values()):,} of {numbers(old.values()):,}" in told


def test_parts_are_taken_over_and_the_rest_is_what_it_would_have_been(started):
    old, before, new, told = started(init_parameters=("encoder.*", "output_bias"))
    for name, tensor in new.items():
        taken = name.startswith("encoder.") or name == "output_bias"
        assert torch.equal(tensor, (old if taken else before)[name]), name
    assert "initialized as usual: output_matrix, source_embedding.weight" in told


def test_what_does_not_fit_is_named_unless_it_is_left_out(started):
    other = {"encoder": {"hidden_size": 8, "layers": 2}, "embedding_size": 6}
    with pytest.raises(ModelError) as refused:
        started(new=other)
    message = refused.value.message
    size = OLD.source.size
    assert f"source_embedding.weight is [{size}, 8] instead of [{size}, 6]" in message
    deeper = [
        name
        for name, _ in make_bundle(**other).model.named_parameters()
        if name not in parameters(make_bundle())
    ]
    assert deeper
    for name in deeper:
        assert f"{name} is missing" in message
    assert "decoder.output" not in message
    old, _, new, _ = started(new=other, init_parameters=("output_*", "decoder.output.*"))
    assert torch.equal(new["output_matrix"], old["output_matrix"])


def test_parameters_of_no_use_are_told(started):
    deep = make_bundle(encoder={"hidden_size": 8, "layers": 2})
    old, _, new, told = started(old=deep)
    assert f"unused: {', '.join(name for name in old if name not in new)}" in told


def test_another_tokenizer_is_refused_by_both_fingerprints(started):
    with pytest.raises(ModelError) as refused:
        started(tokenizers=NEW)
    for pair in (OLD, NEW):
        assert pair.fingerprint in refused.value.message
    assert "init_vocabulary: extend" in refused.value.message


@pytest.mark.parametrize("tying", ["none", "source_target", "target_output", "all"])
def test_rows_of_shared_subwords_are_taken_over(started, tying):
    tied = {"tying": tying}
    old, before, new, told = started(
        make_bundle(**tied), tied, tokenizers=NEW, init_vocabulary="extend"
    )
    known, pieces = ([*pair.source.pieces(range(pair.source.size))] for pair in (OLD, NEW))
    count = len(set(known) & set(pieces))
    assert 8 < count < len(pieces)
    for name, tensor in new.items():
        if name not in VOCABULARY_ROWS:
            assert torch.equal(tensor, old[name]), name
            continue
        assert f"{name}: {count} of {len(pieces)} rows" in told
        for row, piece in enumerate(pieces):
            expected = old[name][known.index(piece)] if piece in known else before[name][row]
            assert torch.equal(tensor[row], expected), (name, piece)


def test_each_side_has_its_own_rows(started):
    source, target = tokenizer(NUMBERS, 60), tokenizer(LETTERS, 40)
    old = make_bundle(TokenizerPair(source, target, joint=False))
    turned = TokenizerPair(target, source, joint=False)
    old_rows, before, new, _ = started(old, tokenizers=turned, init_vocabulary="extend")
    known, pieces = source.pieces(range(source.size)), target.pieces(range(target.size))
    for row, piece in enumerate(pieces):
        name = "source_embedding.weight"
        expected = old_rows[name][known.index(piece)] if piece in known else before[name][row]
        assert torch.equal(new[name][row], expected)


def test_of_the_same_tokenizer_all_rows_are_shared(started):
    old, _, new, _ = started(init_vocabulary="extend")
    assert same(new, old)


@pytest.mark.parametrize("tying", ["none", "source_target", "target_output", "all"])
@pytest.mark.parametrize("pointer", [False, True])
def test_these_are_the_parameters_with_a_row_for_each_subword(tying, pointer):
    settings = ModelSettings.model_validate({"tying": tying, "output": {"copy_source": pointer}})
    with torch.device("meta"):
        small, large = (dict(Seq2Seq(settings, v, v).named_parameters()) for v in (20, 30))
    grown = {name for name in small if small[name].shape != large[name].shape}
    assert grown == small.keys() & VOCABULARY_ROWS.keys()
    assert all(len(large[name]) == 30 for name in grown)


def test_an_untied_model_starts_from_a_tied_one(started):
    old, _, new, _ = started(make_bundle(tying="source_target"))
    for name in ("source_embedding.weight", "target_embedding.weight"):
        assert torch.equal(new[name], old["source_embedding.weight"])


@pytest.mark.parametrize("setting", ["init_parameters=[encoder.*]", "init_vocabulary=extend"])
def test_settings_of_a_start_need_one(tiny, setting):
    with pytest.raises(ConfigError, match="needs `init_from`"):
        tiny(f"training.{setting}")


def test_a_run_from_a_bundle_takes_its_tokenizer_and_needs_it_only_to_begin(
    tiny, tmp_path, monkeypatch
):
    save_bundle(make_bundle(), tmp_path / "old", {})
    given = (f"training.init_from={tmp_path / 'old'}", "seed=3")
    whole = train(tiny(*given, name="whole"))
    assert TokenizerPair.load(whole.tokenizer).fingerprint == OLD.fingerprint
    told = whole.log_text.read_text(encoding="utf-8")
    assert f"parameters of {tmp_path / 'old'}" in told
    interrupt(monkeypatch, tiny, *given)
    base = fingerprint(tmp_path / "old")
    shutil.rmtree(tmp_path / "old")
    parts = train(tiny(*given, name="parts"))
    assert same(weights(whole), weights(parts))
    with pytest.raises(UsageError, match=r"training\.init_from cannot change during a run"):
        train(tiny("seed=3", name="parts"), resume=True)
    facts = json.loads((parts.best / "bundle.json").read_text(encoding="utf-8"))["training"]
    assert facts["started_from"] == {"name": "old", "fingerprint": base}
    for file in parts.best.iterdir():
        assert str(tmp_path).encode() not in file.read_bytes(), file.name


FROZEN = 'training.freeze=[source_embedding.*, "decoder.attention.*"]'


def is_frozen(name):
    return name.startswith(("source_embedding.", "decoder.attention."))


@pytest.mark.parametrize("kind", ["adamw", "sgd", "adadelta"])
def test_frozen_parameters_stay_to_the_last_bit(tiny, kind):
    decay = ("training.optimizer.weight_decay=0.1", f"training.optimizer.kind={kind}")
    run = train(tiny(FROZEN, *decay))
    tokenizers = TokenizerPair.load(run.tokenizer)
    torch.manual_seed(1)
    model = Seq2Seq(tiny().model, tokenizers.source.size, tokenizers.target.size)
    for name, tensor in weights(run).items():
        assert torch.equal(tensor, model.get_parameter(name)) == is_frozen(name), name
    every, frozen = {}, {}
    for name, parameter in model.named_parameters():
        every[name] = parameter
        if is_frozen(name):
            frozen[name] = parameter
    said = f"frozen: {numbers(frozen.values()):,} of {numbers(every.values()):,} parameters"
    assert f"{said} ({', '.join(frozen)})" in run.log_text.read_text(encoding="utf-8")
    card = (run.best / "README.md").read_text(encoding="utf-8")
    assert "- frozen: source_embedding.*, decoder.attention.*\n" in card
    load_bundle(run.best, CPU)


def test_a_frozen_run_with_an_average_goes_on_exactly(tiny, monkeypatch):
    settings = (FROZEN, "training.ema=0.5", "training.optimizer.weight_decay=0.1")
    whole = train(tiny(*settings, name="whole"))
    interrupt(monkeypatch, tiny, *settings)
    parts = train(tiny(*settings, name="parts"))
    for kind in ("model", "average", "optimizer"):
        assert same(weights(parts, kind=kind), weights(whole, kind=kind)), kind


def test_what_was_frozen_may_be_trained_when_a_run_goes_on_and_the_other_way(tiny):
    run = train(tiny(FROZEN, "training.max_updates=4"))
    before = weights(run, 4)
    train(tiny("training.freeze=[encoder.*]"), resume=True)
    for name, tensor in weights(run).items():
        assert torch.equal(tensor, before[name]) == name.startswith("encoder."), name


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        ("[source_embeding.*]", "did you mean source_embedding"),
        ('["*"]', "matches all parameters"),
        ('[""]', "has an empty text"),
    ],
)
def test_patterns_that_cannot_be(tiny, patterns, words):
    with pytest.raises(ConfigError, match=words):
        train(tiny(f"training.freeze={patterns}"))


def interrupt(monkeypatch, tiny, *overrides):
    """A run `parts` that ended in its fifth update."""
    update = Trainer._complete_update

    def crashing(self, group):
        if self.state.update == 5:
            raise RuntimeError("power cut")
        update(self, group)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="power cut"):
        patch.setattr(Trainer, "_complete_update", crashing)
        train(tiny(*overrides, name="parts"))


def weights(run, update=8, kind="model"):
    return load_file(run.checkpoints / f"step-{update:08d}" / f"{kind}.safetensors")
