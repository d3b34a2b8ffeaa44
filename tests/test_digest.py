"""One digest: netted, folded over pages, most important first, ten of a kind in full."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notifications.digest import (
    contract_changes,
    divided,
    entry_document,
    entry_from,
    gather,
)
from tests.support.telling import (
    START,
    change,
    gathered,
    initiative,
    link,
    page_change,
    telling,
)

HOUR = timedelta(hours=1)
PLANNED = initiative()
BUILT = initiative(status="ongoing")
RENAMED = initiative("Laddplatser på torget", status="ongoing")


def kinds(*told: object) -> list[tuple[str, ...]]:
    return [tuple(entry.change["kinds"]) for entry in gathered(*told)]  # type: ignore[arg-type]


def test_there_and_back_is_one_line_and_no_alarm() -> None:
    there = change(PLANNED, BUILT)
    back = change(BUILT, PLANNED, number=3, at=START + HOUR)
    (entry,) = gathered(there, back)
    assert entry.group == "back"
    assert entry.change["kinds"] == ["moved"]
    assert entry.change["ids"] == [there["id"], back["id"]]
    assert gather([telling(there), telling(back)], drop_returned=True) == ()


def test_two_edits_of_one_initiative_are_told_as_one() -> None:
    first = change(PLANNED, BUILT)
    then = change(BUILT, RENAMED, number=3, at=START + HOUR)
    (entry,) = gathered(then, first)
    assert entry.change["kinds"] == ["moved", "renamed"]
    assert entry.change["title"] == {
        "old": "Laddplatser vid torget",
        "new": "Laddplatser på torget",
    }
    assert entry.change["status"] == {"old": "developing", "new": "ongoing"}
    assert (entry.change["old_snapshot"], entry.change["new_snapshot"]) == (1, 3)
    assert (entry.change["after"], entry.change["before"]) == (first["after"], then["before"])


def test_what_is_added_and_then_edited_is_added_as_it_reads_now() -> None:
    (entry,) = gathered(change(None, PLANNED), change(PLANNED, RENAMED, number=3, at=START + HOUR))
    assert entry.change["kinds"] == ["added"]
    assert entry.change["title"] == {"old": None, "new": "Laddplatser på torget"}


def test_what_is_edited_and_then_leaves_has_left_as_it_read_before() -> None:
    (entry,) = gathered(change(PLANNED, RENAMED), change(RENAMED, None, number=3, at=START + HOUR))
    assert entry.change["kinds"] == ["removed"]
    assert entry.change["title"] == {"old": "Laddplatser vid torget", "new": None}


def test_what_comes_and_goes_is_one_line() -> None:
    (entry,) = gathered(change(None, PLANNED), change(PLANNED, None, number=3, at=START + HOUR))
    assert entry.group == "back"
    assert entry.title == "Laddplatser vid torget"


def test_what_comes_goes_and_comes_again_is_new_and_what_leaves_twice_has_left() -> None:
    came = change(None, PLANNED)
    went = change(PLANNED, None, number=3, at=START + HOUR)
    again = change(None, BUILT, number=4, at=START + 2 * HOUR, restored=True)
    (new,) = gathered(came, went, again)
    assert (new.group, new.change["kinds"]) == ("added", ["added"])
    assert new.change["title"] == {"old": None, "new": PLANNED["title"]}
    left = change(BUILT, None, number=5, at=START + 3 * HOUR)
    (gone,) = gathered(went, again, left)
    assert (gone.group, gone.change["kinds"]) == ("removed", ["removed"])
    assert gone.change["status"] == {"old": "developing", "new": None}


def test_what_leaves_and_is_back_the_same_is_one_line() -> None:
    gone = change(PLANNED, None)
    (same,) = gathered(gone, change(None, PLANNED, number=3, at=START + HOUR, restored=True))
    assert same.group == "back"
    (other,) = gathered(gone, change(None, BUILT, number=3, at=START + HOUR, restored=True))
    assert other.change["kinds"] == ["moved"]


def test_signals_stay_with_the_rewording_they_belong_to() -> None:
    reworded = initiative(description="Tolv platser för elbilar.")
    first = change(PLANNED, reworded, signals=["amount"])
    then = change(reworded, initiative(), number=3, at=START + HOUR, signals=["amount"])
    third = change(initiative(), BUILT, number=4, at=START + 2 * HOUR)
    (entry,) = gathered(first, then, third)
    assert (entry.change["kinds"], entry.change["signals"]) == (["moved"], [])


def test_a_heading_that_changes_back_is_no_alarm_and_other_headings_are_their_own() -> None:
    there = page_change("section", "Pågående", "Det som pågår")
    other = page_change("section", "Planerat", "Det som planeras")
    back = page_change("section", "Det som pågår", "Pågående", number=3, at=START + HOUR)
    assert [entry.group for entry in gathered(there, other, back)] == ["page", "back"]


def test_equal_changes_over_pages_are_one_entry_naming_them() -> None:
    entries = gathered(change(PLANNED, BUILT), change(PLANNED, BUILT, page="trygg"))
    assert [entry.change["pages"] for entry in entries] == [["omsorg", "trygg"]]
    assert [page.name for page in entries[0].pages] == ["Omsorg i Granvik", "Tryggt i Granvik"]
    assert len(entries[0].change["ids"]) == 2


@pytest.mark.parametrize(
    "other",
    [
        change(PLANNED, BUILT, page="trygg", of="i-another"),
        change(PLANNED, RENAMED, page="trygg"),
        change(None, BUILT, page="trygg"),
    ],
)
def test_unequal_changes_are_never_folded(other: dict[str, object]) -> None:
    assert len(gathered(change(PLANNED, BUILT), other)) == 2


def test_what_leaves_one_page_and_enters_another_is_told_as_that() -> None:
    left, came = change(PLANNED, None), change(None, PLANNED, page="trygg")
    (entry,) = gathered(left, came)
    assert entry.group == "crossed"
    assert [one["page"] for one in contract_changes([entry])] == ["omsorg", "trygg"]
    assert [one["kinds"] for one in contract_changes([entry])] == [["removed"], ["added"]]


def test_the_most_important_comes_first_and_typos_last() -> None:
    typo = initiative(description="Tio platser för elbilarna.")
    told = [
        change(PLANNED, typo, of="i-typo", signals=["typo"]),
        change(PLANNED, typo, of="i-plain"),
        change(PLANNED, typo, of="i-amount", signals=["amount"]),
        change(PLANNED, initiative(links=[link("Mer")]), of="i-links"),
        change(PLANNED, None, of="i-gone"),
        change(None, PLANNED, of="i-new"),
        change(BUILT, PLANNED, of="i-back-to-plan"),
        change(PLANNED, BUILT, of="i-started"),
        page_change("intro", "Vi bygger", "Vi bygger nu"),
    ]
    order = [entry.change.get("initiative", "page") for entry in gathered(*told)]
    assert order == [
        "i-started",
        "i-back-to-plan",
        "i-new",
        "i-gone",
        "i-amount",
        "i-plain",
        "i-typo",
        "i-links",
        "page",
    ]


def test_ten_of_a_kind_are_told_in_full_and_the_rest_as_titles() -> None:
    entries = gathered(*(change(None, PLANNED, of=f"i-{number}") for number in range(14)))
    (group,) = divided(entries)
    assert (len(group.full), len(group.rest), group.size) == (10, 4, 14)


def test_corrections_stand_first_and_say_so_in_the_json() -> None:
    right = change(PLANNED, RENAMED)
    entries = gather([telling(change(None, PLANNED, of="i-x")), telling(right, "correction")])
    assert entries[0].group == "corrections"
    assert contract_changes(entries)[0]["correction"] is True


def test_what_was_found_late_says_so() -> None:
    (entry,) = gather([telling(change(PLANNED, BUILT), "late")])
    assert entry.late
    assert contract_changes([entry])[0]["late"] is True


def test_only_what_came_or_left_is_a_duplicate_and_its_kinds_stay() -> None:
    (new,) = gathered(change(None, PLANNED, twin={"status": "ongoing"}))
    assert (new.group, new.change["kinds"]) == ("doubled", ["added"])
    first = change(None, PLANNED, twin={"status": "ongoing"})
    then = change(PLANNED, BUILT, number=3, at=START + HOUR)
    (edited,) = gathered(first, then)
    assert edited.group == "added", "by now the two differ"


def test_a_frozen_entry_reads_back_the_same() -> None:
    for entry in gathered(change(PLANNED, None), change(None, PLANNED, page="trygg")):
        again = entry_from(entry_document(entry))
        assert (again.group, again.changes, again.late) == (entry.group, entry.changes, entry.late)
        assert [page.url for page in again.pages] == [page.url for page in entry.pages]
