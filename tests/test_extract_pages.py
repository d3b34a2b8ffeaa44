"""Every combination of markup that the project's own generator can make reads exactly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.extract import extract
from monitor.model import Reading, Source
from monitor.profile import BUILTIN
from tests.support.pages import ITEMS, KNOBS, PROFILE, URL, Style, expected, found, invent, render
from tests.support.pages import styles as drawn

SIZES = ((5, 3, 2), (4, 1, 3), (6, 2, 1), (8, 4, 3))
SHARED = Path(__file__).resolve().parents[2] / "shared"


def misses(seed: int, count: int) -> list[str]:
    """What differs, one line a page, over `count` drawn styles."""
    lines = []
    for number, style in enumerate(drawn(seed, count)):
        town = invent(number % 97, SIZES[number % len(SIZES)])
        reading = extract(Source(render(town, style).encode(), None, URL), PROFILE)
        if found(reading) != expected(town, style):
            lines.append(f"{number}: {style}")
    return lines


@pytest.mark.parametrize("part", range(4))
def test_four_thousand_drawn_pages_read_exactly(part: int) -> None:
    assert misses(1000 + part, 1000) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_forty_thousand_more_pages_read_exactly(part: int) -> None:
    assert misses(5000 + part, 4000) == []


TOLD_APART = [
    (items, sections)
    for sections in KNOBS["sections"]
    for items in ITEMS
    # Titles and headings that are written alike: no one could tell them apart.
    if (items, sections) != ("bold-paragraph", "strong")
]


@pytest.mark.parametrize(("items", "sections"), TOLD_APART)
def test_every_kind_of_item_under_every_kind_of_section_reads_exactly(
    items: str, sections: str
) -> None:
    style = Style(items=items, sections=sections)
    town = invent(7, (9, 6, 4))
    reading = extract(Source(render(town, style).encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, style)


@pytest.mark.parametrize("items", ITEMS)
def test_a_page_of_a_hundred_and_forty_reads_exactly(items: str) -> None:
    style = Style(items=items, sections="section", text="class", links="p", marks="img")
    town = invent(3, (70, 50, 20))
    reading = extract(Source(render(town, style).encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, style)


def as_expected(reading: Reading) -> dict[str, object]:
    document = found(reading)
    for section in document["sections"]:
        for initiative in section["initiatives"]:
            for link in initiative["links"]:
                del link["href"]
    del document["unclaimed"], document["verdict"]
    return document


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared pages are not here")
@pytest.mark.parametrize(
    "name", ["omsorg.html", "omsorg.details.html", "omsorg.bullets.html", "omsorg.txt"]
)
def test_the_real_page_reads_exactly_in_each_rendering(name: str) -> None:
    truth = json.loads((SHARED / "pages" / "omsorg.expected.json").read_text())
    reading = extract(Source((SHARED / "pages" / name).read_bytes()), BUILTIN["boras"])
    assert as_expected(reading) == truth
    assert reading.unclaimed == ()
    assert reading.verdict == "good"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared histories are not here")
def test_every_edition_of_the_shared_histories_reads_good_and_whole() -> None:
    editions = sorted((SHARED / "histories").glob("*/*.html"))
    assert editions
    for path in editions:
        reading = extract(Source(path.read_bytes()), BUILTIN["boras"])
        assert (path.name, reading.reasons, reading.unclaimed) == (path.name, (), ())
