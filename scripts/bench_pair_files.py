"""Measure reading corpora of 100,000 pairs: files with both sides beside two plain texts.

    python scripts/bench_pair_files.py [--pairs 100000] [--repeat 3]

Each file is read in a process of its own, and the kinds take turns. The table has the median time,
its ratio to that of plain texts, and the peak memory above that of plain texts.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.sax.saxutils import escape

from nmt.config.settings import CorpusSettings
from nmt.data.pair_files import read_corpus_pairs

Pairs = list[tuple[str, str]]

_TMX_UNIT = (
    '<tu><tuv xml:lang="en"><seg>{}</seg></tuv><tuv xml:lang="de"><seg>{}</seg></tuv></tu>\n'
)
_XLIFF_UNIT = "<trans-unit id='1'><source>{}</source><target>{}</target></trans-unit>\n"


def main() -> None:
    """Write the files, read them by turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(_read(Path(options.read))))
        return
    pairs = [
        (f"a small dog number {i} runs & jumps", f"ein Hund {i}") for i in range(options.pairs)
    ]
    with tempfile.TemporaryDirectory() as folder:
        files = {name: write(Path(folder), pairs) for name, write in _WRITERS.items()}
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in files}
        for _ in range(options.repeat):
            for name, file in files.items():
                runs[name].append(_read_in_process(file))
    medians = {
        name: (statistics.median(t for t, _ in rows), statistics.median(m for _, m in rows))
        for name, rows in runs.items()
    }
    plain_seconds, plain_memory = medians["plain"]
    print("| format | seconds | times plain | memory above plain |\n|---|--:|--:|--:|")
    for name, (seconds, memory) in medians.items():
        ratio = seconds / plain_seconds
        print(f"| {name} | {seconds:.2f} | {ratio:.1f} | {memory - plain_memory:.0f} MiB |")


def _read_in_process(file: Path) -> tuple[float, float]:
    command = [sys.executable, __file__, "--read", str(file)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, memory = json.loads(output)
    return seconds, memory


def _read(file: Path) -> tuple[float, float]:
    """Return the seconds of reading a corpus, and the peak memory of the process in MiB."""
    if file.suffix == ".plain":
        corpus = CorpusSettings(source=(file,), target=(file.with_suffix(".target"),))
    else:
        corpus = CorpusSettings(pairs=(file,))
    start = time.perf_counter()
    for _ in read_corpus_pairs([corpus]):
        pass
    seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _write(path: Path, rows: Iterable[str]) -> Path:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(rows)
    return path


def _plain(folder: Path, pairs: Pairs) -> Path:
    _write(folder / "a.target", (f"{target}\n" for _, target in pairs))
    return _write(folder / "a.plain", (f"{source}\n" for source, _ in pairs))


def _tsv(folder: Path, pairs: Pairs) -> Path:
    return _write(folder / "a.tsv", (f"{source}\t{target}\n" for source, target in pairs))


def _csv(folder: Path, pairs: Pairs) -> Path:
    return _write(folder / "a.csv", (f'"{source}","{target}"\n' for source, target in pairs))


def _jsonl(folder: Path, pairs: Pairs) -> Path:
    rows = (json.dumps({"en": source, "de": target}) + "\n" for source, target in pairs)
    return _write(folder / "a.jsonl", rows)


def _tmx(folder: Path, pairs: Pairs) -> Path:
    units = (_TMX_UNIT.format(escape(source), escape(target)) for source, target in pairs)
    return _write(folder / "a.tmx", ("<tmx><body>\n", *units, "</body></tmx>\n"))


def _xliff(folder: Path, pairs: Pairs) -> Path:
    units = (_XLIFF_UNIT.format(escape(source), escape(target)) for source, target in pairs)
    return _write(folder / "a.xlf", ("<xliff><file><body>\n", *units, "</body></file></xliff>\n"))


_WRITERS: dict[str, Callable[[Path, Pairs], Path]] = {
    "plain": _plain,
    "tsv": _tsv,
    "csv": _csv,
    "jsonl": _jsonl,
    "tmx": _tmx,
    "xliff": _xliff,
}

if __name__ == "__main__":
    main()
