"""What is derived: a page's state between two looks, its snapshots and changes. All droppable.

`load` and `save` are the two halves of the fold's memory: what `save` wrote, `load` gives back,
equal. An unchanged look costs one small UPDATE. Items are kept by version and span: which version
of which track stood where, from snapshot to snapshot, half-open; a snapshot's order is that of its
spans' positions, which have gaps, so that one that comes or moves touches no other.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from monitor.identity.lives import TrackSummary, content_key
from monitor.model import (
    CAME_OR_LEFT,
    Change,
    Initiative,
    Link,
    Look,
    Observation,
    PageWords,
    Reason,
    short_id,
)
from monitor.step import Snapshot, State, Step, Track
from monitor.text import heading_key
from snapshots import ledger
from snapshots.database import insert_missing, some_at_once
from snapshots.places import places_for
from snapshots.plain import from_plain, to_plain
from snapshots.schema import (
    Moment,
    changes,
    cursors,
    item_versions,
    pages,
    spans,
    tracks,
    verdicts,
)
from snapshots.schema import snapshots as snapshots_table

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_IN_TABLES: Final = frozenset(
    ("reader", "number", "last_good", "words", "present", "departed", "body")
)
"""What of State stands in tables and columns; the rest is `cursors.state`."""
_REST: Final = tuple(one.name for one in fields(State) if one.name not in _IN_TABLES)


_CURSOR: Final = sa.select(cursors).where(cursors.c.page == sa.bindparam("page"))
# What each change asks is built once: building a query costs more than running it.
_CLOSE_SPAN: Final = (
    spans.update()
    .where(
        spans.c.page == sa.bindparam("this"),
        spans.c.track == sa.bindparam("which"),
        spans.c.end_snapshot.is_(None),
    )
    .values(end_snapshot=sa.bindparam("closing"))
)
_VERSIONS: Final = sa.select(item_versions.c.key, item_versions.c.id).where(
    item_versions.c.key.in_(sa.bindparam("keys", expanding=True))
)
_SEEN: Final = sa.select(tracks.c.track, tracks.c.seen).where(
    tracks.c.track.in_(sa.bindparam("names", expanding=True))
)
_UPDATE_SEEN: Final = (
    tracks.update()
    .where(tracks.c.track == sa.bindparam("which"))
    .values(seen=sa.bindparam("all_of_it"))
)
_WORDS: Final = (
    sa.select(snapshots_table.c.words)
    .where(
        snapshots_table.c.page == sa.bindparam("page"),
        snapshots_table.c.number <= sa.bindparam("number"),
        snapshots_table.c.words.is_not(None),
    )
    .order_by(snapshots_table.c.number.desc())
    .limit(1)
)
_INSERT_SNAPSHOT: Final = snapshots_table.insert()
_INSERT_SPANS: Final = spans.insert()
_INSERT_CHANGES: Final = changes.insert()
_INSERT_TRACKS: Final = tracks.insert()
_INSERT_VERDICT: Final = verdicts.insert()


@dataclass(frozen=True, slots=True)
class Standing:
    """The open span of one track; `version` is its version's key."""

    version: int
    status: str | None
    heading: str
    position: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the fold has come on a page, and what `save` needs to know of what is stored.

    `at` and `capture` name the last look folded; None before the first. `whole` is False where
    `load` left initiatives and words out. `stale`: something before it changed, begin anew.
    """

    state: State = field(default_factory=State)
    at: datetime | None = None
    capture: str | None = None
    looks: int = 0
    whole: bool = True
    standing: Mapping[str, Standing] | None = field(default_factory=dict)
    stale: bool = False

    @property
    def after(self) -> tuple[datetime, str] | None:
        """Where `facts.looks` goes on."""
        return None if self.at is None or self.capture is None else (self.at, self.capture)


@dataclass(frozen=True, slots=True)
class StoredChange:
    """A change on record, with the page (pages.key) and the initiative (life) it happened to."""

    page: str
    change: Change
    life: str | None
    rank: int


# ----------------------------------------------------------------------------------- load and save


def load(conn: Connection, page: str, *, whole: bool = True) -> tuple[State, Cursor]:
    """The state of a page after the last look that was folded; `State()` for a new page.

    Not `whole`: without `present`, `departed` and `words`, one row read; enough for a look that
    `needs_body` does not want, as long as nothing is waiting.
    """
    row = conn.execute(_CURSOR, {"page": page}).first()
    if row is None:
        return State(), Cursor()
    state = replace(
        _rest_of(row.state),
        reader=row.reader,
        number=row.number,
        last_good=row.last_good,
        body=row.body.hex() if row.body is not None else None,
    )
    standing = None
    if whole:
        present, standing = _present(conn, page)
        state = replace(
            state,
            words=words_at(conn, page, row.number),
            present=present,
            departed=_departed(conn, page),
        )
    return state, Cursor(state, row.at, row.capture, row.looks, whole, standing, row.stale)


@lru_cache(maxsize=256)
def _rest_of(stored: bytes) -> State:
    """What of a state stands in no table. Pure, and the same from look to unchanged look."""
    return from_plain(State, json.loads(zstd.decompress(stored)))


def save(conn: Connection, page: str, look: Look, step: Step, cursor: Cursor) -> Cursor:
    """Keep what a look came to; returns the cursor that the next `save` wants.

    `cursor` is what `load` or the `save` before gave, in this transaction. Raises ValueError where
    it was loaded without the initiatives and the step changed them.
    """
    before, state = cursor.state, step.state
    standing = cursor.standing
    if step.snapshots:
        if standing is None:
            raise ValueError("a step with snapshots wants a cursor loaded whole")
        standing = _save_snapshots(conn, page, step.snapshots, before, standing)
    if state.present is not before.present or state.departed is not before.departed:
        _save_tracks(conn, page, look, step, before)
    _save_verdict(conn, page, look, step, before)
    _save_cursor(conn, page, look, state, cursor)
    return Cursor(state, look.at, look.id, cursor.looks + 1, cursor.whole, standing)


def save_rebased(
    conn: Connection, page: str, state: State, snapshot: Snapshot | None, cursor: Cursor
) -> Cursor:
    """Keep what `rebase` gave: the same looks folded, another reader. Told to nobody."""
    standing = cursor.standing
    if standing is None or cursor.at is None or cursor.capture is None:
        raise ValueError("a rebase wants a cursor loaded whole, after a look")
    last = Look(cursor.capture, cursor.at, None)
    if snapshot is not None:
        standing = _save_snapshots(conn, page, (snapshot,), cursor.state, standing)
        step = Step(state, "unchanged", snapshots=(snapshot,))
        _save_tracks(conn, page, last, step, cursor.state)
    _save_cursor(conn, page, last, state, replace(cursor, looks=cursor.looks - 1))
    return Cursor(state, cursor.at, cursor.capture, cursor.looks, True, standing)


def drop(conn: Connection, page: str | None = None) -> None:
    """Forget everything derived of a page, or of all; folding from the first look gives it back."""
    for table in (changes, verdicts, spans, snapshots_table, tracks, cursors):
        query = table.delete()
        conn.execute(query if page is None else query.where(table.c.page == page))
    if page is None:
        conn.execute(item_versions.delete())


def rewind(conn: Connection, page: str, cursor: Cursor, moment: datetime, looks: int) -> Cursor:
    """The cursor as it stood after the looks of that moment, which were `looks` fewer: what came
    later is to be folded again. Verdicts of those looks are forgotten; there must be no snapshots.
    """
    conn.execute(verdicts.delete().where(verdicts.c.page == page, verdicts.c.at > moment))
    return replace(cursor, at=moment, capture=_LAST, looks=cursor.looks - looks)


_LAST: Final = "~"
"""Sorts after every capture id."""


def mark_stale(conn: Connection, page: str) -> None:
    """Something before the page's cursor changed (an older capture, an erasure): begin anew."""
    conn.execute(cursors.update().where(cursors.c.page == page).values(stale=True))


