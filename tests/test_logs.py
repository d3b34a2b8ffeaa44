"""One line for each look: for people at a terminal, JSON elsewhere, and never a secret."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from cli.logs import Log, open_log, take_over
from monitor.model import Reason
from pipeline.check import Checked
from pipeline.deliver import Delivered
from pipeline.watched import Watched
from settings import load
from tests.support.editions import PROFILE
from tests.support.hooks import SECRET
from tests.support.mail import MailHost
from tests.support.program import FIRST, Home, by_hook, by_mail, config, mail, page, table, until
from tests.support.web import Asked, Proxy, Served, Site

NOW = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
PAGE = Watched("p", "omsorg", "Omsorg", "https://www.granvik.example/omsorg", PROFILE)
SECRETS = {
    "PASSWORD": "syltburk 47",
    "HOOK": "whsec_Z3Jhbi1ncmFuLWdyYW4= whsec_c3lsdGJ1cmstc3lsdA==",
    "TEAMS": "https://teams.granvik.example/flow/a1b2c3?sig=hemligt",
}
CONFIGURATION = """
[[subscriptions]]
id = "genast"
channel = "webhook"
url = "https://intranat.granvik.example/hook"
secret_env = "HOOK"
[[subscriptions]]
id = "teams"
channel = "teams"
url_env = "TEAMS"
[email]
host = "post.granvik.example"
from = "vakt@granvik.example"
username = "vakt"
password_env = "PASSWORD"
"""


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def opened(tmp_path: Path, stream: StringIO) -> Log:
    path = tmp_path / "visionsvakt.toml"
    path.write_text(CONFIGURATION)
    return open_log(load(path, {}), lambda: NOW, stream=stream, environment=SECRETS)


def looked(text: str = "Sidan svarade inte.") -> Checked:
    return Checked(PAGE, "failed", 4, (), (Reason("timeout", text),), NOW)


def said(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_elsewhere_than_at_a_terminal_a_look_is_one_json_object(tmp_path: Path) -> None:
    stream = StringIO()
    opened(tmp_path, stream).looked(looked())
    assert said(stream) == [
        {
            "at": "2026-11-23T07:30:00Z",
            "level": "info",
            "kind": "look",
            "text": "omsorg: gick inte att hämta – timeout: Sidan svarade inte.",
            "page": "omsorg",
            "outcome": "failed",
            "changes": 0,
            "snapshot": 4,
            "reasons": ["timeout"],
            "captured_at": "2026-11-23T07:30:00Z",
        }
    ]


def test_at_a_terminal_a_look_is_one_line_in_local_time(tmp_path: Path) -> None:
    stream = Terminal()
    opened(tmp_path, stream).looked(looked("två\nrader"))
    (line,) = stream.getvalue().splitlines()
    assert line == "2026-11-23 08:30:00  omsorg: gick inte att hämta – timeout: två rader"


def test_the_same_trouble_over_and_over_is_said_at_first_and_then_ever_more_seldom(
    tmp_path: Path,
) -> None:
    stream, now = StringIO(), NOW
    path = tmp_path / "visionsvakt.toml"
    path.write_text(CONFIGURATION)
    log = open_log(load(path, {}), lambda: now, stream=stream, environment=SECRETS)
    for _ in range(24 * 720):  # a day of ticks
        log.trouble("Disken är full.")
        log.trouble("Ett annat.") if now == NOW else None
        now += timedelta(seconds=5)
    lines = [one for one in said(stream) if one["text"].startswith("Disken är full.")]
    assert [one["text"] for one in said(stream)][:2] == ["Disken är full.", "Ett annat."]
    assert 20 < len(lines) < 35, "an hour apart at last"
    met = sum(1 + one["unsaid"] for one in lines)
    assert 23 * 720 < met <= 24 * 720, "none is forgotten, but those since the last line"
    assert "gånger till sedan det sades)" in lines[1]["text"]
    now += timedelta(days=2)
    log.trouble("Disken är full.")
    assert said(stream)[-1]["text"] == "Disken är full."


def test_trouble_met_by_many_threads_at_once_is_said_once_each(tmp_path: Path) -> None:
    stream = StringIO()
    path = tmp_path / "visionsvakt.toml"
    path.write_text(CONFIGURATION)
    log = open_log(load(path, {}), lambda: NOW, stream=stream, environment=SECRETS)
    met = [f"Sidan {number} går inte att läsa." for number in range(300)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(log.trouble, text) for text in met for _ in range(8)]:
                done.result()
    finally:
        sys.setswitchinterval(before)
    assert sorted(one["text"] for one in said(stream)) == sorted(met)


def test_a_round_of_deliveries_and_trouble_say_what_they_are(tmp_path: Path) -> None:
    stream = StringIO()
    log = opened(tmp_path, stream)
    log.delivered(Delivered(sent=2, waiting=1))
    log.trouble("Databasen är låst.")
    log.say("stannar")
    delivery, trouble, program = said(stream)
    assert (delivery["kind"], delivery["sent"], delivery["waiting"]) == ("delivery", 2, 1)
    assert (trouble["kind"], trouble["level"]) == ("trouble", "error")
    assert (program["kind"], program["text"]) == ("program", "stannar")


@pytest.mark.parametrize("kind", [StringIO, Terminal])
def test_no_secret_and_no_address_that_is_one_is_ever_logged(
    tmp_path: Path, kind: type[StringIO]
) -> None:
    stream = kind()
    log = opened(tmp_path, stream)
    for secret in SECRETS.values():
        log.trouble(f"kunde inte posta till {secret}.")
        log.looked(looked(f"sidan innehöll {secret}"))
    log.trouble("teams.granvik.example svarade 500 på /flow/a1b2c3")
    log.trouble("signerat med whsec_c3lsdGJ1cmstc3lsdA==")
    text = stream.getvalue()
    for part in ("syltburk", "whsec_", "a1b2c3", "hemligt"):
        assert part not in text
    assert "$PASSWORD" in text
    assert "$TEAMS" in text


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:], logger.level = handlers, level


def test_a_librarys_warning_comes_as_a_line_of_ours(tmp_path: Path, root: logging.Logger) -> None:
    stream = StringIO()
    take_over(opened(tmp_path, stream))
    try:
        raise ValueError("syltburk 47")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it broke")
    logging.getLogger("httpx").info("GET https://…")
    (line,) = said(stream)
    assert line["kind"] == "trouble"
    assert line["text"] == "uvicorn.error: it broke (ValueError)"


@pytest.mark.slow
def test_nothing_that_a_real_run_says_or_keeps_holds_a_secret(tmp_path: Path) -> None:
    def serve(asked: Asked) -> Served:
        if asked.path == "/robots.txt":
            return Served(b"", 404)
        if asked.path == "/p":
            return Served(FIRST.html)
        return Served(f"{asked.path} failed".encode(), 500)  # some repeat the address they had

    secrets = {
        "LOSEN": "syltburk-47",
        "HOOK_SECRET": SECRET,
        "TEAMS": "http://flow.granvik.example/flow/a1b2c3?sig=bananskal",
        "PING": "http://ping.granvik.example/5f3a-9c",
        "PROXY": "",
        "VISIONSVAKT_DEBUG": "1",
    }
    chat = {"channel": "teams", "url_env": "TEAMS", "digest": "immediate"}
    with Site(serve) as site, Proxy(site.port) as proxy, MailHost() as post:
        secrets["PROXY"] = f"http://vakt:gurkburk-11@127.0.0.1:{proxy.port}"
        tables = (
            page("granvik", "http://www.granvik.example/p", every="1s"),
            by_mail(),
            by_hook("http://intranat.granvik.example/hook"),
            table("[[subscriptions]]", id="teams", **chat),
            table("[[subscriptions]]", id="drift", about="operation", **chat),
            table("[worker]", ping_url_env="PING"),
            mail(post.port, username="vakt", password_env="LOSEN"),
        )
        home = Home(tmp_path, config(*tables, proxy_env="PROXY"), secrets)
        home.run("check")
        with home.started("run") as worker:
            worker.line("inget har ändrats")
            worker.line("livstecknet kom inte fram")
            until(
                lambda: all(
                    one["attempts"] for one in home.json("deliveries", "list")["deliveries"]
                )
            )
            worker.stop()
            said = worker.out + "\n".join(worker.err)
        said += home.run("doctor", "--send-test").out + home.run("deliveries", "list").out
        assert proxy.seen.authorizations[-1] is not None
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("visionsvakt.db*")).decode(
        "latin-1"
    )
    for part in ("syltburk", SECRET[6:], "a1b2c3", "bananskal", "5f3a", "gurkburk"):
        assert part not in said, part
        assert part not in kept, part


def test_each_part_of_an_address_that_is_a_secret_is_taken_out_by_itself(tmp_path: Path) -> None:
    stream = StringIO()
    path = tmp_path / "visionsvakt.toml"
    fetch = '[fetch]\nproxy_env = "PROXY"\n[worker]\nping_url_env = "PING"\n'
    path.write_text(fetch + CONFIGURATION)
    environment = SECRETS | {
        "PROXY": "http://vakt:gurkburk-11@proxy.granvik.example:3128",
        "PING": "https://ping.granvik.example/5f3a-9c",
        "VISIONSVAKT_DATABASE_URL": "postgresql+psycopg://vakt:morotskaka@db.granvik.example/vakt",
    }
    settings = load(path, environment)
    log = open_log(settings, lambda: NOW, stream=stream, environment=environment)
    for said in (
        "svarade 500 på ?sig=hemligt",
        "svarade 500 på flow/a1b2c3/nu",
        "proxyn nekade vakt:gurkburk-11",
        "ping.granvik.example/5f3a-9c svarade inte",
        "password authentication failed: morotskaka",
    ):
        log.trouble(said)
    text = stream.getvalue()
    for part in ("hemligt", "a1b2c3", "gurkburk", "5f3a", "morotskaka"):
        assert part not in text, part
    assert "ping.granvik.example" in text, "where it went may be known"


def test_what_was_a_secret_before_the_configuration_was_read_again_stays_one(
    tmp_path: Path,
) -> None:
    stream = StringIO()
    log = opened(tmp_path, stream)
    path = tmp_path / "visionsvakt.toml"
    path.write_text('[worker]\nlanguage = "en"\nping_url_env = "PING"\n')
    log.environment = {"PING": "https://ping.granvik.example/5f3a-9c"}
    log.configure(load(path, {}))
    log.trouble("syltburk 47 och 5f3a-9c. Den förra konfigurationen gäller än.")
    (line,) = said(stream)
    assert line["text"] == "$PASSWORD och $PING. The former configuration still holds."
