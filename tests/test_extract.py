"""Reading one page: small pages, each for one rule of the contract."""

from __future__ import annotations

import unicodedata

import pytest

from monitor.extract import READER_VERSION, extract
from monitor.model import Initiative, Profile, Reading, SectionRule, Source
from monitor.profile import BUILTIN

URL = "https://www.granvik.example/a/b.html"
PROFILE = Profile(
    "granvik",
    "sv",
    (SectionRule(("Pågående",), "ongoing"), SectionRule(("Planerat", "På gång"), "developing")),
    ("Nyheter",),
)


def page(body: str, head: str = "") -> str:
    return (
        f"<!doctype html><html lang=sv><head><title>T</title>{head}</head><body><main>"
        f"<h1>Rubrik</h1><p>Ingress.</p>{body}</main></body></html>"
    )


def listed(*items: str, later: str = "<li><b>Cykla</b><p>Mer.</p></li>") -> str:
    """Items under «Pågående», and one under «Planerat», so that both sections are there."""
    return page(f"<h2>Pågående</h2><ul>{''.join(items)}</ul><h2>Planerat</h2><ul>{later}</ul>")


def read(
    html: str | bytes,
    profile: Profile = PROFILE,
    known: tuple[Initiative, ...] = (),
    url: str | None = URL,
    content_type: str | None = None,
) -> Reading:
    body = html.encode() if isinstance(html, str) else html
    return extract(Source(body, content_type, url), profile, known)


def said(reading: Reading) -> list[tuple[str | None, str, str]]:
    return [(item.status, item.title, item.description) for item in reading.initiatives]


def codes(reading: Reading) -> list[tuple[str, str]]:
    return [(reason.code, reason.detail) for reason in reading.reasons]


# -- descriptions


@pytest.mark.parametrize(
    ("panel", "description"),
    [
        ("", ""),
        ("<p>Ett.</p><p>Två.</p>", "Ett.\n\nTvå."),
        ("<p>Ett.</p><ul><li>Två</li><li>Tre</li></ul>", "Ett.\n\nTvå\n\nTre"),
        ("<p>Ett.<br>Två.</p>", "Ett.\nTvå."),
        ("<p>Ett.<br><br>Två.</p>", "Ett.\n\nTvå."),
        ("<p><br></p><p>&nbsp;</p><p>Ett.</p>", "Ett."),
        ("<div>Rakt i diven.</div>", "Rakt i diven."),
        ("<div>Ett.<p>Två.</p>Tre.</div>", "Ett.\n\nTvå.\n\nTre."),
        ("<p>Br<strong>on</strong> hål<em>ler</em>.</p>", "Bron håller."),
        ("<p>Ett   \n\t två.</p>", "Ett två."),
        ("<p>till\u00adsammans\u00a0nu</p>", "till\u00adsammans\u00a0nu"),
        ("<p>a &lt; b &amp; c</p>", "a < b & c"),
        ("<blockquote><p>Citat.</p></blockquote>", "Citat."),
        ("<p hidden>Dold.</p>", "Dold."),
        ('<div style="display:none"><p>Dold.</p></div>', "Dold."),
        ('<div aria-hidden="true"><p>Dold.</p></div>', "Dold."),
        ("<p><span class=sr-only>Information, ikon</span>Ett.</p>", "Ett."),
        ("<p>Ett.</p><script>var a=1</script><style>p{}</style>", "Ett."),
        ("<p>Ett.</p><!-- inget --><template><p>Nej</p></template>", "Ett."),
        ("<h4>Bakgrund</h4><p>Ett.</p><h4>Mål</h4><p>Två.</p>", "Bakgrund\n\nEtt.\n\nMål\n\nTvå."),
        ("<table><tr><td>Ett</td><td>Två</td></tr></table>", "Ett\n\nTvå"),
    ],
)
def test_paragraphs_list_items_and_line_breaks_make_the_description(
    panel: str, description: str
) -> None:
    reading = read(listed(f"<li><b>Bro</b>{panel}</li>", "<li><b>Damm</b><p>Grävs.</p></li>"))
    assert said(reading)[0] == ("ongoing", "Bro", description)
    assert reading.unclaimed == ()
    assert reading.verdict == "good"


# -- links


