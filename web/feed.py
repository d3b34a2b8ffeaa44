"""/feed.atom: the newest changes for feed readers, of all pages or of those that `page` names.

`/feed.atom?page=omsorg&page=trygg`. A reader that asks again with what it was told (ETag,
Last-Modified; RFC 9110) gets 304 until something is new.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from monitor.errors import StoreError
from notifications.feed import TYPE, Feed, atom
from pipeline.check import page_info, with_twins
from presentation.documents import recorded_document
from presentation.language import language
from snapshots import history
from snapshots.history import Wanted
from wiring import letterhead

if TYPE_CHECKING:
    from wiring import Installation

PATH: Final = "/feed.atom"
NEWEST: Final = 100
"""So many changes are in the feed."""
_FEEDS_KEPT: Final = 256
_HEADERS: Final = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


def route(current: Callable[[], Installation]) -> Route:
    """The feed; 404 for a page that is not watched, 503 while the store can't be read."""
    editions = _Editions(current().clock)

    def feed(request: Request) -> Response:
        installation = current()
        names = list(dict.fromkeys(request.query_params.getlist("page")))
        unknown = [name for name in names if name not in installation.pages]
        if unknown:
            return PlainTextResponse("404\n", 404, headers=_HEADERS)
        try:
            body = _body(installation, names, str(request.url.replace(query="")))
        except StoreError:
            return PlainTextResponse("503\n", 503, headers={**_HEADERS, "Retry-After": "60"})
        tag, modified = editions.seen(tuple(names), body)
        headers = {
            **_HEADERS,
            "ETag": tag,
            "Last-Modified": format_datetime(modified, usegmt=True),
            "Content-Type": TYPE,
        }
        if _has_it(request.headers, tag, modified):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers)

    return Route(PATH, feed)


def _body(installation: Installation, names: Sequence[str], asked: str) -> bytes:
    settings = installation.settings
    words = language(settings.worker.language)
    pages = [installation.pages[name] for name in names or installation.pages]
    with installation.database.read() as conn:
        wanted = Wanted(pages=[page.key for page in pages], newest=NEWEST)
        changes = history.find_changes(conn, wanted)
        documents = with_twins(conn, [recorded_document(one) for one in changes])
    public = settings.web.public_url
    query = urlencode([("page", name) for name in names])
    shown = words.joined([page.name for page in pages]) if names else words.say("feed.all")
    times = [one.change.before for one in changes if one.change.before is not None]
    feed = Feed(
        url=(f"{public}{PATH}" if public else asked) + (f"?{query}" if query else ""),
        title=words.say("feed.title", pages=shown),
        updated=max(times, default=_EPOCH),
        letterhead=letterhead(settings),
        language=words.code,
    )
    return atom(feed, documents, {page.id: page_info(page) for page in pages})


_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
"""When a feed without a change was updated: RFC 4287 wants a time, and it must not move."""


class _Editions:
    """When each feed was first seen to read as it does now. Thread-safe.

    A change that is found late has an old time, and a decision takes changes away: what is in the
    feed can't say when it last became another. A new process says «now», once.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, ...], tuple[str, datetime]] = OrderedDict()
        self._lock = Lock()

    def seen(self, names: tuple[str, ...], body: bytes) -> tuple[str, datetime]:
        """The edition's tag and time, in whole seconds, later than the edition's before it."""
        tag = f'"{sha256(body).hexdigest()[:32]}"'
        with self._lock:
            known = self._known.pop(names, None)
            if known is None or known[0] != tag:
                now = self._clock().replace(microsecond=0)
                later = known[1] + timedelta(seconds=1) if known else now
                known = (tag, max(now, later))
            self._known[names] = known
            if len(self._known) > _FEEDS_KEPT:
                self._known.popitem(last=False)
            return known


def _has_it(asked: Headers, tag: str, modified: datetime) -> bool:
    """Whether the reader has this edition: by its tag, else by its time (RFC 9110, 13.2.2)."""
    tags = asked.get("if-none-match")
    if tags is not None:
        known = [one.strip().removeprefix("W/") for one in tags.split(",")]
        return tags.strip() == "*" or tag in known
    try:
        return modified <= parsedate_to_datetime(asked.get("if-modified-since", ""))
    except (TypeError, ValueError):
        return False
