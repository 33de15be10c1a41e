"""Makes the tiny checkpoint and bundle of the present format, which later versions must read.

Run it (`python tests/formats/make_formats.py`) when a format has changed; those of before stay.
"""

import io
import shutil
from pathlib import Path

import sentencepiece
import torch

from nmt.bundles import bundle_files as bundles
from nmt.bundles.bundle import Bundle, save_bundle
from nmt.config.presets import PRESET_DEFAULTS, merge_settings
from nmt.config.settings import Config
from nmt.data.manifest import LengthRatio
from nmt.evaluation.metrics import BestValidation
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Choices
from nmt.tokenizers.tokenizer import Tokenizer, TokenizerPair
from nmt.training import checkpoints
from nmt.training.checkpoints import TrainingState, save_checkpoint
from nmt.training.optimizers import make_optimizer

HERE = Path(__file__).parent

CONFIG = Config.model_validate(
    {
        "name": "format",
        "data": {
            "train": {"source": ["train.fr"], "target": ["train.en"]},
            "validation_split": 0.1,
        },
        "model": merge_settings(
            PRESET_DEFAULTS["model"],
            {
                "embedding_size": 2,
                "encoder": {"hidden_size": 2},
                "decoder": {"hidden_size": 2},
            },
        ),
        "training": {"max_updates": 9},
        "search": {"beam_size": 2},
    }
)
STATE = TrainingState(
    choices=Choices("cpu", "float32", "highest"),
    corpora={"train": "a" * 64, "dev": "b" * 64},
    update=7,
    epoch=1,
    batch=3,
    seconds=1.5,
    target_tokens=1234,
    batch_size=200,
    validated=4,
    schedule={"scale": 0.5},
    best={"bleu": BestValidation("bleu", 12.5, 4, 1)},
    stopping=BestValidation("bleu", 12.5, 4, 1),
)
WORDS = "le chat noir dort sur le tapis ; the black cat sleeps on the mat"


def make_tokenizer() -> Tokenizer:
    """Byte pairs without a normalisation table, which would be most of the file."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([WORDS]),
        model_writer=model,
        model_type="bpe",
        vocab_size=40,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    return Tokenizer(model.getvalue())


def numbers(place: int, tensor: torch.Tensor) -> torch.Tensor:
    """What stands in parameter number `place`: quarters, exact in any precision."""
    count = torch.arange(tensor.numel(), dtype=torch.float32)
    return (((count + place) % 9 - 4) / 4).reshape(tensor.shape)


def make_model(vocabulary: int) -> tuple[Seq2Seq, torch.optim.Optimizer]:
    """The model of these files and its optimizer after one step of known gradients."""
    model = Seq2Seq(CONFIG.model, vocabulary, vocabulary)
    optimizer = make_optimizer(model.parameters(), CONFIG.training.optimizer)
    for place, parameter in enumerate(model.parameters()):
        parameter.grad = numbers(place, parameter)
    optimizer.step()
    with torch.no_grad():
        for place, parameter in enumerate(model.parameters()):
            parameter.copy_(numbers(place, parameter))
    return model, optimizer


def main() -> None:
    tokenizer = make_tokenizer()
    model, optimizer = make_model(tokenizer.size)
    checkpoint = HERE / f"checkpoint-{checkpoints.FORMAT}"
    shutil.rmtree(checkpoint, ignore_errors=True)
    save_checkpoint(checkpoint, 1, model, optimizer, STATE)
    pair = TokenizerPair(tokenizer, tokenizer, joint=True)
    bundle = Bundle(model, pair, CONFIG, LengthRatio(1.25, 0.25))
    save_bundle(bundle, HERE / f"bundle-{bundles.FORMAT}", {"updates": 7})


if __name__ == "__main__":
    main()
