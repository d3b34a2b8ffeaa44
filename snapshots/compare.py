"""A page at two moments, held against each other: what came of all the changes between them.

Who is who was settled look by look, so nothing is matched here: one track is one initiative.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from monitor import diff
from monitor.identity.match import Matching, Pair
from monitor.identity.readdress import readdressed
from monitor.model import Change
from snapshots import history
from snapshots.derived import tracks_at, words_at
from snapshots.history import Shown


@dataclass(frozen=True, slots=True)
class Compared:
    """`changes`: each with its initiative's id, None for the page's own words; in page order."""

    old: Shown
    new: Shown
    changes: tuple[tuple[Change, str | None], ...]


def compare(
    conn: Connection, page_key: str, then: datetime, later: datetime | None, language: str
) -> Compared | None:
    """What differs between a page as it stood `then` and `later` (None: now), both inclusive.

    A text that was changed and changed back is no difference. None where the page had not been
    seen `then`.
    """
    old, new = history.show(conn, page_key, then), history.show(conn, page_key, later)
    if old is None or new is None:
        return None
    stood, gone = tracks_at(conn, page_key, old.number)
    stands, _ = tracks_at(conn, page_key, new.number)
    was = {track.id: index for index, track in enumerate(stood)}
    left = {track.id: index for index, track in enumerate(gone)}
    pairs = tuple(
        Pair(known[track.id], index, 1.0, 1.0, 0.0, restored=known is left)
        for index, track in enumerate(stands)
        for known in (was, left)
        if track.id in known
    )
    after = [track.initiative for track in stands]
    departed = [track.initiative for track in gone]
    matching = Matching(pairs)
    before, _ = readdressed([track.initiative for track in stood], after, matching)
    differences = diff.compare(before, after, matching, departed, language)
    diff.verify_replay(before, after, matching, differences)
    lives = {one.track: one.id for shown in (old, new) for one in shown.initiatives}
    found: list[tuple[Change, str | None]] = []
    before_it, after_it = (words_at(conn, page_key, shown.number) for shown in (old, new))
    for text in diff.compare_words(before_it, after_it) if before_it and after_it else ():
        texts = (text.old_text, text.new_text)
        found.append((Change("page", ("reworded",), None, None, text.field, *texts), None))
    for one in differences:
        track = stands[one.new_index] if one.new_index is not None else stood[one.old_index or 0]
        change = Change("initiative", one.kinds, one.old, one.new, signals=one.signals)
        found.append((change, lives[track.id]))
    return Compared(old, new, tuple(found))
