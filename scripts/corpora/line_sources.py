"""Sources of the lines of a corpus: files in a folder of the user, or downloads."""

import os
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path, PurePosixPath

from corpora.archives import is_archive
from corpora.corpus_types import Download, Reader, SacrebleuSet, Side, Text
from corpora.fetching import RetryPolicy, fetch
from nmt.console import say
from nmt.errors import DataError, ResourceError
from nmt.runtime.atomic_files import atomic_file


@dataclass(frozen=True)
class LineLocation:
    """The file, or the member of an archive, that holds one side of a text.

    Attributes:
        path: The file.
        member: The member of an archive, empty for a file that is none.
        read: The reader of the lines.
    """

    path: Path
    member: str
    read: Reader = field(compare=False)


@dataclass(frozen=True)
class DownloadedFiles:
    """The files in the folder of downloads. Missing files are fetched.

    Attributes:
        folder: The folder of downloads.
        retry_policy: The waits and retries.
    """

    folder: Path
    retry_policy: RetryPolicy

    def find(self, text: Text, side: Side) -> LineLocation:
        """Return the location of a side of a text.

        Args:
            text: The text.
            side: The side.

        Raises:
            DataError: The file is gone or has changed.
            ResourceError: The file cannot be fetched now.
        """
        if isinstance(side.origin, Download):
            path = fetch(side.origin, self.folder, self.retry_policy)
            return LineLocation(path, side.member, side.read)
        name = f"sacrebleu.{side.origin.name.replace('/', '.')}.{side.origin.pair}.{side.member}"
        path = self.folder / name
        if not path.is_file():
            _fetch_test_set(side.origin, side.member, path)
        return LineLocation(path, "", side.read)


@dataclass(frozen=True)
class LocalFiles:
    """The files in a folder of the user and in the folders below it.

    They are archives as published, members of them, or prepared texts under their names.

    Attributes:
        folder: The folder.
    """

    folder: Path

    def find(self, text: Text, side: Side) -> LineLocation | None:
        """Return the location of a side of a text, None where no file has a fitting name.

        Args:
            text: The text.
            side: The side.

        Raises:
            DataError: Files in several folders fit, or there is no such folder.
        """
        if isinstance(side.origin, SacrebleuSet):
            return self._find_named(_prepared_names(text, side), _whole_line)
        for known in ([side.origin.name], side.origin.known_as):
            if found := self._single_location(
                self._paths_named(_with_and_without_gz(known)), side.read
            ):
                return replace(found, member=side.member) if is_archive(found.path) else found
        if side.member:
            names = _with_and_without_gz([PurePosixPath(side.member).name])
            if place := self._find_named(names, side.read, side.member):
                return place
        names = () if text.split else _prepared_names(text, side)
        return self._find_named(names, _whole_line) or self._find_matching(side.also)

    def _find_named(
        self, names: tuple[str, ...], read: Reader, within: str = ""
    ) -> LineLocation | None:
        paths = self._paths_named(names)
        exact = [path for path in paths if within and path.as_posix().endswith(f"/{within}")]
        return self._single_location(exact or paths, read)

    def _find_matching(self, patterns: tuple[str, ...]) -> LineLocation | None:
        paths = [
            path
            for name in sorted(self._files)
            if any(fnmatch(name, pattern) for pattern in patterns)
            for path in self._files[name]
        ]
        return self._single_location(paths, _whole_line)

    def _single_location(self, paths: list[Path], read: Reader) -> LineLocation | None:
        if len({path.parent for path in paths}) > 1:
            raise DataError(
                f"{self.folder}: both {paths[0]} and {paths[1]} may be meant; give the folder "
                "that one of them is in."
            )
        return LineLocation(paths[0], "", read) if paths else None

    def _paths_named(self, names: tuple[str, ...]) -> list[Path]:
        return [path for name in names for path in self._files.get(name, [])]

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        """The paths of the files in the folder and below it, by their names."""
        if not self.folder.is_dir():
            raise DataError(f"{self.folder}: there is no such folder.")
        files: dict[str, list[Path]] = {}
        for folder, _, names in sorted(os.walk(self.folder)):
            for name in names:
                files.setdefault(name, []).append(Path(folder, name))
        return files


def _whole_line(line: str) -> str | None:
    return line


def _prepared_names(text: Text, side: Side) -> tuple[str, ...]:
    return _with_and_without_gz([f"{text.name}.{side.language}"])


def _with_and_without_gz(names: Collection[str]) -> tuple[str, ...]:
    """Return the names, each with and without .gz."""
    plain = [name.removesuffix(".gz") for name in sorted(names)]
    return tuple(dict.fromkeys(each for name in plain for each in (f"{name}.gz", name)))


def _fetch_test_set(test_set: SacrebleuSet, field_name: str, path: Path) -> None:
    """Write a side of a test set with sacreBLEU, which downloads and checks the set.

    Args:
        test_set: The test set.
        field_name: The side, `src` or `ref`.
        path: The file to write.

    Raises:
        ResourceError: sacreBLEU failed.
    """
    say(f"{path.name}: asking sacreBLEU")
    options = ["-t", test_set.name, "-l", test_set.pair, "--echo", field_name]
    with atomic_file(path) as file:
        process = subprocess.run(
            [sys.executable, "-m", "sacrebleu", *options],
            stdout=file,
            stderr=subprocess.PIPE,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        if process.returncode != 0:
            messages = process.stderr.decode("utf-8", "replace").strip().split("\n")
            raise ResourceError(
                f"sacrebleu {' '.join(options)}: failed: {messages[-1]}\n"
                "Look at the network and at the names of set and languages (`sacrebleu --list`)."
            )
