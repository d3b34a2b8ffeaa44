"""What a link's address is the address of: the page's identity inside it, free of session noise."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

from monitor.model import Link
from monitor.text import same, same_key

_PAGE = re.compile(r"\.(\d{1,2}\.[0-9a-f]{8,})(?:\.html?)?$", re.IGNORECASE)
_USUAL = re.compile(r"https?://([a-z0-9.-]+)/[A-Za-z0-9/_-]*\.(\d{1,2}\.[0-9a-f]{8,})\.html")
"""A page's address with nothing odd about it, whole: nearly all are."""
_SESSION = re.compile(r";jsessionid=[^/?#;]*", re.IGNORECASE)
_STAMP = re.compile(r"/(download|images)/(\d+\.[0-9a-f]+)/\d{10,}(?=/)", re.IGNORECASE)
_NOISE = frozenset({"state", "jsessionid"})
_PORTS = {"http": ":80", "https": ":443"}


@lru_cache(maxsize=8192)
def address_key(href: str) -> str:
    """The identity of an address: two addresses with equal keys lead to the same page.

    In SiteVision's `/slug.4.<hex>.html` the hexadecimal number is the page; the slug and the
    folders above it change freely. Session ids, `sv.*` and `state` parameters and the millisecond
    stamps in `/download/` and `/images/` are dropped; http and https are one.
    """
    if usual := _USUAL.fullmatch(href):
        return f"//{usual[1]}/{usual[2]}"
    try:
        parts = urlsplit(href.strip())
    except ValueError:
        return href.strip()
    scheme = parts.scheme.lower()
    if scheme not in ("", "http", "https"):
        return href.strip()
    path = _SESSION.sub("", parts.path) if ";" in parts.path else parts.path
    query = _without_noise(parts.query) if parts.query else ""
    host = parts.netloc.lower().rpartition("@")[2].removesuffix(_PORTS.get(scheme, ":"))
    tail = (f"?{query}" if query else "") + (f"#{parts.fragment}" if parts.fragment else "")
    if page := _PAGE.search(path):
        return f"//{host}/{page.group(1).lower()}{tail}"
    path = _STAMP.sub(r"/\1/\2", path)
    return f"//{host}{path or '/'}{tail}"


def _without_noise(query: str) -> str:
    if "%" in query or "+" in query:
        fields = parse_qsl(query, keep_blank_values=True)
    else:  # nothing to unquote: the same, sooner
        fields = [(one.partition("=")[0], one.partition("=")[2]) for one in query.split("&") if one]
    return "&".join(
        f"{name}={value}"
        for name, value in fields
        if not name.lower().startswith("sv.") and name.lower() not in _NOISE
    )


def same_links(old: Sequence[Link], new: Sequence[Link]) -> bool:
    """Equal texts with equal addresses, in any order; a null address equals any."""
    if len(old) != len(new):
        return False
    if old == new or all(_same_link(one, other) for one, other in zip(old, new, strict=True)):
        return True
    mine, yours = _by_text(old), _by_text(new)
    if mine.keys() != yours.keys():
        return False
    for text, keys in mine.items():
        others = yours[text]
        if sum(keys.values()) != sum(others.values()):
            return False
        unmet, unmet_others = keys - others, others - keys
        if unmet.total() - unmet[None] > others[None]:
            return False
        if unmet_others.total() - unmet_others[None] > keys[None]:
            return False
    return True


def _same_link(old: Link, new: Link) -> bool:
    return same(old.text, new.text) and (
        old.href is None
        or new.href is None
        or old.href == new.href
        or address_key(old.href) == address_key(new.href)
    )


def _by_text(links: Sequence[Link]) -> dict[str, Counter[str | None]]:
    found: dict[str, Counter[str | None]] = defaultdict(Counter)
    for link in links:
        key = None if link.href is None else address_key(link.href)
        found[same_key(link.text)][key] += 1
    return found