@pytest.mark.parametrize(
    ("panel", "text", "description", "outside"),
    [
        ("<p>D.</p><a href=/x>L</a>", "L", "D.", False),
        ("<p>D.</p><p><a href=/x>L</a></p>", "L", "D.", False),
        ("<ul><li><a href=/x>L</a></li></ul><p>D.</p>", "L", "D.", False),
        ("<p>Se <a href=/x>L</a>.</p>", "L", "Se L.", False),
        ("<div>D. <a href=/x>L</a></div>", "L", "D.", False),
        ("<div>Se <a href=/x>L</a></div>", "L", "Se L", False),
        ("<div><a href=/x>Lo</a> Det är så.</div>", "Lo", "Det är så.", False),
        ("<p>D.</p><a href=https://y.example/>L</a>", "L", "D.", True),
        ("<p>D.</p><a href=https://e.www.granvik.example/>L</a>", "L", "D.", False),
        ("<p>D.</p><a href=https://granvik.example/>L</a>", "L", "D.", False),
        ('<a href=/x rel="external">L</a>', "L", "", True),
        ("<a href=/x>L<img alt='Länk till annan webbplats.'></a>", "L", "", True),
        ("<a href=/x>L<span> Länk till annan webbplats</span></a>", "L", "", True),
        ("<a href=/x title='Extern länk'>L</a>", "L", "", True),
        ("<a href=/x>L</a><span>Länk till annan webbplats.</span>", "L", "", True),
        ("<a href=/x>L (öppnas i nytt fönster)</a>", "L", "", False),
        ("<a href=/x>L<svg><title>Länk till extern webbplats</title></svg></a>", "L", "", True),
        ("<a href=/x>Extern länk: L</a>", "L", "", True),
    ],
)
def test_links_are_told_from_texts_and_outside_links_from_inside(
    panel: str, text: str, description: str, outside: bool
) -> None:
    reading = read(listed(f"<li><b>Bro</b>{panel}</li>", "<li><b>Damm</b><p>Grävs.</p></li>"))
    bridge = reading.initiatives[0]
    assert [(link.text, link.external) for link in bridge.links] == [(text, outside)]
    assert bridge.description == description


@pytest.mark.parametrize(
    ("href", "url", "head", "address"),
    [
        ("x.html", URL, "", "https://www.granvik.example/a/x.html"),
        ("../x", URL, "", "https://www.granvik.example/x"),
        ("/x?y=1#z", URL, "", "https://www.granvik.example/x?y=1#z"),
        ("//y.example/x", URL, "", "https://y.example/x"),
        ("?p=2", URL, "", "https://www.granvik.example/a/b.html?p=2"),
        ("x", URL, '<base href="/c/">', "https://www.granvik.example/c/x"),
        ("x", None, '<base href="https://b.example/c/">', "https://b.example/c/x"),
        ("x", None, '<link rel="canonical" href="https://c.example/d/e">', "https://c.example/d/x"),
        ("x", None, "", None),
        ("https://y.example/x", None, "", "https://y.example/x"),
        ("mailto:a@granvik.example", None, "", "mailto:a@granvik.example"),
        ("http://[bad", URL, "", None),
        ("", URL, "", None),
    ],
)
def test_links_resolve_as_in_a_browser_or_are_null(
    href: str, url: str | None, head: str, address: str | None
) -> None:
    item = f'<li><b>Bro</b><p>D.</p><p><a href="{href}">L</a></p></li>'
    html = listed(item, "<li><b>Damm</b></li>").replace("</head>", f"{head}</head>")
    assert read(html, url=url).initiatives[0].links[0].href == address


# -- titles


def test_ordinals_markers_and_status_labels_belong_to_nothing() -> None:
    reading = read(
        listed(
            "<li><b>1. Bro</b><p>Byggs.</p></li>",
            "<li><b>2. Damm</b><p>Grävs.</p></li>",
            later="<li><span>•</span><b>2030 års plan</b><p>Status: Planerat</p>"
            "<p>Skrivs.</p></li>",
        )
    )
    assert said(reading) == [
        ("ongoing", "Bro", "Byggs."),
        ("ongoing", "Damm", "Grävs."),
        ("developing", "2030 års plan", "Skrivs."),
    ]


