"""Small SentencePiece models of every kind to try sampling with."""

import io
import random
import struct

import sentencepiece

from nmt.tokenizers.tokenizer import Tokenizer

USER_SYMBOLS = ["<2de>", "a,b"]


def syllable_texts(number: int) -> list[str]:
    """Lines of made-up words, of which every part is about as frequent as any other."""
    draw = random.Random(1)
    syllables = ["ba", "be", "do", "du", "é", "ga", "li", "mo", "n", "rou", "s", "ti"]
    words = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(100)]
    return [" ".join(draw.choices(words, k=8)) for _ in range(number)]


def train_model(kind: str, **options: object) -> Tokenizer:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(syllable_texts(200)),
        model_writer=model,
        model_type=kind,
        **{
            "vocab_size": 400,
            "hard_vocab_limit": False,
            "byte_fallback": True,
            "user_defined_symbols": USER_SYMBOLS,
            **options,
        },
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        num_threads=1,
        minloglevel=2,
    )
    return Tokenizer(model.getvalue())


def write_model(kind: int, scores: dict[str, float]) -> bytes:
    """A model of the reserved pieces and of ordinary ones with the given scores."""
    pieces = [("<pad>", 0.0, 3), ("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    pieces += [(text, score, 1) for text, score in scores.items()]
    written = [
        message(
            1, message(1, text.encode()) + b"\x15" + struct.pack("<f", score) + bytes((24, kind))
        )
        for text, score, kind in pieces
    ]
    return b"".join(written) + message(2, bytes((24, kind)))


def message(field: int, content: bytes) -> bytes:
    """A field of a protobuf message, shorter than 128 bytes."""
    return bytes((field << 3 | 2, len(content))) + content
