"""How other systems and hands write such a page: markups the generator's knobs don't make.

Each is a few templates over the same invented town, so that one can add what one met somewhere
in two lines. Fields: {title}, {texts} and {links} (each in a `<p>`), {body} (both), {heading},
{section} (its number), {count} (of its items), {n} (the item's number on the page). What an item
has between two ¤ stands below all sections.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from html import escape

from tests.support.pages import Link, Town

_SAYS = "Länk till annan webbplats, öppnas i nytt fönster."
LIST = "<li><span>{title}</span><div>{body}</div></li>"


@dataclass(frozen=True, slots=True)
class Markup:
    item: str
    head: str = "<h2>{heading}</h2>"
    rows: str = "{rows}"
    section: str = "{head}{rows}"
    page: str = "{sections}"
    link: str = f'<a href="{{href}}">{{text}}<span class="env-assistive-text"> {_SAYS}</span></a>'
    first: str = ""
    """What stands before a section's first item, inside it (as {first}): merged cells."""
    toc: str = ""
    """What a table of contents says of each section."""


def written(town: Town, markup: Markup) -> str:
    """The town's page in one markup, whole."""
    numbers = itertools.count(1)
    sections, contents = [], []
    for at, (heading, _, items) in enumerate(town.sections):
        about = {"heading": escape(heading), "section": at, "count": len(items)}
        rows = ""
        for number, item in enumerate(items):
            texts = "".join(f"<p>{escape(text, quote=False)}</p>" for text in item.paragraphs)
            links = "".join(f"<p>{_anchor(link, markup)}</p>" for link in item.links)
            rows += markup.item.format(
                title=escape(item.title, quote=False),
                texts=texts,
                links=links,
                body=texts + links,
                n=next(numbers),
                first="" if number else markup.first.format(**about),
                **about,
            )
        head, rows = markup.head.format(**about), markup.rows.format(rows=rows, **about)
        sections.append(markup.section.format(head=head, rows=rows, **about))
        contents.append(markup.toc.format(**about))
    body = markup.page.format(sections="".join(sections), contents="".join(contents))
    pieces = body.split("¤")  # each second one stands below them all
    body = "".join(pieces[::2]) + "".join(pieces[1::2])
    intro = "".join(f"<p>{escape(text, quote=False)}</p>" for text in town.intro)
    return (
        f'<!DOCTYPE html><html lang="sv"><head><title>{escape(town.title)} - Granvik</title></head>'
        "<body><header><nav><ul><li><a href=/>Start</a></li></ul></nav></header><main>"
        f"<h1>{escape(town.title)}</h1>{intro}{body}</main>"
        "<footer><h2>Granviks kommun</h2><p>Storgatan 1</p></footer></body></html>"
    )


def _anchor(link: Link, markup: Markup) -> str:
    pattern = markup.link if link.outside else '<a href="{href}">{text}</a>'
    return pattern.format(href=link.href, text=escape(link.text, quote=False))


