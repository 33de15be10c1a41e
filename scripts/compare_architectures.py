"""Train the presets side by side and print a table: BLEU by source length, speed, and old claims.

    python scripts/compare_architectures.py --config configs/demo.yaml --updates 2000

Each preset is made small (--hidden, --embedding, --layers: its proportions stay) and trained for as
many updates as the others on the same binarized corpus; beside them the variants that the classic
papers' claims are about. Of the configuration all counts but `model` and `preset`. The table goes
to stdout and all figures to the file of --output, with the runs in a folder beside it. Stopped, it
goes on where it was when the same command is given again; an architecture that fails is reported,
the others go on, and the exit code is 1.
"""

import argparse
import hashlib
import json
import statistics
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt import Translator
from nmt.config.dump import dump_config
from nmt.config.load import load_config
from nmt.config.presets import PRESETS
from nmt.config.settings import Config
from nmt.data.prepared_corpora import prepare_corpora
from nmt.data.prepared_tokenizer import prepare_tokenizers
from nmt.errors import DataError, NmtError, StoppedBySignal, UsageError
from nmt.evaluation.lines import read_corpus
from nmt.evaluation.scores import score
from nmt.runtime.console import say
from nmt.runtime.files import write_text
from nmt.runtime.log_records import read_records
from nmt.runtime.process import own_process
from nmt.runtime.run_directory import RunDirectory
from nmt.training.run import train

FEWEST = 20
"""Sentences that a length bucket must have to be shown: BLEU of fewer says little."""

BUCKETS = (("up to 5", 5), ("6-10", 10), ("11-15", 15), ("16-20", 20), ("above 20", sys.maxsize))
"""Lengths of sources in words: name, greatest length."""

Result = dict[str, Any]


@dataclass(frozen=True)
class Architecture:
    """A preset, or one with some keys changed: `changes`, as `--set` takes them."""

    name: str
    preset: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """What a paper says: the first architecture is better than the second."""

    text: str
    first: str
    second: str


VARIANTS = (
    Architecture(
        "bahdanau2014.no-attention",
        "bahdanau2014",
        ("model.attention.kind=none", "model.attention.size=null"),
    ),
    Architecture(
        "sutskever2014.not-reversed", "sutskever2014", ("model.encoder.reverse_source=false",)
    ),
    Architecture(
        "luong2015-general.not-fed", "luong2015-general", ("model.decoder.input_feeding=false",)
    ),
)

