"""The reference of the configuration, generated from the settings, for people and for editors."""

import inspect
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from nmt.config.config_errors import nearest_name
from nmt.config.earlier_keys import REMOVED_KEYS, RENAMED_KEYS
from nmt.config.key_index import Key, all_keys, keys_of
from nmt.config.serialize import format_value
from nmt.config.settings import Config
from nmt.config.settings.base import Settings
from nmt.errors import UsageError

_WIDTH = 96

_EXAMPLES: dict[str, Any] = {
    "data.source_language": "de",
    "data.target_language": "en",
    "data.train.source": "train.de",
    "data.train.target": "train.en",
    "data.dev.source": "dev.de",
    "data.dev.target": "dev.en",
    "data.test.source": "test.de",
    "data.test.target": "test.en",
    "training.max_updates": 100_000,
    "training.patience": 10,
}
"""The values that the reference shows for keys without a useful default."""

_REFERENCE_HEAD = """\
# Every key of the configuration with its default, as `nmt config default` prints it. Only the
# languages and texts of `data`, `training.max_updates` and `training.patience` are examples.
#
# To start from it, copy it, name your texts under `data`, and keep only the keys that you change.
# All other keys are optional, except the corpora (`data.train`, and `data.dev` or
# `data.validation_split`) and a stopping criterion (`training.max_updates`, `max_epochs`,
# `max_time` or `patience`). Relative paths start at the folder of the file. In every text,
# `{source_language}` and `{target_language}` stand for the values of these keys of `data`, so that
# --set data.target_language=fr selects other files of a corpus.

"""


EVERYDAY_KEYS = (
    "run_dir",
    "seed",
    "preset",
    "data.source_language",
    "data.target_language",
    "data.train.source",
    "data.train.target",
    "data.dev.source",
    "data.dev.target",
    "data.validation_split",
    "data.max_length",
    "tokenizer.kind",
    "tokenizer.joint",
    "tokenizer.vocab_size",
    "model.embedding_size",
    "model.encoder.cell",
    "model.encoder.layers",
    "model.encoder.hidden_size",
    "model.attention.kind",
    "model.decoder.cell",
    "model.decoder.layers",
    "model.decoder.hidden_size",
    "model.decoder.dropout",
    "model.output.dropout",
    "training.batch_size",
    "training.max_updates",
    "training.max_epochs",
    "training.metric",
    "training.patience",
    "training.optimizer.kind",
    "training.optimizer.learning_rate",
    "training.schedule.kind",
    "training.validation.every_updates",
    "search.beam_size",
    "runtime.device",
)
"""Keys that most configurations set."""