def sweep(conn: Connection) -> int:
    """Forget item versions that nothing names any more (after a drop of one page)."""
    used = sa.union(
        sa.select(spans.c.version),
        sa.select(changes.c.old_version).where(changes.c.old_version.is_not(None)),
        sa.select(changes.c.new_version).where(changes.c.new_version.is_not(None)),
    )
    return conn.execute(item_versions.delete().where(item_versions.c.id.not_in(used))).rowcount


# ------------------------------------------------------------------------------------------- lives


def _summary_queries(those: sa.ColumnElement[bool]) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """What tracks said and when, and the tracks themselves."""
    first = snapshots_table.alias("first")
    end = snapshots_table.alias("ended")
    of_contents = (
        sa.select(spans.c.track, first.c.at.label("from"), end.c.at.label("to"))
        .add_columns(item_versions.c.content)
        .select_from(tracks)
        .join(spans, (spans.c.page == tracks.c.page) & (spans.c.track == tracks.c.track))
        .join(item_versions, item_versions.c.id == spans.c.version)
        .join(first, (first.c.page == spans.c.page) & (first.c.number == spans.c.first_snapshot))
        .outerjoin(end, (end.c.page == spans.c.page) & (end.c.number == spans.c.end_snapshot))
        .where(those)
        .order_by(spans.c.track, spans.c.first_snapshot)
    )
    of_tracks = sa.select(tracks.c.track, tracks.c.page, tracks.c.seen)
    return of_contents, of_tracks.where(those).order_by(tracks.c.track)


