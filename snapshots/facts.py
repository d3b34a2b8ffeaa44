"""The append-only writes: captures, decisions, anchors, what changed in us. And reading them back.

A capture is one look at a page. Those of past days are packed by month (`pack`), losing nothing;
every reader here sees both kinds alike. Order is by (time, id), never by when it was written, so
that it is the same whatever the order of import.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any, Final, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from monitor.errors import StoreError
from monitor.model import Decisions, Look, Observation, Reason
from snapshots import bodies, ledger, packing
from snapshots.database import insert_missing, some_at_once
from snapshots.packing import Capture
from snapshots.plain import from_plain, to_plain
from snapshots.schema import anchors as anchors_table
from snapshots.schema import capture_packs, captures, pages, verdicts
from snapshots.schema import decisions as decisions_table
from snapshots.schema import technical as technical_table
from snapshots.wire import Repacking, packed_again, repacking

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_CHUNK: Final = 500
_INLINE: Final = 512
"""Bytes of a hop's body that are kept in the exchange itself."""


# ---------------------------------------------------------------------------------------- captures

# What each look asks the database is built once: building a query costs more than running it.
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)
_AFTER_ALL: Final = datetime.max.replace(tzinfo=UTC)
_PAGE: Final[sa.BindParameter[Any]] = sa.bindparam("page")
_SINCE: Final[sa.BindParameter[Any]] = sa.bindparam("since")
_UNTIL: Final[sa.BindParameter[Any]] = sa.bindparam("until")
_MOMENT: Final[sa.BindParameter[Any]] = sa.bindparam("moment")
_WHOLE_CHUNK: Final = (
    sa.select(captures)
    .where(
        captures.c.page == _PAGE,
        captures.c.at >= _SINCE,
        sa.or_(captures.c.at > _SINCE, captures.c.id > sa.bindparam("id")),
        captures.c.at < _UNTIL,
    )
    .order_by(captures.c.at, captures.c.id)
    .limit(_CHUNK)
)
_CHUNK_OF_LOOKS: Final = _WHOLE_CHUNK.with_only_columns(
    *(column for column in captures.c if column.name != "exchange")
)
_PACK: Final = sa.select(capture_packs.c.data).where(capture_packs.c.seq == sa.bindparam("seq"))
_PACKS: Final = (
    sa.select(capture_packs.c.seq)
    .where(
        capture_packs.c.page == _PAGE,
        capture_packs.c.last_at >= _SINCE,
        capture_packs.c.first_at < _UNTIL,
    )
    .order_by(capture_packs.c.first_at)
)
_PACKS_BEFORE: Final = (
    sa.select(capture_packs.c.last_at, capture_packs.c.seq)
    .where(capture_packs.c.page == _PAGE, capture_packs.c.first_at < _MOMENT)
    .order_by(capture_packs.c.last_at.desc())
)
_LAST_BODY: Final = (
    sa.select(captures.c.at, captures.c.body)
    .where(captures.c.page == _PAGE, captures.c.at < _MOMENT, captures.c.body.is_not(None))
    .order_by(captures.c.at.desc(), captures.c.id.desc())
    .limit(1)
)
_SOME: Final[sa.BindParameter[Any]] = sa.bindparam("some", expanding=True)
_LOOKED_SINCE: Final = (
    sa.select(captures.c.page)
    .distinct()
    .where(captures.c.page.in_(_SOME), captures.c.at >= _MOMENT)
)
_PACKED_SINCE: Final = (
    sa.select(capture_packs.c.page)
    .distinct()
    .where(capture_packs.c.page.in_(_SOME), capture_packs.c.last_at >= _MOMENT)
)
_LAST_AT: Final = sa.select(
    sa.select(sa.func.max(captures.c.at)).where(captures.c.page == _PAGE).scalar_subquery(),
    sa.select(sa.func.max(capture_packs.c.last_at))
    .where(capture_packs.c.page == _PAGE)
    .scalar_subquery(),
)
_LOOSE_BACK: Final = (
    sa.select(captures.c.at, captures.c.body, captures.c.came)
    .where(captures.c.page == _PAGE, captures.c.at <= _MOMENT)
    .order_by(captures.c.at.desc())
    .limit(_CHUNK)
)
_LOOSE_GLANCES: Final = (
    sa.select(captures.c.at, captures.c.body, captures.c.came)
    .where(captures.c.page == _PAGE, captures.c.at >= _SINCE, captures.c.at < _UNTIL)
    .order_by(captures.c.at, captures.c.id)
)
_PACKS_BACK: Final = (
    sa.select(capture_packs.c.seq)
    .where(capture_packs.c.page == _PAGE, capture_packs.c.first_at <= _MOMENT)
    .order_by(capture_packs.c.last_at.desc())
)
_VALIDATED: Final = sa.select(pages.c.validated).where(pages.c.key == _PAGE)
_INSERT: Final = captures.insert()


