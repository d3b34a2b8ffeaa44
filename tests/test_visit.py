"""A look at a page, from the request to what is on record: a real site, a real store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from monitor.errors import Gone, TryLater
from monitor.fetch import Fetcher, FetchRules
from monitor.model import Initiative
from pipeline.check import Checked, check_page
from pipeline.visit import World
from pipeline.watched import Watched
from snapshots import facts, watch
from snapshots.database import Database
from snapshots.packing import Capture
from snapshots.watch import HostGate, WatchedPage
from tests.support import editions
from tests.support.web import HTML, Asked, Authority, Names, Proxy, Served, Site

START = datetime(2026, 11, 23, 7, tzinfo=UTC)
PAUSE_SECONDS = 2.0
ITEMS = (
    Initiative("Nattbussar till byarna", "Två turer varje natt.", status="ongoing"),
    Initiative("Skolskog", "En skog för varje skola.", status="ongoing"),
    Initiative("Laddplatser vid torget", "Tio platser för elbilar.", status="developing"),
    Initiative("Trygghetsvandringar", "Varje höst med polisen.", status="partnership"),
)
PAGE = editions.page(ITEMS)
NO_ROBOTS = Served(b"", 404)


class Clock:
    """A clock that only sleeping moves, and each reading by the least there is."""

    def __init__(self) -> None:
        self._now = START
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        with self._lock:
            self._now += timedelta(microseconds=1)
            return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += timedelta(seconds=seconds)


@dataclass
class Watch:
    """What looks at pages: the store, the door to the network, one clock for both."""

    database: Database
    fetcher: Fetcher
    clock: Clock
    pages: dict[str, Watched] = field(default_factory=dict)

    def look(self, url: str, page_id: str = "vision") -> Checked:
        wanted = [
            WatchedPage(page.id, page.name, page.url, "granvik", "1h")
            for page in self.pages.values()
            if page.id != page_id
        ]
        wanted.append(WatchedPage(page_id, page_id, url, "granvik", "1h"))
        with self.database.write() as conn:
            watch.sync_pages(conn, wanted, self.clock())
            key = watch.page(conn, page_id).key
        page = self.pages[page_id] = Watched(key, page_id, page_id, url, editions.PROFILE)
        return check_page(self.database, page, World(self.fetcher, self.clock), ())

    def captures(self, page_id: str = "vision") -> list[Capture]:
        key = self.pages[page_id].key
        with self.database.read() as conn:
            found = [facts.capture(conn, look.id, key) for look in facts.looks(conn, key)]
        return [capture for capture in found if capture is not None]

    def hops(self, page_id: str = "vision") -> list[dict[str, object]]:
        """Those of the page's last look."""
        with self.database.read() as conn:
            return [dict(hop) for hop in facts.exchange(conn, self.captures(page_id)[-1].id)]

    def moves(self) -> list[str]:
        """What the operators are told of moved pages."""
        with self.database.read() as conn:
            log = facts.technical_log(conn)
        return [line.text for line in log if line.code == "page_moved"]


@contextmanager
def watching(
    database: Database,
    *,
    resolve: Callable[[str, int], Sequence[str]] | None = None,
    **knobs: object,
) -> Iterator[Watch]:
    settings: dict[str, object] = {"allow_private": ("127.0.0.1",), "timeout_seconds": 5.0}
    rules = FetchRules(**(settings | knobs))  # type: ignore[arg-type]
    clock = Clock()
    gate = HostGate(database, PAUSE_SECONDS, "prov/1/1", clock, clock.sleep)
    with Fetcher(rules, gate=gate, clock=clock, resolve=resolve) as fetcher:
        yield Watch(database, fetcher, clock)


def site_of(pages: dict[str, Served | Callable[[Asked], Served]]) -> Site:
    """A site with these paths, and no robots.txt unless one is among them."""

    def answer(asked: Asked) -> Served:
        if asked.path == "/robots.txt" and asked.path not in pages:
            return NO_ROBOTS
        served = pages[asked.path]
        return served(asked) if callable(served) else served

    return Site(answer)


def paths(site: Site) -> list[str]:
    return [asked.path for asked in site.log]


def only(checked: Checked) -> tuple[str, str]:
    """The one reason of a failed look: code and text."""
    assert checked.outcome == "failed"
    (reason,) = checked.reasons
    assert checked.failure is not None
    assert (checked.failure.code, checked.failure.text) == (reason.code, reason.text)
    return reason.code, reason.text


# ------------------------------------------------------------------------------- the same as before


