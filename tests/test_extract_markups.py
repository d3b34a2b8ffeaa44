"""Pages written as other systems write them, and by hand, read exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from monitor.extract import extract
from monitor.model import Source
from tests.support.markups import LIST, MARKUPS, Markup, written
from tests.support.pages import PROFILE, URL, Item, Link, Style, expected, found, invent

_SITE = "Länk till annan webbplats"


@pytest.mark.parametrize("sizes", [(5, 3, 2), (14, 1, 6), (3, 3, 3), (40, 30, 12)])
@pytest.mark.parametrize("name", MARKUPS)
def test_a_markup_of_another_system_reads_exactly(name: str, sizes: tuple[int, ...]) -> None:
    town = invent(sum(sizes), sizes)
    reading = extract(Source(written(town, MARKUPS[name]).encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, Style())


@pytest.mark.parametrize(
    "link",
    [
        f'<a href="{{href}}">{{text}}<svg aria-hidden="true"><use href="#x"/></svg><span> {_SITE},'
        " öppnas i nytt fönster.</span></a>",
        f'<a href="{{href}}">{{text}}<span> {_SITE}.</span></a>',
        f'<a href="{{href}}">{{text}}<span>{_SITE}, öppnas i nytt fönster</span></a>',
        f'<a href="{{href}}">{{text}}</a><img alt="{_SITE}, öppnas i nytt fönster." src="x.gif">',
        f'<a href="{{href}}">{{text}}</a> <span class="dold">{_SITE}.</span>',
        f'<a href="{{href}}"><span>{{text}}</span><svg role="img" aria-label="{_SITE}."></svg></a>',
        '<a href="{href}">{text} <span aria-hidden="true">↗</span></a>',
        '<a href="{href}">{text}<br><small>Öppnas i nytt fönster</small></a>',
        '<a href="{href}"><i class="icon" aria-hidden="true">open_in_new</i> {text}</a>',
    ],
)
def test_every_way_to_mark_a_link_that_leaves_reads_exactly(link: str) -> None:
    town = invent(31, (6, 4, 3))
    markup = Markup(LIST, rows="<ul>{rows}</ul>", link=link)
    reading = extract(Source(written(town, markup).encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, Style())


PLAIN = {
    "list": Markup(LIST, rows="<ul>{rows}</ul>"),
    "paragraphs in a list": Markup("<li><p>{title}</p>{body}</li>", rows="<ul>{rows}</ul>"),
    "headings": Markup("<h3>{title}</h3>{body}"),
    "bold paragraphs": Markup("<p><strong>{title}</strong></p>{body}"),
    "details": Markup("<details><summary>{title}</summary>{body}</details>"),
    "terms": Markup("<dt>{title}</dt><dd>{body}</dd>", rows="<dl>{rows}</dl>"),
    "cards": Markup("<div><div>{title}</div><div>{body}</div></div>", rows="<div>{rows}</div>"),
    "rows": Markup("<tr><td>{title}</td><td>{body}</td></tr>", rows="<table>{rows}</table>"),
}
CROSSED = PLAIN | {
    name: MARKUPS[name]
    for name in (
        "buttons of many spans",
        "web components",
        "a badge before the title, beside it",
        "a column of merged statuses",
    )
}
SHAPES: dict[str, Callable[[int, Item], Item]] = {
    "titles that are sentences": lambda n, item: replace(item, title=f"{item.title}."),
    "titles that are questions": lambda n, item: replace(item, title=f"Vad händer i vik {n}?"),
    "titles with a colon": lambda n, item: replace(item, title=f"{item.title}:"),
    "titles that begin with a count": lambda n, item: replace(item, title=f"{n + 3} nya parker"),
    "very short titles": lambda n, item: replace(item, title=f"P{n}"),
    "no texts at all": lambda n, item: replace(item, paragraphs=(), links=()),
    "links only": lambda n, item: replace(
        item, paragraphs=(), links=(Link("Planen", "/p", False),)
    ),
    "the first without text": lambda n, item: item if n else replace(item, paragraphs=(), links=()),
    "only the first with text": lambda n, item: (
        replace(item, paragraphs=(), links=()) if n else item
    ),
    "very short texts": lambda n, item: replace(item, paragraphs=("Ja", "Nej")),
    "texts that begin with the title": lambda n, item: replace(
        item, paragraphs=(item.title, *item.paragraphs)
    ),
    "many links": lambda n, item: replace(
        item, links=tuple(Link(f"Länk {k}", f"/l{k}.html", False) for k in range(9))
    ),
    "the same link on all": lambda n, item: replace(item, links=(Link("Läs mer", "/m", False),)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CROSSED)
def test_whatever_the_titles_and_texts_are_like_the_page_reads_exactly(
    name: str, shape: str
) -> None:
    for sizes in ((1, 1, 1), (1, 2, 1), (3, 3, 3), (20, 12, 6)):
        town = invent(sum(sizes), sizes)
        sections = tuple(
            (heading, status, tuple(SHAPES[shape](n, item) for n, item in enumerate(items)))
            for heading, status, items in town.sections
        )
        town = replace(town, sections=sections)
        reading = extract(Source(written(town, CROSSED[name]).encode(), None, URL), PROFILE)
        assert found(reading) == expected(town, Style()), sizes


@pytest.mark.parametrize("name", PLAIN)
def test_headings_within_the_vision_statement_are_neither_sections_nor_its_words(name: str) -> None:
    town = invent(5, (1, 4, 2))
    html = written(town, PLAIN[name])
    for text in town.intro:
        html = html.replace(f"<p>{text}</p>", f"<h2>Så säger visionen</h2><p>{text}</p>", 1)
    assert html.count("Så säger") == len(town.intro)
    reading = extract(Source(html.encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, Style())


@pytest.mark.parametrize(
    "name", ["list", "paragraphs in a list", "details", "terms", "cards", "smaller headings"]
)
def test_themes_within_a_section_are_no_initiatives(name: str) -> None:
    markups = PLAIN | {"smaller headings": Markup("<h4>{title}</h4>{body}")}
    town = invent(12, (9, 6, 5))
    html = written(town, markups[name])
    for _, _, items in town.sections:
        for theme, item in (("Miljö", items[0]), ("Skola", items[len(items) // 2])):
            html = _themed(html, theme, item.title, markups[name])
    assert html.count("<h3>Miljö</h3>") == html.count("<h3>Skola</h3>") == len(town.sections)
    reading = extract(Source(html.encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, Style())


def test_bold_titles_under_theme_headings_are_the_initiatives() -> None:
    town = invent(12, (9, 6, 5))
    markup = PLAIN["bold paragraphs"]
    html = written(town, markup)
    for _, _, items in town.sections:
        for theme, item in (("Miljö", items[0]), ("Skola", items[len(items) // 2])):
            html = _themed(html, theme, item.title, markup)
    reading = extract(Source(html.encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, Style())


def _themed(html: str, theme: str, title: str, markup: Markup) -> str:
    """A theme's heading before the item of that title; a list around the items begins anew."""
    begin, end = markup.rows.split("{rows}")
    item = markup.item.split("{title}")[0] + title.replace("&", "&amp;") + "<"
    at = html.index(item)
    if html[:at].endswith(begin) and begin:
        at -= len(begin)
        return f"{html[:at]}<h3>{theme}</h3>{html[at:]}"
    return f"{html[:at]}{end}<h3>{theme}</h3>{begin}{html[at:]}"


