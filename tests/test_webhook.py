"""Webhooks as the contract says: signed, the same id over every retry, every answer understood."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from monitor.fetch import Fetcher
from notifications import channels
from notifications.channels import Message
from notifications.digest import gather
from notifications.webhook import body_of
from snapshots.database import Database
from tests.support.hooks import SECRET, Hook, poster
from tests.support.telling import (
    START,
    Town,
    by_hook,
    change,
    initiative,
    link,
    message,
    page_change,
    telling,
)
from tests.support.web import Asked, RawServer, Served, saying

OTHER = "whsec_" + "ZW4gYW5uYW4gbnlja2VsIGkgR3JhbnZpaw=="
NEW = change(None, initiative("Åkerbärsodling på torgets tak"))


@pytest.fixture
def door() -> Iterator[Fetcher]:
    with poster() as fetcher:
        yield fetcher


def town(store: Database, url: str, door: Fetcher, secret: str = SECRET) -> Town:
    to = by_hook(url, secret_env="KROK")
    made = Town(store, [to], poster=door, secrets={"KROK": secret})
    made.tell(NEW)
    return made


def test_every_webhook_verifies_by_the_specification_s_own_library(
    sqlite_store: Database, door: Fetcher
) -> None:
    with Hook(500, 204) as hook:
        here = town(sqlite_store, hook.url("/krok"), door)
        here.deliver()
        assert here.later(days=1).sent == 1
        for asked in hook.log:
            document = Webhook(SECRET).verify(asked.body, dict(asked.headers))
            assert document["type"] == "visionsvakt.digest"
            with pytest.raises(WebhookVerificationError):
                Webhook(OTHER).verify(asked.body, dict(asked.headers))
        assert hook.log[0].body == hook.log[1].body
        assert len({asked.headers["webhook-id"] for asked in hook.log}) == 1, "over every retry"
        assert hook.log[0].headers["content-type"].startswith("application/json")


def test_while_keys_rotate_both_sign(sqlite_store: Database, door: Fetcher) -> None:
    with Hook(200) as hook:
        town(sqlite_store, hook.url(), door, f"{SECRET} {OTHER}").deliver()
        (asked,) = hook.log
        for secret in (SECRET, OTHER):
            Webhook(secret).verify(asked.body, dict(asked.headers))


def test_the_body_is_the_contract_s(sqlite_store: Database, door: Fetcher) -> None:
    with Hook(200) as hook:
        here = town(sqlite_store, hook.url(), door)
        here.deliver()
        (document,) = hook.documents
        assert set(document) == {"type", "timestamp", "data"}
        assert datetime.fromisoformat(document["timestamp"]) == START
        assert document["data"]["subscription"] == "intranat"
        (told,) = document["data"]["changes"]
        assert {key: told[key] for key in NEW} == NEW
        assert told["pages"] == ["omsorg"]


@dataclass(frozen=True)
class Case:
    """What a receiver answers, and what becomes of the delivery."""

    status: int
    state: str
    headers: tuple[tuple[str, str], ...] = ()
    waits_at_least: float = 0.0
    waits_at_most: float = 60.0


@pytest.mark.parametrize(
    "case",
    [
        Case(200, "sent"),
        Case(204, "sent"),
        Case(299, "sent"),
        Case(301, "waiting", (("Location", "/elsewhere"),)),
        Case(307, "waiting", (("Location", "/elsewhere"),)),
        Case(400, "waiting"),
        Case(401, "waiting"),
        Case(404, "waiting"),
        Case(408, "waiting"),
        Case(410, "dead"),
        Case(413, "waiting"),
        Case(429, "waiting"),
        Case(429, "waiting", (("Retry-After", "600"),), 590, 610),
        Case(500, "waiting"),
        Case(500, "waiting", (("Retry-After", "600"),)),
        Case(502, "waiting"),
        Case(503, "waiting", (("Retry-After", "120"),), 110, 130),
    ],
    ids=lambda case: f"{case.status}{'-later' if case.headers else ''}",
)
def test_every_answer_is_understood(sqlite_store: Database, door: Fetcher, case: Case) -> None:
    with Hook(Served(b"svar", case.status, case.headers)) as hook:
        here = town(sqlite_store, hook.url(), door)
        here.deliver()
        (row,) = here.deliveries
        assert row["state"] == case.state
        assert len(hook.log) == 1, "no redirect is followed, nothing is tried twice at once"
        if case.state == "waiting":
            waits = datetime.fromisoformat(row["next_attempt"]) - here.now
            assert case.waits_at_least < waits.total_seconds() <= case.waits_at_most
            assert str(case.status) in row["error"]


def silence(sock: socket.socket) -> None:
    sock.settimeout(20)
    while sock.recv(65536):
        pass


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def drip(sock: socket.socket) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(200):
        sock.sendall(b"X: y\r\n")
        time.sleep(0.1)


@pytest.mark.parametrize(
    "script",
    [silence, reset, drip, saying(b"nonsense\r\n\r\n"), saying(b"")],
    ids=["silence", "reset", "drip", "nonsense", "nothing"],
)
def test_a_receiver_that_answers_nothing_is_tried_again(
    sqlite_store: Database,
    door: Fetcher,
    script: Callable[[socket.socket], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channels, "POST_SECONDS", 1.0)
    with RawServer(script) as server:
        here = town(sqlite_store, server.url(), door)
        began = time.monotonic()
        assert here.deliver().failed == 1
        assert time.monotonic() - began < 6
        assert here.deliveries[0]["state"] == "waiting"
        assert here.deliveries[0]["error"]


def test_a_huge_answer_is_a_yes_and_costs_nothing(sqlite_store: Database, door: Fetcher) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"

    def huge(sock: socket.socket) -> None:
        sock.sendall(head)
        try:
            for _ in range(100):
                sock.sendall(b"x" * 1_000_000)
        except OSError:
            pass

    with RawServer(huge) as server:
        assert town(sqlite_store, server.url(), door).deliver().sent == 1


def test_a_private_address_is_refused_unless_it_is_allowed(sqlite_store: Database) -> None:
    with Hook(200) as hook, poster(allow_private=()) as careful:
        here = town(sqlite_store, hook.url(), careful)
        assert here.deliver().failed == 1
        assert hook.connections == 0
        assert "allow_private" in here.deliveries[0]["error"]


def test_a_slow_receiver_does_not_hold_up_what_falls_due_meanwhile(
    sqlite_store: Database, door: Fetcher
) -> None:
    arrived: list[str] = []

    def slow(asked: Asked) -> Served:
        if not arrived:
            arrived.append("slow")
            here.tell(change(None, initiative(), of="i-2", page="trygg"))
            deadline = time.monotonic() + 15
            while len(sound.log) < 2 and time.monotonic() < deadline:
                time.sleep(0.02)
        return Served(b"", 200, ())

    with Hook(slow) as late, Hook(200) as sound:
        here = Town(
            sqlite_store,
            [by_hook(late.url(), "a"), by_hook(sound.url(), "b", pages=("trygg", "omsorg"))],
            poster=door,
        )
        here.tell(NEW)
        assert here.deliver().sent == 4
        assert len(sound.log) == 2


def test_a_webhook_may_go_unsigned_but_never_without_its_id(
    sqlite_store: Database, door: Fetcher
) -> None:
    with Hook(200) as hook:
        here = Town(sqlite_store, [by_hook(hook.url())], poster=door, now=datetime.now(UTC))
        here.tell(change(None, initiative(), at=here.now))
        here.deliver()
        (asked,) = hook.log
        assert asked.headers["webhook-id"] == here.deliveries[0]["id"]
        assert "webhook-signature" not in asked.headers


def test_the_timestamp_of_a_try_is_when_it_was_made(sqlite_store: Database, door: Fetcher) -> None:
    with Hook(200) as hook:
        here = town(sqlite_store, hook.url(), door)
        here.deliver(datetime(2031, 1, 1, tzinfo=UTC))
        stamp = int(hook.log[0].headers["webhook-timestamp"])
        assert abs(stamp - time.time()) < 60, "or no receiver would take it"


def test_what_is_posted_follows_the_published_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads((Path(__file__).parents[1] / "docs" / "webhook.schema.json").read_text())
    judge = jsonschema.Draft202012Validator(schema)
    judge.check_schema(schema)
    planned, built = initiative(), initiative(status="ongoing")
    back = change(built, planned, number=3, at=START + timedelta(hours=1))
    told = [
        telling(one)
        for one in (
            change(None, initiative(links=[link("Mer", None)]), of="i-2"),
            change(planned, None, of="i-3"),
            change(None, planned, of="i-5", twin={"status": "ongoing"}),
            change(planned, built),
            back,
            page_change("intro", "Vi bygger", "Vi bygger nu"),
        )
    ]
    told += [telling(change(planned, built, of="i-4"), cause) for cause in ("late", "correction")]
    incident = {
        "what": "opened",
        "incident": "x-1",
        "subject": "Omsorg i Granvik",
        "cause": "timeout",
        "text": "Sidan svarar inte",
        "mend": "Titta efter.",
        "count": 3,
        "first_at": "2026-11-23T05:00:00Z",
        "ended_at": None,
    }
    messages = [
        message(gather(told)),
        Message("m-2", "driften", "incident", START, incident),
    ]
    for one in messages:
        judge.validate(json.loads(body_of(one)))
    with pytest.raises(jsonschema.ValidationError):
        judge.validate({"type": "visionsvakt.digest", "timestamp": "nyss", "data": {}})
