"""Where a run keeps what: the one place that knows the names inside `runs/NAME`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunDirectory:
    """The folder of one run."""

    path: Path

    @property
    def config_file(self) -> Path:
        """What was asked, with all defaults written out."""
        return self.path / "config.yaml"

    @property
    def tokenizer(self) -> Path:
        """The SentencePiece models."""
        return self.path / "tokenizer"

    @property
    def data(self) -> Path:
        """The binarized corpora and their manifest."""
        return self.path / "data"

    @property
    def checkpoints(self) -> Path:
        """One folder for each checkpoint, by update."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The bundle of the best model so far."""
        return self.path / "best"

    @property
    def log_records(self) -> Path:
        """One JSON object a line, for programs."""
        return self.path / "log.jsonl"

    @property
    def log_text(self) -> Path:
        """The same, for people."""
        return self.path / "train.log"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's files."""
        return self.path / "tensorboard"

    @property
    def training_lock(self) -> Path:
        """Held by the process that trains."""
        return self.path / ".training"

    @property
    def preparing_lock(self) -> Path:
        """Held by the process that makes tokenizer or data."""
        return self.path / ".preparing"
