"""`run`: looks, delivers, answers for its health, is alone, and stops in time whatever it does."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support.hooks import SECRET, Hook
from tests.support.mail import MailHost, Silence
from tests.support.program import (
    AT_ONCE_SECONDS,
    ERROR_PAGE,
    FIRST,
    SECOND,
    Home,
    by_hook,
    by_mail,
    config,
    free_port,
    mail,
    page,
    table,
    until,
)
from tests.support.web import Asked, Served, Site

ALONE = "är redan igång"


class Slow(Site):
    """A site that holds its answer back until it is let go."""

    def __init__(self) -> None:
        super().__init__(self._edition)
        self.html = FIRST.html
        self.holding = False
        self.held = threading.Event()
        self.let_go = threading.Event()

    def _edition(self, asked: Asked) -> Served:
        if asked.path == "/robots.txt":
            return Served(b"", 404)
        if self.holding:
            self.held.set()
            self.let_go.wait(30)
        return Served(self.html)


@pytest.fixture
def site() -> Iterator[Slow]:
    with Slow() as slow:
        yield slow
        slow.let_go.set()


@pytest.fixture
def post() -> Iterator[MailHost]:
    with MailHost() as host:
        yield host


def asked(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def is_whole(home: Home) -> bool:
    conn = sqlite3.connect(home.store)
    try:
        return [row[0] for row in conn.execute("PRAGMA integrity_check")] == ["ok"]
    finally:
        conn.close()


def waiting_home(site: Slow, folder: Path) -> Home:
    return Home(folder, config(page("granvik", site.url("/p")), timeout_seconds=60))


def test_the_worker_looks_tells_answers_and_is_alone(
    site: Slow, post: MailHost, tmp_path: Path
) -> None:
    port = free_port()
    home = Home(
        tmp_path,
        config(
            page("granvik", site.url("/p"), every="1s"),
            by_mail(),
            mail(post.port),
            listen=f"127.0.0.1:{port}",
        ),
    )
    with home.started("run") as worker:
        worker.line("granvik: första avläsningen")
        assert asked(port, "/healthz") == (200, "ok\n")
        assert asked(port, "/readyz") == (200, "ok\n")
        assert asked(port, "/finns-inte")[0] == 404
        line = home.refused("run")
        assert ALONE in line
        assert f"process {worker.process.pid}" in line
        assert str(home.store) in line
        assert home.json("check")["checks"][0]["outcome"] == "unchanged"
        site.html = SECOND.html
        worker.line("granvik: ändrad, 2 ändringar")
        worker.line(" 0 väntar, 0 gavs upp")
        until(lambda: any("Tre bänkar i hamnen" in one.text for one in post.mails))
        site.html = ERROR_PAGE
        worker.line("granvik: väntar på granskning")
        assert worker.stop() < 10
        assert worker.process.returncode == 0
    assert worker.out == ""
    home.json("deliver")
    assert len([one for one in post.mails if "Tre bänkar i hamnen" in one.text]) == 1


def test_a_look_is_one_line_with_its_time_and_what_it_found(site: Slow, tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"), every="1s")))
    with home.started("run") as worker:
        first = worker.line("första avläsningen")
        worker.line("granvik: inget har ändrats")
        site.html = ERROR_PAGE
        suspect = worker.line("väntar på granskning")
        worker.stop(signal.SIGINT)
        assert worker.process.returncode == 0
    line = json.loads(first)  # no terminal reads it: see tests/test_logs.py
    assert line["at"].endswith("Z")
    assert (line["page"], line["outcome"], line["snapshot"]) == ("granvik", "first", 1)
    assert line["text"] == "granvik: första avläsningen"
    assert "error_page" in suspect or "felsida" in suspect


def test_all_that_it_says_is_json_and_its_figures_are_of_its_own_work(
    site: Slow, tmp_path: Path
) -> None:
    port = free_port()
    (tmp_path / "kopior").mkdir()
    tables = (
        page("granvik", site.url("/p")),
        by_hook("http://127.0.0.1:9/hook"),
        table("[backup]", folder="kopior"),
    )
    home = Home(
        tmp_path,
        config(*tables, listen=f"127.0.0.1:{port}"),
        {"HOOK_SECRET": "whsec_c3lsdGJ1cms="},
    )
    with home.started("run") as worker:
        worker.line("granvik: första avläsningen")
        until(lambda: "visionsvakt_backup_age_seconds" in asked(port, "/metrics")[1])
        figures = asked(port, "/metrics")[1].splitlines()
        assert 'visionsvakt_looks_total{outcome="first"} 1.0' in figures
        assert any(line.startswith("visionsvakt_tick_age_seconds ") for line in figures)
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(b"\0 is no HTTP\r\n\r\n")
        library = worker.line("Invalid HTTP")  # by the library that serves
        worker.stop()
    said = [json.loads(line) for line in worker.err]
    assert json.loads(library)["kind"] == "trouble"
    assert any("HOOK_SECRET har en nyckel på 8 byte" in one["text"] for one in said)


def test_sigterm_ends_a_slow_look_within_ten_seconds_and_the_store_is_whole(
    site: Slow, tmp_path: Path
) -> None:
    home = waiting_home(site, tmp_path)
    site.holding = True
    with home.started("run") as worker:
        assert site.held.wait(20)
        assert worker.stop() < 10
        assert worker.process.returncode == 0
    assert is_whole(home)
    site.holding = False
    site.let_go.set()
    with home.started("run") as again:
        again.line("granvik: första avläsningen", AT_ONCE_SECONDS)
        again.stop()


@pytest.mark.slow
def test_sigterm_ends_it_in_time_where_another_program_has_locked_the_database(
    site: Slow, tmp_path: Path
) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"), every="1s")))
    with home.started("run") as worker:
        worker.lines("granvik: ", 2)
        other = sqlite3.connect(home.store, isolation_level=None, timeout=10)
        other.execute("BEGIN IMMEDIATE")
        assert worker.stop() < 10
        assert worker.process.returncode == 0
        worker.line("nästa start tar vid")
        other.execute("ROLLBACK")
        other.close()
    assert is_whole(home)
    with home.started("run") as again:
        again.line("granvik: inget har ändrats", AT_ONCE_SECONDS)
        again.stop()


def test_sigterm_lets_a_look_in_flight_end_where_it_can(site: Slow, tmp_path: Path) -> None:
    home = waiting_home(site, tmp_path)
    site.holding = True
    with home.started("run") as worker:
        assert site.held.wait(20)
        worker.process.send_signal(signal.SIGTERM)
        site.let_go.set()
        assert worker.wait(10) == 0
        worker.line("granvik: första avläsningen")
    assert home.json("show", "granvik")["snapshot"] == 1


def test_a_killed_worker_is_followed_at_once(site: Slow, tmp_path: Path) -> None:
    home = waiting_home(site, tmp_path)
    site.holding = True
    with home.started("run") as worker:
        assert site.held.wait(20)
        worker.kill()
    site.holding = False
    site.let_go.set()
    with home.started("run") as again:
        again.line("granvik: första avläsningen", AT_ONCE_SECONDS)
        again.stop()
    assert is_whole(home)


def test_a_mail_server_that_hangs_holds_nobody_up_and_no_stop(site: Slow, tmp_path: Path) -> None:
    with (
        MailHost(fault=lambda step, address: Silence if step == "CONNECT" else None) as dead,
        Hook() as hook,
    ):
        home = Home(
            tmp_path,
            config(
                page("granvik", site.url("/p"), every="1s"),
                by_mail(),
                by_hook(hook.url("/hook")),
                mail(dead.port),
            ),
            {"HOOK_SECRET": SECRET},
        )
        with home.started("run") as worker:
            worker.line("första avläsningen")
            site.html = SECOND.html
            worker.line("ändrad")
            dead.wait_for_step("CONNECT")
            until(lambda: bool(hook.log))
            looks = len(site.log)
            until(lambda: len(site.log) > looks + 1)
            assert worker.stop() < 10
            assert worker.process.returncode == 0
    assert is_whole(home)


def test_an_address_that_is_taken_is_one_line(site: Slow, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        home = Home(tmp_path, config(page("granvik", site.url("/p")), listen=listen))
        line = home.refused("run")
        assert listen in line
        assert "web.listen" in line
    with home.started("run") as worker:  # and the refused one holds nothing
        worker.line("första avläsningen")
        worker.stop()


def test_a_page_that_fails_is_tried_again_later_and_never_hammered(
    site: Slow, tmp_path: Path
) -> None:
    home = Home(
        tmp_path,
        config(
            page("borta", "http://127.0.0.1:9/"),
            page("granvik", site.url("/p"), every="1s"),
        ),
    )
    with home.started("run") as worker:
        worker.line("borta: gick inte att hämta")
        worker.lines("granvik: inget har ändrats", 2)
        worker.stop()
        assert len([line for line in worker.err if "borta:" in line]) == 1


def set_revision(home: Home, revision: str) -> str:
    """Write which migration the tables are at; returns what was there."""
    conn = sqlite3.connect(home.store)
    try:
        before = str(conn.execute("SELECT version_num FROM alembic_version").fetchone()[0])
        conn.execute("UPDATE alembic_version SET version_num = ?", [revision])
        conn.commit()
    finally:
        conn.close()
    return before


def test_a_store_of_another_version_is_not_ready(site: Slow, tmp_path: Path) -> None:
    port = free_port()
    home = Home(
        tmp_path,
        config(page("granvik", site.url("/p"), every="1s"), listen=f"127.0.0.1:{port}"),
    )
    with home.started("run") as worker:
        worker.line("första avläsningen")
        head = set_revision(home, "9999")
        status, text = asked(port, "/readyz")
        assert (status, "9999" in text) == (503, True), text
        assert asked(port, "/healthz")[0] == 200
        set_revision(home, head)
        until(lambda: asked(port, "/readyz")[0] == 200)
        worker.stop()
        assert worker.process.returncode == 0
