"""Settings of the tokenizers."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Strict, model_validator

from nmt.config.registry import LETTER_CASES, TOKENIZERS, tokenizer_kind
from nmt.config.settings.base import LARGEST_SIZE, FilePath, FilePaths, Settings, kind_of
from nmt.text.characters import find_unwritable

_KEYS_WITH_MODEL = ("dir", "model", "joint", "sampling", "capitals")
_SECTION_KEYS = {"sampling": "sampling.alpha"}
"""The key to name in messages about a section."""

_RESERVED = re.compile(r"<pad>|<unk>|<s>|</s>|<0x[0-9A-Fa-f]{2}>")
_CASE_MARKS = ("<Aa>", "<AA>", "<AA+>", "<aa>")
"""Equal to `nmt.tokenizers.letter_case.CASE_MARKS`, a test compares them."""


def _check_user_symbols(symbols: tuple[str, ...]) -> tuple[str, ...]:
    for position, symbol in enumerate(symbols):
        if not symbol or any(character.isspace() for character in symbol):
            raise ValueError(
                f"has {symbol!r}; a symbol needs at least one character and must not have spaces"
            )
        if problem := find_unwritable(symbol):
            raise ValueError(f"has {symbol!r} with {problem}, which cannot occur in a translation")
        if _RESERVED.fullmatch(symbol):
            raise ValueError(f"has {symbol!r}, a reserved subword; choose another symbol")
        if symbol in symbols[:position]:
            raise ValueError(f"has {symbol!r} twice")
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
        description="0: off, the default for words and characters, with `model`, and with guided "
        "alignment. Unigram: smoothing of the segmentation distribution (Kudo 2018). BPE: "
        "probability of skipping a merge (Provilkov et al. 2020). Sampled segmentations are "
        "longer than those that training.batch_size counts, so batches may exceed it.",
    )
    n_best: Annotated[int, AfterValidator(_check_n_best)] = Field(
        -1, description="Unigram only: number of best segmentations to sample from. -1: all."
    )


class TokenizerSettings(Settings):
    """A SentencePiece model is the vocabulary: there is no second file to disagree with it."""

    dir: FilePath | None = Field(
        None,
        description="Folder of the tokenizer. Default: tokenizer in the run folder. Runs can "
        "share a folder.",
    )
    kind: Annotated[str, kind_of(TOKENIZERS)] = Field("bpe", description="Kind of tokens.")
    model: FilePaths = Field(
        (),
        description="An existing SentencePiece model: its file, or a list of two files, source and "
        "target, with `joint: false`. The model sets the kind. Only `dir`, `sampling` "
        "and `capitals` still have an effect.",
    )
    joint: bool = Field(
        True, description="true: one model for both languages. false: one for each."
    )
    vocab_size: int = Field(
        6000,
        ge=16,
        le=LARGEST_SIZE,
        description="Number of subwords, of each model if there are two. For characters and "
        "words it is a maximum.",
    )
    hard_vocab_limit: bool = Field(
        False,
        description="true: stop with an error if the text has too few subwords for `vocab_size`. "
        "false: use fewer.",
    )
    min_frequency: int = Field(
        1, ge=1, description="Words only: minimum count of a word in the vocabulary."
    )
    character_coverage: float = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="Fraction of the characters of the text that the vocabulary covers. Use "
        "0.9995 for CJK.",
    )
    byte_fallback: bool = Field(
        True, description="Encode other characters as UTF-8 bytes, so that no character is unknown."
    )
    normalization: Literal[
        "auto", "composed", "nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity"
    ] = Field(
        "auto",
        description="Unicode normalization. composed: a letter and its accents become one "
        "character; nothing else changes. nmt_nfkc, nfkc: the rules of SentencePiece, which also "
        "fold full-width letters, ligatures and spaces; _cf also folds case. identity: no "
        "change. auto: nmt_nfkc for a source with its own model, else composed. All of them "
        "remove control and invisible characters and keep joiners.",
    )
    case: Annotated[str, kind_of(LETTER_CASES)] = Field(
        "keep",
        description="Capital letters in the vocabulary. With keep, `HOUSE` shares no subwords "
        "with `house`. With inline, a text in capitals is translated like one in small letters, "
        "and the vocabulary has four marks beyond `vocab_size`.",
    )
    capitals: float = Field(
        0.02,
        ge=0.0,
        le=1.0,
        description="`case: inline` only: share of the training pairs that are read in capitals, "
        "other ones in each epoch. The model learns to translate text in capitals into "
        "capitals. Not with guided alignment, which links the words as written.",
    )
    user_symbols: Annotated[tuple[str, ...], Strict(False), AfterValidator(_check_user_symbols)] = (
        Field((), description="Symbols that are always one subword, such as <br>.")
    )
    sampling: SubwordSamplingSettings = Field(
        default_factory=SubwordSamplingSettings,
        description="Subword regularization or BPE-dropout of the training text.",
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
        if self.case == "inline":
            yield from self._case_problems()
        elif "capitals" in self._effective_keys():
            yield (
                "`tokenizer.capitals` needs `tokenizer.case: inline`: set it, or remove "
                "`tokenizer.capitals`"
            )
        for key in self._effective_keys():
            other_kinds = [
                name for name in TOKENIZERS.names() if key in tokenizer_kind(name).settings
            ]
            if other_kinds and key not in known:
                yield (
                    f"`tokenizer.{_SECTION_KEYS.get(key, key)}` is for kind "
                    f"{' or '.join(other_kinds)}, not for `tokenizer.kind: {self.kind}`: remove it"
                )

    def _case_problems(self) -> Iterator[str]:
        if self.normalization.endswith("_cf"):
            yield (
                f"`tokenizer.normalization: {self.normalization}` turns capitals into small "
                "letters, so `tokenizer.case: inline` has no effect: remove one of them"
            )
        for symbol in self.user_symbols:
            if symbol in _CASE_MARKS:
                yield (
                    f"`tokenizer.user_symbols` has {symbol!r}, a mark of `tokenizer.case: inline`: "
                    "choose another symbol"
                )

    def _model_problems(self) -> Iterator[str]:
        if len(self.model) != (1 if self.joint else 2):
            yield (
                "`tokenizer.joint: true` needs one `tokenizer.model`; for one model per side set "
                "`tokenizer.joint: false`"
                if self.joint
                else "`tokenizer.joint: false` needs two files in `tokenizer.model`: source and "
                "target"
            )
        useless = [
            f"`tokenizer.{key}`" for key in self._effective_keys() if key not in _KEYS_WITH_MODEL
        ]
        if useless:
            yield f"`tokenizer.model` sets these values: remove {', '.join(useless)}"

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
