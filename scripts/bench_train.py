"""How fast training is here: tokens a second, where the time goes, and how near to the peak.

    python scripts/bench_train.py [--precision bfloat16 float32] [--json FILE]

The model is that of the Multi30k experiments of the peers: a bidirectional LSTM of 512, an LSTM of
512 with additive attention and input feeding, embeddings of 256, 8,000 subwords, about 4,096 target
tokens a batch, nothing tied; beside it the same without input feeding, which needs no loop over
time. Random sentences of the lengths of picture captions.

The figures to compare are ratios within one run: to the plain model of plain_model.py, trained as
torch comes (float32, default kernels and allocator), and to this machine's matrix-product peak,
measured in the same precision at the shape of the recurrent product.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from plain_model import PlainModel
from torch import nn

from nmt.config.settings import ModelSettings, RuntimeSettings
from nmt.config.settings.training import OptimizerSettings
from nmt.data.batches import Batch, make_batch, plan_epoch
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime, prepare_runtime
from nmt.training.optimizers import make_optimizer

VOCABULARY = 8000
MODELS = {"input feeding": True, "no input feeding": False}
PARTS = ("data", "forward", "backward", "optimizer")
Row = dict[str, float]


def main() -> None:
    """Measure and print."""
    options = _options()
    batches = _random_batches(options.batch_tokens, options.warm_up + options.updates)
    results = [_measure_plain(batches, options)]
    for precision in options.precision:
        runtime = prepare_runtime(RuntimeSettings(precision=precision))
        print(runtime.describe(), file=sys.stderr)
        for name, feeding in MODELS.items():
            settings = _settings(options.size, feeding)
            result = {"model": name, **_measure(settings, batches, runtime, options)}
            result["times_plain"] = (
                result["target_tokens_per_second"] / results[0]["target_tokens_per_second"]
            )
            results.append(result)
    _print(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _settings(size: int, feeding: bool) -> ModelSettings:
    return ModelSettings(
        embedding_size=size // 2,
        encoder={"hidden_size": size // 2},
        attention={"kind": "additive"},
        decoder={"hidden_size": size, "input_feeding": feeding},
    )


def _measure_plain(batches: list[Batch], options: argparse.Namespace) -> dict[str, Any]:
    """First of all: what `prepare_runtime` sets holds for the whole process."""
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = PlainModel(_settings(options.size, True), VOCABULARY).to(device)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def loss(batch: Batch) -> torch.Tensor:
        return model.loss(
            batch.source, batch.source_lengths, batch.target_input, batch.target_output
        )

    rows = [_update(model, optimizer, loss, batch, device) for batch in batches]
    return {"model": "plain model", "precision": "float32", **_figures(rows, batches, options)}


def _measure(
    settings: ModelSettings, batches: list[Batch], runtime: Runtime, options: argparse.Namespace
) -> dict[str, Any]:
    torch.manual_seed(0)
    model = Seq2Seq(settings, VOCABULARY, VOCABULARY).to(runtime.device).train()
    optimizer = make_optimizer(model.parameters(), OptimizerSettings())

    def loss(batch: Batch) -> torch.Tensor:
        with runtime.autocast():
            sums = model.loss(
                batch.source, batch.source_lengths, batch.target_input, batch.target_output, 0.1
            )
        return sums.loss / batch.target_tokens

    rows = [_update(model, optimizer, loss, batch, runtime.device) for batch in batches]
    figures = _figures(rows, batches, options)
    peak = _peak_flops(runtime, options.size)
    flops = _flops_per_target_token(settings) * figures["target_tokens_per_second"]
    return {
        "precision": runtime.choices.precision,
        **figures,
        "peak_gflops": peak / 1e9,
        "share_of_peak": flops / peak,
        "machine": runtime.describe(),
    }


def _update(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[Batch], torch.Tensor],
    batch: Batch,
    device: torch.device,
) -> Row:
    """Seconds of each part of an update."""
    marks = [_now(device)]
    batch = batch.to(device)
    marks.append(_now(device))
    value = loss(batch)
    marks.append(_now(device))
    value.backward()
    marks.append(_now(device))
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    marks.append(_now(device))
    return {part: marks[i + 1] - marks[i] for i, part in enumerate(PARTS)}


def _figures(rows: list[Row], batches: list[Batch], options: argparse.Namespace) -> dict[str, Any]:
    """Of the updates after the warm-up. Tokens a second: median of the updates' own."""
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


def _random_batches(batch_tokens: int, count: int) -> list[Batch]:
    """Sentences of 14 tokens on average, sides alike."""
    random = torch.Generator().manual_seed(0)
    source = (14 + 4 * torch.randn(29_000, generator=random)).clamp(3, 40).long()
    target = (source + 2 * torch.randn(29_000, generator=random)).clamp(3, 40).long()
    plan = plan_epoch(source.numpy(), target.numpy(), batch_tokens, 1, 0)[:count]

    def words(length: int) -> list[int]:
        return torch.randint(4, VOCABULARY, (length,), generator=random).tolist()

    return [
        make_batch([words(int(source[i])) for i in b], [words(int(target[i])) for i in b], b)
        for b in plan
    ]


def _peak_flops(runtime: Runtime, hidden: int) -> float:
    """Of the best of many products `[256, hidden] x [hidden, 4 hidden]` in the run's precision."""
    a = torch.randn(256, hidden, device=runtime.device, dtype=runtime.dtype)
    b = torch.randn(hidden, 4 * hidden, device=runtime.device, dtype=runtime.dtype)
    times = []
    for _ in range(60):
        began = _now(runtime.device)
        for _ in range(4):
            a @ b
        times.append((_now(runtime.device) - began) / 4)
    return 2 * 256 * hidden * 4 * hidden / min(times)


def _flops_per_target_token(settings: ModelSettings) -> float:
    """Of the matrix products, forward and backward, for sources as long as targets."""
    embedding, annotation = settings.embedding_size, settings.encoder.annotation_size
    hidden, features = settings.decoder.hidden_size, settings.feature_size
    products = 4 * annotation * (embedding + settings.encoder.hidden_size)
    inputs = embedding + hidden + features * settings.decoder.input_feeding
    products += 4 * hidden * inputs + annotation * hidden + hidden * hidden
    products += (annotation + hidden) * features + features * VOCABULARY
    return 3.0 * 2.0 * products


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _print(results: list[dict[str, Any]]) -> None:
    print(
        "| model | precision | target tokens/s | times plain | share of peak | "
        + " ms | ".join(PARTS)
        + " ms | padding |"
    )
    print("|---|---|---|---|---|" + "---|" * len(PARTS) + "---|")
    for result in results:
        share = result.get("share_of_peak")
        cells = [
            result["model"],
            result["precision"],
            f"{result['target_tokens_per_second']:,.0f}",
            f"{result.get('times_plain', 1.0):.1f}",
            "" if share is None else f"{share:.0%} of {result['peak_gflops']:.0f} GFLOP/s",
            *(f"{result['ms_per_update'][part]:.0f}" for part in PARTS),
            f"{result['padding']:.1%}",
        ]
        print(f"| {' | '.join(cells)} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--precision", nargs="+", default=["bfloat16", "float32"])
    parser.add_argument("--size", type=int, default=512, help="of the decoder and annotations")
    parser.add_argument("--batch-tokens", type=int, default=4096, help="padded, of the longer side")
    parser.add_argument("--warm-up", type=int, default=8, help="updates before the measured ones")
    parser.add_argument("--updates", type=int, default=12, help="measured")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
