"""`doctor` tries every part for real, says what is wrong and what mends it, and stores nothing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import shutil
import sqlite3
import struct
import subprocess
import termios
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from pipeline import town as fictional
from snapshots.database import migrate_to, open_database
from tests.support.hooks import SECRET, Hook
from tests.support.mail import MailHost
from tests.support.program import (
    ERROR_PAGE,
    FIRST,
    HALF_PAGE,
    PROGRAM,
    SECOND,
    Edition,
    Home,
    by_hook,
    by_mail,
    config,
    mail,
    page,
    table,
)
from tests.support.store import PostgreSQL
from tests.support.web import HTML, Asked, Authority, Served, Site

OPERATORS = by_mail("drift@granvik.example", id="driften", about="operation")
TEAMS = table("[[subscriptions]]", id="teams", channel="teams", url_env="TEAMS", about="operation")


class Town(Site):
    """A site that knows what time it is."""

    def __init__(self) -> None:
        super().__init__(self._serve)
        self.html = FIRST.html
        self.hours_off = 0

    def _serve(self, asked: Asked) -> Served:
        date = format_datetime(datetime.now(UTC) + timedelta(hours=self.hours_off), usegmt=True)
        if asked.path == "/robots.txt":
            return Served(b"", 404)
        return Served(self.html, headers=[HTML, ("Date", date)])


@pytest.fixture
def town() -> Iterator[Town]:
    with Town() as site:
        yield site


@pytest.fixture
def post() -> Iterator[MailHost]:
    with MailHost() as host:
        yield host


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as receiver:
        yield receiver


def home_at(folder: Path, *tables: str, **fetch: Any) -> Home:
    backup = folder / "kopior"
    backup.mkdir(parents=True, exist_ok=True)
    there = (
        () if any("[backup]" in one for one in tables) else (table("[backup]", folder="kopior"),)
    )
    secrets = {"HOOK_SECRET": SECRET, "TEAMS": "https://flow.granvik.example/a1b2?sig=hemligt"}
    return Home(folder, config(*tables, *there, **fetch), secrets, inside=True)


def findings(home: Home, code: int = 1, *words: str) -> dict[tuple[str, str | None], str]:
    """The code of everything that is not well, by part and subject."""
    found = home.json("doctor", *words, code=code)["findings"]
    return {(one["part"], one["subject"]): one["code"] for one in found if one["level"] != "ok"}


def test_all_that_is_well_is_said_on_one_screen_and_nothing_is_stored_or_sent(
    town: Town, post: MailHost, hook: Hook, tmp_path: Path
) -> None:
    tables = (by_mail(), by_hook(hook.url("/hook"), about="operation"), mail(post.port))
    home = home_at(tmp_path, page("granvik", town.url("/p")), *tables)
    home.run("check")
    home.run("backup", f"kopior/visionsvakt-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db")
    before = home.json("coverage", "granvik")["looks"], home.json("deliveries", "list")
    done = home.run("doctor")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[-1] == "Allt är som det ska."
    assert len(lines) <= 24
    assert any(line.startswith("ok") and "6 insatser" in line for line in lines)
    assert any("Det här gör vi nu: 3" in line for line in lines)
    assert any(line.startswith("ok") and line.split()[1] == "självprov" for line in lines)
    assert any("visionsvakt.toml: 1 sida, " in line for line in lines)
    assert before == (home.json("coverage", "granvik")["looks"], home.json("deliveries", "list"))
    assert (post.mails, hook.log) == ([], [])


def test_before_the_first_start_nothing_is_made(town: Town, tmp_path: Path) -> None:
    home = home_at(tmp_path, page("granvik", town.url("/p")))
    found = findings(home, 0)
    assert found == {
        ("subscriptions", None): "no_subscriptions",
        ("database", None): "new_database",
        ("backup", None): "backup_none_yet",
    }
    assert not home.store.exists()


@pytest.mark.parametrize("language", ["sv", "en"])
def test_it_speaks_the_workers_language_and_every_trouble_has_its_mend(
    town: Town, tmp_path: Path, language: str
) -> None:
    town.html = ERROR_PAGE
    home = home_at(
        tmp_path,
        page("granvik", town.url("/p")),
        page("borta", "http://127.0.0.1:9/"),
        table("[worker]", language=language),
        table("[backup]", folder="finns-inte"),
    )
    done = home.run("doctor")
    assert done.code == 1
    assert ("FEL" in done.out) == (language == "sv")
    assert ("WRONG" in done.out) == (language == "en")
    assert ("See that the machine reaches the site" in done.out) == (language == "en")
    for one in home.json("doctor", code=1)["findings"]:
        assert one["level"] != "trouble" or one["mend"], one


def test_a_page_is_judged_by_its_past_too(town: Town, tmp_path: Path) -> None:
    home = home_at(tmp_path, page("granvik", town.url("/p")), OPERATORS, mail(9))
    home.run("check")
    for html, wrong in ((SECOND.html, False), (HALF_PAGE, True), (ERROR_PAGE, True)):
        town.html = html
        code = findings(home).get(("page", "granvik"))
        assert (code == "page_suspect") is wrong, html
    assert home.json("quarantine", "list") == {"captures": []}


def test_a_page_that_has_lost_most_is_good_for_a_first_look_only(
    town: Town, tmp_path: Path
) -> None:
    items = [(f"Lekplats {number}", f"Gungor vid park {number}.") for number in range(20)]
    many, few = Edition(items, FIRST.developing).html, Edition(items[:4], FIRST.developing).html
    for before, wrong in ((few, False), (many, True)):
        home = home_at(tmp_path / str(wrong), page("granvik", town.url("/p")), OPERATORS, mail(9))
        town.html = before
        home.run("check")
        town.html = few
        assert (findings(home).get(("page", "granvik")) == "page_suspect") is wrong


def test_a_clock_that_is_wrong_shows_by_the_sites(town: Town, tmp_path: Path) -> None:
    town.hours_off = 2
    home = home_at(tmp_path, page("granvik", town.url("/p")))
    assert findings(home)["clock", None] == "clock_off"


def test_mail_is_tried_up_to_the_log_in(town: Town, tmp_path: Path) -> None:
    def code(port: int, ca_file: str = "", **more: Any) -> str | None:
        server, trusted = mail(port, **more), {"ca_file": ca_file} if ca_file else {}
        home = home_at(tmp_path, page("granvik", town.url("/p")), OPERATORS, server, **trusted)
        home.environment["LOSEN"] = "syltburk 47"
        done = home.run("doctor", "--json")
        assert "syltburk" not in done.out + done.err
        found = {one["part"]: one for one in json.loads(done.out)["findings"]}
        return str(found["mail"]["code"]) if found["mail"]["level"] != "ok" else None

    assert code(9) == "connect"
    with MailHost() as plain:
        assert code(plain.port) is None
        assert code(plain.port, security="starttls") == "starttls"
        assert plain.mails == []
    with (
        Authority() as authority,
        MailHost(context=authority.context("127.0.0.1"), account=("vakt", "rätt")) as secure,
    ):
        login = {"security": "starttls", "username": "vakt", "password_env": "LOSEN"}
        assert code(secure.port, **login) == "tls"
        assert code(secure.port, authority.pem_file, **login) == "login"


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_password_that_goes_in_clear_is_told_unless_it_stays_on_the_machine(
    town: Town, tmp_path: Path
) -> None:
    with MailHost(account=("vakt", "syltburk 47")) as plain:

        def told(host: str) -> tuple[str, str]:
            server = mail(plain.port, host=host, username="vakt", password_env="LOSEN")
            home = home_at(tmp_path, page("granvik", town.url("/p")), OPERATORS, server)
            home.environment["LOSEN"] = "syltburk 47"
            found = home.json("doctor", code=0)["findings"]
            one = next(one for one in found if one["part"] == "mail")
            return one["code"], one["level"]

        assert told("127.0.0.1") == ("ok", "ok")
        anywhere = "0.0.0.0"  # leads here too, but by its name it need not
        assert told(anywhere) == ("mail_in_clear", "warning")


def test_what_leads_to_webhooks_and_chats_is_tried_and_a_secret_is_never_shown(
    town: Town, hook: Hook, tmp_path: Path
) -> None:
    home = home_at(
        tmp_path, page("granvik", town.url("/p")), by_hook(hook.url("/hook")), TEAMS, listen=""
    )
    addresses = {
        hook.url("/flow/a1b2?sig=hemligt"): None,
        "http://169.254.169.254/flow/a1b2?sig=hemligt": "refused_address",
        "http://127.0.0.1:9/flow/a1b2?sig=hemligt": "network",
        "https://finns-inte.invalid/flow/a1b2?sig=hemligt": "dns",
    }
    for address, code in addresses.items():
        home.environment["TEAMS"] = address
        done = home.run("doctor", "--json")
        found = json.loads(done.out)["findings"]
        (teams,) = (one for one in found if one["subject"] == "teams")
        assert teams["code"] == (code or "ok"), teams
        assert not any(part in done.out + done.err for part in ("a1b2", "hemligt", SECRET))
    assert hook.log == []
    home.environment.pop("TEAMS")
    assert findings(home)["configuration", None] == "secret"


def test_operators_with_no_way_but_one_mail_server_are_warned(
    town: Town, post: MailHost, hook: Hook, tmp_path: Path
) -> None:
    watched = page("granvik", town.url("/p"))

    def warned(*tables: str) -> set[str]:
        home = home_at(tmp_path, watched, *tables, mail(post.port))
        found = home.json("doctor")["findings"]
        return {one["code"] for one in found if one["part"] == "subscriptions"}

    assert warned(by_mail()) == {"no_operators", "one_mail_server"}
    assert warned(by_mail(), OPERATORS) == {"one_mail_server"}
    assert warned(by_mail(), by_hook(hook.url("/hook"), about="operation")) == set()


def test_a_test_message_goes_to_every_address_or_where_it_is_asked_to(
    town: Town, post: MailHost, hook: Hook, tmp_path: Path
) -> None:
    home = home_at(
        tmp_path,
        page("granvik", town.url("/p")),
        by_mail(),
        by_hook(hook.url("/hook")),
        TEAMS,
        mail(post.port),
    )
    home.environment["TEAMS"] = hook.url("/flow")
    home.run("check")
    waits = home.json("deliveries", "list")
    document = home.json("doctor", "--send-test")
    tests = [one for one in document["findings"] if one["part"] == "test"]
    assert [one["code"] for one in tests] == ["ok"] * 3
    assert [one.to for one in post.mails] == [("kim@granvik.example",)]
    signed, card = hook.log
    sent = Webhook(SECRET).verify(signed.body, dict(signed.headers))
    assert (sent["type"], sent["data"]["subscription"]) == ("visionsvakt.test", "intranat")
    assert json.loads(card.body)["type"] == "message"
    home.json("doctor", "drift@granvik.example", "--send-test")
    assert post.mails[-1].to == ("drift@granvik.example",)
    assert len(hook.log) == 2
    assert home.json("deliveries", "list") == waits
    assert "--send-test" in home.refused("doctor", "intranat")
    assert "intranat" in home.refused("doctor", "intranet", "--send-test")


def test_a_test_that_does_not_arrive_is_trouble(town: Town, tmp_path: Path) -> None:
    with Hook(500) as sick:
        home = home_at(tmp_path, page("granvik", town.url("/p")), by_hook(sick.url("/hook")))
        found = findings(home, 1, "--send-test")
    assert "test_failed" in found.values()


# ----------------------------------------------------------------------------- what else is wrong


def all_of(home: Home) -> dict[str, dict[str, Any]]:
    """Every finding by its code, which must be one each."""
    found = json.loads(home.run("doctor", "--json").out)["findings"]
    for one in found:
        assert one["level"] != "trouble" or one["mend"], one
        assert "visionsvakt doctor" not in (one["mend"] or ""), "it has just been run"
    return {one["code"]: one for one in found if one["level"] != "ok"}


def levels(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {code: one["level"] for code, one in found.items()}


def test_what_leads_out_of_the_house_is_tried(town: Town, tmp_path: Path) -> None:
    with Authority() as ending, Authority(days=-1) as ended, Site(lambda asked: Served(b"")) as app:
        taken = f"127.0.0.1:{app.port}"
        for ca_file, code in ((ending.pem_file, "ca_ends"), (ended.pem_file, "ca_expired")):
            home = home_at(
                tmp_path,
                page("granvik", town.url("/p")),
                table("[worker]", ping_url_env="LIVSTECKEN"),
                proxy="http://127.0.0.1:9",
                no_proxy=["127.0.0.1"],
                ca_file=ca_file,
                listen=taken,
            )
            home.write(home.config.replace("[web]", '[web]\npublic_url = "http://127.0.0.1:9"'))
            found = all_of(home)
            assert levels(found) == {
                "no_subscriptions": "warning",
                "secret": "trouble",
                "new_database": "warning",
                "backup_none_yet": "warning",
                "proxy_silent": "trouble",
                code: "trouble" if code == "ca_expired" else "warning",
                "web_taken": "trouble",
                "public_silent": "warning",
            }
            assert "LIVSTECKEN" in found["secret"]["text"]
            assert taken in found["web_taken"]["text"]


def test_a_page_that_has_moved_or_may_not_be_read_is_said(town: Town, tmp_path: Path) -> None:
    def serve(asked: Asked) -> Served:
        if asked.path == "/robots.txt":
            return Served(
                b"User-agent: *\nDisallow: /stangd", headers=[("Content-Type", "text/plain")]
            )
        if asked.path == "/p":
            return Served(b"", 301, headers=[("Location", "/ny")])
        return Served(FIRST.html)

    with Site(serve) as site:
        home = home_at(
            tmp_path, page("flyttad", site.url("/p")), page("stangd", site.url("/stangd"))
        )
        found = all_of(home)
    assert (found["page_moved"]["subject"], found["page_moved"]["level"]) == ("flyttad", "warning")
    assert "/ny" in found["page_moved"]["text"]
    assert (found["robots"]["subject"], found["robots"]["level"]) == ("stangd", "trouble")


def test_one_site_whose_clock_is_wrong_is_that_site_s_trouble(town: Town, tmp_path: Path) -> None:
    town.hours_off = 3
    with Town() as right:
        home = home_at(tmp_path, page("granvik", town.url("/p")), page("hamnen", right.url("/p")))
        assert "clock_off" not in all_of(home)


def test_an_answer_from_a_cache_is_as_old_as_it_says(town: Town, tmp_path: Path) -> None:
    made = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    headers = [HTML, ("Date", made), ("Age", "3600")]
    with Site(lambda asked: Served(FIRST.html, headers=headers)) as cached:
        assert "clock_off" not in all_of(home_at(tmp_path, page("granvik", cached.url("/p"))))


def changed(home: Home, *statements: str) -> None:
    conn = sqlite3.connect(home.store)
    for statement in statements:
        conn.execute(statement)
    conn.commit()
    conn.close()


def test_a_store_of_another_version_is_told_and_left_as_it_is(town: Town, tmp_path: Path) -> None:
    home = home_at(tmp_path, page("granvik", town.url("/p")))
    home.run("check")
    changed(home, "UPDATE alembic_version SET version_num = '9999'")
    found = all_of(home)["store"]
    assert "nyare" in found["text"]
    assert "restore" in found["mend"]
    database = open_database(f"sqlite:///{tmp_path / 'gammal.db'}")
    with database.write() as conn:
        migrate_to(conn, "0001")
    database.close()
    home.write(home.config + table("[database]", url="sqlite:///gammal.db"))
    assert "uppgraderad" in all_of(home)["store"]["text"]
    assert sorted(file.name for file in tmp_path.glob("gammal.db.*")) == [], "no copy, no migration"


def test_on_postgresql_it_says_of_no_file_that_it_is_whole(
    town: Town, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    home = home_at(tmp_path, page("granvik", town.url("/p")))
    home.environment["VISIONSVAKT_DATABASE_URL"] = postgresql.create()
    home.run("check")
    found = home.json("doctor")["findings"]
    (text,) = (one["text"] for one in found if one["part"] == "database")
    assert "går att skriva" in text
    assert "filen" not in text
    assert not [one for one in found if one["part"] == "disk"], "it is the server's"


def test_a_damaged_file_is_found(town: Town, tmp_path: Path) -> None:
    home = home_at(tmp_path, page("granvik", town.url("/p")))
    home.run("check")
    changed(home, "PRAGMA wal_checkpoint(TRUNCATE)")
    conn = sqlite3.connect(home.store)
    (root,) = conn.execute(
        "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = 'captures'"
    ).fetchone()
    (size,) = conn.execute("PRAGMA page_size").fetchone()
    conn.close()
    with home.store.open("r+b") as file:
        file.seek((root - 1) * size + 8)
        file.write(b"\xff" * 16)
    found = all_of(home)["store"]
    assert "skadad" in found["text"]


@pytest.mark.slow
def test_a_store_that_cannot_be_written_is_told_with_its_reason(town: Town, tmp_path: Path) -> None:
    home = home_at(tmp_path, page("granvik", town.url("/p")))
    home.run("check")
    conn = sqlite3.connect(home.store, isolation_level=None)
    conn.execute("BEGIN IMMEDIATE")
    try:
        assert "låst av ett annat program" in all_of(home)["store"]["text"]
    finally:
        conn.close()


def test_a_clock_that_has_jumped_or_is_behind_what_is_kept_is_told(
    town: Town, tmp_path: Path
) -> None:
    home = home_at(tmp_path, page("granvik", town.url("/p")))
    home.run("check")
    day = 86_400_000_000
    changed(home, f"UPDATE captures SET at = at + {day}")
    town.html = SECOND.html
    home.run("check")  # at an earlier time than the look before: that is on record
    assert levels(all_of(home))["clock_behind"] == "trouble"
    changed(home, f"UPDATE captures SET at = at - {2 * day}")
    found = all_of(home)
    assert "clock_behind" not in found
    assert (found["clock_jumped"]["level"], found["clock_jumped"]["times"]) == ("warning", 1)


def test_a_disk_that_is_almost_full_is_told(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_at(tmp_path, page("granvik", town.url("/p")))
    for free, code in ((99_000_000, "disk_full"), (999_000_000, "disk_low"), (2 * 10**9, None)):
        room = SimpleNamespace(total=10**10, used=0, free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda path, room=room: room)
        found = {one for one in all_of(home) if one.startswith("disk")}
        assert found == ({code} if code else set())


def test_copies_that_are_late_or_have_no_place_are_told(town: Town, tmp_path: Path) -> None:
    watched = page("granvik", town.url("/p"))
    home = home_at(tmp_path, watched)
    at = datetime.now(UTC)
    for days, code in ((3, "backup_late"), (1, None)):
        (tmp_path / "kopior" / f"visionsvakt-{at - timedelta(days=days):%Y%m%dT%H%M%SZ}.db").touch()
        assert {one for one in all_of(home) if "backup" in one} == ({code} if code else set())
    found = levels(all_of(home_at(tmp_path, watched, table("[backup]", folder="/proc"))))
    assert found["backup_readonly"] == "trouble"
    found = levels(all_of(home_at(tmp_path, watched, table("[backup]", folder=""))))
    assert found["no_backup"] == "warning"
    there = table("[database]", url="sqlite:////proc/visionsvakt.db")
    assert levels(all_of(home_at(tmp_path, watched, there)))["folder_readonly"] == "trouble"


def test_a_key_that_is_too_short_is_told(town: Town, hook: Hook, tmp_path: Path) -> None:
    home = home_at(tmp_path, page("granvik", town.url("/p")), by_hook(hook.url("/hook")))
    home.environment["HOOK_SECRET"] = "whsec_c3lsdGJ1cms="
    found = all_of(home)["weak_key"]
    assert (found["variable"], found["size"], found["level"]) == ("HOOK_SECRET", 8, "warning")


def test_a_chain_that_is_broken_is_told(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fictional, "ADDRESS", "/en sida som inte finns")
    found = all_of(home_at(tmp_path, page("granvik", town.url("/p"))))["canary"]
    assert found["level"] == "trouble"
    assert "Självprovet" in found["text"]


@pytest.mark.parametrize("language", ["sv", "en"])
def test_what_goes_on_is_told_with_its_mend(town: Town, tmp_path: Path, language: str) -> None:
    refused = "550 5.1.1 No such user"
    with MailHost(fault=lambda step, to: refused if step == "RCPT" else None) as post:
        home = home_at(
            tmp_path,
            page("granvik", town.url("/p")),
            page("borta", "http://127.0.0.1:9/"),
            OPERATORS,
            mail(post.port),
            table("[worker]", language=language),
        )
        for _ in range(3):
            home.run("check")
        town.html = ERROR_PAGE
        home.run("check")
        town.html = FIRST.html
        home.run("deliver")
        found = home.json("doctor", code=1)["findings"]
        shown = home.run("doctor").out
        home_at(tmp_path, page("annan", town.url("/annan"))).run("check")
        later = home.json("doctor")["findings"]
    going_on = {one["code"]: one for one in found if one["part"] == "incident"}
    assert set(going_on) == {"quarantined", "refused_for_good"}, "a look is tried anew"
    assert "quarantine list" in going_on["quarantined"]["mend"]
    assert going_on["refused_for_good"]["level"] == "warning"
    assert ("sedan " in going_on["quarantined"]["text"]) == (language == "sv")
    (dead,) = (one for one in found if one["part"] == "deliveries")
    assert (dead["code"], dead["dead"] > 0) == ("dead_deliveries", True)
    assert "deliveries retry" in dead["mend"]
    assert ("gavs upp" in shown) == (language == "sv")
    assert not [one for one in later if one["part"] in ("incident", "deliveries")], "all gone"


def test_no_page_to_watch_is_told(tmp_path: Path) -> None:
    assert levels(all_of(home_at(tmp_path)))["no_pages"] == "warning"


def on_a_screen(home: Home, columns: int = 80, lines: int = 24) -> list[str]:
    """What `doctor` shows at a terminal of that size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    mine = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        [PROGRAM, "doctor"], cwd=home.folder, env=mine | home.environment, stdout=theirs
    ):
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: the program has ended
            while part := os.read(ours, 65536):
                shown += part
    os.close(ours)
    return shown.decode().replace("\r\n", "\n").splitlines()


