"""Means of models against sums of Python's numbers, and what cannot be averaged."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from nmt.bundles.bundle import Bundle, load_bundle, save_bundle
from nmt.bundles.bundle_files import fingerprint
from nmt.errors import ModelError, UsageError
from nmt.model.seq2seq import Seq2Seq
from nmt.training.averaging import CheckpointChoice, average
from nmt.training.run import train

CPU = torch.device("cpu")


@pytest.fixture
def variant(tiny_bundle, tmp_path):
    """Another bundle of the same kind, with parameters of its own; changes: of the settings of its
    model.
    """

    def make(name, seed, **changes):
        bundle = load_bundle(tiny_bundle, CPU)
        settings = bundle.config.model.model_copy(update=changes)
        config = bundle.config.model_copy(update={"model": settings, "name": name})
        torch.manual_seed(seed)
        size = bundle.tokenizers.source.size
        model = Seq2Seq(settings, size, size)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_()
        path = tmp_path / name
        save_bundle(Bundle(model, bundle.tokenizers, config, bundle.length_ratio), path, {})
        return path

    return make


def assert_is_the_mean(found, files):
    """To the last bit: the sums in Python's floats are sums in float64."""
    models = [load_file(file) for file in files]
    assert found.keys() == models[0].keys()
    for name, tensor in found.items():
        values = [model[name].flatten().tolist() for model in models]
        means = [sum(each) / len(files) for each in zip(*values, strict=True)]
        assert tensor.flatten().tolist() == torch.tensor(means).tolist(), name


def test_bundles(variant, tmp_path, capsys):
    paths = [variant(f"model{seed}", seed) for seed in range(3)]
    average(paths, None, tmp_path / "mean")
    made = load_bundle(tmp_path / "mean", CPU)
    found = load_file(tmp_path / "mean" / "model.safetensors")
    assert_is_the_mean(found, [path / "model.safetensors" for path in paths])
    assert made.config == load_bundle(paths[0], CPU).config
    assert made.tokenizers.fingerprint == load_bundle(paths[0], CPU).tokenizers.fingerprint
    names = [f"model{seed} ({fingerprint(path)[:12]})" for seed, path in enumerate(paths)]
    facts = json.loads((tmp_path / "mean" / "bundle.json").read_text(encoding="utf-8"))
    assert facts["training"] == {"average_of": names}
    card = (tmp_path / "mean" / "README.md").read_text(encoding="utf-8")
    assert f"- average of: {', '.join(names)}\n" in card
    assert f"the mean of 3 models: {tmp_path / 'mean'}" in capsys.readouterr().err


def test_the_mean_of_equal_models_is_the_model(variant, tmp_path):
    path = variant("one", 1)
    average([path] * 3, None, tmp_path / "mean")
    assert_is_the_mean(
        load_file(tmp_path / "mean" / "model.safetensors"), [path / "model.safetensors"]
    )


