"""What is saved between two looks is all that the fold needs: load gives what save was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from monitor.model import Decisions
from monitor.step import State, Step, needs_body, step
from snapshots import derived, facts, schema
from snapshots.database import Database
from snapshots.facts import NewCapture
from snapshots.places import places_for
from snapshots.plain import from_plain, to_plain
from tests.support.editions import ERROR_PAGE, READER, START, looks_at, page
from tests.support.initiatives import item

NO_DECISIONS = Decisions()
DERIVED = [name for name, kind in schema.KIND_OF.items() if kind == "derived"]


def record(store: Database, new: Sequence[NewCapture]) -> None:
    with store.write() as conn:
        for capture in new:
            facts.record(conn, capture)


def fold(
    conn: Connection, page: str, decisions: Decisions = NO_DECISIONS, *, reload: bool = False
) -> list[Step]:
    """Fold every look after the cursor; with `reload`, reading the state anew for each."""
    state, cursor = derived.load(conn, page)
    steps = []
    for look in facts.looks(conn, page, cursor.after):
        if reload:
            state, cursor = derived.load(conn, page)
        body = None
        if needs_body(state, look, READER, decisions):
            body = facts.body(conn, look)
        came = step(state, look, body, READER, decisions)
        cursor = derived.save(conn, page, look, came, cursor)
        state = came.state
        steps.append(came)
    return steps


def everything_derived(conn: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every derived row; a version by its key instead of its number, which says nothing."""
    versions = schema.item_versions
    keys = {row.id: row.key for row in conn.execute(sa.select(versions.c.id, versions.c.key))}
    found = {}
    for name in DERIVED:
        table = schema.metadata.tables[name]
        rows = []
        for row in conn.execute(sa.select(table)):
            values = dict(row._mapping)
            for column in ("version", "old_version", "new_version"):
                if column in values:
                    values[column] = keys.get(values[column])
            if name == "item_versions":
                del values["id"]
            rows.append(tuple(values.values()))
        found[name] = sorted(rows, key=repr)
    return found


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_folding_through_the_store_is_folding_in_memory(store: Database, seed: int) -> None:
    record(store, looks_at(seed))
    with store.write() as conn:
        in_memory = State()
        expected = []
        for look in facts.looks(conn, "granvik"):
            body = facts.body(conn, look) if look.body else None
            came = step(in_memory, look, body, READER, Decisions())
            in_memory = came.state
            expected.append(came)
        assert {came.outcome for came in expected} >= {"first", "changed", "quarantined"}
        assert fold(conn, "granvik", reload=True) == expected
        state, cursor = derived.load(conn, "granvik")
        assert state == in_memory
        assert cursor.looks == len(expected)
        changes = [
            change for came in expected for snap in came.snapshots for change in snap.changes
        ]
        assert [stored.change for stored in derived.stored_changes(conn, "granvik")] == changes
        assert len(changes) > 5


def test_dropped_and_folded_again_every_table_is_the_same(store: Database) -> None:
    record(store, looks_at(5))
    record(store, looks_at(6, key="sjoby"))
    with store.write() as conn:
        fold(conn, "granvik", reload=True)
        fold(conn, "sjoby")
        first = everything_derived(conn)
        derived.drop(conn)
        assert not any(everything_derived(conn).values())
        fold(conn, "sjoby", reload=True)
        fold(conn, "granvik")
        assert everything_derived(conn) == first
        derived.drop(conn, "granvik")
        derived.sweep(conn)
        assert derived.load(conn, "granvik")[0] == State()
        assert derived.load(conn, "sjoby")[0].number > 1
        fold(conn, "granvik")
        assert everything_derived(conn) == first


def test_the_order_of_import_and_packing_change_nothing(store: Database) -> None:
    new = looks_at(7)
    with store.write() as conn:
        for capture in new:
            facts.record(conn, capture)
        fold(conn, "granvik")
        first = everything_derived(conn)
        for table in (schema.captures, schema.ledger, schema.bodies):
            conn.execute(table.delete())
        derived.drop(conn)
    bodies = {one.at: one.body_hash for one in new}
    assert set(bodies.values()) == {None}
    with store.write() as conn:
        for capture in sorted(new, key=lambda one: (one.again, one.at.microsecond)):
            facts.record(conn, capture)
        facts.pack(conn, (new[-1].at + timedelta(days=2)).date())
        assert conn.scalar(sa.select(sa.func.count()).select_from(schema.captures)) == 0
        fold(conn, "granvik")
        assert everything_derived(conn) == first