def _saying_the_same() -> sa.Select[Any]:
    mine, its = spans.alias("mine"), item_versions.alias("its")
    other, yours = item_versions.alias("other"), spans.alias("yours")
    return (
        sa.select(yours.c.track)
        .distinct()
        .select_from(tracks)
        .join(mine, (mine.c.page == tracks.c.page) & (mine.c.track == tracks.c.track))
        .join(its, its.c.id == mine.c.version)
        # An equal content has an equal title: that is what there is an index for.
        .join(other, (other.c.title_key == its.c.title_key) & (other.c.content == its.c.content))
        .join(yours, yours.c.version == other.c.id)
        .where(_NAMED)
    )


_NAMED: Final = tracks.c.track.in_(sa.bindparam("names", expanding=True))
_ON_SIBLINGS: Final = tracks.c.page.in_(
    sa.select(pages.c.key).where(pages.c.group == sa.bindparam("group"))
)
_OF_GROUP: Final = _summary_queries(_ON_SIBLINGS)
_OF_NAMES: Final = _summary_queries(_NAMED)
_OF_LIFE: Final = _summary_queries(tracks.c.life == sa.bindparam("life"))
_SAYING_THE_SAME: Final = _saying_the_same()
_IN_GROUP: Final = (
    sa.select(tracks.c.track)
    .join(pages, pages.c.key == tracks.c.page)
    .where(pages.c.group == sa.bindparam("group"), _NAMED)
)
_SEEN_IN: Final = sa.select(tracks.c.track, tracks.c.seen).where(
    _ON_SIBLINGS, sa.cast(tracks.c.seen, sa.Text).like(sa.bindparam("capture"))
)
_LIVES: Final = sa.select(tracks.c.track, tracks.c.life).where(_NAMED)
_GIVE_LIFE: Final = (
    tracks.update()
    .where(tracks.c.track == sa.bindparam("wanted"))
    .values(life=sa.bindparam("given"))
)


def set_lives(conn: Connection, lives: Mapping[str, str]) -> None:
    """Which initiative each track is of. Tracks that have it already are not written."""
    if not lives:
        return
    known: dict[str, str] = {}
    for some in some_at_once(lives):  # not the whole store's: it may be large
        known |= {row.track: row.life for row in conn.execute(_LIVES, {"names": some})}
    new = [
        {"wanted": track, "given": life}
        for track, life in sorted(lives.items())
        if known.get(track, life) != life
    ]
    if new:
        conn.execute(_GIVE_LIFE, new)


def track_summaries(conn: Connection, group: str) -> list[TrackSummary]:
    """Every track of the pages of a group (host and profile), as `lives.join` takes it."""
    return _summaries(conn, _OF_GROUP, {"group": group})


def summaries_of(conn: Connection, names: Collection[str]) -> list[TrackSummary]:
    """These tracks; those that are not there are left out."""
    return [
        summary
        for some in some_at_once(names)
        for summary in _summaries(conn, _OF_NAMES, {"names": some})
    ]


def saying_the_same(conn: Connection, names: Collection[str]) -> set[str]:
    """The tracks, of whatever page, that ever said what one of these ever said."""
    found: set[str] = set()
    for some in some_at_once(names):
        found.update(conn.execute(_SAYING_THE_SAME, {"names": some}).scalars())
    return found


def seen_in(conn: Connection, group: str, seen: Collection[Observation]) -> set[str]:
    """The tracks of a group that were seen at one of these places."""
    found: set[str] = set()
    for capture in {one.capture for one in seen}:
        rows = conn.execute(_SEEN_IN, {"group": group, "capture": f"%{capture}%"})
        for name, places in rows:
            if any(place in seen for _, place in _timed(places)):
                found.add(name)
    return found