def test_at_a_terminal_it_all_fits_on_one_screen(
    town: Town, post: MailHost, hook: Hook, tmp_path: Path
) -> None:
    watched = [page(f"sida{number}", town.url(f"/{number}")) for number in range(9)]
    told = by_mail(), by_hook(hook.url("/hook"), about="operation"), OPERATORS, mail(post.port)
    home = home_at(tmp_path, *watched, *told)
    (tmp_path / "kopior" / f"visionsvakt-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db").touch()
    home.run("check")
    lines = on_a_screen(home)
    assert lines[-1] == "Allt är som det ska."
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    assert any("9 sidor läses som de ska" in line for line in lines), lines


def test_pages_with_which_the_same_is_wrong_are_one_line(town: Town, tmp_path: Path) -> None:
    gone = [page(name, f"http://127.0.0.1:9/{name}") for name in ("bad", "skolor", "torg")]
    home = home_at(tmp_path, *gone, page("granvik", town.url("/p")))
    done = home.run("doctor")
    (line,) = [one for one in done.out.splitlines() if "127.0.0.1:9" in one]
    assert line.startswith("FEL")
    assert "3 sidor" in line
    assert "bad, skolor, torg: " in line
    assert done.out.splitlines()[-1].startswith("3 fel")
    home = home_at(tmp_path, *(page(f"p{n}", town.url(f"/{n}")) for n in range(13)))
    assert "13 sidor läses som de ska" in home.run("doctor").out
