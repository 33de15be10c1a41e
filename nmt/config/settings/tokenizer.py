"""Settings of the tokenizers."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Strict, model_validator

from nmt.config.registry import TOKENIZERS, tokenizer_kind
from nmt.config.settings.base import LARGEST_SIZE, FilePath, FilePaths, Settings, kind_of
from nmt.text.characters import find_unwritable

_KEYS_WITH_MODEL = ("dir", "model", "joint", "sampling")
_SECTION_KEYS = {"sampling": "sampling.alpha"}
"""The key to name in messages about a section."""

_RESERVED = re.compile(r"<pad>|<unk>|<s>|</s>|<0x[0-9A-Fa-f]{2}>")


def _check_user_symbols(symbols: tuple[str, ...]) -> tuple[str, ...]:
    for position, symbol in enumerate(symbols):
        if not symbol or any(character.isspace() for character in symbol):
            raise ValueError(f"holds {symbol!r}; a symbol has at least one character and no space")
        if problem := find_unwritable(symbol):
            raise ValueError(f"holds {symbol!r} with {problem}; no translation can have it")
        if _RESERVED.fullmatch(symbol):
            raise ValueError(f"holds {symbol!r}, which is a reserved subword; choose another text")
        if symbol in symbols[:position]:
            raise ValueError(f"holds {symbol!r} twice")
    return symbols


def _check_n_best(n_best: int) -> int:
    if n_best != -1 and n_best < 2:
        raise ValueError("must be -1 (all segmentations) or at least 2")
    return n_best


class SubwordSamplingSettings(Settings):
    """Segmentations drawn afresh in each epoch of training; never in validation or search."""

    alpha: float = Field(
        0.1,
        ge=0.0,
        le=1.0,
        description="0: off, which is the default for words and characters, with `model`, and "
        "with guided alignment. Unigram: smoothing of the segmentation's distribution (Kudo 2018). "
        "BPE: probability of leaving out a merge (Provilkov et al. 2020). Segmentations drawn are "
        "longer than those that training.batch_size counts: batches may exceed it.",
    )
    n_best: Annotated[int, AfterValidator(_check_n_best)] = Field(
        -1, description="Unigram only: draw from so many best segmentations; -1: from all."
    )


class TokenizerSettings(Settings):
    """A SentencePiece model is the vocabulary: there is no second file to disagree with it."""

    dir: FilePath | None = Field(
        None,
        description="Folder of the tokenizer; default: tokenizer in the run's. Runs that name the "
        "same one share it.",
    )
    kind: Annotated[str, kind_of(TOKENIZERS)] = Field(
        "bpe", description="What a text is divided into."
    )
    model: FilePaths = Field(
        (),
        description="A SentencePiece model that was trained elsewhere: its file, or a list of two, "
        "of source and target, with `joint: false`. It says the kind; `dir` and `sampling` hold, "
        "the other keys do not.",
    )
    joint: bool = Field(True, description="One model for both languages, or one for each.")
    vocab_size: int = Field(
        6000,
        ge=16,
        le=LARGEST_SIZE,
        description="Number of subwords, of each model when there are two. Of characters and words "
        "the most; there may be fewer.",
    )
    hard_vocab_limit: bool = Field(
        False,
        description="true: refuse a text that does not hold so many subwords, instead of taking "
        "fewer.",
    )
    min_frequency: int = Field(
        1, ge=1, description="Words only: leave out those that occur fewer times."
    )
    character_coverage: float = Field(
        1.0, gt=0.0, le=1.0, description="Share of characters with an entry; 0.9995 for CJK."
    )
    byte_fallback: bool = Field(
        True, description="Write characters without an entry as UTF-8 bytes: nothing is unknown."
    )
    normalization: Literal[
        "auto", "composed", "nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity"
    ] = Field(
        "auto",
        description="Which forms of a character count as one. composed: a letter and its accents "
        "become one character, all else stays as written. nmt_nfkc, nfkc: SentencePiece's rules, "
        "which also fold full-width letters, ligatures and spaces; _cf folds case too. identity: "
        "no change. auto: nmt_nfkc for a source with a model of its own, else composed. All drop "
        "control and invisible characters, and keep joiners.",
    )
    user_symbols: Annotated[tuple[str, ...], Strict(False), AfterValidator(_check_user_symbols)] = (
        Field((), description="Texts that are always one subword, such as <2de>.")
    )
    sampling: SubwordSamplingSettings = Field(
        default_factory=SubwordSamplingSettings,
        description="Subword regularisation or BPE-dropout on the training side.",
    )

    @property
    def units(self) -> str:
        """The units of the vocabulary, for messages."""
        return "subwords" if self.model else tokenizer_kind(self.kind).units

    @property
    def fills_vocabulary(self) -> bool:
        """Whether a large text gives a vocabulary of `vocab_size`."""
        return not self.model and "sampling" in tokenizer_kind(self.kind).settings

    @model_validator(mode="after")
    def _check_keys(self) -> "TokenizerSettings":
        problems = list(self._model_problems() if self.model else self._kind_problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _kind_problems(self) -> Iterator[str]:
        """Yield a problem for each given key that this kind lacks and another has."""
        known = tokenizer_kind(self.kind).settings
        for key in self._effective_keys():
            other_kinds = [
                name for name in TOKENIZERS.names() if key in tokenizer_kind(name).settings
            ]
            if other_kinds and key not in known:
                yield (
                    f"`tokenizer.{_SECTION_KEYS.get(key, key)}` is for kind "
                    f"{' or '.join(other_kinds)}, not for `tokenizer.kind: {self.kind}`: remove it"
                )

    def _model_problems(self) -> Iterator[str]:
        if len(self.model) != (1 if self.joint else 2):
            yield (
                "`tokenizer.joint: true` needs one `tokenizer.model`; for one of each side set "
                "`tokenizer.joint: false`"
                if self.joint
                else "`tokenizer.joint: false` needs two files in `tokenizer.model`, of source and "
                "target"
            )
        useless = [
            f"`tokenizer.{key}`" for key in self._effective_keys() if key not in _KEYS_WITH_MODEL
        ]
        if useless:
            yield f"`tokenizer.model` says it all: remove {', '.join(useless)}"

    def _effective_keys(self) -> list[str]:
        """Return the keys that are given and have an effect."""
        changed = [
            name
            for name, field in type(self).model_fields.items()
            if name != "sampling"
            and getattr(self, name) != field.get_default(call_default_factory=True)
        ]
        is_sampling = "sampling" in self.model_fields_set and self.sampling.alpha > 0.0
        return [*changed, "sampling"] if is_sampling else changed
