"""The guard: which addresses may be reached, and in which one spelling."""

from __future__ import annotations

import pytest

from monitor.errors import AskOperator, ConfigurationError, TryLater
from monitor.guard import Guard, host_key, join, read_address, shown

REFUSED_URLS = {
    "file": "file:///etc/passwd",
    "ftp": "ftp://granvik.example/",
    "gopher": "gopher://granvik.example/_x",
    "data": "data:text/html,hej",
    "javascript": "javascript:alert(1)",
    "no scheme": "granvik.example/sida",
    "scheme only": "https:",
    "no slashes": "https:granvik.example/",
    "one slash": "https:/granvik.example/",
    "empty host": "https:///sida",
    "empty host with port": "https://:443/",
    "user name": "https://granvik.example@10.0.0.1/",
    "user and password": "https://a:b@granvik.example/",
    "encoded at sign": "https://granvik.example%40evil.example/",
    "encoded host": "https://%67ranvik.example/",
    "backslash for a slash": "https:\\\\granvik.example\\",
    "backslash in authority": "https://granvik.example\\@evil.example/",
    "backslash in path": "https://granvik.example/a\\b",
    "line feed": "https://granvik.example/\nHost: evil.example",
    "tab inside the host": "https://gran\tvik.example/",
    "space first": " https://granvik.example/",
    "space in the host": "https://granvik .example/",
    "nul": "https://granvik.example/\x00",
    "zero width": "https://gran\u200bvik.example/",
    "right to left": "https://granvik.example/\u202egnp.exe",
    "decimal": "http://2130706433/",
    "hexadecimal": "http://0x7f000001/",
    "dotted hexadecimal": "http://0x7f.0.0.1/",
    "octal": "http://0177.0.0.1/",
    "shortened": "http://127.1/",
    "three parts": "http://192.168.257/",
    "padded": "http://127.000.000.001/",
    "overflow": "http://256.256.256.256/",
    "five parts": "http://1.2.3.4.5/",
    "one number": "http://0/",
    "full-width digits": "http://１２７.０.０.１/",
    "circled digits": "http://①②⑦.⓪.⓪.①/",
    "ideographic stops": "http://127。0。0。1/",
    "two trailing dots": "https://granvik.example../",
    "leading dot": "https://.granvik.example/",
    "empty label": "https://granvik..example/",
    "long label": f"https://{'a' * 64}.example/",
    "long name": f"https://{'a.' * 130}example/",
    "cyrillic o among latin": "https://bоras.example/",
    "the same as punycode": "https://xn--bras-55d.example/",
    "broken punycode": "https://xn--a-\u00e5.example/",
    "port zero": "https://granvik.example:0/",
    "port too high": "https://granvik.example:65536/",
    "port of letters": "https://granvik.example:http/",
    "two ports": "https://granvik.example:80:80/",
    "negative port": "https://granvik.example:-1/",
    "v6 without brackets": "http://::1/",
    "v6 with a zone": "http://[fe80::1%25eth0]/",
    "v6 that is none": "http://[::g]/",
    "v6 never closed": "http://[::1/",
    "future address": "http://[v1.a]/",
    "too long": "https://granvik.example/" + "a" * 5000,
}

REFUSED_ADDRESSES = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2a00:801::5efe:a00:1",
    "2a00:801::200:5efe:7f00:1",
]

PUBLIC_ADDRESSES = ["8.8.8.8", "193.44.6.10", "172.32.0.1", "100.128.0.1", "2a00:801:2::1"]


@pytest.mark.parametrize("url", REFUSED_URLS.values(), ids=REFUSED_URLS.keys())
def test_what_is_no_plain_web_address_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(AskOperator) as caught:
        Guard().check_url(url)
    assert caught.value.code == "refused_address"
    assert "\n" not in caught.value.text
    assert len(caught.value.text) < 500


