"""What a worker asks its store at each tick and each minute reads what waits, not all that was."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline.announce import plan
from pipeline.deliver import is_called_for, post_office
from pipeline.tell import sync_subscribers
from settings import load
from snapshots.database import Database
from tests.support.program import by_mail, config, mail, page
from wiring import letterhead

NOW = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
LONG: tuple[str, ...] = ("messages", "tellings", "deliveries", "attempts")
"""Tables that grow with every digest and are never emptied."""
READS_ALL = {"sqlite": "SCAN {table}", "postgresql": "Seq Scan on {table}"}
BY_WAITING = "SCAN tellings USING INDEX ix_tellings_waiting"
"""That index holds the tellings that wait, and no others."""


def how(conn: sa.Connection, statement: str, values: Any) -> list[str]:
    """How the database would answer: the lines of its plan."""
    if conn.dialect.name == "sqlite":
        found = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        return [str(row[3]) for row in found]
    conn.exec_driver_sql("SET LOCAL enable_seqscan = off")  # a small table is read whole otherwise
    return [str(row[0]) for row in conn.exec_driver_sql(f"EXPLAIN {statement}", values)]


def test_neither_a_tick_nor_a_planning_reads_all_that_was_ever_told(
    store: Database, tmp_path: Path
) -> None:
    path = tmp_path / "visionsvakt.toml"
    people = (
        by_mail(when_quiet="weekly"),
        by_mail("drift@granvik.example", id="driften", about="operation"),
    )
    path.write_text(config(page("granvik", "https://www.granvik.example/p"), *people, mail(25)))
    settings = load(path, {})
    office = post_office(
        settings.subscriptions,
        zone=settings.zone,
        mail=None,
        poster=None,
        secrets=lambda one, name: "",
        letterhead=letterhead(settings),
    )
    with store.write() as conn:
        sync_subscribers(conn, settings.subscriptions, NOW)
    asked: list[tuple[str, Any]] = []

    @sa.event.listens_for(store.engine, "before_cursor_execute")
    def hear(conn: Any, cursor: Any, statement: str, values: Any, *rest: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, values))

    with store.read() as conn:
        plan(conn, settings.subscriptions, NOW, settings.zone)
    office.agenda.planned_at = NOW
    assert not is_called_for(store, office, NOW)
    sa.event.remove(store.engine, "before_cursor_execute", hear)
    assert any("messages" in statement for statement, _ in asked)
    assert any("tellings" in statement for statement, _ in asked)
    with store.read() as conn:
        lines = {line for statement, values in asked for line in how(conn, statement, values)}
    bad = [READS_ALL[store.dialect].format(table=table) for table in LONG]
    assert not [line for line in lines if any(one in line for one in bad) and line != BY_WAITING], (
        lines
    )
