"""Pages written as other systems write them, and by hand, read exactly."""

from __future__ import annotations

import pytest

from monitor.extract import extract
from monitor.model import Source
from tests.support.markups import LIST, MARKUPS, Markup, written
from tests.support.pages import PROFILE, URL, Style, expected, found, invent

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
