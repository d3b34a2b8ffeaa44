"""What must never look like news: each hazard changes nothing, carries its reason, and is passed.

The page is good, then the hazard comes with a whole 200, then the next good edition, one initiative
retitled: the fold must quarantine the hazard and then compare the good with the good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from monitor.model import Decisions, Look
from monitor.step import Reader, State, Step, step
from tests.support.pages import HEADINGS, PROFILE, URL, Item, Style, Town, invent, render

START = datetime(2026, 1, 5, 7, tzinfo=UTC)
READER = Reader("hazards", PROFILE, URL)
STYLE = Style(sections="portlets")
TOWN = invent(11, (14, 12, 14))
FIRST = TOWN.sections[0][2][0].title
PAGE = render(TOWN, STYLE)
NOBODY = Decisions()


def look(
    state: State, html: str | bytes, hours: int, content_type: str = "text/html; charset=utf-8"
) -> Step:
    body = html.encode() if isinstance(html, str) else html
    digest = sha256(body).hexdigest()
    at = START + timedelta(hours=hours)
    return step(
        state, Look(f"k-{hours}", at, digest, False, None, content_type, URL), body, READER, NOBODY
    )


def with_section(town: Town, number: int, items: tuple[Item, ...]) -> Town:
    heading, status, _ = town.sections[number]
    sections = list(town.sections)
    sections[number] = (heading, status, items)
    return replace(town, sections=tuple(sections))


def edited(town: Town, change: Callable[[Item], Item], section: int | None = None) -> Town:
    for number in range(len(town.sections)) if section is None else [section]:
        town = with_section(town, number, tuple(change(i) for i in town.sections[number][2]))
    return town


def document(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="sv"><head><title>{title}</title></head><body><header>'
        f"<nav><a href=/>Start</a></nav></header><main><h1>{title}</h1>{body}</main></body></html>"
    )


def after(marker: str, text: str) -> str:
    return PAGE.replace(marker, marker + text, 1)


def without(pattern: str, instead: str = "") -> str:
    found, count = re.subn(pattern, instead, PAGE, flags=re.DOTALL)
    assert count
    return found


ITEM = r'<li class="x">.*?</li>\n'
RETITLED = edited(TOWN, lambda i: replace(i, title=f"Helt annat: {i.title[::-1]}"), 0)
REWORDED = edited(TOWN, lambda i: replace(i, paragraphs=(f"Skrivet på nytt om {i.title}.",)))
SIBLING = replace(invent(77, (9, 7, 5)), title="Fritid och kultur i Granvik")
REPLACED = replace(invent(78, (14, 12, 14)), title=TOWN.title)
CONSENT = "<p>Vi använder kakor (cookies). Godkänn kakor för att läsa vidare.</p>"

HAZARDS: dict[str, tuple[str | bytes, str]] = {
    # pages that are not the page
    "a 404 page with 200": (
        document("Sidan hittades inte", "<p>Felkod 404. Prova att söka.</p>"),
        "error_page",
    ),
    "a 500 page with 200": (
        document("Internal Server Error", "<p>The server met a problem.</p>"),
        "error_page",
    ),
    "a technical fault in Swedish": (
        document("Oj!", "<p>Ett tekniskt fel har inträffat. Försök igen senare.</p>"),
        "error_page",
    ),
    "maintenance": (
        document("Granvik", "<p>Webbplatsen är nere för planerat underhåll i natt.</p>"),
        "error_page",
    ),
    "a gateway's page": (
        "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad "
        "Gateway</h1><hr>nginx</body></html>",
        "error_page",
    ),
    "a block page": (
        document("Access denied", "<p>You have been blocked. Ray ID: 1234567890</p>"),
        "block_page",
    ),
    "a robot check": (
        document("Just a moment...", "<p>Checking your browser before you proceed.</p>"),
        "block_page",
    ),
    "scripts wanted": (
        document("Granvik", "<p>Please enable JavaScript to view this page.</p>"),
        "block_page",
    ),
    "a login page": (
        document("Logga in", '<form><label>Lösenord</label><input type="password"></form>'),
        "login_page",
    ),
    "a cookie wall": (document("Granviks kommun", CONSENT), "cookie_wall"),
    "another page of the site": (
        document("Bygga och bo", "<p>Här finns allt om bygglov.</p><ul><li>Bygglov</li></ul>"),
        "no_initiatives",
    ),
    "a sibling page with the same sections": (render(SIBLING, STYLE), "another_page"),
    # half a page
    "an empty body": (b"", "empty_body"),
    "only white space": (b" \r\n\t ", "empty_body"),
    "cut in the middle of a tag": (PAGE[: PAGE.index("<li", 9000) + 3], "cut_document"),
    "cut between two items": (PAGE[: PAGE.index("</li>", 15000) + 5], "cut_document"),
    "cut before the footer": (PAGE[: PAGE.index("<footer>")], "cut_document"),
    "one section missing": (
        render(replace(TOWN, sections=(TOWN.sections[0], TOWN.sections[2])), STYLE),
        "section_missing",
    ),
    "all lists empty": (without(ITEM), "no_initiatives"),
    "one list empty": (render(with_section(TOWN, 2, ()), STYLE), "section_unlike"),
    "half of a list": (
        render(with_section(TOWN, 0, TOWN.sections[0][2][::2]), STYLE),
        "section_unlike",
    ),
    "a third of the page": (
        render(
            with_section(
                with_section(TOWN, 0, TOWN.sections[0][2][:5]), 2, TOWN.sections[2][2][:6]
            ),
            STYLE,
        ),
        "many_gone",
    ),
    "all descriptions lost": (
        render(edited(TOWN, lambda i: replace(i, paragraphs=())), STYLE),
        "many_changed",
    ),
    # headings
    "a heading nobody knows": (
        PAGE.replace(
            '<div class="pagecontent"><div><img',
            '<div class="pagecontent"><h2>Avslutat</h2><ul><li><span>Gammal brygga</span>'
            "<div><p>Riven.</p></div></li><li><span>Gammal bod</span><div><p>Såld.</p></div></li>"
            '</ul></div><div class="pagecontent"><div><img',
            1,
        ),
        "unknown_heading",
    ),
    "headings as pictures": (
        re.sub(r"<h2 class=\"u\" id=\"h-\d\">.*?</h2>", '<h2><img src="h.png" alt=""></h2>', PAGE),
        "section_missing",
    ),
    # damage
    "UTF-8 read as Latin-1": (PAGE.encode().decode("latin-1").encode(), "encoding_damage"),
    "UTF-8 read as windows-1252": (
        PAGE.encode().decode("cp1252", "replace").encode(),
        "encoding_damage",
    ),
    "Latin-1 sent as UTF-8 by replacement": (
        PAGE.encode("latin-1", "replace").decode("utf-8", "replace").encode(),
        "encoding_damage",
    ),
    "replacement characters": (PAGE.replace("å", "\ufffd"), "encoding_damage"),
    "the list twice": (
        render(
            replace(
                TOWN,
                sections=tuple((h, s, (*items, *items)) for h, s, items in TOWN.sections),
            ),
            STYLE,
        ),
        "repeated",
    ),
    # half made, or in parts
    "texts not yet written": (PAGE.replace(FIRST, "Lorem ipsum dolor sit amet"), "placeholder"),
    "a template never filled": (PAGE.replace(FIRST, "{{ insats.titel }}"), "placeholder"),
    "a value that was not there": (PAGE.replace(FIRST, "undefined"), "placeholder"),
    "all titles still loading": (
        render(edited(TOWN, lambda i: replace(i, title="Laddar")), STYLE),
        "repeated",
    ),
    "all titles gone": (without(r'<span class="t">.*?</span>'), "titles_unlike"),
    "a part that failed": (
        without(r"<ul>\n<li class=\"x\">.*?</ul>", "<p>Innehållet kunde inte visas.</p>"),
        "error_page",
    ),
    "a fault above the list": (
        after("</h1>", "<p>Ett tekniskt fel har inträffat i listan.</p>"),
        "error_page",
    ),
    "two headings changed places": (
        PAGE.replace(HEADINGS[0], "X").replace(HEADINGS[2], HEADINGS[0]).replace("X", HEADINGS[2]),
        "many_moved",
    ),
    "letters turned into question marks": (
        re.sub("[åäöÅÄÖ]", "?", PAGE),
        "encoding_damage",
    ),
    # other kinds of content
    "a form that leads to a log-in": (
        '<html><body onload="document.forms[0].submit()"><form action="https://id.example/sso" '
        'method="post"><input type="hidden" name="SAMLRequest" value="x"></form></body></html>',
        "login_page",
    ),
    "a map of the site": ("<urlset><url><loc>https://x.example/</loc></url></urlset>", "not_html"),
    "JSON": (json.dumps({"title": "Vår vision", "items": []}).encode(), "not_html"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj", "not_html"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "not_html"),
    "packed data": (b"\x1f\x8b\x08\x00" + bytes(range(256)), "not_html"),
    "binary noise": (bytes(range(256)) * 40, "not_html"),
    "a feed": ('<?xml version="1.0"?><rss><channel></channel></rss>', "not_html"),
    "a million open tags": ("<html>" + "<div>" * 200_000, "too_large"),
    "fifty thousand attributes": (
        "<html><a " + " ".join(f"a{n}=1" for n in range(50_000)) + ">",
        "too_tangled",
    ),
    # the content, all at once
    "everything replaced": (render(REPLACED, STYLE), "many_gone many_changed"),
    "every text rewritten": (render(REWORDED, STYLE), "many_changed"),
    "a section retitled": (render(RETITLED, STYLE), "section_unlike"),
    "a fragment: one list only": (
        document(TOWN.title, "<ul><li>Ny lekplats</li><li>Ny badplats</li></ul>"),
        "no_initiatives",
    ),
    "the page as a script": (
        '<!DOCTYPE html><html><body><div id="root"></div><script>boot()</script></body></html>',
        "no_initiatives",
    ),
}


@pytest.mark.parametrize("name", HAZARDS)
def test_a_hazard_changes_nothing_and_the_next_good_edition_is_compared_with_the_last_good(
    name: str,
) -> None:
    content, code = HAZARDS[name]
    first = look(State(), PAGE, 0)
    assert first.outcome == "first"
    second = look(first.state, content, 1)
    assert second.outcome == "quarantined"
    assert {reason.code for reason in second.reasons} & set(code.split())
    assert all(reason.text for reason in second.reasons)
    assert not second.snapshots
    title = TOWN.sections[0][2][3].title
    third = look(second.state, PAGE.replace(title, f"{title} – nu"), 2)
    assert third.outcome == "changed"
    changes = [change for snapshot in third.snapshots for change in snapshot.changes]
    assert [change.kinds for change in changes] == [("renamed",)]


@pytest.mark.parametrize("name", HAZARDS)
def test_a_hazard_as_the_very_first_look_makes_no_snapshot_from_nonsense(name: str) -> None:
    content, code = HAZARDS[name]
    relative = {"many_gone", "many_changed", "many_moved", "section_unlike"}
    relative |= {"another_page", "titles_unlike"}
    result = look(State(), content, 0)
    if relative & set(code.split()):
        return
    assert result.outcome == "quarantined"
    assert not result.snapshots


def test_there_are_thirty_hazards_at_least() -> None:
    assert len(HAZARDS) >= 30


HARMLESS: dict[str, str] = {
    "an alert above the title": after('<main id="c">', "<p>Badhuset är stängt i dag.</p>"),
    "another nonce and session": PAGE.replace("<script>", '<script nonce="8f31">').replace(
        "/k.html", "/k.html;jsessionid=1F"
    ),
    "another date": PAGE.replace("2026-03-01", "2026-04-02"),
    "other news": PAGE.replace("Ny park", "Ny simhall").replace("Parken öppnar", "Hallen öppnar"),
    "a longer menu": PAGE.replace("Bo och leva", "Bo, leva och må bra"),
    "the order within a section": render(with_section(TOWN, 0, TOWN.sections[0][2][::-1]), STYLE),
    "soft hyphens and other spaces": PAGE.replace("tillsammans", "till\u00adsammans").replace(
        " och ", "\u00a0och "
    ),
    "other quotes and dashes": PAGE.replace("”", "&quot;").replace("–", "-"),
    "another charset": PAGE.replace('charset="utf-8"', 'charset="iso-8859-1"'),
    "a redesign": render(TOWN, Style(items="details-heading", sections="section")),
    "another redesign": render(TOWN, Style(items="heading-button", sections="tabs", frame="div")),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_otherwise_is_unchanged(name: str) -> None:
    first = look(State(), PAGE, 0)
    second = look(first.state, HARMLESS[name], 1)
    assert second.reasons == ()
    assert second.outcome == "unchanged"


@pytest.mark.parametrize(
    ("name", "town"),
    [("a section of fourteen retitled", RETITLED), ("every text rewritten", REWORDED)],
)
def test_a_real_mass_edit_is_released_by_repetition(name: str, town: Town) -> None:
    state = look(State(), PAGE, 0).state
    html = render(town, STYLE)
    for hours in (1, 13):
        result = look(state, html, hours)
        assert result.outcome == "quarantined", name
        state = result.state
    released = look(state, html, 26)
    assert released.outcome == "changed"
    assert released.snapshots


@pytest.mark.parametrize(
    "edit",
    ["ten of forty reworded", "three removed", "many added", "a section doubled"],
)
def test_ordinary_life_is_never_suspect(edit: str) -> None:
    items = TOWN.sections[0][2]
    more = invent(501, (14,)).sections[0][2]
    changed = {
        "ten of forty reworded": tuple(
            replace(item, paragraphs=(*item.paragraphs, "Nytt stycke.")) if n < 10 else item
            for n, item in enumerate(items)
        ),
        "three removed": items[3:],
        "many added": (*items, *more[:9]),
        "a section doubled": (*items, *more),
    }[edit]
    first = look(State(), PAGE, 0)
    second = look(first.state, render(with_section(TOWN, 0, changed), STYLE), 1)
    assert second.outcome == "changed"
    assert second.reasons == ()


@pytest.mark.parametrize("size", [4, 5, 8, 12, 20])
def test_a_small_page_may_lose_one_and_change_a_few(size: int) -> None:
    town = invent(9, (size, 2, 2))
    items = town.sections[0][2]
    few = min(3, size - 2)
    edit = (
        *(replace(item, paragraphs=("Helt ny text här.",)) for item in items[1 : few + 1]),
        *items[few + 1 :],
    )
    first = look(State(), render(town, STYLE), 0)
    second = look(first.state, render(with_section(town, 0, edit), STYLE), 1)
    assert second.outcome == "changed"
    assert second.reasons == ()
