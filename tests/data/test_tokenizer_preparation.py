import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st
from parallel_texts import parallel_text
from pydantic import ValidationError
from subword_models import train_model

from nmt.config.serialize import dump_config
from nmt.data import tokenizer_training
from nmt.data.tokenizer_training import train_tokenizers
from nmt.errors import ConfigError, DataError, ModelError
from nmt.runtime.atomic_files import write_text
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK, Tokenizer, TokenizerPair


def trained(config) -> TokenizerPair:
    return train_tokenizers(config, sum(1 for _ in config.data.train[0].source[0].open("rb")))


@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"])))
def test_encoding_gives_no_reserved_ids_and_decoding_no_line_break(tokenizers, text):
    ids = tokenizers.source.encode(text)
    assert not {PAD, UNK, BOS, EOS} & set(ids)
    assert "\n" not in tokenizers.source.decode(ids)


@given(ids=st.lists(st.integers(0, 279)))
def test_any_ids_decode_to_one_line(tokenizers, ids):
    text = tokenizers.source.decode(ids)
    assert "\n" not in text
    assert "\r" not in text


def test_ordinary_text_comes_back(tokenizers):
    text = "the small cat, 12 trees <s> </s> <pad> <unk>"
    ids = tokenizers.source.encode(text)
    assert not {PAD, UNK, BOS, EOS} & set(ids)
    assert tokenizers.source.decode([BOS, *ids, EOS, PAD]) == text
    assert "".join(tokenizers.source.pieces(tokenizers.source.encode("cat"))) == "▁cat"


def test_byte_subwords_cannot_break_the_line(tokenizers):
    newline = tokenizers.source._processor.piece_to_id("<0x0A>")
    cat = tokenizers.source.encode("cat")
    assert tokenizers.source.decode([*cat, newline, *cat]).split() == ["cat", "cat"]


def test_batches_are_sentences_one_by_one(tokenizers):
    texts = ["cat dog", "", "a red house"]
    assert tokenizers.source.encode_batch(texts) == [tokenizers.source.encode(t) for t in texts]


MODELS = [train_model(kind, byte_fallback=b) for kind in ("unigram", "bpe") for b in (True, False)]


@given(
    model=st.sampled_from(MODELS),
    text=st.text() | st.text("badogérou <2de>ŁŹ😀ﬁ½ \t\u00a0", max_size=30),
)
def test_subwords_know_what_they_stand_for(model, text):
    subwords = model.subwords(text)
    text = text.replace("\0", "")
    spelled = "".join(each.surface for each in subwords)
    assert len(subwords) == len(model.encode(text))
    assert spelled in text
    assert list(filter(str.isalnum, spelled)) == list(filter(str.isalnum, text))


def test_an_unknown_subword_is_its_characters():
    without_bytes = MODELS[1]
    assert without_bytes.encode(" ba  Ｚﬁ")[4] == UNK
    assert without_bytes.subwords(" ba  Ｚﬁ") == [
        ("▁", ""),
        ("b", "b"),
        ("a", "a"),
        ("▁", "  "),
        ("Zf", "Ｚ"),
        ("i", "ﬁ"),
    ]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("joint", [True, False])
def test_training_gives_the_same_bytes_each_time(make_config, tmp_path, kind, joint):
    settings = {"kind": kind, "joint": joint, "vocab_size": 280}
    config = make_config(parallel_text(200), dev=(["a"], ["b"]), tokenizer=settings)
    for name in ("one", "two"):
        trained(config).save(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == (["joint.model"] if joint else ["source.model", "target.model"])
    for file in files:
        content = (tmp_path / "one" / file).read_bytes()
        assert content == (tmp_path / "two" / file).read_bytes()
        assert str(tmp_path).encode() not in content
    loaded = TokenizerPair.load(tmp_path / "one")
    assert loaded.joint == joint
    assert loaded.fingerprint == trained(config).fingerprint
    assert loaded.source.size == 280
    assert (loaded.source is loaded.target) == joint


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_training_gives_the_same_bytes_in_each_process(make_config, tmp_path, kind):
    config = make_config(
        parallel_text(200), dev=(["a"], ["b"]), tokenizer={"kind": kind, "vocab_size": 300}
    )
    write_text(tmp_path / "config.yaml", dump_config(config))
    program = (
        "import sys; from pathlib import Path\n"
        "from nmt.config.load import load_config\n"
        "from nmt.data.tokenizer_training import train_tokenizers\n"
        "train_tokenizers(load_config(Path(sys.argv[1])), 200).save(Path(sys.argv[2]))"
    )
    models = []
    for hash_seed in ("1", "2"):
        folder = tmp_path / hash_seed
        folder.mkdir()
        command = [sys.executable, "-c", program, str(tmp_path / "config.yaml"), str(folder)]
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, check=True)
        models.append((folder / "joint.model").read_bytes())
    assert models[0] == models[1]


def test_subwords_are_learned_from_an_even_sample(make_config, monkeypatch):
    monkeypatch.setattr(tokenizer_training, "_MAX_LINES", 20)
    source = ["aaaa bbbb"] * 50 + ["cccc dddd"] * 50
    settings = {"vocab_size": 270, "joint": False, "hard_vocab_limit": False}
    config = make_config((source, source), dev=(["a"], ["b"]), tokenizer=settings)
    tokenizer = trained(config).source
    for word in ("aaaa", "dddd"):
        assert "<0x" not in "".join(tokenizer.pieces(tokenizer.encode(word)))


