"""What tests of several packages need: a bundle that is tiny, random and quickly made."""

import io
from pathlib import Path

import pytest
import sentencepiece
import torch

from nmt.bundle import Bundle, LengthStatistics, save_bundle
from nmt.config.settings import Config
from nmt.data.tokenizer import Tokenizer, TokenizerPair
from nmt.model.seq2seq import Seq2Seq

_SENTENCES = [
    "le chat noir est sur le tapis .",
    "the black cat is on the mat .",
    "un chien dort dans la maison .",
    "a dog sleeps in the house .",
]


def make_tokenizer() -> Tokenizer:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_SENTENCES),
        model_writer=model,
        vocab_size=320,
        byte_fallback=True,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    return Tokenizer(model.getvalue())


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random model; its translations are gibberish but always the same."""
    config = Config.model_validate(
        {
            "name": "tiny",
            "data": {
                "train": {"source": ["train.fr"], "target": ["train.en"]},
                "validation_split": 0.1,
            },
            "model": {
                "embedding_size": 12,
                "encoder": {"hidden_size": 8},
                "decoder": {"hidden_size": 10},
            },
            "training": {"max_updates": 1},
            "search": {"beam_size": 3},
        }
    )
    tokenizer = make_tokenizer()
    torch.manual_seed(3)
    model = Seq2Seq(config.model, tokenizer.size, tokenizer.size)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
    pair = TokenizerPair(tokenizer, tokenizer, joint=True)
    path = tmp_path_factory.mktemp("tiny") / "bundle"
    save_bundle(Bundle(model, pair, config, LengthStatistics(1.0, 0.1)), path, {})
    return path
