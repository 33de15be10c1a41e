"""Template configurations for corpora of typical sizes: configs/small.yaml and so on."""

from nmt.config.recipes.facts import CorpusFacts, SideFacts
from nmt.config.recipes.rules import Choice, fitted
from nmt.config.recipes.written import as_yaml

_PLENTY = 1_000_000


def _typical(pairs: int, words: int, long_words: int) -> CorpusFacts:
    """Return the statistics of a corpus of two languages in one script.

    Args:
        pairs: The number of pairs.
        words: The number of words of a side.
        long_words: See `CorpusFacts`.
    """
    side = SideFacts(words, _PLENTY, 100, {"Latin": 1.0})
    return CorpusFacts(pairs, side, side, long_words, dev_pairs=2000)


TEMPLATES = {
    "small": _typical(30_000, 360_000, 30),
    "medium": _typical(500_000, 10_000_000, 60),
    "large": _typical(5_000_000, 120_000_000, 80),
}
"""The corpus that each template is fitted to."""


def template(name: str) -> str:
    """Return a template configuration in YAML."""
    facts = TEMPLATES[name]
    head = (
        f"What nmt init chooses for {facts.pairs:,} pairs, {facts.words:,} words a side.\n"
        "Rather let nmt init look at your texts; or copy this, and name them below `data`."
    )
    return as_yaml([*_texts(), *fitted(facts)], head)


def _texts() -> list[Choice]:
    sides = {"source": "de", "target": "en"}
    languages = [Choice(f"data.{side}_language", code) for side, code in sides.items()]
    files = [
        Choice(f"data.{name}.{side}", f"{name}.{code}")
        for name in ("train", "dev")
        for side, code in sides.items()
    ]
    return languages + files
