"""Mail against real servers: what they refuse, and how, decides what becomes of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from notifications import email as channel
from notifications.channels import Delivery, Letterhead
from notifications.email import MailServer, compose
from pipeline.form import form
from snapshots.database import Database
from tests.support.mail import Drop, MailHost, Rule, Silence
from tests.support.telling import (
    SENDER,
    START,
    STOCKHOLM,
    Town,
    by_mail,
    change,
    gathered,
    initiative,
    message,
)
from tests.support.web import Authority

NEW = change(None, initiative("Åkerbärsodling på torgets tak", description="Vi odlar åkerbär."))


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    with Authority() as made:
        yield made


def server_for(host: MailHost, **more: object) -> MailServer:
    return MailServer("127.0.0.1", host.port, SENDER, security="none", **more)  # type: ignore[arg-type]


def town(store: Database, server: MailServer, *to: str) -> Town:
    made = Town(store, [by_mail(*to)], mail=server)
    made.tell(NEW)
    return made


def states(of: Town) -> dict[str, str]:
    return {row["address"]: row["state"] for row in of.deliveries}


def test_a_mail_has_text_and_html_and_every_header_it_should(sqlite_store: Database) -> None:
    with MailHost() as host:
        here = town(sqlite_store, server_for(host, reply_to="Kim <kim@granvik.example>"))
        assert here.deliver().sent == 1
        (mail,) = host.mails
        (row,) = here.deliveries
        head = mail.message
        assert head["From"] == SENDER
        assert head["To"] == "kim@granvik.example"
        assert head["Reply-To"] == "Kim <kim@granvik.example>"
        assert mail.subject == "1 ny: Åkerbärsodling på torgets tak – Omsorg i Granvik"
        assert mail.id == f"<{row['id']}@granvik.example>"
        assert head["Auto-Submitted"] == "auto-generated"
        assert "kommunikation" in str(head["List-Id"])
        assert head["Content-Language"] == "sv"
        assert head["References"] == head["In-Reply-To"] != mail.id
        assert head["Date"].datetime == START
        to = urlsplit(str(head["List-Unsubscribe"]).strip("<>"))
        assert (to.scheme, to.path) == ("mailto", "kim@granvik.example")
        asked = "Avsluta prenumerationen: kommunikation (kim@granvik.example)"
        assert parse_qs(to.query) == {"subject": [asked]}
        assert "List-Unsubscribe-Post" not in head, "there is no web address for one click"
        assert head.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in head.iter_parts()] == [
            "text/plain",
            "text/html",
        ]
        assert "Vi odlar åkerbär." in mail.text
        assert "Vi odlar åkerbär." in mail.html
        assert mail.raw.isascii()
        assert all(len(line) <= 998 for line in mail.raw.splitlines())


def test_headers_for_machines_are_written_as_they_are_however_long() -> None:
    to = by_mail("en.mycket.lang.adress@kommunikationsavdelningen.granvik.example", id="i" * 60)
    told = Delivery("d-1", "email", to.to[0], message(gathered(NEW)), to)
    server = MailServer("127.0.0.1", 25, SENDER, reply_to=to.to[0])
    head = compose(told, server, Letterhead(STOCKHOLM)).as_bytes().partition(b"\r\n\r\n")[0]
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
    assert lines[b"List-Unsubscribe"].startswith(b"<mailto:en.mycket.lang.adress@kommunikations")
    assert lines[b"List-Unsubscribe"].endswith(b"%29>")
    for name in (b"In-Reply-To", b"References", b"List-Id"):
        assert b"i" * 60 in lines[name], name
    assert all(len(line) <= 998 for line in lines.values())


def test_nobody_is_asked_to_unsubscribe_where_nobody_reads_the_answer() -> None:
    told = Delivery("d-1", "email", "kim@granvik.example", message(gathered(NEW)), by_mail())
    mail = compose(told, MailServer("127.0.0.1", 25, SENDER), Letterhead(STOCKHOLM))
    assert "List-Unsubscribe" not in mail


def test_pictures_lie_in_the_mail_itself_beside_the_html_that_shows_them() -> None:
    row = {"status": "ongoing", "old": 60, "new": 64, "curve": [60, 64]}
    stamp = "2026-10-23T07:00:00Z"
    chart = {"page": "Omsorg", "rows": [row, row], "since": stamp, "began": stamp, "until": stamp}
    told = message(gathered(NEW), charts=[chart])
    delivery = Delivery("d-1", "email", "kim@granvik.example", told, by_mail())
    mail = compose(delivery, MailServer("127.0.0.1", 25, SENDER), Letterhead(STOCKHOLM))
    assert (
        mail.as_bytes()
        == compose(delivery, MailServer("127.0.0.1", 25, SENDER), Letterhead(STOCKHOLM)).as_bytes()
    ), "every try sends the same"
    _text, related = mail.iter_parts()
    assert related.get_content_type() == "multipart/related"
    assert related.get_param("type") == "text/html"
    html, picture = related.iter_parts()
    assert picture.get_content_type() == "image/png"
    assert picture.get_content_disposition() == "inline"
    name = str(picture["Content-ID"]).strip("<>")
    assert html.get_content().count(f'src="cid:{name}"') == 2, "the same picture is sent once"
    assert picture.get_content().startswith(b"\x89PNG")


def test_digests_of_one_subscription_lie_in_one_thread(sqlite_store: Database) -> None:
    with MailHost() as host:
        here = town(sqlite_store, server_for(host))
        here.deliver()
        here.tell(change(None, initiative(), of="i-2"))
        here.deliver()
        first, second = host.mails
        assert first.message["References"] == second.message["References"]
        assert first.id != second.id


def test_each_address_gets_a_mail_of_its_own(sqlite_store: Database) -> None:
    with MailHost() as host:
        here = town(sqlite_store, server_for(host), "a@granvik.example", "b@granvik.example")
        assert here.deliver().sent == 2
        assert sorted(mail.to for mail in host.mails) == [
            ("a@granvik.example",),
            ("b@granvik.example",),
        ]
        assert len({mail.id for mail in host.mails}) == 2
        assert host.connections == 1, "one connection for a round"


@pytest.mark.parametrize(
    ("step", "answer", "state", "error"),
    [
        ("CONNECT", "421 closed", "waiting", "421"),
        ("CONNECT", "554 nej", "waiting", "554"),
        ("CONNECT", Drop, "waiting", "127.0.0.1"),
        ("MAIL", "421 hinner inte", "waiting", "421"),
        ("MAIL", "451 senare", "waiting", "451"),
        ("MAIL", "550 sender refused", "waiting", "550"),
        ("MAIL", Drop, "waiting", "127.0.0.1"),
        ("RCPT", "421 hinner inte", "waiting", "421"),
        ("RCPT", "450 greylisted", "waiting", "450"),
        ("RCPT", "451 senare", "waiting", "451"),
        ("RCPT", "550 finns inte", "dead", "550"),
        ("RCPT", "551 flyttad", "dead", "551"),
        ("END", "421 hinner inte", "waiting", "421"),
        ("END", "451 senare", "waiting", "451"),
        ("END", "452 fullt", "waiting", "452"),
        ("END", "552 too large", "dead", "552"),
        ("END", "554 vill inte ha", "dead", "554"),
        ("END", Drop, "waiting", "127.0.0.1"),
    ],
)
def test_temporary_and_permanent_are_told_apart(
    sqlite_store: Database, step: str, answer: str, state: str, error: str
) -> None:
    with MailHost(fault=lambda at, address: answer if at == step else None) as host:
        here = town(sqlite_store, server_for(host))
        here.deliver()
        (row,) = here.deliveries
        assert (row["state"], row["attempts"]) == (state, 1)
        assert error in row["error"]
        assert not host.mails
        if state == "waiting":
            waits = datetime.fromisoformat(row["next_attempt"]) - here.now
            assert 0 < waits.total_seconds() <= 60
            host.fault = lambda at, address: None
            assert here.later(minutes=1).sent == 1


def test_a_partial_refusal_is_read_address_by_address(sqlite_store: Database) -> None:
    answers = {"b@granvik.example": "550 finns inte", "c@granvik.example": "451 senare"}

    def fault(step: str, address: str) -> str | None:
        return answers.get(address) if step == "RCPT" else None

    with MailHost(fault=fault) as host:
        everyone = [f"{name}@granvik.example" for name in "abcd"]
        here = town(sqlite_store, server_for(host), *everyone)
        result = here.deliver()
        assert (result.sent, result.waiting, result.dead) == (2, 1, 1)
        assert list(states(here).values()).count("sent") == 2
        assert states(here)["b@granvik.example"] == "dead"
        assert states(here)["c@granvik.example"] == "waiting"


def test_accepted_but_never_confirmed_is_sent_again_under_the_same_id(
    sqlite_store: Database,
) -> None:
    lost = iter([Drop])

    def fault(step: str, address: str) -> object:
        return next(lost, None) if step == "SENT" else None

    with MailHost(fault=fault) as host:  # type: ignore[arg-type]
        here = town(sqlite_store, server_for(host))
        assert here.deliver().failed == 1
        assert here.later(minutes=1).sent == 1
        first, second = host.mails
        assert first.id == second.id
        assert first.raw == second.raw


@pytest.mark.parametrize("step", ["CONNECT", "MAIL", "RCPT", "END"])
def test_a_server_that_falls_silent_is_left_in_time(
    sqlite_store: Database, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "STEP_SECONDS", 0.5)
    with MailHost(fault=lambda at, address: Silence if at == step else None) as host:
        here = town(sqlite_store, server_for(host))
        began = time.monotonic()
        assert here.deliver().failed == 1
        assert time.monotonic() - began < 10
        assert "svarar inte i tid" in here.deliveries[0]["error"]


def test_a_server_that_drips_is_cut_off(
    sqlite_store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.web import RawServer

    monkeypatch.setattr(channel, "SEND_SECONDS", 1.0)

    def drip(sock: object) -> None:
        for _ in range(100):
            sock.sendall(b"220-hej\r\n")  # type: ignore[attr-defined]
            time.sleep(0.1)

    with RawServer(drip, read_first=False) as slow:
        server = MailServer("127.0.0.1", slow.port, SENDER, security="none")
        here = town(sqlite_store, server)
        began = time.monotonic()
        assert here.deliver().failed == 1
        assert time.monotonic() - began < 6


def test_a_server_that_is_not_there_puts_everything_off(sqlite_store: Database) -> None:
    with MailHost() as host:
        port = host.port
    server = MailServer("127.0.0.1", port, SENDER, security="none")
    here = town(sqlite_store, server, *[f"n{n}@granvik.example" for n in range(8)])
    result = here.deliver()
    assert (result.sent, result.waiting) == (0, 8)
    assert {row["attempts"] for row in here.deliveries} == {1}


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_encrypted_and_logged_in(
    sqlite_store: Database, authority: Authority, security: str
) -> None:
    context = authority.context("127.0.0.1")
    account = ("visionsvakt", "hemligt") if security == "starttls" else None
    with MailHost(context=context, implicit_tls=security == "tls", account=account) as host:
        server = MailServer(
            "127.0.0.1",
            host.port,
            SENDER,
            security=security,  # type: ignore[arg-type]
            username="visionsvakt" if account else "",
            password="hemligt",
            ca_file=authority.pem_file,
        )
        assert town(sqlite_store, server).deliver().sent == 1
        assert len(host.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("fault", ["unknown authority", "another name", "expired"])
def test_broken_tls_sends_nothing_and_says_why(
    sqlite_store: Database, authority: Authority, security: str, fault: str
) -> None:
    name = "fel.granvik.example" if fault == "another name" else "127.0.0.1"
    context = authority.context(name, expired=fault == "expired")
    with MailHost(context=context, implicit_tls=security == "tls") as host:
        server = MailServer(
            "127.0.0.1",
            host.port,
            SENDER,
            security=security,  # type: ignore[arg-type]
            ca_file="" if fault == "unknown authority" else authority.pem_file,
        )
        here = town(sqlite_store, server)
        assert here.deliver().failed == 1
        assert not host.mails
        assert "TLS" in here.deliveries[0]["error"]


def test_a_server_without_starttls_gets_nothing_in_the_clear(sqlite_store: Database) -> None:
    with MailHost() as host:
        server = MailServer("127.0.0.1", host.port, SENDER, security="starttls")
        here = town(sqlite_store, server)
        assert here.deliver().failed == 1
        assert "STARTTLS" in here.deliveries[0]["error"].upper()
        assert not [line for line in host.log if line.startswith("MAIL")]


def test_a_wrong_password_waits_for_the_operator_and_is_never_on_record(
    sqlite_store: Database, authority: Authority
) -> None:
    context = authority.context("127.0.0.1")
    with MailHost(context=context, account=("visionsvakt", "rätt")) as host:
        server = MailServer(
            "127.0.0.1",
            host.port,
            SENDER,
            username="visionsvakt",
            password="felhemligt",
            ca_file=authority.pem_file,
        )
        here = town(sqlite_store, server)
        assert here.deliver().waiting == 1
        error = here.deliveries[0]["error"]
        assert "inloggningen nekades" in error
        assert "felhemligt" not in error
        assert "felhemligt" not in repr(server)


def test_a_slow_mail_server_delays_no_webhook(sqlite_store: Database) -> None:
    from tests.support.hooks import Hook, poster
    from tests.support.telling import by_hook

    seen = re.compile("RCPT")
    with Hook(200) as hook, poster() as door:

        def fault(step: str, address: str) -> None:
            if seen.match(step):
                deadline = time.monotonic() + 15
                while not hook.log and time.monotonic() < deadline:
                    time.sleep(0.02)

        rule: Rule = fault
        with MailHost(fault=rule) as host:
            here = Town(
                sqlite_store,
                [by_mail(), by_hook(hook.url())],
                mail=server_for(host),
                poster=door,
            )
            here.tell(NEW)
            began = time.monotonic()
            assert here.deliver().sent == 2
            assert time.monotonic() - began < 10


def test_an_address_that_no_mail_can_carry_is_dead_and_holds_up_no_other(
    sqlite_store: Database,
) -> None:
    with MailHost() as host:
        odd = ("någon@granvik.example", "kim@åkern.example", "eva@granvik.example")
        here = town(sqlite_store, server_for(host), *odd)
        assert here.deliver().sent == 2
        assert states(here)["någon@granvik.example"] == "dead"
        assert {mail.to[0] for mail in host.mails} == {
            "kim@xn--kern-poa.example",
            "eva@granvik.example",
        }


def test_a_bug_in_one_message_holds_up_no_other(sqlite_store: Database) -> None:
    from snapshots.schema import messages

    with MailHost() as host:
        here = town(sqlite_store, server_for(host))
        here.tell(change(None, initiative(), of="i-2"))
        with sqlite_store.write() as conn:
            form(conn, here.now, here.subscriptions, STOCKHOLM)
            conn.execute(messages.update().values(payload={"entries": [{"group": "unheard of"}]}))
        here.tell(change(None, initiative(), of="i-3"))
        result = here.deliver()
        assert (result.sent, result.failed) == (1, 1)
        assert "internt fel" in "".join(row["error"] or "" for row in here.deliveries)
