"""Train the experiments of configs/textbook one after the other and print a table of results.

    python scripts/run_textbooks.py
    python scripts/run_textbooks.py d2l-attention d2l-no-attention --minutes 2

Training that takes longer than --minutes is cut there, and the table says so. As in the textbooks,
the last parameters translate the pairs of the test text that are like those of train. Such pairs
are of usual length and have the prefixes of the configuration. The table goes to stdout, the
figures to the file of --output, and the runs into a folder beside it. Experiments with the same
texts and tokens share tokenizer and prepared data. The same command resumes where it was stopped. A
finished experiment is not trained again. One that fails is reported, and the exit code is then 1.
"""

import argparse
import hashlib
import json
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import get_data
import numpy as np
from make_toy_tasks import TASKS, write_task
from measured_machine import describe_machine

from nmt import Translator
from nmt.config.load import load_config
from nmt.config.serialize import dump_config
from nmt.config.settings import Config
from nmt.console import say
from nmt.data.binary_dataset import Corpus
from nmt.data.pair_filters import has_selected_prefix
from nmt.errors import DataError, NmtError, StoppedBySignal, UsageError
from nmt.evaluation.scores import score
from nmt.runtime.atomic_files import read_json, write_text
from nmt.runtime.log_records import read_records
from nmt.runtime.process import claim_process
from nmt.runtime.run_directory import RunDirectory
from nmt.text.lines import read_corpus
from nmt.tokenizers.tokenizer import TokenizerPair
from nmt.training.checkpoints import newest_checkpoint
from nmt.training.run import train

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "configs" / "textbook"
CORPUS = "tatoeba.fra-eng"
SHARED_CORPUS = ROOT.parent / "shared" / "data" / "tatoeba-fra-eng"
"""A copy of the corpus beside the repository, where there is one; else it is downloaded."""

SENTENCES = {
    "eng": ("Go.", "Wow!", "I'm OK.", "I won!"),
    "fra": ("Je suis fatigué.", "Il est très grand.", "Le chat noir est sur le tapis."),
}
"""The sentences of each source language whose translations are shown."""

USUAL_LENGTH_SHARE = 0.99
"""The share of train whose lengths count as usual."""

EXAMPLES_SHOWN = 3
"""The number of examples shown of another source language."""

Result = dict[str, Any]


