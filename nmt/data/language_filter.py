"""The filter of train pairs by the language of their texts, with the package py3langid.

It needs the extra `langid`, and is off by default.
"""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from nmt.config.settings import DataSettings
from nmt.data.pair_filters import CandidatePairs, HeldOut, PairFilter
from nmt.errors import ConfigError, UsageError
from nmt.text.languages import close_languages

_MIN_MARGIN = 5.0
"""The difference of two log-likelihoods from which a text is in the likelier language.

Short texts differ by less in either direction.
"""

_NO_LANGUAGE = "zxx"


class OtherLanguage(PairFilter):
    """Drops pairs with a side that is clearly in another language than its own.

    Close languages, such as Bosnian and Croatian, count as one.
    """

    def __init__(self, settings: DataSettings, held_out: Mapping[str, HeldOut]) -> None:
        """Load the identifier.

        Raises:
            UsageError: The package py3langid is not installed.
            ConfigError: It does not know a language of the settings.
        """
        super().__init__(settings, held_out)
        self._identifier = _load_identifier()
        known = {code for code, _ in self._identifier.rank("")}
        self._languages = []
        for key in ("source_language", "target_language"):
            language = getattr(settings, key)
            codes = close_languages(language) & known
            if not codes:
                raise ConfigError(
                    f"data.{key}: {language} is no language that data.drop_other_languages can "
                    "find. Set it to a code such as en, or turn that filter off."
                )
            self._languages.append(codes)

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        dropped = [
            any(
                self._is_other(text, codes)
                for text, codes in zip(texts, self._languages, strict=True)
            )
            for texts in zip(*pairs.sides, strict=True)
        ]
        return np.array(dropped, np.bool_)

    def _is_other(self, text: str, codes: frozenset[str]) -> bool:
        """Return whether another language is far likelier than those of `codes`."""
        ranked = [each for each in self._identifier.rank(text) if each[0] != _NO_LANGUAGE]
        if ranked[0][0] in codes:
            return False
        own = next(score for code, score in ranked if code in codes)
        return bool(ranked[0][1] - own > _MIN_MARGIN)


def _load_identifier() -> ModuleType:
    try:
        return import_module("py3langid")
    except ImportError:
        raise UsageError(
            "data.drop_other_languages needs a package that is not installed (py3langid): "
            "pip install 'nmt[langid]'"
        ) from None
