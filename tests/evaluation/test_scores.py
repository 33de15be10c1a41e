import subprocess
import sys
from importlib import import_module
from urllib.error import URLError

import pytest
from sacrebleu.tokenizers.tokenizer_spm import TokenizerSPM

from nmt.errors import DataError, ResourceError, UsageError
from nmt.evaluation.scores import score

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
        f"the tokenizer '{name}' needs a file that sacreBLEU could not download: "
        "Name or service not known.\nRun this once with a connection"
    )


@pytest.mark.parametrize(("name", "extra"), [("ja-mecab", "ja"), ("ko-mecab", "ko")])
def test_a_tokenizer_whose_packages_are_not_installed(monkeypatch, name, extra):
    module = import_module(f"sacrebleu.tokenizers.tokenizer_{extra}_mecab")
    monkeypatch.setattr(module, "MeCab", None)
    with pytest.raises(UsageError, match=rf"pip install 'sacrebleu\[{extra}\]'\.$"):
        score(["a"], [["a"]], ["bleu"], tokenize=name)


def test_no_torch():
    code = (
        "import sys; from nmt.evaluation import scores, checks, lines;"
        "scores.score(['a'], [['a']]); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
