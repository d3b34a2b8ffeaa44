"""Where a link leads: resolved as a browser would, and whether it leaves the site."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit


class Place(NamedTuple):
    """What a page's relative links are resolved against. Either may be unknown."""

    base: str | None
    host: str | None
    origin: str | None = None
    """Scheme and host, where root-relative addresses are simply put after it."""


def place_of(url: str | None, base: str | None, canonical: str | None) -> Place:
    """The page's place: its final or else canonical address, bent by `<base>` (HTML 2.4.3)."""
    page = _absolute(url) or _absolute(canonical)
    if base:
        bent = _join(page, base) if page else _absolute(base)
        return Place(bent or page, _host(page or bent))
    return Place(page, _host(page), _origin(page))


def _origin(url: str | None) -> str | None:
    found = re.match(r"https?://[a-z0-9.-]+(?=[/?#]|$)", url) if url else None
    return found[0] if found else None


def resolve(href: str, place: Place) -> str | None:
    """The absolute address, or None where the page's own address is not known."""
    if href[:1] == "/":
        if place.origin and _PLAIN_PATH.fullmatch(href):
            return place.origin + href
    elif _PLAIN_ADDRESS.fullmatch(href):
        return href
    href = "".join(href.split()) if any(c.isspace() for c in href) else href
    if not href.startswith(("/", "#", "?", ".")):
        scheme = _scheme(href)
        if scheme in ("http", "https"):
            return _join(None, href)
        if scheme is not None:
            return href
    return _join(place.base, href) if place.base else None


def leaves(address: str | None, place: Place) -> bool:
    """Whether the host is known and is neither the page's nor below it."""
    if address is None or place.host is None or not address.startswith(("http:", "https:")):
        return False
    if place.origin and address.startswith(place.origin + "/"):
        return False
    host = _host(address)
    if host is None or host == place.host or host.endswith("." + place.host):
        return False
    return host.removeprefix("www.") != place.host.removeprefix("www.")


# What a browser would leave as it stands: most addresses take this short cut.
_PLAIN_ADDRESS = re.compile(r"https?://[a-z0-9.-]+/[A-Za-z0-9/_~,=&;?-]*(?:\.[A-Za-z0-9_-]+)*")
_PLAIN_PATH = re.compile(r"/(?:[A-Za-z0-9_~,=&;-][A-Za-z0-9_~,=&;/-]*)?(?:\.[A-Za-z0-9_-]+)*")


def _scheme(href: str) -> str | None:
    head, colon, _ = href.partition(":")
    if colon and head and head[0].isalpha() and all(c.isalnum() or c in "+.-" for c in head):
        return head.lower()
    return None


def _join(base: str | None, href: str) -> str | None:
    try:
        return urljoin(base, href) if base else urlsplit(href).geturl()
    except ValueError:
        return None


def _absolute(url: str | None) -> str | None:
    if not url:
        return None
    url = url.strip()
    return url if url.lower().startswith(("http://", "https://")) and _host(url) else None


def _host(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def leads_nowhere(href: str) -> bool:
    """Whether an address is a place on the page itself, or a script."""
    if href[:1] in ("/", "h"):
        return False
    return not href.strip() or href.lstrip().lower().startswith(("#", "javascript:"))