def in_group(conn: Connection, group: str, names: Collection[str]) -> set[str]:
    """Those of these tracks that are there and stand on the group's pages."""
    found: set[str] = set()
    for some in some_at_once(names):
        found.update(conn.execute(_IN_GROUP, {"group": group, "names": some}).scalars())
    return found


def tracks_of_life(conn: Connection, life: str) -> list[TrackSummary]:
    """Every track of one initiative, the oldest first; none where there is no such initiative."""
    found = _summaries(conn, _OF_LIFE, {"life": life})
    return sorted(found, key=lambda track: (track.observations[0][0], track.page, track.track))


def births(conn: Connection, of_tracks: Iterable[str]) -> dict[str, tuple[str, Observation]]:
    """For each track its initiative's id, and where the track was seen first."""
    query = sa.select(tracks.c.track, tracks.c.life, tracks.c.seen)
    query = query.where(tracks.c.track.in_(set(of_tracks)))
    return {
        row.track: (row.life, min(_timed(row.seen), key=lambda seen: seen[0])[1])
        for row in conn.execute(query)
    }


def _summaries(
    conn: Connection, those: tuple[sa.Select[Any], sa.Select[Any]], asked: Mapping[str, Any]
) -> list[TrackSummary]:
    of_contents, of_tracks = those
    contents: dict[str, list[tuple[datetime, datetime | None, str]]] = {}
    for track, start, stop, key in conn.execute(of_contents, asked):
        mine = contents.setdefault(track, [])
        if mine and mine[-1][1] == start and mine[-1][2] == key:
            mine[-1] = (mine[-1][0], stop, key)
        else:
            mine.append((start, stop, key))
    return [
        TrackSummary(
            row.track,
            row.page,
            tuple(sorted(_timed(row.seen), key=lambda seen: (seen[0], seen[1].ordinal))),
            tuple(contents.get(row.track, ())),
        )
        for row in conn.execute(of_tracks, asked)
    ]


def _timed(seen: Sequence[Sequence[Any]]) -> Iterable[tuple[datetime, Observation]]:
    for capture, ordinal, at in seen:
        yield _moment(at), Observation(capture, ordinal)


# ----------------------------------------------------------------------------------------- changes


def stored_changes(
    conn: Connection, page: str, ids: Sequence[str] | None = None
) -> list[StoredChange]:
    """Every change of a page, or these of them, in order of time and rank."""
    query = change_query().where(changes.c.page == page)
    query = query.order_by(changes.c.new_snapshot, changes.c.rank)
    if ids is None:
        return [stored_change(row) for row in conn.execute(query)]
    found: list[StoredChange] = []
    for some in some_at_once(ids):
        rows = conn.execute(query.where(changes.c.id.in_(some)))
        found.extend(stored_change(row) for row in rows)
    return sorted(found, key=lambda one: (one.change.new_snapshot or 0, one.rank))


def twins(conn: Connection, ids: Collection[str]) -> dict[str, str | None]:
    """Which of these changes are of one that came to stand on its page twice, to the letter, or
    left one of its two places: by id, with the status it has at its other place."""
    table, other = changes.c, spans.alias("other")
    version = sa.func.coalesce(table.new_version, table.old_version)
    query = (
        sa.select(table.id, table.kinds, other.c.status)
        .join(other, sa.and_(other.c.page == table.page, other.c.version == version))
        .where(
            other.c.track != table.track,
            other.c.first_snapshot <= table.new_snapshot,
            sa.or_(other.c.end_snapshot.is_(None), other.c.end_snapshot > table.new_snapshot),
        )
        .order_by(table.id, other.c.position)
    )
    found: dict[str, str | None] = {}
    for some in some_at_once(ids):
        for row in conn.execute(query.where(table.id.in_(some))):
            if not CAME_OR_LEFT.isdisjoint(row.kinds):
                found.setdefault(row.id, row.status)
    return found


def change_by_id(conn: Connection, change_id: str) -> StoredChange | None:
    """One change, or None."""
    row = conn.execute(change_query().where(changes.c.id == change_id)).first()
    return None if row is None else stored_change(row)


def rename_changes(conn: Connection, names: Mapping[str, str]) -> None:
    """Give changes other ids: old id -> the id it was told by. They may change places."""
    if not names:
        return
    query = changes.update().where(changes.c.id == sa.bindparam("old"))
    query = query.values(id=sa.bindparam("new"))
    conn.execute(query, [{"old": old, "new": f"~{old}"} for old in sorted(names)])
    conn.execute(query, [{"old": f"~{old}", "new": new} for old, new in sorted(names.items())])


