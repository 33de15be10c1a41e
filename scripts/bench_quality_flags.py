"""Measure how well the flags of `nmt translate --flag` find wrong translations.

    python scripts/bench_quality_flags.py --model RUN --source FILE --reference FILE
        [--other NAME=FILE ...]

The first tables are about the translations of a test set. They show whether the worst tenth, by
chrF of each sentence, have the highest signals and raise flags. The last table shows how well
planted errors are told from these translations.

Some errors are planted in the source, which is then translated: words or letters out of order, a
source in the target language, texts of other kinds (--other). The others are translations that the
model did not make, whose signals come from forced decoding. The thresholds are those of the model.
Do not tune them on the text that is measured here.
"""

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmt import Translator
from nmt.errors import DataError, NmtError
from nmt.evaluation.metrics import make_scorer
from nmt.runtime.process import claim_process
from nmt.text.lines import read_all_input_lines
from nmt.translation.quality_estimation import QualityEstimator, QualityReport

Numbers = NDArray[np.float64]

WORST = 0.1
SEED = 7


def main() -> int:
    """Measure and print the tables.

    Returns:
        The exit code.
    """
    try:
        _measure(_options())
    except NmtError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    return 0


def _measure(options: argparse.Namespace) -> None:
    sources, references = (
        read_all_input_lines(options.source),
        read_all_input_lines(options.reference),
    )
    if len(sources) != len(references):
        raise DataError(f"{options.reference}: not as many lines as {options.source}.")
    translator = Translator.load(options.model, device="cpu", threads=options.threads)
    estimator = QualityEstimator.of(translator.bundles[0])
    bench = Bench(translator, estimator)
    translated_test = bench.translated(sources)
    chrf = make_scorer("chrf")
    scores = np.array(
        [
            chrf.sentence_score(text, [reference]).score
            for text, reference in zip(translated_test.texts, references, strict=True)
        ]
    )
    count = max(1, round(WORST * len(scores)))
    worst = np.zeros(len(scores), bool)
    worst[np.argsort(scores, kind="stable")[:count]] = True
    print(_worst_table(translated_test, worst), end="\n\n", flush=True)
    print(_flags_table(translated_test, worst, estimator), end="\n\n", flush=True)
    chosen = random.Random(SEED).sample(range(len(sources)), min(options.planted, len(sources)))
    with_errors = bench.with_errors(
        [sources[i] for i in chosen],
        [translated_test.texts[i] for i in chosen],
        [references[i] for i in chosen],
    )
    for name, _, path in (each.partition("=") for each in options.other):
        lines = [line for line in read_all_input_lines(Path(path)) if line.strip()]
        lines = random.Random(SEED).sample(lines, min(options.planted, len(lines)))
        with_errors[name] = bench.translated(lines)
    print(_planted_table(translated_test, with_errors))


