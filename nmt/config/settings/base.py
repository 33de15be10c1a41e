"""What all settings have in common: frozen, exact about types, no unknown keys."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, Strict
from pydantic.annotated_handlers import GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from nmt.config.kinds import Registry


class Settings(BaseModel):
    """A part of the configuration. Unknown keys, wrong types, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _check_path(value: object) -> object:
    if isinstance(value, str) and (not value.strip() or "\0" in value):
        raise ValueError("is no path")
    return value


FilePath = Annotated[Path, Strict(False), BeforeValidator(_check_path)]
"""A path written as text."""


@dataclass(frozen=True)
class KindOf:
    """Marks a text that names one of a registry's kinds; made by `kind_of`."""

    registry: Registry

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "enum": self.registry.names()}

    def _check(self, name: str) -> str:
        if name not in self.registry.kinds:
            names = ", ".join(self.registry.names())
            raise ValueError(f"is no {self.registry.thing}; choose one of {names}")
        return name


def kind_of(registry: Registry) -> KindOf:
    """Checks that a text names one of the registry's kinds."""
    return KindOf(registry)
