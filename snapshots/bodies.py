"""Exact bytes by hash, each kept once.

A body is compressed against a key frame: an earlier whole body of the same page. Never against a
delta, so that a torn one costs itself alone. A new key frame begins where the deltas since the last
one have cost as much as it did: never more than twice the best that any plan could do. The run that
ends then is compressed anew against its middle, which is nearer to all of them.
"""

from __future__ import annotations

import hashlib
import sys
from functools import lru_cache
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.errors import StoreError
from snapshots.database import insert_missing
from snapshots.schema import bodies

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_KEY_LEVEL: Final = 12
_DELTA_LEVEL: Final = 9
_LARGEST_WINDOW_LOG: Final = 25
_LONGEST_RECENTRED: Final = 60
_SHORTEST_KEY: Final = 64
"""Bytes; what is shorter is not worth leaning on (zstd wants eight at least)."""

# What each look asks is built once: building a query costs more than running it.
_KEY: Final = bodies.alias("key")
_KNOWN: Final = sa.select(bodies.c.id).where(bodies.c.hash == sa.bindparam("digest"))
_WHOLE: Final = (
    sa.select(bodies.c.data, bodies.c.size, bodies.c.key, _KEY.c.data.label("key_data"))
    .select_from(bodies.outerjoin(_KEY, _KEY.c.id == bodies.c.key))
    .where(bodies.c.hash == sa.bindparam("digest"))
)
_LAST_OF_PAGE: Final = (
    sa.select(bodies.c.id, bodies.c.key, bodies.c.spent)
    .where(bodies.c.page == sa.bindparam("page"))
    .order_by(bodies.c.id.desc())
    .limit(1)
)
_DATA: Final = sa.select(bodies.c.data).where(bodies.c.id == sa.bindparam("which"))


def put(conn: Connection, page_key: str, body: bytes) -> str:
    """Keep these bytes, once. Returns their hexadecimal SHA-256.

    When the transaction has committed, the body survives a power cut. A body erased by a decision
    stays erased.
    """
    digest = hashlib.sha256(body).digest()
    if conn.execute(_KNOWN, {"digest": digest}).first() is None:
        key = _key_frame(conn, page_key)
        values = {"hash": digest, "page": page_key, "size": len(body)}
        delta = _packed(body, key.body) if key and key.room else None
        if key is not None and delta is not None and len(delta) < key.room:
            values |= {"key": key.id, "spent": key.spent + len(delta), "data": delta}
        else:
            values |= {"key": None, "spent": 0, "data": _packed(body)}
            if key is not None:
                _recentre(conn, key.id)
        insert_missing(conn, bodies, [values])  # another page's worker may have just put it
    return digest.hex()


def get(conn: Connection, body_hash: str) -> bytes:
    """The bytes of a hash, checked against it.

    Raises StoreError where they are not there, were erased, or are torn.
    """
    digest = bytes.fromhex(body_hash)
    row = conn.execute(_WHOLE, {"digest": digest}).first()
    if row is None:
        raise StoreError(f"Sidkroppen {body_hash} finns inte i databasen.")
    if row.data is None:
        raise StoreError(f"Sidkroppen {body_hash} är raderad enligt ett beslut.")
    try:
        prefix = None if row.key is None else _unpacked_key(row.key_data)
        body = _unpacked(row.data, prefix)
    except (zstd.ZstdError, EOFError, TypeError):
        body = b""
    if hashlib.sha256(body).digest() != digest:
        raise StoreError(
            f"Sidkroppen {body_hash} är skadad i databasen: återställ den från en säkerhetskopia."
        )
    return body


