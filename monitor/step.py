"""The fold, pure: (state of a page, one look, its bytes, decisions) -> new state and changes.

Everything derived comes from folding a page's looks in order of time through `step`; a new look,
an import, a decision and a rebuild all take this one road. No clock, no network, no database: times
are those of the looks, so that a rebuild releases from quarantine exactly what it released before.

What a look comes to:

    a failure                              -> failed; nothing else moves
    the bytes seen last, same reader       -> what they were then (unchanged, or quarantined again)
    rejected by a person                   -> quarantined, and so is the same content later
    accepted by a person                   -> a snapshot, whatever the signs
    absolute signs (an error page, …)      -> quarantined, waits for a person
    signs against the page's own past only -> quarantined; the same again, long enough: released
    nothing changed in meaning             -> unchanged
    else                                   -> a snapshot with its changes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final

from monitor import diff, quality
from monitor.extract import extract
from monitor.identity.match import Constraints, Matching, match
from monitor.identity.readdress import Form, readdressed
from monitor.model import (
    Change,
    Decisions,
    Figures,
    Initiative,
    Look,
    Observation,
    Outcome,
    PageWords,
    Profile,
    Reading,
    Reason,
    Source,
    short_id,
)
from monitor.text import heading_key, same_key

RELEASE_LOOKS: Final = 3
"""A mass edit is believed once it was seen in this many looks …"""
RELEASE_SPAN: Final = timedelta(days=1)
"""… from the first to the last of which at least this long has passed."""
PAST_READINGS: Final = 20
"""How many good readings the page's own past holds."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What turns bytes into a reading: two readings are compared only when this is the same.

    `id` is the code version and the profile's fingerprint. `page_url` resolves relative links where
    the look itself has no final address.
    """

    id: str
    profile: Profile
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
class Waiting:
    """One suspect content, seen `looks` times from `first_at` (in `capture`) to `last_at`."""

    capture: str
    first_at: datetime
    last_at: datetime
    looks: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class State:
    """What the fold remembers of a page between two looks. A new page's state is `State()`.

    `capture` is that of the current snapshot, `body` the hash of the last whole body (`suspect`:
    why it could not be trusted). `waiting` is the run of contents, each like the one before it,
    that differ too much from the page's past; it begins anew with each good look.
    """

    reader: str = ""
    number: int = 0
    capture: str | None = None
    last_good: datetime | None = None
    words: PageWords | None = None
    present: tuple[Track, ...] = ()
    departed: tuple[Track, ...] = ()
    past: tuple[Figures, ...] = ()
    shape: str = ""
    accepted_reasons: tuple[tuple[str, str], ...] = ()
    rejected: tuple[str, ...] = ()
    body: str | None = None
    suspect: tuple[Reason, ...] = ()
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
    notes: tuple[Reason, ...] = ()
    """For operators, not readers: the page's shape changed."""
    released: tuple[str, ...] = ()
    """Captures that waited and are now accepted."""


def needs_body(state: State, look: Look, reader: Reader, decisions: Decisions) -> bool:
    """Whether `step` wants this look's bytes: not where they are known to be those seen last."""
    if look.body is None:
        return False
    return look.body != state.body or reader.id != state.reader or look.id in decisions.named


def step(
    state: State, look: Look, body: bytes | None, reader: Reader, decisions: Decisions
) -> Step:
    """Fold one look into the page's state.

    `body` may be None where `needs_body` says so. Raises DerivationError where the changes found do
    not turn the old snapshot into the new one: a bug, and nothing is told on the strength of it.
    """
    if look.failure is not None or look.body is None:
        reasons = (look.failure,) if look.failure else ()
        return Step(state, "failed", reasons)
    if body is None or not needs_body(state, look, reader, decisions):
        return _seen_again(state, look, decisions)
    known = tuple(track.initiative for track in state.present)
    source = Source(body, look.content_type, look.url or reader.page_url)
    reading = extract(source, reader.profile, known)
    state = replace(state, body=look.body, suspect=(), reader=reader.id)
    if _is_rejected(state, look, reading, decisions):
        return _rejected(state, content_of(reading))
    at = _Place(look.id, look.at)
    if look.id in decisions.accepted:
        forgiven = {(reason.code, reason.detail) for reason in reading.reasons}
        kept = tuple(sorted(forgiven.union(state.accepted_reasons)))
        state = replace(state, accepted_reasons=kept)
        return _accept(state, (_Sight(at, reading, look.at, late=True),), decisions)
    absolute = tuple(_absolute_signs(state, reading))
    if absolute:
        return Step(replace(state, suspect=absolute), "quarantined", absolute)
    matching = _matching(state, reading, at, decisions)
    relative = _signs_against_past(state, reading, matching)
    if relative:
        return _wait(replace(state, suspect=relative), at, reading, decisions)
    sight = _Sight(at, reading, look.at, late=False, matching=matching)
    return _accept(state, (sight,), decisions)