@dataclass(frozen=True)
class Figures:
    """The results of experiments, and the failures.

    Attributes:
        results: The results by the name of the experiment.
        failures: The messages of the experiments that failed, by name.
    """

    results: dict[str, Result]
    failures: dict[str, str]

    def save(self, path: Path) -> None:
        """Write results and failures into a file."""
        figures = {"results": self.results, "failures": self.failures}
        write_text(path, f"{json.dumps(figures, indent=2, ensure_ascii=False)}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, measure and print the tables.

    Returns:
        The exit code, 1 where an experiment failed.
    """
    options = _options(arguments)
    try:
        figures = run_experiments(options)
    except NmtError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    print(results_table(figures.results))
    for name, message in figures.failures.items():
        print(f"failed: {name}: {message}", file=sys.stderr)
    return 1 if figures.failures else 0


def experiment_files() -> dict[str, Path]:
    """Return the configurations of all experiments by their names."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def run_experiments(options: argparse.Namespace) -> Figures:
    """Train the selected experiments and save the figures after each.

    Args:
        options: The options of the command line.

    Returns:
        The results so far, in the order of the experiments, and the failures of this call.

    Raises:
        UsageError: There is no experiment of such a name.
        DataError: The file of earlier figures cannot be read, or the corpus cannot be prepared.
    """
    files = experiment_files()
    for name in options.experiment:
        if name not in files:
            raise UsageError(f"{name}: no such experiment; choose among {', '.join(files)}.")
    names = options.experiment or list(files)
    figures = Figures(_read_results(options.output), {})
    if options.table:
        return figures
    get_texts(options.data, toys=any(_is_toy_task(files[name]) for name in names))
    for number, name in enumerate(names, start=1):
        say(f"\n== {name} ({number} of {len(names)}) ==")
        try:
            config = _load(files[name], options)
            fingerprint = hashlib.sha256(dump_config(config).encode("utf-8")).hexdigest()
            if figures.results.get(name, {}).get("settings") == fingerprint:
                say("already trained")
                continue
            config = share_preparation(config, options.output.with_suffix(".runs"))
            figures.results[name] = {"settings": fingerprint, **run_experiment(config)}
        except StoppedBySignal:
            raise
        except NmtError as error:
            figures.failures[name] = error.message
        except Exception as error:  # a bug in one experiment does not stop the others
            traceback.print_exc()
            figures.failures[name] = f"{type(error).__name__}: {error}"
        figures.save(options.output)
    order = {name: number for number, name in enumerate(files)}
    ordered = sorted(figures.results.items(), key=lambda item: order.get(item[0], len(order)))
    return Figures(dict(ordered), figures.failures)


def get_texts(folder: Path, toys: bool) -> None:
    """Prepare the texts that are not there yet: the corpus, and those of the toy tasks.

    Args:
        folder: The folder to write them into.
        toys: Whether to write the toy tasks too.

    Raises:
        DataError: The corpus cannot be prepared.
    """
    if not (folder / CORPUS / "train.eng.gz").is_file():
        source = ["--from", str(SHARED_CORPUS)] if SHARED_CORPUS.is_dir() else []
        if get_data.main([CORPUS, "--output", str(folder), *source]):
            raise DataError(f"{folder / CORPUS}: the corpus could not be prepared.")
    for task in TASKS if toys else ():
        if not (folder / f"toy.{task}" / "test.target").is_file():
            write_task(task, folder / f"toy.{task}")


def run_experiment(config: Config) -> Result:
    """Train one experiment and measure it.

    An interrupted run is resumed. A run with other settings is renamed, and training starts from
    scratch.

    Returns:
        The figures of training and of the test text.
    """
    run = RunDirectory.from_config(config)
    changed = run.config_file.is_file() and load_config(run.config_file) != config
    train(config, restart=changed)
    return {**training_figures(config, run), **_test_figures(config, run)}


def share_preparation(config: Config, folder: Path) -> Config:
    """Let experiments with the same settings of `data` and `tokenizer` share the prepared files.

    Args:
        config: The configuration of an experiment.
        folder: The folder of all runs.

    Returns:
        The same, with the folders of tokenizer and data.
    """
    sections = {"tokenizer": config.tokenizer, "data": config.data}
    text = json.dumps([each.model_dump(mode="json") for each in sections.values()])
    shared = folder.absolute() / "prepared" / hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]
    update = {
        name: each.model_copy(update={"dir": shared / name}) for name, each in sections.items()
    }
    return config.model_copy(update=update)


def training_figures(config: Config, run: RunDirectory) -> Result:
    """Return the figures that the log of a run gives.

    Args:
        config: Its configuration.
        run: Its folder.

    Returns:
        The parameters, the losses of train and dev, the seconds, the updates, and the number of
        updates that the configuration sets (`planned`).
    """
    last: dict[str, Result] = {}
    for record in read_records(run.log_records):
        last[record["kind"]] = record
    settings = config.training
    ends = [settings.max_updates] if settings.max_updates is not None else []
    if settings.max_epochs is not None:
        ends.append(settings.max_epochs * last["start"]["batches"])
    cut = str(last["end"]["reason"]).startswith("training.max_time")
    updates = last["end"]["update"]
    return {
        "parameters": last["start"]["parameters"],
        "updates": updates,
        "planned": min(ends) if cut and ends else updates,
        "loss": last["train"]["loss"],
        "dev_loss": last["validation"]["loss"],
        "seconds": last["train"]["seconds"],
    }


def held_out_pairs(config: Config, run: RunDirectory) -> tuple[list[str], list[str]]:
    """Return the pairs of the test text that are like those of train.

    They have the prefixes of `data.target_prefixes`. Neither side has more tokens than 99 of 100
    texts of train have.

    Args:
        config: The configuration of an experiment.
        run: The run directory, with tokenizer and data.

    Raises:
        UsageError: The configuration names no test text.
        DataError: No pair is like those of train.
    """
    if config.data.test is None:
        raise UsageError(f"{config.name}: names no `data.test` to translate.")
    sources, targets = read_corpus(config.data.test[0].source, config.data.test[0].target)
    tokenizers = TokenizerPair.load(run.tokenizer)
    train_pairs = Corpus.open(run.data / "train")
    longest_source = np.quantile(train_pairs.source_lengths, USUAL_LENGTH_SHARE)
    longest_target = np.quantile(train_pairs.target_lengths, USUAL_LENGTH_SHARE)
    kept = [
        (source, target)
        for source, target in zip(sources, targets, strict=True)
        if has_selected_prefix(config.data, target)
        and len(tokenizers.source.encode(source)) <= longest_source
        and len(tokenizers.target.encode(target)) <= longest_target
    ]
    if not kept:
        raise DataError(f"{config.name}: no pair of `data.test` is like those of train.")
    return [source for source, _ in kept], [target for _, target in kept]


