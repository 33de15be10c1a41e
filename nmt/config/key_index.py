"""An index of the configuration's keys, derived from the settings."""

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from nmt.config.settings import Config
from nmt.config.settings.base import OMITTED_KEYS, KindOf, OneOrMore, Settings

_NOUNS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
}
_PLURALS: dict[Any, str] = {int: "whole numbers", float: "numbers", str: "texts"}
_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


@dataclass(frozen=True)
class Expected:
    """The values that a key allows."""

    noun: str
    """A description, such as `a whole number >= 1`."""
    choices: dict[str, str] = field(default_factory=dict)
    """The texts to choose from, each with a summary, which may be empty."""
    item: "Expected | None" = None
    """The values that an element of a list allows; None where the value is no list."""
    section: type[Settings] | None = None
    """The settings below the key; None where it is no section."""
    omitted: type[Settings] | None = None
    """The settings below a section whose keys are listed elsewhere; else None."""
    nullable: bool = False
    """Whether `null` is allowed."""
    base: Any = None
    """The Python type of a single value."""


@dataclass(frozen=True)
class Key:
    """A key of the configuration."""

    path: tuple[str, ...]
    description: str
    expected: Expected
    required: bool
    default: Any
    """The default value; None for a required key."""

    @property
    def name(self) -> str:
        """The dotted path, such as `model.encoder.cell`."""
        return ".".join(self.path)


def keys_of(section: type[Settings], prefix: tuple[str, ...] = ()) -> list[Key]:
    """Return the keys of a section, in the order of its settings.

    Args:
        section: The settings of the section.
        prefix: The path of the section.
    """
    return [
        Key(
            path=(*prefix, name),
            description=info.description or "",
            expected=_expected(info.annotation, info.metadata),
            required=info.is_required(),
            default=_default(info),
        )
        for name, info in section.model_fields.items()
    ]


@cache
def all_keys() -> dict[str, Key]:
    """Return every key of the configuration by its dotted path, sections before their keys."""
    return {key.name: key for key in _walk_keys(Config, ())}


def sibling_names(path: Sequence[str]) -> list[str]:
    """Return the names of the keys in the section of a path; none without such a section."""
    section = section_at(path[:-1])
    key = all_keys().get(".".join(path[:-1]))
    if section is None and key is not None:
        section = key.expected.omitted
    return list(section.model_fields) if section is not None else []


def section_at(path: Sequence[str]) -> type[Settings] | None:
    """Return the settings below a path; None where there is no such section."""
    if not path:
        return Config
    key = all_keys().get(".".join(path))
    return key.expected.section if key is not None else None


def _walk_keys(section: type[Settings], prefix: tuple[str, ...]) -> Iterator[Key]:
    for key in keys_of(section, prefix):
        yield key
        if key.expected.section is not None:
            yield from _walk_keys(key.expected.section, key.path)


def _default(info: FieldInfo) -> Any:
    default = info.get_default(call_default_factory=True, validated_data={})
    return None if default is PydanticUndefined else default


def _expected(annotation: Any, metadata: Sequence[Any]) -> Expected:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _expected(inner, [*metadata, *_flatten_marks(more)])
    if get_origin(annotation) in (Union, types.UnionType):
        (inner,) = (arg for arg in get_args(annotation) if arg is not types.NoneType)
        return replace(_expected(inner, metadata), nullable=True)
    if get_origin(annotation) is tuple:
        item = _expected(get_args(annotation)[0], [])
        if any(isinstance(mark, OneOrMore) for mark in metadata):
            return replace(item, noun=f"{item.noun}, or a list of such sections", item=item)
        return _expected_list(item)
    choices = _choices(annotation, metadata)
    if choices:
        return Expected(f"one of {', '.join(choices)}", choices, base=str)
    if issubclass(annotation, Settings):
        if OMITTED_KEYS in metadata:
            return Expected("a section of keys", omitted=annotation)
        return Expected("a section of keys", section=annotation)
    return Expected(" ".join([_NOUNS[annotation], *_range(metadata)]), base=annotation)


def _expected_list(item: Expected) -> Expected:
    if item.base is Path:
        return Expected("a path or a list of paths", item=item)
    if item.choices:
        return Expected(f"a list with any of {', '.join(item.choices)}", item=item)
    return Expected(
        f"a list of {item.noun.replace(_NOUNS[item.base], _PLURALS[item.base])}", item=item
    )


def _choices(annotation: Any, metadata: Sequence[Any]) -> dict[str, str]:
    for mark in metadata:
        if isinstance(mark, KindOf):
            return {name: kind.summary for name, kind in mark.kinds.items()}
    if get_origin(annotation) is Literal:
        return dict.fromkeys(get_args(annotation), "")
    return {}


def _range(metadata: Sequence[Any]) -> list[str]:
    bounds = [
        f"{sign} {_number(getattr(mark, name))}"
        for mark in metadata
        for name, sign in _SIGNS.items()
        if hasattr(mark, name)
    ]
    return [" and ".join(bounds)] if bounds else []


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _flatten_marks(metadata: Sequence[Any]) -> list[Any]:
    """Return the marks of an annotation, with a Field replaced by its own marks."""
    return [
        inner
        for mark in metadata
        for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])
    ]
