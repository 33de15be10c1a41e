"""A bundle: a folder with all that translating needs, and nothing else, or one file that holds the
same. Loading runs no pickle.
"""

import hashlib
import json
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from nmt.card import model_card, with_search
from nmt.config.dump import dump_config
from nmt.config.load import load_config
from nmt.config.settings import Config, CorpusSettings, SearchSettings
from nmt.data.length_ratio import LengthRatio
from nmt.data.manifest import Manifest
from nmt.data.scripts import Scripts
from nmt.data.shortlist import Shortlist
from nmt.errors import ConfigError, DataError, ModelError, UsageError
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.console import say
from nmt.runtime.files import atomic_directory, atomic_file, sha256, write_text
from nmt.runtime.log_records import read_records
from nmt.runtime.places import Place, is_archive, open_place
from nmt.runtime.run_directory import RunDirectory, find_run
from nmt.runtime.tensors import (
    check_fit,
    load_model_tensors,
    model_tensors,
    tensors_of,
    write_tensors,
)
from nmt.tokenizers.sentencepiece import TOKENIZER_FILES, TokenizerPair

FORMAT = 1
"""Version of the layout below; a bundle of a later one is refused with a plain word."""

WEIGHTS = "model.safetensors"
CONFIG = "config.yaml"
FACTS = "bundle.json"
CARD = "README.md"
SHORTLIST = "shortlist.safetensors"

_STATE = "state.json"
_AVERAGE = "average.safetensors"
"""Files of a checkpoint, see `nmt.training.checkpoints`."""

_SCRIPTS = "source_scripts"