def _test_figures(config: Config, run: RunDirectory) -> Result:
    checkpoint = newest_checkpoint(run.checkpoints)
    assert checkpoint is not None  # training ends with one
    runtime = config.runtime
    translator = Translator.load(checkpoint, device=runtime.device, threads=runtime.threads)
    sources, references = held_out_pairs(config, run)
    translations = translator.translate(sources, attention=False)
    hypotheses = [translation.text for translation in translations]
    bleu, chrf = score(
        hypotheses, [references], ("bleu", "chrf"), tokenize=translator.bleu_tokenizer
    )
    exact = sum(
        hypothesis.casefold() == reference.casefold()
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    )
    examples = SENTENCES.get(config.data.source_language, tuple(sources[:EXAMPLES_SHOWN]))
    texts = [translation.text for translation in translator.translate(examples, attention=False)]
    return {
        "pairs": len(sources),
        "bleu": bleu.value,
        "bleu_is_noise": bool(bleu.noise),
        "chrf": chrf.value,
        "right": 100 * exact / len(sources),
        "sentences": dict(zip(examples, texts, strict=True)),
    }


def results_table(results: dict[str, Result]) -> str:
    """Return two tables as Markdown: the figures, and the translations that are shown."""
    if not results:
        return "no experiment is finished"
    heads = ["experiment", "BLEU", "chrF", "right", "loss", "loss on dev", "seconds", "updates"]
    rows = [
        [
            f"`{name}`",
            "" if result["bleu_is_noise"] else f"{result['bleu']:.1f}",
            f"{result['chrf']:.1f}",
            f"{result['right']:.0f}%",
            f"{result['loss']:.2f}",
            f"{result['dev_loss']:.2f}",
            f"{result['seconds']:.0f}",
            _updates(result),
        ]
        for name, result in results.items()
    ]
    shown = [
        [f"`{name}`", "; ".join(f"{a} → {b}" for a, b in result["sentences"].items())]
        for name, result in results.items()
    ]
    note = (
        "BLEU (none where hardly any four words in a row match), chrF and the share of "
        "translations equal to the reference are of held-out pairs. Losses are in nats a token; "
        f"that of train is with dropout. {describe_machine()}."
    )
    return "\n\n".join(
        [_markdown(heads, rows), note, _markdown(["experiment", "translations"], shown)]
    )


def _updates(result: Result) -> str:
    """Return the updates as text, with the planned number where training was cut."""
    if result["updates"] >= result["planned"]:
        return f"{result['updates']:,}"
    return f"{result['updates']:,} of {result['planned']:,}"


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    ruler = ["---", *("--:" if len(head) > 2 else "---" for _ in head[1:])]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ruler, *escaped])


def _is_toy_task(path: Path) -> bool:
    root = load_config(path).data.root
    return root is not None and root.name.startswith("toy.")


def _load(path: Path, options: argparse.Namespace) -> Config:
    """Load the configuration of an experiment with the texts and the time of this command."""
    root = load_config(path).data.root
    assert root is not None
    run_dir = options.output.with_suffix(".runs").absolute() / path.stem
    changes = [
        f"data.root={json.dumps(str((options.data / root.name).absolute()))}",
        f"run_dir={json.dumps(str(run_dir))}",
        f"training.max_time={options.minutes:g}m",
        *options.set,
    ]
    return load_config(path, changes)


def _read_results(path: Path) -> dict[str, Result]:
    if not path.exists():
        return {}
    try:
        return {name: dict(result) for name, result in read_json(path)["results"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: has no earlier results; name another file.") from error


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiment", nargs="*", help="names of files of configs/textbook [all]")
    parser.add_argument(
        "--minutes", type=float, default=5, help="the longest training of an experiment [5]"
    )
    parser.add_argument(
        "--data", type=Path, default=ROOT / "data", metavar="DIR", help="the texts [data]"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs/textbooks.json"),
        help="the figures, with FILE.runs beside it [runs/textbooks.json]",
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for all")
    parser.add_argument("--table", action="store_true", help="print the table and train nothing")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    claim_process()
    sys.exit(main())
