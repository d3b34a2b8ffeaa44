"""The one door to the web: pages, robots.txt and webhooks. Conditional, bounded, polite, safe.

`Fetcher.fetch` gives a value, `Captured` or `NotModified`, or raises one family, `FetchError`:

    TryLater      network, dns, timeout, tls, proxy, protocol, cut_body, bad_encoding, host_busy,
                  closing, robots_unreachable, unexpected_304, http_status (5xx, 408, 425, 429)
    AskOperator   refused_address, redirect_refused, redirect_loop, too_many_redirects, robots,
                  too_large, decoded_too_large, stacked_encodings, unknown_encoding,
                  wrong_content_type, empty_body, proxy (403, 407), http_status (the rest)
    Gone          gone (404, 410)

Every error carries the hops that came back, bodies and all (cut at `KEPT_OF_ERRORS`).

A crash anywhere in here means that nothing was looked at: what was sent is on the server's log
only, and the timetable looks again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeAlias

from monitor import inflate
from monitor.errors import AskOperator, ConfigurationError, FetchError, Gone, TryLater
from monitor.guard import Guard, WebAddress, join, read_address, read_host, shown
from monitor.pace import LONGEST_RETRY_AFTER_SECONDS
from monitor.robots import MAX_BYTES as ROBOTS_MAX_BYTES
from monitor.robots import PRODUCT, RobotsText, read_text

if TYPE_CHECKING:
    from monitor.transport import Leash, Reply, Resolve

MOST_REDIRECTS = 5
KEPT_OF_ERRORS = 256 * 1024
"""Bytes kept of a body that is no page: an error's, a redirect's, one of the wrong kind."""
KEPT_OF_ANSWERS = 4096
"""Bytes read of what a webhook answers."""

_OVERHEAD_BYTES = 256 * 1024
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_PERMANENT = frozenset((301, 308))
_TRY_LATER = frozenset((408, 425, 429))
_KINDS = frozenset(("text/html", "application/xhtml+xml", "text/plain"))
_VALIDATOR = re.compile(r"[\x20-\x7e\x80-\xff]{1,512}")

RawHeaders: TypeAlias = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class FetchRules:
    """The `[fetch]` table, as fetching takes it. `timeout_seconds` is for one look in all,
    `max_bytes` holds for what goes over the wire and for what it unpacks to."""

    timeout_seconds: float = 30.0
    max_bytes: int = 10_000_000
    contact: str = ""
    version: str = ""
    allow_private: Sequence[str] = ()
    redirect_hosts: Sequence[str] = ()
    proxy: str = ""
    no_proxy: Sequence[str] = ()
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Hop:
    """One request and its answer, exactly as they went and came.

    `body` is the message body: content-encoding untouched, transfer-encoding removed.
    `truncated` says that we stopped reading it, or that it was cut off. `address` is the literal
    connected to (None by proxy). By a proxy that inspects TLS the certificate is the proxy's.
    """

    url: str
    status: int
    http_version: str
    request_headers: RawHeaders
    headers: RawHeaders
    body: bytes
    address: str | None
    certificate_sha256: str | None
    via_proxy: bool
    started_at: datetime
    reason: bytes = b""
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Validators:
    """What the server gave to ask «changed since?» with, sent back word for word.

    They hold for `url` alone. Without it they are taken to hold for the page's own address, and
    are not sent along a redirect: another page's «not modified» must not count as this one's.
    """

    etag: str | None = None
    last_modified: str | None = None
    url: str | None = None

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified)


@dataclass(frozen=True, slots=True)
class Captured:
    """A whole page came. The last hop is the page; `body` is decoded. `content_type` as sent.

    `moved_to` is where the page says it lives from now on (301, 308), else None.
    """

    hops: tuple[Hop, ...]
    final_url: str
    content_type: str | None
    body: bytes
    validators: Validators
    moved_to: str | None
    elapsed_seconds: float


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server says that what we have is what it has."""

    hops: tuple[Hop, ...]
    final_url: str
    validators: Validators
    elapsed_seconds: float
    moved_to: str | None = None


