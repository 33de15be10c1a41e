"""Measure training and translation speed beside processes that keep the cores busy.

A worker trains (or translates with) a random model as the command line does. It is timed alone and
beside 1 and 3 busy processes, in turns. This script starts them itself. The ratios are to the same
worker alone, as medians over the rounds. `--spins` compares ways in which OpenMP's threads wait.

    python scripts/bench_busy_cores.py
    python scripts/bench_busy_cores.py --threads 1 2 --spins default 0 1000 --work translate
"""

import argparse
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

_BUSY = "while True: pass"
_MODEL = {
    "embedding_size": 128,
    "encoder": {"hidden_size": 128},
    "decoder": {"hidden_size": 256},
}
_VOCABULARY = 1200
_BATCH_TOKENS = 1024
_SENTENCE = 12


def main() -> None:
    """Measure the selected variants and print a table."""
    options = _options()
    if options.worker:
        _work(options.work, options.threads[0])
        return
    from nmt.runtime.processor import count_cores, read_processor

    print(
        f"{read_processor().name}, {count_cores()} cores; {options.work}, tokens/s, "
        "ratio to the same alone"
    )
    variants = list(itertools.product(options.threads, options.spins))
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(options.work, *each)) for each in variants]
        rates = _measure_rates(workers, options)
    print("| threads | spins | " + " | ".join(f"beside {n}" for n in options.busy) + " |")
    print("|--:|--:|" + "--:|" * len(options.busy))
    for (threads, spins), found in zip(variants, rates, strict=True):
        alone = found[options.busy[0]]
        cells = [f"{median(rate):,.0f} ({_ratio(rate, alone):.2f})" for rate in found.values()]
        print(f"| {threads} | {spins} | {' | '.join(cells)} |")
    for (threads, spins), found in zip(variants[1:], rates[1:], strict=True):
        first = rates[0][options.busy[0]]
        ratio = _ratio(found[options.busy[0]], first)
        print(f"{threads} threads, {spins} spins, alone: {ratio:.2f} of the first row")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--work", choices=("train", "translate"), default="train")
    parser.add_argument("--threads", type=int, nargs="+", default=[0], help="0: as nmt chooses")
    parser.add_argument("--spins", nargs="+", default=["nmt"], help="nmt, default, or a number")
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 3])
    parser.add_argument("--seconds", type=float, default=4.0, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


_Worker = subprocess.Popen[str]


def _worker(work: str, threads: int, spins: str) -> _Worker:
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    if spins == "default":
        environment["GOMP_SPINCOUNT"] = "300000"  # the default of OpenMP
    elif spins != "nmt":
        environment["GOMP_SPINCOUNT"] = spins
    command = [sys.executable, str(Path(__file__).resolve()), "--worker", "--work", work]
    return subprocess.Popen(
        [*command, "--threads", str(threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def _measure_rates(
    workers: Sequence[_Worker], options: argparse.Namespace
) -> list[dict[int, list[float]]]:
    """Return the tokens/s of each worker beside each number of busy processes, by round."""
    rates: list[dict[int, list[float]]] = [{n: [] for n in options.busy} for _ in workers]
    for worker in workers:
        _run_for(worker, 0.1)  # returns when everything is loaded
    for _, count in itertools.product(range(options.rounds), options.busy):
        with _busy_processes(count):
            for worker, found in zip(workers, rates, strict=True):
                found[count].append(_run_for(worker, options.seconds))
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.close()
    return rates


def _run_for(worker: _Worker, seconds: float) -> float:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(f"{seconds}\n")
    worker.stdin.flush()
    return float(worker.stdout.readline())


def _ratio(rates: Sequence[float], alone: Sequence[float]) -> float:
    """Return the median over the rounds of the ratio of two rates."""
    return median(rate / other for rate, other in zip(rates, alone, strict=True))


@contextmanager
def _busy_processes(count: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", _BUSY]))
            stack.callback(process.kill)
        yield


def _work(kind: str, threads: int) -> None:
    """Work for each number of seconds read from stdin, and print the tokens per second."""
    from nmt.runtime.process import claim_process

    claim_process()
    import torch

    from nmt.config.settings import ModelSettings, RuntimeSettings, SearchSettings
    from nmt.data.manifest import LengthRatio
    from nmt.model.seq2seq import Seq2Seq
    from nmt.runtime.device import prepare_runtime
    from nmt.search.decode_corpus import decode_corpus
    from nmt.search.logits_processors import LengthLimits

    settings = RuntimeSettings(device="cpu", threads=threads)
    runtime = prepare_runtime(settings, exact=kind == "translate")
    torch.manual_seed(0)
    model = Seq2Seq(
        ModelSettings.model_validate(_MODEL),
        _VOCABULARY,
        _VOCABULARY,
    )
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    sentences = _BATCH_TOKENS // _SENTENCE
    ids = torch.randint(4, _VOCABULARY, (sentences, _SENTENCE))
    lengths = torch.full((sentences,), _SENTENCE)
    limits = LengthLimits(LengthRatio(1.0, 0.1), fixed=_SENTENCE)
    search = SearchSettings(beam_size=5)

    def train() -> None:
        with runtime.computing():
            sums = model.loss(ids, lengths, ids, ids)
        (sums.loss / ids.numel()).backward()
        optimizer.step()
        optimizer.zero_grad()

    def translate() -> None:
        decode_corpus(model, ids.tolist(), search, limits, runtime)

    once = train if kind == "train" else translate
    for _ in range(3):
        once()
    for line in sys.stdin:
        seconds, done, began = float(line), 0, time.perf_counter()
        while (elapsed := time.perf_counter() - began) < seconds:
            once()
            done += ids.numel()
        print(done / elapsed, flush=True)


if __name__ == "__main__":
    main()
