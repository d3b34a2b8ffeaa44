"""What happens in one year, drawn from a seed: editions of the pages, faults, kills. Pure."""

from __future__ import annotations

import hashlib
import html
import random
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from monitor.model import Initiative, Link
from tests.support.histories import STATUSES, Style, make_history

START = datetime(2026, 1, 1, 5, tzinfo=UTC)
HEADINGS = dict(zip(STATUSES, ("Pågår nu", "Under utveckling", "Tillsammans"), strict=True))
PAGES = ("omsorg", "trygg")
"""The pages of the town, which share some of their initiatives …"""
STILL = "arkiv"
"""… and one of another site, which falls silent for half the year."""
WATCHED = (*PAGES, STILL)
TITLES = {
    "omsorg": "Omsorg i Granvik",
    "trygg": "Ett tryggt Granvik",
    "arkiv": "Granviks stadsarkiv framåt",
}
TIMETABLES = (
    ('every = "1h"', 1.0),
    ('every = "6h"', 6.0),
    ('cron = "10 7,13 * * mon-fri"', 66.0),
    ('every = "8h"', 8.0),
    ('cron = "30 */8 * * *"', 9.0),
)
"""What the first page's timetable may be, and the longest time between two looks, in hours."""
SECOND_HOURS = 24
"""The second page is looked at so seldom, and whenever the first one changed."""
STILL_HOURS = 72
STILL_FROM, STILL_UNTIL = 110, 320
"""On these days of the year nothing changes on the silent page."""
CHATS = ("slack", "teams", "mattermost")
DIGESTS = ("daily 02:30", "daily 07:30", "workdays 07:30", "weekly mon 08:00", "hourly")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NIGHTS = (datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC))
"""The evenings before the clocks change: something happens then too."""
_NONCE = re.compile(rb"nonce=\"[0-9a-f]*\"")


@dataclass(frozen=True, slots=True)
class Edition:
    """What one page says from `at` on. `who` numbers the initiatives, the same for ever."""

    page: str
    number: int
    at: datetime
    who: tuple[int, ...]
    initiatives: tuple[Initiative, ...]
    intro: tuple[str, ...]
    body: bytes

    @property
    def by_who(self) -> dict[int, Initiative]:
        return dict(zip(self.who, self.initiatives, strict=True))


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong from `start` to `end`, by the true clock."""

    kind: str
    start: datetime
    end: datetime
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Kill:
    """At the first tick from `at` on the worker dies at its `point`-th crossing of a door."""

    at: datetime
    point: int
    down: timedelta


@dataclass(frozen=True)
class Plan:
    seed: int
    end: datetime
    timetable: str
    hours: Mapping[str, float]
    digest: str
    chat: str
    validators: bool
    editions: Mapping[str, tuple[Edition, ...]]
    faults: tuple[Fault, ...]
    kills: tuple[Kill, ...]

    def edition(self, page: str, now: datetime) -> Edition:
        """What a page says at this (true) time."""
        editions = self.editions[page]
        return editions[bisect_right(editions, now, key=lambda one: one.at) - 1]

    def fault(self, kind: str, now: datetime) -> Fault | None:
        """The fault of this kind that is on now."""
        return next((f for f in self.faults if f.kind == kind and f.start <= now < f.end), None)

    def offset(self, now: datetime) -> timedelta:
        """How wrong the machine's clock is at this true time."""
        fault = self.fault("clock", now)
        return timedelta(seconds=fault.amount) if fault else timedelta(0)

    def boundaries(self) -> list[datetime]:
        """Every moment at which the world becomes another."""
        found = {moment for fault in self.faults for moment in (fault.start, fault.end)}
        return sorted(found)


def timetable_of(seed: int) -> tuple[str, float]:
    """Every fiftieth year is looked at by the hour, which takes three times as long."""
    number = 0 if seed % 50 == 49 else 1 + seed % (len(TIMETABLES) - 1)
    return TIMETABLES[number]


def known(body: bytes) -> str:
    """A name for what a body says, whatever nonce it was served with."""
    return hashlib.sha256(_NONCE.sub(b"", body)).hexdigest()


