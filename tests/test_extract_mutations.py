"""Mutated pages and byte soups: no crash, no hang, no memory, never a snapshot from nonsense."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.extract import extract
from monitor.model import Source
from tests.fuzz_reading import cases, check, corpus
from tests.support.pages import PROFILE, Style, expected, found, invent, render


def broken(seed: int, count: int) -> list[str]:
    pool = corpus(seed)
    return [
        f"{number}: {promise}"
        for number, body in enumerate(cases(seed, count, pool))
        if (promise := check(body))
    ]


def test_four_hundred_mutated_pages_keep_every_promise() -> None:
    assert broken(11, 400) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_ten_thousand_mutated_pages_keep_every_promise(part: int) -> None:
    assert broken(100 + part, 2500) == []


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_a_reading(body: bytes) -> None:
    assert check(body) == ""


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_any_text_survives_as_a_description(text: str) -> None:
    """What a browser would show of a text is what is read, whatever its characters."""
    clean = "".join(char for char in text if char.isalnum() or char in " åäöé,;–”’")
    words = f"Början {clean} slut."
    html = (
        "<html><body><main><h1>R</h1><h2>Pågående</h2><ul><li><b>A</b><p>"
        f"{words}</p></li><li><b>B</b><p>Två.</p></li></ul></main></body></html>"
    )
    reading = extract(Source(html.encode("utf-8", "replace")), PROFILE)
    shown = " ".join(words.encode("utf-8", "replace").decode().split())
    assert " ".join(reading.initiatives[0].description.split()) == shown


def test_the_order_of_initiatives_is_the_pages() -> None:
    rng = random.Random(4)
    town = invent(21, (9, 5, 3))
    heading, status, items = town.sections[0]
    shuffled = list(items)
    rng.shuffle(shuffled)
    mixed = type(town)(
        town.title, town.intro, ((heading, status, tuple(shuffled)), *town.sections[1:]), town.seed
    )
    style = Style(items="details")
    reading = extract(
        Source(render(mixed, style).encode(), None, "https://www.granvik.example/x"), PROFILE
    )
    assert found(reading) == expected(mixed, style)