@pytest.mark.parametrize(
    "item",
    [
        "<li><strong>{}:</strong> Text.</li>",
        "<li><strong>{}</strong><br>Text.</li>",
        "<li><strong>{}</strong> – Text.</li>",
        "<li><p><strong>{}</strong><br>Text.</p></li>",
        '<li><a href="#p">{}</a><p>Text.</p></li>',
        '<li><button>{}<span class="sr"> Visa mer</span></button><p>Text.</p></li>',
        '<li><b>{}</b> <i aria-hidden="true">▼</i><p>Text.</p></li>',
        "<li><h3>{}</h3><p>Text.</p><button>Visa mer</button></li>",
        "<li><span>{}</span><div><div><div>Text.</div></div></div></li>",
        "<li><p>{}</p><p>Text.</p></li>",
        "<li>{}<p>Text.</p></li>",
    ],
)
def test_a_title_is_the_first_short_text_of_each_repeated_unit(item: str) -> None:
    reading = read(listed(item.format("Bro"), item.format("Damm"), later=item.format("Cykla")))
    assert [(title, text) for _, title, text in said(reading)] == [
        ("Bro", "Text."),
        ("Damm", "Text."),
        ("Cykla", "Text."),
    ]
    assert reading.unclaimed == ()
    assert all(not item.links for item in reading.initiatives)


@pytest.mark.parametrize("tag", ["li", "dd"])
def test_a_title_may_be_only_the_first_line_of_an_item(tag: str) -> None:
    items = (
        "Bro<br>Byggs av trä.<br>Klar 2027.<br><a href=/b>Planen</a><br><a href=/c>Mer</a>",
        "Damm<br>Grävs.",
        "Torg<br><a href=/t>Torget</a>",
        "Ås",
    )
    reading = read(listed(*(f"<{tag}>{item}</{tag}>" for item in items)))
    assert said(reading)[:4] == [
        ("ongoing", "Bro", "Byggs av trä.\nKlar 2027."),
        ("ongoing", "Damm", "Grävs."),
        ("ongoing", "Torg", ""),
        ("ongoing", "Ås", ""),
    ]
    assert [len(item.links) for item in reading.initiatives[:4]] == [2, 0, 1, 0]


def test_a_title_that_leads_somewhere_is_a_link_too() -> None:
    reading = read(listed("<li><a href=/bro>Bro</a><p>A.</p></li>", "<li><a href=/d>D</a></li>"))
    assert reading.initiatives[0].title == "Bro"
    assert [link.href for link in reading.initiatives[0].links] == [
        "https://www.granvik.example/bro"
    ]


def test_titles_written_unlike_their_neighbours_are_found_by_their_list_items() -> None:
    reading = read(
        listed(
            "<li><strong>Bro</strong><p>Byggs.</p></li>",
            "<li><p><strong>Damm</strong></p><p>Grävs.</p></li>",
            "<li>Väg<p>Rätas.</p></li>",
            "<li><strong>Bad</strong> i sjön<p>Öppnas.</p></li>",
        )
    )
    assert [title for _, title, _ in said(reading)][:4] == ["Bro", "Damm", "Väg", "Bad i sjön"]


def test_titles_at_the_headings_own_level_are_titles() -> None:
    html = page(
        "<h2>Pågående</h2><h2>Bro</h2><p>Byggs.</p><h2>Damm</h2><p>Grävs.</p>"
        "<h2>Planerat</h2><h2>Cykla</h2><p>Mer.</p>"
    )
    assert [title for _, title, _ in said(read(html))] == ["Bro", "Damm", "Cykla"]


def test_theme_headings_inside_a_section_are_neither_titles_nor_sections() -> None:
    html = page(
        "<h2>Pågående</h2><h3>Miljö</h3><ul><li><b>Bro</b><p>B.</p></li><li><b>Damm</b><p>D.</p>"
        "</li></ul><h3>Skola</h3><ul><li><b>Läsa</b><p>L.</p></li></ul>"
        "<h2>Planerat</h2><h3>Miljö</h3><ul><li><b>Cykla</b><p>C.</p></li></ul>"
    )
    reading = read(html)
    assert [title for _, title, _ in said(reading)] == ["Bro", "Damm", "Läsa", "Cykla"]
    assert reading.verdict == "good"


