"""Real mail servers on loopback, port 0: STARTTLS, TLS, AUTH, and faults by rule.

    with MailHost() as host:
        ...
        assert host.mails[0].subject

A fault is what `on(step, mail)` gives: an SMTP answer, `Silence`, `Drop`, or None for no fault.
Steps: CONNECT, EHLO, MAIL, RCPT, END (after the text), SENT
(kept, before the 250).
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self, TypeAlias

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Silence:
    """The server says nothing more, until the test ends."""


class Drop:
    """The server closes the connection without a word."""


Fault: TypeAlias = str | type[Silence] | type[Drop] | None
Rule: TypeAlias = Callable[[str, str], Fault]


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it came."""

    sender: str
    to: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        found = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        return str(part.get_content()) if part else ""

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        return str(part.get_content()) if part else ""


@dataclass
class MailHost:
    """A mail server. `fault(step, address)` decides what goes wrong; `context` gives it TLS."""

    fault: Rule = lambda step, address: None
    context: ssl.SSLContext | None = None
    implicit_tls: bool = False
    account: tuple[str, str] | None = None
    mails: list[Mail] = field(default_factory=list)
    connections: int = 0
    log: list[str] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        self._arrived = threading.Condition()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="mailhost", daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def wait_for(self, number: int, seconds: float = 20.0) -> list[Mail]:
        """The mails, once there are at least so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.mails) >= number, seconds), self.mails
            return list(self.mails)

    def keep(self, envelope: Envelope) -> None:
        with self._arrived:
            raw = envelope.content
            assert isinstance(raw, bytes)
            mail = Mail(envelope.mail_from or "", tuple(envelope.rcpt_tos), raw)
            self.mails.append(mail)
            self._arrived.notify_all()

    def note(self, step: str, address: str) -> Fault:
        with self._arrived:
            self.log.append(f"{step} {address}".strip())
            self._arrived.notify_all()
        return self.fault(step, address)

    def wait_for_step(self, step: str, seconds: float = 20.0) -> None:
        """Until a client has come to this step."""
        with self._arrived:
            assert self._arrived.wait_for(
                lambda: any(line.split(" ")[0] == step for line in self.log), seconds
            ), self.log

    def _serve(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        secure = self.context if self.implicit_tls else None
        server = await self._loop.create_server(self._protocol, "127.0.0.1", 0, ssl=secure)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        pending = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    def _protocol(self) -> asyncio.BaseProtocol:
        self.connections += 1
        options: dict[str, Any] = {"hostname": "post.granvik.example", "loop": self._loop}
        if self.context and not self.implicit_tls:
            options |= {"tls_context": self.context, "require_starttls": True}
        if self.account:
            options |= {
                "authenticator": self._authenticate,
                "auth_required": True,
                "auth_require_tls": bool(self.context) and not self.implicit_tls,
            }
        return _Server(_Handler(self), self, **options)

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        right = False
        if isinstance(data, LoginPassword) and self.account:
            right = (data.login.decode(), data.password.decode()) == self.account
        return AuthResult(success=right, handled=not right and False)


class _Server(SMTP):
    def __init__(self, handler: object, host: MailHost, **options: Any) -> None:
        super().__init__(handler, **options)
        self._host = host

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        fault = self._host.note("CONNECT", "")
        if fault is Drop:
            transport.close()
            return
        if fault is Silence:
            return
        if isinstance(fault, str):
            transport.write(f"{fault}\r\n".encode())  # type: ignore[attr-defined]
            transport.close()
            return
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        with contextlib.suppress(AttributeError):  # a connection that was never taken up
            super().data_received(data)

    def eof_received(self) -> bool | None:
        with contextlib.suppress(AttributeError, AssertionError):
            return super().eof_received()
        return None

    def connection_lost(self, error: Exception | None) -> None:
        with contextlib.suppress(AttributeError, AssertionError):
            super().connection_lost(error)


class _Handler:
    def __init__(self, host: MailHost) -> None:
        self._host = host

    async def _answer(self, server: SMTP, step: str, address: str, good: str) -> str:
        fault = self._host.note(step, address)
        if fault is None:
            return good
        if isinstance(fault, str):
            return fault
        if fault is Drop:
            assert server.transport
            server.transport.abort()  # type: ignore[attr-defined]
        await asyncio.Event().wait()
        return good

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self._answer(server, "MAIL", address, "250 OK")
        if answer.startswith("2"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self._answer(server, "RCPT", address, "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        address = envelope.rcpt_tos[0]
        answer = await self._answer(server, "END", address, "250 kept")
        if answer.startswith("2"):
            self._host.keep(envelope)
            answer = await self._answer(server, "SENT", address, answer)
        return answer


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
