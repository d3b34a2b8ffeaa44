"""derive: facts become history. Fold every capture after the page's cursor through one function.

A new look folds one capture; `import`, `decide`, `accept`, `reject`, an erasure and `rebuild` fold
from the beginning: one road for all. Runs inside the caller's transaction, which has locked the
page: a process killed before its commit has derived nothing, and the next one derives the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from monitor.identity import lives
from monitor.identity.published import Told, published_ids
from monitor.model import Observation, Outcome, Reason
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


def derive(conn: Connection, page: Watched) -> Derived:
    """Fold what is on record after the page's cursor. Everything is folded where it has none."""
    state, cursor = derived.load(conn, page.key)
    reader = page.reader
    before = state.number
    new: list[StoredChange] = []
    snapshots = 0
    notes: list[Reason] = []
    if state.number and state.reader != reader.id:
        state, cursor, was_read_again = _read_again(conn, page, state, cursor)
        notes.extend(was_read_again)
    elif state.reader != reader.id and state.reader:
        state, cursor = State(), Cursor()  # nothing was ever believed: begin again with this reader
        derived.drop(conn, page.key)
    decided = facts.decisions(conn, page.key)
    last: Step | None = None
    for look in facts.looks(conn, page.key, after=cursor.position):
        body = None
        if needs_body(state, look, reader, decided):
            body = facts.body(conn, look)
        last = step(state, look, body, reader, decided)
        cursor = derived.save(conn, page.key, look, last, cursor)
        state = last.state
        snapshots += len(last.snapshots)
        notes.extend(last.notes)
        new.extend(
            StoredChange.of(page.key, change)
            for snapshot in last.snapshots
            for change in snapshot.changes
        )
    if snapshots:
        join_lives(conn, page.group)
    return Derived(
        outcome=last.outcome if last else None,
        reasons=last.reasons if last else (),
        changes=tuple(change.id for change in new),
        snapshots=snapshots,
        notes=tuple(notes),
        number=state.number or None,
        first=before == 0 and state.number > 0,
    )


def derive_again(conn: Connection, page: Watched) -> Derived:
    """Drop what was derived of the page and fold all its captures anew.

    Ids that were told are given back to the changes that mean the same. `changes` are those that
    were neither there before nor ever told.
    """
    before = {change.id for change in derived.stored_changes(conn, page.key)}
    snapshots_before = derived.load(conn, page.key)[0].number
    derived.drop(conn, page.key)
    result = derive(conn, page)
    told = _told(conn, page)
    stored = derived.stored_changes(conn, page.key)
    own = [Told(change.id, change.meaning, change.before) for change in stored]
    renamed = published_ids(own, told)
    if renamed:
        derived.rename_changes(conn, page.key, dict(renamed))
    anchored = {anchor.id for anchor in told}
    now = [renamed.get(change.id, change.id) for change in stored]
    new = tuple(change for change in now if change not in before and change not in anchored)
    return replace(result, changes=new, snapshots=result.snapshots - snapshots_before)


def withdrawn_since(conn: Connection, page: Watched) -> tuple[str, ...]:
    """Ids of changes that were told and that today's history no longer holds."""
    held = {change.id for change in derived.stored_changes(conn, page.key)}
    return tuple(told.id for told in _told(conn, page) if told.id not in held)


def _told(conn: Connection, page: Watched) -> list[Told]:
    anchors = facts.anchors(conn, page=page.key, kind="change")
    return [Told(a.id, a.content, a.before) for a in anchors if a.before is not None]


def publish(conn: Connection, page: Watched, changes: Sequence[str], now: datetime) -> None:
    """Bind the ids of these changes, and of their initiatives, to what was observed: they stay."""
    wanted = set(changes)
    rows = []
    for change in derived.stored_changes(conn, page.key):
        if change.id not in wanted:
            continue
        seen = change.new_seen or change.old_seen or Observation(change.capture, -1)
        rows.append(
            facts.Anchor(change.id, "change", page.key, seen, now, change.meaning, change.before)
        )
        if change.track is not None:
            born = derived.first_seen(conn, change.track)
            life = derived.life_of(conn, change.track)
            rows.append(facts.Anchor(life, "initiative", page.key, born, now))
    facts.anchor(conn, rows)


def join_lives(conn: Connection, group: str) -> None:
    """Join the tracks of a group's pages into initiatives."""
    summaries = derived.track_summaries(conn, group)
    anchors = {anchor.seen: anchor.id for anchor in facts.anchors(conn, kind="initiative")}
    decided = facts.decisions(conn, None)
    joined = lives.join(summaries, anchors, same=decided.same, different=decided.different)
    derived.set_lives(conn, joined)


def _read_again(
    conn: Connection, page: Watched, state: State, cursor: Cursor
) -> tuple[State, Cursor, list[Reason]]:
    """After an upgrade or a new profile: the current snapshot's capture is read again first, and
    what waited since is folded again. What that changes is technical and told to nobody."""
    assert state.capture is not None  # noqa: S101  a numbered state has one
    look = facts.look(conn, state.capture)
    rebased, snapshot = rebase(state, look, facts.body(conn, look), page.reader)
    notes = []
    if snapshot is not None:
        text = f"Sidan {page.id} läses annorlunda sedan läsaren eller profilen ändrats."
        notes.append(Reason("reader", text, detail=page.reader.id))
        facts.technical(conn, facts.Technical(look.at, "reader", text, page.key))
    if state.suspect:  # what waits is read with today's reader, as if it came now
        rebased = replace(rebased, body=None, suspect=(), waiting=())
        cursor = derived.back_to(conn, page.key, rebased.last_good)
    cursor = derived.save_rebased(conn, page.key, rebased, snapshot, cursor)
    return rebased, cursor, notes
