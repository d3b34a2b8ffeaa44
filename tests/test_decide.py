"""A person corrects us: what follows in history, who is told what, and what can't be decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.errors import UsageError
from monitor.model import Initiative
from notifications.digest import Telling, gather
from pipeline import decide
from pipeline.form import telling_of
from snapshots import facts, schema
from snapshots.database import Database
from tests.support.editions import ERROR_PAGE
from tests.support.histories import Style, make_history
from tests.support.program import FIRST, Edition, Home, config, page
from tests.support.telling import by_mail
from tests.support.watching import HOUR, Watch

DAY = timedelta(days=1)
BENCH = Initiative("Bänkar i hamnen", "Vi ställer ut tre bänkar längs kajen.", status="ongoing")
BENCHES = replace(BENCH, title="Sittplatser i hamnen")
CHOIR = Initiative("Körsång på lasarettet", "Kören sjunger varje fredag.", status="ongoing")
OTHERS = tuple(make_history(31, Style(size=18), 1).editions[0].initiatives)


@pytest.fixture
def watch(sqlite_store: Database) -> Watch:
    return Watch(sqlite_store)


def show(watch: Watch, *items: Initiative, page: str = "omsorg") -> None:
    watch.look(page, [*items, *OTHERS])


def retitled(watch: Watch) -> str:
    """A page whose bench was renamed; the change was told and sent. Returns its id."""
    show(watch, BENCH)
    show(watch, BENCHES)
    assert watch.send() == 1
    return str(watch.change("renamed")["id"])


def replaced(watch: Watch) -> tuple[str, str]:
    """A page where a bench left and a choir came, told and sent. Returns their ids."""
    show(watch, BENCH)
    show(watch, CHOIR)
    assert watch.send() == 1
    return watch.change("removed")["initiative"], watch.change("added")["initiative"]


def kinds(watch: Watch) -> list[str]:
    return ["+".join(one["kinds"]) for one in watch.changes]


def new(watch: Watch, since: int) -> list[tuple[str, tuple[str, ...], str]]:
    return watch.said[since:]


# ------------------------------------------------------------------------------ what was one is two


def test_different_makes_two_of_one_and_puts_right_what_was_told(watch: Watch) -> None:
    wrong = retitled(watch)
    told = len(watch.told)
    watch.decide(decide.different, wrong)
    assert sorted(kinds(watch)) == ["added", "removed"]
    assert new(watch, told) == [
        ("correction", ("withdrawn",), BENCHES.title),
        ("correction", ("added",), BENCHES.title),
        ("correction", ("removed",), BENCH.title),
    ]
    assert watch.change("added")["initiative"] != watch.change("removed")["initiative"]
    entries = gather([telling_of(row) for row in watch.told[told:]])
    assert [entry.group for entry in entries] == ["corrections"] * 3
    assert watch.send() == 1
    before = watch.everything_derived()
    watch.rebuild()
    assert watch.everything_derived() == before
    watch.look("omsorg")
    assert len(watch.told) == told + 3


def test_what_nobody_was_told_yet_is_not_told_wrong_at_all(watch: Watch) -> None:
    show(watch, BENCH)
    show(watch, BENCHES)
    watch.decide(decide.different, watch.change("renamed")["id"])
    assert sorted(kind for _, kind, _ in watch.said) == [("added",), ("removed",)]
    assert {cause for cause, *_ in watch.said} == {"late"}


def test_undo_brings_the_old_history_back_with_its_ids_and_says_so(watch: Watch) -> None:
    wrong = retitled(watch)
    before = watch.changes
    settled = watch.decide(decide.different, wrong)
    watch.send()
    parted, told = watch.changes, len(watch.told)
    watch.decide(decide.undo, settled.number)
    assert watch.changes == before
    assert sorted(new(watch, told)) == [
        ("correction", ("renamed",), BENCHES.title),
        ("correction", ("withdrawn",), BENCH.title),
        ("correction", ("withdrawn",), BENCHES.title),
    ]
    assert watch.send() == 1
    told = len(watch.told)
    watch.decide(decide.different, wrong)
    assert watch.changes == parted
    assert len(watch.told) == told + 3
    assert watch.send() == 1
    messages = {row.message for row in watch.told}
    assert len(messages) == 4


def test_decided_and_undone_before_anything_was_sent_is_no_message(watch: Watch) -> None:
    wrong = retitled(watch)
    told = watch.told
    settled = watch.decide(decide.different, wrong)
    watch.decide(decide.undo, settled.number)
    assert watch.told == told
    assert watch.send() == 0


def test_a_subscription_that_was_never_misled_hears_of_it_as_news(watch: Watch) -> None:
    people = (
        by_mail(kinds=("renamed",)),
        by_mail("eva@granvik.example", id="eva", kinds=("added",)),
    )
    watch.configure(subscriptions=people)
    wrong = retitled(watch)
    told = len(watch.told)
    watch.decide(decide.different, wrong)
    found = {(row.subscription, row.cause) for row in watch.told[told:]}
    assert found == {("kommunikation", "correction"), ("eva", "late")}


# ------------------------------------------------------------------------------ what was two is one


def test_same_makes_one_of_two_and_both_ids_lead_to_it(watch: Watch) -> None:
    left, right = replaced(watch)
    told = len(watch.told)
    watch.decide(decide.same, (left, right))
    assert kinds(watch) == ["renamed+reworded"]
    (change,) = watch.changes
    assert change["initiative"] == left
    assert sorted(new(watch, told)) == [
        ("correction", ("renamed", "reworded"), CHOIR.title),
        ("correction", ("withdrawn",), BENCH.title),
        ("correction", ("withdrawn",), CHOIR.title),
    ]
    with pytest.raises(UsageError, match="redan samma"):
        watch.decide(decide.same, (right, left))
    before = watch.everything_derived()
    watch.rebuild()
    assert watch.everything_derived() == before


def test_same_bridges_an_absence_and_is_a_return(watch: Watch) -> None:
    show(watch, BENCH)
    show(watch)
    show(watch, CHOIR)
    left, right = watch.change("removed")["initiative"], watch.change("added")["initiative"]
    watch.decide(decide.same, (right, left))
    assert kinds(watch) == ["removed", "restored"]
    assert len({one["initiative"] for one in watch.changes}) == 1


def test_one_that_stood_in_for_another_is_the_same_though_the_other_is_back(watch: Watch) -> None:
    show(watch, BENCH)
    show(watch, CHOIR)
    show(watch, BENCH)
    left, right = watch.change("removed", BENCH.title)["initiative"], watch.lives("omsorg")
    choir = watch.change("added", CHOIR.title)["initiative"]
    assert right[BENCH.title] == left
    watch.decide(decide.same, (left, choir))
    assert {one["initiative"] for one in watch.changes} == {left}
    assert watch.lives("omsorg")[BENCH.title] == left


def test_two_that_stand_at_once_are_never_the_same(watch: Watch) -> None:
    show(watch, BENCH, CHOIR)
    lives = watch.lives("omsorg")
    with pytest.raises(UsageError, match="samtidigt") as refused:
        watch.decide(decide.same, (lives[BENCH.title], lives[CHOIR.title]))
    assert len(str(refused.value).splitlines()) == 1


def test_of_two_decisions_about_the_same_two_the_later_holds(watch: Watch) -> None:
    apart = watch.decide(decide.different, retitled(watch))
    ids = (watch.change("removed")["initiative"], watch.change("added")["initiative"])
    one = watch.decide(decide.same, ids)
    assert kinds(watch) == ["renamed"]
    again = watch.decide(decide.different, watch.change("renamed")["id"])
    assert sorted(kinds(watch)) == ["added", "removed"]
    for settled, left in ((again, ["renamed"]), (apart, ["renamed"]), (one, ["renamed"])):
        watch.decide(decide.undo, settled.number)
        assert kinds(watch) == left


def test_what_one_decision_keeps_apart_another_page_cannot_join(watch: Watch) -> None:
    watch.configure(ids=("omsorg", "trygg"))
    show(watch, BENCH)
    show(watch, BENCHES)
    show(watch, BENCHES, page="trygg")
    watch.decide(decide.different, watch.change("renamed")["id"])
    bench, other = watch.change("removed")["initiative"], watch.lives("trygg")[BENCHES.title]
    assert other == watch.lives("omsorg")[BENCHES.title]
    before, told = watch.everything_derived(), watch.told
    with pytest.raises(UsageError):
        watch.decide(decide.same, (bench, bench))
    assert (watch.everything_derived(), watch.told) == (before, told)


def test_the_same_on_two_pages_that_never_said_the_same(watch: Watch) -> None:
    watch.configure(ids=("omsorg", "trygg"))
    show(watch, BENCH)
    show(watch, BENCHES, page="trygg")
    ids = watch.lives("omsorg")[BENCH.title], watch.lives("trygg")[BENCHES.title]
    assert ids[0] != ids[1]
    settled = watch.decide(decide.same, ids)
    assert watch.lives("omsorg")[BENCH.title] == watch.lives("trygg")[BENCHES.title]
    assert watch.told == []
    watch.decide(decide.undo, settled.number)
    assert (watch.lives("omsorg")[BENCH.title], watch.lives("trygg")[BENCHES.title]) == ids


def test_a_decision_names_what_was_seen_and_survives_older_captures(watch: Watch) -> None:
    wrong = retitled(watch)
    watch.decide(decide.different, wrong)
    told = watch.told
    ids = {one["id"]: one["initiative"] for one in watch.changes}
    watch.bring("omsorg", [(watch.now - 10 * DAY, [CHOIR, *OTHERS])])
    watch.bring("omsorg", [(watch.now - 20 * DAY, [CHOIR, BENCH, *OTHERS])])
    now = {one["id"]: one["initiative"] for one in watch.changes}
    assert ids.items() <= now.items()
    assert watch.told == told


# ---------------------------------------------------------------------------------- accept, reject


def half(items: Sequence[Initiative]) -> list[Initiative]:
    return [item for number, item in enumerate(items) if number % 2]


def test_accepting_believes_a_capture_and_tells_it_as_found_late(watch: Watch) -> None:
    show(watch, BENCH)
    watch.look("omsorg", half(OTHERS))
    (waiting,) = watch.waiting
    assert watch.told == []
    settled = watch.decide(decide.accept, waiting)
    assert set(kinds(watch)) == {"removed"}
    assert {(cause, kind) for cause, kind, _ in watch.said} == {("late", ("removed",))}
    assert watch.waiting == []
    assert watch.look("omsorg").outcome == "unchanged"
    assert watch.send() == 1
    told = len(watch.told)
    watch.decide(decide.undo, settled.number)
    assert watch.changes == []
    assert {(cause, kind) for cause, kind, _ in new(watch, told)} == {
        ("correction", ("withdrawn",))
    }
    assert len(watch.told) == 2 * told


def test_rejecting_withdraws_a_capture_believed_earlier_and_its_content_for_ever(
    watch: Watch,
) -> None:
    show(watch, BENCH)
    show(watch, CHOIR)
    show(watch, BENCH)
    watch.send()
    told = len(watch.told)
    with watch.store.read() as conn:
        (second,) = conn.execute(
            sa.select(schema.snapshots.c.capture).where(schema.snapshots.c.number == 2)
        ).scalars()
    watch.decide(decide.reject, second)
    assert watch.changes == []
    assert {(cause, kind) for cause, kind, _ in new(watch, told)} == {
        ("correction", ("withdrawn",))
    }
    watch.now += HOUR
    assert watch.look("omsorg", [CHOIR, *OTHERS], nonce="again").outcome == "quarantined"


def test_nobodys_news_is_nobodys_correction(watch: Watch) -> None:
    watch.bring("omsorg", [(watch.now - DAY, [BENCH, *OTHERS]), (watch.now, [BENCHES, *OTHERS])])
    watch.decide(decide.different, watch.change("renamed")["id"])
    assert sorted(kinds(watch)) == ["added", "removed"]
    assert watch.told == []


def test_the_page_s_own_words_can_be_withdrawn_as_well(watch: Watch) -> None:
    from tests.support.editions import page as html

    watch.look("omsorg", html(OTHERS))
    watch.look("omsorg", html(OTHERS, title="En annan vision"))
    assert watch.send() == 1
    with watch.store.read() as conn:
        (second,) = conn.execute(
            sa.select(schema.snapshots.c.capture).where(schema.snapshots.c.number == 2)
        ).scalars()
    watch.decide(decide.reject, second)
    assert [(cause, kind) for cause, kind, _ in watch.said] == [
        ("look", ("reworded",)),
        ("correction", ("withdrawn",)),
    ]
    (entry,) = gather([telling_of(watch.told[-1])])
    assert entry.change["withdrawn"]


def test_decisions_are_signed_and_all_of_them_stay_on_record(watch: Watch) -> None:
    wrong = retitled(watch)
    settled = watch.decide(decide.different, wrong)
    watch.decide(decide.undo, settled.number)
    with watch.store.read() as conn:
        log = facts.decision_log(conn)
    assert [(one.what.kind, one.undone, one.what.by) for one in log] == [
        ("different", True, "Kim"),
        ("undo", False, "Kim"),
    ]
    for number, why in (
        (settled.number, "redan återtaget"),
        (99, "finns inte"),
        (2, "återtagande"),
    ):
        with pytest.raises(UsageError, match=why):
            watch.decide(decide.undo, number)


def test_a_correction_s_telling_is_a_telling_like_any_other(watch: Watch) -> None:
    watch.decide(decide.different, retitled(watch))
    for row in watch.told:
        telling = telling_of(row)
        assert isinstance(telling, Telling)
        assert telling.page.id == row.page == "omsorg"


# ------------------------------------------------------------------------------------- the commands


SIGNED = ("--by", "Kim", "--why", "prov")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    edited = Edition(
        ongoing=(("Cykelbibliotek för alla", FIRST.ongoing[0][1]), *FIRST.ongoing[1:]),
        developing=FIRST.developing,
    )
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "20261120T060000Z.html").write_bytes(FIRST.html)
    (pages / "20261121T060000Z.html").write_bytes(edited.html)
    (pages / "20261122T060000Z.html").write_bytes(ERROR_PAGE)
    url = "https://www.granvik.example/vision.html"
    home = Home(tmp_path / "home", config(page("granvik", url)), inside=True)
    assert home.json("import", "granvik", str(pages), code=1)["snapshots"] == 2
    return home


def test_the_commands_decide_and_say_what_came_of_it(home: Home) -> None:
    (change,) = home.json("changes")["changes"]
    parted = home.json("decide", "different", change["id"], *SIGNED)
    assert [one["kinds"] for one in parted["changes"]] == [["added"], ["removed"]]
    ids = [one["initiative"] for one in parted["changes"]]
    assert len(set(ids)) == 2
    home.json("decide", "undo", str(parted["decision"]), *SIGNED)
    assert home.json("changes")["changes"] == [change]
    (waiting,) = home.json("quarantine", "list")["captures"]
    home.json("quarantine", "reject", waiting["id"], *SIGNED)
    assert home.json("quarantine", "list")["captures"] == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("decide", "different", "c-none"), "c-none"),
        (("decide", "same", "i-none", "i-nobody"), "i-none"),
        (("decide", "undo", "7"), "7"),
        (("quarantine", "accept", "k-none"), "k-none"),
        (("quarantine", "reject", "k-none"), "k-none"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(
    home: Home, words: tuple[str, ...], why: str
) -> None:
    before = home.json("changes")
    assert why in home.refused(*words, *SIGNED)
    home.refused(*words)
    home.refused(*words, "--by", " ", "--why", "prov")
    assert home.json("changes") == before


def test_two_that_stand_at_once_and_one_that_is_already_one_are_refused(home: Home) -> None:
    shown = home.json("show", "granvik")
    first, second = (one["id"] for one in shown["sections"][0]["initiatives"][:2])
    assert "samtidigt" in home.refused("decide", "same", first, second, *SIGNED)
    assert "redan samma" in home.refused("decide", "same", first, first, *SIGNED)
