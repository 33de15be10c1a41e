"""Measure training speed: tokens a second, the time of each part, and the share of the peak.

    python scripts/bench_train.py [--models small ...] [--precision bfloat16 float32] [--json FILE]

Models: `small` is the model of the Multi30k experiments of comparable toolkits. It has a
bidirectional LSTM of 512, an LSTM of 512 with additive attention and input feeding, embeddings of
256, 8,000 subwords and nothing tied. `small-whole` is the same without input feeding, which needs
no loop over time. `luong2015` and `gnmt` are the presets of four layers at their full size. The
sentences are random, with the lengths of picture captions, about 4,096 target tokens a batch.

Compare ratios within one run. "times plain" compares the small models with plain_model.py, trained
with torch's defaults (float32, default kernels and allocator). "share of peak" compares with the
matrix-product peak of this machine, in the same precision and at the shape of the recurrent
product. "LSTMs alone" is the time of torch's own LSTM layers of the same widths. The many updates
of the warm-up prepare the memory allocator for the shapes of the batches.

Without --precision, the precisions that the machine is made for are measured. Each row is printed
as soon as it is measured.

With --graphs, each model is also measured with CUDA graphs (`training.cuda_graphs`), after all
shapes are captured. The column `forward` is then data, forward and backward together.
"""

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from measured_machine import describe_machine, fast_precisions
from plain_model import PlainModel
from torch import nn

from nmt.config.presets import PRESET_DEFAULTS, PRESETS, merge_settings
from nmt.config.settings import ModelSettings, RuntimeSettings
from nmt.config.settings.training import OptimizerSettings
from nmt.data.batches import Batch, full_bucket_lengths, make_batch, pad_to_bucket, plan_epoch
from nmt.errors import ResourceError
from nmt.model.loss import LossSums
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime, prepare_runtime
from nmt.runtime.process import claim_process
from nmt.training.cuda_graphs import CudaRecorder, GraphedStep
from nmt.training.optimizers import make_optimizer

VOCABULARY = 8000
PARTS = ("data", "forward", "backward", "optimizer")
Row = dict[str, float]

_PEAK_SECONDS = 2.0
"""The longest time to measure the peak. A precision that is emulated may take minutes."""

MODELS: dict[str, dict[str, Any]] = {
    "recipe": {},
    "small": PRESET_DEFAULTS["model"],
    "small-whole": merge_settings(PRESET_DEFAULTS["model"], {"decoder": {"input_feeding": False}}),
    "luong2015": PRESETS["luong2015-general"].model,
    "gnmt": PRESETS["gnmt"].model,
}
PLAIN_MODEL = "small"
"""The model that plain_model.py implements too."""


def main() -> None:
    """Measure and print the table."""
    options = _options()
    count = options.warm_up + options.updates
    kinds = (False, True) if options.graphs else (False,)
    batches = {
        (size, graphs): _random_batches(size, count, graphs)
        for size, graphs in itertools.product(options.batch_size, kinds)
    }
    results: list[dict[str, Any]] = []
    print(describe_machine(), file=sys.stderr)
    _print_head()
    # The plain model runs first, with torch's defaults: `prepare_runtime` changes the process.
    if any(name.startswith(PLAIN_MODEL) for name in options.models):
        for size in options.batch_size:
            results.append(_measure_plain(size, batches[size, False], options))
            _print_row(results[-1])
    plain = {each["batch_size"]: each["target_tokens_per_second"] for each in results}
    claim_process()
    for precision in options.precision or fast_precisions(("bfloat16", "float32")):
        runtime = prepare_runtime(RuntimeSettings.model_validate({"precision": precision}))
        print(runtime.describe(), file=sys.stderr)
        for graphs, name, size in itertools.product(kinds, options.models, options.batch_size):
            try:
                result = _measure(name, size, batches[size, graphs], runtime, options, graphs)
            except (torch.OutOfMemoryError, ResourceError) as error:
                print(f"{name}, {size} tokens, {precision}: {error}", file=sys.stderr)
                continue
            if name.startswith(PLAIN_MODEL):
                result["times_plain"] = result["target_tokens_per_second"] / plain[size]
            results.append(result)
            _print_row(result)
            if options.json:
                options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _measure_plain(size: int, batches: list[Batch], options: argparse.Namespace) -> dict[str, Any]:
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = PlainModel(ModelSettings(**MODELS[PLAIN_MODEL]), VOCABULARY).to(device)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def loss(batch: Batch) -> torch.Tensor:
        return model.loss(
            batch.source, batch.source_lengths, batch.target_input, batch.target_output
        )

    rows = [_update(model, optimizer, loss, batch, device) for batch in batches]
    facts = {"model": "plain", "batch_size": size, "precision": "float32"}
    return {**facts, **_figures(rows, batches, options)}


