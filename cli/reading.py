"""`extract` and `diff`: what can be read from a file or an address now. Nothing is stored."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from cli.frame import AsJson, Family, Session, session
from cli.output import note, print_json
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.model import Change, Profile, Reading, Source
    from presentation.language import Language

app = Family()

NEW_PROFILE = "new"
"""Reserved: no profile has this name. It asks for help to write one."""

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
    """Visa vad som går att läsa ur en fil eller sida. Sparar inget.

    Med --profile new: rubrikerna, vad var och en skulle vara, och en profil att klistra in.
    """
    from monitor.extract import extract as read

    if profile == NEW_PROFILE:
        return _drafted(open_source(source, session(context)), as_json)
    rules = profile_named(profile, session(context))
    words = _words(session(context))
    reading = read(open_source(source, session(context)), rules)
    if as_json:
        from presentation.documents import reading_document

        print_json(reading_document(reading))
    else:
        from presentation.terminal import reading_lines

        print("\n".join(reading_lines(reading, words)))
    return _status(reading)


def _drafted(source: Source, as_json: bool) -> int:
    """What a person needs to write a profile for a page that has none."""
    from dataclasses import asdict

    from monitor.drafting import suggest

    draft = suggest(source)
    if as_json:
        headings = [asdict(heading) for heading in draft.headings]
        print_json({"headings": headings, "toml": draft.toml})
        return int(not draft.headings)
    parts = {"section": "avsnitt", "stop": "slut", "title": "rubrik", "text": "text"}
    for heading in draft.headings:
        count = f", {heading.initiatives} insatser" if heading.initiatives else ""
        print(f"{parts[heading.part]:<8} {heading.text}{count}")
    if not draft.headings:
        print("Inga rubriker hittades. Är det rätt sida?")
        return 1
    print("\nKlistra in i konfigurationen, se över statusarna, och pröva med --profile:\n")
    print(draft.toml.rstrip())
    return 0


@app.command("diff")
def diff(
    context: typer.Context,
    old: Annotated[
        str, typer.Argument(metavar="GAMMAL", help="en fil, - för standard in, eller en adress")
    ],
    new: Annotated[str, typer.Argument(metavar="NY", help="likadant")],
    profile: ProfileName = "boras",
    explain: Annotated[
        bool, typer.Option("--explain", help="visa vilka par som övervägdes, och hur lika de är")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Jämför två filer eller sidor. Sparar inget, och säger aldrig «tillbaka på sidan»."""
    from monitor.extract import extract as read
    from presentation.documents import change_document

    here = session(context)
    if old == new == "-":
        raise UsageError("bara den ena källan kan vara standard in; ge den andra som fil")
    rules, words = profile_named(profile, here), _words(here)
    first, second = open_source(old, here), open_source(new, here)
    before = read(first, rules)
    after = read(second, rules, before.initiatives)
    # An error page compared with a page is «everything removed»: what can't be read is no news.
    doubtful = _status(before) or _status(after)
    changes = [] if doubtful else compared(before, after, rules)
    documents = [change_document(change) for change, _ in changes]
    if explain and changes:
        places = [place for _, place in changes]
        for document, why in zip(documents, _reasons(before, after, places), strict=True):
            document.update(why)
    for name, reading in ((old, before), (new, after)):
        for reason in reading.reasons:
            note(
                words.say(
                    "terminal.source_doubted", name=name, why=words.reason(reason.code, reason.text)
                )
            )
    if as_json:
        print_json({"changes": documents})
    elif not doubtful:
        from presentation.terminal import change_lines

        print("\n".join(change_lines(documents, words)) or words.say("terminal.nothing_changed"))
    return doubtful


Place: TypeAlias = tuple[int | None, int | None]
"""Where the initiative of a change stands: its position on the old page, and on the new one."""


def compared(before: Reading, after: Reading, profile: Profile) -> list[tuple[Change, Place]]:
    """What changed from one good reading to another, in the contract's order, with its places."""
    from monitor.diff import compare, compare_words, verify_replay
    from monitor.identity.match import match
    from monitor.identity.readdress import readdressed
    from monitor.model import Change

    new = after.initiatives
    matching = match(before.initiatives, new)
    old, _ = readdressed(before.initiatives, new, matching)
    differences = compare(old, new, matching, language=after.language)
    verify_replay(old, new, matching, differences)
    found: list[tuple[Change, Place]] = []
    for words in compare_words(before.words, after.words):
        texts = (words.old_text, words.new_text)
        change = Change("page", ("reworded",), None, None, words.field, *texts)
        found.append((change, (None, None)))
    for one in differences:
        change = Change(
            "initiative",
            one.kinds,
            one.old,
            one.new,
            certainty=one.certainty,
            signals=one.signals,
        )
        found.append((change, (one.old_index, one.new_index)))
    return found


def _reasons(
    before: Reading, after: Reading, places: Sequence[Place]
) -> Iterator[dict[str, object]]:
    """For each change `{"explain": …}`, or nothing where it is about the page's own words."""
    from monitor.identity.match import explain
    from presentation.documents import explanation_document

    old, new = before.initiatives, after.initiatives
    found = {(one.old, one.new): one for one in explain(old, new)}
    for left, right in places:
        why = found.get((None, right) if right is not None else (left, None))
        others = new if right is None else old
        yield {"explain": explanation_document(why, others)} if why else {}


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
        mend = "ge en fil, - eller en adress"
        raise UsageError(f"{name}: går inte att läsa ({trouble.strerror}); {mend}") from None
    return Source(body, {".txt": "text/plain", ".html": "text/html"}.get(path.suffix.lower()))


def _fetched(url: str, here: Session) -> Source:
    """One look at an address, under the configuration's `[fetch]` where there is one."""
    from datetime import UTC, datetime

    from monitor.errors import AskOperator
    from monitor.fetch import Captured, Fetcher, FetchRules, OpenGate
    from monitor.guard import read_address
    from monitor.model import Source
    from settings import fetch_rules

    try:
        read_address(url)
    except AskOperator as error:
        raise UsageError(error.text) from None
    settings = here.settings_if_any()
    rules = fetch_rules(settings.fetch) if settings else FetchRules()
    with Fetcher(rules, gate=OpenGate(), clock=lambda: datetime.now(UTC)) as fetcher:
        answer = fetcher.fetch(url, robots=fetcher.robots(url))
    if not isinstance(answer, Captured):
        raise TypeError("an unconditional request is never «not modified»")
    return Source(answer.body, answer.content_type, answer.final_url)


def _words(here: Session) -> Language:
    """What the configuration speaks, where there is one."""
    from presentation.language import DEFAULT, language

    settings = here.settings_if_any()
    return language(settings.worker.language if settings else DEFAULT)


def _status(reading: Reading) -> int:
    return 0 if reading.verdict == "good" else 1
