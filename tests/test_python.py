"""The names that programs import from `nmt`."""

import subprocess
import sys

import pytest

import nmt
from nmt.errors import UsageError


def test_all_names_are_there():
    assert all(getattr(nmt, name) for name in nmt.__all__)
    with pytest.raises(AttributeError, match="no attribute 'transformer'"):
        nmt.transformer  # noqa: B018


def test_importing_and_scoring_load_no_torch():
    program = "import sys, nmt; nmt.score(['a b'], [['a b']]); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_program_trains_and_translates(tiny_config):
    run = nmt.train(tiny_config, ["training.max_updates=2"])
    assert run == nmt.train(str(tiny_config), ["training.max_updates=2"])
    assert len(nmt.Translator.load(run, device="cpu").translate(["le chat", ""])) == 2


def test_texts_are_aligned():
    sources, targets = ["le chat", "le chien", "un chat"], ["the cat", "the dog", "a cat"]
    for aligner in ("hmm", "ibm1"):
        aligned = nmt.align(sources, targets, aligner)
        assert [each.links() for each in aligned] == [[(0, 0), (1, 1)]] * 3
        assert aligned[2].source == ["un", "chat"]
    with pytest.raises(UsageError, match="sources: 1, targets: 2"):
        nmt.align(["a"], ["b", "c"])
    with pytest.raises(UsageError, match="'giza' is not an aligner; choose ibm1 or hmm"):
        nmt.align(["a"], ["b"], "giza")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nmt.score(["ab"], ["ab"]), "references a list of such lists"),
        (lambda: nmt.score("ab", [["ab"]]), "hypotheses must be a list of texts"),
        (lambda: nmt.score([1], [["ab"]]), "hypotheses must be a list of texts"),
        (
            lambda: nmt.score(["a"], [["a"]], ("nope",)),
            "'nope' is not a metric; choose",
        ),
        (lambda: nmt.align("a b", "c d"), "align takes two lists of texts"),
        (lambda: nmt.align([1], ["b"]), "align takes two lists of texts"),
        (lambda: nmt.train("a.yaml", "seed=2"), "train takes a path and a list of settings"),
        (lambda: nmt.train(None), "train takes a path and a list of settings"),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_texts_must_be_texts(tiny_bundle):
    translator = nmt.Translator.load(tiny_bundle, device="cpu", threads=1)
    with pytest.raises(UsageError, match="needs a list of texts"):
        translator.translate([1])
