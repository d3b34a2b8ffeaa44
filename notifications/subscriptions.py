"""Who wants what, by which channel, and when: the values, and the digest forms people write."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from typing import Literal, TypeAlias

Channel: TypeAlias = Literal["email", "webhook", "teams", "slack", "mattermost"]
About: TypeAlias = Literal["changes", "operation"]
Rhythm: TypeAlias = Literal["immediate", "hourly", "daily", "workdays", "weekly"]
Quiet: TypeAlias = Literal["never", "weekly", "monthly"]

CHANNELS: tuple[Channel, ...] = ("email", "webhook", "teams", "slack", "mattermost")
CHAT: frozenset[Channel] = frozenset({"teams", "slack", "mattermost"})
SIGNALS = ("amount", "year", "date", "commitment", "typo")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DIGEST_FORMS = "immediate, hourly, daily 07:30, workdays 07:30, weekly mon 08:00"


@dataclass(frozen=True, slots=True)
class Digest:
    """When a subscription is told. `at` is local time; `weekday` 0 is Monday.

    `at` is None for immediate and hourly, `weekday` is set for weekly only. `workdays` means no
    weekends and no Swedish holidays.
    """

    rhythm: Rhythm = "immediate"
    at: time | None = None
    weekday: int | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A wanted change of status: `developing>ongoing`."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription, as configured. An empty filter (pages, kinds, …) lets everything through.

    Where it goes: `to` (email), `url` or `url_env` (webhook), `url_env` (chat: its address is a
    secret). `url_env` and `secret_env` name environment variables; the secrets are never here.
    """

    id: str
    channel: Channel
    about: About = "changes"
    to: tuple[str, ...] = ()
    url: str | None = None
    url_env: str | None = None
    secret_env: str | None = None
    pages: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    signals: tuple[str, ...] = ()
    digest: Digest = Digest()
    settle_seconds: int = 0
    when_quiet: Quiet = "never"
    language: str = "sv"


_TIMED = re.compile(r"(?:(daily|workdays)|weekly +([a-z]{3})) +([0-2]\d):([0-5]\d)")


def parse_digest(text: str) -> Digest:
    """The digest of one of DIGEST_FORMS; ValueError for anything else."""
    if text == "immediate":
        return Digest("immediate")
    if text == "hourly":
        return Digest("hourly")
    found = _TIMED.fullmatch(text)
    if found is None or int(found[3]) > 23 or (found[2] and found[2] not in WEEKDAYS):
        raise ValueError(text)
    at = time(int(found[3]), int(found[4]))
    if found[2]:
        return Digest("weekly", at, WEEKDAYS.index(found[2]))
    return Digest("daily" if found[1] == "daily" else "workdays", at)


def parse_move(text: str) -> Move:
    """`old>new`; ValueError where it is anything else."""
    old, arrow, new = (part.strip() for part in text.partition(">"))
    if not (old and arrow and new) or ">" in new or old == new:
        raise ValueError(text)
    return Move(old, new)