def change_query() -> sa.Select[Any]:
    """Selects what `stored_change` reads; add conditions and order."""
    old = item_versions.alias("old_item")
    new = item_versions.alias("new_item")
    return (
        sa.select(
            changes,
            tracks.c.life,
            *(old.c[name].label(f"old_{name}") for name in ("title", "description", "links")),
            *(new.c[name].label(f"new_{name}") for name in ("title", "description", "links")),
        )
        .select_from(changes)
        .outerjoin(tracks, tracks.c.track == changes.c.track)
        .outerjoin(old, old.c.id == changes.c.old_version)
        .outerjoin(new, new.c.id == changes.c.new_version)
    )


def stored_change(row: Row[Any]) -> StoredChange:
    """One row of `change_query`."""
    old = new = None
    if row.old_version is not None:
        old = initiative_of(row.old_title, row.old_description, row.old_links, row.old_status)
    if row.new_version is not None:
        new = initiative_of(row.new_title, row.new_description, row.new_links, row.new_status)
    change = Change(
        subject=row.subject,
        kinds=tuple(row.kinds),
        old=old,
        new=new,
        field=row.field,
        old_text=row.old_text,
        new_text=row.new_text,
        certainty=row.certainty,
        signals=tuple(row.signals),
        track=row.track,
        id=row.id,
        after=row.after,
        before=row.before,
        old_snapshot=row.old_snapshot,
        new_snapshot=row.new_snapshot,
        old_seen=_observation(row.old_capture, row.old_ordinal),
        new_seen=_observation(row.new_capture, row.new_ordinal),
        late=row.late,
    )
    return StoredChange(row.page, change, row.life, row.rank)


def initiative_of(
    title: str, description: str, links: Sequence[Sequence[Any]], status: str | None
) -> Initiative:
    """An initiative from the columns of item_versions."""
    return Initiative(title, description, tuple(Link(*link) for link in links), status)


def _observation(capture: str | None, ordinal: int | None) -> Observation | None:
    return None if capture is None or ordinal is None else Observation(capture, ordinal)


# --------------------------------------------------------------------------------- reading a state


def _present(conn: Connection, page: str) -> tuple[tuple[Track, ...], dict[str, Standing]]:
    rows = conn.execute(_PRESENT, {"page": page}).all()
    standing = {row.track: Standing(row.key, row.status, row.heading, row.position) for row in rows}
    return tuple(_track(row, None) for row in rows), standing


def _departed(conn: Connection, page: str) -> tuple[Track, ...]:
    """Those that left, in the order in which they did."""
    rows = conn.execute(_DEPARTED, {"page": page})
    return tuple(_track(row, row.left_at) for row in rows)


def tracks_at(
    conn: Connection, page: str, number: int
) -> tuple[tuple[Track, ...], tuple[Track, ...]]:
    """The tracks of a snapshot in page order, and those that had left by then, as they left."""
    began = _track_query().add_columns(spans.c.end_snapshot)
    began = began.where(spans.c.page == page, spans.c.first_snapshot <= number)
    rows = conn.execute(began.order_by(spans.c.first_snapshot, spans.c.position)).all()
    last = {row.track: row for row in rows}  # of each track its latest span
    standing = [row for row in last.values() if (row.end_snapshot or number + 1) > number]
    times = {
        row.number: row.at
        for row in conn.execute(
            sa.select(snapshots_table.c.number, snapshots_table.c.at).where(
                snapshots_table.c.page == page, snapshots_table.c.number <= number
            )
        )
    }
    gone = [row for row in last.values() if (row.end_snapshot or number + 1) <= number]
    return (
        tuple(_track(row, None) for row in sorted(standing, key=lambda row: row.position)),
        tuple(
            _track(row, times[row.end_snapshot])
            for row in sorted(gone, key=lambda row: (row.end_snapshot, row.position))
        ),
    )


def capture_of(conn: Connection, page: str, number: int) -> str:
    """The capture that a snapshot was read from."""
    mine = (snapshots_table.c.page == page) & (snapshots_table.c.number == number)
    name: str = conn.execute(sa.select(snapshots_table.c.capture).where(mine)).scalar_one()
    return name


