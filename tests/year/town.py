"""The world outside, on loopback: a site, a mail server, a webhook receiver. All that came is kept
in a log on disk, written before the answer, so that it survives whoever asked."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from standardwebhooks.webhooks import Webhook

from tests.support.mail import Drop, Fault, MailHost
from tests.support.web import HTML, Asked, Served, Site
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
    mail: MailHost = field(init=False)
    site: Site = field(init=False)

    def __post_init__(self) -> None:
        self.mail = _Post(fault=self._mail_fault, town=self)
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

    def _mail_fault(self, step: str, address: str) -> Fault:
        now = self.now()
        if self.plan.fault("mail_down", now) and step == "CONNECT":
            return Drop
        if self.plan.fault("mail_busy", now) and step == "RCPT" and self._dice.random() < 0.7:
            return "451 4.7.1 Greylisted, try again later"
        if self.plan.fault("mail_mute", now) and step == "SENT":
            return Drop
        return None

    def came(self, to: Sequence[str], raw: bytes) -> None:
        """A mail was taken in; whether the sender will hear of it is another matter."""
        mail = message_from_bytes(raw)
        text = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
        words = text.get_payload(decode=True)
        assert isinstance(words, bytes)
        self.note(
            "mail",
            to=list(to),
            id=str(mail["Message-ID"]),
            subject=str(make_header(decode_header(mail["Subject"]))),
            text=words.decode(),
            answered=self.plan.fault("mail_mute", self.now()) is None,
        )


@dataclass
class _Post(MailHost):
    town: Town | None = None

    def keep(self, envelope: Any) -> None:
        assert self.town is not None
        self.town.came(envelope.rcpt_tos, envelope.content)
        super().keep(envelope)


def _signed(asked: Asked) -> bool:
    """Whether the signature holds, by the specification's own library (whatever time it is)."""
    hook = Webhook(SECRET)
    stamp = datetime.fromtimestamp(int(asked.headers["webhook-timestamp"]), UTC)
    ours = hook.sign(asked.headers["webhook-id"], stamp, asked.body.decode())
    return ours == asked.headers["webhook-signature"]
