"""The installed program as its users run it: a process of its own in a folder of its own.

home = Home(tmp_path, pages=[page("granvik", site.url("/p"))])
assert home.json("check")["checks"][0]["outcome"] == "first"
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from snapshots import watch
from snapshots.database import open_database
from snapshots.schema import leases
from worker.lease import LEASE_SECONDS

PROGRAM = Path(sys.executable).with_name("visionsvakt")
PATIENCE_SECONDS = 30.0
AT_ONCE_SECONDS = LEASE_SECONDS / 2
"""What comes sooner did not wait for a lease to run out, on a busy machine either."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


@dataclass
class Home:
    """A folder with a configuration and, after the first command, a store."""

    folder: Path
    config: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    inside: bool = False
    """Run commands within this process, by the same `cli.main`: for many small questions."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.config:
            self.write(self.config)

    @property
    def file(self) -> Path:
        return self.folder / "visionsvakt.toml"

    @property
    def store(self) -> Path:
        return self.folder / "visionsvakt.db"

    def write(self, config: str) -> None:
        self.config = config
        self.file.write_text(config, encoding="utf-8")

    def run(self, *words: str, stdin: bytes | None = None, **environment: str) -> Done:
        """Run one command to its end."""
        if self.inside:
            return self._call(words, environment)
        done = subprocess.run(
            [PROGRAM, *words],
            cwd=self.folder,
            env=self._environment(environment),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=PATIENCE_SECONDS * 2,
            check=False,
        )
        return Done(words, done.returncode, done.stdout.decode(), done.stderr.decode())

    def _call(self, words: tuple[str, ...], environment: Mapping[str, str]) -> Done:
        from cli import main

        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
        before, there = dict(os.environ), os.getcwd()
        try:
            os.environ.clear()
            os.environ.update(self._environment(environment))
            os.chdir(self.folder)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(words)
        finally:
            os.chdir(there)
            os.environ.clear()
            os.environ.update(before)
        texts = []
        for stream in (out, err):
            stream.flush()
            texts.append(stream.buffer.getvalue().decode())
        return Done(words, code, *texts)

    def json(self, *words: str, code: int = 0, **environment: str) -> Any:
        """The document of a command that must end with `code`."""
        done = self.run(*words, "--json", stdin=None, **environment)
        assert done.code == code, done
        return done.document

    def refused(self, *words: str, **environment: str) -> str:
        """The one line of a command that must be refused: exit 2, nothing on standard output."""
        done = self.run(*words, stdin=None, **environment)
        assert (done.code, done.out) == (2, ""), done
        assert len(done.err.splitlines()) == 1, done
        assert "Traceback" not in done.err
        return done.err.strip()

    @contextlib.contextmanager
    def started(
        self, *words: str, within: Sequence[str] = (), **environment: str
    ) -> Iterator[Running]:
        """A command under way; killed at the end where it still runs. `within`: the words before
        it, of a program that runs it in a place of its own."""
        process = subprocess.Popen(
            [*within, PROGRAM, *words],
            cwd=self.folder,
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running = Running(process)
        try:
            yield running
        finally:
            running.end()

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        mine = {k: v for k, v in os.environ.items() if not k.startswith("VISIONSVAKT_")}
        return {**mine, **self.environment, **more}


class Running:
    """A command under way: what it has said so far, signals, its end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: list[str] = []
        self._out: list[str] = []
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((process.stderr, self._lines), (process.stdout, self._out))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def err(self) -> list[str]:
        with self._changed:
            return list(self._lines)

    @property
    def out(self) -> str:
        with self._changed:
            return "".join(self._out)

    def line(self, part: str, seconds: float = PATIENCE_SECONDS) -> str:
        """The first line on standard error that holds `part`, waited for."""

        def found() -> bool:
            return any(part in line for line in self._lines)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._over(), seconds)
            assert found(), (part, self._lines, self.process.poll())
            return next(line for line in self._lines if part in line)

    def lines(self, part: str, number: int, seconds: float = PATIENCE_SECONDS) -> list[str]:
        """The lines that hold `part`, once there are at least so many."""

        def found() -> list[str]:
            return [line for line in self._lines if part in line]

        with self._changed:
            self._changed.wait_for(lambda: len(found()) >= number or self._over(), seconds)
            assert len(found()) >= number, (part, self._lines, self.process.poll())
            return found()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Ask it to stop; returns how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(PATIENCE_SECONDS)
        return time.monotonic() - began

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        return self.process.wait(seconds)

    def end(self) -> None:
        if self.process.poll() is None:
            self.kill()
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _over(self) -> bool:
        return self.process.poll() is not None and not self._readers[0].is_alive()

    def _read(self, stream: Any, into: list[str]) -> None:
        for line in stream:
            with self._changed:
                into.append(line.rstrip("\n") if into is self._lines else line)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


ELSEWHERE = "ffffffff-4026530000/1/4711"
"""A worker on another machine, as a lease names it."""


def lease(home: Home, holder: str, seconds: float) -> None:
    """Write that somebody else is the worker, whoever it was."""
    database = open_database(f"sqlite:///{home.store}")
    with database.write() as conn:
        conn.execute(leases.delete())
        watch.take_worker_lease(conn, holder, datetime.now(UTC), seconds)
    database.close()


