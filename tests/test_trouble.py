"""Trouble with the store, met by the real program: one clear line, nothing lost, nothing half
written, and the next run goes on."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.hooks import SECRET, Hook
from tests.support.program import (
    FIRST,
    FOURTH,
    PROGRAM,
    SECOND,
    THIRD,
    Done,
    Home,
    by_hook,
    config,
    free_port,
    page,
    table,
    until,
)
from tests.support.web import Asked, Served, Site

EDITIONS = (FIRST, SECOND, THIRD, FOURTH)


class Vision(Site):
    """A site whose one page says what `html` is."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.html = FIRST.html

    def _page(self, asked: Asked) -> Served:
        return Served(b"", 404) if asked.path == "/robots.txt" else Served(self.html)


@pytest.fixture
def site() -> Iterator[Vision]:
    with Vision() as one:
        yield one


def one_line(done: Done, code: int = 1) -> str:
    """The one line of a command that failed: no traceback, nothing on standard output."""
    assert (done.code, done.out) == (code, ""), done
    (line,) = done.err.splitlines()
    assert "Traceback" not in line
    assert "oväntat fel" not in line
    return line


def holds(home: Home) -> dict[str, Any]:
    """What `verify` says of a store that must hold, and SQLite of its file."""
    document: dict[str, Any] = home.json("verify")
    assert (document["ok"], document["problems"]) == (True, [])
    return document


