"""Copies, the way back, and what is forgotten."""

from __future__ import annotations

import os
import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.errors import StoreBusy, StoreError, UsageError
from monitor.model import Observation
from snapshots import derived, facts, keeping, ledger, schema, watch
from snapshots.database import Database, open_database
from snapshots.facts import Anchor, NewCapture
from snapshots.holders import this_holder
from snapshots.verify import verify
from snapshots.watch import Synced, WatchedPage
from tests.support.editions import PROFILE, START, looks_at, page
from tests.support.histories import Style
from tests.test_store_fold import everything_derived, fold, record

HOUR = timedelta(hours=1)
LOOKS = looks_at(51, Style(size=9, events=(1, 2)), 5)
GRANVIK = WatchedPage("granvik", "Granvik", "https://granvik.example/", "granvik", "1h")


def tell(conn: Connection, number: int, state: str = "waiting", address: str = "a@x.se") -> None:
    """A message and its delivery, as telling leaves them."""
    message, at = f"m-{number}", START + number * HOUR
    payload = {"changes": [f"c-{number}"], "to": address}
    row = {"id": message, "subscription": "s", "kind": "digest", "channel": "email"}
    conn.execute(schema.messages.insert(), {**row, "created_at": at, "payload": payload})
    ledger.append_once(conn, "message", message, {"id": message, "payload": payload})
    delivery: dict[str, Any] = {"id": f"d-{number}", "message": message, "subscription": "s"}
    delivery |= {"channel": "email", "address": address, "state": state, "attempts": 0}
    conn.execute(schema.deliveries.insert(), {**delivery, "created_at": at})
    telling: dict[str, Any] = {
        "subscription": "s",
        "change": f"c-{number}",
        "page": "granvik",
        "cause": "look",
    }
    telling |= {"subject": "", "payload": {}, "created_at": at, "ready_at": at}
    conn.execute(schema.tellings.insert(), {**telling, "message": message})
    seen = Observation(f"k-{number}", 0)
    facts.anchor(conn, [Anchor(f"c-{number}", "change", "granvik", seen, at, "m", at)])


def states(conn: Connection) -> dict[str, str]:
    return {row.id: row.state for row in conn.execute(sa.select(schema.deliveries))}


@pytest.fixture
def full(store: Database) -> Database:
    """A store with history and something told."""
    with store.write() as conn:
        watch.sync_pages(conn, [GRANVIK], START)
    new = LOOKS
    record(store, new)
    with store.write() as conn:
        fold(conn, "granvik")
        facts.pack(conn, new[-1].at.date())
        tell(conn, 1, "sent")
        tell(conn, 2)
    return store


def test_a_copy_holds_everything_and_opens_as_a_store(full: Database, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    assert keeping.backup(full, file) == file.stat().st_size > 10_000
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("copy", "."))] == [
        "copy.db"
    ]
    copy = open_database(f"sqlite:///{file}")
    with copy.read() as conn, full.read() as original:
        assert everything_derived(conn) == everything_derived(original)
        assert list(facts.kept(conn, "granvik")) == list(facts.kept(original, "granvik"))
        assert verify(conn) == verify(original)
        assert verify(conn).ok
    copy.close()
    with pytest.raises(UsageError, match="finns redan"):
        keeping.backup(full, file)
    with pytest.raises(UsageError, match=r"mappen .* finns inte"):
        keeping.backup(full, tmp_path / "nowhere" / "copy.db")


def test_a_copy_is_of_one_moment_while_others_write(full: Database, tmp_path: Path) -> None:
    stop = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not stop.is_set():
            with full.write() as conn:
                tell(conn, 100 + written)
            written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        keeping.backup(full, tmp_path / "copy.db")
    finally:
        stop.set()
        writer.join()
    copy = open_database(f"sqlite:///{tmp_path / 'copy.db'}")
    with copy.read() as conn:
        assert verify(conn).ok
        assert len(states(conn)) == conn.scalar(
            sa.select(sa.func.count()).select_from(schema.messages)
        )
    copy.close()


def test_a_store_comes_back_as_it_was_and_what_was_told_stays_told(
    full: Database, tmp_path: Path
) -> None:
    file = tmp_path / "copy.db"
    keeping.backup(full, file)
    with full.read() as conn:
        looks = list(facts.kept(conn, "granvik"))
        held = everything_derived(conn)
    with full.write() as conn:
        later = replace(LOOKS[0], at=LOOKS[-1].at + HOUR)
        facts.record(conn, later)
        fold(conn, "granvik")
        conn.execute(schema.deliveries.update().values(state="sent"))
        tell(conn, 3, "sent")
    restored = keeping.restore(full, file, START)
    assert (restored.captures, restored.told_since, restored.uncertain) == (len(looks), 1, 0)
    with full.write() as conn:
        assert list(facts.kept(conn, "granvik")) == looks
        assert all(row.pop("stale") for row in _cursors(conn))
        conn.execute(schema.cursors.update().values(stale=False))
        assert everything_derived(conn) == held
        assert states(conn) == {"d-1": "sent", "d-2": "sent", "d-3": "sent"}
        assert {anchor.id for anchor in facts.anchors(conn)} == {"c-1", "c-2", "c-3"}
        assert [one.code for one in facts.technical_log(conn)] == ["restored"]
        found = verify(conn, {"message": _messages})
        assert found.problems == ()
        facts.record(conn, later)
        fold(conn, "granvik")
        tell(conn, 4)


