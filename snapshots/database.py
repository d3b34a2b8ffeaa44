"""The door to the store: one address, one writer at a time, migrations before anything else.

When `Database.write()` ends without an exception, what was written survives a power cut (SQLite:
WAL with `synchronous=FULL`). When it ends with one, nothing of it was written.

Errors of the database are sorted here by what the caller does: StoreBusy (try again) and StoreError
(ask the operator), each one Swedish line that names the store and the mend.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from monitor.errors import ConfigurationError, StoreBusy, StoreError
from snapshots import ledger

HEAD: Final = "0003"
"""The newest migration; a test holds it equal to what is in migrations/versions."""
BUSY_TIMEOUT_SECONDS: Final = 10.0
"""How long a write waits for another program that writes."""
_PAGE_BYTES: Final = 2048
"""Of a SQLite page: most of our rows and blobs are small, and there are many small tables."""
_AT_ONCE: Final = 500
"""Values in one query's list."""
_Value = TypeVar("_Value", str, int, bytes, datetime)
_SHM_SIZE: Final = 4874
"""SQLITE_IOERR_SHMSIZE."""
_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_TO_WRITE: Final = "to write"
"""In a connection's `info`: the transaction that begins will write."""
_MIGRATION_LOCK: Final = 0x56495349  # any number that is the same in every program of ours


class Database:
    """An open store. Thread-safe; close it once, at the end."""

    def __init__(self, engine: Engine, created: bool) -> None:
        self.engine = engine
        self.created = created
        """Whether opening it made a new, empty store."""
        self._writer = threading.Lock()
        self._writing: int | None = None

    @property
    def dialect(self) -> str:
        """«sqlite» or «postgresql»."""
        return self.engine.dialect.name

    @property
    def path(self) -> Path | None:
        """The SQLite file; None for PostgreSQL."""
        return _file_of(self.engine.url)

    @property
    def place(self) -> str:
        """How messages name this store: never with a password."""
        return _place(self.engine.url)

    def read(self) -> AbstractContextManager[Connection]:
        """One consistent view of the store, for reading. Raises StoreError, StoreBusy."""
        return self._read()

    def write(self, *, durable: bool = True) -> AbstractContextManager[Connection]:
        """One transaction: all of it, or nothing. Raises StoreError, StoreBusy.

        SQLite: `BEGIN IMMEDIATE`, one writer at a time in this process. The ledger's entries are
        written last, just before the commit. Not `durable`: a power cut may take it back (SQLite
        then waits for no disk): for leases and turns, which a new start takes anew.
        """
        return self._write(durable)

    def trouble(self) -> str | None:
        """None where the database can be written and its tables are those of this version."""
        try:
            with self.write() as conn:
                found = revision_of(conn)
        except StoreError as error:
            return str(error)
        return None if found == HEAD else f"databasen har version {found}, programmet {HEAD}"

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with sorted_errors(self.engine.url), self.engine.connect() as conn:
            if self.dialect == "postgresql":
                conn = conn.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield conn

    @contextmanager
    def _write(self, durable: bool) -> Iterator[Connection]:
        me = threading.get_ident()
        if self._writing == me:
            raise RuntimeError("a write inside a write: pass the connection on instead")
        with (
            sorted_errors(self.engine.url),
            self._turn(me),
            self.engine.connect() as conn,
            self._synced(conn, durable),
            _begun_to_write(conn),
            ledger.collected(conn),
        ):
            yield conn

    @contextmanager
    def _synced(self, conn: Connection, durable: bool) -> Iterator[None]:
        """Wait for the disk at the commit only where that is asked for."""
        if durable or self.dialect != "sqlite":
            yield
            return
        driver: Any = conn.connection.driver_connection
        driver.execute("PRAGMA synchronous=NORMAL")
        try:
            yield
        finally:
            driver.execute("PRAGMA synchronous=FULL")

    @contextmanager
    def _turn(self, me: int) -> Iterator[None]:
        if self.dialect != "sqlite":
            yield
            return
        with self._writer:
            self._writing = me
            try:
                yield
            finally:
                self._writing = None


def open_database(url: str, *, migrate: bool = True) -> Database:
    """Open the store at `url` (`sqlite:///FILE`, `postgresql+psycopg://user@host/name`).

    With `migrate`, the tables are made or brought to this version; without, a store that is not
    at this version raises StoreError. Raises ConfigurationError for an address that is none,
    StoreError where there is no such place, and for a store that a newer program made.
    """
    try:
        address = sa.make_url(url)
        if "@" in (address.host or ""):
            raise ValueError("a part of the password")
    except (sa.exc.ArgumentError, ValueError):  # it quotes what it read, perhaps the password
        raise ConfigurationError(
            "database.url: går inte att tolka; skriv postgresql+psycopg://användare@värd:5432/namn,"
            " och i ett lösenord %40 för @, %3A för :, %2F för /"
        ) from None
    if address.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigurationError(
            f"database.url: «{address.get_backend_name()}» stöds inte;"
            " skriv sqlite:///FIL eller postgresql+psycopg://användare@värd/namn"
        )
    file = _file_of(address)
    if file is not None and not file.parent.is_dir():
        raise StoreError(f"Mappen {file.parent} finns inte: skapa den, eller ändra database.url.")
    engine = _engine(address)
    try:
        with sorted_errors(address):
            created = _prepare(engine, migrate)
    except BaseException:
        engine.dispose()
        raise
    return Database(engine, created)


