"""How long reading takes: parse and extract of a 150 KB page, against the parse alone.

    python -m benchmarks.reading [FILE …]

Without files: invented pages of some 150 KB and 140 initiatives in several styles. Prints
milliseconds (the least of many runs, the time a quiet machine needs) of

    parse     selectolax parsing the bytes
    floor     that, the tree written out, cut into tags and texts, and each text's white space
              folded: what any reading in Python begins with, before anything is told from anything
    read      reading a page never seen before: nothing is remembered
    edited    reading its next edition, five initiatives edited, after the one before
    again     reading it when only scripts outside its content differ, as by a nonce

and how many parses `floor` and `read` take. The targets are judged on `read`, the cold one: 3 ms,
and 4 times of selectolax parsing the same bytes. Exits 1 where one is missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from selectolax.lexbor import LexborHTMLParser

from monitor.extract import extract, forget
from monitor.markup import flatten
from monitor.model import Profile, Source
from monitor.profile import BUILTIN
from monitor.text import tidy
from tests.support.pages import PROFILE, URL, Style, invent, render

TARGET_MS = 3.0
TARGET_RATIO = 4.0
SIZE = 150_000
RUNS = 80
EDITED = 5


def least_ms(run: Callable[[bytes], object], bodies: Iterable[bytes], cold: bool = False) -> float:
    """The least CPU time of a run, in milliseconds: others on the machine do not count."""
    best = float("inf")
    for body in bodies:
        if cold:
            forget()
        start = time.process_time()
        run(body)
        best = min(best, time.process_time() - start)
    return best * 1000


def floor(body: bytes) -> list[str]:
    """The page's texts, and nothing told of them."""
    root = LexborHTMLParser(body).body
    assert root is not None
    return [tidy(text) for text in flatten(root.html or "")[2::2] if text]


def pages() -> list[tuple[str, bytes, Profile]]:
    """Invented pages of 150 KB: the list of 140, and the scripts that real pages carry."""
    found = []
    for items in ("li-span", "li-details", "li-strong", "heading-button"):
        style = Style(items=items, sections="portlets", noise="full", text="class")
        town = invent(1, (70, 50, 20))
        html = render(town, style)
        weight = max(0, SIZE - len(html.encode()))
        script = '<script>var a="' + "x" * weight + '";</script>'
        found.append((items, html.replace("</head>", script + "</head>").encode(), PROFILE))
    return found


def editions(body: bytes, titles: list[str]) -> Iterator[bytes]:
    """As many editions as there are runs, five other titles edited in each."""
    for number in range(RUNS):
        edition = body
        for title in titles[number % 20 :: len(titles) // EDITED][:EDITED]:
            edition = edition.replace(title.encode(), f"{title}, del {number}".encode())
        assert edition != body
        yield edition


def main(paths: list[str]) -> int:
    """Print one line for each page; 1 where a target is missed."""
    work = [(Path(p).name, Path(p).read_bytes(), BUILTIN["boras"]) for p in paths] or pages()
    missed = 0
    print(
        f"{'page':24}{'KB':>5}{'items':>7}{'parse':>8}{'floor':>8}{'ratio':>7}"
        f"{'read':>8}{'ratio':>7}{'edited':>8}{'again':>7}"
    )
    for name, body, profile in work:

        def read(page: bytes, profile: Profile = profile) -> object:
            return extract(Source(page, "text/html; charset=utf-8", URL), profile)

        source = Source(body, "text/html; charset=utf-8", URL)
        titles = [item.title for item in extract(source, profile).initiatives]
        parse = least_ms(LexborHTMLParser, [body] * RUNS)
        least = least_ms(floor, [body] * RUNS)
        cold = least_ms(read, [body] * RUNS, cold=True)
        edited = least_ms(read, editions(body, titles))
        read(body)
        nonces = [body.replace(b"</head>", b"<script>%d</script></head>" % n) for n in range(RUNS)]
        again = least_ms(read, nonces)
        ratio = cold / parse
        missed += cold > TARGET_MS or ratio > TARGET_RATIO
        print(
            f"{name:24}{len(body) / 1000:5.0f}{len(titles):7}{parse:8.2f}"
            f"{least:8.2f}{least / parse:7.1f}{cold:8.2f}{ratio:7.1f}{edited:8.2f}{again:7.2f}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
