"""Settings of the corpora and of the filtering of their pairs."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    Strict,
    model_serializer,
    model_validator,
)

from nmt.config.registry import PAIR_FORMATS
from nmt.config.settings.base import FilePath, FilePaths, Settings, kind_of

Sides = tuple[str, str]
"""Where source and target stand: columns, fields or language codes."""


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
        description="Source text, or a list of files read one after the other (gzip, xz, bzip2 and "
        "zstd are unpacked).",
    )
    target: FilePaths = Field((), description="Target text, as many lines as the source.")
    pairs: FilePaths = Field(
        (),
        description="File that holds both sides, or a list of such files, in place of source and "
        "target: a table, JSON lines, TMX or XLIFF.",
    )
    format: Annotated[str, kind_of(PAIR_FORMATS)] | None = Field(
        None, description="Format of `pairs`; default: the file tells."
    )
    sides: Annotated[Sides, BeforeValidator(_side_names)] | None = Field(
        None,
        description="Where source and target stand in `pairs`: numbers or names of columns, JSON "
        "fields or language codes, such as [2, 3] or [en, de]; default: the names of the "
        "languages, or the only two.",
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
            raise ValueError("has `pairs` beside `source` or `target`; keep one of them")
        if not self.pairs and not (self.source and self.target):
            raise ValueError("needs `source` and `target`, or `pairs` for files with both sides")
        if not self.pairs and (self.format or self.sides):
            raise ValueError("`format` and `sides` are for `pairs`; remove them")
        return self

    @model_validator(mode="after")
    def _check_file_counts(self) -> "CorpusSettings":
        if len(self.source) != len(self.target):
            raise ValueError(
                f"has {len(self.source)} source files and {len(self.target)} target files; "
                "give as many of the one as of the other"
            )
        return self


def _check_prefixes(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    if not all(prefix.strip() for prefix in prefixes):
        raise ValueError("holds an empty text; write how targets begin, such as [i am, he is]")
    return prefixes


class DataSettings(Settings):
    """The corpora, and which pairs of lines are kept."""

    root: FilePath | None = Field(
        None, description="Folder in which the relative paths of the corpora are looked up."
    )
    dir: FilePath | None = Field(
        None,
        description="Folder of the prepared corpora; default: data in the run's. Runs that name "
        "the same one share it, as long as text, tokenizer and the settings of `data` are the "
        "same.",
    )
    source_language: str = Field(
        "source",
        description="Name of the source language, such as en; other texts may have it as "
        "`{source_language}`.",
    )
    target_language: str = Field(
        "target",
        description="Name of the target language, such as de; other texts may have it as "
        "`{target_language}`.",
    )
    train: CorpusSettings = Field(description="The corpus to learn from.")
    dev: CorpusSettings | None = Field(
        None, description="The corpus to validate on; without it `validation_split` is taken."
    )
    test: CorpusSettings | None = Field(
        None, description="A corpus never trained on; only its overlap with train is looked at."
    )
    validation_split: float = Field(
        0.0,
        ge=0.0,
        lt=1.0,
        description="Share of train set aside for validation when dev is absent.",
    )
    split_seed: int = Field(
        1,
        ge=0,
        lt=2**31,
        description="Another one sets other pairs aside; that of the run does not.",
    )
    max_pairs: int | None = Field(
        None, ge=1, description="Take only the first pairs of train, so many; default: all."
    )
    target_prefixes: Annotated[tuple[str, ...], Strict(False), AfterValidator(_check_prefixes)] = (
        Field(
            (),
            description="Take only the train pairs whose target begins with one of these texts, "
            "such as [i am, he is]; case does not matter. Default: all.",
        )
    )
    max_length: int = Field(
        100, ge=1, description="Longest sentence in subwords; train pairs above it are dropped."
    )
    max_length_ratio: float = Field(
        0.0,
        ge=0.0,
        description="Greatest ratio of subword lengths of a train pair, either way; 0: no limit.",
    )
    drop_duplicates: bool = Field(False, description="Keep only the first of equal train pairs.")
    exclude_overlap: bool = Field(
        True, description="Drop train pairs of which both sides occur as a pair in dev or test."
    )
    max_dropped: float = Field(
        0.2, ge=0.0, le=1.0, description="Stop when a greater share of the train pairs is dropped."
    )
    max_unknown: Annotated[float, Field(ge=0.0, le=1.0)] | None = Field(
        None,
        description="Stop when a greater share of tokens is unknown; default: 0.01, and no limit "
        "where tokens are whole words.",
    )
    on_bad_utf8: Literal["error", "replace", "skip_pair"] = Field(
        "error", description="What to do with a line that is not UTF-8."
    )
    workers: int = Field(
        0, ge=0, description="Processes that tokenise; 0: as many as there are cores."
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
                "needs `dev`, or a `validation_split` such as 0.02 to take it from train"
            )
        if self.dev is not None and self.validation_split > 0.0:
            raise ValueError("has both `dev` and `validation_split`; keep one of them")
        return self