@contextmanager
def database_in_memory() -> Iterator[Database]:
    """An empty store that nobody else sees, gone after the `with`. For the thread that opens it.

    Made from the schema, not by the migrations: without what `search` alone asks for.
    """
    from snapshots.schema import metadata

    database = Database(_engine(sa.make_url("sqlite://")), created=True)
    try:
        with database.write() as conn:
            metadata.create_all(conn, checkfirst=False)
        yield database
    finally:
        database.close()


def revision_of(conn: Connection) -> str | None:
    """The migration the store is at; None for an empty one."""
    if not sa.inspect(conn).has_table("alembic_version"):
        return None
    return conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def migrate_to(conn: Connection, revision: str) -> None:
    """Bring the tables up or down to `revision` inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    current = revision_of(conn)
    if revision == "base" or (current is not None and revision < current):
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def some_at_once(values: Iterable[_Value]) -> Iterator[list[_Value]]:
    """All of them in a fixed order, so many at a time as one query's list may hold."""
    ordered = sorted(values)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]


def insert_missing(conn: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those rows whose key is not there yet; the others stay as they are."""
    if not rows:
        return
    conn.execute(_insert_missing(table, conn.dialect.name), rows)


@lru_cache(maxsize=64)
def _insert_missing(table: sa.Table, dialect: str) -> sa.Insert:
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table).on_conflict_do_nothing()


def _prepare(engine: Engine, migrate: bool) -> bool:
    """Bring the store to this version. Returns whether it was empty."""
    with engine.connect() as conn:
        if engine.dialect.name == "sqlite":
            _use_wal(conn)
        before = revision_of(conn)
        if before == HEAD:
            return False
        if migrate and before in _known_revisions():
            _keep_copy(conn, before)
    with engine.connect() as conn, _begun_to_write(conn):
        if engine.dialect.name == "postgresql":
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        current = revision_of(conn)  # another program may have done it while we waited
        if current == HEAD:
            return False
        if current is not None and current not in _known_revisions():
            raise StoreError(
                f"{_place(engine.url)} skapades av en nyare Visionsvakt (version {current} av"
                f" tabellerna, den här kan {HEAD}): kör den nyare, eller återställ en kopia."
            )
        if not migrate:
            raise StoreError(
                f"{_place(engine.url)} är inte uppgraderad till den här versionen:"
                " kör «visionsvakt check», eller «visionsvakt run» utan --no-migrate, en gång."
            )
        migrate_to(conn, HEAD)
        return current is None


def _known_revisions() -> set[str]:
    return {path.name.split("_")[0] for path in _MIGRATIONS.glob("versions/*.py")}


def _keep_copy(conn: Connection, revision: str) -> None:
    """Copy a SQLite store beside itself before its tables change, once for each version of them.

    Not for PostgreSQL: there a migration is one transaction, and `visionsvakt backup` makes copies.
    """
    file = _file_of(conn.engine.url)
    if file is None:
        return
    copy = file.with_name(f"{file.name}.{revision}")
    if copy.exists():
        return
    part = copy.with_name(f".{copy.name}.part")
    conn.rollback()  # VACUUM wants no transaction around it
    driver: Any = conn.connection.driver_connection
    try:
        part.unlink(missing_ok=True)
        driver.execute("VACUUM INTO ?", (str(part),))
        part.replace(copy)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"{_place(conn.engine.url)}: ingen kopia går att göra före uppgraderingen ({error}):"
            " frigör plats och kör igen. Inget är ändrat."
        ) from error


def _use_wal(conn: Connection) -> None:
    """Write-ahead log: readers and the writer don't wait for each other. It stays in the file."""
    driver: Any = conn.connection.driver_connection
    (mode,) = driver.execute("PRAGMA journal_mode").fetchone()
    if mode not in ("wal", "memory"):
        driver.execute("PRAGMA journal_mode=WAL").fetchone()


def _engine(address: sa.URL) -> Engine:
    if address.get_backend_name() == "postgresql":
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        try:
            return sa.create_engine(
                address, pool_pre_ping=True, max_overflow=20, hide_parameters=True
            )
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "PostgreSQL behöver ett tillägg: installera visionsvakt[postgresql]"
            ) from error
    if _file_of(address) is None:  # in memory: one connection, shared
        engine = sa.create_engine(address, poolclass=sa.StaticPool, hide_parameters=True)
    else:
        engine = sa.create_engine(address, max_overflow=20, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def connected(driver: Any, record: Any) -> None:
        driver.isolation_level = None  # we say BEGIN ourselves, below
        driver.execute("PRAGMA foreign_keys=ON")
        driver.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_SECONDS * 1000)}")
        driver.execute("PRAGMA synchronous=FULL")
        driver.execute(f"PRAGMA page_size={_PAGE_BYTES}")  # heeded where the file is still empty

    # Not by the event «begin»: an engine that anybody listens to pays for it at every statement.
    engine.dialect.do_begin = _begin  # type: ignore[method-assign,assignment]
    return engine


