"""Fetching from a site that behaves: what comes back, and what is on record of it."""

from __future__ import annotations

import contextlib
import gzip
import re
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from monitor.errors import AskOperator, ConfigurationError, FetchError, Gone, TryLater
from monitor.fetch import (
    Captured,
    Fetcher,
    FetchRules,
    NotModified,
    OpenGate,
    Validators,
    user_agent,
)
from tests.support.web import (
    HTML,
    Asked,
    Authority,
    Http2Site,
    Names,
    RawServer,
    Served,
    Site,
    saying,
)

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
PAGE = "<h1>Granvik växer</h1>".encode()


def fetcher(**knobs: object) -> Fetcher:
    resolve = knobs.pop("resolve", None)
    gate = knobs.pop("gate", OpenGate())
    settings: dict[str, object] = {"allow_private": ("127.0.0.1",), "timeout_seconds": 5.0}
    rules = FetchRules(**(settings | knobs))  # type: ignore[arg-type]
    return Fetcher(rules, gate=gate, clock=lambda: NOW, resolve=resolve)  # type: ignore[arg-type]


def captured(door: Fetcher, url: str, validators: Validators | None = None) -> Captured:
    outcome = door.fetch(url, validators)
    assert isinstance(outcome, Captured)
    return outcome


def test_a_page_comes_with_its_exact_bytes_and_headers() -> None:
    headers = [("content-TYPE", "text/html; charset=UTF-8"), ("X-One", "å"), ("x-one", "b")]
    with Site(lambda asked: Served(PAGE, headers=headers, reason="Bra")) as site:
        with fetcher(contact="webb@granvik.example", version="1.2") as door:
            page = captured(door, site.url("/a?b=1#c"))
        assert page.body == PAGE
        assert page.content_type == "text/html; charset=UTF-8"
        assert page.final_url == site.url("/a?b=1")
        assert page.moved_to is None
        assert page.elapsed_seconds > 0
        (hop,) = page.hops
        assert (hop.url, hop.status, hop.reason) == (site.url("/a?b=1"), 200, b"Bra")
        assert (hop.http_version, hop.body, hop.truncated) == ("HTTP/1.1", PAGE, False)
        assert hop.headers[:3] == (
            (b"content-TYPE", b"text/html; charset=UTF-8"),
            (b"X-One", "å".encode()),
            (b"x-one", b"b"),
        )
        assert (hop.address, hop.certificate_sha256, hop.via_proxy) == ("127.0.0.1", None, False)
        assert hop.started_at == NOW
        sent = {name.decode().lower(): value.decode() for name, value in hop.request_headers}
        assert sent == dict(site.log[0].headers)
        assert sent["user-agent"] == "Visionsvakt/1.2 (+webb@granvik.example)"
        assert sent["host"] == site.host_key


@pytest.mark.parametrize(
    ("encoding", "wire"),
    [
        ("gzip", gzip.compress(PAGE, mtime=0)),
        ("x-gzip", gzip.compress(PAGE, mtime=0)),
        ("GZIP", gzip.compress(PAGE[:9], mtime=0) + gzip.compress(PAGE[9:], mtime=0)),
        ("gzip", gzip.compress(PAGE, mtime=0) + b"\0" * 64),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", zlib.compress(PAGE)[2:-4]),
        ("identity", PAGE),
        ("", PAGE),
    ],
    ids=["gzip", "x-gzip", "two members", "padded", "deflate", "bare deflate", "identity", "none"],
)
def test_a_packed_page_is_unpacked_and_its_wire_bytes_kept(encoding: str, wire: bytes) -> None:
    headers = [HTML, ("Content-Encoding", encoding)]
    with Site(lambda asked: Served(wire, headers=headers)) as site, fetcher() as door:
        page = captured(door, site.url())
    assert page.body == PAGE
    assert page.hops[0].body == wire


