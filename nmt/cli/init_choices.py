"""The choices of `nmt init` for given texts, and its report on them."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nmt.config.recommend import constants
from nmt.config.recommend.corpus_summary import CorpusSummary, SideSummary
from nmt.config.recommend.render import format_yaml
from nmt.config.recommend.rules import Budget, Recommendation, make_plan, recommend
from nmt.config.registry import PAIR_FORMATS
from nmt.config.settings import CorpusSettings
from nmt.config.settings.training import duration_seconds
from nmt.console import say, warn
from nmt.data.corpus_survey import summarize_corpus
from nmt.data.pair_files import PairFile
from nmt.errors import ConfigError, UsageError
from nmt.evaluation.scores import bleu_tokenizer
from nmt.runtime.atomic_files import write_text
from nmt.text.languages import check_file_languages, find_language, read_file_languages

if TYPE_CHECKING:
    from nmt.doctor.training_checks import Pace

_MAX_SCRIPTS = 3
_MAX_IDENTICAL = 0.1
_MIN_PAIRS = 1000
_MIN_EPOCHS = 3.0

_Files = Sequence[Path] | None
BadUtf8 = Literal["error", "replace", "skip_pair"]


@dataclass(frozen=True)
class TrainingFiles:
    """The files of the training text: two sides, files with both, or all of these.

    Attributes:
        source: The files of the source side.
        target: The files of the target side.
        pairs: The files with both sides.
        sides: Where source and target stand in `pairs`, with a comma between; None if not given.
        format: The format of `pairs`; None if not given.
    """

    source: Sequence[Path] = ()
    target: Sequence[Path] = ()
    pairs: Sequence[Path] = ()
    sides: str | None = None
    format: str | None = None

    def corpora(self, languages: tuple[str | None, str | None]) -> list[CorpusSettings]:
        """Return the settings of the corpora, with their formats and sides as their files tell.

        Files of one format with the same sides are one corpus.

        Args:
            languages: The languages of source and target, or None.

        Raises:
            DataError: A file is missing, or its format or sides are not recognised.
            UsageError: The options do not go together.
        """
        if not self.pairs and (self.sides is not None or self.format is not None):
            raise UsageError("--sides and --format belong to --pairs: give --pairs FILE.")
        if not self.pairs and not (self.source and self.target):
            raise UsageError(
                "give two files of plain text by --source and --target, or files with both sides "
                "by --pairs."
            )
        corpora = []
        if self.source or self.target:
            corpora.append(_corpus("", self.source, self.target))
        return corpora + self._pair_corpora(languages)

    def _pair_corpora(self, languages: tuple[str | None, str | None]) -> list[CorpusSettings]:
        """Return the corpora of the files with both sides."""
        if self.format is not None and self.format not in PAIR_FORMATS.kinds:
            raise UsageError(
                f"{self.format!r} is not a valid format; choose one of "
                f"{', '.join(PAIR_FORMATS.names())}."
            )
        sides = None if self.sides is None else tuple(map(str.strip, self.sides.split(",")))
        if sides is not None and (len(sides) != 2 or not all(sides)):
            raise UsageError(f"--sides {self.sides}: give two names with a comma, such as en,de.")
        both = None if None in languages else languages
        found = [
            PairFile(path, self.format, sides, both).recognise()  # type: ignore[arg-type]
            for path in self.pairs
        ]
        for file in found:
            say(f"{file.path}: {file.description}")
        return [
            CorpusSettings(pairs=tuple(file.path for file in files), format=name, sides=ends)
            for (name, ends), files in groupby(found, lambda file: (file.format, file.sides))
        ]


@dataclass(frozen=True)
class Texts:
    """The texts that the options name.

    Attributes:
        train: The corpora of the training text.
        dev: The dev text, or None.
        languages: The languages of source and target; None where not known.
        on_bad_utf8: The treatment of lines that are not UTF-8.
    """

    train: list[CorpusSettings]
    dev: CorpusSettings | None
    languages: tuple[str | None, str | None]
    on_bad_utf8: BadUtf8

    @classmethod
    def from_options(
        cls,
        train: TrainingFiles,
        dev: tuple[_Files, _Files],
        languages: tuple[str | None, str | None],
        on_bad_utf8: BadUtf8,
    ) -> "Texts":
        """Return the texts, with languages that are not given guessed from file names.

        Args:
            train: The files of the training text.
            dev: The dev files of source and target, or None.
            languages: The languages of source and target, or None.
            on_bad_utf8: The treatment of lines that are not UTF-8.

        Raises:
            DataError: A file with both sides is missing, or is not recognised.
            UsageError: The sides differ in their number of files, or options do not go together,
                or the sides of dev are swapped by the names of their files.
        """
        if train.source and train.target:
            guessed = read_file_languages(train.source[0], train.target[0])
            languages = (languages[0] or guessed[0], languages[1] or guessed[1])
        corpora = train.corpora(languages)
        if corpora[0].sides is not None:
            source, target = map(find_language, corpora[0].sides)
            languages = (
                languages[0] or (None if source is None else source.code),
                languages[1] or (None if target is None else target.code),
            )
        texts = cls(
            train=corpora,
            dev=None if dev[0] is None or dev[1] is None else _corpus("dev-", dev[0], dev[1]),
            languages=languages,
            on_bad_utf8=on_bad_utf8,
        )
        _check_dev_names(texts)
        return texts

    def summarize(self) -> CorpusSummary:
        """Return the summary of the texts, which are read for it.

        Raises:
            DataError: See `summarize_corpus`.
        """
        dev = None if self.dev is None else [self.dev]
        return summarize_corpus(self.train, dev, self.on_bad_utf8)


def recommend_for(
    facts: CorpusSummary, texts: Texts, folder: Path, budget: str | None
) -> list[Recommendation]:
    """Return the recommended value of each key of the configuration.

    With a budget, it times some updates of the model that is recommended without a budget.

    Args:
        facts: Statistics of the corpus.
        texts: The texts.
        folder: The folder of the new configuration, for relative paths.
        budget: The time limit of training; None for no limit. Timing may raise, see `measure_pace`.
    """
    facts = replace(facts, bleu_counts_words=bleu_tokenizer(texts.languages[1], None) != "char")
    data = _data_recommendations(texts, folder)
    if budget is None:
        return [*data, *recommend(facts)]
    with tempfile.TemporaryDirectory(prefix=".tmp-init-") as name:
        temporary_folder = Path(name)
        say(f"timing some updates for a budget of {budget}")
        pace = _measure_pace(
            [*_data_recommendations(texts, None), *recommend(facts)], temporary_folder
        )
    if pace.is_busy:
        warn(
            f"other processes use the CPU (the timed updates waited {pace.waited_share:.0%} of "
            "their time).\n"
            "The number of updates is an estimate for an idle machine. Train on an idle machine, "
            "or run nmt init again there."
        )
    seconds = constants.BUDGET_FOR_UPDATES * duration_seconds(budget)
    limit = Budget(budget, max(1, int(seconds / pace.seconds)), pace.seconds)
    plan = make_plan(facts, limit)
    chosen = (
        "all are chosen"
        if plan.updates == limit.updates
        else f"{plan.updates:,} are chosen, because they suffice for a corpus of this size"
    )
    say(
        f"{limit.updates:,} updates fit into {budget} here ({1 / pace.seconds:.1f} a second); "
        f"{chosen}"
    )
    if plan.epochs < _MIN_EPOCHS:
        warn(
            f"{budget} is short: it allows {plan.epochs:.1f} epochs ({plan.updates:,} of "
            f"{plan.full_updates:,} recommended updates)."
        )
    return [*data, *recommend(facts, limit)]


def corpus_report_lines(facts: CorpusSummary, texts: Texts) -> Iterator[str]:
    """Yield the lines of a report on the texts, and print warnings about them.

    Args:
        facts: Statistics of the corpus.
        texts: The texts.
    """
    sides = zip(("source", "target"), texts.languages, (facts.source, facts.target), strict=True)
    dev = "none" if facts.dev_pairs is None else f"{facts.dev_pairs:,} pairs"
    yield f"train: {facts.pairs:,} pairs, a {facts.size} corpus; dev: {dev}"
    for name, language, side in sides:
        yield f"{name}: {language or 'language unknown'}, {_side_text(side)}"
    yield (
        f"99% of the pairs have at most {facts.long_words} words per side; {facts.repeated:.1%} "
        f"are repeated, {facts.identical:.1%} have the same text on both sides, {facts.blank:,} "
        "have a blank side"
    )
    _warn_of_corpus(facts)


def config_comment(facts: CorpusSummary, texts: Texts, budget: str | None) -> str:
    """Return the comment at the head of the configuration.

    Args:
        facts: Statistics of the corpus.
        texts: The texts.
        budget: The time limit of training, or None.
    """
    source, target = (language or "?" for language in texts.languages)
    sizes = f"{facts.pairs:,} pairs, {facts.words:,} words per side"
    limit = f", training time {budget}" if budget else ""
    return (
        f"Written by nmt init: {source} to {target}, {sizes}{limit}.\n"
        "You can change any key. `nmt config explain KEY` explains it. Keys that are not listed "
        "here\n"
        "have the defaults of `nmt config default`."
    )


def _corpus(prefix: str, source: Sequence[Path], target: Sequence[Path]) -> CorpusSettings:
    if len(source) != len(target):
        raise UsageError(
            f"--{prefix}source names {len(source)} files and --{prefix}target {len(target)}; give "
            "the same number of both."
        )
    return CorpusSettings(source=tuple(source), target=tuple(target))


def _check_dev_names(texts: Texts) -> None:
    source_language, target_language = texts.languages
    if texts.dev is None or source_language is None or target_language is None:
        return
    files = zip(texts.dev.source, texts.dev.target, strict=True)
    try:
        check_file_languages(source_language, target_language, files, "dev")
    except ConfigError as error:
        problem = error.message.partition("\n")[0]
        raise UsageError(f"{problem}\nSwap --dev-source and --dev-target.") from error


def _data_recommendations(texts: Texts, folder: Path | None) -> Iterator[Recommendation]:
    """Yield languages and paths relative to the folder; absolute paths without a folder."""
    for side, language in zip(("source", "target"), texts.languages, strict=True):
        if language:
            yield Recommendation(f"data.{side}_language", language)
    for name, corpora in (("train", texts.train), ("dev", [texts.dev] if texts.dev else [])):
        values = [_corpus_values(corpus, folder) for corpus in corpora]
        if len(values) > 1:
            yield Recommendation(f"data.{name}", values)
        else:
            for each in values:
                yield from (Recommendation(f"data.{name}.{key}", each[key]) for key in each)
    if texts.on_bad_utf8 != "error":
        yield Recommendation("data.on_bad_utf8", texts.on_bad_utf8)


def _corpus_values(corpus: CorpusSettings, folder: Path | None) -> dict[str, Any]:
    """Return the keys of a corpus, with paths relative to the folder."""
    values: dict[str, Any] = {}
    for side in ("source", "target", "pairs"):
        paths = [_relative_path(folder, path) for path in getattr(corpus, side)]
        if paths:
            values[side] = paths if len(paths) > 1 else paths[0]
    if corpus.pairs:
        values["format"] = corpus.format
    if corpus.sides is not None:
        values["sides"] = list(corpus.sides)
    return values


def _relative_path(folder: Path | None, path: Path) -> str:
    if folder is None:
        return str(path.absolute())
    return str(path) if path.is_absolute() else os.path.relpath(path, folder)


def _measure_pace(choices: Sequence[Recommendation], folder: Path) -> "Pace":
    from nmt.doctor.training_checks import measure_pace

    config = folder / "timed.yaml"
    write_text(
        config, format_yaml([Recommendation("run_dir", str(folder / "run")), *choices], "Timed.")
    )
    return measure_pace(config)


def _side_text(side: SideSummary) -> str:
    shares = list(side.scripts.items())[:_MAX_SCRIPTS]
    scripts = ", ".join(f"{script} {share:.0%}" for script, share in shares if share >= 0.005)
    counted = "counted by characters, " if side.unspaced else ""
    return f"{side.words:,} words ({counted}{scripts or 'no letters'})"


def _warn_of_corpus(facts: CorpusSummary) -> None:
    for message in facts.findings:
        warn(message)
    if facts.pairs < _MIN_PAIRS:
        warn(f"{facts.pairs:,} pairs are too few to train a translation model. Add text.")
    if facts.identical >= _MAX_IDENTICAL:
        warn(
            f"{facts.identical:.0%} of the pairs have the same text on both sides: the model will "
            "learn to copy."
        )
    if facts.blank > constants.RAISED_LIMIT_FROM * facts.pairs:
        warn(f"{facts.blank:,} pairs have a blank side and will be dropped.")
    longest = constants.MAX_LENGTH[1]
    if constants.MAX_SUBWORDS_PER_WORD * facts.long_words > longest:
        warn(
            f"lines are long: pairs with more than {longest} subwords will be dropped. Split the "
            "lines into sentences, or raise data.max_length."
        )
