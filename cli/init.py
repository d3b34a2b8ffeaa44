"""`init`: a commented configuration to start from."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from cli.frame import Family, Session, locate, session
from monitor.errors import UsageError

app = Family()


@app.command("init")
def init(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FIL", help="dit den skrivs; annars visionsvakt.toml")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="ADRESS", help="en sida; en profil skissas för den"),
    ] = None,
) -> None:
    """Skriv en kommenterad konfiguration. En fil som redan finns skrivs aldrig över."""
    path = file or locate(session(context).config)
    text = template() if url is None else drafted(url, session(context))
    write_new(path, text)
    print(f"Skrev {path}. Läs igenom den, och pröva sedan: visionsvakt check")


def template() -> str:
    """The configuration that comes with the program: the four real pages, the rest as comments."""
    return (files("cli") / "templates" / "visionsvakt.toml").read_text(encoding="utf-8")


def drafted(url: str, here: Session) -> str:
    """The configuration for one page of another town, with a profile drafted from what it says."""
    from cli.reading import open_source
    from monitor.drafting import suggest
    from monitor.extract import extract
    from monitor.profile import BUILTIN

    if url.partition("://")[0].lower() not in ("http", "https"):
        raise UsageError(f"--url: «{url}» är ingen webbadress; den börjar med https://")
    source = open_source(url, here)
    draft = suggest(source)
    if not draft.headings:
        raise UsageError(f"--url: på {url} hittades inga rubriker; är det rätt sida?")
    name = tomllib.loads(draft.toml)["profiles"]
    (profile,) = name
    title = extract(source, BUILTIN["boras"]).title or profile
    before, _, after = template().partition("[[pages]]")
    rest = after[after.index("# --- Prenumerationerna") :]
    page = f"""[[pages]]
id = "sidan"                            # byt till något kort som får stå sig
name = {json.dumps(title, ensure_ascii=False)}
url = {json.dumps(url)}
profile = {json.dumps(profile)}
every = "1h"                            # eller en cron-rad: cron = "0 6-18 * * mon-fri"

"""
    heading = "# Skissad ur sidan: se över rubriker och statusar."
    return "\n\n".join((f"{before}{page}{rest.rstrip()}", heading, draft.toml.rstrip())) + "\n"


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet; UsageError where it is, or where it can't be."""
    try:
        with path.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise UsageError(
            f"{path}: filen finns redan; välj ett annat namn eller flytta den"
        ) from None
    except OSError as trouble:
        raise UsageError(
            f"{path}: går inte att skriva ({trouble.strerror}); välj en annan mapp"
        ) from None
