"""The typed settings, which define the type, range, default and description of every key."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from nmt.config.presets import PRESETS, implied_values, merge_settings
from nmt.config.settings.base import FilePath, KindOf, Settings
from nmt.config.settings.data import CorpusSettings, DataSettings, TrainCorpusSettings
from nmt.config.settings.model import ModelSettings
from nmt.config.settings.runtime import RuntimeSettings
from nmt.config.settings.search import SearchSettings
from nmt.config.settings.tokenizer import TokenizerSettings
from nmt.config.settings.training import TrainingSettings

__all__ = [
    "Config",
    "CorpusSettings",
    "DataSettings",
    "ModelSettings",
    "RuntimeSettings",
    "SearchSettings",
    "Settings",
    "TokenizerSettings",
    "TrainCorpusSettings",
    "TrainingSettings",
]


def _check_name(name: str) -> str:
    if re.fullmatch(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*", name) is None:
        raise ValueError("is not a valid folder name; remove slashes and a leading dot")
    return name


class Config(Settings):
    """The whole configuration of a run."""

    name: Annotated[str, AfterValidator(_check_name)] | None = Field(
        None,
        description="Name of the run. Default: the file name without its suffix.",
    )
    run_dir: FilePath | None = Field(
        None,
        description="Folder of the run. Default: runs/NAME in the current folder.",
    )
    seed: int = Field(1, ge=0, lt=2**31, description="Seed of all random numbers.")
    preset: Annotated[str, KindOf("preset", PRESETS)] | None = Field(
        None,
        description="The architecture of a paper. It sets the keys of `model` that are not given. "
        "Training is then simpler: a constant learning rate of 0.001, no average, no "
        "BPE-dropout. Default: none; the defaults of all keys are then those of nmt.",
    )
    data: DataSettings = Field(description="The corpora.")
    tokenizer: TokenizerSettings = Field(
        default_factory=TokenizerSettings, description="The subwords."
    )
    model: ModelSettings = Field(default_factory=ModelSettings, description="The translator.")
    training: TrainingSettings = Field(description="Training settings.")
    search: SearchSettings = Field(default_factory=SearchSettings, description="Search settings.")
    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings, description="The machine.")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_implied_values(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        return merge_settings(implied_values(values), values)

    @model_validator(mode="after")
    def _check_sections(self) -> "Config":
        problems = [
            *self._vocabulary_problems(),
            *self._start_problems(),
            *self._pretrained_embedding_problems(),
            *self._attention_problems(),
            *self._guidance_problems(),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _vocabulary_problems(self) -> Iterator[str]:
        for tag in self.data.tags:
            if f"<{tag}>" in self.tokenizer.user_symbols:
                yield (
                    f"`tokenizer.user_symbols` has <{tag}>, the tag of a corpus, which no text may "
                    "contain: remove it"
                )
        if self.tokenizer.joint:
            return
        if self.model.tying in ("source_target", "all"):
            yield (
                f"`model.tying: {self.model.tying}` needs `tokenizer.joint: true`: both sides "
                "have the same subwords only in a joint vocabulary"
            )
        if self.model.output.copy_source:
            yield (
                "`model.output.copy_source` needs `tokenizer.joint: true`: a source subword is "
                "copied as the target subword with the same id"
            )

    def _start_problems(self) -> Iterator[str]:
        training = self.training
        if self.tokenizer.model and training.init_from and training.init_vocabulary == "same":
            yield (
                "`training.init_from` has its own tokenizer: remove `tokenizer.model`, or set "
                "`training.init_vocabulary: extend`"
            )

    def _pretrained_embedding_problems(self) -> Iterator[str]:
        vectors, tying = self.training.pretrained_embeddings, self.model.tying
        shares_embedding = tying in ("source_target", "all")
        if shares_embedding and None not in (vectors.source, vectors.target):
            yield (
                "`training.pretrained_embeddings` has a file for each side, but `model.tying: "
                f"{tying}` uses one embedding for both: give one file, or set `model.tying: none`"
            )
        if vectors.freeze and (shares_embedding or (vectors.target and tying != "none")):
            yield (
                "`training.pretrained_embeddings.freeze` would freeze all parameters that "
                f"`model.tying: {tying}` ties to the embedding: set `model.tying: none`"
            )

    def _attention_problems(self) -> Iterator[str]:
        max_positions = self.model.max_source_tokens
        max_length = max(self.data.settings_of(corpus).max_length for corpus in self.data.train)
        tags = max(len(self.data.tags_of(corpus)) for corpus in self.data.train)
        if max_positions is not None and max_positions < max_length + tags:
            room = f", {tags} more for tags" if tags else ""
            yield (
                f"`model.attention.max_positions: {self.model.attention.max_positions}` is too "
                f"small for `data.max_length: {max_length}`{room} and "
                f"an end-of-sentence token: set it to {max_length + tags + 1}, or "
                f"`data.max_length` to {max_positions - tags}"
            )
        if self.model.attention.kind != "none":
            return
        if self.training.coverage_loss > 0.0:
            yield "`training.coverage_loss` needs attention, but `model.attention.kind` is none"
        if self.search.coverage_penalty > 0.0:
            yield "`search.coverage_penalty` needs attention, but `model.attention.kind` is none"

    def _guidance_problems(self) -> Iterator[str]:
        guided = self.training.guided_alignment
        if not guided.is_enabled:
            return
        if self.model.attention.kind == "none":
            yield "`training.guided_alignment` needs attention, but `model.attention.kind` is none"
        if self.tokenizer.sampling.alpha > 0.0:
            yield (
                "`training.guided_alignment` needs the same subwords in each epoch: set "
                "`tokenizer.sampling.alpha: 0`"
            )
        files = len(guided.alignments)
        sources = sum(len(corpus.source) for corpus in self.data.train)
        if guided.alignments and any(corpus.pairs for corpus in self.data.train):
            yield (
                "`training.guided_alignment.alignments` links the lines of two files: set "
                "`data.train.source` and `data.train.target` in place of `data.train.pairs`"
            )
        elif guided.alignments and files != sources:
            yield (
                f"`training.guided_alignment.alignments` has {files} files, but `data.train` has "
                f"{sources} for each side: give one for each"
            )
