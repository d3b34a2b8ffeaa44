"""Ten years of hourly looks at one page, many pages in one store: their bytes, quick answers.

    python -m benchmarks.history [--years 10] [--quick]
    python -m benchmarks.history --pages 40 [--years 0.2]      # in full: --pages 1000 --years 1

An invented page of 140 initiatives with 500 real changes over ten years (fewer for fewer years),
looked at every hour: once where nearly every answer is a 304, once where every answer is a whole
page that differs by a nonce. Sizes are of the SQLite file after VACUUM, the log (which grows by an
entry a look and is what proves history) measured apart. `--quick` leaves the nonces out.

`--pages` fills one SQLite file with so many different pages, four of them siblings each time, whose
answers are 304 or equal; one page after the other. A thousand pages for a year are 8.8 million
looks: some hours; the bytes a page and a year say what fewer would come to.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from monitor.identity.lives import join
from monitor.model import Decisions, Link, Reason
from monitor.step import needs_body, step
from snapshots import derived, facts, history, watch
from snapshots.database import Database, open_database
from snapshots.facts import NewCapture
from snapshots.search import search
from snapshots.watch import WatchedPage
from tests.support.editions import READER, page
from tests.support.histories import STATUSES, Style, make_history

HOURS_A_YEAR = 8760
START = datetime(2026, 1, 1, tzinfo=UTC)
URL = "https://granvik.example/vision"
KEY = "granvik"
GRANVIK = WatchedPage(KEY, "Granvik", URL, "granvik", "1h")


def editions(changes: int, number: int = 0) -> list[bytes]:
    """The page as it was, and after each change: one initiative reworded, moved, renamed, with
    another link, gone or new. Each `number` is another page."""
    dice = random.Random(3 + number)
    style = Style(size=140, sentences=(2, 4))
    seeds = range(5 * number, 5 * number + 5)
    pool = [item for seed in seeds for item in make_history(seed, style, 1).editions[0].initiatives]
    now, spare = pool[:140], pool[140:]
    made = [page(now)]
    for number in range(changes):
        kind = dice.choices(
            ("reword", "move", "rename", "relink", "leave", "enter"), (45, 15, 10, 10, 10, 10)
        )[0]
        at = dice.randrange(len(now))
        item = now[at]
        if kind == "reword":
            sentences = item.description.split(". ")
            sentences[dice.randrange(len(sentences))] = f"Arbetet följs upp år {2026 + number}"
            now[at] = replace(item, description=". ".join(sentences))
        elif kind == "move":
            others = [status for status in STATUSES if status != item.status]
            now[at] = replace(item, status=dice.choice(others))
        elif kind == "rename":
            now[at] = replace(item, title=f"{item.title} {number}")
        elif kind == "relink":
            link = Link(f"Läs mer om etapp {number}", f"https://granvik.example/{number}.html")
            now[at] = replace(item, links=(link,))
        elif kind == "leave" and len(now) > 120:
            del now[at]
        elif spare:
            now.insert(at, spare.pop())
        made.append(page(now))
    return made


def exchange(at: datetime, status: int, etag: str, size: int) -> tuple[dict[str, Any], ...]:
    """A hop as the fetcher keeps it."""
    moment = at + timedelta(microseconds=at.microsecond % 977 + 150)
    headers = [
        ["Date", format_datetime(at.replace(microsecond=0), usegmt=True)],
        ["Server", "SiteVision"],
        ["ETag", etag],
        ["Cache-Control", "private, no-cache"],
        ["Strict-Transport-Security", "max-age=31536000"],
    ]
    if status == 200:
        headers += [["Content-Type", "text/html;charset=UTF-8"], ["Content-Length", str(size)]]
    return (
        {
            "url": URL,
            "status": status,
            "http_version": "HTTP/1.1",
            "request_headers": [
                ["User-Agent", "Visionsvakt/0.1 (+webb@granvik.example)"],
                ["If-None-Match", etag],
            ],
            "headers": headers,
            "body": "",
            "address": "192.0.2.7",
            "certificate_sha256": hashlib.sha256(b"granvik").hexdigest(),
            "via_proxy": False,
            "started_at": moment.isoformat(),
        },
    )


def looks(years: float, pages: list[bytes], *, nonce: bool, key: str = KEY) -> Iterator[NewCapture]:
    """Every hour, some seconds after it; a failure now and then."""
    dice = random.Random(1)
    hours = int(years * HOURS_A_YEAR)
    etags = [f'"{hashlib.md5(one, usedforsecurity=False).hexdigest()}"' for one in pages]
    hashes = [hashlib.sha256(one).hexdigest() for one in pages]
    shown = -1
    for hour in range(hours):
        at = START + timedelta(hours=hour, microseconds=dice.randrange(4_000_000))
        edition = min(hour * len(pages) // hours, len(pages) - 1)
        etag = etags[edition]
        if dice.random() < 0.002:
            yield NewCapture(key, at, failure=Reason("timeout", "Sidan svarade inte i tid."))
            continue
        kind = "text/html;charset=UTF-8"
        if nonce:
            value = f"{dice.getrandbits(128):032x}".encode()
            body = pages[edition].replace(b"nonce=''", b"nonce='%s'" % value)
            hops = exchange(at, 200, f'"{value[:12].decode()}"', len(body))
            yield NewCapture(key, at, body, content_type=kind, final_url=URL, exchange=hops)
        elif edition != shown:
            hops = exchange(at, 200, etag, len(pages[edition]))
            body = pages[edition]
            yield NewCapture(key, at, body, content_type=kind, final_url=URL, exchange=hops)
        else:
            hops = exchange(at, 304, etag, 0)
            yield NewCapture(
                key, at, again=True, final_url=URL, exchange=hops, body_hash=hashes[shown]
            )
        shown = edition


def fill(
    store: Database,
    new: Iterator[NewCapture],
    pages: list[bytes],
    watched: WatchedPage = GRANVIK,
) -> float:
    """Record and fold; pack each month when it is over. Returns CPU seconds.

    Of answers that differ by a nonce only the first of each edition is folded: reading the others
    takes most of an hour, and changes nothing that is stored but the cursor.
    """
    known = {hashlib.sha256(body).digest() for body in pages}
    began = time.process_time()
    with store.write() as conn:
        watch.sync_pages(conn, [watched], START)
    key = watched.id
    none = Decisions()
    last: datetime | None = None
    batch: list[NewCapture] = []

    def keep() -> None:
        with store.write() as conn:
            for one in batch:
                facts.record(conn, one)
            state, cursor = derived.load(conn, key)
            for look in facts.looks(conn, key, cursor.after):
                body = facts.body(conn, look) if needs_body(state, look, READER, none) else None
                if body is not None and state.number:
                    edition = _plain(body)
                    if edition not in known:
                        continue
                    known.discard(edition)
                came = step(state, look, body, READER, none)
                cursor = derived.save(conn, key, look, came, cursor)
                state = came.state
            facts.pack(conn, batch[-1].at.date(), key)
        batch.clear()

    for one in new:
        if last is not None and one.at.month != last.month:
            keep()
        batch.append(one)
        last = one.at
    keep()
    with store.write() as conn:
        facts.pack(conn, (last or START).date() + timedelta(days=1), key)
        derived.set_lives(conn, join(derived.track_summaries(conn, watched.group), {}))
    return time.process_time() - began


def _plain(body: bytes) -> bytes:
    """The hash of an edition, whatever its nonce."""
    return hashlib.sha256(re.sub(rb"nonce='[0-9a-f]*'", b"nonce=''", body)).digest()


def sizes(file: Path) -> tuple[int, int, dict[str, int]]:
    """Bytes of the whole store, bytes without the log, and by table."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        with sqlite3.connect(file) as conn:
            conn.execute("VACUUM INTO ?", (str(copy),))
        whole = copy.stat().st_size
        parts = {}
        with sqlite3.connect(copy) as conn:
            names = [
                name
                for (name,) in conn.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
                )
                if not name.startswith(("sqlite_", "item_search_"))
            ]
            for name in names:
                before = copy.stat().st_size
                conn.execute("PRAGMA foreign_keys=OFF")
                if name == "item_versions":
                    conn.execute("DROP TRIGGER IF EXISTS item_search_came")
                    conn.execute("DROP TRIGGER IF EXISTS item_search_left")
                conn.execute(f'DROP TABLE "{name}"')
                conn.commit()
                conn.execute("VACUUM")
                parts[name] = before - copy.stat().st_size
        return whole, whole - parts["ledger"], parts


