"""Out through a town's proxy: by name guarded, on record, trusted by its own CA only if told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.errors import AskOperator, ConfigurationError, FetchError, TryLater
from monitor.fetch import Captured, Fetcher, FetchRules, OpenGate
from tests.support.web import Asked, Authority, Names, Proxy, Served, Site

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
PAGE = b"<h1>Granvik</h1>"
NOBODY = Names({})


def page(asked: Asked) -> Served:
    return Served(PAGE)


def fetcher(proxy: Proxy, **knobs: Any) -> Fetcher:
    resolve = knobs.pop("resolve", NOBODY)
    user = knobs.pop("user", "")
    rules = FetchRules(proxy=f"http://{user}127.0.0.1:{proxy.port}", timeout_seconds=3.0, **knobs)
    return Fetcher(rules, gate=OpenGate(), clock=lambda: NOW, resolve=resolve)


def captured(door: Fetcher, url: str) -> Captured:
    outcome = door.fetch(url)
    assert isinstance(outcome, Captured)
    return outcome


def test_a_page_over_http_goes_by_the_proxy_and_is_recorded_so() -> None:
    with Site(page) as site, Proxy(site.port) as proxy, fetcher(proxy) as door:
        (hop,) = captured(door, "http://www.granvik.example/a?b").hops
        assert hop.body == PAGE
        assert (hop.via_proxy, hop.address, hop.certificate_sha256) == (True, None, None)
        assert proxy.seen.targets == ["http://www.granvik.example/a?b"]
        assert site.log[0].headers["host"] == "www.granvik.example"


def test_tls_is_tunnelled_and_the_sites_own_certificate_recorded() -> None:
    with (
        Authority() as authority,
        Site(page, tls=authority.context("www.granvik.example")) as site,
        Proxy(site.port) as proxy,
        fetcher(proxy, ca_file=authority.pem_file) as door,
    ):
        (hop,) = captured(door, "https://www.granvik.example/a").hops
        assert (hop.via_proxy, hop.address) == (True, None)
        assert hop.certificate_sha256
        assert proxy.seen.targets == ["www.granvik.example:443"]


def test_a_proxy_that_inspects_tls_is_trusted_by_its_ca_file_alone() -> None:
    with Authority() as town, Site(page) as site, Proxy(site.port, authority=town) as proxy:
        with fetcher(proxy, ca_file=town.pem_file) as door:
            (hop,) = captured(door, "https://www.granvik.example/a").hops
            assert hop.via_proxy
            assert hop.certificate_sha256
            assert hop.url == "https://www.granvik.example/a"
        with fetcher(proxy) as door, pytest.raises(TryLater, match="ca_file") as caught:
            door.fetch("https://www.granvik.example/a")
        assert caught.value.code == "tls"


def test_many_pages_of_one_host_share_a_tunnel() -> None:
    with (
        Authority() as town,
        Site(page) as site,
        Proxy(site.port, authority=town) as proxy,
        fetcher(proxy, ca_file=town.pem_file) as door,
    ):
        for n in range(5):
            captured(door, f"https://www.granvik.example/{n}")
        assert proxy.connections == 1
        assert len(site.log) == 5


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "http://intranat/",
        "https://intranat.local/",
        "http://2130706433/",
        "http://a@b.example/",
    ],
)
def test_the_guard_judges_names_and_literals_before_the_proxy_hears_of_them(url: str) -> None:
    with Proxy(9) as proxy, fetcher(proxy) as door:
        for look in (door.fetch, door.robots, lambda u: door.post(u, b"", {})):
            with pytest.raises(AskOperator) as caught:
                look(url)
            assert caught.value.code == "refused_address"
        assert proxy.connections == 0


def test_a_redirect_inside_is_refused_by_proxy_too() -> None:
    def lead(asked: Asked) -> Served:
        return Served(status=302, headers=[("Location", "http://intranat.local/")])

    with Site(lead) as site, Proxy(site.port) as proxy:
        with fetcher(proxy, redirect_hosts=("intranat.local",)) as door:
            with pytest.raises(AskOperator, match="intranat") as caught:
                door.fetch("http://www.granvik.example/")
            assert caught.value.code == "refused_address"
        assert len(proxy.seen.targets) == 1


def test_a_name_let_through_is_given_to_the_proxy() -> None:
    with (
        Site(page) as site,
        Proxy(site.port) as proxy,
        fetcher(proxy, allow_private=("intranat.local",)) as door,
    ):
        assert captured(door, "http://intranat.local/").hops[0].via_proxy


def test_v6_literals_are_bracketed_for_the_proxy() -> None:
    with (
        Authority() as authority,
        Site(page, tls=authority.context("2a00:801:2::1")) as site,
        Proxy(site.port) as proxy,
        fetcher(proxy, ca_file=authority.pem_file) as door,
    ):
        captured(door, "https://[2a00:801:2::1]/")
        assert proxy.seen.targets == ["[2a00:801:2::1]:443"]


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ((), False),
        (("*",), True),
        (("www.granvik.example",), True),
        (("granvik.example",), True),
        ((".granvik.example",), True),
        (("*.granvik.example",), True),
        (("WWW.Granvik.Example",), True),
        (("vik.example",), False),
        (("annan.example", "10.0.0.0/8"), False),
        (("",), False),
    ],
)
def test_no_proxy_names_who_is_reached_directly(no_proxy: tuple[str, ...], direct: bool) -> None:
    names = Names({"www.granvik.example": ["127.0.0.1"]})
    with Site(page) as site, Proxy(site.port) as proxy:
        knobs = {"no_proxy": no_proxy, "resolve": names, "allow_private": ("127.0.0.1",)}
        with fetcher(proxy, **knobs) as door:
            (hop,) = captured(door, site.url("/", host="www.granvik.example")).hops
        assert hop.via_proxy is not direct
        assert hop.address == ("127.0.0.1" if direct else None)
        assert len(proxy.seen.targets) == (0 if direct else 1)


def test_no_proxy_takes_networks_for_literals() -> None:
    with Site(page) as site, Proxy(site.port) as proxy:
        knobs = {"no_proxy": ("127.0.0.0/8",), "allow_private": ("127.0.0.1",)}
        with fetcher(proxy, **knobs) as door:
            assert not captured(door, site.url()).hops[0].via_proxy


def test_what_goes_directly_is_guarded_by_address() -> None:
    names = Names({"www.granvik.example": ["10.0.0.1"]})
    with Proxy(9) as proxy, fetcher(proxy, no_proxy=("granvik.example",), resolve=names) as door:
        with pytest.raises(AskOperator, match=r"10\.0\.0\.1"):
            door.fetch("http://www.granvik.example/")
        assert proxy.connections == 0


@pytest.mark.parametrize(
    ("status", "family"), [(403, AskOperator), (407, AskOperator), (502, TryLater), (504, TryLater)]
)
def test_a_proxy_that_says_no_is_named_as_the_proxy(status: int, family: type[FetchError]) -> None:
    with Proxy(9, refuse=status) as proxy, fetcher(proxy) as door:
        with pytest.raises(family, match="proxyn") as caught:
            door.fetch("https://www.granvik.example/")
        assert caught.value.code == "proxy"


def test_a_proxy_that_is_not_there_is_trouble_with_the_network() -> None:
    with Proxy(9) as proxy:
        port = proxy.port
    rules = FetchRules(proxy=f"http://127.0.0.1:{port}", timeout_seconds=2.0)
    with Fetcher(rules, gate=OpenGate(), clock=lambda: NOW) as door:
        with pytest.raises(TryLater) as caught:
            door.fetch("https://www.granvik.example/")
        assert caught.value.code == "network"


def test_a_user_name_for_the_proxy_goes_to_the_proxy_only() -> None:
    with (
        Authority() as town,
        Site(page) as site,
        Proxy(site.port, authority=town) as proxy,
        fetcher(proxy, user="anna:hemlig%40@", ca_file=town.pem_file) as door,
    ):
        page_seen = captured(door, "https://www.granvik.example/")
        captured(door, "http://www.granvik.example/")
        assert proxy.seen.authorizations == ["Basic YW5uYTpoZW1saWdA"] * 2
        assert "proxy-authorization" not in site.log[0].headers
        assert b"hemlig" not in repr(page_seen).encode()


def test_webhooks_go_by_the_proxy_too() -> None:
    with (
        Authority() as town,
        Site(lambda asked: Served(b"", 204)) as site,
        Proxy(site.port, authority=town) as proxy,
        fetcher(proxy, ca_file=town.pem_file) as door,
    ):
        assert door.post("https://krok.granvik.example/x", b"{}", {}).status == 204
        assert (site.log[0].method, site.log[0].body) == ("POST", b"{}")


def test_a_ca_file_adds_to_the_usual_roots_and_replaces_none() -> None:
    import ssl

    from monitor.transport import tls_context

    with Authority() as town:
        usual = tls_context().get_ca_certs(binary_form=True)
        more = tls_context(town.pem_file).get_ca_certs(binary_form=True)
        assert set(more) - set(usual) == {ssl.PEM_cert_to_DER_cert(town.pem.decode())}
        assert set(usual) < set(more)
    with pytest.raises(ConfigurationError):
        tls_context(town.pem_file)