def rebase(
    state: State, look: Look, body: bytes, reader: Reader, decisions: Decisions
) -> tuple[State, Snapshot | None]:
    """Read the current snapshot's capture again with another reader; no change, told to nobody.

    Identities are kept by matching. The snapshot is None where the reading is the same; where the
    new reader can't read it, the state comes back as it was, still the old reader's.
    """
    known = tuple(track.initiative for track in state.present)
    source = Source(body, look.content_type, look.url or reader.page_url)
    reading = extract(source, reader.profile, known)
    if any(True for _ in _absolute_signs(replace(state, words=None), reading)):
        return state, None
    sight = _Sight(_Place(look.id, look.at), reading, look.at, late=False)
    base = replace(state, reader=reader.id)
    moved, snapshot, _ = _advance(base, sight, decisions)
    if snapshot is None:
        return replace(base, shape=reading.shape), None
    moved = replace(moved, last_good=state.last_good, body=state.body, suspect=state.suspect)
    moved = replace(moved, waiting=state.waiting)
    return moved, replace(snapshot, changes=(), after=None)


def content_of(reading: Reading) -> str:
    """A fingerprint of what a reading says, apart from where it was found."""
    items = [
        (section.heading, item.status, item.title, item.description, item.links)
        for section in reading.sections
        for item in section.initiatives
    ]
    return short_id("r", [reading.title, reading.intro, items])


def observations_of(capture: str, initiatives: Sequence[Initiative]) -> tuple[Observation, ...]:
    """What each initiative of a capture is called by decisions and anchors: its title's number.

    Not its place: another reader may find one more before it, or one less, and those that were
    named must not become others by that. Equal titles are told apart by their order.
    """
    taken: set[int] = set()
    found = []
    for initiative in initiatives:
        number = _number_of(initiative.title)
        while number in taken:
            number = (number + 1) % 2**31
        taken.add(number)
        found.append(Observation(capture, number))
    return tuple(found)


@lru_cache(maxsize=4096)
def _number_of(title: str) -> int:
    """Of a title, case ignored: 31 bits, which fit the databases' integers."""
    return int.from_bytes(sha256(heading_key(title).encode()).digest()[:4], "big") >> 1


# ------------------------------------------------------------------------------- the single cases


@dataclass(frozen=True, slots=True)
class _Place:
    """A capture and its time."""

    capture: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Sight:
    """A reading that is to be believed, where it was first seen and when last, and whether it had
    to wait. `matching`: with the state it meets, where that was asked before."""

    place: _Place
    reading: Reading
    seen_last: datetime
    late: bool
    matching: Matching | None = None


def _seen_again(state: State, look: Look, decisions: Decisions) -> Step:
    """The bytes seen last: a good page stands, a suspect one was seen once more."""
    if not state.suspect:
        return Step(replace(state, last_good=look.at, waiting=()), "unchanged")
    # An error page that came after a mass edit is seen again; the mass edit is not.
    if state.waiting and all(reason.relative for reason in state.suspect):
        last = state.waiting[-1]
        again = replace(last, looks=last.looks + 1, last_at=look.at)
        state = replace(state, waiting=(*state.waiting[:-1], again))
        if _is_believable(state.waiting):
            return _release(state, decisions)
    return Step(state, "quarantined", state.suspect)


def _is_rejected(state: State, look: Look, reading: Reading, decisions: Decisions) -> bool:
    if look.id in decisions.rejected:
        return True
    if not state.rejected or look.id in decisions.accepted:
        return False
    return content_of(reading) in state.rejected