def test_lines_set_aside_for_validation_are_not_learned_from(make_config):
    from nmt.data.hashing import in_validation_split

    source = [f"{chr(0x4E00 + number)} word" for number in range(300)]
    settings = {"vocab_size": 2000, "hard_vocab_limit": False, "joint": False}
    config = make_config((source, source), validation_split=0.3, tokenizer=settings)
    tokenizer = trained(config).source
    for line in source:
        known = "<0x" not in "".join(tokenizer.pieces(tokenizer.encode(line)))
        assert known != in_validation_split(line, line, 0.3, config.data.split_seed)


def test_a_vocabulary_too_large_tells_the_largest(make_config):
    settings = {"kind": "unigram", "vocab_size": 50_000, "hard_vocab_limit": True}
    config = make_config(parallel_text(50), dev=(["a"], ["b"]), tokenizer=settings)
    with pytest.raises(ConfigError, match=r"the maximum is (\d+)") as caught:
        trained(config)
    assert "hard_vocab_limit: false" in caught.value.message
    largest = int(caught.value.message.split("the maximum is ")[1].split(".")[0])
    settings["vocab_size"] = largest
    again = make_config(parallel_text(50), dev=(["a"], ["b"]), tokenizer=settings)
    assert trained(again).source.size == largest


def test_a_vocabulary_too_small_tells_the_smallest(make_config):
    config = make_config(parallel_text(50), dev=(["a"], ["b"]), tokenizer={"vocab_size": 260})
    with pytest.raises(ConfigError, match=r"tokenizer.vocab_size: 260 is too small"):
        trained(config)


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_a_soft_limit_takes_what_there_is(make_config, kind):
    settings = {"kind": kind, "vocab_size": 50_000, "hard_vocab_limit": False}
    size = trained(
        make_config(parallel_text(50), dev=(["a"], ["b"]), tokenizer=settings)
    ).source.size
    assert 260 < size < 50_000


def test_errors_of_the_text_pass_through_training(make_config, tmp_path):
    config = make_config(parallel_text(50), dev=(["a"], ["b"]))
    with (tmp_path / "train.target").open("ab") as file:
        file.write(b"one more\n")
    with pytest.raises(DataError, match="has 50 lines"):
        trained(config)


@pytest.mark.parametrize(("kind", "units"), [("bpe", "subwords"), ("word", "words")])
@pytest.mark.parametrize("joint", [True, False])
def test_prefixes_that_no_target_has_are_named(make_config, kind, units, joint):
    config = make_config(
        parallel_text(50),
        dev=(["a"], ["b"]),
        tokenizer={"kind": kind, "joint": joint},
        target_prefixes=["zzz", "qq"],
    )
    with pytest.raises(DataError) as refused:
        trained(config)
    assert f"to learn {units} from" in refused.value.message
    assert "one of `data.target_prefixes` (zzz, qq)" in refused.value.message


def test_blank_text_is_told(make_config):
    config = make_config(([" ", ""], ["", "\t"]), dev=(["a"], ["b"]))
    with pytest.raises(DataError, match="to learn subwords from"):
        trained(config)


def test_very_long_lines_are_counted(make_config, capsys):
    source, target = parallel_text(50)
    source[3] = "z" * 20_000
    config = make_config((source, target), dev=(["a"], ["b"]))
    tokenizer = trained(config).source
    assert "1 lines of train are longer" in capsys.readouterr().err
    assert "<0x7A>" in tokenizer.pieces(tokenizer.encode("z"))


def test_user_symbols_are_one_subword(make_config):
    config = make_config(
        parallel_text(50), dev=(["a"], ["b"]), tokenizer={"user_symbols": ["<2de>", "a,b"]}
    )
    tokenizer = trained(config).source
    assert tokenizer.pieces(tokenizer.encode("<2de>a,b"))[1:] == ["<2de>", "a,b"]


@pytest.mark.parametrize("symbols", [["<s>"], ["<a>", "<a>"], [""], ["a b"], ["<0x0A>"], ["<unk>"]])
def test_unfit_user_symbols_are_refused_by_key(make_config, symbols):
    with pytest.raises(ValidationError) as caught:
        make_config(parallel_text(5), dev=(["a"], ["b"]), tokenizer={"user_symbols": symbols})
    assert caught.value.errors()[0]["loc"] == ("tokenizer", "user_symbols")


def test_damaged_and_missing_models_are_named(tokenizers, tmp_path):
    with pytest.raises(ModelError, match="nmt tokenizer"):
        TokenizerPair.load(tmp_path / "absent")
    tokenizers.save(tmp_path)
    path = tmp_path / "source.model"
    content = path.read_bytes()
    for damaged in (b"", content[: len(content) // 2], b"hello"):
        path.write_bytes(damaged)
        with pytest.raises(
            ModelError, match=r"source\.model: is damaged or not a SentencePiece model"
        ):
            TokenizerPair.load(tmp_path)
    path.unlink()
    with pytest.raises(ModelError, match=r"source\.model: cannot read the tokenizer"):
        TokenizerPair.load(tmp_path)


def test_models_with_other_reserved_ids_are_refused(tmp_path: Path):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(parallel_text(50)[0]),
        model_prefix=str(tmp_path / "m"),
        vocab_size=30,
        minloglevel=2,
    )
    with pytest.raises(ModelError, match="reserved ids"):
        Tokenizer.load(tmp_path / "m.model")


def test_tokenizers_can_be_sent_to_a_process(tokenizers):
    copy = pickle.loads(pickle.dumps(tokenizers))
    assert copy.fingerprint == tokenizers.fingerprint
    assert copy.target.encode("chat rouge") == tokenizers.target.encode("chat rouge")
