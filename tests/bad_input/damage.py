"""Ways to spoil a file."""

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nmt.training.checkpoints import with_checksum

Spoil = Callable[[Path], None]


def folder(path: Path) -> None:
    """A folder where a file was."""
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)


def pipe(path: Path) -> None:
    """A named pipe that nobody writes to."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def half(path: Path) -> None:
    """The first half only."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flipped(place: int) -> Spoil:
    """Another byte at a place; a negative one counts from the end."""

    def spoil(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[place] ^= 0x41
        path.write_bytes(content)

    return spoil


def first_lines(count: int) -> Spoil:
    """Only so many lines."""

    def spoil(path: Path) -> None:
        path.write_bytes(b"\n".join(path.read_bytes().split(b"\n")[:count]) + b"\n")

    return spoil


def line(number: int, content: bytes) -> Spoil:
    """Another line in the place of line `number`, from 1."""

    def spoil(path: Path) -> None:
        lines = path.read_bytes().split(b"\n")
        lines[number - 1] = content
        path.write_bytes(b"\n".join(lines))

    return spoil


def packed_half(path: Path) -> None:
    """Half of the gzip file that it would be."""
    packed = gzip.compress(path.read_bytes())
    path.write_bytes(packed[: len(packed) // 2])


def link_to(target: str) -> Spoil:
    """A symbolic link."""

    def spoil(path: Path) -> None:
        if path.is_file():
            path.unlink()
        path.symlink_to(target)

    return spoil


def member(*keys: str, value: Any) -> Spoil:
    """Another value in a JSON file, whose checksum of itself is made right where it has one."""

    def spoil(path: Path) -> None:
        record = json.loads(path.read_text(encoding="utf-8"))
        section = record
        for key in keys[:-1]:
            section = section[key]
        section[keys[-1]] = value
        if "checksum" in record:
            record = with_checksum(record)
        path.write_text(json.dumps(record, indent=2), encoding="utf-8")

    return spoil


def resigned(spoil: Spoil, record: str = "bundle.json") -> Spoil:
    """A spoiled file whose new checksum stands in the record beside it: the work of someone who
    means it.
    """

    def spoil_and_sign(path: Path) -> None:
        spoil(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        member("sha256", path.name, value=digest)(path.with_name(record))

    return spoil_and_sign


def replaced(old: str, new: str) -> Spoil:
    """A text with one thing in it replaced."""

    def spoil(path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{path}: has no {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    return spoil


def replaced_bytes(old: bytes, new: bytes) -> Spoil:
    """A binary file with one thing in it replaced by another of the same length."""

    def spoil(path: Path) -> None:
        content = path.read_bytes()
        assert old in content, f"{path}: has no {old!r}"
        path.write_bytes(content.replace(old, new))

    return spoil


def content(new: bytes) -> Spoil:
    """Other content altogether."""

    def spoil(path: Path) -> None:
        path.write_bytes(new)

    return spoil


def other_bundle(path: Path) -> None:
    """The bundle of the run, with a tokenizer that is not the same (by a field nobody reads)."""
    shutil.copytree(path.with_name("runs") / "tiny" / "best", path)
    model = path / "joint.model"
    resigned(content(model.read_bytes() + b"\x98\x06\x01"))(model)
