"""Reads: a page now and as of, one initiative's life, changes, search, coverage.

Every function is one of (transaction, arguments) and returns frozen values; nothing is written.
Pages are named by their id (what people call them); `pages.key` only where an argument says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from monitor.errors import StoreError
from monitor.model import Change, Initiative, PageWords, Reason
from snapshots import derived, facts
from snapshots.database import some_at_once
from snapshots.derived import initiative_of, title_key, words_at
from snapshots.schema import (
    anchors,
    cursors,
    item_versions,
    pages,
    snapshots,
    spans,
    tracks,
    verdicts,
)
from snapshots.schema import (
    changes as changes_table,
)

# ------------------------------------------------------------------------------------ a page as of

# What each question asks the database is built once: building a query costs more than running it.
_PAGE: Final[sa.BindParameter[Any]] = sa.bindparam("page")
_NUMBER: Final[sa.BindParameter[Any]] = sa.bindparam("number")
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)
_AFTER_ALL: Final = datetime.max.replace(tzinfo=UTC)
_AS_OF: Final = (
    sa.select(snapshots.c.number, snapshots.c.capture, snapshots.c.at, pages.c.id)
    .join(pages, pages.c.key == snapshots.c.page)
    .where(snapshots.c.page == _PAGE, snapshots.c.at <= sa.bindparam("moment"))
    .order_by(snapshots.c.number.desc())
    .limit(1)
)
_STANDING: Final = (
    sa.select(
        spans.c.track,
        spans.c.status,
        spans.c.heading,
        tracks.c.life,
        item_versions.c.title,
        item_versions.c.description,
        item_versions.c.links,
    )
    .select_from(spans)
    .join(item_versions, item_versions.c.id == spans.c.version)
    .join(tracks, tracks.c.track == spans.c.track)
    .where(
        spans.c.page == _PAGE,
        spans.c.first_snapshot <= _NUMBER,
        sa.or_(spans.c.end_snapshot.is_(None), spans.c.end_snapshot > _NUMBER),
    )
    .order_by(spans.c.position)
)
_LAST_GOOD: Final = sa.select(cursors.c.last_good).where(cursors.c.page == _PAGE)
_VERDICTS: Final = (
    sa.select(verdicts.c.at, verdicts.c.outcome, verdicts.c.released, verdicts.c.body)
    .where(
        verdicts.c.page == _PAGE,
        verdicts.c.at >= sa.bindparam("since"),
        verdicts.c.at <= sa.bindparam("until"),
    )
    .order_by(verdicts.c.at)
)
_SNAPSHOT_AT: Final = sa.select(snapshots.c.at).where(
    snapshots.c.page == _PAGE, snapshots.c.number == _NUMBER
)


@dataclass(frozen=True, slots=True)
class ShownInitiative:
    """An initiative as it stood. `id` is the initiative's, `track` its presence on this page."""

    id: str
    track: str
    initiative: Initiative


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section as it stood, in page order."""

    heading: str
    status: str | None
    initiatives: tuple[ShownInitiative, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A page as it stood at a moment.

    `capture` (taken `captured_at`) is the one whose reading this is; `last` the last good look at
    or before the moment, which still showed it; `next` the first good look after the moment, None
    where there was none yet. What stood between the two, nobody saw.
    """

    page: str
    number: int
    capture: str
    captured_at: datetime
    title: str
    intro: tuple[str, ...]
    sections: tuple[ShownSection, ...]
    last: datetime
    next: datetime | None

    @property
    def gap(self) -> timedelta | None:
        """How long nobody looked, between `last` and `next`."""
        return None if self.next is None else self.next - self.last

    @property
    def gap_minutes(self) -> float | None:
        """The gap in minutes, whole ones as whole numbers."""
        return None if self.gap is None else _minutes(self.gap)

    @property
    def initiatives(self) -> tuple[ShownInitiative, ...]:
        return tuple(one for section in self.sections for one in section.initiatives)


def show(conn: Connection, page_key: str, as_of: datetime | None = None) -> Shown | None:
    """The page as it stands, or as it stood at a moment (inclusive); None before the first look."""
    row = conn.execute(_AS_OF, {"page": page_key, "moment": as_of or _AFTER_ALL}).first()
    if row is None:
        return None
    words = words_at(conn, page_key, row.number)
    if words is None:
        raise StoreError(f"Version {row.number} av {row.id} saknar sidans egna ord. Kör rebuild.")
    last, following = _seen(conn, page_key, row.number, row.at, as_of)
    return Shown(
        page=row.id,
        number=row.number,
        capture=row.capture,
        captured_at=row.at,
        title=words.title,
        intro=words.intro,
        sections=_sections(conn, page_key, row.number, words),
        last=last,
        next=following,
    )


