"""The tokenizers that SentencePiece learns: unigram and BPE subwords, and single characters.

A model is trained with folded whitespace: runs become one space, with none at the ends. A space
comes before the first word. Digits are learned like letters, so a frequent number may become one
subword.
"""

import io
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import sentencepiece

from nmt.config.settings import TokenizerSettings
from nmt.errors import ConfigError, DataError, NmtError
from nmt.tokenizers.sentencepiece_model import drop_normalization
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK, Tokenizer

MAX_LINE_BYTES = 16_384
"""The bytes of the longest training line. BPE training cannot hold words beyond 65,535 bytes."""

_FIXED_SIZES = ("unigram", "bpe")
"""The kinds whose models reach the size in `vocab_size`."""

_BYTES = 256
_RESERVED = 4

_TOO_HIGH = re.compile(r"Vocabulary size too high .*<= (\d+)")
_TOO_SMALL = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")


class SubwordTokenizer(Tokenizer):
    """A tokenizer that SentencePiece learns and applies by itself."""

    @classmethod
    def learn(
        cls, settings: TokenizerSettings, normalizer: Any, lines: Iterable[str], text_name: str
    ) -> bytes:
        """Return the file of a model learned from lines. The same lines give the same bytes.

        Args:
            settings: The settings of the tokenizer.
            normalizer: The normalization from `make_normalizer`.
            lines: The training text.
            text_name: The name of the text in errors, such as `the source`.

        Raises:
            ConfigError: The size does not fit the text.
            DataError: SentencePiece cannot learn from the text.
        """
        least = _RESERVED + len(settings.user_symbols) + _BYTES * settings.byte_fallback
        if settings.kind not in _FIXED_SIZES and settings.vocab_size <= least:
            raise ConfigError(
                f"tokenizer.vocab_size: {settings.vocab_size} is too small for any character: "
                f"reserved entries need {least}.\n"
                "Raise it, or set tokenizer.byte_fallback: false."
            )
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(lines),
                model_writer=model,
                model_type=settings.kind,
                vocab_size=settings.vocab_size,
                hard_vocab_limit=settings.hard_vocab_limit,
                character_coverage=settings.character_coverage,
                byte_fallback=settings.byte_fallback,
                normalizer=normalizer,
                user_defined_symbols=list(settings.user_symbols),
                pad_id=PAD,
                unk_id=UNK,
                bos_id=BOS,
                eos_id=EOS,
                max_sentence_length=2 * MAX_LINE_BYTES,
                # Floating-point sums depend on the number of threads.
                num_threads=1,
                minloglevel=2,
            )
        except RuntimeError as error:
            raise _training_error(settings, text_name, str(error)) from error
        return model.getvalue()

    def divide(self, text: str) -> list[str]:
        """Return the tokens of a text that `normalize` returned."""
        pieces: list[str] = self._divider.encode_as_pieces(text)
        return pieces

    @cached_property
    def _divider(self) -> Any:
        """The same model without normalization."""
        processor = sentencepiece.SentencePieceProcessor()
        processor.load_from_serialized_proto(drop_normalization(self._model))
        return processor


def _training_error(settings: TokenizerSettings, text_name: str, message: str) -> NmtError:
    size = settings.vocab_size
    if match := _TOO_HIGH.search(message):
        return ConfigError(
            f"tokenizer.vocab_size: {size} is too large for {text_name} of train; the maximum is "
            f"{match[1]}.\n"
            "Lower it, or set tokenizer.hard_vocab_limit: false to use fewer subwords."
        )
    if match := _TOO_SMALL.search(message):
        return ConfigError(
            f"tokenizer.vocab_size: {size} is too small for {text_name} of train: its characters "
            f"and reserved subwords need {match[1]}.\n"
            f"Set it above {match[1]}, or lower tokenizer.character_coverage."
        )
    return DataError(f"SentencePiece could not learn subwords from {text_name} of train: {message}")
