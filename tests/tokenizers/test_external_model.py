"""SentencePiece models of other tools segment texts as before with our reserved ids."""

import io
import random

import pytest
import sentencepiece

from nmt.errors import ModelError
from nmt.tokenizers.external_model import read_external_model
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK, open_tokenizer

_SYLLABLES = ["ba", "be", "do", "du", "é", "ga", "li", "mo", "n", "rou", "s", "ti"]
_draw = random.Random(1)
_WORDS = ["".join(_draw.choices(_SYLLABLES, k=_draw.randint(1, 4))) for _ in range(100)]
LINES = [" ".join(_draw.choices(_WORDS, k=8)) for _ in range(200)]
TEXTS = [
    *LINES[:50],
    *(
        "",
        " ",
        "BA ﬁ ½ Ｚ",
        "日本 😀",
        "<s> </s> <unk> <pad> [CLS]",
        "<2de> ba<2de>",
        "a\tb\u00a0c",
    ),
    *(" ".join(_draw.choices("abdegilmnorstuéŁ<>2", k=30)) for _ in range(50)),
    *("".join(_draw.choices("abdegilmnorstué ", k=60)) for _ in range(50)),
]
OPTIONS = {
    "defaults": {},
    "bytes": {"byte_fallback": True},
    "T5": {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
    "Gemma": {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3, "byte_fallback": True},
    "ALBERT": {
        "pad_id": 0,
        "unk_id": 1,
        "bos_id": -1,
        "eos_id": -1,
        "control_symbols": ["[CLS]", "[SEP]", "[MASK]"],
    },
    "only unk": {"bos_id": -1, "eos_id": -1},
    "other names": {"unk_piece": "[UNK]", "bos_piece": "[CLS]", "eos_piece": "[SEP]"},
    "our names are symbols": {"user_defined_symbols": ["<s>", "<pad>", "<2de>", "ba"]},
    "no folding": {
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "add_dummy_prefix": False,
    },
    "folding of case": {"normalization_rule_name": "nmt_nfkc_cf"},
    "ours": {"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3},
}


def train(path, kind="unigram", **options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES),
        model_writer=model,
        model_type=kind,
        **{"vocab_size": 350, "hard_vocab_limit": False, "num_threads": 1, **options},
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


CASES = [
    *(("unigram", name) for name in OPTIONS),
    *(("bpe", name) for name in ("defaults", "bytes", "Gemma", "our names are symbols")),
    *(("word", name) for name in ("defaults", "T5")),
    *(("char", name) for name in ("defaults", "bytes")),
]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_text_is_divided_as_before(tmp_path, kind, name):
    path = tmp_path / "x.model"
    theirs = train(path, kind, **OPTIONS[name])
    content = read_external_model(path)
    ours = open_tokenizer(content)
    assert ours.kind == kind
    for text in TEXTS:
        assert [each.piece for each in ours.subwords(text)] == theirs.encode(text, out_type=str)
        ids = ours.encode(text)
        assert not {PAD, BOS, EOS} & set(ids)
        assert ids.count(UNK) == theirs.encode(text).count(theirs.unk_id())
        assert ours.decode(ids) == theirs.decode(theirs.encode(text))
    controls = [token for token in range(ours.size) if ours._processor.is_control(token)]
    assert controls == [PAD, BOS, EOS]
    (tmp_path / "again.model").write_bytes(content)
    assert read_external_model(tmp_path / "again.model") == content
    if name == "ours":
        assert content == path.read_bytes()


JSON = b'{"version": "1.0", "model": {"type": "BPE"}}\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"x.model: no such file. Give a SentencePiece model file"),
        (b"", r"x.model: the file is empty"),
        (JSON, r"x.model: is JSON, such as the tokenizer.json of Hugging Face"),
        (b"\xef\xbb\xbf" + JSON, "is JSON"),
        (b"[PAD]\n[UNK]\nle\n##s\n", "is a text file, such as a list of subwords"),
        (b"#version: 0.2\nt h\nth e</w>\n", "or of BPE merges"),
        (b"<unk>\t0\n<s>\t0\n\xe2\x96\x81the\t-3.1\n", "is a text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Run `git lfs pull`"),
        (b"PK\x03\x04\xff\xfe\x00", "is damaged or not a SentencePiece model"),
        (b"\x80\x02}q\x00(X\x05\xff", "not a SentencePiece model"),
    ],
)
def test_other_files_are_refused_with_what_to_do(tmp_path, content, message):
    path = tmp_path / "x.model"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as refused:
        read_external_model(path)
    assert refused.value.message.startswith("tokenizer.model: ")
    assert refused.value.message.count("\n") < 3


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"is a folder. Give a SentencePiece model file"):
        read_external_model(tmp_path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_part_of_a_model_is_refused(tmp_path, share):
    path = tmp_path / "x.model"
    train(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match="damaged"):
        read_external_model(path)


def test_spaces_at_the_end_of_pieces_are_refused(tmp_path):
    path = tmp_path / "x.model"
    train(path, treat_whitespace_as_suffix=True)
    with pytest.raises(ModelError, match="treat_whitespace_as_suffix"):
        read_external_model(path)
