"""The fold, pure: (state of a page, one look, its bytes, decisions) -> new state, snapshots, changes.

Everything derived comes from folding a page's looks in order of time through `step`; a new look, an
import, a decision and a rebuild all take this one road. No clock, no network, no database: times are
those of the looks, so that a rebuild releases from quarantine exactly what was released before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from monitor.model import (
    Change,
    Decisions,
    Initiative,
    Look,
    Observation,
    Outcome,
    PageWords,
    Profile,
    Reading,
    Reason,
    short_id,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """What turns bytes into a reading: two readings are compared only when this is the same.

    `id` is the code version and the profile's fingerprint. `page_url` resolves relative links where
    the look itself has no final address; `page_key` goes into the ids made here.
    """

    id: str
    profile: Profile
    page_key: str
    page_url: str | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """One initiative's presence on one page: identity within the page, over all its edits.

    `seen` holds the observations at which each of its versions began, and every observation of it
    that a decision or an anchor names. `heading` is the section it stands (or last stood) under.
    """

    id: str
    initiative: Initiative
    heading: str
    seen: tuple[Observation, ...]
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """One good reading's figures, for comparison with later ones. `counts`: (status, initiatives)."""

    counts: tuple[tuple[str | None, int], ...]
    characters: int
    unclaimed_characters: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """One suspect content, seen `looks` times from `first_at` (in capture `capture`) to `last_at`."""

    capture: str
    first_at: datetime
    last_at: datetime
    looks: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class State:
    """What the fold remembers of a page between two looks. A new page's state is `State()`."""

    reader: str = ""
    number: int = 0
    last_good: datetime | None = None
    words: PageWords | None = None
    present: tuple[Track, ...] = ()
    departed: tuple[Track, ...] = ()
    past: tuple[Figures, ...] = ()
    shape: str = ""
    accepted_reasons: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    body_suspect: bool = False
    waiting: tuple[Waiting, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The accepted initiatives of a page as of a capture, with what changed since the one before.

    `at` is the capture's time; `after` the last good look that showed the snapshot before it.
    """

    number: int
    capture: str
    at: datetime
    after: datetime | None
    words: PageWords
    tracks: tuple[Track, ...]
    departed: tuple[Track, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What one look came to. Several snapshots only where repetition ended a quarantine."""

    state: State
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    reading: Reading | None = None
    notes: tuple[Reason, ...] = ()
    """For operators, not readers: the page's shape changed, a profile reads less."""


__all__ = [
    "Decisions",
    "Figures",
    "Look",
    "Reader",
    "Snapshot",
    "State",
    "Step",
    "Track",
    "Waiting",
    "short_id",
]
