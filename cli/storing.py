"""The commands that keep the store: verify, backup, restore, forget, pages rename."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.frame import AsJson, Family, session
from cli.output import note, print_json
from monitor.errors import UsageError

if TYPE_CHECKING:
    from presentation.language import Language
    from settings import Settings
    from snapshots.database import Database

app = Family()
pages = Family("pages", help="de bevakade sidorna")
app.add_typer(pages)

By = Annotated[str, typer.Option("--by", metavar="NAMN", help="vem som bestämmer")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="varför")]


@app.command("verify")
def verify(context: typer.Context, as_json: AsJson = False) -> int:
    """Pröva hela lagret: varje innehåll mot sin hash, varje uppgift mot loggen."""
    from pipeline.form import committed_messages
    from presentation.language import language
    from snapshots.verify import verify as check

    with _store(context) as (settings, database), database.read() as conn:
        words = language(settings.worker.language)
        result = check(conn, {"message": committed_messages}, _progress(words))
    _end_progress()
    document = {
        "ok": result.ok,
        "captures": result.captures,
        "snapshots": result.snapshots,
        "entries": result.entries,
        "root": result.root,
        "problems": list(result.problems),
    }
    if as_json:
        print_json(document)
    else:
        counts = {
            "captures": words.count("reports.captures", result.captures),
            "versions": words.count("reports.versions", result.snapshots),
            "entries": words.count("reports.entries", result.entries),
        }
        print(words.say("reports.holds" if result.ok else "reports.does_not_hold", **counts))
        for problem in result.problems:
            print(f"  {problem}")
        print(words.say("reports.root", root=result.root))
    return int(not result.ok)


@app.command("backup")
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FIL", help="en ny fil; skrivs aldrig över")],
    as_json: AsJson = False,
) -> None:
    """Kopiera hela lagret till en fil, medan arbetet går vidare."""
    from presentation.language import language
    from snapshots.keeping import backup as copy

    with _store(context) as (settings, database):
        size = copy(database, file)
    if as_json:
        print_json({"file": str(file), "bytes": size})
    else:
        words = language(settings.worker.language)
        print(words.say("reports.copied", file=file, size=f"{size / 1e6:.1f}"))


@app.command("restore")
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FIL", help="en fil från visionsvakt backup")],
    as_json: AsJson = False,
) -> None:
    """Gör lagret till vad det var när filen skrevs. Det som redan har sagts sägs inte igen."""
    from presentation.language import language
    from snapshots.keeping import restore as put_back
    from wiring import now

    with _store(context) as (settings, database):
        result = put_back(database, file, now())
    if as_json:
        print_json(
            {
                "captures": result.captures,
                "told_since": result.told_since,
                "uncertain": result.uncertain,
            }
        )
        return
    words = language(settings.worker.language)
    captures = words.count("reports.captures", result.captures)
    print(words.say("reports.restored", file=file, captures=captures))
    if result.told_since:
        print(words.count("reports.told_since", result.told_since))
    if result.uncertain:
        print(words.count("reports.uncertain", result.uncertain))


@app.command("forget")
def forget(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADRESS")],
    by: By = "okänd",
    why: Why = "begäran om radering",
    as_json: AsJson = False,
) -> None:
    """Radera en mottagares adress ur allt som är sparat. Loggens bevis håller ändå."""
    from presentation.language import language
    from snapshots.keeping import forget as erase
    from wiring import now

    with _store(context) as (settings, database):
        gone = erase(database, address, by, why, now())
    if as_json:
        print_json(
            {
                "subscribers": gone.subscribers,
                "deliveries": gone.deliveries,
                "messages": gone.messages,
            }
        )
        return
    words = language(settings.worker.language)
    counts = {
        "deliveries": words.count("reports.deliveries", gone.deliveries),
        "messages": words.count("reports.messages", gone.messages),
    }
    print(words.say("reports.forgotten", **counts))
    print(words.say("reports.forget_more"))


@pages.command("rename")
def pages_rename(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="GAMMALT")],
    new: Annotated[str, typer.Argument(metavar="NYTT")],
    by: By = "okänd",
    why: Why = "",
) -> None:
    """Ge en sida ett nytt id med historien kvar. Byt det sedan i konfigurationen."""
    from presentation.language import language
    from settings import identifier
    from snapshots.keeping import rename_page
    from wiring import now

    try:
        identifier(new)
    except ValueError as wrong:
        raise UsageError(f"{new}: {wrong}") from None
    with _store(context) as (settings, database):
        rename_page(database, old, new, by, now(), why)
    print(language(settings.worker.language).say("reports.renamed", old=old, new=new))


@contextmanager
def _store(context: typer.Context) -> Iterator[tuple[Settings, Database]]:
    """The store alone, whatever the configuration's pages and subscriptions are."""
    from snapshots.database import open_database

    settings = session(context).settings()
    database = open_database(settings.database_url)
    try:
        yield settings, database
    finally:
        database.close()


def _progress(words: Language) -> Callable[[int], None]:
    """A line on standard error that grows, where somebody looks."""

    def show(done: int) -> None:
        if sys.stderr.isatty():
            line = words.say("reports.verifying", done=done)
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    return show


def _end_progress() -> None:
    if sys.stderr.isatty():
        note("")
