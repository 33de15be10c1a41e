"""Bundles, which hold all that translating needs: saved, loaded and changed.

Loading a bundle runs no pickle.
"""

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from nmt.alignment.shortlist import Shortlist
from nmt.bundles.bundle_files import (
    BUNDLE_RECORD,
    CARD,
    CONFIG,
    FORMAT,
    SHORTLIST,
    WEIGHTS,
    check_digest,
    check_files,
    check_is_folder,
    format_bundle_record,
    open_bundle,
    read_bundle_record,
    read_config,
    read_scripts,
    scripts_record,
    without_paths,
)
from nmt.bundles.model_card import model_card, replace_search_line
from nmt.config.load import load_config
from nmt.config.serialize import dump_config
from nmt.config.settings import Config, SearchSettings
from nmt.data.manifest import LengthRatio
from nmt.errors import ModelError
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.atomic_files import atomic_directory, atomic_file, sha256, write_text
from nmt.runtime.folder_or_archive import open_file_store
from nmt.runtime.tensor_files import (
    check_tensors,
    load_model_tensors,
    model_tensors,
    read_stored_tensors,
    write_tensors,
)
from nmt.search.ensemble import Ensemble
from nmt.text.scripts import Scripts
from nmt.tokenizers.tokenizer import TokenizerPair


@dataclass(frozen=True)
class Bundle:
    """A model ready to translate.

    Attributes:
        model: The model.
        tokenizers: The tokenizers of source and target.
        config: The configuration that the model was trained with.
        length_ratio: The ratio of target length to source length in the training data.
        path: The folder or file of the bundle; None where it was not read from disk.
        shortlist: The lexical shortlist of `nmt shortlist`; None where there is none.
        source_scripts: The scripts of the training sources; None where they are not known.
        dev_loss: The loss on dev in nats per subword; None where it is not known.
    """

    model: Seq2Seq
    tokenizers: TokenizerPair
    config: Config
    length_ratio: LengthRatio
    path: Path | None = None
    shortlist: Shortlist | None = None
    source_scripts: Scripts | None = None
    dev_loss: float | None = None

    @property
    def search(self) -> SearchSettings:
        """The default search settings of the bundle."""
        return self.config.search


def save_bundle(bundle: Bundle, path: Path, provenance: dict[str, Any]) -> None:
    """Write a bundle as a whole or not at all.

    Args:
        bundle: The bundle to write.
        path: The folder to write it to.
        provenance: Facts about the training, such as scores, updates and data fingerprints. The
            model card and `bundle.json` show them.

    Raises:
        ResourceError: The disk does not take the bundle.
    """
    with atomic_directory(path) as folder:
        write_tensors(model_tensors(bundle.model), folder / WEIGHTS)
        bundle.tokenizers.save(folder)
        if bundle.shortlist is not None:
            write_tensors(bundle.shortlist.tensors(), folder / SHORTLIST)
        _write(folder / CONFIG, dump_config(without_paths(bundle.config)))
        record = {
            "format": FORMAT,
            "vocabulary": [bundle.tokenizers.source.size, bundle.tokenizers.target.size],
            "length_ratio": {
                "mean": bundle.length_ratio.mean,
                "std": bundle.length_ratio.deviation,
            },
            **scripts_record(bundle.source_scripts),
            "training": provenance,
            "sha256": {file.name: sha256(file) for file in sorted(folder.iterdir())},
        }
        _write(folder / BUNDLE_RECORD, format_bundle_record(record))
        sizes = (bundle.tokenizers.source.size, bundle.tokenizers.target.size)
        parameters = sum(parameter.numel() for parameter in bundle.model.parameters())
        _write(folder / CARD, model_card(bundle.config, parameters, sizes, provenance))


