"""`run` by the real program: another configuration on SIGHUP, the sign of life, who may begin."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snapshots import holders
from snapshots.database import migrate_to, open_database
from tests.support.hooks import Hook
from tests.support.mail import MailHost
from tests.support.program import (
    AT_ONCE_SECONDS,
    ELSEWHERE,
    FIRST,
    SECOND,
    Home,
    by_mail,
    config,
    container,
    have_containers,
    lease,
    mail,
    page,
    table,
    until,
)
from tests.support.web import Asked, Served, Site


class Town(Site):
    """Serves every path the same page, which may be exchanged."""

    def __init__(self) -> None:
        super().__init__(self._serve)
        self.html = FIRST.html

    def _serve(self, asked: Asked) -> Served:
        return Served(b"", 404) if asked.path == "/robots.txt" else Served(self.html)


@pytest.fixture
def site() -> Iterator[Town]:
    with Town() as town:
        yield town


@pytest.fixture
def post() -> Iterator[MailHost]:
    with MailHost() as host:
        yield host


def waiting(home: Home) -> list[dict[str, Any]]:
    listed = home.json("deliveries", "list")["deliveries"]
    return [one for one in listed if one["state"] == "waiting"]


@pytest.mark.slow
def test_sighup_takes_pages_timetables_and_subscriptions_without_a_restart(
    site: Town, post: MailHost, tmp_path: Path
) -> None:
    # Nobody listens there: what waits for it goes to the new one, under the same id.
    before = config(page("granvik", site.url("/p")), by_mail(), mail(9))
    home = Home(tmp_path, before)
    home.json("check")
    with home.started("run") as worker:
        until(lambda: [one["attempts"] for one in waiting(home)] == [1])
        waits = waiting(home)
        home.write(
            config(
                page("granvik", site.url("/p"), every="1s"),
                page("hamnen", site.url("/h"), every="1s"),
                by_mail(),
                by_mail("drift@granvik.example", id="driften", about="operation"),
                mail(post.port),
            )
        )
        worker.process.send_signal(signal.SIGHUP)
        worker.line("konfigurationen är läst på nytt: vaktar 2 sidor, 2 prenumerationer")
        worker.line("hamnen: första avläsningen")
        site.html = SECOND.html
        worker.line("granvik: ändrad")
        arrived = {to for one in post.wait_for(2) for to in one.to}
        assert arrived == {"kim@granvik.example", "drift@granvik.example"}
        until(lambda: not waiting(home))  # the new server is up: what waited goes at once
        assert worker.stop() < 10
        assert worker.process.returncode == 0
    listed = {one["id"]: one for one in home.json("deliveries", "list")["deliveries"]}
    assert [listed[one["id"]]["state"] for one in waits] == ["sent"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for handlers")
def test_sighup_while_it_still_starts_is_heard_and_does_not_end_it(
    site: Town, tmp_path: Path
) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    home.run("check")
    other = sqlite3.connect(home.store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # its start waits for that
    with home.started("run") as worker:
        until(lambda: hears(worker.process.pid, signal.SIGHUP))
        until(lambda: has_open(worker.process.pid, home.store))  # and so has read the file
        home.write(config(page("granvik", site.url("/p")), table("[worker]", language="en")))
        worker.process.send_signal(signal.SIGHUP)
        other.execute("ROLLBACK")
        other.close()
        worker.line("the configuration has been read again")  # and the log speaks by it
        worker.stop()
        assert worker.process.returncode == 0


def test_as_the_first_process_of_a_container_it_hears_that_it_is_to_stop_while_it_still_starts(
    site: Town, tmp_path: Path
) -> None:
    if not have_containers():
        pytest.skip("namespaces of its own can be had by root only")
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    home.run("check")
    other = sqlite3.connect(home.store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # its start waits for that
    with home.started("run", within=container("granvik")) as worker:
        until(lambda: any(has_open(one, home.store) for one in children(worker.process.pid)))
        (first,) = children(worker.process.pid)
        os.kill(first, signal.SIGTERM)
        other.execute("ROLLBACK")
        other.close()
        assert worker.wait() == 0
        assert not worker.err
    assert home.json("verify")["ok"]


def children(pid: int) -> list[int]:
    """The processes that a process started and that live."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def hears(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def has_open(pid: int, file: Path) -> bool:
    """Whether a process has a file open."""
    found = Path(f"/proc/{pid}/fd")
    return any(one.is_symlink() and one.readlink() == file for one in found.iterdir())


