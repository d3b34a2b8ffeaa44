"""The Atom feed as a feed reader reads it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import timedelta
from typing import Any

import feedparser  # type: ignore[import-untyped]

from notifications.channels import Letterhead
from notifications.feed import Feed, atom
from tests.support.telling import (
    CARE,
    SAFE,
    START,
    STOCKHOLM,
    change,
    initiative,
    link,
    page_change,
)

ATOM = "http://www.w3.org/2005/Atom"
PAGES = {"omsorg": CARE, "trygg": SAFE}
FEED = Feed(
    "https://vakt.granvik.example/feed.atom",
    "Ändringar på visionssidorna",
    START,
    Letterhead(STOCKHOLM, "https://vakt.granvik.example"),
)
EVIL = initiative(
    "<script>alert(1)</script> & ]]> \x0b",
    description="<img src=x onerror=alert(1)>",
    links=[link("ond", "javascript:alert(1)")],
)


def read(*changes: dict[str, Any]) -> Any:
    found = feedparser.parse(atom(FEED, changes, PAGES))
    assert not found.bozo, found.get("bozo_exception")
    for content in ET.fromstring(atom(FEED, changes, PAGES)).iter(f"{{{ATOM}}}content"):
        assert content.get("type") == "html"
        assert len(content) == 0, "HTML in a feed is text (RFC 4287, 3.1.1.2)"
    return found


def test_a_feed_reader_reads_it() -> None:
    later = change(
        initiative(), initiative(status="ongoing"), number=3, at=START + timedelta(hours=1)
    )
    new = change(None, initiative(links=[link("Läs mer")]), of="i-2", page="trygg")
    found = read(new, later, page_change("intro", "Vi bygger", "Vi bygger nu"))
    assert found.version == "atom10"
    assert found.feed.title == "Ändringar på visionssidorna"
    assert found.feed.language == "sv"
    assert [entry.id for entry in found.entries] == [
        f"urn:visionsvakt:{later['id']}",
        f"urn:visionsvakt:{new['id']}",
        "urn:visionsvakt:" + page_change("intro", "Vi bygger", "Vi bygger nu")["id"],
    ]
    first, second, third = found.entries
    assert first.title == "1 till pågående: Laddplatser vid torget – Omsorg i Granvik"
    assert first.updated == later["before"]
    assert first.link.startswith("https://vakt.granvik.example/")
    assert [tag.term for tag in first.tags] == ["moved"]
    assert "Läs mer" in second.content[0].value
    assert "<ins> nu</ins>" in third.content[0].value


def test_whatever_a_page_says_is_text_in_a_feed() -> None:
    raw = atom(FEED, [change(None, EVIL)], PAGES)
    ET.fromstring(raw)
    text = raw.decode()
    assert "<script" not in text
    assert "javascript:" not in text
    content = read(change(None, EVIL)).entries[0].content[0].value
    assert "onerror" not in re.sub(r"&lt;.*?&gt;", "", content)


def test_no_changes_are_a_feed_too() -> None:
    assert read().entries == []
