"""The description of a run, a bundle or a single-file model, read without loading the model."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.bundles.bundle_files import (
    BUNDLE_RECORD,
    WEIGHTS,
    check_files,
    find_bundle,
    is_checkpoint,
    open_bundle,
    read_bundle_record,
    read_config,
)
from nmt.bundles.model_card import plain_text
from nmt.config.settings import Config
from nmt.errors import ModelError, describe_damage
from nmt.runtime.folder_or_archive import Archive, FileStore
from nmt.runtime.run_directory import RunDirectory
from nmt.search.penalties import describe_penalties
from nmt.tokenizers.source_tags import TagInventory

_MOST_HEADER = 100_000_000
"""The greatest size in bytes of the header of a safetensors file."""
_DIGITS = 12


@dataclass(frozen=True)
class Description:
    """The description of a model at a path.

    Attributes:
        path: The path of the bundle.
        kind: The kind of files: bundle, one file or checkpoint.
        run: The folder of the run that the model belongs to; None where it lies in none.
        checkpoints: The names of the run's checkpoints, oldest first.
        files: File sizes in bytes by name.
        parameters: The number of parameters by part of the model.
        config: The configuration of the model.
        bundle_record: The content of `bundle.json`.
        verified: Whether all files were compared with their checksums.
    """

    path: Path
    kind: str
    run: Path | None
    checkpoints: list[str]
    files: dict[str, int]
    parameters: dict[str, int]
    config: Config
    bundle_record: dict[str, Any]
    verified: bool

    def record(self) -> dict[str, Any]:
        """Return the description as plain data for JSON."""
        inventory = TagInventory.of(self.config.data)
        return {
            "path": str(self.path),
            "kind": self.kind,
            "run": None if self.run is None else str(self.run),
            "checkpoints": self.checkpoints,
            "name": self.config.name,
            "languages": inventory.language_pair,
            "source_languages": list(inventory.source_languages),
            "target_languages": list(inventory.target_languages),
            "tags": list(inventory.tags),
            "requires_tag": inventory.requires_tag,
            "format": self.bundle_record["format"],
            "files": self.files,
            "parameters": {"total": sum(self.parameters.values()), **self.parameters},
            "vocabulary": self.bundle_record["vocabulary"],
            "length_ratio": self.bundle_record["length_ratio"],
            "search": self.config.search.model_dump(mode="json"),
            "training": self.bundle_record.get("training", {}),
            "sha256": self.bundle_record["sha256"],
            "verified": self.verified,
        }

    def lines(self) -> list[str]:
        """Return the description as lines of text."""
        rows = list(self._rows())
        width = max(len(name) for name, _ in rows)
        return [f"{name:<{width}}  {text}" for name, text in rows]

    def _rows(self) -> Iterator[tuple[str, str]]:
        inventory = TagInventory.of(self.config.data)
        yield "model", f"{self.config.name}: {' to '.join(inventory.language_pair)}"
        if inventory.has_language_tags:
            yield "languages", f"choose one with --to: {', '.join(inventory.target_languages)}"
        if inventory.tags:
            need = "choose one" if inventory.requires_tag else "choose one or none"
            yield "tags", f"{need} with --tag: {', '.join(inventory.tags)}"
        yield "place", f"{self.path} ({self.kind}, format {self.bundle_record['format']})"
        if self.run is not None:
            yield "run", f"{self.run}, {_checkpoints(self.checkpoints)}"
        for number, (name, size) in enumerate(self.files.items()):
            yield "" if number else "files", f"{name}, {_size_text(size)}"
        total = sum(self.parameters.values())
        parts = ", ".join(f"{name} {count:,}" for name, count in self.parameters.items())
        yield "parameters", f"{total:,}: {parts}"
        yield from self._architecture()
        yield from _training(self.bundle_record.get("training", {}))
        compared = "all match" if self.verified else "not checked (add --verify)"
        yield "checksums", compared

    def _architecture(self) -> Iterator[tuple[str, str]]:
        model = self.config.model
        encoder, decoder = model.encoder, model.decoder
        sizes = f"{encoder.layers} x {encoder.cell} of {encoder.hidden_size}"
        yield "encoder", f"{sizes}, {encoder.direction}"
        yield "attention", model.attention.kind
        yield "decoder", f"{decoder.layers} x {decoder.cell} of {decoder.hidden_size}"
        source, target = self.bundle_record["vocabulary"]
        units = self.config.tokenizer.units
        yield "vocabulary", f"{source:,} {units} of the source, {target:,} of the target"
        search = self.config.search
        yield "search", f"beam {search.beam_size}, {describe_penalties(search)}"


def describe(path: Path | None, verify: bool = False) -> Description:
    """Describe the model at a path.

    Args:
        path: The path of a model, see `find_bundle`.
        verify: Whether to compare every file with its checksum.

    Returns:
        The description.

    Raises:
        ModelError: There is no model, or it is damaged.
    """
    bundle = find_bundle(path)
    record = read_bundle_record(bundle)
    config = read_config(bundle)
    if verify:
        check_files(bundle)
    store = open_bundle(bundle)
    run = RunDirectory(bundle.parent.parent if is_checkpoint(bundle) else bundle.parent)
    in_a_run = run.config_file.is_file()
    checkpoints = sorted(run.checkpoints.glob("step-*")) if in_a_run else []
    return Description(
        path=bundle,
        kind=_kind(bundle, store),
        run=run.path if in_a_run else None,
        checkpoints=[checkpoint.name for checkpoint in checkpoints],
        files={name: _size(store, name) for name in (BUNDLE_RECORD, *sorted(record["sha256"]))},
        parameters=_parameters(store),
        config=config,
        bundle_record=record,
        verified=verify,
    )


def _kind(path: Path, store: FileStore) -> str:
    """Return the name of `nmt info` for the kind of a model's files."""
    if is_checkpoint(path):
        return "checkpoint"
    return "one file" if isinstance(store, Archive) else "bundle"