def container(name: str, boot: Path | None = None) -> list[str]:
    """What runs a program as a container does: its own process numbers and host name. `boot`: a
    file that says which boot of which machine it is on, where that is another."""
    enter = f'hostname {name}; exec "$@"'
    if boot is not None:
        enter = f"mount --bind {boot} /proc/sys/kernel/random/boot_id; {enter}"
    space = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts"]
    return [*space, "sh", "-ec", enter, "sh"]


def have_containers() -> bool:
    """Whether `container` works here: namespaces of its own can be had by root only."""
    if shutil.which("unshare") is None:
        return False
    return not subprocess.run([*container("prov"), "true"], capture_output=True).returncode


def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


# ---------------------------------------------------------------------------- a small configuration


def free_port() -> int:
    """A port of this machine on which nobody listens just now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def toml(value: Any) -> str:
    """A TOML value of a Python one (strings, numbers, booleans, lists of them)."""
    return json.dumps(value, ensure_ascii=False)


def table(heading: str, **keys: Any) -> str:
    """One TOML table: `[[pages]]`, `[email]` …"""
    lines = [f"{name.rstrip('_')} = {toml(value)}" for name, value in keys.items()]
    return "\n".join([heading, *lines, ""])


def config(*tables: str, listen: str = "", **fetch: Any) -> str:
    """A configuration for loopback: no pause between two requests, no web unless asked for."""
    quick = {"pause_seconds": 0, "allow_private": ["127.0.0.1"], **fetch}
    return "\n".join([table("[web]", listen=listen), table("[fetch]", **quick), *tables])


def page(id: str, url: str, **more: Any) -> str:
    return table("[[pages]]", id=id, url=url, **{"every": "1h", **more})


def by_mail(*to: str, id: str = "kommunikation", digest: str = "immediate", **more: Any) -> str:
    addresses = list(to or ("kim@granvik.example",))
    return table("[[subscriptions]]", id=id, channel="email", to=addresses, digest=digest, **more)


def by_hook(url: str, id: str = "intranat", digest: str = "immediate", **more: Any) -> str:
    hook = {"url": url, "secret_env": "HOOK_SECRET", "digest": digest, **more}
    return table("[[subscriptions]]", id=id, channel="webhook", **hook)


def mail(port: int, **more: Any) -> str:
    server = {"host": "127.0.0.1", "port": port, "security": "none"}
    sender = {"from": "Visionsvakt <v@granvik.example>"}
    return table("[email]", **{**server, **sender, **more})


# --------------------------------------------------------------------------------- a small page

ONGOING, DEVELOPING = "Det här gör vi nu", "Det här utvecklar vi"
PARTNERSHIP = "Nätverk och partnerskap där vi arbetar tillsammans med andra"

Item = tuple[str, str]
"""An initiative's title and text."""


@dataclass(frozen=True, slots=True)
class Edition:
    """A page of the built-in profile's kind: its initiatives by section, and its own words."""

    ongoing: Sequence[Item]
    developing: Sequence[Item]
    partnership: Sequence[Item] = (("Vattenrådet", "Vi vårdar ån tillsammans."),)
    title: str = "Granvik 2040"
    intro: str = "Så når vi dit."

    @property
    def html(self) -> bytes:
        sections = zip(
            (ONGOING, DEVELOPING, PARTNERSHIP),
            (self.ongoing, self.developing, self.partnership),
            strict=True,
        )
        body = "".join(
            f"<h2>{heading}</h2><ul>"
            + "".join(f"<li><strong>{title}</strong><p>{text}</p></li>" for title, text in items)
            + "</ul>"
            for heading, items in sections
        )
        return (
            '<!DOCTYPE html><html lang="sv"><head><meta charset="utf-8">'
            f"<title>{self.title}</title></head><body><main><h1>{self.title}</h1>"
            f"<p>{self.intro}</p>{body}</main></body></html>"
        ).encode()


FIRST = Edition(
    ongoing=(
        ("Cykelbiblioteket", "Här lånar du en lastcykel i två veckor utan att betala."),
        ("Skolskogen", "Varje skola har en egen skog med vindskydd och eldplats."),
        ("Telefonvännen", "Den som känner sig ensam blir uppringd av samma volontär."),
    ),
    developing=(
        ("Utreda bänkar i hamnen", "Vi utreder tre bänkar längs kajen."),
        ("Nattbuss till Österbyn", "Vi provar en sista buss klockan 01.15 på fredagar."),
    ),
)
SECOND = Edition(
    ongoing=(
        *FIRST.ongoing[:2],
        ("Tre bänkar i hamnen", "Tre bänkar längs kajen är beställda."),
        FIRST.ongoing[2],
    ),
    developing=(FIRST.developing[1], ("Lånehunden", "En besökshund kommer varje onsdag.")),
)
"""Decided: the benches are moved, renamed and reworded; a dog is added."""
THIRD = Edition(
    ongoing=SECOND.ongoing[:3],
    developing=(("Nattbuss till Hamnen", FIRST.developing[1][1]), SECOND.developing[1]),
)
"""The telephone friend has left; the bus is renamed."""
FOURTH = Edition(ongoing=SECOND.ongoing, developing=THIRD.developing)
"""The telephone friend is back."""
ERROR_PAGE = (
    '<!DOCTYPE html><html lang="sv"><head><title>Tekniskt fel</title></head><body><main>'
    "<h1>Ett tekniskt fel har uppstått</h1><p>Försök igen senare.</p></main></body></html>"
).encode()
HALF_PAGE = FIRST.html.partition(b"<h2>Det h\xc3\xa4r utvecklar vi")[0] + b"</main></body></html>"
"""A whole answer in which sections are missing."""
