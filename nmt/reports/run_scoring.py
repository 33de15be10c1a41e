"""Translation quality of runs, each of which translates the same text to be scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from nmt.console import warn
from nmt.data.binarize import held_out_path
from nmt.data.manifest import Manifest
from nmt.errors import DataError, NmtError
from nmt.evaluation.breakdown import count_words, vocabulary
from nmt.evaluation.input_checks import reference_warnings
from nmt.evaluation.score_report import ReportOptions, System, compare_systems, noise_warnings
from nmt.evaluation.scores import common_bleu_tokenizer
from nmt.reports.comparison import RunScores
from nmt.reports.run_state import RunState
from nmt.text.characters import normalize_for_comparison
from nmt.text.lines import read_all_input_lines, read_input_lines, read_parallel

_MOST_TRAIN_LINES = 5_000_000
"""The longest training text, in lines, in which words are counted. A longer one takes minutes."""

Translate = Callable[[RunState, str, Sequence[str]], list[str]]
"""Translate lines with the best model of a run, given the run, its name and the lines."""


@dataclass(frozen=True)
class Text:
    """A text to translate and its references.

    Attributes:
        name: The display name of the text.
        sources: The source lines.
        references: The reference lines, one list for each reference set.
        languages: The target languages. Empty: those of the first run.
    """

    name: str
    sources: list[str]
    references: list[list[str]]
    languages: tuple[str, ...] = ()


def read_text_files(source: Path, references: Sequence[Path], language: str | None = None) -> Text:
    """Read a text from files.

    Args:
        source: The source file.
        references: The reference files.
        language: The target language, None for those of the first run.

    Returns:
        The text.

    Raises:
        DataError: The files differ in their number of lines, or a file cannot be read.
    """
    sources, *reference_lines = read_parallel([source, *references])
    languages = () if language is None else (language,)
    return Text(source.name, sources, reference_lines, languages)


def read_shared_dev(states: Sequence[RunState]) -> Text:
    """Return the dev text that runs share.

    Raises:
        DataError: The dev text of a run is missing or has changed since training, or two runs have
            different dev texts.
    """
    texts = []
    for state in states:
        state.check_data()
        sides = [held_out_path(state.run.data, "dev", side) for side in ("source", "target")]
        texts.append([read_all_input_lines(side) for side in sides])
    for state, text in zip(states, texts, strict=True):
        if text != texts[0]:
            raise DataError(
                f"{states[0].run.path} and {state.run.path} have different dev texts. Give a text "
                "with --source and --ref."
            )
    sources, reference = texts[0]
    return Text("dev", sources, [reference])


def score_models(
    states: Sequence[RunState], names: Sequence[str], text: Text, translate: Translate
) -> RunScores:
    """Translate a text with the best model of each run, and score the translations.

    Args:
        states: The state of each run.
        names: The name of each run.
        text: The text to translate.
        translate: The function that translates lines with a run. Its exceptions are passed on.

    Returns:
        The scores of the runs.
    """
    hypotheses = [
        translate(state, name, text.sources) for state, name in zip(states, names, strict=True)
    ]
    return score_runs(states, names, text, hypotheses)


def score_runs(
    states: Sequence[RunState],
    names: Sequence[str],
    text: Text,
    hypotheses: Sequence[Sequence[str]],
) -> RunScores:
    """Score translations of a text, one of each run, with the first run as the baseline.

    The texts are compared in the form of `normalize_for_comparison`.

    Args:
        states: The state of each run.
        names: The name of each run.
        text: The text that was translated.
        hypotheses: The translated lines of each run.

    Returns:
        The scores of the runs.

    Raises:
        DataError: The translations differ from the text in their number of lines.
        UsageError: The text has only one line.
    """
    hypotheses = [list(map(normalize_for_comparison, lines)) for lines in hypotheses]
    references = [list(map(normalize_for_comparison, lines)) for lines in text.references]
    systems = [System(*lines) for lines in zip(names, hypotheses, strict=True)]
    configs = [state.config for state in states if state.config is not None]
    languages = text.languages or (configs[0].data.target_languages if configs else ())
    tokenize = common_bleu_tokenizer(languages)
    metrics = ("bleu", "chrf", *sorted({"chrf++"} & {state.best_metric for state in states}))
    for warning in reference_warnings(references, metrics, tokenize):
        warn(warning)
    question = ReportOptions(
        references=references,
        sources=text.sources,
        counts=_counts(states[0], [*references, *hypotheses]),
        metrics=metrics,
        tokenize=tokenize,
    )
    scores = compare_systems(systems, question)
    for warning in noise_warnings(scores):
        warn(warning)
    return RunScores(text.name, scores)


def _counts(state: RunState, texts: Sequence[Sequence[str]]) -> dict[str, int] | None:
    """Return the frequency of the texts' words in the training text of a run.

    It is None where the training text is missing or too long.
    """
    try:
        files = Manifest.load(state.run.data).inputs["train.target"]
        if sum(file.lines for file in files) > _MOST_TRAIN_LINES:
            return None
        lines = chain.from_iterable(read_input_lines(Path(file.path)) for file in files)
        return count_words(map(normalize_for_comparison, lines), vocabulary(texts))
    except (NmtError, KeyError) as error:
        warn(f"no scores by word frequency: {error}")
        return None
