"""Settings of the corpora and of the filtering of their pairs."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    Strict,
    WithJsonSchema,
    model_serializer,
    model_validator,
)

from nmt.config.registry import PAIR_FORMATS
from nmt.config.settings.base import FilePath, FilePaths, Settings, kind_of

Sides = tuple[str, str]
"""Where source and target stand: columns, fields or language codes."""


_SIDES_SCHEMA = WithJsonSchema(
    {
        "type": "array",
        "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "minItems": 2,
        "maxItems": 2,
    }
)


def _side_names(value: object) -> object:
    """Return the sides as texts, which YAML may write as numbers."""
    if not isinstance(value, list | tuple):
        return value
    return tuple(
        str(side) if isinstance(side, int) and not isinstance(side, bool) else side
        for side in value
    )


class CorpusSettings(Settings):
    """A parallel text: two files with as many lines, or files that hold both sides."""

    source: FilePaths = Field(
        (),
        description="Source text, or a list of files to concatenate. gzip, xz, bzip2 and zstd are "
        "unpacked.",
    )
    target: FilePaths = Field((), description="Target text, with as many lines as the source.")
    pairs: FilePaths = Field(
        (),
        description="File with both sides, or a list of such files, instead of source and "
        "target: a table, JSON lines, TMX or XLIFF.",
    )
    format: Annotated[str, kind_of(PAIR_FORMATS)] | None = Field(
        None, description="Format of `pairs`. Default: detected from the file."
    )
    sides: Annotated[Sides, BeforeValidator(_side_names), _SIDES_SCHEMA] | None = Field(
        None,
        description="Source and target in `pairs`: numbers or names of columns, JSON fields or "
        "language codes, such as [2, 3] or [en, de]. Default: the names of the languages, or the "
        "only two.",
    )
    _languages: Sides | None = PrivateAttr(None)

    @model_serializer(mode="wrap")
    def _serialize_given_files(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Return the keys of the kind of files that is given."""
        unused = ("source", "target") if self.pairs else ("pairs", "format", "sides")
        return {key: value for key, value in handler(self).items() if key not in unused}

    @property
    def languages(self) -> Sides | None:
        """The names of the source and target language, once the corpus is part of `data`."""
        return self._languages

    @property
    def files(self) -> tuple[FilePath, ...]:
        """All files of the corpus."""
        return (*self.source, *self.target, *self.pairs)

    @model_validator(mode="after")
    def _check_kind_of_files(self) -> "CorpusSettings":
        if self.pairs and (self.source or self.target):
            raise ValueError("has both `pairs` and `source` or `target`; remove one of them")
        if not self.pairs and not (self.source and self.target):
            raise ValueError("needs `source` and `target`, or `pairs` for files with both sides")
        if not self.pairs and (self.format or self.sides):
            raise ValueError("`format` and `sides` need `pairs`; remove them")
        return self

    @model_validator(mode="after")
    def _check_file_counts(self) -> "CorpusSettings":
        if len(self.source) != len(self.target):
            raise ValueError(
                f"has {len(self.source)} source files and {len(self.target)} target files; give "
                "the same number of both"
            )
        return self


