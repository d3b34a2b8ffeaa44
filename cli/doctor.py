"""`doctor`: tries every part for real, and says what is wrong and what mends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        for line in screen(findings, words):
            print(line)
    return int(wrong)


def screen(findings: Sequence[Finding], words: Language) -> Iterator[str]:
    """Everything on one screen: a line for each part, and below it the mend where one is needed."""
    well = [one for one in findings if one.part == "page" and one.level == "ok"]
    folded = well if len(well) > PAGES_SHOWN else []
    labels = {one: words.say(f"doctor.levels.{one}") for one in ("ok", "warning", "trouble")}
    shown = [one for one in findings if one not in folded]
    names = [name_of(one, words) for one in shown]
    if folded:
        names.append(words.say("doctor.parts.page"))
    left, middle = max(map(len, labels.values())), max(map(len, names), default=0)
    for one, name in zip(shown, names, strict=False):
        yield f"{labels[one.level]:<{left}}  {name:<{middle}}  {one.text}"
        if one.mend:
            yield f"{'':<{left}}  {'':<{middle}}  → {one.mend}"
    if folded:
        text = words.count("doctor.pages_well", len(folded))
        yield f"{labels['ok']:<{left}}  {names[-1]:<{middle}}  {text}"
    yield ""
    wrong, warned = (sum(o.level == level for o in findings) for level in ("trouble", "warning"))
    if not wrong and not warned:
        yield words.say("doctor.all_well")
    else:
        warnings = words.count("doctor.warnings", warned)
        yield words.count("doctor.wrong", wrong, warnings=warnings)


def name_of(finding: Finding, words: Language) -> str:
    """What a part is called, with whom it is about."""
    part = words.say(f"doctor.parts.{finding.part}")
    return f"{part} {finding.subject}" if finding.subject else part
