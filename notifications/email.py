"""Mail: one delivery is one SMTP transaction to one address, on one connection per round.

What a failure says decides: of the connection, the log-in or the sender (ChannelDown: everything
waits), of this address or this message for now (TryAgain, 4xx) or for good (GiveUp, 5xx).

Killed between the server's 250 and our mark, a mail goes out twice: SMTP has nothing against it.
Both carry the same Message-ID, made from the delivery's id, so that mailboxes can tell.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import HeaderParseError, MessageDefect
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import quote

from monitor.errors import GiveUp, TryAgain
from notifications.channels import ChannelDown, Delivery, Letterhead, Receipt, one_line
from notifications.render import Letter, letter
from notifications.view import View, view_of

SEND_SECONDS: Final = 40.0
"""One mail takes at most this long, the connection included: well within a lease."""
STEP_SECONDS: Final = 15.0
"""One answer of the server takes at most this long."""
IDLE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, and as whom. `sender` may have a name: `Granvik <a@b.se>`."""

    host: str
    port: int
    sender: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    reply_to: str = ""
    ca_file: str = ""


class EmailChannel:
    """Hands mail to one server. Thread-safe: each thread has a connection of its own."""

    def __init__(self, server: MailServer, letterhead: Letterhead) -> None:
        self._server = server
        self._letterhead = letterhead
        self._local = threading.local()

    def send(self, delivery: Delivery) -> Receipt:
        """Hand over one mail. Raises TryAgain, ChannelDown, GiveUp."""
        address, sender = wire_address(delivery.address), wire_address(self._server.sender)
        try:
            with self._session() as client:  # first: for a server that is down nothing is composed
                mail = compose(delivery, self._server, self._letterhead)
                said = _hand_over(client, sender, address, mail.as_bytes())
        except _Refused as refused:
            if refused.code == 421 or refused.keeps_all_waiting:
                code = "closing" if refused.code == 421 else "sender"
                raise ChannelDown(str(refused), code=code) from None
            if 500 <= refused.code < 600:
                raise GiveUp(str(refused)) from None
            raise TryAgain(str(refused)) from None
        return Receipt(said)

    def check(self) -> None:
        """Connect and log in, send nothing. Raises ChannelDown."""
        with self._session():
            pass
        self.close()

    def close(self) -> None:
        """Let go of this thread's connection."""
        client = self._client
        self._local.client = None
        if client is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                if client.sock is not None:
                    client.sock.settimeout(IDLE_SECONDS)
                    client.quit()
            client.close()

    @property
    def _client(self) -> smtplib.SMTP | None:
        return getattr(self._local, "client", None)

    @contextlib.contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """This thread's connection, open and logged in; every trouble of its own as ChannelDown."""
        server = self._server
        where = f"{server.host}:{server.port}"
        client = self._client
        if client is None:
            client = _client_for(server)
        step = _Step()
        watch = threading.Timer(SEND_SECONDS, _cut, [client, step])
        watch.daemon = True
        watch.start()
        try:
            if self._client is None or not _alive(client):
                self._local.client = None
                _connect(client, server, step)
            self._local.client = client
            step.name = "broken"
            yield client
        except _Refused as refused:
            if refused.code == 421 or not _reset(client):
                self._forget(client)
            raise
        except (OSError, smtplib.SMTPException) as trouble:
            self._forget(client)
            code = "silent" if step.cut else step.name
            raise _down(where, code, trouble) from trouble
        finally:
            watch.cancel()

    def _forget(self, client: smtplib.SMTP) -> None:
        self._local.client = None
        client.close()


@dataclass(slots=True)
class _Step:
    """How far a connection has come, as an incident's cause; `cut` when the watch ended it."""

    name: str = "connect"
    cut: bool = False


class _Refused(Exception):
    """The server answered a step of a mail with something else than yes."""

    def __init__(self, step: str, code: int, said: bytes, *, keeps_all_waiting: bool) -> None:
        super().__init__(f"{step}: {code} {_words(said)}")
        self.code = code
        self.keeps_all_waiting = keeps_all_waiting


