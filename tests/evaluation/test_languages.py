import pytest

from nmt.evaluation.languages import tokenizer_of


@pytest.mark.parametrize(
    ("language", "tokenizer"),
    [
        ("zh", "zh"),
        ("zh-CN", "zh"),
        ("ZHO_Hant", "zh"),
        ("ja", "ja-mecab"),
        ("korean", "ko-mecab"),
        ("de", None),
        ("target", None),
        ("", None),
        (None, None),
    ],
)
def test_tokenizer_of(language, tokenizer):
    assert tokenizer_of(language) == tokenizer
