"""/healthz and /readyz: whether the process lives, and whether it can do its work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from web.server import WebServer

Readiness: TypeAlias = Callable[[], str | None]
"""None where the work can be done, else what is wrong, in a few words. May block for a moment."""


def health_app(ready: Readiness, more: Sequence[Route] = ()) -> Starlette:
    """Neither address asks whether the watched site is up: that is no fault of ours.

    `more` are further addresses (/metrics).
    """

    def healthz(request: Request) -> PlainTextResponse:
        return _answer(None)

    def readyz(request: Request) -> PlainTextResponse:
        return _answer(ready())

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), *more])


def serve(host: str, port: int, ready: Readiness, more: Sequence[Route] = ()) -> WebServer:
    """The health addresses on a thread of their own: `with serve(…) as server`."""
    return WebServer(health_app(ready, more), host, port)


def _answer(trouble: str | None) -> PlainTextResponse:
    text, status = ("ok", 200) if trouble is None else (trouble, 503)
    return PlainTextResponse(f"{text}\n", status, headers={"Cache-Control": "no-store"})