def quickest(work: Callable[[], object], times: int = 20) -> float:
    """The median of some runs, in milliseconds of CPU (nothing here waits)."""
    taken = []
    for _ in range(times):
        began = time.thread_time()
        work()
        taken.append(time.thread_time() - began)
    return sorted(taken)[len(taken) // 2] * 1000


def answers(store: Database, years: float, key: str = KEY) -> dict[str, float]:
    """Milliseconds for each question; `--as-of` and `changes` ask for another time each run."""
    dice = random.Random(5)
    whole = timedelta(days=365 * years)
    month = min(timedelta(days=30), whole / 4)

    def moment() -> datetime:
        return START + timedelta(hours=3) + dice.random() * (whole - month - timedelta(hours=3))

    def changes_of_a_month() -> object:
        then = moment()
        return history.changes(conn, since=then, until=then + month)

    with store.read() as conn:
        shown = history.show(conn, key)
        assert shown is not None
        name = max(
            (one.id for one in shown.initiatives),
            key=lambda one: len(history.find_changes(conn, history.Wanted(initiative=one))),
        )
        return {
            "show": quickest(lambda: history.show(conn, key)),
            "show --as-of": quickest(lambda: history.show(conn, key, moment())),
            "history": quickest(lambda: history.life(conn, name)),
            "changes of a month": quickest(changes_of_a_month),
            "search": quickest(lambda: search(conn, "skolan"), 5),
            "search of a common word": quickest(lambda: search(conn, "och"), 5),
            "coverage of it all": quickest(
                lambda: history.coverage(conn, key, None, START + whole + timedelta(days=1)), 1
            ),
        }


LIMITS = {"show --as-of": 5, "history": 5, "search": 50}
"""Milliseconds."""


def judged(name: str, found: dict[str, float]) -> list[str]:
    """Print the answers' times; returns those that miss their mark."""
    for question, milliseconds in found.items():
        print(f"  {question}: {milliseconds:.1f} ms")
    return [
        f"{name}: {question} {found[question]:.1f} ms"
        for question, limit in LIMITS.items()
        if found[question] > limit
    ]


def many(file: Path, count: int, years: float) -> list[str]:
    """Fill one store with many pages and ask it; returns what misses its mark."""
    store = open_database(f"sqlite:///{file}")
    seconds = 0.0
    for number in range(count):
        name = f"sida-{number}"
        group = f"granvik-{number // 4}"
        pages = editions(max(1, round(50 * years)), number)
        one = WatchedPage(name, name, f"{URL}/{number}", group, "1h")
        seconds += fill(store, looks(years, pages, nonce=False, key=name), pages, one)
    whole, without, parts = sizes(file)
    print(f"\n{count} pages: {without:,} bytes, with the log {whole:,} ({seconds:.0f} s of CPU)")
    print("  " + ", ".join(f"{key} {value:,}" for key, value in parts.items() if value > 8192))
    print(f"  {without / count / years:,.0f} bytes a page and year, the log apart")
    missed = judged(f"{count} pages", answers(store, years, f"sida-{count // 2}"))
    store.close()
    return missed


def main() -> int:
    """Print every figure; 1 where one misses its mark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=float, help="10, or 0.2 with --pages")
    parser.add_argument("--pages", type=int, default=1, help="so many in one store")
    parser.add_argument("--quick", action="store_true", help="without the nonces")
    parser.add_argument("--nonce", action="store_true", help="only the nonces")
    asked = parser.parse_args()
    asked.years = asked.years or (10 if asked.pages == 1 else 0.2)
    if asked.pages > 1:
        with tempfile.TemporaryDirectory() as scratch:
            return told(many(Path(scratch) / "many.db", asked.pages, asked.years))
    changes = round(50 * asked.years)
    pages = editions(changes)
    print(f"{changes} changes, {len(pages[0])} bytes a page, {asked.years:g} years of hours")
    missed: list[str] = []
    marks = {False: 2_000_000, True: 40_000_000}
    folder = Path(tempfile.mkdtemp())
    try:
        for nonce in (False,) if asked.quick else (True,) if asked.nonce else (False, True):
            name = "every answer differs by a nonce" if nonce else "304 or equal"
            file = folder / f"{nonce}.db"
            store = open_database(f"sqlite:///{file}")
            seconds = fill(store, looks(asked.years, pages, nonce=nonce), pages)
            whole, without, parts = sizes(file)
            print(f"\n{name}: {without:,} bytes, with the log {whole:,} ({seconds:.0f} s of CPU)")
            shown = {key: value for key, value in parts.items() if value > 8192}
            print("  " + ", ".join(f"{key} {value:,}" for key, value in shown.items()))
            if without > marks[nonce] * asked.years / 10 + 400_000 * (asked.years < 10):
                missed.append(f"{name}: {without:,} bytes")
            missed += judged(name, answers(store, asked.years))
            store.close()
    finally:
        shutil.rmtree(folder)
    return told(missed)


def told(missed: list[str]) -> int:
    """Print what missed its mark; the exit status."""
    for one in missed:
        print(f"MISSED {one}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