def make_plan(seed: int, days: int = 365, *, kills: int = 60) -> Plan:
    """The year of this seed."""
    dice = random.Random(f"year {seed}")
    end = START + days * DAY
    timetable, hours = timetable_of(seed)
    return Plan(
        seed=seed,
        end=end,
        timetable=timetable,
        hours={PAGES[0]: hours, PAGES[1]: float(SECOND_HOURS), STILL: float(STILL_HOURS)},
        digest=DIGESTS[seed // 2 % len(DIGESTS)],
        chat=CHATS[seed % len(CHATS)],
        validators=seed % 3 != 1,
        editions={
            **_Editors(dice, seed, end).write(),
            STILL: tuple(_silent(random.Random(f"silent {seed}"), seed, end)),
        },
        faults=tuple(_faults(dice, days)),
        kills=tuple(_kills(dice, days, kills)),
    )


# --- faults -----------------------------------------------------------------------------------


_FAULTS: tuple[tuple[str, int, tuple[float, float]], ...] = (
    # kind, how many in a year, (least, most) hours each
    ("site_503", 1, (7 * 24, 7 * 24)),
    ("site_503", 4, (0.5, 8)),
    ("site_error_page", 5, (0.5, 30)),
    ("site_cut", 3, (1, 6)),
    ("site_dns", 3, (2, 30)),
    ("site_nonce", 2, (24, 72)),
    ("mail_down", 2, (48, 48)),
    ("mail_busy", 3, (2, 10)),
    ("mail_mute", 4, (1, 3)),
    ("hook_down", 3, (3, 40)),
    ("hook_busy", 3, (2, 10)),
    ("hook_mute", 4, (1, 3)),
    ("disk_full", 4, (0.5, 8)),
    ("locked", 4, (0.2, 3)),
)


def _faults(dice: random.Random, days: int) -> Iterator[Fault]:
    for kind, many, (least, most) in _FAULTS:
        for number in range(many):
            if days < 365 and dice.random() > days / 365 and number:
                continue
            hours = min(dice.uniform(least, most), days * 24 / 4)
            start = START + dice.uniform(1, days - 3) * DAY
            yield Fault(kind, start, start + hours * HOUR)
    # The clock: set back or forward, and put right after a while.
    for step in (-2.0, 1.5, -26.0, 30.0, 0.05):
        start = START + dice.uniform(2, days - 4) * DAY
        seconds = step * 3600 * dice.uniform(0.5, 1.0)
        yield Fault("clock", start, start + dice.uniform(3, 40) * HOUR, seconds)


def _kills(dice: random.Random, days: int, many: int) -> Iterator[Kill]:
    for _ in range(many * days // 365):
        at = START + dice.uniform(0.05, days - 1) * DAY
        down = timedelta(seconds=dice.choice((50, 120, 900, 3600)))
        yield Kill(at, dice.randrange(1, 30), down)


# --- editors ----------------------------------------------------------------------------------

_SIZE = 36
_REST = 21 * DAY
"""So long an editor leaves an initiative alone that was just changed."""
_PLACES = "vid ån,i hamnen,på höjden,i öster,i väster,vid torget,runt sjön,i skogsbrynet".split(",")
_INTROS = (
    "Här berättar vi vad vi gör för att nå visionen.",
    "Här kan du läsa vad vi gör och vad vi planerar.",
    "Vi berättar här om stort och smått på väg mot visionen.",
)


@dataclass(frozen=True, slots=True)
class _Edit:
    at: datetime
    page: str
    who: int | None
    to: Initiative | None = None
    intro: str = ""
    markup: str = ""
    shuffle: int = 0


class _Editors:
    """They change single things: never so much at once that a careful reader would doubt it."""

    def __init__(self, dice: random.Random, seed: int, end: datetime) -> None:
        self._dice = dice
        self._end = end
        style = Style(
            size=_SIZE * 5, twin_share=0, family_share=0, boilerplate_share=0, sentences=(2, 4)
        )
        pool = make_history(seed, style, 1).editions[0].initiatives
        self._fresh = list(enumerate(replace(one, links=()) for one in pool))
        dice.shuffle(self._fresh)
        self._now: dict[int, Initiative] = {}
        self._on: dict[str, set[int]] = {page: set() for page in PAGES}
        self._gone: dict[str, list[int]] = {page: [] for page in PAGES}
        self._rested: dict[int, datetime] = {}
        self._edits: list[_Edit] = []

    def write(self) -> dict[str, tuple[Edition, ...]]:
        first: dict[str, list[int]] = {}
        shared = [self._new(status) for status in STATUSES for _ in range(2)]
        for page in PAGES:
            own = [self._new(status) for status in STATUSES for _ in range(_SIZE // 3 - 2)]
            first[page] = sorted([*shared, *own], key=lambda who: self._dice.random())
            self._on[page] = set(first[page])
        start = dict(self._now)
        moments = [night for night in NIGHTS if night < self._end - 4 * DAY]
        at = START + 2 * DAY
        while at < self._end - 4 * DAY:
            moments.append(at)
            at += timedelta(hours=self._dice.choice((0.4, 3, 60, 200, 320)) * self._dice.random())
            at += 20 * MINUTE
        for moment in sorted(moments):
            self._edit(moment)
        for page in PAGES:
            self._frame(page)
        return {page: tuple(self._editions(page, first[page], start)) for page in PAGES}

    def _new(self, status: str | None = None) -> int:
        who, item = self._fresh.pop()
        self._now[who] = replace(item, status=status or self._dice.choice(STATUSES))
        return who

    def _edit(self, at: datetime) -> None:
        page = self._dice.choices(PAGES, (3, 1))[0]
        what = self._dice.choices(
            ("add", "remove", "restore", "move", "rename", "reword", "relink", "decide", "flap"),
            (4, 3, 3, 5, 3, 6, 2, 4, 2),
        )[0]
        if what == "add" and len(self._on[page]) < _SIZE + 12 and self._fresh:
            self._put(at, page, self._new())
            return
        if what == "restore" and self._gone[page]:
            who = self._gone[page][0]
            if self._rested.get(who, at) <= at:
                self._gone[page].pop(0)
                self._put(at, page, who)
            return
        chosen = self._somebody(page, at)
        if chosen is None:
            return
        who = chosen
        if what == "remove":
            self._remove(at, page, who)
        elif what not in ("add", "restore"):
            before = self._now[who]
            after = _changed(self._dice, before, "reword" if what == "flap" else what)
            if after == before or self._last_of_its_kind(page, who, after):
                return
            self._say(at, who, after)
            if what == "flap":  # and back again: two changes, where both were seen
                back = at + self._dice.choice((30 * MINUTE, 9 * HOUR, 2 * DAY))
                self._say(back, who, before)

    def _somebody(self, page: str, at: datetime) -> int | None:
        rested = [who for who in sorted(self._on[page]) if self._rested.get(who, at) <= at]
        return self._dice.choice(rested) if rested else None

    def _last_of_its_kind(self, page: str, who: int, after: Initiative | None) -> bool:
        """A section does not go empty: that would be another kind of page."""
        status = self._now[who].status
        if after is not None and after.status == status:
            return False
        pages = [one for one in PAGES if who in self._on[one]]
        return any(
            sum(self._now[other].status == status for other in self._on[one]) <= 7 for one in pages
        )

    def _put(self, at: datetime, page: str, who: int) -> None:
        self._on[page].add(who)
        self._rested[who] = at + _REST
        self._edits.append(_Edit(at, page, who, self._now[who]))

    def _remove(self, at: datetime, page: str, who: int) -> None:
        if len(self._on[page]) <= _SIZE - 8 or self._last_of_its_kind(page, who, None):
            return
        self._on[page].discard(who)
        self._gone[page].append(who)
        self._rested[who] = at + _REST
        self._edits.append(_Edit(at, page, who, None))

    def _say(self, at: datetime, who: int, after: Initiative) -> None:
        """It says this from now on, on every page where it stands, within the hour."""
        self._now[who] = after
        self._rested[who] = at + _REST
        for page in PAGES:
            if who in self._on[page]:
                late = self._dice.choice((0, 0, 7, 40)) * MINUTE
                self._edits.append(_Edit(at + late, page, who, after))

    def _frame(self, page: str) -> None:
        """What is no initiative: the intro, the order, the markup of a redesign."""
        dice, days = self._dice, (self._end - START) / DAY
        for intro in dice.sample(_INTROS[1:], 2):
            at = START + dice.uniform(3, days - 4) * DAY
            self._edits.append(_Edit(at, page, None, intro=intro))
        for _ in range(4):
            at = START + dice.uniform(3, days - 4) * DAY
            self._edits.append(_Edit(at, page, None, shuffle=dice.getrandbits(30)))
        middle = START + dice.uniform(0.3, 0.7) * days * DAY
        self._edits.append(_Edit(middle, page, None, markup=dice.choice(("details", "headings"))))

    def _editions(
        self, page: str, first: Sequence[int], start: Mapping[int, Initiative]
    ) -> Iterator[Edition]:
        shown = {who: start[who] for who in first}
        order = list(first)
        intro, markup = _INTROS[0], "accordion"
        edits = sorted((e for e in self._edits if e.page == page), key=lambda one: one.at)
        moments = [START - DAY, *dict.fromkeys(edit.at for edit in edits)]
        for number, at in enumerate(moments):
            for edit in edits:
                if edit.at != at:
                    continue
                intro, markup = edit.intro or intro, edit.markup or markup
                if edit.shuffle:
                    random.Random(edit.shuffle).shuffle(order)
                if edit.who is None:
                    continue
                if edit.to is None:
                    order.remove(edit.who)
                    del shown[edit.who]
                    continue
                if edit.who not in shown:
                    order.insert(edit.who % (len(order) + 1), edit.who)
                shown[edit.who] = edit.to
            items = tuple(shown[who] for who in order)
            body = _render(page, items, (intro,), markup)
            yield Edition(page, number, at, tuple(order), items, (intro,), body)


def _changed(dice: random.Random, item: Initiative, what: str) -> Initiative:
    others = [status for status in STATUSES if status != item.status]
    if what == "move":
        return replace(item, status=dice.choice(others))
    if what == "rename":
        base = re.sub(f" ({'|'.join(_PLACES)})$", "", item.title)
        return replace(item, title=f"{base} {dice.choice(_PLACES)}")
    if what == "relink":
        number = dice.randrange(10_000)
        address = f"https://www.granvik.example/mer/{number}.html"
        return replace(item, links=(Link(f"Läs mer om det ({number})", address),))
    if what == "decide":
        text = f"{item.description}\n\nBeslutat {dice.randrange(1, 28)} maj."
        return replace(item, status=dice.choice(others), description=text)
    figure = dice.randrange(20, 90)
    figure += f"Nu är det {figure} platser." in item.description  # a change is one
    said = re.sub(r"\n\nNu är det \d+ platser\.$", "", item.description)
    return replace(item, description=f"{said}\n\nNu är det {figure} platser.")


def _silent(dice: random.Random, seed: int, end: datetime) -> Iterator[Edition]:
    """The editions of the page that is edited every week, then not at all, and then once more."""
    style = Style(size=12, twin_share=0, family_share=0, boilerplate_share=0, sentences=(1, 2))
    pool = make_history(seed + 7919, style, 1).editions[0].initiatives
    items = [
        replace(item, links=(), status=STATUSES[number % len(STATUSES)])
        for number, item in enumerate(pool)
    ]
    days = [dice.uniform(day, day + 3) for day in range(6, STILL_FROM - 8, 7)]
    moments = [START - DAY, *(START + day * DAY for day in (*days, STILL_UNTIL))]
    for number, at in enumerate(moment for moment in moments if moment < end - 4 * DAY):
        if number:
            who = (number * 5) % len(items)
            what = dice.choice(("reword", "relink", "move"))
            items[who] = _changed(dice, items[who], what)
        said = tuple(items)
        body = _render(STILL, said, (_INTROS[0],), "details")
        yield Edition(STILL, number, at, tuple(range(len(said))), said, (_INTROS[0],), body)


# --- markup -----------------------------------------------------------------------------------


def _render(page: str, items: Sequence[Initiative], intro: Sequence[str], markup: str) -> bytes:
    title = TITLES[page]
    lines = [
        f'<!doctype html><html lang="sv"><head><meta charset="utf-8"><title>{title}</title>',
        '<script nonce="">var x = 1;</script></head><body><header><nav><ul><li><a href="/">'
        f"Granvik</a></li></ul></nav></header><main><h1>{title}</h1>",
        *(f"<p>{html.escape(text)}</p>" for text in intro),
    ]
    for status in STATUSES:
        members = "".join(_ITEM[markup](item) for item in items if item.status == status)
        lines.append(f"<h2>{HEADINGS[status]}</h2>" + _LIST[markup].format(members))
    lines.append(
        '<h2>Nyheter</h2><ul><li><a href="/nyheter/1">Isen bär inte</a></li></ul></main>'
        "<footer><p>Granviks kommun</p></footer></body></html>"
    )
    return "\n".join(lines).encode()


def _content(item: Initiative) -> str:
    paragraphs = "".join(f"<p>{html.escape(t)}</p>" for t in item.description.split("\n\n") if t)
    links = "".join(
        f'<p><a href="{html.escape(link.href or "")}">{html.escape(link.text)}</a></p>'
        for link in item.links
    )
    return paragraphs + links


def _accordion(item: Initiative) -> str:
    return (
        f'<li><button type="button" aria-expanded="false">{html.escape(item.title)}</button>'
        f"<div hidden>{_content(item)}</div></li>\n"
    )


def _details(item: Initiative) -> str:
    return (
        f"<li><details><summary>{html.escape(item.title)}</summary>"
        f"<div>{_content(item)}</div></details></li>\n"
    )


def _heading(item: Initiative) -> str:
    return f"<section><h3>{html.escape(item.title)}</h3>{_content(item)}</section>\n"


_ITEM = {"accordion": _accordion, "details": _details, "headings": _heading}
_LIST = {"accordion": "<ul>{}</ul>", "details": "<ul>{}</ul>", "headings": "<div>{}</div>"}
