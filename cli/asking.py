"""The commands that ask the record: show, compare, changes, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.frame import AsJson, Family, session
from cli.output import note, print_json
from cli.times import inclusive, moment
from monitor.errors import UsageError
from monitor.model import KINDS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from snapshots.history import Life

app = Family()

Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TID", help="från och med; ett datum är dess början"),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TID", help="före; ett datum är dess slut")
]


@app.command("show")
def show(
    context: typer.Context,
    page: Annotated[str, typer.Argument(metavar="SIDA", help="dess id i konfigurationen")],
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TID", help="som den stod då, inklusive tiden")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Visa sidans insatser nu, eller som de stod då."""
    from presentation.documents import show_document, unseen_document
    from presentation.language import language
    from presentation.reports import show_lines
    from snapshots import history
    from snapshots.audit import source_of
    from wiring import install

    settings = session(context).settings()
    words = language(settings.worker.language)
    with install(settings) as installation:
        key = installation.remembered(page)
        known = installation.pages.get(page)
        spoken = known.profile.language if known else settings.worker.language
        then = inclusive(as_of, settings.zone, "--as-of") if as_of else None
        with installation.database.read() as conn:
            shown = history.show(conn, key, then)
            source = source_of(conn, shown.capture, key) if shown is not None else None
    if shown is None:
        note(words.say("reports.unseen_then" if as_of else "reports.unseen", page=page))
        if as_json:
            print_json(unseen_document(page, spoken))
        return 1
    document = {**show_document(page, shown, spoken), "source": source}
    if as_json:
        print_json(document)
    else:
        for line in show_lines(document, words, settings.zone):
            print(line)
    return 0


@app.command("compare")
def compare(
    context: typer.Context,
    page: Annotated[str, typer.Argument(metavar="SIDA", help="dess id i konfigurationen")],
    then: Annotated[str, typer.Argument(metavar="DÅ", help="en tid; ett datum är dess slut")],
    later: Annotated[
        str | None, typer.Argument(metavar="SENARE", help="en tid; utelämnad: nu")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Jämför en sida som den stod vid två tider. Det som har ändrats och ändrats tillbaka
    däremellan är ingen skillnad."""
    from presentation.documents import compared_document
    from presentation.language import language
    from presentation.reports import compared_lines
    from snapshots.compare import compare as held_against
    from wiring import install

    settings = session(context).settings()
    words = language(settings.worker.language)
    start = inclusive(then, settings.zone, "DÅ")
    end = inclusive(later, settings.zone, "SENARE") if later else None
    if end is not None and end < start:
        raise UsageError(f"{later} är före {then}; skriv den tidigare tiden först")
    with install(settings) as installation:
        key = installation.remembered(page)
        known = installation.pages.get(page)
        spoken = known.profile.language if known else settings.worker.language
        with installation.database.read() as conn:
            found = held_against(conn, key, start, end, spoken)
    if found is None:
        note(words.say("reports.unseen_then", page=page))
        if as_json:
            print_json({"page": page, "old": None, "new": None, "changes": []})
        return 1
    document = compared_document(page, found)
    if as_json:
        print_json(document)
    else:
        print("\n".join(compared_lines(document, words, settings.zone)))
    return 0


@app.command("changes")
def changes(
    context: typer.Context,
    page: Annotated[
        str | None, typer.Option("--page", metavar="SIDA", help="bara den sidan")
    ] = None,
    since: Since = None,
    until: Until = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="SLAG", help=f"ett eller flera av {', '.join(KINDS)}"),
    ] = None,
    more_kinds: Annotated[list[str] | None, typer.Argument(metavar="SLAG", hidden=True)] = None,
    as_json: AsJson = False,
) -> None:
    """Lista ändringarna på sidorna, i ordning."""
    from presentation.documents import recorded_document
    from presentation.language import language
    from presentation.terminal import change_lines
    from snapshots import history
    from wiring import install

    settings = session(context).settings()
    words = language(settings.worker.language)
    if more_kinds and not kind:
        raise UsageError(f"changes: «{more_kinds[0]}» är ett ord för mycket; menade du --kind?")
    kinds = [*(kind or ()), *(more_kinds or ())]  # --kind added moved, or --kind twice
    unknown = [one for one in kinds if one not in KINDS]
    if unknown:
        raise UsageError(f"--kind: «{unknown[0]}» finns inte; här finns {', '.join(KINDS)}")
    with install(settings) as installation:
        keys = [installation.remembered(page)] if page else None
        with installation.database.read() as conn:
            found = history.changes(
                conn,
                pages=keys,
                since=moment(since, settings.zone, "--since") if since else None,
                until=moment(until, settings.zone, "--until", end_of_day=True) if until else None,
                kinds=kinds or None,
            )
    documents = [recorded_document(one) for one in found]
    if as_json:
        print_json({"changes": documents})
    else:
        lines = change_lines(documents, words, settings.zone)
        print("\n".join(lines) or words.say("terminal.no_changes"))


@app.command("history")
def history_of(
    context: typer.Context,
    initiative: Annotated[
        str, typer.Argument(metavar="INSATS", help="dess id, eller en titel den har haft")
    ],
    explain: Annotated[
        bool, typer.Option("--explain", help="säg varför varje ändring blev som den blev")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Visa en insats hela liv: lägen, ändringar, sidor, och vem som fick veta."""
    from pipeline.preview import told_of
    from presentation.documents import history_document, instant
    from presentation.language import language
    from presentation.reports import history_lines
    from snapshots import audit
    from wiring import install

    settings = session(context).settings()
    words = language(settings.worker.language)
    with install(settings) as installation, installation.database.read() as conn:
        life = life_named(conn, initiative)
        document = history_document(life)
        document["sources"] = [
            {
                "capture": one.capture,
                "page": one.page,
                "captured_at": instant(one.at),
                "source": one.source,
                "sha256": one.body,
            }
            for one in audit.sources(conn, life)
        ]
        document["told"] = told_of(conn, [change["id"] for change in document["changes"]])
        if explain:
            _explain(conn, life, document)
    if as_json:
        print_json(document)
    else:
        for line in history_lines(document, words, settings.zone):
            print(line)


def _explain(conn: Connection, life: Life, document: dict[str, Any]) -> None:
    """Add to each change who was considered."""
    from pipeline.explain import explained
    from presentation.documents import explanation_document

    found = explained(conn, life.changes)
    for change in document["changes"]:
        why = found.get(change["id"])
        if why is not None:
            said = explanation_document(why.explanation, why.others, why.departed)
            change["explain"] = said


def life_named(conn: Connection, initiative: str) -> Life:
    """The initiative with that id, or that ever had that title; UsageError where not just one."""
    from snapshots import history

    found = history.lives_named(conn, initiative)
    if len(found) > 1:
        raise UsageError(
            f"{initiative}: flera insatser har haft den titeln; välj id: {', '.join(found)}"
        )
    life = history.life(conn, found[0]) if found else None
    if life is None:
        raise UsageError(
            f"{initiative}: ingen insats har haft det id:t eller den titeln; "
            "sök med visionsvakt search"
        )
    return life