def _without_cursors(conn: Connection) -> dict[str, Any]:
    return {name: rows for name, rows in everything_derived(conn).items() if name != "cursors"}


def _cursors(conn: Connection) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in conn.execute(sa.select(schema.cursors))]


def _messages(conn: Connection) -> Any:
    for row in conn.execute(sa.select(schema.messages)):
        yield row.id, {"id": row.id, "payload": row.payload}


def test_in_a_new_store_what_waited_is_set_aside_not_sent_twice(
    full: Database, store_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "copy.db"
    keeping.backup(full, file)
    other = open_database(f"sqlite:///{tmp_path / 'other.db'}")
    restored = keeping.restore(other, file, START)
    assert (restored.told_since, restored.uncertain) == (0, 1)
    with other.read() as conn, full.read() as original:
        assert states(conn) == {"d-1": "sent", "d-2": "dead"}
        assert _without_cursors(conn) == _without_cursors(original)
    other.close()


def test_a_store_moves_from_sqlite_to_postgresql(
    sqlite_store: Database, postgresql: Any, tmp_path: Path
) -> None:
    record(sqlite_store, looks_at(52))
    with sqlite_store.write() as conn:
        fold(conn, "granvik")
    keeping.backup(sqlite_store, tmp_path / "copy.db")
    target = open_database(postgresql.create())
    keeping.restore(target, tmp_path / "copy.db", START)
    with target.write() as conn, sqlite_store.read() as original:
        assert _without_cursors(conn) == _without_cursors(original)
        assert verify(conn).ok
        facts.record(conn, replace(looks_at(53)[1], at=looks_at(52)[-1].at + HOUR))
        fold(conn, "granvik")
        tell(conn, 9)
    target.close()


@pytest.mark.parametrize("content", [b"", b"Hej! " * 999, None])
def test_what_is_no_copy_is_refused_and_the_store_stays(
    full: Database, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "brev.db"
    if content is not None:
        file.write_bytes(content)
    with full.read() as conn:
        before = verify(conn)
    with pytest.raises(UsageError, match=r"brev\.db"):
        keeping.restore(full, file, START)
    with full.read() as conn:
        assert verify(conn) == before


def test_a_restoration_that_fails_leaves_the_store_as_it_was(
    full: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "copy.db"
    keeping.backup(full, file)
    with full.read() as conn:
        before = verify(conn)

    def broken(*args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(keeping, "_tell_no_more", broken)
    with pytest.raises(ZeroDivisionError):
        keeping.restore(full, file, START)
    with full.read() as conn:
        assert verify(conn) == before


def test_nothing_is_restored_under_a_running_worker(full: Database, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    keeping.backup(full, file)
    with full.write() as conn:
        assert watch.take_worker_lease(conn, this_holder(), START, 60) is None
    with pytest.raises(StoreBusy, match="stoppa"):
        keeping.restore(full, file, START)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_copy_that_cannot_be_written_leaves_nothing(
    full: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*args: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(keeping, "_on_disk", full_disk)
    with pytest.raises(StoreError, match="kan inte skrivas"):
        keeping.backup(full, tmp_path / "copy.db")
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []


def test_a_change_told_after_the_copy_is_not_news_when_it_is_seen_again(
    store: Database, tmp_path: Path
) -> None:
    from monitor.model import Initiative
    from pipeline.derive import derive, publish
    from pipeline.watched import Watched

    watched = Watched("granvik", "granvik", "Granvik", GRANVIK.url, PROFILE)
    before = [
        Initiative(f"Insats {number}", f"Vi gör {number} saker.", status=status)
        for number in range(4)
        for status in ("ongoing", "developing", "partnership")
    ]
    after = [replace(before[0], description="Vi gör allt."), *before[1:]]

    def look(hours: int, items: list[Initiative]) -> tuple[str, ...]:
        with store.write() as conn:
            watch.sync_pages(conn, [GRANVIK], START)
            facts.record(
                conn,
                NewCapture("granvik", START + hours * HOUR, page(items), content_type="text/html"),
            )
            found = derive(conn, watched).changes
            publish(conn, watched, found, START + hours * HOUR)
            return found

    look(0, before)
    keeping.backup(store, tmp_path / "copy.db")
    (told,) = look(1, after)
    keeping.restore(store, tmp_path / "copy.db", START)
    assert look(2, after) == ()
    with store.read() as conn:
        assert [one.change.id for one in derived.stored_changes(conn, "granvik")] == [told]
    assert len(look(3, before)) == 1


# ------------------------------------------------------------------------------------------ forget


def test_an_address_is_forgotten_everywhere_and_the_log_stays_whole(full: Database) -> None:
    address = "vera.ek@granvik.example"
    with full.write() as conn:
        tell(conn, 5, "sent", address)
        tell(conn, 6, "waiting", address)
        row = {"subscription": "s", "address": address, "channel": "email", "since": START}
        conn.execute(schema.subscribers.insert(), {**row, "welcomed": True})
        text = {"result": "again", "text": f"450 <{address}> vänta"}
        conn.execute(schema.attempts.insert(), {"delivery": "d-5", "at": START, **text})
    gone = keeping.forget(full, address, "Vera", f"Bad om det, {address}.", START)
    assert (gone.subscribers, gone.deliveries, gone.messages) == (1, 2, 2)
    with full.read() as conn:
        for table in schema.metadata.sorted_tables:
            for row_ in conn.execute(sa.select(table)):
                assert address not in str(tuple(row_))
        assert states(conn)["d-6"] == "dead"
        assert states(conn)["d-5"] == "sent"
        assert facts.decision_log(conn)[-1].what.kind == "forget"
        assert verify(conn, {"message": _messages}).problems == ()
    with pytest.raises(UsageError, match="finns inte"):
        keeping.forget(full, address, "Vera", "Igen.", START)
    if full.path is not None:
        full.close()
        for file in full.path.parent.glob(full.path.name + "*"):
            assert address.encode() not in file.read_bytes()


# ------------------------------------------------------------------------------------------ rename


def test_a_renamed_page_keeps_its_history_and_the_renaming_is_on_record(full: Database) -> None:
    new = replace(GRANVIK, id="visionen")
    with full.write() as conn:
        watch.sync_pages(conn, [new], START)  # the configuration was changed first
        assert watch.page(conn, "granvik").retired_at is not None
    keeping.rename_page(full, "granvik", "visionen", "Vera", START)
    with full.write() as conn:
        watch.sync_pages(conn, [new], START)
        row = watch.page(conn, "visionen")
        assert (row.key, row.retired_at) == ("granvik", None)
        assert derived.load(conn, row.key)[0].number > 1
        assert facts.decision_log(conn)[-1].what.kind == "rename"
        assert verify(conn).ok
    with pytest.raises(UsageError, match="granvik: ingen sådan sida"):
        keeping.rename_page(full, "granvik", "else", "Vera", START)


def test_a_configuration_with_the_name_from_before_begins_no_second_history(full: Database) -> None:
    keeping.rename_page(full, "granvik", "visionen", "Vera", START)
    with full.write() as conn:
        assert watch.sync_pages(conn, [GRANVIK], START) == Synced(outdated={"granvik": "visionen"})
        assert watch.page(conn, "visionen").retired_at is None
        other = replace(GRANVIK, url="https://annat.granvik.example/")  # is another page
        assert watch.sync_pages(conn, [other], START).added == ("granvik",)
        assert watch.page(conn, "granvik").key == "granvik~2"


def test_a_page_whose_name_is_changed_back_goes_on(full: Database) -> None:
    keeping.rename_page(full, "granvik", "visionen", "Vera", START)
    keeping.rename_page(full, "visionen", "granvik", "Vera", START)
    with full.write() as conn:
        assert watch.sync_pages(conn, [GRANVIK], START).added == ()
        assert derived.load(conn, watch.page(conn, "granvik").key)[0].number > 1


def test_the_newest_copies_are_kept(tmp_path: Path) -> None:
    for day in range(1, 8):
        (tmp_path / f"visionsvakt-2026010{day}.db").write_bytes(b"x")
    (tmp_path / "annat.txt").write_bytes(b"x")
    old = keeping.take_turns(tmp_path, 3, lambda name: name.startswith("visionsvakt-"))
    assert [path.name[-4] for path in old] == ["1", "2", "3", "4"]
    assert len(list(tmp_path.iterdir())) == 4


def test_a_copy_is_an_ordinary_sqlite_file(full: Database, tmp_path: Path) -> None:
    keeping.backup(full, tmp_path / "copy.db")
    with sqlite3.connect(f"file:{tmp_path / 'copy.db'}?mode=ro", uri=True) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert conn.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    conn.close()
