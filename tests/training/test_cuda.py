"""The same configuration on a GPU. Skipped where there is none."""

import copy

import pytest
import torch
from recorded import BATCHES, BUDGET, make_model, make_work, updates
from safetensors.torch import load_file

from nmt.config.presets import PRESET_DEFAULTS, PRESETS, merge_settings
from nmt.config.settings import ModelSettings, RuntimeSettings
from nmt.data.batches import make_batch
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import prepare_runtime
from nmt.training import run as run_module
from nmt.training.batch_size import BUDGETS
from nmt.training.checkpoints import load_state, newest_checkpoint
from nmt.training.cuda_graphs import CudaRecorder, GraphedStep
from nmt.training.run import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

PAIRS = [([5, 6, 7, 8], [4, 9, 5]), ([9], [6, 7, 8, 9, 4, 5]), ([4, 4, 6, 5], [])]


def loss_and_gradients(precision, device, cell, feeding):
    runtime = prepare_runtime(RuntimeSettings(device=device, precision=precision))
    torch.manual_seed(0)
    tree = {
        "embedding_size": 16,
        "encoder": {"cell": cell, "hidden_size": 16},
        "decoder": {"cell": cell, "hidden_size": 32, "input_feeding": feeding},
    }
    settings = ModelSettings(**merge_settings(PRESET_DEFAULTS["model"], tree))
    model = Seq2Seq(settings, 10, 10).to(runtime.device)
    batch = make_batch([s for s, _ in PAIRS], [t for _, t in PAIRS], None).to(runtime.device)
    with runtime.computing():
        sums = model.loss(
            batch.source, batch.source_lengths, batch.target_input, batch.target_output, 0.1
        )
    sums.loss.backward()
    whole = torch.cat([p.grad.flatten().cpu() for p in model.parameters() if p.grad is not None])
    return sums.loss.item(), whole


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("feeding", [True, False])
@pytest.mark.parametrize(
    ("precision", "error"), [("float32", 1e-4), ("bfloat16", 3e-2), ("float16", 1e-2)]
)
def test_a_gpu_gives_what_the_cpu_gives(cell, feeding, precision, error):
    expected, expected_gradients = loss_and_gradients("float32", "cpu", cell, feeding)
    found, found_gradients = loss_and_gradients(precision, "cuda", cell, feeding)
    assert found == pytest.approx(expected, rel=error)
    difference = (found_gradients - expected_gradients).norm() / expected_gradients.norm()
    assert difference < error


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_run_goes_on_where_it_stopped(tiny, precision):
    options = ("runtime.device=cuda", f"runtime.precision={precision}")
    whole = train(tiny(*options, name="whole"))
    train(tiny(*options, "training.max_updates=4", name="parts"))
    assert_same_end(whole, train(tiny(*options, name="parts"), resume=True), 1e-5)


def assert_same_end(run, other, tolerance):
    name = "checkpoints/step-00000008/model.safetensors"
    one, two = load_file(run.path / name), load_file(other.path / name)
    for key, tensor in one.items():
        torch.testing.assert_close(two[key], tensor, rtol=1e-3, atol=tolerance)


def test_the_largest_batch_that_fits_is_found_and_kept(tiny):
    options = ("runtime.device=cuda", "training.batch_size=null")
    train(tiny(*options, "training.max_updates=4"))
    run = train(tiny(*options), resume=True)
    assert load_state(newest_checkpoint(run.checkpoints)).batch_size == BUDGETS[0]


GPU = torch.device("cuda")


def graphed(model):
    return GraphedStep(make_work(model), CudaRecorder(GPU), GPU, BUDGET)


def plain(model):
    """Without graphs, padding and side stream."""
    work = make_work(model, fixed_shapes=False)
    return lambda batch, tokens: work(batch.to(GPU), tokens)


def assert_same_training(model, tolerance=1e-4):
    """As many updates with graphs as without: three shapes, two of them replayed."""
    other = copy.deepcopy(model)
    (expected, one), (found, two) = updates(model, plain(model)), updates(other, graphed(other))
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    for name, parameter in one.items():
        torch.testing.assert_close(two[name], parameter, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("feeding", [True, False])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_replays_are_updates(feeding, cell):
    # In float64, where Adam's small denominators make no noise.
    model = make_model(input_feeding=feeding, cell=cell).double().to(GPU)
    assert_same_training(model, 1e-9)


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_can_be_captured(name):
    sized = {"size": 4} if "size" in PRESETS[name].model["attention"] else {}
    changes = {
        "embedding_size": 8,
        "encoder": {"hidden_size": 8, "dropout": 0.0},
        "decoder": {"hidden_size": 8, "dropout": 0.0},
        "attention": {"dropout": 0.0} | sized,
        "output": {"dropout": 0.0},
        "embedding_dropout": 0.0,
    }
    torch.manual_seed(0)
    settings = ModelSettings(**merge_settings(PRESETS[name].model, changes))
    assert_same_training(Seq2Seq(settings, 10, 10).double().train().to(GPU), 1e-9)


def gradients_of_replays(seeds):
    """Of the same batch at each seed, by a graph captured before."""
    model = make_model(dropout=0.5).to(GPU)
    step, found = graphed(model), []
    for _ in range(2):
        step(BATCHES[0], 10)
    for seed in seeds:
        model.zero_grad(set_to_none=False)
        torch.manual_seed(seed)
        step(BATCHES[0], 10)
        found.append(torch.cat([one.grad.flatten().clone() for one in model.parameters()]))
    return found


def test_dropout_of_a_replay_follows_the_seed():
    one, other, again = gradients_of_replays([1, 2, 1])
    torch.testing.assert_close(again, one)
    assert (other - one).norm() > 0.01 * one.norm()


def test_dropout_of_a_replay_is_that_of_a_plain_run():
    """So that a resumed run, which has captured nothing yet, goes on as it would have."""
    (replayed,) = gradients_of_replays([7])
    model = make_model(dropout=0.5).to(GPU)
    torch.manual_seed(7)
    graphed(model)(BATCHES[0], 10)
    found = torch.cat([one.grad.flatten() for one in model.parameters()])
    torch.testing.assert_close(found, replayed)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_run_with_graphs_ends_where_one_without_does(tiny, monkeypatch, precision):
    options = (
        "runtime.device=cuda",
        f"runtime.precision={precision}",
        "training.cuda_graphs=true",
        "model.embedding_dropout=0",
        "model.output.dropout=0",
        "training.optimizer.kind=sgd",
    )
    graphs = train(tiny(*options, name="graphs"))
    assert ", CUDA graphs" in graphs.log_text.read_text(encoding="utf-8")
    monkeypatch.setattr(run_module, "make_recorder", lambda *_: None)
    plain = train(tiny(*options, name="plain"))
    tolerance = 1e-5 if precision == "float32" else 1e-3
    assert_same_end(plain, graphs, tolerance)


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_run_with_graphs_goes_on_where_it_stopped(tiny, precision, accumulate):
    options = (
        "runtime.device=cuda",
        f"runtime.precision={precision}",
        "training.cuda_graphs=true",
        f"training.accumulate={accumulate}",
    )
    whole = train(tiny(*options, name="whole"))
    train(tiny(*options, "training.max_updates=4", name="parts"))
    assert_same_end(whole, train(tiny(*options, name="parts"), resume=True), 1e-5)