def _hand_over(client: smtplib.SMTP, sender: str, address: str, raw: bytes) -> str:
    """One transaction; the server's last words. Raises _Refused, OSError, SMTPException."""

    def answered(step: str, answer: tuple[int, bytes]) -> str:
        code, said = answer
        if code == -1:
            raise smtplib.SMTPServerDisconnected(_words(said))
        if not 200 <= code < 300:
            raise _Refused(step, code, said, keeps_all_waiting=step == "MAIL FROM")
        return f"{code} {_words(said)}"

    options = [f"size={len(raw)}"] if client.has_extn("size") else []
    answered("MAIL FROM", client.mail(sender, options))
    answered("RCPT TO", client.rcpt(address))
    try:
        return answered("DATA", client.data(raw))
    except smtplib.SMTPDataError as refused:
        return answered("DATA", (refused.smtp_code, _bytes(refused.smtp_error)))


def _connect(client: smtplib.SMTP, server: MailServer, step: _Step) -> None:
    """Encrypted and logged in as configured. Raises OSError, SMTPException."""
    code, said = client.connect(server.host, server.port)
    if code != 220:
        raise smtplib.SMTPConnectError(code, said)
    client.ehlo_or_helo_if_needed()
    if server.security == "starttls":
        step.name = "starttls"
        client.starttls(context=_context(server))
        client.ehlo_or_helo_if_needed()
    if server.username:
        step.name = "login"
        client.login(server.username, server.password)


def _client_for(server: MailServer) -> smtplib.SMTP:
    """A client that is not connected yet: the watch must be able to end connecting, too."""
    if server.security == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(timeout=STEP_SECONDS, context=_context(server))
    else:
        client = smtplib.SMTP(timeout=STEP_SECONDS)
    client._host = server.host  # type: ignore[attr-defined]  # the name that TLS checks
    return client


def _alive(client: smtplib.SMTP) -> bool:
    """Whether an idle connection still stands."""
    if client.sock is None:
        return False
    try:
        client.sock.settimeout(IDLE_SECONDS)
        alive = client.noop()[0] == 250
        client.sock.settimeout(STEP_SECONDS)
    except (OSError, smtplib.SMTPException):
        alive = False
    if not alive:
        client.close()
    return alive


def _reset(client: smtplib.SMTP) -> bool:
    try:
        return client.rset()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


def _cut(client: smtplib.SMTP, step: _Step) -> None:
    """End a connection from outside: whoever waits for it gets an error at once."""
    step.cut = True
    with contextlib.suppress(OSError, AttributeError):
        client.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]


def _down(where: str, code: str, trouble: Exception) -> ChannelDown:
    if isinstance(trouble, smtplib.SMTPAuthenticationError):
        code, text = "login", f"inloggningen nekades: {trouble.smtp_code} {_said(trouble)}"
    elif isinstance(trouble, smtplib.SMTPResponseException):
        text = f"{trouble.smtp_code} {_said(trouble)}"
    elif isinstance(trouble, ssl.SSLError):
        reason = getattr(trouble, "verify_message", "") or trouble.reason or "avbröts"
        code, text = "tls", f"TLS: {one_line(str(reason))}"
    elif code == "silent" or TimeoutError in (type(trouble), type(trouble.__context__)):
        code, text = "silent", "svarar inte i tid"
    elif isinstance(trouble, socket.gaierror):
        code, text = "dns", "namnet kan inte slås upp"
    else:
        text = one_line(getattr(trouble, "strerror", None) or str(trouble))
    return ChannelDown(f"{where}: {text}", code=code)


class _Unfolded(UnstructuredHeader, BaseHeader):
    """A header for machines, on one line however long (RFC 5322 lets it be 998 letters): the
    library would write an address that needs more than one as an encoded word, which is no address.
    """

    def fold(self, *, policy: EmailPolicy) -> str:  # type: ignore[override]
        return f"{self.name}: {self}{policy.linesep}"