def test_a_chunked_page_is_put_together() -> None:
    data = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4;a=b\r\n<h1>\r\n7\r\nGranvik\r\n0\r\nX: y\r\n\r\n"
    )
    with RawServer(saying(data)) as server, fetcher() as door:
        assert captured(door, server.url()).body == b"<h1>Granvik"


def test_a_page_that_ends_with_its_connection_is_whole() -> None:
    data = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE
    with RawServer(saying(data)) as server, fetcher() as door:
        page = captured(door, server.url())
    assert page.body == PAGE
    assert page.hops[0].http_version == "HTTP/1.0"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([("Content-Type", "TEXT/HTML")], PAGE),
        ([("Content-Type", "application/xhtml+xml; charset=utf-8")], PAGE),
        ([("Content-Type", "text/plain")], PAGE),
        ([("Content-Type", "")], PAGE),
        ([], PAGE),
        ([], b"\xef\xbb\xbf" + PAGE),
        ([], "\ufeff<h1>Granvik</h1>".encode("utf-16-le")),
        ([("Content-Type", "text/html"), ("Content-Type", "text/html; charset=utf-8")], PAGE),
    ],
)
def test_kinds_of_text_are_taken_and_an_unnamed_kind_is_looked_at(
    headers: list[tuple[str, str]], body: bytes
) -> None:
    with Site(lambda asked: Served(body, headers=headers)) as site, fetcher() as door:
        page = captured(door, site.url())
    assert page.body == body
    named = [value for _, value in headers if value]
    assert page.content_type == (named[-1] if named else None)


# Asking whether it changed


def changing(asked: Asked) -> Served:
    same = asked.headers.get("if-none-match") == '"e1"'
    validators = [("ETag", '"e1"'), ("Last-Modified", "Sun, 22 Nov 2026 07:00:00 GMT")]
    return Served(b"" if same else PAGE, 304 if same else 200, [HTML, *validators])


def test_the_servers_own_validators_are_sent_back_and_304_is_an_outcome() -> None:
    with Site(changing) as site, fetcher() as door:
        page = captured(door, site.url())
        assert page.validators.etag == '"e1"'
        assert page.validators.last_modified == "Sun, 22 Nov 2026 07:00:00 GMT"
        again = door.fetch(site.url(), page.validators)
        assert isinstance(again, NotModified)
        assert again.validators == page.validators
        assert again.hops[0].status == 304
        assert again.hops[0].body == b""
        sent = site.log[1].headers
        assert sent["if-none-match"] == '"e1"'
        assert sent["if-modified-since"] == "Sun, 22 Nov 2026 07:00:00 GMT"
        assert "if-none-match" not in site.log[0].headers


def test_validators_hold_without_a_url_for_the_page_asked_for() -> None:
    with Site(changing) as site, fetcher() as door:
        assert isinstance(door.fetch(site.url(), Validators('"e1"')), NotModified)


def test_a_304_that_names_no_validators_keeps_the_old_ones() -> None:
    with (
        RawServer(saying(b'HTTP/1.1 304 Samma\r\nETag: "e2"\r\n\r\n')) as server,
        fetcher() as door,
    ):
        outcome = door.fetch(server.url(), Validators('"e1"', "igår"))
        assert isinstance(outcome, NotModified)
        assert outcome.validators == Validators('"e2"', "igår", server.url())


def test_validators_of_one_address_are_not_shown_to_another() -> None:
    """The page may lead elsewhere tomorrow: another page's 304 must not count as this one's."""

    def lead(asked: Asked) -> Served:
        if asked.path == "/a":
            return Served(status=302, headers=[("Location", "/b")])
        return changing(asked)

    with Site(lead) as site, fetcher() as door:
        page = captured(door, site.url("/a"))
        assert page.validators.url == site.url("/b")
        assert isinstance(door.fetch(site.url("/a"), page.validators), NotModified)
        assert "if-none-match" not in site.log[2].headers
        assert site.log[3].headers["if-none-match"] == '"e1"'
        captured(door, site.url("/a"), Validators('"e1"', url=site.url("/c")))
        captured(door, site.url("/a"), Validators('"e1"'))


