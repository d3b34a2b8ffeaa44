"""Granvik: a small town that does not exist, and the four editions of its vision page.

Everything here is invented. `editions()` gives the HTML as such a site would serve it; the third
edition is served in other markup (a redesign, which is no change), and `error_page()` is what the
site says with status 200 when its database is away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape

ADDRESS = "/granvik2040.4.7b1e55aa90c2.html"
TITLE = "Granvik 2040: nära till allt"
INTRO = (
    "Granvik ska vara en plats där det är nära till allt: skogen, sjön, jobbet och varandra.",
    "Här berättar vi vad vi gör för att komma dit.",
)
ONGOING = "Det här gör vi nu"
DEVELOPING = "Det här utvecklar vi"
PARTNERSHIP = "Nätverk och partnerskap där vi arbetar tillsammans med andra"


@dataclass(frozen=True, slots=True)
class Entry:
    """One initiative of the town: its section, title, paragraphs and one link (text, address)."""

    section: str
    title: str
    text: str
    link: tuple[str, str] | None = None


FIRST: tuple[Entry, ...] = (
    Entry(
        ONGOING,
        "Cykelbiblioteket vid stationen",
        "Alla som bor i Granvik får låna lastcykel, elcykel eller barncykel i upp till två veckor. "
        "Biblioteket har 40 cyklar och tar inget betalt.",
        ("Låna en cykel", "/trafik/cykelbiblioteket.4.51c0aa7d11.html"),
    ),
    Entry(
        ONGOING,
        "Skolskog i varje upptagningsområde",
        "Varje grundskola har en egen skog inom gångavstånd. Där finns vindskydd, eldplats och en "
        "kista med luppar, håvar och kartor.",
    ),
    Entry(
        ONGOING,
        "Matsvinnet vägs varje dag",
        "Köken väger det som slängs och visar siffran för eleverna. Målet är högst 25 gram per "
        "portion.",
    ),
    Entry(
        ONGOING,
        "Telefonvän för äldre",
        "Den som känner sig ensam blir uppringd av samma volontär varje vecka.",
        ("Bli telefonvän", "https://telefonvan.example/granvik"),
    ),
    Entry(
        ONGOING,
        "Ängar i stället för gräsmattor",
        "Vi har slutat klippa åtta hektar gräs. Där växer nu prästkrage, åkervädd och ängsklocka.",
    ),
    Entry(
        ONGOING,
        "Sommarjobb till alla nior",
        "Alla som går ut nian erbjuds tre veckors sommarjobb.",
        ("Sök sommarjobb", "/jobb/sommarjobb.4.51c0aa7d12.html"),
    ),
    Entry(
        DEVELOPING,
        "Utreda solceller på ishallen",
        "Vi utreder om taket bär solceller och vad de kan ge. Kostnaden beräknas till 4 miljoner "
        "kronor.",
    ),
    Entry(
        DEVELOPING,
        "Badplats utan trösklar vid Lillsjön",
        "Vi planerar en ramp, ett omklädningsrum och en badstol så att fler kan bada i Lillsjön.",
    ),
    Entry(
        DEVELOPING,
        "Nattbuss till Österbyn",
        "Under 2027 provar vi en sista buss klockan 01.15 på fredagar och lördagar.",
    ),
    Entry(
        DEVELOPING,
        "Återbruk av byggmaterial",
        "Dörrar, tegel och belysning från rivna hus ska få ett eget lager där alla kan handla.",
    ),
    Entry(
        PARTNERSHIP,
        "Vattenrådet för Granån",
        "Tillsammans med två grannkommuner och markägarna vårdar vi ån från källa till hav.",
        ("Vattenrådet", "https://granan-vattenrad.example/"),
    ),
    Entry(
        PARTNERSHIP,
        "Nordiska småstäders klimatnätverk",
        "Elva städer lär av varandra hur man halverar utsläppen utan att bli större.",
    ),
)


def _with(entries: tuple[Entry, ...], which: str, **new: object) -> tuple[Entry, ...]:
    """The entries with the one of that title changed; it must be there."""
    found = [entry for entry in entries if entry.title == which]
    if len(found) != 1:
        raise KeyError(which)
    return tuple(
        replace(entry, **new) if entry.title == which else entry  # type: ignore[arg-type]
        for entry in entries
    )


def _second() -> tuple[Entry, ...]:
    """Decided: the bathing place is built, under a new name; one is new; one costs more."""
    entries = _with(
        FIRST,
        "Badplats utan trösklar vid Lillsjön",
        section=ONGOING,
        title="Tillgänglig badplats vid Lillsjön",
        text="Vi bygger en ramp, ett omklädningsrum och en badstol så att fler kan bada i "
        "Lillsjön.",
    )
    entries = _with(
        entries,
        "Utreda solceller på ishallen",
        text="Vi utreder om taket bär solceller och vad de kan ge. Kostnaden beräknas till 5,5 "
        "miljoner kronor.",
    )
    new = Entry(
        DEVELOPING,
        "Lånehund på äldreboendet",
        "En utbildad besökshund kommer till Granliden varje onsdag. Vi utreder om det kan bli "
        "fler.",
    )
    return (*entries[:10], new, *entries[10:])


def _third() -> tuple[Entry, ...]:
    """One left the page, one got a new name. All of it in other markup."""
    entries = tuple(entry for entry in _second() if entry.title != "Telefonvän för äldre")
    return _with(entries, "Nattbuss till Österbyn", title="Nattbuss till Österbyn och Hamnen")


def _fourth() -> tuple[Entry, ...]:
    """What left is back; the solar cells are decided."""
    back = next(entry for entry in FIRST if entry.title == "Telefonvän för äldre")
    entries = _with(
        _third(),
        "Utreda solceller på ishallen",
        section=ONGOING,
        title="Solceller på ishallen",
        text="Taket bär. Vi sätter upp solceller under 2027. Kostnaden är 5,5 miljoner kronor.",
    )
    return (entries[0], back, *entries[1:])


SECOND_CHANGES: tuple[tuple[tuple[str, ...], str | None, str], ...] = (
    (("added",), None, "Lånehund på äldreboendet"),
    (
        ("moved", "renamed", "reworded"),
        "Badplats utan trösklar vid Lillsjön",
        "Tillgänglig badplats vid Lillsjön",
    ),
    (("reworded",), "Utreda solceller på ishallen", "Utreda solceller på ishallen"),
)
"""What changes from the first edition to the second: kinds, old title, new title."""


def editions() -> tuple[str, ...]:
    """The four editions of the page, as HTML."""
    return (
        _page(FIRST, _accordion),
        _page(_second(), _accordion),
        _page(_third(), _details),
        _page(_fourth(), _details),
    )


def error_page() -> str:
    """What the site answers, with status 200, when it is out of order."""
    return (
        '<!DOCTYPE html><html lang="sv"><head><title>Tekniskt fel</title></head><body><main>'
        "<h1>Ett tekniskt fel har uppstått</h1><p>Sidan kan inte visas just nu. Försök igen "
        "senare.</p></main></body></html>"
    )


def _page(entries: tuple[Entry, ...], item: Callable[[Entry], str]) -> str:
    sections = "".join(
        f"<div><h2>{escape(heading)}</h2><ul>"
        + "".join(item(entry) for entry in entries if entry.section == heading)
        + "</ul></div>\n"
        for heading in (ONGOING, DEVELOPING, PARTNERSHIP)
    )
    intro = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in INTRO)
    return f"""<!DOCTYPE html>