@pytest.mark.slow
def test_a_wrong_configuration_on_sighup_changes_nothing_and_is_said_once(
    site: Town, post: MailHost, tmp_path: Path
) -> None:
    tables = (
        by_mail("drift@granvik.example", id="driften", about="operation"),
        mail(post.port),
    )
    right = config(page("granvik", site.url("/p"), every="1s"), *tables)
    wrong = config(page("granvik", site.url("/p"), evry="1s"), *tables)
    home = Home(tmp_path, right)
    home.json("check")
    with home.started("run") as worker:
        worker.line("inget har ändrats")
        home.write(wrong)
        worker.process.send_signal(signal.SIGHUP)
        line = worker.line("evry")
        assert "visionsvakt.toml" in line
        assert "förra konfigurationen gäller" in line
        worker.process.send_signal(signal.SIGHUP)
        looks = len([one for one in worker.err if "inget har ändrats" in one])
        worker.lines("inget har ändrats", looks + 2)  # it works on, by the old one
        until(lambda: any("evry" in one.text for one in post.mails))
        home.write(right)
        worker.process.send_signal(signal.SIGHUP)
        worker.line("konfigurationen är läst på nytt")
        until(lambda: len([one for one in post.mails if "evry" in one.text]) == 2)
        worker.stop()
        assert len([one for one in worker.err if "evry" in one]) == 1
    opened, ended = (one for one in post.mails if "evry" in one.text)
    assert "SIGHUP" in opened.text
    assert "över" in ended.subject


def test_another_database_or_a_secret_that_is_missing_is_refused_on_sighup(
    site: Town, tmp_path: Path
) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    with home.started("run") as worker:
        worker.line("granvik: första avläsningen")
        other = table("[database]", url="sqlite:///annan.db")
        home.write(config(page("granvik", site.url("/p")), other))
        worker.process.send_signal(signal.SIGHUP)
        assert "database.url" in worker.line("starta om")
        secret = table("[[subscriptions]]", id="t", channel="teams", url_env="TEAMS_ADRESS")
        home.write(config(page("granvik", site.url("/p")), secret))
        worker.process.send_signal(signal.SIGHUP)
        worker.line("TEAMS_ADRESS")
        worker.stop()
    assert not (tmp_path / "annan.db").exists()


@pytest.mark.slow
def test_the_sign_of_life_is_sent_while_all_is_well_and_its_address_is_never_shown(
    site: Town, tmp_path: Path
) -> None:
    with Hook() as hook, Hook(500) as sick:
        home = Home(
            tmp_path,
            config(
                page("granvik", site.url("/p"), every="1s"),
                table("[worker]", ping_url_env="LIVSTECKEN"),
            ),
        )
        address = f"{hook.url('/ping/5f3a-hemlig')}"
        with home.started("run", LIVSTECKEN=address) as worker:
            worker.lines("granvik", 3)
            worker.stop()
            said = worker.err
        assert [(one.method, one.path) for one in hook.log] == [("GET", "/ping/5f3a-hemlig")]
        address = sick.url("/ping/5f3a-hemlig")
        with home.started("run", LIVSTECKEN=address) as worker:
            worker.line("livstecknet kom inte fram: svarade 500")
            worker.lines("inget har ändrats", 3)  # and nothing else is disturbed
            assert worker.stop() < 10
            said += worker.err
    assert not [line for line in said if "5f3a" in line]


def test_a_sign_of_life_to_an_address_that_may_not_be_reached_is_refused(
    site: Town, tmp_path: Path
) -> None:
    home = Home(
        tmp_path,
        config(page("granvik", site.url("/p")), table("[worker]", ping_url_env="LIVSTECKEN")),
    )
    assert "worker.ping_url_env" in home.refused("run")
    with home.started("run", LIVSTECKEN="http://169.254.169.254/hemlig-nyckel") as worker:
        worker.line("livstecknet kom inte fram")
        worker.line("första avläsningen")
        worker.stop()
        assert not [line for line in worker.err if "hemlig-nyckel" in line]


def test_a_restarted_container_follows_its_killed_worker_at_once(
    site: Town, tmp_path: Path
) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    boot = holders.this_holder().partition("-")[0]
    lease(home, f"{boot}-4026530000/1/4711", 600)
    with home.started("run") as worker:
        worker.line("första avläsningen", AT_ONCE_SECONDS)
        worker.stop()


def test_a_worker_on_another_machine_is_waited_for(site: Town, tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"), every="1s")))
    lease(home, ELSEWHERE, 2.5)
    with home.started("run") as worker:
        worker.line("första avläsningen", 15)
        worker.stop()


@pytest.mark.slow
def test_what_is_due_at_one_host_is_looked_at_in_one_go(site: Town, tmp_path: Path) -> None:
    def watching(every: str) -> str:
        return config(*(page(f"p{n}", site.url(f"/{n}"), every=every) for n in range(20)))

    home = Home(tmp_path, watching("2d"))
    home.json("check")
    home.write(watching("1d"))  # another timetable makes them all due
    with home.started("run") as worker:
        worker.lines("inget har ändrats", 20, 60)  # one with each tick would be 100 seconds
        worker.stop()


@pytest.mark.slow
def test_a_store_that_needs_new_tables_is_refused_where_that_was_asked_for(
    site: Town, tmp_path: Path
) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    home.run("check")
    database = open_database(f"sqlite:///{home.store}")
    with database.write() as conn:
        migrate_to(conn, "0001")
    database.close()
    done = home.run("run", "--no-migrate")
    assert (done.code, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert "--no-migrate" in done.err
    assert not home.store.with_name("visionsvakt.db.0001").exists()
    with home.started("run") as worker:
        worker.line("vaktar 1 sida")
        worker.stop()
    assert home.store.with_name("visionsvakt.db.0001").exists(), "a copy is made first"