class _Headers(HeaderRegistry):
    """The library makes a header's class anew each time it meets one: a fifth of composing."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, type] = {}

    def __getitem__(self, name: str) -> type:
        known = self._made.get(name.lower())
        if known is None:
            known = self._made[name.lower()] = super().__getitem__(name)
        return known


_HEADERS: Final = _Headers()
for _name in ("in-reply-to", "references", "list-id", "list-unsubscribe"):
    _HEADERS.map_to_type(_name, _Unfolded)
_POLICY: Final = SMTP.clone(header_factory=_HEADERS)


def compose(delivery: Delivery, server: MailServer, letterhead: Letterhead) -> EmailMessage:
    """The mail of one delivery. Its Message-ID and Date never change from one try to the next."""
    message = delivery.message
    view = view_of(message, delivery.subscription, letterhead, delivery.address)
    content = letter(view)
    name, sender = parseaddr(server.sender)[0], wire_address(server.sender)
    domain = sender.rpartition("@")[2] or "localhost"
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(display_name=name, addr_spec=sender)
    mail["To"] = Address(addr_spec=wire_address(delivery.address))
    if server.reply_to:
        reply_name, reply_to = parseaddr(server.reply_to)[0], wire_address(server.reply_to)
        mail["Reply-To"] = Address(display_name=reply_name, addr_spec=reply_to)
    mail["Subject"] = content.subject
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{delivery.id}@{domain}>"
    root = f"<{_thread(delivery)}@{domain}>"
    mail["In-Reply-To"] = root
    mail["References"] = root
    mail["List-Id"] = f"Visionsvakt <{delivery.subscription.id}.visionsvakt.{domain}>"
    if server.reply_to:
        mail["List-Unsubscribe"] = _unsubscribe(reply_to, delivery, view)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(content.text, cte="quoted-printable")
    mail.add_alternative(content.html, subtype="html", cte="quoted-printable")
    _add_pictures(mail, content, delivery.id)
    mail["Content-Language"] = view.lang  # set before, it would end up in the text part alone
    mail.set_boundary(f"=_{delivery.id}")
    return mail


def _unsubscribe(address: str, delivery: Delivery, view: View) -> str:
    """A letter to whoever keeps the subscriptions (RFC 2369), for the mail program's own button.

    No List-Unsubscribe-Post: one click (RFC 8058) needs a web address that takes it, and there is
    none.
    """
    subject = quote(f"{view.unsubscribe}: {delivery.subscription.id} ({delivery.address})")
    return f"<mailto:{quote(address, safe='@')}?subject={subject}>"


def _add_pictures(mail: EmailMessage, content: Letter, name: str) -> None:
    """The HTML and its pictures as one part (multipart/related, RFC 2387)."""
    if not content.pictures:
        return
    html = list(mail.iter_parts())[-1]
    for number, picture in enumerate(content.pictures, 1):
        html.add_related(
            picture.png,
            *("image", "png"),
            cid=f"<{picture.id}>",
            disposition="inline",
            filename=f"status-{number}.png",
        )
    html.set_param("type", "text/html")
    html.set_boundary(f"=_{name}_p")


@lru_cache(maxsize=1024)
def wire_address(mailbox: str) -> str:
    """The address in a mailbox as it goes over the wire: the host name as ASCII.

    GiveUp for one that can't: letters beyond ASCII before the @ reach few servers.
    """
    address = parseaddr(mailbox)[1]
    local, _, host = address.rpartition("@")
    try:
        wire = f"{local}@{host.encode('idna').decode()}" if not host.isascii() else address
        Address(addr_spec=wire)
    except (ValueError, HeaderParseError, MessageDefect) as wrong:
        raise GiveUp(f"{one_line(mailbox)}: adressen går inte att skicka till") from wrong
    return wire


def _thread(delivery: Delivery) -> str:
    """What mails lie in one thread by: an incident's messages, or a subscription's digests."""
    incident = delivery.message.payload.get("incident")
    return f"{incident or 'thread'}.{delivery.subscription.id}"


def _context(server: MailServer) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if server.ca_file:
        context.load_verify_locations(server.ca_file)
    return context


def _bytes(said: bytes | str) -> bytes:
    return said if isinstance(said, bytes) else said.encode("utf-8", "replace")


def _words(said: bytes | str) -> str:
    return one_line(_bytes(said).decode("utf-8", "replace"))


def _said(answer: smtplib.SMTPResponseException) -> str:
    return _words(answer.smtp_error)
