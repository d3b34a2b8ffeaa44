"""Does the store hold? Every body against its hash, every fact against the log, the log in itself.

Reads everything and writes nothing. What does not hold is named, in Swedish, one line each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.errors import StoreError
from snapshots import bodies, derived, facts, ledger
from snapshots.database import some_at_once
from snapshots.schema import bodies as bodies_table
from snapshots.schema import capture_packs, captures, decisions, pages, snapshots
from snapshots.schema import ledger as ledger_table

_CHUNK: Final = 500

Committed = Iterable[tuple[str, Mapping[str, Any]]]
"""(ref, what the log commits to) of each fact of one kind."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification came to. `root` is the log's Merkle tree hash (RFC 9162), hex."""

    ok: bool
    captures: int
    snapshots: int
    entries: int
    root: str
    problems: tuple[str, ...]


def verify(
    conn: Connection,
    others: Mapping[str, Callable[[Connection], Committed]] | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Verified:
    """Check the whole store.

    `others` gives the facts of further kinds (messages), as the log commits to them.
    `on_progress` hears how many captures have been checked.
    """
    check = _Check(conn)
    check.database()
    entries, root = check.log()
    check.bodies()
    for page in check.pages():
        check.captures(page, on_progress)
        check.snapshots(page)
    check.facts("decision", _decisions(conn))
    for kind, facts_of in (others or {}).items():
        check.facts(kind, facts_of(conn))
    check.nothing_missing()
    return Verified(
        ok=not check.problems,
        captures=check.seen.get("capture", 0),
        snapshots=check.current_snapshots,
        entries=entries,
        root=root,
        problems=tuple(check.problems),
    )


@dataclass(slots=True)
class _Check:
    conn: Connection
    problems: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    current_snapshots: int = 0

    def database(self) -> None:
        """What the database says of itself."""
        if self.conn.dialect.name == "sqlite":
            for line in self.conn.exec_driver_sql("PRAGMA integrity_check(20)").scalars():
                if line != "ok":
                    self.problems.append(f"Databasfilen är skadad: {line}")

    def log(self) -> tuple[int, str]:
        """The chain link by link; how many entries, and the tree's root."""
        query = sa.select(ledger_table).order_by(ledger_table.c.number)
        tree = ledger.Tree()
        chain, expected = bytes(32), 0
        for row in self.conn.execute(query.execution_options(yield_per=_CHUNK)):
            expected += 1
            if row.number != expected:
                self.problems.append(f"Loggen: post {expected} saknas.")
                expected = row.number
            chain = ledger.link(chain, row.leaf)
            if chain != row.chain:
                self.problems.append(f"Loggen: post {row.number} hänger inte ihop med den före.")
                chain = row.chain
            tree.add(row.leaf)
            self.counted[row.kind] = self.counted.get(row.kind, 0) + 1
        return sum(self.counted.values()), tree.root().hex()

    def bodies(self) -> None:
        query = sa.select(bodies_table.c.id, bodies_table.c.hash)
        query = query.where(bodies_table.c.data.is_not(None)).order_by(bodies_table.c.id)
        rows = self.conn.execute(query).all()
        for row in rows:
            try:
                bodies.get(self.conn, row.hash.hex())
            except StoreError as error:
                self.problems.append(str(error))

    def pages(self) -> list[str]:
        query = sa.union(
            sa.select(captures.c.page), sa.select(capture_packs.c.page), sa.select(pages.c.key)
        )
        return sorted(self.conn.execute(query).scalars())

    def captures(self, page: str, on_progress: Callable[[int], None]) -> None:
        there: set[bytes] = set()

        def committed() -> Iterator[tuple[str, Mapping[str, Any]]]:
            for capture in facts.kept(self.conn, page):
                if capture.body is not None:
                    there.add(bytes.fromhex(capture.body))
                yield capture.id, facts.committed(capture)

        try:
            self.facts("capture", committed())
        except StoreError as error:
            self.problems.append(f"Sidan {page}: {error}")
        on_progress(self.seen.get("capture", 0))
        for some in some_at_once(there):
            query = sa.select(bodies_table.c.hash).where(bodies_table.c.hash.in_(some))
            known = set(self.conn.execute(query).scalars())
            for missing in sorted(set(some) - known):
                self.problems.append(f"Sidkroppen {missing.hex()} (sidan {page}) finns inte.")

    def snapshots(self, page: str) -> None:
        """Each current snapshot says what the log says it said."""
        query = sa.select(snapshots.c.number, snapshots.c.capture)
        rows = self.conn.execute(
            query.where(snapshots.c.page == page).order_by(snapshots.c.number)
        ).all()
        self.current_snapshots += len(rows)
        for row in rows:
            name, fact = derived.committed_snapshot(self.conn, page, row.number, row.capture)
            if not self._entries([name]):
                text = "säger inte vad den sa när den loggades; kör «visionsvakt rebuild»"
                self.problems.append(f"Version {row.number} av sidan {page} {text}.")
            else:
                self._judge("snapshot", [(name, fact)])

    def facts(self, kind: str, committed: Committed) -> None:
        """Each fact has its entry, and the entry commits to what it says."""
        chunk: list[tuple[str, Mapping[str, Any]]] = []
        for one in committed:
            chunk.append(one)
            if len(chunk) == _CHUNK:
                self._judge(kind, chunk)
                chunk = []
        self._judge(kind, chunk)

    def nothing_missing(self) -> None:
        """What the log names and the store no longer has."""
        for kind, number in self.seen.items():
            missing = self.counted.get(kind, 0) - number
            if missing > 0 and kind != "snapshot":
                self.problems.append(f"Loggen nämner {missing} {_NAMES[kind]} som saknas.")

    def _judge(self, kind: str, chunk: list[tuple[str, Mapping[str, Any]]]) -> None:
        entries = self._entries([ref for ref, _ in chunk])
        for ref, fact in chunk:
            entry = entries.get(ref)
            if entry is None:
                self.problems.append(f"{ref} ({_NAMES[kind]}) finns inte i loggen.")
            elif entry[0] is not None and ledger.leaf_hash(entry[0], fact) != entry[1]:
                self.problems.append(f"{ref} ({_NAMES[kind]}) är inte som den loggades.")
        self.seen[kind] = self.seen.get(kind, 0) + len(chunk)

    def _entries(self, refs: list[str]) -> dict[str, tuple[bytes | None, bytes]]:
        columns = (ledger_table.c.ref, ledger_table.c.salt, ledger_table.c.leaf)
        query = sa.select(*columns).where(ledger_table.c.ref.in_(refs))
        return {row.ref: (row.salt, row.leaf) for row in self.conn.execute(query)}


_NAMES: Final = {
    "capture": "hämtningar",
    "snapshot": "versioner",
    "decision": "beslut",
    "message": "sammandrag",
}


def _decisions(conn: Connection) -> Committed:
    for row in conn.execute(sa.select(decisions).order_by(decisions.c.number)):
        yield f"d-{row.number}", facts.committed_decision(dict(row._mapping))