@pytest.mark.parametrize("name", PLAIN)
def test_a_section_that_only_says_that_it_is_empty_has_no_initiatives(name: str) -> None:
    town = invent(4, (5, 3, 2))
    heading, status, _ = town.sections[1]
    bare = replace(town, sections=(town.sections[0], (heading, status, ()), town.sections[2]))
    says = "Just nu finns inga insatser här."
    html = written(bare, replace(PLAIN[name], rows="{rows}"))
    html = html.replace(f"<h2>{heading}</h2>", f"<h2>{heading}</h2><p>{says}</p>")
    reading = extract(Source(html.encode(), None, URL), PROFILE)
    assert found(reading) == expected(bare, Style()) | {"unclaimed": [says]}


def test_sections_may_stand_under_each_theme() -> None:
    town = invent(12, (6, 4, 4))
    markup = Markup("<h4>{title}</h4>{body}", "<h3>{heading}</h3>")
    halves = []
    for half in (0, 1):
        sections = tuple((head, status, items[half::2]) for head, status, items in town.sections)
        halves.append(replace(town, sections=sections))
    html = written(town, replace(markup, page="@"))
    parts = [written(half, markup).split("</p><h3>", 1)[1].split("</main>")[0] for half in halves]
    body = "".join(f"<h2>{name}</h2><h3>{part}" for name, part in zip("AB", parts, strict=True))
    reading = extract(Source(html.replace("@", body).encode(), None, URL), PROFILE)
    assert reading.verdict == "good"
    assert [(i.title, i.status) for i in reading.initiatives] == [
        (item.title, status)
        for half in halves
        for _, status, items in half.sections
        for item in items
    ]


