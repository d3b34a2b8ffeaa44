"""Killed with SIGKILL at every point of telling: nothing is lost; what comes twice has one id."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from standardwebhooks.webhooks import Webhook

from snapshots.database import open_database
from snapshots.schema import attempts, deliveries, messages, tellings
from tests.support.hooks import SECRET, Hook
from tests.support.mail import MailHost
from tests.support.teller import OWN_STEPS, TO
from tests.support.web import Asked, Served

CHANGES = 3


def teller(url: str, to: MailHost | Hook, number: int, hold: str = "") -> subprocess.Popen[str]:
    place = str(to.port) if isinstance(to, MailHost) else to.url("/krok")
    command = [sys.executable, "-m", "tests.support.teller", url, place, str(number), hold]
    root = Path(__file__).parents[1]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


def kill(program: subprocess.Popen[str]) -> None:
    program.send_signal(signal.SIGKILL)
    program.wait(20)
    if program.stdout:
        program.stdout.close()


def finish(url: str, to: MailHost | Hook, number: int) -> None:
    program = teller(url, to, number)
    assert program.wait(100) == 0
    if program.stdout:
        program.stdout.close()


def proof(url: str, to: MailHost | Hook, number: int) -> Counter[str]:
    """Everything was told, once, and arrived; returns how often each id came."""
    database = open_database(url)
    with database.read() as conn:
        told = conn.execute(sa.select(tellings.c.change, tellings.c.message)).all()
        kept = {row.id: row.payload for row in conn.execute(sa.select(messages))}
        rows = conn.execute(sa.select(deliveries)).all()
        marked = Counter(conn.execute(sa.select(attempts.c.delivery)).scalars())
    database.close()
    states = [(row.id, row.state) for row in rows]
    claims = {row.id: row.attempts for row in rows}
    assert len(told) == number
    in_messages = Counter(
        one for payload in kept.values() for entry in payload["entries"] for one in _ids(entry)
    )
    assert in_messages == Counter(change for change, _ in told)
    assert {state for _, state in states} == {"sent"}
    assert marked == Counter(dict.fromkeys(claims, 1)), "once marked, it is never taken up again"
    if isinstance(to, MailHost):
        assert len(states) == len(kept) * len(TO)
        came = Counter(mail.id for mail in to.mails)
        assert set(came) == {f"<{delivery}@granvik.example>" for delivery, _ in states}
        assert all(came[f"<{one}@granvik.example>"] <= number for one, number in claims.items())
        return came
    assert len(states) == len(kept)
    whole = [one for one in to.log if len(one.body) == int(one.headers["content-length"])]
    came = Counter(one.headers["webhook-id"] for one in whole)
    assert set(came) == {delivery for delivery, _ in states}
    bodies = {one.headers["webhook-id"]: one.body for one in whole}
    for one in to.log:  # of one killed in the middle of a body, the beginning arrives
        assert bodies[one.headers["webhook-id"]].startswith(one.body), "always the same bytes"
    return came


def _ids(entry: dict[str, list[dict[str, list[str]]]]) -> list[str]:
    return [told for change in entry["changes"] for told in change["ids"]]


@pytest.mark.parametrize("step", OWN_STEPS)
def test_killed_at_a_step_of_ours_nothing_is_lost(tmp_path: Path, step: str) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with MailHost() as host:
        program = teller(url, host, CHANGES, step)
        assert program.stdout
        assert program.stdout.readline().strip() == step
        kill(program)
        finish(url, host, CHANGES)
        came = proof(url, host, CHANGES)
        # Only between the server's yes and our mark nobody can know.
        assert max(came.values()) == (2 if step in ("sent", "settling") else 1)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "END", "SENT"])
def test_killed_in_the_middle_of_a_mail_nothing_is_lost(tmp_path: Path, step: str) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    victims: list[subprocess.Popen[str]] = []

    def fault(at: str, address: str) -> None:
        if at == step and victims:
            os.kill(victims.pop().pid, signal.SIGKILL)

    with MailHost(fault=fault) as host:
        program = teller(url, host, CHANGES)
        victims.append(program)
        assert program.wait(60) == -signal.SIGKILL
        kill(program)
        finish(url, host, CHANGES)
        came = proof(url, host, CHANGES)
        assert max(came.values()) == (2 if step in ("SENT", "END") else 1)


@pytest.mark.parametrize("step", ["formed", "claimed", "sent"])
def test_killed_around_a_webhook_nothing_is_lost(tmp_path: Path, step: str) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with Hook(204) as hook:
        program = teller(url, hook, CHANGES, step)
        assert program.stdout
        assert program.stdout.readline().strip() == step
        kill(program)
        finish(url, hook, CHANGES)
        came = proof(url, hook, CHANGES)
        assert max(came.values()) == (2 if step == "sent" else 1)


def test_killed_while_a_webhook_is_answered_it_comes_again_under_its_id(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    victims: list[subprocess.Popen[str]] = []

    def answer(asked: Asked) -> Served:
        Webhook(SECRET).verify(asked.body, dict(asked.headers))
        if victims:
            kill(victims.pop())
        return Served(b"", 204)

    with Hook(answer) as hook:
        program = teller(url, hook, CHANGES)
        victims.append(program)
        assert program.wait(60) == -signal.SIGKILL
        finish(url, hook, CHANGES)
        came = proof(url, hook, CHANGES)
        assert sorted(came.values())[-2:] == [1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("channel", ["mail", "webhook"])
def test_killed_200_times_at_random_nothing_is_lost(tmp_path: Path, channel: str) -> None:
    dice = random.Random(7)
    url = f"sqlite:///{tmp_path / 'store.db'}"
    rounds, number = 200, 4000
    with MailHost() if channel == "mail" else Hook(204) as to:
        for _ in range(rounds):
            before = len(to.log)
            program = teller(url, to, number)
            deadline = time.monotonic() + 20
            while len(to.log) == before and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(dice.random() * 0.15)
            kill(program)
        with_all = _told(url)
        finish(url, to, with_all)
        came = proof(url, to, with_all)
    again = sum(times - 1 for times in came.values())
    print(
        f"{rounds} kills, {with_all} changes, {len(came)} deliveries, {again} came again, same id"
    )
    assert again <= rounds, "one is in hand at a time: a kill lets one come again, if any"


def _told(url: str) -> int:
    database = open_database(url)
    with database.read() as conn:
        told = conn.scalar(sa.select(sa.func.count()).select_from(tellings)) or 0
    database.close()
    return told
