"""The contract's JSON documents: every key, whatever happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from monitor.model import Change, Initiative, Link, Reason
from presentation.documents import change_document, check_document, instant

OLD = Initiative("Brygga", "Vi utreder en brygga.", (Link("Sjön", None),), "developing")
NEW = Initiative("Brygga", "Bryggan byggs.", (Link("Sjön", "https://g.example/"),), "ongoing")
AT = datetime(2026, 11, 20, 6, tzinfo=UTC)
BOTH = ("title", "status", "description", "links")


def test_a_change_carries_old_and_new_of_everything_also_of_what_is_unchanged() -> None:
    found = change_document(Change("initiative", ("moved", "reworded"), OLD, NEW))
    assert found["title"] == {"old": "Brygga", "new": "Brygga"}
    assert found["status"] == {"old": "developing", "new": "ongoing"}
    assert found["links"]["old"] == [{"text": "Sjön", "href": None, "external": False}]


def test_what_came_has_no_old_and_what_left_no_new() -> None:
    added = change_document(Change("initiative", ("added",), None, NEW))
    restored = change_document(Change("initiative", ("restored",), OLD, NEW))
    removed = change_document(Change("initiative", ("removed",), OLD, None))
    assert all(added[key]["old"] is None for key in BOTH)
    assert all(restored[key]["old"] is None for key in BOTH)
    assert all(removed[key]["new"] is None for key in BOTH)


def test_only_a_stored_change_says_where_and_when() -> None:
    change = Change(
        "initiative", ("added",), None, NEW, id="c-1", after=AT, before=AT + timedelta(hours=1)
    )
    assert not {"id", "page", "before"} & set(change_document(change))
    found = change_document(change, "granvik", "i-1")
    assert (found["initiative"], found["id"], found["page"]) == ("i-1", "c-1", "granvik")
    assert (found["after"], found["before"]) == ("2026-11-20T06:00:00Z", "2026-11-20T07:00:00Z")


def test_the_pages_own_words_carry_field_and_text_and_nothing_of_an_initiative() -> None:
    change = Change("page", ("reworded",), field="title", old_text="Förr", new_text="Nu", id="c-2")
    assert change_document(change) == {
        "subject": "page",
        "kinds": ["reworded"],
        "field": "title",
        "text": {"old": "Förr", "new": "Nu"},
    }
    assert set(change_document(change, "granvik")) == {
        *("subject", "kinds", "field", "text"),
        *("id", "page", "old_snapshot", "new_snapshot", "after", "before"),
    }


def test_times_are_utc_whatever_they_were_given_in() -> None:
    assert instant(AT.astimezone(timezone(timedelta(hours=1)))) == "2026-11-20T06:00:00Z"
    assert instant(None) is None


def test_a_check_without_a_snapshot_says_null() -> None:
    reason = Reason("http_status", "sidan svarade 503")
    assert check_document("granvik", "failed", None, (), (reason,), AT) == {
        "page": "granvik",
        "outcome": "failed",
        "snapshot": None,
        "changes": [],
        "reasons": [{"code": "http_status", "text": "sidan svarade 503"}],
        "captured_at": "2026-11-20T06:00:00Z",
    }
