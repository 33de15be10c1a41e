"""Settings of the corpora and of the filtering of their pairs."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    Strict,
    WithJsonSchema,
    field_serializer,
    model_serializer,
    model_validator,
)

from nmt.config.registry import PAIR_FORMATS
from nmt.config.settings.base import OMITTED_KEYS, FilePath, FilePaths, OneOrMore, Settings, kind_of

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


class FilterSettings(Settings):
    """The filters of train pairs, for all corpora or for one of them."""

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


_TAG = re.compile(r"[^\W\d_][\w.-]*")
_RESERVED_TAGS = ("pad", "unk", "s", "Aa", "AA", "aa")


def _check_tag(tag: str) -> str:
    if not _TAG.fullmatch(tag) or tag in _RESERVED_TAGS:
        raise ValueError(
            "is not a tag; write a letter, then letters, digits, `.`, `-` or `_`, such as web"
        )
    return tag


def _check_language(language: str) -> str:
    if not re.fullmatch(r"[^\s<>]+", language):
        raise ValueError("is not the name of a language; write a code such as de")
    return language


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
    source_language: Annotated[str, AfterValidator(_check_language)] | None = Field(
        None, description="Language of the source. Default: `data.source_language`."
    )
    target_language: Annotated[str, AfterValidator(_check_language)] | None = Field(
        None,
        description="Language of the target. Default: `data.target_language`. If the corpora of "
        "train have several target languages, each source starts with a tag of its language.",
    )
    tag: Annotated[str, AfterValidator(_check_tag)] | None = Field(
        None,
        description="Name of a tag at the start of each source, such as web or synthetic. The tag "
        "is one token. `nmt translate --tag` selects it.",
    )
    _languages: Sides | None = PrivateAttr(None)

    @model_serializer(mode="wrap")
    def _serialize_given_files(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Return the keys of the kind of files that is given, and the others that are set."""
        unused = ("source", "target") if self.pairs else ("pairs", "format", "sides")
        return {
            key: value
            for key, value in handler(self).items()
            if key not in unused and not (key in _OPTIONAL_KEYS and value is None)
        }

    @property
    def languages(self) -> Sides | None:
        """The names of the source and target language, once the corpus is part of `data`."""
        return self._languages

    @property
    def files(self) -> tuple[FilePath, ...]:
        """All files of the corpus."""
        return (*self.source, *self.target, *self.pairs)

    @property
    def name(self) -> str:
        """The names of its files of source or pairs, for messages."""
        return ", ".join(path.name for path in self.source or self.pairs)

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


_OPTIONAL_KEYS = ("source_language", "target_language", "tag", "weight", "filters")
"""The keys of a corpus that a configuration leaves out where they are not set."""


class TrainCorpusSettings(CorpusSettings):
    """A parallel text to train on: two files with as many lines, or files that hold both sides."""

    weight: Annotated[float, Field(gt=0.0)] | None = Field(
        None,
        description="Share of this corpus in each epoch, relative to the "
        "weights of the other corpora. Default: its number of pairs.",
    )
    filters: Annotated[FilterSettings, OMITTED_KEYS] | None = Field(
        None,
        description="Filter keys of `data` with other values for this corpus, such as "
        "{min_word_match: 0.9}: `max_length`, `max_length_ratio`, and those that begin with "
        "`drop_` or `min_`.",
    )

    @field_serializer("filters")
    def _serialize_given_filters(self, filters: FilterSettings | None) -> dict[str, Any] | None:
        """Return the filters that are given, because the others are those of `data`."""
        return None if filters is None else filters.model_dump(mode="json", exclude_unset=True)


Corpora = Annotated[tuple[CorpusSettings, ...], Strict(False), OneOrMore()]
"""One corpus, or a list of corpora."""

TrainCorpora = Annotated[tuple[TrainCorpusSettings, ...], Strict(False), OneOrMore()]
"""One corpus to train on, or a list of them."""


