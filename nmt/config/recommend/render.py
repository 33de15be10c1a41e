"""Recommendations as YAML with reasons, as a table, and as templates of typical corpora."""

from collections.abc import Iterator, Sequence
from typing import Any

from nmt.config.recommend.corpus_summary import CorpusSummary, SideSummary
from nmt.config.recommend.rules import Recommendation, recommend
from nmt.config.serialize import format_value

_WIDTH = 100
_COMMENT_COLUMN = 48


def format_yaml(recommendations: Sequence[Recommendation], head: str) -> str:
    """Return recommendations as a configuration in YAML, each with its reason as a comment.

    Args:
        recommendations: The recommendations.
        head: The comment at the top, its lines without `#`.
    """
    lines = [f"# {line}".rstrip() for line in head.split("\n")]
    tree: dict[str, Any] = {}
    for recommendation in recommendations:
        *above, name = recommendation.key.split(".")
        section = tree
        for part in above:
            section = section.setdefault(part, {})
        section[name] = recommendation
    for name, value in tree.items():
        lines.append("")
        lines += _section(name, value, 0)
    return "\n".join(lines) + "\n"


def format_table(recommendations: Sequence[Recommendation]) -> list[str]:
    """Return a line for each recommendation that has a reason: key, value, reason."""
    rows = [
        (each.key, format_value(each.value), each.reason) for each in recommendations if each.reason
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return [f"{key:<{widths[0]}}  {value:<{widths[1]}}  {why}" for key, value, why in rows]


def _section(name: str, value: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, Recommendation):
        if isinstance(value.value, list) and any(isinstance(each, dict) for each in value.value):
            yield f"{indent}{name}:"
            yield from (f"{indent}  - {format_value(each)}" for each in value.value)
        else:
            yield from _with_comment(f"{indent}{name}: {format_value(value.value)}", value.reason)
        return
    yield f"{indent}{name}:"
    for below, inner in value.items():
        yield from _section(below, inner, depth + 1)


def _with_comment(line: str, reason: str) -> Iterator[str]:
    """Yield a line with its reason behind it, or above it where it would not fit."""
    if not reason:
        yield line
    elif len(line) < _COMMENT_COLUMN and _COMMENT_COLUMN + len(reason) <= _WIDTH:
        yield f"{line:<{_COMMENT_COLUMN - 2}}  # {reason}"
    else:
        yield f"{' ' * (len(line) - len(line.lstrip()))}# {reason}"
        yield line


_MANY_WORDS = 1_000_000


def _typical(pairs: int, words: int, long_words: int) -> CorpusSummary:
    """Return the statistics of a corpus of two languages in one script.

    Args:
        pairs: The number of pairs.
        words: The number of words of a side.
        long_words: See `CorpusSummary`.
    """
    side = SideSummary(words, _MANY_WORDS, 100, {"Latin": 1.0})
    return CorpusSummary(pairs, side, side, long_words, dev_pairs=2000)


TEMPLATES = {
    "small": _typical(30_000, 360_000, 30),
    "medium": _typical(500_000, 10_000_000, 60),
    "large": _typical(5_000_000, 120_000_000, 80),
}
"""The corpus that each template is fitted to."""


def render_template(name: str) -> str:
    """Return a template configuration in YAML."""
    corpus = TEMPLATES[name]
    head = (
        f"The choices of nmt init for {corpus.pairs:,} pairs, {corpus.words:,} words per side.\n"
        "Run nmt init on your texts, or copy this file and name them in `data`."
    )
    return format_yaml([*_texts(), *recommend(corpus)], head)


def _texts() -> list[Recommendation]:
    sides = {"source": "de", "target": "en"}
    languages = [Recommendation(f"data.{side}_language", code) for side, code in sides.items()]
    files = [
        Recommendation(f"data.{name}.{side}", f"{name}.{code}")
        for name in ("train", "dev")
        for side, code in sides.items()
    ]
    return languages + files