@pytest.mark.parametrize(
    ("item", "wrap"),
    [
        # never closed
        ("<li><strong>{}<p>{}</p></li>", "ul"),
        ("<li><span class=t>{}<div>{}</div></li>", "ul"),
        ("<li><p><b>{}</p><p>{}</p></li>", "ul"),
        ("<div class=i><h3>{}</h3><div><p>{}</div>", ""),
        ("<li><h3>{}</h3><p>{}", "ul"),
        ("<li><h3>{}</h3><p>{}</p>", ""),
        ('<li><a href="#x">{}<div>{}</div></li>', "ul"),
        ("<dt>{}<dd>{}", "dl"),
        # closed in the wrong order, or where it may not stand
        ("<li><b><span>{}</b></span><p><i>{}</p></i></li>", "ul"),
        ("<li><span><p>{}</p></span><span><p>{}</p></span></li>", "ul"),
        ("<p><b>{}</b><div>{}</div></p>", ""),
        ("<td>{}</td><td>{}</td></tr>", "table"),
        ("<summary>{}</summary><div>{}</div>", ""),
        ("<details><details><summary>{}</summary>{}</details></details>", ""),
        # old and odd
        ("<p><font size=4>{}</font><br><font>{}</font></p>", ""),
        ("<center><b>{}</b></center><blockquote>{}</blockquote>", ""),
        ("<b>{}</b><br>{}<br><br>", ""),
        ("<P CLASS='a\nb'>{}</P><P CLASS='c'>{}</P>", ""),
        ("<p>{}</p><p>{}</p>", ""),
        ("<div>{}</div><div>{}</div>", ""),
        ("<ul><li>{}</li></ul><p>{}</p>", ""),
        ("<li><em>{}</em>: {}</li>", "ul"),
        ("<li><span>{}</span> <span>{}</span></li>", "ul"),
        ("<a href='#'><div>{}</div></a><div>{}</div>", "div"),
        ("<figure><img alt='Bild'><figcaption><h4>{}</h4><p>{}</p></figcaption></figure>", "div"),
    ],
)
def test_malformed_and_old_fashioned_lists_are_read(item: str, wrap: str) -> None:
    names = ["Bro", "Damm", "Väg", "Bad", "Cykla", "Odla", "Läsa"]
    rows = [item.format(name, f"Vi arbetar med {name} i år.") for name in names]
    start, end = (f"<{wrap}>", f"</{wrap}>") if wrap else ("", "")
    reading = read(
        page(
            f"<h2>Pågående</h2>{start}{''.join(rows[:4])}{end}"
            f"<h2>Planerat</h2>{start}{''.join(rows[4:])}{end}<h2>Nyheter</h2><p>Nytt.</p>"
        )
    )
    assert [(title, text) for _, title, text in said(reading)] == [
        (name, f"Vi arbetar med {name} i år.") for name in names
    ]
    assert reading.unclaimed == ()
    assert reading.verdict == "good"


@pytest.mark.parametrize(("tag", "row"), [("ul", "<li><b>{}</b><p>{}"), ("dl", "<dt>{}<dd>{}")])
def test_a_heading_that_is_never_closed_ends_before_the_list(tag: str, row: str) -> None:
    rows = [row.format(name, f"Vi arbetar med {name}.") for name in ("Bro", "Damm", "Väg", "Bad")]
    lists = [f"<{tag}>{''.join(some)}</{tag}>" for some in (rows[:2], rows[2:])]
    reading = read(page(f"<h2>Pågående{lists[0]}<h2>Planerat{lists[1]}<h2>Nyheter<p>Nytt."))
    assert [title for _, title, _ in said(reading)] == ["Bro", "Damm", "Väg", "Bad"]
    assert [len(section.initiatives) for section in reading.sections] == [2, 2]
    assert reading.verdict == "good"


# -- statuses on the initiatives