def test_titles_whose_texts_stand_elsewhere_unfound_make_a_suspect_reading() -> None:
    town = invent(12, (6, 4, 4))
    item = "<button>{title}</button>¤<div role=dialog><h3>{title}</h3>{body}</div>¤"
    reading = extract(Source(written(town, Markup(item)).encode(), None, URL), PROFILE)
    assert reading.verdict == "suspect"
    assert "repeated" in {reason.code for reason in reading.reasons}


ENDS = (
    '<div><h3>Dela det här:</h3><ul><li><a href="?s=f">Dela på Facebook</a></li></ul></div>',
    '<p>Dela på: <a href="https://f.example/">Facebook</a> <a href="https://l.example/">LinkedIn'
    "</a></p>",
    '<ul><li><a href="mailto:?subject=x">Tipsa en vän</a></li></ul>',
    "<p>Hade du nytta av informationen på den här sidan?</p><button>Ja</button>",
    "<div><p>Var innehållet på sidan användbart?</p><button>Ja</button><button>Nej</button></div>",
    "<h2>Hjälp oss att bli bättre</h2><p>Fick du hjälp av informationen?</p><button>Ja</button>",
    "<p>Ansvarig för sidan: Stina Ström</p><p>Granskad 12 maj 2026</p>",
    "<h2>Kontaktcenter</h2><p>Öppet vardagar 8-16</p><p>000-00 00 00</p>",
    "<h2>Vill du veta mer?</h2><p>Kontakta Stina Ström, utvecklingsledare.</p>",
    '<p><strong>Relaterat innehåll</strong></p><ul><li><a href="/a">Budget</a></li></ul>',
    '<h2>Länkar</h2><ul><li><a href="/a">Budget</a></li><li><a href="/b">Planer</a></li></ul>',
    '<h2>Dokument</h2><ul><li><a href="/a.pdf">Visionen (PDF, 1 MB)</a></li></ul>',
    "<h2>Prenumerera på nyheter</h2><form><label>E-post<input></label><button>Ja</button></form>",
    '<div><span>Etiketter:</span> <a href="/t/a">vision</a>, <a href="/t/b">omsorg</a></div>',
    '<div><a href="/a">« Föregående sida</a> <a href="/b">Nästa sida »</a></div>',
    '<p><a href="/vision">Tillbaka till visionen</a></p>',
    '<p><a href="#top">Upp till sidans topp</a></p>',
    '<p><a href="#top">Upp</a></p>',
)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", ["headings", "details", "list"])
def test_what_stands_under_the_list_is_no_part_of_its_last_initiative(name: str, end: str) -> None:
    town = invent(10, (5, 3, 2))
    markup = replace(PLAIN[name], page="{sections}" + end)
    reading = extract(Source(written(town, markup).encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, Style())


@pytest.mark.parametrize(
    "text",
    ["Kontakt: Stina Ström", "Telefon: 000-00 00", "Uppdaterad 2026-05-01", "Har du frågor? Ring."],
)
@pytest.mark.parametrize("name", PLAIN)
def test_what_each_initiative_says_is_the_last_ones_too(name: str, text: str) -> None:
    town = invent(10, (5, 3, 2))
    sections = tuple(
        (head, status, tuple(replace(i, paragraphs=(*i.paragraphs, text)) for i in items))
        for head, status, items in town.sections
    )
    town = replace(town, sections=sections)
    reading = extract(Source(written(town, PLAIN[name]).encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, Style())


@pytest.mark.parametrize("name", ["list", "details", "headings", "rows", "terms"])
def test_a_boxs_heading_inside_initiatives_ends_nothing(name: str) -> None:
    town = invent(10, (5, 3, 2))
    item = PLAIN[name].item.replace("{body}", "{texts}<h4>Mer information</h4>{links}")
    reading = extract(
        Source(written(town, replace(PLAIN[name], item=item)).encode(), None, URL), PROFILE
    )
    begun = tuple(
        (
            head,
            status,
            tuple(replace(i, paragraphs=(*i.paragraphs, "Mer information")) for i in its),
        )
        for head, status, its in town.sections
    )
    assert found(reading) == expected(replace(town, sections=begun), Style())


@pytest.mark.parametrize("title", ["Dela på bilen", "Dela med dig", "Hittade du en vän? Mentorer"])
@pytest.mark.parametrize("name", PLAIN)
def test_a_last_title_that_only_begins_like_a_box_is_a_title(name: str, title: str) -> None:
    town = invent(10, (5, 3, 2))
    heading, status, items = town.sections[-1]
    last = (*items[:-1], replace(items[-1], title=title))
    town = replace(town, sections=(*town.sections[:-1], (heading, status, last)))
    reading = extract(Source(written(town, PLAIN[name]).encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, Style())


@pytest.mark.parametrize("badge", ["<p>{heading}</p>", "<span>{heading}</span>"])
def test_badges_at_the_feet_of_cards_are_no_headings_where_each_stands_once(badge: str) -> None:
    town = invent(3, (1, 1, 1))
    markup = Markup("<div><h3>{title}</h3>{body}" + badge + "</div>", "")
    reading = extract(Source(written(town, markup).encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, Style())


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("{0},{2}", "suspect"),
        ("{0},{1},{2}", "good"),
        ("{0},{2},{0}", "good"),
        ("Status: {0},Status: {2}", "good"),
    ],
)
def test_status_words_that_stand_once_each_may_be_a_torn_pages_headings(
    words: str, verdict: str
) -> None:
    said = words.format(*(rule.heading[0] for rule in PROFILE.sections)).split(",")
    items = "".join(
        f"<li><strong>Insats {n}</strong><p>Vi bygger bänk {n}.</p><p>{word}</p></li>"
        for n, word in enumerate(said)
    )
    html = f"<html><body><main><h1>Vision</h1><ul>{items}</ul></main></body></html>"
    reading = extract(Source(html.encode(), None, URL), PROFILE)
    assert reading.verdict == verdict
    assert len(reading.initiatives) == len(said)
    assert {reason.code for reason in reading.reasons} <= {"section_missing"}


@pytest.mark.parametrize("sign", ["» {}", "{}.", "→ {}"])
def test_a_sign_beside_a_link_is_no_text(sign: str) -> None:
    town = invent(10, (5, 3, 2))
    link = '<a href="{href}">{text}</a>'
    markup = Markup("<h3>{title}</h3>{body}", link=sign.format(link))
    html = written(town, markup).replace(">" + "<a", ">" + sign.split("{}")[0] + "<a")
    reading = extract(Source(html.encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, Style())


INNER = {
    "a panel in its panel": "<details><summary>Fördjupning {n}</summary><p>Mer {n}.</p></details>",
    "a button in its panel": "<h4><button>Fördjupning {n}</button></h4><div><p>Mer {n}.</p></div>",
    "a heading of its own": "<h4>Fördjupning {n}</h4><p>Mer {n}.</p>",
    "a bold label": "<p><strong>Fördjupning {n}</strong></p><p>Mer {n}.</p>",
    "a list": "<ul><li>Fördjupning {n}</li><li>Mer {n}.</li></ul>",
    "a field list": "<dl><dt>Fördjupning {n}</dt><dd>Mer {n}.</dd></dl>",
    "a quotation": "<blockquote><p>Fördjupning {n}</p><footer>Mer {n}.</footer></blockquote>",
    "a table": "<table><tr><th>Fördjupning {n}</th></tr><tr><td>Mer {n}.</td></tr></table>",
}


@pytest.mark.parametrize("where", ["in each", "in one"])
@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("name", ["details", "terms", "headings"])
def test_what_lies_inside_an_initiative_is_its_text(name: str, inner: str, where: str) -> None:
    town = invent(10, (5, 3, 2))
    titles = [item.title for _, _, items in town.sections for item in items]
    wanted = titles if where == "in each" else titles[2:3]
    markup = replace(PLAIN[name], item=PLAIN[name].item.replace("{body}", "{texts}@{n}@{links}"))
    html = written(town, markup)
    for n, title in enumerate(titles, 1):
        text = INNER[inner].format(n=n) if title in wanted else ""
        html = html.replace(f"@{n}@", text)
    sections = tuple(
        (
            head,
            status,
            tuple(
                replace(i, paragraphs=(*i.paragraphs, f"Fördjupning {n}", f"Mer {n}."))
                if i.title in wanted and (n := titles.index(i.title) + 1)
                else i
                for i in items
            ),
        )
        for head, status, items in town.sections
    )
    reading = extract(Source(html.encode(), None, URL), PROFILE)
    assert found(reading) == expected(replace(town, sections=sections), Style())


@pytest.mark.parametrize("name", ["details", "list", "headings", "terms"])
def test_a_figure_in_an_initiatives_own_table_is_text(name: str) -> None:
    town = invent(10, (5, 3, 2))
    table = (
        "<table><tr><td>Platser</td><td>12</td></tr><tr><td>Kö</td><td>3</td><td>st</td></table>"
    )
    markup = replace(PLAIN[name], item=PLAIN[name].item.replace("{body}", "{texts}" + table))
    reading = extract(Source(written(town, markup).encode(), None, URL), PROFILE)
    assert reading.verdict == "good"
    assert all(
        i.description.endswith("Platser\n\n12\n\nKö\n\n3\n\nst") for i in reading.initiatives
    )


def test_a_bold_label_within_a_text_is_no_title() -> None:
    town = invent(10, (6, 5, 4))
    html = written(town, PLAIN["bold paragraphs"])
    item = town.sections[0][2][1]
    text = item.paragraphs[-1].replace("&", "&amp;")
    html = html.replace(f"<p>{text}</p>", f"<p>{text}</p><p><b>Tid:</b> Start 2027.</p>", 1)
    assert "Tid:" in html
    reading = extract(Source(html.encode(), None, URL), PROFILE)
    assert len(reading.initiatives) == 15
    assert reading.initiatives[1].description.endswith("Tid: Start 2027.")


def test_the_pages_footer_is_no_cards_even_where_cards_have_footers() -> None:
    town = invent(10, (5, 3, 2))
    card = MARKUPS["cards with a header and a footer of their own"]
    end = "<footer><h2>Kontakt</h2><p>Ring oss.</p></footer>"
    html = written(town, replace(card, page="<div>{sections}</div>" + end))
    reading = extract(Source(html.encode(), None, URL), PROFILE)
    assert found(reading) == expected(town, Style())


def test_a_table_with_an_initiative_in_each_cell_is_read_by_its_columns() -> None:
    town = invent(3, (4, 4, 4))
    columns = [items for _, _, items in town.sections]
    cell = "<td><strong>{}</strong>{}</td>"
    rows = "".join(
        "<tr>"
        + "".join(
            cell.format(i.title, "".join(f"<p>{text}</p>" for text in i.paragraphs)) for i in row
        )
        + "</tr>"
        for row in zip(*columns, strict=True)
    )
    heads = "".join(f"<th>{heading}</th>" for heading, _, _ in town.sections)
    table = f"<table><tr>{heads}</tr>{rows}</table>"
    reading = extract(
        Source(written(town, Markup("", "", page=table)).encode(), None, URL), PROFILE
    )
    assert [(i.title, i.status) for i in reading.initiatives] == [
        (item.title, status) for _, status, items in town.sections for item in items
    ]


@pytest.mark.parametrize("count", [2, 3])
def test_headings_right_after_each_other_are_empty_sections_not_columns(count: int) -> None:
    town = invent(3, (count, 2, 1))
    heads = "".join(f"<h2>{heading}</h2>" for heading, _, _ in town.sections[:count])
    items = "".join(f"<li><b>Titel {n}</b><p>Text {n}.</p></li>" for n in range(count))
    page = f"{heads}<ul>{items}</ul>"
    reading = extract(Source(written(town, Markup("", "", page=page)).encode(), None, URL), PROFILE)
    last = town.sections[count - 1][1]
    assert [item.status for item in reading.initiatives] == [last] * count


@pytest.mark.parametrize("around", ["{}", "<div>{}</div>", "<div>{}</div><p>Kontakta oss.</p>"])
@pytest.mark.parametrize("after", ["", "<p>Fler kommer.</p>"])
def test_headings_above_as_many_lists_head_one_each(around: str, after: str) -> None:
    town = invent(3, (4, 3, 2))
    heads = "".join(f"<h2>{heading}</h2>" for heading, _, _ in town.sections)
    rows = (
        "".join(f"<li><b>{i.title}</b><p>{' '.join(i.paragraphs)}</p></li>" for i in items)
        for _, _, items in town.sections
    )
    lists = "".join(f"<ul>{row}</ul>" for row in rows)
    page = around.format(heads + lists + after)
    reading = extract(Source(written(town, Markup("", "", page=page)).encode(), None, URL), PROFILE)
    assert [(i.title, i.status) for i in reading.initiatives] == [
        (item.title, status) for _, status, items in town.sections for item in items
    ]


@pytest.mark.parametrize(
    "row",
    [
        "<div><p>Läs om vår vision.</p>{}</div><div>{}</div><div>{}</div>",
        "<p>Läs om vår vision.</p><div>{}</div><div>{}</div><div>{}</div>",
        "<div>Läs om vår vision.</div>{}{}{}",
    ],
)
@pytest.mark.parametrize("column", ["ul", "div"])
def test_a_text_beside_a_row_of_headings_leaves_each_its_column(row: str, column: str) -> None:
    town = invent(3, (4, 3, 2))
    heads = row.format(*(f"<h2>{heading}</h2>" for heading, _, _ in town.sections))
    item = "li" if column == "ul" else "div"
    columns = "".join(
        f"<{column}>"
        + "".join(
            f"<{item}><b>{i.title}</b><p>{' '.join(i.paragraphs)}</p></{item}>" for i in items
        )
        + f"</{column}>"
        for _, _, items in town.sections
    )
    page = f"<div><div>{heads}</div><div>{columns}</div></div>"
    reading = extract(Source(written(town, Markup("", "", page=page)).encode(), None, URL), PROFILE)
    assert [(i.title, i.status) for i in reading.initiatives] == [
        (item.title, status) for _, status, items in town.sections for item in items
    ]


@pytest.mark.parametrize("first", ["panel active", "panel"])
@pytest.mark.parametrize(
    "after", ["", '<div class="share">Dela</div><div class="more">Kontakt</div>']
)
def test_panels_are_told_from_what_stands_beside_them(first: str, after: str) -> None:
    town = invent(9, (3, 3, 3))
    name = (
        "a row of headings above a row of columns" if first == "panel" else "buttons above panels"
    )
    markup = MARKUPS[name]
    markup = replace(markup, page=f"<div>{markup.page}{after}</div>")
    if first != "panel":
        markup = replace(markup, section='<div class="panel@{section}">{rows}</div>')
    html = written(town, markup).replace("panel@0", first)
    html = html.replace("panel@1", "panel").replace("panel@2", "panel")
    reading = extract(Source(html.encode(), None, URL), PROFILE)
    assert found(reading)["sections"] == expected(town, Style())["sections"]