@dataclass(frozen=True, slots=True)
class NewCapture:
    """One look to be kept: exactly one of `body`, `again` (a 304) and `failure`.

    `page` is pages.key. `exchange` holds every hop as received, JSON-able but for bytes (latin-1
    on the way back); a hop's `body` is its message body, bytes or latin-1. `body_hash` says what a
    304 repeats; left out, the body that came with the page's validators, else the last one.
    """

    page: str
    at: datetime
    body: bytes | None = None
    again: bool = False
    failure: Reason | None = None
    content_type: str | None = None
    final_url: str | None = None
    exchange: tuple[Mapping[str, Any], ...] = ()
    source: str = "look"
    body_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What `record` did. `duplicate`: it was on record already, and nothing was written.

    `older`: a later capture of the page is on record, so history after this one is derived anew.
    """

    id: str
    duplicate: bool
    older: bool


def record(conn: Connection, new: NewCapture) -> Recorded:
    """Keep a capture, its body first. When the transaction has committed, it survives a power cut.

    The same page, time and bytes twice is one capture.
    """
    if (new.body is not None) + new.again + (new.failure is not None) != 1:
        raise ValueError("a capture is a body, a 304 or a failure")
    at = new.at.astimezone(UTC)
    body = new.body_hash
    if new.body is not None:
        body = bodies.put(conn, new.page, new.body)
    elif new.again and body is None:
        body = _validated(conn, new.page) or body_before(conn, new.page, at)
        if body is None:
            raise ValueError("a 304 without anything before it")
    failure = new.failure
    capture = Capture(
        page=new.page,
        at=at,
        came="again" if new.again else "failure" if failure else "body",
        body=None if failure else body,
        failure=failure.code if failure else None,
        failure_text=failure.text if failure else None,
        failure_detail=failure.detail if failure else None,
        content_type=new.content_type,
        final_url=new.final_url,
        exchange=_exchange_text(conn, new),
        source=new.source,
    )
    last = last_at(conn, new.page)
    if last is not None and at <= last and _is_there(conn, capture):
        return Recorded(capture.id, duplicate=True, older=at < last)
    older = last is not None and at <= last  # of one moment the ids decide: perhaps before another
    conn.execute(_INSERT, _values(capture))
    ledger.append(conn, "capture", capture.id, committed(capture))
    return Recorded(capture.id, duplicate=False, older=older)


def looks(conn: Connection, page: str, after: tuple[datetime, str] | None = None) -> Iterator[Look]:
    """The looks at a page in order of (time, id), after that one; packed or not."""
    for capture in _kept(conn, page, after, None, exchanges=False):
        yield _as_look(capture)


@dataclass(frozen=True, slots=True)
class Glance:
    """The least of a look: when, what body (its hash, as stored), and whether it failed."""

    at: datetime
    body: bytes | None
    failed: bool


def glances(
    conn: Connection, page: str, since: datetime | None, until: datetime
) -> Iterator[Glance]:
    """Every look from `since` to before `until`, in order: quick, for counting many."""
    return heapq.merge(
        _packed_glances(conn, page, since, until),
        _loose_glances(conn, page, since, until),
        key=lambda glance: glance.at,
    )


def glances_back(conn: Connection, page: str, moment: datetime) -> Iterator[Glance]:
    """Every look up to a moment, the last one first."""

    def loose() -> Iterator[Glance]:
        latest = moment
        while True:
            rows = conn.execute(_LOOSE_BACK, {"page": page, "moment": latest}).all()
            for at, found, came in rows:
                yield Glance(at, found, came == "failure")
            if len(rows) < _CHUNK:
                return
            latest = rows[-1].at - timedelta(microseconds=1)

    def packed() -> Iterator[Glance]:
        latest = packing.microseconds(moment)
        asked = {"page": page, "moment": moment}
        for seq in conn.execute(_PACKS_BACK, asked).scalars().all():
            opened = _pack_at(conn, seq)
            for index in range(bisect_right(opened.times, latest) - 1, -1, -1):
                at = packing.moment(opened.times[index])
                yield Glance(at, opened.body(index), opened.failed(index))

    return heapq.merge(packed(), loose(), key=lambda glance: glance.at, reverse=True)


def _loose_glances(
    conn: Connection, page: str, since: datetime | None, until: datetime
) -> Iterator[Glance]:
    asked = {"page": page, "since": since or _BEFORE_ALL, "until": until}
    for at, body, came in conn.execute(_LOOSE_GLANCES, asked):
        yield Glance(at, body, came == "failure")


def _packed_glances(
    conn: Connection, page: str, since: datetime | None, until: datetime
) -> Iterator[Glance]:
    first = 0 if since is None else packing.microseconds(since)
    end = packing.microseconds(until)
    asked = {"page": page, "since": since or _BEFORE_ALL, "until": until}
    for seq in conn.execute(_PACKS, asked).scalars().all():
        opened = _pack_at(conn, seq)
        for index in range(bisect_left(opened.times, first), bisect_left(opened.times, end)):
            at = packing.moment(opened.times[index])
            yield Glance(at, opened.body(index), opened.failed(index))


def kept(
    conn: Connection,
    page: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[Capture]:
    """The captures of a page from `since` to before `until`, whole, in order."""
    after = (since, "") if since else None
    yield from _kept(conn, page, after, until, exchanges=True)


def body(conn: Connection, look: Look) -> bytes:
    """A look's bytes. Raises StoreError where they are torn or erased, ValueError without any."""
    if look.body is None:
        raise ValueError(f"{look.id} has no body")
    return bodies.get(conn, look.body)