def _sections(
    conn: Connection, page_key: str, number: int, words: PageWords
) -> tuple[ShownSection, ...]:
    """The sections in page order, those without initiatives too."""
    rows = conn.execute(_STANDING, {"page": page_key, "number": number}).all()
    runs = [
        (heading, tuple(map(_shown, mine)))
        for heading, mine in groupby(rows, key=lambda row: row.heading)
    ]
    sections = []
    for status, heading in words.headings:
        mine: tuple[ShownInitiative, ...] = ()
        if runs and runs[0][0] == heading:
            mine = runs.pop(0)[1]
        sections.append(ShownSection(heading, status, mine))
    for heading, mine in runs:  # an order that changed within a section that was cut in two
        sections.append(ShownSection(heading, mine[0].initiative.status, mine))
    return tuple(sections)


def _shown(row: Any) -> ShownInitiative:
    initiative = initiative_of(row.title, row.description, row.links, row.status)
    return ShownInitiative(row.life, row.track, initiative)


def _seen(
    conn: Connection, page_key: str, number: int, since: datetime, moment: datetime | None
) -> tuple[datetime, datetime | None]:
    """The last good look up to a moment, and the first one after it.

    `number` and `since`: the snapshot that stood at the moment, and its time.
    """
    last_good = conn.execute(_LAST_GOOD, {"page": page_key}).scalar()
    if last_good is None:
        return since, None
    if moment is None or moment >= last_good:
        return last_good, None
    # No good look after the moment is later than the next snapshot's.
    end = conn.execute(_SNAPSHOT_AT, {"page": page_key, "number": number + 1}).scalar() or last_good
    judge = _Judge(conn, page_key, since, end)
    last = since
    for look in facts.glances_back(conn, page_key, moment):
        if look.at <= since:
            break
        if judge.is_good(look):
            last = look.at
            break
    after, until = (one + timedelta(microseconds=1) for one in (moment, end))
    good = (look.at for look in facts.glances(conn, page_key, after, until) if judge.is_good(look))
    return last, next(good, None)


class _Judge:
    """Whether looks were good ones: a whole page came, and what was read of it is believed.

    For looks from `since`, which is the first look or a snapshot's, to `until`.
    """

    def __init__(
        self,
        conn: Connection,
        page_key: str,
        since: datetime = _BEFORE_ALL,
        until: datetime = _AFTER_ALL,
    ) -> None:
        asked = {"page": page_key, "since": since, "until": until}
        self._verdicts = conn.execute(_VERDICTS, asked).all()
        self._times = [row.at for row in self._verdicts]

    def is_good(self, look: facts.Glance) -> bool:
        """By the last verdict up to it: without one of its own, what it showed was seen before."""
        index = bisect_right(self._times, look.at)
        if look.failed or look.body is None or not index:
            return False
        verdict = self._verdicts[index - 1]
        if verdict.outcome in ("first", "changed") or verdict.released:
            return True
        return bool(verdict.at != look.at and verdict.body != look.body)


# ----------------------------------------------------------------------------------------- changes


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A change on record: on which page (its id), to which initiative (its id)."""

    change: Change
    page: str
    page_key: str
    initiative: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes. Left out: all. `since` and `until` filter `before`, half-open.

    `pages` are keys; `kinds`, `statuses` (old or new), `signals` match where one of them does;
    `words` where one stands in an old or new text, case ignored; `initiative` is an id. With
    `newest` at most so many of them (before `words` are looked for), the newest.
    """

    pages: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    kinds: Sequence[str] | None = None
    statuses: Sequence[str] | None = None
    signals: Sequence[str] | None = None
    words: Sequence[str] = ()
    initiative: str | None = None
    ids: Sequence[str] | None = None
    newest: int | None = None


def changes(
    conn: Connection,
    *,
    pages: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    kinds: Sequence[str] | None = None,
) -> tuple[RecordedChange, ...]:
    """The changes on record, in the contract's order; see `find_changes` for every filter."""
    return find_changes(conn, Wanted(pages, since, until, kinds))


def changes_by_id(conn: Connection, ids: Sequence[str]) -> tuple[RecordedChange, ...]:
    """These changes, in the contract's order."""
    return find_changes(conn, Wanted(ids=ids))


