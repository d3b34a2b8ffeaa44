"""The mail in a real browser: nothing for axe to find, nothing cut off at 320 px or with big text.

`python -m tests.test_mail_looks FOLDER` writes the pictures that docs/ shows.
"""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from notifications.channels import Letterhead, Message
from notifications.digest import entry_document, gather
from notifications.render import Letter, letter
from notifications.view import view_of
from tests.support.browser import axe_findings, chromium
from tests.support.telling import (
    START,
    STOCKHOLM,
    by_mail,
    change,
    initiative,
    link,
    page_change,
    telling,
)

SCREENS = {"phone": (320, 640), "desk": (760, 900)}
SCHEMES = ("light", "dark")
ROWS = [
    {
        "status": "ongoing",
        "old": 61,
        "new": 64,
        "curve": [58] * 20 + [59] * 20 + [61] * 18 + [64] * 3,
    },
    {"status": "developing", "old": 45, "new": 44, "curve": [47] * 30 + [45] * 28 + [44] * 3},
    {"status": "partnership", "old": 14, "new": 14, "curve": [14] * 61},
]


PAGES = [
    {"id": "omsorg", "name": "Omsorg i Granvik", "url": "https://granvik.example/omsorg.html"},
    {"id": "trygg", "name": "Tryggt i Granvik", "url": "https://granvik.example/trygg.html"},
]
COUNTED = [
    {**page, "counts": [{"heading": "Det här gör vi nu", "status": "ongoing", "number": 64}]}
    for page in PAGES
]
STAMP = "2026-11-20T07:00:00Z"
TROUBLE = {
    "what": "opened",
    "incident": "x-1",
    "incidents": ["x-1", "x-2"],
    "subject": "Omsorg i Granvik",
    "cause": "http_status",
    "text": "omsorg: https://granvik.example/omsorg.html svarade 503; det prövas igen",
    "texts": [f"{one['id']}: {one['url']} svarade 503; det prövas igen" for one in PAGES],
    "pages": PAGES,
    "mend": "Öppna sidan i en webbläsare.",
    "count": 3,
    "first_at": STAMP,
    "ended_at": None,
}
OTHERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "welcome": ("changes", {"pages": COUNTED}),
    "welcome to operators": ("operation", {"pages": []}),
    "first": ("operation", {"pages": COUNTED}),
    "quiet": ("changes", {"pages": PAGES, "since": STAMP, "looks": 168, "failed": 1}),
    "incident": ("operation", TROUBLE),
    "incident over": ("operation", {**TROUBLE, "what": "ended", "ended_at": STAMP}),
    "blind": ("changes", {"pages": [{**one, "since": STAMP} for one in PAGES], "until": None}),
    "note": ("operation", {"page": PAGES[0], "code": "page_moved", "text": "Sidan har flyttat."}),
}
"""Every kind of message but the digest, with whom it goes to."""


def sample(language: str = "sv", playgrounds: int = 11) -> str:
    """A digest with something of every kind, from an invented town."""
    plan = "Vi utreder en ny simhall med 25-metersbassäng. Beslut väntas under 2026."
    built = "Vi bygger en ny simhall med 50-metersbassäng. Den öppnar hösten 2027."
    garden = initiative(
        "Åkerbärsodling på torgets tak",
        description="Tio odlingslådor för skolorna.\n\nÖppet för alla på lördagar.",
        links=[link("Så odlar vi i Granvik", external=True)],
    )
    changes = [
        change(
            initiative("Ny simhall vid ån", description=plan),
            initiative("Ny simhall vid ån", "ongoing", built),
            of="i-1",
            signals=["amount", "year", "commitment"],
        ),
        change(
            initiative("Laddplatser"), initiative("Laddplatser", "ongoing"), of="i-2", certainty=0.8
        ),
        change(None, garden, of="i-3"),
        change(None, garden, of="i-3", page="trygg"),
        change(initiative("Trygghetsvandringar", "ongoing"), None, of="i-4"),
        change(initiative("Nattbussar"), initiative("Nattbussar till byarna"), of="i-5"),
        change(
            initiative("Lånecyklar", links=[link("Boka cykel")]),
            initiative("Lånecyklar", links=[link("Boka", "https://granvik.example/cykel")]),
            of="i-6",
        ),
        page_change("intro", "Granvik växer.", "Granvik växer hållbart."),
        *(
            change(None, initiative(f"Lekplats nummer {n} i Storskogen"), of=f"i-l{n}")
            for n in range(playgrounds)
        ),
    ]
    told = [telling(one) for one in changes]
    late = change(initiative("Skolskog"), initiative("Skolskog", "ongoing"), of="i-7")
    told.append(telling(late, "late"))
    chart = {
        "page": "Omsorg i Granvik",
        "rows": ROWS,
        "since": (START - timedelta(days=30)).isoformat(),
        "began": (START - timedelta(days=365)).isoformat(),
        "until": START.isoformat(),
    }
    payload = {"entries": [entry_document(entry) for entry in gather(told)], "charts": [chart]}
    head = Letterhead(STOCKHOLM, "https://vakt.granvik.example", "kommunikation@granvik.example")
    to = by_mail(digest="workdays 07:30", language=language)
    shown = Message("m-1", to.id, "digest", START, payload)
    return as_shown(letter(view_of(shown, to, head, "kim@granvik.example")))


