"""What is on record in Swedish, read in English: every code, with the names and numbers it had."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.model import Reason
from notifications.channels import Letterhead, Message
from notifications.incidents import MENDS, mend_of
from notifications.render import letter
from notifications.subscriptions import Subscription
from notifications.view import view_of
from pipeline.announce import FOR_OPERATORS
from presentation.language import language
from presentation.reports import delivery_rows, look_line
from presentation.terminal import check_lines
from tests.support.telling import START, STOCKHOLM

ROOT = Path(__file__).parents[1]
SWEDISH, ENGLISH = language("sv"), language("en")
MAKERS = {"Reason", "_relative", "TryLater", "AskOperator", "Gone", "Trouble", "ChannelDown"}


def codes() -> Iterator[str]:
    """Every code that the program's own text gives a reason, a failure or a trouble."""
    for folder in ("monitor", "snapshots", "notifications", "pipeline"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                    continue
                if node.func.id in MAKERS:
                    given = [*node.args[:1], *(one.value for one in node.keywords)]
                    first = given[:1] if node.func.id != "ChannelDown" else given[1:]
                    for one in first:
                        if isinstance(one, ast.Constant) and isinstance(one.value, str):
                            yield one.value


def test_every_code_on_record_has_a_sentence_in_english() -> None:
    found = {*codes(), *MENDS, *FOR_OPERATORS}
    assert len(found) > 50
    missing = found - set(ENGLISH.record["reasons"])
    assert not missing, "say them in presentation/locales/record.en.toml"
    assert set(MENDS) - set(ENGLISH.record["mends"]) == set()


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (
            "section_missing",
            "Avsnittet «Det här utvecklar vi» saknas.",
            "the section “Det här utvecklar vi” is missing",
        ),
        (
            "many_gone",
            "4 av 10 insatser är borta på en gång.",
            "4 of 10 initiatives are gone at once",
        ),
        (
            "http_status",
            "granvik: https://granvik.example/v.html svarade 503; det prövas igen",
            "granvik: the site answered with an error (https://granvik.example/v.html, 503)",
        ),
        ("silent", "127.0.0.1:25: svarar inte i tid", "127.0.0.1:25: there was no answer in time"),
        ("http_502", "krok: svarade 502", "krok: the recipient answered with an error (502)"),
        ("many_gone", "nästan alla är borta", "nästan alla är borta"),
        ("not_known", "Något nytt.", "Något nytt."),
    ],
)
def test_the_record_reads_in_english_with_its_names_and_numbers(
    code: str, text: str, said: str
) -> None:
    assert ENGLISH.reason(code, text) == said
    assert SWEDISH.reason(code, text) == text


def test_an_english_terminal_gives_its_reasons_in_english() -> None:
    reason = Reason("section_missing", "Avsnittet «Planerat» saknas.")
    check = {
        "page": "granvik",
        "outcome": "quarantined",
        "snapshot": None,
        "changes": [],
        "reasons": [{"code": reason.code, "text": reason.text}],
    }
    lines = "\n".join(check_lines(check, ENGLISH, STOCKHOLM))
    assert "the section “Planerat” is missing (section_missing)" in lines
    assert "is missing" in look_line("granvik", "quarantined", 0, [reason], ENGLISH)
    delivery = {
        "id": "d-1",
        "state": "waiting",
        "subscription": "krok",
        "address": "$KROK",
        "attempts": 1,
        "next_attempt": None,
        "error": "svarade 503: paus",
        "kind": "digest",
        "created_at": "2026-11-23T07:00:00Z",
        "sent_at": None,
    }
    (line,) = delivery_rows([delivery], ENGLISH, STOCKHOLM)
    assert line.endswith("answered 503: paus")


@pytest.mark.parametrize(
    ("cause", "swedish", "english"),
    [
        ("http_status", "Öppna sidan i en webbläsare", "Open the page in a browser"),
        ("http_503", "Mottagaren svarar med fel", "The recipient answers with an error"),
        ("never heard of", "Kör «visionsvakt doctor»", "Run “visionsvakt doctor”"),
    ],
)
def test_a_page_s_error_and_a_recipient_s_have_each_their_mend(
    cause: str, swedish: str, english: str
) -> None:
    assert mend_of(cause).startswith(swedish)
    assert ENGLISH.mend(cause, mend_of(cause)).startswith(english)
    assert SWEDISH.mend(cause, mend_of(cause)) == mend_of(cause)


@pytest.mark.parametrize("cause", sorted(MENDS))
def test_an_english_operator_reads_no_swedish(cause: str) -> None:
    to = Subscription("drift", "email", "operation", ("a@granvik.example",), language="en")
    payload = {
        "what": "opened",
        "incident": "x-1",
        "subject": "Granvik",
        "cause": cause,
        "count": 3,
        "text": "granvik: «Åsa» svarade inte 127.0.0.1:25",
        "mend": mend_of(cause),
        "first_at": "2026-11-23T07:00:00Z",
        "ended_at": None,
    }
    view = view_of(Message("m-1", to.id, "incident", START, payload), to, Letterhead(STOCKHOLM))
    mail = letter(view)
    said = (mail.subject + mail.text).replace("Åsa", "")
    assert not set("åäöÅÄÖ") & set(said)
    assert ENGLISH.mend(cause, "") in " ".join(said.split())


@pytest.mark.parametrize(
    "subject", ["konfigurationen", "självprovet", "säkerhetskopian", "e-post", "krok"]
)
def test_what_an_incident_concerns_is_named_in_the_reader_s_language(subject: str) -> None:
    to = Subscription("drift", "email", "operation", ("a@granvik.example",), language="en")
    payload = {
        "what": "opened",
        "incident": "x-1",
        "subject": subject,
        "cause": "bug",
        "count": 1,
        "text": "it failed",
        "mend": mend_of("bug"),
        "first_at": "2026-11-23T07:00:00Z",
        "ended_at": None,
    }
    said = letter(
        view_of(Message("m-1", to.id, "incident", START, payload), to, Letterhead(STOCKHOLM))
    ).text
    names = {"konfigurationen": "the configuration", "självprovet": "the self-test"}
    names |= {"säkerhetskopian": "the backup", "e-post": "mail"}
    assert f"Concerns: {names.get(subject, subject)}\n" in said