def find_changes(conn: Connection, wanted: Wanted) -> tuple[RecordedChange, ...]:
    """The changes that are wanted: by time, page, page subject first, new position."""
    table = changes_table
    query = derived.change_query().add_columns(pages.c.id.label("page_id"))
    query = query.join(pages, pages.c.key == table.c.page)
    order = (table.c.before, pages.c.id, table.c.new_snapshot, table.c.rank)
    if wanted.newest is None:
        query = query.order_by(*order)
    else:
        query = query.order_by(*(one.desc() for one in order)).limit(wanted.newest)
    if wanted.pages is not None:
        query = query.where(table.c.page.in_(wanted.pages))
    if wanted.since is not None:
        query = query.where(table.c.before >= wanted.since)
    if wanted.until is not None:
        query = query.where(table.c.before < wanted.until)
    if wanted.initiative is not None:
        query = query.where(tracks.c.life == wanted.initiative)
    if wanted.statuses is not None:
        statuses = list(wanted.statuses)
        query = query.where(table.c.old_status.in_(statuses) | table.c.new_status.in_(statuses))
    for column, names in ((table.c.kinds, wanted.kinds), (table.c.signals, wanted.signals)):
        if names is not None:
            text = sa.cast(column, sa.Text)
            query = query.where(sa.or_(sa.false(), *(text.like(f'%"{name}"%') for name in names)))
    found: list[RecordedChange] = []
    for chunk in [None] if wanted.ids is None else some_at_once(wanted.ids):
        part = query if chunk is None else query.where(table.c.id.in_(chunk))
        found.extend(_recorded(row) for row in conn.execute(part))
    if wanted.newest is not None:
        found.reverse()
    if wanted.ids is not None and len(wanted.ids) > 500:
        found.sort(key=lambda one: (one.change.before, one.page, one.change.new_snapshot))
    if wanted.words:
        folded = [word.casefold() for word in wanted.words]
        found = [one for one in found if any(word in _texts(one.change) for word in folded)]
    return tuple(found)


def _recorded(row: Row[Any]) -> RecordedChange:
    stored = derived.stored_change(row)
    return RecordedChange(stored.change, row.page_id, stored.page, stored.life)


def _texts(change: Change) -> str:
    parts = [change.old_text or "", change.new_text or ""]
    for words in (change.old, change.new):
        if words is not None:
            parts += [words.title, words.description, *(link.text for link in words.links)]
    return "\n".join(parts).casefold()


# ---------------------------------------------------------------------------------------- one life


@dataclass(frozen=True, slots=True)
class StatusSpan:
    """How long an initiative had one status on one page.

    It began between `from_after` (None: it stood there when we looked first) and `since`, and
    ended between `to_after` and `until` (None: it still stands so).
    """

    page: str
    status: str | None
    from_after: datetime | None
    since: datetime
    to_after: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class VersionSpan:
    """How long an initiative said the same on one page; times as in StatusSpan."""

    page: str
    initiative: Initiative
    heading: str
    from_after: datetime | None
    since: datetime
    to_after: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Life:
    """One initiative's whole life. `pages` are those it stands on, or stood on last.

    `still_since` and `seen_last`: between these two looks nothing about it changed, on any page;
    `seen_last` is the last good look that showed it (None: it stands nowhere any more).
    """

    id: str
    title: str
    status: str | None
    present: bool
    pages: tuple[str, ...]
    statuses: tuple[StatusSpan, ...]
    versions: tuple[VersionSpan, ...]
    changes: tuple[RecordedChange, ...]
    still_since: datetime | None = None
    seen_last: datetime | None = None

    @property
    def still_days(self) -> int | None:
        """Whole days for which nothing about it changed, at least; None: it stands nowhere."""
        if self.still_since is None or self.seen_last is None:
            return None
        return (self.seen_last - self.still_since).days


def lives_named(conn: Connection, name: str) -> tuple[str, ...]:
    """The initiatives with this id (also one that was published earlier), or that ever had this
    title (white space folded, case ignored); sorted."""
    by_id = conn.execute(sa.select(tracks.c.life).where(tracks.c.life == name).limit(1)).scalar()
    if by_id is not None:
        return (by_id,)
    anchor = conn.execute(
        sa.select(anchors).where(anchors.c.id == name, anchors.c.kind == "initiative")
    ).first()
    if anchor is not None:
        mine = sa.select(tracks.c.life, tracks.c.seen).where(tracks.c.page == anchor.page)
        for row in conn.execute(mine):
            if any(seen[:2] == [anchor.capture, anchor.ordinal] for seen in row.seen):
                return (row.life,)
    query = (
        sa.select(tracks.c.life)
        .join(spans, spans.c.track == tracks.c.track)
        .join(item_versions, item_versions.c.id == spans.c.version)
        .where(item_versions.c.title_key == title_key(name))
        .distinct()
    )
    return tuple(sorted(conn.execute(query).scalars()))


