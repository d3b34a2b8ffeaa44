"""The fold: what one look comes to, given what the page was before. Pure, so no servers here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import escape

from monitor.model import Decisions, Look, Reason
from monitor.profile import BUILTIN
from monitor.step import Reader, State, Step, observations_of, rebase, step

START = datetime(2026, 1, 5, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
READER = Reader("first", BUILTIN["boras"], "https://granvik.example/vision.html")
HEADINGS = {
    "ongoing": "Det här gör vi nu",
    "developing": "Det här utvecklar vi",
    "partnership": "Nätverk och partnerskap där vi arbetar tillsammans med andra",
}
THINGS = [
    "lastcyklar",
    "äppelträd",
    "kanoter",
    "solceller",
    "bokbussar",
    "bihotell",
    "växthus",
    "lekparker",
    "fågeltorn",
    "simskolor",
    "körsång",
    "bastubad",
    "dansgolv",
    "schacklag",
    "kolonilotter",
]
PLACES = ["hamnen", "torget", "skolan", "biblioteket", "sjön"]


@dataclass(frozen=True)
class Item:
    title: str
    text: str
    status: str = "ongoing"


def items(count: int = 30) -> list[Item]:
    statuses = ["ongoing"] * 3 + ["developing"] * 2 + ["partnership"]
    made = []
    for number in range(count):
        thing, place = THINGS[number % len(THINGS)], PLACES[number % len(PLACES)]
        title = f"{thing.capitalize()} vid {place} {number}"
        text = f"Vi har {number + 3} {thing} som alla får använda, mest vid {place} på våren."
        made.append(Item(title, text, statuses[number % len(statuses)]))
    return made


def page(entries: Iterable[Item], title: str = "Granviks vision", note: str = "") -> bytes:
    entries = list(entries)
    sections = "".join(
        f"<h2>{heading}</h2><ul>"
        + "".join(
            f"<li><strong>{escape(item.title)}</strong><p>{escape(item.text)}</p></li>"
            for item in entries
            if item.status == status
        )
        + "</ul>"
        for status, heading in HEADINGS.items()
    )
    return (
        f'<!DOCTYPE html><html lang="sv"><head><title>{title}</title><!--{note}--></head>'
        f"<body><main><h1>{title}</h1><p>Så här vill vi ha det.</p>{sections}</main></body></html>"
    ).encode()


ERROR = (
    b"<!DOCTYPE html><html><head><title>Fel</title></head><body><main><h1>Tekniskt fel</h1>"
    b"<p>Sidan kan inte visas just nu.</p></main></body></html>"
)


@dataclass
class Page:
    """A page under the fold: each look one hour after the one before."""

    state: State = field(default_factory=State)
    decisions: Decisions = field(default_factory=Decisions)
    reader: Reader = READER
    at: datetime = START
    log: list[tuple[Look, bytes | None]] = field(default_factory=list)

    def look(self, body: bytes, after: timedelta = HOUR) -> Step:
        self.at += after
        return self._take(Look(f"k-{len(self.log)}", self.at, sha256(body).hexdigest()), body)

    def not_modified(self, after: timedelta = HOUR) -> Step:
        self.at += after
        return self._take(Look(f"k-{len(self.log)}", self.at, self.state.body, again=True), None)

    def fails(self, code: str) -> Step:
        self.at += HOUR
        return self._take(Look(f"k-{len(self.log)}", self.at, None, failure=Reason(code, "")), None)

    def _take(self, look: Look, body: bytes | None) -> Step:
        self.log.append((look, body))
        done = step(self.state, look, body, self.reader, self.decisions)
        self.state = done.state
        return done

    def again(self, decisions: Decisions) -> list[Step]:
        """Fold everything seen so far from the beginning, with these decisions."""
        self.state, self.decisions = State(), decisions
        done = []
        bodies = {look.body: body for look, body in self.log if body is not None}
        for look, body in self.log:
            body = body if body is not None else bodies.get(look.body)
            done.append(step(self.state, look, body, self.reader, decisions))
            self.state = done[-1].state
        return done


def kinds(done: Step) -> list[tuple[str, ...]]:
    return [change.kinds for snapshot in done.snapshots for change in snapshot.changes]


def codes(done: Step) -> set[str]:
    return {reason.code for reason in done.reasons}


def retitled(entries: Sequence[Item], numbers: Iterable[int]) -> list[Item]:
    chosen = set(numbers)
    return [
        Item(f"{item.title} för alla", item.text, item.status) if index in chosen else item
        for index, item in enumerate(entries)
    ]


def test_the_first_good_look_is_a_snapshot_without_changes() -> None:
    seen = Page()
    done = seen.look(page(items()))
    assert done.outcome == "first"
    assert [snapshot.number for snapshot in done.snapshots] == [1]
    assert kinds(done) == []
    assert len(seen.state.present) == 30


def test_equal_bytes_and_304_are_unchanged_and_move_the_last_good_look() -> None:
    seen = Page()
    seen.look(page(items()))
    assert seen.look(page(items())).outcome == "unchanged"
    assert seen.not_modified().outcome == "unchanged"
    assert seen.state.last_good == seen.at


def test_other_bytes_with_the_same_words_are_unchanged() -> None:
    seen = Page()
    seen.look(page(items(), note="one nonce"))
    assert seen.look(page(items(), note="another nonce")).outcome == "unchanged"
    assert seen.state.number == 1


def test_a_change_lies_between_the_last_good_look_of_the_old_and_the_first_of_the_new() -> None:
    seen = Page()
    seen.look(page(items()))
    seen.not_modified()
    last_old = seen.at
    seen.fails("timeout")
    done = seen.look(page(retitled(items(), [4])))
    (change,) = done.snapshots[0].changes
    assert change.kinds == ("renamed",)
    assert (change.after, change.before) == (last_old, seen.at)
    assert (change.old_snapshot, change.new_snapshot) == (1, 2)


def test_a_failure_moves_nothing() -> None:
    seen = Page()
    seen.look(page(items()))
    before = seen.state
    assert seen.fails("network").outcome == "failed"
    assert seen.state == before


def test_an_error_page_with_status_200_waits_for_a_person_however_often_it_is_seen() -> None:
    seen = Page()
    seen.look(page(items()))
    good = seen.state
    assert seen.look(ERROR).outcome == "quarantined"
    for _ in range(60):
        assert seen.not_modified().outcome == "quarantined"
    assert (seen.state.number, seen.state.present) == (good.number, good.present)
    done = seen.look(page(retitled(items(), [2])))
    assert kinds(done) == [("renamed",)]


def test_a_first_look_that_cannot_be_trusted_is_no_snapshot() -> None:
    seen = Page()
    assert seen.look(ERROR).outcome == "quarantined"
    assert seen.state.number == 0
    assert seen.look(page(items())).outcome == "first"


def test_half_of_the_page_gone_waits_and_the_page_back_is_unchanged() -> None:
    seen = Page()
    seen.look(page(items()))
    halved = [item for index, item in enumerate(items()) if index % 2]
    assert seen.look(page(halved)).outcome == "quarantined"
    assert all(reason.relative for reason in seen.state.suspect)
    assert seen.look(page(items())).outcome == "unchanged"
    assert seen.state.waiting == ()


def test_a_mass_edit_seen_three_times_over_a_day_is_released_with_the_time_it_was_first_seen() -> (
    None
):
    seen = Page()
    seen.look(page(items()))
    last_old = seen.at
    edited = page(retitled(items(), range(20)))
    assert seen.look(edited).outcome == "quarantined"
    first_new = seen.at
    assert seen.not_modified().outcome == "quarantined"
    assert seen.not_modified().outcome == "quarantined"
    done = seen.not_modified(timedelta(days=1))
    assert done.outcome == "changed"
    changes = done.snapshots[0].changes
    assert len(changes) == 20
    assert all(change.late for change in changes)
    assert {(change.after, change.before) for change in changes} == {(last_old, first_new)}
    assert seen.not_modified().outcome == "unchanged"


def test_an_ordinary_edit_of_a_waiting_mass_edit_goes_with_it() -> None:
    seen = Page()
    seen.look(page(items()))
    edited = retitled(items(), range(20))
    seen.look(page(edited))
    seen.look(page(edited[:-1]), timedelta(hours=20))
    done = seen.look(page(edited[:-1]), timedelta(hours=20))
    assert [snapshot.number for snapshot in done.snapshots] == [2, 3]
    assert kinds(done)[-1] == ("removed",)


def test_accepting_a_quarantined_capture_tells_what_it_changed_as_found_late() -> None:
    seen = Page()
    seen.look(page(items()))
    only_ongoing = [item for item in items() if item.status != "partnership"]
    done = seen.look(page(only_ongoing))
    assert done.outcome == "quarantined"
    seen.not_modified()
    steps = seen.again(Decisions(accepted=frozenset({"k-1"})))
    assert [one.outcome for one in steps] == ["first", "changed", "unchanged"]
    assert {change.kinds for change in steps[1].snapshots[0].changes} >= {("removed",)}
    assert all(change.late for change in steps[1].snapshots[0].changes)
    fewer = only_ongoing[1:]
    assert seen.look(page(fewer)).outcome == "changed"


def test_rejecting_withdraws_a_capture_accepted_earlier_and_the_same_content_later() -> None:
    seen = Page()
    seen.look(page(items()))
    seen.look(page(retitled(items(), [1]), note="a"))
    seen.look(page(retitled(items(), [1]), note="b"))
    seen.look(page(items()))
    steps = seen.again(Decisions(rejected=frozenset({"k-1"})))
    assert [one.outcome for one in steps] == ["first", "quarantined", "quarantined", "unchanged"]


def test_what_left_and_came_back_is_the_same_initiative() -> None:
    seen = Page()
    seen.look(page(items()))
    was = seen.state.present[3].id
    without = [item for item in items() if item.title != seen.state.present[3].initiative.title]
    assert kinds(seen.look(page(without))) == [("removed",)]
    assert kinds(seen.look(page(items()))) == [("restored",)]
    assert was in {track.id for track in seen.state.present}


def test_a_decision_parts_what_was_taken_for_one_and_joins_what_was_taken_for_two() -> None:
    seen = Page()
    before = items()
    seen.look(page(before))
    after = retitled(before, [7])
    (change,) = seen.look(page(after)).snapshots[0].changes
    assert change.old_seen is not None
    assert change.new_seen is not None
    parted = seen.again(Decisions(different=((change.old_seen, change.new_seen),)))
    assert sorted(kinds(parted[1])) == [("added",), ("removed",)]
    other = [
        Item("Något helt annat", "Om något nytt.", item.status) if item is before[7] else item
        for item in before
    ]
    seen = Page()
    seen.look(page(before))
    old = next(t for t in seen.state.present if t.initiative.title == before[7].title)
    done = seen.look(page(other))
    assert sorted(kinds(done)) == [("added",), ("removed",)]
    added = next(c for s in done.snapshots for c in s.changes if c.kinds == ("added",))
    assert added.new_seen is not None
    joined = seen.again(Decisions(same=((old.seen[0], added.new_seen),)))
    assert kinds(joined[1]) == [("renamed", "reworded")]


def test_a_marked_observation_is_remembered_by_its_track_though_nothing_changed_there() -> None:
    seen = Page()
    seen.look(page(items(), note="a"))
    seen.look(page(items(), note="b"))
    mark = observations_of("k-1", [track.initiative for track in seen.state.present])[5]
    seen.again(Decisions(marks=frozenset({mark})))
    (holder,) = [track for track in seen.state.present if mark in track.seen]
    assert holder.id == seen.state.present[5].id


def test_another_reader_reads_the_last_snapshot_again_first_and_makes_no_change_of_it() -> None:
    seen = Page()
    body = page(items())
    seen.look(body)
    look, _ = seen.log[0]
    state, snapshot = rebase(seen.state, look, body, Reader("second", READER.profile), Decisions())
    assert snapshot is None
    assert state.reader == "second"
    assert [track.id for track in state.present] == [track.id for track in seen.state.present]


def test_the_same_looks_always_give_the_same_ids() -> None:
    def run() -> list[str]:
        seen = Page()
        seen.look(page(items()))
        done = [seen.look(page(retitled(items(), [number]))) for number in range(5)]
        return [c.id for one in done for s in one.snapshots for c in s.changes]

    ids = run()
    assert ids == run()
    assert len(ids) == len(set(ids)) == 9
