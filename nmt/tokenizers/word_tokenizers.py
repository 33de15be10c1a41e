"""The tokenizers with a vocabulary of words: a rule divides a text, and each token is looked up.

One rule divides words and punctuation marks:

- A run of letters, digits and their accents is a word.
- An apostrophe or hyphen between two of them belongs to the word: `l'eau`, `state-of-the-art`. So
  does a full stop or comma between two digits: `1,000.5`.
- Any other punctuation mark or symbol is a token of its own, and so is a no-break space. A symbol
  of several characters, such as an emoji with its colour, is one token.

A token that follows a space begins with `▁`, as in SentencePiece: `Go, now.` is `▁Go` `,` `▁now`
`.`. The tokens together therefore give the text again. The start of a text counts as a space. Words
of scripts without spaces must be divided beforehand, because a run of such letters is one word.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from nmt.config.settings import TokenizerSettings
from nmt.console import say
from nmt.errors import ConfigError
from nmt.tokenizers.letter_case import JOINING_MARKS, letters_and_marks
from nmt.tokenizers.sentencepiece_model import (
    ModelKind,
    Piece,
    PieceKind,
    TrainerField,
    Value,
    write_model,
)
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK, Tokenizer, refuse_surrogates, remove_nul
from nmt.tokenizers.words import Subword

_SPACE = "▁"
_RESERVED = (
    Piece("<pad>", 0.0, PieceKind.CONTROL),
    Piece("<unk>", 0.0, PieceKind.UNKNOWN),
    Piece("<s>", 0.0, PieceKind.CONTROL),
    Piece("</s>", 0.0, PieceKind.CONTROL),
)
_TRAINER: dict[int, Value] = {
    TrainerField.MODEL_KIND: int(ModelKind.WORD),
    TrainerField.UNKNOWN_ID: UNK,
    TrainerField.BEGIN_ID: BOS,
    TrainerField.END_ID: EOS,
    TrainerField.PADDING_ID: PAD,
    # SentencePiece's default has a space after it too, which would separate a full stop.
    TrainerField.UNKNOWN_SHOWN_AS: " ⁇".encode(),
}
_BY_CATEGORY = (r"^\p{P}\p{S}\p{Z}", r"\p{P}\p{S}\p{Z}")
"""The result of `letters_and_marks`, for regular expressions with Unicode categories."""


class ListedTokenizer(Tokenizer):
    """A tokenizer with a list of tokens. A subclass implements the segmentation (`divide`)."""

    def divide(self, text: str) -> list[str]:
        """Return the tokens of a normalized text. Their concatenation is the text.

        Args:
            text: The text, with `▁` for each space and at the start.
        """
        raise NotImplementedError

    @classmethod
    def learn(
        cls, settings: TokenizerSettings, normalizer: Any, lines: Iterable[str], text_name: str
    ) -> bytes:
        """Return the file of a tokenizer with the most frequent tokens of lines.

        Args:
            settings: The settings of the tokenizer.
            normalizer: The normalization from `make_normalizer`.
            lines: The training text.
            text_name: The name of the text in errors, such as `the source`.

        Raises:
            ConfigError: No token is frequent enough, or the vocabulary has no room for one.
        """
        rule = normalizer.serialized_normalizer_spec()
        reserved = list(_RESERVED)
        if settings.user_symbols:
            reserved += [Piece(text, 0.0, PieceKind.USER_DEFINED) for text in settings.user_symbols]
            reserved.append(Piece(_SPACE, 0.0, PieceKind.NORMAL))
        free_entries = settings.vocab_size - len(reserved)
        if free_entries < 1:
            raise ConfigError(
                f"tokenizer.vocab_size: {settings.vocab_size} leaves no room for words: the "
                f"reserved entries and user_symbols alone need {len(reserved)}. Raise it."
            )
        untrained = cls(_write_model(settings, reserved, rule))
        counts: Counter[str] = Counter()
        for line in lines:
            counts.update(untrained.divide(untrained.normalize(line)))
        for piece in reserved:
            del counts[piece.text]
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        chosen = [text for text, count in ranked if count >= settings.min_frequency][:free_entries]
        if ranked and not chosen:
            most_common, count = ranked[0]
            raise ConfigError(
                f"tokenizer.min_frequency: no word of {text_name} of train occurs "
                f"{settings.min_frequency} times; the most frequent, "
                f"{most_common.strip(_SPACE)!r:.40}, occurs {count} times. Lower it."
            )
        _report_unknown_words(ranked, len(chosen), text_name)
        # The score is minus the rank, as in BPE models. The segmentation does not use it.
        words = [Piece(text, -float(rank), PieceKind.NORMAL) for rank, text in enumerate(chosen)]
        return _write_model(settings, [*reserved, *words], rule)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Tokenizer.encode_batch`."""
        ids = self._ids
        with refuse_surrogates(texts):
            return [
                [ids.get(token, UNK) for token in self.divide(self.normalize(text))]
                for text in texts
            ]

    def subwords(self, text: str) -> list[Subword]:
        """See `Tokenizer.subwords`."""
        text = remove_nul(text)
        with refuse_surrogates((text,)):
            normalized, offsets = self._processor.normalize(text, with_offsets=True)
        subwords, end = [], 0
        for token in self.divide(normalized):
            begin, end = end, end + len(token)
            subwords.append(Subword(token, text[offsets[begin] : offsets[end]]))
        return subwords

    @cached_property
    def symbols(self) -> Sequence[str]:
        """The texts that are always one token, the longest first."""
        pieces = self.read_model().pieces
        symbols = [piece.text for piece in pieces if piece.kind == PieceKind.USER_DEFINED]
        return sorted(symbols, key=lambda text: (-len(text), text))

    @cached_property
    def _ids(self) -> dict[str, int]:
        known = (PieceKind.NORMAL, PieceKind.USER_DEFINED)
        return {
            piece.text: token
            for token, piece in enumerate(self.read_model().pieces)
            if piece.kind in known
        }