CLAIMS = (
    Claim(
        "attention, above all in long sentences (Bahdanau et al. 2014, figure 2)",
        "bahdanau2014",
        "bahdanau2014.no-attention",
    ),
    Claim(
        "reversed source without attention (Sutskever et al. 2014, 3.3)",
        "sutskever2014",
        "sutskever2014.not-reversed",
    ),
    Claim(
        "local-p against global attention (Luong et al. 2015, 4.2)",
        "luong2015-local-p",
        "luong2015-general",
    ),
    Claim(
        "local-m against global attention (Luong et al. 2015, 5.3)",
        "luong2015-local-m",
        "luong2015-general",
    ),
    Claim(
        "input feeding (Luong et al. 2015, 3.3)",
        "luong2015-general",
        "luong2015-general.not-fed",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, measure and print; gives the exit code."""
    options = _options(arguments)
    try:
        return Comparison(options).run()
    except NmtError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code


class Comparison:
    """One comparison: its figures so far, and what went wrong.

    Raises UsageError when there is no test set, DataError when the file of an earlier comparison
    cannot be read.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder: Path = options.output.with_suffix(".runs").absolute()
        self.earlier = _read_results(options.output)
        self.results: dict[str, Result] = {}
        self.failures: dict[str, str] = {}

    def run(self) -> int:
        """All architectures, one after the other, then the tables; gives the exit code."""
        sources, references = self._prepare()
        chosen = [Architecture(preset, preset) for preset in self.options.presets]
        chosen += [variant for variant in VARIANTS if variant.preset in self.options.presets]
        for number, architecture in enumerate(chosen, start=1):
            say(f"\n== {architecture.name} ({number} of {len(chosen)}) ==")
            self._compare_or_report(architecture, sources, references)
            self._save()
        print(markdown(self.results))
        for name, message in self.failures.items():
            print(f"failed: {name}: {message}", file=sys.stderr)
        return 1 if self.failures else 0

    def _prepare(self) -> tuple[list[str], list[str]]:
        """Tokenizer and corpora, made once for all; gives the test set."""
        settings = [each for each in self.options.set if not each.startswith(("model", "preset"))]
        config = load_config(
            self.options.config,
            [
                *("model={}", "preset=null", *self._training(), *self._shared(), *settings),
                self._place("prepared"),
            ],
        )
        if config.data.test is None:
            raise UsageError(f"{self.options.config}: names no `data.test` to compare on.")
        test = read_corpus(config.data.test)
        run = RunDirectory.of(config)
        prepare_corpora(config, run, prepare_tokenizers(config, run))
        return test

    def _compare_or_report(
        self, architecture: Architecture, sources: list[str], references: list[str]
    ) -> None:
        try:
            self.results[architecture.name] = self._compare(architecture, sources, references)
        except StoppedBySignal:
            raise
        except NmtError as error:
            self.failures[architecture.name] = error.message
        except Exception as error:  # a bug in one architecture shall not cost us the others
            traceback.print_exc()
            self.failures[architecture.name] = f"{type(error).__name__}: {error}"

    def _compare(
        self, architecture: Architecture, sources: list[str], references: list[str]
    ) -> Result:
        config = load_config(self.options.config, self._overrides(architecture))
        fingerprint = hashlib.sha256(dump_config(config).encode("utf-8")).hexdigest()
        known = self.earlier.get(architecture.name)
        if known is not None and known["settings"] == fingerprint:
            say("already measured")
            return known
        run = train(config)
        return {
            "preset": architecture.preset,
            "changes": list(architecture.changes),
            "settings": fingerprint,
            **_training_figures(run),
            **_test_figures(config, run, sources, references),
        }

    def _overrides(self, architecture: Architecture) -> list[str]:
        """What makes the configuration that of an architecture; the user's --set come last."""
        return [
            "model={}",
            f"preset={architecture.preset}",
            *_sizes(PRESETS[architecture.preset].model, self.options),
            *architecture.changes,
            *self._training(),
            *self._shared(),
            *self.options.set,
            f"name={architecture.name}",
            self._place(architecture.name),
        ]

    def _training(self) -> list[str]:
        """As many updates for all, with some looks at dev and at the speed on the way."""
        updates = self.options.updates
        return [
            f"seed={self.options.seed}",
            f"training.max_updates={updates}",
            "training.max_epochs=null",
            "training.max_time=null",
            "training.guided_alignment.aligner=null",  # refused where there is no attention
            "training.patience=null",
            f"training.validation.every_updates={max(1, updates // 5)}",
            f"training.checkpoint.every_updates={max(1, updates // 5)}",
            f"training.log_every_updates={max(1, updates // 20)}",
        ]

    def _place(self, name: str) -> str:
        return f"run_dir={json.dumps(str(self.folder / name))}"

    def _shared(self) -> list[str]:
        """Name the folders of tokenizer and data, which all runs share."""
        return [
            f"{section}.dir={json.dumps(str(self.folder / 'prepared' / section))}"
            for section in ("tokenizer", "data")
        ]

    def _save(self) -> None:
        done = {*self.results, *self.failures}
        others = {name: result for name, result in self.earlier.items() if name not in done}
        figures = {"results": {**self.results, **others}, "failures": self.failures}
        text = json.dumps(figures, indent=2, ensure_ascii=False)
        write_text(self.options.output, f"{text}\n")


def _read_results(path: Path) -> dict[str, Result]:
    if not path.exists():
        return {}
    try:
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        return {
            name: {**result, "settings": result["settings"]} for name, result in results.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: holds no earlier comparison; name another file.") from error


def _sizes(model: dict[str, Any], options: argparse.Namespace) -> list[str]:
    """A preset's sizes in their proportions, its decoder `options.hidden` wide."""
    scale = options.hidden / model["decoder"]["hidden_size"]
    sizes = [f"model.embedding_size={options.embedding}"]
    for section, key in (
        ("encoder", "hidden_size"),
        ("decoder", "hidden_size"),
        ("attention", "size"),
        ("output", "size"),
    ):
        if key in model[section]:
            sizes.append(f"model.{section}.{key}={max(1, round(scale * model[section][key]))}")
    for section in ("encoder", "decoder"):
        layers = min(options.layers or sys.maxsize, model[section]["layers"])
        sizes.append(f"model.{section}.layers={layers}")
        if model[section].get("residual_from", 0) > layers:
            sizes.append(f"model.{section}.residual_from=null")
    return sizes


def _training_figures(run: RunDirectory) -> Result:
    records: dict[str, list[Result]] = {"start": [], "train": [], "validation": [], "end": []}
    for record in read_records(run.log_records):
        records.setdefault(record["kind"], []).append(record)
    return {
        "parameters": records["start"][-1]["parameters"],
        "updates": records["end"][-1]["update"],
        "target_tokens_per_second": statistics.median(
            record["tokens_per_second"] for record in records["train"]
        ),
        "machine": records["start"][-1]["runtime"],
        "dev": {record["update"]: record["bleu"] for record in records["validation"]},
    }


def _test_figures(
    config: Config, run: RunDirectory, sources: list[str], references: list[str]
) -> Result:
    """BLEU of the best model's translations, of all and by the sources' lengths."""
    translator = Translator.load(
        run.best, device=config.runtime.device, threads=config.runtime.threads
    )
    translations = translator.translate(sources, attention=False, beam_size=5)
    hypotheses = [translation.text for translation in translations]
    tokenize = translator.bleu_tokenizer
    (whole,) = score(hypotheses, [references], ("bleu",), tokenize=tokenize)
    return {
        "bleu": whole.value,
        "signature": whole.signature,
        "buckets": bleu_by_length(sources, hypotheses, references, tokenize),
    }


def bleu_by_length(
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokenize: str | None = None,
) -> dict[str, Result]:
    """BLEU and number of the sentences of each length bucket that has enough of them."""
    found: dict[str, Result] = {}
    shortest = 0
    for name, longest in BUCKETS:
        rows = [i for i, text in enumerate(sources) if shortest <= len(text.split()) <= longest]
        shortest = longest + 1
        if len(rows) >= FEWEST:
            chosen = [[side[i] for i in rows] for side in (hypotheses, references)]
            (part,) = score(chosen[0], [chosen[1]], ("bleu",), tokenize=tokenize)
            found[name] = {"sentences": len(rows), "bleu": part.value}
    return found


def markdown(results: dict[str, Result]) -> str:
    """The table of all, and that of the claims of which both sides were measured."""
    if not results:
        return "nothing was measured"
    sample = next(iter(results.values()))
    buckets = list(sample["buckets"])
    counts = [f"{name} ({sample['buckets'][name]['sentences']})" for name in buckets]
    head = ["architecture", "parameters", "updates", "tokens/s", "BLEU", *counts]
    rows = [
        [
            name,
            f"{result['parameters'] / 1e6:.2f} M",
            str(result["updates"]),
            f"{result['target_tokens_per_second']:.0f}",
            f"{result['bleu']:.1f}",
            *(f"{result['buckets'][bucket]['bleu']:.1f}" for bucket in buckets),
        ]
        for name, result in results.items()
    ]
    claims = [claim for claim in CLAIMS if {claim.first, claim.second} <= set(results)]
    parts = [
        _table(head, rows),
        f"BLEU of the test set: {sample['signature']}, beam 5; columns: source length in words "
        f"(sentences). {sample['machine']}.",
    ]
    if claims:
        head = ["claim: with / without", "BLEU", *buckets, "tokens/s"]
        parts.append(_table(head, [_claim_row(claim, results, buckets) for claim in claims]))
    return "\n\n".join(parts)


def _claim_row(claim: Claim, results: dict[str, Result], buckets: list[str]) -> list[str]:
    pair = (results[claim.first], results[claim.second])
    figures = [
        [result["bleu"] for result in pair],
        *([result["buckets"][bucket]["bleu"] for result in pair] for bucket in buckets),
    ]
    cells = [f"{first:.1f} / {second:.1f}" for first, second in figures]
    speeds = " / ".join(f"{result['target_tokens_per_second']:.0f}" for result in pair)
    return [claim.text, *cells, speeds]


def _table(head: list[str], rows: list[list[str]]) -> str:
    ruler = ["---", *("--:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ruler, *rows])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="corpora, subwords, training")
    parser.add_argument(
        "--presets", nargs="+", choices=list(PRESETS), default=list(PRESETS), metavar="PRESET"
    )
    parser.add_argument("--updates", type=int, default=2000, help="of each (default: 2000)")
    parser.add_argument("--hidden", type=int, default=256, help="of the decoder (default: 256)")
    parser.add_argument("--embedding", type=int, default=128, help="its size (default: 128)")
    parser.add_argument("--layers", type=int, help="at most so many; default: each preset's")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for all")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("comparison.json"),
        help="the figures, and FILE.runs beside it (default: comparison.json)",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    own_process()
    sys.exit(main())
