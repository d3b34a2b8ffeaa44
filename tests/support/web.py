"""Real servers on loopback, port 0: a well-behaved site, a raw one that misbehaves at will,
one that speaks HTTP/2, a proxy that may inspect TLS, and a certificate authority for them.

    with Site(lambda asked: Served(b"<h1>Granvik</h1>")) as site:
        fetcher.fetch(site.url("/"))
        assert site.log[0].path == "/"
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HTML = ("Content-Type", "text/html; charset=utf-8")


class Authority:
    """A certificate authority of our own. `pem_file` is what goes into `ca_file`."""

    def __init__(self, name: str = "Granviks prov-CA", days: float = 2) -> None:
        """`days`: for so many it holds; fewer than 0, and it has ended already."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        self._folder = tempfile.TemporaryDirectory()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}
        self._lock = threading.Lock()
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=9))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=True,
                    crl_sign=True,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .sign(self._key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)
        self.pem_file = str(Path(self._folder.name) / "ca.pem")
        Path(self.pem_file).write_bytes(self.pem)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._folder.cleanup()

    def context(
        self, *names: str, alpn: Sequence[str] = ("http/1.1",), expired: bool = False
    ) -> ssl.SSLContext:
        """A server's TLS context with a certificate for these names and addresses."""
        key = (*names, *alpn, str(expired))
        with self._lock:
            if key not in self._contexts:
                self._contexts[key] = self._make(names, alpn, expired)
            return self._contexts[key]

    def _make(self, names: Sequence[str], alpn: Sequence[str], expired: bool) -> ssl.SSLContext:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        private = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        until = now - timedelta(hours=1) if expired else now + timedelta(days=2)
        alternatives: list[x509.GeneralName] = []
        for name in names:
            try:
                alternatives.append(x509.IPAddress(ip_address(name)))
            except ValueError:
                alternatives.append(x509.DNSName(name))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])]))
            .issuer_name(self._name)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(until)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        file = Path(self._folder.name) / f"server-{len(self._contexts)}.pem"
        file.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        context.set_alpn_protocols(list(alpn))
        return context


class Server:
    """Listens on a port of its own and serves each connection in a thread.

    `connections` counts those accepted, TLS or not: what a refused address must never see.
    """

    def __init__(self, *, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = False
        self.connections = 0
        self.address = address
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family, backlog=128)
        self.port: int = self._listener.getsockname()[1]

    def serve(self, sock: socket.socket) -> None:
        """One connection, to its end. Overridden."""
        raise NotImplementedError

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._open)

    @property
    def scheme(self) -> str:
        return "https" if self._tls else "http"

    def url(self, path: str = "/", host: str | None = None) -> str:
        name = host or (f"[{self.address}]" if ":" in self.address else self.address)
        return f"{self.scheme}://{name}:{self.port}{path}"

    @property
    def host_key(self) -> str:
        return f"{self.address}:{self.port}"

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            still_open = list(self._open)
        for sock in still_open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(timeout=5)

    def _accept(self) -> None:
        while not self._closing:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            with self._lock:
                self._open.add(sock)
            thread = threading.Thread(target=self._run, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, sock: socket.socket) -> None:
        wrapped = sock
        try:
            if self._tls is not None:
                wrapped = self._tls.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._open.discard(sock)
                    self._open.add(wrapped)
            self.serve(wrapped)
        except (OSError, ValueError):
            pass
        finally:
            wrapped.close()  # first: who sees none open may count on it
            with self._lock:
                self._open.discard(sock)
                self._open.discard(wrapped)


@dataclass(frozen=True)
class Asked:
    """One request as a server saw it. Header names in lower case; times are `time.monotonic`."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    began_at: float

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True)
class Served:
    """An answer. Content-Length is added unless the headers say how long it is.

    `close`: the connection ends with it, whatever it promised.
    """

    body: bytes = b""
    status: int = 200
    headers: Sequence[tuple[str, str]] = (HTML,)
    reason: str = "Svar"
    close: bool = False

    def wire(self, *, head_only: bool = False) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        named = {name.lower() for name, _ in self.headers}
        if not named & {"content-length", "transfer-encoding"} and self.status != 304:
            lines.append(f"Content-Length: {len(self.body)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")
        return head if head_only or self.status == 304 else head + self.body


@dataclass
class Visit:
    """A request and when it was over: for proofs that no two overlap."""

    asked: Asked
    ended_at: float = 0.0


class Site(Server):
    """A well-behaved HTTP/1.1 site. `answer` is called for each request, in many threads.

    `log` holds what was asked, in order; `most_at_once` how many were under way together.
    """

    def __init__(
        self,
        answer: Callable[[Asked], Served],
        *,
        address: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(address=address, tls=tls)
        self._answer = answer
        self._clock = clock
        self._under_way = 0
        self.visits: list[Visit] = []
        self.most_at_once = 0

    @property
    def log(self) -> list[Asked]:
        return [visit.asked for visit in self.visits]

    def serve(self, sock: socket.socket) -> None:
        with sock.makefile("rb") as stream:
            while (asked := read_request(stream, self._clock)) is not None:
                with self._lock:
                    visit = Visit(asked)
                    self.visits.append(visit)
                    self._under_way += 1
                    self.most_at_once = max(self.most_at_once, self._under_way)
                try:
                    served = self._answer(asked)
                finally:
                    with self._lock:
                        self._under_way -= 1
                        visit.ended_at = self._clock()
                sock.sendall(served.wire())
                if served.close:
                    return


def read_request(stream: Any, clock: Callable[[], float] = time.monotonic) -> Asked | None:
    """The next request on a connection, None at its end."""
    line = stream.readline(65537)
    if not line.strip():
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (line := stream.readline(65537)).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, body, clock())


class RawServer(Server):
    """Says exactly what a script writes to the socket, once the request's head has come."""

    def __init__(
        self,
        script: Callable[[socket.socket], None],
        *,
        address: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        read_first: bool = True,
    ) -> None:
        super().__init__(address=address, tls=tls)
        self._script = script
        self._read_first = read_first

    def serve(self, sock: socket.socket) -> None:
        if self._read_first:
            data = b""
            while b"\r\n\r\n" not in data:
                more = sock.recv(65536)
                if not more:
                    return
                data += more
        self._script(sock)


