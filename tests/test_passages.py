"""A passage that was read before says the same again as if it were read anew."""

from __future__ import annotations

import random
import re

import pytest

from monitor.blocks import Outline
from monitor.extract import extract, forget, reading_of
from monitor.model import Reading, Source
from monitor.outline import content_of, read_content
from tests.fuzz_reading import mutated
from tests.support.pages import PROFILE, URL, Style, invent, render, styles


def outline_of(body: bytes) -> Outline | None:
    return read_content(content_of(body))


def anew(body: bytes) -> tuple[Outline | None, Reading]:
    """What a page says to a reader who has seen nothing."""
    forget()
    outline = outline_of(body)
    forget()
    return outline, extract(Source(body, None, URL), PROFILE)


def same(one: Outline | None, other: Outline | None) -> bool:
    if one is None or other is None:
        return one is other
    mine, its = one.elements, other.elements
    alike = (mine.tags, mine.parents, mine.written) == (its.tags, its.parents, its.written)
    return alike and one._replace(elements=its) == other


def assert_read_as_anew(bodies: list[bytes]) -> None:
    """Each page after those before it, and each twice, says what it says by itself."""
    wanted = [anew(body) for body in bodies]
    forget()
    for _ in range(2):
        reading_of.cache_clear()
        for body, (outline, reading) in zip(bodies, wanted, strict=True):
            assert same(outline_of(body), outline)
            assert extract(Source(body, None, URL), PROFILE) == reading


def next_editions(html: str, count: int, seed: int) -> list[bytes]:
    """Words changed, items taken out, doubled, and moved to the end of their list or beyond."""
    rng = random.Random(seed)
    bodies = []
    for number in range(count):
        edition = html
        for _ in range(4):
            items = re.findall(
                r"<(?:li|article|details|tr|section)\b.{40,900}?(?=\n<)", edition, re.S
            )
            item = rng.choice(items) if items else edition[2000:2300]
            kind = rng.randrange(4)
            if kind == 0:
                edition = edition.replace("Granvik", f"Granvik {number}", rng.randint(1, 3))
            elif kind == 1:
                edition = edition.replace(item, "", 1)
            elif kind == 2:
                edition = edition.replace(item, item + item, 1)
            else:
                edition = edition.replace(item, "", 1).replace("</main>", item + "</main>", 1)
        bodies.append(edition.encode())
    return bodies


def test_the_next_editions_of_drawn_pages_are_read_as_if_anew() -> None:
    for number, style in enumerate(styles(21, 24)):
        html = render(invent(number, (6, 4, 2)), style)
        assert_read_as_anew([html.encode(), *next_editions(html, 2, number)])


@pytest.mark.slow
def test_hundreds_of_next_and_torn_editions_are_read_as_if_anew() -> None:
    rng = random.Random(8)
    for number, style in enumerate(styles(22, 150)):
        html = render(invent(number, (6, 4, 2)), style)
        bodies = [html.encode(), *next_editions(html, 2, number)]
        torn = [mutated(bodies[0], rng, bodies[1]) for _ in range(2)]
        assert_read_as_anew(bodies + torn)


def test_what_is_written_alike_is_something_else_in_other_surroundings() -> None:
    item = "<div><p>Ett</p><p>Två</p><p>Tre</p></div>"
    bodies = [
        f"<main><h1>A</h1>{item}<section><h2>{item}</h2></section><ul><li>{item}</ul>"
        f"<div role=heading aria-level=3>{item}</div><a href='/x'>{item}</a>"
        f"<div aria-controls=p>{item}</div><footer>{item}</footer>{item}".encode(),
        f"<main><h1>A</h1><nav>{item}</nav><ul><li>{item}</ul><dialog>{item}</dialog>".encode(),
    ]
    assert_read_as_anew(bodies)
    outline = outline_of(bodies[0])
    assert outline is not None
    assert len({(block.look, block.level, block.ref) for block in outline.blocks}) > 5


def test_an_element_that_was_known_stands_among_others_as_before() -> None:
    style = Style(items="heading-button", sections="portlets")
    first = render(invent(3, (6, 4, 2)), style)
    item = re.search(r"<h3>.*?</h3><div id.*?</div>\n", first, re.S)
    assert item is not None
    assert_read_as_anew([first.encode(), first.replace(item[0], "", 1).encode(), first.encode()])


def test_drawings_that_close_what_html_never_closes_are_passed_over_whole() -> None:
    item = "<li><svg><base>pil</base></svg><span>%s</span><div><p>Text</p></div></li>"
    assert_read_as_anew([f"<main><ul>{item * 3 % ('A', 'B', 'C')}</ul><p>Slut</p>".encode()])


def test_a_link_without_words_stands_between_no_two_texts() -> None:
    page = b"<main><ul><li><p>Ett</p></li><li>%s<p>Tv\xc3\xa5</p></li></ul>"
    plain, linked = (outline_of(page % link) for link in (b"", b"<a href='#x'>\n</a>"))
    assert plain is not None
    assert linked is not None
    assert linked.blocks == plain.blocks


def test_a_footer_is_a_cards_own_whether_the_cards_after_it_were_read_before_or_not() -> None:
    card = "<div class=card><h3>Titel {}</h3><p>Text {}.</p><p>Mer {}.</p>{}</div>"
    foot = "<footer><p>Fot.</p></footer>"
    sections = "".join(
        f"<section><h2>{rule.heading[0]}</h2><div>"
        + "".join(card.format(n, n, n, foot if (n, at) == (3, 1) else "") for n in range(1, 4))
        + "</div></section>"
        for at, rule in enumerate(PROFILE.sections)
    ).replace("section>", "div>")
    html = f"<html><body><main><h1>Rubrik</h1><p>Ingress.</p>{sections}</main></body></html>"
    pages = [html.replace("Ingress.", f"Ingress {n}.").encode() for n in range(3)]
    assert len(extract(Source(pages[0], None, URL), PROFILE).initiatives) == 9
    assert_read_as_anew(pages)


def test_a_heading_without_words_counts_the_same_whether_it_was_read_before_or_not() -> None:
    html = (
        "<body><main><h1>Rubrik</h1><p>Ingress {}.</p><div class=card><h2>Ett</h2><p>Text.</p>"
        "<footer><p>Fot.</p></footer></div><div class=last><h2></h2>"
        "<div><p>Mer.</p><p>Slut.</p></div></div></main></body>"
    )
    assert_read_as_anew([html.format(n).encode() for n in range(3)])