def _check_prefixes(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    if not all(prefix.strip() for prefix in prefixes):
        raise ValueError(
            "has an empty text; write the first words of targets, such as [i am, he is]"
        )
    return prefixes


class DataSettings(Settings):
    """The corpora, and which pairs of lines are kept."""

    root: FilePath | None = Field(None, description="Folder of the relative paths of the corpora.")
    dir: FilePath | None = Field(
        None,
        description="Folder of the prepared corpora. Default: data in the run folder. Runs can "
        "share a folder if their texts, tokenizer and settings of `data` are the same.",
    )
    source_language: str = Field(
        "source",
        description="Name of the source language, such as en; other text values can contain it as "
        "`{source_language}`.",
    )
    target_language: str = Field(
        "target",
        description="Name of the target language, such as de; other text values can contain it as "
        "`{target_language}`.",
    )
    train: CorpusSettings = Field(description="Training corpus.")
    dev: CorpusSettings | None = Field(
        None, description="Validation corpus. Without it, set `validation_split`."
    )
    test: CorpusSettings | None = Field(
        None, description="Test corpus. nmt only checks its overlap with train."
    )
    validation_split: float = Field(
        0.0,
        ge=0.0,
        lt=1.0,
        description="Fraction of train to hold out for validation when there is no dev.",
    )
    split_seed: int = Field(
        1,
        ge=0,
        lt=2**31,
        description="Seed of the choice of these pairs. It does not depend on `seed`.",
    )
    max_pairs: int | None = Field(
        None,
        ge=1,
        description="Maximum number of train pairs to use, from the first on. Default: all.",
    )
    target_prefixes: Annotated[tuple[str, ...], Strict(False), AfterValidator(_check_prefixes)] = (
        Field(
            (),
            description="Use only the train pairs whose target starts with one of these texts, "
            "such as [i am, he is]. Case is ignored. Default: all pairs.",
        )
    )
    max_length: int = Field(
        100,
        ge=1,
        description="Maximum sentence length in subwords. Longer train pairs are dropped.",
    )
    max_length_ratio: float = Field(
        0.0,
        ge=0.0,
        description="Maximum length ratio of a train pair in subwords, in either direction. 0: "
        "no limit.",
    )
    drop_duplicates: bool = Field(
        False, description="Keep only the first of identical train pairs."
    )
    drop_identical: bool = Field(
        False, description="Drop train pairs with the same letters on both sides."
    )
    drop_tool_marks: bool = Field(
        False, description="Drop train pairs with marks of other tools, such as &apos; and @@."
    )
    min_script_share: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Minimum fraction of the letters of each side of a train pair that are in the "
        "main scripts of that side of train, such as 0.5. 0: no limit.",
    )
    drop_other_languages: bool = Field(
        False,
        description="Drop train pairs with a side in another language than `source_language` or "
        "`target_language`. Needs the package py3langid (`pip install 'nmt[langid]'`).",
    )
    drop_different_ends: bool = Field(
        False,
        description="Drop train pairs of which only one side ends with a full stop or the like, "
        "such as pairs with a truncated target.",
    )
    drop_different_numbers: bool = Field(
        False,
        description="Drop train pairs of which one side has a number that the other has not. "
        "Numbers of one digit do not count, nor those beside a side without digits.",
    )
    drop_different_addresses: bool = Field(
        False,
        description="Drop train pairs of which one side has a web or e-mail address that the "
        "other has not.",
    )
    min_word_match: float = Field(
        0.0,
        ge=0.0,
        lt=1.0,
        description="Drop train pairs whose words fit each other (IBM Model 1) no better than "
        "those of this fraction of randomly paired lines, such as 0.9. 0: no limit.",
    )
    drop_near_duplicates: bool = Field(
        False,
        description="Keep only the first of train pairs with the same letters. Case, punctuation, "
        "digits and spaces do not count.",
    )
    exclude_overlap: bool = Field(
        True, description="Drop train pairs that are also in dev or test."
    )
    max_dropped: float = Field(
        0.2,
        ge=0.0,
        le=1.0,
        description="Stop with an error if a larger fraction of the train pairs is dropped.",
    )
    max_unknown: Annotated[float, Field(ge=0.0, le=1.0)] | None = Field(
        None,
        description="Stop with an error if a larger fraction of tokens is unknown. Default: "
        "0.01; no limit for word tokenizers.",
    )
    on_bad_utf8: Literal["error", "replace", "skip_pair"] = Field(
        "error", description="Action for a line that is not UTF-8."
    )
    workers: int = Field(
        0, ge=0, description="Number of tokenizing processes. 0: one for each core."
    )

    @model_validator(mode="after")
    def _set_corpus_languages(self) -> "DataSettings":
        for corpus in (self.train, self.dev, self.test):
            if corpus is not None:
                corpus._languages = (self.source_language, self.target_language)
        return self

    @model_validator(mode="after")
    def _check_validation_source(self) -> "DataSettings":
        if self.dev is None and self.validation_split == 0.0:
            raise ValueError(
                "needs `dev`, or a `validation_split` such as 0.02 to hold it out from train"
            )
        if self.dev is not None and self.validation_split > 0.0:
            raise ValueError("has both `dev` and `validation_split`; keep one of them")
        return self
