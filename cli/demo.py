"""`demo`: the whole product on Granvik's page, on this machine alone, within a minute.

The worker, the store, the mail and the webhook are the real ones; only the town is invented. All of
it lives in a temporary folder that is gone when the demonstration ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import Annotated, Any

import typer

from cli import town
from cli.frame import Family

app = Family()

LONGEST_WAIT_SECONDS = 12.0
"""For one edition to be seen and told; a machine that needs longer is told so."""


@dataclass(slots=True)
class Site:
    """Granvik's web site: what it serves now, and how it counts what was asked."""

    html: str
    asked: int = 0
    hook: Queue[dict[str, Any]] = field(default_factory=Queue)

    def serve(self) -> ThreadingHTTPServer:
        """Serve the page at its address and take webhooks at /hook, on any free loopback port."""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != town.ADDRESS:
                    self.send_error(404)
                    return
                site.asked += 1
                body = site.html.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                site.hook.put(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """The demonstration has its own words."""

        return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


class Mailbox:
    """What the loopback mail server was given (aiosmtpd's handler)."""

    def __init__(self) -> None:
        self.letters: Queue[EmailMessage] = Queue()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)  # noqa: S101  the policy makes it one
        self.letters.put(letter)
        return "250 mottaget"


@app.command("demo")
def demo(
    stay: Annotated[
        bool, typer.Option("--stay", help="låt allt vara igång efteråt, tills Ctrl-C")
    ] = False,
) -> None:
    """Visa allt på en liten påhittad stads sida: inget nät, inga förberedelser."""
    site = Site(town.editions()[0])
    mailbox = Mailbox()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="visionsvakt-demo-")))
        port = stack.enter_context(_served(site))
        mail_port = stack.enter_context(_mail_server(mailbox))
        config = _configuration(folder, port, mail_port)
        os.environ["DEMO_HOOK_SECRET"] = "whsec_" + "Z3Jhbi1ncmFuLWdyYW4tZ3Jhbi1ncmFuLWdyYW4="
        show = _Show(site, mailbox, stack.enter_context(_working(config)))
        show.play(f"http://127.0.0.1:{port}{town.ADDRESS}", config)
        if stay:
            show.stay(config)
    _say("Klart. Inget av det finns kvar på datorn.")


@dataclass(slots=True)
class _Show:
    """The acts: each changes the page, waits for what the product makes of it, and shows it."""

    site: Site
    mailbox: Mailbox
    looks: Queue[Any]

    def play(self, url: str, config: Path) -> None:
        first, second, third, fourth = town.editions()
        _say(f"Granviks kommun har en sida om sin vision: {url}")
        _say("Visionsvakt tittar på den. Första gången minns den bara vad som står där.")
        self._act(first, "first")
        _say("Någon på kommunen ändrar sidan: ett beslut, en ny insats, en ny summa.")
        self._act(second, "changed", letters=1)
        _say("Webbplatsen går sönder och visar ett fel – med status 200, som om allt vore bra.")
        self._act(town.error_page(), "quarantined")
        _say("Sidan är tillbaka i ny formgivning. En insats är borta, en har fått nytt namn.")
        self._act(third, "changed", letters=1)
        _say("En insats kommer tillbaka, och solcellerna blir av.")
        self._act(fourth, "changed", letters=1)
        self._history(config)

    def stay(self, config: Path) -> None:
        _say(f"Allt är igång. Fråga det själv: visionsvakt --config {config} changes")
        _say("Avsluta med Ctrl-C.")
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        stopped.wait()

    def _act(self, html: str, outcome: str, letters: int = 0) -> None:
        self.site.html = html
        self._until_seen(outcome)
        for _ in range(letters):
            _show_letter(_get(self.mailbox.letters, "brevet"))
            hook = _get(self.site.hook, "webhooken")
            kinds = [", ".join(change["kinds"]) for change in hook["data"]["changes"]]
            _say(f"   … och en signerad webhook med {len(kinds)} ändringar: {'; '.join(kinds)}")

    def _until_seen(self, outcome: str) -> None:
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while time.monotonic() < deadline:
            checked = _get(self.looks, "hämtningen")
            if checked.outcome == outcome:
                reasons = "; ".join(reason.text for reason in checked.reasons)
                _say(f"   hämtad: {_OUTCOMES[outcome]}{' – ' + reasons if reasons else ''}")
                return
        raise _too_slow(f"att sidan blir «{_OUTCOMES[outcome]}»")

    def _history(self, config: Path) -> None:
        from cli import main

        _say("Efteråt går det att fråga hur en insats har levt:")
        main(["--config", str(config), "history", "Solceller på ishallen"])
        _say("… och om allt som är sparat håller:")
        main(["--config", str(config), "verify"])