@pytest.mark.parametrize("etag", ["", "x" * 600, "a\x01b", "a\r\nEvil: ja"])
def test_validators_unfit_for_a_header_are_neither_taken_nor_sent(etag: str) -> None:
    with Site(lambda asked: Served(PAGE)) as site, fetcher() as door:
        captured(door, site.url(), Validators(etag))
        assert "if-none-match" not in site.log[0].headers


# Redirects


def leading(*steps: tuple[int, str]) -> Site:
    table = {f"/{n}": step for n, step in enumerate(steps)}

    def answer(asked: Asked) -> Served:
        if asked.path not in table:
            return Served(PAGE)
        status, target = table[asked.path]
        return Served(b"flyttad", status, [HTML, ("Location", target)])

    return Site(answer)


def test_redirects_are_kept_hop_by_hop() -> None:
    with leading((302, "1"), (307, "/slut?x=1#y")) as site, fetcher() as door:
        page = captured(door, site.url("/0"))
        assert [hop.status for hop in page.hops] == [302, 307, 200]
        assert [hop.body for hop in page.hops] == [b"flyttad", b"flyttad", PAGE]
        assert page.final_url == page.hops[-1].url == site.url("/slut?x=1")
        assert page.moved_to is None


@pytest.mark.parametrize(
    ("steps", "moved_to"),
    [
        (((301, "/slut"),), "/slut"),
        (((308, "/1"), (301, "/slut")), "/slut"),
        (((301, "/1"), (302, "/slut")), "/1"),
        (((302, "/1"), (301, "/slut")), None),
        (((303, "/slut"),), None),
    ],
)
def test_a_page_that_moved_for_good_says_where_to(
    steps: tuple[tuple[int, str], ...], moved_to: str | None
) -> None:
    with leading(*steps) as site, fetcher() as door:
        page = captured(door, site.url("/0"))
        assert page.moved_to == (site.url(moved_to) if moved_to else None)


def test_five_redirects_are_followed() -> None:
    with leading(*[(302, f"/{n}") for n in range(1, 6)]) as site, fetcher() as door:
        assert len(captured(door, site.url("/0")).hops) == 6


def test_another_host_is_followed_only_where_it_is_named() -> None:
    names = Names({"a.granvik.example": ["127.0.0.1"], "b.granvik.example": ["127.0.0.1"]})
    with Site(lambda asked: Served(PAGE)) as there:
        target = there.url("/", host="b.granvik.example")
        with leading((302, target)) as site:
            start = site.url("/0", host="a.granvik.example")
            with fetcher(resolve=names) as door:
                with pytest.raises(AskOperator) as caught:
                    door.fetch(start)
                assert caught.value.code == "redirect_refused"
                assert 'redirect_hosts = ["b.granvik.example"]' in caught.value.text
                assert there.connections == 0
            with fetcher(resolve=names, redirect_hosts=("B.granvik.example",)) as door:
                assert captured(door, start).final_url == target


def test_a_target_in_raw_utf8_is_understood() -> None:
    with leading((302, "/sidan-för-alla")) as site, fetcher() as door:
        page = captured(door, site.url("/0"))
        assert page.final_url == site.url("/sidan-f%C3%B6r-alla")


# Errors a caller acts on


def test_a_page_that_is_gone_says_so() -> None:
    with Site(lambda asked: Served(b"borta", 410)) as site, fetcher() as door:
        with pytest.raises(Gone) as caught:
            door.fetch(site.url())
        assert caught.value.status == 410
        assert caught.value.hops[0].body == b"borta"


