"""derive: facts become history. Fold every capture after the page's cursor through one function.

A new look folds one capture; `import`, `decide`, `accept`, `reject`, an erasure and `rebuild` fold
from the beginning: one road for all. Runs inside the caller's transaction, which has locked the
page: a process killed before its commit has derived nothing, and the next one derives the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection

from monitor.errors import StoreError
from monitor.identity import lives
from monitor.identity.lives import TrackSummary
from monitor.identity.published import Told, meaning_of, published_ids
from monitor.model import Decisions, Look, Observation, Outcome, Reason
from monitor.step import State, Step, needs_body, rebase, step
from pipeline.watched import Watched
from snapshots import derived, facts
from snapshots.derived import Cursor, StoredChange

Place: TypeAlias = tuple[datetime, str]
"""Where a look stands in a page's history: its time and its capture's id."""


@dataclass(frozen=True, slots=True)
class Derived:
    """What a derivation came to.

    `outcome` and `reasons` are those of the last look folded (None where there was none to fold),
    but a change found on the way is one. `changes` are the ids of the changes that were not there
    before, in the contract's order. Of these `news` are what people are to be told of: found by our
    own looks (`filed` by imported captures) and never folded before. `late`: found in looks that
    had been folded before, because their reading could not be trusted then.

    `withdrawn` and `back` are the ids of changes that were told before and that history no longer
    holds, or holds again.
    """

    outcome: Outcome | None
    reasons: tuple[Reason, ...]
    changes: tuple[str, ...]
    snapshots: int
    notes: tuple[Reason, ...]
    number: int | None
    first: bool = False
    news: tuple[str, ...] = ()
    late: frozenset[str] = frozenset()
    filed: frozenset[str] = frozenset()
    withdrawn: tuple[str, ...] = ()
    back: tuple[str, ...] = ()


def derive(conn: Connection, page: Watched, *, waiting_too: bool = False) -> Derived:
    """Fold what is on record after the page's cursor; everything, where it has none.

    `waiting_too`: read what waits since the last good look again, with today's reader.
    """
    state, cursor = derived.load(conn, page.key, whole=False)
    if cursor.stale or (cursor.at is None and facts.anchors(conn, page.key, "change")):
        return derive_again(conn, page)
    fold = _Fold(conn, page, state, cursor)
    if state.reader not in ("", page.reader.id) or waiting_too:
        fold.read_again()
    fold.run()
    if fold.touched is None or fold.touched:
        join_lives(conn, page.group, fold.touched)
    return fold.result()


def derive_again(
    conn: Connection, page: Watched, *, until: Place | None = None, join: bool = True
) -> Derived:
    """Drop what was derived of the page and fold all its captures anew, or those `until` a place.
    Not `join`: the lives of its group are left to the caller, who has more pages of it to derive.

    Ids that were told are given back to the changes that mean the same. `changes` are those that
    were neither there before nor ever told; `snapshots` may be negative.
    """
    before = {one.change.id for one in derived.stored_changes(conn, page.key)}
    _, cursor = derived.load(conn, page.key, whole=False)
    derived.drop(conn, page.key)
    fold = _Fold(conn, page, State(), Cursor(), known=cursor.after)
    fold.run(until)
    if join:
        join_lives(conn, page.group)
    told = _told(conn, page)
    own = [_as_told(one) for one in derived.stored_changes(conn, page.key)]
    renamed = published_ids(own, told)
    derived.rename_changes(conn, renamed)
    now = [renamed.get(one.id, one.id) for one in own]
    anchored = {one.id for one in told}
    new = tuple(one for one in now if one not in before and one not in anchored)
    held = set(now)
    late = frozenset(renamed.get(one, one) for one in fold.late)
    filed = frozenset(renamed.get(one, one) for one in fold.filed)
    result = fold.result()
    is_first = result.first and not cursor.state.number
    outcome = result.outcome
    if cursor.state.number and outcome in ("first", "changed", "unchanged"):
        outcome = "changed" if any(one not in before for one in now) else "unchanged"
    return replace(
        result,
        outcome=outcome,
        first=is_first,
        changes=new,
        snapshots=result.snapshots - cursor.state.number,
        news=tuple(one for one in new if one not in late and one not in filed),
        late=late,
        filed=filed,
        withdrawn=tuple(one.id for one in told if one.id in before and one.id not in held),
        back=tuple(one for one in now if one in anchored and one not in before),
    )


def publish(conn: Connection, page: Watched, changes: Sequence[str], now: datetime) -> None:
    """Bind the ids of these changes, and of their initiatives, to what was observed: they stay."""
    found = derived.stored_changes(conn, page.key, changes)
    births = derived.births(conn, [one.change.track for one in found if one.change.track])
    rows = []
    for one in found:
        told = _as_told(one)
        content = f"{told.meaning} {'+'.join(one.change.kinds)}"
        seen = told.seen or _NOWHERE
        rows.append(facts.Anchor(told.id, "change", page.key, seen, now, content, told.before))
    for life, born in births.values():
        rows.append(facts.Anchor(life, "initiative", page.key, born, now))
    facts.anchor(conn, rows)


def join_lives(conn: Connection, group: str, touched: Collection[str] | None = None) -> None:
    """Join the tracks of a group's pages into initiatives.

    `touched`: the tracks that came or changed since the group's lives were joined; only what may be
    of one life with them is joined anew, and comes out as joining all would have it. None: all.
    """
    pairs = facts.decided_pairs(conn)
    if touched is not None:
        near = _within_reach(conn, group, touched, pairs)
        anchors = _anchors_of(conn, near)
        joined = lives.join(near, anchors, same=pairs.same, different=pairs.different)
        # Another id was made where all of its own were taken: by whom, only joining all can tell.
        if set(joined.values()) <= joined.keys() | set(anchors.values()):
            derived.set_lives(conn, joined)
            return
    summaries = derived.track_summaries(conn, group)
    anchors = {anchor.seen: anchor.id for anchor in facts.anchors(conn, kind="initiative")}
    joined = lives.join(summaries, anchors, same=pairs.same, different=pairs.different)
    derived.set_lives(conn, joined)


def _within_reach(
    conn: Connection, group: str, touched: Collection[str], pairs: facts.DecidedPairs
) -> list[TrackSummary]:
    """All that `lives.join` may bring together with the touched tracks, or name after them: who
    ever said the same, who is in a decision with them, who has their id or lent them one."""
    found: dict[str, TrackSummary] = {}
    wanted = set(touched)
    while wanted:
        new = derived.summaries_of(conn, wanted)
        found |= {track.track: track for track in new}
        here = {seen for track in found.values() for _, seen in track.observations}
        decided = (pair for pair in (*pairs.same, *pairs.different) if not here.isdisjoint(pair))
        seen = {end for pair in decided for end in pair}
        names = derived.saying_the_same(conn, wanted)
        for place, name in _anchors_of(conn, new).items():
            seen.add(place)
            if place in here:
                names.add(name)
        names |= derived.seen_in(conn, group, seen - here)
        wanted = derived.in_group(conn, group, names - found.keys())
    return list(found.values())


def _anchors_of(conn: Connection, tracks: Sequence[TrackSummary]) -> dict[Observation, str]:
    """The published ids of initiatives that were bound to these tracks, or are theirs."""
    ids = {track.track for track in tracks}
    here = {seen for track in tracks for _, seen in track.observations}
    found = facts.anchors_of_lives(conn, {track.page for track in tracks}, ids)
    return {seen: name for seen, name in found.items() if seen in here or name in ids}


@dataclass(slots=True)
class _Fold:
    """One page's fold under way: the state, and what it has come to since it began.

    `known`: up to there the page had been folded before. Looks that moved nothing but the cursor
    are kept together, by the last of them. `touched`: the tracks that came, changed or left; None
    where that may be any.
    """

    conn: Connection
    page: Watched
    state: State
    cursor: Cursor
    known: Place | None = None
    touched: set[str] | None = field(default_factory=set)
    changes: list[str] = field(default_factory=list)
    late: set[str] = field(default_factory=set)
    filed: set[str] = field(default_factory=set)
    snapshots: int = 0
    notes: list[Reason] = field(default_factory=list)
    last: Step | None = None
    _was_new: bool = field(init=False)
    _decided: Decisions | None = None
    _quiet: tuple[Look, Step] | None = None
    _quiet_looks: int = 0

    def __post_init__(self) -> None:
        self._was_new = not self.state.number

    def run(self, until: Place | None = None) -> None:
        """Fold the looks after the cursor."""
        for look in facts.looks(self.conn, self.page.key, after=self.cursor.after):
            if until is not None and (look.at, look.id) > until:
                break
            self.take(look)
        self._keep_quiet_ones()

    def take(self, look: Look) -> None:
        """Fold one look and keep what it came to."""
        reader = self.page.reader
        wanted = needs_body(self.state, look, reader, self._decisions())
        if wanted or self.state.waiting:
            self._load_whole()
        body = facts.body(self.conn, look) if wanted else None
        before = self.state
        self.last = step(before, look, body, reader, self._decisions())
        self.state = self.last.state
        if _is_quiet(before, look, self.last):
            self._quiet, self._quiet_looks = (look, self.last), self._quiet_looks + 1
            return
        self._keep_quiet_ones()
        self.cursor = derived.save(self.conn, self.page.key, look, self.last, self.cursor)
        self._touch(before, self.last)
        self._count(look, self.last)

    def read_again(self) -> None:
        """After an upgrade or with a new profile: read the current snapshot's capture again first,
        and what waits as if it came now. What that changes is technical and told to nobody."""
        self._load_whole()
        key, reader = self.page.key, self.page.reader
        self.known = self.cursor.after
        if self.state.capture is None:  # nothing was ever believed: begin again with this reader
            derived.drop(self.conn, key)
            self.state, self.cursor = derived.load(self.conn, key)
            return
        look = facts.look(self.conn, self.state.capture, key)
        if look is None:
            raise StoreError(f"{self.state.capture}: hämtningen saknas i databasen. Kör verify.")
        body = facts.body(self.conn, look)
        state, snapshot = rebase(self.state, look, body, reader, self._decisions())
        if snapshot is not None:
            text = f"Sidan {self.page.id} läses annorlunda sedan läsaren eller profilen ändrats."
            self.notes.append(Reason("reader", text, detail=reader.id))
            self.touched = None
        if self.state.suspect and self.state.last_good is not None:
            state = replace(state, body=None, suspect=(), waiting=())
            self._go_back_to(self.state.last_good)
        self.cursor = derived.save_rebased(self.conn, key, state, snapshot, self.cursor)
        self.state = state

    def _go_back_to(self, moment: datetime) -> None:
        again = facts.looks(self.conn, self.page.key, after=(moment, _LAST))
        count = sum(1 for look in again if self.known and (look.at, look.id) <= self.known)
        self.cursor = derived.rewind(self.conn, self.page.key, self.cursor, moment, count)

    def result(self) -> Derived:
        """What it came to, where nothing was there before."""
        outcome = self.last.outcome if self.last else None
        is_first = self._was_new and self.state.number > 0
        # A killed look's change, found by this one.
        if outcome == "unchanged" and (self.changes or is_first):
            outcome = "first" if is_first else "changed"
        return Derived(
            outcome=outcome,
            reasons=self.last.reasons if self.last else (),
            changes=tuple(self.changes),
            snapshots=self.snapshots,
            notes=tuple(self.notes),
            number=self.state.number or None,
            first=is_first,
            news=tuple(one for one in self.changes if one not in self.filed),
            late=frozenset(self.late),
            filed=frozenset(self.filed),
        )

    def _touch(self, before: State, came: Step) -> None:
        if self.touched is None or came.state.present is before.present:
            return
        known = {track.id: track for track in before.present}
        after = {track.id for track in came.state.present}
        self.touched.update(known.keys() - after)
        for tracks in (came.state.present, *(one.tracks for one in came.snapshots)):
            for track in tracks:
                was = known.get(track.id)
                if was is not track and was != track:
                    self.touched.add(track.id)

    def _count(self, look: Look, came: Step) -> None:
        ids = [change.id for snapshot in came.snapshots for change in snapshot.changes]
        self.changes.extend(ids)
        self.snapshots += len(came.snapshots)
        self.notes.extend(came.notes)
        if look.source != "look":
            self.filed.update(ids)
        if self.known is not None and (look.at, look.id) <= self.known:
            self.late.update(ids)

    def _keep_quiet_ones(self) -> None:
        """A crash before this costs nothing: those looks are folded again."""
        if self._quiet is None:
            return
        look, came = self._quiet
        cursor = replace(self.cursor, looks=self.cursor.looks + self._quiet_looks - 1)
        self.cursor = derived.save(self.conn, self.page.key, look, came, cursor)
        self._quiet, self._quiet_looks = None, 0

    def _decisions(self) -> Decisions:
        if self._decided is None:
            self._decided = facts.decisions(self.conn, self.page.key)
        return self._decided

    def _load_whole(self) -> None:
        if not self.cursor.whole:
            self._keep_quiet_ones()
            self.state, self.cursor = derived.load(self.conn, self.page.key)


def _is_quiet(before: State, look: Look, came: Step) -> bool:
    """Whether a look moved the cursor and nothing that is kept elsewhere."""
    if came.state.present is not before.present or came.state.departed is not before.departed:
        return False
    if came.outcome == "quarantined":  # again, and for the same reasons
        return look.body == before.body and came.reasons == before.suspect
    return came.outcome in ("unchanged", "failed") and not came.released


_NOWHERE = Observation("", -1)
_LAST = "~"
"""Sorts after every capture id."""


def _told(conn: Connection, page: Watched) -> list[Told]:
    found = []
    for one in facts.anchors(conn, page=page.key, kind="change"):
        if one.before is None:
            continue
        meaning, _, kinds = one.content.partition(" ")
        seen = one.seen if one.seen != _NOWHERE else None
        found.append(Told(one.id, meaning, one.before, frozenset(kinds.split("+")), seen))
    return found


def _as_told(one: StoredChange) -> Told:
    change = one.change
    words = (change.field, change.old_text, change.new_text)
    meaning = meaning_of(change.kinds, change.old, change.new, words)
    if change.before is None:
        raise ValueError(f"{change.id} is on record without a time")
    seen = change.new_seen or change.old_seen
    return Told(change.id, meaning, change.before, frozenset(change.kinds), seen)
