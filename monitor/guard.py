"""May this address be reached? Pure: reads addresses and judges them; nothing is looked up here.

One reader of URLs for everything that leaves the process. What it can't read in exactly one way
is refused, and what it gives back is what is connected to, so no second parser can disagree.

Two judgements, made on every hop:

- `Guard.check` judges the URL: http or https, no user name, no odd spelling of an address, a
  literal address only where it may be reached.
- `Guard.check_answers` judges every address a name led to, before connecting. One bad answer
  refuses all of them: a name that leads both outside and inside is an attack or a mistake.

Ranges: the IANA special-purpose registries (RFC 6890 and what followed), multicast, and every
range that carries an IPv4 address inside an IPv6 one (NAT64, 6to4, Teredo, mapped, ISATAP).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias
from urllib.parse import quote, urljoin

from monitor.errors import AskOperator, ConfigurationError, TryLater

IPAddress: TypeAlias = IPv4Address | IPv6Address
IPNetwork: TypeAlias = IPv4Network | IPv6Network

MAX_URL_LENGTH = 4096

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):"
    r"(?://(?P<authority>[^/?#]*))?"
    r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.DOTALL,
)
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^\[\]:]*))(?::(?P<port>[0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?")
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"
_QUERY_SAFE = _PATH_SAFE + "?[]"
DEFAULT_PORTS = {"http": 80, "https": 443}

_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/8", "«det här nätet»"),
        ("10.0.0.0/8", "privat adress"),
        ("100.64.0.0/10", "delad adress hos en operatör (CGNAT)"),
        ("127.0.0.0/8", "den egna datorn"),
        ("168.63.129.16/32", "molnleverantörens inre tjänst"),
        ("169.254.0.0/16", "länklokal adress"),
        ("172.16.0.0/12", "privat adress"),
        ("192.0.0.0/24", "reserverad adress"),
        ("192.0.2.0/24", "dokumentationsadress"),
        ("192.31.196.0/24", "reserverad adress"),
        ("192.52.193.0/24", "reserverad adress"),
        ("192.88.99.0/24", "6to4-adress"),
        ("192.168.0.0/16", "privat adress"),
        ("192.175.48.0/24", "reserverad adress"),
        ("198.18.0.0/15", "mätadress"),
        ("198.51.100.0/24", "dokumentationsadress"),
        ("203.0.113.0/24", "dokumentationsadress"),
        ("224.0.0.0/4", "multicastadress"),
        ("240.0.0.0/4", "reserverad adress"),
    )
)
_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), why)
    for network, why in (
        ("::/128", "ospecificerad adress"),
        ("::1/128", "den egna datorn"),
        ("::ffff:0:0/96", "IPv4-adress i IPv6-dräkt"),
        ("::ffff:0:0:0/96", "IPv4-adress i IPv6-dräkt"),
        ("::/96", "IPv4-adress i IPv6-dräkt"),
        ("64:ff9b::/96", "NAT64-adress"),
        ("64:ff9b:1::/48", "NAT64-adress"),
        ("fc00::/7", "privat adress"),
        ("fe80::/10", "länklokal adress"),
        ("fec0::/10", "privat adress"),
        ("ff00::/8", "multicastadress"),
        ("2001::/32", "Teredo-adress"),
        ("2001::/23", "reserverad adress"),
        ("2001:db8::/32", "dokumentationsadress"),
        ("2002::/16", "6to4-adress"),
        ("2620:4f:8000::/48", "reserverad adress"),
        ("3fff::/20", "dokumentationsadress"),
    )
)
_V6_GLOBAL = IPv6Network("2000::/3")
_ISATAP = 0x00005EFE

_INNER_SUFFIXES = ("local", "internal", "intranet", "lan", "home", "corp", "private", "home.arpa")


@dataclass(frozen=True, slots=True)
class WebAddress:
    """One http or https address, read once. `host` carries no brackets; `target` is path+query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def host_key(self) -> str:
        """What politeness counts by: the host, with its port where that is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host_key}"

    @property
    def url(self) -> str:
        return f"{self.origin}{self.target}"

    def __str__(self) -> str:
        return self.url


def _refused(text: str) -> AskOperator:
    return AskOperator("refused_address", text)


def shown(url: str) -> str:
    """A URL as it may stand in one line of text: no control characters, no query, cut short.

    The query goes because what stands there may be a secret.
    """
    clean = "".join(c if c.isprintable() and not c.isspace() else "\ufffd" for c in url)
    clean, mark, _ = clean.partition("?")
    clean += "?…" if mark else ""
    return clean if len(clean) <= 200 else clean[:199] + "…"


def join(base: str, reference: str) -> str:
    """A redirect's target made whole (RFC 3986, 5.2). Still to be read by `read_address`.

    Raises AskOperator(refused_address) where the reference holds what a URL never holds.
    """
    _check_characters(reference)
    try:
        return urljoin(base, reference)
    except ValueError:
        raise _refused(f"adressen {shown(reference)} går inte att tolka") from None


def read_address(url: str) -> WebAddress:
    """The one reader of URLs. The same text gives the same address, or is refused.

    Raises AskOperator(refused_address) for anything but an http or https URL in its usual
    spelling. Normalised: case of scheme and host, one trailing dot, IDN (UTS 46), the default
    port, dot segments, characters to be percent-encoded. Dropped: the fragment.
    """
    return _read(url)


def host_key(url: str) -> str:
    """The key politeness and robots are kept by: `www.granvik.example`, `127.0.0.1:8080`."""
    return _read(url).host_key


@lru_cache(maxsize=1024)
def _read(url: str) -> WebAddress:
    if len(url) > MAX_URL_LENGTH:
        raise _refused(f"adressen {shown(url)} är längre än {MAX_URL_LENGTH} tecken")
    _check_characters(url)
    found = _URL.fullmatch(url)
    if found is None:
        raise _refused(f"adressen {shown(url)} är ingen webbadress: den ska börja med https://")
    scheme = found["scheme"].lower()
    if scheme not in DEFAULT_PORTS or not found["authority"]:
        raise _refused(f"adressen {shown(url)} är ingen webbadress: den ska börja med https://")
    if "@" in found["authority"]:
        raise _refused(
            f"adressen {shown(url.rpartition('@')[2])} har användarnamn eller lösenord framför "
            "värdnamnet: ta bort det som står till och med @"
        )
    authority = _AUTHORITY.fullmatch(found["authority"])
    if authority is None:
        raise _refused(f"adressen {shown(url)} har ett värdnamn som inte går att tolka")
    port = int(authority["port"]) if authority["port"] else DEFAULT_PORTS[scheme]
    if not 0 < port < 65536:
        raise _refused(f"adressen {shown(url)} har en port som inte finns")
    if authority["v6"] is not None:
        host = _read_v6(authority["v6"], url)
    else:
        host = read_host(authority["name"])
    path = quote(_without_dots(found["path"]), safe=_PATH_SAFE) or "/"
    query = found["query"]
    target = path if query is None else f"{path}?{quote(query, safe=_QUERY_SAFE)}"
    return WebAddress(scheme, host, port, target)


def _check_characters(url: str) -> None:
    for character in url:
        if character <= " " or character == "\x7f" or not character.isprintable():
            raise _refused(f"adressen {shown(url)} innehåller blanksteg eller styrtecken")
    if "\\" in url.partition("?")[0]:
        raise _refused(f"adressen {shown(url)} innehåller omvänt snedstreck (\\): skriv /")


def _without_dots(path: str) -> str:
    """The path without `.` and `..` segments, also where the dots are percent-encoded."""
    if "." not in path and "%2" not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for position, segment in enumerate(segments):
        plain = segment.lower().replace("%2e", ".")
        last = position == len(segments) - 1
        if plain == ".":
            if last:
                kept.append("")
        elif plain == "..":
            if len(kept) > 1:
                kept.pop()
            if last:
                kept.append("")
        else:
            kept.append(segment)
    return "/".join(kept)


def _read_v6(text: str, url: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        address = None
    if address is None or address.scope_id is not None:
        raise _refused(f"adressen {shown(url)} har en IPv6-adress som inte går att tolka")
    return str(address)


def read_host(text: str) -> str:
    """A host name or IPv4 address in the one spelling used from here on.

    Raises AskOperator(refused_address) for empty, percent-encoded, look-alike and numeric
    spellings (decimal, octal, hexadecimal, shortened addresses).
    """
    host = text
    if not host.isascii():
        host = _from_idn(host)
    host = host.lower()
    if host.endswith("."):
        host = host[:-1]
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused(
            f"värdnamnet {shown(text)!r} går inte att tolka: skriv det som i webbläsaren"
        )
    if labels[-1].isdigit() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise _refused(
                f"värdnamnet {shown(text)!r} är en omskriven IP-adress: skriv fyra tal med punkter"
            ) from None
    for label in labels:
        if label.startswith("xn--"):
            _check_script(_decoded(label, text), text)
    return host


def _from_idn(text: str) -> str:
    import idna

    try:
        host = idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise _refused(f"värdnamnet {shown(text)!r} går inte att tolka") from None
    return host


def _decoded(label: str, text: str) -> str:
    import idna

    try:
        return str(idna.decode(label))
    except (idna.IDNAError, UnicodeError):
        raise _refused(f"värdnamnet {shown(text)!r} går inte att tolka") from None


def _check_script(label: str, text: str) -> None:
    """Refuses a label that mixes alphabets whose letters look alike (UTS 39, simplified)."""
    scripts = {unicodedata.name(c, "?").split(" ")[0] for c in label if c.isalpha()}
    if len(scripts & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"}) > 1:
        raise _refused(
            f"värdnamnet {shown(text)!r} blandar alfabet så att det liknar ett annat namn"
        )


def fault(address: IPAddress) -> str | None:
    """Why an address may not be reached (Swedish, a noun phrase), or None for a public one."""
    if isinstance(address, IPv4Address):
        return next((why for network, why in _V4 if address in network), None)
    bits = int(address)
    if (bits >> 32) & 0xFFFFFFFF & ~0x02000000 == _ISATAP:
        return "ISATAP-adress"
    for network, why in _V6:
        if address in network:
            return why
    return None if address in _V6_GLOBAL else "reserverad adress"


class Guard:
    """Judges addresses by the ranges above and by what the operator lets through.

    `allow_private` holds hosts, addresses or networks. Raises ConfigurationError for an entry
    that is none of them. Safe to share between threads: it holds no state.
    """

    def __init__(self, allow_private: Sequence[str] = ()) -> None:
        self.allow_private = tuple(allow_private)
        hosts: set[str] = set()
        networks: list[IPNetwork] = []
        for entry in self.allow_private:
            try:
                networks.append(ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                hosts.add(_allowed_host(entry))
        self._hosts = frozenset(hosts)
        self._networks = tuple(networks)

    def check_url(self, url: str) -> str:
        """The URL in its one spelling, or AskOperator(refused_address)."""
        return self.check(url).url

    def check(self, url: str, *, by_proxy: bool = False) -> WebAddress:
        """The address, read and judged as far as it can be without looking its name up.

        `by_proxy`: somebody else looks the name up, so names that are only known inside are
        refused here. Raises AskOperator(refused_address).
        """
        address = read_address(url)
        host = address.host
        literal = _literal(host)
        if literal is not None:
            self.check_answers(host, [host])
        elif host == "localhost" or host.endswith(".localhost"):
            if not self._own_machine_allowed(host):
                raise self._may_not(host, [("127.0.0.1", "den egna datorn")])
        elif by_proxy and host not in self._hosts and _only_inside(host):
            raise _refused(
                f"{host} är ett namn som bara gäller innanför: ska det få nås, skriv under "
                f"[fetch]: {self._line([host])}"
            )
        return address

    def check_answers(self, host: str, addresses: Iterable[str]) -> tuple[str, ...]:
        """The addresses that may be connected to, in their one spelling and in the given order.

        Raises AskOperator(refused_address) if ANY of them is bad, naming the line to paste,
        and TryLater(dns) if there is none.
        """
        good: list[str] = []
        bad: list[tuple[str, str]] = []
        own_machine = host == "localhost" or host.endswith(".localhost")
        for text in addresses:
            try:
                address = ip_address(text.partition("%")[0])
            except ValueError:
                bad.append((text, "ingen adress"))
                continue
            why = None if host in self._hosts else fault(address)
            if why is None or any(
                address.version == network.version and address in network
                for network in self._networks
            ):
                good.append(str(address))
            elif own_machine and address.is_loopback and self._own_machine_allowed(host):
                # The name means the own machine by definition (RFC 6761): its addresses are
                # one thing, and those not let through are left alone.
                continue
            else:
                bad.append((str(address), why))
        if bad:
            raise self._may_not(host, bad)
        if not good:
            raise TryLater("dns", f"{host} leder inte till någon adress")
        return tuple(dict.fromkeys(good))

    def _own_machine_allowed(self, host: str) -> bool:
        return host in self._hosts or any(network.is_loopback for network in self._networks)

    def _may_not(self, host: str, bad: Sequence[tuple[str, str]]) -> AskOperator:
        listed = ", ".join(f"{address} ({why})" for address, why in bad[:4])
        line = self._line([address for address, _ in bad])
        if [host] == [address for address, _ in bad]:
            trouble = f"till adressen {listed} får ingen hämtning gå"
        else:
            trouble = f"{host} leder till {listed}, och dit får ingen hämtning gå"
        return _refused(f"{trouble}; ska det gå, skriv under [fetch]: {line}")

    def _line(self, more: Sequence[str]) -> str:
        entries = dict.fromkeys((*self.allow_private, *more))
        return "allow_private = [" + ", ".join(f'"{entry}"' for entry in entries) + "]"


def _literal(host: str) -> IPAddress | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _allowed_host(entry: str) -> str:
    try:
        return read_host(entry)
    except AskOperator:
        raise ConfigurationError(
            f"[fetch] allow_private: {entry!r} är varken värdnamn, adress eller nät; "
            'skriv till exempel "10.2.0.0/16"'
        ) from None


def _only_inside(host: str) -> bool:
    return "." not in host or host.endswith(tuple(f".{suffix}" for suffix in _INNER_SUFFIXES))
