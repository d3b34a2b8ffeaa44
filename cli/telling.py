"""The commands about what people are told: preview, replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.asking import Since, Until
from cli.frame import AsJson, Family, session
from cli.output import print_json
from cli.times import moment
from monitor.errors import UsageError

if TYPE_CHECKING:
    from notifications.subscriptions import Subscription
    from settings import Settings

app = Family()

SubscriptionId = Annotated[str, typer.Argument(metavar="PRENUMERATION")]


@app.command("preview")
def preview(
    context: typer.Context,
    subscription: SubscriptionId,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Visa sammandraget som prenumerationen skulle få. Skickar inget."""
    from pipeline.preview import preview as look_ahead
    from presentation.language import language
    from wiring import install, letterhead, now

    settings = session(context).settings()
    words = language(settings.worker.language)
    chosen = _subscription(settings, subscription)
    with install(settings) as installation, installation.database.read() as conn:
        shown = look_ahead(
            conn,
            chosen,
            letterhead(settings),
            now(),
            since=moment(since, settings.zone, "--since") if since else None,
            until=moment(until, settings.zone, "--until", end_of_day=True) if until else None,
        )
    if as_json:
        print_json(shown.document)
    elif shown.letter is None:
        print(words.say("reports.nothing_to_tell"))
    else:
        print(f"{words.say('reports.subject', subject=shown.letter.subject)}\n")
        print(shown.letter.text.rstrip())


@app.command("replay")
def replay(
    context: typer.Context,
    subscription: SubscriptionId,
    since: Annotated[
        str, typer.Option("--since", metavar="TID", help="från och med; ett datum är dess början")
    ],
    as_json: AsJson = False,
) -> None:
    """Köa ändringar från förr för en prenumeration; det den redan har fått veta hoppas över."""
    from pipeline.preview import replay_since
    from presentation.language import language
    from wiring import install, now

    settings = session(context).settings()
    words = language(settings.worker.language)
    chosen = _subscription(settings, subscription)
    start = moment(since, settings.zone, "--since")
    with install(settings) as installation, installation.database.write() as conn:
        queued = replay_since(conn, chosen, start, now())
    if as_json:
        print_json({"subscription": subscription, "queued": queued})
    else:
        print(words.count("reports.queued", queued, subscription=subscription))


def _subscription(settings: Settings, name: str) -> Subscription:
    """The subscription of that id; UsageError names those there are."""
    found = next((one for one in settings.subscriptions if one.id == name), None)
    if found is None:
        known = ", ".join(one.id for one in settings.subscriptions) or "inga"
        raise UsageError(f"{name}: ingen sådan prenumeration i {settings.path}; där finns {known}")
    if found.about != "changes":
        raise UsageError(f"{name}: handlar om driften och får inga sammandrag")
    return found