def _rejected(state: State, content: str) -> Step:
    reason = Reason("rejected", "En person har avvisat det här innehållet.")
    rejected = tuple(sorted({*state.rejected, content}))
    state = replace(state, rejected=rejected, suspect=(reason,), waiting=())
    return Step(state, "quarantined", (reason,))


def _absolute_signs(state: State, reading: Reading) -> Iterable[Reason]:
    for reason in reading.reasons:
        if (reason.code, reason.detail) not in state.accepted_reasons:
            yield reason
    if state.words is not None and not _is_known(state.present, reading):
        known = [track.initiative for track in state.present]
        for other in (
            quality.another_page(reading, state.words),
            quality.titles_lost(reading, known),
        ):
            if other is not None and (other.code, other.detail) not in state.accepted_reasons:
                yield other


def _is_known(present: Sequence[Track], reading: Reading) -> bool:
    """Whether at least half of the page's initiatives stand in the reading by their titles."""
    shown = {initiative.title for initiative in reading.initiatives}
    other = [track for track in present if track.initiative.title not in shown]
    if len(other) * 2 <= len(present):  # as written: most looks end here
        return True
    titles = {same_key(title) for title in shown}
    gone = sum(1 for track in other if same_key(track.initiative.title) not in titles)
    return gone * 2 <= len(present)


def _signs_against_past(state: State, reading: Reading, matching: Matching) -> tuple[Reason, ...]:
    if not state.number:
        return ()
    old = [track.initiative for track in state.present]
    return _relative_signs(old, reading, matching, state.past)


def _relative_signs(
    old: Sequence[Initiative], reading: Reading, matching: Matching, past: Sequence[Figures]
) -> tuple[Reason, ...]:
    new = reading.initiatives
    old, _ = readdressed(old, new, matching)
    pairs = [pair for pair in matching.pairs if not pair.restored]
    kinds = [set(diff.kinds_of(old[pair.old], new[pair.new])) for pair in pairs]
    return quality.against_past(
        reading,
        past,
        old,
        gone=len(old) - len(pairs),
        changed=sum(bool(one - {"moved"}) for one in kinds),
        moved=sum("moved" in one for one in kinds),
    )


def _wait(state: State, at: _Place, reading: Reading, decisions: Decisions) -> Step:
    """Keep a suspect content in the run it continues, or begin a run; release a run long enough."""
    entry = Waiting(at.capture, at.at, at.at, 1, reading)
    run: tuple[Waiting, ...] = (entry,)
    if state.waiting:
        last = state.waiting[-1]
        if content_of(last.reading) == content_of(reading):
            again = replace(last, looks=last.looks + 1, last_at=at.at)
            run = (*state.waiting[:-1], again)
        elif _continues(last.reading, reading):
            run = (*state.waiting, entry)
    state = replace(state, waiting=run)
    if _is_believable(run):
        return _release(state, decisions)
    return Step(state, "quarantined", state.suspect)


def _continues(before: Reading, now: Reading) -> bool:
    """Whether `now` is an ordinary edit of `before`."""
    old = before.initiatives
    matching = match(old, now.initiatives)
    return not _relative_signs(old, now, matching, (quality.figures(before),))


def _is_believable(run: Sequence[Waiting]) -> bool:
    looks = sum(entry.looks for entry in run)
    return looks >= RELEASE_LOOKS and run[-1].last_at - run[0].first_at >= RELEASE_SPAN


def _release(state: State, decisions: Decisions) -> Step:
    """A mass edit has stood long enough: all that waited in the run is accepted, in order."""
    sights = tuple(
        _Sight(_Place(entry.capture, entry.first_at), entry.reading, entry.last_at, late=True)
        for entry in state.waiting
    )
    return _accept(state, sights, decisions)