@dataclass(frozen=True)
class Bundle:
    """A model ready to translate.

    shortlist: where one was made (`nmt shortlist`); source_scripts: of the sources that it was
    trained on, where that is known; dev_loss: nats for each subword of dev, where training says so.
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
        """The defaults of decoding that the bundle carries."""
        return self.config.search


def save_bundle(bundle: Bundle, path: Path, facts: dict[str, Any]) -> None:
    """Write a bundle, whole or not at all.

    facts: of the training, for the model card and for programs: scores, updates, data fingerprints.
    Raises ResourceError when the disk does not take it.
    """
    with atomic_directory(path) as folder:
        write_tensors(model_tensors(bundle.model), folder / WEIGHTS)
        bundle.tokenizers.save(folder)
        if bundle.shortlist is not None:
            write_tensors(bundle.shortlist.tensors(), folder / SHORTLIST)
        _write(folder / CONFIG, dump_config(_without_places(bundle.config)))
        record = {
            "format": FORMAT,
            "vocabulary": [bundle.tokenizers.source.size, bundle.tokenizers.target.size],
            "length_ratio": {
                "mean": bundle.length_ratio.mean,
                "std": bundle.length_ratio.deviation,
            },
            **_scripts_record(bundle.source_scripts),
            "training": facts,
            "sha256": {file.name: sha256(file) for file in sorted(folder.iterdir())},
        }
        _write(folder / FACTS, _facts_text(record))
        sizes = (bundle.tokenizers.source.size, bundle.tokenizers.target.size)
        parameters = sum(parameter.numel() for parameter in bundle.model.parameters())
        _write(folder / CARD, model_card(bundle.config, parameters, sizes, facts))


def load_bundle(path: Path, device: torch.device) -> Bundle:
    """Read a bundle, its model on `device` and in evaluation mode.

    Raises ModelError when it is missing, damaged, or of a later format.
    """
    facts = read_facts(path)
    place = open_bundle(path)
    check_files(path)
    config = read_config(path)
    tokenizers = TokenizerPair.of_place(place)
    sizes = (tokenizers.source.size, tokenizers.target.size)
    tensors = tensors_of(place, WEIGHTS)
    # A configuration may ask for more memory than there is: only what was saved is made.
    with torch.device("meta"):
        check_fit(dict(Seq2Seq(config.model, *sizes).named_parameters()), tensors, path)
    with torch.random.fork_rng(devices=[]):  # a host process may have seeded it
        model = Seq2Seq(config.model, *sizes, kernels=config.runtime.kernels)
    load_model_tensors(model, tensors, path)
    ratio = LengthRatio(facts["length_ratio"]["mean"], facts["length_ratio"]["std"])
    shortlist = None
    if SHORTLIST in facts["sha256"]:
        tables = tensors_of(place, SHORTLIST)
        shortlist = Shortlist.from_tensors(tables, sizes, str(path / SHORTLIST))
    scripts = _read_scripts(facts)
    loss = _dev_loss(facts)
    return Bundle(
        model.to(device).eval(), tokenizers, config, ratio, path, shortlist, scripts, loss
    )


def _dev_loss(facts: dict[str, Any]) -> float | None:
    """What training says of dev; None where it says nothing that is a loss."""
    try:
        loss = float(facts["training"]["dev"]["loss"])
    except (KeyError, TypeError, ValueError):
        return None
    return loss if 0.0 < loss < math.inf else None


def read_config(path: Path) -> Config:
    """The configuration of a bundle, without paths. Raises ModelError when it cannot be read."""
    place = open_bundle(path)
    try:
        return _without_places(load_config(path / CONFIG, content=place.read(CONFIG)))
    except ConfigError as error:
        raise ModelError(f"{path}: its configuration cannot be read.\n{error.message}") from error
    except OSError as error:
        raise ModelError(f"{path / CONFIG}: cannot be read: {error.strerror}.") from error


def check_files(path: Path) -> None:
    """Compare the files of a bundle with their checksums.

    Raises ModelError naming the first that differs or is missing.
    """
    place = open_bundle(path)
    for name, digest in read_facts(path)["sha256"].items():
        _check_digest(place, name, digest)


def insist_on_a_folder(path: Path) -> None:
    """Raise UsageError for a bundle that is one file, or a checkpoint: neither is written to."""
    if is_checkpoint(path):
        raise UsageError(
            f"{path}: is a checkpoint, which is never changed. Make a bundle of it with "
            f"`nmt average {path} --output FOLDER`."
        )
    if is_archive(path):
        raise UsageError(
            f"{path}: is a model in one file, which is never changed. Give the run or the bundle "
            "that it was made of, and make it anew with `nmt export`."
        )


def add_shortlist(path: Path, shortlist: Shortlist) -> None:
    """Put a shortlist into a bundle, or another in its place.

    The bundle is whole at every moment: one that does not name a shortlist has none, whatever lies
    in its folder. Raises ModelError when there is no bundle, ResourceError when the disk does not
    take it, UsageError for a bundle that is one file.
    """
    insist_on_a_folder(path)
    facts = read_facts(path)
    if facts["sha256"].pop(SHORTLIST, None) is not None:
        write_text(path / FACTS, _facts_text(facts))
    with atomic_file(path / SHORTLIST) as file:
        file.write(save(shortlist.tensors()))
    facts["sha256"][SHORTLIST] = sha256(path / SHORTLIST)
    write_text(path / FACTS, _facts_text(facts))


def change_search(path: Path, search: SearchSettings, tuning: dict[str, Any]) -> None:
    """Give a bundle other defaults of search: in its configuration and its model card, with the
    record of how they were chosen beside its facts. Its weights and the rest stay as they are.

    The bundle is replaced as a whole, see `atomic_directory`. Raises ModelError when it is damaged,
    ResourceError when the disk does not take it, UsageError for a bundle that is one file.
    """
    insist_on_a_folder(path)
    path = path.resolve()
    facts = read_facts(path)
    config = load_config(path / CONFIG).model_copy(update={"search": search})
    with atomic_directory(path) as folder:
        for file in sorted(path.rglob("*")):
            copy = folder / file.relative_to(path)
            if file.is_dir():
                copy.mkdir()
            else:
                shutil.copy2(file, copy)
        for name, digest in facts["sha256"].items():
            _check_digest(open_place(folder), name, digest)
        _write(folder / CONFIG, dump_config(_without_places(config)))
        facts["sha256"][CONFIG] = sha256(folder / CONFIG)
        _write(folder / FACTS, _facts_text({**facts, "tuning": tuning}))
        card = folder / CARD
        if card.exists():
            card.write_bytes(with_search(card.read_bytes(), search))


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


def _facts_text(facts: dict[str, Any]) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def _without_places(config: Config) -> Config:
    """The configuration with names instead of paths of corpora, of given tokenizers and of the
    model that training started from: a bundle is passed on to others.
    """
    data, training, tokenizer = config.data, config.training, config.tokenizer
    names = {
        part: CorpusSettings(
            source=tuple(Path(path.name) for path in corpus.source),
            target=tuple(Path(path.name) for path in corpus.target),
        )
        for part, corpus in (("train", data.train), ("dev", data.dev), ("test", data.test))
        if corpus is not None
    }
    if training.init_from is not None:
        training = training.model_copy(update={"init_from": Path(training.init_from.name)})
    vectors = training.pretrained_embeddings
    files = {
        side: Path(path.name) for side in ("source", "target") if (path := getattr(vectors, side))
    }
    if files:
        vectors = vectors.model_copy(update=files)
        training = training.model_copy(update={"pretrained_embeddings": vectors})
    models = tuple(Path(path.name) for path in tokenizer.model)
    return config.model_copy(
        update={
            "run_dir": None,
            "data": data.model_copy(update={"root": None, "dir": None, **names}),
            "tokenizer": tokenizer.model_copy(update={"dir": None, "model": models}),
            "training": training,
        }
    )


def read_facts(path: Path) -> dict[str, Any]:
    """What `bundle.json` says. Raises ModelError when this is no bundle that can be read."""
    file = path / FACTS
    try:
        facts = _parsed(open_bundle(path).read(FACTS))
        version = facts["format"]
        known = isinstance(facts["sha256"], dict) and set(facts["sha256"]) >= {WEIGHTS, CONFIG}
        plain = all(Path(name).name == name for name in facts["sha256"])
        _check_length_ratio(**facts["length_ratio"])
        _read_scripts(facts)
    except OSError as error:
        raise ModelError(
            f"{path}: is no bundle ({FACTS}: {error.strerror}). Give the folder of a run, its "
            "`best` folder, or a file of `nmt export`."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{file}: is damaged ({error!r}). Copy the bundle again.") from error
    if version != FORMAT or not known or not plain:
        raise ModelError(
            f"{file}: is of format {version!r:.40}, this program reads format {FORMAT}. Take the "
            "version of nmt that made it, or a later one."
        )
    assert isinstance(facts, dict)
    return facts


def fingerprint(path: Path) -> str:
    """A SHA-256 that bundles share whose files are the same.

    Raises ModelError when this is no bundle that can be read.
    """
    files = json.dumps(read_facts(path)["sha256"], sort_keys=True)
    return hashlib.sha256(files.encode("utf-8")).hexdigest()


def find_bundle(path: Path | None) -> Path:
    """The bundle that a command means: `path` (a bundle, a run with a `best` one, or a checkpoint),
    else $NMT_MODEL, else the newest finished run below ./runs; a guess is told on stderr.

    Raises ModelError when there is none.
    """
    if path is None and os.environ.get("NMT_MODEL"):
        path = Path(os.environ["NMT_MODEL"])
    if path is None:
        return _newest_run()
    if is_archive(path) or (path / FACTS).is_file() or is_checkpoint(path):
        return path
    best = RunDirectory(path).best
    if (best / FACTS).is_file():
        return best
    if RunDirectory(path).config_file.is_file():
        raise ModelError(
            f"{path}: this run has no finished model yet (no {best.name}/{FACTS}). Train it with "
            "`nmt train`, at least to its first validation."
        )
    if not path.exists():
        raise ModelError(
            f"{path}: there is no such file or folder. Name a run, a bundle or a checkpoint."
        )
    raise ModelError(f"{path}: is neither a bundle nor a run with one. Look for a `best` folder.")


def is_checkpoint(path: Path) -> bool:
    """Return whether this is a checkpoint in the folder of its run."""
    return all((path / name).is_file() for name in (_STATE, WEIGHTS)) and not is_archive(path)


def open_bundle(path: Path) -> Place:
    """Return the files of a bundle: a folder, one file, or a checkpoint of a run.

    Raises:
        ModelError: A file is damaged, or the run of a checkpoint lacks one.
        OSError: A file cannot be read.
    """
    return _CheckpointFiles(path) if is_checkpoint(path) else open_place(path)


class _CheckpointFiles(Place):
    """A checkpoint as the files of a bundle: its weights, with the rest from the folder of its run.

    Where training keeps a moving average of the weights, the weights are that average.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        weights = path / (_AVERAGE if (path / _AVERAGE).is_file() else WEIGHTS)
        self._files: dict[str, Path | bytes] = {WEIGHTS: weights}
        try:
            run = find_run(path.parent.parent)
            config = dump_config(_without_places(load_config(run.config_file)))
            self._files[CONFIG] = config.encode("utf-8")
            for name in TOKENIZER_FILES:
                if (run.tokenizer / name).is_file():
                    self._files[name] = run.tokenizer / name
            manifest = Manifest.load(run.data)
            tokenizers = TokenizerPair.load(run.tokenizer)
        except (ConfigError, DataError, ModelError) as error:
            raise ModelError(
                f"{path}: is a checkpoint, which needs the other files of its run.\n{error.message}"
            ) from error
        self._check_unchanged(run, manifest, tokenizers)
        ratio = manifest.length_ratio
        digests = {name: self.digest(name) for name in self.names() if name != WEIGHTS}
        record = {
            "format": FORMAT,
            "vocabulary": [tokenizers.source.size, tokenizers.target.size],
            "length_ratio": {"mean": ratio.mean, "std": ratio.deviation},
            "training": {"checkpoint": path.name},
            "sha256": {WEIGHTS: str(self._saved("sha256", weights.name)), **digests},
        }
        self._files[FACTS] = _facts_text(record).encode("utf-8")

    def _check_unchanged(
        self, run: RunDirectory, manifest: Manifest, tokenizers: TokenizerPair
    ) -> None:
        """Raise ModelError where tokenizer or data are not those that the weights learned from."""
        begun_with = self._saved("state", "corpora")
        # A checkpoint of an earlier release has no fingerprint of its tokenizer.
        tokenizer = begun_with.get("tokenizer", manifest.tokenizer)
        for folder, saved, found in (
            (run.data, self._saved("state", "corpora", "train"), manifest.train.fingerprint),
            (run.tokenizer, tokenizer, tokenizers.fingerprint),
        ):
            if saved != found:
                raise ModelError(
                    f"{self.path}: was trained with what {folder} held before it was changed.\n"
                    "Bring the old files back, or take the `best` model of the run."
                )

    def _saved(self, *keys: str) -> Any:
        """Return the value that the record of the checkpoint has under keys in one another."""
        file = self.path / _STATE
        try:
            value = _parsed(file.read_bytes())
            for key in keys:
                value = value[key]
            return value
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{file}: is damaged ({error!r:.200}). Take another checkpoint."
            ) from error

    def names(self) -> list[str]:
        return sorted(self._files)

    def content(self, name: str) -> Path | bytes:
        if name not in self._files:
            raise FileNotFoundError(2, os.strerror(2), str(self.path / name))
        return self._files[name]

    def read(self, name: str, length: int = -1) -> bytes:
        content = self.content(name)
        if isinstance(content, bytes):
            return content if length < 0 else content[:length]
        with content.open("rb") as file:
            return file.read(length)

    def size(self, name: str) -> int:
        content = self.content(name)
        return len(content) if isinstance(content, bytes) else content.stat().st_size

    def digest(self, name: str) -> str:
        content = self.content(name)
        return (
            hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else sha256(content)
        )


