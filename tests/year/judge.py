"""Holds a finished year against its plan: nothing lost, nothing invented, everything told once.

What the pages said at each kept look is known from the bytes on record; what should be on record as
changes follows from the plan alone (who is who is the plan's knowledge, not the matcher's). What
was told is what the mail server and the webhook receiver wrote down.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from monitor.model import KINDS, Initiative
from monitor.stillness import still
from monitor.text import same_key
from notifications.channels import Letterhead, Message
from notifications.chat import body_of as chat_body
from notifications.subscriptions import CHAT, Subscription, wants
from pipeline.rebuild import rebuild
from presentation.documents import change_document
from settings import Settings, load
from snapshots import facts, history
from snapshots.database import Database
from snapshots.schema import deliveries, messages, tellings
from tests.year.life import Life
from tests.year.plan import (
    START,
    WATCHED,
    Edition,
    Plan,
    known,
)
from tests.year.town import ERROR_PAGE
from wiring import install

Key = tuple[Any, ...]


@dataclass
class Verdict:
    """`wrong` is empty where the year was as it must be."""

    wrong: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def expect(self, holds: bool, text: str) -> None:
        if not holds:
            self.wrong.append(text)


def judge(life: Life) -> Verdict:
    """Everything that must hold after a year."""
    verdict = Verdict()
    settings = load(life.folder / "visionsvakt.toml")
    with install(settings, clock=lambda: life.plan.end) as installation:
        with installation.database.read() as conn:
            seen = {page: _seen(conn, life.plan, page, verdict) for page in WATCHED}
            for page in WATCHED:
                _judge_completeness(life.plan, page, seen[page], verdict)
                _judge_history(conn, page, seen[page], verdict)
                _judge_present(conn, page, life.plan, seen[page], verdict)
            _judge_told(conn, settings, life, seen, verdict)
        _judge_rebuild(installation.database, installation.by_key.values(), life, verdict)
    return verdict


# --- what was seen ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """An edition and the first look (displayed time, capture id) of a run that showed it."""

    edition: Edition
    at: datetime
    last: datetime


def _seen(conn: sa.Connection, plan: Plan, page: str, verdict: Verdict) -> list[Seen]:
    editions = {known(edition.body): edition for edition in plan.editions[page]}
    found: list[Seen] = []
    showing: Edition | None = None
    looks = failed = 0
    for look in facts.looks(conn, page):
        looks += 1
        if look.failure is not None:
            failed += 1
            continue
        if not look.again:
            body = facts.body(conn, look)
            if body == ERROR_PAGE:
                showing = None
                continue
            showing = editions.get(known(body))
            if showing is None:
                verdict.expect(False, f"{page}: {look.id} holds bytes that were never served")
                continue
        if showing is None:
            continue
        if found and found[-1].edition.number == showing.number:
            found[-1] = Seen(showing, found[-1].at, look.at)
        else:
            found.append(Seen(showing, look.at, look.at))
    verdict.figures[f"looks {page}"] = looks
    verdict.figures[f"failed {page}"] = failed
    return found


def _judge_completeness(plan: Plan, page: str, seen: Sequence[Seen], verdict: Verdict) -> None:
    """Every edition that stood long enough to be looked at has been."""
    said = {known(one.edition.body) for one in seen}
    for edition, end in stood(plan, page):
        if must_be_seen(plan, page, edition, end):
            verdict.expect(
                known(edition.body) in said,
                f"{page}: edition {edition.number} stood {end - max(edition.at, START)} from"
                f" {edition.at:%F %H:%M} and was never seen",
            )


def stood(plan: Plan, page: str) -> Iterator[tuple[Edition, datetime]]:
    """Each edition of a page, and until when it stood."""
    editions = plan.editions[page]
    ends = [*(edition.at for edition in editions[1:]), plan.end]
    return zip(editions, ends, strict=True)


def must_be_seen(plan: Plan, page: str, edition: Edition, end: datetime) -> bool:
    """Whether the page could be looked at twice while it said so, whatever was wrong meanwhile."""
    hindered = ("site_", "disk_full", "locked", "clock")
    start = max(edition.at, START)
    blind = timedelta(0)
    for fault in plan.faults:
        if fault.kind.startswith(hindered) and fault.kind != "site_nonce":
            # afterwards the next try may wait an hour, or out a clock that was set back
            after = timedelta(hours=1.5, seconds=abs(fault.amount))
            overlap = min(end, fault.end + after) - max(start, fault.start)
            blind += max(overlap, timedelta(0))
    for kill in plan.kills:
        if start <= kill.at < end:
            blind += kill.down + timedelta(minutes=10)
    return end - start - blind > timedelta(hours=2 * plan.hours[page] + 1)


# --- what is on record ------------------------------------------------------------------------


def _judge_history(conn: sa.Connection, page: str, seen: Sequence[Seen], verdict: Verdict) -> None:
    expected = Counter(_expected(page, seen))
    recorded: Counter[Key] = Counter()
    for one in history.changes(conn, pages=[page]):
        change = one.change
        if change.subject == "page":
            key: Key = (page, change.before, change.after, change.kinds, change.field)
        else:
            old = None if change.kinds in (("added",), ("restored",)) else change.old
            new = None if change.kinds == ("removed",) else change.new
            key = (page, change.before, change.after, change.kinds, _said(old), _said(new))
        recorded[key] += 1
    for key, count in (expected - recorded).items():
        verdict.expect(False, f"lost {count}: {_shown(key)}")
    for key, count in (recorded - expected).items():
        verdict.expect(False, f"false {count}: {_shown(key)}")
    verdict.figures[f"changes {page}"] = sum(recorded.values())


def _expected(page: str, seen: Sequence[Seen]) -> Iterator[Key]:
    """What changed between two editions that were seen one after the other."""
    ever: set[int] = set()
    for before, now in pairwise(seen):
        ever |= set(before.edition.who)
        was, has = before.edition.by_who, now.edition.by_who
        when = (page, now.at, before.last)
        for who, item in has.items():
            if who not in was:
                kind = "restored" if who in ever else "added"
                yield (*when, (kind,), None, _said(item))
            elif kinds := _kinds(was[who], item):
                yield (*when, kinds, _said(was[who]), _said(item))
        for who in was.keys() - has.keys():
            yield (*when, ("removed",), _said(was[who]), None)
        if before.edition.intro != now.edition.intro:
            yield (*when, ("reworded",), "intro")


def _kinds(old: Initiative, new: Initiative) -> tuple[str, ...]:
    found = {
        "moved": old.status != new.status,
        "renamed": old.title != new.title,
        "reworded": old.description != new.description,
        "relinked": _links(old) != _links(new),
    }
    return tuple(kind for kind in KINDS if found.get(kind))


def _links(item: Initiative) -> tuple[tuple[str, str | None], ...]:
    return tuple((link.text, link.href) for link in item.links)


def _said(item: Initiative | None) -> Key | None:
    if item is None:
        return None
    return (same_key(item.title), item.status, same_key(item.description), _links(item))


def _shown(key: Key) -> str:
    page, before, after, kinds, *rest = key
    sides = [side[0] if isinstance(side, tuple) else side for side in rest]
    return f"{page} {before:%F %H:%M:%S} (after {after:%F %H:%M:%S}) {'+'.join(kinds)} {sides}"


def _judge_present(
    conn: sa.Connection, page: str, plan: Plan, seen: Sequence[Seen], verdict: Verdict
) -> None:
    """What `show` says at the end is what the last edition seen said, and that is the last one
    (where the site was not down from soon after it to the end)."""
    shown = history.show(conn, page)
    verdict.expect(shown is not None and bool(seen), f"{page}: nothing to show")
    if shown is None or not seen:
        return
    last, final = seen[-1].edition, plan.editions[page][-1]
    verdict.expect(
        last.body == final.body or not must_be_seen(plan, page, final, plan.end),
        f"{page}: the last edition was not seen",
    )
    have = Counter(_said(one.initiative) for one in shown.initiatives)
    verdict.expect(have == Counter(map(_said, last.initiatives)), f"{page}: show differs")


def _judge_rebuild(database: Database, pages: Any, life: Life, verdict: Verdict) -> None:
    delta = rebuild(database, pages, life.plan.end, preview=True).delta
    verdict.expect(not delta, f"rebuild gives something else: {delta}")


# --- what was told ----------------------------------------------------------------------------


def _judge_told(
    conn: sa.Connection,
    settings: Settings,
    life: Life,
    seen: Mapping[str, Sequence[Seen]],
    verdict: Verdict,
) -> None:
    came = list(_came(life.folder / "town.log"))
    rows = {row.id: row for row in conn.execute(sa.select(deliveries))}
    told = {row.id: row for row in conn.execute(sa.select(messages))}
    _name_cards(came, settings, rows, told, verdict)
    documents = {
        one.change.id: change_document(one.change, one.page, one.initiative)
        for page in WATCHED
        for one in history.changes(conn, pages=[page])
    }
    waiting = _waiting(conn)
    for subscription in settings.subscriptions:
        if subscription.about != "changes":
            continue
        due = {key for key, one in documents.items() if wants(subscription, one)}
        for address in subscription.to or (subscription.id,):
            got: Counter[str] = Counter()
            for ids in _told_to(came, subscription, address, rows, told, verdict).values():
                got.update(ids)
            where = f"{subscription.id} {address}"
            waits = waiting[subscription.id]
            for change in sorted(due - got.keys() - waits):
                verdict.expect(False, f"{where}: never told of {documents[change]}")
            for change in sorted(got.keys() - due):
                verdict.expect(False, f"{where}: told of {change}, which is not on record")
            for change, times in got.items():
                verdict.expect(times == 1, f"{where}: told {times} times of {change}")
            verdict.figures[f"told {where}"] = len(got)
    dead = [row.id for row in rows.values() if row.state == "dead"]
    verdict.expect(not dead, f"dead deliveries: {dead[:5]}")
    verdict.figures["killed"] = sum(one["kind"] == "killed" for one in came)
    _judge_repeats(came, life, verdict)
    _judge_operators(came, life, rows, told, seen, verdict)


def _came(log: Path) -> Iterator[dict[str, Any]]:
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


def _waiting(conn: sa.Connection) -> Mapping[str, set[str]]:
    """What the last digest of the year has yet to tell."""
    found: dict[str, set[str]] = defaultdict(set)
    rows = conn.execute(sa.select(tellings).where(tellings.c.message.is_(None)))
    for row in rows:
        found[row.subscription].add(row.change)
    return found


def _name_cards(
    came: Sequence[dict[str, Any]],
    settings: Settings,
    rows: Mapping[str, Any],
    told: Mapping[str, Any],
    verdict: Verdict,
) -> None:
    """Give each chat card that came the id of the delivery that says just that."""
    (chat,) = (one for one in settings.subscriptions if one.channel in CHAT)
    letterhead = Letterhead(settings.zone)
    known = {}
    for row in rows.values():
        if row.subscription == chat.id:
            one = told[row.message]
            message = Message(one.id, chat.id, one.kind, one.created_at, one.payload)
            known[chat_body(message, chat, letterhead).decode()] = row.id
    for one in came:
        if one["kind"] == "chat":
            one["id"] = known.get(one["body"], "")
            verdict.expect(bool(one["id"]), f"a card that is not on record: {one['body'][:200]}")


def _told_to(
    came: Sequence[Mapping[str, Any]],
    subscription: Subscription,
    address: str,
    rows: Mapping[str, Any],
    told: Mapping[str, Any],
    verdict: Verdict,
) -> dict[str, list[str]]:
    """Change ids by delivery, each delivery once: whoever gets one twice can tell by its id."""
    found: dict[str, list[str]] = {}
    for one in came:
        if one["kind"] == "hook" and subscription.id == one["data"]["subscription"]:
            verdict.expect(one["signed"], f"{one['id']}: the signature does not hold")
            if one["type"] != "visionsvakt.digest":
                continue
            ids = [name for change in one["data"]["changes"] for name in change["ids"]]
            again = found.setdefault(one["id"], ids)
            verdict.expect(ids == again, f"{one['id']}: said something else the second time")
        elif one["kind"] == "chat" or (one["kind"] == "mail" and one["to"] == [address]):
            name = one["id"].strip("<>").partition("@")[0]
            row = rows.get(name)
            if row is None:
                verdict.expect(False, f"{name}: a {one['kind']} that is not on record")
                continue
            if row.subscription != subscription.id or told[row.message].kind != "digest":
                continue
            changes = [
                change
                for entry in told[row.message].payload["entries"]
                for change in entry["changes"]
            ]
            found[name] = [name for change in changes for name in change["ids"]]
            if one["kind"] == "mail":
                _judge_words(one, changes, verdict)
    return found


def _judge_words(mail: Mapping[str, Any], changes: Sequence[Any], verdict: Verdict) -> None:
    """The mail names every initiative that its record says it tells of."""
    text = " ".join(mail["text"].split())
    for change in changes:
        if change["subject"] == "initiative":
            title = change["title"]["new"] or change["title"]["old"]
            verdict.expect(
                same_key(title) in same_key(text), f"{mail['id']}: does not name «{title}»"
            )


def _judge_repeats(came: Sequence[Mapping[str, Any]], life: Life, verdict: Verdict) -> None:
    """The same delivery twice only where nobody could know that it had arrived: its answer was
    lost, or the process (or its store) went away before it could note it."""
    by_id: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    kills = [datetime.fromisoformat(one["at"]) for one in came if one["kind"] == "killed"]
    for one in came:
        if one["kind"] in ("mail", "hook", "chat"):
            by_id[one["id"]].append(one)
    repeats = 0
    for name, times in by_id.items():
        for first in times[:-1]:
            repeats += 1
            at = datetime.fromisoformat(first["at"])
            excused = (
                not first["answered"]
                or any(at <= kill <= at + timedelta(minutes=3) for kill in kills)
                or any(
                    life.plan.fault(kind, moment)
                    for kind in ("disk_full", "locked")
                    for moment in (at, at + timedelta(minutes=1))
                )
            )
            verdict.expect(excused, f"{name}: sent again though its answer had come, {at}")
    verdict.figures["sent again, same id"] = repeats


def _judge_operators(
    came: Sequence[Mapping[str, Any]],
    life: Life,
    rows: Mapping[str, Any],
    told: Mapping[str, Any],
    seen: Mapping[str, Sequence[Seen]],
    verdict: Verdict,
) -> None:
    """They hear of each silence once, and when it is over; that less is read where the page said
    less indeed; the canary never fails."""
    mails = {one["id"] for one in came if one["kind"] == "mail" and "drift@" in one["to"][0]}
    verdict.figures["mails to operators"] = len(mails)
    heard: list[tuple[str, str, str]] = []
    less = 0
    for name in mails:
        payload = told[rows[name.strip("<>").partition("@")[0]].message].payload
        if payload.get("cause") in ("still", "canary"):
            heard.append((payload["first_at"], payload["what"], payload["text"]))
        elif payload.get("cause") == "reads_less":
            verdict.expect(_said_less(life.plan, payload["text"]), f"not so: {payload}")
            less += payload["what"] == "opened"
    verdict.figures["truly less"] = less
    news = [(text.split()[0], what) for _, what, text in sorted(heard, key=_opened_first)]
    for page in WATCHED:
        said = tuple(what for subject, what in news if subject == f"{page}:")
        right = silences(list(pauses(page, seen[page])), life.plan.end)
        verdict.expect(said in right, f"{page}: operators heard {said} of its silences: {heard}")
    strange = [one for one in news if one[0].rstrip(":") not in WATCHED]
    verdict.expect(not strange, f"operators heard of the canary: {heard}")
    verdict.expect(life.rehearsals > 0, "the canary never sang")
    verdict.figures["rehearsals"] = life.rehearsals


def pauses(page: str, seen: Sequence[Seen]) -> Iterator[tuple[datetime, datetime]]:
    """The looks from which and until which a page said the same: editors of an invented year leave
    one alone for two months too, not the silent one alone."""
    turns = sorted({now: before for _, now, before, *_ in _expected(page, seen)}.items())
    starts = [seen[0].at, *(now for now, _ in turns)]
    return zip(starts, [*(before for _, before in turns), seen[-1].last], strict=True)


_ROUND = timedelta(days=4)
"""Stillness is minded once a day; a day may fail, and a page may be looked at every third."""


def silences(held: Sequence[tuple[datetime, datetime]], end: datetime) -> set[tuple[str, ...]]:
    """What operators may rightly have heard of a page that paused so, to the end of the year: each
    silence and its end; either where one was too short to be sure of, or has only just ended."""
    starts = [start for start, _ in held]
    found: set[tuple[str, ...]] = {()}
    for number, (_, last) in enumerate(held):
        changed = starts[: number + 1]
        surely, perhaps = still(changed, last - _ROUND), still(changed, last + _ROUND)
        if not perhaps:
            continue
        over = held[number + 1][0] if number + 1 < len(held) else None
        ways: set[tuple[str, ...]] = set() if surely else {()}
        if over is not None:
            ways.add(("opened", "ended"))
        if over is None or end - over < 2 * _ROUND:
            ways.add(("opened",))
        found = {(*before, *way) for before in found for way in ways}
    return found


def _said_less(plan: Plan, text: str) -> bool:
    """Whether the page itself went from so many initiatives of a status to so few: editors of an
    invented year empty a section too, and no reader can tell that from a list that has moved."""
    found = re.fullmatch(r"(\w+): .* status (\w+) läses: (\d+) mot (\d+) förut, .*", text)
    if found is None:
        return False
    page, status, now, before = found.groups()
    counts = [
        sum(item.status == status for item in edition.initiatives)
        for edition in plan.editions[page]
    ]
    return int(now) in counts[counts.index(int(before)) :] if int(before) in counts else False


def _opened_first(heard: tuple[str, str, str]) -> tuple[str, bool]:
    first_at, what, _ = heard
    return first_at, what != "opened"