_LABELLED = {
    "a label": "<ul><li><b>Bro</b><p>Status: pågående</p><p>B.</p></li><li><b>Damm</b>"
    "<p>Status: På gång</p></li><li><b>Väg</b><p>Status: Pågående</p></li></ul>",
    "a table": "<table><tr><th>Nr</th><th>Insats</th><th>Status</th><th>Beskrivning</th></tr><tr>"
    "<td>1</td><td>Bro</td><td>Pågående</td><td>B.</td></tr><tr><td>2</td><td>Damm</td><td>Planerat"
    "</td><td></td></tr><tr><td>3</td><td>Väg</td><td>Pågående</td><td></td></tr></table>",
    "a table without th": "<table><tr><td><b>Status</b></td><td><b>Insats</b></td><td><b>"
    "Beskrivning</b></td></tr><tr><td>Pågående</td><td>Bro</td><td>B.</td></tr><tr><td>På gång</td>"
    "<td>Damm</td><td></td></tr><tr><td>Pågående</td><td>Väg</td><td></td></tr></table>",
    "a badge above": "<article><span>Pågående</span><h3>Bro</h3><p>B.</p></article><article><span>"
    "Planerat</span><h3>Damm</h3></article><article><span>Pågående</span><h3>Väg</h3></article>",
    "a badge in the heading": "<article><h3>Bro <span>Pågående</span></h3><p>B.</p></article>"
    "<article><h3>Damm <span>Planerat</span></h3></article><article><h3>Väg <span>Pågående</span>"
    "</h3></article>",
    "a list of fields": "<ul><li><h3>Bro</h3><dl><dt>Status</dt><dd>Pågående</dd></dl><p>B.</p>"
    "</li><li><h3>Damm</h3><dl><dt>Status</dt><dd>Planerat</dd></dl></li><li><h3>Väg</h3><dl><dt>"
    "Status:</dt><dd>Pågående</dd></dl></li></ul>",
    "title and text in one cell": "<table><tr><th>Insats</th><th>Status</th></tr><tr><td><b>Bro</b>"
    "<p>B.</p></td><td>Pågående</td></tr><tr><td><b>Damm</b></td><td>Planerat</td></tr><tr><td><b>"
    "Väg</b></td><td>Pågående</td></tr></table>",
}


@pytest.mark.parametrize("name", _LABELLED)
def test_a_status_may_stand_on_each_initiative(name: str) -> None:
    reading = read(page(_LABELLED[name]))
    assert said(reading) == [
        ("ongoing", "Bro", "B."),
        ("ongoing", "Väg", ""),
        ("developing", "Damm", ""),
    ]
    assert reading.intro == ("Ingress.",)
    assert reading.unclaimed == ()
    assert reading.verdict == "good"


def test_a_status_word_nobody_knows_is_suspect() -> None:
    html = page(
        "<ul><li><b>Bro</b><p>Status: pågående</p></li><li><b>Bod</b><p>Status: Såld</p></li></ul>"
    )
    reading = read(html)
    assert said(reading)[1] == (None, "Bod", "")
    assert ("unknown_heading", "Såld") in codes(reading)


def test_status_words_of_the_built_in_profile_may_be_shorter_than_its_headings() -> None:
    html = page(
        "<ul><li><b>A</b><p>Status: pågående</p></li><li><b>B</b><p>Status: Det här utvecklar vi"
        "</p></li><li><b>C</b><p>Status: partnerskap</p></li></ul>"
    )
    reading = read(html, BUILTIN["boras"])
    assert [item.status for item in reading.initiatives] == [
        "ongoing",
        "developing",
        "partnership",
    ]


# -- headings

KNOWN = (
    Initiative("Bro", "Byggs.", (), "ongoing"),
    Initiative("Damm", "Grävs.", (), "ongoing"),
    Initiative("Cykla", "Mer.", (), "developing"),
)
ITEMS = "<ul><li><b>Bro</b><p>Byggs.</p></li><li><b>Damm</b><p>Grävs.</p></li></ul>"
LATER = "<ul><li><b>Cykla</b><p>Mer.</p></li></ul>"


def test_a_heading_matches_whole_with_white_space_and_case_ignored() -> None:
    html = page(f"<h2> PÅ\n  gående</h2>{ITEMS}<h2>på&nbsp;GÅNG</h2>{LATER}")
    assert [s.status for s in read(html.replace("PÅ\n  gående", "PÅGÅENDE")).sections] == [
        "ongoing",
        "developing",
    ]
    assert ("section_missing", "Pågående") in codes(
        read(html.replace("PÅ\n  gående", "Pågående nu"))
    )


def test_a_heading_is_found_however_its_letters_are_put_together() -> None:
    rules = (SectionRule(("Pågående",), "ongoing"), SectionRule(("Nästa år",), "developing"))
    html = listed("<li><b>Bro</b></li>").replace("Planerat", "Nästa år")
    reading = read(unicodedata.normalize("NFD", html), Profile("granvik", "sv", rules))
    assert (reading.verdict, len(reading.initiatives)) == ("good", 2)


