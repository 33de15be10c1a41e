"""Language names in the texts of a configuration, so that one serves all pairs of a corpus."""

import re
from typing import Any

from nmt.config.settings.data import DataSettings

_LANGUAGES = ("source_language", "target_language")
_MARK = re.compile(rf"\{{({'|'.join(_LANGUAGES)})\}}")


def with_languages(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a configuration with the language names filled into its texts.

    `{source_language}` and `{target_language}` stand for the languages in `data`, or their
    defaults. A language that is not a text is not filled in; validation reports it.
    """
    data = values.get("data")
    given = data if isinstance(data, dict) else {}
    languages = {key: given.get(key, DataSettings.model_fields[key].default) for key in _LANGUAGES}
    names = {key: language for key, language in languages.items() if isinstance(language, str)}
    return {key: _filled(value, names) for key, value in values.items()}


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(below, names) for key, below in value.items()}
    if isinstance(value, list):
        return [_filled(item, names) for item in value]
    if isinstance(value, str):
        return _MARK.sub(lambda mark: names.get(mark[1], mark[0]), value)
    return value