def _parsed(content: bytes) -> Any:
    """A value of JSON. Raises ValueError when it is none, or nested beyond all use."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _newest_run() -> Path:
    bundles = [folder.parent for folder in Path("runs").glob(f"*/best/{FACTS}")]
    if not bundles:
        raise ModelError(
            "there is no trained model below ./runs. Train one with `nmt train`, or name one with "
            "--model or $NMT_MODEL."
        )
    finished = [bundle for bundle in bundles if _has_ended(RunDirectory(bundle.parent))]
    newest = max(finished or bundles, key=lambda bundle: (bundle / FACTS).stat().st_mtime)
    say(f"model: {newest}" + ("" if finished else " (its training has not ended)"))
    return newest


def _has_ended(run: RunDirectory) -> bool:
    """Whether the last record of a run's log is that of its end."""
    try:
        records = read_records(run.log_records)
    except OSError:
        return False
    return bool(records) and records[-1]["kind"] == "end"


def _check_length_ratio(mean: float, std: float) -> None:
    """Raises ValueError or TypeError where search could not bound its lengths by them."""
    if not (0.0 < mean < math.inf and 0.0 <= std < math.inf):
        raise ValueError(f"a length ratio of {mean} with deviation {std}")


def _scripts_record(scripts: Scripts | None) -> dict[str, Any]:
    """Their member of `bundle.json`, shares in millionths being exact enough."""
    if scripts is None:
        return {}
    return {_SCRIPTS: {name: round(share, 6) for name, share in scripts.shares.items()}}


def _read_scripts(facts: dict[str, Any]) -> Scripts | None:
    """Raises ValueError, TypeError or AttributeError when they are not what was written."""
    if _SCRIPTS not in facts:
        return None
    return Scripts({str(name): float(share) for name, share in facts[_SCRIPTS].items()})


def _check_digest(place: Place, name: str, digest: str) -> None:
    file = place.path / name
    if not place.has(name):
        raise ModelError(f"{file}: is missing from the bundle. Copy the bundle again.")
    if place.digest(name) != digest:
        raise ModelError(f"{file}: is damaged (its checksum differs). Copy the bundle again.")