def saying(data: bytes) -> Callable[[socket.socket], None]:
    """A script that says these bytes and closes."""
    return lambda sock: sock.sendall(data)


class Http2Site(Server):
    """A small HTTP/2 site over TLS. `frames` may take the answering over, frame by frame."""

    def __init__(
        self,
        answer: Callable[[Asked], Served],
        *,
        tls: ssl.SSLContext,
        frames: Callable[[Any, socket.socket, int], None] | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self._answer = answer
        self._frames = frames
        self.log: list[Asked] = []

    def serve(self, sock: socket.socket) -> None:
        import h2.config
        import h2.connection
        import h2.events
        import h2.exceptions

        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        connection = h2.connection.H2Connection(config=config)
        connection.initiate_connection()
        sock.sendall(connection.data_to_send())
        with contextlib.suppress(h2.exceptions.ProtocolError):
            while data := sock.recv(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        assert event.headers is not None
                        self._respond(connection, sock, event.stream_id, dict(event.headers))
                sock.sendall(connection.data_to_send())

    def _respond(
        self, connection: Any, sock: socket.socket, stream: int, headers: dict[Any, Any]
    ) -> None:
        names = {str(name): str(value) for name, value in headers.items()}
        asked = Asked(names[":method"], names[":path"], names, b"", time.monotonic())
        self.log.append(asked)
        if self._frames is not None:
            self._frames(connection, sock, stream)
            return
        served = self._answer(asked)
        head = [(":status", str(served.status))]
        head += [(name.lower(), value) for name, value in served.headers]
        connection.send_headers(stream, head)
        body = served.body
        for start in range(0, len(body), 16_384):
            connection.send_data(stream, body[start : start + 16_384])
        connection.end_stream(stream)
        sock.sendall(connection.data_to_send())


@dataclass
class Proxied:
    """What the proxy was asked for: CONNECT targets and absolute URLs."""

    targets: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)


class Proxy(Server):
    """A loopback proxy. It sends every host to `upstream`, a port of a server on loopback.

    With `authority` it inspects TLS: it shows a certificate of its own for each host, and
    speaks to the upstream itself (plain HTTP to `upstream`). `refuse` answers CONNECT with
    that status.
    """

    def __init__(
        self,
        upstream: int,
        *,
        authority: Authority | None = None,
        refuse: int | None = None,
    ) -> None:
        super().__init__()
        self._upstream = upstream
        self._authority = authority
        self._refuse = refuse
        self.seen = Proxied()

    def serve(self, sock: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            if not more:
                return
            data += more
        head = data.decode("latin-1")
        method, target, _ = head.split("\r\n")[0].split(" ", 2)
        self.seen.targets.append(target)
        self.seen.authorizations.append(
            next(
                (
                    line.partition(":")[2].strip()
                    for line in head.split("\r\n")
                    if line.lower().startswith("proxy-authorization:")
                ),
                None,
            )
        )
        if self._refuse is not None:
            sock.sendall(f"HTTP/1.1 {self._refuse} Nej\r\nContent-Length: 0\r\n\r\n".encode())
            return
        with socket.create_connection(("127.0.0.1", self._upstream)) as upstream:
            if method != "CONNECT":
                # Made origin-form, as a proxy does (RFC 9112, 3.2.2); one request a connection.
                path = "/" + target.split("/", 3)[3]
                upstream.sendall(data.replace(target.encode(), path.encode(), 1))
                _relay(sock, upstream)
                return
            sock.sendall(b"HTTP/1.1 200 Oppet\r\n\r\n")
            if self._authority is None:
                _relay(sock, upstream)
                return
            name = target.rpartition(":")[0].strip("[]")
            context = self._authority.context(name)
            with context.wrap_socket(sock, server_side=True) as inside:
                _relay(inside, upstream)


def _relay(left: socket.socket, right: socket.socket) -> None:
    """Carries bytes both ways until either side ends."""

    def carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    back = threading.Thread(target=carry, args=(right, left), daemon=True)
    back.start()
    carry(left, right)
    back.join(timeout=5)


class Names:
    """A resolver that knows these names only. A list of lists answers otherwise each time.

    `asked` holds every name that was looked up.
    """

    def __init__(self, table: Mapping[str, Sequence[str] | Sequence[Sequence[str]]]) -> None:
        self._table = dict(table)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        turn = self.asked.count(host)
        self.asked.append(host)
        answers = self._table.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        if answers and not isinstance(answers[0], str):
            return list(answers[min(turn, len(answers) - 1)])
        return [str(answer) for answer in answers]
