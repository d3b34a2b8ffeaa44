"""/metrics says how old what we know is, never whose address it is; alerts fire in their faults."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from notifications import incidents
from notifications.incidents import Trouble
from snapshots import watch as pages
from snapshots.database import Database, open_database
from tests.support.editions import ERROR_PAGE
from tests.support.histories import Style, make_history
from tests.support.store import sqlite_store as sqlite_store
from tests.support.telling import by_hook, by_mail
from tests.support.watching import Watch
from web.health import serve
from web.metrics import Metrics, Watched

OPS = Path(__file__).parents[1] / "ops"
HOUR = timedelta(hours=1)
ITEMS = make_history(5, Style(size=20), 1).editions[0].initiatives
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing (make system)"
)


def figures(metrics: Metrics) -> dict[str, float]:
    """The page as name and labels -> value."""
    lines = metrics.page().decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def of(watch: Watch) -> Metrics:
    return Metrics(Watched(watch.store, lambda: watch.now, lambda: watch.now - HOUR, version="9"))


def test_the_age_of_the_last_good_look_grows_while_a_page_cannot_be_read(
    sqlite_store: Database,
) -> None:
    watch = Watch(sqlite_store)
    watch.look("omsorg", ITEMS)
    watch.now += 3 * HOUR
    before = figures(of(watch))
    name = 'visionsvakt_page_last_good_look_age_seconds{page="omsorg"}'
    assert before[name] >= 3 * 3600
    assert before['visionsvakt_page_quarantined{page="omsorg"}'] == 0
    watch.look("omsorg", ERROR_PAGE)
    after = figures(of(watch))
    assert after[name] >= before[name]
    assert after['visionsvakt_page_quarantined{page="omsorg"}'] == 1
    assert after["visionsvakt_tick_age_seconds"] == 3600
    assert after["visionsvakt_store_up"] == 1
    assert after["visionsvakt_store_bytes"] > 100_000


def test_looks_are_counted_by_outcome_and_every_outcome_is_there_from_the_start(
    sqlite_store: Database,
) -> None:
    metrics = of(Watch(sqlite_store))
    metrics.looked("changed")
    metrics.looked("changed")
    found = figures(metrics)
    assert found['visionsvakt_looks_total{outcome="changed"}'] == 2
    assert found['visionsvakt_looks_total{outcome="quarantined"}'] == 0
    assert found['visionsvakt_deliveries{state="waiting"}'] == 0


def test_incidents_are_counted_by_what_they_are_about(sqlite_store: Database) -> None:
    watch = Watch(sqlite_store)
    with sqlite_store.write() as conn:
        incidents.note(conn, "channel:e-post", Trouble("dns", "…"), watch.now, after=1)
    found = figures(of(watch))
    assert found['visionsvakt_incidents_open{about="channel"}'] == 1
    assert found['visionsvakt_incidents_open{about="page"}'] == 0


def test_a_store_that_cannot_be_read_is_a_figure_and_no_error(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/a.db")
    watch = Watch(database)
    database.close()
    for file in tmp_path.iterdir():
        file.unlink()
    (tmp_path / "a.db").write_bytes(b"this is no database at all" * 100)
    found = figures(of(watch))
    assert found["visionsvakt_store_up"] == 0
    assert "visionsvakt_deliveries" not in str(found)


def test_nothing_in_it_is_an_address(sqlite_store: Database) -> None:
    hook = by_hook("https://intranat.granvik.example/secret-path")
    watch = Watch(sqlite_store, subscriptions=(by_mail("kim@granvik.example"), hook))
    watch.look("omsorg", ITEMS)
    text = of(watch).page().decode()
    assert "granvik" not in text
    assert "@" not in text


def test_a_page_that_is_late_and_fails_shows_it_and_one_never_read_by_its_age(
    sqlite_store: Database,
) -> None:
    watch = Watch(sqlite_store, ids=("omsorg", "trygg"))
    added = watch.now
    watch.look("omsorg", ITEMS)
    with sqlite_store.write() as conn:
        pages.schedule_next(conn, watch.pages["omsorg"].key, watch.now + HOUR, 7)
        pages.schedule_next(conn, watch.pages["trygg"].key, watch.now + 4 * HOUR, 0)
    watch.now += 3 * HOUR
    found = figures(of(watch))
    assert found['visionsvakt_page_failures{page="omsorg"}'] == 7
    assert found['visionsvakt_page_failures{page="trygg"}'] == 0
    assert found['visionsvakt_page_overdue_seconds{page="omsorg"}'] == 2 * 3600
    assert found['visionsvakt_page_overdue_seconds{page="trygg"}'] == 0
    ages = {
        name: found[f'visionsvakt_page_last_good_look_age_seconds{{page="{name}"}}']
        for name in watch.ids
    }
    assert ages == {"omsorg": 3 * 3600, "trygg": (watch.now - added).total_seconds()}


def test_how_long_the_oldest_delivery_waits_is_told(sqlite_store: Database) -> None:
    watch = Watch(sqlite_store)
    watch.look("omsorg", ITEMS)
    watch.look("omsorg", ITEMS[1:])
    assert figures(of(watch))["visionsvakt_oldest_delivery_seconds"] == 0
    assert watch.send() == 1
    watch.now += 5 * HOUR
    found = figures(of(watch))
    assert found["visionsvakt_oldest_delivery_seconds"] == 5 * 3600
    assert found['visionsvakt_deliveries{state="waiting"}'] == 1


def test_the_newest_copy_is_as_old_as_it_is_and_none_where_none_are_made(
    sqlite_store: Database, tmp_path: Path
) -> None:
    watch, folder = Watch(sqlite_store), tmp_path / "kopior"
    folder.mkdir()
    metrics = Metrics(Watched(sqlite_store, lambda: watch.now, backups=lambda: folder))
    name = "visionsvakt_backup_age_seconds"
    assert name not in figures(metrics)
    for hours in (50, 2):
        made = watch.now - hours * HOUR
        (folder / f"visionsvakt-{made:%Y%m%dT%H%M%SZ}.db").touch()
    assert figures(metrics)[name] == 2 * 3600
    assert name not in figures(of(watch))


def test_it_is_served_beside_the_health_addresses(sqlite_store: Database) -> None:
    metrics = of(Watch(sqlite_store))
    with (
        serve("127.0.0.1", 0, lambda: None, [metrics.route()]) as server,
        httpx.Client(trust_env=False) as client,
    ):
        answer = client.get(f"http://127.0.0.1:{server.address[1]}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "visionsvakt_build_info" in answer.text


@promtool
def test_prometheus_own_tool_finds_nothing_to_say_about_the_figures(
    sqlite_store: Database,
) -> None:
    watch = Watch(sqlite_store)
    watch.look("omsorg", ITEMS)
    page = of(watch).page()
    said = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, check=False
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, b"")


@promtool
@pytest.mark.parametrize(
    "words", [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]]
)
def test_each_alert_fires_in_its_fault_and_is_quiet_before_and_after(words: list[str]) -> None:
    said = subprocess.run(
        ["promtool", *words], cwd=OPS, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr


def test_every_figure_an_alert_asks_for_is_one_that_we_give(sqlite_store: Database) -> None:
    watch = Watch(sqlite_store)
    given = of(watch).page().decode()
    asked = set(re.findall(r"visionsvakt_\w+", (OPS / "alerts.yml").read_text()))
    asked -= {"visionsvakt_backup_age_seconds"}  # only where there are backups
    for name in asked:
        assert f"# TYPE {name.removesuffix('_total')}" in given, name


def test_operators_find_every_alert_in_their_handbook_as_severe_as_it_is() -> None:
    found = re.findall(
        r"alert: (\w+)\n.*?severity: (\w+)", (OPS / "alerts.yml").read_text(), re.DOTALL
    )
    handbook = (OPS.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    assert found == re.findall(r"^\| `(Visionsvakt\w+)` \| (\w+) \|", handbook, re.MULTILINE)
