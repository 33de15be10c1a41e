"""One text translated with many settings, in one encoding pass."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from nmt.config.settings import SearchSettings
from nmt.runtime.console import progress
from nmt.search.translator import Translator
from nmt.tuning.encodings import KeptEncodings


@dataclass
class Outcome:
    """What some settings gave. texts: one translation of each source; seconds: what they took, the
    encoding counted in full.
    """

    settings: SearchSettings
    texts: list[str]
    seconds: float = 0.0


def sweep(
    translator: Translator, sources: Sequence[str], points: Sequence[SearchSettings]
) -> list[Outcome]:
    """What `translator` makes of the sources with each of the settings.

    A batch is encoded once and searched with all settings before the next: memory holds one batch,
    however long the text is. Raises UsageError for a search that the model cannot do.
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
