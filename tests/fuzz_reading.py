"""Mutated pages and byte soups against the reader: no crash, no hang, no memory, no nonsense.

    python tests/fuzz_reading.py [--cases 100000] [--seed 1] [--seconds 0]

Coverage-guided with atheris where it is installed (`pip install atheris`), else seeded: an
input that reaches new lines of the reader joins the corpus, and later inputs are made from it.
Prints one line each 5,000 cases; exits 1 at the first input that breaks a promise, written to
`fuzz-failure.bin`.

The promises: `extract` returns a Reading for any bytes within a second and within 300 MB, is
pure, and a good verdict never comes without each section and one initiative that says
something.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from monitor.extract import extract
from monitor.model import Source
from tests.support.pages import PROFILE, URL, invent, render, styles

LONGEST_SECONDS = 1.0
MOST_MEGABYTES = 300
"""Of a process that does nothing but read."""
MOST_FOR_ONE_MEGABYTES = 220
"""Of which one body may take so many: the reader and the pages to mutate are there before."""
_TAGS = (
    "div p ul ol li table tr td th span a h1 h2 h3 dl dt dd details summary main nav header footer"
    " section article button form b strong br img svg script style template noscript select option"
    " textarea title base iframe frameset plaintext math x-item"
).split()
_ATTRIBUTES = (
    "id=a", "href=#a", 'role="tab"', 'role="heading"', "aria-controls=a", "aria-hidden=true",
    "hidden", 'class="x\ny"', "aria-level=99", 'rel="external"', "href='http://[x'", "title='",
)  # fmt: skip
_WORDS = (
    "Sådant vi gör i dag", "Sådant vi tar fram", "Tillsammans med andra", "Aktuellt", "Status:",
    "Status: Pågående", "1.", "•", "Länk till annan webbplats.", "&nbsp;", "&#0;", "\x00", "\ufffd",
    "<!--", "-->", "<![CDATA[", "]]>", "&", "<", ">", '"', "'", "\u200b", "å" * 50, "Kakor",
)  # fmt: skip


def soup(rng: random.Random) -> bytes:
    """A document made of tags, words and bytes in any order."""
    parts = []
    for _ in range(rng.randint(1, rng.choice((5, 50, 400)))):
        kind = rng.random()
        if kind < 0.55:
            slash = "/" if rng.random() < 0.4 else ""
            attribute = f" {rng.choice(_ATTRIBUTES)}" if rng.random() < 0.3 else ""
            parts.append(f"<{slash}{rng.choice(_TAGS)}{attribute}>".encode())
        elif kind < 0.9:
            parts.append(rng.choice(_WORDS).encode())
        else:
            parts.append(rng.randbytes(rng.randint(1, 20)))
    return b"".join(parts)


def mutated(body: bytes, rng: random.Random, other: bytes) -> bytes:
    """One to eight edits: cuts, copies, swaps, noise, other charsets, pieces of another page."""
    data = bytearray(body)
    for _ in range(rng.randint(1, 8)):
        size = len(data)
        if not size:
            return soup(rng)
        at = rng.randrange(size)
        to = min(size, at + rng.randint(1, rng.choice((4, 60, 2000))))
        kind = rng.randrange(9)
        if kind == 0:
            del data[at:to]
        elif kind == 1:
            data[at:at] = data[at:to] * rng.randint(1, 30)
        elif kind == 2:
            data[at:to] = rng.randbytes(min(to - at, 40))
        elif kind == 3:
            data[at:at] = soup(rng)[:500]
        elif kind == 4:
            del data[at:]
        elif kind == 5:
            begin = rng.randrange(max(1, len(other)))
            data[at:to] = other[begin : begin + rng.randint(1, 3000)]
        elif kind == 6:
            one, two = rng.choice(_TAGS).encode(), rng.choice(_TAGS).encode()
            data = bytearray(bytes(data).replace(b"<" + one, b"<" + two))
        elif kind == 7:
            data[at:at] = f"<{rng.choice(_TAGS)}>".encode() * rng.randint(1, 3000)
        else:
            text = bytes(data).decode("utf-8", "replace")
            data = bytearray(text.encode(rng.choice(("latin-1", "utf-16", "cp1252")), "replace"))
    return bytes(data[:400_000])


def check(body: bytes) -> str:
    """ "" or the promise that a body breaks."""
    source = Source(body, None, URL)
    peak_before = peak_megabytes()
    started = time.process_time()
    try:
        reading = extract(source, PROFILE)
    except Exception as error:
        return f"raised {error!r}"
    if time.process_time() - started > LONGEST_SECONDS:
        # Once more: a busy machine is no hang.
        started = time.process_time()
        extract(source, PROFILE)
        if time.process_time() - started > LONGEST_SECONDS:
            return f"took {time.process_time() - started:.1f} s"
    # The peak is the process's: what other work reached before is not this body's doing.
    if peak_megabytes() - peak_before > MOST_FOR_ONE_MEGABYTES:
        return f"used more than {MOST_FOR_ONE_MEGABYTES} MB for one body"
    if extract(source, PROFILE) != reading:
        return "read differently the second time"
    if reading.verdict == "good":
        statuses = {section.status for section in reading.sections}
        if None in statuses:
            return "good with a heading nobody knows"
        # Where the initiatives tell their own status, none need have the third one.
        if len(statuses) < 3 and b"tatus" not in body.replace(b"\x00", b""):
            return "good without every section"
        if not any(item.title.strip() for item in reading.initiatives):
            return "good without an initiative"
    return ""


def peak_megabytes() -> float:
    """The most memory this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def corpus(seed: int) -> list[bytes]:
    """Where mutation begins: generated pages of all kinds."""
    return [
        render(invent(number, (4, 3, 2)), style).encode()
        for number, style in enumerate(styles(seed, 60))
    ]


