"""Copies of the whole store, and the way back from one. A copy is always a SQLite file.

That holds for PostgreSQL too, so that no other program is needed, and a store moves from one kind
of database to the other by `backup` and `restore`. A copy is whole or not there at all.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.errors import StoreBusy, StoreError, UsageError
from monitor.model import short_id
from snapshots import facts, ledger, watch
from snapshots.database import Database, insert_missing, open_database
from snapshots.holders import name_of, runs
from snapshots.schema import (
    anchors,
    attempts,
    cursors,
    deliveries,
    hosts,
    incidents,
    leases,
    messages,
    metadata,
    pages,
    subscribers,
    tellings,
)
from snapshots.schema import ledger as ledger_table

_CHUNK: Final = 500
_OWN: Final = frozenset((leases.name,))
"""What belongs to a running program and is in no copy."""
_UNCERTAIN: Final = (
    "Återställd ur en säkerhetskopia: den kan ha skickats sedan kopian togs."
    " Skicka den med «visionsvakt deliveries retry»."
)


# ------------------------------------------------------------------------------------------ backup


def backup(database: Database, file: Path) -> int:
    """Copy the whole store to a new file, while others go on reading and writing.

    The copy is that of one moment. It appears under its name when it is whole and on disk; a crash
    before leaves at most a file that begins with a dot. Returns its size in bytes. Raises
    UsageError where the file is there already, StoreError where it can't be written.
    """
    if file.exists():
        raise UsageError(f"{file}: filen finns redan. Välj ett annat namn.")
    if not file.parent.is_dir():
        raise UsageError(f"{file}: mappen {file.parent} finns inte. Skapa den.")
    part = file.with_name(f".{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        if database.dialect == "sqlite":
            _vacuum_into(database, part)
        else:
            _copy_into(database, part)
        size = _on_disk(part)
        os.replace(part, file)
        _sync_folder(file.parent)
    except OSError as error:
        raise StoreError(
            f"{file}: säkerhetskopian kan inte skrivas ({error.strerror}). Se efter plats och rätt."
        ) from error
    finally:
        for leftover in (part, *_beside(part)):
            leftover.unlink(missing_ok=True)
    return size


def _vacuum_into(database: Database, part: Path) -> None:
    with database.engine.connect() as conn:
        driver: Any = conn.connection.driver_connection
        with _errors_named(part):
            driver.execute("VACUUM INTO ?", (str(part),))
    copy = open_database(f"sqlite:///{part}", migrate=False)
    try:
        with copy.write() as conn:
            for name in _OWN:
                conn.execute(metadata.tables[name].delete())
            conn.execute(hosts.update().values(lease_by=None, lease_until=None))
    finally:
        _close_whole(copy)


def _copy_into(database: Database, part: Path) -> None:
    with _errors_named(part):
        copy = open_database(f"sqlite:///{part}")
        try:
            with database.read() as source, copy.write() as target:
                _copy_rows(source, target)
        finally:
            _close_whole(copy)


@contextmanager
def _errors_named(part: Path) -> Iterator[None]:
    import sqlite3

    try:
        yield
    except sqlite3.Error as error:
        file = part.with_name(part.name.removeprefix(".").removesuffix(".part"))
        raise StoreError(
            f"{file}: säkerhetskopian kan inte skrivas ({error}). Se efter plats och rätt."
        ) from error


def _close_whole(copy: Database) -> None:
    """One file, nothing beside it."""
    with copy.engine.connect() as conn:
        driver: Any = conn.connection.driver_connection
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        driver.execute("PRAGMA journal_mode=DELETE").fetchone()
    copy.close()


def _on_disk(file: Path) -> int:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
    return file.stat().st_size


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _beside(file: Path) -> Iterator[Path]:
    return (file.with_name(file.name + ending) for ending in ("-wal", "-shm", "-journal"))


# ----------------------------------------------------------------------------------------- restore


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restoration did. `told_since`: messages kept that the copy did not know; `uncertain`:
    deliveries that may have been sent since the copy was taken, and are not sent by themselves."""

    captures: int
    told_since: int
    uncertain: int


