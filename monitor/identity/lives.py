"""One initiative over several pages: which tracks are one life. Pure, and blind to their order.

A track is one initiative's presence on one page, already identified through all its edits there.
Tracks of sibling pages are one life when they ever said the same, word for word (title and text):
an edit may reach the pages at different times, and what leaves one page may enter another.
Events are taken in order of time, ties by what stands first on the page, so that any order of
tracks, of import and of pages gives the same lives.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from monitor.model import Initiative, Observation, short_id
from monitor.text import heading_key

Interval = tuple[datetime, datetime | None]
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TrackSummary:
    """What `join` needs to know of one track.

    `observations`: (time, observation), sorted; the first is where the track began. `contents`:
    (from, to, content key) of each version's presence, `to` exclusive, None where it still stands.
    """

    track: str
    page: str
    observations: tuple[tuple[datetime, Observation], ...]
    contents: tuple[tuple[datetime, datetime | None, str], ...]


def content_key(initiative: Initiative) -> str:
    """What an initiative says: title and description, folded; neither status nor links."""
    text = f"{heading_key(initiative.title)}\x1f{heading_key(initiative.description)}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def join(
    tracks: Sequence[TrackSummary],
    anchors: Mapping[Observation, str],
    same: Iterable[tuple[Observation, Observation]] = (),
    different: Iterable[tuple[Observation, Observation]] = (),
) -> dict[str, str]:
    """Track id -> initiative id, for the tracks of pages that share host and profile.

    Never joins two tracks of one page that stood there at the same time, whatever anyone says;
    `different` (pairs of observations) keeps apart, `same` joins. A life that was published keeps
    its oldest anchored id; else it has that of the track observed first (ties by track id). No two
    lives get one id.
    """
    ordered = sorted(tracks, key=_age)
    home = {seen: track.track for track in ordered for _, seen in track.observations}
    lives = _Lives(ordered)
    for one, other in sorted(_known(different, home)):
        lives.keep_apart(one, other)
    # What people joined comes before what we find, so that nothing found stands in its way.
    for one, other in sorted(_known(same, home)):
        lives.unite(one, other)
    _follow(ordered, lives)
    return _name(ordered, lives, anchors)


def _known(
    pairs: Iterable[tuple[Observation, Observation]], home: Mapping[Observation, str]
) -> Iterable[tuple[str, str]]:
    for one, other in pairs:
        if one in home and other in home and home[one] != home[other]:
            first, second = sorted((home[one], home[other]))
            yield first, second


def _age(track: TrackSummary) -> tuple[datetime, int, str]:
    if not track.observations:
        return _NEVER, 0, track.track
    at, first = track.observations[0]
    return at, first.ordinal, track.track


def _follow(ordered: Sequence[TrackSummary], lives: _Lives) -> None:
    """Through time: whenever a page begins to say something, look who says or said the same."""
    rank = {track.track: place for place, track in enumerate(ordered)}
    events = sorted(
        (start, rank[track.track], key, end or _NEVER)
        for track in ordered
        for start, end, key in track.contents
    )
    sayers: dict[str, dict[int, datetime]] = defaultdict(dict)
    for start, place, key, end in events:
        # Who says it still comes first, then who fell silent last; then who began first.
        said = sorted((start - min(until, start), other) for other, until in sayers[key].items())
        for _, other in said:
            if other != place and lives.unite(ordered[place].track, ordered[other].track):
                break
        sayers[key][place] = max(end, sayers[key].get(place, end))


class _Lives:
    """Groups of tracks that grow together; refuses what can't be one life."""

    def __init__(self, tracks: Sequence[TrackSummary]) -> None:
        self._life = {track.track: track.track for track in tracks}
        self._members = {track.track: [track.track] for track in tracks}
        self._stood: dict[str, dict[str, list[Interval]]] = {
            track.track: {track.page: [(start, end) for start, end, _ in track.contents]}
            for track in tracks
        }
        self._apart: dict[str, set[str]] = defaultdict(set)

    def keep_apart(self, one: str, other: str) -> None:
        self._apart[one].add(other)
        self._apart[other].add(one)

    def life_of(self, track: str) -> str:
        return self._life[track]

    def unite(self, one: str, other: str) -> bool:
        """Whether the two are one life now."""
        mine, yours = self._life[one], self._life[other]
        if mine == yours:
            return True
        if self._apart[mine] & set(self._members[yours]) or self._clash(mine, yours):
            return False
        if len(self._members[mine]) < len(self._members[yours]):
            mine, yours = yours, mine
        for track in self._members.pop(yours):
            self._life[track] = mine
            self._members[mine].append(track)
        for page, intervals in self._stood.pop(yours).items():
            self._stood[mine].setdefault(page, []).extend(intervals)
        self._apart[mine] |= self._apart.pop(yours, set())
        return True

    def _clash(self, mine: str, yours: str) -> bool:
        return any(
            _overlap(one, other)
            for page in self._stood[mine].keys() & self._stood[yours].keys()
            for one in self._stood[mine][page]
            for other in self._stood[yours][page]
        )


def _overlap(one: Interval, other: Interval) -> bool:
    return one[0] < (other[1] or _NEVER) and other[0] < (one[1] or _NEVER)


def _name(
    ordered: Sequence[TrackSummary], lives: _Lives, anchors: Mapping[Observation, str]
) -> dict[str, str]:
    """Ids for lives: anchors oldest first, each id once; then the first track's own."""
    named: dict[str, str] = {}
    taken: set[str] = set()
    anchored = sorted(
        (at, seen.ordinal, seen.capture, anchors[seen], track.track)
        for track in ordered
        for at, seen in track.observations
        if seen in anchors
    )
    for _, _, _, identity, name in anchored:
        life = lives.life_of(name)
        if life not in named and identity not in taken:
            named[life] = identity
            taken.add(identity)
    for track in ordered:
        life = lives.life_of(track.track)
        if life in named:
            continue
        # The earliest track's id may belong to a life that was parted from this one.
        identity = track.track
        while identity in taken:
            identity = short_id("i", ["parted", identity, track.track])
        named[life] = identity
        taken.add(identity)
    return {track.track: named[lives.life_of(track.track)] for track in ordered}
