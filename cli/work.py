"""The commands that do the work: check, run, deliver, deliveries."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.frame import AsJson, Family, session
from cli.output import new_store_line, note_new_store, print_json
from cli.times import moment

if TYPE_CHECKING:
    from pipeline.check import Checked
    from scheduler import Listener, Worker
    from settings import Settings
    from snapshots.database import Database
    from snapshots.history import RecordedChange
    from web.metrics import Metrics
    from wiring import Installation

app = Family()
deliveries = Family(
    "deliveries", help="Vad som har sagts till vem, vad som väntar och vad som gavs upp."
)
app.add_typer(deliveries)


@app.command("check")
def check(
    context: typer.Context,
    pages: Annotated[
        list[str] | None, typer.Argument(metavar="SIDA", help="dess id; annars alla sidor")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Titta nu, vad tidtabellen än säger: hämta, spara, läs, jämför och köa det som ska sägas."""
    from presentation.documents import check_document
    from presentation.language import language
    from presentation.terminal import check_lines
    from snapshots.holders import this_holder
    from wiring import install, look_out
    from worker.look import look_and_plan

    settings = session(context).settings()
    words = language(settings.worker.language)
    with install(settings) as installation:
        chosen = [installation.page(page) for page in dict.fromkeys(pages or installation.pages)]
        note_new_store(installation, words)
        world = look_out(installation, holder=this_holder())
        documents = []
        try:
            for page in chosen:
                checked = look_and_plan(installation, page, world)
                found = _changes_of(checked, installation.database)
                documents.append(
                    check_document(
                        page.id,
                        checked.outcome,
                        checked.snapshot,
                        found,
                        checked.reasons,
                        checked.captured_at,
                    )
                )
                if not as_json:
                    for line in check_lines(documents[-1], words, settings.zone):
                        print(line)
        finally:
            world.fetcher.close()
    if as_json:
        print_json({"checks": documents})
    return int(any(one["outcome"] in ("failed", "quarantined") for one in documents))


def _changes_of(checked: Checked, database: Database) -> Sequence[RecordedChange]:
    """The changes a look found. Most find none, and start without what reads a history."""
    if not checked.changes:
        return ()
    from snapshots import history

    with database.read() as conn:
        return history.changes_by_id(conn, checked.changes)


@app.command("run")
def run(
    context: typer.Context,
    no_migrate: Annotated[
        bool,
        typer.Option("--no-migrate", help="vägra en databas som behöver uppgraderas, och säg det"),
    ] = False,
) -> int:
    """Arbeta: tidtabell, hämtningar, utskick och hälsoadresser. Stannar lugnt på SIGTERM.

    SIGHUP läser om konfigurationen. Duger den inte gäller den förra än, och det sägs.
    """
    from cli.collector import come_as_usual
    from cli.logs import open_log, take_over
    from presentation.language import language
    from scheduler import LEAVE_SECONDS, Listener, tick_seconds
    from settings import require_secrets, weak_keys
    from wiring import now

    early = threading.Event()  # a SIGHUP before there is a worker would end the program
    signal.signal(signal.SIGHUP, lambda *_: early.set())
    if os.getpid() == 1:  # there nothing hears a SIGTERM that has no handler
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = session(context).settings()
    require_secrets(settings)
    log = open_log(settings, now)
    take_over(log)

    def configured(settings: Settings) -> None:
        log.configure(settings)
        told = len(settings.subscriptions)
        pages = log.words.count("reports.watching", len(settings.pages))
        log.say(log.words.count("reports.configured", told, pages=pages))

    def stopping() -> None:
        """Leave in time even where something can't be waited for: the store is whole anyway."""
        watch = threading.Timer(LEAVE_SECONDS, leave)
        watch.daemon = True
        watch.start()

    def leave() -> None:
        log.say(log.words.say("reports.left"))
        os._exit(int(worker.overtaken))

    listener = Listener(log.looked, log.delivered, log.trouble, stopping, configured)
    pace = tick_seconds(settings)
    with employ(settings, listener, tick_seconds=pace, migrate=not no_migrate) as worker:
        metrics = _metrics(settings, worker)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        signal.signal(signal.SIGHUP, lambda *_: worker.reload())
        if early.is_set():
            worker.reload()
        with worker.employed(), _health(settings, worker, metrics, log.say):
            words = language(settings.worker.language)
            if worker.installation.is_new:
                log.say(new_store_line(worker.installation, words))
            for variable, size in weak_keys(settings):
                log.say(words.say("doctor.weak_key", variable=variable, size=size))
            log.say(words.count("reports.watching", len(settings.pages)))
            come_as_usual()
            worker.run()
            log.say(log.words.say("reports.stopping"))
        finished = worker.is_idle
    if not finished:
        # A thread still waits for a slow server. The store is whole at every point, so leave it.
        os._exit(int(worker.overtaken))
    return int(worker.overtaken)  # whoever started it starts it again, to wait for its turn


