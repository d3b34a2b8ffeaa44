"""The store's door, and the facts behind it: kept whole, in order, once."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import threading
import zlib
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import ConfigurationError, StoreBusy, StoreError
from monitor.model import Decisions, Observation, Reason
from snapshots import database, facts, ledger, packing, schema, wire
from snapshots.database import Database, open_database
from snapshots.facts import Anchor, NewCapture, NewDecision
from snapshots.verify import verify

START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hop(at: datetime, status: int = 200) -> dict[str, Any]:
    return {
        "url": "https://granvik.example/vision",
        "status": status,
        "headers": [
            ["Date", (at + timedelta(seconds=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")],
            ["Last-Modified", "Thu, 01 Jan 2026 09:00:00 GMT"],
            ["Server", "granvik/1.0 åäö"],
        ],
        "started_at": (at + timedelta(microseconds=123456)).isoformat(),
    }


def seen(number: int, **values: Any) -> NewCapture:
    at = START + number * HOUR + timedelta(microseconds=number * 7919)
    what: dict[str, Any] = {
        "page": "granvik",
        "at": at,
        "content_type": "text/html; charset=utf-8",
        "final_url": "https://granvik.example/vision",
        "exchange": (hop(at),),
    }
    if not {"body", "again", "failure"} & set(values):
        values["body"] = f"<h1>{number}</h1>".encode()
    return NewCapture(**{**what, **values})


# ------------------------------------------------------------------------------------------ facts


def test_a_look_comes_back_with_everything_that_was_seen(store: Database) -> None:
    failure = Reason("http_status", "Sidan svarade 503.", detail="503")
    new = [seen(0), seen(1, again=True), seen(2, failure=failure), seen(3), seen(4, body=b"")]
    with store.write() as conn:
        recorded = [facts.record(conn, one) for one in new]
    with store.read() as conn:
        looks = list(facts.looks(conn, "granvik"))
        assert [look.id for look in looks] == [one.id for one in recorded]
        assert [look.at for look in looks] == [one.at for one in new]
        assert [look.again for look in looks] == [False, True, False, False, False]
        assert looks[1].body == looks[0].body
        assert looks[2].failure == failure
        assert looks[2].body is None
        assert facts.body(conn, looks[3]) == b"<h1>3</h1>"
        assert facts.body(conn, looks[4]) == b""
        assert list(facts.exchange(conn, recorded[2].id)) == json.loads(json.dumps(new[2].exchange))
        assert list(facts.looks(conn, "granvik", (looks[2].at, looks[2].id))) == looks[3:]
        assert list(facts.looks(conn, "another")) == []
        assert facts.last_at(conn, "granvik") == new[4].at
        assert facts.capture(conn, "k-nothing") is None


def test_a_page_was_looked_at_since_a_moment_whether_its_looks_are_packed_or_not(
    store: Database,
) -> None:
    at = seen(3).at
    with store.write() as conn:
        facts.record(conn, seen(1))
        facts.record(conn, seen(3))
        for _ in ("loose", "packed"):
            assert facts.looked_since(conn, ("another", "granvik"), at) == {"granvik"}
            assert facts.looked_since(conn, ("another", "granvik"), at + HOUR) == set()
            facts.pack(conn, date(2100, 1, 1))
        assert conn.execute(sa.select(sa.func.count()).select_from(schema.captures)).scalar() == 0


def test_the_same_page_time_and_bytes_twice_is_one_capture(store: Database) -> None:
    with store.write() as conn:
        first = facts.record(conn, seen(3))
        assert facts.record(conn, seen(3)) == replace(first, duplicate=True)
        assert not facts.record(conn, seen(3, body=b"else")).duplicate
        assert not facts.record(conn, seen(3, page="another")).duplicate
        assert len(list(facts.looks(conn, "granvik"))) == 2
    with store.write() as conn:
        facts.pack(conn, date(2026, 2, 1))
        assert facts.record(conn, seen(3)).duplicate
        assert len(list(facts.looks(conn, "granvik"))) == 2


def test_an_older_capture_says_so_and_stands_where_its_time_says(store: Database) -> None:
    with store.write() as conn:
        assert not facts.record(conn, seen(5)).older
        assert facts.record(conn, seen(2)).older
        assert not facts.record(conn, seen(7)).older
        assert [look.at.hour for look in facts.looks(conn, "granvik")] == [9, 12, 14]


def test_a_304_repeats_the_last_body_before_it_packed_or_not(store: Database) -> None:
    with store.write() as conn:
        facts.record(conn, seen(0))
        facts.record(conn, seen(1))
        facts.pack(conn, date(2026, 2, 1))
        facts.record(conn, seen(2, again=True))
        facts.record(conn, seen(800))
        looks = list(facts.looks(conn, "granvik"))
    assert looks[2].body == looks[1].body != looks[3].body
    with pytest.raises(ValueError, match="304"), store.write() as conn:
        facts.record(conn, seen(0, page="new", again=True))


def test_packing_loses_nothing_and_takes_up_what_comes_later(store: Database) -> None:
    failure = Reason("timeout", "Tog för lång tid.")
    new = [
        seen(number, failure=failure)
        if number % 50 == 7
        else seen(number, body=b"A")
        if number % 40 == 0
        else seen(number, again=True)
        for number in range(0, 1500, 2)
    ]
    with store.write() as conn:
        for one in new:
            facts.record(conn, one)
        before = list(facts.kept(conn, "granvik"))
        assert facts.pack(conn, date(2026, 1, 20)) == sum(
            one.at < datetime(2026, 1, 20, tzinfo=UTC) for one in new
        )
        assert list(facts.kept(conn, "granvik")) == before
        facts.pack(conn, date(2026, 2, 20))
        assert list(facts.kept(conn, "granvik")) == before
        assert conn.scalar(sa.select(sa.func.count()).select_from(schema.capture_packs)) == 2
        facts.record(conn, seen(301))
        assert facts.pack(conn, date(2026, 2, 20)) > 0
        whole = list(facts.looks(conn, "granvik"))
        assert len(whole) == len(before) + 1
        assert whole == sorted(whole, key=lambda look: (look.at, look.id))
        middle = whole[700 // 2]
        assert list(facts.looks(conn, "granvik", (middle.at, middle.id))) == whole[351:]
        assert facts.capture(conn, middle.id) == facts.capture(conn, middle.id, "granvik")
        assert facts.exchange(conn, whole[5].id) != ()
        some = list(facts.kept(conn, "granvik", START + 24 * HOUR, START + 48 * HOUR))
        assert len(some) == 12


_text = st.none() | st.text(max_size=8)
_moments = st.datetimes(
    min_value=datetime(1999, 1, 1),  # noqa: DTZ001 (hypothesis adds the zone)
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(
    st.lists(
        st.builds(
            packing.Capture,
            page=st.just("granvik"),
            at=_moments,
            came=st.sampled_from(["body", "again", "failure"]),
            body=st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex),
            failure=_text,
            failure_text=_text,
            failure_detail=_text,
            content_type=_text,
            final_url=_text,
            exchange=st.text(max_size=20).map(json.dumps)
            | _moments.map(lambda at: json.dumps({"a": at.isoformat(), "b": hop(at)})),
            source=st.just("look"),
        ),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=60, deadline=None)
def test_any_captures_come_back_from_a_pack_as_they_were(captures: list[packing.Capture]) -> None:
    assert list(packing.Pack(packing.pack(captures)).captures()) == captures


def test_the_times_inside_exchanges_cost_next_to_nothing() -> None:
    captures = []
    for number in range(700):
        at = START + number * HOUR + timedelta(microseconds=number * 104729 % 999983)
        exchange = ledger.canonical({"hops": [hop(at, 304)]}).decode()
        captures.append(
            packing.Capture(
                "granvik", at, "again", "ab" * 32, None, None, None, None, None, exchange, "look"
            )
        )
    data = packing.pack(captures)
    assert list(packing.Pack(data).captures()) == captures
    assert len(data) < 700 * 6


def test_a_torn_pack_is_an_error_that_says_so(store: Database) -> None:
    with store.write() as conn:
        facts.record(conn, seen(1))
        facts.pack(conn, date(2026, 2, 1))
        conn.execute(schema.capture_packs.update().values(data=b"\x28\xb5torn"))
        with pytest.raises(StoreError, match="skadad"):
            list(facts.looks(conn, "granvik"))


# -------------------------------------------------------------------------------------- decisions


def decision(kind: Any, **values: Any) -> NewDecision:
    return NewDecision(kind, by="Vera", why="Jag ringde.", at=START, **values)


def test_decisions_stand_until_undone_and_an_undo_can_be_undone(store: Database) -> None:
    left, right = Observation("k-1", 2), Observation("k-2", 5)
    with store.write() as conn:
        same = facts.decide(conn, decision("same", left=left, right=right))
        facts.decide(conn, decision("accept", page="granvik", capture="k-3"))
        assert facts.decisions(conn, "granvik") == Decisions(
            accepted=frozenset({"k-3"}), same=((left, right),), marks=frozenset({left, right})
        )
        assert facts.decisions(conn, "another").accepted == frozenset()
        undo = facts.decide(conn, decision("undo", undoes=same))
        assert facts.decisions(conn, "granvik").same == ()
        facts.decide(conn, decision("undo", undoes=undo))
        assert facts.decisions(conn, "granvik").same == ((left, right),)
        facts.decide(conn, decision("reject", page="granvik", capture="k-3"))
        assert facts.decisions(conn, "granvik").rejected == frozenset({"k-3"})
        assert facts.decisions(conn, "granvik").accepted == frozenset()
    with store.read() as conn:
        assert [entry.what.kind for entry in facts.decision_log(conn)] == [
            "same",
            "accept",
            "undo",
            "undo",
            "reject",
        ]


def test_an_anchored_id_stays_where_it_was_bound_first(store: Database) -> None:
    first = Anchor("i-1", "initiative", "granvik", Observation("k-1", 0), START)
    change = Anchor("c-1", "change", "granvik", Observation("k-2", 1), START, "moved", START)
    with store.write() as conn:
        facts.anchor(conn, [first])
        facts.anchor(conn, [replace(first, seen=Observation("k-9", 9)), change])
        assert facts.anchors(conn) == (change, first)
        assert facts.anchors(conn, "granvik", "initiative") == (first,)
        assert facts.decisions(conn, "granvik").marks == {first.seen, change.seen}
        assert facts.decisions(conn, "another").marks == frozenset()


def test_what_changed_in_us_is_on_record(store: Database) -> None:
    note = facts.Technical(START, "shape", "Ny uppbyggnad.", "granvik", {"shape": "list"})
    with store.write() as conn:
        facts.technical(conn, note)
        facts.technical(conn, facts.Technical(START, "new_store", "Ny historik påbörjad."))
        assert facts.technical_log(conn, "granvik") == (note,)
        assert len(facts.technical_log(conn)) == 2


# ------------------------------------------------------------------------------------------ ledger


def test_each_fact_is_one_entry_and_the_chain_holds(store: Database) -> None:
    with store.write() as conn:
        recorded = facts.record(conn, seen(0))
        facts.record(conn, seen(0))
        facts.decide(conn, decision("accept", page="granvik", capture=recorded.id))
    with store.write() as conn:
        facts.record(conn, seen(1))
    with store.read() as conn:
        entries = conn.execute(sa.select(schema.ledger).order_by(schema.ledger.c.number)).all()
        kept = facts.capture(conn, recorded.id)
    assert [entry.kind for entry in entries] == ["capture", "decision", "capture"]
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert kept is not None
    assert entries[0].leaf == ledger.leaf_hash(entries[0].salt, facts.committed(kept))
    chain = bytes(32)
    for entry in entries:
        chain = ledger.link(chain, entry.leaf)
        assert entry.chain == chain


def test_nothing_is_logged_of_what_was_rolled_back(store: Database) -> None:
    def failing() -> None:
        with store.write() as conn:
            facts.record(conn, seen(0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    with store.write() as conn:
        facts.record(conn, seen(1))
    with store.read() as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(schema.ledger)) == 1
        assert conn.scalar(sa.select(sa.func.count()).select_from(schema.captures)) == 1


def test_the_root_is_that_of_rfc_9162() -> None:
    leaves = [hashlib.sha256(bytes([0, number])).digest() for number in range(7)]

    def tree(part: list[bytes]) -> bytes:
        if len(part) == 1:
            return part[0]
        half = 1
        while half * 2 < len(part):
            half *= 2
        nodes = tree(part[:half]) + tree(part[half:])
        return hashlib.sha256(b"\x01" + nodes).digest()

    for count in range(1, 8):
        assert ledger.root(leaves[:count]) == tree(leaves[:count])
    assert ledger.root([]).hex().startswith("e3b0c44298fc1c149afbf4c8996fb924")


# -------------------------------------------------------------------------------------------- door


def test_a_new_store_says_so_once(store_url: str) -> None:
    for created in (True, False):
        opened = open_database(store_url)
        assert opened.created is created
        opened.close()


def test_a_write_that_fails_leaves_nothing(store: Database) -> None:
    def failing() -> None:
        with store.write() as conn:
            facts.technical(conn, facts.Technical(START, "reader", "half"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    with store.read() as conn:
        assert facts.technical_log(conn) == ()


def test_many_threads_write_and_none_is_refused(store: Database) -> None:
    def work(number: int) -> None:
        for turn in range(5):
            with store.write() as conn:
                facts.record(conn, seen(turn, page=f"page{number}"))

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as conn:
        numbers = conn.execute(
            sa.select(schema.ledger.c.number).order_by(schema.ledger.c.number)
        ).scalars()
        assert list(numbers) == list(range(1, 41))


def test_a_write_inside_a_write_is_a_bug_not_a_deadlock(sqlite_store: Database) -> None:
    with (
        sqlite_store.write(),
        pytest.raises(RuntimeError, match="inside"),
        sqlite_store.write(),
    ):
        pass


def test_reading_goes_on_while_somebody_writes(store: Database) -> None:
    with store.write() as writer:
        facts.technical(writer, facts.Technical(START, "reader", "not yet"))
        with store.read() as reader:
            assert facts.technical_log(reader) == ()


def test_a_store_locked_by_another_program_is_busy(
    sqlite_store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sqlite_store.path is not None
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.05)
    impatient = open_database(f"sqlite:///{sqlite_store.path}")
    with (
        sqlite_store.write(),
        pytest.raises(StoreBusy, match="låst av ett annat program"),
        impatient.write() as conn,
    ):
        facts.record(conn, seen(1))
    impatient.close()


def test_a_full_disk_is_named_and_nothing_is_half_written(sqlite_store: Database) -> None:
    with sqlite_store.write() as conn:
        facts.record(conn, seen(0))
    with sqlite_store.engine.connect() as conn:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()

    def full(driver: Any, record: Any) -> None:
        driver.execute(f"PRAGMA max_page_count={pages}")

    sqlite_store.close()
    sa.event.listen(sqlite_store.engine, "connect", full)
    noise = bytes(range(256)) * 4 + b"".join(
        hashlib.sha256(bytes([number])).digest() for number in range(250)
    )

    def fill(*, savepoint: bool = False) -> None:
        """SQLite gives up the whole transaction, and a savepoint in it can't be gone back to."""
        with sqlite_store.write() as conn, conn.begin_nested() if savepoint else nullcontext():
            for number in range(1, 60):
                facts.record(conn, seen(number, body=noise + bytes([number]) * 4000))

    with pytest.raises(StoreError, match=r"disken är full.*Inget är halvskrivet"):
        fill()
    with pytest.raises(StoreError, match="disken är full"):
        fill(savepoint=True)
    with sqlite_store.read() as conn:
        assert len(list(facts.looks(conn, "granvik"))) == 1
    sa.event.remove(sqlite_store.engine, "connect", full)
    sqlite_store.close()
    with sqlite_store.write() as conn:
        facts.record(conn, seen(1))


