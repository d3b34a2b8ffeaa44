"""The commands that keep the store: verify, backup, restore, forget, pages rename."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.frame import AsJson, Family, session
from cli.output import note, print_json

if TYPE_CHECKING:
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
    from snapshots.verify import verify as check

    with _store(context) as database, database.read() as conn:
        result = check(conn, {"message": committed_messages}, _progress)
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
        word = "Allt håller" if result.ok else "Något håller inte"
        print(
            f"{word}: {result.captures} hämtningar, {result.snapshots} versioner, "
            f"{result.entries} poster i loggen."
        )
        for problem in result.problems:
            print(f"  {problem}")
        print(f"Loggens rot: {result.root}")
    return int(not result.ok)


@app.command("backup")
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FIL", help="en ny fil; skrivs aldrig över")],
    as_json: AsJson = False,
) -> None:
    """Kopiera hela lagret till en fil, medan arbetet går vidare."""
    from snapshots.keeping import backup as copy

    with _store(context) as database:
        size = copy(database, file)
    if as_json:
        print_json({"file": str(file), "bytes": size})
    else:
        print(f"Kopian {file} är skriven ({size / 1e6:.1f} MB).")


@app.command("restore")
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FIL", help="en fil från visionsvakt backup")],
    as_json: AsJson = False,
) -> None:
    """Gör lagret till vad det var när filen skrevs. Det som redan har sagts sägs inte igen."""
    from snapshots.keeping import restore as put_back
    from wiring import now

    with _store(context) as database:
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
    print(f"Lagret är återställt ur {file}: {result.captures} hämtningar.")
    if result.told_since:
        print(f"{result.told_since} meddelanden som gick ut efter kopian är kvar som skickade.")
    if result.uncertain:
        print(
            f"{result.uncertain} utskick kan ha gått ut efter kopian och skickas inte igen av sig "
            "själva. Se visionsvakt deliveries list."
        )


@app.command("forget")
def forget(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADRESS")],
    by: By = "okänd",
    why: Why = "begäran om radering",
    as_json: AsJson = False,
) -> None:
    """Radera en mottagares adress ur allt som är sparat. Loggens bevis håller ändå."""
    from snapshots.keeping import forget as erase
    from wiring import now

    with _store(context) as database:
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
    print(f"Adressen är glömd: {gone.deliveries} utskick, {gone.messages} meddelanden.")
    print("Ta bort den ur konfigurationen också. Äldre säkerhetskopior har den kvar.")


@pages.command("rename")
def pages_rename(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="GAMMALT")],
    new: Annotated[str, typer.Argument(metavar="NYTT")],
    by: By = "okänd",
    why: Why = "",
) -> None:
    """Ge en sida ett nytt id med historien kvar. Byt det sedan i konfigurationen."""
    from snapshots.keeping import rename_page
    from wiring import now

    with _store(context) as database:
        rename_page(database, old, new, by, now(), why)
    print(f'Sidan {old} heter nu {new}. Skriv id = "{new}" i konfigurationen.')


@contextmanager
def _store(context: typer.Context) -> Iterator[Database]:
    """The store alone, whatever the configuration's pages and subscriptions are."""
    from snapshots.database import open_database

    database = open_database(session(context).settings().database_url)
    try:
        yield database
    finally:
        database.close()


def _progress(done: int) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[Kprövar: {done} hämtningar", end="", file=sys.stderr, flush=True)


def _end_progress() -> None:
    if sys.stderr.isatty():
        note("")
