"""A server of files on this machine that behaves as badly as it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """A file: its content and tag, whether pieces of it are given, and how answers go wrong.

    cuts: after how many bytes the connection ends, answer by answer. statuses: the codes of
    answers without the file, before those with it.
    """

    content: bytes
    tag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    length: bool = True
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


class Server:
    """What is served by name, and what was asked for: (name, Range, If-Range)."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, Served] = {}
        self.asked: list[tuple[str, str | None, str | None]] = []

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a port of its own while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            wanted = self.headers.get("Range")
            server.asked.append((name, wanted, self.headers.get("If-Range")))
            _answer(self, server.files.get(name), wanted)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server = Server(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def _answer(handler: BaseHTTPRequestHandler, file: Served | None, wanted: str | None) -> None:
    if file is None or file.statuses:
        handler.send_error(file.statuses.pop(0) if file else 404)
        return
    first = 0
    unchanged = handler.headers.get("If-Range") in (file.tag, file.modified)
    if wanted and file.ranges and unchanged:
        first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if first >= len(file.content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(file.content)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206)
        last = len(file.content) - 1
        handler.send_header("Content-Range", f"bytes {first}-{last}/{len(file.content)}")
    else:
        handler.send_response(200)
    body = file.content[first:]
    if file.length:
        handler.send_header("Content-Length", str(len(body)))
    for header, value in (("ETag", file.tag), ("Last-Modified", file.modified)):
        if value:
            handler.send_header(header, value)
    handler.end_headers()
    handler.wfile.write(body[: file.cuts.pop(0)] if file.cuts else body)
