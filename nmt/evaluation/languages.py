"""Which of sacreBLEU's tokenizers suits a language."""

import re

_TOKENIZERS = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"}
_OTHER_CODES = {
    "chi": "zh",
    "cmn": "zh",
    "yue": "zh",
    "zho": "zh",
    "chinese": "zh",
    "jpn": "ja",
    "japanese": "ja",
    "kor": "ko",
    "korean": "ko",
}


def tokenizer_of(language: str | None) -> str | None:
    """sacreBLEU's tokenizer for a language given by a code such as zh, zh-CN or jpn; None where its
    default, 13a, is right, or the language is not known.
    """
    return _TOKENIZERS.get(_plain(language))


def _plain(language: str | None) -> str:
    code = re.split("[-_]", (language or "").strip().lower(), maxsplit=1)[0]
    return _OTHER_CODES.get(code, code)