def capture(conn: Connection, capture_id: str, page: str | None = None) -> Capture | None:
    """A capture by id, or None. Saying the page is quicker for one that is packed."""
    row = conn.execute(sa.select(captures).where(captures.c.id == capture_id)).first()
    if row is not None:
        return _from_row(row)
    query = sa.select(capture_packs.c.data).order_by(capture_packs.c.first_at.desc())
    hint = conn.execute(
        sa.select(verdicts.c.page, verdicts.c.at).where(verdicts.c.capture == capture_id)
    ).first()
    if hint is not None:
        query = query.where(
            capture_packs.c.page == hint.page,
            capture_packs.c.first_at <= hint.at,
            capture_packs.c.last_at >= hint.at,
        )
    elif page is not None:
        query = query.where(capture_packs.c.page == page)
    for data in conn.execute(query).scalars().all():
        opened = _opened(data)
        for index in range(len(opened)):
            if opened.capture(index, exchange=False).id == capture_id:
                return opened.capture(index)
    return None


def look(conn: Connection, capture_id: str, page: str | None = None) -> Look | None:
    """A capture by id, as the fold takes it."""
    found = capture(conn, capture_id, page)
    return None if found is None else _as_look(found)


def exchange(conn: Connection, capture_id: str) -> tuple[Mapping[str, Any], ...]:
    """Every hop of a capture as it was recorded, bodies and all; () where there was none.

    A body is a text of latin-1, one character a byte, as `record` was given it; None where this
    machine can't pack it again to the bytes that came (the page itself is there).
    """
    found = capture(conn, capture_id)
    return () if found is None else hops_of(conn, found)