def _measure(
    name: str,
    size: int,
    batches: list[Batch],
    runtime: Runtime,
    options: argparse.Namespace,
    graphs: bool,
) -> dict[str, Any]:
    torch.manual_seed(0)
    settings = ModelSettings(**MODELS[name])
    model = Seq2Seq(settings, VOCABULARY, VOCABULARY).to(runtime.device).train()
    optimizer = make_optimizer(model.parameters(), OptimizerSettings())

    def loss_sums(batch: Batch) -> LossSums:
        with runtime.computing(caching=not graphs):
            return model.loss(
                batch.source,
                batch.source_lengths,
                batch.target_input,
                batch.target_output,
                smoothing=0.1,
                fixed_shapes=graphs,
            )

    def loss(batch: Batch) -> torch.Tensor:
        return loss_sums(batch).loss / batch.target_tokens

    def work(batch: Batch, tokens: torch.Tensor, update: int) -> LossSums:
        sums = loss_sums(batch)
        (sums.loss / tokens).backward()
        return LossSums(sums.loss.detach(), sums.cross_entropy, sums.tokens)

    if graphs:
        step = GraphedStep(work, CudaRecorder(runtime.device), runtime.device, size)
        # A shape runs without a graph the first time, and is captured the second time.
        repeated = batches * 3
        rows = [_graphed_update(model, optimizer, step, item, runtime.device) for item in repeated]
        rows = rows[-len(batches) :]
    else:
        rows = [_update(model, optimizer, loss, batch, runtime.device) for batch in batches]
    peak = _peak_flops(runtime, settings.decoder.hidden_size)
    measured = range(options.warm_up, len(batches))
    shares = [_flops(model, batches[i]) / sum(rows[i].values()) / peak for i in measured]
    return {
        "model": name,
        "graphs": graphs,
        "batch_size": size,
        "precision": runtime.choices.precision,
        **_figures(rows, batches, options),
        "peak_gflops": peak / 1e9,
        "share_of_peak": statistics.median(shares),
        "library_lstm_ms": _library_lstm_ms(settings, batches[options.warm_up], runtime),
        "machine": f"{describe_machine()}: {runtime.describe()}",
    }


def _update(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[Batch], torch.Tensor],
    batch: Batch,
    device: torch.device,
) -> Row:
    """Run an update and return the seconds of each part."""
    marks = [_synchronized_time(device)]
    batch = batch.to(device)
    marks.append(_synchronized_time(device))
    value = loss(batch)
    marks.append(_synchronized_time(device))
    value.backward()
    marks.append(_synchronized_time(device))
    _optimize(model, optimizer, in_place=False)
    marks.append(_synchronized_time(device))
    return {part: marks[i + 1] - marks[i] for i, part in enumerate(PARTS)}


def _graphed_update(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: GraphedStep,
    batch: Batch,
    device: torch.device,
) -> Row:
    """Run an update with a CUDA graph and return the seconds of its parts.

    The parts inside a graph cannot be timed. All of them count as `forward`.
    """
    marks = [_synchronized_time(device)]
    step(batch, batch.target_tokens)
    marks.append(_synchronized_time(device))
    _optimize(model, optimizer, in_place=True)
    marks.append(_synchronized_time(device))
    nothing = dict.fromkeys(PARTS, 0.0)
    return nothing | {"forward": marks[1] - marks[0], "optimizer": marks[2] - marks[1]}


def _optimize(model: nn.Module, optimizer: torch.optim.Optimizer, in_place: bool) -> None:
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=not in_place)