def load_bundle(path: Path, device: torch.device) -> Bundle:
    """Read a bundle, with its model in evaluation mode.

    Args:
        path: The folder or file of a bundle, or the folder of a checkpoint.
        device: The device to place the model on.

    Returns:
        The bundle.

    Raises:
        ModelError: The bundle is missing, damaged or of another format.
    """
    record = read_bundle_record(path)
    store = open_bundle(path)
    check_files(path)
    config = read_config(path)
    tokenizers = TokenizerPair.from_store(store)
    sizes = (tokenizers.source.size, tokenizers.target.size)
    tensors = read_stored_tensors(store, WEIGHTS)
    # Shapes are checked first, because a damaged configuration may need too much memory.
    with torch.device("meta"):
        check_tensors(dict(Seq2Seq(config.model, *sizes).named_parameters()), tensors, path)
    with torch.random.fork_rng(devices=[]):  # keeps the random state of a host process
        model = Seq2Seq(config.model, *sizes, kernels=config.runtime.kernels)
    load_model_tensors(model, tensors, path)
    ratio = LengthRatio(record["length_ratio"]["mean"], record["length_ratio"]["std"])
    shortlist = None
    if SHORTLIST in record["sha256"]:
        tables = read_stored_tensors(store, SHORTLIST)
        shortlist = Shortlist.from_tensors(tables, sizes, str(path / SHORTLIST))
    scripts = read_scripts(record)
    loss = _dev_loss(record)
    return Bundle(
        model.to(device).eval(), tokenizers, config, ratio, path, shortlist, scripts, loss
    )


def _dev_loss(record: dict[str, Any]) -> float | None:
    """Return the loss on dev that training recorded; None where it recorded no valid loss."""
    try:
        loss = float(record["training"]["dev"]["loss"])
    except (KeyError, TypeError, ValueError):
        return None
    return loss if 0.0 < loss < math.inf else None


def add_shortlist(path: Path, shortlist: Shortlist) -> None:
    """Add a shortlist to a bundle, or replace the one that it has.

    The bundle is complete at every moment, because `bundle.json` names the shortlist only once its
    file is written.

    Args:
        path: The folder of the bundle.
        shortlist: The shortlist to add.

    Raises:
        ModelError: There is no bundle at the path.
        ResourceError: The disk does not take the shortlist.
        UsageError: The bundle is one file, or a checkpoint.
    """
    check_is_folder(path)
    record = read_bundle_record(path)
    if record["sha256"].pop(SHORTLIST, None) is not None:
        write_text(path / BUNDLE_RECORD, format_bundle_record(record))
    with atomic_file(path / SHORTLIST) as file:
        file.write(save(shortlist.tensors()))
    record["sha256"][SHORTLIST] = sha256(path / SHORTLIST)
    write_text(path / BUNDLE_RECORD, format_bundle_record(record))


def change_search(path: Path, search: SearchSettings, tuning: dict[str, Any]) -> None:
    """Replace the default search settings of a bundle, in its configuration and its model card.

    All other files stay as they are. The bundle is replaced as a whole, see `atomic_directory`.

    Args:
        path: The folder of the bundle.
        search: The new default settings.
        tuning: The record of how the settings were chosen, kept in `bundle.json`.

    Raises:
        ModelError: The bundle is damaged.
        ResourceError: The disk does not take the new bundle.
        UsageError: The bundle is one file, or a checkpoint.
    """
    check_is_folder(path)
    path = path.resolve()
    record = read_bundle_record(path)
    config = load_config(path / CONFIG).model_copy(update={"search": search})
    with atomic_directory(path) as folder:
        for file in sorted(path.rglob("*")):
            copy = folder / file.relative_to(path)
            if file.is_dir():
                copy.mkdir()
            else:
                shutil.copy2(file, copy)
        for name, digest in record["sha256"].items():
            check_digest(open_file_store(folder), name, digest)
        _write(folder / CONFIG, dump_config(without_paths(config)))
        record["sha256"][CONFIG] = sha256(folder / CONFIG)
        _write(folder / BUNDLE_RECORD, format_bundle_record({**record, "tuning": tuning}))
        card = folder / CARD
        if card.exists():
            card.write_bytes(replace_search_line(card.read_bytes(), search))


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


def make_ensemble(
    bundles: Sequence["Bundle"], weights: Sequence[float] | None, combination: str
) -> Ensemble:
    """Return the ensemble of the models of several bundles.

    Args:
        bundles: The bundles.
        weights: See `Ensemble`.
        combination: See `Ensemble`.

    Raises:
        ModelError: The tokenizers of the bundles differ.
        UsageError: See `Ensemble`.
    """
    first, *others = bundles
    for other in others:
        sides = [
            side
            for side in ("source", "target")
            if getattr(first.tokenizers, side).fingerprint
            != getattr(other.tokenizers, side).fingerprint
        ]
        if sides:
            raise ModelError(
                f"{other.path}: its {' and '.join(sides)} tokenizer differs from that of "
                f"{first.path}, but the models of an ensemble must share a tokenizer. Train them "
                "with the same `data` and the same `tokenizer` settings."
            )
    return Ensemble([bundle.model for bundle in bundles], weights, combination)