def hops_of(conn: Connection, found: Capture) -> tuple[Mapping[str, Any], ...]:
    """`exchange` of a capture at hand."""
    if not found.exchange:
        return ()
    hops = json.loads(found.exchange)["hops"]
    return tuple({**hop, **_body_of_hop(conn, found, hop.get("body"))} for hop in hops)


def _exchange_text(conn: Connection, new: NewCapture) -> str:
    """The hops as canonical JSON, their bodies kept elsewhere or said by how to make them."""
    if not new.exchange:
        return ""
    hops = [
        {name: _plain(value) for name, value in hop.items() if name != "body"}
        | ({"body": _kept_body(conn, new, hop["body"])} if "body" in hop else {})
        for hop in new.exchange
    ]
    return ledger.canonical({"hops": hops}).decode()


def _plain(value: Any) -> Any:
    """Bytes as latin-1, tuples as lists: what JSON has."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _kept_body(conn: Connection, new: NewCapture, given: str | bytes) -> Any:
    wire = given if isinstance(given, bytes) else given.encode("latin-1")
    if len(wire) <= _INLINE:
        return wire.decode("latin-1")
    if wire == new.body:
        return {"as": "page"}
    how = repacking(wire, new.body) if new.body is not None else None
    if how is not None:
        return {"as": "packed", **to_plain(how)}
    return {"as": bodies.put(conn, f"{new.page} wire", wire)}


def _body_of_hop(conn: Connection, found: Capture, kept_as: Any) -> dict[str, Any]:
    if kept_as is None or isinstance(kept_as, str):
        return {}
    if kept_as["as"] not in ("page", "packed"):
        return {"body": bodies.get(conn, kept_as["as"]).decode("latin-1")}
    if found.body is None:
        raise StoreError(f"Hämtningen {found.id} saknar sin sidkropp.")
    body: bytes | None = bodies.get(conn, found.body)
    if kept_as["as"] == "packed" and body is not None:
        body = packed_again(body, from_plain(Repacking, kept_as))
    return {"body": body.decode("latin-1") if body is not None else None}


def last_at(conn: Connection, page: str) -> datetime | None:
    """When the page was looked at last."""
    row = conn.execute(_LAST_AT, {"page": page}).one()
    return max((moment for moment in row if moment is not None), default=None)


def looked_since(conn: Connection, keys: Collection[str], moment: datetime) -> set[str]:
    """Those of these pages that were looked at then or later."""
    found: set[str] = set()
    for some in some_at_once(keys):
        asked = {"some": some, "moment": moment}
        for query in (_LOOKED_SINCE, _PACKED_SINCE):
            found.update(conn.execute(query, asked).scalars())
    return found


def body_before(conn: Connection, page: str, moment: datetime) -> str | None:
    """The hash of the last body that came from a page before this moment."""
    asked = {"page": page, "moment": moment}
    loose = conn.execute(_LAST_BODY, asked).first()
    start = packing.microseconds(moment)
    since = packing.microseconds(loose.at) if loose is not None else 0
    for pack_last, seq in conn.execute(_PACKS_BEFORE, asked).all():
        if loose is not None and pack_last <= loose.at:
            break
        opened = _pack_at(conn, seq)
        for index in range(bisect_left(opened.times, start) - 1, -1, -1):
            if opened.times[index] < since:
                break
            found = opened.body(index)
            if found is not None:
                return found.hex()
    return loose.body.hex() if loose is not None else None


def _validated(conn: Connection, page: str) -> str | None:
    body = conn.execute(_VALIDATED, {"page": page}).scalar()
    return body.hex() if body is not None else None


def committed(capture: Capture) -> dict[str, Any]:
    """What the log commits to of a capture: everything; the exchange by its hash."""
    return {
        "id": capture.id,
        "page": capture.page,
        "at": capture.at.isoformat(),
        "came": capture.came,
        "body": capture.body,
        "failure": [capture.failure, capture.failure_text, capture.failure_detail],
        "content_type": capture.content_type,
        "final_url": capture.final_url,
        "exchange": hashlib.sha256(capture.exchange.encode()).hexdigest(),
        "source": capture.source,
    }


def pack(conn: Connection, before: date, page: str | None = None) -> int:
    """Pack the captures of the days (UTC) before this one, losing nothing. Returns how many.

    Each page's month is one pack. Call it page by page to keep transactions short.
    """
    end = datetime.combine(before, time(), UTC)
    pages = (
        [page]
        if page is not None
        else conn.execute(sa.select(captures.c.page).where(captures.c.at < end).distinct())
        .scalars()
        .all()
    )
    return sum(_pack_page(conn, name, end) for name in pages)


def _pack_page(conn: Connection, page: str, end: datetime) -> int:
    mine = {"of": page, "end": end}
    rows = [_from_row(row) for row in conn.execute(_OLD, mine)]
    for _, month in groupby(rows, key=lambda capture: (capture.at.year, capture.at.month)):
        _add_to_pack(conn, page, list(month))
    if rows:
        conn.execute(_FORGET_OLD, mine)
    return len(rows)


_IS_OLD: Final = (captures.c.page == sa.bindparam("of"), captures.c.at < sa.bindparam("end"))
_OLD: Final = sa.select(captures).where(*_IS_OLD).order_by(captures.c.at, captures.c.id)
_FORGET_OLD: Final = captures.delete().where(*_IS_OLD)
_PACK_OF: Final = sa.select(capture_packs.c.seq, capture_packs.c.data).where(
    capture_packs.c.page == sa.bindparam("of"),
    capture_packs.c.first_at >= sa.bindparam("start"),
    capture_packs.c.last_at < sa.bindparam("after"),
)
_PACK_AGAIN: Final = capture_packs.update().where(capture_packs.c.seq == sa.bindparam("this"))


def _add_to_pack(conn: Connection, page: str, new: list[Capture]) -> None:
    first = new[0].at
    start = datetime(first.year, first.month, 1, tzinfo=UTC)
    after = datetime(first.year + first.month // 12, first.month % 12 + 1, 1, tzinfo=UTC)
    month = {"of": page, "start": start, "after": after}
    there = conn.execute(_PACK_OF, month).first()
    whole = new if there is None else [*_opened(there.data).captures(), *new]
    whole.sort(key=lambda capture: capture.key)
    data = packing.pack(whole)
    if list(packing.Pack(data).captures()) != whole:
        raise StoreError(f"Hämtningar av {page} går inte att packa utan förlust: inget är packat.")
    values = {
        "page": page,
        "first_at": whole[0].at,
        "last_at": whole[-1].at,
        "looks": len(whole),
        "data": data,
    }
    if there is None:
        conn.execute(capture_packs.insert(), values)
    else:
        conn.execute(_PACK_AGAIN, {"this": there.seq} | values)


def _kept(
    conn: Connection,
    page: str,
    after: tuple[datetime, str] | None,
    until: datetime | None,
    *,
    exchanges: bool,
) -> Iterator[Capture]:
    loose = _loose(conn, page, after, until, exchanges=exchanges)
    packed = _packed(conn, page, after, until, exchanges=exchanges)
    return heapq.merge(packed, loose, key=lambda capture: capture.key)


def _loose(
    conn: Connection,
    page: str,
    after: tuple[datetime, str] | None,
    until: datetime | None,
    *,
    exchanges: bool,
) -> Iterator[Capture]:
    """Chunk by chunk, so that the caller may write, and commit, in between."""
    query = _WHOLE_CHUNK if exchanges else _CHUNK_OF_LOOKS
    at, name = after or (_BEFORE_ALL, "")
    asked = {"page": page, "since": at, "id": name, "until": until or _AFTER_ALL}
    while True:
        rows = conn.execute(query, asked).all()
        yield from map(_from_row, rows)
        if len(rows) < _CHUNK:
            return
        asked |= {"since": rows[-1].at, "id": rows[-1].id}


def _packed(
    conn: Connection,
    page: str,
    after: tuple[datetime, str] | None,
    until: datetime | None,
    *,
    exchanges: bool,
) -> Iterator[Capture]:
    first = 0 if after is None else packing.microseconds(after[0])
    end = None if until is None else packing.microseconds(until)
    asked = {
        "page": page,
        "since": after[0] if after is not None else _BEFORE_ALL,
        "until": until or _AFTER_ALL,
    }
    for seq in conn.execute(_PACKS, asked).scalars().all():
        opened = _pack_at(conn, seq)
        for index in range(bisect_left(opened.times, first), len(opened)):
            if end is not None and opened.times[index] >= end:
                return
            capture = opened.capture(index, exchange=exchanges)
            if after is None or capture.at > after[0] or capture.key > after:
                yield capture


def _pack_at(conn: Connection, seq: int) -> packing.Pack:
    return _opened(conn.execute(_PACK, {"seq": seq}).scalar_one())


@lru_cache(maxsize=4)
def _opened(data: bytes) -> packing.Pack:
    """Pure: what was asked of a month is often asked again."""
    try:
        return packing.Pack(data)
    except ValueError as error:
        raise StoreError(
            "En packe hämtningar är skadad i databasen: återställ den från en säkerhetskopia."
        ) from error


def _is_there(conn: Connection, capture: Capture) -> bool:
    if conn.execute(sa.select(captures.c.id).where(captures.c.id == capture.id)).first():
        return True
    around = sa.select(capture_packs.c.data).where(
        capture_packs.c.page == capture.page,
        capture_packs.c.first_at <= capture.at,
        capture_packs.c.last_at >= capture.at,
    )
    moment = packing.microseconds(capture.at)
    for data in conn.execute(around).scalars().all():
        opened = _opened(data)
        same = range(bisect_left(opened.times, moment), bisect_right(opened.times, moment))
        if any(opened.capture(index, exchange=False).id == capture.id for index in same):
            return True
    return False


def _values(capture: Capture) -> dict[str, Any]:
    return {
        "id": capture.id,
        "page": capture.page,
        "at": capture.at,
        "came": capture.came,
        "body": bytes.fromhex(capture.body) if capture.body else None,
        "failure": capture.failure,
        "failure_text": capture.failure_text,
        "failure_detail": capture.failure_detail,
        "content_type": capture.content_type,
        "final_url": capture.final_url,
        "exchange": zstd.compress(capture.exchange.encode()) if capture.exchange else None,
        "source": capture.source,
    }


def _from_row(row: Row[Any]) -> Capture:
    exchange = getattr(row, "exchange", None)
    return Capture(
        page=row.page,
        at=row.at,
        came=row.came,
        body=row.body.hex() if row.body is not None else None,
        failure=row.failure,
        failure_text=row.failure_text,
        failure_detail=row.failure_detail,
        content_type=row.content_type,
        final_url=row.final_url,
        exchange=zstd.decompress(exchange).decode() if exchange else "",
        source=row.source,
    )


def _as_look(capture: Capture) -> Look:
    failure = None
    if capture.failure is not None:
        failure = Reason(capture.failure, capture.failure_text or "", capture.failure_detail or "")
    return Look(
        id=capture.id,
        at=capture.at,
        body=capture.body,
        again=capture.came == "again",
        failure=failure,
        content_type=capture.content_type,
        url=capture.final_url,
        source=capture.source,
    )


# --------------------------------------------------------------------------------------- decisions

DecisionKind = Literal["accept", "reject", "same", "different", "undo", "forget", "rename"]


@dataclass(frozen=True, slots=True)
class NewDecision:
    """What a person settles. `capture` for accept and reject, `left` and `right` for the pairs."""

    kind: DecisionKind
    by: str
    why: str
    at: datetime
    page: str | None = None
    capture: str | None = None
    left: Observation | None = None
    right: Observation | None = None
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision on record; `undone` where a later one took it back."""

    number: int
    what: NewDecision
    undone: bool


