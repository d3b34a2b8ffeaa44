"""Trouble goes to operators, once each cause; readers hear of the first day, silence, blindness."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from notifications import incidents, outbox
from notifications.incidents import MENDS, Trouble
from snapshots.database import Database
from snapshots.schema import messages
from tests.support.hooks import Hook
from tests.support.mail import Drop
from tests.support.square import ITEMS, Square, square
from tests.support.telling import START, STOCKHOLM, Town, by_hook, by_mail, change, initiative
from tests.support.web import Served

READER = by_mail("kim@granvik.example")
OPERATOR = by_mail("drift@granvik.example", id="driften", about="operation")
ERROR = Served(b"borta", 503)


def subjects(mails: list[Any]) -> list[str]:
    return [mail.subject for mail in mails]


def welcomed(place: Square) -> None:
    """Past the first day: the page has been read, and everybody welcomed."""
    place.look()
    place.post()


# --- the first day ---


def test_each_new_address_is_welcomed_once_the_page_has_been_read(sqlite_store: Database) -> None:
    with square(sqlite_store, READER) as place:
        assert place.post() == []
        place.look()
        (mail,) = place.post()
        assert mail.subject == "Du får nu veta när visionssidorna ändras – Granviks vision"
        assert "Pågår nu: 2 insatser" in mail.text
        assert "Under utveckling: 1 insats" in mail.text
        place.town.start()
        assert place.post(days=2) == []
        place.town.subscriptions = [replace(READER, to=("kim@granvik.example", "eva@granvik.se"))]
        place.town.start()
        (mail,) = place.post()
        assert mail.to == ("eva@granvik.se",)


def test_a_welcome_waits_a_day_at_most_for_a_page_that_can_t_be_read(
    sqlite_store: Database,
) -> None:
    with square(sqlite_store, READER) as place:
        place.answer = ERROR
        place.look()
        assert place.post(hours=23) == []
        (mail,) = place.post(hours=1)
        assert "Sidan har inte kunnat läsas ännu." in mail.text


def test_operators_see_a_page_s_first_snapshot_with_its_counts(sqlite_store: Database) -> None:
    with square(sqlite_store, OPERATOR) as place:
        place.look()
        found = {mail.subject: mail for mail in place.post()}
        assert set(found) == {
            "Du får nu driftmeddelanden från Visionsvakt",
            "Första avläsningen: 4 insatser – Granviks vision",
        }
        welcome = found["Du får nu driftmeddelanden från Visionsvakt"].text
        assert "Det här bevakas: Granviks vision." in welcome
        assert "Beskedet kommer genast" in welcome
        text = found["Första avläsningen: 4 insatser – Granviks vision"].text
        assert "Pågår nu: 2 insatser" in text
        assert "visionsvakt check vision" in text
        place.look(hours=1)
        assert place.post() == []


def test_first_snapshots_of_one_day_are_one_message(sqlite_store: Database) -> None:
    with square(sqlite_store, OPERATOR, more=["Hamnen", "Torget"]) as place:
        place.look()
        subjects_now = subjects(place.post())
        assert "Första avläsningen: 12 insatser – 3 sidor" in subjects_now
        assert len(subjects_now) == 2
        assert subjects_now[0] == "Du får nu driftmeddelanden från Visionsvakt", "welcome first"
        text = place.host.mails[-1].text + place.host.mails[-2].text
        for id in ("vision", "hamnen", "torget"):
            assert f"visionsvakt show {id}" in text
        place.look(hours=1)
        assert place.post() == []


def test_webhooks_get_no_welcome(sqlite_store: Database) -> None:
    with Hook(200) as hook, square(sqlite_store, by_hook(hook.url())) as place:
        place.look()
        place.post(days=2)
        assert not hook.log


# --- when nothing happens ---


def test_when_quiet_says_so_once_a_week_and_how_often_we_looked(sqlite_store: Database) -> None:
    with square(sqlite_store, by_mail(digest="daily 08:30", when_quiet="weekly")) as place:
        welcomed(place)
        for _ in range(9):
            place.look(hours=12)
            assert place.post() == []
        place.answer = ERROR
        place.look(hours=12)
        place.answer = None
        (mail,) = place.post(days=2, hours=6)
        assert mail.subject == "Inget har ändrats – Granviks vision"
        assert "Vi har tittat 11 gånger." in mail.text
        assert "1 gång gick det inte att läsa." in mail.text
        place.look(hours=1)
        assert place.post(days=6) == []
        assert len(place.post(days=1)) == 1


def test_nobody_is_told_that_nothing_changed_when_nobody_looked(sqlite_store: Database) -> None:
    with square(sqlite_store, by_mail(digest="daily 08:30", when_quiet="weekly")) as place:
        welcomed(place)
        place.post(days=8)
        again = place.post(days=8)
        assert again == []


def test_a_week_with_a_change_is_not_quiet(sqlite_store: Database) -> None:
    with square(sqlite_store, by_mail(digest="daily 08:30", when_quiet="weekly")) as place:
        welcomed(place)
        place.items = ITEMS[1:]
        place.look(days=3)
        assert len(place.post(days=1)) == 1
        place.look(days=3)
        assert place.post(hours=2) == []


# --- pages in trouble ---


def test_one_incident_for_one_cause_from_its_opening_to_its_end(sqlite_store: Database) -> None:
    with square(sqlite_store, OPERATOR) as place:
        welcomed(place)
        place.answer = Served(b"", 500)
        for _ in range(2):
            place.look(hours=1)
            assert place.post() == []
        place.look(hours=1)
        (opened,) = place.post()
        assert opened.subject.startswith("Driftstörning: Granviks vision svarade 500")
        assert "Så gör du: " in opened.text
        for _ in range(5):
            place.look(hours=1)
            assert place.post() == [], "the same error every run is one incident"
        place.answer = Served(b"", 404)
        place.look(hours=1)
        (changed,) = place.post()
        assert "har en ny orsak" in changed.text
        place.look(hours=24)
        (reminded,) = place.post()
        assert "pågår fortfarande" in reminded.subject
        place.answer = None
        place.look(hours=1)
        (ended,) = place.post()
        assert "är över" in ended.subject
        threads = {mail.message["References"] for mail in (opened, changed, reminded, ended)}
        assert len(threads) == 1
        place.look(hours=1)
        assert place.post(days=3) == []


def test_a_site_that_is_down_is_one_incident_whatever_pages_it_has(store: Database) -> None:
    with square(store, OPERATOR, more=["Hamnen", "Torget"]) as place:
        welcomed(place)
        place.answer = Served(b"", 500)
        for _ in range(3):
            place.look(hours=1)
        (opened,) = place.post()
        assert opened.subject == "Driftstörning: 3 sidor svarade 500; det prövas igen"
        assert "Granviks vision, Hamnen och Torget svarade 500;" in " ".join(opened.text.split())
        (reminded,) = place.post(days=1, hours=1)
        assert reminded.message["References"] == opened.message["References"]
        *others, late = place.pages
        place.answer = None
        place.pages = others
        place.look(hours=1)
        (some,) = place.post()
        assert some.subject == "Driftstörningen är över: Granviks vision och Hamnen svarade 500"
        place.pages = [late]
        place.look(hours=1)
        (last,) = place.post()
        assert last.subject == "Driftstörningen är över: Torget svarade 500"
        assert place.post(days=1) == []


def test_a_webhook_gets_each_incident_by_itself(sqlite_store: Database) -> None:
    with Hook(200) as hook:
        operators = by_hook(hook.url(), "driftkrok", about="operation")
        with square(sqlite_store, operators, more=["Hamnen"]) as place:
            place.look()
            place.answer = Served(b"", 500)
            for _ in range(3):
                place.look(hours=1)
            place.post()
            assert sorted(one["data"]["subject"] for one in hook.documents) == [
                "Granviks vision",
                "Hamnen",
            ]


def test_a_short_trouble_is_no_incident(sqlite_store: Database) -> None:
    with square(sqlite_store, OPERATOR) as place:
        welcomed(place)
        for _ in range(6):
            place.answer = Served(b"", 500)
            place.look(hours=1)
            place.look(hours=1)
            assert place.post() == []
            place.answer = None
            place.look(hours=1)
            assert place.post() == []


def test_a_page_that_waits_for_a_person_is_told_at_once(sqlite_store: Database) -> None:
    with square(sqlite_store, OPERATOR) as place:
        welcomed(place)
        place.answer = Served("<h1>Tekniskt fel</h1><p>Vi är strax tillbaka.</p>".encode())
        assert place.look(hours=1).outcome == "quarantined"
        (mail,) = place.post()
        assert "quarantine list" in mail.text


def test_readers_hear_nothing_of_trouble_until_a_page_was_long_blind(
    sqlite_store: Database,
) -> None:
    with square(sqlite_store, READER) as place:
        welcomed(place)
        place.answer = ERROR
        for _ in range(6):
            place.look(hours=6)
        assert place.post() == []
        place.look(hours=12)
        (blind,) = place.post()
        assert blind.subject == "Sidan har inte kunnat läsas – Granviks vision"
        place.look(days=3)
        assert place.post() == []
        place.answer = None
        place.look(hours=1)
        (over,) = place.post()
        assert over.subject == "Sidan går att läsa igen – Granviks vision"
        assert place.post(hours=1) == []


def test_blind_pages_are_told_together_and_at_the_hours_that_were_asked_for(
    store: Database,
) -> None:
    to = by_mail("kim@granvik.example", digest="workdays 08:30")
    with square(store, to, more=["Hamnen"]) as place:  # Monday 23 November, 08:00
        place.look()
        place.look(days=3)
        place.post()
        place.answer = ERROR
        for _ in range(8):  # until Saturday
            place.look(hours=6)
        assert place.post(hours=2) == [], "no working day"
        assert place.post(hours=45) == []
        (blind,) = place.post(hours=2)
        assert blind.subject == "2 sidor har inte kunnat läsas"
        assert "Hamnen har inte kunnat läsas sedan 26 nov 2026 08:00." in blind.text
        place.answer = None
        place.look(hours=1)
        back = place.now
        assert place.post(hours=1) == []
        (over,) = place.post(days=1)
        assert over.subject == "2 sidor går att läsa igen"
        assert f"till {back.astimezone(STOCKHOLM):%-d nov %Y %H:%M}" in " ".join(over.text.split())
        assert place.post(days=2) == []


def test_a_retired_page_reminds_nobody(sqlite_store: Database) -> None:
    from snapshots import watch

    with square(sqlite_store, OPERATOR) as place:
        welcomed(place)
        place.answer = Served(b"", 500)
        for _ in range(3):
            place.look(hours=1)
        place.post()
        with sqlite_store.write() as conn:
            watch.sync_pages(conn, [], place.now)
        assert place.post(days=3) == []


# --- channels in trouble ---


def test_mail_in_trouble_is_told_by_another_channel(sqlite_store: Database) -> None:
    with Hook(200) as hook:
        operators = by_hook(hook.url(), "driftkrok", about="operation")
        with square(sqlite_store, READER, operators) as place:
            welcomed(place)
            place.host.fault = lambda step, address: Drop if step == "CONNECT" else None
            place.items = ITEMS[1:]
            place.look(hours=1)
            for _ in range(4):
                place.post(minutes=20)
            (opened,) = hook.documents
            assert opened["type"] == "visionsvakt.incident"
            assert opened["data"]["what"] == "opened"
            assert opened["data"]["subject"] == "e-post"
            assert opened["data"]["mend"]
            place.host.fault = lambda step, address: None
            place.post(hours=1)
            place.post(minutes=1)
            assert [one["data"]["what"] for one in hook.documents] == ["opened", "ended"]
            assert len(place.host.mails) == 2, "the welcome, and the digest that had waited"


def test_what_waited_for_a_mail_server_goes_at_once_when_it_is_back_in_the_order_it_was_told(
    store: Database,
) -> None:
    with square(store, READER, OPERATOR) as place:
        welcomed(place)
        place.host.fault = lambda step, address: Drop if step == "CONNECT" else None
        for number in range(1, 4):
            place.items = ITEMS[number:]
            place.look(hours=4)
            for _ in range(6):
                assert place.post(minutes=20) == []
        place.host.fault = lambda step, address: None
        waiting = [row for row in place.town.deliveries if row["state"] == "waiting"]
        assert len({row["next_attempt"] for row in waiting}) > 1, "each has its own pause"
        first_try = datetime.fromisoformat(min(row["next_attempt"] for row in waiting))
        came = place.post(seconds=(first_try - place.now).total_seconds())
        found_out, *others = [mail.id.strip("<").partition("@")[0] for mail in came]
        assert others == [row["id"] for row in waiting if row["id"] != found_out]
        (over,) = place.post(minutes=1)
        assert over.subject.startswith("Driftstörningen är över: ")


def test_an_address_that_refuses_for_good_is_told_to_operators_once(
    sqlite_store: Database,
) -> None:
    with square(sqlite_store, by_mail("fel@granvik.example"), OPERATOR) as place:
        place.look()
        place.host.fault = lambda step, address: (
            "550 no such user" if (step, address) == ("RCPT", "fel@granvik.example") else None
        )
        *_others, mail = place.post()
        assert mail.subject == (
            "Driftstörning: fel@granvik.example (kommunikation): RCPT TO: 550 no such user"
        )
        assert mail.text.count("fel@granvik.example") == 1, "named once"
        assert "deliveries retry" in mail.text
        assert place.post(minutes=1) == []


def refuses(wrong: str) -> Callable[[str, str], str | None]:
    """A mail server that knows no such address."""
    return lambda step, address: "550 no such user" if (step, address) == ("RCPT", wrong) else None


def given_up(place: Square) -> int:
    with place.town.database.read() as conn:
        return outbox.given_up(conn)


def test_a_corrected_address_ends_the_trouble_and_gets_what_the_wrong_one_missed(
    store: Database,
) -> None:
    wrong = by_mail("fel@granvik.example", digest="daily 07:30")
    with square(store, wrong, OPERATOR) as place:
        place.host.fault = refuses("fel@granvik.example")
        welcomed(place)
        place.items = ITEMS[1:]
        place.look(hours=2)
        place.post(days=1)
        assert given_up(place) == 2, "the welcome and a digest"
        place.items = ITEMS[2:]
        place.look(hours=2)
        place.town.subscriptions = [replace(wrong, to=("ratt@granvik.example",)), OPERATOR]
        place.town.start()
        welcome, over = place.post(minutes=1)
        assert over.subject.startswith("Driftstörningen är över: ")
        assert (welcome.to, welcome.subject[:14]) == (("ratt@granvik.example",), "Du får nu veta")
        assert given_up(place) == 1
        assert [mail.to for mail in place.post(days=1)] == [("ratt@granvik.example",)], "the second"
        place.town.retry()
        (first,) = place.post()
        assert first.to == ("ratt@granvik.example",)
        assert "Nattbussar till byarna" in first.text
        assert given_up(place) == 0
        assert place.post(days=30) == [], "nobody is reminded of what is over"


def test_trouble_with_an_address_that_was_taken_away_is_over(store: Database) -> None:
    with square(store, by_mail("fel@granvik.example"), OPERATOR) as place:
        place.host.fault = refuses("fel@granvik.example")
        welcomed(place)
        place.town.subscriptions = [OPERATOR]
        place.town.start()
        (over,) = place.post(minutes=1)
        assert over.subject.startswith("Driftstörningen är över: fel@granvik.example")
        assert given_up(place) == 0
        assert place.post(days=30) == []


def test_trouble_with_a_receiver_that_was_taken_away_is_over(store: Database) -> None:
    with Hook(410) as hook, square(store, by_hook(hook.url()), OPERATOR) as place:
        welcomed(place)
        place.items = ITEMS[1:]
        place.look(hours=1)
        place.post()
        assert given_up(place) == 1
        place.town.subscriptions = [OPERATOR]
        place.town.start()
        (over,) = place.post(minutes=1)
        assert over.subject.startswith("Driftstörningen är över: ")
        assert given_up(place) == 0
        assert place.post(days=30) == []


def test_whoever_follows_one_who_got_all_mail_starts_with_what_changes_then(
    sqlite_store: Database,
) -> None:
    with square(sqlite_store, by_mail("kim@granvik.example", digest="daily 07:30")) as place:
        welcomed(place)
        place.items = ITEMS[1:]
        place.look(hours=2)
        place.town.now += timedelta(minutes=1)
        place.town.subscriptions = [by_mail("lo@granvik.example", digest="daily 07:30")]
        place.town.start()
        assert [mail.subject[:14] for mail in place.post(days=1)] == ["Du får nu veta"]


def test_a_receiver_that_wants_no_more_is_told_to_operators(sqlite_store: Database) -> None:
    with Hook(410) as hook, square(sqlite_store, by_hook(hook.url()), OPERATOR) as place:
        welcomed(place)
        place.items = ITEMS[1:]
        place.look(hours=1)
        (mail,) = place.post()
        assert mail.subject == "Driftstörning: intranat: svarade 410"
        assert "deliveries retry" in mail.text
        assert place.post(minutes=1) == []


# --- the rules ---


def test_a_cause_that_flaps_is_told_once_each(store: Database) -> None:
    town = Town(store, [OPERATOR])
    for number in range(12):
        with store.write() as conn:
            trouble = Trouble(["dns", "timeout"][number % 2], "Namnet finns inte")
            incidents.note(conn, "page:x", trouble, START + timedelta(hours=number))
    with store.read() as conn:
        (incident,) = incidents.open_incidents(conn)
    assert incident.count == 12
    told = {"dns", "timeout"}
    assert incidents.due_news(incident, START, START + timedelta(hours=12), told) is None
    assert town.deliveries == []


@pytest.mark.parametrize(("days", "number"), [(0.9, 0), (1, 1), (7.9, 1), (8, 2), (15, 3)])
def test_what_goes_on_is_brought_to_mind_after_a_day_and_then_each_week(
    days: float, number: int
) -> None:
    at = START
    incident = incidents.Incident("x-1", "store", "full", "Full", "Töm", 3, at, at, at, None)
    news = incidents.due_news(incident, at, at + timedelta(days=days), {"full"})
    assert (news.key[-1] if news else 0) == number


def test_every_mend_is_a_sentence() -> None:
    assert all(mend.endswith(".") for mend in MENDS.values())


def test_what_was_told_is_on_record_whole(sqlite_store: Database) -> None:
    import sqlalchemy as sa

    with square(sqlite_store, READER) as place:
        welcomed(place)
        place.town.tell(change(None, initiative(), at=place.now))
        place.post()
        with sqlite_store.read() as conn:
            rows = conn.execute(sa.select(messages).order_by(messages.c.created_at)).all()
        assert sorted(row.kind for row in rows) == ["digest", "welcome"]
        digest = next(row for row in rows if row.kind == "digest")
        assert "Laddplatser vid torget" in json.dumps(digest.payload, ensure_ascii=False)