def restore(database: Database, file: Path, now: datetime) -> Restored:
    """Make the store what it was when `file` was copied: all of it, or nothing.

    What was told stays told: messages, deliveries and published ids of the store as it is are kept
    and win over the copy's. In a store that is empty nothing is known of what was sent since the
    copy: what waited then is set aside, see Restored. Raises UsageError for a file that is no copy
    of ours, StoreBusy while a worker runs.
    """
    with _opened_copy(file) as copy, copy.read() as source, database.write() as conn:
        holder = watch.worker(conn, now)
        if holder is not None and runs(holder):
            raise StoreBusy(
                f"{name_of(holder)[0].upper()}{name_of(holder)[1:]} arbetar med den här databasen:"
                " stoppa «visionsvakt run» först."
            )
        known = _told(conn)
        for table in reversed(metadata.sorted_tables):
            conn.execute(table.delete())
        _copy_rows(source, conn)
        told_since = _tell_no_more(conn, known)
        uncertain = 0 if known else _set_aside(conn)
        # The next look derives the history anew, which knows again what was told since the copy.
        conn.execute(cursors.update().values(stale=True))
        text = f"Återställd ur säkerhetskopian {file.name}."
        details = {"told_since": told_since, "uncertain": uncertain}
        facts.technical(conn, facts.Technical(now, "restored", text, details=details))
        entries = sa.select(sa.func.count()).select_from(ledger_table)
        count = conn.execute(entries.where(ledger_table.c.kind == "capture")).scalar_one()
    return Restored(count, told_since, uncertain)


@contextmanager
def _opened_copy(file: Path) -> Iterator[Database]:
    """The copy at this version's tables, opened in a scratch folder: the file stays as it is."""
    if not file.is_file():
        raise UsageError(
            f"{file}: filen finns inte. Ange en kopia som «visionsvakt backup» har gjort."
        )
    with tempfile.TemporaryDirectory(prefix="visionsvakt-") as folder:
        scratch = Path(folder) / "copy.db"
        try:
            shutil.copyfile(file, scratch)
        except OSError as error:
            raise UsageError(f"{file}: kan inte läsas ({error.strerror}).") from error
        try:
            copy = open_database(f"sqlite:///{scratch}")
        except StoreError as error:
            said = str(error).replace(str(scratch), str(file))
            raise UsageError(f"{file} är ingen säkerhetskopia som går att läsa. {said}") from error
        try:
            if copy.created:
                raise UsageError(f"{file} är ingen säkerhetskopia: filen är tom.")
            yield copy
        finally:
            copy.close()


_TOLD: Final = (messages, attempts, deliveries, tellings, subscribers, anchors)


def _told(conn: Connection) -> dict[str, list[dict[str, Any]]]:
    """Everything that says what was told to whom; empty for a new store."""
    rows = {
        table.name: [dict(row._mapping) for row in conn.execute(sa.select(table))]
        for table in _TOLD
    }
    if not any(rows.values()):
        return {}
    entries = sa.select(ledger_table).where(ledger_table.c.kind == "message")
    rows[ledger_table.name] = [dict(row._mapping) for row in conn.execute(entries)]
    return rows


def _tell_no_more(conn: Connection, known: Mapping[str, list[dict[str, Any]]]) -> int:
    """Put what was told since the copy back on top of it; returns how many messages that is."""
    if not known:
        return 0
    there = set(conn.execute(sa.select(messages.c.id)).scalars())
    new = [row for row in known[messages.name] if row["id"] not in there]
    _insert(conn, messages, new)
    names = {row["id"] for row in new}
    for row in known[ledger_table.name]:
        if row["ref"] in names:
            ledger.enter_again(conn, row["kind"], row["ref"], row["salt"], row["leaf"])
    for table, keys in (
        (deliveries, ("id",)),
        (subscribers, ("subscription", "address")),
        (tellings, ("subscription", "change", "cause")),
    ):
        rows = known[table.name]
        for row in rows:
            same = sa.and_(*(table.c[key] == row[key] for key in keys))
            conn.execute(table.delete().where(same))
        _insert(conn, table, _without(rows, "seq"))
    tries = {(row.delivery, row.at) for row in conn.execute(sa.select(attempts))}
    rows = [row for row in known[attempts.name] if (row["delivery"], row["at"]) not in tries]
    _insert(conn, attempts, _without(rows, "seq"))
    insert_missing(conn, anchors, known[anchors.name])
    return len(new)


def _set_aside(conn: Connection) -> int:
    """Deliveries that waited when the copy was taken: nobody knows whether they were sent."""
    waiting = deliveries.update().where(deliveries.c.state == "waiting")
    values = {"state": "dead", "error": _UNCERTAIN, "lease_by": None, "lease_until": None}
    return conn.execute(waiting.values(values)).rowcount


def _copy_rows(source: Connection, target: Connection) -> None:
    for table in metadata.sorted_tables:
        if table.name in _OWN:
            continue
        query = sa.select(table).execution_options(yield_per=_CHUNK)
        result = source.execute(query)
        for rows in result.partitions(_CHUNK):
            _insert(target, table, [dict(row._mapping) for row in rows])
    target.execute(hosts.update().values(lease_by=None, lease_until=None))
    _renumber(target)


def _insert(conn: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        conn.execute(table.insert(), list(rows))


def _without(rows: Sequence[Mapping[str, Any]], column: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != column} for row in rows]


