"""The one httpx client under fetching does what we say, and nothing of its own accord."""

from __future__ import annotations

import logging
import random
import threading
from datetime import UTC, datetime

import httpx
import pytest

from monitor.errors import AskOperator, FetchError
from monitor.fetch import Captured, Fetcher, FetchRules, OpenGate
from monitor.guard import DEFAULT_PORTS, Guard, WebAddress, read_address
from monitor.transport import Client, Leash, Request, Transport
from tests.support.web import HTML, Authority, Http2Site, Names, Proxy, Served, Site

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
PAGE = "<h1>Granvik växer</h1>".encode()


def fetcher(*, resolve: Names | None = None, **knobs: object) -> Fetcher:
    settings: dict[str, object] = {"allow_private": ("127.0.0.1",), "timeout_seconds": 5.0}
    rules = FetchRules(**(settings | knobs))  # type: ignore[arg-type]
    return Fetcher(rules, gate=OpenGate(), clock=lambda: NOW, resolve=resolve)


def test_the_headers_on_record_are_those_sent_and_no_others() -> None:
    with Site(lambda asked: Served(PAGE)) as site, fetcher(contact="webb@granvik.example") as door:
        page = door.fetch(site.url())
        recorded = {
            name.decode().lower(): value.decode() for name, value in page.hops[0].request_headers
        }
        assert recorded == dict(site.log[0].headers)
        assert list(recorded) == ["host", "user-agent", "accept", "accept-encoding"]
        door.post(site.url(), b"{}", {"webhook-id": "msg-1"})
        assert list(site.log[1].headers) == [
            "host",
            "user-agent",
            "accept-encoding",
            "webhook-id",
            "content-length",
        ]


@pytest.mark.parametrize("location", ["http://[::1", "http://x:99999999/", "https://:443/"])
def test_an_address_to_go_on_to_that_can_not_be_read_is_refused_by_its_name(location: str) -> None:
    headers = [("Location", location)]
    with Site(lambda asked: Served(b"", 302, headers)) as site, fetcher() as door:
        with pytest.raises(FetchError) as caught:
            door.fetch(site.url())
        assert caught.value.code == "refused_address"
        assert caught.value.hops[0].status == 302
        assert door.post(site.url(), b"{}", {}).status == 302


PIECES = """1 10 127 0x7f 017 a x-1 _a xn--p1ai xn--a xn-- example se é ß ſ -a a- .. 。 %31 256
4294967295 １ ① [::1] [::ffff:1.2.3.4] :80 :443 : @ a--b xn--zckzah localhost 𝟏 / ? # \\""".split()


def test_httpx_reads_the_same_place_in_whatever_the_guard_lets_through() -> None:
    chance = random.Random(4)
    read = 0
    for _ in range(20_000):
        host = "".join(
            chance.choice(PIECES) + chance.choice(("", ".", ".", "-"))
            for _ in range(chance.randint(1, 4))
        )
        scheme = chance.choice(("http", "https"))
        try:
            address = read_address(f"{scheme}://{host}{chance.choice(('', '/', ':8080/', '//x'))}")
        except AskOperator:
            continue
        read += 1
        url = httpx.URL(address.url)
        port = url.port or DEFAULT_PORTS[url.scheme]
        assert (url.scheme, url.raw_host.decode(), port) == (
            address.scheme,
            address.host,
            address.port,
        )
    assert read > 1_000


@pytest.mark.parametrize("host", ["a@127.0.0.1", "GRANVIK.example", "127.0.0.1/", "[", "1.2.3.256"])
def test_what_httpx_would_read_otherwise_than_the_guard_is_not_sent(host: str) -> None:
    def resolve(name: str, port: int) -> list[str]:
        raise AssertionError(f"{name} was looked up")

    client = Client(Transport(Guard(("127.0.0.1",)), resolve=resolve))
    request = Request(WebAddress("http", host, 8080, "/HEMLIG"), (), "granvik.example")
    with pytest.raises(AskOperator) as caught, client.send(request, Leash(5.0, 10_000)):
        pass
    client.close()
    assert caught.value.code == "refused_address"
    assert "HEMLIG" not in caught.value.text


def test_nothing_sent_or_answered_is_logged_by_the_libraries(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = [HTML, ("X-Svar", "HEMLIG-svar")]
    with (
        Authority() as authority,
        Site(lambda asked: Served(PAGE, headers=headers)) as plain,
        Http2Site(
            lambda asked: Served(PAGE, headers=headers),
            tls=authority.context("127.0.0.1", alpn=("h2",)),
        ) as second,
        Proxy(plain.port) as proxy,
    ):
        for site in (plain, second):
            for by_proxy in ("", proxy.url()) if site is plain else ("",):
                with fetcher(ca_file=authority.pem_file, proxy=by_proxy) as door:
                    assert isinstance(door.fetch(site.url("/?HEMLIG")), Captured)
                    door.post(site.url("/HEMLIG"), b"{}", {"authorization": "HEMLIG"})
    # The sites run in threads of their own, and one of them speaks by the same libraries.
    ours = [record for record in caplog.records if record.thread == threading.get_ident()]
    assert not [record for record in ours if "HEMLIG" in record.getMessage()]
    assert {record.name for record in ours} <= {"asyncio", "httpcore.connection"}
    assert {record.getMessage() for record in ours} <= {"close.started", "close.complete"}


def test_what_others_do_with_httpx_is_logged_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with Site(lambda asked: Served(PAGE)) as site:
        with fetcher() as door, httpx.Client(trust_env=False) as other:
            door.fetch(site.url("/var"))
            other.get(site.url("/deras"))
        lines = [r.getMessage() for r in caplog.records if r.name == "httpx"]
    assert len(lines) == 1
    assert "/deras" in lines[0]
    assert not logging.getLogger("httpx").filters


def test_one_tls_context_serves_every_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A context costs some 20 ms and half a megabyte: it is made once, with the fetcher."""
    import ssl

    made: list[object] = []
    whole = ssl.create_default_context

    def counted(*args: object, **knobs: object) -> ssl.SSLContext:
        made.append(args)
        return whole(*args, **knobs)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    with (
        Authority() as authority,
        Site(lambda asked: Served(PAGE), tls=authority.context("127.0.0.1")) as one,
        Site(lambda asked: Served(PAGE), tls=authority.context("127.0.0.1")) as two,
        fetcher(ca_file=authority.pem_file) as door,
    ):
        door.fetch(one.url())
        door.fetch(two.url())
    assert len(made) == 1
