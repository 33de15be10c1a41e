"""Languages as the names of files tell them: train.en is English."""

import re
from pathlib import Path

from nmt.config.settings.data import DataSettings
from nmt.errors import ConfigError

_CODE = re.compile(r"[a-z]{2,3}", re.IGNORECASE)
_REGION = re.compile(r"(?<![A-Za-z])([a-z]{2,3})[-_][A-Z][A-Za-z]{1,3}(?![A-Za-z])")
_FORMS = frozenset(["all", "bpe", "csv", "gz", "new", "old", "raw", "tok", "tsv", "txt", "xml"])
_SIDES = frozenset(["in", "out", "ref", "src", "sys", "tgt", "trg"])


def languages_of(source: Path, target: Path) -> tuple[str | None, str | None]:
    """The languages of two files that hold the same text, each None where the name does not tell.

    Looked for is where the names differ, from their end: train.en and train.de, en.txt and de.txt,
    corpus.en-de.en.gz and corpus.en-de.de.gz, eng/text and deu/text.
    """
    parts = [_parts(path)[::-1] for path in (source, target)]
    for one, other in zip(*parts, strict=False):  # where the shorter ends, nothing is left to tell
        if one != other and (_is_code(one) or _is_code(other)):
            return one if _is_code(one) else None, other if _is_code(other) else None
    return None, None


def check_languages(data: DataSettings) -> None:
    """One who swaps the languages of a configuration may forget its texts.

    Raises ConfigError where the names of two texts tell the languages the other way round.
    """
    languages = (data.source_language, data.target_language)
    for corpus in filter(None, (data.train, data.dev, data.test)):
        for texts in zip(corpus.source, corpus.target, strict=True):
            if languages_of(*texts)[::-1] == languages:
                raise ConfigError(
                    f"data: source_language is {languages[0]} and target_language {languages[1]}, "
                    f"but {texts[0]} and {texts[1]} are named the other way round.\n"
                    "Swap the texts as well, or neither."
                )


def _parts(path: Path) -> list[str]:
    """The words of a path; zh-CN is zh."""
    words = re.split(r"[^A-Za-z]+", _REGION.sub(r"\1", str(path)))
    return [word for word in words if word and word.lower() not in _FORMS]


def _is_code(word: str) -> bool:
    return _CODE.fullmatch(word) is not None and word.lower() not in _SIDES
