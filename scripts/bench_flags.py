"""Measure how well the flags of `nmt translate --flag` find wrong translations.

    python scripts/bench_flags.py --model RUN --source FILE --reference FILE [--other NAME=FILE ...]

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
    judge = QualityEstimator.of(translator.bundles[0])
    bench = Bench(translator, judge)
    honest = bench.translated(sources)
    chrf = make_scorer("chrf")
    scores = np.array(
        [
            chrf.sentence_score(text, [reference]).score
            for text, reference in zip(honest.texts, references, strict=True)
        ]
    )
    count = max(1, round(WORST * len(scores)))
    worst = np.zeros(len(scores), bool)
    worst[np.argsort(scores, kind="stable")[:count]] = True
    print(_worst_table(honest, worst), end="\n\n", flush=True)
    print(_flags_table(honest, worst, judge), end="\n\n", flush=True)
    chosen = random.Random(SEED).sample(range(len(sources)), min(options.planted, len(sources)))
    planted = bench.planted(
        [sources[i] for i in chosen],
        [honest.texts[i] for i in chosen],
        [references[i] for i in chosen],
    )
    for name, _, path in (each.partition("=") for each in options.other):
        lines = [line for line in read_all_input_lines(Path(path)) if line.strip()]
        lines = random.Random(SEED).sample(lines, min(options.planted, len(lines)))
        planted[name] = bench.translated(lines)
    print(_planted_table(honest, planted))


@dataclass(frozen=True)
class Judged:
    """Translations with their quality reports.

    Attributes:
        texts: The translations.
        verdicts: Their quality reports.
    """

    texts: list[str]
    verdicts: list[QualityReport]

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Whether any flag is raised, for each translation."""
        return np.array([bool(verdict.flags) for verdict in self.verdicts])

    def raised(self, flag: str) -> NDArray[np.bool_]:
        """Return whether a flag is raised, for each translation."""
        return np.array([flag in verdict.flags for verdict in self.verdicts])

    def values(self, signal: str) -> Numbers:
        """Return a signal, or the risk, of each translation. A higher value is worse."""
        return np.array([_VALUES[signal](verdict) for verdict in self.verdicts], dtype=float)


_VALUES: dict[str, Callable[[QualityReport], float | None]] = {
    "risk": lambda verdict: verdict.risk,
    "log-probability": lambda verdict: -verdict.signals.log_probability,
    "attention entropy": lambda verdict: verdict.signals.attention_entropy,
    "uncovered": lambda verdict: verdict.signals.uncovered,
    "repetition": lambda verdict: verdict.signals.repetition,
    "copy": lambda verdict: verdict.signals.copy,
    "length": lambda verdict: abs(verdict.signals.length),
    "unknown": lambda verdict: verdict.signals.unknown,
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
        judge: The quality estimator.
    """

    translator: Translator
    judge: QualityEstimator

    def translated(self, sources: Sequence[str]) -> Judged:
        """Return the model's translations of sources with their quality reports.

        Raises:
            DataError: A source is blank.
        """
        found = self.translator.translate(sources)
        return self._judged(sources, found)

    def given(self, sources: Sequence[str], texts: Sequence[str]) -> Judged:
        """Return given translations with their quality reports.

        Args:
            sources: The source sentences.
            texts: Their translations, which the model did not make.

        Raises:
            DataError: A source is blank.
        """
        scores = self.translator.score(sources, texts, attention=True)
        return self._judged(
            sources, [_Forced(text, each) for text, each in zip(texts, scores, strict=True)]
        )

    def planted(
        self, sources: Sequence[str], texts: Sequence[str], references: Sequence[str]
    ) -> dict[str, Judged]:
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
            "source: words shuffled": self.translated([_shuffled(s, chosen) for s in sources]),
            "source: letters swapped": self.translated([_swapped(s, chosen) for s in sources]),
            "source: in the target language": self.translated(references),
            "that of another sentence": self.given(sources, [*texts[1:], *texts[:1]]),
            "the source, untranslated": self.given(sources, sources),
            "its end four times more": self.given(sources, list(map(_looped, texts))),
            "only its first half": self.given(sources, list(map(_halved, texts))),
            "its middle third missing": self.given(sources, list(map(_without_middle, texts))),
        }

    def _judged(self, sources: Sequence[str], found: Sequence[Any]) -> Judged:
        verdicts = [
            self.judge.estimate(source, each) for source, each in zip(sources, found, strict=True)
        ]
        if None in verdicts:
            raise DataError("a source is blank: leave such lines out.")
        return Judged([each.text for each in found], [each for each in verdicts if each])


def _shuffled(text: str, chosen: random.Random) -> str:
    words = text.split()
    chosen.shuffle(words)
    return " ".join(words)


def _swapped(text: str, chosen: random.Random) -> str:
    """Return a text with the inner letters of each word in random order."""

    def garbled(word: str) -> str:
        inner = list(word[1:-1])
        chosen.shuffle(inner)
        return word[:1] + "".join(inner) + word[-1:] if len(word) > 3 else word

    return " ".join(map(garbled, text.split()))


def _looped(text: str) -> str:
    words = text.split()
    return " ".join(words + words[-4:] * 4)


def _halved(text: str) -> str:
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


def _worst_table(honest: Judged, worst: NDArray[np.bool_]) -> str:
    lines = [
        f"The worst {worst.sum()} of {len(worst)} by chrF (chance: AUC 0.5, precision "
        f"{worst.mean():.2f}):\n",
        "| highest by | AUC | wrong among the first 2% | 5% | 10% |",
        "| --- | --: | --: | --: | --: |",
    ]
    for name in _VALUES:
        values = honest.values(name)
        if np.isnan(values).any() or values.min() == values.max():
            continue
        found = [f"{precision_at(values, worst, share):.2f}" for share in (0.02, 0.05, 0.1)]
        cells = [name, f"{auc(values[worst], values[~worst]):.2f}", *found]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _flags_table(honest: Judged, worst: NDArray[np.bool_], judge: QualityEstimator) -> str:
    lines = ["| flag | raised | of them among the worst |", "| --- | --: | --: |"]
    rows = {name: honest.raised(name) for name in vars(judge.thresholds)}
    for name, raised in {**rows, "any": honest.flagged}.items():
        share = f"{worst[raised].mean():.2f}" if raised.any() else ""
        lines.append(f"| {name} | {raised.mean():.1%} | {share} |")
    return "\n".join(lines)


def _planted_table(honest: Judged, planted: dict[str, Judged]) -> str:
    lines = [
        "| planted error | lines | flagged | AUC of the risk | best single signal |",
        "| --- | --: | --: | --: | --- |",
        f"| (none) | {len(honest.texts)} | {honest.flagged.mean():.0%} | | |",
    ]
    for name, errors in planted.items():
        areas = {
            signal: auc(errors.values(signal), honest.values(signal))
            for signal in _VALUES
            if not np.isnan(honest.values(signal)).any()
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
