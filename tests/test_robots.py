"""robots.txt by RFC 9309: read purely, and fetched from a real server."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from monitor.errors import AskOperator, TryLater
from monitor.fetch import Captured, Fetcher, FetchRules, OpenGate
from monitor.robots import MAX_BYTES, RobotsText, read_text
from tests.support.web import Asked, RawServer, Served, Site, saying

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
HOST = "www.granvik.example"
TEXT = ("Content-Type", "text/plain")
PAGE = Served(b"<h1>Granvik</h1>")


def rules(text: str, status: int | None = 200) -> RobotsText:
    return RobotsText(HOST, NOW, status, text)


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow: /\nAllow: /a", "/a", True),
        ("User-agent: *\nAllow: /\nDisallow: /a/b", "/a/b/c", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
        ("User-agent: visionsvakt\nDisallow: /\n\nUser-agent: *\nAllow: /", "/a", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Visionsvakt\nAllow: /", "/a", True),
        ("User-agent: annan\nDisallow: /", "/a", True),
        ("User-agent: *\nDisallow: /*.html$", "/a/b.html", False),
        ("User-agent: *\nDisallow: /*.html$", "/a/b.html?x=1", True),
        ("User-agent: *\nDisallow: /å", "/%C3%A5", False),
        ("User-agent: *\nDisallow: /a # hellre inte", "/a", False),
        ("Disallow: /", "/a", True),
        ("<html>finns inte</html>", "/a", True),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
    ],
)
def test_the_longest_rule_of_our_group_decides(text: str, path: str, allowed: bool) -> None:
    assert rules(text).allows(f"https://{HOST}{path}") is allowed


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        *((status, True) for status in (204, 302, 401, 403, 404, 410)),
        *((status, False) for status in (429, 500, 503, 599, None)),
    ],
)
def test_unavailable_allows_all_and_unreachable_nothing(status: int | None, allowed: bool) -> None:
    assert rules("", status).allows(f"https://{HOST}/a") is allowed


def test_it_is_kept_a_day_but_an_unreachable_one_for_minutes() -> None:
    assert rules("").good_until - NOW == timedelta(hours=24)
    assert rules("", 404).good_until - NOW == timedelta(hours=24)
    assert rules("", 503).good_until - NOW <= timedelta(hours=1)


def test_a_wish_for_slowness_is_read() -> None:
    assert rules("User-agent: *\nCrawl-delay: 2.5").crawl_delay == 2.5
    assert rules("User-agent: *\nCrawl-delay: snart").crawl_delay is None
    assert rules("User-agent: *\nDisallow: /x").crawl_delay is None
    assert rules("", 503).crawl_delay is None


def test_only_the_whole_lines_of_the_first_half_megabyte_are_read() -> None:
    line = b"Disallow: /" + b"x" * 88 + b"\n"
    body = b"\xef\xbb\xbfUser-agent: *\n" + line * 6000
    text = read_text(body)
    assert len(text.encode()) <= MAX_BYTES
    assert text.startswith("User-agent: *")
    assert text.endswith("x\n")
    assert read_text(b"User-agent: *\0\n\xff") == "User-agent: *\n\ufffd"


def test_rules_made_to_be_slow_are_judged_at_once() -> None:
    text = "User-agent: *\n" + f"Disallow: /{'*a' * 2000}b\n" * 100
    began = time.monotonic()
    rules(text).allows(f"https://{HOST}/" + "a" * 2000)
    assert time.monotonic() - began < 2


def fetcher(**more: float) -> Fetcher:
    knobs = FetchRules(allow_private=("127.0.0.1",), timeout_seconds=more.get("seconds", 5.0))
    return Fetcher(knobs, gate=OpenGate(), clock=lambda: NOW)


def ask(answer: Callable[[Asked], Served]) -> tuple[RobotsText, list[str]]:
    with Site(answer) as site, fetcher() as door:
        found = door.robots(site.url("/a/b?c=1"))
        assert found.host == site.host_key
        assert found.fetched_at == NOW
        return found, [asked.target for asked in site.log]


def test_it_is_asked_for_at_the_root_of_the_host() -> None:
    found, log = ask(lambda asked: Served(b"User-agent: *\nDisallow: /x", headers=[TEXT]))
    assert log == ["/robots.txt"]
    assert found.status == 200
    assert found.text.endswith("Disallow: /x")


def test_it_may_come_packed() -> None:
    packed = gzip.compress(b"User-agent: *\nDisallow: /")
    headers = [TEXT, ("Content-Encoding", "gzip")]
    found, _ = ask(lambda asked: Served(packed, headers=headers))
    assert not found.allows(f"https://{HOST}/a")


def test_up_to_five_redirects_are_followed_and_more_mean_there_is_none() -> None:
    def leading(length: int) -> Callable[[Asked], Served]:
        def answer(asked: Asked) -> Served:
            step = 0 if asked.path == "/robots.txt" else int(asked.path.lstrip("/"))
            if step == length:
                return Served(b"User-agent: *\nDisallow: /", headers=[TEXT])
            return Served(status=302, headers=[("Location", f"/{step + 1}")])

        return answer

    found, log = ask(leading(5))
    assert len(log) == 6
    assert not found.allows(f"https://{HOST}/a")
    found, log = ask(leading(6))
    assert len(log) == 6
    assert found.allows(f"https://{HOST}/a")


def test_a_redirect_elsewhere_is_not_followed_and_means_there_is_none() -> None:
    found, log = ask(lambda asked: Served(status=301, headers=[("Location", "http://10.0.0.1/")]))
    assert len(log) == 1
    assert found.allows(f"https://{HOST}/a")


def test_how_long_to_wait_comes_along() -> None:
    found, _ = ask(lambda asked: Served(status=503, headers=[("Retry-After", "120")]))
    assert (found.status, found.retry_after_seconds) == (503, 120.0)


@pytest.mark.parametrize("data", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_trouble_on_the_way_is_a_value(data: bytes) -> None:
    with RawServer(saying(data)) as server, fetcher() as door:
        found = door.robots(server.url())
    assert found.status is None
    assert not found.allows(f"https://{HOST}/a")


def test_only_so_much_of_it_is_taken_in() -> None:
    endless = b"User-agent: *\nDisallow: /x\n" + b"# fyllnad\n" * 200_000
    found, _ = ask(lambda asked: Served(endless, headers=[TEXT]))
    assert len(found.text) <= MAX_BYTES
    assert not found.allows(f"https://{HOST}/x")


def test_a_page_is_left_alone_where_robots_say_no() -> None:
    with Site(lambda asked: PAGE) as site, fetcher() as door:
        no = RobotsText(site.host_key, NOW, 200, "User-agent: *\nDisallow: /hemligt")
        with pytest.raises(AskOperator) as caught:
            door.fetch(site.url("/hemligt/a"), robots=no)
        assert caught.value.code == "robots"
        assert site.log == []
        assert isinstance(door.fetch(site.url("/a"), robots=no), Captured)


def test_a_page_waits_while_robots_can_not_be_read() -> None:
    with Site(lambda asked: PAGE) as site, fetcher() as door:
        unknown = RobotsText(site.host_key, NOW, 429, "", 60.0)
        with pytest.raises(TryLater) as caught:
            door.fetch(site.url("/a"), robots=unknown)
        assert caught.value.code == "robots_unreachable"
        assert caught.value.retry_after_seconds == 60.0
        assert site.log == []


def test_robots_are_kept_on_every_hop() -> None:
    def lead(asked: Asked) -> Served:
        return Served(status=302, headers=[("Location", "/hemligt")])

    with Site(lead) as site, fetcher() as door:
        no = RobotsText(site.host_key, NOW, 200, "User-agent: *\nDisallow: /hemligt")
        with pytest.raises(AskOperator) as caught:
            door.fetch(site.url("/a"), robots=no)
        assert caught.value.code == "robots"
        assert [asked.path for asked in site.log] == ["/a"]
        assert [hop.status for hop in caught.value.hops] == [302]


def test_another_host_on_the_way_is_asked_for_its_own_robots_once() -> None:
    def elsewhere(asked: Asked) -> Served:
        if asked.path == "/robots.txt":
            return Served("User-agent: *\nDisallow: /stängt".encode(), headers=[TEXT])
        return PAGE

    with Site(elsewhere) as there:
        paths = {"/a": "/öppet", "/b": "/st%C3%A4ngt", "/c": "/annat"}

        def lead(asked: Asked) -> Served:
            target = there.url(paths[asked.path])
            return Served(status=302, headers=[("Location", target)])

        with Site(lead) as here, fetcher() as door:
            yes = RobotsText(here.host_key, NOW, 404)
            assert isinstance(door.fetch(here.url("/a"), robots=yes), Captured)
            with pytest.raises(AskOperator) as caught:
                door.fetch(here.url("/b"), robots=yes)
            assert caught.value.code == "robots"
            door.fetch(here.url("/c"), robots=yes)
            asked = [asked.path for asked in there.log]
            assert asked == ["/robots.txt", "/%C3%B6ppet", "/annat"]
