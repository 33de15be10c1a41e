"""Make synthetic sentence pairs by back-translation of target text (Sennrich et al. 2016).

    python scripts/back_translate.py CONFIG --monolingual TEXT [TEXT ...] --output FOLDER
    nmt train FOLDER/forward.yaml

CONFIG configures the translator to be trained in the end. Each step runs a command of nmt, which is
shown. Finished steps are not repeated.

1. Train a translator in the other direction, FOLDER/backward, unless --model names one. For
   sampling it is trained without label smoothing, with which any subword would be drawn now and
   then (Graça et al. 2019).
2. Translate the monolingual text. By default each translation is sampled. With much text this
   teaches more than the best translation (Edunov et al. 2018). Each line is sampled by its number,
   so that equal lines differ (--draw-by line). For small corpora, or a model with label smoothing,
   try --search="--sample --beam 1 --top-k 10" or --search="--beam 5".
3. Write FOLDER/synthetic.source and .target: the translations, and the lines that they translate. A
   tag before each translation marks the source as synthetic (Caswell et al. 2019). Pairs with a
   side that is blank or not text are left out.
4. Write FOLDER/forward.yaml: CONFIG with its own pairs, the synthetic pairs, and the tag as a
   subword. The own pairs are named --times times. By default, this makes them about as many as the
   synthetic pairs.

CONFIG may have a `validation_split` instead of a dev corpus. The pairs of the split are then
written to FOLDER/dev.source and .target, and are dev of both translators. Synthetic pairs do not
get into it.

The next command goes to stdout. Sentences to be translated later get no tag.
"""

import argparse
import hashlib
import json
import math
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from typer.core import TyperGroup
from typer.main import get_command

from nmt.bundles.bundle_files import find_bundle, read_config
from nmt.cli.app import app
from nmt.cli.failure import CommandLineError
from nmt.config.load import load_config
from nmt.config.serialize import dump_config
from nmt.config.settings import Config
from nmt.console import say
from nmt.data.hashing import in_validation_split
from nmt.data.pair_files import read_corpus_pairs
from nmt.errors import DataError, NmtError, UsageError
from nmt.runtime.atomic_files import atomic_file, read_json, write_text
from nmt.text.lines import count_lines, pair_with_source, read_input_lines, read_lines

TAG = "<BT>"

# Sampled bytes may spell control characters or invalid UTF-8.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]")

_SEARCH_OPTIONS = {
    *("beam", "length_penalty", "alpha", "coverage_penalty", "max_length", "min_length"),
    *("no_repeat_ngram", "groups", "diversity", "mbr", "replace_unknown", "avoid", "shortlist"),
    *("sample", "temperature", "top_k", "top_p", "epsilon", "seed", "draw_by"),
    *("batch", "device", "precision", "threads"),
}
"""The options of `nmt translate` that change the translations, not the form of the output."""

_DEFAULT_FOLDERS = ("tokenizer.dir=null", "data.dir=null")
"""The changes that give both translators their own tokenizer and data.

Their texts differ from those that CONFIG names.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the pairs and the configuration.

    Returns:
        The exit code.
    """
    options = _options(arguments)
    try:
        config = load_config(options.config.absolute(), options.set)
        recipe = Recipe(config, options)
        recipe.run()
        print(f"nmt train {shlex.quote(str(recipe.folder / 'forward.yaml'))}")
    except NmtError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    except CommandFailed as error:  # which has reported its reason
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


