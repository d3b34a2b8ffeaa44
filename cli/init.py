"""`init`: a commented configuration to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from cli.frame import Family, session
from monitor.errors import UsageError

app = Family()


@app.command("init")
def init(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FIL", help="dit den skrivs; annars visionsvakt.toml")
    ] = None,
) -> None:
    """Skriv en kommenterad konfiguration. En fil som redan finns skrivs aldrig över."""
    from settings import locate

    path = file or locate(session(context).config)
    write_new(path, template())
    print(f"Skrev {path}. Läs igenom den, och pröva sedan: visionsvakt check")


def template() -> str:
    """The configuration that comes with the program: the four real pages, the rest as comments."""
    return (files("cli") / "templates" / "visionsvakt.toml").read_text(encoding="utf-8")


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