@dataclass(frozen=True)
class EstimatedTranslations:
    """Translations with their quality reports.

    Attributes:
        texts: The translations.
        reports: Their quality reports.
    """

    texts: list[str]
    reports: list[QualityReport]

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Whether any flag is raised, for each translation."""
        return np.array([bool(report.flags) for report in self.reports])

    def raised(self, flag: str) -> NDArray[np.bool_]:
        """Return whether a flag is raised, for each translation."""
        return np.array([flag in report.flags for report in self.reports])

    def values(self, signal: str) -> Numbers:
        """Return a signal, or the risk, of each translation. A higher value is worse."""
        return np.array([_VALUES[signal](report) for report in self.reports], dtype=float)


_VALUES: dict[str, Callable[[QualityReport], float | None]] = {
    "risk": lambda report: report.risk,
    "log-probability": lambda report: -report.signals.log_probability,
    "attention entropy": lambda report: report.signals.attention_entropy,
    "uncovered": lambda report: report.signals.uncovered,
    "repetition": lambda report: report.signals.repetition,
    "copy": lambda report: report.signals.copy,
    "length": lambda report: abs(report.signals.length),
    "unknown": lambda report: report.signals.unknown,
}


@dataclass
class _Forced:
    """A given translation with its score from forced decoding."""

    text: str
    score: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.score, name)


@dataclass(frozen=True)
class Bench:
    """The translator and the quality estimator that are measured.

    Attributes:
        translator: The translator.
        estimator: The quality estimator.
    """

    translator: Translator
    estimator: QualityEstimator

    def translated(self, sources: Sequence[str]) -> EstimatedTranslations:
        """Return the model's translations of sources with their quality reports.

        Raises:
            DataError: A source is blank.
        """
        found = self.translator.translate(sources)
        return self._estimate(sources, found)

    def given(self, sources: Sequence[str], texts: Sequence[str]) -> EstimatedTranslations:
        """Return given translations with their quality reports.

        Args:
            sources: The source sentences.
            texts: Their translations, which the model did not make.

        Raises:
            DataError: A source is blank.
        """
        scores = self.translator.score(sources, texts, attention=True)
        return self._estimate(
            sources, [_Forced(text, each) for text, each in zip(texts, scores, strict=True)]
        )

    def with_errors(
        self, sources: Sequence[str], texts: Sequence[str], references: Sequence[str]
    ) -> dict[str, EstimatedTranslations]:
        """Return translations with errors, by the kind of error.

        Args:
            sources: The source sentences.
            texts: Their translations by the model.
            references: Their reference translations.

        Raises:
            DataError: A source is blank.
        """
        chosen = random.Random(SEED)
        return {
            "source: words shuffled": self.translated([_shuffle_words(s, chosen) for s in sources]),
            "source: letters swapped": self.translated([_swap_letters(s, chosen) for s in sources]),
            "source: in the target language": self.translated(references),
            "that of another sentence": self.given(sources, [*texts[1:], *texts[:1]]),
            "the source, untranslated": self.given(sources, sources),
            "its end four times more": self.given(sources, list(map(_repeat_end, texts))),
            "only its first half": self.given(sources, list(map(_first_half, texts))),
            "its middle third missing": self.given(sources, list(map(_without_middle, texts))),
        }

    def _estimate(self, sources: Sequence[str], found: Sequence[Any]) -> EstimatedTranslations:
        reports = [
            self.estimator.estimate(source, each)
            for source, each in zip(sources, found, strict=True)
        ]
        if None in reports:
            raise DataError("a source is blank: leave such lines out.")
        return EstimatedTranslations(
            [each.text for each in found], [each for each in reports if each]
        )


def _shuffle_words(text: str, chosen: random.Random) -> str:
    words = text.split()
    chosen.shuffle(words)
    return " ".join(words)


def _swap_letters(text: str, chosen: random.Random) -> str:
    """Return a text with the inner letters of each word in random order."""

    def garbled(word: str) -> str:
        inner = list(word[1:-1])
        chosen.shuffle(inner)
        return word[:1] + "".join(inner) + word[-1:] if len(word) > 3 else word

    return " ".join(map(garbled, text.split()))


def _repeat_end(text: str) -> str:
    words = text.split()
    return " ".join(words + words[-4:] * 4)


def _first_half(text: str) -> str:
    words = text.split()
    return " ".join(words[: (len(words) + 1) // 2])


def _without_middle(text: str) -> str:
    words = text.split()
    third = len(words) // 3
    return " ".join(words[:third] + words[len(words) - third :]) or text


def auc(bad: Numbers, good: Numbers) -> float:
    """Return the area under the ROC curve: how often a bad value is above a good one.

    Equal values count half.

    Args:
        bad: The values of wrong translations.
        good: The values of right translations.
    """
    higher = (bad[:, None] > good).mean() + 0.5 * (bad[:, None] == good).mean()
    return float(higher)


def precision_at(values: Numbers, wrong: NDArray[np.bool_], share: float) -> float:
    """Return the share of wrong translations among those with the highest values.

    Of equal values at the edge, the expected share counts.

    Args:
        values: A signal of each translation.
        wrong: Whether each translation is wrong.
        share: The share of translations that count as highest, from 0 to 1.
    """
    count = max(1, round(share * len(values)))
    edge = np.sort(values)[-count]
    above, level = values > edge, values == edge
    return float((wrong[above].sum() + (count - above.sum()) * wrong[level].mean()) / count)


def _worst_table(translated_test: EstimatedTranslations, worst: NDArray[np.bool_]) -> str:
    lines = [
        f"The worst {worst.sum()} of {len(worst)} by chrF (chance: AUC 0.5, precision "
        f"{worst.mean():.2f}):\n",
        "| highest by | AUC | wrong among the first 2% | 5% | 10% |",
        "| --- | --: | --: | --: | --: |",
    ]
    for name in _VALUES:
        values = translated_test.values(name)
        if np.isnan(values).any() or values.min() == values.max():
            continue
        found = [f"{precision_at(values, worst, share):.2f}" for share in (0.02, 0.05, 0.1)]
        cells = [name, f"{auc(values[worst], values[~worst]):.2f}", *found]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _flags_table(
    translated_test: EstimatedTranslations, worst: NDArray[np.bool_], estimator: QualityEstimator
) -> str:
    lines = ["| flag | raised | of them among the worst |", "| --- | --: | --: |"]
    rows = {name: translated_test.raised(name) for name in vars(estimator.thresholds)}
    for name, raised in {**rows, "any": translated_test.flagged}.items():
        share = f"{worst[raised].mean():.2f}" if raised.any() else ""
        lines.append(f"| {name} | {raised.mean():.1%} | {share} |")
    return "\n".join(lines)


def _planted_table(
    translated_test: EstimatedTranslations, with_errors: dict[str, EstimatedTranslations]
) -> str:
    lines = [
        "| planted error | lines | flagged | AUC of the risk | best single signal |",
        "| --- | --: | --: | --: | --- |",
        f"| (none) | {len(translated_test.texts)} | {translated_test.flagged.mean():.0%} | | |",
    ]
    for name, errors in with_errors.items():
        areas = {
            signal: auc(errors.values(signal), translated_test.values(signal))
            for signal in _VALUES
            if not np.isnan(translated_test.values(signal)).any()
        }
        risk = areas.pop("risk")
        best = max(areas, key=lambda signal: areas[signal])
        cells = [
            name,
            str(len(errors.texts)),
            f"{errors.flagged.mean():.0%}",
            f"{risk:.3f}",
            f"{best} {areas[best]:.3f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--other", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--planted", type=int, default=300, help="lines of each planted error")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    claim_process()
    sys.exit(main())
