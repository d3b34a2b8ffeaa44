"""The world outside, on loopback: a site, a mail server, a webhook receiver. All that came is kept
in a log on disk, written before the answer, so that it survives whoever asked."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from standardwebhooks.webhooks import Webhook

from tests.support.web import HTML, Asked, Served, Server, Site
from tests.year.plan import WATCHED, Plan

SITE = "www.granvik.example"
ARCHIVE = "arkivet.granvik.example"
HOOK = "intranat.granvik.example"
CHAT = "/chatt/hemlig"
SECRET = "whsec_" + "Z3Jhbi1ncmFuLWdyYW4tZ3Jhbi1ncmFuLWdyYW4="
ERROR_PAGE = (
    '<!doctype html><html lang="sv"><head><title>Tekniskt fel</title></head><body><main>'
    "<h1>Ett tekniskt fel har uppstått</h1><p>Försök igen senare.</p></main></body></html>"
).encode()
_CLOSE = ("Connection", "close")


@dataclass
class Town:
    """`now` gives the true time. Enter to serve; `log` is a file of JSON lines."""

    plan: Plan
    now: Callable[[], datetime]
    log: Path
    mail: Server = field(init=False)
    site: Site = field(init=False)

    def __post_init__(self) -> None:
        self.mail = _Post(self)
        self.site = Site(self._answer)
        self._dice = random.Random(f"town {self.plan.seed}")
        self._doors = ExitStack()

    def __enter__(self) -> Self:
        self._out = self._doors.enter_context(self.log.open("a", encoding="utf-8"))
        self._doors.enter_context(self.site)
        self._doors.enter_context(self.mail)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._doors.close()

    @property
    def port(self) -> int:
        return int(self.site.url("/").rpartition(":")[2].strip("/"))

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """The resolver of this world."""
        if host == SITE and self.plan.fault("site_dns", self.now()):
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return ["127.0.0.1"]

    def note(self, kind: str, **what: Any) -> None:
        """One line of what came, on disk when this returns."""
        line = {"kind": kind, "at": self.now().isoformat(), **what}
        self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._out.flush()

    # --- the site and the webhook receiver

    def _answer(self, asked: Asked) -> Served:
        if asked.method == "POST":
            return self._chat(asked) if asked.path == CHAT else self._hook(asked)
        page = asked.path.strip("/")
        now = self.now()
        if page not in WATCHED:
            return Served(b"", 404, (_CLOSE,), close=True)
        if self.plan.fault("site_503", now):
            return Served(b"", 503, (_CLOSE, ("Retry-After", "1800")), close=True)
        if self.plan.fault("site_error_page", now):
            return Served(ERROR_PAGE, 200, (HTML, _CLOSE), close=True)
        edition = self.plan.edition(page, now)
        body = edition.body
        if self.plan.fault("site_nonce", now):
            body = body.replace(b'nonce=""', f'nonce="{self._dice.getrandbits(64):x}"'.encode())
            return self._whole(page, edition.number, body, ())
        if not self.plan.validators:
            return self._whole(page, edition.number, body, ())
        tag = f'"{page}-{edition.number}"'
        if self.plan.fault("site_cut", now):
            length = ("Content-Length", str(len(body)))
            return Served(body[: len(body) // 2], 200, (HTML, _CLOSE, length), close=True)
        if asked.headers.get("if-none-match") == tag:
            return Served(b"", 304, (("ETag", tag), _CLOSE), close=True)
        return self._whole(page, edition.number, body, (("ETag", tag),))

    def _whole(
        self, page: str, number: int, body: bytes, more: Sequence[tuple[str, str]]
    ) -> Served:
        return Served(body, 200, (HTML, _CLOSE, *more), close=True)

    def _hook_refuses(self) -> Served | None:
        now = self.now()
        if self.plan.fault("hook_down", now):
            return Served(b"", 500, (_CLOSE,), close=True)
        if self.plan.fault("hook_busy", now):
            return Served(b"", 429, (_CLOSE, ("Retry-After", "900")), close=True)
        return None

    def _hook(self, asked: Asked) -> Served:
        if (refused := self._hook_refuses()) is not None:
            return refused
        said = json.loads(asked.body)
        mute = self.plan.fault("hook_mute", self.now()) is not None
        self.note(
            "hook",
            id=asked.headers["webhook-id"],
            signed=_signed(asked),
            type=said["type"],
            data=said["data"],
            answered=not mute,
        )
        return Served(b"", 502 if mute else 204, (_CLOSE,), close=True)

    def _chat(self, asked: Asked) -> Served:
        """A card came. It has no id: the judge knows it by its bytes."""
        if (refused := self._hook_refuses()) is not None:
            return refused
        mute = self.plan.fault("hook_mute", self.now()) is not None
        self.note("chat", body=asked.body.decode(), answered=not mute)
        return Served(b"", 502 if mute else 202, (_CLOSE,), close=True)

    # --- the mail server

    def is_down(self, part: str) -> bool:
        """Whether this part of the world does not answer now."""
        return self.plan.fault(part, self.now()) is not None

    def is_busy(self) -> bool:
        """Whether the mail server puts this mail off."""
        return self.is_down("mail_busy") and self._dice.random() < 0.7

    def came(self, to: Sequence[str], raw: bytes) -> None:
        """A mail was taken in; whether the sender will hear of it is another matter."""
        mail = message_from_bytes(raw.partition(b"Content-Type: text/html")[0])  # the text is first
        text = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
        words = text.get_payload(decode=True)
        assert isinstance(words, bytes)
        self.note(
            "mail",
            to=list(to),
            id=str(mail["Message-ID"]),
            subject=str(make_header(decode_header(mail["Subject"]))),
            text=words.decode(),
            answered=not self.is_down("mail_mute"),
        )


class _Post(Server):
    """A mail server: as much of SMTP (RFC 5321) as whoever hands mail over needs."""

    def __init__(self, town: Town) -> None:
        super().__init__()
        self._town = town

    def serve(self, sock: socket.socket) -> None:
        if self._town.is_down("mail_down"):
            return
        to: list[str] = []
        sock.sendall(b"220 post.granvik.example\r\n")
        with sock.makefile("rb") as lines:
            while line := lines.readline(4096):
                verb, _, rest = line.decode("ascii").strip().partition(" ")
                answer = "250 OK"
                match verb.upper():
                    case "EHLO":
                        answer = "250-post.granvik.example\r\n250 SIZE 33554432"
                    case "MAIL" | "RSET":
                        to = []
                    case "RCPT" if self._town.is_busy():
                        answer = "451 4.7.1 Greylisted, try again later"
                    case "RCPT":
                        to.append(rest.partition("<")[2].partition(">")[0])
                    case "DATA":
                        sock.sendall(b"354 Go on\r\n")
                        self._town.came(to, b"".join(_until_dot(lines)))
                        if self._town.is_down("mail_mute"):
                            return
                    case "QUIT":
                        answer = "221 Bye"
                    case "NOOP":
                        pass
                    case _:
                        answer = "502 5.5.1 Not here"
                sock.sendall(f"{answer}\r\n".encode())


def _until_dot(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        if line == b".\r\n":
            return
        yield line.removeprefix(b".")


def _signed(asked: Asked) -> bool:
    """Whether the signature holds, by the specification's own library (whatever time it is)."""
    hook = Webhook(SECRET)
    stamp = datetime.fromtimestamp(int(asked.headers["webhook-timestamp"]), UTC)
    ours = hook.sign(asked.headers["webhook-id"], stamp, asked.body.decode())
    return ours == asked.headers["webhook-signature"]