Fetched: TypeAlias = Captured | NotModified


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook's host said. Header names in lower case; the body's first 4096 bytes."""

    status: int
    headers: Mapping[str, str]
    body_start: bytes
    retry_after_seconds: float | None = None


class Gate(Protocol):
    """Politeness, kept by the caller (in its database, where every worker sees it)."""

    def turn(self, host: str) -> AbstractContextManager[None]:
        """Enter when it is this host's turn, leave when the request has ended.

        Between the two, nobody else has a turn with this host, and the host's pause is over
        when it begins. `host` is `monitor.guard.host_key`. Raises TryLater(host_busy) where
        the turn can't be had in time. Waiting here is not counted as time of the look. What a
        host said of its patience leaves the turn as a FetchError with `retry_after_seconds`.
        """
        ...


class OpenGate:
    """No politeness: for commands a person runs, that look once and store nothing."""

    def turn(self, host: str) -> AbstractContextManager[None]:
        return nullcontext()


class Fetcher:
    """Fetches under one set of rules. Share ONE in a process, between all its threads.

    Holds the connections, the TLS context and, while they are good, the robots.txt of hosts that
    redirects led to. Raises ConfigurationError when made, for a proxy, a CA file, a redirect host
    or an allow_private that can't be used.
    """

    def __init__(
        self,
        rules: FetchRules,
        *,
        gate: Gate,
        clock: Callable[[], datetime],
        resolve: Resolve | None = None,
    ) -> None:
        self.rules = rules
        self._door = _Door(rules, gate, clock, resolve)
        self._robots: dict[str, RobotsText] = {}

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes every connection; from another thread it ends what is in flight within moments,
        as TryLater(closing). Safe to call twice; nothing can be fetched after."""
        self._door.client.close()

    def fetch(
        self, url: str, validators: Validators | None = None, robots: RobotsText | None = None
    ) -> Fetched:
        """Looks at a page once, following its redirects.

        With `robots` (of the page's host) they are kept, on every hop; without, not asked for.
        Raises FetchError and nothing else.
        """
        trip = _Trip(
            self._door,
            self.rules,
            validators or Validators(),
            robots,
            self._robots_elsewhere,
        )
        return trip.to(url)

    def robots(self, url: str) -> RobotsText:
        """Asks the host of `url` for its robots.txt, now (RFC 9309). The caller keeps it.

        Trouble on the way is a value too (`status` None); raises AskOperator(refused_address)
        for a host that may not be reached, and TryLater(host_busy) from the gate.
        """
        return _ask_for_robots(self._door, self.rules.timeout_seconds, url)

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float = 30.0
    ) -> Answer:
        """Posts to a webhook: guarded, redirects not followed, a huge answer cut.

        Every status is an answer. Raises FetchError where none came; its text names the host
        only, as the address may be a secret.
        """
        return self._door.call("POST", url, body, headers, timeout_seconds)

    def ping(self, url: str, timeout_seconds: float = 10.0) -> Answer:
        """Asks an address that is a secret, once: guarded, as `post` is, with a bare GET."""
        return self._door.call("GET", url, b"", {}, timeout_seconds)

    def reach(self, url: str, timeout_seconds: float = 10.0) -> None:
        """Connects to where `post` would, up to trusted TLS, and hangs up: nothing is asked.

        By a proxy nothing is tried but that the address may be used. Raises FetchError, whose text
        names the host only.
        """
        self._door.reach(url, timeout_seconds)

    def _robots_elsewhere(self, address: WebAddress) -> RobotsText:
        kept = self._robots.get(address.host_key)
        if kept is None or self._door.clock() >= kept.good_until:
            kept = self.robots(address.url)
            self._robots[address.host_key] = kept
        return kept


