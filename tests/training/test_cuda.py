"""The same configuration on a GPU. Skipped where there is none."""

import pytest
import torch
from safetensors.torch import load_file

from nmt.config.settings import ModelSettings, RuntimeSettings
from nmt.data.batches import make_batch
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import prepare_runtime
from nmt.training.batch_size import BUDGETS
from nmt.training.checkpoints import load_state, newest_checkpoint
from nmt.training.run import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

PAIRS = [([5, 6, 7, 8], [4, 9, 5]), ([9], [6, 7, 8, 9, 4, 5]), ([4, 4, 6, 5], [])]


def loss_and_gradients(precision, device, cell, feeding):
    runtime = prepare_runtime(RuntimeSettings(device=device, precision=precision))
    torch.manual_seed(0)
    settings = ModelSettings(
        embedding_size=16,
        encoder={"cell": cell, "hidden_size": 16},
        decoder={"cell": cell, "hidden_size": 32, "input_feeding": feeding},
    )
    model = Seq2Seq(settings, 10, 10).to(runtime.device)
    batch = make_batch([s for s, _ in PAIRS], [t for _, t in PAIRS], None).to(runtime.device)
    with runtime.autocast():
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
    parts = train(tiny(*options, name="parts"), resume=True)
    name = "checkpoints/step-00000008/model.safetensors"
    one, two = load_file(whole.path / name), load_file(parts.path / name)
    for key, tensor in one.items():
        torch.testing.assert_close(tensor, two[key], rtol=1e-3, atol=1e-5)


def test_the_largest_batch_that_fits_is_found_and_kept(tiny):
    options = ("runtime.device=cuda", "training.batch_tokens=null")
    train(tiny(*options, "training.max_updates=4"))
    run = train(tiny(*options), resume=True)
    assert load_state(newest_checkpoint(run.checkpoints)).batch_tokens == BUDGETS[0]