def _check_prefixes(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    if not all(prefix.strip() for prefix in prefixes):
        raise ValueError(
            "has an empty text; write the first words of targets, such as [i am, he is]"
        )
    return prefixes


class TextSettings(Settings):
    """The languages and the corpora."""

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
    train: TrainCorpora = Field(description="Training corpus, or a list of corpora.")
    dev: Corpora | None = Field(
        None,
        description="Validation corpus, or a list of corpora. Without it, set `validation_split`.",
    )
    test: Corpora | None = Field(
        None,
        description="Test corpus, or a list of corpora. nmt only checks its overlap with train.",
    )
    validation_split: float = Field(
        0.0,
        ge=0.0,
        lt=1.0,
        description="Fraction of train to hold out for validation when there is no dev.",
    )
    test_split: float = Field(
        0.0,
        ge=0.0,
        lt=1.0,
        description="Fraction of train to hold out for tests when there is no test. The pairs are "
        "in test.source.txt and test.target.txt in the folder of the prepared corpora.",
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


class DataSettings(FilterSettings, TextSettings):
    """The corpora, and which pairs of lines are kept."""

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

    @property
    def corpora(self) -> dict[str, tuple[CorpusSettings, ...]]:
        """The corpora by `train`, `dev` and `test`, without those that are not given."""
        named = {"train": self.train, "dev": self.dev, "test": self.test}
        return {name: corpora for name, corpora in named.items() if corpora is not None}

    @property
    def source_languages(self) -> tuple[str, ...]:
        """The source languages of train, each once."""
        return tuple(dict.fromkeys(self.languages_of(corpus)[0] for corpus in self.train))

    @property
    def target_languages(self) -> tuple[str, ...]:
        """The target languages of train, each once."""
        return tuple(dict.fromkeys(self.languages_of(corpus)[1] for corpus in self.train))

    @property
    def tags(self) -> tuple[str, ...]:
        """The names of all tags of train, each once: those of languages first."""
        return tuple(dict.fromkeys(sorted(self._train_tags(), key=_is_no_language_tag)))

    @property
    def requires_tag(self) -> bool:
        """Whether every corpus of train has a tag besides that of its language."""
        return all(corpus.tag is not None for corpus in self.train)

    def languages_of(self, corpus: CorpusSettings) -> Sides:
        """Return the source and target language of a corpus."""
        return (
            corpus.source_language or self.source_language,
            corpus.target_language or self.target_language,
        )

    def tags_of(self, corpus: CorpusSettings) -> tuple[str, ...]:
        """Return the names of the tags at the start of each source of a corpus, in order.

        They are that of the target language, such as `2de`, where train has several, and that of
        the corpus.
        """
        tags = []
        if len(self.target_languages) > 1:
            tags.append(language_tag(self.languages_of(corpus)[1]))
        return (*tags, corpus.tag) if corpus.tag is not None else tuple(tags)

    def settings_of(self, corpus: TrainCorpusSettings) -> "DataSettings":
        """Return the settings for one corpus of train: its languages and filters, and it alone."""
        source_language, target_language = self.languages_of(corpus)
        changes: dict[str, Any] = {
            "train": (corpus,),
            "source_language": source_language,
            "target_language": target_language,
        }
        if corpus.filters is not None:
            changes |= {
                key: getattr(corpus.filters, key) for key in corpus.filters.model_fields_set
            }
        return self.model_copy(update=changes)

    def _train_tags(self) -> Iterator[str]:
        for corpus in self.train:
            yield from self.tags_of(corpus)

    @model_validator(mode="after")
    def _set_corpus_languages(self) -> "DataSettings":
        for corpora in self.corpora.values():
            for corpus in corpora:
                corpus._languages = self.languages_of(corpus)
        return self

    @model_validator(mode="after")
    def _check_validation_source(self) -> "DataSettings":
        if self.dev is None and self.validation_split == 0.0:
            raise ValueError(
                "needs `dev`, or a `validation_split` such as 0.02 to hold it out from train"
            )
        if self.dev is not None and self.validation_split > 0.0:
            raise ValueError("has both `dev` and `validation_split`; keep one of them")
        if self.test is not None and self.test_split > 0.0:
            raise ValueError("has both `test` and `test_split`; keep one of them")
        if self.validation_split + self.test_split >= 1.0:
            raise ValueError("has `validation_split` and `test_split` that leave no pair for train")
        if self.test_split > 0.0 and self.tags:
            raise ValueError(
                "has `test_split` and corpora with tags or several target languages; name a "
                "corpus for each in `test`"
            )
        return self

    @model_validator(mode="after")
    def _check_corpora(self) -> "DataSettings":
        unweighted = [index for index, each in enumerate(self.train) if each.weight is None]
        if 0 < len(unweighted) < len(self.train):
            raise ValueError(
                "has corpora in `train` with and without `weight` (none: "
                f"{', '.join(f'train.{index}' for index in unweighted)}); give each a weight, "
                "or none"
            )
        for name, corpora in self.corpora.items():
            for corpus in corpora if name != "train" else ():
                self._check_held_out_corpus(name, corpus)
        default = type(self).model_fields["target_language"].default
        if len(self.target_languages) > 1 and default in self.target_languages:
            raise ValueError(
                "has several target languages: give each corpus of `train` a `target_language`, or "
                "set `target_language` for the others"
            )
        return self

    def _check_held_out_corpus(self, name: str, corpus: CorpusSettings) -> None:
        """Check that a corpus of dev or test has only what train has too."""
        language = self.languages_of(corpus)[1]
        languages = self.target_languages
        if language not in languages:
            default = type(self).model_fields["target_language"].default
            given = "without a" if language == default else "in the"
            shown = "" if language == default else f" {language}"
            raise ValueError(
                f"has `{name}` {given} target language{shown}, but `train` has "
                f"{', '.join(languages)}; set its `target_language` to one of them"
            )
        if corpus.tag is not None and corpus.tag not in self.tags:
            raise ValueError(
                f"has the tag {corpus.tag} in `{name}`, which no corpus of `train` has"
            )
        if corpus.tag is None and self.requires_tag:
            raise ValueError(
                f"has a corpus without `tag` in `{name}`, but every corpus of `train` has one; set "
                "its `tag`"
            )


LANGUAGE_TAG = "2"
"""The first character of the name of a language tag, which no other tag has."""


def language_tag(language: str) -> str:
    """Return the name of the tag of a target language, such as `2de`."""
    return f"{LANGUAGE_TAG}{language}"


def _is_no_language_tag(tag: str) -> bool:
    return not tag.startswith(LANGUAGE_TAG)
