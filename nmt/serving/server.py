"""The server, which runs until it is stopped."""

import ipaddress
import logging
import socket
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import uvicorn

from nmt.console import say, warn
from nmt.errors import ResourceError
from nmt.serving.api_schema import ApiResponses, RequestLimits
from nmt.serving.app import Service, make_application, render_page
from nmt.serving.request_queue import RequestQueue
from nmt.translation.quality_estimation import QualityEstimator
from nmt.translation.translator import Translator
from nmt.version import __version__

_HINT = "Choose a free port (0: any) and an address of this machine."
_SHUTDOWN_SECONDS = 2
"""Seconds for running requests when the server is stopped."""


def serve(
    translator: Translator,
    listener: socket.socket,
    limits: RequestLimits,
    estimator: QualityEstimator,
    beam_size: int,
    names: Sequence[str] = (),
) -> None:
    """Serve requests until SIGINT or SIGTERM, which then acts as it does without a server.

    Args:
        translator: The model.
        listener: The socket to listen on, see `open_listener`.
        limits: The limits of requests.
        estimator: The quality estimator that raises flags.
        beam_size: The beam size where a request names none.
        names: Names of this machine, see `RequestGuard`.
    """
    request_queue = RequestQueue(translator, limits.waiting, limits.together)
    info = server_info(translator, limits, beam_size)
    service = Service(
        request_queue, ApiResponses(estimator), limits, render_page(info), info, beam_size
    )
    config = uvicorn.Config(
        make_application(service, names),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    try:
        _Server(
            config, request_queue, f"serving at {address(listener)} (press Ctrl-C to stop)"
        ).run([listener])
    finally:
        request_queue.close()
        request_queue.join(_SHUTDOWN_SECONDS)


class _Server(uvicorn.Server):
    """A server that reports when it is ready, and stops searches when it ends."""

    def __init__(self, config: uvicorn.Config, request_queue: RequestQueue, ready: str) -> None:
        super().__init__(config)
        self._queue = request_queue
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server.startup`."""
        await super().startup(sockets)
        say(self._ready)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server.shutdown`."""
        self._queue.close()
        await super().shutdown(sockets)


def server_info(translator: Translator, limits: RequestLimits, beam_size: int) -> dict[str, Any]:
    """Return the response of `GET /api/info`. It has the names of the models, not their paths.

    Args:
        translator: The model.
        limits: The limits of requests.
        beam_size: The beam size where a request names none.
    """
    bundles, tagging = translator.bundles, translator.tagging
    inventory, default = tagging.inventory, tagging.default
    return {
        "version": __version__,
        "model": ", ".join(bundle.config.name or "model" for bundle in bundles),
        "models": [
            {"name": bundle.config.name, "parameters": _parameters(bundle.model)}
            for bundle in bundles
        ],
        "source_language": ", ".join(inventory.source_languages),
        "target_language": tagging.language(default),
        "target_languages": list(inventory.target_languages),
        "tags": list(inventory.tags),
        "requires_tag": inventory.requires_tag,
        "to": default.to,
        "tag": default.tag,
        "beam_size": beam_size,
        "attention": any(bundle.config.model.attention.kind != "none" for bundle in bundles),
        "limits": asdict(limits),
    }


def open_listener(host: str, port: int) -> socket.socket:
    """Return a listening socket. A warning is printed where other machines can reach it.

    Args:
        host: The address.
        port: The port; 0 for any that is free.

    Raises:
        ResourceError: The address or the port is not available.
    """
    try:
        family, _, _, _, socket_address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ResourceError(
            f"--host {host}: {_reason(error)}. Give an address of this machine."
        ) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(socket_address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ResourceError(f"--host {host} --port {port}: {_reason(error)}. {_HINT}") from error
    if not _is_loopback(str(socket_address[0])):
        warn(
            f"{address(listener)}: everyone who can reach this machine can use the translator. "
            "There is no password and no encryption."
        )
    return listener


def address(listener: socket.socket) -> str:
    """Return the URL for the browser."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _parameters(model: Any) -> int:
    return sum(int(parameter.numel()) for parameter in model.parameters())
