"""The web application: the page, and the JSON interface that it calls."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from nmt.console import warn
from nmt.errors import NmtError, UsageError, is_out_of_memory
from nmt.pages.page import Page, render
from nmt.serving.api_schema import (
    AlternativesRequest,
    ApiResponses,
    BadRequest,
    RequestLimits,
    TranslateRequest,
    parse_request,
)
from nmt.serving.request_guard import RequestGuard
from nmt.serving.request_queue import (
    AlternativesJob,
    Cancelled,
    QueueFullError,
    RequestQueue,
    TranslateJob,
)
from nmt.tokenizers.source_tags import TagSelection

_JSON = "application/json"


class Service:
    """The request handlers.

    Args:
        request_queue: The queue of jobs.
        responses: The writer of responses.
        limits: The limits of requests.
        page: The HTML page.
        info: The response of `GET /api/info`.
        beam_size: The beam size where a request names none.
    """

    def __init__(
        self,
        request_queue: RequestQueue,
        responses: ApiResponses,
        limits: RequestLimits,
        page: str,
        info: dict[str, Any],
        beam_size: int,
    ) -> None:
        self._queue = request_queue
        self._responses = responses
        self._limits = limits
        self._page = page
        self._info = info
        self._beam_size = beam_size

    async def page(self, request: Request) -> Response:
        """Return the response to `GET /`."""
        return HTMLResponse(self._page, headers={"Content-Security-Policy": PAGE_POLICY})

    async def info(self, request: Request) -> Response:
        """Return the response to `GET /api/info`."""
        return JSONResponse(self._info)

    async def health(self, request: Request) -> Response:
        """Return the response to `GET /health`."""
        if self._queue.alive:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "ended"}, 503)

    async def translate(self, request: Request) -> Response:
        """Return the response to `POST /api/translate`."""
        parsed = parse_request(TranslateRequest, await self._body(request), self._limits)
        texts = parsed.all_texts
        start = time.monotonic()
        job = TranslateJob(
            [line for text in texts for line in text.lines],
            parsed.constraints,
            parsed.overrides(self._beam_size),
            TagSelection(parsed.to, parsed.tag),
        )
        result = await self._run_job(request, job)
        translations = self._responses.translations(
            texts, result, parsed.attention, parsed.n_best > 1
        )
        return JSONResponse(
            {"translations": translations, "milliseconds": _milliseconds_since(start)}
        )

    async def alternatives(self, request: Request) -> Response:
        """Return the response to `POST /api/alternatives`."""
        parsed = parse_request(AlternativesRequest, await self._body(request), self._limits)
        start = time.monotonic()
        job = AlternativesJob(
            parsed.text,
            parsed.prefix,
            parsed.count,
            parsed.units == "words",
            {"beam_size": parsed.beam_size or self._beam_size},
            TagSelection(parsed.to, parsed.tag),
        )
        result = self._responses.alternatives(parsed.text, await self._run_job(request, job))
        return JSONResponse({"alternatives": result, "milliseconds": _milliseconds_since(start)})

    async def _body(self, request: Request) -> bytes:
        """Return the body of a request.

        Raises:
            BadRequest: The body is too large, arrives too slowly or is not sent as JSON.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _JSON:
            raise BadRequest(f"send JSON, with the header Content-Type: {_JSON}.", 415)
        try:
            return await asyncio.wait_for(self._read(request), self._limits.body_seconds)
        except asyncio.TimeoutError as error:
            raise BadRequest("timeout while reading the body.", 408) from error

    async def _read(self, request: Request) -> bytes:
        body = bytearray()
        async for block in request.stream():
            body += block
            if len(body) > self._limits.body:
                raise BadRequest(f"the body exceeds {self._limits.body:,} bytes.", 413)
        return bytes(body)

    async def _run_job(self, request: Request, job: TranslateJob | AlternativesJob) -> Any:
        """Return the result of a job, which is cancelled on a timeout or a disconnect.

        Raises:
            BadRequest: There is no result.
            ClientDisconnect: The client has disconnected.
        """
        try:
            self._queue.submit(job)
        except QueueFullError as error:
            raise BadRequest("too many requests are waiting. Try again later.", 503) from error
        result = asyncio.wrap_future(job.result)
        disconnected = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait(
                {result, disconnected},
                timeout=self._limits.seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            return _job_outcome(result, disconnected, self._limits.seconds)
        finally:
            job.is_abandoned = True
            disconnected.cancel()
            result.cancel()


def _job_outcome(
    result: "asyncio.Future[Any]", disconnected: "asyncio.Future[None]", seconds: float
) -> Any:
    if result.done():
        return _job_result(result)
    if disconnected.done():
        raise ClientDisconnect
    raise BadRequest(
        f"the request took more than {seconds:g} seconds. Send a smaller request.", 503
    )


def _job_result(future: "asyncio.Future[Any]") -> Any:
    try:
        return future.result()
    except Cancelled as error:
        raise BadRequest("the server is shutting down.", 503) from error
    except UsageError as error:
        raise BadRequest(error.message) from error
    except Exception as error:
        if is_out_of_memory(error):
            raise BadRequest("out of memory. Send a smaller request.", 503) from error
        raise


async def _disconnected(request: Request) -> None:
    """Wait until the client disconnects. The body has been read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _milliseconds_since(start: float) -> float:
    return round(1000 * (time.monotonic() - start), 1)


def make_application(service: Service, names: Sequence[str] = ()) -> ASGIApp:
    """Return the ASGI application.

    Args:
        service: The request handlers.
        names: Names of this machine, see `RequestGuard`.
    """
    inner = Starlette(
        routes=[
            Route("/", service.page, methods=["GET"]),
            Route("/health", service.health, methods=["GET"]),
            Route("/api/info", service.info, methods=["GET"]),
            Route("/api/translate", service.translate, methods=["POST"]),
            Route("/api/alternatives", service.alternatives, methods=["POST"]),
        ],
        exception_handlers=_HANDLERS,
    )
    return RequestGuard(inner, names)


async def _on_bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, BadRequest)
    headers = {"Retry-After": "1"} if error.status == 503 else {}
    if error.status in (408, 413):
        headers["Connection"] = "close"  # the rest of the body is not read
    return JSONResponse({"error": error.message}, error.status, headers)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail.lower()}, error.status_code, error.headers)


async def _on_disconnect(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # the client has disconnected


async def _on_failure(request: Request, error: Exception) -> Response:
    reason = error.message if isinstance(error, NmtError) else f"{type(error).__name__}: {error}"
    warn(f"{request.method} {request.url.path}: {reason}")
    return JSONResponse(
        {"error": "internal error. The terminal of the server shows the details."}, 500
    )


_HANDLERS: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    BadRequest: _on_bad_request,
    HTTPException: _on_http_error,
    ClientDisconnect: _on_disconnect,
    Exception: _on_failure,
}

_BODY = """<section class="card desk">
<div class="sides">
<div class="given">
<label for="source" id="source-name"></label>
<textarea id="source" rows="5" spellcheck="false" dir="auto" autofocus></textarea>
</div>
<div class="made">
<div class="heading"><h2 id="target-name"></h2>
<select id="to" aria-label="Target language" hidden></select>
<select id="tag" aria-label="Tag" hidden></select>
<span class="muted" id="state" role="status"></span></div>
<div id="target" aria-labelledby="target-name"></div>
</div>
</div>
<div class="below">
<div class="beginning"><label for="prefix" id="prefix-name">Starts with</label>
<input id="prefix" type="text" dir="auto" autocomplete="off" spellcheck="false"
placeholder="its first words">
<button type="button" class="quiet" id="free" hidden>Clear</button></div>
<div id="flags" aria-live="polite"></div>
</div>
</section>
<section class="card" id="more" hidden>
<h2>Other translations</h2>
<ol id="others"></ol>
</section>
<section class="card" id="looked" hidden>
<div class="heading"><h2>Attention</h2>
<button type="button" class="quiet" id="subwords" aria-pressed="false">Subwords</button></div>
<div id="attention"></div>
</section>
"""


def served_page(info: dict[str, Any]) -> Page:
    """Return the page.

    Args:
        info: The response of `GET /api/info`.
    """
    return Page(
        title=f"{info['source_language']} → {info['target_language']}",
        about=f"{info['model']} · nmt {info['version']}",
        body=_BODY,
        data=info,
        styles=("attention.css", "serve.css"),
        scripts=("attention.js", "serve.js"),
        may_connect=True,
    )


PAGE_POLICY = f"{Page(title='', body='', may_connect=True).policy}; frame-ancestors 'none'"
"""The content security policy as a header, which also forbids frames around the page."""


def render_page(info: dict[str, Any]) -> str:
    """Return the page as an HTML document."""
    return render(served_page(info))
