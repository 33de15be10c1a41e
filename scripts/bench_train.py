"""How fast training is here: tokens a second, where the time goes, and how near to the peak.

    python scripts/bench_train.py [CONFIG ...] [--precision bfloat16 float32] [--json FILE]

Each configuration's model is trained for some updates on random sentences. The figures to compare
are ratios within one run: the share of this machine's matrix-product peak, which is measured in the
same run, in the same precision, at the shape of the recurrent product.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from nmt.config.load import load_config
from nmt.config.settings import Config, ModelSettings, RuntimeSettings
from nmt.data.batches import Batch, make_batch, plan_epoch
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime, prepare_runtime
from nmt.training.optimizers import make_optimizer

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def main() -> None:
    """Measure and print."""
    options = _options()
    results = []
    for config_file in options.configs:
        config = load_config(config_file)
        for precision in options.precision:
            runtime = prepare_runtime(RuntimeSettings(precision=precision))
            result = _measure(config, runtime, options.updates)
            results.append({"config": config_file.name, **result})
            _print(results[-1])
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _measure(config: Config, runtime: Runtime, updates: int) -> dict[str, Any]:
    torch.manual_seed(0)
    vocabulary = config.tokenizer.vocab_size
    model = Seq2Seq(config.model, vocabulary, vocabulary).to(runtime.device).train()
    optimizer = make_optimizer(model.parameters(), config.training.optimizer)
    batches = _random_batches(vocabulary, config.training.batch_tokens, updates + 2)
    rows = [_update(model, optimizer, batch, runtime) for batch in batches][2:]
    tokens = sum(batch.target_tokens for batch in batches[2:])
    padded = sum(batch.target_output.numel() for batch in batches[2:])
    seconds = sum(sum(row.values()) for row in rows)
    peak = _peak_flops(runtime, config.model)
    flops = _flops_per_target_token(config.model, vocabulary)
    return {
        "precision": runtime.choices.precision,
        "target_tokens_per_second": tokens / seconds,
        "ms_per_update": {
            key: 1e3 * statistics.median(row[key] for row in rows) for key in rows[0]
        },
        "padding": 1 - tokens / padded,
        "peak_gflops": peak / 1e9,
        "share_of_peak": flops * tokens / seconds / peak,
        "machine": runtime.describe(),
    }


def _update(
    model: Seq2Seq, optimizer: Optimizer, batch: Batch, runtime: Runtime
) -> dict[str, float]:
    marks = [time.perf_counter()]
    batch = batch.to(runtime.device)
    _wait(runtime)
    marks.append(time.perf_counter())
    with runtime.autocast():
        sums = model.loss(
            batch.source, batch.source_lengths, batch.target_input, batch.target_output, 0.1
        )
    _wait(runtime)
    marks.append(time.perf_counter())
    (sums.loss / batch.target_tokens).backward()
    _wait(runtime)
    marks.append(time.perf_counter())
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    _wait(runtime)
    marks.append(time.perf_counter())
    parts = ("data", "forward", "backward", "optimizer")
    return {part: marks[i + 1] - marks[i] for i, part in enumerate(parts)}


def _random_batches(vocabulary: int, batch_tokens: int, count: int) -> list[Batch]:
    """Sentences of the lengths of picture captions: 14 tokens on average, sides alike."""
    random = torch.Generator().manual_seed(0)
    source = (14 + 4 * torch.randn(20_000, generator=random)).clamp(3, 40).long()
    target = (source + 2 * torch.randn(20_000, generator=random)).clamp(3, 40).long()
    plan = plan_epoch(source.numpy(), target.numpy(), batch_tokens, 1, 0)[:count]

    def words(length: int) -> list[int]:
        return torch.randint(4, vocabulary, (length,), generator=random).tolist()

    return [
        make_batch([words(int(source[i])) for i in b], [words(int(target[i])) for i in b], b)
        for b in plan
    ]


def _peak_flops(runtime: Runtime, settings: ModelSettings) -> float:
    """Of the best of many products `[256, hidden] x [hidden, 4 hidden]` in the run's precision."""
    hidden = settings.decoder.hidden_size
    a = torch.randn(256, hidden, device=runtime.device, dtype=runtime.dtype)
    b = torch.randn(hidden, 4 * hidden, device=runtime.device, dtype=runtime.dtype)
    times = []
    for _ in range(60):
        began = time.perf_counter()
        for _ in range(4):
            a @ b
        _wait(runtime)
        times.append((time.perf_counter() - began) / 4)
    return 2 * 256 * hidden * 4 * hidden / min(times)


def _flops_per_target_token(settings: ModelSettings, vocabulary: int) -> float:
    """Of the matrix products, forward and backward, for sources as long as targets."""
    gates = {"lstm": 4, "gru": 3}
    embedding, annotation = settings.embedding_size, settings.encoder.annotation_size
    encoder, decoder = settings.encoder, settings.decoder
    products = 0.0
    for layer in range(encoder.layers):
        inputs = embedding if layer == 0 else annotation
        products += gates[encoder.cell] * annotation * (inputs + encoder.hidden_size)
    hidden, features = decoder.hidden_size, settings.feature_size
    for layer in range(decoder.layers):
        inputs = hidden
        if layer == 0:
            inputs = embedding + features * decoder.input_feeding
            inputs += annotation * (settings.attention.context != "output")
        products += gates[decoder.cell] * hidden * (inputs + hidden)
    if settings.attention.kind in ("additive", "general"):
        size = settings.attention.size or hidden
        products += annotation * size
        products += hidden * size * (settings.attention.kind == "additive")
    products += (annotation + hidden) * features + features * vocabulary
    return 3 * 2 * products


def _wait(runtime: Runtime) -> None:
    if runtime.device.type == "cuda":
        torch.cuda.synchronize(runtime.device)


def _print(result: dict[str, Any]) -> None:
    parts = "  ".join(f"{key} {value:.0f}" for key, value in result["ms_per_update"].items())
    print(f"{result['config']}  {result['machine']}", file=sys.stderr)
    print(
        f"{result['config']}  {result['precision']}  "
        f"{result['target_tokens_per_second']:.0f} target tokens/s  "
        f"{100 * result['share_of_peak']:.0f}% of {result['peak_gflops']:.0f} GFLOP/s  "
        f"padding {100 * result['padding']:.1f}%  ms: {parts}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("configs", nargs="*", type=Path, default=[CONFIGS / "multi30k.en-de.yaml"])
    parser.add_argument("--precision", nargs="+", default=["bfloat16", "float32"])
    parser.add_argument("--updates", type=int, default=10, help="measured, after two to warm up")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