def test_the_last_and_the_best_checkpoints(tiny, tmp_path):
    keep = ("training.checkpoint.keep_last=9", "training.metric=loss")
    run = train(tiny(*keep, "training.ema=0.9"))
    average([run.path], CheckpointChoice(2, best=False), tmp_path / "last")
    assert_is_the_mean(*averaged(run, tmp_path / "last", [8, 6]))
    newest = run.checkpoints / "step-00000008"
    average([run.path], CheckpointChoice(1, best=False), tmp_path / "one")
    average([newest], None, tmp_path / "same")
    found = [load_file(tmp_path / name / "model.safetensors") for name in ("one", "same")]
    assert_is_the_mean(found[0], [newest / "average.safetensors"])
    assert_is_the_mean(found[1], [newest / "average.safetensors"])
    facts = json.loads((tmp_path / "one" / "bundle.json").read_text(encoding="utf-8"))
    assert facts["training"]["average_of"] == ["tiny step-00000008 (moving average)"]
    losses = {2: 5.0, 4: 1.0, 6: 2.0, 8: 3.0}
    lines = [
        json.dumps({"kind": "validation", "update": update, "loss": loss})
        for update, loss in losses.items()
        if update != 2
    ]
    run.log_records.write_text('{"kind": "vali\n' + "\n".join(lines) + "\n", encoding="utf-8")
    average([run.path], CheckpointChoice(2, best=True), tmp_path / "best")
    assert_is_the_mean(*averaged(run, tmp_path / "best", [4, 6]))
    facts = json.loads((tmp_path / "best" / "bundle.json").read_text(encoding="utf-8"))
    names = [f"tiny step-0000000{update} (moving average)" for update in (4, 6)]
    assert facts["training"]["average_of"] == names
    with pytest.raises(UsageError, match="has 3 validated checkpoints, not 4"):
        average([run.path], CheckpointChoice(4, best=True), tmp_path / "none")
    # What a run saves before its first update is no model that was trained.
    shutil.copytree(run.checkpoints / "step-00000002", run.checkpoints / "step-00000000")
    with pytest.raises(UsageError, match=r"has 4 checkpoints, not 5.*\n?.*keep_last"):
        average([run.path], CheckpointChoice(5, best=False), tmp_path / "none")
    with pytest.raises(UsageError, match="is a bundle, but --last"):
        average([run.best], CheckpointChoice(1, best=False), tmp_path / "none")
    (run.checkpoints / "step-00000008" / "model.safetensors").write_bytes(b"x")
    average([run.path], CheckpointChoice(2, best=False), tmp_path / "sound")
    assert_is_the_mean(*averaged(run, tmp_path / "sound", [6, 4]))


def test_checkpoints_without_a_moving_average(tiny, tmp_path):
    run = train(tiny("training.ema=null"))
    average([run.path], CheckpointChoice(1, best=False), tmp_path / "one")
    newest = run.checkpoints / "step-00000008"
    assert_is_the_mean(
        load_file(tmp_path / "one" / "model.safetensors"), [newest / "model.safetensors"]
    )
    facts = json.loads((tmp_path / "one" / "bundle.json").read_text(encoding="utf-8"))
    assert facts["training"]["average_of"] == ["tiny step-00000008"]


def averaged(run, out, updates):
    files = [run.checkpoints / f"step-{update:08d}" / "average.safetensors" for update in updates]
    return load_file(out / "model.safetensors"), files


def test_other_architectures_are_refused_by_the_names_of_their_settings(variant, tmp_path):
    one = variant("one", 1)
    other = variant("other", 1, embedding_size=6, source_word_dropout=0.5, tying="all")
    with pytest.raises(ModelError) as refused:
        average([one, other], None, tmp_path / "mean")
    assert "model.embedding_size is 6 instead of 12" in refused.value.message
    assert "model.tying is all instead of none" in refused.value.message
    assert "dropout" not in refused.value.message
    average([one, variant("noisy", 1, source_word_dropout=0.5)], None, tmp_path / "mean")


def test_other_tokenizers_are_refused_by_their_fingerprints(variant, tiny_bundle, tmp_path):
    one, other = variant("one", 1), tmp_path / "other"
    bundle = load_bundle(tiny_bundle, CPU)
    model = bundle.tokenizers.source
    pair = type(bundle.tokenizers)(model, model, joint=False)
    save_bundle(Bundle(bundle.model, pair, bundle.config, bundle.length_ratio), other, {})
    with pytest.raises(ModelError) as refused:
        average([one, other], None, tmp_path / "mean")
    assert pair.fingerprint in refused.value.message
    assert bundle.tokenizers.fingerprint in refused.value.message


def test_nothing_is_overwritten_and_one_model_has_no_mean(variant, tmp_path):
    one = variant("one", 1)
    before = fingerprint(one)
    with pytest.raises(UsageError, match="already exists"):
        average([one, one], None, one)
    with pytest.raises(UsageError, match="1 model to average"):
        average([one], None, tmp_path / "mean")
    assert fingerprint(one) == before
    assert not (tmp_path / "mean").exists()
