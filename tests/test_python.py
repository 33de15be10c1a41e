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
