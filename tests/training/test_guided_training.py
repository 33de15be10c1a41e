"""Training with guided alignment, from the settings to the log."""

import json
import os
import signal

import numpy as np
import pytest
import torch
from recorded import SHORT, Again, batch, make_model

from nmt.config.registry import GUIDANCE_COSTS
from nmt.config.settings.training import GuidedAlignmentSettings
from nmt.data.batches import pad_to_bucket
from nmt.errors import ConfigError, DataError, StoppedBySignal
from nmt.inspection.alignments import align_pairs
from nmt.model.loss import Guidance
from nmt.training.cuda_graphs import GraphedStep
from nmt.training.gradients import split_batch
from nmt.training.run import train
from nmt.training.schedules import batch_guidance, guidance_weight
from nmt.training.trainer import Trainer
from nmt.translation.translator import Translator

HMM = "training.guided_alignment.aligner=hmm"


def records(run, kind="train"):
    lines = run.log_records.read_text(encoding="utf-8").split("\n")[:-1]
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def guided_batch(*lengths, seed=0):
    """A batch with links drawn at random."""
    random = np.random.default_rng(seed)
    links = []
    for source, target in lengths:
        places = random.random((source, target)) < 0.4
        links.append(np.argwhere(places))
    return batch(*lengths, seed=seed).with_guide(links)


def sums_of(model, each, weight=0.5):
    tensors = (each.source, each.source_lengths, each.target_input, each.target_output)
    guidance = Guidance(each.guide, weight, GUIDANCE_COSTS.resolve("cross_entropy"))
    return model.loss(*tensors, fixed_shapes=True, guidance=guidance)


def test_the_weight_falls_to_zero_where_it_is_to():
    steady = GuidedAlignmentSettings(aligner="hmm", weight=0.4)
    falling = GuidedAlignmentSettings(aligner="hmm", weight=0.4, decay_updates=4)
    assert [guidance_weight(steady, update) for update in (1, 100)] == [0.4, 0.4]
    weights = [guidance_weight(falling, update) for update in range(1, 7)]
    assert weights == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.0, 0.0])
    each = guided_batch(*SHORT)
    assert batch_guidance(falling, each, 2).weight == pytest.approx(0.3)
    assert batch_guidance(falling, each, 5) is None
    assert batch_guidance(steady, batch(*SHORT), 1) is None


def test_parts_of_a_batch_cost_what_the_whole_costs():
    model, each = make_model(), guided_batch(*SHORT)
    whole = sums_of(model, each)
    parts = [sums_of(model, part) for part in split_batch(each, 3)]
    torch.testing.assert_close(sum(part.guided for part in parts), whole.guided)
    torch.testing.assert_close(sum(part.loss for part in parts), whole.loss)


def test_a_recorded_step_takes_the_guide_of_each_batch():
    """Replayed for a batch of the same shape with other links."""
    model = make_model()

    def work(each, tokens, update):
        sums = sums_of(model, each)
        (sums.loss / tokens).backward()
        return sums.detached()

    recorder = Again()
    step = GraphedStep(work, recorder, torch.device("cpu"), 100)
    for seed in range(4):
        each = guided_batch(*SHORT, seed=seed)
        found = step(each, 1)
        expected = sums_of(model, pad_to_bucket(each, 100))
        assert found.guided.item() == pytest.approx(expected.guided.item(), rel=1e-5)
        assert found.loss.item() == pytest.approx(expected.loss.item(), rel=1e-5)
    assert recorder.replays > 0


def test_the_cost_is_logged_and_only_where_there_is_one(tiny):
    with_it = records(train(tiny(HMM, name="one")))
    without = records(train(tiny(name="two")))
    assert all(record["guided"] > 0.0 for record in with_it)
    assert all("guided" not in record for record in without)
    for record, other in zip(with_it, without, strict=True):
        assert record["loss"] > other["loss"]


def test_attention_follows_the_links(tiny, tmp_path):
    """Even where no attention would come to by itself: always to the last word."""
    lines = (tmp_path / "train.fr").read_text(encoding="utf-8").split("\n")[:-1]
    counts = [len(line.split()) for line in lines]
    text = "".join(" ".join(f"{n - 1}-{i}" for i in range(n)) + "\n" for n in counts)
    (tmp_path / "links").write_text(text, encoding="utf-8")
    settings = (f"alignments={tmp_path / 'links'}", "weight=5", "cost=mse")
    guided = [f"training.guided_alignment.{each}" for each in settings]
    run = train(tiny(*guided, "training.max_updates=60", "training.validation.every_updates=60"))
    translator = Translator.load(run.best, device="cpu", threads=1)
    found = align_pairs(translator, ["un deux trois quatre"], ["one two three four"])
    assert found[0].links() == [(3, 0), (3, 1), (3, 2), (3, 3)]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.attention.kind=none", "model.decoder.input_feeding=false"], "needs attention"),
        (["tokenizer.sampling.alpha=0.2"], "tokenizer.sampling.alpha: 0"),
        (["training.guided_alignment.alignments=[a]"], "remove one of them"),
        (["training.guided_alignment.weight=0"], "a number > 0"),
        (
            ["training.cuda_graphs=true", "training.guided_alignment.decay_updates=5"],
            "guided_alignment.decay_updates",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(tiny, overrides, message):
    with pytest.raises(ConfigError) as refused:
        tiny(HMM, *overrides)
    assert message in str(refused.value)
    assert "guided_alignment" in str(refused.value)


def test_one_file_for_each_text(tiny):
    with pytest.raises(ConfigError, match=r"has 2 files, but `data\.train` has 1 for each side"):
        tiny("training.guided_alignment.alignments=[a, b]")


def test_other_links_are_noticed_when_a_run_goes_on(tiny, tmp_path, monkeypatch):
    links = tmp_path / "links"
    links.write_text("0-0\n" * 200, encoding="utf-8")
    config = tiny(f"training.guided_alignment.alignments={links}")
    update = Trainer._complete_update

    def interrupted(self, group):
        update(self, group)
        if self.state.update == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "_complete_update", interrupted)
    with pytest.raises(StoppedBySignal):
        train(config)
    links.write_text("\n" * 200, encoding="utf-8")
    with pytest.raises(DataError, match="differ from those of this run"):
        train(config)
    run = train(config, resume=True)
    assert [record["guided"] > 0 for record in records(run)] == [True, False, False, False]
