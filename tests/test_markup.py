"""A tree cut from its serialisation says the same as the tree read node by node."""

from __future__ import annotations

import itertools
import time

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from monitor.blocks import Outline
from monitor.extract import extract, reading_of
from monitor.markup import (
    FOREIGN,
    Markup,
    attribute_of,
    attributes_of,
    cut,
    is_regular,
    name_of,
    walk,
    without_foreign_text,
)
from monitor.model import Source
from monitor.outline import content_of, read_html
from tests.support.pages import PROFILE, URL, Style, invent, render, styles

ALL = 1_000_000


def tree(html: str) -> LexborNode:
    body = LexborHTMLParser(html).body
    assert body is not None
    return body


def told(markup: Markup) -> list[tuple[str, dict[str, str], str]]:
    """Each tag's name, attributes and the text after it; comments and scripts tell nothing."""
    rows = []
    for tag, text in zip(*markup, strict=True):
        name = name_of(tag)
        if tag[0] == "!":
            rows.append(("!", dict[str, str](), text))
        else:
            rows.append((name, {}, "") if name in FOREIGN else (name, attributes_of(tag), text))
    return rows


def test_drawn_pages_are_cut_into_what_a_walk_meets() -> None:
    for number, style in enumerate(styles(11, 60)):
        body = tree(render(invent(number, (4, 2, 1)), style))
        markup = cut(without_foreign_text(body.html or ""))
        assert all(is_regular(tag) for tag in markup.tags if tag[0] != "/")
        assert told(markup) == told(walk(body, ALL))


@pytest.mark.parametrize(
    "html",
    [
        "<p title=\"a < b > c &quot; &amp;nbsp; 'd'\">x &lt; y &amp;amp; z&nbsp;</p>",
        "<!-- <p> --><p>a<!-- x --- > y -->b</p><!----><!-->",
        "<script>if (a < b && c > d) '<p></p>'</script><p>x</p>",
        "<script><!--<script>'</p>'</script>--></script><p>x</p>",
        "<script><!--<script>--></script><p>x</p>",
        "<script><!--></script><p>x</p>",
        "<style>a > b { }</style><iframe><p>y</iframe><p>x</p>",
        "<p>a<br>b<img alt='c'><wbr>d<hr><input>e",
    ],
)
def test_what_is_written_as_it_is_does_not_disturb_the_cut(html: str) -> None:
    body = tree(f"<main>{html}</main>")
    assert told(cut(without_foreign_text(body.html or ""))) == told(walk(body, ALL))


def outline_of(html: str) -> Outline:
    return read_html(f"<body><main>{html}</main></body>".encode())


@pytest.mark.parametrize(
    ("html", "texts"),
    [
        ('<a<b c="d">x</a<b><p>y</p>', ["x", "y"]),
        ('<p x<y="z">w</p><p>v</p>', ["w", "v"]),
        ("<xmp><b>x &amp; y</b></xmp><p>z</p>", ["<b>x &amp; y</b>", "z"]),
        ("<p>x</p><plaintext><b>y</b>", ["x", "<b>y</b></main></body>"]),
        ("<?xml version='1'?><p>x</p><noembed><i></noembed>", ["x", "<i>"]),
    ],
)
def test_oddly_written_markup_is_read_as_the_parser_read_it(html: str, texts: list[str]) -> None:
    assert [block.text for block in outline_of(html).blocks] == texts


def test_a_link_without_an_address_is_none_and_an_empty_one_leads_to_the_page() -> None:
    blocks = outline_of('<p><a href>x</a></p><p><a href="">y</a></p>').blocks
    assert [(block.text, [link.href for link in block.links]) for block in blocks] == [
        ("x", []),
        ("y", [""]),
    ]


def test_an_address_is_the_one_in_the_attribute_of_that_name() -> None:
    tag = 'a data-href="/x" href="/y?a=1&amp;b=2" title="z"'
    assert attribute_of(tag, "href") == "/y?a=1&b=2"
    assert attribute_of('a name="x"', "href") is None
    assert attribute_of('a title="&lt;a href=" x"="" href="/y"', "href") == "/y"


def test_a_page_that_is_one_long_tag_is_looked_into_in_no_time() -> None:
    tag = "p role=" + "x" * 200_000
    start = time.process_time()
    assert attributes_of(tag) == {}
    assert time.process_time() - start < 1


def test_scripts_nonces_and_menus_are_no_part_of_the_content() -> None:
    page = "<body><nav>{menu}</nav><main><h1>A</h1><script nonce='{n}'>x = {n}</script><p>b</p>"
    one = content_of(page.format(menu="<a href=/1>Ett</a>", n=1).encode())
    other = content_of(page.format(menu="<a href=/2>Två</a>", n=22).encode())
    assert one == other
    assert one != content_of(page.format(menu="", n=1).replace("b</p>", "c</p>").encode())


def test_a_page_reads_the_same_whatever_was_read_before() -> None:
    style = Style(items="li-span", sections="section")
    bodies = [render(invent(number, (4, 2, 1)), style).encode() for number in range(12)]
    urls = (URL, "https://annan.example/sida.html")
    fresh = {}
    for body, url in itertools.product(bodies, urls):
        reading_of.cache_clear()
        fresh[body, url] = extract(Source(body, None, url), PROFILE)
    assert any(fresh[body, urls[0]] != fresh[body, urls[1]] for body in bodies)
    known = fresh[bodies[0], URL].initiatives
    for _ in range(2):
        for (body, url), reading in fresh.items():
            assert extract(Source(body, None, url), PROFILE) == reading
            assert extract(Source(body, None, url), PROFILE, known) == reading


def test_thousands_of_menus_inside_each_other_are_judged_in_time() -> None:
    html = b"<main>" + b"<div role=tab><nav>x" * 3_900
    start = time.process_time()
    read_html(html)
    assert time.process_time() - start < 5
