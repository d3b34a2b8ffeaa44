"""How long reading takes: parse and extract of a 150 KB page, against the parse alone.

    python benchmarks/reading.py [FILE …]

Without files: invented pages of some 150 KB and 140 initiatives in several styles. Prints
milliseconds (the least of many runs, the time a quiet machine needs) and the ratio; exits 1
where a target is missed: 3 ms, and 4 times of selectolax parsing the same bytes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from selectolax.lexbor import LexborHTMLParser

from monitor.extract import extract
from monitor.model import Profile, Source
from monitor.profile import BUILTIN
from tests.support.pages import PROFILE, URL, Style, invent, render

TARGET_MS = 3.0
TARGET_RATIO = 4.0
SIZE = 150_000


def least_ms(run: Callable[[], object], runs: int = 80) -> float:
    """The least CPU time of `runs` runs, in milliseconds: others on the machine do not count."""
    best = float("inf")
    for _ in range(runs):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best * 1000


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


def main(paths: list[str]) -> int:
    """Print one line for each page; 1 where a target is missed."""
    work = [(Path(p).name, Path(p).read_bytes(), BUILTIN["boras"]) for p in paths] or pages()
    missed = 0
    print(f"{'page':24}{'KB':>6}{'items':>7}{'parse ms':>10}{'read ms':>10}{'ratio':>8}")
    for name, body, profile in work:
        parse = least_ms(lambda body=body: LexborHTMLParser(body))  # type: ignore[misc]
        source = Source(body, "text/html; charset=utf-8", URL)
        read = least_ms(lambda source=source, profile=profile: extract(source, profile))  # type: ignore[misc]
        count = len(extract(source, profile).initiatives)
        ratio = read / parse
        missed += read > TARGET_MS or ratio > TARGET_RATIO
        print(f"{name:24}{len(body) / 1000:6.0f}{count:7}{parse:10.2f}{read:10.2f}{ratio:8.1f}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
