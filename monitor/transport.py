"""The client under `monitor.fetch`: what may be connected to, for how long, for how many bytes.

One httpx client for the process, over a transport of our own, in which httpcore does HTTP over
network streams of our own:

- A `Leash` bounds one exchange: every connect, handshake, read and write gets what is left of
  its total time, so a byte now and then buys a hostile server nothing; and the bytes read are
  counted whatever they are (headers, interim answers, chunk frames, padding).
- A name is looked up once, all its answers are judged, and the judged literal is what is
  connected to. There is no second look-up for an attacker to answer otherwise.
- A connection carries one exchange at a time, HTTP/2 too, and is kept for the next one only if
  the last was read to its end with nothing left over.

One TLS context and one pool per door (direct, or by the proxy) for the whole process. httpx
follows nothing, keeps no cookie, adds no header, unpacks nothing and logs nothing of this; and
where it reads an address otherwise than the guard did, nothing is sent.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address, ip_network
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

import httpcore

from monitor.errors import AskOperator, ConfigurationError, FetchError, TryLater
from monitor.guard import DEFAULT_PORTS, Guard, WebAddress, read_host

# httpx's own command line, where click and rich are there, would cost every start 0.06 s of CPU.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
import httpx  # noqa: E402

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""A name and a port to its addresses, as literals. Raises OSError where there are none."""

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

ADDRESS = "visionsvakt.address"
"""The extension of a request that carries its address as the guard read it."""

KEEP_ALIVE_SECONDS = 5.0
_MOST_CONNECTIONS = 100
_MOST_ANSWERS = 32
_MOST_TRIED = 4


class OutOfTimeError(Exception):
    """The exchange's total time is up."""


class TooManyBytesError(Exception):
    """The exchange has read all the bytes it may."""


class MoreThanSaidError(Exception):
    """Bytes came after the answer's own end: its length was a lie, or two answers came for one."""


class TlsError(Exception):
    """No trusted connection: `str()` says why, as OpenSSL puts it."""


class ClosedError(Exception):
    """The transport was closed while the exchange was under way."""


class _Sockets:
    """Every socket open now, so that closing down ends what is in flight, whatever it waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.closed = False

    def add(self, sock: socket.socket) -> None:
        """Raises ClosedError where nothing more may be opened."""
        with self._lock:
            if not self.closed:
                self._open.add(sock)
                return
        sock.close()
        raise ClosedError

    def close(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.discard(sock)
        sock.close()

    def check(self) -> None:
        if self.closed:
            raise ClosedError

    def close_all(self) -> None:
        """Wakes every thread that waits on one of them; each closes its own."""
        with self._lock:
            self.closed = True
            still_open = list(self._open)
        for sock in still_open:
            with contextlib.suppress(OSError):
                # The descriptor's own end, past any TLS: another thread is in the middle of it.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Leash:
    """The bounds of one exchange, counted down by its streams. Belongs to one thread."""

    __slots__ = ("deadline", "ended", "in_body", "received", "room")

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self.deadline = time.monotonic() + seconds
        self.room = max_bytes
        self.received = 0
        self.ended = False
        self.in_body = False

    def seconds(self) -> float:
        """What is left of the time. Raises OutOfTimeError."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise OutOfTimeError
        return left

    def took(self, count: int) -> None:
        """Notes what a read gave; none is the end of the stream. Raises TooManyBytesError."""
        if count == 0:
            self.ended = True
        self.received += count
        if self.received > self.room:
            raise TooManyBytesError


