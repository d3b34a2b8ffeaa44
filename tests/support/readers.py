"""Readers of two invented pages, each with a rule of its own for what they want: said here anew, so
that a test need not ask the product. And a page's life, and channels that have bad days.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from monitor.errors import GiveUp, TryAgain
from notifications.channels import ChannelDown, Delivery, Receipt
from notifications.subscriptions import Move, Subscription, parse_digest
from tests.support.telling import by_hook, by_mail, change, initiative, page_change

Change = dict[str, Any]
STATUSES: Final = ("developing", "ongoing", "partnership")
PAGES: Final = ("omsorg", "trygg")
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)

FREE_DAYS: Final = frozenset(
    date.fromisoformat(day)
    for day in (
        *("2026-01-01", "2026-01-06", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14"),
        *("2026-06-19", "2026-12-24", "2026-12-25", "2026-12-31"),  # midsommarafton first
        *("2027-01-01", "2027-01-06"),
    )
)
"""Days of the week on which nobody works in Sweden, as a calendar has them."""


def is_free(day: date) -> bool:
    return day.weekday() >= 5 or day in FREE_DAYS


@dataclass(frozen=True, slots=True)
class Reader:
    """A subscription, what its owner meant by it, and how long a change may wait for its digest."""

    subscription: Subscription
    within: timedelta
    wants: Callable[[Change], bool] = lambda told: True

    @property
    def id(self) -> str:
        return self.subscription.id


def _chat(channel: Any, id: str, digest: str, **more: Any) -> Subscription:
    form = parse_digest(digest)
    return Subscription(id=id, channel=channel, url_env=id.upper(), digest=form, **more)


def _says(word: str) -> Callable[[Change], bool]:
    return lambda told: any(
        word in text
        for side in ("title", "description", "text")
        for text in told.get(side, {}).values()
        if text
    )


HOOK: Final = "https://granvik.example/krok"
READERS: Final = (
    Reader(by_mail(id="genast"), HOUR),
    Reader(by_mail(id="timme", digest="hourly"), HOUR),
    Reader(by_mail(id="dag", digest="daily 07:30"), DAY + HOUR),
    Reader(by_mail(id="natt", digest="daily 02:30"), DAY + HOUR),
    Reader(by_mail(id="vardag", digest="workdays 07:30"), 5 * DAY + HOUR),
    Reader(
        by_mail(id="vecka", digest="weekly mon 08:00", kinds=("moved", "removed")),
        7 * DAY + HOUR,
        lambda told: not {"moved", "removed"}.isdisjoint(told["kinds"]),
    ),
    Reader(by_mail(id="lugn", digest="daily 12:00", settle_seconds=6 * 3600), 3 * DAY),
    Reader(
        by_mail(id="orgel", digest="daily 07:00", words=("orgel",), when_quiet="weekly"),
        DAY + HOUR,
        _says("orgel"),
    ),
    Reader(by_hook(HOOK, id="krok"), HOUR),
    Reader(
        by_hook(HOOK, id="igang", digest="hourly", moves=(Move("developing", "ongoing"),)),
        HOUR,
        lambda told: (
            "moved" in told["kinds"] and told["status"] == {"old": "developing", "new": "ongoing"}
        ),
    ),
    Reader(by_hook(HOOK, id="stadig", settle_seconds=2 * 3600), 3 * DAY),
    Reader(
        by_hook(HOOK, id="belopp", digest="workdays 16:00", signals=("amount",)),
        5 * DAY + HOUR,
        lambda told: "reworded" in told["kinds"] and "amount" in told.get("signals", ()),
    ),
    Reader(
        _chat("teams", "teams", "daily 08:00", statuses=("partnership",), when_quiet="monthly"),
        DAY + HOUR,
        lambda told: "partnership" in told.get("status", {}).values(),
    ),
    Reader(
        _chat("slack", "slack", "weekly fri 15:00", pages=("trygg",)),
        7 * DAY + HOUR,
        lambda told: told["page"] == "trygg",
    ),
    Reader(
        _chat("mattermost", "matter", "hourly", pages=("omsorg",), kinds=("added", "restored")),
        HOUR,
        lambda told: told["page"] == "omsorg" and told["kinds"] in (["added"], ["restored"]),
    ),
)


@dataclass
class Life:
    """What happens on the two pages: at random, and now and then undone soon after."""

    dice: random.Random
    number: int = 1
    shown: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    left: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    intro: str = "Granvik växer."

    def changes(self, at: datetime) -> list[Change]:
        """Some changes of one moment: the same on both pages where both show it."""
        self.number += 1
        if self.dice.random() < 0.05:
            before, self.intro = self.intro, f"Granvik växer, för {self.number}:e gången."
            return [page_change("intro", before, self.intro, number=self.number, at=at)]
        name, old, new = self._edit()
        if new is None:
            self.left[name] = self.shown.pop(name)
        else:
            self.shown[name] = new
        pages = PAGES if name.endswith("0") else PAGES[int(name[-1]) % 2 :][:1]
        more: dict[str, Any] = {}
        if old and new and old["description"] != new["description"]:
            more = {"signals": [self.dice.choice(["amount", "year", "typo"])]}
        if old is None and name in self.left:
            more = {"restored": True}
            del self.left[name]
        return [
            change(old, new, of=name, page=page, number=self.number, at=at, **more)
            for page in pages
        ]

    def _edit(self) -> tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]:
        dice = self.dice.random()
        known = sorted(self.shown)
        if not known or dice < 0.25:
            if self.left and self.dice.random() < 0.4:
                name = self.dice.choice(sorted(self.left))
                return name, None, self.left[name]
            text = self.dice.choice(["Ny orgel i kyrkan.", "En park.", "Bänkar."])
            return f"i-{self.number}", None, initiative(f"Insats {self.number}", description=text)
        name = self.dice.choice(known)
        old = self.shown[name]
        if dice < 0.4:
            return name, old, None
        if dice < 0.7:
            others = [status for status in STATUSES if status != old["status"]]
            return name, old, {**old, "status": self.dice.choice(others)}
        if dice < 0.85:
            return name, old, {**old, "description": f"Kostar {self.number} kronor."}
        return name, old, {**old, "title": f"Insats {self.number}"}

    def undone(self, told: Change, at: datetime) -> Change | None:
        """The same edit backwards, where it was one that leaves the initiative on the page."""
        name = str(told.get("initiative"))
        edited = told["subject"] == "initiative" and set(told["kinds"]) <= {"moved", "reworded"}
        if not edited or self.shown.get(name, {}).get("title") != told["title"]["new"]:
            return None
        sides = ("title", "status", "description", "links")
        old = {side: told[side]["new"] for side in sides}
        if {side: self.shown[name][side] for side in sides} != old or name.endswith("0"):
            return None
        self.number += 1
        self.shown[name] = {side: told[side]["old"] for side in sides}
        signals = {"signals": told["signals"]}
        number = self.number
        page = told["page"]
        return change(old, self.shown[name], of=name, page=page, number=number, at=at, **signals)


@dataclass
class Receiver:
    """One kind of channel. It keeps what it gets; it is away at times, loses an answer now and
    then (what came, came), and a webhook's sometimes wants no more."""

    dice: random.Random
    ends_at_times: bool = False
    away_until: datetime | None = None
    came: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    calm: bool = False

    def send(self, delivery: Delivery) -> Receipt:
        if self.calm:
            return self._keep(delivery)
        if self.away_until is not None:
            raise ChannelDown("away")
        luck = self.dice.random()
        if luck < 0.02:
            raise TryAgain("not now")
        if luck < 0.04 and self.ends_at_times:
            self.ended += 1
            raise GiveUp("410", ends_subscription=True)
        receipt = self._keep(delivery)
        if luck < 0.07:
            self.lost[delivery.id] += 1
            raise TryAgain("the answer was lost")
        return receipt

    def _keep(self, delivery: Delivery) -> Receipt:
        self.came[delivery.id] += 1
        return Receipt("kept")

    def close(self) -> None:
        pass

    def weather(self, now: datetime) -> None:
        """Now and then it is away for up to forty hours."""
        if self.away_until is not None and now >= self.away_until:
            self.away_until = None
        if self.away_until is None and self.dice.random() < 0.002:
            self.away_until = now + timedelta(hours=self.dice.randint(1, 40))