@contextmanager
def mounted(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A small disk of its own, mounted on a folder. Skips for who may not mount."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("a disk of its own can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> Path:
    """Use up what is left on a disk."""
    filler = disk / "annat"
    with filler.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return filler


# ------------------------------------------------------------------------------------ a full disk


def test_a_full_disk_is_one_line_and_the_next_look_goes_on(site: Vision, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 2000) as disk, Hook() as hook:
        home = Home(
            tmp_path,
            config(
                table("[database]", url="sqlite:///disk/historik.db"),
                page("granvik", site.url("/p")),
                by_hook(hook.url("/hook")),
            ),
            {"HOOK_SECRET": SECRET},
        )
        assert home.json("check")["checks"][0]["outcome"] == "first"
        before = holds(home)
        filler = fill(disk)
        site.html = SECOND.html
        line = one_line(home.run("check"))
        assert "disken är full" in line
        assert "historik.db" in line
        filler.unlink()
        assert holds(home) == before
        (check,) = home.json("check")["checks"]
        assert (check["outcome"], len(check["changes"])) == ("changed", 2)
        assert home.json("deliver")["sent"] >= 1
        digests = [one for one in hook.documents if one["type"] == "visionsvakt.digest"]
        assert len(digests) == 1
        holds(home)


def troubles(port: int) -> float:
    """How much trouble a worker has met, by its own figures."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    (line,) = re.findall(r"^visionsvakt_troubles_total (\S+)$", text, re.M)
    return float(line)


@pytest.mark.slow
def test_on_a_full_disk_a_worker_says_once_what_it_meets_at_each_tick(
    site: Vision, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk", 2000) as disk, Hook() as hook:
        port = free_port()
        home = Home(
            tmp_path,
            config(
                table("[database]", url="sqlite:///disk/historik.db"),
                page("granvik", site.url("/p")),
                page("hamnen", site.url("/h"), every="1s"),  # a tick a second
                by_hook(hook.url("/hook")),
                listen=f"127.0.0.1:{port}",
            ),
            {"HOOK_SECRET": SECRET},
        )
        home.run("check")
        site.html = SECOND.html
        assert home.json("check")["checks"][0]["outcome"] == "changed"
        filler = fill(disk)
        with home.started("run") as worker:
            # It can't even become the worker: that is one line, and the end.
            assert "disken är full" in worker.line("disken är full")
            worker.wait()
        filler.unlink()
        with home.started("run") as worker:
            until(lambda: any(one["type"] == "visionsvakt.digest" for one in hook.documents))
            site.html = THIRD.html
            filler = fill(disk)
            worker.line("disken är full")
            until(lambda: troubles(port) >= 5)
            met = [one for one in worker.err if "disken är full" in one]
            assert len(met) == len(set(met)), met
            filler.unlink()
        holds(home)


def test_a_backup_that_does_not_fit_leaves_no_file(site: Vision, tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    home.run("check")
    with mounted(tmp_path / "disk", 64) as disk:
        line = one_line(home.run("backup", "disk/kopia.db"))
        assert "disk/kopia.db" in line
        assert list(disk.iterdir()) == []
        fill(disk)
        assert "x.json" in one_line(home.run("export", "--format", "json", "disk/x.json"), 2)
        assert [file.name for file in disk.iterdir()] == ["annat"]
    holds(home)


def test_a_file_that_may_not_grow_is_one_line_too(site: Vision, tmp_path: Path) -> None:
    """Without a disk of its own: the same trouble by the limit on a file's size."""
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    home.run("check")
    before = holds(home)
    site.html = SECOND.html
    blocks = max(1, home.store.stat().st_size // 1024 // 64)
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; ulimit -f {blocks}; exec {PROGRAM} check"],
        cwd=home.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Databasen" in one_line(Done(("check",), done.returncode, done.stdout, done.stderr))
    assert holds(home) == before
    assert home.json("check")["checks"][0]["outcome"] == "changed"


# ------------------------------------------------------------------------------- locked, read-only


def test_a_locked_database_is_waited_for_then_named(site: Vision, tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    home.run("check")
    before = holds(home)
    conn = sqlite3.connect(home.store, isolation_level=None)
    conn.execute("BEGIN IMMEDIATE")
    try:
        line = one_line(home.run("check"))
    finally:
        conn.execute("ROLLBACK")
        conn.close()
    assert "låst av ett annat program" in line
    assert "visionsvakt.db" in line
    assert holds(home) == before
    assert home.json("check")["checks"][0]["outcome"] == "unchanged"


def test_a_lock_that_is_let_go_in_time_costs_nothing(site: Vision, tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    home.run("check")
    conn = sqlite3.connect(home.store, isolation_level=None, check_same_thread=False)
    conn.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(1.5, lambda: conn.execute("ROLLBACK"))
    timer.start()
    try:
        assert home.json("check")["checks"][0]["outcome"] == "unchanged"
    finally:
        timer.join()
        conn.close()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder nobody can write in: by the file's rights, or for root by how it is mounted."""
    if os.geteuid() == 0:
        remount = ["mount", "-o", "remount,ro", str(folder)]
        subprocess.run(remount, check=True)
        yield
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        return
    modes = {path: path.stat().st_mode for path in (folder, *folder.iterdir())}
    for path in modes:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield
    for path, mode in modes.items():
        path.chmod(mode)


@contextmanager
def place(folder: Path) -> Iterator[Path]:
    """Where the store goes for a test that makes it read-only."""
    if os.geteuid() == 0:
        with mounted(folder, 4000) as disk:
            yield disk
    else:
        folder.mkdir()
        yield folder


@pytest.mark.parametrize("words", [["check"], ["changes"], ["verify"]], ids=" ".join)
def test_a_read_only_database_is_one_line(site: Vision, tmp_path: Path, words: list[str]) -> None:
    with place(tmp_path / "disk") as disk:
        home = Home(
            tmp_path,
            config(
                table("[database]", url="sqlite:///disk/historik.db"),
                page("granvik", site.url("/p")),
            ),
        )
        home.run("check")
        before = holds(home)
        with read_only(disk):
            done = home.run(*words)
        assert done.code in (0, 1)
        if done.code:
            line = one_line(done)
            assert "historik.db" in line
            assert "rätt" in line
        else:
            assert words != ["check"]
        assert holds(home) == before


def test_a_file_that_is_no_database_is_named_with_the_mend(site: Vision, tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    home.store.write_text("Det här är ett brev, ingen databas. " * 200, encoding="utf-8")
    kept = home.store.read_bytes()
    line = one_line(home.run("check"))
    assert "restore" in line
    assert home.store.read_bytes() == kept


# ------------------------------------------------------------------------------------ a torn body


def imported(home: Home) -> None:
    for day, edition in zip((2, 9, 16, 23), EDITIONS, strict=True):
        (home.folder / f"202611{day:02}T070000Z.html").write_bytes(edition.html)
    home.json("import", "granvik", *sorted(one.name for one in home.folder.glob("2026*.html")))


def test_a_torn_body_is_found_and_named_and_takes_nothing_with_it(tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", "https://granvik.example/p")))
    imported(home)
    answers = [
        home.json("changes"),
        home.json("show", "granvik"),
        home.json("history", "Lånehunden"),
    ]
    conn = sqlite3.connect(home.store)
    key, data = conn.execute(
        "SELECT id, data FROM bodies WHERE data IS NOT NULL ORDER BY id DESC"
    ).fetchone()
    torn = data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
    conn.execute("UPDATE bodies SET data = ? WHERE id = ?", [torn, key])
    conn.commit()
    conn.close()
    done = home.json("verify", code=1)
    assert not done["ok"]
    assert done["problems"]
    said = home.run("verify")
    assert said.code == 1
    assert "Något håller inte" in said.out
    line = one_line(home.run("rebuild"))
    assert "restore" in line or "verify" in line or "säkerhetskopia" in line
    after = [home.json("changes"), home.json("show", "granvik"), home.json("history", "Lånehunden")]
    assert after == answers


# ------------------------------------------------------------------------ a clock that jumps back


def test_a_clock_that_jumps_back_keeps_the_order_and_is_on_record(
    site: Vision, tmp_path: Path
) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    (tmp_path / f"{ahead:%Y%m%dT%H%M%SZ}.html").write_bytes(FIRST.html)
    home.json("import", "granvik", f"{ahead:%Y%m%dT%H%M%SZ}.html")
    site.html = SECOND.html
    (check,) = home.json("check")["checks"]
    assert (check["outcome"], check["snapshot"]) == ("changed", 2)
    assert datetime.fromisoformat(check["captured_at"]) > ahead
    (change, _) = home.json("changes")["changes"]
    assert datetime.fromisoformat(change["before"]) > datetime.fromisoformat(change["after"])
    site.html = THIRD.html
    assert home.json("check")["checks"][0]["snapshot"] == 3
    conn = sqlite3.connect(home.store)
    notes = conn.execute("SELECT text FROM technical WHERE code = 'clock_behind'").fetchall()
    conn.close()
    assert notes
    assert "Klockan går" in notes[0][0]
    holds(home)
    before = home.json("changes")
    home.json("rebuild")
    assert home.json("changes") == before


# --------------------------------------------------------------------------- two programs at once


def test_two_checks_at_once_see_and_tell_a_change_once(site: Vision, tmp_path: Path) -> None:
    with Hook() as hook:
        home = Home(
            tmp_path,
            config(page("granvik", site.url("/p")), by_hook(hook.url("/hook"))),
            {"HOOK_SECRET": SECRET},
        )
        home.run("check")
        site.html = SECOND.html
        with home.started("check", "--json") as one, home.started("check", "--json") as other:
            assert (one.wait(), other.wait()) == (0, 0), (one.err, other.err)
        assert holds(home)["captures"] == 3
        changes = home.json("changes")["changes"]
        assert len(changes) == 2
        home.json("deliver")
        digests = [one for one in hook.documents if one["type"] == "visionsvakt.digest"]
        assert [len(one["data"]["changes"]) for one in digests] == [2]


def test_two_first_commands_at_once_make_one_store(site: Vision, tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    with home.started("check") as one, home.started("check") as other:
        assert (one.wait(), other.wait()) == (0, 0), (one.err, other.err)
    assert holds(home)["captures"] == 2
    assert home.json("show", "granvik")["snapshot"] == 1


def test_an_import_beside_a_running_worker_loses_nothing(site: Vision, tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"), every="1s")))
    past = tmp_path / "förr"
    past.mkdir()
    for number in range(60):
        edition = EDITIONS[number // 15]
        body = edition.html.replace(b"</main>", f"<!-- {number} --></main>".encode())
        (past / f"2025{1 + number // 28:02}{1 + number % 28:02}T070000Z.html").write_bytes(body)
    with home.started("run") as worker:
        worker.line("första avläsningen")
        done = home.json("import", "granvik", "förr")
        assert (done["imported"], done["quarantined"]) == (60, 0)
        worker.lines("inget har ändrats", 1)
        worker.stop()
        assert worker.process.returncode == 0
    assert not [line for line in worker.err if "oväntat" in line or "låst" in line]
    holds(home)
    before = home.json("changes")
    home.json("rebuild")
    assert home.json("changes") == before
    assert home.json("import", "granvik", "förr")["duplicates"] == 60


def test_a_killed_import_is_done_again_to_the_same(tmp_path: Path) -> None:
    past = tmp_path / "förr"
    past.mkdir()
    for number in range(400):
        edition = EDITIONS[number % 4]
        body = edition.html.replace(b"</main>", f"<!-- {number} --></main>".encode())
        at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        (past / f"{at:%Y%m%dT%H%M%SZ}.html").write_bytes(body)
    whole = Home(tmp_path / "hel", config(page("granvik", "https://granvik.example/p")))
    killed = Home(tmp_path / "dödad", whole.config)
    assert whole.json("import", "granvik", str(past))["imported"] == 400
    with killed.started("import", "granvik", str(past)) as running:
        running.line("NY HISTORIK")
        running.kill()
    done = killed.json("import", "granvik", str(past))
    assert done["imported"] + done["duplicates"] == 400
    for words in (["changes"], ["show", "granvik"], ["history", "Telefonvännen"]):
        assert killed.json(*words) == whole.json(*words)
    holds(killed)


def test_the_first_look_after_a_restore_says_what_is_new_since_the_copy(
    site: Vision, tmp_path: Path
) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"))))
    home.json("check")
    home.run("backup", "kopia.db")
    for name in home.folder.glob("visionsvakt.db*"):
        name.unlink()
    home.run("restore", "kopia.db")
    (check,) = home.json("check")["checks"]
    assert (check["outcome"], check["snapshot"], check["changes"]) == ("unchanged", 1, [])
    home.run("restore", "kopia.db")
    site.html = SECOND.html
    (check,) = home.json("check")["checks"]
    assert (check["outcome"], check["snapshot"], len(check["changes"])) == ("changed", 2, 2)


def test_a_restore_while_a_worker_runs_is_refused_and_changes_nothing(
    site: Vision, tmp_path: Path
) -> None:
    home = Home(tmp_path, config(page("granvik", site.url("/p"), every="1h")))
    home.run("check")
    assert home.run("backup", "kopia.db").code == 0
    with home.started("run") as worker:
        worker.line("vaktar")
        line = one_line(home.run("restore", "kopia.db"))
        assert "stoppa" in line
        worker.stop()
    assert home.run("restore", "kopia.db").code == 0
    holds(home)
    shutil.copy(home.folder / "kopia.db", home.folder / "stympad.db")
    with (home.folder / "stympad.db").open("r+b") as file:
        file.truncate(20_000)
    assert "stympad.db" in one_line(home.run("restore", "stympad.db"), 2)
    holds(home)
