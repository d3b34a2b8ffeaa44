"""`doctor`: tries every part for real, and says what is wrong and what mends it."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.frame import AsJson, Family, session
from cli.output import print_json
from monitor.errors import UsageError

if TYPE_CHECKING:
    from cli.examination import Finding
    from presentation.language import Language

app = Family()

PAGES_SHOWN: Final = 12
"""So many pages that are well are shown one by one; more of them are one line."""
LEAST_ROOM: Final = 20
"""In a terminal with fewer columns left for the text, it breaks the lines itself."""


@app.command("doctor")
def doctor(
    context: typer.Context,
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="VART", help="vart provet ska: en prenumeration eller e-postadress; annars alla"
        ),
    ] = None,
    send_test: Annotated[
        bool, typer.Option("--send-test", help="skicka ett riktigt provmeddelande")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Pröva varje del på riktigt och säg vad som är fel och vad som hjälper. Sparar inget.

    Skickar inget heller, utan --send-test: då går ett provmeddelande till varje prenumeration,
    eller dit som sägs.
    """
    from cli.examination import Examination
    from cli.trials import trials, where_to
    from presentation.language import language
    from wiring import VERSION

    settings = session(context).settings()
    words = language(settings.worker.language)
    if targets and not send_test:
        raise UsageError(f"doctor: «{targets[0]}» säger vart ett prov ska; lägg till --send-test")
    goals = where_to(settings, targets or ()) if send_test else ()
    with Examination(settings, words) as examination:
        findings = list(examination.findings())
        findings += trials(settings, examination.fetcher, goals, words)
    wrong = any(one.level == "trouble" for one in findings)
    if as_json:
        documents = [one.document for one in findings]
        print_json({"ok": not wrong, "version": VERSION, "findings": documents})
    else:
        size = shutil.get_terminal_size() if sys.stdout.isatty() else None
        for line in screen(findings, words, size):
            print(line)
    return int(wrong)


def screen(
    findings: Sequence[Finding], words: Language, size: tuple[int, int] | None = None
) -> Iterator[str]:
    """A line for each part, and below it the mend where one is needed; pages with which the same is
    wrong are one. `size` is a terminal's (columns, lines): longer ones are folded to it, and where
    all does not fit on it the pages that are well are one line too.
    """
    well = [one for one in findings if one.part == "page" and one.level == "ok"]
    lines = list(_lines(findings, words, size, is_short=len(well) > PAGES_SHOWN))
    if size is not None and len(lines) >= size[1]:
        lines = list(_lines(findings, words, size, is_short=True))
    return iter(lines)


def _lines(
    findings: Sequence[Finding],
    words: Language,
    size: tuple[int, int] | None,
    *,
    is_short: bool,
) -> Iterator[str]:
    labels = {one: words.say(f"doctor.levels.{one}") for one in ("ok", "warning", "trouble")}
    shown = list(_folded(findings, words, is_short=is_short))
    left = max(map(len, labels.values()))
    middle = max((len(name) for name, _ in shown), default=0)
    for name, one in shown:
        yield from _wrapped(f"{labels[one.level]:<{left}}  {name:<{middle}}  ", one.text, size)
        if one.mend:
            yield from _wrapped(f"{'':<{left}}  {'':<{middle}}  → ", one.mend, size)
    yield ""
    wrong, warned = (sum(o.level == level for o in findings) for level in ("trouble", "warning"))
    if not wrong and not warned:
        yield words.say("doctor.all_well")
    else:
        warnings = words.count("doctor.warnings", warned)
        yield words.count("doctor.wrong", wrong, warnings=warnings)


def _folded(
    findings: Sequence[Finding], words: Language, *, is_short: bool
) -> Iterator[tuple[str, Finding]]:
    """What there is to show, each with its name, in order: pages that are alike as one."""
    alike: defaultdict[object, list[Finding]] = defaultdict(list)
    for one in findings:
        key: object = id(one)
        if one.part == "page" and one.level != "ok":
            key = one.text
        elif one.part == "page" and is_short:
            key = one.level
        alike[key].append(one)
    for several in alike.values():
        one = several[0]
        if len(several) == 1:
            yield name_of(one, words), one
        elif one.level == "ok":
            text = words.count("doctor.pages_well", len(several))
            yield words.say("doctor.parts.page"), replace(one, text=text)
        else:
            ids = ", ".join(page.subject for page in several)
            text = f"{ids}: {one.text}"
            yield words.count("doctor.pages", len(several)), replace(one, text=text)


def _wrapped(lead: str, text: str, size: tuple[int, int] | None) -> Iterator[str]:
    """A text behind its lead: whole, or below itself where the terminal is too narrow for it."""
    room = size[0] - len(lead) if size is not None else 0
    if room < LEAST_ROOM:
        yield f"{lead}{text}"
        return
    first, *others = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
    yield f"{lead}{first}"
    for line in others:
        yield f"{'':<{len(lead)}}{line}"


def name_of(finding: Finding, words: Language) -> str:
    """What a part is called, with whom it is about."""
    part = words.say(f"doctor.parts.{finding.part}")
    return f"{part} {finding.subject}" if finding.subject else part
