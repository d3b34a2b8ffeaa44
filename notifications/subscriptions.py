"""Who wants what, by which channel, and when: the values, and the digest forms people write."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from monitor.text import heading_key

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

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The first time (UTC) after `moment` to tell a digest at; immediate: `moment` itself.

        A local time that does not exist on a spring night comes an hour later by the wall clock,
        one that exists twice in autumn comes once, at its first.
        """
        if self.rhythm == "immediate":
            return moment.astimezone(UTC)
        if self.at is None:  # hourly: whole hours, which are whole hours in UTC or half of them
            local = moment.astimezone(zone)
            into = timedelta(
                minutes=local.minute, seconds=local.second, microseconds=local.microsecond
            )
            return (moment - into + timedelta(hours=1)).astimezone(UTC)
        day = moment.astimezone(zone).date() - timedelta(days=1)
        while True:
            if self._on(day):
                told = datetime.combine(day, self.at, zone).astimezone(UTC)
                if told > moment:
                    return told
            day += timedelta(days=1)

    def _on(self, day: date) -> bool:
        if self.rhythm == "weekly":
            return day.weekday() == self.weekday
        return self.rhythm == "daily" or is_workday(day)


@dataclass(frozen=True, slots=True)
class Move:
    """A wanted change of status: `developing>ongoing`."""

    old: str
    new: str


ANY = "*"
"""In a move: whatever status."""


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


def is_workday(day: date) -> bool:
    """No weekend, no Swedish holiday, and none of the three eves on which nobody works."""
    if day.weekday() >= 5 or (day.month, day.day) in ((12, 24), (12, 31)):
        return False
    if day.month == 6 and day.weekday() == 4 and 19 <= day.day <= 25:
        return False  # midsommarafton: the Friday between 19 and 25 June
    return day not in _swedish_holidays()


def wants(subscription: Subscription, change: Mapping[str, Any]) -> bool:
    """Whether a change (the contract's JSON) passes the subscription's filters.

    `moves` narrows what counts as moved, `signals` what counts as reworded. Where `kinds` is left
    out, they are all that is wanted. A change that folds several pages passes for any of them.
    """
    pages = change.get("pages") or [change["page"]]
    return (
        subscription.about == "changes"
        and (not subscription.pages or not set(pages).isdisjoint(subscription.pages))
        and _kind_wanted(subscription, change)
        and _status_wanted(subscription, change)
        and _words_wanted(subscription, change)
    )


def wanted_kinds(subscription: Subscription) -> frozenset[str]:
    """The kinds it asks for; empty: all."""
    if subscription.kinds:
        return frozenset(subscription.kinds)
    named = ("moved",) if subscription.moves else ()
    return frozenset(named + (("reworded",) if subscription.signals else ()))


def _kind_wanted(subscription: Subscription, change: Mapping[str, Any]) -> bool:
    wanted = wanted_kinds(subscription)
    for kind in change["kinds"]:
        if wanted and kind not in wanted:
            continue
        if kind == "moved" and subscription.moves:
            old, new = change["status"]["old"], change["status"]["new"]
            if not any(m.old in (ANY, old) and m.new in (ANY, new) for m in subscription.moves):
                continue
        if (
            kind == "reworded"
            and subscription.signals
            and set(change.get("signals", ())).isdisjoint(subscription.signals)
        ):
            continue
        return True
    return False


def _status_wanted(subscription: Subscription, change: Mapping[str, Any]) -> bool:
    if not subscription.statuses:
        return True
    status = change.get("status") or {}
    return not set(status.values()).isdisjoint(subscription.statuses)


def _words_wanted(subscription: Subscription, change: Mapping[str, Any]) -> bool:
    if not subscription.words:
        return True
    text = heading_key("\n".join(_texts(change)))
    return any(heading_key(word) in text for word in subscription.words)


def _texts(change: Mapping[str, Any]) -> Iterable[str]:
    for name in ("title", "description", "text"):
        both = change.get(name) or {}
        yield from (text for text in both.values() if text)
    for links in (change.get("links") or {}).values():
        yield from (link["text"] for link in links or ())


@lru_cache(maxsize=1)
def _swedish_holidays() -> Container[date]:
    from holidays import country_holidays  # late: it costs start-up

    return country_holidays("SE")
