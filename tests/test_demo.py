"""`demo`: the whole product in under a minute, without a network, and nothing stays behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from cli.program import COMMANDS
from tests.support.program import PROGRAM, Home


def left_behind(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def environment(folder: Path, **more: str) -> dict[str, str]:
    mine = {k: v for k, v in os.environ.items() if not k.startswith("VISIONSVAKT_")}
    return {**mine, "TMPDIR": str(folder), "TERM": "xterm", **more}


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """The folder in which the demonstration may make its temporary one."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


def test_it_shows_the_town_its_letters_and_what_is_kept_and_leaves_nothing(
    tmp_path: Path, scratch: Path
) -> None:
    # The real installation's variables must neither be used nor touched.
    database = tmp_path / "riktig.db"
    began = time.monotonic()
    home = Home(tmp_path / "hem")
    done = home.run(
        "demo",
        TMPDIR=str(scratch),
        VISIONSVAKT_DATABASE_URL=f"sqlite:///{database}",
        VISIONSVAKT_CONFIG="finns-inte.toml",
        HTTP_PROXY="http://127.0.0.1:9",
        http_proxy="http://127.0.0.1:9",
    )
    assert time.monotonic() - began < 60
    assert (done.code, done.err) == (0, "")
    in_order = [
        "Granvik är påhittat",
        "1  Visionsvakt ser",
        "2  Någon på kommunen ändrar",
        "1 till pågående, 1 ny, 1 ny text – Granvik 2040",
        "Tillgänglig badplats vid Lillsjön",
        "→ webhook till intranätet, signerad: 3 ändringar",
        "3  Webbplatsen går sönder",
        "→ väntar på granskning",
        "4  Sidan är hel igen",
        "Nattbuss till Österbyn och Hamnen",
        "5  En insats kommer tillbaka",
        "TILLBAKA PÅ SIDAN",
        "$ visionsvakt history 'Solceller på ishallen'",
        "Klart. Inget av det här finns kvar på datorn.",
    ]
    places = [done.out.find(part) for part in in_order]
    assert -1 not in places, in_order[places.index(-1)]
    assert places == sorted(places)
    assert "\033" not in done.out
    assert ("visionsvakt verify" in done.out) == any(one.name == "verify" for one in COMMANDS)
    assert "finns inte; se" not in done.out
    assert left_behind(scratch) == []
    assert left_behind(home.folder) == []
    assert not database.exists()


def test_a_line_moves_while_somebody_watches(scratch: Path) -> None:
    """On a terminal the waiting is seen; the window's process ends with the child's."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [PROGRAM, "demo"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(scratch),
        cwd=scratch,
        close_fds=True,
    )
    os.close(theirs)
    seen = b""
    deadline = time.monotonic() + 60
    with contextlib.suppress(OSError):  # Linux says EIO where the other side has closed
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 1)[0]:
                seen += os.read(ours, 65536)
    os.close(ours)
    assert process.wait(10) == 0
    text = seen.decode()
    assert re.search(r"\r\033\[K +\S väntar på (hämtningen|brevet|webhooken)", text)
    assert "\033[1m2  Någon på kommunen" in text
    assert left_behind(scratch) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_half_way_it_puts_everything_away_too(scratch: Path, number: int) -> None:
    home = Home(scratch.parent / "hem")
    with home.started("demo", TMPDIR=str(scratch), PYTHONUNBUFFERED="1") as running:
        while "2  Någon" not in running.out:
            assert running.process.poll() is None
            time.sleep(0.02)
        assert left_behind(scratch) != []
        assert running.stop(number) < 15
        assert running.process.returncode == 130
        assert "Traceback" not in "\n".join(running.err)
    assert left_behind(scratch) == []


def test_it_stays_on_request_and_says_how_to_look(scratch: Path) -> None:
    home = Home(scratch.parent / "hem")
    with home.started("demo", "--stay", TMPDIR=str(scratch), PYTHONUNBUFFERED="1") as running:
        deadline = time.monotonic() + 60
        while "deliveries list" not in running.out:
            assert running.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (command,) = re.findall(r"^ *visionsvakt (--config \S+ changes)$", running.out, re.M)
        changes = home.json(*command.split())["changes"]
        assert len(changes) == 7
        assert running.stop(signal.SIGINT) < 15
        assert running.process.returncode == 0
        assert "Klart." in running.out
    assert left_behind(scratch) == []


@pytest.mark.skipif(not hasattr(os, "unshare") and sys.platform != "linux", reason="Linux only")
def test_it_needs_no_network_at_all(scratch: Path) -> None:
    """In a network namespace of its own, where there is nothing but loopback."""
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c"]
    try:
        able = subprocess.run([*command, "ip link set lo up"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if able.returncode:
        pytest.skip("no network namespaces here: " + able.stderr.decode().strip())
    done = subprocess.run(
        [*command, f"ip link set lo up && exec {PROGRAM} demo"],
        env=environment(scratch),
        cwd=scratch,
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Klart." in done.stdout.decode()