class _Door:
    """What every trip goes through: the guarded sockets, the turns, the name we go by."""

    def __init__(
        self,
        rules: FetchRules,
        gate: Gate,
        clock: Callable[[], datetime],
        resolve: Resolve | None,
    ) -> None:
        from monitor.transport import Client, Transport, look_up

        self.clock = clock
        self._gate = gate
        self._agent = user_agent(rules.contact, rules.version).encode("ascii")
        self._redirect_hosts = frozenset(_redirect_host(host) for host in rules.redirect_hosts)
        self.client = Client(
            Transport(
                Guard(rules.allow_private),
                resolve=resolve or look_up,
                proxy=rules.proxy,
                no_proxy=rules.no_proxy,
                ca_file=rules.ca_file,
            )
        )

    def judge(self, url: str) -> WebAddress:
        return self.client.judge(url)

    def may_lead_to(self, start: WebAddress, target: WebAddress) -> bool:
        return target.host == start.host or target.host in self._redirect_hosts

    @contextmanager
    def get(
        self, address: WebAddress, extra: RawHeaders, leash: Leash
    ) -> Iterator[tuple[Reply, datetime]]:
        """One GET when it is the host's turn, and when it began.

        Time spent waiting for the turn is given back to the leash.
        """
        from monitor.transport import Request

        sent = (
            (b"User-Agent", self._agent),
            (b"Accept", b"text/html, application/xhtml+xml, text/plain;q=0.8"),
            (b"Accept-Encoding", inflate.ACCEPTED.encode("ascii")),
            *extra,
        )
        request = Request(address, sent, shown(address.url))
        asked = time.monotonic()
        with self._gate.turn(address.host_key):
            leash.deadline += time.monotonic() - asked
            started_at = self.clock()
            with self.client.send(request, leash) as reply:
                yield reply, started_at

    def call(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout_seconds: float,
    ) -> Answer:
        """One request to an address that may be a secret. Redirects are not followed."""
        from monitor.transport import Leash, Request

        address = self._judge_secret(url)
        sent = [(b"User-Agent", self._agent), (b"Accept-Encoding", b"identity")]
        sent += [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
        if method != "GET":
            sent.append((b"Content-Length", str(len(body)).encode("ascii")))
        leash = Leash(timeout_seconds, KEPT_OF_ANSWERS + _OVERHEAD_BYTES)
        request = Request(address, tuple(sent), address.host_key, method, body)
        with self.client.send(request, leash) as reply:
            start = bytearray()
            with suppress(FetchError):
                _read_into(start, reply, KEPT_OF_ANSWERS)
            return Answer(
                reply.status,
                {
                    name.decode("latin-1").lower(): value.decode("latin-1")
                    for name, value in reply.headers
                },
                bytes(start),
                retry_after(reply.values(b"retry-after"), self.clock()),
            )

    def reach(self, url: str, timeout_seconds: float) -> None:
        from monitor.transport import Leash

        self.client.reach(self._judge_secret(url), Leash(timeout_seconds, _OVERHEAD_BYTES))

    def _judge_secret(self, url: str) -> WebAddress:
        """Like `judge`, but the refusal of an address that can't be read does not show it."""
        try:
            read_address(url)
        except AskOperator as error:
            raise AskOperator(
                error.code, "webhookens adress går inte att använda: den ska vara https://värd/väg"
            ) from None
        return self.judge(url)


class _Trip:
    """One look: from the address asked for, over its redirects, to what came of it."""

    def __init__(
        self,
        door: _Door,
        rules: FetchRules,
        validators: Validators,
        robots: RobotsText | None,
        robots_elsewhere: Callable[[WebAddress], RobotsText],
    ) -> None:
        from monitor.transport import Leash

        self._door = door
        self._rules = rules
        self._validators = validators
        self._robots = robots
        self._robots_elsewhere = robots_elsewhere
        self._hops: list[Hop] = []
        self._moved_to: str | None = None
        self._moving = True
        self._leash = Leash(rules.timeout_seconds, 2 * rules.max_bytes + _OVERHEAD_BYTES)

    def to(self, url: str) -> Fetched:
        try:
            return self._go(url)
        except FetchError as error:
            if not error.hops:
                error.hops = tuple(self._hops)
            raise

    def _go(self, url: str) -> Fetched:
        start = address = self._door.judge(url)
        seen = {address.url}
        while True:
            self._ask_robots(address)
            outcome = self._look(address)
            if not isinstance(outcome, WebAddress):
                return outcome
            hop = self._hops[-1]
            if outcome.url in seen:
                self._fail(
                    AskOperator(
                        "redirect_loop",
                        f"{shown(start.url)} leder runt i en ring över {shown(outcome.url)}; "
                        "öppna sidan i en webbläsare och rätta adressen",
                    )
                )
            if len(self._hops) > MOST_REDIRECTS:
                self._fail(
                    AskOperator(
                        "too_many_redirects",
                        f"{shown(start.url)} leder vidare mer än {MOST_REDIRECTS} gånger; "
                        "skriv in sidans slutliga adress",
                    )
                )
            self._check_redirect(start, address, outcome)
            seen.add(outcome.url)
            self._moving = self._moving and hop.status in _PERMANENT
            if self._moving:
                self._moved_to = outcome.url
            address = outcome

    def _check_redirect(self, start: WebAddress, here: WebAddress, target: WebAddress) -> None:
        if here.scheme == "https" and target.scheme == "http":
            self._fail(
                AskOperator(
                    "redirect_refused",
                    f"{shown(here.url)} leder från https till http ({shown(target.url)}), och dit "
                    "följer ingen hämtning med; be den som sköter webbplatsen rätta det",
                )
            )
        if not self._door.may_lead_to(start, target):
            hosts = ", ".join(f'"{host}"' for host in (*self._rules.redirect_hosts, target.host))
            self._fail(
                AskOperator(
                    "redirect_refused",
                    f"{shown(here.url)} leder till en annan värd, {target.host}; hör den till "
                    f"sidan, skriv under [fetch]: redirect_hosts = [{hosts}]",
                )
            )

    def _ask_robots(self, address: WebAddress) -> None:
        if self._robots is None:
            return
        robots = self._robots
        if robots.host != address.host_key:
            robots = self._robots_elsewhere(address)
        if robots.allows(address.url):
            return
        if robots.unreachable:
            name = f"{address.origin}/robots.txt"
            if robots.status is not None:
                trouble = f"{name} svarade {robots.status}"
            else:
                trouble = robots.trouble or f"{name} gick inte att läsa"
            self._fail(
                TryLater(
                    "robots_unreachable",
                    f"{trouble}; utan robots.txt hämtas ingenting från värden, och det prövas "
                    f"igen{_when(robots.retry_after_seconds)}",
                    retry_after_seconds=robots.retry_after_seconds,
                )
            )
        self._fail(
            AskOperator(
                "robots",
                f"{address.origin}/robots.txt säger nej till {shown(address.url)}; be den som "
                "sköter webbplatsen släppa in Visionsvakt",
            )
        )

    def _look(self, address: WebAddress) -> Fetched | WebAddress:
        """One hop: what it came to, or where it leads."""
        sent = self._conditions(address)
        with self._door.get(address, sent, self._leash) as (reply, started_at):
            if reply.status == 200:
                return self._page(address, reply, started_at)
            self._keep(address, reply, started_at, KEPT_OF_ERRORS)
            if reply.status == 304:
                return self._not_modified(address, reply, bool(sent))
            location = reply.values(b"location")
            if reply.status in _REDIRECTS and location:
                if len(set(location)) > 1:
                    self._fail(
                        AskOperator(
                            "redirect_refused", f"{shown(address.url)} leder åt två håll på en gång"
                        )
                    )
                return self._target(address, _utf8(location[0]))
            return self._fail(self._status_error(address, reply))

    def _target(self, here: WebAddress, location: str) -> WebAddress:
        try:
            return self._door.judge(join(here.url, location))
        except FetchError as error:
            text = f"{shown(here.url)} leder vidare: {error.text}"
            self._fail(type(error)(error.code, text))

    def _conditions(self, address: WebAddress) -> RawHeaders:
        given = self._validators
        if not given or (self._hops if given.url is None else given.url != address.url):
            return ()
        sent: list[tuple[bytes, bytes]] = []
        if given.etag and _VALIDATOR.fullmatch(given.etag):
            sent.append((b"If-None-Match", given.etag.encode("latin-1")))
        if given.last_modified and _VALIDATOR.fullmatch(given.last_modified):
            sent.append((b"If-Modified-Since", given.last_modified.encode("latin-1")))
        return tuple(sent)

    def _page(self, address: WebAddress, reply: Reply, started_at: datetime) -> Captured:
        name = shown(address.url)
        try:
            encoding = inflate.encoding_of(reply.values(b"content-encoding"))
            content_type = _content_type(reply, name)
        except inflate.UndecodableError as trouble:
            self._keep(address, reply, started_at, KEPT_OF_ERRORS)
            self._fail(_undecodable(name, trouble))
        except FetchError as error:
            self._keep(address, reply, started_at, KEPT_OF_ERRORS)
            self._fail(error)
        limit = self._rules.max_bytes
        if _declared_length(reply) > limit:
            self._keep(address, reply, started_at, 0)
            self._too_large(name)
        wire, whole = self._keep(address, reply, started_at, limit, page=True)
        if not whole:
            self._too_large(name)
        try:
            body = inflate.decode(wire, encoding, limit)
        except inflate.UndecodableError as trouble:
            self._fail(_undecodable(name, trouble))
        if not body.strip():
            self._fail(AskOperator("empty_body", f"{name} svarade 200 men utan innehåll"))
        if content_type is None and not _looks_like_text(body):
            self._fail(_wrong_kind(name, "något som inte är text"))
        return Captured(
            hops=tuple(self._hops),
            final_url=address.url,
            content_type=content_type,
            body=body,
            validators=_validators_of(reply, address.url),
            moved_to=self._moved_to,
            elapsed_seconds=self._elapsed(),
        )

    def _not_modified(self, address: WebAddress, reply: Reply, asked: bool) -> NotModified:
        if not asked:
            self._fail(
                TryLater(
                    "unexpected_304",
                    f"{shown(address.url)} svarade «oförändrad» (304) utan att ha fått frågan",
                    status=304,
                )
            )
        new = _validators_of(reply, address.url)
        old = self._validators
        validators = Validators(
            new.etag or old.etag, new.last_modified or old.last_modified, address.url
        )
        return NotModified(
            tuple(self._hops), address.url, validators, self._elapsed(), self._moved_to
        )

    def _keep(
        self,
        address: WebAddress,
        reply: Reply,
        started_at: datetime,
        limit: int,
        *,
        page: bool = False,
    ) -> tuple[bytes, bool]:
        """Reads the body up to `limit` and keeps the hop, also when reading it fails.

        Only a page's failure is raised: of anything else, what came is enough.
        """
        body = bytearray()
        whole = False
        try:
            whole = limit > 0 and _read_into(body, reply, limit)
        except FetchError:
            if page:
                raise
        finally:
            kept = bytes(body) if whole else bytes(body[: min(limit, KEPT_OF_ERRORS)])
            self._hops.append(
                Hop(
                    url=address.url,
                    status=reply.status,
                    http_version=reply.http_version,
                    request_headers=reply.request_headers,
                    headers=reply.headers,
                    body=kept,
                    address=reply.address,
                    certificate_sha256=reply.certificate_sha256,
                    via_proxy=reply.via_proxy,
                    started_at=started_at,
                    reason=reply.reason,
                    truncated=not whole,
                )
            )
        return kept, whole

    def _status_error(self, address: WebAddress, reply: Reply) -> FetchError:
        name, status = shown(address.url), reply.status
        if status in (404, 410):
            return Gone(
                "gone",
                f"{name} finns inte (svar {status}); rätta adressen, eller ta bort sidan ur "
                "konfigurationen",
                status=status,
            )
        after = retry_after(reply.values(b"retry-after"), self._hops[-1].started_at)
        if status >= 500 or status in _TRY_LATER:
            return TryLater(
                "http_status",
                f"{name} svarade {status}; det prövas igen{_when(after)}",
                status=status,
                retry_after_seconds=after,
            )
        if status in (401, 403):
            mend = "sidan kräver inloggning eller stänger ute; öppna den i en webbläsare"
        else:
            mend = "öppna sidan i en webbläsare och rätta adressen"
        return AskOperator("http_status", f"{name} svarade {status}; {mend}", status=status)

    def _too_large(self, name: str) -> NoReturn:
        self._fail(
            AskOperator(
                "too_large",
                f"{name} är större än {self._rules.max_bytes} byte; är det rätt sida, höj "
                "max_bytes under [fetch]",
            )
        )

    def _fail(self, error: FetchError) -> NoReturn:
        error.hops = tuple(self._hops)
        raise error

    def _elapsed(self) -> float:
        """Seconds since the first request, waiting for turns left out."""
        return self._rules.timeout_seconds - (self._leash.deadline - time.monotonic())


def _ask_for_robots(door: _Door, timeout_seconds: float, url: str) -> RobotsText:
    from monitor.transport import Leash

    leash = Leash(timeout_seconds, 2 * ROBOTS_MAX_BYTES + _OVERHEAD_BYTES)
    start = door.judge(url)
    address = door.judge(f"{start.origin}/robots.txt")
    found = RobotsText(start.host_key, door.clock(), None)
    for hop in range(MOST_REDIRECTS + 1):
        try:
            with door.get(address, (), leash) as (reply, _):
                found = _read_robots(start, reply, door.clock())
                location = reply.values(b"location")
                if found.unreachable:
                    # Raised through the gate's turn, where Retry-After is taken note of.
                    raise TryLater(
                        "http_status",
                        f"{address.url} svarade {reply.status}",
                        status=reply.status,
                        retry_after_seconds=found.retry_after_seconds,
                    )
        except FetchError as error:
            if error.code == "host_busy" or (error.code == "refused_address" and not hop):
                raise
            if found.unreachable and error.code == "http_status":
                return found
            return RobotsText(start.host_key, door.clock(), None, trouble=error.text)
        if found.status not in _REDIRECTS or not location:
            break
        try:
            target = door.judge(join(address.url, _utf8(location[0])))
        except FetchError:
            break
        downward = address.scheme == "https" and target.scheme == "http"
        if downward or not door.may_lead_to(start, target):
            break
        address = target
    # Rules that lie beyond five redirects, or where we may not follow, are «unavailable»
    # (RFC 9309, 2.3.1.2): as if there were none.
    return found


def _read_robots(start: WebAddress, reply: Reply, now: datetime) -> RobotsText:
    after = retry_after(reply.values(b"retry-after"), now)
    if not 200 <= reply.status < 300:
        return RobotsText(start.host_key, now, reply.status, "", after)
    body = bytearray()
    _read_into(body, reply, ROBOTS_MAX_BYTES + 1)
    try:
        encoding = inflate.encoding_of(reply.values(b"content-encoding"))
        text = read_text(inflate.decode(bytes(body), encoding, 4 * ROBOTS_MAX_BYTES))
    except inflate.UndecodableError as trouble:
        raise TryLater(trouble.code, trouble.text) from None
    return RobotsText(start.host_key, now, reply.status, text, after)


def user_agent(contact: str, version: str) -> str:
    """The honest name: product, version, and whom to write to."""
    product = f"{PRODUCT}/{version}" if version else PRODUCT
    clean = "".join(c for c in f"{product} (+{contact})" if " " <= c <= "~")
    return clean if contact else product


def retry_after(values: Sequence[str], now: datetime) -> float | None:
    """Seconds from `now` that a Retry-After asks for, in either form (RFC 9110, 10.2.3).

    At least 0 and at most a week; None where there is none or it can't be read.
    """
    if not values:
        return None
    text = values[0].strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:12])
    else:
        from email.utils import parsedate_to_datetime  # late: slow to load, seldom needed

        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now) / timedelta(seconds=1)
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def _read_into(body: bytearray, reply: Reply, limit: int) -> bool:
    """Appends the body up to `limit` bytes; whether that was all of it. Raises FetchError."""
    for part in reply.parts:
        room = limit - len(body)
        if len(part) > room:
            body += part[:room]
            return False
        body += part
    return True


