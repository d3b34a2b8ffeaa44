"""`doctor` tries every part for real, says what is wrong and what mends it, and stores nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.support.hooks import SECRET, Hook
from tests.support.mail import MailHost
from tests.support.program import (
    ERROR_PAGE,
    FIRST,
    HALF_PAGE,
    SECOND,
    Home,
    by_hook,
    by_mail,
    config,
    mail,
    page,
    table,
)
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
    backup.mkdir(exist_ok=True)
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


def test_a_clock_that_is_wrong_shows_by_the_sites(town: Town, tmp_path: Path) -> None:
    town.hours_off = 2
    home = home_at(tmp_path, page("granvik", town.url("/p")))
    assert findings(home)["clock", None] == "clock_off"


def test_mail_is_tried_up_to_the_log_in(town: Town, tmp_path: Path) -> None:
    def code(port: int, **more: Any) -> str | None:
        server = mail(port, **more)
        home = home_at(tmp_path, page("granvik", town.url("/p")), OPERATORS, server)
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