def test_an_unchanged_look_is_one_small_update(sqlite_store: Database) -> None:
    new = looks_at(8)
    good = next(one for one in reversed(new) if one.body not in (None, ERROR_PAGE))
    last = replace(good, at=new[-1].at + timedelta(hours=1))
    record(sqlite_store, [*new, last])
    with sqlite_store.write() as conn:
        fold(conn, "granvik")
        later = last.at + timedelta(hours=1)
        facts.record(conn, NewCapture("granvik", later, again=True))
        state, cursor = derived.load(conn, "granvik", whole=False)
        assert state.present == ()
        assert not state.waiting
        (look,) = facts.looks(conn, "granvik", cursor.after)
        assert not needs_body(state, look, READER, Decisions())
        came = step(state, look, None, READER, Decisions())
        assert came.outcome == "unchanged"
        statements: list[str] = []
        sa.event.listen(
            conn, "before_cursor_execute", lambda *args: statements.append(args[2]), named=False
        )
        derived.save(conn, "granvik", look, came, cursor)
        assert len(statements) == 1
        assert statements[0].startswith("UPDATE cursors SET at=?, capture=?, last_good=?, looks=?")
        whole, _ = derived.load(conn, "granvik")
        assert whole.last_good == later
        assert len(whole.present) > 0


def test_a_light_cursor_refuses_what_it_cannot_keep(store: Database) -> None:
    record(store, looks_at(9))
    with store.write() as conn:
        first = next(iter(facts.looks(conn, "granvik")))
        came = step(State(), first, facts.body(conn, first), READER, Decisions())
        _, cursor = derived.load(conn, "granvik")
        cursor = derived.save(conn, "granvik", first, came, cursor)
        _, light = derived.load(conn, "granvik", whole=False)
        with pytest.raises(ValueError, match="whole"):
            derived.save(conn, "granvik", first, came, light)


def test_a_state_with_everything_in_it_survives_as_json(store: Database) -> None:
    record(store, looks_at(10))
    with store.write() as conn:
        for came in fold(conn, "granvik"):
            assert from_plain(State, to_plain(came.state)) == came.state


def test_lives_are_written_where_they_changed_and_summaries_tell_what_joins_them(
    store: Database,
) -> None:
    from monitor.identity.lives import join

    record(store, looks_at(11))
    record(store, looks_at(11, key="sjoby"))
    with store.write() as conn:
        for key in ("granvik", "sjoby"):
            page: dict[str, object] = {
                "key": key,
                "id": key,
                "name": key,
                "url": "",
                "group": "g",
                "timetable": "",
            }
            page |= {"added_at": looks_at(11)[0].at, "failures": 0, "fence": 0}
            conn.execute(schema.pages.insert(), page)
            fold(conn, key)
        summaries = derived.track_summaries(conn, "g")
        assert derived.track_summaries(conn, "other") == []
        lives = join(summaries, {})
        derived.set_lives(conn, lives)
        rows = conn.execute(sa.select(schema.tracks)).all()
        assert {row.track: row.life for row in rows} == lives
        assert len(set(lives.values())) == len(rows) / 2
        for summary in summaries:
            assert summary.observations == tuple(sorted(summary.observations, key=lambda o: o[0]))
            ends = [end for _, end, _ in summary.contents]
            assert ends[-1] is None or None not in ends


@given(st.permutations(range(12)), st.integers(0, 12), st.integers(0, 2**33))
@settings(max_examples=200, deadline=None)
def test_positions_sort_as_the_page_does_and_a_newcomer_moves_nobody(
    order: list[int], known: int, gap: int
) -> None:
    before = {str(name): name * gap for name in range(known)}
    names = [str(name) for name in order]
    after = places_for(names, before)
    assert sorted(names, key=lambda name: after[name]) == names
    assert len(set(after.values())) == len(names)
    if gap > 2**20 and [name for name in order if name < known] == sorted(range(known)):
        assert all(after[name] == place for name, place in before.items())


def test_a_site_s_new_addresses_are_kept_without_a_change(store: Database) -> None:
    """The snapshot that holds them has none; the next load has them all."""

    def shown(address: str) -> bytes:
        things = ("lekplats", "badplats", "simhall", "cykelbana", "skolskog", "musikskola")
        links = [(("Läs mer", address.format(thing)),) for thing in things]
        both = zip(things, links, strict=True)
        return page([item(thing.capitalize(), f"Vår {thing}.", links=ls) for thing, ls in both])

    kind, where = "text/html; charset=utf-8", "https://granvik.example/vision"
    bodies = [shown(f"https://{host}/{{}}") for host in ("www.granvik.example", "granvik.example")]
    looks = [
        NewCapture(
            "granvik", START + timedelta(hours=hour), body, content_type=kind, final_url=where
        )
        for hour, body in enumerate(bodies)
    ]
    record(store, looks)
    with store.write() as conn:
        first, second = fold(conn, "granvik", reload=True)
        assert (first.outcome, second.outcome) == ("first", "unchanged")
        assert not derived.stored_changes(conn, "granvik")
        state, _ = derived.load(conn, "granvik")
        assert state == second.state
        hrefs = {link.href for track in state.present for link in track.initiative.links}
        assert all(href and href.startswith("https://granvik.example/") for href in hrefs)
        assert len(hrefs) == 6
        before = everything_derived(conn)
        derived.drop(conn, "granvik")
        fold(conn, "granvik")
        assert everything_derived(conn) == before
