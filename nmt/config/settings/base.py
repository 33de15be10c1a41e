"""What all settings have in common: frozen, exact about types, no unknown keys."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Strict

from nmt.config.kinds import Registry


class Settings(BaseModel):
    """A part of the configuration. Unknown keys, wrong types, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


FilePath = Annotated[Path, Strict(False)]
"""A path written as text."""


def kind_of(registry: Registry) -> AfterValidator:
    """Checks that a text names one of the registry's kinds."""

    def check(name: str) -> str:
        if name not in registry.kinds:
            raise ValueError(f"is no {registry.thing}; choose one of {', '.join(registry.names())}")
        return name

    return AfterValidator(check)