def test_a_missing_section_is_left_out_and_suspect() -> None:
    reading = read(page(f"<h2>Pågående</h2>{ITEMS}"))
    assert [section.heading for section in reading.sections] == ["Pågående"]
    assert codes(reading) == [("section_missing", "Planerat")]


def test_an_unknown_heading_has_no_status_and_is_suspect() -> None:
    old = "<ul><li><b>Bod</b><p>Såld.</p></li></ul>"
    reading = read(page(f"<h2>Pågående</h2>{ITEMS}<h2>Planerat</h2>{LATER}<h2>Klart</h2>{old}"))
    assert said(reading)[-1] == (None, "Bod", "Såld.")
    assert codes(reading) == [("unknown_heading", "Klart")]


@pytest.mark.parametrize("known", [KNOWN, KNOWN[1:]])
def test_an_unknown_heading_keeps_the_status_of_the_initiatives_it_took_over(
    known: tuple[Initiative, ...],
) -> None:
    reading = read(page(f"<h2>Just nu</h2>{ITEMS}<h2>Planerat</h2>{LATER}"), known=known)
    assert [(section.heading, section.status) for section in reading.sections] == [
        ("Just nu", "ongoing"),
        ("Planerat", "developing"),
    ]
    assert reading.verdict == "good"


def test_all_headings_renamed_at_once_keep_their_statuses_too() -> None:
    reading = read(page(f"<h2>Just nu</h2>{ITEMS}<h2>Sedan</h2>{LATER}"), known=KNOWN)
    assert [section.status for section in reading.sections] == ["ongoing", "developing"]
    assert reading.verdict == "good"


def test_nothing_after_a_stop_heading_is_an_initiative_or_unclaimed() -> None:
    news = "<ul><li><b>Ny park</b><p>Öppnar.</p></li></ul><p>Mer.</p>"
    reading = read(page(f"<h2>Pågående</h2>{ITEMS}<h2>Planerat</h2>{LATER}<h2>Nyheter</h2>{news}"))
    assert len(reading.initiatives) == 3
    assert reading.unclaimed == ()


def test_a_menu_with_the_headings_words_is_not_the_headings() -> None:
    menu = '<nav><a href="/p">Pågående</a></nav><ul><li><a href="#x">Planerat</a></li></ul>'
    reading = read(page(f"{menu}<h2>Pågående</h2>{ITEMS}<h2 id=x>Planerat</h2>{LATER}"))
    assert len(reading.sections) == 2
    assert reading.intro == ("Ingress.",)


# -- what is left


def test_every_other_text_in_the_content_is_reported() -> None:
    html = page(
        f"<h2>Pågående</h2><p>Det här pågår.</p>{ITEMS}<p>Läs vår plan.</p>"
        f"<h2>Planerat</h2>{LATER}<p>Slutord.</p>"
    )
    reading = read(html)
    assert reading.unclaimed == ("Det här pågår.", "Läs vår plan.", "Slutord.")
    assert len(reading.initiatives) == 3


@pytest.mark.parametrize(
    "furniture",
    [
        "<p>Senast ändrad: 2026-03-01</p>",
        "<p>Sidan senast uppdaterad 1 mars 2026 av webbredaktionen</p>",
        "<p>Dela sidan</p>",
        "<div>Dela på Facebook</div>",
        "<p>Telefon: 0123-45 67</p>",
        "<h2>Kontakt</h2><p>Anna Person</p><p>anna@granvik.example</p>",
        "<aside><p>Se även våra andra sidor</p></aside>",
        "<div role=alert>Viktigt meddelande</div>",
        "<button>Skriv ut</button>",
        "<form role=search><label>Sök</label></form>",
        "<footer><h1>Mer om Granvik</h1><p>Storgatan 1</p></footer>",
        "<img alt='En illustration av en sjö'>",
        "<p><span>Information, ikon</span></p>",
        "<p><em>Sidan uppdaterades senast den 3 mars 2026.</em></p>",
        "<dl><dt>Senast uppdaterad:</dt><dd>2026-03-01</dd><dt>Sidansvarig:</dt><dd>A. P</dd></dl>",
        "<h3>Kontakta oss</h3><p>Kundtjänst</p><p>0123-45 67</p>",
        "<div><h2>Kontaktuppgifter</h2><p>Anna Person</p></div>",
        "<address><p>Granviks kommun</p><p>Storgatan 1</p></address>",
        "<aside><h2>Relaterat</h2><ul><li><a href=/a>Miljö</a></li></ul></aside>",
        "<div><h2>Relaterade sidor</h2><ul><li><a href=/a>Miljö</a></li></ul></div>",
        "<div><p>Blev du hjälpt av sidan?</p><label>Ja</label><label>Nej</label></div>",
        "<form><h2>Vad tycker du om sidan?</h2><label>Om</label><button>Skicka</button></form>",
        "<div><h2>Kakor på granvik.se</h2><p>Vi sparar.</p><button>Jag förstår</button></div>",
        "<figure><img src=x><figcaption>Foto: Anna Person</figcaption></figure>",
        "<div><a href=/a>Omsorg</a></div><div><a href=/b>Trygghet</a></div>",
    ],
)
def test_named_furniture_is_never_unclaimed(furniture: str) -> None:
    reading = read(page(f"<h2>Pågående</h2>{ITEMS}<h2>Planerat</h2>{LATER}{furniture}"))
    assert reading.unclaimed == ()
    assert reading.verdict == "good"
    assert len(reading.initiatives) == 3


