"""Measure the contribution of each ingredient of a recipe: train the recipe with and without it.

    python scripts/ablate.py CONFIG --output FOLDER --seeds 1 2 3

For each variant and seed, a model is trained and its length penalty is tuned on dev. The test set
that CONFIG names is translated and scored, untuned and tuned. All runs are kept in FOLDER, and the
tokenizer and data that they share in FOLDER/prepared.

The same command resumes where it was stopped, and keeps finished results. Several such commands
with different --only or --seeds may share a folder. Variants that change nothing in this recipe are
left out. The table of the results goes to stdout. --table prints it without training.
"""

import argparse
import hashlib
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt import Translator
from nmt.config.load import load_config
from nmt.config.serialize import dump_config
from nmt.config.settings import Config, CorpusSettings
from nmt.console import say
from nmt.errors import DataError, NmtError, UsageError
from nmt.evaluation.scores import score
from nmt.runtime.atomic_files import read_json, write_text
from nmt.runtime.log_records import read_records
from nmt.runtime.process import claim_process
from nmt.runtime.run_directory import RunDirectory
from nmt.text.lines import read_corpus
from nmt.training.run import train
from nmt.translation.tuning import grid, tune

AXES = {"length_penalty": ("gnmt",), "alpha": (0.4, 0.6, 0.8, 1.0, 1.2)}
"""The search settings to try on dev, besides those of the recipe."""

RESULT = "result.json"
FIGURES = ("dev", "test_untuned", "test")
"""The keys of the BLEU scores in a result: on dev, on test untuned, and on test.

The scores without "untuned" are with the length penalty that is best on dev.
"""

Result = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """The recipe with some keys changed.

    Attributes:
        name: The name for --only and for the folders of the runs.
        text: The description in the table.
        changes: The changed keys, in the form of `--set`.
    """

    name: str
    text: str
    changes: tuple[str, ...] = ()


RECIPE = Variant("recipe", "the recipe")


def variants_of(recipe: Config) -> list[Variant]:
    """Return the recipe and the variants for recipes of its kind.

    Some may change nothing in this recipe.
    """
    words = ("model.source_word_dropout", "model.target_word_dropout")
    variants = [
        RECIPE,
        Variant("no-smoothing", "without label smoothing", ("training.label_smoothing=0",)),
        Variant("no-sampling", "without BPE-dropout", ("tokenizer.sampling.alpha=0",)),
        Variant("no-word-dropout", "without word dropout", tuple(f"{key}=0" for key in words)),
        Variant("no-dropout", "without any dropout", _NO_DROPOUT),
        Variant("no-average", "without the moving average", ("training.ema=null",)),
        Variant("no-decay", "without the rate's decay", ("training.schedule.kind=constant",)),
        Variant("no-tying", "without tied embeddings", ("model.tying=none",)),
        Variant("many-subwords", "with 16,000 subwords", ("tokenizer.vocab_size=16000",)),
    ]
    if recipe.model.source_word_dropout == recipe.model.target_word_dropout == 0:
        dropped = tuple(f"{key}=0.1" for key in words)
        variants.append(Variant("word-dropout", "with word dropout of 0.1", dropped))
    decoder, cells = recipe.model.decoder, (recipe.model.encoder.cell, recipe.model.decoder.cell)
    if decoder.transition_depth == 2:
        shallow = ["model.decoder.transition_depth=1"]
        if recipe.model.attention.query == "inner_state":
            shallow.append("model.attention.query=previous_state")
        text = "one transition, not two, a step"
        variants.append(Variant("shallow", text, tuple(shallow)))
    if cells == ("gru", "gru"):
        variants.append(Variant("lstm", "LSTM cells", _cells("lstm", "lstm")))
    if set(cells) <= {"gru", "lstm"}:
        normalized = _cells(*(f"layer_norm_{cell}" for cell in cells))
        variants.append(Variant("layer-norm", "with layer normalization", normalized))
    return variants


_NO_DROPOUT = (
    *(f"model.{name}_word_dropout=0" for name in ("source", "target")),
    *(f"model.{name}.dropout=0" for name in ("encoder", "attention", "decoder", "output")),
    *(f"model.{name}.recurrent_dropout=0" for name in ("encoder", "decoder")),
    "model.embedding_dropout=0",
)