def test_not_modified_is_a_capture_of_what_was_there(sqlite_store: Database) -> None:
    def conditional(asked: Asked) -> Served:
        if asked.headers.get("if-none-match") == '"ett"':
            return Served(status=304, headers=[("ETag", '"ett"')])
        return Served(PAGE, headers=[HTML, ("ETag", '"ett"')])

    with site_of({"/vision": conditional}) as site, watching(sqlite_store) as pages:
        assert pages.look(site.url("/vision")).outcome == "first"
        again = pages.look(site.url("/vision"))
        assert (again.outcome, again.snapshot, again.changes) == ("unchanged", 1, ())
        first, second = pages.captures()
        assert (first.came, second.came) == ("body", "again")
        assert first.body == second.body
        assert second.at == again.captured_at
        (hop,) = pages.hops()
        assert (hop["status"], hop["address"], hop["via_proxy"]) == (304, "127.0.0.1", False)
        assert ["If-None-Match", '"ett"'] in hop["request_headers"]  # type: ignore[operator]


def test_an_equal_body_is_a_capture_too_and_is_known_by_its_hash(
    sqlite_store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site_of({"/vision": Served(PAGE)}) as site, watching(sqlite_store) as pages:
        pages.look(site.url("/vision"))

        def parsed(*_: object, **__: object) -> None:
            raise AssertionError("an equal body was read again")

        monkeypatch.setattr("monitor.step.extract", parsed)
        assert pages.look(site.url("/vision")).outcome == "unchanged"
        first, second = pages.captures()
        assert (first.body, first.came) == (second.body, second.came)


def test_a_body_cut_short_forgets_what_the_server_would_be_asked_by(sqlite_store: Database) -> None:
    cut = Served(PAGE, headers=[HTML, ("Content-Length", str(len(PAGE) + 9))], close=True)
    answers = [Served(PAGE, headers=[HTML, ("ETag", '"ett"')]), cut, Served(PAGE)]
    with site_of({"/v": lambda asked: answers.pop(0)}) as site, watching(sqlite_store) as pages:
        outcomes = [pages.look(site.url("/v")).outcome for _ in range(3)]
        assert outcomes == ["first", "failed", "unchanged"]
        asked = [asked.headers.get("if-none-match") for asked in site.log[1:]]
        assert asked == [None, '"ett"', None]


# ---------------------------------------------------------------------------------- moved, and gone


def test_a_page_that_moved_is_followed_and_the_operators_are_told_once(
    sqlite_store: Database,
) -> None:
    moved = Served(b"", 301, [("Location", "/ny")])
    with (
        site_of({"/gammal": moved, "/ny": Served(PAGE), "/nyast": Served(PAGE)}) as site,
        watching(sqlite_store) as pages,
    ):
        outcomes = [pages.look(site.url("/gammal")).outcome for _ in range(3)]
        assert outcomes == ["first", "unchanged", "unchanged"]
        assert [hop["status"] for hop in pages.hops()] == [301, 200]
        assert pages.captures()[0].final_url == site.url("/ny")
        (told,) = pages.moves()
        assert site.url("/ny") in told
        assert "vision" in told
        pages.look(site.url("/ny"))
        assert len(pages.moves()) == 1


def test_a_page_that_moves_on_is_told_again(sqlite_store: Database) -> None:
    to = iter(("/ny", "/ny", "/nyast"))

    def lead(asked: Asked) -> Served:
        return Served(b"", 308, [("Location", next(to))])

    with (
        site_of({"/gammal": lead, "/ny": Served(PAGE), "/nyast": Served(PAGE)}) as site,
        watching(sqlite_store) as pages,
    ):
        for _ in range(3):
            pages.look(site.url("/gammal"))
        assert [text.partition("http")[2] for text in pages.moves()] == [
            site.url(path)[4:] + ". Ändra url i konfigurationen." for path in ("/ny", "/nyast")
        ]


def test_a_page_that_is_elsewhere_for_now_is_no_news(sqlite_store: Database) -> None:
    lead = Served(b"", 302, [("Location", "/ny")])
    with site_of({"/v": lead, "/ny": Served(PAGE)}) as site, watching(sqlite_store) as pages:
        assert pages.look(site.url("/v")).outcome == "first"
        assert pages.moves() == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_gone_says_so_and_its_history_stays(
    sqlite_store: Database, status: int
) -> None:
    answers = [Served(PAGE), Served(b"<h1>Finns inte</h1>", status)]
    with site_of({"/v": lambda asked: answers.pop(0)}) as site, watching(sqlite_store) as pages:
        pages.look(site.url("/v"))
        gone = pages.look(site.url("/v"))
        code, text = only(gone)
        assert (code, gone.snapshot, gone.changes) == ("gone", 1, ())
        assert isinstance(gone.failure, Gone)
        assert str(status) in text
        assert "konfigurationen" in text
        assert pages.hops()[0]["body"] == "<h1>Finns inte</h1>"


# ---------------------------------------------------------------------------------- patience


def test_retry_after_holds_every_page_of_the_host_until_it_is_over(sqlite_store: Database) -> None:
    busy = Served(b"vila", 503, [("Retry-After", "3600")])
    with site_of({"/a": busy, "/b": Served(PAGE)}) as site, watching(sqlite_store) as pages:
        code, text = only(pages.look(site.url("/a"), "a"))
        assert (code, "60 minuter" in text) == ("http_status", True)
        waits = pages.look(site.url("/b"), "b")
        assert only(waits)[0] == "host_busy"
        assert isinstance(waits.failure, TryLater)
        assert waits.failure.retry_after_seconds == pytest.approx(3600, abs=60)
        assert paths(site) == ["/robots.txt", "/a"]
        pages.clock.sleep(3600)
        assert pages.look(site.url("/b"), "b").outcome == "first"


def test_between_two_requests_to_a_host_its_pause_goes_by(sqlite_store: Database) -> None:
    with watching(sqlite_store) as pages:
        times: list[datetime] = []

        def noted(asked: Asked) -> Served:
            times.append(pages.clock())
            return Served(PAGE)

        with site_of({"/robots.txt": noted, "/a": noted, "/b": noted}) as site:
            pages.look(site.url("/a"), "a")
            pages.look(site.url("/b"), "b")
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert len(times) == 3
    assert all(gap >= timedelta(seconds=PAUSE_SECONDS) for gap in gaps)


def test_robots_say_no_and_are_asked_once_a_day(sqlite_store: Database) -> None:
    rules = Served(b"User-agent: *\nDisallow: /stopp\nCrawl-delay: 30", headers=[])
    with (
        site_of({"/robots.txt": rules, "/stopp": Served(PAGE), "/v": Served(PAGE)}) as site,
        watching(sqlite_store) as pages,
    ):
        code, text = only(pages.look(site.url("/stopp"), "a"))
        assert code == "robots"
        assert site.url("/stopp") in text
        began = pages.clock()
        assert pages.look(site.url("/v"), "b").outcome == "first"
        assert pages.clock() - began >= timedelta(seconds=PAUSE_SECONDS)
        assert paths(site) == ["/robots.txt", "/v"]
        began = pages.clock()
        pages.look(site.url("/v"), "b")
        assert pages.clock() - began >= timedelta(seconds=29)  # as slowly as the site asks for
        pages.clock.sleep(86_400)
        pages.look(site.url("/v"), "b")
        assert paths(site) == ["/robots.txt", "/v", "/v", "/robots.txt", "/v"]


def test_two_sites_of_one_host_have_robots_of_their_own(sqlite_store: Database) -> None:
    closed = Served(b"User-agent: *\nDisallow: /", headers=[])
    with (
        site_of({"/robots.txt": closed, "/v": Served(PAGE)}) as one,
        site_of({"/v": Served(PAGE)}) as two,
        watching(sqlite_store) as pages,
    ):
        assert only(pages.look(one.url("/v"), "a"))[0] == "robots"
        assert pages.look(two.url("/v"), "b").outcome == "first"


def test_robots_in_trouble_stop_the_look_for_minutes(sqlite_store: Database) -> None:
    answers = [Served(b"", 500), NO_ROBOTS]
    with (
        site_of({"/robots.txt": lambda asked: answers.pop(0), "/v": Served(PAGE)}) as site,
        watching(sqlite_store) as pages,
    ):
        for _ in range(2):
            code, text = only(pages.look(site.url("/v")))
            assert code == "robots_unreachable"
            assert "svarade 500" in text
        assert paths(site) == ["/robots.txt"]
        pages.clock.sleep(600)
        assert pages.look(site.url("/v")).outcome == "first"


def test_robots_that_never_came_are_asked_for_anew_and_the_reason_is_told(
    sqlite_store: Database,
) -> None:
    table: dict[str, list[str]] = {}

    def names(host: str, port: int) -> list[str]:
        return Names(table)(host, port)

    with (
        site_of({"/v": Served(PAGE)}) as site,
        watching(sqlite_store, resolve=names) as pages,
    ):
        url = site.url("/v", host="granvik.example")
        code, text = only(pages.look(url))
        assert code == "robots_unreachable"
        assert "granvik.example finns inte" in text
        table["granvik.example"] = ["127.0.0.1"]
        assert pages.look(url).outcome == "first"


# ---------------------------------------------------------------------------------- outside, inside


def test_a_redirect_out_is_refused_with_the_line_that_lets_it_through(
    sqlite_store: Database,
) -> None:
    names = Names({"granvik.example": ["127.0.0.1"]})
    with site_of({"/v": Served(PAGE)}) as there:
        lead = Served(b"", 302, [("Location", there.url("/v", host="granvik.example"))])
        with site_of({"/v": lead}) as here:
            with watching(sqlite_store, resolve=names) as pages:
                code, text = only(pages.look(here.url("/v")))
                assert code == "redirect_refused"
                assert text.endswith('skriv under [fetch]: redirect_hosts = ["granvik.example"]')
                assert [hop["status"] for hop in pages.hops()] == [302]
            hosts = ("granvik.example",)
            with watching(sqlite_store, resolve=names, redirect_hosts=hosts) as pages:
                pages.clock.sleep(60)
                assert pages.look(here.url("/v")).outcome == "first"


def test_a_private_address_is_refused_with_the_line_that_lets_it_through(
    sqlite_store: Database,
) -> None:
    with site_of({"/v": Served(PAGE)}) as site:
        with watching(sqlite_store, allow_private=("10.2.0.0/16",)) as pages:
            code, text = only(pages.look(site.url("/v")))
            assert code == "refused_address"
            assert text.endswith('[fetch]: allow_private = ["10.2.0.0/16", "127.0.0.1"]')
            assert site.connections == 0
            assert pages.hops() == []
        allowed = ("10.2.0.0/16", "127.0.0.1")
        with watching(sqlite_store, allow_private=allowed) as pages:
            pages.clock.sleep(60)
            assert pages.look(site.url("/v")).outcome == "first"


def test_a_redirect_inside_says_where_it_came_from_and_shows_no_secret(
    sqlite_store: Database,
) -> None:
    lead = Served(b"", 302, [("Location", "http://10.1.2.3/?nyckel=HEMLIG")])
    with site_of({"/v": lead}) as site, watching(sqlite_store) as pages:
        code, text = only(pages.look(site.url("/v")))
        assert code == "refused_address"
        assert text.startswith(site.url("/v"))
        assert "10.1.2.3" in text
        assert "HEMLIG" not in text


def test_a_proxy_with_a_ca_of_its_own_is_trusted_by_ca_file_and_on_record(
    sqlite_store: Database,
) -> None:
    url = "https://granvik.example/v"
    with (
        Authority("Granviks proxy-CA") as authority,
        site_of({"/v": Served(PAGE)}) as site,
        Proxy(site.port, authority=authority) as proxy,
    ):
        with watching(sqlite_store, proxy=proxy.url()) as pages:
            code, text = only(pages.look(url))
            assert code == "robots_unreachable"
            assert "ca_file under [fetch]" in text
        with watching(sqlite_store, proxy=proxy.url(), ca_file=authority.pem_file) as pages:
            pages.clock.sleep(60)
            assert pages.look(url).outcome == "first"
            (hop,) = pages.hops()
            assert (hop["via_proxy"], hop["address"]) == (True, None)
            assert hop["certificate_sha256"]
        assert set(proxy.seen.targets) == {"granvik.example:443"}


# ---------------------------------------------------------------------------------- facts


def test_a_look_that_fails_changes_nothing_and_the_next_goes_on(sqlite_store: Database) -> None:
    other = editions.page((*ITEMS[:3], replace(ITEMS[3], status="ongoing")))
    answers = [Served(PAGE), Served(b"", 500), Served(b" "), Served(other)]
    with site_of({"/v": lambda asked: answers.pop(0)}) as site, watching(sqlite_store) as pages:
        looks = [pages.look(site.url("/v")) for _ in range(4)]
    assert [look.outcome for look in looks] == ["first", "failed", "failed", "changed"]
    assert [look.snapshot for look in looks] == [1, 1, 1, 2]
    assert [only(look)[0] for look in looks[1:3]] == ["http_status", "empty_body"]
    assert len(looks[3].changes) == 1
    times = [capture.at for capture in pages.captures()]
    assert times == sorted(set(times))


def test_a_clock_that_runs_backwards_does_not_turn_the_looks_around(sqlite_store: Database) -> None:
    with site_of({"/v": Served(PAGE)}) as site, watching(sqlite_store) as pages:
        first = pages.look(site.url("/v"))
        pages.clock.sleep(-3600)
        second = pages.look(site.url("/v"))
        assert second.captured_at > first.captured_at
        with sqlite_store.read() as conn:
            assert [line.code for line in facts.technical_log(conn)] == ["clock_behind"]