def _redirect_host(entry: str) -> str:
    try:
        return read_host(entry)
    except AskOperator:
        raise ConfigurationError(
            f'[fetch] redirect_hosts: {entry!r} är inget värdnamn; skriv till exempel "www.x.se"'
        ) from None


def _declared_length(reply: Reply) -> int:
    lengths = reply.values(b"content-length")
    return int(lengths[0]) if lengths and lengths[0].isdigit() and len(lengths[0]) < 20 else 0


def _content_type(reply: Reply, name: str) -> str | None:
    """The Content-Type as sent, None without one. Raises AskOperator(wrong_content_type)."""
    values = [value.strip() for value in reply.values(b"content-type")]
    values = [value for value in values if value]
    kinds = {value.partition(";")[0].strip().lower() for value in values}
    if len(kinds) > 1:
        raise _wrong_kind(name, "flera slag på en gång")
    if kinds - _KINDS:
        raise _wrong_kind(name, f"{shown(kinds.pop())!r}")
    return values[-1] if values else None


def _when(retry_after_seconds: float | None) -> str:
    """« tidigast om N sekunder», where the server said how long to wait."""
    if not retry_after_seconds:
        return ""
    if retry_after_seconds < 120:
        return f" tidigast om {retry_after_seconds:.0f} sekunder"
    minutes = retry_after_seconds / 60
    if minutes < 120:
        return f" tidigast om {minutes:.0f} minuter"
    return f" tidigast om {minutes / 60:.0f} timmar"