def _begin(driver: Any) -> None:
    driver.execute("BEGIN IMMEDIATE" if _TO_WRITE in driver.info else "BEGIN")


@contextmanager
def _begun_to_write(conn: Connection) -> Iterator[None]:
    """One transaction; on SQLite one that nobody else writes beside, from its first moment."""
    conn.info[_TO_WRITE] = True
    try:
        transaction = conn.begin()
    finally:
        conn.info.pop(_TO_WRITE, None)
    with transaction:
        yield


def _file_of(address: sa.URL) -> Path | None:
    if address.get_backend_name() != "sqlite":
        return None
    name = address.database
    return None if not name or name == ":memory:" else Path(name)


def _place(address: sa.URL) -> str:
    file = _file_of(address)
    if file is not None:
        return f"Databasen {file}"
    shown = address.difference_update_query(["password", "sslpassword"])  # libpq takes them there
    return f"Databasen {shown.render_as_string(hide_password=True)}"


@contextmanager
def sorted_errors(address: sa.URL) -> Iterator[None]:
    """Turn the database's own errors into StoreBusy and StoreError; bugs stay what they are."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        place = _place(address)
        known = None
        cause: BaseException | None = error
        while known is None and cause is not None:
            # SQLite gives up the whole transaction where the disk is full: a savepoint inside it
            # can't be gone back to, and that error hides the one that says why.
            if isinstance(cause, sa.exc.DBAPIError):
                known = _sorted_error(cause, address, place)
            cause = cause.__context__
        if known is None:
            raise
        raise known from error
    except sa.exc.TimeoutError as error:
        raise StoreBusy(
            f"{_place(address)} har för många samtidiga läsare: försök igen."
        ) from error


def _sorted_error(error: sa.exc.DBAPIError, address: sa.URL, place: str) -> StoreError | None:
    if address.get_backend_name() == "sqlite":
        return _sqlite_error(error.orig, place)
    return _postgresql_error(error, place)


def _sqlite_error(error: BaseException | None, place: str) -> StoreError | None:
    """By SQLite's result codes: https://www.sqlite.org/rescode.html."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    if code == _SHM_SIZE:  # a full disk has no room for the index of the write-ahead log either
        code = 13
    match code & 0xFF:
        case 5 | 6:  # BUSY, LOCKED
            return StoreBusy(
                f"{place} är låst av ett annat program: vänta och försök igen,"
                " eller avsluta det andra programmet."
            )
        case 8 | 3:  # READONLY, PERM
            return StoreError(f"{place} går bara att läsa: ge programmet rätt att skriva dit.")
        case 13:  # FULL
            return StoreError(
                f"{place} ryms inte, disken är full: frigör plats och kör igen."
                " Inget är halvskrivet."
            )
        case 14:  # CANTOPEN
            return StoreError(f"{place} går inte att öppna: se efter mapp och rättigheter.")
        case 10:  # IOERR
            return StoreError(f"{place}: disken svarar med fel ({error}): se efter disken.")
        case 11 | 26:  # CORRUPT, NOTADB
            return StoreError(
                f"{place} är skadad eller ingen databas: flytta undan filen och återställ en kopia"
                " med «visionsvakt restore FIL»."
            )
    return None


def _postgresql_error(error: sa.exc.DBAPIError, place: str) -> StoreError | None:
    """By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html."""
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        if isinstance(error, sa.exc.OperationalError):
            first = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "inget"
            return StoreError(f"{place} svarar inte ({first}): se efter server och adress.")
        return None
    if state in ("55P03", "40P01", "40001", "57014"):
        return StoreBusy(f"{place} är upptagen av ett annat program: försök igen.")
    if state.startswith("53"):
        if state == "53100":
            return StoreError(
                f"{place} ryms inte, disken är full: frigör plats och kör igen."
                " Inget är halvskrivet."
            )
        return StoreBusy(f"{place} har slut på resurser ({state}): försök igen.")
    if state in ("25006", "42501"):
        return StoreError(f"{place} går bara att läsa: ge användaren rätt att skriva.")
    if state == "3D000":
        return StoreError(f"{place} finns inte: skapa den med createdb.")
    if state.startswith("28"):
        return StoreError(f"{place} släpper inte in användaren: se efter namn och lösenord.")
    if state.startswith(("08", "57", "58", "XX")):
        return StoreError(f"{place} svarar inte ({state}): se efter servern.")
    return None