def _track_query() -> sa.Select[Any]:
    return (
        sa.select(
            spans.c.track,
            item_versions.c.key,
            spans.c.status,
            spans.c.heading,
            spans.c.position,
            item_versions.c.title,
            item_versions.c.description,
            item_versions.c.links,
            tracks.c.seen,
        )
        .select_from(spans)
        .join(item_versions, item_versions.c.id == spans.c.version)
        .join(tracks, tracks.c.track == spans.c.track)
    )


def _departed_query() -> sa.Select[Any]:
    later = spans.alias("later")
    return (
        _track_query()
        .add_columns(snapshots_table.c.at.label("left_at"))
        .join(
            snapshots_table,
            (snapshots_table.c.page == spans.c.page)
            & (snapshots_table.c.number == spans.c.end_snapshot),
        )
        .where(
            spans.c.page == sa.bindparam("page"),
            ~sa.exists().where(
                later.c.page == spans.c.page,
                later.c.track == spans.c.track,
                later.c.first_snapshot > spans.c.first_snapshot,
            ),
        )
        .order_by(spans.c.end_snapshot, spans.c.position)
    )


_PRESENT: Final = (
    _track_query()
    .where(spans.c.page == sa.bindparam("page"), spans.c.end_snapshot.is_(None))
    .order_by(spans.c.position)
)
_DEPARTED: Final = _departed_query()


def _track(row: Row[Any], left_at: datetime | None) -> Track:
    return Track(
        row.track,
        initiative_of(row.title, row.description, row.links, row.status),
        row.heading,
        tuple(Observation(capture, ordinal) for capture, ordinal, _ in row.seen),
        left_at,
    )


def words_at(conn: Connection, page: str, number: int) -> PageWords | None:
    """The page's own words as of a snapshot; None where there was none by then."""
    words = conn.execute(_WORDS, {"page": page, "number": number}).scalar()
    return None if words is None else from_plain(PageWords, words)


# --------------------------------------------------------------------------------- writing a state


def _save_snapshots(
    conn: Connection,
    page: str,
    new: Sequence[Snapshot],
    before: State,
    standing: Mapping[str, Standing],
) -> dict[str, Standing]:
    words = before.words
    now = dict(standing)
    for snapshot in new:
        values = {
            "page": page,
            "number": snapshot.number,
            "capture": snapshot.capture,
            "at": snapshot.at,
            "after": snapshot.after,
            "words": None if snapshot.words == words else to_plain(snapshot.words),
        }
        conn.execute(_INSERT_SNAPSHOT, values)
        words = snapshot.words
        was, now = now, _standing_after(snapshot, now)
        opened = [track for track in snapshot.tracks if was.get(track.id) != now[track.id]]
        told = [one for change in snapshot.changes for one in (change.old, change.new) if one]
        ids = _version_ids(conn, [*(track.initiative for track in opened), *told])
        _save_spans(conn, page, snapshot.number, was, now, ids)
        _save_changes(conn, page, snapshot, ids)
        said = [(track.heading, track.initiative) for track in snapshot.tracks]
        name, fact = _committed(page, snapshot.capture, snapshot.words, said)
        ledger.append_once(conn, "snapshot", name, fact)
    return now


def committed_snapshot(
    conn: Connection, page: str, number: int, capture: str
) -> tuple[str, dict[str, Any]]:
    """A stored snapshot's name in the log, and what the log commits to of it."""
    query = _track_query().where(
        spans.c.page == page,
        spans.c.first_snapshot <= number,
        sa.or_(spans.c.end_snapshot.is_(None), spans.c.end_snapshot > number),
    )
    rows = conn.execute(query.order_by(spans.c.position))
    said = [
        (row.heading, initiative_of(row.title, row.description, row.links, row.status))
        for row in rows
    ]
    return _committed(page, capture, words_at(conn, page, number), said)


def _committed(
    page: str, capture: str, words: PageWords | None, said: Iterable[tuple[str, Initiative]]
) -> tuple[str, dict[str, Any]]:
    """The log commits to a hash of all that a snapshot says; its number is no part of it."""
    items = [(heading, one.status, _digest(one).hex()) for heading, one in said]
    whole = {"words": _plain_words(words), "initiatives": items}
    content = sha256(ledger.canonical(whole)).hexdigest()
    fact = {"page": page, "capture": capture, "content": content}
    return short_id("s", [page, capture, content]), fact


@lru_cache(maxsize=64)
def _plain_words(words: PageWords | None) -> Any:
    """A page's own words as they are stored: the same from snapshot to snapshot, mostly."""
    return to_plain(words)


