"""The commands an auditor asks with: search, coverage, export, dossier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.asking import Since, Until
from cli.frame import AsJson, Family, session
from cli.output import note, print_json, write_file
from cli.times import inclusive, moment
from monitor.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from presentation.tables import Table
    from settings import Settings
    from wiring import Installation

app = Family()


class What(StrEnum):
    """What an export holds."""

    initiatives = "initiatives"
    changes = "changes"


class Format(StrEnum):
    """How an export is written."""

    csv = "csv"
    xlsx = "xlsx"
    json = "json"


@app.command("search")
def search(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="ORD")],
    as_json: AsJson = False,
) -> None:
    """Sök i alla versioner av alla insatser som någonsin har stått på sidorna."""
    from presentation.documents import initiative_document, instant
    from presentation.language import language
    from presentation.reports import found_lines
    from snapshots.search import search as find
    from wiring import install

    settings = session(context).settings()
    if not any(letter.isalnum() for word in words for letter in word):
        raise UsageError("search: inget ord att söka efter; skriv minst ett")
    with install(settings) as installation, installation.database.read() as conn:
        found = find(conn, " ".join(words))
    documents: list[dict[str, Any]] = [
        {
            "initiative": one.id,
            "page": one.page,
            "status": one.initiative.status,
            **initiative_document(one.initiative),
            "since": instant(one.since),
            "until": instant(one.until),
        }
        for one in found
    ]
    if as_json:
        print_json({"found": documents})
        return
    for line in found_lines(documents, language(settings.worker.language), settings.zone):
        print(line)


@app.command("coverage")
def coverage(
    context: typer.Context,
    page: Annotated[str, typer.Argument(metavar="SIDA")],
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Visa hur ofta vi har tittat på en sida, och den längsta stund då ingen såg den."""
    from presentation.documents import coverage_document
    from presentation.language import language
    from presentation.reports import coverage_lines
    from snapshots import history
    from wiring import install, now

    settings = session(context).settings()
    with install(settings) as installation:
        key = installation.remembered(page)
        start, end = _stretch(since, until, settings)
        with installation.database.read() as conn:
            seen = history.coverage(conn, key, start, min(end or now(), now()))
    planned = _planned(settings, page, seen.since, seen.until)
    document = coverage_document(seen, planned)
    if as_json:
        print_json(document)
        return
    for line in coverage_lines(document, language(settings.worker.language), settings.zone):
        print(line)


def _planned(settings: Settings, page: str, since: datetime | None, until: datetime) -> int:
    """How many looks the timetable asks for; none for a page that is left out by now."""
    from monitor.timetable import planned_looks

    timetable = next((one.timetable for one in settings.pages if one.id == page), None)
    if timetable is None or since is None or since >= until:
        return 0
    return planned_looks(timetable, since, until, settings.zone)


