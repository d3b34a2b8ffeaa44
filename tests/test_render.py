"""The same facts in every form: subject, text, HTML and cards, in both languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from notifications.channels import Letterhead, Message
from notifications.digest import Telling, gather
from notifications.render import Letter, letter
from notifications.subscriptions import Subscription, parse_move
from notifications.view import view_of
from presentation.language import language
from tests.support.telling import (
    CARE,
    START,
    STOCKHOLM,
    by_mail,
    change,
    gathered,
    initiative,
    link,
    message,
    page_change,
    telling,
)

PLANNED = initiative()
BUILT = initiative(status="ongoing", description="Elva platser för elbilar.")
HEAD = Letterhead(STOCKHOLM, "https://vakt.granvik.example", "kim@granvik.example")


def told(*changes: dict[str, Any], to: Subscription | None = None, **more: Any) -> Letter:
    shown = message(gathered(*changes), **more)
    view = view_of(shown, to or by_mail(), HEAD, "kim@granvik.example")
    return letter(view)


def plain(html: str) -> str:
    body = re.sub(r"<(style|title)[^>]*>.*?</\1>", " ", html, flags=re.S)
    spoken = re.sub(r'<span class="vh"[^>]*>.*?</span>', "", body, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", spoken).split())


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        (
            [change(None, PLANNED, of=f"i-{n}") for n in range(3)]
            + [change(PLANNED, BUILT, of=f"i-m{n}") for n in range(2)],
            "2 till pågående, 3 nya – Omsorg i Granvik",
        ),
        ([change(None, PLANNED)], "1 ny: Laddplatser vid torget – Omsorg i Granvik"),
        (
            [change(PLANNED, None)],
            "1 står inte längre på sidan: Laddplatser vid torget – Omsorg i Granvik",
        ),
        (
            [change(None, PLANNED), change(PLANNED, BUILT, page="trygg", of="i-2")],
            "1 till pågående, 1 ny – Tryggt i Granvik och Omsorg i Granvik",
        ),
        (
            [page_change("intro", "Vi bygger", "Vi river")],
            "1 ändring i sidans egna ord – Omsorg i Granvik",
        ),
    ],
)
def test_the_subject_has_the_facts(changes: list[dict[str, Any]], subject: str) -> None:
    assert told(*changes).subject == subject


def test_a_subject_counts_what_it_has_no_room_for() -> None:
    texts = [
        change(PLANNED, dict(BUILT) | {"description": PLANNED["description"]}, of="i-1"),
        change(None, PLANNED, of="i-2"),
        change(PLANNED, None, of="i-3"),
        change(PLANNED, initiative(description="Nya ord."), of="i-4"),
        change(PLANNED, initiative(links=[link("Mer")]), of="i-5"),
    ]
    assert told(*texts).subject.startswith(
        "1 till pågående, 1 ny, 1 står inte längre på sidan och 2 till – "
    )


def test_a_subject_is_one_line_whatever_the_page_says() -> None:
    evil = initiative("Rubrik\r\nBcc: alla@granvik.example\x00\u2028x" * 9)
    subject = told(change(None, evil)).subject
    assert "\n" not in subject
    assert "\r" not in subject
    assert len(subject) <= 140


def test_text_and_html_tell_the_same_facts() -> None:
    mail = told(
        change(PLANNED, BUILT, signals=["amount"], certainty=0.7),
        change(None, initiative("Nytt bad", links=[link("Mer om badet")]), of="i-bad"),
        change(initiative("Gamla badet"), None, of="i-gammalt"),
        page_change("title", "Omsorg", "Omsorg om alla"),
    )
    for fact in (
        "1 till pågående, 1 ny, 1 står inte längre på sidan och 1 till",
        "utvecklas → pågår",
        "troligen ny status och ny text",
        "Gäller: belopp",
        "Nytt bad",
        "Status: utvecklas",
        "Mer om badet",
        "Gamla badet",
        "Status när den stod kvar: utvecklas",
        "Den kan vara klar, flyttad eller omskriven; sidan säger inte vilket.",
        "Sidans rubrik",
        "23 nov 2026 07:00–08:00",
        "Omsorg i Granvik",
        "Du får det här eftersom kim@granvik.example prenumererar",
    ):
        assert fact in " ".join(mail.text.split()), fact
        assert fact in plain(mail.html), fact
    assert "nedlagd" not in (mail.text + mail.html).lower()


def test_changed_words_are_marked_in_text_and_html() -> None:
    mail = told(change(PLANNED, BUILT))
    assert "[-Tio-]{+Elva+} platser" in mail.text
    assert re.search(r"<del[^>]*>.*?Tio.*?</del> <ins[^>]*>.*?Elva", mail.html, re.S)
    assert "borttaget: " in mail.html


def test_whatever_a_page_says_is_text_in_a_mail() -> None:
    evil = initiative(
        "<script>alert(1)</script>{{ 7*7 }}",
        description="<img src=x onerror=alert(1)> {% raw %}",
        links=[
            link("klicka", "javascript:alert(1)"),
            link("data", "data:text/html,x"),
            link('"><b>', 'https://granvik.example/"><script>'),
        ],
    )
    html = told(change(None, evil)).html
    assert "<script" not in html
    assert "<img" not in html
    assert "javascript:" not in html
    assert "data:text" not in html
    assert "{{ 7*7 }}" in html


def test_html_stands_alone_and_names_its_language() -> None:
    html = told(change(None, PLANNED)).html
    assert '<html lang="sv"' in html
    assert "prefers-color-scheme: dark" in html
    assert not re.search(r"<(img|link|script|iframe)\b", html)
    assert re.search(r"<h1[^>]*style=", html), "styles are inline"


def test_english_subscribers_read_english() -> None:
    mail = told(change(PLANNED, BUILT), to=by_mail(language="en"))
    assert mail.subject == "1 to ongoing: Laddplatser vid torget – Omsorg i Granvik"
    assert "developing → ongoing" in mail.text
    assert '<html lang="en"' in mail.html


def test_no_mark_covers_the_space_beside_a_word() -> None:
    html = told(page_change("intro", "Granvik växer.", "Granvik växer hållbart.")).html
    assert 'växer <ins><span class="vh">[tillagt: </span>hållbart<span' in html


def test_a_page_s_words_in_a_mail_of_another_language_say_which_they_are_in() -> None:
    page = replace(CARE, language="sv")
    entries = gather([Telling(change(PLANNED, BUILT), page)])
    english = letter(view_of(message(entries), by_mail(language="en"), HEAD)).html
    assert re.search(r'<h3 lang="sv"[^>]*>Laddplatser vid torget</h3>', english)
    assert re.search(r'<p class="marked" lang="sv"[^>]*><del><span class="vh" lang="en"', english)
    assert 'lang="sv"' not in re.sub(r"<html[^>]*>", "", told(change(PLANNED, BUILT)).html)
    swedish = letter(view_of(message(entries), by_mail(), HEAD)).html
    assert swedish.count("lang=") == 1, "on the whole"


def test_both_languages_have_the_same_keys() -> None:
    def keys(table: Mapping[str, Any], before: str = "") -> set[str]:
        found = set()
        for name, value in table.items():
            nested = isinstance(value, dict)
            found |= keys(value, f"{before}{name}.") if nested else {f"{before}{name}"}
        return found

    assert keys(language("sv").texts) == keys(language("en").texts)


def test_text_lines_are_short_but_for_addresses() -> None:
    long = initiative(description="En lång mening om laddplatser vid torget. " * 12)
    lines = told(change(None, long)).text.splitlines()
    assert all(len(line) <= 76 or "https://" in line for line in lines)


def test_what_is_likely_or_was_found_late_is_explained_once() -> None:
    likely = "«Troligen» betyder att vi inte är säkra på att det är samma insats som förut."
    late = "därför har en del upptäckts i efterhand."
    sure = told(change(PLANNED, BUILT)).text
    assert likely not in sure
    assert late not in sure
    shown = [
        telling(change(PLANNED, BUILT, certainty=0.8)),
        telling(change(PLANNED, BUILT, of="i-2", certainty=0.8), "late"),
    ]
    mail = letter(view_of(message(gather(shown)), by_mail(), HEAD))
    for text in (" ".join(mail.text.split()), plain(mail.html)):
        assert text.count(likely) == 1
        assert text.count(late) == 1


def test_links_lead_to_the_history_only_where_there_is_a_public_address() -> None:
    subject = by_mail()
    entries = gathered(change(None, PLANNED))
    with_history = letter(view_of(message(entries), subject, HEAD)).text
    without = letter(view_of(message(entries), subject, Letterhead(STOCKHOLM))).text
    assert "https://vakt.granvik.example/" in with_history
    assert "Se hela historiken" not in without
    assert "https://granvik.example/omsorg.html" in without


def test_what_crossed_what_came_back_and_corrections_read_as_sentences() -> None:
    back = [
        change(PLANNED, BUILT, of="i-b"),
        change(BUILT, PLANNED, of="i-b", number=3, at=START + timedelta(hours=1)),
    ]
    crossed = [change(PLANNED, None, of="i-c"), change(None, PLANNED, of="i-c", page="trygg")]
    right = telling(change(PLANNED, initiative("Laddstolpar")), "correction")
    entries = gather([*map(telling, [*back, *crossed]), right])
    text = letter(view_of(message(entries), by_mail(), HEAD)).text
    assert "Stod på Omsorg i Granvik, står nu på Tryggt i Granvik." in text
    assert "(ny status och ny text)" in text, "what it was that changed back"
    assert "Ändrades och ändrades tillbaka; nu står det som förut." in text
    assert "Vi har rättat vad vi sade tidigare." in text
    assert "Hette tidigare: Laddplatser vid torget" in text


CHART = {
    "page": "Omsorg i Granvik",
    "rows": [
        {"status": "ongoing", "old": 60, "new": 64, "curve": [58, 57, 60, 64]},
        {"status": "developing", "old": 44, "new": 44, "curve": [44, 44, 44, 44]},
        {"status": "partnership", "old": None, "new": 3},
    ],
    "since": "2026-10-23T07:00:00Z",
    "began": "2025-11-23T07:00:00Z",
    "until": "2026-11-23T07:00:00Z",
}


def test_a_picture_says_in_words_what_it_draws() -> None:
    shown = message(gathered(change(None, PLANNED)), charts=[CHART])
    mail = letter(view_of(shown, by_mail(), HEAD))
    curve = "58 den 23 nov 2025, sedan dess mellan 57 och 64"
    assert f"- pågår: 64 (60 den 23 okt 2026); {curve}\n" in mail.text.replace("\n  ", " ")
    assert "- utvecklas: 44; lika många sedan 23 nov 2025\n" in mail.text
    assert "- partnerskap: 3\n" in mail.text
    assert [one.split('"')[0] for one in mail.html.split('alt="')[1:]] == [
        curve,
        "lika många sedan 23 nov 2025",
    ]
    shown_ids = re.findall(r'src="cid:([^"]+)"', mail.html)
    assert shown_ids == [picture.id for picture in mail.pictures]
    assert letter(view_of(shown, by_mail(), HEAD)) == mail, "the same in every try"


def test_a_picture_of_two_numbers_that_stand_beside_it_says_them_no_second_time() -> None:
    rows = [
        {"status": "ongoing", "old": 6, "new": 7, "curve": [6, 6, 7]},
        {"status": "developing", "old": 4, "new": 4, "curve": [4, 4, 4]},
        {"status": "partnership", "old": 2, "new": 3, "curve": [2, 4, 3]},
    ]
    chart = {**CHART, "rows": rows, "began": CHART["since"]}
    mail = letter(
        view_of(message(gathered(change(None, PLANNED)), charts=[chart]), by_mail(), HEAD)
    )
    assert "- pågår: 7 (6 den 23 okt 2026)\n" in mail.text
    assert "- utvecklas: 4; lika många sedan 23 okt 2026\n" in mail.text
    assert "sedan dess mellan 2 och 4" in mail.text.replace("\n  ", " ")
    assert 'alt="från 6 till 7"' in mail.html, "where no picture is shown, its place says something"
    assert 'alt=""' not in mail.html
    assert len(mail.pictures) == 3


def test_a_picture_of_the_first_day_names_no_date_twice() -> None:
    rows = [
        {"status": "ongoing", "old": 6, "new": 6, "curve": [6, 7, 6]},
        {"status": "developing", "old": 4, "new": 3, "curve": [4, 3, 3]},
        {"status": "partnership", "old": 2, "new": 2, "curve": [2, 2, 2]},
    ]
    chart = {**CHART, "rows": rows, "since": CHART["until"], "began": CHART["until"]}
    mail = told(change(None, PLANNED), charts=[chart])
    assert "- pågår: 6; samma dag mellan 6 och 7\n" in mail.text
    assert "- utvecklas: 3 (tidigare samma dag 4)\n" in mail.text
    assert "- partnerskap: 2; lika många tidigare samma dag\n" in mail.text


def test_what_has_left_is_spoken_of_as_one_or_several() -> None:
    one, two = (change(initiative(f"Bad {n}"), None, of=f"i-{n}") for n in (1, 2))
    assert "Den kan vara klar, flyttad" in told(one).text
    assert "De kan vara klara, flyttade" in told(one, two).text


def test_a_note_that_calls_for_something_never_says_that_nothing_need_be_done() -> None:
    for code in ("new_store", "page_moved", "clock_behind"):
        payload = {"page": PAGE, "code": code, "text": "Sidan har flyttat."}
        for one in (OPERATORS, replace(OPERATORS, language="en")):
            text = letter(view_of(Message("m-2", one.id, "note", START, payload), one, HEAD)).text
            assert language(one.language).say("note.calm") not in text


def test_a_chat_is_welcomed_as_a_channel() -> None:
    chat = Subscription(id="teams", channel="teams", url_env="TEAMS")
    shown = Message("m-2", chat.id, "welcome", START, {"pages": [{**PAGE, "counts": COUNTS}]})
    assert view_of(shown, chat, HEAD).lead[0].startswith("Den här kanalen får")


COUNTS = [
    {"heading": "Pågående", "status": "ongoing", "number": 64},
    {"heading": "Planerat", "status": "developing", "number": 1},
]
PAGE = {"id": "omsorg", "name": "Omsorg i Granvik", "url": "https://granvik.example/omsorg.html"}
OPERATORS = Subscription(
    id="driften", channel="email", about="operation", to=("d@granvik.example",)
)


@pytest.mark.parametrize(
    ("kind", "payload", "to", "facts"),
    [
        (
            "welcome",
            {"pages": [{**PAGE, "counts": COUNTS}]},
            by_mail(
                digest="workdays 07:30",
                when_quiet="weekly",
                kinds=("added", "moved"),
                moves=(parse_move("developing>ongoing"),),
            ),
            (
                "Pågående: 64 insatser",
                "Planerat: 1 insats",
                "varje arbetsdag kl. 07:30",
                "en gång i veckan",
                "Vad som har hänt: ny status eller ny på sidan",
                "Byten av status: utvecklas → pågår",
            ),
        ),
        (
            "welcome",
            {"pages": [{**PAGE, "counts": COUNTS}]},
            by_mail(words=("skola", "förskola", "trygg"), statuses=("ongoing",)),
            (
                "Insatser som nämner: «skola», «förskola» eller «trygg»",
                "Status, före eller efter: pågår",
            ),
        ),
        (
            "note",
            {"page": None, "code": "new_store", "text": "Ny historik påbörjad: x är tom."},
            OPERATORS,
            ("Fanns det en historik förut: se efter i database.url",),
        ),
        (
            "note",
            {"page": PAGE, "code": "shape_changed", "text": "Sidan är byggd på annat sätt."},
            OPERATORS,
            ("Du behöver inte göra något.", "Läsarna får inget veta om det här."),
        ),
        ("welcome", {"pages": [{**PAGE, "counts": None}]}, by_mail(), ("har inte kunnat läsas",)),
        ("welcome", {"pages": []}, OPERATORS, ("när något krånglar i bevakningen",)),
        (
            "first",
            {"page": {**PAGE, "counts": COUNTS}},
            OPERATORS,
            ("Första avläsningen av Omsorg i Granvik", "64 insatser", "«visionsvakt check omsorg»"),
        ),
        (
            "quiet",
            {"pages": [PAGE], "since": "2026-11-16T07:00:00Z", "looks": 168, "failed": 1},
            by_mail(),
            ("Inget har ändrats i sak på Omsorg i Granvik", "168 gånger", "1 gång gick det inte"),
        ),
        (
            "incident",
            {
                "what": "opened",
                "incident": "x-1",
                "subject": "Omsorg i Granvik",
                "cause": "timeout",
                "text": "Sidan svarar inte i tid",
                "mend": "Öppna sidan i en webbläsare.",
                "count": 3,
                "first_at": "2026-11-23T05:00:00Z",
                "ended_at": None,
            },
            OPERATORS,
            ("Driftstörning", "3 gånger", "Så gör du: Öppna sidan i en webbläsare."),
        ),
        (
            "blind",
            {"page": PAGE, "since": "2026-11-20T07:00:00Z", "until": None},
            by_mail(),
            ("har inte kunnat läsas sedan 20 nov 2026 08:00",),
        ),
        (
            "blind",
            {"page": PAGE, "since": "2026-11-20T07:00:00Z", "until": "2026-11-23T07:00:00Z"},
            by_mail(),
            ("gick inte att läsa från 20 nov 2026 08:00 till 23 nov 2026 08:00",),
        ),
    ],
)
def test_every_other_message_reads_as_sentences(
    kind: str, payload: dict[str, Any], to: Subscription, facts: tuple[str, ...]
) -> None:
    view = view_of(Message("m-2", to.id, kind, START, payload), to, HEAD, "kim@granvik.example")
    mail = letter(view)
    for fact in facts:
        assert fact in " ".join(mail.text.split()), fact
        assert fact in plain(mail.html), fact
    assert mail.subject


def test_a_status_that_only_a_profile_knows_is_called_as_its_section_is() -> None:
    rows = [{"status": "soon", "heading": "På gång", "old": None, "new": 3}]
    stamp = "2026-11-23T07:00:00Z"
    chart = {"page": "Omsorg i Granvik", "rows": rows, "since": stamp, "until": stamp}
    moved = change(initiative(status="soon"), initiative(status="ongoing"))
    text = letter(view_of(message(gathered(moved), charts=[chart]), by_mail(), HEAD)).text
    assert "«På gång» → pågår" in text


def test_what_never_happened_is_taken_back() -> None:
    took_back = [
        telling(change(PLANNED, None) | {"withdrawn": True}, "correction"),
        telling(page_change("intro", "Vi", "Ni") | {"withdrawn": True}, "correction"),
    ]
    text = letter(view_of(message(gather(took_back)), by_mail(), HEAD)).text
    assert " ".join(text.split()).count("Det vi berättade tidigare stämde inte") == 2
