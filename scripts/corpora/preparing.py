"""Preparation of the texts of a corpus: lines are checked and counted, and both sides written."""

import gzip
import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from corpora.archives import checked_lines, texts_in
from corpora.checksums import Checksums
from corpora.corpus_types import Corpus, Download, Side, Text
from corpora.line_sources import DownloadedFiles, LineLocation, LocalFiles
from nmt.console import progress, say, warn
from nmt.errors import DataError
from nmt.runtime.atomic_files import atomic_file

_BLOCK = 10_000


@dataclass(frozen=True)
class Prepared:
    """A parallel text that is prepared.

    Attributes:
        name: The name of the text.
        languages: The languages of both sides.
        pairs: The number of pairs.
    """

    name: str
    languages: tuple[str, str]
    pairs: int


def prepare(
    corpus: Corpus,
    locations: DownloadedFiles | LocalFiles,
    folder: Path,
    replace_bad_utf8: bool = False,
) -> list[Prepared]:
    """Write NAME.LANGUAGE.gz for all texts of a corpus, all of them or none.

    The SHA-256 of each unpacked text is recorded, or compared with the recorded one.

    Args:
        corpus: The corpus.
        locations: The source of its lines.
        folder: The folder to write into.
        replace_bad_utf8: Whether bytes that are not UTF-8 become U+FFFD.

    Returns:
        The prepared texts.

    Raises:
        DataError: A file is missing, damaged or not UTF-8. Or the sides of a text differ in their
            number of lines, or a text differs from the recorded one.
    """
    return _Preparation(corpus, locations, folder, replace_bad_utf8).run()


def find_prepared_texts(corpus: Corpus, folder: Path) -> list[Prepared] | None:
    """Return the prepared texts of a corpus, None unless all are there with their checksums.

    Args:
        corpus: The corpus.
        folder: The folder of its texts.

    Raises:
        DataError: A text has changed since it was made.
    """
    checksums = Checksums(folder)
    prepared: list[Prepared] = []
    for text in corpus.texts:
        for name in _names_of(text):
            sums = [
                _checksum_and_lines(folder / f"{name}.{side.language}.gz") for side in text.sides
            ]
            pairs = 0
            for side, sum_and_lines in zip(text.sides, sums, strict=True):
                file = f"{name}.{side.language}"
                if sum_and_lines is None or file not in checksums:
                    return None
                if not checksums.matches(file, sum_and_lines[0]):
                    raise checksums.refuse(file, str(folder / f"{file}.gz"), sum_and_lines[0])
                pairs = sum_and_lines[1]
            prepared.append(Prepared(name, _languages(text), pairs))
    return prepared


def _languages(text: Text) -> tuple[str, str]:
    return text.sides[0].language, text.sides[1].language


def _names_of(text: Text) -> list[str]:
    return [text.name] if text.split is None else list(text.split([]))


def _checksum_and_lines(path: Path) -> tuple[str, int] | None:
    """Return the SHA-256 and the number of lines of a packed text, None where it is missing."""
    if not path.is_file():
        return None
    digest, lines = hashlib.sha256(), 0
    for _, stream in texts_in(path, ()):
        while block := stream.read(1 << 20):
            digest.update(block)
            lines += block.count(b"\n")
    return digest.hexdigest(), lines


class _Output:
    """Writer of a text of one language, which counts its lines and computes its checksum."""

    def __init__(self, file: IO[bytes]) -> None:
        # Without time and name, equal texts give equal files.
        self._packed = gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0)
        self._digest = hashlib.sha256()
        self.lines = 0

    def write(self, lines: Iterable[str]) -> None:
        """Write lines, and add them to the count and the checksum."""
        content = "".join(f"{line}\n" for line in lines).encode("utf-8")
        self._digest.update(content)
        self._packed.write(content)
        self.lines += content.count(b"\n")

    def close(self) -> None:
        """Finish the packed file."""
        self._packed.close()

    @property
    def sha256(self) -> str:
        """The SHA-256 of the unpacked text."""
        return self._digest.hexdigest()


_Key = tuple[str, str]
"""The name and the language of a text."""


