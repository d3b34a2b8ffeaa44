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
