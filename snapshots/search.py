"""Search over every version of every initiative there ever was.

PostgreSQL reduces Swedish words to their stems («skolor» finds «skolan»). SQLite knows no Swedish:
there a word's ending is taken off and what begins like the rest is found, which finds somewhat
more («skolor» finds «skolan» and «skolgården»); a SQLite without FTS5 is searched text by text.

Where a word stands nearly everywhere, as «och» does, the latest versions it stands in are ranked:
an answer is as quick in a store of a thousand pages as in one of ten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.model import Initiative
from snapshots.database import some_at_once
from snapshots.derived import initiative_of
from snapshots.schema import item_versions, pages, snapshots, spans, tracks

_MOST_RANKED: Final = 3000
"""Versions in which the words stand, the latest of them."""
_MOST_VERSIONS: Final = 1000
_AT_ONCE: Final = 200
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
    best = _best(conn, _ranked(conn, asked), limit)
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


def _ranked(conn: Connection, asked: Sequence[str]) -> Sequence[int]:
    """The versions in which every word stands, the best first."""
    if conn.dialect.name == "postgresql":
        rows = conn.execute(
            sa.text(
                "SELECT id FROM (SELECT id, to_tsvector('swedish', title || ' ' || description)"
                " AS words, asked FROM item_versions,"
                " websearch_to_tsquery('swedish', :words) AS asked"
                " WHERE to_tsvector('swedish', title || ' ' || description) @@ asked"
                " ORDER BY id DESC LIMIT :ranked) AS latest"
                " ORDER BY ts_rank(words, asked) DESC, id LIMIT :most"
            ),
            {"words": " ".join(asked), "ranked": _MOST_RANKED, "most": _MOST_VERSIONS},
        )
        return rows.scalars().all()
    has_index = conn.exec_driver_sql(
        "SELECT count(*) FROM sqlite_master WHERE name = 'item_search'"
    ).scalar()
    if not has_index:
        return _by_reading(conn, asked)
    match = " ".join(f'"{stem(word)}"*' for word in asked)
    rows = conn.execute(
        sa.text(
            "SELECT id FROM (SELECT rowid AS id, bm25(item_search, 5.0, 1.0) AS score"
            " FROM item_search WHERE item_search MATCH :match ORDER BY rowid DESC LIMIT :ranked)"
            " ORDER BY score, id LIMIT :most"
        ),
        {"match": match, "ranked": _MOST_RANKED, "most": _MOST_VERSIONS},
    )
    return rows.scalars().all()


def _by_reading(conn: Connection, asked: Sequence[str]) -> list[int]:
    """The same without an index: those that have the words in their titles first."""
    stems = [stem(word) for word in asked]
    columns = (item_versions.c.id, item_versions.c.title, item_versions.c.description)
    in_title: list[int] = []
    in_text: list[int] = []
    for key, title, description in conn.execute(sa.select(*columns).order_by(columns[0].desc())):
        if all(one in title.casefold() for one in stems):
            in_title.append(key)
        elif all(one in f"{title}\n{description}".casefold() for one in stems):
            in_text.append(key)
    return in_title + in_text


def _best(conn: Connection, ranked: Sequence[int], limit: int) -> list[Any]:
    """Each initiative once per page, by its best version where it stood last; best first."""
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
    best: dict[tuple[str, str], Any] = {}
    for start in range(0, len(ranked), _AT_ONCE):
        rank = {version: number for number, version in enumerate(ranked[start : start + _AT_ONCE])}
        rows = conn.execute(query.where(spans.c.version.in_(rank)))
        for row in sorted(
            rows, key=lambda one: (rank[one.version], -one.since.timestamp(), one.page_id, one.life)
        ):
            best.setdefault((row.life, row.page_id), row)
        if len(best) >= limit:
            break
    return list(best.values())[:limit]


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