def cases(seed: int, count: int, pool: list[bytes]) -> Iterator[bytes]:
    """The inputs: a fifth byte soups, the rest mutations of the pool, which may grow meanwhile."""
    rng = random.Random(seed)
    for _ in range(count):
        if rng.random() < 0.2:
            yield soup(rng) if rng.random() < 0.7 else rng.randbytes(rng.randint(0, 3000))
        else:
            yield mutated(rng.choice(pool), rng, rng.choice(pool))


class Coverage:
    """Which lines of the reader have run: new lines make an input worth keeping."""

    def __init__(self) -> None:
        self.lines: set[tuple[CodeType, int]] = set()
        self.folder = str(Path(__file__).resolve().parents[1] / "monitor")

    def reaches_new(self, run: Callable[[], str]) -> tuple[str, bool]:
        before = len(self.lines)
        sys.settrace(self.enter)
        try:
            result = run()
        finally:
            sys.settrace(None)
        return result, len(self.lines) > before

    def enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self.folder):
            return None
        return self.line

    def line(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.lines.add((frame.f_code, frame.f_lineno))
        return self.line


def run(seed: int, count: int, seconds: float, traced_share: float = 0.05) -> int:
    """Try `count` cases, or as many as fit in `seconds`; 1 where a promise broke."""
    pool = corpus(seed)
    coverage = Coverage()
    rng = random.Random(seed + 1)
    started = time.monotonic()
    for number, body in enumerate(cases(seed, count, pool), 1):
        if rng.random() < traced_share and len(body) < 20_000:
            broken, new = coverage.reaches_new(lambda body=body: check(body))  # type: ignore[misc]
            if new and not broken.startswith("took"):
                pool.append(body)
            if broken.startswith("took"):
                broken = check(body)
        else:
            broken = check(body)
        if not broken and peak_megabytes() > MOST_MEGABYTES:
            broken = f"used more than {MOST_MEGABYTES} MB"
        if broken:
            Path("fuzz-failure.bin").write_bytes(body)
            print(f"case {number}: {broken} ({len(body)} bytes, kept in fuzz-failure.bin)")
            return 1
        if number % 5000 == 0:
            print(f"{number} cases, {len(coverage.lines)} lines, {len(pool)} kept", flush=True)
        if seconds and time.monotonic() - started > seconds:
            break
    print(f"{number} cases kept every promise")
    return 0


def run_atheris(cases_wanted: int) -> int:
    """The same promises under libFuzzer's guidance."""
    import atheris  # type: ignore[import-untyped]

    def one(data: bytes) -> None:
        broken = check(data)
        if broken:
            raise AssertionError(broken)

    with tempfile.TemporaryDirectory() as folder:
        for number, body in enumerate(corpus(1)):
            (Path(folder) / f"page-{number}").write_bytes(body)
        atheris.instrument_all()
        options = [f"-runs={cases_wanted}", "-max_len=60000", f"-rss_limit_mb={MOST_MEGABYTES}"]
        atheris.Setup([sys.argv[0], folder, *options], one)
        atheris.Fuzz()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0)
    wanted = parser.parse_args()
    try:
        import atheris  # noqa: F401
    except ImportError:
        return run(wanted.seed, wanted.cases, wanted.seconds)
    return run_atheris(wanted.cases)


if __name__ == "__main__":
    raise SystemExit(main())