class WordTokenizer(ListedTokenizer):
    """A tokenizer of words and punctuation marks."""

    def divide(self, text: str) -> list[str]:
        """See `ListedTokenizer.divide`."""
        return self._token_regex.findall(text)

    @property
    def segmentation_instructions(self) -> str:
        """See `Tokenizer.segmentation_instructions`."""
        return (
            "Normalize the text with the model's own rules (SentencePiece's `normalize`), find "
            f"all matches of the expression `{_token_pattern(self.symbols, *_BY_CATEGORY)}` and "
            "look up each match in the vocabulary. A match that is not in it is `unk`. Do not use "
            "the `encode` of SentencePiece, which splits only at spaces."
        )

    @cached_property
    def _token_regex(self) -> re.Pattern[str]:
        return re.compile(_token_pattern(self.symbols, *letters_and_marks()))


def _token_pattern(symbols: Sequence[str], letters: str, marks: str) -> str:
    """Return a regular expression for one token.

    Args:
        symbols: The texts that are always one token.
        letters: The characters of words, as the inside of a character class.
        marks: All other characters, as the inside of a character class.
    """
    letter, fixed = f"[{letters}]", ""
    if symbols:
        any_symbol = "|".join(map(re.escape, symbols))
        letter = f"(?:(?!{any_symbol})[{letters}])"
        fixed = f"{_SPACE}(?={any_symbol})|{any_symbol}|"
    joining = rf"(?<=\d)[.,](?=\d)|[{re.escape(JOINING_MARKS)}](?=[{letters}])"
    word = f"{letter}+(?:(?:{joining}){letter}+)*"
    # Characters that belong to the symbol before: accents, variants, colours, joined symbols.
    modifiers = (
        "[\u0300-\u036f\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
    )
    mark = f"(?!{_SPACE})[{marks}]{modifiers}*"
    joined = f"{mark}(?:\u200d{mark})*"
    flag = "[\U0001f1e6-\U0001f1ff]{2}"
    return f"{fixed}{_SPACE}?(?:{word}|{flag}|{joined})|{_SPACE}"


def _write_model(settings: TokenizerSettings, pieces: Sequence[Piece], rule: bytes) -> bytes:
    trainer = {**_TRAINER, TrainerField.VOCABULARY_SIZE: len(pieces)}
    return write_model(settings.kind, pieces, trainer, rule)


def _report_unknown_words(ranked: Sequence[tuple[str, int]], size: int, text_name: str) -> None:
    """Report the words that are not in the vocabulary, if any."""
    unknown = ranked[size:]
    if unknown:
        total = sum(count for _, count in ranked)
        share = sum(count for _, count in unknown) / total
        say(
            f"tokenizer: {len(unknown):,} of {len(ranked):,} words of {text_name} are not in the "
            f"vocabulary: {100 * share:.1f}% of its tokens are unknown"
        )
