"""Invented pages as bytes, and a page's looks over time: what stores are filled with in tests."""

from __future__ import annotations

import html
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from monitor.model import Initiative, Profile, Reason, SectionRule
from monitor.step import Reader
from snapshots.facts import NewCapture
from tests.support.histories import STATUSES, Style, make_history

PROFILE = Profile(
    "granvik",
    "sv",
    (
        SectionRule(("Pågår nu",), "ongoing"),
        SectionRule(("Under utveckling",), "developing"),
        SectionRule(("Tillsammans",), "partnership"),
    ),
    ("Nyheter",),
)
READER = Reader("1/granvik", PROFILE, "https://granvik.example/vision")
HEADINGS = dict(zip(STATUSES, ("Pågår nu", "Under utveckling", "Tillsammans"), strict=True))
START = datetime(2026, 1, 5, 7, tzinfo=UTC)
ERROR_PAGE = b"<html><head><title>Fel</title></head><body><h1>Tekniskt fel</h1></body></html>"


def page(items: Sequence[Initiative], title: str = "Granviks vision", nonce: str = "") -> bytes:
    """A page that shows these, section by section; `nonce` changes bytes and nothing else."""
    lines = [f"<!doctype html><html lang=sv><head><title>{title}</title>"]
    lines.append(f"<script nonce='{nonce}'></script></head><body><main><h1>{title}</h1>")
    lines.append("<p>Här ser du vad vi gör för att nå visionen i Granvik.</p>")
    for status in STATUSES:
        lines.append(f"<h2>{HEADINGS[status]}</h2><ul>")
        for item in items:
            if item.status == status:
                lines.append(_item(item))
        lines.append("</ul>")
    lines.append("</main></body></html>")
    return "\n".join(lines).encode()


def _item(item: Initiative) -> str:
    parts = [f"<li><strong>{html.escape(item.title)}</strong>"]
    for paragraph in item.description.split("\n\n"):
        if paragraph:
            parts.append(f"<p>{html.escape(paragraph).replace(chr(10), '<br>')}</p>")
    for link in item.links:
        href = f" href='{html.escape(link.href)}'" if link.href else ""
        parts.append(f"<p><a{href}>{html.escape(link.text)}</a></p>")
    return "".join([*parts, "</li>"])


def looks_at(
    seed: int, style: Style | None = None, editions: int = 8, key: str = "granvik"
) -> list[NewCapture]:
    """A page's captures in order: editions, 304s, equal bodies, nonces, failures, error pages,
    and a page that stood half empty long enough to be believed."""
    dice = random.Random(seed)
    history = make_history(seed, style or Style(size=24, events=(1, 4)), editions)
    made: list[NewCapture] = []
    at = START

    def seen(body: bytes | None = None, **values: object) -> None:
        nonlocal at
        kind = "text/html; charset=utf-8"
        where = "https://granvik.example/vision"
        made.append(NewCapture(key, at, body, content_type=kind, final_url=where, **values))  # type: ignore[arg-type]
        at += timedelta(hours=1, microseconds=dice.randrange(1_000_000))

    for number, edition in enumerate(history.editions):
        body = page(edition.initiatives)
        seen(body)
        for _ in range(dice.randrange(3)):
            roll = dice.random()
            if roll < 0.3:
                seen(again=True)
            elif roll < 0.5:
                seen(failure=Reason("timeout", "Sidan svarade inte i tid."))
            elif roll < 0.7:
                seen(page(edition.initiatives, nonce=f"{dice.getrandbits(64):x}"))
            elif roll < 0.85:
                seen(ERROR_PAGE)
                seen(again=True)
            else:
                seen(body)
        if number == editions // 2:
            half = edition.initiatives[: len(edition.initiatives) // 3]
            for turn in range(4):
                seen(page(half, nonce=str(turn) if turn < 2 else ""))
                at += timedelta(hours=11)
    return made
