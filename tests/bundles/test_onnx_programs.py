"""ONNX programs give the numbers of the model they were made of."""

import copy
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
import sentencepiece
import torch

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
pytest.importorskip("onnxscript", reason="the extra onnx is not installed")

import onnxruntime

from nmt.bundles import onnx_export
from nmt.bundles.bundle import load_bundle
from nmt.bundles.onnx_programs import program_signature
from nmt.cli.app import run
from nmt.config.presets import PRESET_DEFAULTS, merge_settings
from nmt.config.settings import ModelSettings
from nmt.errors import ModelError
from nmt.model.cells import make_cell
from nmt.model.recurrent_layer import run_cells
from nmt.model.seq2seq import Seq2Seq
from nmt.tokenizers.tokenizer import BOS, EOS, Tokenizer
from nmt.translation.translator import Translator

GRU = {
    "encoder": {"cell": "gru", "hidden_size": 5},
    "decoder": {"cell": "gru", "hidden_size": 6, "input_feeding": False},
}
BAHDANAU = {
    "attention": {"kind": "additive", "query": "previous_state", "context": "both"},
    "output": {"kind": "maxout", "size": 4, "state": "previous_state"},
}
LUONG = {
    "encoder": {"hidden_size": 6, "layers": 2, "direction": "forward", "reverse_source": True},
    "attention": {"kind": "general"},
    "decoder": {"hidden_size": 6, "layers": 2, "input_feeding": True, "start": "copy"},
}
SUTSKEVER = {
    **LUONG,
    "attention": {"kind": "none"},
    "decoder": {"hidden_size": 6, "layers": 2, "input_feeding": False, "start": "copy"},
    "output": {"kind": "plain"},
}
BACKWARD = {"encoder": {"direction": "alternating", "layers": 3, "residual_from": 2}}
COVERAGE = {"attention": {"coverage": True}, "output": {"copy_source": True}}
MULTI_HEAD = {"attention": {"kind": "multi_head", "heads": 2, "normalizer": "entmax15"}}
CONDITIONAL = {
    "attention": {"query": "inner_state", "query_layer": "bottom", "context": "both"},
    "decoder": {"cell": "layer_norm_gru", "hidden_size": 6, "transition_depth": 2},
}


def tiny_model(changes):
    torch.manual_seed(4)
    tree = {"embedding_size": 6, "encoder": {"hidden_size": 4}, "decoder": {"hidden_size": 6}}
    merged = {
        key: {**tree[key], **changes.get(key, {})}
        if isinstance(tree.get(key), dict)
        else changes.get(key, tree.get(key))
        for key in {**tree, **changes}
    }
    model = Seq2Seq(ModelSettings(**merge_settings(PRESET_DEFAULTS["model"], merged)), 12, 12)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.6)
    return model.eval().requires_grad_(False)


def written(changes, folder):
    """The programs of a tiny model, beside it."""
    model = tiny_model(changes)
    signature = program_signature(model)
    onnx_export._write_programs(SimpleNamespace(model=model), signature, folder)
    return model, signature, folder / onnx_export.ENCODER, folder / onnx_export.STEP


@pytest.fixture(scope="module")
def bahdanau(tmp_path_factory):
    return written({**GRU, **BAHDANAU}, tmp_path_factory.mktemp("programs"))


def test_bahdanau_with_grus(bahdanau):
    assert onnx_export.compare(*bahdanau) < 1e-5


