"""One set of migrations for both databases, up and down, with data in the tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.errors import StoreError
from snapshots import database, derived, facts, history, schema
from snapshots.database import Database, migrate_to, open_database, revision_of
from tests.support.editions import looks_at
from tests.test_store_fold import everything_derived, fold, record

VERSIONS = sorted(
    path.name.split("_")[0]
    for path in (Path(database.__file__).parent / "migrations" / "versions").glob("*.py")
)
OURS = set(schema.metadata.tables)


def columns_of(conn: Connection) -> dict[str, Any]:
    """Everything a database says of our tables: columns, keys, indexes and CHECKs."""
    found: dict[str, Any] = {}
    seen = sa.inspect(conn)
    for name in sorted(set(seen.get_table_names()) & OURS):
        found[name] = {
            "columns": [
                (one["name"], str(one["type"]), one["nullable"], one["default"])
                for one in seen.get_columns(name)
            ],
            "key": seen.get_pk_constraint(name),
            "unique": sorted(
                (one["name"], one["column_names"]) for one in seen.get_unique_constraints(name)
            ),
            "checks": sorted(
                (one["name"], re.sub(r"\s+", " ", one["sqltext"]))
                for one in seen.get_check_constraints(name)
            ),
            "indexes": sorted(
                (one["name"], one["column_names"], one["unique"])
                for one in seen.get_indexes(name)
                if one["name"] != "ix_item_versions_search"
            ),
            "options": "WITHOUT ROWID" in _sql(conn, name).upper(),
        }
    return found


def _sql(conn: Connection, name: str) -> str:
    if conn.dialect.name != "sqlite":
        return ""
    query = sa.text("SELECT sql FROM sqlite_master WHERE name = :name")
    return str(conn.execute(query, {"name": name}).scalar())


def test_the_newest_migration_is_the_one_the_program_wants() -> None:
    assert VERSIONS[-1] == database.HEAD


def test_every_table_is_of_one_kind() -> None:
    assert set(schema.KIND_OF) == OURS
    assert set(schema.KIND_OF.values()) == {"facts", "derived", "work"}


def test_migrations_and_tables_agree_in_columns_keys_indexes_and_checks(store: Database) -> None:
    with store.write() as conn:
        migrated = columns_of(conn)
        migrate_to(conn, "base")
        assert columns_of(conn) == {}
        schema.metadata.create_all(conn)
        made = columns_of(conn)
    assert migrated == made
    assert any(table["checks"] for table in made.values())


def test_up_and_down_with_data_loses_nothing_that_is_a_fact(store: Database) -> None:
    new = looks_at(31)
    record(store, new)
    with store.write() as conn:
        fold(conn, "granvik")
        facts.pack(conn, new[len(new) // 2].at.date())
        looks = list(facts.kept(conn, "granvik"))
        held = everything_derived(conn)
    for revision in reversed(VERSIONS[:-1]):
        with store.write() as conn:
            migrate_to(conn, revision)
            assert revision_of(conn) == revision
            assert list(facts.kept(conn, "granvik")) == looks
    for revision in VERSIONS[1:]:
        with store.write() as conn:
            migrate_to(conn, revision)
    with store.write() as conn:
        assert revision_of(conn) == database.HEAD
        assert list(facts.kept(conn, "granvik")) == looks
        assert everything_derived(conn) == held
        derived.drop(conn)
        fold(conn, "granvik")
        assert everything_derived(conn) == held
    with store.write() as conn:
        migrate_to(conn, "base")
        assert columns_of(conn) == {}


def test_a_store_of_an_older_version_is_brought_up_when_opened(store_url: str) -> None:
    first = open_database(store_url)
    record(first, looks_at(32)[:3])
    with first.write() as conn:
        migrate_to(conn, VERSIONS[0])
    first.close()
    with pytest.raises(StoreError, match="inte uppgraderad"):
        open_database(store_url, migrate=False)
    again = open_database(store_url)
    assert not again.created
    with again.write() as conn:
        assert revision_of(conn) == database.HEAD
        fold(conn, "granvik")
        assert history.show(conn, "granvik") is None  # no page is configured in this store
    again.close()
    if again.path is not None:
        copy = again.path.with_name(f"{again.path.name}.{VERSIONS[0]}")
        kept = database._engine(sa.make_url(f"sqlite:///{copy}"))
        with kept.connect() as conn:
            assert revision_of(conn) == VERSIONS[0]
            assert len(list(facts.looks(conn, "granvik"))) == 3
        kept.dispose()


def test_without_room_for_a_copy_nothing_is_migrated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    first = open_database(url)
    with first.write() as conn:
        migrate_to(conn, VERSIONS[0])
    first.close()
    (tmp_path / f".store.db.{VERSIONS[0]}.part").mkdir()
    with pytest.raises(StoreError, match="ingen kopia"):
        open_database(url)
    engine = database._engine(sa.make_url(url))
    with engine.connect() as conn:
        assert revision_of(conn) == VERSIONS[0]
    engine.dispose()


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_database(store_url)
    with first.write() as conn:
        migrate_to(conn, VERSIONS[0])
    first.close()

    def broken(conn: Connection, revision: str) -> None:
        migrate_to(conn, revision)
        raise ZeroDivisionError

    monkeypatch.setattr(database, "migrate_to", broken)
    with pytest.raises(ZeroDivisionError):
        open_database(store_url)
    monkeypatch.undo()
    engine = database._engine(sa.make_url(store_url))
    with engine.connect() as conn:
        assert revision_of(conn) == VERSIONS[0]
    engine.dispose()
