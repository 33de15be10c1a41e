"""Back-translation: sentence pairs made of text in the target language (Sennrich et al. 2016).

    python scripts/back_translate.py CONFIG --monolingual TEXT [TEXT ...] --output FOLDER
    nmt train FOLDER/forward.yaml

CONFIG is that of the translator that is wanted. What happens, each step by a command of nmt that is
shown, and not done again where it is done:

1. A translator in the other direction is trained, FOLDER/backward (or give one by --model); to be
   drawn from, without label smoothing, which would have any subword drawn now and then (Graça et
   al. 2019).
2. It translates the monolingual text. By default it draws each translation at random instead of
   looking for the best, which teaches more where there is much text to learn from (Edunov et al.
   2018); for small corpora, or a model with label smoothing, try --search "--sample --beam 1
   --top-k 10" or --search "--beam 5".
3. FOLDER/synthetic.source and .target: its translations, each with a tag before it that tells the
   translator that the source is not true (Caswell et al. 2019), and the lines that they are of.
   Pairs of which a side is blank, or no text, are left out.
4. FOLDER/forward.yaml: CONFIG with these pairs besides its own, which are named --times times (by
   default so often that there are about as many of them), and with the tag as a subword.

The last command is printed to stdout. Sentences to be translated later get no tag.
"""

import argparse
import json
import math
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nmt.config.dump import dump_config
from nmt.config.load import load_config
from nmt.config.settings import Config
from nmt.data.text import count_lines, read_lines
from nmt.errors import DataError, NmtError, UsageError
from nmt.evaluation.lines import each_line, each_pair
from nmt.runtime.console import say
from nmt.runtime.files import atomic_file, read_json, sha256, write_text

TAG = "<BT>"

# What is drawn at random may be spelled in bytes that make no text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the pairs and the configuration; gives the exit code."""
    options = _options(arguments)
    try:
        config = load_config(options.config.absolute(), options.set)
        recipe = Recipe(config, options)
        recipe.run()
        print(f"nmt train {shlex.quote(str(recipe.folder / 'forward.yaml'))}")
    except NmtError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    except CommandFailed as error:  # which has told why
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


