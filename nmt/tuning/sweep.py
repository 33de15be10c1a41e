"""Translation of one text with many settings, in one encoding pass."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from nmt.config.settings import SearchSettings
from nmt.runtime.console import progress
from nmt.search.translator import Translator
from nmt.tuning.encodings import KeptEncodings


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
    translator: Translator, sources: Sequence[str], points: Sequence[SearchSettings]
) -> list[Outcome]:
    """Return the translations of the sources with each of the settings.

    Each batch is encoded once, and searched with all settings before the next. Memory holds one
    batch, however long the text is.

    Args:
        translator: The translator.
        sources: The source texts.
        points: The settings to try.

    Raises:
        UsageError: The model cannot do one of the searches.
    """
    outcomes = [Outcome(settings, [""] * len(sources)) for settings in points]
    batches = list(translator.batches(sources))
    kept = KeptEncodings(translator.model)
    encoding_once = translator.with_model(kept)
    total = len(points) * sum(map(len, batches))
    with progress("tuning", total, "translations", by_time=True) as shown:
        for batch in batches:
            kept.forget()
            texts = [sources[i] for i in batch]
            for outcome in outcomes:
                saved, began = kept.seconds, time.monotonic()
                found = encoding_once.translate(
                    texts, attention=False, **outcome.settings.model_dump()
                )
                outcome.seconds += saved + time.monotonic() - began
                for i, translation in zip(batch, found, strict=True):
                    outcome.texts[i] = translation.text
                shown.advance(len(batch))
    return outcomes
