"""derive: facts become history. Fold every capture after the page's cursor through one function.

A new look folds one capture; `import`, `decide`, `accept`, `reject`, an erasure and `rebuild` fold
from the beginning: one road for all. Runs inside the caller's transaction, which has locked the
page: a process killed before its commit has derived nothing, and the next one derives the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from monitor.errors import StoreError
from monitor.identity import lives
from monitor.identity.published import Told, meaning_of, published_ids
from monitor.model import Decisions, Look, Observation, Outcome, Reason
from monitor.step import State, Step, needs_body, rebase, step
from pipeline.watched import Watched
from snapshots import derived, facts
from snapshots.derived import Cursor, StoredChange


@dataclass(frozen=True, slots=True)
class Derived:
    """What a derivation came to.

    `outcome` and `reasons` are those of the last look folded (None where there was none to fold);
    `changes` the ids of the changes that were not there before, in the contract's order.
    """

    outcome: Outcome | None
    reasons: tuple[Reason, ...]
    changes: tuple[str, ...]
    snapshots: int
    notes: tuple[Reason, ...]
    number: int | None
    first: bool = False


def derive(conn: Connection, page: Watched, *, waiting_too: bool = False) -> Derived:
    """Fold what is on record after the page's cursor; everything, where it has none.

    `waiting_too`: read what waits since the last good look again, with today's reader.
    """
    state, cursor = derived.load(conn, page.key, whole=False)
    if cursor.stale:
        return derive_again(conn, page)
    first = not state.number
    fold = _Fold(conn, page, state, cursor)
    if state.reader not in ("", page.reader.id) or waiting_too:
        fold.read_again()
    for look in facts.looks(conn, page.key, after=fold.cursor.after):
        fold.take(look)
    if fold.snapshots:
        join_lives(conn, page.group)
    return Derived(
        outcome=fold.last.outcome if fold.last else None,
        reasons=fold.last.reasons if fold.last else (),
        changes=tuple(fold.changes),
        snapshots=fold.snapshots,
        notes=tuple(fold.notes),
        number=fold.state.number or None,
        first=first and fold.state.number > 0,
    )


def derive_again(conn: Connection, page: Watched) -> Derived:
    """Drop what was derived of the page and fold all its captures anew.

    Ids that were told are given back to the changes that mean the same. `changes` are those that
    were neither there before nor ever told; `snapshots` may be negative.
    """
    before = {one.change.id for one in derived.stored_changes(conn, page.key)}
    snapshots_before = derived.load(conn, page.key, whole=False)[0].number
    derived.drop(conn, page.key)
    result = derive(conn, page)
    told = _told(conn, page)
    own = [_as_told(one) for one in derived.stored_changes(conn, page.key)]
    renamed = published_ids(own, told)
    derived.rename_changes(conn, renamed)
    anchored = {one.id for one in told}
    now = [renamed.get(one.id, one.id) for one in own]
    new = tuple(change for change in now if change not in before and change not in anchored)
    return replace(result, changes=new, snapshots=result.snapshots - snapshots_before)


def withdrawn(conn: Connection, page: Watched) -> tuple[str, ...]:
    """Ids of changes that were told and that today's history no longer holds."""
    held = {one.change.id for one in derived.stored_changes(conn, page.key)}
    return tuple(told.id for told in _told(conn, page) if told.id not in held)


def publish(conn: Connection, page: Watched, changes: Sequence[str], now: datetime) -> None:
    """Bind the ids of these changes, and of their initiatives, to what was observed: they stay."""
    wanted = set(changes)
    found = [one for one in derived.stored_changes(conn, page.key) if one.change.id in wanted]
    births = derived.births(conn, [one.change.track for one in found if one.change.track])
    rows = []
    for one in found:
        seen = one.change.new_seen or one.change.old_seen or Observation("", -1)
        told = _as_told(one)
        rows.append(facts.Anchor(told.id, "change", page.key, seen, now, told.meaning, told.before))
    for life, born in births.values():
        rows.append(facts.Anchor(life, "initiative", page.key, born, now))
    facts.anchor(conn, rows)


def join_lives(conn: Connection, group: str) -> None:
    """Join the tracks of a group's pages into initiatives."""
    summaries = derived.track_summaries(conn, group)
    anchors = {anchor.seen: anchor.id for anchor in facts.anchors(conn, kind="initiative")}
    decided = facts.decisions(conn, None)
    joined = lives.join(summaries, anchors, same=decided.same, different=decided.different)
    derived.set_lives(conn, joined)


@dataclass(slots=True)
class _Fold:
    """One page's fold under way: the state, and what it has come to since it began."""

    conn: Connection
    page: Watched
    state: State
    cursor: Cursor
    changes: list[str] = field(default_factory=list)
    snapshots: int = 0
    notes: list[Reason] = field(default_factory=list)
    last: Step | None = None
    _decided: Decisions | None = None

    @property
    def decided(self) -> Decisions:
        if self._decided is None:
            self._decided = facts.decisions(self.conn, self.page.key)
        return self._decided

    def take(self, look: Look) -> None:
        """Fold one look and keep what it came to."""
        reader = self.page.reader
        wanted = needs_body(self.state, look, reader, self.decided)
        if wanted or self.state.waiting:
            self._load_whole()
        body = facts.body(self.conn, look) if wanted else None
        self.last = step(self.state, look, body, reader, self.decided)
        self.cursor = derived.save(self.conn, self.page.key, look, self.last, self.cursor)
        self.state = self.last.state
        self.snapshots += len(self.last.snapshots)
        self.notes.extend(self.last.notes)
        for snapshot in self.last.snapshots:
            self.changes.extend(change.id for change in snapshot.changes)

    def read_again(self) -> None:
        """After an upgrade or with a new profile: read the current snapshot's capture again first,
        and what waits as if it came now. What that changes is technical and told to nobody."""
        self._load_whole()
        key, reader = self.page.key, self.page.reader
        if self.state.capture is None:  # nothing was ever believed: begin again with this reader
            derived.drop(self.conn, key)
            self.state, self.cursor = derived.load(self.conn, key)
            return
        look = facts.look(self.conn, self.state.capture, key)
        if look is None:
            raise StoreError(f"{self.state.capture}: hämtningen saknas i databasen. Kör verify.")
        state, snapshot = rebase(self.state, look, facts.body(self.conn, look), reader)
        if snapshot is not None:
            text = f"Sidan {self.page.id} läses annorlunda sedan läsaren eller profilen ändrats."
            self.notes.append(Reason("reader", text, detail=reader.id))
        if self.state.suspect and state.last_good is not None:
            state = replace(state, body=None, suspect=(), waiting=())
            self.cursor = replace(self.cursor, at=state.last_good, capture=_AFTER_ALL)
        self.cursor = derived.save_rebased(self.conn, key, state, snapshot, self.cursor)
        self.state = state

    def _load_whole(self) -> None:
        if not self.cursor.whole:
            self.state, self.cursor = derived.load(self.conn, self.page.key)


_AFTER_ALL = "~"
"""Sorts after every capture id: the cursor stands behind all looks of its moment."""


def _told(conn: Connection, page: Watched) -> list[Told]:
    anchors = facts.anchors(conn, page=page.key, kind="change")
    return [Told(one.id, one.content, one.before) for one in anchors if one.before is not None]


def _as_told(one: StoredChange) -> Told:
    change = one.change
    words = (change.field, change.old_text, change.new_text)
    meaning = meaning_of(change.kinds, change.old, change.new, words)
    if change.before is None:
        raise ValueError(f"{change.id} is on record without a time")
    return Told(change.id, meaning, change.before)
