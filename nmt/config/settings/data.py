"""Settings of the corpora and of the filtering of their pairs."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Strict, model_validator

from nmt.config.settings.base import FilePath, FilePaths, Settings


class CorpusSettings(Settings):
    """A parallel text: line i of the source and line i of the target translate each other."""

    source: FilePaths = Field(
        description="Source text, or a list of files read one after the other (gzip, xz, bzip2 and "
        "zstd are unpacked)."
    )
    target: FilePaths = Field(description="Target text, as many lines as the source.")

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
    def _check_validation_source(self) -> "DataSettings":
        if self.dev is None and self.validation_split == 0.0:
            raise ValueError(
                "needs `dev`, or a `validation_split` such as 0.02 to take it from train"
            )
        if self.dev is not None and self.validation_split > 0.0:
            raise ValueError("has both `dev` and `validation_split`; keep one of them")
        return self