@contextmanager
def employ(
    settings: Settings, listener: Listener, *, tick_seconds: float, migrate: bool = True
) -> Iterator[Worker]:
    """A worker with its parts open; they are closed when it has stopped."""
    from scheduler import Worker
    from snapshots.holders import this_holder
    from wiring import install, look_out, open_post_office

    holder = this_holder()
    with install(settings, migrate=migrate) as installation:
        world = look_out(installation, holder=holder)
        try:
            office = open_post_office(installation, world, holder=holder)
        except BaseException:
            world.fetcher.close()
            raise
        worker = Worker(installation, world, office, holder, listener, tick_seconds)
        try:
            yield worker
        finally:
            worker.close()


def _metrics(settings: Settings, worker: Worker) -> Metrics | None:
    """The figures of this worker, which listen to it from here on; None where nobody may ask."""
    if settings.web.listen is None:
        return None
    from dataclasses import replace

    from web.metrics import Metrics, Watched
    from wiring import VERSION

    metrics = Metrics(
        Watched(
            worker.installation.database,
            worker.installation.clock,
            ticked=lambda: worker.last_tick,
            backups=lambda: worker.installation.settings.backup.folder,
            version=VERSION,
        )
    )
    told = worker.listener

    def looked(one: Checked) -> None:
        metrics.looked(one.outcome)
        told.looked(one)

    def trouble(text: str) -> None:
        metrics.troubled()
        told.trouble(text)

    worker.listener = replace(told, looked=looked, trouble=trouble)
    return metrics


@contextmanager
def _health(
    settings: Settings, worker: Worker, metrics: Metrics | None, log: Callable[[str], None]
) -> Iterator[None]:
    if settings.web.listen is None:
        yield
        return
    from presentation.language import language
    from web import feed, lives
    from web.health import serve

    def current() -> Installation:
        return worker.installation

    more = [lives.route(current), feed.route(current)]
    if metrics is not None:
        more.append(metrics.route())
    with serve(*settings.web.listen, ready=worker.ready, more=more) as server:
        host, port = server.address
        words = language(settings.worker.language)
        log(words.say("reports.health", url=f"http://{host}:{port}"))
        yield


@app.command("deliver")
def deliver(
    context: typer.Context,
    now: Annotated[
        str | None, typer.Option("--now", metavar="TID", help="utskickens klocka, för försök")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Skicka det som ska ut nu, en gång, och ta upp det som ett dödat program hade i handen."""
    from pipeline.deliver import deliver as send
    from presentation.language import language
    from presentation.reports import delivery_line
    from settings import require_secrets
    from snapshots.holders import this_holder
    from wiring import install, look_out, open_post_office
    from wiring import now as real_now

    settings = session(context).settings()
    words = language(settings.worker.language)
    require_secrets(settings)
    fixed = moment(now, settings.zone, "--now") if now else None

    def clock() -> datetime:
        return fixed or real_now()

    holder = this_holder()
    with install(settings) as installation:  # only what is due goes by that clock
        world = look_out(installation, holder=holder)
        try:
            office = open_post_office(installation, world, holder=holder)
            result = send(installation.database, office, clock)
        finally:
            world.fetcher.close()
    if as_json:
        print_json({"sent": result.sent, "waiting": result.waiting, "dead": result.dead})
    else:
        print(delivery_line(result.sent, result.waiting, result.dead, words))
    return int(bool(result.waiting or result.dead or result.failed))


@deliveries.command("list")
def deliveries_list(context: typer.Context, as_json: AsJson = False) -> None:
    """Alla utskick: till vem, läge, försök och senaste fel."""
    from notifications import outbox
    from presentation.language import language
    from presentation.reports import delivery_rows
    from wiring import install

    settings = session(context).settings()
    words = language(settings.worker.language)
    with install(settings) as installation, installation.database.read() as conn:
        rows = outbox.listing(conn)
    if as_json:
        print_json({"deliveries": rows})
    else:
        for line in delivery_rows(rows, words, settings.zone):
            print(line)


@deliveries.command("retry")
def deliveries_retry(
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="se deliveries list; annars alla")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Gör väntande och döda utskick klara att skickas igen, med samma id. Skickar inget själv."""
    from notifications import outbox
    from presentation.language import language
    from wiring import install, now

    settings = session(context).settings()
    words = language(settings.worker.language)
    with install(settings) as installation, installation.database.write() as conn:
        count = outbox.retry(conn, ids or None, now())
    if as_json:
        print_json({"retried": count})
    else:
        print(words.count("reports.retried", count))
