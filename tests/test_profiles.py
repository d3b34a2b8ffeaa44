"""Profiles of several towns and languages, and the help to write one."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from monitor.drafting import suggest
from monitor.extract import extract
from monitor.model import Profile, SectionRule, Source
from monitor.profile import BUILTIN, fingerprint
from tests.support import markups
from tests.support.pages import HEADINGS, URL, Style, invent, render

# language: (host, title, intro, [(heading, status, [(title, text)])], stop, status word)
TOWNS: dict[str, tuple[str, str, list[tuple[str, str, list[tuple[str, str]]]], str]] = {
    "sv": (
        "https://www.granvik.example/vision",
        "Vision för Granvik",
        [
            (
                "Pågående",
                "ongoing",
                [("Ny brygga", "Vi bygger en brygga."), ("Damm", "Vi gräver.")],
            ),
            ("Planerat", "developing", [("Cykelväg", "Den ska gå till hamnen.")]),
            ("Nätverk", "partnership", [("Havsgruppen", "Sju kommuner vid havet.")]),
        ],
        "Nyheter",
    ),
    "no": (
        "https://www.fjellvik.example/visjon",
        "Visjon for Fjellvik",
        [
            ("Dette gjør vi nå", "ongoing", [("Ny brygge", "Vi bygger."), ("Dam", "Vi graver.")]),
            ("Dette planlegger vi", "developing", [("Sykkelvei", "Den skal gå til havna.")]),
            ("Nettverk", "partnership", [("Havgruppa", "Sju kommuner ved havet.")]),
        ],
        "Siste nyheter",
    ),
    "da": (
        "https://www.lundby.example/vision",
        "Vision for Lundby",
        [
            ("Det gør vi nu", "ongoing", [("Ny bro", "Vi bygger."), ("Dam", "Vi graver.")]),
            ("Det planlægger vi", "developing", [("Cykelsti", "Den går til havnen.")]),
            ("Netværk", "partnership", [("Havgruppen", "Syv kommuner ved havet.")]),
        ],
        "Seneste nyheder",
    ),
    "fi": (
        "https://www.kivilahti.example/visio",
        "Kivilahden visio",
        [
            ("Tätä teemme nyt", "ongoing", [("Uusi silta", "Rakennamme."), ("Lampi", "Kaivamme.")]),
            ("Tätä kehitämme", "developing", [("Pyörätie", "Se menee satamaan.")]),
            ("Verkostot", "partnership", [("Meriryhmä", "Seitsemän kuntaa meren äärellä.")]),
        ],
        "Uutiset",
    ),
    "en": (
        "https://www.stonebay.example/vision",
        "A vision for Stonebay",
        [
            ("What we do now", "ongoing", [("New pier", "We build it."), ("Pond", "We dig it.")]),
            ("What we plan", "developing", [("Cycle path", "It will reach the harbour.")]),
            ("Networks", "partnership", [("Sea group", "Seven towns by the sea.")]),
        ],
        "Latest news",
    ),
}
LINK_MARKS = {
    "sv": "Länk till annan webbplats, öppnas i nytt fönster.",
    "no": "Lenke til et annet nettsted, åpnes i nytt vindu.",
    "da": "Link til et andet websted, åbner i nyt vindue.",
    "fi": "Linkki toiselle sivustolle, avautuu uuteen ikkunaan.",
    "en": "Link to another website, opens in a new window.",
}
UPDATED = {
    "sv": "Senast uppdaterad: 2026-03-01",
    "no": "Sist oppdatert 01.03.2026",
    "da": "Senest opdateret 1. marts 2026",
    "fi": "Päivitetty 1.3.2026",
    "en": "Last updated 1 March 2026",
}


def profile_of(language: str) -> Profile:
    _, _, sections, stop = TOWNS[language]
    rules = tuple(SectionRule((heading,), status) for heading, status, _ in sections)
    return Profile(f"town-{language}", language, rules, (stop,))


def written(language: str, style: str) -> str:
    _, title, sections, stop = TOWNS[language]
    mark = LINK_MARKS[language]
    parts = []
    for heading, _, items in sections:
        rows = []
        for name, text in items:
            link = f'<a href="https://ut.example/">{name} 2<span class="sr"> {mark}</span></a>'
            rows.append(
                {
                    "list": f"<li><strong>{name}</strong><p>{text}</p><p>{link}</p></li>",
                    "details": f"<details><summary>{name}</summary><p>{text}</p>{link}</details>",
                    "headings": f"<h3>{name}</h3><p>{text}</p><p>{link}</p>",
                }[style]
            )
        body = "".join(rows)
        parts.append(f"<h2>{heading}</h2>" + (f"<ul>{body}</ul>" if style == "list" else body))
    news = f"<h2>{stop}</h2><ul><li><h3>123</h3><p>456</p></li></ul>"
    return (
        f"<!doctype html><html lang={language}><body><main><h1>{title}</h1><p>1 2 3.</p>"
        f"{''.join(parts)}<p>{UPDATED[language]}</p>{news}</main></body></html>"
    )


@pytest.mark.parametrize("style", ["list", "details", "headings"])
@pytest.mark.parametrize("language", TOWNS)
def test_a_page_in_each_language_reads_exactly(language: str, style: str) -> None:
    url, title, sections, _ = TOWNS[language]
    reading = extract(Source(written(language, style).encode(), None, url), profile_of(language))
    assert reading.title == title
    assert reading.language == language
    assert [(s.heading, s.status) for s in reading.sections] == [(h, s) for h, s, _ in sections]
    assert [
        [(item.title, item.description) for item in section.initiatives]
        for section in reading.sections
    ] == [items for _, _, items in sections]
    assert {
        (link.text.removesuffix(" 2") == item.title, link.external)
        for item in reading.initiatives
        for link in item.links
    } == {(True, True)}
    assert reading.unclaimed == ()
    assert reading.verdict == "good"


@pytest.mark.parametrize("style", ["list", "details", "headings"])
@pytest.mark.parametrize("language", TOWNS)
def test_a_drafted_profile_can_be_pasted_and_reads_the_page(language: str, style: str) -> None:
    url, _, sections, stop = TOWNS[language]
    source = Source(written(language, style).encode(), None, url)
    draft = suggest(source)
    profiles = tomllib.loads(draft.toml)["profiles"]
    ((name, table),) = profiles.items()
    assert name != "new"
    assert table["language"] == language
    assert [row["heading"] for row in table["sections"]] == [[h] for h, _, _ in sections]
    assert [row["status"] for row in table["sections"]] == [s for _, s, _ in sections]
    assert stop in table["stop"]
    rules = tuple(SectionRule(tuple(r["heading"]), r["status"]) for r in table["sections"])
    pasted = Profile(name, table["language"], rules, tuple(table["stop"]))
    reading = extract(source, pasted)
    assert reading.verdict == "good"
    assert len(reading.initiatives) == sum(len(items) for _, _, items in sections)


@pytest.mark.parametrize("items", ["li-span", "li-details", "article", "heading-button", "dl"])
def test_a_draft_finds_the_headings_of_generated_pages(items: str) -> None:
    html = render(invent(5, (6, 4, 3)), Style(items=items))
    draft = suggest(Source(html.encode(), None, URL))
    found = [h for h in draft.headings if h.part == "section"]
    assert [(h.text, h.initiatives) for h in found] == list(zip(HEADINGS, (6, 4, 3), strict=True))


def test_a_draft_of_status_labels_names_the_words() -> None:
    html = render(invent(5, (6, 4, 3)), Style(status="first"))
    table = tomllib.loads(suggest(Source(html.encode(), None, URL)).toml)["profiles"]["granvik"]
    assert [row["heading"][0] for row in table["sections"]] == list(HEADINGS)


@pytest.mark.parametrize("body", [b"", b"\x89PNG\r\n\x1a\n", b"Bara en rad.", b"<p>Hej</p>"])
def test_a_draft_of_nonsense_is_still_a_block_to_paste(body: bytes) -> None:
    draft = suggest(Source(body))
    assert "min-kommun" in tomllib.loads(draft.toml)["profiles"]


def test_a_fingerprint_changes_with_what_is_read_and_not_with_the_name() -> None:
    one = Profile("a", "sv", (SectionRule(("H",), "s"),), ("N",))
    assert fingerprint(one) == fingerprint(Profile("b", "sv", one.sections, one.stop))
    others = [
        Profile("a", "no", one.sections, one.stop),
        Profile("a", "sv", (SectionRule(("H",), "t"),), one.stop),
        Profile("a", "sv", (SectionRule(("H", "I"), "s"),), one.stop),
        Profile("a", "sv", one.sections, ()),
    ]
    assert len({fingerprint(profile) for profile in (one, *others)}) == 5


def test_the_built_in_profile_knows_the_three_statuses() -> None:
    assert [rule.status for rule in BUILTIN["boras"].sections] == [
        "ongoing",
        "developing",
        "partnership",
    ]


TABS = "".join(
    f'<button role="tab" aria-controls="p{n}">{heading}</button>'
    for n, (heading, _, _) in enumerate(TOWNS["sv"][2])
)


@pytest.mark.parametrize(
    ("body", "headings"),
    [
        # no headings but tabs, under a heading of the vision's own
        (
            f"<h2>Om visionen</h2><p>Vi vill växa.</p><div>{TABS}</div>"
            + "".join(
                f"<div role=tabpanel id=p{n}><ul><li><b>{h} A</b><p>A.</p></li><li><b>{h} B</b>"
                "<p>B.</p></li></ul></div>"
                for n, (h, _, _) in enumerate(TOWNS["sv"][2])
            ),
            ["Pågående", "Planerat", "Nätverk"],
        ),
        # a status on each initiative
        (
            "".join(
                f"<article><h3>{h} {n}</h3><p>Status: {h}</p><p>Text {n}.</p></article>"
                for n in range(3)
                for h in ("Igång", "Kommer")
            ),
            ["Igång", "Kommer"],
        ),
    ],
)
def test_a_draft_reads_pages_without_section_headings_and_stops_at_contact_and_news(
    body: str, headings: list[str]
) -> None:
    html = (
        f"<html lang=sv><body><main><h1>Vision</h1>{body}<h2>Kontakta oss</h2><p>Anna Person</p>"
        "<h2>Nyheter</h2><ul><li><h3>Ny park</h3><p>Öppnar.</p></li></ul></main></body></html>"
    )
    source = Source(html.encode(), None, "https://vision.lillvik.fi/")
    ((name, table),) = tomllib.loads(suggest(source).toml)["profiles"].items()
    assert name == "lillvik"
    assert [row["heading"] for row in table["sections"]] == [[heading] for heading in headings]
    rules = tuple(SectionRule(tuple(r["heading"]), r["status"]) for r in table["sections"])
    reading = extract(source, Profile(name, "sv", rules, tuple(table["stop"])))
    assert (reading.verdict, reading.unclaimed, len(reading.initiatives)) == ("good", (), 6)


def test_a_draft_lists_no_initiatives_among_the_headings() -> None:
    draft = suggest(Source(written("sv", "headings").encode(), None, URL))
    assert {heading.part for heading in draft.headings[:4]} == {"title", "section"}


@pytest.mark.parametrize(
    "markup",
    [
        "headings that count",
        "a table of contents with a heading",
        "details in details",
        "cards with a header and a footer of their own",
    ],
)
@pytest.mark.parametrize(
    "end",
    [
        "",
        "<p>Var innehållet användbart?</p><button>Ja</button><button>Nej</button>",
        "<fieldset><legend>Hittade du det du sökte?</legend><label>Ja</label><label>Nej</label>"
        "<button>Skicka</button></fieldset>",
    ],
)
def test_a_draft_names_the_sections_and_nothing_else(markup: str, end: str) -> None:
    town = invent(15, (6, 5, 4))
    page = replace(markups.MARKUPS[markup], page=markups.MARKUPS[markup].page + end)
    source = Source(markups.written(town, page).encode(), None, URL)
    headings = [one.text for one in suggest(source).headings if one.part == "section"]
    assert headings == [heading for heading, _, _ in town.sections]
