"""The promise every channel keeps, and the values that travel through it.

    channel.send(delivery) -> Receipt

When `send` returns, the other side has said that it has the message. When it raises TryAgain, the
message may or may not have arrived: it is sent again later under the same id. When it raises
GiveUp, it did not arrive and never will at this address as it is. Killed in the middle, the
delivery's lease runs out and another sends it again, same id: a receiver may drop what it has had.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from monitor.errors import FetchError, GiveUp, TryAgain
from notifications.subscriptions import Subscription

POST_SECONDS: Final = 20.0
SHORTEST_SECRET: Final = 4
"""A shorter one would take ordinary words out of what is said."""
_ABOUT_THIS_MESSAGE: Final = frozenset({400, 409, 413, 415, 422})


class ChannelDown(TryAgain):
    """Temporary, and the channel's own trouble: whatever else waits for it need not be tried now.

    `code` is a stable cause for the operators' incident.
    """

    def __init__(
        self, text: str, *, code: str = "down", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(text, retry_after_seconds=retry_after_seconds)
        self.code = code


@dataclass(frozen=True, slots=True)
class Message:
    """What is told, whole and frozen: `payload` has everything that any rendering needs."""

    id: str
    subscription: str
    kind: str
    created_at: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one address. `id` is the idempotency key, the same over every retry."""

    id: str
    channel: str
    address: str
    message: Message
    subscription: Subscription
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """The other side has it. `text` is what it said, one line, no secrets."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every message shares: where people read times, and where its links lead."""

    zone: tzinfo = UTC
    public_url: str = ""
    reply_to: str = ""

    def history_url(self, initiative: str) -> str:
        """The page of one initiative's life; "" without a public address."""
        return f"{self.public_url}/initiatives/{initiative}" if self.public_url else ""


class Channel(Protocol):
    """One way out. Thread-safe."""

    def send(self, delivery: Delivery) -> Receipt:
        """Send once. Raises TryAgain, ChannelDown or GiveUp."""

    def close(self) -> None:
        """Let go of what the calling thread holds open."""


class Answer(Protocol):
    """What a POST brought: the status, and when to come back where the other side said so."""

    @property
    def status(self) -> int: ...

    @property
    def body_start(self) -> bytes: ...

    @property
    def retry_after_seconds(self) -> float | None: ...


class Poster(Protocol):
    """The one door to the web, for messages: bounded, guarded, never follows a redirect.

    Raises the FetchError family, with texts that name the host at most.
    """

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float = 30.0
    ) -> Answer: ...


def shown_address(url: str) -> str:
    """A web address as records and people may see it: without query, fragment or user."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def addresses_of(subscription: Subscription) -> tuple[str, ...]:
    """The addresses a subscription delivers to, as records name them: never a secret."""
    if subscription.channel == "email":
        return subscription.to
    if subscription.url:
        return (shown_address(subscription.url),)
    return (f"${subscription.url_env}",)


def post(poster: Poster, url: str, body: bytes, headers: Mapping[str, str]) -> Receipt:
    """POST once; 2xx is a receipt. Raises TryAgain, ChannelDown, GiveUp (410)."""
    try:
        answer = poster.post(url, body, headers, POST_SECONDS)
    except FetchError as trouble:
        text = one_line(trouble.text)
        wait = trouble.retry_after_seconds
        raise ChannelDown(text, code=trouble.code, retry_after_seconds=wait) from trouble
    status = answer.status
    if 200 <= status < 300:
        return Receipt(f"{status}")
    text = f"svarade {status}"
    if said := one_line(_without(url, answer.body_start.decode("utf-8", "replace")), 120):
        text = f"{text}: {said}"
    if status == 410:
        raise GiveUp(text, ends_subscription=True)
    if status in _ABOUT_THIS_MESSAGE:
        raise TryAgain(text)
    wait = answer.retry_after_seconds if status in (429, 503) else None
    raise ChannelDown(text, code=f"http_{status}", retry_after_seconds=wait)


def _without(url: str, said: str) -> str:
    """What the other side said, without the address, which may be a secret: some repeat it."""
    parts = urlsplit(url)
    for part in (url, parts.query, parts.path, parts.path.strip("/")):
        if len(part) >= SHORTEST_SECRET:
            said = said.replace(part, "…")
    return said


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def one_line(text: str, longest: int = 300) -> str:
    """A text from outside as one line for records: no control characters, shortened."""
    folded = _CONTROL.sub(" ", text).strip()
    return folded if len(folded) <= longest else folded[: longest - 1] + "…"
