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

from snapshots.database import open_database
from snapshots.schema import deliveries, messages, tellings
from tests.support.mail import MailHost
from tests.support.teller import OWN_STEPS, TO

CHANGES = 3


def teller(url: str, host: MailHost, number: int, hold: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.teller", url, str(host.port), str(number), hold]
    root = Path(__file__).parents[1]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


def kill(program: subprocess.Popen[str]) -> None:
    program.send_signal(signal.SIGKILL)
    program.wait(20)
    if program.stdout:
        program.stdout.close()


def finish(url: str, host: MailHost, number: int) -> None:
    program = teller(url, host, number)
    assert program.wait(100) == 0
    if program.stdout:
        program.stdout.close()


def proof(url: str, host: MailHost, number: int) -> Counter[str]:
    """Everything was told, once, and arrived; returns how often each Message-ID came."""
    database = open_database(url)
    with database.read() as conn:
        told = conn.execute(sa.select(tellings.c.change, tellings.c.message)).all()
        kept = {row.id: row.payload for row in conn.execute(sa.select(messages))}
        states = conn.execute(sa.select(deliveries.c.id, deliveries.c.state)).all()
    database.close()
    assert len(told) == number
    in_messages = Counter(
        one for payload in kept.values() for entry in payload["entries"] for one in _ids(entry)
    )
    assert in_messages == Counter(change for change, _ in told)
    assert {state for _, state in states} == {"sent"}
    assert len(states) == len(kept) * len(TO)
    came = Counter(mail.id for mail in host.mails)
    assert set(came) == {f"<{delivery}@granvik.example>" for delivery, _ in states}
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


@pytest.mark.slow
def test_killed_200_times_at_random_nothing_is_lost(tmp_path: Path) -> None:
    dice = random.Random(7)
    url = f"sqlite:///{tmp_path / 'store.db'}"
    rounds, number = 200, 4000
    with MailHost() as host:
        for _ in range(rounds):
            before = len(host.log)
            program = teller(url, host, number)
            deadline = time.monotonic() + 20
            while len(host.log) == before and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(dice.random() * 0.15)
            kill(program)
        with_all = _told(url)
        finish(url, host, with_all)
        came = proof(url, host, with_all)
    again = sum(times - 1 for times in came.values())
    print(f"{rounds} kills, {with_all} changes, {len(came)} mails, {again} repeated, same id")
    assert max(came.values()) <= 3


def _told(url: str) -> int:
    database = open_database(url)
    with database.read() as conn:
        told = conn.scalar(sa.select(sa.func.count()).select_from(tellings)) or 0
    database.close()
    return told