def _renumber(conn: Connection) -> None:
    """PostgreSQL counts on from the highest number that was copied."""
    if conn.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        highest = conn.execute(sa.select(sa.func.max(column))).scalar()
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        conn.execute(sa.select(sa.func.setval(sequence, highest or 1, highest is not None)))


# ------------------------------------------------------------------------------------------ forget


@dataclass(frozen=True, slots=True)
class Forgotten:
    """In how many rows an address stood. The log keeps its entries, their salts are gone."""

    subscribers: int
    deliveries: int
    messages: int


def forget(database: Database, address: str, by: str, why: str, now: datetime) -> Forgotten:
    """Erase an address from everything that is kept; the decision stays, without the address.

    Raises UsageError where it stands nowhere. Copies taken earlier still hold it.
    """
    with database.write() as conn:
        _overwrite(conn)
        gone = _erase(conn, address)
        if not any((gone.subscribers, gone.deliveries, gone.messages)):
            raise UsageError(
                f"{address}: adressen finns inte i databasen. Se «visionsvakt deliveries list»."
            )
        facts.decide(conn, facts.NewDecision("forget", by, why.replace(address, _FORGOTTEN), now))
    if database.dialect == "sqlite":  # nothing of it stays in the write-ahead log
        with database.engine.connect() as conn:
            driver: Any = conn.connection.driver_connection
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return gone


_FORGOTTEN: Final = "(glömd)"


def _overwrite(conn: Connection) -> None:
    """What is deleted is overwritten in the file, not only let go."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA secure_delete=ON")


def _erase(conn: Connection, address: str) -> Forgotten:
    left = conn.execute(subscribers.delete().where(subscribers.c.address == address)).rowcount
    stood = 0
    for row in conn.execute(sa.select(deliveries.c.id, deliveries.c.address)).all():
        if row.address != address:
            continue
        stood += 1
        mine = deliveries.c.id == row.id
        blank = f"{_FORGOTTEN} {short_id('a', [row.id])}"
        values: dict[str, Any] = {"address": blank}
        state = conn.execute(sa.select(deliveries.c.state).where(mine)).scalar_one()
        if state == "waiting":
            values |= {"state": "dead", "error": "Adressen är glömd."}
        conn.execute(deliveries.update().where(mine).values(values))
    for column in (attempts.c.text, deliveries.c.error, incidents.c.text, incidents.c.mend):
        _replace(conn, column, address)
    _replace(conn, incidents.c.subject, address)
    told = 0
    for row in conn.execute(sa.select(messages.c.id, messages.c.payload)).all():
        cleaned = _cleaned(row.payload, address)
        if cleaned != row.payload:
            told += 1
            conn.execute(messages.update().where(messages.c.id == row.id).values(payload=cleaned))
            mine = (ledger_table.c.ref == row.id) & (ledger_table.c.kind == "message")
            conn.execute(ledger_table.update().where(mine).values(salt=None))
    return Forgotten(left, stood, told)


def _replace(conn: Connection, column: sa.Column[Any], address: str) -> None:
    table: Any = column.table
    query = table.update().where(column.contains(address, autoescape=True))
    conn.execute(query.values({column: sa.func.replace(column, address, _FORGOTTEN)}))


def _cleaned(value: Any, address: str) -> Any:
    if isinstance(value, str):
        return value.replace(address, _FORGOTTEN)
    if isinstance(value, list):
        return [_cleaned(part, address) for part in value]
    if isinstance(value, dict):
        return {_cleaned(key, address): _cleaned(part, address) for key, part in value.items()}
    return value


# ------------------------------------------------------------------------------------------ rename


def rename_page(
    database: Database, old: str, new: str, by: str, now: datetime, why: str = ""
) -> None:
    """Give a page another id and keep its history; the renaming is on record.

    Where `new` came into the configuration first, it is a page already, but one without a single
    look: that one makes way. Raises UsageError where `old` is not there or `new` has a history.
    """
    if old == new:
        raise UsageError(f"{new}: sidan heter redan så. Välj ett annat id.")
    with database.write() as conn:
        page = watch.page(conn, old)
        taken = conn.execute(sa.select(pages.c.key).where(pages.c.id == new)).scalar()
        if taken is not None and facts.last_at(conn, taken) is None:
            conn.execute(pages.delete().where(pages.c.key == taken))
        watch.rename(conn, old, new)
        said = why or f"{old} heter nu {new}."
        facts.decide(conn, facts.NewDecision("rename", by, said, now, page=page.key))


def take_turns(folder: Path, keep: int, named: Callable[[str], bool]) -> list[Path]:
    """The oldest of the copies in a folder beyond the `keep` newest, by name; removed."""
    copies = sorted(file for file in folder.iterdir() if file.is_file() and named(file.name))
    old = copies[: max(len(copies) - keep, 0)]
    for file in old:
        file.unlink()
    return old
