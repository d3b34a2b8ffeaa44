"""`extract` and `diff`: what can be read from a file or an address now. Nothing is stored."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.frame import AsJson, Family, Session, session
from cli.output import note, print_json
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.model import Change, Profile, Reading, Source

app = Family()

ProfileName = Annotated[
    str, typer.Option("--profile", metavar="PROFIL", help="hur sidan är skriven; annars boras")
]


@app.command("extract")
def extract(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="KÄLLA", help="en fil, - för standard in, eller en adress")
    ],
    profile: ProfileName = "boras",
    as_json: AsJson = False,
) -> int:
    """Visa vad som går att läsa ur en fil eller sida. Sparar inget."""
    from monitor.extract import extract as read

    rules = profile_named(profile, session(context))
    reading = read(open_source(source, session(context)), rules)
    if as_json:
        from presentation.documents import reading_document

        print_json(reading_document(reading))
    else:
        from presentation.terminal import reading_lines

        print("\n".join(reading_lines(reading)))
    return _status(reading)


@app.command("diff")
def diff(
    context: typer.Context,
    old: Annotated[
        str, typer.Argument(metavar="GAMMAL", help="en fil, - för standard in, eller en adress")
    ],
    new: Annotated[str, typer.Argument(metavar="NY", help="likadant")],
    profile: ProfileName = "boras",
    as_json: AsJson = False,
) -> int:
    """Jämför två filer eller sidor. Sparar inget, och säger aldrig «tillbaka på sidan»."""
    from monitor.extract import extract as read
    from presentation.documents import change_document

    here = session(context)
    if old == new == "-":
        raise UsageError("bara den ena källan kan vara standard in; ge den andra som fil")
    rules = profile_named(profile, here)
    first, second = open_source(old, here), open_source(new, here)
    before = read(first, rules)
    after = read(second, rules, before.initiatives)
    # An error page compared with a page is «everything removed»: what can't be read is no news.
    doubtful = _status(before) or _status(after)
    changes = () if doubtful else changes_between(before, after, rules)
    for name, reading in ((old, before), (new, after)):
        for reason in reading.reasons:
            note(f"{name}: går inte att lita på: {reason.text}")
    documents = [change_document(change) for change in changes]
    if as_json:
        print_json({"changes": documents})
    elif not doubtful:
        from presentation.terminal import change_lines

        print("\n".join(change_lines(documents)) or "Inget har ändrats i sak.")
    return doubtful


def changes_between(before: Reading, after: Reading, profile: Profile) -> tuple[Change, ...]:
    """What changed from one good reading to another, in the contract's order."""
    from monitor.diff import compare, compare_words, verify_replay
    from monitor.identity.match import match
    from monitor.model import Change

    old, new = before.initiatives, after.initiatives
    matching = match(old, new)
    differences = compare(old, new, matching, language=profile.language)
    verify_replay(old, new, matching, differences)
    words = [
        Change("page", ("reworded",), field=one.field, old_text=one.old_text, new_text=one.new_text)
        for one in compare_words(before.words, after.words)
    ]
    things = [
        Change(
            "initiative",
            one.kinds,
            old=one.old,
            new=one.new,
            certainty=one.certainty,
            signals=one.signals,
        )
        for one in differences
    ]
    return (*words, *things)


def profile_named(name: str, here: Session) -> Profile:
    """The profile of that name: the configuration's, where there is one, else a built-in."""
    from monitor.profile import BUILTIN

    settings = here.settings_if_any()
    known: Mapping[str, Profile] = settings.profiles if settings else BUILTIN
    if name not in known:
        raise UsageError(f"profilen «{name}» finns inte; här finns {', '.join(sorted(known))}")
    return known[name]


def open_source(name: str, here: Session) -> Source:
    """The bytes of a file, of standard input (`-`) or of an address, with what is known of them."""
    from monitor.model import Source

    if name == "-":
        return Source(sys.stdin.buffer.read())
    if name.partition("://")[0].lower() in ("http", "https"):
        return _fetched(name, here)
    path = Path(name)
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{name}: filen finns inte; ge en fil, - eller en adress") from None
    except OSError as trouble:
        raise UsageError(f"{name}: går inte att läsa ({trouble.strerror})") from None
    return Source(body, {".txt": "text/plain", ".html": "text/html"}.get(path.suffix.lower()))


def _fetched(url: str, here: Session) -> Source:
    """One look at an address, under the configuration's `[fetch]` where there is one."""
    from datetime import UTC, datetime

    from monitor.fetch import Captured, Fetcher, FetchRules, OpenGate
    from monitor.model import Source
    from settings import fetch_rules

    settings = here.settings_if_any()
    rules = fetch_rules(settings.fetch) if settings else FetchRules()
    with Fetcher(rules, gate=OpenGate(), clock=lambda: datetime.now(UTC)) as fetcher:
        answer = fetcher.fetch(url, robots=fetcher.robots(url))
    if not isinstance(answer, Captured):
        raise TypeError("an unconditional request is never «not modified»")
    return Source(answer.body, answer.content_type, answer.final_url)


def _status(reading: Reading) -> int:
    return 0 if reading.verdict == "good" else 1