def _standing_after(snapshot: Snapshot, standing: Mapping[str, Standing]) -> dict[str, Standing]:
    """What stands where in a snapshot, by track; as few as possible change their positions."""
    was_at = {track: stands.position for track, stands in standing.items()}
    places = places_for([track.id for track in snapshot.tracks], was_at)
    return {
        track.id: Standing(
            version_key(track.initiative),
            track.initiative.status,
            track.heading,
            places[track.id],
        )
        for track in snapshot.tracks
    }


def _save_spans(
    conn: Connection,
    page: str,
    number: int,
    was: Mapping[str, Standing],
    now: Mapping[str, Standing],
    ids: Mapping[int, int],
) -> None:
    """Close the spans of what no longer stands so, open those of what does from here on."""
    closed = [
        {"this": page, "which": track, "closing": number}
        for track, stands in was.items()
        if now.get(track) != stands
    ]
    opened = [
        {
            "page": page,
            "track": track,
            "first_snapshot": number,
            "version": ids[stands.version],
            "status": stands.status,
            "heading": stands.heading,
            "position": stands.position,
        }
        for track, stands in now.items()
        if was.get(track) != stands
    ]
    if closed:
        conn.execute(_CLOSE_SPAN, closed)
    if opened:
        conn.execute(_INSERT_SPANS, opened)


def version_key(initiative: Initiative) -> int:
    """The number of an initiative's words; its status is not among them."""
    return int.from_bytes(_digest(initiative)[:8], "big") >> 1


@lru_cache(maxsize=4096)
def _digest(initiative: Initiative) -> bytes:
    """SHA-256 of an initiative's words. Most of a page is the same from snapshot to snapshot."""
    words = [initiative.title, initiative.description, _links(initiative)]
    return sha256(json.dumps(words, ensure_ascii=False).encode()).digest()


def title_key(title: str) -> str:
    """What a title is looked up by: folded like a heading, hashed short."""
    return sha256(heading_key(title).encode()).hexdigest()[:12]


def _version_ids(conn: Connection, initiatives: Sequence[Initiative]) -> dict[int, int]:
    """The ids of these words by their keys; those that are new are kept first."""
    versions = {version_key(initiative): initiative for initiative in initiatives}
    known = _known_versions(conn, list(versions))
    rows: list[dict[str, Any]] = [
        {
            "key": key,
            "title_key": title_key(initiative.title),
            "content": content_key(initiative),
            "title": initiative.title,
            "description": initiative.description,
            "links": _links(initiative),
        }
        for key, initiative in versions.items()
        if key not in known
    ]
    if rows:
        insert_missing(conn, item_versions, rows)
        known |= _known_versions(conn, [row["key"] for row in rows])
    return known