def _accept(state: State, sights: Sequence[_Sight], decisions: Decisions) -> Step:
    """Believe these readings, one after the other."""
    first = not state.number
    snapshots = []
    notes = []
    for sight in sights:
        if state.shape and sight.reading.shape != state.shape:
            text = f"Sidans uppbyggnad har ändrats: {state.shape} → {sight.reading.shape}."
            notes.append(Reason("shape_changed", text, detail=sight.reading.shape))
        state, snapshot, forms = _advance(state, sight, decisions)
        state = replace(state, last_good=sight.seen_last)
        if forms:
            text = "Webbplatsen skriver sina adresser på ett annat sätt än förut."
            exchanged = "; ".join(f"{a}…{b} → {c}…{d}" for (a, c), (b, d) in forms)
            notes.append(Reason("addresses_changed", text, detail=exchanged))
        if snapshot is not None:
            snapshots.append(snapshot)
    state = replace(state, waiting=(), suspect=())
    news = any(snapshot.changes for snapshot in snapshots)
    outcome: Outcome = "first" if first else "changed" if news else "unchanged"
    return Step(
        state,
        outcome,
        snapshots=tuple(snapshots),
        notes=tuple(notes),
        released=tuple(sight.place.capture for sight in sights if sight.late),
    )


def _advance(
    state: State, sight: _Sight, decisions: Decisions
) -> tuple[State, Snapshot | None, tuple[Form, ...]]:
    """The state after one reading to be believed, and its snapshot where anything changed.

    Last, how the site writes its addresses otherwise than before: such a snapshot may be without
    changes.
    """
    reading, place = sight.reading, sight.place
    matching = sight.matching or _matching(state, reading, place, decisions)
    departed = [track.initiative for track in state.departed]
    new = reading.initiatives
    old, forms = readdressed([track.initiative for track in state.present], new, matching)
    if forms:
        both = zip(state.present, old, strict=True)
        present = tuple(replace(track, initiative=initiative) for track, initiative in both)
        state = replace(state, present=present)
    differences = diff.compare(old, new, matching, departed, reading.language)
    diff.verify_replay(old, new, matching, differences)
    words = diff.compare_words(state.words, reading.words) if state.words else ()
    state = replace(state, shape=reading.shape)
    tracks = _tracks(state, sight, matching, differences, decisions)
    if state.number and not differences and not words and not forms:
        state = replace(state, last_good=place.at)
        marked = place.capture in decisions.named
        return (_remembering(state, tracks) if marked else state), None, ()
    number = state.number + 1
    paired = {pair.old for pair in matching.pairs if not pair.restored}
    back = {pair.old for pair in matching.pairs if pair.restored}
    left = [
        replace(track, left_at=place.at)
        for index, track in enumerate(state.present)
        if index not in paired
    ]
    stayed_away = [track for index, track in enumerate(state.departed) if index not in back]
    changes: tuple[Change, ...] = ()
    if state.number:
        frame = _Frame(state, sight, number)
        changes = (
            *frame.of_words(words),
            *(frame.of_initiative(difference, tracks) for difference in differences),
        )
    snapshot = Snapshot(
        number=number,
        capture=place.capture,
        at=place.at,
        after=state.last_good,
        words=reading.words,
        tracks=tracks,
        departed=(*stayed_away, *left),
        changes=changes,
    )
    state = replace(
        state,
        number=number,
        capture=place.capture,
        last_good=place.at,
        words=snapshot.words,
        present=snapshot.tracks,
        departed=snapshot.departed,
        past=(*state.past, quality.figures(reading))[-PAST_READINGS:],
    )
    return state, snapshot, forms


def _matching(state: State, reading: Reading, at: _Place, decisions: Decisions) -> Matching:
    old = [track.initiative for track in state.present]
    departed = [track.initiative for track in state.departed]
    new = reading.initiatives
    limits = constraints(state.present, state.departed, at.capture, new, decisions)
    return match(old, new, departed, limits)


def constraints(
    present: Sequence[Track],
    departed: Sequence[Track],
    capture: str,
    new: Sequence[Initiative],
    decisions: Decisions,
) -> Constraints:
    """Decisions that name an initiative of this capture, as indices for the matching."""
    pairs_here = (*decisions.same, *decisions.different)
    if not any(capture in (left.capture, right.capture) for left, right in pairs_here):
        return Constraints()
    stood = {seen: index for index, track in enumerate(present) for seen in track.seen}
    gone = {seen: index for index, track in enumerate(departed) for seen in track.seen}
    here = {seen: index for index, seen in enumerate(observations_of(capture, new))}

    def links(
        pairs: Iterable[tuple[Observation, Observation]], where: dict[Observation, int]
    ) -> frozenset[tuple[int, int]]:
        both = [*pairs, *((right, left) for left, right in pairs)]
        return frozenset(
            (where[left], here[right]) for left, right in both if right in here and left in where
        )

    same, different = decisions.same, decisions.different
    return Constraints(
        same=links(same, stood),
        different=links(different, stood),
        same_departed=links(same, gone),
        different_departed=links(different, gone),
    )