def _size_text(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"


def _size(store: FileStore, name: str) -> int:
    try:
        return store.size(name)
    except OSError as error:
        raise ModelError(
            f"{store.path / name}: is missing from the bundle. Copy the bundle again."
        ) from error


def _parameters(store: FileStore) -> dict[str, int]:
    """Return the number of parameters of each part of the model and of the decoder."""
    counts: Counter[str] = Counter()
    for name, tensor in _header(store).items():
        if name != "__metadata__":
            first, _, rest = name.partition(".")
            part = f"decoder {rest.partition('.')[0]}" if first == "decoder" else first
            counts[part.replace("_", " ")] += math.prod(tensor["shape"])
    return dict(counts.most_common())


def _header(store: FileStore) -> dict[str, Any]:
    """Return the header of the weights: names and shapes of the tensors."""
    try:
        length = int.from_bytes(store.read(WEIGHTS, 8), "little")
        if length > _MOST_HEADER:
            raise ValueError("its header is too long")
        header = json.loads(store.read(WEIGHTS, 8 + length)[8:])
        for name, tensor in header.items():
            if name != "__metadata__" and not all(isinstance(n, int) for n in tensor["shape"]):
                raise ValueError(f"the shape of {name!r:.80}")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{store.path / WEIGHTS}: is damaged ({describe_damage(error)}). Copy it again."
        ) from error
    assert isinstance(header, dict)
    return header


def _checkpoints(names: list[str]) -> str:
    if not names:
        return "no checkpoints"
    return f"{len(names)} checkpoint{'s' * (len(names) > 1)}, the newest {names[-1]}"


def _training(provenance: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the recorded facts about training; older bundles have fewer."""
    plain = {
        "updates": "{:,}",
        "epochs": "{:,}",
        "target_tokens": "{:,}",
        "training_seconds": "{:,.0f}",
    }
    figures = [
        f"{key.replace('_', ' ')} {form.format(provenance[key])}"
        for key, form in plain.items()
        if isinstance(provenance.get(key), int | float)
    ]
    if figures:
        yield "training", ", ".join(figures)
    for key in ("checkpoint", "machine", "precision", "started_from", "average_of", "weights"):
        if key in provenance:
            yield key.replace("_", " "), plain_text(provenance[key])
    signatures = provenance.get("dev_signatures", {})
    for number, (name, value) in enumerate(provenance.get("dev", {}).items()):
        signature = f" ({signatures[name]})" if name in signatures else ""
        yield "" if number else "dev", f"{name} {value:.4g}{signature}"
    for label, values in provenance.get("dev_groups", {}).items():
        yield "", f"{label}: " + ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    number = 0
    for corpus, files in provenance.get("data", {}).items():
        for file in files:
            digest = str(file["sha256"])[:_DIGITS]
            yield (
                "" if number else "text",
                f"{corpus}: {file['name']}, {file['lines']:,} lines, {digest}",
            )
            number += 1
    if "train_fingerprint" in provenance:
        yield "train data", str(provenance["train_fingerprint"])[:_DIGITS]