@pytest.mark.parametrize("status", [429, 503, 500])
def test_how_long_the_server_wants_to_be_left_alone_comes_along(status: int) -> None:
    headers = [HTML, ("Retry-After", "Mon, 23 Nov 2026 07:10:00 GMT")]
    with Site(lambda asked: Served(b"", status, headers)) as site, fetcher() as door:
        with pytest.raises(TryLater) as caught:
            door.fetch(site.url())
        assert (caught.value.code, caught.value.status) == ("http_status", status)
        assert caught.value.retry_after_seconds == 600.0


def test_a_body_at_the_cap_comes_whole_and_one_byte_more_does_not() -> None:
    body = b"x" * 10_000
    with Site(lambda asked: Served(body)) as site:
        with fetcher(max_bytes=10_000) as door:
            assert len(captured(door, site.url()).body) == 10_000
        with fetcher(max_bytes=9_999) as door, pytest.raises(AskOperator, match="max_bytes"):
            door.fetch(site.url())
    packed = gzip.compress(body)
    headers = [HTML, ("Content-Encoding", "gzip")]
    with Site(lambda asked: Served(packed, headers=headers)) as site:
        with fetcher(max_bytes=10_000) as door:
            assert len(captured(door, site.url()).body) == 10_000
        with fetcher(max_bytes=9_999) as door:
            with pytest.raises(AskOperator) as caught:
                door.fetch(site.url())
            assert caught.value.code == "decoded_too_large"


@pytest.mark.parametrize(
    "knobs",
    [
        {"ca_file": "/finns/inte.pem"},
        {"ca_file": __file__},
        {"proxy": "socks5://127.0.0.1:1080"},
        {"proxy": "proxy.granvik.example"},
        {"proxy": "http://proxy:port"},
        {"allow_private": ("http://x",)},
        {"redirect_hosts": ("https://x/",)},
    ],
)
def test_rules_that_can_not_be_used_are_a_wrong_configuration(knobs: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=r"^\[fetch\] [a-z_]+: ") as caught:
        fetcher(**knobs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("contact", "version", "name"),
    [
        ("", "", "Visionsvakt"),
        ("", "1.0", "Visionsvakt/1.0"),
        ("webb@granvik.example", "1.0", "Visionsvakt/1.0 (+webb@granvik.example)"),
        ("webb@x\r\nEvil: 1", "1", "Visionsvakt/1 (+webb@xEvil: 1)"),
        ("webb@åmål.example", "1", "Visionsvakt/1 (+webb@ml.example)"),
    ],
)
def test_we_say_who_we_are(contact: str, version: str, name: str) -> None:
    assert user_agent(contact, version) == name


# The connection


def test_one_connection_serves_one_host_many_times() -> None:
    with Site(lambda asked: Served(PAGE)) as site, fetcher() as door:
        for _ in range(20):
            captured(door, site.url())
        assert site.connections == 1


def test_a_connection_that_was_closed_meanwhile_is_not_used_again() -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nhej!"
    with RawServer(saying(data)) as server, fetcher() as door:
        for n in range(1, 4):
            captured(door, server.url())
            closed = threading.Event()
            while server.open_connections and not closed.wait(0.01):
                pass
            assert server.connections == n


def test_no_cookie_is_kept_and_nothing_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    headers = [HTML, ("Set-Cookie", "spår=1; Path=/")]
    with Site(lambda asked: Served(PAGE, headers=headers)) as site, fetcher() as door:
        captured(door, site.url())
        captured(door, site.url())
        assert "cookie" not in site.log[1].headers
        assert "referer" not in site.log[1].headers


def test_http2_is_spoken_where_it_is_offered() -> None:
    body = PAGE * 5000
    with (
        Authority() as authority,
        Http2Site(
            lambda asked: Served(body, headers=[HTML, ("ETag", '"h2"')]),
            tls=authority.context("127.0.0.1", alpn=("h2", "http/1.1")),
        ) as site,
        fetcher(ca_file=authority.pem_file) as door,
    ):
        for _ in range(3):
            page = captured(door, site.url("/a?b"))
            assert page.body == body
        assert page.hops[0].http_version == "HTTP/2"
        assert page.validators.etag == '"h2"'
        assert re.fullmatch(r"[0-9a-f]{64}", page.hops[0].certificate_sha256 or "")
        assert site.log[0].headers[":authority"] == site.host_key
        assert site.connections == 1


