"""`demo`: the whole product on Granvik's page, on this machine alone, within a minute.

The worker, the store, the mail and the webhook are the real ones; only the town is invented. All of
it lives in a temporary folder that is gone when the demonstration ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from queue import Empty, Queue
from typing import Annotated, Any

import typer

from cli.frame import Family
from cli.program import COMMANDS
from monitor.errors import VisionsvaktError
from pipeline import town

app = Family()

LONGEST_SECONDS = 55.0
"""For the whole of it; a machine that needs longer is told so."""
WELCOME_SECONDS = 1.0
"""So long what may come by itself on the first day is waited for."""
HOOK_ENV = "GRANVIK_HOOK_SECRET"


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
        stack.enter_context(_own_environment())
        stack.enter_context(_ended_by_sigterm())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="visionsvakt-demo-")))
        port = stack.enter_context(_served(site))
        mail_port = stack.enter_context(_mail_server(mailbox))
        config = _configuration(folder, port, mail_port)
        screen = _Screen(time.monotonic() + LONGEST_SECONDS)
        looks = stack.enter_context(_working(config, screen))
        show = _Show(screen, site, mailbox, looks, config)
        show.play(f"http://127.0.0.1:{port}{town.ADDRESS}")
        if stay:
            show.stay()
    screen.say("\nKlart. Inget av det här finns kvar på datorn. Börja på riktigt: visionsvakt init")


@dataclass(slots=True)
class _Show:
    """The acts: each changes the page, waits for what the product makes of it, and shows it."""

    screen: _Screen
    site: Site
    mailbox: Mailbox
    looks: Queue[Any]
    config: Path
    letters: int = 0

    def play(self, url: str) -> None:
        first, second, third, fourth = town.editions()
        self.screen.say(
            "Granvik är påhittat. Vakten, lagret, breven och webhookarna är på riktigt.\n"
            "Det tar några sekunder."
        )
        self.screen.act("Visionsvakt ser Granviks sida för första gången")
        self.screen.tell(url)
        self._until_seen(first, "first")
        self._welcome()
        self.screen.act("Någon på kommunen ändrar sidan: ett beslut, en ny insats, en ny summa")
        self._told(second)
        self.screen.act(
            "Webbplatsen går sönder och visar ett fel, med status 200 som om allt är bra"
        )
        self._until_seen(town.error_page(), "quarantined")
        self.screen.act("Sidan är hel igen, i ny formgivning: en insats är borta, en har nytt namn")
        self._told(third)
        self.screen.act("En insats kommer tillbaka, och solcellerna blir av")
        self._told(fourth)
        self.screen.act("Efteråt går det att fråga hur en insats har levt")
        self._ask("history", "Solceller på ishallen")
        if any(entry.name == "verify" for entry in COMMANDS):
            self.screen.act("… och om allt som är sparat håller")
            self._ask("verify")

    def stay(self) -> None:
        config = shlex.quote(str(self.config))
        self.screen.act("Allt är igång. Fråga själv i ett annat fönster, sluta med Ctrl-C")
        for words in ("show granvik", "changes", "deliveries list"):
            self.screen.tell(f"visionsvakt --config {config} {words}")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()

    def _told(self, html: str) -> None:
        """Serve an edition, and show what the people who asked are told of it."""
        self._until_seen(html, "changed")
        hook = self.screen.wait(self.site.hook, "webhooken")
        while hook["type"] != "visionsvakt.digest":
            hook = self.screen.wait(self.site.hook, "webhooken")
        changes = hook["data"]["changes"]
        titles = {change["title"][side] for change in changes for side in ("old", "new")} - {None}
        while not self._show(self.screen.wait(self.mailbox.letters, "brevet"), titles):
            pass
        self.screen.tell(f"→ webhook till intranätet, signerad: {_count(len(changes))}")

    def _until_seen(self, html: str, outcome: str) -> None:
        self.site.html = html
        checked = self.screen.wait(self.looks, "hämtningen")
        while checked.outcome != outcome:
            checked = self.screen.wait(self.looks, "hämtningen")
        if outcome == "first":
            self.screen.tell("→ första avläsningen; nu vet den vad som står där")
        elif outcome == "changed":
            self.screen.tell(f"→ ändrad, {_count(len(checked.changes))}")
        else:
            first, *more = [reason.text.rstrip(".") for reason in checked.reasons]
            also = f" (och {len(more)} skäl till)" if more else ""
            self.screen.tell(f"→ väntar på granskning: {first}{also}. Ingen får veta något.")

    def _welcome(self) -> None:
        with suppress(Empty):
            while True:
                self._show(self.mailbox.letters.get(timeout=WELCOME_SECONDS), set())

    def _show(self, letter: EmailMessage, titles: set[str]) -> bool:
        """Show a letter; returns whether it is about one of these."""
        part = letter.get_body(("plain",))
        body = str(part.get_content() if part is not None else "").rstrip()
        self.letters += 1
        if self.letters > 1:  # how to end the subscription has been seen
            body = re.split(r"\n-- ?\n", body)[0].rstrip()
        self.screen.letter(str(letter["To"]), str(letter["Subject"]), body)
        text = " ".join(body.split())
        return any(title in text for title in titles)

    def _ask(self, *words: str) -> None:
        from cli import main

        self.screen.tell(f"$ visionsvakt {shlex.join(words)}")
        said = StringIO()
        with redirect_stdout(said):
            main(["--config", str(self.config), *words])
        for line in said.getvalue().splitlines():
            self.screen.tell(line)


@dataclass(slots=True)
class _Screen:
    """What the visitor sees. `deadline` is by `time.monotonic`."""

    deadline: float
    acts: int = 0

    def say(self, text: str) -> None:
        self._progress("")
        print(text, flush=True)

    def act(self, text: str) -> None:
        """The heading of what happens next."""
        self.acts += 1
        self.say("\n" + self._bold(f"{self.acts}  {text}"))

    def tell(self, text: str) -> None:
        self.say(f"   {text}".rstrip())

    def letter(self, to: str, subject: str, body: str) -> None:
        self.tell(f"┌─ Brev till {to}")
        for row in (self._bold(subject), "", *body.splitlines()):
            self.tell(f"│ {row}".rstrip())
        self.tell("└─")

    def wait(self, queue: Queue[Any], what: str) -> Any:
        """The next of a queue, with a line that moves while it is waited for."""
        signs = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
        turn = 0
        while time.monotonic() < self.deadline:
            try:
                found = queue.get(timeout=0.1)
            except Empty:
                turn += 1
                self._progress(f"   {signs[turn % len(signs)]} väntar på {what}")
                continue
            self._progress("")
            if isinstance(found, Exception):
                raise found
            return found
        raise VisionsvaktError(
            f"demo: {what} kom inte inom {LONGEST_SECONDS:.0f} sekunder; kör igen när datorn har "
            "mindre att göra"
        )

    def _progress(self, text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def _bold(self, text: str) -> str:
        plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
        return text if plain else f"\033[1m{text}\033[0m"


def _count(changes: int) -> str:
    return "1 ändring" if changes == 1 else f"{changes} ändringar"


@contextmanager
def _own_environment() -> Iterator[None]:
    """No variable of the real installation's counts here, and none of ours stays."""
    kept = dict(os.environ)
    for name in [name for name in kept if name.startswith("VISIONSVAKT_")]:
        del os.environ[name]
    os.environ[HOOK_ENV] = "whsec_" + "Z3Jhbi1ncmFuLWdyYW4tZ3Jhbi1ncmFuLWdyYW4="
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: everything is put away first."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
def _working(config: Path, screen: _Screen) -> Iterator[Queue[Any]]:
    """The real worker in a thread; what it has seen comes out of the queue."""
    from cli.work import employ
    from scheduler import Listener
    from settings import load

    looks: Queue[Any] = Queue()
    listener = Listener(looked=looks.put, trouble=lambda text: screen.tell(f"! {text}"))
    with employ(load(config), listener, tick_seconds=0.3) as worker, worker.employed():

        def work() -> None:
            try:
                worker.run()
            except Exception as error:  # whoever waits for a look hears of it
                looks.put(error)

        thread = threading.Thread(target=work)
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
secret_env = "{HOOK_ENV}"
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
