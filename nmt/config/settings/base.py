"""The base of all settings: frozen, strict about types, without unknown keys."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    SerializerFunctionWrapHandler,
    Strict,
    WithJsonSchema,
)
from pydantic.annotated_handlers import GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from nmt.config.registry import Registry

LARGEST_SIZE = 1_000_000
"""The upper bound of settings that take memory. A larger value is a mistake or an attack."""


class Settings(BaseModel):
    """A part of the configuration. Unknown keys, wrong types, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


UNWRITABLE_NAME = (
    f"is not encodable in this locale ({sys.getfilesystemencoding()}); set PYTHONUTF8=1, or use a "
    "UTF-8 locale"
)
"""The message for a path that the locale cannot encode."""


def _check_path(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not value.strip() or "\0" in value:
        raise ValueError("is not a path")
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise ValueError(UNWRITABLE_NAME) from None
    return value


FilePath = Annotated[Path, Strict(False), BeforeValidator(_check_path)]
"""A path written as text."""


def _wrap_single_value(value: object) -> object:
    return [value] if isinstance(value, str) else value


FilePaths = Annotated[
    tuple[FilePath, ...],
    Strict(False),
    BeforeValidator(_wrap_single_value),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One path, or a list of paths."""


class OneOrMore:
    """The mark of a list of sections that may also be written as one section without a list."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            self._wrap,
            handler(source),
            serialization=core_schema.wrap_serializer_function_ser_schema(
                self._unwrap, schema=handler(source)
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        several = handler(schema)
        return {"anyOf": [several["items"], several]}

    def _wrap(self, value: object) -> object:
        if isinstance(value, list | tuple) and not value:
            raise ValueError("is an empty list; name at least one")
        return value if isinstance(value, list | tuple) else [value]

    def _unwrap(self, value: Any, handler: SerializerFunctionWrapHandler) -> Any:
        values = handler(value)
        return values[0] if len(values) == 1 else list(values)


OMITTED_KEYS = "keys that are listed elsewhere"
"""The mark of a section whose keys the reference lists elsewhere, so that it lists them once."""


class Described(Protocol):
    """A thing that a text may name."""

    @property
    def summary(self) -> str:
        """A description in one line."""


@dataclass(frozen=True, eq=False)  # a dict has no hash, and `Annotated[..] | None` needs one
class KindOf:
    """The mark of a text that names one of the `kinds` of a `noun`; see `kind_of`."""

    noun: str
    kinds: Mapping[str, Described]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "enum": list(self.kinds)}

    def _check(self, name: str) -> str:
        if name not in self.kinds:
            raise ValueError(f"is not a valid {self.noun}; choose one of {', '.join(self.kinds)}")
        return name


def kind_of(registry: Registry) -> KindOf:
    """Return the mark of a text that names an entry of a registry."""
    return KindOf(registry.noun, registry.kinds)


Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]
"""The share of elements set to zero."""
