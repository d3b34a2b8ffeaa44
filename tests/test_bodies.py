"""Exact bytes: kept once, small, checked, and never half."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from monitor.errors import StoreError
from snapshots import bodies, schema
from snapshots.database import Database


def _page(seed: int, nonce: str = "") -> bytes:
    chance = random.Random(7)
    words = [
        "".join(chance.choice("abcdefghijklmnoåäö") for _ in range(chance.randint(2, 9)))
        for _ in range(800)
    ]
    lines = [" ".join(chance.choice(words) for _ in range(30)) for _ in range(300)]
    lines[seed % 300] = f"edition {seed}"
    return (nonce + "\n".join(lines)).encode()


def test_what_is_put_comes_back_byte_for_byte(store: Database) -> None:
    pages = [_page(seed) for seed in range(120)]
    pages += [b"", b"x", b"1234567", bytes(range(256)) * 40]
    with store.write() as conn:
        names = [bodies.put(conn, "granvik", page) for page in pages]
    with store.read() as conn:
        assert [bodies.get(conn, name) for name in names] == pages
    assert names == [hashlib.sha256(page).hexdigest() for page in pages]


def test_equal_bytes_are_kept_once_also_over_pages(store: Database) -> None:
    with store.write() as conn:
        assert bodies.put(conn, "a", b"same" * 99) == bodies.put(conn, "b", b"same" * 99)
        assert conn.scalar(sa.select(sa.func.count()).select_from(schema.bodies)) == 1


def test_an_edit_costs_little_and_no_delta_leans_on_a_delta(store: Database) -> None:
    with store.write() as conn:
        for seed in range(60):
            bodies.put(conn, "granvik", _page(seed, f"<script nonce='{seed:032x}'>"))
        rows = conn.execute(sa.select(schema.bodies)).all()
    keys = {row.id for row in rows if row.key is None}
    assert all(row.key in keys for row in rows if row.key is not None)
    assert sum(len(row.data) for row in rows) < 3 * len(_page(0))


def test_a_torn_body_is_named_and_the_others_stay_readable(store: Database) -> None:
    with store.write() as conn:
        names = [bodies.put(conn, "granvik", _page(seed)) for seed in range(3)]
        torn = bytes.fromhex(names[1])
        spoilers: list[Callable[[bytes], bytes]] = [
            lambda data: data[:-3],
            lambda data: data[:9] + b"\0" + data[10:],
        ]
        for spoil in spoilers:
            found = sa.select(schema.bodies.c.data).where(schema.bodies.c.hash == torn)
            data: bytes = conn.execute(found).scalar_one()
            conn.execute(
                schema.bodies.update().where(schema.bodies.c.hash == torn).values(data=spoil(data))
            )
            with pytest.raises(StoreError, match=names[1]):
                bodies.get(conn, names[1])
        assert bodies.get(conn, names[2]) == _page(2)
        assert bodies.get(conn, names[0]) == _page(0)


def test_an_erased_key_frame_takes_nothing_else_with_it(store: Database) -> None:
    with store.write() as conn:
        names = [bodies.put(conn, "granvik", _page(seed)) for seed in range(3)]
        bodies.erase(conn, names[0])
        assert [bodies.get(conn, name) for name in names[1:]] == [_page(1), _page(2)]
        with pytest.raises(StoreError, match="raderad"):
            bodies.get(conn, names[0])
        assert bodies.put(conn, "granvik", _page(3)) not in names