def _tracks(
    state: State,
    sight: _Sight,
    matching: Matching,
    differences: Sequence[diff.Difference],
    decisions: Decisions,
) -> tuple[Track, ...]:
    """The tracks of the new snapshot in page order: matched ones go on, the others begin here."""
    came_from: dict[int, Track] = {
        pair.new: (state.departed if pair.restored else state.present)[pair.old]
        for pair in matching.pairs
    }
    reading = sight.reading
    headings = [section.heading for section in reading.sections for _ in section.initiatives]
    names = observations_of(sight.place.capture, reading.initiatives)
    taken = {track.id for track in (*state.present, *state.departed)}
    altered = {difference.new_index for difference in differences}
    tracks = []
    for index, (initiative, seen) in enumerate(zip(reading.initiatives, names, strict=True)):
        before = came_from.get(index)
        if before is None:
            track_id = short_id("i", [seen.capture, seen.ordinal])
            while track_id in taken:  # another reader found something else by that name here
                track_id = short_id("i", [track_id, "again"])
            taken.add(track_id)
            tracks.append(Track(track_id, initiative, headings[index], (seen,)))
            continue
        changed = index in altered
        remembered = changed or seen in decisions.marks
        if not remembered and before.heading == headings[index] and before.left_at is None:
            tracks.append(before)  # nearly all: what stands as it stood is the same track
            continue
        tracks.append(
            Track(
                before.id,
                initiative if changed else before.initiative,
                headings[index],
                (*before.seen, seen) if remembered and seen not in before.seen else before.seen,
            )
        )
    return tuple(tracks)


def _remembering(state: State, tracks: Sequence[Track]) -> State:
    """The same snapshot, its tracks also remembering the observations named by a decision."""
    seen = {track.id: track.seen for track in tracks}
    present = tuple(replace(track, seen=seen.get(track.id, track.seen)) for track in state.present)
    return replace(state, present=present)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What every change between two snapshots has in common."""

    state: State
    sight: _Sight
    number: int

    def of_words(self, differences: Iterable[diff.WordsDifference]) -> Iterable[Change]:
        told: Counter[tuple[object, ...]] = Counter()
        for one in differences:
            said = (one.field, one.old_text, one.new_text)
            twin = [told[said]] if told[said] else []  # two headings of the same words
            told[said] += 1
            yield self._placed(
                Change(
                    "page",
                    ("reworded",),
                    field=one.field,
                    old_text=one.old_text,
                    new_text=one.new_text,
                    id=short_id("c", [self.sight.place.capture, "page", *said, *twin]),
                )
            )

    def of_initiative(self, difference: diff.Difference, tracks: Sequence[Track]) -> Change:
        restored = "restored" in difference.kinds
        old_track = None
        if difference.old_index is not None and not restored:
            old_track = self.state.present[difference.old_index]
        new_track = None if difference.new_index is None else tracks[difference.new_index]
        track = new_track or old_track
        old_seen = old_track.seen[-1] if old_track else None
        new_seen = None
        if new_track is not None:  # what changed or came was remembered here
            new_seen = new_track.seen[-1]
            old_seen = new_track.seen[-2] if restored else old_seen
        name = new_seen or old_seen
        parts: list[object] = [self.sight.place.capture, difference.kinds]
        parts += [name.capture, name.ordinal] if name else []
        return self._placed(
            Change(
                "initiative",
                difference.kinds,
                old=None if restored else difference.old,
                new=difference.new,
                certainty=difference.certainty,
                signals=difference.signals,
                track=track.id if track else None,
                id=short_id("c", parts),
                old_seen=old_seen,
                new_seen=new_seen,
            )
        )

    def _placed(self, change: Change) -> Change:
        return replace(
            change,
            after=self.state.last_good,
            before=self.sight.place.at,
            old_snapshot=self.state.number,
            new_snapshot=self.number,
            late=self.sight.late,
        )
