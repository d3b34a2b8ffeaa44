"""Looking ahead and back: what a digest would say, who was told, and the past told anew."""

from __future__ import annotations

from dataclasses import replace

from notifications.channels import Letterhead
from pipeline.announce import charts, status_counts
from pipeline.preview import preview, replay_since, told_of
from snapshots.database import Database
from tests.support.square import ITEMS, square
from tests.support.telling import START, STOCKHOLM, by_mail, change, initiative

HEAD = Letterhead(STOCKHOLM)


def test_a_preview_shows_what_waits_and_claims_nothing(sqlite_store: Database) -> None:
    daily = by_mail(digest="daily 08:30")
    with square(sqlite_store, daily) as place:
        place.look()
        place.post()
        place.items = ITEMS[1:]
        place.look(hours=1)
        for _ in range(2):
            with sqlite_store.read() as conn:
                shown = preview(conn, daily, HEAD, place.now)
            assert shown.letter is not None
            assert shown.letter.subject.startswith("1 står inte längre på sidan: Nattbussar")
            assert shown.document["changes"][0]["kinds"] == ["removed"]
        (mail,) = place.post(days=1)
        assert shown.letter is not None
        assert mail.subject == shown.letter.subject


def test_a_preview_of_a_period_shows_what_is_on_record(sqlite_store: Database) -> None:
    with square(sqlite_store) as place:
        place.look()
        place.items = (*ITEMS[1:], replace(ITEMS[0], status="developing"))
        place.look(hours=1)
        with sqlite_store.read() as conn:
            shown = preview(conn, by_mail(kinds=("moved",)), HEAD, place.now, since=START)
            nothing = preview(conn, by_mail(kinds=("added",)), HEAD, place.now, since=START)
            early = preview(conn, by_mail(), HEAD, place.now, until=START)
        assert shown.letter is not None
        assert "pågår → utvecklas" in shown.letter.text
        assert nothing.letter is None
        assert early.letter is None


def test_the_past_is_told_to_a_new_subscription_from_any_date(sqlite_store: Database) -> None:
    with square(sqlite_store) as place:
        place.look()
        place.items = ITEMS[1:]
        place.look(hours=1)
        new = by_mail("ny@granvik.example", id="ny")
        place.town.subscriptions = [new]
        place.town.start()
        place.town.now = place.now.replace(minute=59)
        place.post()
        with sqlite_store.write() as conn:
            assert replay_since(conn, new, START, place.now) == 1
            assert replay_since(conn, new, START, place.now) == 0
        (mail,) = place.post()
        assert "Nattbussar till byarna" in mail.subject


def test_it_is_on_record_who_was_told_of_a_change_and_when(sqlite_store: Database) -> None:
    to = by_mail("a@granvik.example", "b@granvik.example")
    with square(sqlite_store, to) as place:
        place.look()
        place.post()
        told = change(None, initiative(), at=place.now, page="omsorg")
        place.town.tell(told)
        place.host.fault = lambda step, address: "550 no" if address[:1] == "b" else None
        place.post()
        with sqlite_store.read() as conn:
            record = told_of(conn, [told["id"], "c-unknown"])
        assert {one["change"] for one in record} == {told["id"]}
        states = {one["address"]: one["state"] for one in record}
        assert states == {"a@granvik.example": "sent", "b@granvik.example": "dead"}
        assert {one["cause"] for one in record} == {"look"}
        assert len({one["message"] for one in record}) == 1


def test_what_stands_twice_to_the_letter_is_told_as_that_and_as_nothing_new_or_gone(
    store: Database,
) -> None:
    reader = by_mail()
    copied = replace(ITEMS[2], status="ongoing")  # to its new section, and forgotten in the old
    with square(store, reader) as place:
        place.look()
        place.post()
        place.items = [copied, *ITEMS]
        place.look(hours=1)
        (twice,) = place.post()
        assert twice.subject == "1 dubblett: Laddplatser vid torget – Granviks vision"
        assert "Står nu två gånger på sidan, ord för ord." in twice.text
        assert "Status: pågår" in twice.text
        assert "Den andras status: utvecklas" in twice.text
        with store.read() as conn:
            shown = preview(conn, reader, Letterhead(STOCKHOLM), place.now, since=START)
        assert shown.document["subject"] == twice.subject
        place.items = [copied, *ITEMS[:2], *ITEMS[3:]]
        place.look(hours=1)
        (once,) = place.post()
        assert once.subject == "1 dubblett: Laddplatser vid torget – Granviks vision"
        assert "Den ena är borttagen, den andra står kvar." in " ".join(once.text.split())
        assert "Den kan vara klar" not in once.text
        assert "Den andras status: pågår" in once.text


def test_the_record_says_what_waits_for_its_digest_and_nothing_of_what_never_stood(
    sqlite_store: Database,
) -> None:
    daily = by_mail(digest="daily 20:00")
    calm = by_mail(id="lugn", settle_seconds=3600)
    with square(sqlite_store, daily, calm) as place:
        place.look()
        place.post()
        old, new = initiative(), initiative(status="ongoing")
        there = change(old, new, at=place.now, number=2)
        back = change(new, old, at=place.now, number=3)
        place.town.tell(there, back)
        place.post(hours=2)
        with sqlite_store.read() as conn:
            (waits,) = told_of(conn, [there["id"]])
        assert (waits["subscription"], waits["state"]) == ("kommunikation", "waiting")
        assert waits["message"] is waits["address"] is waits["sent_at"] is None


def test_a_digest_s_chart_counts_now_and_a_month_ago(sqlite_store: Database) -> None:
    with square(sqlite_store, by_mail()) as place:
        place.look()
        place.items = ITEMS[1:]
        place.look(days=40)
        with sqlite_store.read() as conn:
            (chart,) = charts(conn, [place.pages[0].key], place.now)
            before = status_counts(conn, place.pages[0].key, START.replace(year=2020))
        assert before is None
        assert [(row["status"], row["old"], row["new"]) for row in chart["rows"]] == [
            ("ongoing", 2, 1),
            ("developing", 1, 1),
            ("partnership", 1, 1),
        ]
        curves = {row["status"]: row["curve"] for row in chart["rows"]}
        assert curves["ongoing"] == [2] * 60 + [1]
        assert curves["partnership"] == [1] * 61
        texts = [" ".join(mail.text.split()) for mail in place.post()]
        assert any("pågår: 1 (2 den 3 dec 2026); 2 den 23 nov 2026" in text for text in texts)
