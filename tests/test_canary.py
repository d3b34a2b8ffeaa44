"""The canary: an invented page goes through everything once a day, leaves no trace, and where it
does not come out as it should, operators hear of it once, with the mend."""

from __future__ import annotations

import socket
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa

from notifications import incidents
from pipeline import canary, town
from pipeline.canary import CanaryError, rehearse
from pipeline.upkeep import Upkeep
from snapshots import schema
from snapshots.database import Database
from tests.support.editions import ERROR_PAGE
from tests.support.square import square
from tests.support.telling import START, by_mail

OPERATOR = by_mail("drift@granvik.example", id="driften", about="operation")
FIRST, SECOND, THIRD, _ = town.editions()


def everything(database: Database) -> dict[str, list[Any]]:
    with database.read() as conn:
        return {
            table.name: list(conn.execute(sa.select(table)))
            for table in schema.metadata.sorted_tables
        }


def test_the_invented_page_gives_what_it_is_known_to_give() -> None:
    rehearse(lambda: START)


@pytest.mark.parametrize(
    ("editions", "said"),
    [
        ((FIRST, FIRST), "gav «unchanged»"),
        ((FIRST, THIRD), "Telefonvän"),
        ((FIRST, ERROR_PAGE.decode()), "gav «quarantined»"),
        ((ERROR_PAGE.decode(), SECOND), "gav «quarantined»"),
    ],
)
def test_what_comes_out_otherwise_is_said(editions: tuple[str, str], said: str) -> None:
    with pytest.raises(CanaryError, match=said):
        rehearse(lambda: START, editions)


def test_it_leaves_no_trace_in_the_store_and_reaches_nobody(
    sqlite_store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = []
    connect = socket.socket.connect

    def noted(self: socket.socket, address: Any) -> None:
        reached.append(address[0])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    with square(sqlite_store, by_mail(), OPERATOR) as place:
        place.look()
        place.post()
        before = everything(sqlite_store)
        Upkeep().run(sqlite_store, lambda: place.now)
        assert everything(sqlite_store) == before
        assert place.post() == []
    assert set(reached) == {"127.0.0.1"}


def test_operators_hear_once_with_the_mend_and_when_it_works_again(
    sqlite_store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with square(sqlite_store, OPERATOR, by_mail()) as place:
        place.look()
        place.post()
        upkeep = Upkeep()
        with monkeypatch.context() as patch:
            patch.setattr(town, "ADDRESS", "/en sida som inte finns")
            with pytest.raises(CanaryError):
                upkeep.run(sqlite_store, lambda: place.now)
            (mail,) = place.post(minutes=1)
            assert mail.to == ("drift@granvik.example",)
            assert mail.subject.startswith("Driftstörning: Självprovet misslyckades")
            assert "självprovet" in mail.text
            assert "starta om" in mail.text
            place.look(hours=20)
            with pytest.raises(CanaryError):
                upkeep.run(sqlite_store, lambda: place.now)
            assert place.post(minutes=1) == []
        assert not upkeep.is_due(place.now)
        place.look(days=1)
        assert upkeep.is_due(place.now)
        upkeep.run(sqlite_store, lambda: place.now)
        (mail,) = place.post(minutes=1)
        assert mail.subject.startswith("Driftstörningen är över: Självprovet")
        with sqlite_store.read() as conn:
            assert incidents.open_incidents(conn) == ()


def test_a_bug_on_the_way_is_an_incident_too(
    sqlite_store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(town, "SECOND_CHANGES", None)
    with pytest.raises(CanaryError, match="TypeError"):
        canary.try_all(sqlite_store, lambda: START)
    with sqlite_store.read() as conn:
        (incident,) = incidents.open_incidents(conn)
    assert (incident.subject, incident.cause) == (canary.SUBJECT, "canary")
    assert "TypeError" in incident.text


@pytest.mark.parametrize("forgotten", ["plain", "html"])
def test_a_letter_that_leaves_out_a_change_in_one_of_its_parts_is_said(forgotten: str) -> None:
    def part(kind: str) -> str:
        told = [new for _, _, new in town.SECOND_CHANGES]
        return "\n".join(told[1:] if kind == forgotten else told)

    mail = EmailMessage()
    mail.set_content(part("plain"))
    mail.add_alternative(part("html"), subtype="html")
    with pytest.raises(CanaryError, match=rf"\({forgotten}\).*{town.SECOND_CHANGES[0][2]}"):
        canary._judge_mail(mail)


def test_the_letter_of_the_rehearsal_is_one_of_those_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the letter can't even be made, the canary does not sing."""
    monkeypatch.setattr(canary, "_POST", replace(canary._POST, sender="ingen adress\n"))
    with pytest.raises(Exception, match=r"(?i)header|linefeed|address|adress"):
        rehearse(lambda: START)