class CommandFailed(Exception):
    """Failure of a command, which has reported its reason.

    Attributes:
        exit_code: The exit code of the command, 1 where a signal ended it.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code if exit_code > 0 else 1


@dataclass
class Recipe:
    """The steps of back-translation for one configuration and its folder.

    Attributes:
        config: The configuration of the translator to be trained in the end.
        options: The options of the command line.

    Raises:
        UsageError: The configuration and the options do not go together.
    """

    config: Config
    options: argparse.Namespace

    def __post_init__(self) -> None:
        """Check the configuration and the options now, as later steps may take days."""
        self.folder: Path = self.options.output.absolute()
        self.changes: list[str] = list(self.options.set)
        if self.options.times is not None and self.options.times < 1:
            raise UsageError("--times: must be at least 1.")
        if self.options.tag and any(character.isspace() for character in self.options.tag):
            raise UsageError("--tag: has a space in it; it is to be one subword.")
        if self.config.data.drop_duplicates:
            raise UsageError(
                "data.drop_duplicates: is true, which would undo --times. Remove the duplicates "
                "from the text, or set it to false."
            )
        data = self.config.data
        if any(len(each) > 1 or each[0].pairs for each in data.corpora.values()):
            raise UsageError(
                "back-translation needs one corpus of two files each for train, dev and test: give "
                "`source` and `target` in place of a list or of `pairs`."
            )
        if self.config.training.guided_alignment.alignments:
            raise UsageError(
                "training.guided_alignment.alignments: are links of the own pairs only. Set "
                "training.guided_alignment.aligner instead, or leave them out."
            )
        self.search = _search_options(self.options.search)
        if self.options.model is not None:
            self._check_direction(self.options.model)
        self._forward_config(times=1, updates=None)

    def run(self) -> None:
        """Run all steps that are not finished.

        Raises:
            UsageError: The folder was started with another text, model or search.
            DataError: A text cannot be used, or no pair remains.
            CommandFailed: A command of nmt failed.
        """
        self._check_same_inputs()
        monolingual = self._monolingual()
        self._split_off_dev()
        model = self.options.model or self._train_backward()
        translated = self._synthetic("raw")
        if not translated.exists():
            file_options = ["--input", str(monolingual), "--output", str(translated), "--resumable"]
            self._nmt("translate", "--model", str(model), *file_options, *self.search)
        forward = self._final_config(self._write_pairs(translated, monolingual))
        write_text(self.folder / "forward.yaml", dump_config(forward))

    def _check_direction(self, model: Path) -> None:
        """Check that a model translates from the target to the source language.

        Languages that are named `source` and `target` are not compared.

        Raises:
            UsageError: The model has other languages.
        """
        model_data, settings = read_config(find_bundle(model)).data, self.config.data
        names = (model_data.source_language, model_data.target_language)
        needed = (settings.target_language, settings.source_language)
        if names != needed and not {"source", "target"} & {*names, *needed}:
            raise UsageError(
                f"--model {model}: translates from {names[0]} to {names[1]}; what is needed is a "
                f"translator from {needed[0]} to {needed[1]}."
            )

    def _monolingual_lines(self) -> Iterator[bytes]:
        """Yield the lines of the monolingual text.

        A line that is not UTF-8 and is skipped yields an empty line.
        """
        for text in self.options.monolingual:
            for line in read_lines(text, self.config.data.on_bad_utf8):
                yield f"{line or ''}\n".encode()

    def _monolingual(self) -> Path:
        """Write all monolingual text into one file and return its path."""
        path = self.folder / "monolingual"
        with atomic_file(path) as file:
            file.writelines(self._monolingual_lines())
        return path

    def _check_same_inputs(self) -> None:
        """Check that the folder was started with the same text, model and search.

        The search may change as long as nothing is translated.

        Raises:
            UsageError: One of them differs.
            DataError: The record of them cannot be read.
        """
        text = hashlib.sha256()
        for line in self._monolingual_lines():
            text.update(line)
        model = self.options.model and str(self.options.model.absolute())
        now = {"text": text.hexdigest(), "model": model, "search": shlex.join(self.search)}
        path = self.folder / "recipe.json"
        try:
            before = read_json(path)
        except FileNotFoundError:
            before = None
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read: {error}.") from error
        if isinstance(before, dict) and not any(
            self.folder.glob(f"{self._synthetic('raw').name}*")
        ):
            before = {**before, "search": now["search"]}
        if before not in (None, now):
            raise UsageError(
                f"{self.folder}: was begun with another text, model or search ({path}). Choose "
                "another folder by --output; --model takes a backward translator that is there."
            )
        write_text(path, json.dumps(now, indent=2) + "\n")

    def _split_off_dev(self) -> None:
        """Make the pairs of `validation_split` the dev corpus. Exclude equal pairs from train."""
        data = self.config.data
        if data.dev is not None:
            return
        sides = [self.folder / f"dev.{side}" for side in ("source", "target")]
        dev_pairs = all_pairs = 0
        with atomic_file(sides[0]) as sources, atomic_file(sides[1]) as targets:
            for pair in read_corpus_pairs(data.train, data.on_bad_utf8):
                all_pairs += 1
                share, seed = data.validation_split, data.split_seed
                if in_validation_split(pair.source, pair.target, share, seed):
                    dev_pairs += 1
                    sources.write(f"{pair.source}\n".encode())
                    targets.write(f"{pair.target}\n".encode())
            if dev_pairs == 0:
                raise DataError("data.validation_split: sets no pair aside; make it larger.")
        self.changes += [
            f"data.dev.source={_json_list(sides[:1])}",
            f"data.dev.target={_json_list(sides[1:])}",
            "data.validation_split=0",
            "data.exclude_overlap=true",
            f"data.max_dropped={min(1.0, data.max_dropped + dev_pairs / all_pairs)}",
        ]
        self.config = load_config(self.options.config.absolute(), self.changes)
        say(f"dev: {dev_pairs:,} pairs that data.validation_split set aside")

    def _train_backward(self) -> Path:
        """Train the translator from target to source and return its run directory."""
        run = self.folder / "backward"
        data = self.config.data
        swapped = [
            *_DEFAULT_FOLDERS,
            f"name={self.config.name or 'translator'}.backward",
            f"run_dir={json.dumps(str(run))}",
            f"data.source_language={data.target_language}",
            f"data.target_language={data.source_language}",
        ]
        if "--sample" in self.search:
            swapped.append("training.label_smoothing=0")
        for name, (corpus,) in data.corpora.items():
            swapped += [
                f"data.{name}.source={_json_list(corpus.target)}",
                f"data.{name}.target={_json_list(corpus.source)}",
            ]
        file = self.folder / "backward.yaml"
        changed = load_config(self.options.config.absolute(), [*self.changes, *swapped])
        write_text(file, dump_config(changed))
        self._nmt("train", str(file))
        return run

    def _write_pairs(self, translated: Path, monolingual: Path) -> int:
        """Write the synthetic corpus and return its number of pairs.

        Args:
            translated: The file of translations.
            monolingual: The file of the lines that they translate.

        Raises:
            DataError: No line has a translation.
        """
        kept = read = 0
        tag = f"{self.options.tag} " if self.options.tag else ""
        with (
            atomic_file(self._synthetic("source")) as sources,
            atomic_file(self._synthetic("target")) as targets,
        ):
            for target, source in pair_with_source(
                monolingual, read_input_lines(translated), str(translated)
            ):
                read += 1
                if target.strip() and source.strip() and not _CONTROL.search(source):
                    kept += 1
                    sources.write(f"{tag}{source.strip()}\n".encode())
                    targets.write(f"{target.strip()}\n".encode())
            if kept == 0:
                raise DataError(f"{translated}: no line of it has a translation.")
        say(f"synthetic: {kept:,} pairs; {read - kept:,} blank or unreadable ones left out")
        return kept

    def _final_config(self, pairs: int) -> Config:
        """Return the final configuration for a number of synthetic pairs.

        With `--longer`, the updates grow with the number of pairs.
        """
        (train,), training = self.config.data.train, self.config.training
        own_pairs = sum(count_lines(path) for path in train.source)
        times = self.options.times or max(1, round(pairs / max(1, own_pairs)))
        say(f"forward: {own_pairs:,} pairs of its own, {times} times, and {pairs:,} synthetic ones")
        if not self.options.longer or training.max_updates is None:
            return self._forward_config(times, None)
        if training.max_time is not None:
            say(f"forward: without training.max_time ({training.max_time}), as it is to be longer")
        return self._forward_config(
            times, math.ceil(training.max_updates * (own_pairs * times + pairs) / max(1, own_pairs))
        )

    def _forward_config(self, times: int, updates: int | None) -> Config:
        """Return the configuration with the synthetic pairs.

        Args:
            times: How often the own pairs are named.
            updates: The number of updates, None for that of the configuration.
        """
        (train,) = self.config.data.train
        tags = [self.options.tag] if self.options.tag else []
        symbols = [*self.config.tokenizer.user_symbols, *tags]
        sources = [*train.source * times, self._synthetic("source")]
        targets = [*train.target * times, self._synthetic("target")]
        longer = [f"training.max_updates={updates}", "training.max_time=null"] if updates else []
        return load_config(
            self.options.config.absolute(),
            [
                *self.changes,
                *_DEFAULT_FOLDERS,
                f"name={self.config.name or 'translator'}.back-translation",
                f"run_dir={json.dumps(str(self.folder / 'forward'))}",
                f"data.train.source={_json_list(sources)}",
                f"data.train.target={_json_list(targets)}",
                f"tokenizer.user_symbols={json.dumps(list(dict.fromkeys(symbols)))}",
                *longer,
            ],
        )

    def _synthetic(self, side: str) -> Path:
        return self.folder / f"synthetic.{side}"

    def _nmt(self, *arguments: str) -> None:
        """Show a command of nmt and run it.

        Raises:
            CommandFailed: The command failed.
        """
        say(f"$ nmt {shlex.join(arguments)}")
        done = subprocess.run(
            [sys.executable, "-m", "nmt", *arguments], stdout=sys.stderr, check=False
        )
        if done.returncode != 0:
            raise CommandFailed(done.returncode)


def _search_options(text: str) -> list[str]:
    """Return the options of --search as words. Sampling draws by line, unless they say otherwise.

    Raises:
        UsageError: An option is no search option of `nmt translate`.
    """
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    try:
        words = shlex.split(text)
        context = command.commands["translate"].make_context("translate", [*words])
    except ValueError as error:
        raise UsageError(f"--search: {error}.") from error
    except CommandLineError as error:
        message = error.format_message()  # type: ignore[attr-defined]  # a click exception
        raise UsageError(f"--search: {message}") from error
    except typer.Exit as error:
        raise UsageError("--search: --help is no option of the search.") from error
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        is_given = source is not None and source.name == "COMMANDLINE"
        if is_given and option.name not in _SEARCH_OPTIONS:
            raise UsageError(f"--search: {option.opts[-1]} is no option of the search.")
    if context.params["sample"] and context.params["draw_by"] is None:
        return [*words, "--draw-by", "line"]
    return words


def _json_list(paths: Sequence[Path]) -> str:
    return json.dumps([str(path) for path in paths])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="of the translator that is wanted")
    parser.add_argument(
        "--monolingual", type=Path, nargs="+", required=True, help="text in the target language"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--model", type=Path, help="a backward translator, instead of training one")
    parser.add_argument(
        "--search", default="--sample --beam 1", help="of nmt translate [--sample --beam 1]"
    )
    parser.add_argument("--tag", default=TAG, help=f"before each synthetic source [{TAG}]; '' none")
    parser.add_argument("--times", type=int, metavar="N", help="how often the own pairs count")
    parser.add_argument(
        "--longer", action="store_true", help="more updates, as there are more pairs"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
