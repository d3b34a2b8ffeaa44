"""Search over every version of every initiative there ever was.

PostgreSQL reduces Swedish words to their stems («skolor» finds «skolan»). SQLite knows no Swedish:
there a word's ending is taken off and what begins like the rest is found, which finds somewhat
more («skolor» finds «skolan» and «skolgården»); a SQLite without FTS5 is searched text by text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.model import Initiative
from snapshots.database import some_at_once
from snapshots.derived import initiative_of
from snapshots.schema import item_versions, pages, snapshots, spans, tracks

_MOST_VERSIONS: Final = 1000
_WORD: Final = re.compile(r"[^\W_]+")
_ENDINGS: Final = (
    "ernas ornas arnas erna orna arna ens ets nas ans ors ars ers"
    " en et an na or ar er as es a e n t s"
).split()
_SHORTEST_STEM: Final = 4


@dataclass(frozen=True, slots=True)
class Found:
    """An initiative (by its id) on one page (by its id) whose words matched, in its best version.

    That version stood from `since` to `until`; None: it still does.
    """

    id: str
    page: str
    initiative: Initiative
    since: datetime
    until: datetime | None


def search(conn: Connection, words: str, *, limit: int = 50) -> tuple[Found, ...]:
    """The initiatives in whose title or description every word stands, the best match first."""
    asked = [word.casefold() for word in _WORD.findall(words)]
    if not asked:
        return ()
    best = _best(conn, _ranks(conn, asked))[:limit]
    texts = _texts(conn, {row.version for row in best})
    return tuple(
        Found(
            row.life,
            row.page_id,
            initiative_of(*texts[row.version], row.status),
            row.since,
            row.until,
        )
        for row in best
    )


def stem(word: str) -> str:
    """A Swedish word without a common ending; short ones stay as they are."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word


def _ranks(conn: Connection, asked: Sequence[str]) -> dict[int, int]:
    """Version -> its rank, 0 for the best."""
    if conn.dialect.name == "postgresql":
        rows = conn.execute(
            sa.text(
                "SELECT id FROM item_versions, websearch_to_tsquery('swedish', :words) AS asked"
                " WHERE to_tsvector('swedish', title || ' ' || description) @@ asked"
                " ORDER BY ts_rank(to_tsvector('swedish', title || ' ' || description), asked)"
                " DESC, id LIMIT :most"
            ),
            {"words": " ".join(asked), "most": _MOST_VERSIONS},
        )
        return {key: rank for rank, key in enumerate(rows.scalars())}
    has_index = conn.exec_driver_sql(
        "SELECT count(*) FROM sqlite_master WHERE name = 'item_search'"
    ).scalar()
    if not has_index:
        return _by_reading(conn, asked)
    match = " ".join(f'"{stem(word)}"*' for word in asked)
    rows = conn.execute(
        sa.text(
            "SELECT rowid FROM item_search WHERE item_search MATCH :match"
            " ORDER BY bm25(item_search, 5.0, 1.0), rowid LIMIT :most"
        ),
        {"match": match, "most": _MOST_VERSIONS},
    )
    return {key: rank for rank, key in enumerate(rows.scalars())}


def _by_reading(conn: Connection, asked: Sequence[str]) -> dict[int, int]:
    stems = [stem(word) for word in asked]
    columns = (item_versions.c.id, item_versions.c.title, item_versions.c.description)
    found: dict[int, int] = {}
    for key, title, description in conn.execute(sa.select(*columns).order_by(columns[0])):
        text = f"{title}\n{description}".casefold()
        if all(one in text for one in stems):
            in_title = all(one in title.casefold() for one in stems)
            found[key] = 0 if in_title else 1
    return found


def _best(conn: Connection, ranks: Mapping[int, int]) -> list[Any]:
    """Each initiative once per page, by its best version, the latest of equal ones; best first."""
    first, end = snapshots.alias("first"), snapshots.alias("ended")
    query = (
        sa.select(
            spans.c.version,
            spans.c.status,
            tracks.c.life,
            pages.c.id.label("page_id"),
            first.c.at.label("since"),
            end.c.at.label("until"),
        )
        .select_from(spans)
        .join(tracks, tracks.c.track == spans.c.track)
        .join(pages, pages.c.key == spans.c.page)
        .join(first, (first.c.page == spans.c.page) & (first.c.number == spans.c.first_snapshot))
        .outerjoin(end, (end.c.page == spans.c.page) & (end.c.number == spans.c.end_snapshot))
    )
    best: dict[tuple[str, str], tuple[tuple[Any, ...], Any]] = {}
    for part in some_at_once(ranks):
        for row in conn.execute(query.where(spans.c.version.in_(part))):
            order = (ranks[row.version], -row.since.timestamp(), row.page_id, row.life)
            known = best.get((row.life, row.page_id))
            if known is None or order < known[0]:
                best[(row.life, row.page_id)] = (order, row)
    return [row for _, row in sorted(best.values(), key=lambda one: one[0])]


def _texts(conn: Connection, versions: Iterable[int]) -> dict[int, tuple[str, str, Any]]:
    """Title, description and links of these versions."""
    query = sa.select(
        item_versions.c.id,
        item_versions.c.title,
        item_versions.c.description,
        item_versions.c.links,
    )
    return {
        version: (title, description, links)
        for part in some_at_once(versions)
        for version, title, description, links in conn.execute(
            query.where(item_versions.c.id.in_(part))
        )
    }
