"""Cards for Slack, Teams (Workflows) and Mattermost, each within its limits.

The address is a secret and never shown. What does not fit is cut from the end, most important
first, and the card says how much more there is and where. Killed in the middle, a card may come
twice: chat has no idempotency key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final, TypeAlias

from notifications.channels import Delivery, Letterhead, Message, Poster, Receipt, post
from notifications.subscriptions import Subscription
from notifications.view import (
    EntryView,
    GroupView,
    Pieces,
    RestView,
    View,
    safe_href,
    view_of,
)
from presentation.language import language
from presentation.marking import bare

Card: TypeAlias = dict[str, Any]

SLACK_CHARACTERS: Final = 10_000
SLACK_BLOCKS: Final = 50
_SLACK_SECTION: Final = 3000
_SLACK_HEADER: Final = 150
TEAMS_BYTES: Final = 28 * 1024
MATTERMOST_CHARACTERS: Final = 16_383
_ROOM: Final = 600
"""Kept free for the closing lines."""
_LINKS: Final = 4
"""So many pages are linked to at a card's end."""
_TEXT: Final = 500
"""So much of one description is shown; the page has it all."""


class ChatChannel:
    """Posts cards to chat addresses, by subscription id. Thread-safe."""

    def __init__(self, urls: Mapping[str, str], poster: Poster, letterhead: Letterhead) -> None:
        self._urls = dict(urls)
        self._poster = poster
        self._letterhead = letterhead

    def send(self, delivery: Delivery) -> Receipt:
        """Post once. Raises TryAgain, ChannelDown, GiveUp."""
        subscription = delivery.subscription
        body = body_of(delivery.message, subscription, self._letterhead)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return post(self._poster, self._urls[subscription.id], body, headers)

    def close(self) -> None:
        """Nothing is held: the poster keeps its own connections."""