class CommandFailed(Exception):
    """A command ended with `exit_code`."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code if exit_code > 0 else 1


@dataclass
class Recipe:
    """The steps, of one configuration and its folder.

    Raises UsageError when what is asked for does not go together, DataError when a text is unfit.
    """

    config: Config
    options: argparse.Namespace

    def __post_init__(self) -> None:
        self.folder: Path = self.options.output.absolute()
        if self.options.times is not None and self.options.times < 1:
            raise UsageError("--times: must be at least 1.")
        if self.options.tag and any(character.isspace() for character in self.options.tag):
            raise UsageError("--tag: has a space in it; it is to be one subword.")
        if self.config.data.drop_duplicates:
            raise UsageError(
                "data.drop_duplicates: is true, which would undo --times. Remove the duplicates "
                "from the text, or set it to false."
            )

    def run(self) -> None:
        """All steps that are not done yet."""
        monolingual = self._monolingual()
        self._insist_on_the_same(monolingual)
        model = self.options.model or self._train_backward()
        translated = self.folder / "synthetic.raw"
        if not translated.exists():
            search = shlex.split(self.options.search)
            places = ["--input", str(monolingual), "--output", str(translated), "--resumable"]
            self._nmt("translate", "--model", str(model), *places, *search)
        pairs = self._write_pairs(translated, monolingual)
        write_text(self.folder / "forward.yaml", dump_config(self._forward(pairs)))

    def _monolingual(self) -> Path:
        """All monolingual text as one file of lines."""
        path = self.folder / "monolingual"
        with atomic_file(path) as file:
            for text in self.options.monolingual:
                for line in read_lines(text):
                    file.write(f"{line}\n".encode())
        return path

    def _insist_on_the_same(self, monolingual: Path) -> None:
        """What is in the folder was made from the same text, by the same model and search."""
        model = self.options.model and str(self.options.model.absolute())
        now = {"text": sha256(monolingual), "model": model, "search": self.options.search}
        path = self.folder / "recipe.json"
        try:
            before = read_json(path)
        except FileNotFoundError:
            write_text(path, json.dumps(now, indent=2) + "\n")
            return
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read: {error}.") from error
        if before != now:
            raise UsageError(
                f"{self.folder}: was begun with another text, model or search ({path}). "
                "Choose another folder by --output."
            )

    def _train_backward(self) -> Path:
        """The run of the translator from target to source."""
        run = self.folder / "backward"
        data = self.config.data
        swapped = [
            f"name={self.config.name or 'translator'}.backward",
            f"run_dir={json.dumps(str(run))}",
            f"data.source_language={data.target_language}",
            f"data.target_language={data.source_language}",
        ]
        if "--sample" in self.options.search:
            swapped.append("training.label_smoothing=0")
        for name in ("train", "dev", "test"):
            corpus = getattr(data, name)
            if corpus is not None:
                swapped += [
                    f"data.{name}.source={_listed(corpus.target)}",
                    f"data.{name}.target={_listed(corpus.source)}",
                ]
        file = self.folder / "backward.yaml"
        changed = load_config(self.options.config.absolute(), [*self.options.set, *swapped])
        write_text(file, dump_config(changed))
        self._nmt("train", str(file))
        return run

    def _write_pairs(self, translated: Path, monolingual: Path) -> int:
        """The synthetic corpus; gives its number of pairs."""
        kept = read = 0
        tag = f"{self.options.tag} " if self.options.tag else ""
        with (
            atomic_file(self.folder / "synthetic.source") as sources,
            atomic_file(self.folder / "synthetic.target") as targets,
        ):
            for target, source in each_pair(monolingual, each_line(translated), str(translated)):
                read += 1
                if target.strip() and source.strip() and not _CONTROL.search(source):
                    kept += 1
                    sources.write(f"{tag}{source.strip()}\n".encode())
                    targets.write(f"{target.strip()}\n".encode())
            if kept == 0:
                raise DataError(f"{translated}: no line of it has a translation.")
        say(f"synthetic: {kept:,} pairs; {read - kept:,} blank or unreadable ones left out")
        return kept

    def _forward(self, pairs: int) -> Config:
        """The configuration asked for, with the synthetic pairs."""
        train = self.config.data.train
        own = sum(count_lines(path) for path in train.source)
        times = self.options.times or max(1, round(pairs / max(1, own)))
        say(f"forward: {own:,} pairs of its own, {times} times, and {pairs:,} synthetic ones")
        tags = [self.options.tag] if self.options.tag else []
        symbols = [*self.config.tokenizer.user_symbols, *tags]
        name = f"{self.config.name or 'translator'}.back-translation"
        return load_config(
            self.options.config.absolute(),
            [
                *self.options.set,
                f"name={name}",
                f"run_dir={json.dumps(str(self.folder / 'forward'))}",
                f"data.train.source={_listed([*train.source * times, self._of('source')])}",
                f"data.train.target={_listed([*train.target * times, self._of('target')])}",
                f"tokenizer.user_symbols={json.dumps(list(dict.fromkeys(symbols)))}",
                *self._longer(own, own * times + pairs),
            ],
        )

    def _longer(self, own: int, now: int) -> Iterator[str]:
        """Nothing but epochs would make training longer by itself; --longer makes updates, too."""
        if self.options.longer and self.config.training.max_updates is not None:
            updates = math.ceil(self.config.training.max_updates * now / max(1, own))
            yield f"training.max_updates={updates}"

    def _of(self, side: str) -> Path:
        return self.folder / f"synthetic.{side}"

    def _nmt(self, *arguments: str) -> None:
        """Run a command of nmt, and show it."""
        say(f"$ nmt {shlex.join(arguments)}")
        done = subprocess.run(
            [sys.executable, "-m", "nmt", *arguments], stdout=sys.stderr, check=False
        )
        if done.returncode != 0:
            raise CommandFailed(done.returncode)


def _listed(paths: Sequence[Path]) -> str:
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
