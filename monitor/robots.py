"""robots.txt by RFC 9309: what a host lets us look at, and how slowly it wants us to.

Pure; fetching it is `monitor.fetch.Fetcher.robots`. The rules are read by protego.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from monitor.guard import host_key

if TYPE_CHECKING:
    from protego import Protego

MAX_BYTES = 500 * 1024
"""How much of a robots.txt is read (RFC 9309, 2.5); the rest is left unread."""

PRODUCT = "Visionsvakt"
"""The token a robots.txt names us by."""

_KEPT = timedelta(hours=24)
_KEPT_UNREACHABLE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class RobotsText:
    """What a host's robots.txt said. `status` is None where nothing came back, for the reason
    that `trouble` gives in words.

    `host` is the key of `monitor.guard.host_key`. 2xx: the rules in `text` hold. Other 4xx: there
    are none, everything is allowed. 5xx, 429 and no answer: nothing is allowed for now.
    """

    host: str
    fetched_at: datetime
    status: int | None
    text: str = ""
    retry_after_seconds: float | None = None
    trouble: str = ""

    @property
    def unreachable(self) -> bool:
        """Whether the rules are unknown because the host is in trouble (RFC 9309, 2.3.1.4)."""
        return self.status is None or self.status >= 500 or self.status == 429

    @property
    def good_until(self) -> datetime:
        """Until when it may be used without asking again: 24 hours, ten minutes if unreachable."""
        return self.fetched_at + (_KEPT_UNREACHABLE if self.unreachable else _KEPT)

    def allows(self, url: str) -> bool:
        """Whether we may look at `url` (of this host). /robots.txt itself is always allowed."""
        if self.unreachable:
            return False
        if not self.text:
            return True
        return bool(_rules(self.text).can_fetch(url, PRODUCT))

    @property
    def crawl_delay(self) -> float | None:
        """The seconds between two requests that the host asks for, None without a wish."""
        if self.unreachable or not self.text:
            return None
        delay = _rules(self.text).crawl_delay(PRODUCT)
        return None if delay is None else float(delay)

    def is_of(self, url: str) -> bool:
        return host_key(url) == self.host


@lru_cache(maxsize=32)
def _rules(text: str) -> Protego:
    from protego import Protego

    return Protego.parse(text)


def read_text(body: bytes) -> str:
    """The rules' text from a robots.txt's bytes: UTF-8, the whole lines of the first 500 KiB."""
    if len(body) > MAX_BYTES:
        body = body[:MAX_BYTES]
        body = body[: max(body.rfind(b"\n"), body.rfind(b"\r")) + 1]
    return body.decode("utf-8-sig", "replace").replace("\0", "")
