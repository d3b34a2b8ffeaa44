"""One initiative's life as a page: where messages lead, once `web.public_url` is set.

Read-only and without script. What the watched page said is escaped, and nothing else may be loaded:
the policy below says so to the browser too. The whole history as pages comes later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from presentation.documents import history_document, instant, link_document
from presentation.dossier import Source, Text, dossier
from presentation.language import Language, language
from snapshots import audit, history

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from snapshots.history import Life
    from wiring import Installation

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def route(current: Callable[[], Installation]) -> Route:
    """`/initiatives/{id}`: 404 where there never was such an initiative."""

    def show(request: Request) -> Response:
        installation = current()
        words = language(installation.settings.worker.language)
        with installation.database.read() as conn:
            found = history.lives_named(conn, request.path_params["id"])
            life = history.life(conn, found[0]) if len(found) == 1 else None
            if life is None:
                return PlainTextResponse("404\n", 404, headers=_HEADERS)
            html = life_page(conn, life, installation, words, installation.clock())
        return HTMLResponse(html, headers=_HEADERS)

    return Route("/initiatives/{id}", show)


def life_page(
    conn: Connection, life: Life, installation: Installation, words: Language, now: datetime
) -> str:
    """The initiative's dossier, as HTML."""
    addresses: Mapping[str, str] = {page.id: page.url for page in installation.pages.values()}
    sources = [
        Source(
            one.capture,
            instant(one.at) or "",
            one.url or addresses.get(one.page, one.page),
            one.body or "–",
            one.source,
        )
        for one in audit.sources(conn, life)
    ]
    texts = [
        Text(
            span.page,
            span.heading,
            span.initiative.title,
            span.initiative.description,
            [link_document(link) for link in span.initiative.links],
        )
        for span in audit.last_versions(life)
    ]
    made_at = instant(now) or ""
    zone = installation.settings.zone
    return dossier(history_document(life), texts, sources, made_at, words, zone)