def _figures(rows: list[Row], batches: list[Batch], options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of the updates after the warm-up.

    Tokens a second are the median over these updates.
    """
    rows, batches = rows[options.warm_up :], batches[options.warm_up :]
    speeds = [
        batch.target_tokens / sum(row.values()) for row, batch in zip(rows, batches, strict=True)
    ]
    tokens = sum(batch.target_tokens for batch in batches)
    padded = sum(batch.target_output.numel() for batch in batches)
    return {
        "target_tokens_per_second": statistics.median(speeds),
        "ms_per_update": {
            part: 1e3 * statistics.median(row[part] for row in rows) for part in PARTS
        },
        "padding": 1 - tokens / padded,
    }


def _random_batches(batch_size: int, count: int, bucketed: bool) -> list[Batch]:
    """Return batches of random sentences of 14 tokens on average, with sides of similar length.

    Args:
        batch_size: The padded tokens of the longer side of a batch.
        count: The number of batches.
        bucketed: Whether batches are planned and padded as for CUDA graphs.
    """
    random = torch.Generator().manual_seed(0)
    source = (14 + 4 * torch.randn(29_000, generator=random)).clamp(3, 40).long()
    target = (source + 2 * torch.randn(29_000, generator=random)).clamp(3, 40).long()
    lengths = [source.numpy(), target.numpy()]
    if bucketed:
        lengths = [full_bucket_lengths(each) for each in lengths]
    plan: list[Any] = []
    while len(plan) < count:
        plan += plan_epoch(lengths[0], lengths[1], batch_size, 1, len(plan))
    plan = plan[:count]

    def words(length: int) -> list[int]:
        return torch.randint(4, VOCABULARY, (length,), generator=random).tolist()

    batches = [
        make_batch([words(int(source[i])) for i in b], [words(int(target[i])) for i in b], b)
        for b in plan
    ]
    return [pad_to_bucket(batch, batch_size) for batch in batches] if bucketed else batches


def _peak_flops(runtime: Runtime, hidden: int) -> float:
    """Return the FLOP/s of the best of many products in the precision of the run.

    The products are `[rows, hidden] x [hidden, 4 hidden]` with 256 rows, a batch at one step. On a
    GPU, which 256 rows would not fill, they have 8,192 rows, and many are queued.
    """
    rows, queued = (8192, 50) if runtime.device.type == "cuda" else (256, 4)
    a = torch.randn(rows, hidden, device=runtime.device, dtype=runtime.dtype)
    b = torch.randn(hidden, 4 * hidden, device=runtime.device, dtype=runtime.dtype)
    times: list[float] = []
    while len(times) < 60 and sum(times) * queued < _PEAK_SECONDS:
        began = _synchronized_time(runtime.device)
        for _ in range(queued):
            a @ b
        times.append((_synchronized_time(runtime.device) - began) / queued)
    return 2 * rows * hidden * 4 * hidden / min(times)


def _flops(model: Seq2Seq, batch: Batch) -> float:
    """Return the floating-point operations of the matrix products of an update.

    Forward and backward count. Each weight of a map counts once for each token of its side. Padding
    does not count, nor does the work that is done once a sentence.
    """
    products = 0.0
    for name, parameter in model.named_parameters():
        if parameter.dim() != 2 or "embedding" in name or "start_state" in name:
            continue
        of_source = name.startswith("encoder.") or "key_map" in name
        tokens = int(batch.source_lengths.sum()) if of_source else batch.target_tokens
        products += parameter.numel() * tokens
    return 3 * 2 * products


def _library_lstm_ms(settings: ModelSettings, batch: Batch, runtime: Runtime) -> float:
    """Return the milliseconds of torch's LSTM layers alone, forward and backward.

    Encoder and decoder have as many layers as the model, of the same widths. They read embeddings
    only, without context or input feeding. They are bidirectional only where all encoder layers
    are.
    """
    encoder, decoder = settings.encoder, settings.decoder
    both = encoder.direction == "bidirectional"
    layers = [
        nn.LSTM(
            settings.embedding_size,
            encoder.hidden_size,
            encoder.layers,
            bidirectional=both,
            batch_first=True,
        ),
        nn.LSTM(settings.embedding_size, decoder.hidden_size, decoder.layers, batch_first=True),
    ]
    inputs = []
    for layer, side in zip(layers, (batch.source, batch.target_input), strict=True):
        layer.to(device=runtime.device, dtype=runtime.dtype)
        shape = (*side.shape, settings.embedding_size)
        inputs.append(torch.randn(shape, device=runtime.device, dtype=runtime.dtype))
    times = []
    for _ in range(8):
        began = _synchronized_time(runtime.device)
        for layer, x in zip(layers, inputs, strict=True):
            layer(x.requires_grad_())[0].sum().backward()
        times.append(1e3 * (_synchronized_time(runtime.device) - began))
    return statistics.median(times[3:])


def _synchronized_time(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _print_head() -> None:
    print(
        "| model | batch | precision | target tokens/s | times plain | share of peak | "
        + " ms | ".join(PARTS)
        + " ms | LSTMs alone ms | padding |"
    )
    print("|---" * (8 + len(PARTS)) + "|", flush=True)


def _print_row(result: dict[str, Any]) -> None:
    share = result.get("share_of_peak")
    cells = [
        result["model"] + (", graphs" if result.get("graphs") else ""),
        str(result["batch_size"]),
        result["precision"],
        f"{result['target_tokens_per_second']:,.0f}",
        f"{result['times_plain']:.1f}" if "times_plain" in result else "",
        "" if share is None else f"{share:.0%} of {result['peak_gflops']:.0f} GFLOP/s",
        *(f"{result['ms_per_update'][part]:.0f}" for part in PARTS),
        f"{result['library_lstm_ms']:.0f}" if "library_lstm_ms" in result else "",
        f"{result['padding']:.1%}",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--precision", nargs="+", help="[bfloat16 float32, where they are fast]")
    parser.add_argument(
        "--models", nargs="+", choices=MODELS, default=["small", "small-whole"], metavar="MODEL"
    )
    parser.add_argument(
        "--batch-size", type=int, nargs="+", default=[4096], help="padded, of the longer side"
    )
    parser.add_argument(
        "--graphs", action="store_true", help="measure with CUDA graphs too (needs a GPU)"
    )
    parser.add_argument("--warm-up", type=int, default=60, help="updates before the measured ones")
    parser.add_argument("--updates", type=int, default=20, help="measured")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    if options.graphs and not torch.cuda.is_available():
        parser.error("--graphs needs a GPU")
    return options


if __name__ == "__main__":
    main()
