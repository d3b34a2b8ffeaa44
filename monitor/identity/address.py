"""What a link's address is the address of: the page's identity inside it, free of session noise."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

_PAGE = re.compile(r"\.(\d{1,2}\.[0-9a-f]{8,})(?:\.html?)?$", re.IGNORECASE)
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
    try:
        parts = urlsplit(href.strip())
    except ValueError:
        return href.strip()
    scheme = parts.scheme.lower()
    if scheme not in ("", "http", "https"):
        return href.strip()
    path = _SESSION.sub("", parts.path)
    query = "&".join(
        f"{name}={value}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not name.lower().startswith("sv.") and name.lower() not in _NOISE
    )
    host = parts.netloc.lower().rpartition("@")[2].removesuffix(_PORTS.get(scheme, ":"))
    tail = (f"?{query}" if query else "") + (f"#{parts.fragment}" if parts.fragment else "")
    if page := _PAGE.search(path):
        return f"//{host}/{page.group(1).lower()}{tail}"
    path = _STAMP.sub(r"/\1/\2", path)
    return f"//{host}{path or '/'}{tail}"
