"""Runs with a tokenizer of words or of characters: what holds for lines holds for theirs."""

import json

import pytest

from nmt import Constraints, Translator
from nmt.bundles.bundle import load_bundle
from nmt.bundles.onnx_export import _instructions
from nmt.cli.app import run as run_command
from nmt.tokenizers.source_tags import TagInventory

KINDS = {
    "word": ("tokenizer.kind=word", "tokenizer.joint=false"),
    "char": ("tokenizer.kind=char", "tokenizer.byte_fallback=false"),
}
LINES = [
    *("un deux", "", "   ", "zorglub trois!", "\u2028", "a\u2028b\x85c", "d\te", "日本 語", "q"),
    *("</s> <unk>", "▁ ▁un", "dix" * 40, "un (deux), l'état-major", "\ufeffsept", "été 😀 👍🏽"),
]


@pytest.fixture(params=KINDS)
def run(request, trained):
    return trained(*KINDS[request.param], name=request.param)


def test_lines_in_are_lines_out_whatever_they_are(run, tmp_path):
    source, target, report = (tmp_path / name for name in ("in", "out", "report"))
    source.write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8", newline="\n")
    files = ["-i", str(source), "-o", str(target), "--report", str(report)]
    for options in ((), ("--replace-unknown",), ("--sample", "--seed", "3")):
        command = ["translate", "--quiet", "-m", str(run.path), *files, *options]
        assert run_command(command) == 0
        out = target.read_bytes().decode("utf-8").split("\n")
        assert len(out) == len(LINES) + 1
        assert [not line for line in out[1:3]] == [True, True]
        assert not any(set(line) & set("\x85\u2028\t\r") for line in out)
        rows = report.read_text(encoding="utf-8").split("\n")[:-1]
        assert [json.loads(row)["line"] for row in rows] == list(range(1, len(LINES) + 1))


def test_a_translation_does_not_depend_on_its_company(run):
    translator = Translator.load(run.path)
    together = translator.translate(LINES, n_best=3)
    for line, each in zip(LINES, together, strict=True):
        (alone,) = translator.translate([line], n_best=3)
        assert [t.text for t in alone.n_best] == [t.text for t in each.n_best]
        assert [t.score for t in alone.n_best] == [t.score for t in each.n_best]
        assert len({t.text for t in each.n_best}) == len(each.n_best)


def test_what_was_written_is_scored_alike(run):
    translator = Translator.load(run.path)
    wishes = [Constraints("seven")] * len(LINES)
    found = translator.translate(LINES, constraints=wishes)
    for line, each in zip(LINES, found, strict=True):
        if line.strip() and each.pieces == 1:
            (score,) = translator.score([line], ["seven"], finished=[False])
            assert score.tokens == each.tokens[: len(score.tokens)]
            alike = each.token_log_probabilities[: len(score.tokens)]
            assert score.token_log_probabilities == pytest.approx(alike, rel=1e-4)


def test_terms_and_texts_to_avoid_are_found_in_words(run):
    translator = Translator.load(run.path)
    plain = translator.translate(["un deux"])[0].text
    first = plain.split()[0]
    wishes = [Constraints(terms=("seven",)), Constraints(avoid=(first,))]
    with_term, without = translator.translate(["un deux"] * 2, constraints=wishes)
    assert "seven" in with_term.text
    assert first not in without.text.split()


def test_a_description_says_how_words_are_divided(run):
    bundle = load_bundle(run.best, "cpu")
    tokenizer = bundle.tokenizers.source
    how = " ".join(_instructions(tokenizer, TagInventory.of(bundle.config.data)))
    assert ("\\p{P}" in how) == (tokenizer.kind == "word")
    assert ("(SentencePiece) and append" in how) == (tokenizer.kind == "char")