<html lang="sv">
<head><meta charset="utf-8"><title>{escape(TITLE)} - Granviks kommun</title></head>
<body>
<header><a href="/">Granviks kommun</a><nav><ul><li><a href="/bygga">Bygga och bo</a></li>
<li><a href="/trafik">Trafik</a></li></ul></nav></header>
<main id="innehall">
<h1>{escape(TITLE)}</h1>
{intro}
{sections}
<h2>Nyheter</h2>
<ul><li><h3><a href="/nyheter/isen.5.91.html">Isen på Lillsjön bär inte</a></h3></li></ul>
</main>
<footer><h2>Kontakta Granviks kommun</h2><p>0123-456 00</p></footer>
</body>
</html>
"""


def _link(entry: Entry) -> str:
    if entry.link is None:
        return ""
    text, address = entry.link
    mark = ""
    if address.startswith("https:"):
        mark = '<img alt="Länk till annan webbplats, öppnas i nytt fönster." src="/ut.png">'
    return f'<p><a href="{escape(address)}">{escape(text)}{mark}</a></p>'


def _accordion(entry: Entry) -> str:
    return (
        f'<li><button type="button" aria-expanded="false">{escape(entry.title)}</button>'
        f"<div hidden><p>{escape(entry.text)}</p>{_link(entry)}</div></li>\n"
    )


def _details(entry: Entry) -> str:
    return (
        f"<li><details><summary>{escape(entry.title)}</summary>"
        f"<div><p>{escape(entry.text)}</p>{_link(entry)}</div></details></li>\n"
    )
