"""What the worker does beside the looks: copies by the `[backup]` timetable, and once a day, and at
each start, a round: old looks are packed, still pages noticed, and the canary tries everything.

None disturbs a look: a copy only reads, and packing takes one page's month at a time. The folder
itself says when the last copy was made, so a new start knows it.

killed while copying   a file that begins with a dot is left; the next copy clears it away
killed while packing   months that were packed are, the others are as they were
killed in the round    the next start makes it anew
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from monitor.errors import StoreError, UsageError
from notifications import incidents
from notifications.incidents import Trouble
from pipeline import stillness
from snapshots import facts, watch
from snapshots.database import Database
from snapshots.keeping import backup, take_turns
from snapshots.schema import captures

RETRY: Final = timedelta(hours=1)
"""After a copy that failed."""
SUBJECT: Final = "store:säkerhetskopian"
_FORM: Final = "%Y%m%dT%H%M%SZ"
_OURS: Final = re.compile(r"visionsvakt-(\d{8}T\d{6}Z)\.db")
_LEFT_OVER: Final = re.compile(r"\.visionsvakt-\d{8}T\d{6}Z\.db\.part(-wal|-shm|-journal)?")


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """Where copies go, how often, and how many stay. `folder` None: no copies."""

    folder: Path | None = None
    every: timedelta = timedelta(days=1)
    keep: int = 14


def try_all(database: Database, clock: Callable[[], datetime]) -> None:
    """Let the canary sing."""
    from pipeline import canary  # late: only a worker wants everything that renders messages

    canary.try_all(database, clock)


@dataclass(slots=True)
class Upkeep:
    """What is to be done, and until when it was done. One thread at a time."""

    plan: BackupPlan = BackupPlan()
    try_all: Callable[[Database, Callable[[], datetime]], None] = try_all
    _made_round_on: date | None = None
    _failed_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether there is anything to do."""
        return self._made_round_on != now.astimezone(UTC).date() or self._wants_copy(now)

    def run(
        self,
        database: Database,
        clock: Callable[[], datetime],
        keep_going: Callable[[], bool] = lambda: True,
    ) -> Path | None:
        """Do what is due; returns the copy that was made. Raises StoreError, UsageError: a copy
        that failed is on record as an incident, and tried again after a while."""
        now = clock()
        today = now.astimezone(UTC).date()
        if self._made_round_on != today:
            self._made_round_on = today  # what fails today is tried again tomorrow
            with ExitStack() as parts:  # last first, and each whatever becomes of the others
                parts.callback(self.try_all, database, clock)
                parts.callback(stillness.mind, database, now)
                parts.callback(pack_old_looks, database, today, keep_going)
        if self.plan.folder is not None and self._wants_copy(now):
            return self._copy(database, self.plan.folder, now)
        return None

    def _wants_copy(self, now: datetime) -> bool:
        if self.plan.folder is None:
            return False
        if self._failed_at is not None and self._failed_at <= now < self._failed_at + RETRY:
            return False
        last = last_copy(self.plan.folder, now)
        return last is None or now >= last + self.plan.every

    def _copy(self, database: Database, folder: Path, now: datetime) -> Path:
        try:
            made = make_copy(database, folder, self.plan.keep, now)
        except (StoreError, UsageError, OSError) as error:
            self._failed_at = now
            text = f"Säkerhetskopian kunde inte tas: {error}"
            with database.write() as conn:
                trouble = Trouble("backup_failed", text, incidents.mend_of("backup_failed"))
                incidents.note(conn, SUBJECT, trouble, now, after=1)
            raise StoreError(text) from error
        self._failed_at = None
        with database.write() as conn:
            incidents.over(conn, SUBJECT, now)
        return made


def last_copy(folder: Path, now: datetime) -> datetime | None:
    """When the newest copy of ours in a folder was made; one from the future counts for nothing."""
    moments = []
    try:
        for file in folder.iterdir():
            found = _OURS.fullmatch(file.name)
            if found:
                moments.append(datetime.strptime(found[1], _FORM).replace(tzinfo=UTC))
    except (OSError, ValueError):
        return None
    return max((moment for moment in moments if moment <= now), default=None)


def make_copy(database: Database, folder: Path, keep: int, now: datetime) -> Path:
    """Copy the store into a folder that is there, then remove our oldest copies beyond `keep`.

    Nobody else's files are touched, and nothing is removed where the copy failed.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: mappen finns inte. Skapa den, eller ändra backup.folder.")
    for file in folder.iterdir():
        if _LEFT_OVER.fullmatch(file.name):
            file.unlink(missing_ok=True)
    made = folder / f"visionsvakt-{now.astimezone(UTC).strftime(_FORM)}.db"
    backup(database, made)
    take_turns(folder, keep, lambda name: bool(_OURS.fullmatch(name)))
    return made


def pack_old_looks(
    database: Database, before: date, keep_going: Callable[[], bool] = lambda: True
) -> int:
    """Pack the looks of the days (UTC) before this one, a page's month in each transaction."""
    old = captures.c.at < datetime.combine(before, datetime.min.time(), UTC)
    with database.read() as conn:
        keys = conn.execute(sa.select(captures.c.page).where(old).distinct()).scalars().all()
    packed = 0
    for key in keys:
        upto: date | None = None
        while upto != before and keep_going():
            with database.write() as conn:
                watch.lock(conn, key)
                upto = _next_month(conn, key, before)
                packed += facts.pack(conn, upto, key)
    return packed


def _next_month(conn: Connection, key: str, before: date) -> date:
    """The end of the month of a page's oldest loose look; `before` where that comes first."""
    oldest = sa.select(sa.func.min(captures.c.at)).where(captures.c.page == key)
    first = conn.execute(oldest).scalar()
    if first is None:
        return before
    month = first.astimezone(UTC)
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return min(following, before)


__all__ = [
    "BackupPlan",
    "Upkeep",
    "last_copy",
    "make_copy",
    "pack_old_looks",
]