def test_many_threads_share_one_fetcher() -> None:
    """Over HTTP/2 too, each has a connection of its own: none waits for another's stream."""
    together = threading.Barrier(8, timeout=5)

    def answer(asked: Asked) -> Served:
        together.wait()
        return Served(asked.path.encode() * 3000)

    with Authority() as authority:
        tls = authority.context("127.0.0.1", alpn=("h2", "http/1.1"))
        with (
            Http2Site(answer, tls=tls) as site,
            fetcher(ca_file=authority.pem_file) as door,
            ThreadPoolExecutor(8) as pool,
        ):
            for _ in range(3):
                urls = [site.url(f"/{n}") for n in range(8)]
                bodies = list(pool.map(lambda url: captured(door, url).body, urls))
                assert bodies == [f"/{n}".encode() * 3000 for n in range(8)]
            assert site.connections == 8


def test_the_certificate_shown_is_on_record() -> None:
    import ssl

    with (
        Authority() as authority,
        Site(lambda asked: Served(PAGE), tls=authority.context("127.0.0.1")) as site,
        fetcher(ca_file=authority.pem_file) as door,
    ):
        shown = captured(door, site.url()).hops[0].certificate_sha256
        pem = ssl.get_server_certificate(("127.0.0.1", site.port))
        assert shown == sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>"])
@pytest.mark.parametrize("secure", [False, True])
def test_closing_ends_what_is_in_flight_in_other_threads(start: bytes, secure: bool) -> None:
    asked, look_is_over = threading.Event(), threading.Event()

    def hanging(sock: object) -> None:
        sock.sendall(start)  # type: ignore[attr-defined]
        asked.set()
        while sock.recv(65_536):  # type: ignore[attr-defined]
            pass

    with (
        Authority() as authority,
        RawServer(hanging, tls=authority.context("127.0.0.1") if secure else None) as server,
        fetcher(timeout_seconds=30.0, ca_file=authority.pem_file) as door,
        ThreadPoolExecutor(1) as pool,
    ):
        look = pool.submit(door.fetch, server.url())
        assert asked.wait(5)
        # Mostly, the look waits for more by now; either way the outcome must be the same.
        look_is_over.wait(0.05)
        door.close()
        error = look.exception(timeout=3)
        assert isinstance(error, TryLater)
        assert error.code == "closing"
        with pytest.raises(TryLater):
            door.fetch(server.url())


# Webhooks


def test_a_webhook_gets_the_very_bytes_and_its_answer_is_read() -> None:
    body = '{"type": "visionsvakt.digest", "å": 1}'.encode()

    def answer(asked: Asked) -> Served:
        return Served(b"tack", 202, [("Retry-After", "7"), ("X-Svar", "ja")])

    with Site(answer) as site, fetcher(version="1") as door:
        said = door.post(site.url("/krok?n=1"), body, {"webhook-id": "msg-1"})
        assert (said.status, said.body_start, said.headers["x-svar"]) == (202, b"tack", "ja")
        assert said.retry_after_seconds == 7.0
        (asked,) = site.log
        assert (asked.method, asked.target, asked.body) == ("POST", "/krok?n=1", body)
        assert asked.headers["webhook-id"] == "msg-1"
        assert asked.headers["user-agent"] == "Visionsvakt/1"
        door.post(site.url(), b"", {})
        assert site.connections == 1


@pytest.mark.parametrize("status", [204, 301, 308, 400, 410, 429, 500, 503])
def test_every_status_of_a_webhook_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    with Site(lambda asked: Served(b"", status, [("Location", "/annan")])) as site:
        with fetcher() as door:
            assert door.post(site.url(), b"{}", {}).status == status
        assert len(site.log) == 1


