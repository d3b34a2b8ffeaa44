"""Back-fill: files that hold what a page once said become captures, in order of time.

They pass the same gate as a look does. Killed in the middle, what was recorded stays, and the same
import again skips it as duplicates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from monitor.errors import UsageError
from pipeline.derive import Derived, derive
from pipeline.watched import Watched
from snapshots import derived, facts, history, watch
from snapshots.database import Database

PLAIN = {".html": "text/html", ".htm": "text/html", ".txt": "text/plain"}
ARCHIVES = (".warc", ".warc.gz", ".wacz")
BATCH = 200
"""Captures recorded in one transaction."""

_STAMPS = (
    re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d)[-:]?(\d\d)[-:]?(\d\d)Z"),
    re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?!\d)"),
    re.compile(r"(\d{4})-(\d\d)-(\d\d)(?![\dT])"),
)


@dataclass(frozen=True, slots=True)
class Edition:
    """What the page said at a time, as some file holds it. `headers` where an archive kept them."""

    at: datetime
    body: bytes
    content_type: str | None
    url: str | None
    source: str
    exchange: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a set of paths came to: files that hold editions, and those passed over."""

    plain: tuple[Path, ...]
    archives: tuple[Path, ...]
    skipped: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. `changes` are ids that were not on record before."""

    imported: int
    duplicates: int
    quarantined: int
    snapshots: int
    derived: Derived


def time_in_name(name: str) -> datetime | None:
    """The UTC time at the start of a file's name, in one of the contract's four forms."""
    for stamp in _STAMPS:
        found = stamp.match(name)
        if found:
            try:
                year, month, day, *clock = (int(group) for group in found.groups())
                hour, minute, second = clock or (0, 0, 0)
                return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            except ValueError:
                return None
    return None


def find(paths: Iterable[Path]) -> Found:
    """Sort files and the contents of folders into plain editions, archives and the rest."""
    plain: list[Path] = []
    archives: list[Path] = []
    skipped: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: filen finns inte. Ange en fil eller mapp som finns.")
        inside = path.is_dir()
        files = sorted(item for item in path.rglob("*") if item.is_file()) if inside else [path]
        for file in files:
            if file.name.lower().endswith(ARCHIVES):
                archives.append(file)
            elif file.suffix.lower() in PLAIN:
                plain.append(file)
            elif inside:
                skipped.append(file)
            else:
                kinds = ", ".join((*PLAIN, *ARCHIVES))
                raise UsageError(f"{file}: filtypen går inte att importera. Möjliga: {kinds}.")
    return Found(tuple(plain), tuple(archives), tuple(skipped))


def editions(
    found: Found,
    page: Watched,
    at: datetime | None,
    on_skip: Callable[[str], None] = lambda text: None,
) -> Iterator[Edition]:
    """Every edition in these files. Plain files come in order of time, archives as they lie.

    `on_skip` hears of what an archive holds of the page that can't be used, and of an archive that
    holds nothing of it. Raises UsageError before the first edition where a plain file has no time.
    """
    dated = sorted((_time_of(path, at), path) for path in found.plain)
    for moment, path in dated:
        content_type = PLAIN[path.suffix.lower()]
        yield Edition(moment, _read(path), content_type, None, "file")
    if found.archives:
        from snapshots import warc  # late: few have archives, and warcio costs start-up
    for path in found.archives:
        has_answers = False
        for response in warc.responses(path, page.url, on_skip):
            has_answers = True
            yield Edition(
                response.at,
                response.body,
                response.content_type,
                response.url,
                "warc",
                (response.exchange,),
            )
        if not has_answers:
            on_skip(f"{path}: arkivet har inget helt svar från {page.url}")


def _time_of(path: Path, at: datetime | None) -> datetime:
    moment = at or time_in_name(path.name)
    if moment is None:
        raise UsageError(
            f"{path}: ingen tid i början av filnamnet (som 20261123T070000Z). "
            "Döp om den eller ange --at."
        )
    return moment


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: kan inte läsas ({error.strerror}). Ge läsrätt.") from error


def import_editions(
    database: Database,
    page: Watched,
    arriving: Iterable[Edition],
    *,
    on_progress: Callable[[int], None] = lambda done: None,
    tell: Callable[[Connection, Derived], None] = lambda conn, result: None,
) -> Imported:
    """Record the editions, then derive: on from the cursor, or anew where any is older than it.

    `tell` gets the derivation within its transaction (for `--notify`).
    """
    imported = duplicates = 0
    batch: list[Edition] = []

    def record() -> None:
        nonlocal imported, duplicates
        with database.write() as conn:
            watch.lock(conn, page.key)
            for edition in batch:
                recorded = facts.record(conn, _capture_of(page, edition))
                imported += not recorded.duplicate
                duplicates += recorded.duplicate
                if recorded.older and not recorded.duplicate:
                    derived.mark_stale(conn, page.key)
        batch.clear()
        on_progress(imported + duplicates)

    for edition in arriving:
        batch.append(edition)
        if len(batch) >= BATCH:
            record()
    if batch:
        record()
    with database.write() as conn:
        watch.lock(conn, page.key)
        waited = _waiting(conn, page)
        result = derive(conn, page)
        tell(conn, result)
        quarantined = len(_waiting(conn, page) - waited)
    return Imported(imported, duplicates, quarantined, result.snapshots, result)


def _waiting(conn: Connection, page: Watched) -> set[str]:
    """The captures of a page that wait for a person."""
    return {one.capture for one in history.waiting(conn, page.key)}


def _capture_of(page: Watched, edition: Edition) -> facts.NewCapture:
    return facts.NewCapture(
        page=page.key,
        at=edition.at,
        body=edition.body,
        content_type=edition.content_type,
        final_url=edition.url,
        exchange=edition.exchange,
        source=edition.source,
    )
