"""Where a history begins: an empty store says so, once."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from snapshots import facts
from snapshots.schema import capture_packs, captures, technical


def begin_history(conn: Connection, place: str, now: datetime) -> bool:
    """Whether the store is empty: then a new history begins, which is recorded, once."""
    for table in (captures, capture_packs):
        if conn.execute(sa.select(table.c.page).limit(1)).first():
            return False
    known = sa.select(technical.c.seq).where(technical.c.code == "new_store").limit(1)
    if conn.execute(known).first() is None:
        text = f"Ny historik påbörjad: {place} är tom."
        facts.technical(conn, facts.Technical(now, "new_store", text))
    return True