def erase(conn: Connection, body_hash: str) -> None:
    """Forget the bytes, keep the hash. Bodies that lean on them are compressed anew first."""
    digest = bytes.fromhex(body_hash)
    row = conn.execute(_KNOWN, {"digest": digest}).first()
    if row is None:
        return
    leaning = conn.execute(sa.select(bodies.c.id, bodies.c.hash).where(bodies.c.key == row.id))
    for other in leaning.all():
        data = _packed(get(conn, other.hash.hex()))
        values = {"key": None, "spent": 0, "data": data}
        conn.execute(bodies.update().where(bodies.c.id == other.id).values(values))
    erased = {"key": None, "spent": 0, "data": None}
    conn.execute(bodies.update().where(bodies.c.id == row.id).values(erased))


def _recentre(conn: Connection, key_id: int) -> None:
    """Make the middle body of a run its key frame, where that is smaller. The bytes stay the same.

    A long run is one of small, equal differences (a nonce), which no other key makes smaller.
    """
    mine = sa.or_(bodies.c.id == key_id, bodies.c.key == key_id)
    columns = (bodies.c.id, bodies.c.hash, bodies.c.data)
    rows = conn.execute(sa.select(*columns).where(mine).order_by(bodies.c.id)).all()
    if not 3 <= len(rows) <= _LONGEST_RECENTRED or any(row.data is None for row in rows):
        return
    try:
        whole = {row.id: get(conn, row.hash.hex()) for row in rows}
    except StoreError:  # torn: leave all as it is, and let `verify` say so
        return
    middle = rows[len(rows) // 2].id
    packed = {
        name: _packed(body) if name == middle else _packed(body, whole[middle])
        for name, body in whole.items()
    }
    if sum(map(len, packed.values())) >= sum(len(row.data) for row in rows):
        return
    query = bodies.update().where(bodies.c.id == sa.bindparam("which"))
    conn.execute(
        query.values(key=sa.bindparam("to"), data=sa.bindparam("packed"), spent=0),
        [
            {"which": name, "to": None if name == middle else middle, "packed": data}
            for name, data in packed.items()
        ],
    )


class _KeyFrame:
    """The key frame in use on a page, and how much a delta against it may still cost."""

    def __init__(self, id: int, spent: int, data: bytes) -> None:
        self.id = id
        self.spent = spent
        self.body = _unpacked_key(data)
        self.room = len(data) if spent < len(data) else 0


def _key_frame(conn: Connection, page_key: str) -> _KeyFrame | None:
    last = conn.execute(_LAST_OF_PAGE, {"page": page_key}).first()
    if last is None:
        return None
    key_id = last.id if last.key is None else last.key
    data = conn.execute(_DATA, {"which": key_id}).scalar()
    if data is None:
        return None
    try:
        key = _KeyFrame(key_id, last.spent, data)
    except (zstd.ZstdError, EOFError):  # torn: begin anew, and let `verify` say so
        return None
    return key if len(key.body) >= _SHORTEST_KEY else None


def _packed(body: bytes, prefix: bytes | None = None) -> bytes:
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: _KEY_LEVEL if prefix is None else _DELTA_LEVEL,
        zstd.CompressionParameter.dict_id_flag: 0,
    }
    if prefix is None:
        return zstd.compress(body, options=options)
    reach = (len(prefix) + len(body)).bit_length()
    options[zstd.CompressionParameter.window_log] = min(max(reach, 10), _LARGEST_WINDOW_LOG)
    dictionary = zstd.ZstdDict(prefix, is_raw=True)
    return zstd.compress(body, options=options, zstd_dict=dictionary.as_prefix)


def _unpacked(data: bytes, prefix: bytes | None = None) -> bytes:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _LARGEST_WINDOW_LOG}
    if prefix is None:
        return zstd.decompress(data, options=options)
    dictionary = zstd.ZstdDict(prefix, is_raw=True)
    return zstd.decompress(data, options=options, zstd_dict=dictionary.as_prefix)


@lru_cache(maxsize=4)
def _unpacked_key(data: bytes) -> bytes:
    """A key frame's bytes; pure, so that a run of deltas unpacks its key once."""
    return _unpacked(data)