_OUTCOMES = {
    "first": "första gången",
    "changed": "ändrad",
    "quarantined": "väntar på granskning, ingen har fått veta något",
}


@contextmanager
def _served(site: Site) -> Iterator[int]:
    server = site.serve()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _mail_server(mailbox: Mailbox) -> Iterator[int]:
    """A mail server on any free loopback port, in a thread of its own."""
    from aiosmtpd.smtp import SMTP

    loop = asyncio.new_event_loop()
    serving = loop.create_server(
        lambda: SMTP(mailbox, hostname="localhost", loop=loop), "127.0.0.1", 0
    )
    server = loop.run_until_complete(serving)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()


@contextmanager
def _working(config: Path) -> Iterator[Queue[Any]]:
    """The real worker in a thread; what it has seen comes out of the queue."""
    from cli.work import employ
    from scheduler import Listener
    from settings import load

    looks: Queue[Any] = Queue()
    listener = Listener(looked=looks.put, trouble=lambda text: _say(f"   ! {text}"))
    with employ(load(config), listener, tick_seconds=0.3) as worker:
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield looks
        finally:
            worker.stop()
            thread.join()


def _configuration(folder: Path, port: int, mail_port: int) -> Path:
    config = folder / "visionsvakt.toml"
    config.write_text(
        f"""
[fetch]
pause_seconds = 0
allow_private = ["127.0.0.1"]

[web]
listen = ""

[[pages]]
id = "granvik"
name = "Granvik 2040"
url = "http://127.0.0.1:{port}{town.ADDRESS}"
every = "1s"

[[subscriptions]]
id = "kommunikation"
channel = "email"
to = ["kommunikation@granvik.example"]
digest = "immediate"

[[subscriptions]]
id = "intranat"
channel = "webhook"
url = "http://127.0.0.1:{port}/hook"
secret_env = "DEMO_HOOK_SECRET"
digest = "immediate"

[email]
host = "127.0.0.1"
port = {mail_port}
security = "none"
from = "Visionsvakt <visionsvakt@granvik.example>"
""",
        encoding="utf-8",
    )
    return config


def _get(queue: Queue[Any], what: str) -> Any:
    """The next of a queue, with a line that moves while it is waited for."""
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    signs = "|/-\\"
    turn = 0
    while time.monotonic() < deadline:
        try:
            found = queue.get(timeout=0.2)
        except Empty:
            turn += 1
            _progress(f"   väntar på {what} {signs[turn % len(signs)]}")
            continue
        _progress("")
        return found
    raise _too_slow(what)


def _too_slow(what: str) -> Exception:
    from monitor.errors import VisionsvaktError

    return VisionsvaktError(
        f"demo: {what} kom inte inom {LONGEST_WAIT_SECONDS:.0f} sekunder; kör igen"
    )


def _show_letter(letter: EmailMessage) -> None:
    text = letter.get_body(("plain",))
    body = text.get_content() if text is not None else ""
    line = "─" * 72
    print(f"\n   ┌{line}")
    for header in ("From", "To", "Subject"):
        print(f"   │ {header}: {letter[header]}")
    print("   │")
    for row in str(body).rstrip().splitlines():
        print(f"   │ {row}")
    print(f"   └{line}\n", flush=True)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _say(text: str) -> None:
    _progress("")
    print(text, flush=True)