class _Preparation:
    """One call of `prepare`."""

    def __init__(
        self,
        corpus: Corpus,
        locations: DownloadedFiles | LocalFiles,
        folder: Path,
        replace_bad_utf8: bool,
    ) -> None:
        self._corpus, self._locations, self._folder = corpus, locations, folder
        self._replace = replace_bad_utf8
        self._outputs: dict[_Key, _Output] = {}
        self._lines_to_split: dict[_Key, list[str]] = {}
        self._checksums = Checksums(folder)

    def run(self) -> list[Prepared]:
        """See `prepare`."""
        texts, wanted = self._locate_sides()
        with ExitStack() as stack:
            for text in texts:
                for side in text.sides:
                    self._open(text, side, stack)
            for path in dict.fromkeys(location.path for location in wanted):
                self._read(path, {at: keys for at, keys in wanted.items() if at.path == path})
            prepared = [each for text in texts for each in self._finish_text(text, stack)]
            for output in self._outputs.values():
                output.close()
            self._compare_checksums(texts)
        self._checksums.record(
            {f"{name}.{language}": out.sha256 for (name, language), out in self._outputs.items()}
        )
        return prepared

    def _locate_sides(
        self,
    ) -> tuple[list[Text], dict[LineLocation, list[tuple[_Key, LineLocation]]]]:
        """Return the texts whose sides are available, and these sides by their location."""
        texts: list[Text] = []
        wanted: dict[LineLocation, dict[_Key, LineLocation]] = {}
        for text in self._corpus.texts:
            locations = [self._locations.find(text, side) for side in text.sides]
            missing = [
                side.language
                for side, location in zip(text.sides, locations, strict=True)
                if location is None
            ]
            if missing and text.needed:
                raise self._missing_error(text, missing)
            if missing:
                warn(f"{text.name} ({', '.join(missing)}) is not there: left out.")
                continue
            texts.append(text)
            for side, location in zip(text.sides, locations, strict=True):
                assert location is not None  # otherwise it is in `missing`
                wanted.setdefault(location, {})[text.name, side.language] = location
        if not texts:
            raise self._missing_error(self._corpus.texts[0], ["both sides"])
        return texts, {location: list(keys.items()) for location, keys in wanted.items()}

    def _missing_error(self, text: Text, missing: list[str]) -> DataError:
        names = sorted({name for each in self._corpus.downloads for name in each.known_as})
        archived = [side.member for side in text.sides if isinstance(side.origin, Download)]
        members = sorted({member for member in archived if member})
        searched = []
        if names:
            some = ", ".join(names[:6] + ["..."] * (len(names) > 6) + members)
            searched = [f"the archives or what is in them: {some}"]
        if not text.split:
            searched.append(f"{text.name}.{text.sides[0].language}, with .gz or without")
        return DataError(
            f"{self._corpus.name}: {text.name} ({', '.join(missing)}) is not in the folder.\n"
            f"Looked for {'; or '.join(searched)}."
        )

    def _open(self, text: Text, side: Side, stack: ExitStack) -> None:
        key = (text.name, side.language)
        if text.split is not None:
            self._lines_to_split.setdefault(key, [])
        elif key not in self._outputs:
            self._outputs[key] = self._new_output(key, stack)

    def _new_output(self, key: _Key, stack: ExitStack) -> _Output:
        path = self._folder / f"{key[0]}.{key[1]}.gz"
        return _Output(stack.enter_context(atomic_file(path)))

    def _read(
        self, path: Path, wanted: dict[LineLocation, list[tuple[_Key, LineLocation]]]
    ) -> None:
        """Read a file once, for all texts that are in it."""
        members = {location.member: keys for location, keys in wanted.items()}
        left = set(members)
        for member, stream in texts_in(path, members):
            if member not in left:
                raise DataError(f"{path}: {member} is in it twice.")
            left.discard(member)
            what = f"{path}: {member}" if member else str(path)
            with progress(f"prepare {member or path.name}", None, "lines") as bar:
                block: list[str] = []
                for line in checked_lines(stream, path, what, self._replace):
                    block.append(line)
                    if len(block) == _BLOCK:
                        self._add_lines(block, members[member])
                        bar.advance(len(block))
                        block = []
                self._add_lines(block, members[member])
        if left:
            raise DataError(f"{path}: has no {sorted(left)[0]}; is it another release?")

    def _add_lines(self, block: list[str], targets: list[tuple[_Key, LineLocation]]) -> None:
        for key, location in targets:
            lines = [text for line in block if (text := location.read(line)) is not None]
            if key in self._lines_to_split:
                self._lines_to_split[key] += lines
            else:
                self._outputs[key].write(lines)

    def _finish_text(self, text: Text, stack: ExitStack) -> list[Prepared]:
        """Compare the sides of a text, split it where it has a split, and return the results."""
        languages = _languages(text)
        first, second = ((text.name, language) for language in languages)
        if text.split is None:
            self._check_lines(text, self._outputs[first].lines, self._outputs[second].lines)
            return [Prepared(text.name, languages, self._outputs[first].lines)]
        self._check_lines(text, len(self._lines_to_split[first]), len(self._lines_to_split[second]))
        parts = text.split(
            list(zip(self._lines_to_split[first], self._lines_to_split[second], strict=True))
        )
        for name, pairs in parts.items():
            if not pairs:
                raise DataError(f"{self._corpus.name}: too few pairs for a {name} text.")
            for language, lines in zip(languages, zip(*pairs, strict=True), strict=True):
                self._outputs[name, language] = self._new_output((name, language), stack)
                self._outputs[name, language].write(lines)
        return [Prepared(name, languages, len(pairs)) for name, pairs in parts.items()]

    def _check_lines(self, text: Text, first: int, second: int) -> None:
        names = [f"{text.name}.{side.language}" for side in text.sides]
        if first != second:
            raise DataError(
                f"{self._corpus.name}: {names[0]} has {first:,} lines, {names[1]} {second:,}.\n"
                "The files are damaged or of two releases: fetch or copy both anew."
            )
        if first == 0:
            raise DataError(f"{self._corpus.name}: {text.name} has no line.")
        if text.lines is not None and first != text.lines:
            warn(
                f"{text.name} has {first:,} lines, as published {text.lines:,}: figures will not "
                "quite compare."
            )

    def _compare_checksums(self, texts: list[Text]) -> None:
        for (name, language), output in self._outputs.items():
            file = f"{name}.{language}"
            if not self._checksums.matches(file, output.sha256):
                raise self._checksums.refuse(file, f"{file} (unpacked)", output.sha256)
        for text in texts:
            for side in text.sides:
                found = self._outputs.get((text.name, side.language))
                if found is not None and side.sha256 not in (None, found.sha256):
                    warn(
                        f"{text.name}.{side.language} is not, byte for byte, the text that the "
                        "project's figures were measured on."
                    )
        say(f"{self._folder}: {len(self._outputs)} texts")
