"""The tuning of search settings: each of a grid is tried, scored and ranked."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nmt.bundles.bundle_files import BUNDLE_RECORD, check_is_folder, find_bundle
from nmt.config.search_overrides import override
from nmt.config.settings import SearchSettings
from nmt.config.yaml_positions import plain_value
from nmt.console import progress, warn
from nmt.errors import DataError, UsageError
from nmt.evaluation.scores import common_bleu_tokenizer
from nmt.evaluation.significance import SIGNIFICANT, SystemScore, compare
from nmt.runtime.atomic_files import remove_leftovers
from nmt.runtime.lock import hold_lock
from nmt.runtime.run_directory import RunDirectory
from nmt.runtime.tables import print_table as print_rows
from nmt.search.beam import Scorer
from nmt.text.characters import normalize_for_comparison
from nmt.tokenizers.source_tags import TagSelection
from nmt.translation.translator import Translator


@dataclass
class Outcome:
    """Translations with one choice of settings.

    Attributes:
        settings: The search settings.
        texts: One translation of each source.
        seconds: The time that they took, with the encoding in full.
    """

    settings: SearchSettings
    texts: list[str]
    seconds: float = 0.0


def sweep(
    translator: Translator,
    sources: Sequence[str],
    points: Sequence[SearchSettings],
    tags: Sequence[TagSelection] | None = None,
) -> list[Outcome]:
    """Return the translations of the sources with each of the settings.

    Each batch is encoded once, and searched with all settings before the next. Memory holds one
    batch, however long the text is.

    Args:
        translator: The translator.
        sources: The source texts.
        points: The settings to try.
        tags: The target language and the tag of each source, see `Translator.translate`.

    Raises:
        UsageError: The model cannot do one of the searches.
    """
    outcomes = [Outcome(settings, [""] * len(sources)) for settings in points]
    batches = list(translator.batches(sources, tags))
    kept = EncodingCache(translator.model)
    encoding_once = translator.with_model(kept)
    total = len(points) * sum(map(len, batches))
    with progress("tuning", total, "translations", by_time=True) as shown:
        for batch in batches:
            kept.forget()
            texts = [sources[i] for i in batch]
            for outcome in outcomes:
                saved, began = kept.seconds, time.monotonic()
                found = encoding_once.translate(
                    texts,
                    attention=False,
                    tags=None if tags is None else [tags[i] for i in batch],
                    **outcome.settings.model_dump(),
                )
                outcome.seconds += saved + time.monotonic() - began
                for i, translation in zip(batch, found, strict=True):
                    outcome.texts[i] = translation.text
                shown.advance(len(batch))
    return outcomes


@dataclass(frozen=True)
class TuningTrial:
    """Search settings and their result.

    Attributes:
        settings: The search settings.
        standing: The score of their translations.
        sentences_per_second: The speed on this machine.
        present: Whether these are the present defaults.
    """

    settings: SearchSettings
    standing: SystemScore
    sentences_per_second: float
    present: bool


@dataclass(frozen=True)
class Tuning:
    """All trials, best first.

    Attributes:
        metric: The name of the metric in papers.
        signature: The signature of sacreBLEU for the scores.
        sentences: The number of sentences in the text.
        trials: The trials, best first.
    """

    metric: str
    signature: str
    sentences: int
    trials: list[TuningTrial]

    @property
    def winner(self) -> TuningTrial:
        """The trial with the highest score; of several such, see `tune`."""
        return self.trials[0]

    @property
    def present(self) -> TuningTrial:
        """The trial of the present defaults."""
        return next(trial for trial in self.trials if trial.present)

    @property
    def has_higher_score(self) -> bool:
        """Whether the winner scores higher than the present defaults."""
        return self.winner.standing.score > self.present.standing.score

    @property
    def within_noise(self) -> bool:
        """Whether the winner may be no better than the present defaults."""
        p = self.winner.standing.p
        return bool(self.noise) or (p is not None and p >= SIGNIFICANT)

    @property
    def noise(self) -> str:
        """The reason why the best score is noise, empty where it is not."""
        return self.winner.standing.noise

    def record(self) -> dict[str, Any]:
        """Return the result as plain data, for programs."""
        return {
            "metric": self.metric,
            "signature": self.signature,
            "sentences": self.sentences,
            "trials": [_record(trial) for trial in self.trials],
        }


def tune(
    translator: Translator,
    sources: Sequence[str],
    references: Sequence[Sequence[str]],
    points: Sequence[SearchSettings],
    metric: str,
    tags: Sequence[TagSelection] | None = None,
) -> Tuning:
    """Translate a text with all settings, and compare each score with that of the first.

    Texts are compared in the form of `normalize_for_comparison`.

    Args:
        translator: The translator.
        sources: The source texts.
        references: One list for each set of references, each as long as `sources`.
        points: The settings to try, the present defaults first.
        metric: The metric, a name of TUNING_METRICS.
        tags: The target language and the tag of each source, see `Translator.translate`.

    Returns:
        All trials, by score. Of equal scores, the smaller beam comes first, then the present
        defaults, then the order of `points`.

    Raises:
        UsageError: The model cannot do one of the searches.
        DataError: The numbers of sources and references differ, or there is nothing to translate.
    """
    if next(translator.batches(sources, tags), None) is None:
        raise DataError("nothing to tune on: all lines of the source are blank.")
    outcomes = sweep(translator, sources, points, tags)
    baseline, *others = [list(map(normalize_for_comparison, outcome.texts)) for outcome in outcomes]
    references = [list(map(normalize_for_comparison, each)) for each in references]
    # Other metrics need no words, but the length ratio counts the words of BLEU.
    languages = translator.tagging.languages(sources, tags)
    tokenize = common_bleu_tokenizer(languages, warn if metric == "bleu" else None)
    compared = compare(baseline, others, references, metric, tokenize=tokenize)
    standings = [compared.baseline, *compared.others]
    trials = [
        _trial(outcome, standing, present=outcome is outcomes[0])
        for outcome, standing in zip(outcomes, standings, strict=True)
    ]
    return Tuning(compared.metric, compared.signature, len(sources), sorted(trials, key=_rank))


def _trial(outcome: Outcome, standing: SystemScore, present: bool) -> TuningTrial:
    rate = len(outcome.texts) / outcome.seconds if outcome.seconds > 0.0 else 0.0
    return TuningTrial(outcome.settings, standing, rate, present)


def _rank(trial: TuningTrial) -> tuple[float, int, bool]:
    return -trial.standing.score, trial.settings.beam_size, not trial.present


def _record(trial: TuningTrial) -> dict[str, Any]:
    settings, standing = trial.settings, trial.standing
    return {
        "beam_size": settings.beam_size,
        "length_penalty": settings.length_penalty,
        "alpha": settings.alpha,
        "coverage_penalty": settings.coverage_penalty,
        "score": standing.score,
        "interval": list(standing.interval),
        "p": standing.p,
        "noise": standing.noise,
        "length_ratio": standing.length_ratio,
        "sentences_per_second": trial.sentences_per_second,
        "present": trial.present,
    }


_PENALTIES = ("length_penalty", "alpha", "coverage_penalty")
_MOST_VALUES = 1000


def values(text: str) -> list[Any]:
    """Return the values of a list such as `1,5,10` or `0,0.2,...,1.4`, typed as in YAML.

    `...` continues the step between the two numbers before it.

    Raises:
        UsageError: The values that `...` stands for cannot be determined.
    """
    items = [item.strip() for item in text.split(",")]
    found: list[Any] = []
    for i, item in enumerate(items):
        found += _between(items, i) if item == "..." else [plain_value(item)]
    return found


def grid(present: SearchSettings, axes: Mapping[str, Sequence[Any]]) -> list[SearchSettings]:
    """Return the present settings, then those with every combination of the values.

    Of several settings that stand for the same search, only the first is kept. Greedy search has a
    single hypothesis to score, so that it is tried once, with the present penalties.

    Args:
        present: The present settings.
        axes: The values to try, by field.

    Raises:
        UsageError: A value is not allowed. The message says which, and why.
    """
    penalties = {name: getattr(present, name) for name in _PENALTIES}
    points = {_search_of(present): present}
    for choice in product(*axes.values()):
        changed = override(present, dict(zip(axes, choice, strict=True)))
        if changed.beam_size == 1:
            changed = changed.model_copy(update=penalties)
        points.setdefault(_search_of(changed), changed)
    return list(points.values())


def _search_of(settings: SearchSettings) -> SearchSettings:
    """Return a normal form, which is the same for settings of the same search.

    Without alpha, no penalty has an effect.
    """
    if settings.length_penalty != "none" and settings.alpha != 0.0:
        return settings
    return settings.model_copy(update={"length_penalty": "none", "alpha": 0.0})


def _between(items: list[str], dots: int) -> list[Any]:
    """Return the values that `...` stands for, at the position `dots` of a list."""
    if not 2 <= dots < len(items) - 1:
        raise _uncountable(items)
    try:
        first, second, last = (Decimal(items[i]) for i in (dots - 2, dots - 1, dots + 1))
        steps = (last - second) / (second - first)
        whole = int(steps)
    except (ArithmeticError, ValueError) as error:
        raise _uncountable(items) from error
    if steps != whole or not 0 < whole <= _MOST_VALUES:
        raise _uncountable(items)
    return [plain_value(str(second + step * (second - first))) for step in range(1, whole)]


def _uncountable(items: list[str]) -> UsageError:
    return UsageError(
        f"{','.join(items)}: `...` needs two numbers before it and the last number after it, as "
        f"in 0,0.2,...,1.4, with at most {_MOST_VALUES} steps."
    )


class EncodingCache:
    """Model that keeps its encoded batches until they are dropped: a `Scorer`.

    Args:
        model: The model.

    Attributes:
        seconds: The time that the encoding of the kept batches took.
    """

    def __init__(self, model: Scorer) -> None:
        self._model = model
        self._kept: dict[tuple[torch.Size, bytes], Any] = {}
        self.seconds = 0.0

    def forget(self) -> None:
        """Drop all encodings, and reset their time."""
        self._kept.clear()
        self.seconds = 0.0

    def encode(self, source: Tensor, lengths: Tensor) -> Any:
        """See `Scorer.encode`.

        Padding is part of `source`, so that the lengths need no comparison.
        """
        key = (source.shape, source.cpu().numpy().tobytes())
        if key not in self._kept:
            began = time.monotonic()
            self._kept[key] = self._model.encode(source, lengths)
            if source.is_cuda:
                torch.cuda.synchronize(source.device)
            self.seconds += time.monotonic() - began
        return self._kept[key]

    def start(self, encoded: Any, beams: int) -> Any:
        """See `Scorer.start`."""
        return self._model.start(encoded, beams)

    def step(self, encoded: Any, state: Any, previous: Tensor) -> Any:
        """See `Scorer.step`."""
        return self._model.step(encoded, state, previous)

    def log_probabilities(self, encoded: Any, step: Any) -> Tensor:
        """See `Scorer.log_probabilities`."""
        return self._model.log_probabilities(encoded, step)


@contextlib.contextmanager
def locked_bundle(path: Path | None) -> Iterator[Path]:
    """Yield the bundle of a command, locked against training and other tuning.

    The remains of a tuning that was killed are repaired first.

    Args:
        path: A bundle or a run. None: see `find_bundle`.

    Raises:
        ModelError: There is no bundle.
        UsageError: The bundle is one file.
        ResourceError: Another process writes the bundle.
    """
    path = find_bundle(None) if path is None else path
    check_is_folder(path)
    place = _place(path)
    if place.exists() or not place.parent.is_dir():
        find_bundle(path)
    run = RunDirectory(place.parent)
    in_a_run = run.config_file.is_file()
    lock = run.training_lock if in_a_run else place.with_name(f".{place.name}.tuning")
    with hold_lock(lock, "this model"):
        remove_leftovers(place.parent, [place.name])
        yield find_bundle(path)


def _place(path: Path) -> Path:
    """Return the folder of a bundle, or where it was before it was renamed aside."""
    run = RunDirectory(path)
    of_a_run = run.config_file.is_file() and not (path / BUNDLE_RECORD).is_file()
    return (run.best if of_a_run else path).resolve()


_WORDS = (1, 9)
"""Columns of words. The others are of numbers."""


def print_table(tuning: Tuning) -> None:
    """Print the trials on stdout, best first, and the signature of the scores."""
    header = ["beam", "penalty", "alpha", "coverage", tuning.metric, "95% interval", "p"]
    header += ["hyp/ref", "sentences/s", ""]
    rows = [[*_cells(trial), _mark(trial, tuning)] for trial in tuning.trials]
    print_rows(header, rows, _WORDS, bold=(0,))
    print(tuning.signature)


def _cells(trial: TuningTrial) -> list[str]:
    settings, standing = trial.settings, trial.standing
    low, high = standing.interval
    greedy = settings.beam_size == 1
    plain = greedy or settings.length_penalty == "none"
    return [
        str(settings.beam_size),
        "-" if greedy else settings.length_penalty,
        "-" if plain else f"{settings.alpha:g}",
        "-" if greedy else f"{settings.coverage_penalty:g}",
        f"{standing.score:.2f}",
        f"{low:.2f} - {high:.2f}",
        "-" if standing.p is None else f"{standing.p:.3f}",
        f"{standing.length_ratio:.3f}",
        f"{trial.sentences_per_second:.1f}",
    ]


def _mark(trial: TuningTrial, tuning: Tuning) -> str:
    marks = ["best"] if trial is tuning.winner else []
    marks += ["present"] if trial.present else []
    return ", ".join(marks)