def test_a_huge_answer_to_a_webhook_is_cut() -> None:
    def endless(sock: object) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")  # type: ignore[attr-defined]
        while True:
            sock.sendall(b"x" * 65_536)  # type: ignore[attr-defined]

    with RawServer(endless) as server, fetcher() as door:
        said = door.post(server.url(), b"{}", {})
    assert (said.status, said.body_start) == (200, b"x" * 4096)


def test_a_webhook_that_never_answers_is_given_up_in_time() -> None:
    def silent(sock: object) -> None:
        while sock.recv(65_536):  # type: ignore[attr-defined]
            pass

    with RawServer(silent) as server, fetcher() as door:
        with pytest.raises(TryLater) as caught:
            door.post(server.url(), b"{}", {}, timeout_seconds=0.2)
        assert caught.value.code == "timeout"


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/HEMLIG", "http://a:HEMLIG@x.example/", "HEMLIG", "http://HEM LIG.example/"],
)
def test_a_webhooks_address_is_guarded_and_its_secret_is_not_shown(url: str) -> None:
    with fetcher() as door, pytest.raises(AskOperator) as caught:
        door.post(url, b"{}", {})
    assert caught.value.code == "refused_address"
    assert "HEM" not in caught.value.text


def test_a_webhook_that_fails_names_its_host_only() -> None:
    with RawServer(saying(b"")) as server, fetcher() as door:
        with pytest.raises(FetchError) as caught:
            door.post(server.url("/HEMLIG"), b"{}", {})
        assert server.host_key in caught.value.text
        assert "HEMLIG" not in caught.value.text


# Turns


class Counted:
    """A gate that notes who had a turn, and how many were in one together."""

    def __init__(self) -> None:
        self.turns: list[str] = []
        self.inside = 0

    @contextlib.contextmanager
    def turn(self, host: str) -> Iterator[None]:
        self.turns.append(host)
        self.inside += 1
        assert self.inside == 1
        try:
            yield
        finally:
            self.inside -= 1


def test_every_request_to_a_page_is_made_in_a_turn_of_its_own() -> None:
    gate = Counted()
    with leading((302, "/slut")) as site, fetcher(gate=gate) as door:
        captured(door, site.url("/0"))
        door.robots(site.url("/0"))
        with contextlib.suppress(FetchError):
            door.fetch("http://127.0.0.1:1/")
        assert gate.turns == [site.host_key] * 3 + ["127.0.0.1:1"]
        assert gate.inside == 0
        door.post(site.url(), b"", {})
        assert len(gate.turns) == 4


def test_waiting_for_a_turn_is_no_time_of_the_look() -> None:
    class Slow:
        @contextlib.contextmanager
        def turn(self, host: str) -> Iterator[None]:
            threading.Event().wait(0.3)
            yield

    with leading((302, "/slut")) as site, fetcher(gate=Slow(), timeout_seconds=0.25) as door:
        assert captured(door, site.url("/0")).elapsed_seconds < 0.25


def test_a_turn_that_can_not_be_had_is_said() -> None:
    class Busy:
        @contextlib.contextmanager
        def turn(self, host: str) -> Iterator[None]:
            raise TryLater("host_busy", f"{host} är upptagen")
            yield

    with Site(lambda asked: Served(PAGE)) as site, fetcher(gate=Busy()) as door:
        for look in (door.fetch, door.robots):
            with pytest.raises(TryLater) as caught:
                look(site.url())
            assert caught.value.code == "host_busy"
        assert site.connections == 0


def test_naming_the_values_costs_no_network_library() -> None:
    """Whoever only needs the words of this room does not pay for its machines."""
    code = "import sys, monitor.fetch; sys.exit(bool({'httpcore', 'httpx'} & set(sys.modules)))"
    root = Path(__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
