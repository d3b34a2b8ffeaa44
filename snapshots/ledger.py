"""The log: every capture, snapshot, decision, message and erasure, append-only and hash-linked.

An entry is a salted commitment to a fact, HMAC-SHA256(salt, canonical JSON of the fact); its leaf
is the RFC 9162 leaf hash of that, SHA-256(0x00 || entry). Erase a fact with its salt, and the log
stays whole and provable while nobody can try texts against it.

`append` only collects; `collected` writes everything at the end of the transaction, so that the log
is the last thing a transaction locks.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from snapshots import schema

_WAITING: Final = "visionsvakt_ledger"
_APPEND_LOCK: Final = 0x4C4F4747
_LAST: Final = (
    sa.select(schema.ledger.c.number, schema.ledger.c.chain)
    .order_by(schema.ledger.c.number.desc())
    .limit(1)
)
_INSERT: Final = schema.ledger.insert()


def canonical(fact: Mapping[str, Any]) -> bytes:
    """A fact as bytes that are the same whoever writes them: sorted keys, no space, UTF-8."""
    return json.dumps(fact, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def leaf_hash(salt: bytes, fact: Mapping[str, Any]) -> bytes:
    """RFC 9162 section 2.1.1 over the salted commitment."""
    commitment = hmac.digest(salt, canonical(fact), "sha256")
    return hashlib.sha256(b"\x00" + commitment).digest()


def link(chain: bytes, leaf: bytes) -> bytes:
    """The chain's next value; the first goes on from 32 zero bytes."""
    return hashlib.sha256(chain + leaf).digest()


class Tree:
    """The Merkle tree of RFC 9162 section 2.1.1, leaf by leaf, in memory of its height."""

    def __init__(self) -> None:
        self._complete: list[tuple[int, bytes]] = []  # the biggest first: (leaves, hash)

    def add(self, leaf: bytes) -> None:
        """The next leaf hash."""
        size, node = 1, leaf
        while self._complete and self._complete[-1][0] == size:
            node = hashlib.sha256(b"\x01" + self._complete.pop()[1] + node).digest()
            size *= 2
        self._complete.append((size, node))

    def root(self) -> bytes:
        """The hash of the tree as it stands; of no leaves SHA-256 of nothing."""
        if not self._complete:
            return hashlib.sha256(b"").digest()
        node = self._complete[-1][1]
        for _, left in reversed(self._complete[:-1]):
            node = hashlib.sha256(b"\x01" + left + node).digest()
        return node


def root(leaves: Iterable[bytes]) -> bytes:
    """The Merkle tree hash of these leaf hashes."""
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One that waits for the end of its transaction."""

    kind: str
    ref: str
    salt: bytes | None
    leaf: bytes
    once: bool = False


def append(conn: Connection, kind: str, ref: str, fact: Mapping[str, Any]) -> None:
    """Enter a fact. It is written with the transaction, which must be one of `Database.write()`."""
    salt = secrets.token_bytes(16)
    conn.info[_WAITING].append(_Entry(kind, ref, salt, leaf_hash(salt, fact)))


def append_once(conn: Connection, kind: str, ref: str, fact: Mapping[str, Any]) -> None:
    """Like `append`, unless the log already has this kind and ref (a snapshot derived again)."""
    salt = secrets.token_bytes(16)
    conn.info[_WAITING].append(_Entry(kind, ref, salt, leaf_hash(salt, fact), once=True))


def enter_again(conn: Connection, kind: str, ref: str, salt: bytes | None, leaf: bytes) -> None:
    """Enter a fact by the commitment that another log already made to it (after a restoration)."""
    conn.info[_WAITING].append(_Entry(kind, ref, salt, leaf, once=True))


@contextmanager
def collected(conn: Connection) -> Iterator[None]:
    """Collect entries while the block runs; write them where it ends well."""
    conn.info[_WAITING] = []
    try:
        yield
        _flush(conn, conn.info[_WAITING])
    finally:
        conn.info.pop(_WAITING, None)


def _flush(conn: Connection, waiting: list[_Entry]) -> None:
    if not waiting:
        return
    if conn.dialect.name == "postgresql":  # numbers without gaps: one at a time until the commit
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_APPEND_LOCK)))
    there = _already(conn, [entry.ref for entry in waiting if entry.once])
    last = conn.execute(_LAST).first()
    number, chain = (last.number, last.chain) if last else (0, bytes(32))
    rows = []
    for entry in waiting:
        if entry.once:
            if (entry.kind, entry.ref) in there:
                continue
            there.add((entry.kind, entry.ref))
        number, chain = number + 1, link(chain, entry.leaf)
        values = {"kind": entry.kind, "ref": entry.ref, "salt": entry.salt, "leaf": entry.leaf}
        rows.append({"number": number, "chain": chain, **values})
    if rows:
        conn.execute(_INSERT, rows)


def _already(conn: Connection, refs: list[str]) -> set[tuple[str, str]]:
    table = schema.ledger
    there: set[tuple[str, str]] = set()
    for start in range(0, len(refs), 500):
        chunk = refs[start : start + 500]
        query = sa.select(table.c.kind, table.c.ref).where(table.c.ref.in_(chunk))
        there.update((row.kind, row.ref) for row in conn.execute(query))
    return there