def _stretch(
    since: str | None, until: str | None, settings: Settings
) -> tuple[datetime | None, datetime | None]:
    """What `--since` and `--until` say, half-open."""
    start = moment(since, settings.zone, "--since") if since else None
    end = moment(until, settings.zone, "--until", end_of_day=True) if until else None
    if start is not None and end is not None and end <= start:
        raise UsageError(f"--until {until}: är inte efter --since {since}")
    return start, end


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be exported, with its times read."""

    what: What | None
    as_of: datetime | None
    since: datetime | None
    until: datetime | None

    @property
    def is_stretch(self) -> bool:
        return self.since is not None or self.until is not None

    @property
    def wants_initiatives(self) -> bool:
        return self.what is not What.changes

    @property
    def wants_changes(self) -> bool:
        return self.what is What.changes or (self.what is None and self.as_of is None)


@app.command("export")
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="FIL")],
    form: Annotated[Format, typer.Option("--format", metavar="FORM", help="csv, xlsx eller json")],
    page: Annotated[
        str | None, typer.Option("--page", metavar="SIDA", help="bara den sidan")
    ] = None,
    what: Annotated[
        What | None,
        typer.Option(
            "--what",
            metavar="VAD",
            help="initiatives eller changes; utelämnat båda (csv: initiatives)",
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TID", help="insatserna som de stod då")
    ] = None,
) -> None:
    """Skriv insatser eller ändringar till en fil, för granskare. Med --since och --until blir
    insatserna allt som har stått på sidorna någon gång under den tiden."""
    from presentation import tables
    from presentation.language import language
    from wiring import install, now

    settings = session(context).settings()
    words = language(settings.worker.language)
    if as_of and (since or until):
        raise UsageError("--as-of är en tidpunkt, --since och --until en tid; välj det ena")
    if as_of and what is What.changes:
        raise UsageError("--as-of gäller initiatives; för changes: --since och --until")
    if what is None and form is Format.csv:
        what = What.initiatives
    order = _Order(
        what,
        inclusive(as_of, settings.zone, "--as-of") if as_of else None,
        *_stretch(since, until, settings),
    )
    with install(settings) as installation:
        documents, sheets = _exported(installation, order, page)
    if form is Format.csv:
        data = tables.csv_bytes(sheets[0], settings.zone, words)
    elif form is Format.xlsx:
        data = tables.xlsx_bytes(sheets, settings.zone, words)
    else:
        data = tables.json_bytes(documents, now())
    write_file(out, data)
    rows = sum(len(sheet.rows) for sheet in sheets)
    note(words.count("reports.wrote_rows", rows, file=out))


def _exported(
    installation: Installation, order: _Order, page: str | None
) -> tuple[dict[str, list[Any]], list[Table]]:
    """What was asked for, as documents and as tables."""
    from presentation import tables
    from presentation.documents import recorded_document
    from presentation.language import language
    from snapshots import history

    words = language(installation.settings.worker.language)
    documents: dict[str, list[Any]] = {}
    sheets = []
    of_old = order.is_stretch or order.as_of is not None
    keys = {page: installation.remembered(page)} if page else installation.keys(retired=of_old)
    with installation.database.read() as conn:
        if order.wants_initiatives and not order.is_stretch:
            documents["pages"] = _as_they_stood(conn, installation, keys, order.as_of)
            sheets.append(tables.initiatives_table(documents["pages"], words))
        elif order.wants_initiatives:
            stretch = (order.since, order.until)
            documents["versions"] = _versions(conn, list(keys.values()), *stretch)
            sheets.append(tables.versions_table(documents["versions"], words))
        if order.wants_changes:
            found = history.changes(
                conn,
                pages=list(keys.values()) if page else None,
                since=order.since,
                until=order.until,
            )
            documents["changes"] = [recorded_document(one) for one in found]
            sheets.append(tables.changes_table(documents["changes"], words))
    return documents, sheets


def _as_they_stood(
    conn: Connection, installation: Installation, keys: dict[str, str], then: datetime | None
) -> list[Any]:
    from presentation.documents import show_document
    from snapshots import history
    from snapshots.audit import source_of

    found = []
    for name, key in keys.items():
        shown = history.show(conn, key, then)
        known = installation.pages.get(name)
        spoken = known.profile.language if known else installation.settings.worker.language
        if shown is not None:
            source = source_of(conn, shown.capture, key)
            found.append({**show_document(name, shown, spoken), "source": source})
    return found


def _versions(
    conn: Connection, keys: Sequence[str], since: datetime | None, until: datetime | None
) -> list[Any]:
    from presentation.documents import initiative_document, instant
    from snapshots.audit import versions_between

    return [
        {
            "page": span.page,
            "initiative": name,
            "section": span.heading,
            "status": span.initiative.status,
            **initiative_document(span.initiative),
            "from_after": instant(span.from_after),
            "from": instant(span.since),
            "to_after": instant(span.to_after),
            "to": instant(span.until),
        }
        for name, span in versions_between(conn, keys, since, until)
    ]


@app.command("dossier")
def write_dossier(
    context: typer.Context,
    initiative: Annotated[
        str, typer.Argument(metavar="INSATS", help="dess id, eller en titel den har haft")
    ],
    out: Annotated[Path, typer.Argument(metavar="FIL.html")],
) -> None:
    """Skriv en insats hela liv som en HTML-sida som går att skriva ut och spara."""
    from cli.asking import life_named
    from presentation.language import language
    from web.lives import life_page
    from wiring import install, now

    settings = session(context).settings()
    words = language(settings.worker.language)
    with install(settings) as installation, installation.database.read() as conn:
        life = life_named(conn, initiative)
        html = life_page(conn, life, installation, words, now())
    write_file(out, html.encode("utf-8"))
    note(words.say("reports.wrote", file=out))
