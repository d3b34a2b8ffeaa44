"""The commands that fill and keep the store: import, rebuild."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.collector import seldom
from cli.frame import AsJson, Family, session
from cli.output import note, note_new_store, print_json
from cli.times import moment

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pipeline.derive import Derived
    from pipeline.imports import Edition
    from presentation.language import Language

app = Family()


@app.command("import")
def import_files(
    context: typer.Context,
    page: Annotated[str, typer.Argument(metavar="SIDA", help="dess id i konfigurationen")],
    paths: Annotated[
        list[Path], typer.Argument(metavar="FIL", help="filer, eller mappar med filer")
    ],
    at: Annotated[
        str | None, typer.Option("--at", metavar="TID", help="filernas tid; annars den i namnet")
    ] = None,
    notify: Annotated[
        bool, typer.Option("--notify", help="berätta om ändringarna, som om de just hade setts")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Fyll på med gamla hämtningar ur filer, mappar och webbarkiv, genom samma kontroll."""
    from pipeline.check import tell_changes
    from pipeline.imports import editions, find, import_editions
    from presentation.language import language
    from wiring import install, now

    settings = session(context).settings()
    words = language(settings.worker.language)
    moment_given = moment(at, settings.zone, "--at") if at else None
    with install(settings) as installation:
        watched = installation.page(page)
        found = find(paths)
        arriving = editions(found, watched, moment_given, note)
        # A file without a time is refused before anything is stored, or even said.
        arriving = chain(list(islice(arriving, 1)), arriving)
        note_new_store(installation, words)
        for file in found.skipped:
            note(words.say("reports.skipped", file=file))

        def tell(conn: Connection, result: Derived) -> None:
            people = settings.subscriptions
            tell_changes(conn, watched, result, people, now=now(), everything=notify)

        total = len(found.plain)
        ahead: list[datetime] = []
        with seldom():
            result = import_editions(
                installation.database,
                watched,
                _noting_those_ahead(arriving, now(), ahead),
                on_progress=_progress(total, words),
                tell=tell,
            )
        _progress_line("")
    if ahead:
        last = words.time(max(ahead), settings.zone)
        note(words.count("reports.ahead", len(ahead), last=last))
    document = {
        "imported": result.imported,
        "duplicates": result.duplicates,
        "quarantined": result.quarantined,
        "snapshots": result.snapshots,
    }
    if as_json:
        print_json(document)
    else:
        print(
            words.count(
                "reports.imported",
                result.imported,
                duplicates=result.duplicates,
                versions=words.count("reports.new_versions", result.snapshots),
                quarantined=result.quarantined,
            )
        )
    return int(bool(result.quarantined))


def _noting_those_ahead(
    arriving: Iterable[Edition], now: datetime, ahead: list[datetime]
) -> Iterator[Edition]:
    """The editions as they come; the times of those that nobody can have seen yet go to `ahead`."""
    for edition in arriving:
        if edition.at > now:
            ahead.append(edition.at)
        yield edition


def _progress(total: int, words: Language) -> Callable[[int], None]:
    """A line on standard error that grows, where somebody looks."""

    def show(done: int) -> None:
        key = "reports.importing_of" if total else "reports.importing"
        _progress_line(words.say(key, done=done, total=total))

    return show


def _progress_line(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


@app.command("rebuild")
def rebuild(
    context: typer.Context,
    preview: Annotated[
        bool, typer.Option("--preview", help="säg bara vad det skulle bli; ändra inget")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Kasta allt som går att härleda och härled det igen. Berättar inget för någon."""
    from pipeline.rebuild import rebuild as derive_all
    from presentation.language import language
    from wiring import install, now

    settings = session(context).settings()
    words = language(settings.worker.language)
    with install(settings) as installation:
        pages = installation.by_key.values()
        with seldom():
            result = derive_all(installation.database, pages, now(), preview=preview)
    if as_json:
        delta: dict[str, dict[str, int]] = {"new": {}, "gone": {}}
        for (side, kind), count in sorted(result.delta.items()):
            delta[side][kind] = count
        print_json({"pages": result.pages, "snapshots": result.snapshots, "delta": delta})
        return
    versions = words.count("reports.versions", result.snapshots)
    print(words.count("reports.rebuilt", result.pages, versions=versions))
    for (side, kind), count in sorted(result.delta.items()):
        print(f"  {words.say(f'reports.delta_{side}', number=count, what=words.kind(kind))}")
    if not result.delta:
        print(words.say("reports.no_delta"))
    if preview:
        print(words.say("reports.only_preview"))