def _cells(encoder: str, decoder: str) -> tuple[str, ...]:
    return f"model.encoder.cell={encoder}", f"model.decoder.cell={decoder}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, measure and print the table.

    Returns:
        The exit code.
    """
    options = _options(arguments)
    try:
        ablation = Ablation(options)
        if not options.table:
            ablation.run()
        print(ablation.table())
    except NmtError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


class Ablation:
    """The runs of one recipe in one folder.

    Args:
        options: The options of the command line.

    Raises:
        UsageError: `--only` names no variant of this recipe.
        NmtError: The recipe is not a valid configuration.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder: Path = options.output.absolute()
        recipe = self._settings(RECIPE, 1)
        self.variants = [
            variant
            for variant in variants_of(self._config(RECIPE, 1))
            if variant is RECIPE or self._settings(variant, 1) != recipe
        ]
        names = [variant.name for variant in self.variants]
        if unfit := sorted(set(options.only or ()) - set(names)):
            raise UsageError(f"--only {unfit[0]}: this recipe's variants are {', '.join(names)}.")

    def run(self) -> None:
        """Measure the selected variants that have no result yet, seed by seed.

        Raises:
            UsageError: The recipe names no dev or test set, or a result is of other settings.
            DataError: A result cannot be read.
        """
        for seed in self.options.seeds:
            for variant in self.variants:
                if self.options.only is None or variant.name in self.options.only:
                    self._measure(variant, seed)

    def table(self) -> str:
        """Return a Markdown table of the means over the finished seeds.

        The standard deviation follows where there are two seeds or more.

        Raises:
            UsageError: A result is of other settings.
            DataError: A result cannot be read.
        """
        done = {variant: self._results(variant) for variant in self.variants}
        if not any(done.values()):
            return "nothing was measured"
        rows = [["", "seeds", "dev", "test, untuned", "test", "against the recipe"]]
        rows.append(["---", *("--:" for _ in rows[0][1:])])
        for variant, results in done.items():
            if results:
                figures = (
                    _mean_and_deviation([result[key] for result in results]) for key in FIGURES
                )
                gap = "" if variant is RECIPE else _mean_difference(results, done[RECIPE])
                rows.append([variant.text, str(len(results)), *figures, gap])
        signatures = {result["signature"] for results in done.values() for result in results}
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
        return f"{table}\n\nBLEU: {', '.join(sorted(signatures))}; length penalty tuned on dev."

    def _config(self, variant: Variant, seed: int) -> Config:
        changes = [*self.options.set, *variant.changes, f"seed={seed}", f"name={variant.name}"]
        return load_config(self.options.config.absolute(), changes)

    def _with_folders(self, variant: Variant, seed: int) -> Config:
        """Return the configuration with the folders of its run, tokenizer and data.

        All seeds share tokenizer and data. So do all variants that prepare them as the recipe does.
        """
        config = self._config(variant, seed)
        as_recipe = _preparation_settings(config) == _preparation_settings(
            self._config(RECIPE, seed)
        )
        prepared = self.folder / "prepared" / (RECIPE.name if as_recipe else variant.name)
        update: dict[str, Any] = {"run_dir": self._run_folder(variant, seed)}
        for section in ("tokenizer", "data"):
            settings = getattr(config, section)
            update[section] = settings.model_copy(
                update={"dir": settings.dir or prepared / section}
            )
        return config.model_copy(update=update)

    def _settings(self, variant: Variant, seed: int) -> str:
        """Return all settings but the names, as YAML."""
        unnamed = {"name": None, "run_dir": None}
        return dump_config(self._config(variant, seed).model_copy(update=unnamed))

    def _fingerprint(self, variant: Variant, seed: int) -> str:
        return hashlib.sha256(self._settings(variant, seed).encode("utf-8")).hexdigest()

    def _run_folder(self, variant: Variant, seed: int) -> Path:
        return self.folder / f"{variant.name}.{seed}"

    def _results(self, variant: Variant) -> list[Result]:
        paths = self.folder.glob(f"{variant.name}.*/{RESULT}")
        return sorted((self._read(variant, path) for path in paths), key=lambda each: each["seed"])

    def _read(self, variant: Variant, path: Path) -> Result:
        try:
            result: Result = read_json(path)
            fingerprints = (result["settings"], self._fingerprint(variant, int(result["seed"])))
            result.update({key: float(result[key]) for key in FIGURES})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: holds no result; remove it to measure anew.") from error
        if fingerprints[0] != fingerprints[1]:
            raise UsageError(
                f"{path}: was measured with other settings. Choose another folder by --output."
            )
        return result

    def _measure(self, variant: Variant, seed: int) -> None:
        """Train, tune on dev and translate the test set, unless there is a result."""
        run_folder = self._run_folder(variant, seed)
        if (run_folder / RESULT).exists():
            self._read(variant, run_folder / RESULT)
            return
        say(f"\n== {variant.text}, seed {seed} ==")
        config = self._with_folders(variant, seed)
        dev = _read_corpora(config.data.dev, "dev")
        sources, references = _read_corpora(config.data.test, "test")
        run = train(config)
        translator = Translator.load(
            run.best, device=config.runtime.device, threads=config.runtime.threads
        )
        winner = tune(translator, dev[0], [dev[1]], grid(translator.settings, AXES), "bleu").winner
        chosen = {key: getattr(winner.settings, key) for key in AXES}
        tokenize = translator.bleu_tokenizer
        untuned_texts = _translate(translator, sources)
        (untuned,) = score(untuned_texts, [references], ("bleu",), tokenize=tokenize)
        hypotheses = _translate(translator, sources, **chosen)
        (cased,) = score(hypotheses, [references], ("bleu",), tokenize=tokenize)
        (lowercase,) = score(hypotheses, [references], ("bleu",), lowercase=True, tokenize=tokenize)
        write_text(run_folder / "test.hypotheses", "".join(f"{line}\n" for line in hypotheses))
        result = {
            "seed": seed,
            "settings": self._fingerprint(variant, seed),
            "dev": winner.standing.score,
            "test_untuned": untuned.value,
            "test": cased.value,
            "test_lowercase": lowercase.value,
            "search": chosen,
            "signature": cased.signature,
            **_training_figures(run),
        }
        write_text(run_folder / RESULT, json.dumps(result, indent=2) + "\n")


