"""Copies by the timetable, old looks packed, and a new history that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.errors import StoreError
from monitor.model import Reason
from notifications import incidents
from pipeline.beginning import begin_history
from pipeline.upkeep import BackupPlan, Upkeep, make_copy, pack_old_looks
from snapshots import facts, watch
from snapshots.database import Database, open_database
from snapshots.schema import capture_packs, captures
from snapshots.verify import verify
from snapshots.watch import WatchedPage
from tests.support.program import FIRST, Home, by_mail, config, mail, page, table, until
from tests.support.web import Served, Site

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "kopior"
    made.mkdir()
    return made


def kept_up(upkeep: Upkeep, database: Database, now: datetime) -> Path | None:
    return upkeep.run(database, lambda: now)


def with_looks(database: Database, number: int, step: timedelta, since: datetime) -> str:
    """A page with so many looks, a failure among each three."""
    with database.write() as conn:
        wanted = WatchedPage("granvik", "Granvik", "https://granvik.example/", "granvik", "1h")
        watch.sync_pages(conn, [wanted], since)
        key = watch.page(conn, "granvik").key
        for index in range(number):
            at = since + index * step
            body = FIRST.html if index % 3 else None
            failure = None if body else Reason("network", "nätet är borta")
            facts.record(conn, facts.NewCapture(key, at, body=body, failure=failure))
    return key


# ----------------------------------------------------------------------------------------- copies


def test_a_copy_is_made_when_the_time_has_come_and_not_before(
    sqlite_store: Database, folder: Path
) -> None:
    plan = BackupPlan(folder, timedelta(days=1), 14)
    upkeep = Upkeep(plan)
    made = kept_up(upkeep, sqlite_store, NOON)
    assert made == folder / "visionsvakt-20261123T120000Z.db"
    assert not upkeep.is_due(NOON + timedelta(hours=11))
    for started_anew in (upkeep, Upkeep(plan)):
        assert kept_up(started_anew, sqlite_store, NOON + timedelta(hours=23)) is None
    assert kept_up(Upkeep(plan), sqlite_store, NOON + timedelta(days=1)) is not None
    assert len(names(folder)) == 2


def test_our_oldest_copies_beyond_keep_go_and_nothing_else(
    sqlite_store: Database, folder: Path
) -> None:
    others = ["visionsvakt-2020.db", "visionsvakt-20200101T000000Z.db.gz", "bokslut.xlsx"]
    others += ["min visionsvakt-20200101T000000Z.db", "visionsvakt.db"]
    for name in others:
        (folder / name).write_text("någon annans")
    for day in range(4):
        made = make_copy(sqlite_store, folder, 2, NOON + timedelta(days=day))
    ours = ["visionsvakt-20261125T120000Z.db", made.name]
    assert names(folder) == sorted([*others, *ours])


def test_what_a_killed_copy_left_is_cleared_away(sqlite_store: Database, folder: Path) -> None:
    for ending in ("", "-journal"):
        (folder / f".visionsvakt-20261122T120000Z.db.part{ending}").write_text("halv")
    (folder / ".någon annans.part").write_text("hel")
    make_copy(sqlite_store, folder, 2, NOON)
    assert names(folder) == [".någon annans.part", "visionsvakt-20261123T120000Z.db"]


def test_a_copy_from_the_future_holds_nothing_up(sqlite_store: Database, folder: Path) -> None:
    (folder / "visionsvakt-20361123T120000Z.db").write_text("klockan gick fel")
    assert kept_up(Upkeep(BackupPlan(folder)), sqlite_store, NOON) is not None


def test_a_copy_that_fails_is_an_incident_is_tried_later_and_removes_nothing(
    sqlite_store: Database, folder: Path
) -> None:
    for day in range(3):
        make_copy(sqlite_store, folder, 9, NOON - timedelta(days=9 - day))
    before = names(folder)
    away = folder.rename(folder.with_name("borta"))
    upkeep = Upkeep(BackupPlan(folder, timedelta(days=1), 1))
    with pytest.raises(StoreError, match="kopior"):
        kept_up(upkeep, sqlite_store, NOON)
    assert not upkeep.is_due(NOON + timedelta(minutes=59))
    with sqlite_store.read() as conn:
        (incident,) = incidents.open_incidents(conn)
    assert (incident.cause, incident.subject) == ("backup_failed", "store:säkerhetskopian")
    assert names(away) == before
    away.rename(folder)
    assert kept_up(upkeep, sqlite_store, NOON + timedelta(hours=1)) is not None
    with sqlite_store.read() as conn:
        assert incidents.open_incidents(conn) == ()
    assert names(folder) == ["visionsvakt-20261123T130000Z.db"]


def test_a_copy_by_the_timetable_restores_to_the_same(store: Database, folder: Path) -> None:
    with_looks(store, 30, timedelta(hours=1), NOON)
    made = kept_up(Upkeep(BackupPlan(folder)), store, NOON + timedelta(days=3))
    assert made is not None
    copy = open_database(f"sqlite:///{made}")
    with copy.read() as conn, store.read() as here:
        assert verify(conn).root == verify(here).root
        assert verify(conn).ok
    copy.close()


# ---------------------------------------------------------------------------------------- packing


def test_looks_of_past_days_are_packed_and_lose_nothing(store: Database) -> None:
    key = with_looks(store, 150, timedelta(hours=12), NOON)  # from November to February
    end = NOON + timedelta(hours=12 * 150)
    with store.read() as conn:
        before = list(facts.kept(conn, key))
        root = verify(conn).root
    assert pack_old_looks(store, end.date()) == 149
    with store.read() as conn:
        assert list(facts.kept(conn, key)) == before
        assert verify(conn).root == root
        assert verify(conn).ok
        assert conn.execute(sa.select(sa.func.count()).select_from(captures)).scalar() == 1
        assert conn.execute(sa.select(sa.func.count()).select_from(capture_packs)).scalar() == 4
    assert pack_old_looks(store, end.date()) == 0


def test_packing_is_a_months_transaction_and_stops_when_it_is_told_to(
    sqlite_store: Database,
) -> None:
    with_looks(sqlite_store, 100, timedelta(days=1), NOON)
    turns = iter([True, True, False])
    packed = pack_old_looks(sqlite_store, NOON.date() + timedelta(days=100), lambda: next(turns))
    assert packed == 8 + 31  # November's last days and December
    with sqlite_store.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(captures)).scalar() == 61


def test_the_round_is_made_once_a_day(sqlite_store: Database) -> None:
    upkeep = Upkeep()
    assert upkeep.is_due(NOON)
    kept_up(upkeep, sqlite_store, NOON)
    assert not upkeep.is_due(NOON + timedelta(hours=11, minutes=59))
    assert upkeep.is_due(NOON + timedelta(hours=12))


def test_the_round_packs_what_is_old_also_where_the_canary_fails(sqlite_store: Database) -> None:
    with_looks(sqlite_store, 30, timedelta(hours=12), NOON - timedelta(days=15))

    def croaks(database: Database, clock: Callable[[], datetime]) -> None:
        raise StoreError("tyst")

    with pytest.raises(StoreError, match="tyst"):
        kept_up(Upkeep(try_all=croaks), sqlite_store, NOON)
    with sqlite_store.read() as conn:
        loose = conn.execute(sa.select(sa.func.count()).select_from(captures)).scalar()
        packs = conn.execute(sa.select(sa.func.count()).select_from(capture_packs)).scalar()
    assert (loose, packs) == (1, 1), "but for what is of today"


# ---------------------------------------------------------------------------------- a new history


def test_a_new_history_is_recorded_once(store: Database) -> None:
    for _ in range(2):
        with store.write() as conn:
            assert begin_history(conn, store.place, NOON)
    with_looks(store, 2, timedelta(hours=1), NOON)
    with store.write() as conn:
        assert not begin_history(conn, store.place, NOON)
        assert [one.code for one in facts.technical_log(conn)] == ["new_store"]


# ------------------------------------------------------------------------------------ the program


@pytest.fixture
def site() -> Iterator[Site]:
    html = [FIRST.html]
    with Site(lambda asked: Served(b"", 404) if "robots" in asked.path else Served(html[0])) as one:
        yield one


LOUD = "NY HISTORIK PÅBÖRJAD"


def test_an_empty_store_is_said_loudly_by_check_run_and_import(site: Site, tmp_path: Path) -> None:
    for command in ("check", "import"):
        home = Home(tmp_path / command, config(page("granvik", site.url("/p"))))
        (home.folder / "20261120T060000Z.html").write_bytes(FIRST.html)
        words = ["check"] if command == "check" else ["import", "granvik", "20261120T060000Z.html"]
        first = home.run(*words)
        assert first.code == 0
        (line,) = [one for one in first.err.splitlines() if LOUD in one]
        assert str(home.store) in line
        assert "restore" in line
        assert LOUD not in home.run(*words).err
    home = Home(tmp_path / "run", config(page("granvik", site.url("/p"))))
    with home.started("run") as worker:
        worker.line(LOUD)
        worker.line("första avläsningen")
        worker.stop()
    with home.started("run") as worker:
        worker.line("vaktar 1 sida")
        worker.stop()
    assert not [line for line in worker.err if LOUD in line]


def test_a_refused_import_into_an_empty_store_stays_one_line(tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", "https://granvik.example/")))
    assert "nix" in home.refused("import", "granvik", "nix.html")
    assert LOUD not in home.refused("check", "nix")


def test_operators_hear_of_a_new_history(tmp_path: Path) -> None:
    home = Home(
        tmp_path,
        config(
            page("granvik", "http://127.0.0.1:9/"),
            by_mail(id="driften", about="operation"),
            mail(9),
        ),
    )
    home.run("check")
    home.run("deliver")
    listed = home.json("deliveries", "list")["deliveries"]
    assert {one["subscription"] for one in listed} == {"driften"}
    home.run("deliver")
    assert len(home.json("deliveries", "list")["deliveries"]) == len(listed)


def test_the_worker_copies_by_its_timetable_beside_the_looks(site: Site, tmp_path: Path) -> None:
    copies = tmp_path / "kopior"
    copies.mkdir()
    home = Home(
        tmp_path,
        config(
            page("granvik", site.url("/p"), every="1s"),
            table("[backup]", folder="kopior", every="1m", keep=2),
        ),
    )
    with home.started("run") as worker:
        worker.line("första avläsningen")
        until(lambda: any(name.endswith(".db") for name in names(copies)))
        worker.lines("inget har ändrats", 1)
        worker.stop()
        assert worker.process.returncode == 0
    (made,) = names(copies)
    other = Home(tmp_path / "annan", config(page("granvik", site.url("/p"))))
    assert other.run("restore", str(copies / made)).code == 0
    assert other.json("verify")["ok"]


def test_a_missing_backup_folder_is_one_line_and_looks_go_on(site: Site, tmp_path: Path) -> None:
    home = Home(
        tmp_path,
        config(
            page("granvik", site.url("/p"), every="1s"),
            table("[backup]", folder="finns-inte"),
        ),
    )
    with home.started("run") as worker:
        line = worker.line("Säkerhetskopian kunde inte tas")
        worker.lines("inget har ändrats", 2)
        worker.stop()
    assert "finns-inte" in line
    assert len([one for one in worker.err if "Säkerhetskopian" in one]) == 1
