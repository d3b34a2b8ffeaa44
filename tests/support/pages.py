"""The project's own page generator: invented towns, rendered in every way we can think of.

`invent(seed)` makes a town (the truth), `render(town, style)` writes it as HTML, and
`expected(town, style)` says what a reader must find. Styles are frozen; `styles(seed, count)`
draws combinations that cover every pair of values, and more.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from html import escape
from typing import Any

from monitor.model import Profile, SectionRule

URL = "https://www.granvik.example/vision/sida.html"

PROFILE = Profile(
    name="granvik",
    language="sv",
    sections=(
        SectionRule(("Sådant vi gör i dag", "Pågående"), "ongoing"),
        SectionRule(("Sådant vi tar fram", "Planerat"), "developing"),
        SectionRule(("Tillsammans med andra",), "partnership"),
    ),
    stop=("Aktuellt", "Fråga oss gärna:"),
)
HEADINGS = ("Sådant vi gör i dag", "Sådant vi tar fram", "Tillsammans med andra")
STATUSES = ("ongoing", "developing", "partnership")


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    href: str
    outside: bool


@dataclass(frozen=True, slots=True)
class Item:
    title: str
    paragraphs: tuple[str, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Town:
    title: str
    intro: tuple[str, ...]
    sections: tuple[tuple[str, str, tuple[Item, ...]], ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Style:
    """One way to write a page. Every field is a knob with the values in KNOBS."""

    items: str = "li-span"
    sections: str = "h2"
    text: str = "p"
    links: str = "bare"
    marks: str = "span"
    hidden: str = "no"
    numbers: str = "no"
    noise: str = "full"
    frame: str = "main"
    status: str = "no"
    space: str = "lines"
    closing: str = "full"
    dress: str = "no"


_THINGS = (
    "cykelbana,lekplats,äppellund,återbruksverkstad,badplats,bokbuss,sopsortering,skolgård,vindskydd"
    ",solcellstak,våtmark,språkkafé,trygghetsvandring,fritidsbank,odlingslott,laddstation,gårdsbutik"
    ",biblioteksfilial,naturstig,dagvattendamm,matlåda,verkstadsskola,utegym,ljusslinga"
).split(",")
_PLACES = (
    "Granvik,Norra hamnen,Kvarndalen,Åsbacken,Sjötorget,Lillmossen,Östra Granvik,Smedjegatan"
    ",Björkhult,Tallmon"
).split(",")
_TITLES = (
    "Ny {thing} i {place}",
    "{Thing} för alla åldrar",
    "Så sköter vi varje {thing} – året runt",
    "{Thing}: fler platser i {place}",
    "Rusta upp {thing} vid {place}",
    "Tryggare väg till {place}",
    "{Thing} & {other}",
    "”{Thing}” tillsammans med föreningar",
    "Öka användningen av {thing} och {other}",
    "{place} 2030",
)
_SENTENCES = (
    "Kommunen har avsatt medel för en {thing} som ska stå klar under {year}.",
    "I {place} finns i dag {number} platser, och fler är på väg.",
    "Vi samarbetar med boende, skolor och företag för att {thing} ska bli till nytta för fler.",
    "Syftet är att göra vardagen enklare; erfarenheterna från {place} är goda.",
    "Arbetet leds av miljökontoret och följs upp varje år.",
    "Målet är att {number} procent av invånarna i {place} ska ha nära till en {thing}.",
    "Det gör vi genom att prova, mäta och rätta – steg för steg.",
    "Är du intresserad? Alla i {place} är välkomna att delta!",
    "En {thing} kräver skötsel (se planen), därför utbildar vi {number} personer.",
)
_LINKS = (
    "Läs om {thing}",
    "{Thing}, {place}",
    "Rapport {year}: {thing}",
    "Mer om {place}",
    "Nyhet: {thing} invigd",
)


def _fill(text: str, rng: random.Random) -> str:
    thing, other = rng.sample(_THINGS, 2)
    return text.format(
        thing=thing,
        other=other,
        Thing=thing.capitalize(),
        place=rng.choice(_PLACES),
        year=rng.randint(2024, 2031),
        number=rng.randint(2, 95),
    )


def _item(rng: random.Random, titles: set[str]) -> Item:
    title = _fill(rng.choice(_TITLES), rng)
    while title in titles:
        title = _fill(rng.choice(_TITLES), rng)
    titles.add(title)
    count = rng.choice((0, 1, 1, 1, 1, 2, 2, 3)) if len(titles) > 2 else 1
    paragraphs = tuple(
        " ".join(_fill(rng.choice(_SENTENCES), rng) for _ in range(rng.randint(1, 3)))
        for _ in range(count)
    )
    links = []
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        text = _fill(rng.choice(_LINKS), rng)
        number = rng.randint(1000, 9999)
        if rng.random() < 0.4:
            links.append(Link(text, f"https://www.annan{number}.example/{number}", True))
        else:
            links.append(Link(text, f"/granvik/{number}.html", False))
    return Item(title, paragraphs, tuple(links))


def invent(seed: int, sizes: tuple[int, ...] = (5, 3, 2)) -> Town:
    """A town's page, invented from a seed: the truth that every rendering shares."""
    rng = random.Random(seed)
    titles: set[str] = set()
    sections = tuple(
        (HEADINGS[n], STATUSES[n], tuple(_item(rng, titles) for _ in range(size)))
        for n, size in enumerate(sizes)
        if size
    )
    intro = tuple(
        " ".join(_fill(rng.choice(_SENTENCES), rng) for _ in range(2))
        for _ in range(rng.randint(1, 3))
    )
    return Town(
        f"Vår vision: ett {rng.choice(('grönt', 'tryggt', 'öppet'))} Granvik", intro, sections, seed
    )


