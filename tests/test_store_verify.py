"""`verify` finds what is not as it was, and names it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from snapshots import derived, facts, schema
from snapshots.database import Database
from snapshots.facts import NewDecision
from snapshots.verify import verify
from tests.support.editions import START, looks_at
from tests.support.histories import Style
from tests.test_store_fold import fold, record


@pytest.fixture
def full(store: Database) -> Database:
    """A store with captures (half of them packed), snapshots and a decision."""
    new = looks_at(41, Style(size=9, events=(1, 2)), 4)
    record(store, new)
    with store.write() as conn:
        fold(conn, "granvik")
        facts.pack(conn, new[-1].at.date())
        facts.decide(conn, NewDecision("accept", "Vera", "Sett.", START, "granvik", "k-1"))
    return store


def test_a_whole_store_holds_also_after_a_rebuild(full: Database) -> None:
    with full.write() as conn:
        found = verify(conn)
        assert found.problems == ()
        assert found.ok
        assert found.captures == len(looks_at(41, Style(size=9, events=(1, 2)), 4))
        assert found.snapshots == derived.load(conn, "granvik")[0].number > 2
        assert found.entries == found.captures + found.snapshots + 1
        derived.drop(conn)
        fold(conn, "granvik")
        again = verify(conn)
    assert (again.ok, again.root, again.entries) == (True, found.root, found.entries)


def _one(table: sa.Table, **where: object) -> sa.ColumnElement[bool]:
    keys = list(table.primary_key.columns)
    query = sa.select(keys[0]).order_by(keys[0]).limit(1)
    return keys[0] == query.scalar_subquery()


def _set(table: sa.Table, **values: object) -> Callable[[Connection], object]:
    return lambda conn: conn.execute(table.update().where(_one(table)).values(**values))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_set(schema.bodies, data=b"torn"), "skadad i databasen"),
        (_set(schema.captures, content_type="text/plain"), "är inte som den loggades"),
        (_set(schema.captures, exchange=None, source="file"), "är inte som den loggades"),
        (_set(schema.capture_packs, data=b"torn"), "En packe hämtningar är skadad"),
        (_set(schema.decisions, why="Annat."), r"d-1 \(beslut\) är inte som den loggades"),
        (_set(schema.item_versions, title="Annat"), "säger inte vad den sa"),
        (_set(schema.ledger, leaf=bytes(32)), "hänger inte ihop"),
        (
            lambda conn: conn.execute(schema.captures.delete().where(_one(schema.captures))),
            "Loggen nämner 1 hämtningar som saknas",
        ),
        (
            lambda conn: conn.execute(schema.ledger.delete().where(schema.ledger.c.number == 3)),
            "post 3 saknas",
        ),
        (
            lambda conn: conn.execute(
                schema.ledger.delete().where(schema.ledger.c.kind == "decision")
            ),
            "d-1 .beslut. finns inte i loggen",
        ),
    ],
)
def test_what_was_altered_is_named(
    full: Database, spoil: Callable[[Connection], object], said: str
) -> None:
    import re

    with full.write() as conn:
        spoil(conn)
        found = verify(conn)
    assert not found.ok
    assert any(re.search(said, problem) for problem in found.problems), found.problems


def test_a_missing_body_is_named(full: Database) -> None:
    with full.write() as conn:
        last = conn.scalar(sa.select(sa.func.max(schema.bodies.c.id)))
        gone = schema.bodies.c.id == last
        conn.execute(schema.bodies.delete().where(gone))
        found = verify(conn)
    assert [problem.endswith("finns inte.") for problem in found.problems] == [True]
