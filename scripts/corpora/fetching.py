"""Downloads of large files over HTTP, which resume where they were interrupted.

An incomplete file is NAME.part. A download resumes where the server can tell that the file is still
the same (an ETag or a date, by If-Range). Otherwise it starts from scratch. Only a complete file
gets its final name.
"""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from corpora.checksums import Checksums
from corpora.corpus_types import Download
from nmt.console import progress, say, warn
from nmt.errors import DataError, ResourceError
from nmt.runtime.atomic_files import flush_directory, sha256, wrap_os_errors, write_text

_BLOCK = 1 << 18
_MAX_WAIT = 60.0
_TEMPORARY_STATUSES = frozenset((408, 425, 429, 500, 502, 503, 504))
# manythings.org refuses the user agent of Python.
_AGENT = "Mozilla/5.0 (compatible; nmt get_data.py)"


@dataclass(frozen=True)
class RetryPolicy:
    """The time limits and retries of a download.

    Attributes:
        timeout: The seconds to wait for a server.
        retries: The greatest number of retries in a row that bring no new data.
        first_wait: The seconds before the first retry. Each further wait is twice as long, up to a
            minute.
        sleep: The function that waits for a number of seconds.
    """

    timeout: float = 60.0
    retries: int = 6
    first_wait: float = 1.0
    sleep: Callable[[float], None] = time.sleep


class _NotFoundError(Exception):
    """The failure of an address without the file. The next address may have it."""


class _IncompleteError(Exception):
    """A temporary failure: the connection ended too early, or the server has trouble."""


def fetch(download: Download, folder: Path, retry_policy: RetryPolicy) -> Path:
    """Return a file in the folder of downloads, fetched if it is not there.

    Its SHA-256 is recorded or compared.

    Args:
        download: The file to fetch.
        folder: The folder of downloads.
        retry_policy: The waits and retries.

    Raises:
        ResourceError: No server gives the file now.
        DataError: No address has the file any more, or it differs from the recorded one and is
            renamed to NAME.rejected.
    """
    checksums = Checksums(folder)
    path = folder / download.name
    if path.is_file():
        _check(checksums, path, path)
        return path
    with wrap_os_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    _fetch_from_any(download, part, retry_policy)
    _check(checksums, path, part)
    with wrap_os_errors(path):
        part.replace(path)
        _state_file(part).unlink(missing_ok=True)
        flush_directory(folder)
    return path


def _check(checksums: Checksums, path: Path, current: Path) -> None:
    """Compare a file with the checksum of `path`, or record its checksum.

    Args:
        checksums: The checksums of the folder.
        path: The final path of the file.
        current: Its path now.

    Raises:
        DataError: The checksum differs.
    """
    value = sha256(current)
    if not checksums.matches(path.name, value):
        rejected = path.with_name(f"{path.name}.rejected")
        with wrap_os_errors(path):
            current.replace(rejected)
            _state_file(current).unlink(missing_ok=True)
        raise checksums.refuse(path.name, str(rejected), value)
    if path.name not in checksums:
        say(f"{path.name}: first seen here, SHA-256 recorded in {checksums.path}: {value}")
        checksums.record({path.name: value})


def _fetch_from_any(download: Download, part: Path, retry_policy: RetryPolicy) -> None:
    reasons = []
    missing = True
    for url in download.urls:
        try:
            _fetch_with_retries(url, download.name, part, retry_policy)
            return
        except _NotFoundError as error:
            reasons.append(f"{url}: {error}")
        except _IncompleteError as error:
            missing = False
            reasons.append(f"{url}: {error}")
    details = "\n".join(reasons)
    if missing:
        raise DataError(
            f"{details}\nIts publisher has moved it: find the file, and give its folder by --from."
        )
    raise ResourceError(
        f"{details}\nThe same command goes on where it was. Look at the network, or give the "
        "folder of files that you have by --from."
    )