# -- what must be found


def expected(town: Town, style: Style) -> dict[str, Any]:
    """What a reader must find in `render(town, style)`: like `found`."""
    sections = []
    for heading, status, items in town.sections:
        sections.append(
            {
                "heading": heading,
                "status": status,
                "initiatives": [_expected_item(item, style) for item in items],
            }
        )
    return {
        "title": town.title,
        "intro": list(town.intro),
        "language": "sv",
        "sections": sections,
        "unclaimed": [],
        "verdict": "good",
    }


def _expected_item(item: Item, style: Style) -> dict[str, Any]:
    paragraphs = list(item.paragraphs)
    if style.links == "inline" and item.links and paragraphs:
        paragraphs[-1] += "".join(f" Se {link.text}." for link in item.links)
    joiner = "\n" if style.text == "br" else "\n\n"
    return {
        "title": item.title,
        "description": joiner.join(paragraphs),
        "links": [
            {
                "text": link.text,
                "href": link.href if link.outside else f"https://www.granvik.example{link.href}",
                "external": link.outside,
            }
            for link in item.links
        ],
    }


def found(reading: Any) -> dict[str, Any]:
    """A reading in the shape of `expected`."""
    return {
        "title": reading.title,
        "intro": list(reading.intro),
        "language": reading.language,
        "sections": [
            {
                "heading": section.heading,
                "status": section.status,
                "initiatives": [
                    {
                        "title": item.title,
                        "description": item.description,
                        "links": [
                            {"text": link.text, "href": link.href, "external": link.external}
                            for link in item.links
                        ],
                    }
                    for item in section.initiatives
                ],
            }
            for section in reading.sections
        ],
        "unclaimed": list(reading.unclaimed),
        "verdict": reading.verdict,
    }


# -- rendering: links and texts

_SAYS = "Länk till annan webbplats, öppnas i nytt fönster."
_SHORT = "Länk till annan webbplats."


