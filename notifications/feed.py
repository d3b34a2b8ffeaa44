"""The Atom feed (RFC 4287) of changes: one entry each, its id the change's. Pure.

The words are those of mail, and the same texts are escaped: what a page says is text here, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from notifications.channels import Letterhead
from notifications.digest import PageInfo, Telling, gather
from notifications.subscriptions import Subscription
from notifications.view import EntryView, Reader, digest_subject, entry_view, safe_href
from presentation.documents import instant
from presentation.language import language
from presentation.marking import Piece

TYPE = "application/atom+xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed is called and where it lies. `updated` is the newest change's time."""

    url: str
    title: str
    updated: datetime
    letterhead: Letterhead
    language: str = "sv"


def atom(feed: Feed, changes: Sequence[Mapping[str, Any]], pages: Mapping[str, PageInfo]) -> bytes:
    """The feed of these contract changes, newest first; `pages` by id."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang={quoteattr(feed.language)}>',
        f"<title>{_text(feed.title)}</title>",
        f"<id>{_text(feed.url)}</id>",
        f'<link rel="self" type="application/atom+xml" href={quoteattr(feed.url)}/>',
        f"<updated>{instant(feed.updated)}</updated>",
        "<author><name>Visionsvakt</name></author>",
        "<generator>Visionsvakt</generator>",
    ]
    for change in sorted(changes, key=lambda one: str(one["before"]), reverse=True):
        lines += _entry(feed, change, pages[change["page"]])
    return "\n".join([*lines, "</feed>", ""]).encode()


def _entry(feed: Feed, change: Mapping[str, Any], page: PageInfo) -> Iterator[str]:
    words = language(feed.language)
    subscriber = Subscription(id="feed", channel="email", language=feed.language)
    reader = Reader(words, feed.letterhead, subscriber)
    entries = gather([Telling(change, page, "late" if change.get("late") else "look")])
    view = entry_view(entries[0], reader)
    href = view.history or safe_href(page.url) or ""
    yield "<entry>"
    yield f"<id>urn:visionsvakt:{_text(change['id'])}</id>"
    yield f"<title>{_text(digest_subject(entries, words))}</title>"
    yield f"<updated>{_text(change['before'])}</updated>"
    if href:
        yield f'<link rel="alternate" href={quoteattr(href)}/>'
    for kind in change["kinds"]:
        yield f"<category term={quoteattr(kind)} label={quoteattr(words.kind(kind))}/>"
    yield f'<content type="html">{escape(_content(view))}</content>'
    yield "</entry>"


def _content(view: EntryView) -> str:
    """The entry as HTML, escaped once here and once more as XML."""
    parts = [", ".join(view.flags)] if view.flags else []
    if view.move:
        parts.append(f"{view.move.old} → {view.move.new}")
    parts += view.lines
    shown = [f"<p>{_text(part)}</p>" for part in parts]
    shown += ["<p>" + "".join(map(_piece, one)) + "</p>" for one in view.paragraphs]
    if view.links:
        items = []
        for link in view.links:
            text = _text(link.text)
            if link.href:
                text = f"<a href={quoteattr(link.href)}>{text}</a>"
            items.append(
                f"<li>{_text(link.label)} {text}</li>" if link.label else f"<li>{text}</li>"
            )
        shown.append(f"<ul>{''.join(items)}</ul>")
    shown.append(f"<p>{_text(view.seen)}</p>")
    return "".join(shown)


def _piece(piece: Piece) -> str:
    tag = {"gone": "del", "new": "ins"}.get(piece.kind)
    return f"<{tag}>{_text(piece.text)}</{tag}>" if tag else _text(piece.text)


def _text(text: str) -> str:
    """Escaped, without the characters that XML has no way to write."""
    kept = "".join(glyph for glyph in text if glyph in "\t\n" or ord(glyph) >= 0x20)
    return escape(kept.replace("\ufffe", "").replace("\uffff", ""))


__all__ = ["TYPE", "Feed", "atom"]
