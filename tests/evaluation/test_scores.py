import subprocess
import sys
from importlib import import_module
from urllib.error import URLError

import pytest
from sacrebleu.tokenizers.tokenizer_spm import TokenizerSPM

from nmt.errors import DataError, ResourceError, UsageError
from nmt.evaluation.metrics import make_scorer
from nmt.evaluation.scores import bleu_tokenizer, first_references, score

REFERENCES = ["The black cat is on the mat.", "A dog sleeps in the house."]


def test_perfect_and_signed():
    bleu, chrf, ter = score(REFERENCES, [REFERENCES])
    assert [each.metric for each in (bleu, chrf, ter)] == ["bleu", "chrf", "ter"]
    assert [each.name for each in (bleu, chrf, ter)] == ["BLEU", "chrF2", "TER"]
    assert bleu.value == pytest.approx(100.0)
    assert chrf.value == pytest.approx(100.0)
    assert ter.value == 0.0
    assert bleu.signature.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert str(bleu) == f"BLEU = 100.0  ({bleu.signature})"
    assert "BP = 1.000" in bleu.details


def test_bleu_by_hand():
    """1-, 2-, 3- and 4-gram precisions 5/6, 4/5, 3/4, 2/3 and no brevity penalty."""
    bleu = score(["a b c d e x"], [["a b c d e f"]], ["bleu"])[0]
    assert bleu.value == pytest.approx(100 * (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)


def test_several_references():
    other = ["There is a black cat on the mat.", "In the house sleeps a dog."]
    mixed = [REFERENCES[0], other[1]]
    bleu = score(mixed, [REFERENCES, other], ["bleu"])[0]
    assert bleu.value == pytest.approx(100.0)
    assert "nrefs:2" in bleu.signature


def test_lowercase_and_tokenizer():
    upper = [line.upper() for line in REFERENCES]
    assert score(upper, [REFERENCES], ["bleu"])[0].value < 20
    folded = score(upper, [REFERENCES], ["bleu", "chrf"], lowercase=True)
    assert [each.value for each in folded] == pytest.approx([100.0, 100.0])
    assert "case:lc" in folded[0].signature
    assert "tok:char" in score(REFERENCES, [REFERENCES], ["bleu"], tokenize="char")[0].signature


def test_an_empty_hypothesis_counts():
    assert score(["", REFERENCES[1]], [REFERENCES], ["bleu"])[0].value < 60
    assert score(["", ""], [REFERENCES], ["bleu"])[0].value == 0.0


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        (["a"], [["a", "b"]], "hypotheses: 1, reference 1: 2"),
        (["a", "b"], [["a", "b"], ["a"]], "hypotheses: 2, reference 1: 2, reference 2: 1"),
        (["a"], [], "no references"),
        ([], [[]], "nothing to score"),
    ],
)
def test_counts_must_agree(hypotheses, references, message):
    with pytest.raises(DataError, match=message):
        score(hypotheses, references)


def test_an_unknown_tokenizer_is_refused():
    with pytest.raises(UsageError, match="choose one of none, zh, 13a"):
        score(["a"], [["a"]], ["bleu"], tokenize="14a")


def refuse(error):
    def load(self, *arguments):
        raise error

    return load


@pytest.mark.parametrize("name", ["flores101", "flores200", "spBLEU-1K"])
def test_a_tokenizer_that_cannot_be_downloaded(monkeypatch, name):
    offline = URLError(OSError("Name or service not known"))
    monkeypatch.setattr(TokenizerSPM, "__init__", refuse(offline))
    with pytest.raises(ResourceError) as caught:
        score(["a"], [["a"]], ["bleu"], tokenize=name)
    assert caught.value.message.startswith(
        f"the tokenizer '{name}' needs a file, but sacreBLEU could not download it: Name or "
        "service not known.\n"
        "Run this command once online"
    )


@pytest.mark.parametrize(("name", "extra"), [("ja-mecab", "ja"), ("ko-mecab", "ko")])
def test_a_tokenizer_whose_packages_are_not_installed(monkeypatch, name, extra):
    module = import_module(f"sacrebleu.tokenizers.tokenizer_{extra}_mecab")
    monkeypatch.setattr(module, "MeCab", None)
    with pytest.raises(UsageError, match=rf"pip install 'sacrebleu\[{extra}\]'\.$"):
        score(["a"], [["a"]], ["bleu"], tokenize=name)


