"""Measure translation speed: sentences and tokens a second, and the wait for one sentence.

    python scripts/bench_translate.py --model RUN --source FILE [--reference FILE] [--json FILE]

Everything runs on the CPU. For each precision, greedy search and a beam of 5 are measured, one
sentence at a time (the first --alone sentences) and batched. Compare ratios within one run. "times
plain" compares with plain_search.py, which translates one sentence at a time in float32. "share of
peak" compares with the matrix-product peak of this machine. A precision that is not faster than
float32 here is left out. Each row is printed as soon as it is measured. With --reference, BLEU
shows the cost of a narrower type.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any, cast

import torch
from measured_machine import describe_machine
from plain_search import plain_search

from nmt import Translator
from nmt.errors import DataError, NmtError
from nmt.evaluation.scores import score
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.process import claim_process
from nmt.text.lines import read_all_input_lines

BEAMS = (1, 5)


def main() -> int:
    """Measure and print the table.

    Returns:
        The exit code.
    """
    try:
        _compare(_options())
    except NmtError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    return 0


def _compare(options: argparse.Namespace) -> None:
    sources = read_all_input_lines(options.source)
    references = None if options.reference is None else read_all_input_lines(options.reference)
    if references is not None and len(references) != len(sources):
        raise DataError(
            f"{options.reference}: has {len(references)} lines, the source {len(sources)}. "
            "Give the translations of these sentences."
        )
    print(describe_machine(), file=sys.stderr)
    _print_head()
    rows: list[dict[str, Any]] = []
    for beam in BEAMS:
        rows.append(_measure_plain(options, sources, beam))
        print(_line(rows[-1]), flush=True)
    # Tokens are compared: plain search is timed on fewer sentences, whose lengths may differ.
    plain = {row["beam"]: row["tokens_per_second"] for row in rows}
    for precision in options.precision:
        # Loading warns where the processor has no fast products of this precision.
        translator = Translator.load(options.model, device="cpu", precision=precision)
        computed = (translator.made_by.get("vocabulary"), translator.made_by["precision"])
        if precision != "auto" and precision not in computed:
            print(f"left out: {precision}", file=sys.stderr)
            continue
        # int8 is for the product with the vocabulary only: the peak is that of the other products.
        peak = _peak_flops(getattr(torch, translator.made_by["precision"]))
        for beam in BEAMS:
            for batch in (1, 64, translator.settings.batch_sentences, *options.batch):
                if any((precision, beam, batch) == _key(row) for row in rows):
                    continue
                chosen = sources[: options.alone] if batch == 1 else sources
                row = _measure(translator, chosen, beam, batch, options.repeat)
                row["precision"] = precision
                row["times_plain"] = row["tokens_per_second"] / plain[beam]
                row["share_of_peak"] = row.pop("flops_per_second") / peak
                texts = row.pop("texts")
                if references is not None and batch != 1:
                    tokenize = translator.bleu_tokenizer
                    (bleu,) = score(texts, [references], ("bleu",), tokenize=tokenize)
                    row["bleu"] = bleu.value
                rows.append(row)
                print(_line(row), flush=True)
    if options.json:
        facts = [{**row, "machine": describe_machine()} for row in rows]
        options.json.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _print_head() -> None:
    print(
        "| precision | beam | batch | sentences/s | tokens/s | times plain | share of peak |",
        end="",
    )
    print(" ms a sentence: median, 95%, 99% | BLEU |")
    print("|---" * 9 + "|", flush=True)


def _measure_plain(options: argparse.Namespace, sources: list[str], beam: int) -> dict[str, Any]:
    """Measure plain search. Call this first: loading a translator sets up the whole process."""
    from nmt.bundles.bundle import load_bundle
    from nmt.bundles.bundle_files import find_bundle

    bundle = load_bundle(find_bundle(Path(options.model)), torch.device("cpu"))
    bundle.model.eval()
    waits, tokens = [], 0
    for source in bundle.tokenizers.source.encode_batch(sources[: options.alone]):
        began = time.perf_counter()
        tokens += len(plain_search(bundle.model, source, beam, 2 * len(source) + 10))
        waits.append(time.perf_counter() - began)
    return {
        "precision": "plain",
        "beam": beam,
        "batch": 1,
        "sentences_per_second": len(waits) / sum(waits),
        "tokens_per_second": tokens / sum(waits),
        "waits_ms": _percentiles(waits),
    }


def _measure(
    translator: Translator, sources: list[str], beam: int, batch: int, repeat: int
) -> dict[str, Any]:
    """Measure the median of several runs, after a warm-up.

    The waits for single sentences are measured where `batch` is 1.
    """
    settings: dict[str, Any] = {"attention": False, "beam_size": beam, "batch_sentences": batch}
    translator.translate(sources[:100], **settings)
    seconds, waits = [], []
    for _ in range(repeat):
        began = time.perf_counter()
        if batch == 1:
            found = []
            for source in sources:
                marked = time.perf_counter()
                found += translator.translate([source], **settings)
                waits.append(time.perf_counter() - marked)
        else:
            found = translator.translate(sources, **settings)
        seconds.append(time.perf_counter() - began)
    tokens = sum(len(translation.tokens) for translation in found)
    median = statistics.median(seconds)
    flops = 2 * _products_per_token(translator) * tokens * beam
    return {
        "beam": beam,
        "batch": batch,
        "sentences_per_second": len(sources) / median,
        "tokens_per_second": tokens / median,
        "flops_per_second": flops / median,
        "texts": [translation.text for translation in found],
        **({"waits_ms": _percentiles(waits)} if waits else {}),
    }


def _products_per_token(translator: Translator) -> int:
    """Return the weights in the matrices of decoder and vocabulary. The encoder is left out."""
    model = cast(Seq2Seq, translator.model)
    inner = sum(
        parameter.numel()
        for name, parameter in model.decoder.named_parameters()
        if parameter.dim() == 2
        and not any(part in name for part in ("key_map", "start_state", "embed"))
    )
    return inner + model.output_weight.numel()


def _percentiles(waits: list[float]) -> list[float]:
    """Return the median and the percentiles 95 and 99, in milliseconds."""
    points = statistics.quantiles(waits, n=100, method="inclusive")
    return [1e3 * points[i] for i in (49, 94, 98)]


def _peak_flops(dtype: torch.dtype) -> float:
    """Return the FLOP/s of the best of many products `[320, 512] x [512, 2048]` of a type."""
    a, b = torch.randn(320, 512, dtype=dtype), torch.randn(512, 2048, dtype=dtype)
    times = []
    for _ in range(60):
        began = time.perf_counter()
        for _ in range(4):
            a @ b
        times.append((time.perf_counter() - began) / 4)
    return 2 * 320 * 512 * 2048 / min(times)


def _key(row: dict[str, Any]) -> tuple[str, int, int]:
    return row["precision"], row["beam"], row["batch"]


def _line(row: dict[str, Any]) -> str:
    cells = [
        row["precision"],
        str(row["beam"]),
        str(row["batch"]),
        f"{row['sentences_per_second']:.1f}",
        f"{row['tokens_per_second']:,.0f}",
        f"{row['times_plain']:.1f}" if "times_plain" in row else "",
        f"{row['share_of_peak']:.0%}" if "share_of_peak" in row else "",
        ", ".join(f"{wait:.1f}" for wait in row.get("waits_ms", [])),
        f"{row['bleu']:.2f}" if "bleu" in row else "",
    ]
    return f"| {' | '.join(cells)} |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True, help="a run or a bundle")
    parser.add_argument("--source", type=Path, required=True, help="sentences; may be packed")
    parser.add_argument("--reference", type=Path, help="their translations, for BLEU")
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16", "int8"])
    parser.add_argument("--batch", type=int, nargs="*", default=[], help="further batch sizes")
    parser.add_argument("--alone", type=int, default=200, help="sentences taken one at a time")
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the median counts")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    claim_process()
    sys.exit(main())