def _known_versions(conn: Connection, keys: Sequence[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for some in some_at_once(keys):
        found.update((key, version) for key, version in conn.execute(_VERSIONS, {"keys": some}))
    return found


def _links(initiative: Initiative) -> list[list[Any]]:
    return [[link.text, link.href, link.external] for link in initiative.links]


def _save_changes(conn: Connection, page: str, snapshot: Snapshot, ids: Mapping[int, int]) -> None:
    rows = [_change_values(page, change, rank, ids) for rank, change in enumerate(snapshot.changes)]
    if rows:
        conn.execute(_INSERT_CHANGES, rows)


def _change_values(page: str, change: Change, rank: int, ids: Mapping[int, int]) -> dict[str, Any]:
    old, new = change.old, change.new
    return {
        "id": change.id,
        "page": page,
        "subject": change.subject,
        "kinds": list(change.kinds),
        "track": change.track,
        "field": change.field,
        "old_text": change.old_text,
        "new_text": change.new_text,
        "old_version": ids[version_key(old)] if old else None,
        "new_version": ids[version_key(new)] if new else None,
        "old_status": old.status if old else None,
        "new_status": new.status if new else None,
        "certainty": change.certainty,
        "signals": list(change.signals),
        "old_capture": change.old_seen.capture if change.old_seen else None,
        "old_ordinal": change.old_seen.ordinal if change.old_seen else None,
        "new_capture": change.new_seen.capture if change.new_seen else None,
        "new_ordinal": change.new_seen.ordinal if change.new_seen else None,
        "after": change.after,
        "before": change.before,
        "old_snapshot": change.old_snapshot,
        "new_snapshot": change.new_snapshot,
        "late": change.late,
        "rank": rank,
    }


def _save_tracks(conn: Connection, page: str, look: Look, step: Step, before: State) -> None:
    """New tracks, and the observations that known ones gained."""
    known = {track.id: track.seen for track in (*before.present, *before.departed)}
    came: dict[str, tuple[Observation, ...]] = {}
    for snapshot in step.snapshots:  # one that came and went within a released run, too
        came.update((track.id, track.seen) for track in snapshot.tracks)
    came.update((track.id, track.seen) for track in step.state.present)
    times = {snapshot.capture: snapshot.at for snapshot in step.snapshots}
    times[look.id] = look.at
    new, gained = [], {}
    for track, seen in came.items():
        was = known.get(track)
        if was is None:
            rows = [_timed_row(one, times) for one in seen]
            new.append({"track": track, "page": page, "life": track, "seen": rows})
        elif was is not seen and was != seen:
            gained[track] = [_timed_row(one, times) for one in seen if one not in was]
    if new:
        conn.execute(_INSERT_TRACKS, new)
    for some in some_at_once(gained):
        stored = conn.execute(_SEEN, {"names": some}).all()
        changed = [{"which": track, "all_of_it": [*seen, *gained[track]]} for track, seen in stored]
        conn.execute(_UPDATE_SEEN, changed)


def _timed_row(seen: Observation, times: Mapping[str, datetime]) -> list[Any]:
    return [seen.capture, seen.ordinal, _MOMENT.process_bind_param(times[seen.capture], None)]


_MOMENT: Final = Moment()


def _moment(stored: int) -> datetime:
    moment = _MOMENT.process_result_value(stored, None)
    if moment is None:
        raise ValueError("a time that is none")
    return moment


def _save_verdict(conn: Connection, page: str, look: Look, step: Step, before: State) -> None:
    """What the look came to, where it was not plainly unchanged, failed or the same again."""
    if step.released:
        since = before.waiting[0].first_at if before.waiting else look.at
        waited = verdicts.update().where(
            verdicts.c.page == page,
            verdicts.c.outcome == "quarantined",
            verdicts.c.at >= since,
            verdicts.c.at <= look.at,
        )
        conn.execute(waited.values(released=True))
    outcome: str = step.outcome
    if outcome == "quarantined":
        if look.body == before.body and step.reasons == before.suspect:
            return
        if any(reason.code == "rejected" for reason in step.reasons):
            outcome = "rejected"
    elif outcome not in ("first", "changed"):
        return
    values = {
        "capture": look.id,
        "page": page,
        "at": look.at,
        "outcome": outcome,
        "body": bytes.fromhex(look.body) if look.body else None,
        "reasons": [to_plain(reason) for reason in step.reasons],
        "released": look.id in step.released,
    }
    conn.execute(_INSERT_VERDICT, values)


def _save_cursor(conn: Connection, page: str, look: Look, state: State, cursor: Cursor) -> None:
    values: dict[str, Any] = {
        "at": look.at,
        "capture": look.id,
        "last_good": state.last_good,
        "looks": cursor.looks + 1,
    }
    if cursor.at is None or state.body != cursor.state.body:
        values["body"] = bytes.fromhex(state.body) if state.body is not None else None
    if cursor.at is None or (state.reader, state.number) != (
        cursor.state.reader,
        cursor.state.number,
    ):
        values |= {"reader": state.reader, "number": state.number}
    rest = {name: getattr(state, name) for name in _REST}
    if cursor.at is None or rest != {name: getattr(cursor.state, name) for name in _REST}:
        plain = {name: to_plain(value) for name, value in rest.items()}
        text = json.dumps(plain, separators=(",", ":"), ensure_ascii=False)
        values["state"] = zstd.compress(text.encode())
    if cursor.at is None:
        conn.execute(cursors.insert(), {"page": page, "stale": False, **values})
    else:
        conn.execute(_update_cursor(tuple(values)), {"this": page, **_renamed(values)})


def _renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in values.items()}


@lru_cache(maxsize=32)
def _update_cursor(names: tuple[str, ...]) -> sa.Update:
    """Changes these columns of one page's cursor; built once for each set of them."""
    query = cursors.update().where(cursors.c.page == sa.bindparam("this"))
    return query.values({name: sa.bindparam(f"new_{name}") for name in names})


def reasons_of(stored: Sequence[Mapping[str, Any]]) -> tuple[Reason, ...]:
    """The reasons of a verdict's row."""
    return tuple(from_plain(Reason, reason) for reason in stored)