def _mark(style: Style) -> tuple[str, str]:
    """(attributes, content) that mark an outside link."""
    return {
        "span": (' rel="external" target="_blank"', f'<span class="dold"> {_SAYS}</span>'),
        "span-short": ("", f'<span class="sr-only"> ({_SHORT})</span>'),
        "img": ("", f'<img alt=" {_SAYS}" title="{_SAYS}" src="/e.png" class="ikon">'),
        "img-span": ("", f'<img alt="" src="/e.png"><span class="x"> {_SAYS}</span>'),
        "svg": (
            "",
            '<svg class="i" aria-hidden="true"><use href="/i.svg#x"></use></svg>'
            f"<span> {_SAYS}</span>",
        ),
        "svg-title": ("", f'<svg class="i"><title>{_SHORT}</title><path d="M0 0"/></svg>'),
        "title": (f' title="{_SAYS}"', ""),
        "aria": (f' aria-label="TEXT ({_SHORT})"', ""),
        "host": ("", ""),
        "rel": (' rel="noopener external"', ""),
    }[style.marks]


def _anchor(link: Link, style: Style) -> str:
    text = escape(link.text)
    if not link.outside:
        return f'<a href="{link.href}">{text}</a>'
    attributes, content = _mark(style)
    attributes = attributes.replace("TEXT", text)
    return f'<a href="{link.href}"{attributes}>{text}{content}</a>'


def _words(text: str, style: Style) -> str:
    text = escape(text, quote=False)
    if style.text == "strong" and len(text) > 12:
        return f"{text[:3]}<strong>{text[3:7]}</strong>{text[7:]}" if "&" not in text[:8] else text
    if style.text == "spans":
        first, _, rest = text.partition(" ")
        return f"<span><span>{first}</span> {rest}</span>" if rest else text
    return text


def _paragraphs(texts: list[str], style: Style) -> list[str]:
    """`texts` are already HTML."""
    if style.text == "div":
        return [f"<div>{text}</div>" for text in texts]
    if style.text == "bare":
        return [texts[0], *(f"<div>{text}</div>" for text in texts[1:])]
    if style.text == "br":
        return ["<p>" + "<br>\n".join(texts) + "</p>"]
    if style.text == "list":
        rest = "".join(f"<li>{text}</li>" for text in texts[1:])
        return [f"<p>{texts[0]}</p>", f"<ul>{rest}</ul>" if rest else ""]
    if style.text == "all-list":
        return ["<ul class=punkter>" + "".join(f"<li>{text}</li>" for text in texts) + "</ul>"]
    if style.text == "class":
        return [f'<p class="normal\n brodtext">{text}</p>' for text in texts] + ["<p><br></p>"]
    return [f"<p>{text}</p>" for text in texts]


def _panel(item: Item, style: Style) -> str:
    texts = [_words(text, style) for text in item.paragraphs]
    anchors = [_anchor(link, style) for link in item.links]
    gap = "" if style.space == "tight" else "\n      "
    if style.links == "inline" and anchors and texts:
        texts[-1] += "".join(f" Se {anchor}." for anchor in anchors)
        anchors = []
    body = _paragraphs(texts, style) if texts else []
    tail: list[str] = []
    if anchors:
        tail = {
            "p": [f"<p>{anchor}</p>" for anchor in anchors],
            "one-p": ["<p>" + " ".join(anchors) + "</p>"],
            "list": ["<ul>" + "".join(f"<li>{anchor}</li>" for anchor in anchors) + "</ul>"],
            "div": [f"<div class=lank>{anchor}</div>" for anchor in anchors],
            "before": [f"<p>{anchor}</p>" for anchor in anchors],
        }.get(style.links, [" ".join(anchors)])
    if style.links == "before":
        return gap.join([*tail, *body])
    return gap.join([*body, *tail])


# -- rendering: items

_Rows = list[tuple[int, Item, str, str]]


def _hide(style: Style) -> str:
    return {
        "no": "",
        "hidden": " hidden",
        "display": ' style="display:none"',
        "aria": ' aria-hidden="true"',
        "until": ' hidden="until-found" class="collapse"',
    }[style.hidden]


