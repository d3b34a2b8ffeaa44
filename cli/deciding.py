"""The commands in which a person decides: quarantine, decide."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.frame import AsJson, Family, session
from cli.output import print_json

app = Family()
quarantine = Family("quarantine", help="det som väntar på att en person granskar det")
decide = Family("decide", help="rätta vem som är vem")
app.add_typer(quarantine)
app.add_typer(decide)

By = Annotated[str, typer.Option("--by", metavar="NAMN", help="vem som bestämmer")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="varför")]
Capture = Annotated[str, typer.Argument(metavar="HÄMTNING")]


@quarantine.command("list")
def quarantine_list(context: typer.Context, as_json: AsJson = False) -> None:
    """Hämtningar som väntar, med skälen."""
    from presentation.documents import instant, reason_documents
    from presentation.terminal import local
    from snapshots import history
    from wiring import install

    settings = session(context).settings()
    with install(settings) as installation, installation.database.read() as conn:
        waiting = history.quarantined(conn)
    documents: list[dict[str, Any]] = [
        {
            "id": one.capture,
            "page": one.page,
            "captured_at": instant(one.at),
            "reasons": reason_documents(one.reasons),
        }
        for one in waiting
    ]
    if as_json:
        print_json({"captures": documents})
        return
    for one in documents:
        print(f"{one['id']}  {one['page']}  {local(str(one['captured_at']), settings.zone)}")
        for reason in one["reasons"]:
            print(f"  {reason['text']}")
    if not documents:
        print("Inget väntar på granskning.")