def test_a_store_that_can_only_be_read_says_so(sqlite_store: Database) -> None:
    def read_only(driver: Any, record: Any) -> None:
        driver.execute("PRAGMA query_only=ON")

    sqlite_store.close()
    sa.event.listen(sqlite_store.engine, "connect", read_only)
    with (
        pytest.raises(StoreError, match="går bara att läsa"),
        sqlite_store.write() as conn,
    ):
        facts.record(conn, seen(1))


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "brev.db"
    file.write_text("Hej! " * 500)
    with pytest.raises(StoreError, match=r"brev\.db är skadad eller ingen databas"):
        open_database(f"sqlite:///{file}")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"Mappen .*borta finns inte"):
        open_database(f"sqlite:///{tmp_path / 'borta' / 'store.db'}")


@pytest.mark.parametrize("url", ["", "brev", "mysql://granvik/x"])
def test_an_address_that_is_none_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"database\.url"):
        open_database(url)


def test_a_store_made_by_a_newer_version_is_refused(store_url: str) -> None:
    opened = open_database(store_url)
    with opened.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    opened.close()
    with pytest.raises(StoreError, match="nyare Visionsvakt"):
        open_database(store_url)


def test_a_postgresql_that_is_not_there_is_named_without_the_password() -> None:
    for address in ("u:hemligt@/x?host=/nonexistent", "u@/x?host=/nonexistent&password=hemligt"):
        with pytest.raises(StoreError, match=r"nonexistent.* svarar inte") as caught:
            open_database(f"postgresql+psycopg://{address}")
        assert "hemligt" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["u:p@hemligt@host/db", "u:hem@ligt:99x@host/db", "u:hemligt@host:port/db"]
)
def test_an_address_whose_password_breaks_it_is_one_line_without_it(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"database\.url: .*%40") as caught:
        open_database(f"postgresql+psycopg://{address}")
    assert not {"hem", "ligt", "99x"} & set(re.findall(r"\w+", str(caught.value)))
    assert "hemligt" not in str(caught.value)