TWICE_AS_BIG = """() => {
  const sizes = [...document.querySelectorAll("body, body *")].map(
    one => [one, parseFloat(getComputedStyle(one).fontSize)]);
  for (const [one, size] of sizes) one.style.setProperty("font-size", `${2 * size}px`, "important");
}"""
BROKEN_WORDS = """() => [...document.querySelectorAll("th")]
  .filter(one => !one.textContent.includes(" "))
  .filter(one => one.clientHeight > 0 && (() => {
    const range = document.createRange();
    range.selectNodeContents(one);
    return range.getClientRects().length > 1;
  })()).map(one => one.textContent)"""


def as_shown(mail: Letter) -> str:
    """The mail's HTML as a mail program shows it: with the pictures that came with it."""
    html = mail.html
    for picture in mail.pictures:
        inside = f"data:image/png;base64,{b64encode(picture.png).decode()}"
        html = html.replace(f"cid:{picture.id}", inside)
    assert "cid:" not in html
    return html


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_nothing_and_nothing_is_cut_off(
    browser: Any, language: str, scheme: str, screen: str
) -> None:
    width, height = SCREENS[screen]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.set_content(sample(language))
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(TWICE_AS_BIG)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(BROKEN_WORDS) == [], "a status is never broken in the middle"
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("kind", OTHERS)
def test_axe_finds_nothing_in_any_other_message(browser: Any, language: str, kind: str) -> None:
    about, payload = OTHERS[kind]
    to = by_mail(digest="workdays 07:30", language=language, about=about, kinds=("added", "moved"))
    shown = Message("m-1", to.id, kind.partition(" ")[0], START, payload)
    mail = letter(view_of(shown, to, Letterhead(STOCKHOLM), "kim@granvik.example"))
    for scheme in SCHEMES:
        size = {"width": 320, "height": 640}
        page = browser.new_page(viewport=size, color_scheme=scheme)
        page.set_content(mail.html)
        assert axe_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        page.close()


@pytest.mark.slow
def test_where_no_picture_is_shown_its_place_has_words(browser: Any) -> None:
    """Many mail programs show none before they are asked to."""
    page = browser.new_page(viewport={"width": 390, "height": 640})
    html = sample()
    page.set_content(re.sub(r'src="data:[^"]+"', 'src="cid:kept-back"', html))
    words = page.eval_on_selector_all("img", "all => all.map(one => one.alt)")
    assert len(words) == len(ROWS)
    assert all(words)
    page.close()


@pytest.mark.slow
def test_a_screen_reader_hears_the_heading_first_and_the_groups_in_order(browser: Any) -> None:
    page = browser.new_page()
    page.set_content(sample())
    levels = page.eval_on_selector_all(
        "h1, h2, h3", "all => all.map(one => [one.tagName, one.textContent.trim()])"
    )
    assert levels[0][0] == "H1"
    assert next(text for tag, text in levels if tag == "H2").startswith("Ny status")
    assert all(int(after[0][1]) - int(before[0][1]) <= 1 for before, after in pairwise(levels))
    page.close()


def take_pictures(folder: Path) -> None:
    """The pictures in docs/: the mail on a phone and on a desk, dark and light."""
    with chromium() as browser:
        for screen, (width, height) in SCREENS.items():
            for scheme in SCHEMES:
                size = {"width": width, "height": height}
                page = browser.new_page(viewport=size, color_scheme=scheme)
                page.set_content(sample(playgrounds=0))
                page.screenshot(path=folder / f"mail-{screen}-{scheme}.png", full_page=True)
                page.close()


if __name__ == "__main__":
    take_pictures(Path(sys.argv[1]))
