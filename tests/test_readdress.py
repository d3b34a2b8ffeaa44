"""A site that writes its addresses another way: one event for operators, no change for readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from monitor.diff import compare, verify_replay
from monitor.identity.match import match
from monitor.identity.readdress import form_change, readdressed
from monitor.model import Decisions, Initiative, Link, Look
from monitor.step import State, Step, step
from tests.support.editions import READER, START, page
from tests.support.initiatives import item

THINGS = "lekplats badplats simhall cykelbana skolskog fritidsbank musikskola isbana".split()


def _site(address: str) -> list[Initiative]:
    """One initiative for each thing, its link written as `address` says."""
    return [
        item(
            f"{thing.capitalize()} i Granvik",
            f"Vi rustar upp vår {thing} tillsammans med dem som bor i närheten.",
            links=(("Läs mer", address.format(thing)),),
        )
        for thing in THINGS
    ]


def _kinds(old: Sequence[Initiative], new: Sequence[Initiative]) -> list[tuple[str, ...]]:
    matching = match(old, new)
    before, _ = readdressed(old, new, matching)
    found = compare(before, new, matching)
    verify_replay(before, new, matching, found)
    return [one.kinds for one in found]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://www.granvik.example/{}.html", "https://granvik.example/{}.html"),
        ("https://granvik.example/vision/{}.html", "https://granvik.example/hallbart/{}.html"),
        ("https://granvik.example/{}.html", "https://granvik.example/{}"),
        ("https://granvik.example/{}", "https://granvik.example/{}/"),
        ("https://www.granvik.example/a/{}.html", "https://ny.granvik.example/b/{}"),
        ("https://granvik.example/{}", "https://granvik.example/{}?lang=sv"),
    ],
)
def test_every_address_written_another_way_is_no_change(old: str, new: str) -> None:
    assert _kinds(_site(old), _site(new)) == []
    assert _kinds(_site(new), _site(old)) == []


def test_a_link_that_leads_elsewhere_is_a_change_also_on_that_day() -> None:
    new = _site("https://granvik.example/{}")
    new[3] = replace(new[3], links=(Link("Läs mer", "https://granvik.example/cykelbanor"),))
    new[5] = replace(new[5], title="Fritidsbank för alla")
    assert _kinds(_site("https://www.granvik.example/{}"), new) == [("relinked",), ("renamed",)]


def test_what_few_addresses_show_is_an_edit_and_told() -> None:
    old = _site("https://granvik.example/{}.html")
    new = [*_site("https://granvik.example/ny/{}.html")[:4], *old[4:]]
    assert _kinds(old, new) == [("relinked",)] * 4


def test_one_address_that_many_share_is_an_edit_and_told() -> None:
    """«Läs mer» on every initiative led to one page and leads to another of that name."""
    old, new = _site("https://granvik.example/vision"), _site("https://granvik.example/ny/vision")
    assert _kinds(old, new) == [("relinked",)] * len(THINGS)


def test_links_that_all_lead_elsewhere_are_told() -> None:
    old, new = _site("https://granvik.example/{}"), _site("https://granvik.example/{}-2027")
    assert _kinds(old, new) == [("relinked",)] * len(THINGS)


def test_an_address_that_says_nothing_of_its_page_proves_nothing() -> None:
    assert form_change("https://a.example/", "https://b.example/") is None
    assert form_change("https://a.example/x", "https://b.example/x") is None
    assert form_change("https://a.example/sida?id=1", "https://a.example/sida?id=1") is None
    assert form_change("mailto:info@a.example", "mailto:info@b.example") is None


class _Watched:
    def __init__(self) -> None:
        self.state, self.at = State(), START

    def look(self, items: Sequence[Initiative]) -> Step:
        body = page(items)
        self.at += timedelta(hours=1)
        name = sha256(body).hexdigest()
        kind = "text/html; charset=utf-8"
        look = Look(f"k-{self.at:%H}", self.at, name, content_type=kind)
        done = step(self.state, look, body, READER, Decisions())
        self.state = done.state
        return done

    @property
    def addresses(self) -> set[str | None]:
        return {link.href for track in self.state.present for link in track.initiative.links}


def _changes(done: Step) -> list[tuple[str, ...]]:
    return [change.kinds for snapshot in done.snapshots for change in snapshot.changes]


def test_the_fold_tells_operators_once_and_readers_nothing_and_shows_the_new_addresses() -> None:
    watched = _Watched()
    watched.look(_site("https://www.granvik.example/{}.html"))
    moved = _site("https://granvik.example/{}")
    done = watched.look(moved)
    assert (done.outcome, _changes(done), done.reasons) == ("unchanged", [], ())
    assert [note.code for note in done.notes] == ["addresses_changed"]
    assert watched.addresses == {f"https://granvik.example/{thing}" for thing in THINGS}
    again = watched.look([*moved, item("Bastu", "En bastu vid sjön.")])
    assert (_changes(again), again.notes) == ([("added",)], ())


def test_what_remains_in_few_numbers_is_no_news_later() -> None:
    """The new form was kept: the last few can't show up as relinked when the others have left."""
    watched = _Watched()
    watched.look(_site("https://www.granvik.example/{}.html"))
    moved = _site("https://granvik.example/{}")
    watched.look(moved)
    for fewer in (7, 6, 5, 4, 3):
        assert _changes(watched.look(moved[:fewer])) == [("removed",)]
    changed = replace(moved[0], description="Lekplatsen är klar.")
    assert _changes(watched.look([changed, *moved[1:3]])) == [("reworded",)]