def body_of(message: Message, subscription: Subscription, letterhead: Letterhead) -> bytes:
    """The very bytes that are sent, the same for every try."""
    card = CARDS[subscription.channel](view_of(message, subscription, letterhead))
    return json.dumps(card, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one chat writes: escaped text, bold, gone words, new words, a link."""

    plain: Callable[[str], str]
    bold: Callable[[str], str]
    gone: Callable[[str], str]
    new: Callable[[str], str]
    link: Callable[[str, str], str]


def slack(view: View) -> Card:
    """Blocks within Slack's limits, and `text` for notifications."""
    dialect = SLACK
    heading = {"type": "header", "text": {"type": "plain_text", "text": view.heading}}
    heading["text"] = {"type": "plain_text", "text": view.heading[:_SLACK_HEADER]}
    text = dialect.plain(view.subject)

    def section(text: str) -> Card:
        shown = text if len(text) <= _SLACK_SECTION else f"{text[: _SLACK_SECTION - 1]}…"
        return {"type": "section", "text": {"type": "mrkdwn", "text": shown}}

    room = SLACK_CHARACTERS - _ROOM - len(text) - len(view.heading)
    parts = _fitting(view, dialect, room, SLACK_BLOCKS - 1, len)
    return {"text": text, "blocks": [heading, *map(section, parts)]}


def teams(view: View) -> Card:
    """An Adaptive Card 1.4 in the envelope that a Workflows address takes, below 28 KB.

    A line is a block of its own, as Teams shows a single line break as a space; and what is gone
    stands in brackets, as it knows no strikethrough.
    """

    def block(text: str, **more: object) -> Card:
        return {"type": "TextBlock", "text": text, "wrap": True, **more}

    def blocks(part: str) -> list[Card]:
        first, *rest = filter(None, part.split("\n"))
        return [block(first), *(block(line, spacing="none") for line in rest)]

    def size(part: str) -> int:
        return len(json.dumps(blocks(part), ensure_ascii=False).encode())

    if view.legend:
        legend = language(view.lang).say("digest.legend_text")
        view = replace(view, lead=(*view.lead, legend))
    parts = _fitting(view, TEAMS, TEAMS_BYTES - 4 * _ROOM, 120, size, links=False)
    title = block(TEAMS.plain(view.heading), size="large", weight="bolder", style="heading")
    content = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "lang": view.lang,
        "fallbackText": view.subject,
        "body": [title, *chain.from_iterable(map(blocks, parts))],
        "actions": [
            {"type": "Action.OpenUrl", "title": one.text[:60], "url": one.url}
            for one in view.buttons[:_LINKS]
            if safe_href(one.url)
        ],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    attachment = {"contentType": kind, "contentUrl": None, "content": content}
    return {"type": "message", "summary": view.subject, "attachments": [attachment]}


def mattermost(view: View) -> Card:
    """One message in Markdown; nobody is called by an «@all» that a web page wrote."""
    dialect = MARKDOWN
    title = f"#### {dialect.plain(view.heading)}"
    parts = _fitting(view, dialect, MATTERMOST_CHARACTERS - _ROOM, 1000, len)
    return {"text": "\n\n".join([title, *parts]), "props": {"disable_group_highlight": True}}


CARDS: Final[Mapping[str, Callable[[View], Card]]] = {
    "slack": slack,
    "teams": teams,
    "mattermost": mattermost,
}


# --- the parts of a card ----------------------------------------------------------------------


def _fitting(
    view: View,
    dialect: Dialect,
    room: int,
    blocks: int,
    size: Callable[[str], int],
    *,
    links: bool = True,
) -> list[str]:
    """As many parts as there is room for, then how many more there are, then (with `links`) where
    to read on."""
    kept: list[str] = []
    left_out = 0
    used = 0
    for text, entries in _parts(view, dialect):
        used += size(text) + 60
        if left_out or used > room or len(kept) >= blocks - 2:
            left_out += entries
            used = room + 1
        else:
            kept.append(text)
    words = language(view.lang)
    if left_out:
        kept.append(words.count("digest.rest", left_out).rstrip(":") + ".")
    lead_on = [dialect.link(one.text, one.url) for one in view.buttons if safe_href(one.url)]
    return [*kept, " · ".join(lead_on[:_LINKS])] if lead_on and links else kept


def _parts(view: View, dialect: Dialect) -> Iterator[tuple[str, int]]:
    """Each part with the number of changes it tells."""
    if view.lead:
        yield "\n".join(dialect.plain(line) for line in view.lead), 0
    for group in view.groups:
        yield from _group_parts(group, dialect, view.history_word)
    for chart in view.charts:
        rows = (f"{dialect.plain(row.label)}: {row.text}" for row in chart.rows)
        yield "\n".join([dialect.bold(chart.caption), *rows]), 0


def _group_parts(
    group: GroupView, dialect: Dialect, history_word: str
) -> Iterator[tuple[str, int]]:
    size = f" ({group.size})" if group.size else ""
    lines = [dialect.bold(group.heading + size), *map(dialect.plain, group.notes)]
    lines += [f"• {dialect.plain(fact)}" for fact in group.facts]
    yield "\n".join(lines), 0
    for entry in group.entries:
        yield _entry_part(entry, dialect, history_word), 1
    yield from _rest_parts(group.rest, dialect)


def _rest_parts(rest: Sequence[RestView], dialect: Dialect) -> Iterator[tuple[str, int]]:
    """Titles, several in one part: a card has room for more lines than parts."""
    lines: list[str] = []
    for one in rest:
        note = f" ({dialect.plain(one.note)})" if one.note else ""
        line = f"• {dialect.plain(one.title)}{note}"
        if lines and sum(map(len, lines)) + len(line) > _TEXT:
            yield "\n".join(lines), len(lines)
            lines = []
        lines.append(line)
    if lines:
        yield "\n".join(lines), len(lines)


def _entry_part(entry: EntryView, dialect: Dialect, history_word: str) -> str:
    lines = [dialect.bold(entry.plain_title)]
    if entry.flags:
        lines.append(dialect.plain(f"({', '.join(entry.flags)})"))
    if entry.move:
        lines.append(f"{dialect.plain(entry.move.old)} → {dialect.plain(entry.move.new)}")
    lines += [dialect.plain(line) for line in entry.lines]
    lines += _shortened(entry.paragraphs, dialect)
    for link in entry.links:
        label = f"{link.label}: " if link.label else ""
        shown = dialect.link(link.text, link.href) if link.href else dialect.plain(link.text)
        lines.append(f"• {dialect.plain(label)}{shown}")
    where = [
        dialect.link(page.name, page.url) if safe_href(page.url) else dialect.plain(page.name)
        for page in entry.pages
    ]
    lines.append(", ".join(where))
    if entry.history:
        lines[-1] += f" · {dialect.link(history_word, entry.history)}"
    return "\n".join(line for line in lines if line)


def _shortened(paragraphs: Sequence[Pieces], dialect: Dialect) -> Iterable[str]:
    left = _TEXT
    for paragraph in paragraphs:
        shown: list[str] = []
        for number, piece in enumerate(paragraph):
            if piece.kind == "new" and number and paragraph[number - 1].kind == "gone":
                shown.append(" ")  # else the marks of both run together
            text = piece.text if len(piece.text) <= left else f"{piece.text[:left]}…"
            left -= len(text)
            before, inner, after = bare(text)
            if piece.kind == "same" or not inner:
                shown.append(dialect.plain(text))
            else:
                write = dialect.gone if piece.kind == "gone" else dialect.new
                shown.append(f"{before}{write(inner)}{after}")
            if left <= 0:
                break
        yield "".join(shown)
        if left <= 0:
            return


def _slack_text(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SLACK_MARKS.sub(lambda hit: hit[0] + "\u2060", escaped)


def _markdown_text(text: str) -> str:
    """Escaped where a mark would be obeyed, and no more: not every client takes escapes away."""
    escaped = _MARKDOWN_MARKS.sub(r"\\\1", text).replace("](", r"]\(")
    return _MARKDOWN_STARTS.sub(r"\1\\\2", escaped).replace("@", "@\u2060")


def _markdown_url(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29").replace(" ", "%20")


def _slack_url(url: str) -> str:
    return url.replace("|", "%7C").replace(">", "%3E").replace("<", "%3C")


_SLACK_MARKS = re.compile(r"[*_~`](?=\S)")
_MARKDOWN_MARKS = re.compile(r"([\\`*_\[\]#|~])")
_MARKDOWN_STARTS = re.compile(r"^(\s*\d*)((?<=\d)[.)]|(?<!\d)[+>=-])", re.MULTILINE)

SLACK: Final = Dialect(
    plain=_slack_text,
    bold=lambda text: f"*{_slack_text(text)}*",
    gone=lambda text: f"~{_slack_text(text)}~",
    new=lambda text: f"*{_slack_text(text)}*",
    link=lambda text, url: f"<{_slack_url(url)}|{_slack_text(text)}>",
)
MARKDOWN: Final = Dialect(
    plain=_markdown_text,
    bold=lambda text: f"**{_markdown_text(text)}**",
    gone=lambda text: f"~~{_markdown_text(text)}~~",
    new=lambda text: f"**{_markdown_text(text)}**",
    link=lambda text, url: f"[{_markdown_text(text)}]({_markdown_url(url)})",
)
TEAMS: Final = replace(
    MARKDOWN,
    gone=lambda text: f"\\[-{_markdown_text(text)}-\\]",
    new=lambda text: f"**{{+{_markdown_text(text)}+}}**",
)
