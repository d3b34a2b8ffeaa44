"""/metrics, for Prometheus: what the worker does, asked of the store when somebody asks.

On a registry of its own. No label holds an address or a secret: pages go by their ids, deliveries
by their state, incidents by the kind of what they are about.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.errors import StoreError
from notifications import incidents, outbox
from pipeline.upkeep import last_copy
from snapshots import history, watch
from snapshots.database import Database
from snapshots.schema import deliveries

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OUTCOMES = ("first", "unchanged", "changed", "failed", "quarantined")
STATES = ("waiting", "sent", "dead")
SUBJECTS = ("page", "stillness", "shrinking", "channel", "subscription", "store", "worker")

_PREFIX = "visionsvakt"


@dataclass(frozen=True, slots=True)
class Watched:
    """What the figures are about. `ticked` says when the timetable last went."""

    database: Database
    clock: Callable[[], datetime]
    ticked: Callable[[], datetime | None] = lambda: None
    backups: Callable[[], Path | None] = lambda: None
    version: str = ""


@dataclass
class Metrics:
    """The figures of one process: `looked` and `told` count, `page` writes them out."""

    watched: Watched
    registry: CollectorRegistry = field(default_factory=lambda: CollectorRegistry())
    looks: Counter = field(init=False)
    troubles: Counter = field(init=False)

    def __post_init__(self) -> None:
        self.looks = Counter(
            f"{_PREFIX}_looks", "Looks at pages, by how they ended", ["outcome"], registry=None
        )
        for outcome in OUTCOMES:
            self.looks.labels(outcome)
        self.troubles = Counter(
            f"{_PREFIX}_troubles", "Errors of the worker's own or its store's", registry=None
        )
        for one in (self.looks, self.troubles, _FromTheStore(self.watched)):
            self.registry.register(one)
        ProcessCollector(namespace=_PREFIX, registry=self.registry)

    def looked(self, outcome: str) -> None:
        """A look ended so."""
        self.looks.labels(outcome).inc()

    def troubled(self) -> None:
        """Something of ours went wrong."""
        self.troubles.inc()

    def page(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)

    def route(self) -> Route:
        """/metrics, to be added to the others."""

        def metrics(request: Request) -> Response:
            return Response(
                self.page(), media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"}
            )

        return Route("/metrics", metrics)


@dataclass(frozen=True)
class _FromTheStore(Collector):
    """One reading of the store for each scrape. A store that can't be read says so and no more."""

    watched: Watched

    def describe(self) -> Iterator[Metric]:
        return iter(())  # registering must not ask the store

    def collect(self) -> Iterator[Metric]:
        now = self.watched.clock()
        yield _one("build_info", "The program's version", 1, version=self.watched.version)
        ticked = self.watched.ticked()
        if ticked is not None:
            age = max((now - ticked).total_seconds(), 0.0)
            yield _one("tick_age_seconds", "Since the timetable last went", age)
        yield from self._disk(now)
        try:
            with self.watched.database.read() as conn:
                found = list(_figures(conn, now))
        except StoreError:
            yield _one("store_up", "Whether the store can be read", 0)
            return
        yield _one("store_up", "Whether the store can be read", 1)
        yield from found

    def _disk(self, now: datetime) -> Iterator[Metric]:
        file = self.watched.database.path
        if file is not None:
            size = sum(_size(file.with_name(file.name + end)) for end in ("", "-wal"))
            yield _one("store_bytes", "The size of the store's files", size)
            try:
                free = shutil.disk_usage(file.parent).free
                yield _one("disk_free_bytes", "What is left on the store's disk", free)
            except OSError:
                pass
        folder = self.watched.backups()
        if folder is not None:
            made = last_copy(folder, now)
            if made is not None:
                age = (now - made).total_seconds()
                yield _one("backup_age_seconds", "Since the newest backup was made", age)


Figures: TypeAlias = Iterator[Metric]


def _figures(conn: sa.Connection, now: datetime) -> Figures:
    yield from _pages(conn, now)
    table = deliveries.c
    query = sa.select(table.state, sa.func.count().label("many")).group_by(table.state)
    counts = {row.state: row.many for row in conn.execute(query)}
    by_state = _family("deliveries", "Deliveries on record, by state", ["state"])
    for state in STATES:
        by_state.add_metric([state], counts.get(state, 0))
    yield by_state
    given_up = outbox.given_up(conn)
    yield _one("deliveries_given_up", "Dead deliveries whose receiver is still there", given_up)
    oldest = conn.scalar(sa.select(sa.func.min(table.created_at)).where(table.state == "waiting"))
    waited = (now - oldest).total_seconds() if oldest is not None else 0.0
    yield _one("oldest_delivery_seconds", "How long the oldest waiting delivery waits", waited)
    going_on = [one.subject.partition(":")[0] for one in incidents.open_incidents(conn)]
    open_now = _family("incidents_open", "Incidents that are going on", ["about"])
    for subject in sorted({*SUBJECTS, *going_on}):
        open_now.add_metric([subject], going_on.count(subject))
    yield open_now


def _pages(conn: sa.Connection, now: datetime) -> Figures:
    pages = watch.all_pages(conn)
    good = history.last_good_looks(conn)
    waiting = [one.page for one in history.quarantined(conn)]
    age = _family(
        "page_last_good_look_age_seconds",
        "Since the page was last seen to be trusted; since it was added, where it never was",
        ["page"],
    )
    overdue = _family("page_overdue_seconds", "How late the page's next look is", ["page"])
    failures = _family("page_failures", "Looks at the page that failed in a row", ["page"])
    quarantined = _family("page_quarantined", "Captures of the page that wait", ["page"])
    for page in pages:
        last = good.get(page.id) or page.added_at
        age.add_metric([page.id], max((now - last).total_seconds(), 0.0))
        late = (now - page.due_at).total_seconds() if page.due_at is not None else 0.0
        overdue.add_metric([page.id], max(late, 0.0))
        failures.add_metric([page.id], page.failures)
        quarantined.add_metric([page.id], waiting.count(page.id))
    yield from (age, overdue, failures, quarantined)


def _family(name: str, text: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=labels)


def _one(name: str, text: str, value: float, **labels: str) -> Metric:
    family = _family(name, text, list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