def _wrong_kind(name: str, what: str) -> AskOperator:
    return AskOperator(
        "wrong_content_type",
        f"{name} är {what}, ingen webbsida (text/html); rätta adressen",
    )


def _looks_like_text(body: bytes) -> bool:
    """Whether a body of undeclared kind may be a page (WHATWG MIME Sniffing, simplified)."""
    start = body[:1445]
    if start.startswith((b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf")):
        return True
    if start.startswith((b"%PDF-", b"PK\x03\x04", b"GIF8", b"\x89PNG", b"\xff\xd8\xff", b"%!PS")):
        return False
    return not any(c < 0x20 and c not in b"\t\n\f\r\x1b" for c in start)


def _validators_of(reply: Reply, url: str) -> Validators:
    def value(name: bytes) -> str | None:
        found = reply.values(name)
        return found[0] if found and _VALIDATOR.fullmatch(found[0]) else None

    return Validators(value(b"etag"), value(b"last-modified"), url)


def _undecodable(name: str, trouble: inflate.UndecodableError) -> FetchError:
    family = TryLater if trouble.code in ("cut_body", "bad_encoding") else AskOperator
    return family(trouble.code, f"{name} {trouble.text}")


def _utf8(value: str) -> str:
    """A header's value as UTF-8 where it is that, else as Latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return value
