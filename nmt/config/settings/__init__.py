"""The typed settings: one place for every key, its type, range, default and description."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from nmt.config.settings.base import FilePath, Settings
from nmt.config.settings.data import CorpusSettings, DataSettings
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
    "TrainingSettings",
]


def _check_name(name: str) -> str:
    if re.fullmatch(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*", name) is None:
        raise ValueError("is no name for a folder; leave out slashes and a dot at the start")
    return name


class Config(Settings):
    """The whole configuration of a run."""

    name: Annotated[str, AfterValidator(_check_name)] | None = Field(
        None,
        description="Name of the run; default: the file's name without its ending.",
    )
    run_dir: FilePath | None = Field(
        None,
        description="Folder of the run; default: runs/NAME below the current folder.",
    )
    seed: int = Field(1, ge=0, lt=2**31, description="Everything random follows from it.")
    data: DataSettings = Field(description="The corpora.")
    tokenizer: TokenizerSettings = Field(
        default_factory=TokenizerSettings, description="The subwords."
    )
    model: ModelSettings = Field(default_factory=ModelSettings, description="The translator.")
    training: TrainingSettings = Field(description="How it learns.")
    search: SearchSettings = Field(default_factory=SearchSettings, description="How it translates.")
    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings, description="The machine.")

    @model_validator(mode="after")
    def _tied_sides_share_their_subwords(self) -> "Config":
        if self.model.tying in ("source_target", "all") and not self.tokenizer.joint:
            raise ValueError(
                f"`model.tying: {self.model.tying}` needs `tokenizer.joint: true`: "
                "only a joint vocabulary gives both sides the same subwords"
            )
        return self