def look_up(host: str, port: int) -> Sequence[str]:
    """The system's answers for a name, every one of them."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(answer[4][0]) for answer in answers]


class _Stream(httpcore.NetworkStream):
    """One connection. Its time-outs are the leash's: those httpcore asks for are not used."""

    def __init__(
        self, sock: socket.socket, address: str, leash: Callable[[], Leash], sockets: _Sockets
    ) -> None:
        self._sock = sock
        self._leash = leash
        self._sockets = sockets
        self.address = address
        self.certificate: str | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        leash = self._leash()
        self._sock.settimeout(leash.seconds())
        try:
            data = self._sock.recv(max_bytes)
        except TimeoutError:
            raise OutOfTimeError from None
        except OSError as error:
            leash.ended = True
            raise httpcore.ReadError(str(error)) from error
        if not data:
            # An end that our own closing down made must not pass for the end of a body.
            self._sockets.check()
        leash.took(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        leash = self._leash()
        view = memoryview(buffer)
        try:
            while view:
                self._sock.settimeout(leash.seconds())
                view = view[self._sock.send(view) :]
        except TimeoutError:
            raise OutOfTimeError from None
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._sockets.close(self._sock)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        plain = self._sock
        try:
            self._sock = sock = ssl_context.wrap_socket(
                plain,
                server_hostname=server_hostname.strip("[]") if server_hostname else None,
                do_handshake_on_connect=False,
                # A body that ends with the connection must not be cut unseen (RFC 9112, 9.8).
                suppress_ragged_eofs=False,
            )
            self._sockets.add(sock)
            sock.settimeout(self._leash().seconds())
            sock.do_handshake()
        except TimeoutError:
            self.close()
            raise OutOfTimeError from None
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise TlsError(error.verify_message) from error
        except ssl.SSLError as error:
            self.close()
            raise TlsError(error.reason or "handskakningen misslyckades") from error
        except OSError as error:
            self.close()
            raise TlsError("förbindelsen bröts under handskakningen") from error
        except BaseException:
            self.close()
            raise
        finally:
            self._sockets.close(plain)
        certificate = sock.getpeercert(binary_form=True)
        self.certificate = sha256(certificate).hexdigest() if certificate else None
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        if info == "is_readable":
            return _is_readable(self._sock)
        if info == "visionsvakt":
            return self
        return None


def _is_readable(sock: socket.socket) -> bool:
    """Whether an idle connection has something to say, which is only ever that it is over."""
    import select

    number = sock.fileno()
    if number < 0:
        return True
    if not hasattr(select, "poll"):
        return bool(select.select([number], [], [], 0)[0])
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


class _Backend(httpcore.NetworkBackend):
    """Connects to judged addresses only; without a guard (the operator's proxy), to any."""

    def __init__(
        self,
        guard: Guard | None,
        resolve: Resolve,
        leash: Callable[[], Leash],
        sockets: _Sockets,
    ) -> None:
        self._guard = guard
        self._resolve = resolve
        self._leash = leash
        self._sockets = sockets

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        leash = self._leash()
        addresses = self._addresses(host, port, leash)
        trouble: OSError | None = None
        for position, address in enumerate(addresses):
            share = leash.seconds() / (len(addresses) - position)
            try:
                sock = self._connect(address, port, share)
            except OSError as error:
                trouble = error
                self._sockets.check()
                continue
            return _Stream(sock, address, self._leash, self._sockets)
        if isinstance(trouble, TimeoutError):
            raise OutOfTimeError from trouble
        raise httpcore.ConnectError(str(trouble))

    def _addresses(self, host: str, port: int, leash: Leash) -> Sequence[str]:
        try:
            answers: Sequence[str] = [str(ip_address(host))]
        except ValueError:
            answers = _in_time(self._resolve, host, port, leash)
        if self._guard is not None:
            answers = self._guard.check_answers(host, answers)
        elif not answers:
            raise TryLater("dns", f"{host} leder inte till någon adress")
        return answers[:_MOST_TRIED]

    def _connect(self, address: str, port: int, seconds: float) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        self._sockets.add(sock)
        try:
            sock.settimeout(seconds)
            sock.connect((address, port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            self._sockets.close(sock)
            raise
        return sock


def _in_time(resolve: Resolve, host: str, port: int, leash: Leash) -> Sequence[str]:
    """Looks a name up in a thread of its own: the system's resolver knows no deadline.

    A look-up given up on ends by itself, unseen, when the resolver is done with it.
    """
    answer: SimpleQueue[Sequence[str] | BaseException] = SimpleQueue()

    def ask() -> None:
        try:
            answer.put(resolve(host, port))
        except BaseException as error:
            answer.put(error)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        result = answer.get(timeout=leash.seconds())
    except Empty:
        raise TryLater("dns", f"namnet {host} kunde inte slås upp i tid") from None
    if isinstance(result, (OSError, UnicodeError)):
        raise TryLater("dns", f"namnet {host} finns inte eller kan inte slås upp nu") from result
    if isinstance(result, BaseException):
        raise result
    if len(result) > _MOST_ANSWERS:
        raise AskOperator("refused_address", f"namnet {host} leder till {len(result)} adresser")
    return result


class _OneAtATime(httpcore.ConnectionInterface):
    """A connection that carries one exchange at a time, whatever its protocol.

    Streams that share an HTTP/2 connection wait for each other in httpcore without any
    deadline; and bytes left over by one exchange would be read as the answer to the next.
    """

    def __init__(self, inner: httpcore.ConnectionInterface) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._busy = False

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        with self._lock:
            if self._busy:
                raise httpcore.ConnectionNotAvailable
            self._busy = True
        try:
            response = self._inner.handle_request(request)
        except BaseException:
            self.release(False)
            raise
        return httpcore.Response(
            response.status,
            headers=response.headers,
            content=_Body(self, response.stream),
            extensions=response.extensions,
        )

    def left_over(self) -> bytes:
        return _left_over(self._inner)

    def release(self, whole: bool) -> None:
        """Ends the exchange; the connection lives on only after a whole answer."""
        if not whole:
            self.close()
        self._busy = False

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        return self._inner.can_handle_request(origin)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._inner.close()

    def info(self) -> str:
        return self._inner.info()

    def is_available(self) -> bool:
        # Not yet connected, an HTTP/2 one calls itself available; the first has it alone.
        return not self._busy and self._inner.is_idle() and self._inner.is_available()

    def has_expired(self) -> bool:
        # An idle HTTP/2 connection that has something to say is most likely over, too.
        return not self._busy and (
            self._inner.has_expired() or (self._inner.is_idle() and _speaks_unasked(self._inner))
        )

    def is_idle(self) -> bool:
        return not self._busy and self._inner.is_idle()

    def is_closed(self) -> bool:
        return self._inner.is_closed()


class _Body:
    """The body of one exchange; closing it gives the connection back, or ends it."""

    def __init__(self, connection: _OneAtATime, stream: Any) -> None:
        self._connection = connection
        self._stream = stream
        self._whole = False
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream
        rest = self._connection.left_over()
        if rest.strip(b"\r\n"):
            raise MoreThanSaidError
        self._whole = not rest

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._stream.close()
        finally:
            self._connection.release(self._whole)


def _left_over(connection: Any) -> bytes:
    """The bytes an HTTP/1.1 connection has read that belong to no answer.

    httpcore does not say, so this looks inside it; where it finds neither HTTP/1.1 nor HTTP/2
    (whose frames name their stream), it answers as if there were a line break, so that the
    connection is not used again.
    """
    inner = connection
    for _ in range(4):
        state = getattr(inner, "_h11_state", None)
        if state is not None:
            return bytes(state.trailing_data[0])
        if getattr(inner, "_h2_state", None) is not None:
            return b""
        inner = getattr(inner, "_connection", None)
    return b"\n"


def _speaks_unasked(connection: Any) -> bool:
    inner = connection
    for _ in range(4):
        stream = getattr(inner, "_network_stream", None)
        if stream is not None:
            return bool(stream.get_extra_info("is_readable"))
        inner = getattr(inner, "_connection", None)
    return False


class _Pool(httpcore.ConnectionPool):
    def create_connection(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        return _OneAtATime(super().create_connection(origin))


def tls_context(ca_file: str = "") -> ssl.SSLContext:
    """The usual roots, and those of `ca_file` beside them.

    Raises ConfigurationError where the file can't be read or holds no certificate.
    """
    if not ca_file:
        return _usual_context()
    context = _context()
    # The CAs of inspecting proxies seldom keep to every letter of RFC 5280.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError:
        raise ConfigurationError(
            f"[fetch] ca_file: {ca_file} innehåller inget certifikat i PEM-form"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"[fetch] ca_file: {ca_file} går inte att läsa ({error.strerror}); rätta sökvägen"
        ) from None
    return context


def _context() -> ssl.SSLContext:
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


@lru_cache(maxsize=1)
def _usual_context() -> ssl.SSLContext:
    """Made once, for every client of the process: it costs some 20 ms and half a megabyte."""
    return _context()


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it goes out. `headers` without Host, which is made from the address.

    `name` is what errors call the address.
    """

    address: WebAddress
    headers: Headers
    name: str
    method: str = "GET"
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """The head of an answer, and its body as it comes: each part at most 64 KiB."""

    status: int
    reason: bytes
    http_version: str
    request_headers: Headers
    headers: Headers
    parts: Iterator[bytes]
    address: str | None
    certificate_sha256: str | None
    via_proxy: bool

    def values(self, name: bytes) -> list[str]:
        """Every value of one header field (its name in lower case), in order."""
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == name]


class Transport(httpx.BaseTransport):
    """Both doors: direct, guarded by address; and the operator's proxy, guarded by name.

    Takes requests that bring the guard's reading of their address along, under the extension
    `ADDRESS`, and goes by that reading alone. `proxy` is `http://[user:password@]host:port` or "".
    """

    def __init__(
        self,
        guard: Guard,
        *,
        resolve: Resolve = look_up,
        proxy: str = "",
        no_proxy: Sequence[str] = (),
        ca_file: str = "",
    ) -> None:
        self._guard = guard
        self.judge = lru_cache(maxsize=1024)(self._judge)
        self._local = threading.local()
        self._sockets = _Sockets()
        self._no_proxy = tuple(entry.strip().lower() for entry in no_proxy)
        settings: dict[str, Any] = {
            "ssl_context": tls_context(ca_file),
            "max_connections": _MOST_CONNECTIONS,
            "max_keepalive_connections": _MOST_CONNECTIONS,
            "keepalive_expiry": KEEP_ALIVE_SECONDS,
            "http2": True,
        }
        self._tls: ssl.SSLContext = settings["ssl_context"]
        self._backend = _Backend(guard, resolve, self._leash, self._sockets)
        self._direct = _Pool(network_backend=self._backend, **settings)
        self._proxied: _Pool | None = None
        if proxy:
            self._proxied = _Pool(
                network_backend=_Backend(None, resolve, self._leash, self._sockets),
                proxy=_proxy(proxy),
                **settings,
            )

    @property
    def closed(self) -> bool:
        return self._sockets.closed

    def close(self) -> None:
        """Ends what is in flight, in whatever thread, and opens nothing more."""
        self._sockets.close_all()
        self._direct.close()
        if self._proxied is not None:
            self._proxied.close()

    def goes_by_proxy(self, address: WebAddress) -> bool:
        return self._proxied is not None and not any(
            _is_under(address, entry) for entry in self._no_proxy
        )

    def _judge(self, url: str) -> WebAddress:
        """The URL read and judged for the door it will go through, or AskOperator."""
        address = self._guard.check(url)
        if self.goes_by_proxy(address):
            self._guard.check(url, by_proxy=True)
        return address

    def reach(self, address: WebAddress) -> None:
        """Connect, up to trusted TLS, and hang up; nothing at all where it goes by the proxy."""
        if self.goes_by_proxy(address):
            return
        stream = self._backend.connect_tcp(address.host, address.port)
        try:
            if address.scheme == "https":
                stream = stream.start_tls(self._tls, address.host)
        finally:
            stream.close()

    def hold(self, leash: Leash | None) -> None:
        """This thread's exchange goes by this leash; without one, its streams do nothing."""
        self._local.leash = leash

    def in_use_here(self) -> bool:
        """Whether an exchange of this thread's is under way."""
        return getattr(self._local, "leash", None) is not None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange up to the head of its answer. Raises what httpcore and our streams raise."""
        address: WebAddress = request.extensions[ADDRESS]
        by_proxy = self.goes_by_proxy(address)
        pool = self._proxied if by_proxy and self._proxied is not None else self._direct
        host = f"[{address.host}]" if by_proxy and ":" in address.host else address.host
        answer = pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=address.scheme.encode("ascii"),
                    host=host.encode("ascii"),
                    # Left out where usual, so that a proxy is told the address as it is written.
                    port=None if address.port == DEFAULT_PORTS[address.scheme] else address.port,
                    target=address.target.encode("ascii"),
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions={"timeout": {"pool": max(self._leash().seconds(), 0.001)}},
            )
        )
        return _Response(
            answer.status,
            headers=answer.headers,
            stream=_Wire(answer),
            extensions=answer.extensions,
        )

    def _leash(self) -> Leash:
        self._sockets.check()
        leash: Leash | None = getattr(self._local, "leash", None)
        if leash is None:
            raise OutOfTimeError
        return leash


class _Wire(httpx.SyncByteStream):
    """The body as it comes. Its errors are httpcore's own: they are sorted in one place."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer.iter_stream())

    def close(self) -> None:
        self._answer.close()


class _Response(httpx.Response):
    """An answer whose Location httpx leaves alone: it would read it, and choke on a hostile one,
    even where it is not to follow."""

    @property
    def has_redirect_location(self) -> bool:
        return False


class _NoCookies(httpx.Cookies):
    """Takes nothing, and so has nothing to give."""

    def extract_cookies(self, response: httpx.Response) -> None:
        pass


class _CookielessClient(httpx.Client):
    def __init__(self, transport: Transport) -> None:
        self._none = _NoCookies()
        super().__init__(transport=transport, trust_env=False, follow_redirects=False)

    @property
    def cookies(self) -> httpx.Cookies:
        return self._none

    @cookies.setter
    def cookies(self, cookies: object) -> None:
        raise TypeError("no cookies here")


class _Unsaid(logging.Filter):
    """Drops what the libraries would log of our exchanges: addresses and headers may be secrets.

    It stands on their loggers, and lets through whatever anybody else does with them.
    """

    _LOGGERS = (
        "httpx",
        "httpcore.connection",
        "httpcore.http11",
        "httpcore.http2",
        "httpcore.proxy",
        "hpack.hpack",
        "hpack.table",
    )

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self._transport = transport

    def filter(self, record: logging.LogRecord) -> bool:
        return not self._transport.in_use_here()

    def stand(self) -> None:
        for name in self._LOGGERS:
            logging.getLogger(name).addFilter(self)

    def leave(self) -> None:
        for name in self._LOGGERS:
            logging.getLogger(name).removeFilter(self)


class Client:
    """The one httpx client of the process, over the guarded transport. Shared by all threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._unsaid = _Unsaid(transport)
        self._unsaid.stand()
        self._client = _CookielessClient(transport)

    def close(self) -> None:
        """Ends what is in flight, in whatever thread, and opens nothing more."""
        self._transport.close()
        self._client.close()
        self._unsaid.leave()

    def judge(self, url: str) -> WebAddress:
        """The URL read and judged for the door it will go through, or AskOperator."""
        return self._transport.judge(url)

    def reach(self, address: WebAddress, leash: Leash) -> None:
        """Connect to where a request would go, within a leash. Raises FetchError only."""
        self._transport.hold(leash)
        try:
            self._transport.reach(address)
        except Exception as error:
            raise self._trouble(error, address.host_key, leash) from error
        finally:
            self._transport.hold(None)

    @contextlib.contextmanager
    def send(self, request: Request, leash: Leash) -> Iterator[Reply]:
        """One exchange, within its leash. Entering and reading `parts` raise FetchError only.

        When the block ends, however it ends, the connection is closed or given back.
        """
        address = request.address
        self._transport.hold(leash)
        try:
            try:
                # Built here, not by the client, which would add headers of its own.
                outgoing = httpx.Request(
                    request.method,
                    _url(address),
                    headers=[(b"Host", address.host_key.encode("ascii")), *request.headers],
                    content=request.body or None,
                    extensions={ADDRESS: address, "timeout": {}},
                )
                response = self._client.send(outgoing, stream=True)
            except Exception as error:
                raise self._trouble(error, request.name, leash) from error
            try:
                leash.in_body = True
                parts = self._parts(response, request.name, leash)
                reply = _reply(response, self._transport.goes_by_proxy(address), parts)
                _check_framing(reply, request.name)
                yield reply
            finally:
                leash.in_body = False
                with contextlib.suppress(Exception):
                    response.close()
        finally:
            self._transport.hold(None)

    def _parts(self, response: httpx.Response, name: str, leash: Leash) -> Iterator[bytes]:
        try:
            for part in response.iter_raw():
                # A flood of tiny parts costs time without ever making a read wait.
                leash.seconds()
                yield part
        except Exception as error:
            raise self._trouble(error, name, leash) from error

    def _trouble(self, error: Exception, name: str, leash: Leash) -> FetchError:
        if self._transport.closed:
            error = ClosedError()
        return _trouble(error, name, leash)


@lru_cache(maxsize=1024)
def _url(address: WebAddress) -> httpx.URL:
    """The address for httpx, which may read no other place in it than the guard did.

    Raises AskOperator(refused_address) where it would: one of the two reads it wrongly.
    """
    with contextlib.suppress(httpx.InvalidURL):
        url = httpx.URL(address.url)
        port = url.port or DEFAULT_PORTS.get(url.scheme, 0)
        read = (url.scheme, url.userinfo, url.raw_host.decode("ascii"), port)
        if read == (address.scheme, b"", address.host, address.port):
            return url
    raise AskOperator(
        "refused_address",
        f"värdnamnet {address.host} kan läsas på två sätt, och dit går ingen hämtning; "
        "be den som sköter namnet om ett annat",
    )


def _reply(response: httpx.Response, by_proxy: bool, parts: Iterator[bytes]) -> Reply:
    known = response.extensions
    stream = known["network_stream"].get_extra_info("visionsvakt")
    return Reply(
        status=response.status_code,
        reason=known.get("reason_phrase", b""),
        http_version=known.get("http_version", b"HTTP/1.1").decode("ascii", "replace"),
        request_headers=tuple(response.request.headers.raw),
        headers=tuple(response.headers.raw),
        parts=parts,
        address=None if by_proxy or stream is None else stream.address,
        certificate_sha256=None if stream is None else stream.certificate,
        via_proxy=by_proxy,
    )


def _check_framing(reply: Reply, name: str) -> None:
    """Refuses an answer whose length is said twice over: two readers could read two answers."""
    chunked = reply.values(b"transfer-encoding")
    if not chunked:
        return
    if reply.values(b"content-length") or reply.http_version == "HTTP/1.0":
        raise TryLater("protocol", f"{name} säger på två sätt hur långt svaret är")


def _trouble(error: Exception, name: str, leash: Leash) -> FetchError:
    """What went wrong, in our own words. Whatever the libraries raise ends up here."""
    match error:
        case FetchError():
            return error
        case ClosedError():
            return TryLater("closing", f"{name} hann inte hämtas innan programmet slutade")
        case OutOfTimeError() | httpcore.TimeoutException():
            return TryLater("timeout", f"{name} blev inte klar i tid")
        case TooManyBytesError():
            return AskOperator("too_large", f"{name} skickar mer än som får tas emot")
        case MoreThanSaidError():
            return TryLater("protocol", f"{name} skickade mer än svaret sade sig vara")
        case TlsError():
            return TryLater(
                "tls",
                f"{name} har ingen säker förbindelse att lita på ({error}); går trafiken genom en "
                "egen proxy, ange dess certifikat i ca_file under [fetch]",
            )
        case httpcore.ProxyError():
            return _proxy_trouble(str(error), name)
        case httpcore.ConnectError():
            return TryLater("network", f"{name} gick inte att nå ({_plain(error)})")
        case httpcore.NetworkError() | httpcore.RemoteProtocolError() if _is_cut(error, leash):
            if leash.in_body:
                return TryLater("cut_body", f"{name} bröt mitt i svaret")
            return TryLater("network", f"{name} bröt förbindelsen utan att svara")
        case httpcore.NetworkError():
            return TryLater("network", f"{name} gick inte att nå ({_plain(error)})")
    if leash.in_body and type(error).__name__ == "InvalidBodyLengthError":
        return TryLater("cut_body", f"{name} skickade en annan längd än svaret sade")
    return TryLater("protocol", f"{name} svarade på ett sätt som inte är HTTP ({_plain(error)})")


def _is_cut(error: Exception, leash: Leash) -> bool:
    """Whether the other side ended the connection, or (HTTP/2) the stream, before its time."""
    event = error.args[0] if error.args else None
    return leash.ended or type(event).__name__ in ("StreamReset", "ConnectionTerminated")


def _proxy_trouble(answer: str, name: str) -> FetchError:
    if answer.startswith(("403", "407")):
        return AskOperator(
            "proxy", f"proxyn släpper inte fram {name} ({_plain(answer)}); fråga den som sköter den"
        )
    return TryLater("proxy", f"proxyn kom inte fram till {name} ({_plain(answer)})")


def _plain(words: object) -> str:
    """Somebody else's words, fit for one line of ours."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in str(words))
    return text[:120] or "inga närmare besked"


def _proxy(text: str) -> httpcore.Proxy:
    from urllib.parse import unquote, urlsplit

    mend = 'skriv till exempel "http://proxy.example.se:3128"'
    try:
        parts = urlsplit(text)
        port = parts.port or 3128
    except ValueError:
        raise ConfigurationError(f"[fetch] proxy: går inte att tolka; {mend}") from None
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigurationError(f"[fetch] proxy: ska börja med http://; {mend}")
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return httpcore.Proxy(
        httpcore.URL(scheme=b"http", host=parts.hostname.encode("idna"), port=port, target=b"/"),
        auth=auth,
    )


def _is_under(address: WebAddress, entry: str) -> bool:
    """Whether a `no_proxy` entry covers an address: *, a name and all below it, or a network."""
    if entry == "*":
        return True
    if entry in (address.host, address.host_key):
        return True
    try:
        network = ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    else:
        try:
            return ip_address(address.host) in network
        except ValueError:
            return False
    try:
        name = read_host(entry.lstrip("*").lstrip("."))
    except FetchError:
        return False
    return address.host == name or address.host.endswith(f".{name}")
