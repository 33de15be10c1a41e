"""Labels of the lines of a text, such as language pairs, and the tokenizer of BLEU for each."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nmt.console import warn
from nmt.errors import DataError
from nmt.evaluation.breakdown import Bucket, by_label
from nmt.evaluation.scores import bleu_tokenizer
from nmt.text.languages import read_target_language
from nmt.text.lines import read_all_input_lines

_MIN_LINES = 20
_MAX_GROUPS_PER_LINE = 0.5


@dataclass(frozen=True)
class LineLabels:
    """The labels of the lines of a text, which divide it into groups.

    Attributes:
        file: The file of the labels.
        labels: The label of each line.
    """

    file: Path
    labels: Sequence[str]

    @cached_property
    def groups(self) -> list[Bucket]:
        """The lines of each label, in order of first appearance."""
        return by_label(self.labels)

    def check_count(self, lines: int, name: str | Path) -> None:
        """Raise DataError unless there is a label for each line of a text.

        Args:
            lines: The number of lines of the text.
            name: The name of the text.
        """
        if len(self.labels) != lines:
            raise DataError(
                f"line counts differ: {self.file}: {len(self.labels)}, {name}: {lines}. Give one "
                "label for each line of the text, in the same order."
            )


def read_labels(file: Path) -> LineLabels:
    """Return the labels in a file with a label for each line of a text.

    Spaces around a label do not count.

    Raises:
        DataError: The file cannot be read, or a label is blank or has control characters.
    """
    labels = [line.strip() for line in read_all_input_lines(file)]
    for number, label in enumerate(labels, start=1):
        if not label:
            raise DataError(f"{file}: line {number}: the label is blank. Give each line a label.")
        if any(unicodedata.category(character) == "Cc" for character in label):
            raise DataError(
                f"{file}: line {number}: the label {label!r} has a tab or a control character. "
                "Give a file with labels only, one a line."
            )
    found = LineLabels(file, labels)
    if len(labels) >= _MIN_LINES and len(found.groups) > _MAX_GROUPS_PER_LINE * len(labels):
        warn(
            f"{file}: {len(found.groups):,} different labels on {len(labels):,} lines. Check "
            "whether it is the file of labels."
        )
    return found


def group_tokenizers(
    labels: Iterable[str], default: str | None, report: Callable[[str], None] | None
) -> dict[str, str | None]:
    """Return the tokenizer of BLEU for each label: that of its target language, if it names one.

    Args:
        labels: The labels.
        default: The tokenizer for labels that name no known language.
        report: Takes a sentence where BLEU is of characters, see `bleu_tokenizer`.
    """
    by_language: dict[str, str | None] = {}
    tokenizers: dict[str, str | None] = {}
    for label in dict.fromkeys(labels):
        language = read_target_language(label)
        if language is None:
            tokenizers[label] = default
            continue
        if language.code not in by_language:
            by_language[language.code] = bleu_tokenizer(language.code, report)
        tokenizers[label] = by_language[language.code]
    return tokenizers