def test_other_numbers_are_refused(bahdanau):
    model, *rest = bahdanau
    other = copy.deepcopy(model)
    other.output_bias.add_(torch.randn(12) * 0.01)
    with pytest.raises(ModelError, match="differ from the model"):
        onnx_export.compare(other, *rest)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{}, LUONG, SUTSKEVER, BACKWARD, COVERAGE, MULTI_HEAD, CONDITIONAL],
    ids=["default", "luong", "sutskever", "backward", "coverage", "multi head", "conditional"],
)
def test_other_kinds(changes, tmp_path):
    assert onnx_export.compare(*written(changes, tmp_path)) < 1e-5


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("directions", [("forward",), ("backward",), ("forward", "backward")])
def test_whole_sequences_by_operations(kind, directions):
    """What stands for a recurrence in a program is that recurrence."""
    torch.manual_seed(1)
    cells = [make_cell(kind, [3], 4).eval() for _ in directions]
    for parameter in (p for cell in cells for p in cell.parameters()):
        torch.nn.init.normal_(parameter)
    x, mask = torch.randn(3, 5, 3), torch.arange(5) < torch.tensor([[5], [2], [1]])
    with torch.no_grad():
        zero = [cell.zero_state(x, 3) for cell in cells]
        hidden, final = run_cells(cells, [x], zero, directions, mask)
        for cell in cells:
            cell.use_kernels("onnx")
        found, last = run_cells(cells, [x], zero, directions, mask)
    torch.testing.assert_close(found[mask], hidden[mask])
    for ours, theirs in zip(last, final, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"encoder": {"cell": "layer_norm_lstm"}}, "model.encoder.cell: layer_norm_lstm"),
        ({"encoder": {"transition_depth": 2}}, "model.encoder.transition_depth: 2"),
        (
            {"attention": {"kind": "location", "query_embedding": True}},
            "model.attention.kind: location",
        ),
        ({"attention": {"window": "local_p"}}, "model.attention.window: local_p"),
    ],
)
def test_what_cannot_go_is_named(changes, named):
    with pytest.raises(ModelError, match=named):
        program_signature(tiny_model(changes))


def greedy(folder, sentence):
    """The pieces of a translation, and their log-probability, by what lies in the folder alone."""
    how = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    encoder, step = (
        onnxruntime.InferenceSession(str(folder / how[name]["file"]))
        for name in ("encoder", "step")
    )
    import sentencepiece

    source, target = (
        sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{side}.model"))
        for side in ("source", "target")
    )
    ids = [*source.encode(sentence), how["eos"]]
    given = encoder.run(None, {"source": np.array([ids]), "lengths": np.array([len(ids)])})
    known = dict(zip(how["encoder"]["outputs"], given, strict=True))
    tokens, total = [how["bos"]], 0.0
    while tokens[-1] != how["eos"] and len(tokens) < 40:
        found = step.run(None, {**known, "previous": np.array([[tokens[-1]]])})
        results = dict(zip(how["step"]["outputs"], found, strict=True))
        tokens.append(int(results["log_probabilities"][0, 0].argmax()))
        total += float(results["log_probabilities"][0, 0].max())
        known |= {name: results[f"next_{name}"] for name in how["state"]}
    return [target.id_to_piece(token) for token in tokens[1:]], total


def test_the_command_and_its_folder_alone(tiny_bundle, tmp_path, capsys):
    folder = tmp_path / "programs"
    assert run(["export", str(tiny_bundle), "--onnx", str(folder)]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "verified: log-probabilities differ from the model's by at most" in told.err
    assert sorted(file.name for file in folder.iterdir()) == [
        "encoder.onnx",
        "model.json",
        "source.model",
        "source.vocab",
        "step.onnx",
        "target.model",
        "target.vocab",
    ]
    for program in folder.glob("*.onnx"):
        assert b"site-packages" not in program.read_bytes(), "no paths of this machine"
        assert b"/nmt/" not in program.read_bytes()
    tokenizer = load_bundle(tiny_bundle, torch.device("cpu")).tokenizers.target
    pieces = (folder / "target.vocab").read_text(encoding="utf-8").split("\n")[:-1]
    assert (len(pieces), pieces[BOS], pieces[EOS]) == (tokenizer.size, "<s>", "</s>")
    translator = Translator.load(tiny_bundle, device="cpu", threads=1)
    for sentence in ("le chat noir est sur le tapis .", "un chien"):
        pieces, total = greedy(folder, sentence)
        (ours,) = translator.translate(
            [sentence], beam_size=1, length_penalty="none", max_length=39
        )
        assert pieces == ours.tokens
        assert total == pytest.approx(ours.log_probability, abs=1e-4)


def test_vocabularies_are_lines_for_every_reader(tmp_path):
    """Tokenizers of earlier releases may have learned breaks."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a\\u0085b \\n", "a\x85b c\u2028d e\x0bf\x1cg"] * 3),
        model_writer=model,
        vocab_size=290,
        hard_vocab_limit=False,
        byte_fallback=True,
        normalization_rule_name="identity",
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    tokenizer = Tokenizer(model.getvalue())
    pieces = tokenizer.pieces(range(tokenizer.size))
    assert {"\x85", "\u2028", "\x0b", "\\"} <= set("".join(pieces))
    onnx_export.write_vocabulary(tokenizer, tmp_path / "target.vocab")
    lines = (tmp_path / "target.vocab").read_text(encoding="utf-8").splitlines()
    assert [json.loads(f'"{line}"') for line in lines] == pieces