def _preparation_settings(config: Config) -> tuple[Any, Any]:
    """Return the settings that tokenizer and data may depend on."""
    return config.tokenizer.model_copy(update={"sampling": None}), config.data


def _read_corpora(
    corpora: Sequence[CorpusSettings] | None, name: str
) -> tuple[list[str], list[str]]:
    """Return both sides of some corpora.

    Args:
        corpora: The settings of the corpora.
        name: Their name among the settings.

    Raises:
        UsageError: The recipe names no such corpus.
    """
    if corpora is None:
        raise UsageError(f"data.{name}: the recipe names none; add its `source` and `target`.")
    sides = (
        [path for each in corpora for path in getattr(each, side)] for side in ("source", "target")
    )
    return read_corpus(*sides)


def _translate(translator: Translator, sources: Sequence[str], **search: Any) -> list[str]:
    translations = translator.translate(sources, attention=False, **search)
    return [translation.text for translation in translations]


def _training_figures(run: RunDirectory) -> Result:
    records = list(read_records(run.log_records))
    ends = [record for record in records if record["kind"] == "end"]
    trained = [record for record in records if record["kind"] == "train"]
    figures = {"updates": ends[-1]["update"]}
    if trained:  # a run that logged no line has none
        rates = [record["tokens_per_second"] for record in trained]
        figures |= {
            "hours": trained[-1]["seconds"] / 3600,
            "tokens_per_second": statistics.median(rates),
        }
    return figures


def _mean_and_deviation(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


def _mean_difference(results: Sequence[Result], base: Sequence[Result]) -> str:
    """Return the mean difference on the test set over the seeds that both have."""
    base_by_seed = {result["seed"]: result["test"] for result in base}
    differences = [
        result["test"] - base_by_seed[result["seed"]]
        for result in results
        if result["seed"] in base_by_seed
    ]
    return f"{statistics.mean(differences):+.1f}" if differences else ""


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="the recipe; it names dev and test")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these variants [all]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for all")
    parser.add_argument("--table", action="store_true", help="print what is done, train nothing")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    claim_process()
    sys.exit(main())
