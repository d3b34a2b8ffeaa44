"""/feed.atom over real HTTP, as a feed reader asks for it again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import feedparser  # type: ignore[import-untyped]
import httpx
import pytest

from pipeline import town
from pipeline.imports import import_editions
from tests.support.imported import editions
from web import feed
from web.health import serve
from wiring import Installation


@pytest.fixture
def ask(imported: Installation) -> Iterator[httpx.Client]:
    with serve("127.0.0.1", 0, lambda: None, [feed.route(lambda: imported)]) as server:
        host, port = server.address
        with httpx.Client(base_url=f"http://{host}:{port}", trust_env=False) as client:
            yield client


def read(answer: httpx.Response) -> Any:
    assert answer.status_code == 200
    found = feedparser.parse(answer.content, response_headers=dict(answer.headers))
    assert not found.bozo, found.get("bozo_exception")
    return found


def test_a_feed_reader_gets_the_changes_with_links_that_readers_can_follow(
    ask: httpx.Client,
) -> None:
    found = read(ask.get("/feed.atom"))
    assert found.version == "atom10"
    assert found.feed.id == "https://vakt.granvik.example/feed.atom"
    assert found.feed.title == "Ändringar på visionssidorna"
    assert len(found.entries) > 3
    assert len({entry.id for entry in found.entries}) == len(found.entries)
    times = [entry.updated for entry in found.entries]
    assert times == sorted(times, reverse=True)
    assert found.feed.updated == times[0]
    links = [entry.link for entry in found.entries]
    assert any(link.startswith("https://vakt.granvik.example/initiatives/i-") for link in links)


def test_a_feed_can_be_of_some_pages(ask: httpx.Client) -> None:
    both = read(ask.get("/feed.atom?page=granvik&page=tyst"))
    assert len(both.entries) == len(read(ask.get("/feed.atom")).entries)
    assert both.feed.title == "Ändringar på Granvik 2040 och En tyst sida"
    still = read(ask.get("/feed.atom?page=tyst"))
    assert still.entries == []
    assert still.feed.id == "https://vakt.granvik.example/feed.atom?page=tyst"
    assert ask.get("/feed.atom?page=nix").status_code == 404


def test_who_has_it_already_is_told_so(ask: httpx.Client) -> None:
    first = ask.get("/feed.atom")
    tag, modified = first.headers["etag"], first.headers["last-modified"]
    early = format_datetime(parsedate_to_datetime(modified) - timedelta(seconds=1), usegmt=True)
    for headers, status in (
        ({"If-None-Match": tag}, 304),
        ({"If-None-Match": f'"other", W/{tag}'}, 304),
        ({"If-None-Match": '"other"', "If-Modified-Since": modified}, 200),
        ({"If-Modified-Since": modified}, 304),
        ({"If-Modified-Since": early}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
    ):
        again = ask.get("/feed.atom", headers=headers)
        assert again.status_code == status, headers
        assert again.headers["etag"] == tag
        assert again.content == (first.content if status == 200 else b"")
    assert ask.head("/feed.atom").headers["etag"] == tag


def test_what_is_found_late_is_news_though_its_time_is_old(
    ask: httpx.Client, imported: Installation
) -> None:
    first = ask.get("/feed.atom")
    older = [
        replace(edition, at=datetime(2020, 1, 1, hour, tzinfo=UTC))
        for hour, edition in enumerate(editions(town.editions()[:2]))
    ]
    import_editions(imported.database, imported.page("granvik"), older)
    asked = {"If-Modified-Since": first.headers["last-modified"]}
    again = ask.get("/feed.atom", headers=asked)
    assert len(read(again).entries) > len(read(first).entries)
    assert again.headers["etag"] != first.headers["etag"]