@pytest.mark.parametrize("address", REFUSED_ADDRESSES)
def test_an_inner_address_is_refused_and_the_line_to_paste_is_printed(address: str) -> None:
    with pytest.raises(AskOperator) as caught:
        Guard().check_answers("www.granvik.example", [address])
    assert caught.value.code == "refused_address"
    plain = address.partition("%")[0]
    line = caught.value.text.partition("allow_private = ")[2]
    assert line.startswith('["')
    assert line.endswith('"]')
    pasted = Guard(allow_private=[line[2:-2]])
    assert pasted.check_answers("www.granvik.example", [plain])


@pytest.mark.parametrize("address", REFUSED_ADDRESSES)
def test_an_inner_address_is_refused_written_into_the_url_too(address: str) -> None:
    plain = address.partition("%")[0]
    url = f"http://[{plain}]/" if ":" in plain else f"http://{plain}/"
    with pytest.raises(AskOperator):
        Guard().check_url(url)


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_a_public_address_is_let_through(address: str) -> None:
    assert Guard().check_answers("www.granvik.example", [address]) == (address,)
    url = f"https://[{address}]/" if ":" in address else f"https://{address}/"
    assert Guard().check_url(url) == url


@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_bad_answer_refuses_all_of_them(position: int) -> None:
    answers = ["193.44.6.10", "2a00:801:2::1"]
    answers.insert(position, "10.0.0.7")
    with pytest.raises(AskOperator, match=r"10\.0\.0\.7"):
        Guard().check_answers("www.granvik.example", answers)


def test_no_answer_at_all_is_trouble_with_the_name() -> None:
    with pytest.raises(TryLater) as caught:
        Guard().check_answers("www.granvik.example", [])
    assert caught.value.code == "dns"


def test_an_answer_that_is_no_address_is_refused() -> None:
    with pytest.raises(AskOperator):
        Guard().check_answers("www.granvik.example", ["www.granvik.example"])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("HTTPS://WWW.Granvik.EXAMPLE", "https://www.granvik.example/"),
        ("https://www.granvik.example:443/a", "https://www.granvik.example/a"),
        ("http://www.granvik.example:80/a", "http://www.granvik.example/a"),
        ("https://www.granvik.example:/a", "https://www.granvik.example/a"),
        ("https://www.granvik.example./a", "https://www.granvik.example/a"),
        ("https://www.granvik.example/a#del", "https://www.granvik.example/a"),
        ("https://www.granvik.example?b=1", "https://www.granvik.example/?b=1"),
        ("https://www.granvik.example/a?b=\\", "https://www.granvik.example/a?b=%5C"),
        ("https://www.granvik.example/å ".strip(), "https://www.granvik.example/%C3%A5"),
        ("https://www.granvik.example/a/../b/./c", "https://www.granvik.example/b/c"),
        ("https://www.granvik.example/a/%2e%2E/b", "https://www.granvik.example/b"),
        ("https://www.granvik.example/../../b", "https://www.granvik.example/b"),
        ("https://www.granvik.example/a/..", "https://www.granvik.example/"),
        ("https://www.granvik.example/a/b.4.2c/", "https://www.granvik.example/a/b.4.2c/"),
        ("https://www.granvik.example//a", "https://www.granvik.example//a"),
        ("https://åmål.example/", "https://xn--ml-xiab.example/"),
        ("https://ÅMÅL.example/", "https://xn--ml-xiab.example/"),
        ("https://ｇranvik.example/", "https://granvik.example/"),
        ("http://[2A00:801:0002:0:0::1]:8080/", "http://[2a00:801:2::1]:8080/"),
    ],
)
def test_a_good_address_has_one_spelling(written: str, read: str) -> None:
    assert Guard().check_url(written) == read
    assert Guard().check_url(read) == read


@pytest.mark.parametrize(
    ("allowed", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.0/8", "127.1.2.3"),
        ("10.2.0.0/16", "10.2.3.4"),
        ("10.2.3.4/16", "10.2.9.9"),
        ("fd12::/16", "fd12::1"),
        ("[::1]", "::1"),
        ("www.granvik.example", "10.0.0.1"),
        ("WWW.Granvik.example.", "10.0.0.1"),
        ("64:ff9b::/96", "64:ff9b::808:808"),
    ],
)
def test_what_the_operator_lets_through_is_let_through(allowed: str, address: str) -> None:
    guard = Guard(allow_private=[allowed])
    assert guard.check_answers("www.granvik.example", [address]) == (address,)


