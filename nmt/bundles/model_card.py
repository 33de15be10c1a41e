"""The model card: the README of a bundle, written from recorded facts alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from nmt.config.settings import Config, SearchSettings
from nmt.tokenizers.source_tags import TagInventory

_SEARCH = "- search: "
"""The beginning of the line that shows the default search settings."""

_SHOWN_ELSEWHERE = (
    "dev",
    "dev_signatures",
    "dev_groups",
    "training_seconds",
    "data",
    "machine",
    "versions",
)


def model_card(
    config: Config, parameters: int, vocabulary: tuple[int, int], provenance: Mapping[str, Any]
) -> str:
    """Return the Markdown text of a model card: languages, architecture, scores and training.

    Args:
        config: The configuration of the model.
        parameters: The number of parameters.
        vocabulary: The number of subwords of source and target.
        provenance: Facts about the training, as the bundle keeps them. Sections without facts are
            left out.
    """
    inventory = TagInventory.of(config.data)
    paragraphs = [
        f"# {config.name}: {' to '.join(inventory.language_pair)}",
        "A recurrent translation model, trained with nmt. Translate with:",
        f"    nmt translate --model PATH_OF_THIS_FOLDER{_tag_options(inventory)} < input.txt",
        *_tag_paragraphs(inventory),
        _list(_model_lines(config, parameters, vocabulary)),
        *_section("Scores", _score_paragraphs(config, provenance)),
        *_section("Training", _training_paragraphs(config, provenance)),
        *_section("Training text", _data_table(provenance)),
        *_section("How to reproduce it", [_reproduction(provenance)]),
        *_section("Limits", [_limits(config, provenance)]),
        "All settings are in config.yaml and all checksums are in bundle.json.",
    ]
    return "\n\n".join(paragraphs) + "\n"


def _tag_options(inventory: TagInventory) -> str:
    """Return the options that a translation needs, empty where it needs none."""
    to = f" --to {inventory.target_languages[0]}" if inventory.has_language_tags else ""
    return f"{to} --tag {inventory.tags[0]}" if inventory.requires_tag else to


def _tag_paragraphs(inventory: TagInventory) -> list[str]:
    """Return how to choose a language and a tag, empty where there is no choice."""
    lines = []
    if inventory.has_language_tags:
        languages = ", ".join(inventory.target_languages)
        lines.append(f"target languages: {languages}. `--to` chooses one for each text.")
    if inventory.tags:
        need = "needs one" if inventory.requires_tag else "may have one"
        tags = ", ".join(inventory.tags)
        lines.append(f"tags: {tags}. Each text {need}, which `--tag` chooses.")
    return [_list(lines)] if lines else []


def replace_search_line(card: bytes, search: SearchSettings) -> bytes:
    """Return a model card with other default search settings.

    Args:
        card: The model card in UTF-8, which its owner may have edited.
        search: The new default settings.
    """
    new, begin = _search_line(search).encode(), _SEARCH.encode()
    return b"\n".join(new if line.startswith(begin) else line for line in card.split(b"\n"))


def _section(title: str, paragraphs: Sequence[str]) -> list[str]:
    present_paragraphs = [paragraph for paragraph in paragraphs if paragraph]
    return [f"## {title}", *present_paragraphs] if present_paragraphs else []


def _list(items: Sequence[str]) -> str:
    return "\n".join(item if item.startswith("- ") else f"- {item}" for item in items)


def _model_lines(config: Config, parameters: int, vocabulary: tuple[int, int]) -> list[str]:
    encoder, decoder = config.model.encoder, config.model.decoder
    source, target = vocabulary
    return [
        f"parameters: {parameters:,}",
        f"encoder: {encoder.layers} x {encoder.cell}, {encoder.direction}; "
        f"attention: {config.model.attention.kind}; decoder: {decoder.layers} x {decoder.cell}",
        f"vocabulary: {source:,} {config.tokenizer.units} of the source, {target:,} of the target",
        _search_line(config.search),
    ]


def _search_line(search: SearchSettings) -> str:
    line = f"{_SEARCH}beam {search.beam_size}, length penalty {search.length_penalty} "
    line += f"({search.alpha:g})"
    if search.coverage_penalty > 0.0:
        line += f", coverage penalty {search.coverage_penalty:g}"
    return line


def _score_paragraphs(config: Config, provenance: Mapping[str, Any]) -> list[str]:
    scores, signatures = provenance.get("dev", {}), provenance.get("dev_signatures", {})
    lines = [
        f"{name} {plain_text(value)}" + (f" ({signatures[name]})" if name in signatures else "")
        for name, value in scores.items()
    ]
    if not lines:
        return []
    lines += [
        f"{label}: " + ", ".join(f"{name} {plain_text(value)}" for name, value in values.items())
        for label, values in provenance.get("dev_groups", {}).items()
    ]
    beam = config.training.validation.beam_size
    mean = ", a score being the mean over language pairs" if "dev_groups" in provenance else ""
    return [f"On dev, with beam {beam}, at the best update{mean}:", _list(lines)]


def _training_paragraphs(config: Config, provenance: Mapping[str, Any]) -> list[str]:
    units = {"batch_size": f" {config.training.batch_by}"}
    lines = [
        f"{key.replace('_', ' ')}: {plain_text(value)}{units.get(key, '')}"
        for key, value in provenance.items()
        if key not in _SHOWN_ELSEWHERE
    ]
    if "training_seconds" in provenance:
        lines.append(
            f"time: {_duration(provenance['training_seconds'])} (without data preparation)"
        )
    if "machine" in provenance:
        lines.append(f"machine: {provenance['machine']}")
    if "versions" in provenance:
        lines.append(f"versions: {plain_text(provenance['versions'])}")
    return [_list(lines)] if lines else []


def _data_table(provenance: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| {corpus} | {file['name']} | {file['lines']:,} | {file['sha256']} |"
        for corpus, files in provenance.get("data", {}).items()
        for file in files
    ]
    head = ["| text | file | lines | SHA-256 |", "|---|---|--:|---|"]
    return ["\n".join([*head, *rows])] if rows else []


def _reproduction(provenance: Mapping[str, Any]) -> str:
    if "average_of" in provenance:
        return "`nmt average` made it as the mean of the models above."
    command = (
        "Put these texts in one folder and run:\n"
        "\n"
        "    nmt train config.yaml --set data.root=FOLDER_OF_THE_TEXTS --set run_dir=NEW_FOLDER"
    )
    if "started_from" in provenance:
        command += (
            "\n"
            "\n"
            "Its training started from the parameters of another model. Set `training.init_from` "
            "to that model."
        )
    return command


def _limits(config: Config, provenance: Mapping[str, Any]) -> str:
    longest = f"{config.data.max_length} {config.tokenizer.units}"
    limits = (
        "It translates one sentence at a time, without context. It is meant for text like its "
        f"training text, in sentences of up to {longest}. Translations can be fluent and wrong."
    )
    if provenance.get("dev"):
        limits += " The model was selected on dev, so scores on other text may be lower."
    return limits


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.1f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"


def plain_text(value: object) -> str:
    """Return a recorded fact as text: a list or a table in one line, four digits of a float."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(plain_text, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