MARKUPS: dict[str, Markup] = {
    # systems
    "SiteVision's portlets": Markup(
        '<li class="sv-channel-item\n a"><div class="sv-portlet"><div id="r{n}"><!-- R --></div>'
        '<div class="sv-text-portlet-content"><button aria-expanded="false"><span> {title} </span>'
        '</button></div></div><div class="env-collapse" hidden>{body}</div></li>',
        '<div class="sv-portlet"><div id="t"><!-- Text --></div><h2 class="subheading">{heading}'
        "</h2></div>",
        '<div class="sv-portlet"><div id="arkiv"><!-- Arkiv --></div><ul>{rows}</ul></div>',
        link=f'<a href="{{href}}" rel="external">{{text}}<img alt=" {_SAYS}" src="/x.png"></a>',
    ),
    "Gutenberg's accordion": Markup(
        '<div class="wp-block-accordion-item"><h3><button aria-controls="p{n}"><span>{title}</span>'
        '<span aria-hidden="true">+</span></button></h3><div id="p{n}" inert role="region">{body}'
        "</div></div>",
        rows='<div class="wp-block-accordion">{rows}</div>',
        link='<a href="{href}">{text} <span aria-hidden="true">open_in_new</span></a>',
    ),
    "Bootstrap's accordion, h2 on both levels": Markup(
        '<div class="accordion-item"><h2 id="h{n}"><button data-bs-target="#c{n}" aria-controls='
        '"c{n}">{title}</button></h2><div id="c{n}" class="collapse" aria-labelledby="h{n}"><div>'
        "{body}</div></div></div>",
        rows='<div class="accordion">{rows}</div>',
        link='<a href="{href}"><i class="fa" aria-hidden="true"></i> {text} <span>(extern länk)'
        "</span></a>",
    ),
    "Drupal's views": Markup(
        '<div class="views-row"><article><div class="node__content"><div class="field"><h3><span>'
        '{title}</span></h3></div><div class="field">{texts}</div><div>{links}</div></div>'
        "</article></div>",
        '<div class="header"><h2>{heading}</h2></div>',
        section="<div>{head}<div>{rows}</div></div>",
    ),
    "Drupal's paragraphs": Markup(
        "<div class=paragraph><div class=field>{title}</div><div class=field>{body}</div></div>",
        "<div class=paragraph><h2 class=field>{heading}</h2></div>",
        "<div>{rows}</div>",
    ),
    "EPiServer's blocks": Markup(
        '<div class="block"><div><a href="#a{n}" role="button" aria-controls="a{n}"><span>{title}'
        '</span><span class="icon"></span></a><div id="a{n}">{body}</div></div></div>',
        '<div class="block"><h2>{heading}</h2></div>',
        link='<a href="{href}"><span class="sr-only">Extern länk: </span>{text}</a>',
    ),
    "React's markers": Markup(
        '<div data-v-1><button id=":r{n}:" aria-controls=":p{n}:"><span><!-- -->{title}<!-- -->'
        '</span></button><div id=":p{n}:" style="height:0">{body}</div></div><!--]-->',
        "<h2><!-- -->{heading}<!-- --></h2>",
        page='<div id="__next" data-reactroot="">{sections}</div><script>{{"a":"<h2>"}}</script>',
    ),
    "web components": Markup(
        "<x-item><span slot=head>{title}</span><div slot=body>{body}</div></x-item>",
        rows="<x-list>{rows}</x-list>",
    ),
    "a word processor's": Markup(
        "<li class=MsoNormal><p class=MsoNormal><b><span>{title}<o:p></o:p></span></b></p>{texts}"
        "<p class=MsoNormal><o:p>&nbsp;</o:p></p>{links}</li>",
        rows="<ul>{rows}</ul>",
    ),
    "buttons of many spans": Markup(
        "<div><button><span><b>{title}</b></span><span><svg></svg><span>Visa mer</span></span>"
        "</button><div>{body}</div></div>"
    ),
    "lists that lead to details below them all": Markup(
        '<li><a href="#i{n}">{title}</a></li>¤<div id="i{n}"><h3>{title}</h3>{body}</div>¤',
        "<h2>{heading}</h2>",
        "<ul>{rows}</ul>",
    ),
    "buttons that open dialogs below them all": Markup(
        '<button aria-controls="i{n}">{title}</button>¤<div id="i{n}" role="dialog"><h3>{title}'
        "</h3><button>×</button>{body}</div>¤",
        "<h2>{heading}</h2>",
    ),
    # words that fold
    "words for ears before a title": Markup(
        '<h3><button aria-expanded=false><span class="sr-only">Öppna </span>{title}</button></h3>'
        "<div hidden>{body}</div>"
    ),
    "words for ears after a title": Markup(
        '<h3><button>{title}<span class="sr-only">, stängd</span></button></h3><div>{body}</div>'
    ),
    "words for ears in a title's link": Markup(
        '<li><a href="javascript:;"><span>{title}</span><span class=hid>visa innehåll</span></a>'
        "<div>{body}</div></li>",
        rows="<ul>{rows}</ul>",
    ),
    "words for ears before a title in its link": Markup(
        '<h3><a href="#"><span class="hid">Expandera</span> {title}</a></h3><div>{body}</div>'
    ),
    "a sign after each title": Markup(
        "<h3><button>{title}<span>+</span></button></h3><div>{body}</div>"
    ),
    "an icon font's name after each title": Markup(
        '<h3>{title} <i class="material-icons">expand_more</i></h3><div>{body}</div>'
    ),
    "a button that repeats the title": Markup(
        "<div><h3>{title}</h3><button><span>Visa mer om {title}</span></button><div>{body}</div>"
        "</div>"
    ),
    "a button and a link back under each": Markup(
        '<div><h3>{title}</h3>{body}<button>Läs mer</button><a href="#">Visa mindre</a></div>'
    ),
    "dialogs that say the title again": Markup(
        '<button data-bs-target="#m{n}">{title}</button><div id="m{n}" role="dialog"><div><h3>'
        '{title}</h3><button aria-label="Stäng">×</button></div><div>{body}</div><div><button>Stäng'
        "</button></div></div>"
    ),
    "a badge on what is new": Markup("<h3>{title} <span>Nytt!</span></h3>{body}"),
    "a credit under a picture in each": Markup(
        '<h3>{title}</h3>{texts}<figure><img alt="En buss"><figcaption>Foto: Anna Alm</figcaption>'
        "</figure>{links}"
    ),
    "cards with a header and a footer of their own": Markup(
        "<div class=card><header><h3>{title}</h3></header><div>{texts}</div>"
        "<footer>{links}</footer></div>"
    ),
    "themes that fold around what folds": Markup(
        "<details><summary>{title}</summary>{body}</details>",
        rows="<details><summary><h3>Tema</h3></summary>{rows}</details>",
    ),
    "a way up after each": Markup('<h3>{title}</h3>{body}<p><a href="#top">Till toppen</a></p>'),
    # tabs
    "tabs in a nav, accordions in their panels": Markup(
        '<div><h3><button aria-controls="a{n}">{title}</button></h3><div id="a{n}">{body}'
        "</div></div>",
        "",
        section='<div role="tabpanel" id="p{section}"><div>{rows}</div></div>',
        toc='<button role="tab" aria-controls="p{section}">{heading}</button>',
        page='<nav><div role="tablist">{contents}</div></nav><div>{sections}</div>',
    ),
    "tabs by their address alone": Markup(
        "<h3>{title}</h3>{body}",
        "",
        section='<div id="p{section}">{rows}</div>',
        toc='<li><a href="#p{section}">{heading}</a></li>',
        page="<div><ul>{contents}</ul>{sections}</div>",
    ),
    "tabs that say nothing of their panels": Markup(
        "<h3>{title}</h3>{body}",
        "",
        section='<div class="panel">{rows}</div>',
        toc='<li><a href="#">{heading}</a></li>',
        page='<ul class="tabs">{contents}</ul><div>{sections}</div>',
    ),
    "buttons above panels": Markup(
        "<details><summary>{title}</summary>{body}</details>",
        "",
        section="<div>{rows}</div>",
        toc="<button>{heading}</button>",
        page="<div><div>{contents}</div>{sections}</div>",
    ),
    "a row of headings above a row of columns": Markup(
        "<h3>{title}</h3>{body}",
        "",
        section='<div class="col">{rows}</div>',
        toc='<div class="col"><h2>{heading}</h2></div>',
        page='<div class="row">{contents}</div><div class="row"><div>{sections}</div></div>',
    ),
    "a table of three columns": Markup(
        "<li><strong>{title}</strong>{body}</li>",
        "",
        rows="<ul>{rows}</ul>",
        section="<td>{rows}</td>",
        toc="<th>{heading}</th>",
        page="<table><thead><tr>{contents}</tr></thead><tbody><tr>{sections}</tr></tbody></table>",
    ),
    # headings
    "headings that count": Markup(
        "<details><summary>{title}</summary>{body}</details>",
        "<h2>{heading} <span aria-hidden=true>({count})</span></h2>",
    ),
    "headings with their own address": Markup(
        '<h3 id="i{n}">{title} <a href="#i{n}">¶</a></h3>{body}',
        '<h2 id="s{section}">{heading}<a href="#s{section}" aria-label="Länk hit">#</a></h2>',
    ),
    "names of sections for ears alone": Markup(
        "<h2>{title}</h2>{body}",
        "",
        section='<section aria-label="{heading}">{rows}</section>',
    ),
    "headings as plain as the texts": Markup(
        "<h3>{title}</h3>{body}",
        '<div class="head"><p>{heading}</p></div>',
        section="<div class=col>{head}<div>{rows}</div></div>",
    ),
    "a link to all of them under each list": Markup(
        "<h3>{title}</h3>{body}", rows='{rows}<p><a href="/alla">Visa alla</a></p>'
    ),
    "how many are shown": Markup(
        "<details><summary>{title}</summary>{body}</details>",
        "<h2>{heading}</h2><p>Visar {count} av {count} insatser</p>",
    ),
    "a list that names the sections, and bold headings": Markup(
        "<li><b>{title}</b>{body}</li>",
        "<p><strong>{heading}</strong></p>",
        "<ul>{rows}</ul>",
        toc="<li>{heading}</li>",
        page="<ul>{contents}</ul>{sections}",
    ),
    "sections as high as the page": Markup(
        "<article><h2>{title}</h2>{body}</article>",
        "<h1>{heading}</h1>",
        section="<section>{head}{rows}</section>",
    ),
    "items above their sections' level": Markup(
        "<div><h2>{title}</h2>{body}</div>", "<h3>{heading}</h3>", "<div>{rows}</div>"
    ),
    "a table of contents with a heading": Markup(
        LIST,
        '<h2 id="s{section}">{heading}</h2>',
        "<ul>{rows}</ul>",
        toc='<li><a href="#s{section}">{heading}</a></li>',
        page="<div><h2>På den här sidan</h2><ul>{contents}</ul></div>{sections}",
    ),
    "a table of contents headed in bold": Markup(
        LIST,
        '<h2 id="s{section}">{heading}</h2>',
        "<ul>{rows}</ul>",
        toc='<li><a href="#s{section}">{heading}</a></li>',
        page="<p><strong>Innehåll:</strong></p><ul>{contents}</ul>{sections}",
    ),
    "sections in a list of lists": Markup(
        "<li><b>{title}</b>{body}</li>", "{heading}", "<ul>{rows}</ul>", "<li>{head}{rows}</li>"
    ),
    "details in details": Markup(
        "<details><summary>{title}</summary><div>{body}</div></details>",
        "<summary><h2>{heading}</h2></summary>",
        section="<details open>{head}{rows}</details>",
    ),
    # numbers
    "numbers in their own element": Markup(
        "<details><summary><span>{n}</span><span>{title}</span></summary>{body}</details>"
    ),
    "numbers before a heading": Markup(
        "<li><span>{n}</span><h3>{title}</h3>{body}</li>", rows="<ol>{rows}</ol>"
    ),
    # tables
    "a table for each section": Markup(
        "<tr><td>{n}</td><td>{title}</td><td>{body}</td></tr>",
        rows="<table><tr><th>Nr</th><th>Insats</th><th>Beskrivning</th></tr>{rows}</table>",
    ),
    "sections as rows of one heading cell": Markup(
        "<tr><td>{title}</td><td>{body}</td></tr>",
        "<tr><th colspan=2>{heading}</th></tr>",
        page="<table><thead><tr><th>Insats</th><th>Beskrivning</th></tr></thead>{sections}</table>",
    ),
    "sections as rows of one bold cell": Markup(
        "<tr><td>{title}</td><td>{body}</td></tr>",
        "<tr><td colspan=2><strong>{heading}</strong></td></tr>",
        page="<table>{sections}</table>",
    ),
    "sections as captions": Markup(
        "<tr><th scope=row>{title}</th><td>{body}</td></tr>",
        "<caption>{heading}</caption>",
        section="<table>{head}{rows}</table>",
    ),
    # a status on each
    "a column of statuses": Markup(
        "<tr><td>{title}</td><td>{texts}</td><td>{heading}</td><td>{links}</td></tr>",
        "",
        page="<table><tr><th>Insats</th><th>Text</th><th>Status</th><th>Länk</th></tr>{sections}"
        "</table>",
    ),
    "a column of merged statuses": Markup(
        "<tr>{first}<td>{title}</td><td>{body}</td></tr>",
        "",
        first="<td rowspan={count}>{heading}</td>",
        page="<table><tr><th>Status</th><th>Insats</th><th>Text</th></tr>{sections}</table>",
    ),
    "a column of merged status headings": Markup(
        "<tr>{first}<td>{title}</td><td>{body}</td></tr>",
        "",
        first='<th scope="rowgroup" rowspan="{count}">{heading}</th>',
        page="<table><tr><th>Status</th><th>Insats</th><th>Text</th></tr>{sections}</table>",
    ),
    "a badge above the title": Markup(
        "<li><span class=badge>{heading}</span><h3>{title}</h3>{body}</li>",
        "",
        page="<ul>{sections}</ul>",
    ),
    "a label with a bold word": Markup(
        "<div><h2>{title}</h2><p>Status: <strong>{heading}</strong></p>{body}</div>", ""
    ),
    "buttons that filter above badges": Markup(
        "<div><p>{heading}</p><h2>{title}</h2>{body}</div>",
        "",
        toc="<button>{heading}</button>",
        page="<div><button>Alla</button>{contents}</div><div>{sections}</div>",
    ),
    "a badge in the title": Markup(
        "<details><summary><h3>{title} <span>{heading}</span></h3></summary>{body}</details>", ""
    ),
    "a badge before the title, beside it": Markup(
        "<details><summary><span>{heading}</span> {title}</summary>{body}</details>", ""
    ),
    "a badge at the card's foot": Markup(
        "<div><h3>{title}</h3>{body}<div><span>{heading}</span></div></div>", ""
    ),
    "a field list": Markup(
        "<div><h2>{title}</h2>{texts}<dl><dt>Status</dt><dd>{heading}</dd></dl>{links}</div>", ""
    ),
}