def decide(conn: Connection, new: NewDecision) -> int:
    """Record a decision; returns its number. Nothing is ever taken away: an undo is one too."""
    values = {
        "kind": new.kind,
        "page": new.page,
        "capture": new.capture,
        "left_capture": new.left.capture if new.left else None,
        "left_ordinal": new.left.ordinal if new.left else None,
        "right_capture": new.right.capture if new.right else None,
        "right_ordinal": new.right.ordinal if new.right else None,
        "undoes": new.undoes,
        "by": new.by,
        "why": new.why,
        "at": new.at,
    }
    result = conn.execute(decisions_table.insert().returning(decisions_table.c.number), values)
    number: int = result.scalar_one()
    ledger.append(conn, "decision", f"d-{number}", committed_decision({**values, "number": number}))
    return number


def committed_decision(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the log commits to of a decision's columns: all of them."""
    return {**values, "at": values["at"].astimezone(UTC).isoformat()}


def decision_log(conn: Connection) -> tuple[Decision, ...]:
    """Every decision, in order."""
    rows = conn.execute(_DECISIONS).all()
    undone: set[int] = set()
    for row in reversed(rows):
        if row.kind == "undo" and row.number not in undone:
            undone.add(row.undoes)
    return tuple(
        Decision(
            row.number,
            NewDecision(
                row.kind,
                row.by,
                row.why,
                row.at,
                row.page,
                row.capture,
                _observation(row.left_capture, row.left_ordinal),
                _observation(row.right_capture, row.right_ordinal),
                row.undoes,
            ),
            row.number in undone,
        )
        for row in rows
    )


def decisions(conn: Connection, page: str) -> Decisions:
    """What stands of the decisions, as the fold of a page takes it.

    Pairs are given whatever the page: they name captures. `marks` holds what the decisions that
    stand and the page's anchors name.
    """
    log = decision_log(conn)
    settled = {
        decision.what.capture: decision.what.kind
        for decision in log
        if decision.what.kind in ("accept", "reject")
        and not decision.undone
        and decision.what.page == page
        and decision.what.capture
    }
    pairs = _standing_pairs(log)
    marks = {seen for pair in (*pairs.same, *pairs.different) for seen in pair}
    marks.update(Observation(*seen) for seen in conn.execute(_MARKS, {"page": page}))
    return Decisions(
        accepted=frozenset(name for name, kind in settled.items() if kind == "accept"),
        rejected=frozenset(name for name, kind in settled.items() if kind == "reject"),
        same=pairs.same,
        different=pairs.different,
        marks=frozenset(marks),
    )


class DecidedPairs(NamedTuple):
    """The pairs of observations that people said are one initiative, and those that are not."""

    same: tuple[tuple[Observation, Observation], ...]
    different: tuple[tuple[Observation, Observation], ...]


def decided_pairs(conn: Connection) -> DecidedPairs:
    """What stands of what people decided about pairs, on whatever page."""
    return _standing_pairs(decision_log(conn))


def _standing_pairs(log: Iterable[Decision]) -> DecidedPairs:
    pairs: dict[frozenset[Observation], tuple[str, Observation, Observation]] = {}
    for decision in log:
        what = decision.what
        if what.kind in ("same", "different") and what.left and what.right and not decision.undone:
            # Of two decisions about the same two the later holds.
            pairs[frozenset((what.left, what.right))] = (what.kind, what.left, what.right)
    return DecidedPairs(
        *(
            tuple((left, right) for kind, left, right in pairs.values() if kind == wanted)
            for wanted in ("same", "different")
        )
    )


_MARKS: Final = sa.select(anchors_table.c.capture, anchors_table.c.ordinal).where(
    anchors_table.c.page == sa.bindparam("page")
)
_DECISIONS: Final = sa.select(decisions_table).order_by(decisions_table.c.number)


def _observation(capture: str | None, ordinal: int | None) -> Observation | None:
    return None if capture is None or ordinal is None else Observation(capture, ordinal)


# ----------------------------------------------------------------------------------------- anchors


@dataclass(frozen=True, slots=True)
class Anchor:
    """An id that was published, bound to the observation it was published for.

    `content` is a change's meaning (see pipeline), "" for an initiative.
    """

    id: str
    kind: Literal["initiative", "change"]
    page: str
    seen: Observation
    at: datetime
    content: str = ""
    before: datetime | None = None


def anchor(conn: Connection, rows: Sequence[Anchor]) -> None:
    """Bind ids to observations, once: an id that is bound already stays where it is."""
    insert_missing(
        conn,
        anchors_table,
        [
            {
                "id": row.id,
                "kind": row.kind,
                "page": row.page,
                "capture": row.seen.capture,
                "ordinal": row.seen.ordinal,
                "content": row.content,
                "before": row.before,
                "at": row.at,
            }
            for row in rows
        ],
    )


def anchors(
    conn: Connection, page: str | None = None, kind: str | None = None
) -> tuple[Anchor, ...]:
    """The anchors of a page (of all), of one kind (of both), in order of id."""
    query = sa.select(anchors_table).order_by(anchors_table.c.id)
    if page is not None:
        query = query.where(anchors_table.c.page == page)
    if kind is not None:
        query = query.where(anchors_table.c.kind == kind)
    return tuple(
        Anchor(
            row.id,
            row.kind,
            row.page,
            Observation(row.capture, row.ordinal),
            row.at,
            row.content,
            row.before,
        )
        for row in conn.execute(query)
    )


def anchors_of_lives(
    conn: Connection, at_pages: Collection[str], ids: Collection[str]
) -> dict[Observation, str]:
    """Where initiatives were published, and by which ids: those on these pages, and these ids."""
    found: dict[Observation, str] = {}
    for query, wanted in ((_LIVES_ON_PAGES, at_pages), (_LIVES_BY_ID, ids)):
        for some in some_at_once(wanted):
            for name, capture, ordinal in conn.execute(query, {"some": some}):
                found[Observation(capture, ordinal)] = name
    return found


_LIVES_ON_PAGES, _LIVES_BY_ID = (
    sa.select(anchors_table.c.id, anchors_table.c.capture, anchors_table.c.ordinal).where(
        anchors_table.c.kind == "initiative", column.in_(_SOME)
    )
    for column in (anchors_table.c.page, anchors_table.c.id)
)


# --------------------------------------------------------------------------------------- technical


@dataclass(frozen=True, slots=True)
class Technical:
    """What changed in us or in a page's markup: for operators at most."""

    at: datetime
    code: str
    text: str
    page: str | None = None
    details: Mapping[str, Any] | None = None


def technical(conn: Connection, what: Technical) -> None:
    """Record it."""
    values = {
        "at": what.at,
        "code": what.code,
        "text": what.text,
        "page": what.page,
        "details": dict(what.details) if what.details is not None else None,
    }
    conn.execute(technical_table.insert(), values)


def technical_log(conn: Connection, page: str | None = None) -> tuple[Technical, ...]:
    """What was recorded, in order."""
    query = sa.select(technical_table).order_by(technical_table.c.seq)
    if page is not None:
        query = query.where(technical_table.c.page == page)
    return tuple(
        Technical(row.at, row.code, row.text, row.page, row.details) for row in conn.execute(query)
    )