def test_letting_one_address_through_lets_no_other() -> None:
    guard = Guard(allow_private=["10.2.0.0/16", "annan.granvik.example"])
    with pytest.raises(AskOperator) as caught:
        guard.check_answers("www.granvik.example", ["10.3.0.1"])
    assert caught.value.text.endswith(
        'allow_private = ["10.2.0.0/16", "annan.granvik.example", "10.3.0.1"]'
    )


def test_an_allowance_for_v4_is_none_for_its_disguises() -> None:
    guard = Guard(allow_private=["127.0.0.1"])
    for disguise in ("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"):
        with pytest.raises(AskOperator):
            guard.check_answers("www.granvik.example", [disguise])


@pytest.mark.parametrize("entry", ["", "http://10.0.0.1/", "10.0.0.0/99", "a b", "10.0.0.1:80"])
def test_an_allowance_that_means_nothing_is_a_wrong_configuration(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="allow_private"):
        Guard(allow_private=[entry])


def test_localhost_is_the_own_machine_whatever_a_resolver_says() -> None:
    for url in ("http://localhost/", "http://LOCALHOST./", "http://granvik.localhost:8080/"):
        with pytest.raises(AskOperator, match="allow_private"):
            Guard().check_url(url)
    allowed = Guard(allow_private=["127.0.0.1"])
    assert allowed.check_url("http://localhost:8080/") == "http://localhost:8080/"
    assert allowed.check_answers("localhost", ["::1", "127.0.0.1"]) == ("127.0.0.1",)
    with pytest.raises(AskOperator):
        allowed.check_answers("localhost", ["10.0.0.1"])


@pytest.mark.parametrize(
    "host", ["intranat", "intranat.local", "vmware.internal", "skrivare.lan", "x.home.arpa"]
)
def test_a_name_that_only_holds_inside_is_not_given_to_a_proxy(host: str) -> None:
    guard = Guard()
    guard.check(f"http://{host}/")
    with pytest.raises(AskOperator, match=f'allow_private = \\["{host}"\\]'):
        guard.check(f"http://{host}/", by_proxy=True)
    Guard(allow_private=[host]).check(f"http://{host}/", by_proxy=True)


def test_hosts_are_counted_by_name_and_unusual_port() -> None:
    assert host_key("https://www.granvik.example/a") == "www.granvik.example"
    assert host_key("http://www.granvik.example/") == "www.granvik.example"
    assert host_key("http://127.0.0.1:8080/a") == "127.0.0.1:8080"
    assert host_key("http://[::1]:8080/a") == "[::1]:8080"
    assert read_address("http://[2a00::1]/").host == "2a00::1"


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("/b", "https://www.granvik.example/b"),
        ("c.html", "https://www.granvik.example/a/c.html"),
        ("?sida=2", "https://www.granvik.example/a/b?sida=2"),
        ("//annan.example/x", "https://annan.example/x"),
        ("http://annan.example", "http://annan.example"),
        ("", "https://www.granvik.example/a/b"),
    ],
)
def test_a_redirect_is_resolved_against_where_it_was_given(reference: str, target: str) -> None:
    assert join("https://www.granvik.example/a/b", reference) == target


@pytest.mark.parametrize("reference", ["//evil.example\\@x/", "/a\nb", "https://[::1", "/a b"])
def test_a_redirect_that_two_readers_could_read_differently_is_refused(reference: str) -> None:
    with pytest.raises(AskOperator):
        read_address(join("https://www.granvik.example/", reference))


def test_a_url_in_a_message_is_one_short_line_without_its_query() -> None:
    assert shown("https://x.example/a?nyckel=hemlig") == "https://x.example/a?…"
    assert "\n" not in shown("https://x.example/\n\x1b[31m")
    assert len(shown("https://x.example/" + "a" * 1000)) <= 200