def test_alerts_above_the_title_are_left_out() -> None:
    html = page(f"<h2>Pågående</h2>{ITEMS}<h2>Planerat</h2>{LATER}")
    html = html.replace("<h1>", "<div><p>Badet är stängt.</p></div><h1>")
    reading = read(html)
    assert (reading.title, reading.intro, reading.unclaimed) == ("Rubrik", ("Ingress.",), ())


# -- frames


@pytest.mark.parametrize(
    "frame",
    [
        "<html><body><div><h1>R</h1>{}</div><div><p>Granviks kommun</p></div></body></html>",
        "<html><body><header><h1>R</h1></header><main>{}</main></body></html>",
        "<html><body><main><article><header><h1>R</h1></header>{}</article></main></body></html>",
        "<html><body><main><h2>R</h2></main><h1>R</h1>{}</body></html>",
        "<h1>R</h1>{}",
        "<html><body><form><main><h1>R</h1>{}</main></form></body></html>",
        "<html><body><h1>R</h1>{}<h1>Mer om oss</h1><p>Storgatan</p></body></html>",
    ],
)
def test_the_content_is_found_in_any_frame(frame: str) -> None:
    body = f"<h2>Pågående</h2>{ITEMS}<h2>Planerat</h2>{LATER}"
    reading = read(frame.format(body))
    assert reading.title == "R"
    assert len(reading.initiatives) == 3
    assert reading.unclaimed == ()


def test_a_page_without_h1_takes_the_heading_above_its_sections() -> None:
    body = f"<main><h2>R</h2><p>I.</p><h3>Pågående</h3>{ITEMS}<h3>Planerat</h3>{LATER}</main>"
    reading = read(f"<html><body>{body}</body></html>")
    assert (reading.title, reading.intro) == ("R", ("I.",))


@pytest.mark.parametrize("depth", [50, 1000, 4000])
def test_deep_nesting_is_read(depth: int) -> None:
    html = listed("<li><b>Bro</b><p>B.</p></li>", "<li><b>Damm</b><p>D.</p></li>")
    html = html.replace("<h2>Pågående", "<div>" * depth + "<h2>Pågående")
    assert [title for _, title, _ in said(read(html))] == ["Bro", "Damm", "Cykla"]


# -- bytes


@pytest.mark.parametrize(
    ("charset", "header", "meta"),
    [
        ("utf-8", None, ""),
        ("utf-8", "text/html; charset=iso-8859-1", ""),
        ("iso-8859-1", "text/html; charset=ISO-8859-1", ""),
        ("cp1252", None, '<meta charset="windows-1252">'),
        ("iso-8859-1", "text/html; charset=utf-8", '<meta charset="iso-8859-1">'),
        ("iso-8859-1", None, ""),
        ("utf-16", None, ""),
        ("utf-8-sig", None, ""),
    ],
)
def test_the_charset_is_what_the_bytes_say(charset: str, header: str | None, meta: str) -> None:
    html = listed("<li><b>Båtbrygga i Äspö</b><p>Öar.</p></li>", "<li><b>Å</b></li>")
    html = html.replace("</head>", f"{meta}</head>")
    reading = read(html.encode(charset), content_type=header)
    assert reading.initiatives[0].title == "Båtbrygga i Äspö"
    assert reading.verdict == "good"