def explain(name: str = "") -> str:
    """Return the description of a key: type, default, and range or choices.

    For a section it describes its keys, the commonly used ones first. Without a name it describes
    the commonly used keys of the configuration and its sections.

    Raises:
        UsageError: There is no such key. The message names the nearest.
    """
    if not name:
        everyday = [all_keys()[key_name] for key_name in EVERYDAY_KEYS]
        rows = [(key.name, _default_text(key), key.description) for key in everyday]
        table = "".join(f"  {line}\n" for line in _table(rows))
        sections = _explain_section("All sections and the keys above them:", keys_of(Config))
        return f"  The commonly used keys of a configuration:\n\n{table}\n{sections}"
    key = all_keys().get(name)
    if key is None:
        raise UsageError(f"{name}: unknown key; {_unknown_key_hint(name)}")
    if key.expected.section is not None:
        keys = keys_of(key.expected.section, key.path)
        keys.sort(key=lambda key_name: key_name.name not in EVERYDAY_KEYS)
        return f"{name}\n" + _explain_section(_section_text(key, key.expected.section), keys)
    return _explain_value(key)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration, by which editors complete and check it."""
    schema = Config.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def yaml_reference() -> str:
    """Return a complete configuration in YAML: every key with its default and a comment."""
    return _REFERENCE_HEAD + "".join(_reference(Config, ()))


def _explain_value(key: Key) -> str:
    expected = key.expected
    lines = [key.name, *_wrap(key.description, "  "), ""]
    lines.append(f"  type:    {expected.noun}{', or null' if expected.nullable else ''}")
    lines.append(f"  default: {_default_text(key)}")
    if any(expected.choices.values()):
        lines += ["", *(f"  {line}" for line in _table(expected.choices.items()))]
    return "\n".join(lines) + "\n"


def _explain_section(description: str, keys: list[Key]) -> str:
    rows = [(key.path[-1], _default_text(key), key.description) for key in keys]
    lines = [*_wrap(description, "  "), "", *(f"  {line}" for line in _table(rows))]
    return "\n".join(lines) + "\n"


def _default_text(key: Key) -> str:
    if key.expected.section is not None and not (key.expected.nullable and key.default is None):
        return "(section)"
    return "(required)" if key.required else format_value(_as_list(key.default))


def _as_list(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def _section_text(key: Key, section: type[Settings]) -> str:
    """Return the descriptions of a section by its key and by itself, without repetition."""
    section_doc = inspect.getdoc(section) or ""
    return (
        section_doc
        if section_doc.startswith(key.description.rstrip("."))
        else f"{key.description} {section_doc}"
    )


def _table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return rows of texts as lines with aligned columns."""
    rows = list(rows)
    widths = [max(len(cell) for cell in column) for column in list(zip(*rows, strict=True))[:-1]]
    return [
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)), row[-1]]
        )
        for row in rows
    ]


def _unknown_key_hint(name: str) -> str:
    if name in RENAMED_KEYS:
        return f"it is now {RENAMED_KEYS[name]}"
    if name in REMOVED_KEYS:
        return f"it no longer exists: {REMOVED_KEYS[name].advice}"
    suggestion = nearest_name(name, all_keys())
    last_part = name.rpartition(".")[2]
    same_name = [key.name for key in all_keys().values() if key.path[-1] == last_part]
    if same_name:
        return f"did you mean {' or '.join(same_name)}?"
    if suggestion is not None:
        return f"did you mean {suggestion}?"
    return "`nmt config explain` lists the sections"


def _reference(section: type[Settings], path: tuple[str, ...]) -> Iterator[str]:
    indent = "  " * len(path)
    for key in keys_of(section, path):
        below = key.expected.section
        if below is not None:
            if not path:
                yield "\n"
            yield from _comment(_section_text(key, below), indent)
            yield f"{indent}{key.path[-1]}:\n"
            yield from _reference(below, key.path)
        else:
            yield from _reference_value(key, indent)


def _reference_value(key: Key, indent: str) -> Iterator[str]:
    expected = key.expected
    allowed = f"[{expected.noun}{', or null' if expected.nullable else ''}]"
    if any(expected.choices.values()):
        yield from _comment(key.description, indent)
        extra_indent = " " * (2 + max(map(len, expected.choices)))
        for row in _table(expected.choices.items()):
            for line in _wrap(row, f"{indent}#   ", f"{indent}#   {extra_indent}"):
                yield f"{line}\n"
    elif len(indent) + len(key.description) + len(allowed) + 3 <= _WIDTH:
        yield from _comment(f"{key.description} {allowed}", indent)
    else:
        yield from _comment(key.description, indent)
        yield from _comment(allowed, indent)
    value = _EXAMPLES.get(key.name, _as_list(key.default))
    yield f"{indent}{key.path[-1]}: {format_value(value)}\n"


def _comment(text: str, indent: str) -> Iterator[str]:
    for line in _wrap(text, f"{indent}# "):
        yield f"{line}\n"


def _wrap(text: str, indent: str, later: str | None = None) -> list[str]:
    """Return the lines of a text, with `later` as the indentation of all but the first."""
    later = indent if later is None else later
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=later, break_on_hyphens=False
    )