def life(conn: Connection, initiative: str) -> Life | None:
    """Everything about one initiative, by its id; None where there is none."""
    versions = _versions(conn, initiative)
    if not versions:
        return None
    standing = [span for span in versions if span.until is None]
    now = max(standing or versions, key=lambda span: (span.since, span.page))
    if standing:
        where = {span.page for span in standing}
    else:
        end = max(span.until for span in versions if span.until is not None)
        where = {span.page for span in versions if span.until == end}
    return Life(
        id=initiative,
        title=now.initiative.title,
        status=now.initiative.status,
        present=bool(standing),
        pages=tuple(sorted(where)),
        statuses=_statuses(versions),
        versions=versions,
        changes=find_changes(conn, Wanted(initiative=initiative)),
        still_since=max(span.until or span.since for span in versions) if standing else None,
        seen_last=_seen_last(conn, where) if standing else None,
    )


def _seen_last(conn: Connection, page_ids: Iterable[str]) -> datetime | None:
    query = sa.select(sa.func.max(cursors.c.last_good))
    query = query.join(pages, pages.c.key == cursors.c.page).where(pages.c.id.in_(page_ids))
    return conn.execute(query).scalar()


def _versions(conn: Connection, initiative: str) -> tuple[VersionSpan, ...]:
    first, end = snapshots.alias("first"), snapshots.alias("ended")
    query = (
        sa.select(
            pages.c.id.label("page_id"),
            spans.c.status,
            spans.c.heading,
            item_versions.c.title,
            item_versions.c.description,
            item_versions.c.links,
            first.c.after.label("from_after"),
            first.c.at.label("since"),
            end.c.after.label("to_after"),
            end.c.at.label("until"),
        )
        .select_from(tracks)
        .join(spans, (spans.c.page == tracks.c.page) & (spans.c.track == tracks.c.track))
        .join(pages, pages.c.key == tracks.c.page)
        .join(item_versions, item_versions.c.id == spans.c.version)
        .join(first, (first.c.page == spans.c.page) & (first.c.number == spans.c.first_snapshot))
        .outerjoin(end, (end.c.page == spans.c.page) & (end.c.number == spans.c.end_snapshot))
        .where(tracks.c.life == initiative)
        .order_by(first.c.at, pages.c.id, spans.c.first_snapshot)
    )
    merged: list[VersionSpan] = []
    for row in conn.execute(query):
        span = VersionSpan(
            row.page_id,
            initiative_of(row.title, row.description, row.links, row.status),
            row.heading,
            row.from_after,
            row.since,
            row.to_after,
            row.until,
        )
        for index, before in enumerate(merged):  # it moved on the page, nothing else
            if _goes_on(before, span) and before.initiative == span.initiative:
                merged[index] = _joined(before, span)
                break
        else:
            merged.append(span)
    return tuple(merged)


def _goes_on(before: VersionSpan, span: VersionSpan) -> bool:
    return before.page == span.page and before.until == span.since


def _joined(before: VersionSpan, span: VersionSpan) -> VersionSpan:
    return VersionSpan(
        span.page,
        span.initiative,
        span.heading,
        before.from_after,
        before.since,
        span.to_after,
        span.until,
    )


def _statuses(versions: Sequence[VersionSpan]) -> tuple[StatusSpan, ...]:
    found: list[StatusSpan] = []
    for span in versions:
        status = span.initiative.status
        for index, before in enumerate(found):
            same = before.page == span.page and before.status == status
            if same and before.until == span.since:
                found[index] = StatusSpan(
                    span.page, status, before.from_after, before.since, span.to_after, span.until
                )
                break
        else:
            found.append(
                StatusSpan(
                    span.page, status, span.from_after, span.since, span.to_after, span.until
                )
            )
    return tuple(found)