def test_plain_text_and_html_are_told_by_their_content() -> None:
    text = (
        "Rubrik\n\nIngress.\n\nPågående\n\n • Bro\n\n  Byggs.\n\n • Damm\n\nPlanerat\n\n • Cykla\n"
    )
    reading = read(text, content_type="text/html")
    assert said(reading)[0] == ("ongoing", "Bro", "Byggs.")
    html = listed("<li><b>Bro</b><p>B.</p></li>", "<li><b>Damm</b></li>")
    assert read(html, content_type="text/plain").initiatives[0].title == "Bro"


_TEXTS = {
    "bullets, not indented": "R\n\nI.\n\nPågående\n\n• Bro\nByggs.\nSe planen Länk till annan "
    "webbplats.\n\n• Damm\nGrävs.\n\nPlanerat\n\n• Cykla\nMer.\n",
    "no empty lines": "R\nI.\nPågående\n - Bro\n   Byggs.\n   Se planen\n - Damm\n   Grävs.\n"
    "Planerat\n - Cykla\n   Mer.\nNyheter\n - Ny sak\n",
    "turns": "R\n\nI.\n\nPågående\n\nBro\n\nByggs.\n\nSe planen\n\nDamm\n\nGrävs.\n\nPlanerat\n\n"
    "Cykla\n\nMer.\n\nNyheter\n\nNy sak\n",
    "turns without empty lines": "R\n\nI.\n\nPågående\n\nBro\nByggs.\nSe planen\n\nDamm\nGrävs.\n\n"
    "Planerat\n\nCykla\nMer.\n",
    "Markdown": "# R\n\nI.\n\n## Pågående\n\n### Bro\n\nByggs.\n\n[Se planen](/p)\n\n### Damm\n\n"
    "Grävs.\n\n## Planerat\n\n### Cykla\n\nMer.\n",
    "underlined": "R\n=====\n\nI.\n\nPågående\n-----\n\n* Bro\n\n  Byggs.\n\n"
    "  Se planen\n* Damm\n\n"
    "  Grävs.\n\nPlanerat\n-----\n\n* Cykla\n\n  Mer.\n",
    "Windows lines": "R\r\n\r\nI.\r\n\r\nPågående\r\n\r\n1. Bro\r\n\r\n   Byggs.\r\n\r\n"
    "   Se planen"
    "\r\n2. Damm\r\n\r\n   Grävs.\r\n\r\nPlanerat\r\n\r\n1. Cykla\r\n\r\n   Mer.\r\n",
}


@pytest.mark.parametrize("name", _TEXTS)
def test_plain_text_is_read_in_other_layouts_too(name: str) -> None:
    reading = read(_TEXTS[name])
    assert (reading.title, reading.intro) == ("R", ("I.",))
    assert said(reading) == [
        ("ongoing", "Bro", "Byggs."),
        ("ongoing", "Damm", "Grävs."),
        ("developing", "Cykla", "Mer."),
    ]
    assert [link.text for link in reading.initiatives[0].links] == ["Se planen"]
    assert reading.unclaimed == ()


# -- redesign


def test_after_a_redesign_the_shape_is_another_and_the_words_the_same() -> None:
    before = read(page(f"<h2>Pågående</h2>{ITEMS}<h2>Planerat</h2>{LATER}"))
    after = read(
        page(
            "<section><h3>Pågående</h3><div><div>Bro</div><div>Byggs.</div></div><div><div>Damm"
            "</div><div>Grävs.</div></div></section><section><h3>Planerat</h3><div><div>Cykla</div>"
            "<div>Mer.</div></div></section>"
        ),
        known=before.initiatives,
    )
    assert after.initiatives == before.initiatives
    assert after.shape != before.shape


def test_the_language_is_the_documents_else_the_profiles() -> None:
    html = listed("<li><b>Bro</b></li>", "<li><b>Damm</b></li>")
    assert read(html.replace("lang=sv", 'lang="nn-NO"')).language == "nn"
    assert read(html.replace(" lang=sv", "")).language == "sv"


def test_reading_is_pure_and_has_a_version() -> None:
    html = listed("<li><b>Bro</b><p>B.</p></li>", "<li><b>Damm</b></li>")
    assert read(html) == read(html)
    assert READER_VERSION
