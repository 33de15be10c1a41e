"""One configuration for all pairs of a corpus: the names of the languages in its texts."""

from typing import Any

from nmt.config.settings.data import DataSettings

_LANGUAGES = ("source_language", "target_language")


def with_languages(values: dict[str, Any]) -> dict[str, Any]:
    """The keys of a configuration, with the names of the languages in their texts.

    `{source_language}` and `{target_language}` stand for what `data` calls the languages, or for
    the defaults. A language that is not a text, which validation complains of, is not filled in.
    """
    data = values.get("data")
    given = data if isinstance(data, dict) else {}
    names = {}
    for key in _LANGUAGES:
        language = given.get(key, DataSettings.model_fields[key].default)
        if isinstance(language, str):
            names[f"{{{key}}}"] = language
    return {key: _filled(value, names) for key, value in values.items()}


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(below, names) for key, below in value.items()}
    if isinstance(value, list):
        return [_filled(item, names) for item in value]
    if isinstance(value, str):
        for mark, name in names.items():
            value = value.replace(mark, name)
    return value