# -------------------------------------------------------------------------------------- quarantine


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A capture that waits for a person."""

    capture: str
    page: str
    page_key: str
    at: datetime
    reasons: tuple[Reason, ...]


def quarantined(conn: Connection, page_key: str | None = None) -> tuple[Quarantined, ...]:
    """The captures that wait, in order of time; of one page, or of all."""
    query = (
        sa.select(verdicts, pages.c.id)
        .join(pages, pages.c.key == verdicts.c.page)
        .where(verdicts.c.outcome == "quarantined", ~verdicts.c.released)
        .order_by(verdicts.c.at, pages.c.id)
    )
    if page_key is not None:
        query = query.where(verdicts.c.page == page_key)
    return tuple(
        Quarantined(row.capture, row.id, row.page, row.at, derived.reasons_of(row.reasons))
        for row in conn.execute(query)
    )


waiting = quarantined


# ---------------------------------------------------------------------------------------- coverage


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often we looked at a page from `since` to `until`, and how long nobody saw it.

    `looks` counts every look, `good` those that showed a page to be trusted. A blind gap is from
    one good look to the next; before the first look ever there is none.
    """

    page: str
    since: datetime | None
    until: datetime
    looks: int
    good: int
    failed: int
    quarantined: int
    longest_gap: timedelta | None
    gap_from: datetime | None = None
    gap_to: datetime | None = None

    @property
    def longest_gap_minutes(self) -> float | None:
        return None if self.longest_gap is None else _minutes(self.longest_gap)


def coverage(conn: Connection, page_key: str, since: datetime | None, until: datetime) -> Coverage:
    """Count the looks in a stretch of time (half-open). What was planned, the timetable says.

    The gap that reaches into the stretch from before, or out of it, counts with its part inside.
    """
    name = conn.execute(sa.select(pages.c.id).where(pages.c.key == page_key)).scalar_one()
    judge = _Judge(conn, page_key)
    tally = _Tally()
    before = None
    if since is not None:
        earlier = facts.glances_back(conn, page_key, since - timedelta(microseconds=1))
        before = next((look.at for look in earlier if judge.is_good(look)), None)
    last = since if before is not None else None
    start = since
    for look in facts.glances(conn, page_key, since, until):
        start = start or look.at
        last = last or look.at  # from the first look on, blindness counts
        tally.looks += 1
        if judge.is_good(look):
            tally.good += 1
            tally.gap(last, look.at)
            last = look.at
        elif look.failed:
            tally.failed += 1
        else:
            tally.quarantined += 1
    if last is not None:
        tally.gap(last, until)
    return Coverage(
        name,
        start,
        until,
        tally.looks,
        tally.good,
        tally.failed,
        tally.quarantined,
        tally.longest[1] - tally.longest[0] if tally.longest else None,
        *(tally.longest or (None, None)),
    )


@dataclass(slots=True)
class _Tally:
    looks: int = 0
    good: int = 0
    failed: int = 0
    quarantined: int = 0
    longest: tuple[datetime, datetime] | None = None

    def gap(self, start: datetime, end: datetime) -> None:
        if self.longest is None or end - start > self.longest[1] - self.longest[0]:
            self.longest = (start, end)


def snapshot_times(conn: Connection, page_key: str) -> tuple[datetime, ...]:
    """When each snapshot of a page was first seen, oldest first."""
    return tuple(conn.execute(_TIMES, {"page": page_key}).scalars())


_TIMES: Final = (
    sa.select(snapshots.c.at)
    .where(snapshots.c.page == sa.bindparam("page"))
    .order_by(snapshots.c.number)
)


def last_good_looks(conn: Connection) -> Mapping[str, datetime | None]:
    """When each watched page (by id) was last seen to be trusted; None: never."""
    return {row.id: row.last_good for row in conn.execute(_LAST_GOOD_OF_ALL)}


_LAST_GOOD_OF_ALL: Final = (
    sa.select(pages.c.id, cursors.c.last_good)
    .outerjoin(cursors, cursors.c.page == pages.c.key)
    .where(pages.c.retired_at.is_(None))
    .order_by(pages.c.id)
)


def first_good_look(conn: Connection, page_key: str, since: datetime, until: datetime) -> datetime:
    """The first look after `since` that could be trusted; `until` where there was none."""
    judge = _Judge(conn, page_key)
    looks = facts.glances(conn, page_key, since + timedelta(microseconds=1), until)
    return next((look.at for look in looks if judge.is_good(look)), until)


def _minutes(gap: timedelta) -> float:
    minutes = round(gap.total_seconds() / 60, 2)
    return int(minutes) if minutes == int(minutes) else minutes
