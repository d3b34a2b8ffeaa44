"""Which readings can't be trusted: signs against a page's own past, and another page's title."""

from __future__ import annotations

import pytest

from monitor.model import Figures, Initiative, PageWords, Reading, Reason, Section
from monitor.quality import against_past, another_page, figures

STATUSES = ("ongoing", "developing", "partnership")


def initiatives(*counts: int) -> tuple[Initiative, ...]:
    return tuple(
        Initiative(
            f"{status} nummer {n}",
            f"Texten om {status} {n}, så lång som en text är. " * 3,
            (),
            status,
        )
        for status, count in zip(STATUSES, counts, strict=True)
        for n in range(count)
    )


def reading(items: tuple[Initiative, ...], unclaimed: tuple[str, ...] = ()) -> Reading:
    sections = tuple(
        Section(status, status, tuple(item for item in items if item.status == status))
        for status in STATUSES
    )
    return Reading("Vision", (), "sv", sections, unclaimed)


def signs(
    before: tuple[Initiative, ...],
    now: Reading,
    gone: int = 0,
    changed: int = 0,
    past: tuple[Figures, ...] | None = None,
) -> set[str]:
    seen = (figures(reading(before)),) if past is None else past
    reasons = against_past(now, seen, before, gone, changed)
    assert all(isinstance(reason, Reason) and reason.relative for reason in reasons)
    return {reason.code for reason in reasons}


PAGE = initiatives(64, 44, 14)


@pytest.mark.parametrize("lost", [1, 5, 10, 14])
def test_ordinary_removals_from_a_long_page_are_trusted(lost: int) -> None:
    assert signs(PAGE, reading(PAGE[lost:]), gone=lost) == set()


@pytest.mark.parametrize("changed", [1, 10, 30, 48])
def test_fewer_changes_than_forty_in_a_hundred_are_trusted(changed: int) -> None:
    assert signs(PAGE, reading(PAGE), changed=changed) == set()


def test_any_number_of_additions_is_trusted() -> None:
    assert signs(PAGE[:20], reading(PAGE)) == set()


@pytest.mark.parametrize(("size", "lost"), [(4, 1), (4, 2), (5, 3), (8, 3), (20, 5)])
def test_small_pages_may_lose_a_few(size: int, lost: int) -> None:
    page = initiatives(size, 0, 0)
    assert signs(page, reading(page[lost:]), gone=lost) == set()


@pytest.mark.parametrize("size", [3, 4, 5, 10, 20])
def test_small_pages_may_change_a_few(size: int) -> None:
    page = initiatives(size, 0, 0)
    assert signs(page, reading(page), changed=min(3, size)) == set()


def test_a_third_of_the_page_gone_at_once_is_suspect() -> None:
    assert "many_gone" in signs(PAGE, reading(PAGE[41:]), gone=41)


def test_a_third_of_a_section_gone_at_once_is_suspect() -> None:
    assert "section_unlike" in signs(PAGE, reading(PAGE[:-5]), gone=5)
    assert "section_unlike" in signs(PAGE, reading(PAGE[22:]), gone=22)


def test_sixty_of_a_hundred_and_twenty_two_changed_at_once_is_suspect() -> None:
    assert "many_changed" in signs(PAGE, reading(PAGE), changed=60)


def test_a_section_of_fourteen_retitled_is_suspect() -> None:
    retitled = tuple(
        Initiative(f"Nytt {n}", item.description, (), item.status)
        if item.status == "partnership"
        else item
        for n, item in enumerate(PAGE)
    )
    assert "section_unlike" in signs(PAGE, reading(retitled), changed=14)


def test_a_section_that_moved_to_another_status_is_no_loss() -> None:
    moved = tuple(
        Initiative(item.title, item.description, (), "ongoing")
        if item.status == "partnership"
        else item
        for item in PAGE
    )
    assert signs(PAGE, reading(moved), changed=14) == set()


def test_a_page_whose_texts_shrank_away_is_suspect() -> None:
    bare = tuple(Initiative(item.title, "", (), item.status) for item in PAGE)
    past = tuple(figures(reading(PAGE)) for _ in range(20))
    assert "text_shrunk" in signs(PAGE, reading(bare), changed=10, past=past)


def test_much_more_text_that_nobody_claims_is_suspect() -> None:
    rest = ("Här står något som ingen insats har tagit hand om. " * 200,)
    assert "text_remainder" in signs(PAGE, reading(PAGE, rest))
    assert signs(PAGE, reading(PAGE, ("En kort rad till.",))) == set()


# -- another page's title


def words(title: str) -> PageWords:
    return PageWords(title, ("Så säger visionen.",), ())


def titled(title: str, items: tuple[Initiative, ...]) -> Reading:
    full = reading(items)
    return Reading(title, ("Annan ingress.",), "sv", full.sections)


OTHER = tuple(
    Initiative(f"Annat {n}", f"Något helt annat nummer {n}.", (), "ongoing") for n in range(30)
)


def test_another_title_over_other_initiatives_is_another_page() -> None:
    found = another_page(titled("Kultur och fritid", OTHER), words("Miljö och klimat"), PAGE)
    assert found is not None
    assert found.code == "another_page"
    assert not found.relative


@pytest.mark.parametrize(
    ("title", "items"),
    [
        ("Kultur och fritid", PAGE),
        ("Kultur och fritid", PAGE[:80] + OTHER),
        ("Miljö och klimat 2027", OTHER),
        ("MILJÖ OCH KLIMAT", OTHER[:0]),
        ("", OTHER),
    ],
)
def test_a_mere_retitling_is_no_other_page(title: str, items: tuple[Initiative, ...]) -> None:
    assert another_page(titled(title, items), words("Miljö och klimat"), PAGE) is None