def _fetch_with_retries(url: str, name: str, part: Path, retry_policy: RetryPolicy) -> None:
    """Fetch a file with retries. A retry that brings new data does not count."""
    failures, furthest = 0, _size(part)
    while True:
        try:
            _Attempt(url, name, part, retry_policy.timeout).run()
            return
        except _IncompleteError as error:
            # Compared with the furthest, not the last: without resuming, sizes go up and down.
            failures = 0 if _size(part) > furthest else failures + 1
            furthest = max(furthest, _size(part))
            if failures > retry_policy.retries:
                raise
            wait = min(_MAX_WAIT, retry_policy.first_wait * 2 ** max(0, failures - 1))
            warn(f"{name}: {error}; again in {wait:g} s")
            retry_policy.sleep(wait)


class _Attempt:
    """One request for a file."""

    def __init__(self, url: str, name: str, part: Path, timeout: float) -> None:
        self._url, self._name, self._part, self._timeout = url, name, part, timeout

    def run(self) -> None:
        """Receive the file, or the rest of it.

        Raises:
            _NotFoundError: The address does not have the file.
            _IncompleteError: The file is incomplete, and a retry may help.
        """
        validator = _validator_of(self._part, self._url)
        offset = _size(self._part) if validator else 0
        request = urllib.request.Request(self._url, headers={"User-Agent": _AGENT})
        if validator and offset:
            request.add_header("Range", f"bytes={offset}-")
            request.add_header("If-Range", validator)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                self._receive(response, offset)
        except urllib.error.HTTPError as error:
            self._handle_http_error(error)
        except (http.client.HTTPException, OSError) as error:  # never from the disk
            raise _IncompleteError(_error_text(getattr(error, "reason", error))) from error

    def _handle_http_error(self, error: urllib.error.HTTPError) -> None:
        if error.code == 416:
            if error.headers.get("Content-Range") == f"bytes */{_size(self._part)}":
                return  # it is complete, and still the same
            self._part.unlink(missing_ok=True)
            raise _IncompleteError(
                "the server has less of the file than is here, which was not its"
            ) from error
        message = f"the server answers {error.code} {error.reason}"
        raise (_IncompleteError if error.code in _TEMPORARY_STATUSES else _NotFoundError)(
            message
        ) from error

    def _receive(self, response: http.client.HTTPResponse, offset: int) -> None:
        if response.status != 206 or not _starts_at(response.headers, offset):
            if response.status == 206:
                self._part.unlink(missing_ok=True)
                raise _IncompleteError("the server gave another piece than asked for")
            offset = 0
        length = response.headers.get("Content-Length", "")
        total = offset + int(length) if length.isdigit() else None
        with wrap_os_errors(self._part):
            file = self._part.open("ab" if offset else "wb")
            write_text(_state_file(self._part), _state(self._url, response.headers))
        with file, progress(self._name, _kilobytes(total), "kB", _kilobytes(offset) or 0) as bar:
            received = offset
            while block := response.read(_BLOCK):
                with wrap_os_errors(self._part):
                    file.write(block)
                bar.advance((received + len(block)) // 1000 - received // 1000)
                received += len(block)
            with wrap_os_errors(self._part):
                file.flush()
                os.fsync(file.fileno())
        if total is not None and received != total:
            raise _IncompleteError(f"the connection ended at {received:,} of {total:,} bytes")


def _error_text(reason: object) -> str:
    return str(getattr(reason, "strerror", None) or reason) or type(reason).__name__


def _starts_at(headers: Message, offset: int) -> bool:
    """Return whether a partial response starts at `offset`: `Content-Range: bytes 100-199/200`."""
    return str(headers.get("Content-Range", "")).startswith(f"bytes {offset}-")


def _kilobytes(size: int | None) -> int | None:
    return None if size is None else size // 1000


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _state_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _state(url: str, headers: Message) -> str:
    """Return the state of a download as JSON: its address, and the validator of the file.

    The validator shows whether the file is still the same. A weak ETag does not.
    """
    tag = str(headers.get("ETag", ""))
    validator = headers.get("Last-Modified") if not tag or tag.startswith("W/") else tag
    return json.dumps({"url": url, "validator": validator}) + "\n"


def _validator_of(part: Path, url: str) -> str | None:
    try:
        state = json.loads(_state_file(part).read_text(encoding="utf-8"))
        return str(state["validator"]) if state["url"] == url and state["validator"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