def test_no_torch():
    code = (
        "import sys; import nmt.text.lines; from nmt.evaluation import input_checks, scores;"
        "scores.score(['a'], [['a']]); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_chrf_with_words():
    """chrF++ of one sentence by hand: characters to 6-grams and words to 2-grams, recall twice."""
    (found,) = score(["ab cd"], [["ab ce"]], ["chrf++"])
    orders = [3 / 4, 2 / 3, 1 / 2, 0.0, 1 / 2, 0.0]  # of characters 1 to 4, of words 1 and 2
    assert found.value == pytest.approx(100 * sum(orders) / len(orders))
    assert (found.metric, found.name) == ("chrf++", "chrF2++")
    assert "|nc:6|nw:2|" in found.signature


HYPOTHESES = ["The black cat is on a mat.", "A dog sleeps in a house."]


@pytest.mark.parametrize("blank", ["", " ", "\t", "\u00a0", "\u3000", "\u200b", "\ufeff"])
@pytest.mark.parametrize("metric", ["bleu", "chrf", "chrf++", "ter"])
def test_a_blank_reference_beside_another_counts_as_none(blank, metric):
    others = [["The cat sits on a mat.", blank], [blank, "In the house a dog sleeps."]]
    for other in others:
        (found,) = score(HYPOTHESES, [REFERENCES, other], [metric])
        lines = [[a, b] if b != blank else [a] for a, b in zip(REFERENCES, other, strict=True)]
        references = [[line[i] if i < len(line) else None for line in lines] for i in range(2)]
        witness = make_scorer(metric).corpus_score(HYPOTHESES, references)
        assert found.value == witness.score
        assert "nrefs:var|" in found.signature
        (first,) = score(HYPOTHESES, [other, REFERENCES], [metric])
        assert first.value == found.value


def test_lines_whose_references_are_all_blank_keep_them():
    (with_blank,) = score([*HYPOTHESES, "x"], [[*REFERENCES, ""], [*REFERENCES, " "]], ["ter"])
    (plain,) = score(HYPOTHESES, [REFERENCES], ["ter"])
    assert with_blank.value > plain.value
    assert "nrefs:2|" in with_blank.signature


def test_the_first_reference_that_there_is():
    assert first_references([["a", "", " "], ["b", "c", ""]]) == ["a", "c", " "]


@pytest.mark.parametrize(
    ("language", "tokenizer"),
    [
        *(
            (code, None)
            for code in ["ar", "fa", "he", "hi", "de", "tr", "vi", "am", "en", "target"]
        ),
        (None, None),
        ("zh-CN", "zh"),
        ("cn", "zh"),
        ("yue", "zh"),
    ],
)
def test_the_tokenizer_of_a_language(language, tokenizer):
    told = []
    assert bleu_tokenizer(language, told.append) == tokenizer
    assert told == []


@pytest.mark.parametrize("language", ["th", "lo", "km", "my", "bo", "khm_Khmr", "Burmese"])
def test_where_no_tokenizer_finds_words_characters_are_counted(language):
    told = []
    assert bleu_tokenizer(language, told.append) == "char"
    assert len(told) == 1 and told[0].startswith("BLEU has no word tokenizer for ")
    assert "BLEU counts characters" in told[0]


@pytest.mark.parametrize(("language", "extra"), [("ja", "ja"), ("jp", "ja"), ("kr", "ko")])
def test_where_a_tokenizer_is_not_installed_characters_are_counted(monkeypatch, language, extra):
    module = import_module(f"sacrebleu.tokenizers.tokenizer_{extra}_mecab")
    monkeypatch.setattr(module, "MeCab", None)
    told = []
    assert bleu_tokenizer(language, told.append) == "char"
    assert f"{extra}-mecab, is not installed (pip install 'sacrebleu[{extra}]')" in told[0]


@pytest.mark.parametrize(("language", "extra"), [("ja", "ja"), ("ko", "ko")])
def test_a_tokenizer_that_is_installed_is_taken(monkeypatch, language, extra):
    module = import_module(f"sacrebleu.tokenizers.tokenizer_{extra}_mecab")
    name = f"Tokenizer{extra.capitalize()}Mecab"
    monkeypatch.setattr(
        module, name, import_module("sacrebleu.tokenizers.tokenizer_13a").Tokenizer13a
    )
    told = []
    assert bleu_tokenizer(language, told.append) == f"{extra}-mecab"
    assert told == []