def _list(items: _Rows, style: Style, one: Callable[[str, str, int], str], wrap: str = "ul") -> str:
    rows = "\n".join(one(title, panel, n) for n, _, title, panel in items)
    return f"<{wrap}>\n{rows}\n</{wrap}>" if wrap else rows


def _body(style: Style, panel: str, tag: str = "div", more: str = "") -> str:
    return f"<{tag}{more}{_hide(style)}>{panel}</{tag}>" if panel else ""


def _li_span(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: f'<li class="x">\n <span class="t">{t}</span>\n {_body(s, p)}</li>',
    )


def _li_details(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: f"<li><details><summary>{t}</summary><div>{p}</div></details></li>",
    )


def _details(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: f"<details>\n<summary><span>{t}</span></summary>\n{p}</details>",
        "div",
    )


def _details_heading(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: f"<details><summary><h3>{t}</h3></summary><section>{p}</section></details>",
        "",
    )


def _li_strong(items: _Rows, s: Style) -> str:
    return _list(items, s, lambda t, p, n: f"<li><strong>{t}</strong>{_body(s, p)}</li>")


def _li_text(items: _Rows, s: Style) -> str:
    return _list(items, s, lambda t, p, n: f"<li>{t}{_body(s, p)}</li>")


def _li_bold_p(items: _Rows, s: Style) -> str:
    return _list(items, s, lambda t, p, n: f"<li><p><b>{t}</b></p>{_body(s, p)}</li>")


def _ol_p(items: _Rows, s: Style) -> str:
    return _list(items, s, lambda t, p, n: f"<li><p>{t}</p>{_body(s, p)}</li>", "ol")


def _flat_heading(level: int) -> Callable[[_Rows, Style], str]:
    def write(items: _Rows, s: Style) -> str:
        return _list(items, s, lambda t, p, n: f"<h{level}>{t}</h{level}>\n{p}", "")

    return write


def _flat_heading_panel(items: _Rows, s: Style) -> str:
    return _list(items, s, lambda t, p, n: f"<h3>{t}</h3>\n{_body(s, p)}", "div")


def _article(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: f"<article><header><h3>{t}</h3></header>{_body(s, p)}</article>",
        "",
    )


def _card(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: f'<div class="card {n}"><div class="a">{t}</div>{_body(s, p)}</div>',
        "div",
    )


def _deep(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: (
            f"<li><div><div class=y><h5><span>{t}</span></h5></div></div>"
            f"<div><div>{_body(s, p)}</div></div></li>"
        ),
    )


def _flat_div(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: f'<div class="q1">{t}</div>' + _body(s, p, more=' class="q2"'),
        "div",
    )


def _dl(items: _Rows, s: Style) -> str:
    return _list(items, s, lambda t, p, n: f"<dt>{t}</dt><dd{_hide(s)}>{p}</dd>", "dl")


def _dl_div(items: _Rows, s: Style) -> str:
    return _list(items, s, lambda t, p, n: f"<div><dt>{t}</dt><dd>{p}</dd></div>", "dl")


def _dt_button(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: f'<dt><button aria-expanded="false">{t}</button></dt><dd>{p}</dd>',
        "dl",
    )


def _button(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: (
            f'<div><button type="button" aria-expanded="false" aria-controls="p{n}">{t}'
            f'<span aria-hidden="true">+</span></button>'
            + _body(s, p, more=f' id="p{n}"')
            + "</div>"
        ),
        "div",
    )


def _heading_button(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: (
            f'<h3><button aria-controls="p{n}" aria-expanded="false"><span>{t}</span>'
            f'<i aria-hidden="true">expand_more</i></button></h3>' + _body(s, p, more=f' id="p{n}"')
        ),
        "div",
    )


def _link_title(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: f'<li><a href="#p{n}">{t}</a>' + _body(s, p, more=f" id=p{n}") + "</li>",
    )


def _link_role(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: (
            f'<div class=rad><a role="button" href="#" aria-expanded="false">{t}</a>'
            f"{_body(s, p)}</div>"
        ),
        "",
    )


