"""The layout of a run's folder: all names inside `runs/NAME`."""

from dataclasses import dataclass
from pathlib import Path

from nmt.config.load import load_config
from nmt.config.settings import Config


@dataclass(frozen=True)
class RunDirectory:
    """The folder of one run, with the folders of its tokenizer and data.

    Attributes:
        path: The folder of the run.
        tokenizer_dir: The folder of the tokenizer; None: in the folder of the run.
        data_dir: The folder of the data; None: in the folder of the run.
    """

    path: Path
    tokenizer_dir: Path | None = None
    data_dir: Path | None = None

    @classmethod
    def from_config(cls, config: Config, path: Path | None = None) -> "RunDirectory":
        """Return the folders that a configuration names.

        Args:
            config: The configuration, with absolute paths.
            path: The folder of the run where it was moved; None: as the configuration says.
        """
        path = path or config.run_dir
        assert path is not None  # load_config fills it in
        return cls(path, config.tokenizer.dir, config.data.dir)

    @property
    def config_file(self) -> Path:
        """The configuration of the run, with all defaults written out."""
        return self.path / "config.yaml"

    @property
    def tokenizer(self) -> Path:
        """The SentencePiece models."""
        return self.tokenizer_dir or self.path / "tokenizer"

    @property
    def data(self) -> Path:
        """The binarized corpora and their manifest."""
        return self.data_dir or self.path / "data"

    def is_shared(self, folder: Path) -> bool:
        """Return whether a folder is outside of the run, where other runs may use it too."""
        return not folder.is_relative_to(self.path)

    @property
    def checkpoints(self) -> Path:
        """The folder with a subfolder for each checkpoint, named by update."""
        return self.path / "checkpoints"

    @property
    def has_checkpoints(self) -> bool:
        """Whether the run has a checkpoint."""
        return self.checkpoints.is_dir() and any(self.checkpoints.iterdir())

    @property
    def best(self) -> Path:
        """The bundle of the best model so far."""
        return self.path / "best"

    @property
    def log_records(self) -> Path:
        """The log for programs, with one JSON object a line."""
        return self.path / "log.jsonl"

    @property
    def log_text(self) -> Path:
        """The log for people."""
        return self.path / "train.log"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's files."""
        return self.path / "tensorboard"

    @property
    def training_lock(self) -> Path:
        """The lock file of the process that trains."""
        return self.path / ".training"

    @property
    def preparation_locks(self) -> tuple[Path, ...]:
        """The locks of the tokenizer and data folders that are inside the run."""
        folders = (self.tokenizer, self.data)
        return tuple(preparation_lock(folder) for folder in folders if not self.is_shared(folder))


def preparation_lock(folder: Path) -> Path:
    """Return the lock file of the process that prepares a tokenizer or data folder."""
    return folder.with_name(f".{folder.name}.preparing")


def find_run(path: Path) -> RunDirectory:
    """Return the folders of an existing run, with tokenizer and data as its `config.yaml` says.

    Raises:
        ConfigError: The file cannot be read.
    """
    run = RunDirectory(path)
    return (
        RunDirectory.from_config(load_config(run.config_file), path)
        if run.config_file.is_file()
        else run
    )
