"""The commands in which a person decides: quarantine and decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from cli.frame import AsJson, Family, session
from cli.output import print_json
from monitor.errors import UsageError

if TYPE_CHECKING:
    from pipeline.decide import Desk, Settled, Signed
    from wiring import Installation

Subject = TypeVar("Subject")

app = Family()
quarantine = Family("quarantine", help="Det som väntar på att en person granskar det.")
decide = Family("decide", help="Rätta vem som är vem.")
app.add_typer(quarantine)
app.add_typer(decide)

By = Annotated[str, typer.Option("--by", metavar="NAMN", help="vem som bestämmer")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="varför")]
Capture = Annotated[str, typer.Argument(metavar="HÄMTNING", help="dess id, se quarantine list")]


@dataclass(frozen=True, slots=True)
class Signing:
    """What stood after --by and --why."""

    by: str
    why: str


@quarantine.command("list")
def quarantine_list(context: typer.Context, as_json: AsJson = False) -> None:
    """Lista hämtningarna som väntar, med skälen."""
    from presentation.documents import instant, reason_documents
    from presentation.language import language
    from presentation.reports import quarantine_lines
    from snapshots import history
    from snapshots.audit import source_of
    from wiring import install

    settings = session(context).settings()
    words = language(settings.worker.language)
    with install(settings) as installation, installation.database.read() as conn:
        waiting = history.quarantined(conn)
        origins = {one.capture: source_of(conn, one.capture, one.page_key) for one in waiting}
    documents: list[dict[str, Any]] = [
        {
            "id": one.capture,
            "page": one.page,
            "captured_at": instant(one.at),
            "reasons": reason_documents(one.reasons),
            "source": origins[one.capture],
        }
        for one in waiting
    ]
    if as_json:
        print_json({"captures": documents})
        return
    for line in quarantine_lines(documents, words, settings.zone):
        print(line)


@quarantine.command("show")
def quarantine_show(context: typer.Context, capture: Capture, as_json: AsJson = False) -> None:
    """Visa en hämtning bredvid den senaste goda, och vad som skulle sägas om den godtogs."""
    from pipeline.decide import weigh
    from presentation.documents import (
        change_document,
        instant,
        reading_document,
        reason_documents,
    )
    from presentation.language import language
    from presentation.reports import weighed_lines
    from wiring import install

    settings = session(context).settings()
    words = language(settings.worker.language)
    with install(settings) as installation:
        weighed = weigh(_desk(installation), capture)
    good = [
        {"heading": heading, "status": status, "initiatives": count}
        for heading, status, count in weighed.good
    ]
    document = {
        "id": capture,
        "page": weighed.page.id,
        "captured_at": instant(weighed.at),
        "reasons": reason_documents(weighed.reasons),
        "last_good": good,
        "reading": reading_document(weighed.suspect),
        "changes": [change_document(change) for change in weighed.changes],
    }
    if as_json:
        print_json(document)
    else:
        print("\n".join(weighed_lines(document, words, settings.zone)))


@quarantine.command("accept")
def quarantine_accept(
    context: typer.Context, capture: Capture, by: By, why: Why, as_json: AsJson = False
) -> None:
    """Godta en hämtning: den blir en version, och ändringarna sägs som upptäckta i efterhand."""
    from pipeline.decide import accept

    _settle(context, Signing(by, why), as_json, accept, capture)


@quarantine.command("reject")
def quarantine_reject(
    context: typer.Context, capture: Capture, by: By, why: Why, as_json: AsJson = False
) -> None:
    """Avvisa en hämtning, också en som har godtagits; samma innehåll avvisas sedan alltid."""
    from pipeline.decide import reject

    _settle(context, Signing(by, why), as_json, reject, capture)


@quarantine.command("retry")
def quarantine_retry(context: typer.Context, as_json: AsJson = False) -> int:
    """Läs det som väntar igen, med dagens profil."""
    from pipeline.decide import retry
    from presentation.language import language
    from snapshots import history
    from wiring import install, now

    settings = session(context).settings()
    words = language(settings.worker.language)
    with install(settings) as installation:
        with installation.database.read() as conn:
            before = history.quarantined(conn)
        for page in installation.pages.values():
            if any(one.page_key == page.key for one in before):
                retry(_desk(installation), page, now())
        with installation.database.read() as conn:
            after = history.quarantined(conn)
    if as_json:
        print_json({"retried": len(before), "waiting": len(after)})
    else:
        print(words.say("reports.read_again", number=len(before), waiting=len(after)))
    return int(bool(after))


@decide.command("same")
def decide_same(
    context: typer.Context,
    one: Annotated[str, typer.Argument(metavar="INSATS", help="dess id, se show --json")],
    other: Annotated[str, typer.Argument(metavar="INSATS", help="dess id, se show --json")],
    by: By,
    why: Why,
    as_json: AsJson = False,
) -> None:
    """Två insatser är en och samma."""
    from pipeline.decide import same

    _settle(context, Signing(by, why), as_json, same, (one, other))


@decide.command("different")
def decide_different(
    context: typer.Context,
    change: Annotated[str, typer.Argument(metavar="ÄNDRING", help="dess id, se changes --json")],
    by: By,
    why: Why,
    as_json: AsJson = False,
) -> None:
    """Det som en ändring tog för en insats är två."""
    from pipeline.decide import different

    _settle(context, Signing(by, why), as_json, different, change)


@decide.command("undo")
def decide_undo(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="N", help="beslutets nummer")],
    by: By,
    why: Why,
    as_json: AsJson = False,
) -> None:
    """Ta tillbaka ett beslut; båda står kvar i loggen."""
    from pipeline.decide import undo

    _settle(context, Signing(by, why), as_json, undo, number)


def _settle(
    context: typer.Context,
    signing: Signing,
    as_json: bool,
    verb: Callable[[Desk, Subject, Signed], Settled],
    subject: Subject,
) -> None:
    """Carry out a decision of `pipeline.decide` on its subject, and say what followed from it."""
    from pipeline.decide import Signed
    from presentation.documents import recorded_document
    from presentation.language import language
    from presentation.terminal import change_lines
    from snapshots import history
    from wiring import install, now

    for option, value in (("--by", signing.by), ("--why", signing.why)):
        if not value.strip():
            raise UsageError(f"{option}: får inte vara tomt; skriv vem som beslutar, och varför")
    settings = session(context).settings()
    words = language(settings.worker.language)
    with install(settings) as installation:
        signed = Signed(signing.by.strip(), signing.why.strip(), now())
        settled = verb(_desk(installation), subject, signed)
        ids = [change for result in settled.derived for change in result.changes]
        with installation.database.read() as conn:
            found = history.changes_by_id(conn, ids) if ids else ()
    documents = [recorded_document(one) for one in found]
    if as_json:
        print_json({"decision": settled.number, "changes": documents})
        return
    print(words.say("reports.decided", number=settled.number))
    for line in change_lines(documents, words, settings.zone):
        print(line)


def _desk(installation: Installation) -> Desk:
    from pipeline.decide import Desk

    subscriptions = installation.settings.subscriptions
    return Desk(installation.database, installation.by_key, subscriptions)