def test_a_program_killed_in_a_write_leaves_the_commit_before_it(sqlite_store: Database) -> None:
    script = """
import os, sys
from tests.test_store import seen
from snapshots import facts
from snapshots.database import open_database
store = open_database(sys.argv[1])
with store.write() as conn:
    facts.record(conn, seen(1))
with store.write() as conn:
    facts.record(conn, seen(2))
    os.kill(os.getpid(), 9)
"""
    root = Path(__file__).parent.parent
    url = f"sqlite:///{sqlite_store.path}"
    killed = subprocess.run([sys.executable, "-c", script, url], cwd=root, capture_output=True)
    assert killed.returncode == -9, killed.stderr
    with sqlite_store.write() as conn:
        assert len(list(facts.looks(conn, "granvik"))) == 1
        assert not facts.record(conn, seen(2)).duplicate


def test_two_programs_at_once_lose_nothing_and_keep_the_log_whole(store_url: str) -> None:
    script = """
import sys
from tests.test_store import seen
from snapshots import facts
from snapshots.database import open_database
store = open_database(sys.argv[1])
for number in range(25):
    with store.write() as conn:
        facts.record(conn, seen(number, page=sys.argv[2]))
        facts.record(conn, seen(number, page="shared"))
"""
    root = Path(__file__).parent.parent
    programs = [
        subprocess.Popen([sys.executable, "-c", script, store_url, name], cwd=root)
        for name in ("first", "second", "third")
    ]
    assert [program.wait(60) for program in programs] == [0, 0, 0]
    store = open_database(store_url)
    with store.read() as conn:
        for name in ("first", "second", "third", "shared"):
            assert len(list(facts.looks(conn, name))) == 25
        found = verify(conn)
    store.close()
    assert (found.problems, found.captures, found.entries) == ((), 100, 100)