def _apart(items: _Rows, s: Style) -> str:
    """All titles first, then all panels: only aria-controls tells which is whose."""
    titles = "".join(f'<li><button aria-controls="p{n}">{t}</button></li>' for n, _, t, _ in items)
    panels = "".join(f'<div id="p{n}"{_hide(s)}>{p}</div>' for n, _, _, p in items)
    return f"<ul>{titles}</ul>\n<div>{panels}</div>"


def _table(items: _Rows, s: Style) -> str:
    rows = "\n".join(f"<tr><td>{t}</td><td>{p}</td></tr>" for _, _, t, p in items)
    return (
        f"<table><thead><tr><th>Insats</th><th>Beskrivning</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _table_plain(items: _Rows, s: Style) -> str:
    rows = "\n".join(f'<tr><th scope="row">{t}</th><td>{p}</td></tr>' for _, _, t, p in items)
    return f"<table><tr><td>Titel</td><td>Beskrivning</td></tr>{rows}</table>"


def _bold_div(items: _Rows, s: Style) -> str:
    return _list(items, s, lambda t, p, n: f"<div><b>{t}</b>{_body(s, p)}</div>", "")


def _bold_paragraph(items: _Rows, s: Style) -> str:
    return _list(items, s, lambda t, p, n: f"<p><strong>{t}</strong></p>\n{p}", "")


def _label(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: (
            f'<div class=acc><input type="checkbox" id="c{n}"><label for="c{n}">{t}</label>'
            f"{_body(s, p)}</div>"
        ),
        "div",
    )


def _custom(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: f"<x-item><x-title>{t}</x-title><x-body{_hide(s)}>{p}</x-body></x-item>",
        "x-list",
    )


def _columns(items: _Rows, s: Style) -> str:
    half = (len(items) + 1) // 2
    return (
        "<div class=cols><div>"
        + _li_span(items[:half], s)
        + "</div><div>"
        + (_li_span(items[half:], s) if items[half:] else "")
        + "</div></div>"
    )


def _role_heading(items: _Rows, s: Style) -> str:
    return _list(
        items,
        s,
        lambda t, p, n: (
            f'<section><div role="heading" aria-level="3">{t}</div>{_body(s, p)}</section>'
        ),
        "",
    )


ITEMS: dict[str, Callable[[_Rows, Style], str]] = {
    "li-span": _li_span,
    "li-details": _li_details,
    "details": _details,
    "details-heading": _details_heading,
    "li-strong": _li_strong,
    "li-text": _li_text,
    "li-bold-p": _li_bold_p,
    "ol-p": _ol_p,
    "h3": _flat_heading(3),
    "h4": _flat_heading(4),
    "h5": _flat_heading(5),
    "h3-panel": _flat_heading_panel,
    "article": _article,
    "card": _card,
    "deep": _deep,
    "flat-div": _flat_div,
    "dl": _dl,
    "dl-div": _dl_div,
    "dt-button": _dt_button,
    "button": _button,
    "heading-button": _heading_button,
    "link-title": _link_title,
    "link-role": _link_role,
    "apart": _apart,
    "table": _table,
    "table-plain": _table_plain,
    "bold-div": _bold_div,
    "bold-paragraph": _bold_paragraph,
    "label": _label,
    "custom": _custom,
    "columns": _columns,
    "role-heading": _role_heading,
}

# -- rendering: sections


def _sections(town: Town, style: Style, lists: list[str]) -> str:
    names = [escape(heading) for heading, _, _ in town.sections]
    pairs = list(zip(names, lists, strict=True))
    if style.sections == "h2":
        return "\n".join(f"<h2>{name}</h2>\n{body}" for name, body in pairs)
    if style.sections == "portlets":
        return "\n".join(
            f'<div class="pagecontent"><div><img alt="Information, ikon" src="/i.svg"></div>'
            f'<div class="portlet\n"><div><h2 class="u" id="h-{n}">{name}</h2></div></div>'
            f"<div class=lista>\n\n{body}</div></div>"
            for n, (name, body) in enumerate(pairs)
        )
    if style.sections == "section":
        return "\n".join(
            f'<section aria-labelledby="s{n}"><h2 id="s{n}"><span>{name}</span></h2>'
            f"{body}</section>"
            for n, (name, body) in enumerate(pairs)
        )
    if style.sections == "role":
        return "".join(
            f'<div role="heading" aria-level="2">{name}</div><div>{body}</div>'
            for name, body in pairs
        )
    if style.sections == "tabs":
        tabs = "".join(
            f'<button role="tab" id="t{n}" aria-controls="tp{n}">{name}</button>'
            for n, name in enumerate(names)
        )
        panels = "".join(
            f'<div role="tabpanel" id="tp{n}" aria-labelledby="t{n}"'
            f"{' hidden' if n else ''}>{body}</div>"
            for n, body in enumerate(lists)
        )
        return f'<div role="tablist">{tabs}</div>{panels}'
    if style.sections == "tab-links":
        tabs = "".join(f'<li><a href="#tp{n}">{name}</a></li>' for n, name in enumerate(names))
        panels = "".join(f'<div id="tp{n}">{body}</div>' for n, body in enumerate(lists))
        return f"<ul class=flikar>{tabs}</ul>{panels}"
    if style.sections == "tab-labelled":
        tabs = "".join(
            f'<li role="presentation"><a role="tab" id="t{n}" href="#">{name}</a></li>'
            for n, name in enumerate(names)
        )
        panels = "".join(
            f'<div role="tabpanel" aria-labelledby="t{n}">{body}</div>'
            for n, body in enumerate(lists)
        )
        return f'<ul role="tablist">{tabs}</ul>{panels}'
    if style.sections == "summary":
        return "".join(
            f"<details><summary><h2>{name}</h2></summary>{body}</details>" for name, body in pairs
        )
    if style.sections == "strong":
        return "".join(f"<p><strong>{name}</strong></p><div>{body}</div>" for name, body in pairs)
    if style.sections == "legend":
        return "".join(
            f"<fieldset><legend>{name}</legend>{body}</fieldset>" for name, body in pairs
        )
    if style.sections == "div":
        return "".join(f"<div><div>{name}</div><div>{body}</div></div>" for name, body in pairs)
    if style.sections == "contents":
        links = "".join(f'<li><a href="#s{n}">{name}</a></li>' for n, name in enumerate(names))
        return f"<ul>{links}</ul>" + "".join(
            f'<h2 id="s{n}">{name}</h2>{body}' for n, (name, body) in enumerate(pairs)
        )
    raise KeyError(style.sections)


def _rows(items: tuple[Item, ...], style: Style, heading: str, at: int) -> _Rows:
    rows: _Rows = []
    for number, item in enumerate(items):
        title = escape(item.title, quote=False)
        if style.numbers == "dot":
            title = f"{number + 1}. {title}"
        elif style.numbers == "paren":
            title = f"{number + 1}) {title}"
        elif style.numbers == "span":
            title = f"<span>{number + 1}.</span> {title}"
        panel = _panel(item, style)
        if style.status == "first":
            panel = f"<p>Status: {escape(heading)}</p>{panel}"
        elif style.status == "last":
            panel = f"{panel}<p><strong>Status:</strong> {escape(heading.lower())}</p>"
        rows.append((at * 100 + number, item, title, panel))
    return rows


# -- rendering: the page

_MENU = (
    '<nav aria-label="Huvudmeny"><ul><li><a href="/a">Bo och leva</a><ul><li><a'
    ' href="/b">Sådant vi gör i'
    ' dag</a></li></ul></li><li><a href="/n">Aktuellt</a></li></ul></nav>'
)
_HEADER = (
    '<header><a href="#c">Hoppa till innehåll</a><div>Granviks kommun</div><form'
    ' role="search"><label>'
    f"Sök</label><input><button>Sök</button></form>{_MENU}</header>"
)
_FOOTER = (
    "<footer><h1>Mer om Granvik</h1><h2>Kontakta kommunen</h2><p>Telefon: 0123-45 67</p><ul><li>"
    '<a href="/k">Kakor</a></li></ul></footer><div class="c"><script>var t={"title":"Vi'
    ' använder kakor"}'
    "</script></div>"
)
_BREADCRUMB = (
    '<nav aria-label="Länkstig"><ol><li><a href="/">Start</a></li><li>Vision</li></ol></nav>'
)
_ALERT = '<div class="alert"><p>Lekplatsen i Kvarndalen är stängd i dag</p></div>'
_CONTACT = "<div><h2>Fråga oss gärna:</h2><p>Telefon: <span></span></p><p>Skriv till oss</p></div>"
_BOXES = (
    '<p>Senast ändrad: <time datetime="2026-03-01">2026-03-01 12.10</time></p><p>Ändrad av:'
    " A. Person</p>"
    "<p>Dela sidan: Vår vision</p>"
)
_NEWS = (
    "<div><h2>Aktuellt</h2><ul><li><span>Publicerad 2026-03-01</span><h3><a"
    ' href="/ny.html">Ny park</a>'
    "</h3><span>Parken öppnar på lördag...</span></li></ul></div>"
)


def _dressed(html: str, style: Style) -> str:
    """What generators, editors and scripts add, that means nothing."""
    if style.dress == "unique":
        numbers = itertools.count(1)
        return re.sub(
            r"<(div|li|p|span|ul|h[2-5]|td|tr|dt|dd|section|article|button)(?= |>)(?![^>]*class)",
            lambda found: f'<{found[1]} class="k{next(numbers)}" data-cid="{style.items}"',
            html,
        )
    if style.dress == "wrapped":
        html = re.sub(r"<(ul|table|dl)(?= |>)", r'<div class="o"><div><\1', html)
        html = re.sub(r"</(ul|table|dl)>", r"</\1></div></div>", html)
        return re.sub(r"(<main[^>]*>)", r"\1<div><div><section>", html).replace(
            "</main>", "</section></div></div></main>"
        )
    if style.dress == "busy":
        html = html.replace("<p>", "<!-- stycke --><p><!-- -->")
        html = re.sub(r"(</h[2-5]>)", r'\1<hr><img alt="Ikon: blad" src="/b.svg">', html)
        return re.sub(
            r"(<li[^>]*>|<summary>)", r'\1<svg aria-hidden="true"><title>pil</title></svg>', html
        )
    return html


def render(town: Town, style: Style) -> str:
    """The town's page as HTML in one style."""
    lists = [
        ITEMS[style.items](_rows(items, style, heading, at), style)
        for at, (heading, _, items) in enumerate(town.sections)
    ]
    if style.status == "no":
        body = _sections(town, style, lists)
    else:
        rows: _Rows = []
        for at, (heading, _, items) in enumerate(town.sections):
            rows += _rows(items, replace(style, numbers="no"), heading, at)
        body = ITEMS[style.items](rows, style)
    intro = "".join(f"<p>{escape(text, quote=False)}</p>" for text in town.intro)
    title = f"<h1>{escape(town.title)}</h1>"
    full = style.noise == "full"
    after = (_CONTACT + _BOXES + _NEWS) if style.noise in ("full", "after") else ""
    if style.noise == "boxes":
        after = _BOXES
    top = (_BREADCRUMB + _ALERT) if full else ""
    content = f"{title}\n{intro}\n{body}\n"
    frame = {
        "main": f'<main id="c"><div class="a\n b">{top}{content}</div>{after}</main>',
        "flat": f"<main>{top}{content}{after}</main>",
        "div": f'<div class="page"><div>{top}{content}</div>{after}</div>',
        "role": f'<div role="main"><article>{top}{content}{after}</article></div>',
        "form": f'<form action="/x" method="post"><main>{top}{content}{after}</main></form>',
        "parts": (
            f'<main><div class="pagecontent">{top}{title}{intro}</div>'
            f'<div class="pagecontent">{body}</div><div>{after}</div></main>'
        ),
    }[style.frame]
    ends = "" if style.noise == "bare" else _FOOTER
    head = _HEADER if style.noise != "bare" else ""
    frame = _dressed(frame, style)
    html = (
        '<!DOCTYPE html>\n<html lang="sv-SE"><head><meta charset="utf-8"><title>Vår vision -'
        " Granvik"
        f'</title><link rel="canonical" href="{URL}"><script>var a="<h2>Aktuellt</h2>";</script>'
        "</head>"
        f"\n<body>{head}{frame}{ends}</body></html>"
    )
    if style.closing == "loose":
        for tag in ("</li>", "</p>", "</dt>", "</dd>", "</td>", "</tr>", "</tbody>"):
            html = html.replace(tag, "")
    elif style.closing == "upper":
        html = html.replace("<li", "<LI").replace("<div", "<DIV").replace("</div>", "</DIV>")
    return html


KNOBS: dict[str, tuple[str, ...]] = {
    "items": tuple(ITEMS),
    "sections": (
        "h2 portlets section role tabs tab-links tab-labelled summary strong legend div contents"
    ).split(),  # type: ignore[dict-item]
    "text": ("p", "div", "bare", "br", "list", "all-list", "class", "strong", "spans"),
    "links": ("bare", "p", "one-p", "list", "div", "before", "inline"),
    "marks": (
        "span",
        "span-short",
        "img",
        "img-span",
        "svg",
        "svg-title",
        "title",
        "aria",
        "host",
        "rel",
    ),
    "hidden": ("no", "hidden", "display", "aria", "until"),
    "numbers": ("no", "dot", "paren", "span"),
    "noise": ("full", "bare", "after", "boxes"),
    "frame": ("main", "flat", "div", "role", "form", "parts"),
    "status": ("no", "first", "last"),
    "space": ("lines", "tight"),
    "closing": ("full", "loose", "upper"),
    "dress": ("no", "unique", "wrapped", "busy"),
}


def sensible(style: Style) -> bool:
    """Whether a person could tell what the page means. What no one could tell is left out."""
    flat = style.items in ("h3", "h4", "h5", "bold-paragraph", "flat-div")
    if style.items in ("bold-paragraph",) and style.sections == "strong":
        return False
    if flat and style.text == "bare" and style.items != "flat-div":
        return False
    if style.closing == "loose" and style.links == "bare" and style.text not in ("div", "bare"):
        return False  # without </p> the bare link is inside the paragraph
    if style.closing == "loose" and style.text == "bare" and style.links == "before":
        return False  # likewise the bare text
    if style.closing == "loose" and style.status == "first":
        return False  # likewise what follows the status
    if style.dress == "unique" and style.items == "flat-div":
        return False  # titles and texts are told apart by their classes alone
    if style.dress == "wrapped" and style.closing == "loose":
        return False
    if style.closing == "loose" and style.items == "custom":
        return False  # an unclosed <p> swallows the end of elements HTML does not know
    if style.closing == "loose" and style.items in ("li-bold-p", "ol-p", "bold-paragraph"):
        return False
    return not (style.status != "no" and style.items == "columns")


def styles(seed: int, count: int) -> Iterator[Style]:
    """`count` sensible styles: first each value of each knob with each item style, then chance."""
    rng = random.Random(seed)
    names = [one.name for one in fields(Style)]
    made = 0
    pairs = [
        (items, name, value)
        for name, items in itertools.product(names[1:], KNOBS["items"])
        for value in KNOBS[name]
    ]
    rng.shuffle(pairs)
    for number in itertools.count():
        if made >= count:
            return
        values = {name: rng.choice(KNOBS[name]) for name in names}
        if rng.random() < 0.75:
            values["status"] = "no"
        if number < len(pairs):
            items, name, value = pairs[number]
            values["items"] = items
            values[name] = value
        style = Style(**values)
        if sensible(style):
            made += 1
            yield style
