"""A person corrects us: accept, reject, same, different, undo. By whom and why is always kept.

Every decision is reversible. It names captures and observations, never derived ids, so that every
later derivation keeps it. What was told is not told again; what it put wrong is put right in the
next digest («rättelse»).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from monitor.errors import StoreError, UsageError
from monitor.extract import extract
from monitor.model import Change, Decisions, Observation, Reading, Reason, Source
from monitor.step import step
from notifications.subscriptions import Subscription
from pipeline.check import change_documents, page_info, tell_changes
from pipeline.correct import Correction, put_right
from pipeline.derive import Derived, derive, derive_again, publish
from pipeline.watched import Watched
from snapshots import derived, facts, history, watch
from snapshots.database import Database


@dataclass(frozen=True, slots=True)
class Signed:
    """Who decided, why, and when."""

    by: str
    why: str
    at: datetime

    def decision(self, kind: facts.DecisionKind, **what: Any) -> facts.NewDecision:
        """A decision of that kind, signed."""
        return facts.NewDecision(kind, self.by, self.why, self.at, **what)


@dataclass(frozen=True, slots=True)
class Settled:
    """A decision's number, and what the histories of its pages came to."""

    number: int
    derived: tuple[Derived, ...]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where decisions are made: the store, the configured pages by key, and who is to be told."""

    database: Database
    pages: Mapping[str, Watched]
    subscriptions: Sequence[Subscription]

    def page_of(self, capture: str) -> Watched:
        """The page a capture with content is of; UsageError where there is none."""
        with self.database.read() as conn:
            found = facts.capture(conn, capture)
        if found is None:
            raise UsageError(
                f"{capture}: ingen sådan hämtning finns. Se id i visionsvakt quarantine list."
            )
        if found.body is None:
            raise UsageError(f"{capture}: hämtningen har inget innehåll att ta ställning till.")
        return self.pages_of((found.page,))[0]

    def pages_of(self, keys: Sequence[str]) -> list[Watched]:
        """The pages of those keys, each once; UsageError where one is no longer configured."""
        missing = [key for key in keys if key not in self.pages]
        if missing:
            text = f"Sidan {missing[0]} finns inte i konfigurationen. Lägg till den igen."
            raise UsageError(text)
        return [self.pages[key] for key in dict.fromkeys(keys)]


def accept(desk: Desk, capture: str, signed: Signed) -> Settled:
    """Believe this capture whatever its signs; what it changed is told, marked as found late."""
    page = desk.page_of(capture)
    decision = signed.decision("accept", page=page.key, capture=capture)
    return _settle(desk, [page], decision)


def reject(desk: Desk, capture: str, signed: Signed) -> Settled:
    """Never believe this capture, nor the same content again, also where it was believed before."""
    page = desk.page_of(capture)
    decision = signed.decision("reject", page=page.key, capture=capture)
    return _settle(desk, [page], decision)


def retry(desk: Desk, page: Watched, now: datetime) -> Derived:
    """Read what waits on a page again, with today's profile; what that shows is told as found late.

    No decision: what still can't be trusted goes on waiting.
    """
    with desk.database.write() as conn:
        watch.lock(conn, page.key)
        result = derive(conn, page, waiting_too=True)
        tell_changes(conn, page, result, desk.subscriptions, now=now)
    return result


@dataclass(frozen=True, slots=True)
class Weighed:
    """A capture that waits beside the last good one: both readings, and what accepting would tell.

    `good` holds (heading, status, initiatives) of the last good reading's sections; `reasons` are
    those on record for a capture that waits, against the page's past too.
    """

    page: Watched
    at: datetime
    good: tuple[tuple[str, str | None, int], ...]
    suspect: Reading
    reasons: tuple[Reason, ...]
    changes: tuple[Change, ...]


def weigh(desk: Desk, capture: str) -> Weighed:
    """What a person needs to decide on a capture. Changes nothing."""
    page = desk.page_of(capture)
    with desk.database.read() as conn:
        state, _ = derived.load(conn, page.key)
        look = facts.look(conn, capture, page.key)
        if look is None:
            raise StoreError(f"{capture}: hämtningen saknas i databasen. Kör verify.")
        body = facts.body(conn, look)
        waiting = {one.capture: one.reasons for one in history.quarantined(conn, page.key)}
    known = tuple(track.initiative for track in state.present)
    reading = extract(Source(body, look.content_type, look.url or page.url), page.profile, known)
    accepting = Decisions(accepted=frozenset({capture}))
    done = step(state, look, body, page.reader, accepting)
    counts = Counter((track.heading, track.initiative.status) for track in state.present)
    return Weighed(
        page,
        look.at,
        tuple((heading, status, count) for (heading, status), count in counts.items()),
        reading,
        waiting.get(capture, reading.reasons),
        tuple(change for snapshot in done.snapshots for change in snapshot.changes),
    )


def same(desk: Desk, initiatives: tuple[str, str], signed: Signed) -> Settled:
    """Two initiatives are one: the later goes on where the earlier left, or both are one life."""
    with desk.database.read() as conn:
        left, right = (_tracks_of(conn, initiative) for initiative in initiatives)
        if {track.track for track in left} & {track.track for track in right}:
            raise UsageError(
                f"{initiatives[0]} och {initiatives[1]} är redan samma insats: inget att besluta."
            )
        page, one, other = _joint(left, right, initiatives)
    decision = signed.decision("same", page=page, left=one, right=other)
    keys = sorted({track.page for track in (*left, *right)})

    def are_one(conn: Connection) -> None:
        found = {name for named in initiatives for name in history.lives_named(conn, named)}
        if len(found) > 1:
            raise UsageError(
                f"{initiatives[0]} och {initiatives[1]} hålls isär av ett annat beslut. "
                "Ta tillbaka det först: visionsvakt decide undo N."
            )

    return _settle(desk, desk.pages_of(keys), decision, are_one)


def different(desk: Desk, change: str, signed: Signed) -> Settled:
    """What a change took for one initiative is two: one left and another came."""
    with desk.database.read() as conn:
        stored = derived.change_by_id(conn, change)
    if stored is None:
        raise UsageError(
            f"{change}: ingen sådan ändring finns. Se id i visionsvakt changes --json."
        )
    found = stored.change
    if found.old_seen is None or found.new_seen is None:
        raise UsageError(
            f"{change}: ändringen förbinder inte två lägen av en insats: inget att skilja åt."
        )
    decision = signed.decision(
        "different", page=stored.page, left=found.old_seen, right=found.new_seen
    )
    touched = desk.pages_of((stored.page,))
    return _settle(desk, touched, decision)


def undo(desk: Desk, number: int, signed: Signed) -> Settled:
    """Take a decision back. The decision and its undoing both stay on record."""
    with desk.database.read() as conn:
        log = {decision.number: decision for decision in facts.decision_log(conn)}
        earlier = log.get(number)
        if earlier is not None and earlier.what.kind == "undo":
            raise UsageError(f"Beslut {number} är ett återtagande. Fatta i stället beslutet igen.")
        if earlier is None or earlier.what.kind not in ("accept", "reject", "same", "different"):
            raise UsageError(f"Beslut {number} finns inte. Numret skrevs ut när det fattades.")
        if earlier.undone:
            raise UsageError(f"Beslut {number} är redan återtaget.")
        what = earlier.what
        captures = [seen.capture for seen in (what.left, what.right) if seen is not None]
        found = [facts.capture(conn, name) for name in captures]
        keys = {what.page, *(one.page for one in found if one is not None)} - {None}
    decision = signed.decision("undo", page=what.page, undoes=number)
    touched = desk.pages_of(tuple(key for key in keys if key is not None))
    return _settle(desk, touched, decision)


def _settle(
    desk: Desk,
    pages: Sequence[Watched],
    decision: facts.NewDecision,
    check: Callable[[Connection], None] = lambda conn: None,
) -> Settled:
    """The decision, what follows from it and what is to be told: one transaction.

    `check` is asked once the histories are there, and may still refuse it all (UsageError).
    """
    with desk.database.write() as conn:
        for page in sorted(pages, key=lambda page: page.key):
            watch.lock(conn, page.key)
        number = facts.decide(conn, decision)
        results = [derive_again(conn, page) for page in pages]
        check(conn)
        for page, result in zip(pages, results, strict=True):
            _tell(conn, page, result, desk.subscriptions, decision.at)
    return Settled(number, tuple(results))


def _tell(
    conn: Connection,
    page: Watched,
    result: Derived,
    subscriptions: Sequence[Subscription],
    now: datetime,
) -> None:
    for note in result.notes:
        facts.technical(conn, facts.Technical(now, note.code, note.text, page.key))
    publish(conn, page, result.changes, now)
    correction = Correction(
        withdrawn=result.withdrawn,
        back=change_documents(conn, page, result.back),
        new=change_documents(conn, page, result.changes),
        late=result.late,
        filed=result.filed,
    )
    put_right(conn, page_info(page), correction, subscriptions, now)


@dataclass(frozen=True, slots=True)
class _Presence:
    """A track: where it was seen, in order, and when it stood on its page (half-open)."""

    track: str
    page: str
    seen: tuple[tuple[datetime, Observation], ...]
    stood: tuple[tuple[datetime, datetime | None], ...]

    @property
    def first_at(self) -> datetime:
        return self.seen[0][0]


def _tracks_of(conn: Connection, initiative: str) -> list[_Presence]:
    found = [
        _Presence(
            summary.track,
            summary.page,
            summary.observations,
            tuple((start, end) for start, end, _ in summary.contents),
        )
        for summary in derived.tracks_of_life(conn, _life_named(conn, initiative))
    ]
    if not found:
        raise UsageError(
            f"{initiative}: ingen sådan insats finns. Se id i visionsvakt show --json."
        )
    return found


def _life_named(conn: Connection, initiative: str) -> str:
    """The initiative of that id today: ids that were told once stay, whatever was joined since."""
    found = history.lives_named(conn, initiative)
    return found[0] if len(found) == 1 and initiative.startswith("i-") else initiative


def _joint(
    left: Sequence[_Presence], right: Sequence[_Presence], names: tuple[str, str]
) -> tuple[str, Observation, Observation]:
    """(page, observation, observation) that a decision binds: on one page where the lives meet
    there, as near in time as they come; else any two."""
    here = [(one, other) for one in left for other in right if one.page == other.page]
    for one, other in here:
        if _stood_together(one, other):
            raise UsageError(
                f"{names[0]} och {names[1]} står på sidan samtidigt: de kan inte vara samma."
            )
    pairs = [sorted(pair, key=lambda one: (one.first_at, one.track)) for pair in here]
    pairs = pairs or [sorted((left[0], right[0]), key=lambda one: (one.first_at, one.track))]
    earlier, later = max(pairs, key=lambda pair: (pair[0].first_at, pair[1].track))
    before = [seen for at, seen in earlier.seen if at < later.first_at]
    return later.page, before[-1] if before else earlier.seen[0][1], later.seen[0][1]


def _stood_together(one: _Presence, other: _Presence) -> bool:
    return any(
        (end is None or start_too < end) and (end_too is None or start < end_too)
        for start, end in one.stood
        for start_too, end_too in other.stood
    )
