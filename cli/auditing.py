"""The commands an auditor asks with: search, coverage, export, dossier."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.asking import Since, Until
from cli.frame import AsJson, Family, session
from cli.output import note, print_json
from cli.times import inclusive, moment
from monitor.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

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
    from presentation.terminal import local
    from snapshots.search import search as find
    from wiring import install

    settings = session(context).settings()
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
    for one in documents:
        end = f"till {local(one['until'], settings.zone)}" if one["until"] else "står så än"
        print(f"{one['title']}  [{one['initiative']}]")
        print(f"  {one['page']}, från {local(one['since'], settings.zone)}, {end}")
    if not documents:
        print("Inget hittades.")


@app.command("coverage")
def coverage(
    context: typer.Context,
    page: Annotated[str, typer.Argument(metavar="SIDA")],
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Visa hur ofta vi har tittat på en sida, och den längsta stund då ingen såg den."""
    from monitor.timetable import planned_looks
    from snapshots import history
    from wiring import install, now

    settings = session(context).settings()
    with install(settings) as installation:
        chosen = installation.page(page)
        start = moment(since, settings.zone, "--since") if since else None
        end = moment(until, settings.zone, "--until", end_of_day=True) if until else now()
        with installation.database.read() as conn:
            seen = history.coverage(conn, chosen.key, start, min(end, now()))
    timetable = next(one.timetable for one in settings.pages if one.id == page)
    planned = 0
    if seen.since is not None:
        planned = planned_looks(timetable, seen.since, seen.until, settings.zone)
    document = {
        "page": page,
        "planned": planned,
        "looks": seen.looks,
        "good": seen.good,
        "failed": seen.failed,
        "quarantined": seen.quarantined,
        "longest_gap_minutes": seen.longest_gap_minutes,
    }
    if as_json:
        print_json(document)
        return
    gap = (
        "–" if seen.longest_gap is None else f"{seen.longest_gap.total_seconds() / 60:.0f} minuter"
    )
    print(f"{page}: {seen.looks} hämtningar av {planned} planerade, {seen.good} goda.")
    print(f"Längsta stund utan god hämtning: {gap}.")


@app.command("export")
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="FIL")],
    form: Annotated[Format, typer.Option("--format", metavar="FORM", help="csv, xlsx eller json")],
    page: Annotated[
        str | None, typer.Option("--page", metavar="SIDA", help="bara den sidan")
    ] = None,
    what: Annotated[
        What, typer.Option("--what", metavar="VAD", help="initiatives eller changes")
    ] = What.initiatives,
    since: Since = None,
    until: Until = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TID", help="insatserna som de stod då")
    ] = None,
) -> None:
    """Skriv insatser eller ändringar till en fil, för granskare."""
    from presentation import tables
    from presentation.documents import recorded_document, show_document
    from presentation.language import language
    from snapshots import history
    from wiring import install, now

    settings = session(context).settings()
    words = language(settings.worker.language)
    if as_of and what is What.changes:
        raise UsageError("--as-of gäller initiatives; för changes: --since och --until")
    with install(settings) as installation:
        chosen = [installation.page(page)] if page else list(installation.pages.values())
        then = inclusive(as_of, settings.zone, "--as-of") if as_of else None
        with installation.database.read() as conn:
            if what is What.changes:
                found = history.changes(
                    conn,
                    pages=[one.key for one in chosen],
                    since=moment(since, settings.zone, "--since") if since else None,
                    until=_end(until, settings.zone),
                )
                documents: list[Any] = [recorded_document(one) for one in found]
                table = tables.changes_table(documents, words)
            else:
                shown = [(one, history.show(conn, one.key, then)) for one in chosen]
                documents = [
                    show_document(one.id, snapshot, one.profile.language)
                    for one, snapshot in shown
                    if snapshot is not None
                ]
                table = tables.initiatives_table(documents, words)
    try:
        if form is Format.csv:
            tables.write_csv(table, out, settings.zone, words)
        elif form is Format.xlsx:
            tables.write_xlsx([table], out, settings.zone, words)
        else:
            tables.write_json(what.value, documents, out, now())
    except OSError as error:
        raise UsageError(
            f"{out}: kan inte skrivas ({error.strerror}); välj en annan plats"
        ) from None
    note(f"skrev {len(table.rows)} rader till {out}")


def _end(until: str | None, zone: Any) -> datetime | None:
    return moment(until, zone, "--until", end_of_day=True) if until else None


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
    from presentation.documents import history_document, instant
    from presentation.dossier import dossier
    from wiring import install, now

    settings = session(context).settings()
    with install(settings) as installation, installation.database.read() as conn:
        life = life_named(conn, initiative)
        document = history_document(life)
        sources = _sources(conn, installation, life)
    html = dossier(document, sources, settings.zone, instant(now()) or "")
    try:
        out.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{out}: kan inte skrivas ({error.strerror}); välj en annan plats"
        ) from None
    note(f"skrev {out}")


def _sources(conn: Connection, installation: Installation, life: Any) -> list[Any]:
    """The captures in which each version of the initiative was first seen."""
    from presentation.documents import instant
    from presentation.dossier import Source
    from snapshots import facts

    names = dict.fromkeys(
        seen.capture
        for one in life.changes
        for seen in (one.change.old_seen, one.change.new_seen)
        if seen is not None
    )
    sources = []
    for name in names:
        capture = facts.capture(conn, name)
        if capture is not None and capture.body is not None:
            page = installation.by_key.get(capture.page)
            url = capture.final_url or (page.url if page else capture.page)
            sources.append(Source(name, instant(capture.at) or "", url, capture.body))
    return sorted(sources, key=lambda source: source.at)


def _unwritable(out: Path, error: OSError) -> UsageError:
    return UsageError(f"{out}: kan inte skrivas ({error.strerror}); välj en annan plats")
