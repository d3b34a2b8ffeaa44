"""The simulated year: nothing lost, nothing invented, everything told once. See tests/year.

Whole years, twenty of them, are lived by `make year`.
"""

from __future__ import annotations

from datetime import timedelta

from tests.support.telling import STOCKHOLM
from tests.year.judge import Seen, must_be_seen, pauses, silences, stood
from tests.year.plan import HOUR, NIGHTS, PAGES, START, make_plan
from tests.year.seeds import live


def test_a_fortnight_full_of_faults_loses_repeats_and_invents_nothing() -> None:
    verdict, life = live(3, 14)
    assert verdict.wrong == []
    assert life.looks["changed"] >= 2
    assert life.trouble  # the store's faults were met


def test_a_seed_always_gives_the_same_year() -> None:
    first, again = make_plan(7), make_plan(7)
    assert first == again
    assert first.editions != make_plan(8).editions


def test_an_edition_nobody_could_look_at_to_the_end_of_the_year_need_not_be_seen() -> None:
    plan = make_plan(36)  # the site goes down nine hours after the last edition of «trygg»
    (*_, (before, until), (last, end)) = stood(plan, "trygg")
    assert any(f.kind == "site_503" and f.start < end < f.end for f in plan.faults)
    assert not must_be_seen(plan, "trygg", last, end)
    assert must_be_seen(plan, "trygg", before, until)


def test_the_silent_page_speaks_again_at_the_end_of_every_year() -> None:
    for seed in (7, 142):  # an editor drew the figure that stood there already
        *_, before, last = make_plan(seed).editions["arkiv"]
        assert before.initiatives != last.initiatives


def test_operators_hear_of_the_silences_of_the_year_and_of_no_others() -> None:
    once = {("opened", "ended")}
    # In the last of these years the editors leave a second page alone for 65 days.
    for seed, page, right in ((7, "arkiv", once), (7, "trygg", {()}), (872, "trygg", once)):
        plan = make_plan(seed)
        seen = [Seen(one, max(one.at, START), end) for one, end in stood(plan, page)]
        assert silences(list(pauses(page, seen)), plan.end) == right


def test_a_year_has_every_fault_and_both_nights_of_the_clocks() -> None:
    plan = make_plan(7)
    kinds = {fault.kind for fault in plan.faults}
    assert kinds >= {"site_503", "site_dns", "site_error_page", "disk_full", "locked", "clock"}
    assert any(f.kind == "site_503" and (f.end - f.start).days == 7 for f in plan.faults)
    assert sum(f.kind == "mail_down" and (f.end - f.start).days == 2 for f in plan.faults) == 2
    assert {f.amount > 0 for f in plan.faults if f.kind == "clock"} == {True, False}
    assert len(plan.kills) == 60
    assert (plan.end - START).days == 365
    assert all(len(plan.editions[page]) > 40 for page in PAGES)
    for page in PAGES:
        shapes = {
            b"<h3>" in edition.body or b"<summary>" in edition.body
            for edition in plan.editions[page]
        }
        assert shapes == {False, True}  # a redesign
    for night in NIGHTS:
        assert {(night + hours * HOUR).astimezone(STOCKHOLM).utcoffset() for hours in (0, 12)} == {
            timedelta(hours=1),
            timedelta(hours=2),
        }
        assert any(edition.at == night for page in PAGES for edition in plan.editions[page])
