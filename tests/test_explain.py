"""Why a change says what it says, and how long a thing stood: never surer than what was seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from monitor.model import Initiative
from pipeline import decide
from pipeline.explain import Why, explained
from presentation.documents import explanation_document, history_document
from presentation.language import language
from presentation.lifecycle import lifecycle_lines
from snapshots import history
from snapshots.database import Database
from tests.support.histories import Style, make_history
from tests.support.watching import HOUR, Watch

ZONE = ZoneInfo("Europe/Stockholm")
BUS = Initiative("Nattbuss till Österbyn", "Vi provar en sista buss på fredagar.", (), "developing")
LATER = replace(
    BUS, title="Buss om natten", description="Vi kör en sista buss på fredagar.", status="ongoing"
)
CHOIR = Initiative("Körsång på lasarettet", "Kören sjunger varje fredag.", (), "ongoing")
OTHERS = tuple(make_history(41, Style(size=18), 1).editions[0].initiatives)


@pytest.fixture
def watch(sqlite_store: Database) -> Watch:
    return Watch(sqlite_store)


def why(watch: Watch, kind: str) -> Why:
    with watch.store.read() as conn:
        found = history.changes(conn, kinds=[kind])
        (one,) = explained(conn, found).values()
    return one


def lines(watch: Watch, title: str) -> list[str]:
    with watch.store.read() as conn:
        (name,) = history.lives_named(conn, title)
        life = history.life(conn, name)
    assert life is not None
    return list(lifecycle_lines(history_document(life), language("sv"), ZONE))


def test_a_change_names_all_who_were_considered_best_first(watch: Watch) -> None:
    watch.look("omsorg", [BUS, CHOIR, *OTHERS])
    watch.look("omsorg", [LATER, *OTHERS])
    found = why(watch, "renamed")
    said = explanation_document(found.explanation, found.others, found.departed)
    assert (said["by"], said["candidates"][0]["title"]) == ("likeness", BUS.title)
    assert said["score"] > said["runner_up"]
    scores = [one["score"] for one in said["candidates"]]
    assert scores == sorted(scores, reverse=True)
    gone = why(watch, "removed")
    assert (gone.explanation.by, gone.explanation.pair) == ("none", None)
    assert LATER in gone.others


def test_a_return_is_explained_by_one_that_had_left(watch: Watch) -> None:
    back = replace(BUS, description="Nu kör vi den varje kväll.")
    for items in ([BUS, *OTHERS], OTHERS, [back, *OTHERS]):
        watch.look("omsorg", items)
    found = why(watch, "restored")
    best = found.explanation.candidates[0]
    assert best.departed
    assert found.departed[best.index] == BUS
    assert found.explanation.pair is not None
    assert found.explanation.pair.restored


def test_what_a_person_decided_is_explained_by_the_decision(watch: Watch) -> None:
    watch.look("omsorg", [BUS, *OTHERS])
    watch.look("omsorg", [CHOIR, *OTHERS])
    ids = tuple(watch.change(kind)["initiative"] for kind in ("removed", "added"))
    watch.decide(decide.same, ids)
    assert why(watch, "renamed").explanation.by == "decided"


def test_every_change_of_a_long_history_can_be_explained(watch: Watch) -> None:
    for edition in make_history(42, Style(size=24, events=(2, 6)), 12).editions:
        watch.look("omsorg", edition.initiatives)
    with watch.store.read() as conn:
        found = [one for one in history.changes(conn) if one.change.subject == "initiative"]
        reasons = explained(conn, found)
    assert {one.change.id for one in found} == set(reasons)
    assert len(found) > 20
    for one in found:
        pair = reasons[one.change.id].explanation.pair
        assert (pair is None) == (one.change.kinds in (("added",), ("removed",)))
        if pair is not None:
            assert pair.certainty == pytest.approx(one.change.certainty)


def test_how_long_a_status_stood_lies_between_two_looks(watch: Watch) -> None:
    watch.look("omsorg", [BUS, *OTHERS])
    watch.look("omsorg", after=10 * timedelta(days=1))
    watch.look("omsorg", [LATER, *OTHERS], after=2 * timedelta(days=1))
    assert not [line for line in lines(watch, BUS.title) if "Inget har ändrats" in line]
    watch.look("omsorg", after=HOUR)
    found = lines(watch, BUS.title)
    assert (
        "omsorg: utvecklas, stod så redan 2026-01-05 09:00, då sidan sågs först; "
        "slutade mellan 2026-01-15 09:00 och 2026-01-17 09:00 (minst 10 dygn)" in found
    )
    assert (
        "omsorg: pågår, började mellan 2026-01-15 09:00 och 2026-01-17 09:00; står så än"
    ) in found
    assert "Inget har ändrats från 2026-01-17 09:00 till 2026-01-17 10:00 (0 dygn)." in found
    watch.look("omsorg", [BUS, *OTHERS], after=200 * timedelta(days=1))
    text = "\n".join(lines(watch, BUS.title))
    assert "(0–203 dygn)" in text
    watch.look("omsorg", after=190 * timedelta(days=1))
    assert "Har stannat av: inget har ändrats" in "\n".join(lines(watch, BUS.title))
    watch.look("omsorg", OTHERS)
    assert "ändrats" not in "\n".join(lines(watch, BUS.title))