def test_a_commit_survives_a_power_cut(sqlite_store: Database) -> None:
    with sqlite_store.engine.connect() as conn:
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert conn.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL: fsync at commit
        assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_another_tool_can_read_the_file(sqlite_store: Database) -> None:
    with sqlite_store.write() as conn:
        facts.record(conn, seen(1))
    with sqlite3.connect(str(sqlite_store.path)) as other:
        ((at,),) = other.execute("SELECT at FROM captures").fetchall()
    other.close()
    assert at == int(seen(1).at.timestamp() * 1_000_000)


# ------------------------------------------------------------------------------- what came by wire


def _long_page(number: int) -> bytes:
    return b"".join(
        b"<li>%s</li>" % hashlib.sha256(b"%d %d" % (number, line)).hexdigest().encode()
        for line in range(2000)
    )


def _gzip(page: bytes, level: int) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(page) + packer.flush()


def test_the_bytes_of_every_hop_come_back_as_they_were_and_cost_little(store: Database) -> None:
    page = _long_page(1)
    flushed = zlib.compressobj(6, zlib.DEFLATED, 31)
    unusual = flushed.compress(page[:3000]) + flushed.flush(zlib.Z_SYNC_FLUSH)
    unusual += flushed.compress(page[3000:]) + flushed.flush()
    wires = [
        page,
        *(_gzip(page, level) for level in (1, 6, 9)),
        zlib.compress(page),
        zlib.compress(page)[2:-4],
        unusual,
        b"",
        b"moved \xff\x00",
    ]
    with store.write() as conn:
        for number, wire in enumerate(wires):
            exchange = ({**hop(START), "body": wire}, {**hop(START), "body": "text"})
            new = NewCapture("granvik", START + number * HOUR, page, exchange=exchange)
            facts.record(conn, new)
        for _ in range(2):
            names = [look.id for look in facts.looks(conn, "granvik")]
            hops = [facts.exchange(conn, name)[0] for name in names]
            assert [one["body"].encode("latin-1") for one in hops] == wires
            facts.pack(conn, date(2026, 2, 1))
        kept = conn.execute(sa.select(schema.bodies.c.hash)).scalars().all()
    assert len(kept) == 2  # the page, and the one answer that no zlib of ours packs alike


def test_a_failed_look_keeps_what_came(store: Database) -> None:
    page = _long_page(2)
    exchange = ({**hop(START, 503), "body": page, "request_headers": [(b"Host", b"granvik")]},)
    failure = Reason("http_status", "Sidan svarade 503.")
    with store.write() as conn:
        recorded = facts.record(
            conn, NewCapture("granvik", START, failure=failure, exchange=exchange)
        )
        (kept,) = facts.exchange(conn, recorded.id)
        assert kept["body"].encode("latin-1") == page
        assert kept["request_headers"] == [["Host", "granvik"]]


def test_where_zlib_packs_otherwise_the_page_is_there_all_the_same() -> None:
    page = _long_page(3)
    how = wire.repacking(_gzip(page, 6), page)
    assert how is not None
    assert wire.packed_again(page, how) == _gzip(page, 6)
    assert wire.packed_again(page, replace(how, level=1)) is None
    assert wire.repacking(b"\x1f\x8b\x08\x00 cut", page) is None
    assert wire.repacking(b"", page) is None
