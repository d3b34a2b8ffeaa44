"""A message in words, before any form: mail, its text twin and chat cards all show this. Pure.

Message -> View -> (render.py: text and HTML; chat.py: cards)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

from monitor.model import CAME_OR_LEFT
from monitor.text import same_key, tidy
from notifications.channels import Letterhead, Message, one_line
from notifications.digest import (
    GROUPS,
    Entry,
    Group,
    PageInfo,
    divided,
    entry_from,
)
from notifications.subscriptions import ANY, CHAT, Subscription, wanted_kinds
from presentation.language import Language, language
from presentation.marking import Piece, mark
from presentation.terminal import LIKELY_BELOW

LONGEST_SUBJECT: Final = 140
_FACTS: Final = 3
_PAGES_NAMED: Final = 2
_KEY_GROUPS: Final = frozenset({"corrections", "moved", "added", "removed", "restored"})

Pieces = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link as shown. `href` is None where none may be followed; `label`: what became of it."""

    text: str
    href: str | None
    external: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class MoveView:
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry told in full. Texts are plain; `title` and `paragraphs` carry their marks. `lang`
    is set where they are in another language than the mail (WCAG 2.2, 3.1.2)."""

    title: Pieces
    plain_title: str
    pages: tuple[PageInfo, ...] = ()
    flags: tuple[str, ...] = ()
    move: MoveView | None = None
    lines: tuple[str, ...] = ()
    paragraphs: tuple[Pieces, ...] = ()
    marked: bool = False
    links: tuple[LinkView, ...] = ()
    seen: str = ""
    history: str = ""
    key: bool = False
    lang: str = ""


@dataclass(frozen=True, slots=True)
class RestView:
    title: str
    note: str
    page: str
    url: str
    lang: str = ""


@dataclass(frozen=True, slots=True)
class GroupView:
    heading: str
    size: int = 0
    notes: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    entries: tuple[EntryView, ...] = ()
    rest: tuple[RestView, ...] = ()
    rest_heading: str = ""


@dataclass(frozen=True, slots=True)
class RowView:
    """One status of a chart: `text` is its number, `curve` says in words what its `numbers` over
    time draw as a picture. Both are empty where there is no past yet; `curve` where `text` says all
    of it. `drawn` stands for the picture where it is not shown, and always says something."""

    label: str
    text: str
    curve: str = ""
    drawn: str = ""
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ChartView:
    """The statuses of one page; `curves` says where the pictures begin."""

    caption: str
    rows: tuple[RowView, ...]
    curves: str = ""


@dataclass(frozen=True, slots=True)
class ButtonView:
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class View:
    """A whole message in words."""

    lang: str
    subject: str
    heading: str
    lead: tuple[str, ...] = ()
    legend: str = ""
    notes: tuple[str, ...] = ()
    groups: tuple[GroupView, ...] = ()
    charts: tuple[ChartView, ...] = ()
    charts_heading: str = ""
    buttons: tuple[ButtonView, ...] = ()
    footer: tuple[str, ...] = ()
    history_word: str = ""
    to_word: str = ""
    unsubscribe: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a view is made: the words, the letterhead, whose subscription, at which address."""

    words: Language
    letterhead: Letterhead
    subscription: Subscription
    address: str = ""
    headings: Mapping[str, str] = field(default_factory=dict)

    def status(self, status: str | None) -> str:
        """A status in words; one that only a profile knows is called as its section is."""
        if status and status not in self.words.texts["statuses"] and status in self.headings:
            return f"«{self.headings[status]}»"
        return self.words.status(status)

    def moment(self, text: str) -> datetime:
        return datetime.fromisoformat(text)

    def time(self, text: str) -> str:
        return self.words.time(self.moment(text), self.letterhead.zone)

    def date(self, text: str) -> str:
        return self.words.date(self.moment(text), self.letterhead.zone)


def view_of(
    message: Message, subscription: Subscription, letterhead: Letterhead, address: str = ""
) -> View:
    """The message in its subscription's language, as the one at `address` reads it."""
    words = language(subscription.language)
    headings = {
        row["status"]: row["heading"]
        for chart in message.payload.get("charts", ())
        for row in chart["rows"]
        if row.get("heading")
    }
    reader = Reader(words, letterhead, subscription, address, headings)
    view = _VIEWS[message.kind](message, reader)
    return replace(
        view,
        subject=one_line(view.subject, LONGEST_SUBJECT),
        footer=_footer(message, reader),
        history_word=words.say("digest.open_history"),
        to_word=words.say("digest.to"),
        unsubscribe=words.say("footer.unsubscribe"),
    )


# --- the digest -------------------------------------------------------------------------------


def _digest(message: Message, reader: Reader) -> View:
    words = reader.words
    entries = tuple(entry_from(one) for one in message.payload["entries"])
    pages = _pages_of(entries)
    groups = divided(entries)
    shown = tuple(_group_view(group, reader) for group in groups)
    day = words.day(message.created_at, reader.letterhead.zone)
    marked = any(entry.marked for group in shown for entry in group.entries)
    return View(
        lang=words.code,
        subject=digest_subject(entries, words),
        heading=_capitalised(_facts_of(entries, words)),
        lead=(words.say("digest.lead", pages=_names(pages, words, len(pages)), day=day),),
        legend=words.say("digest.legend") if marked else "",
        notes=_explanations(entries, words),
        groups=shown,
        charts=_charts(message.payload.get("charts", ()), reader),
        charts_heading=words.say("chart.title"),
        buttons=tuple(
            ButtonView(words.say("digest.open_page", page=page.name), page.url) for page in pages
        ),
    )


def digest_subject(entries: Sequence[Entry], words: Language) -> str:
    """The facts, then where: «3 nya, 2 till pågående – Omsorg». One change alone has its title."""
    said = _facts_of(entries, words)
    if len(entries) == 1 and entries[0].group != "page":
        said = f"{said}: {_shortened(entries[0].title, 70)}"
    pages = _names(_pages_of(entries), words, _PAGES_NAMED)
    return words.say("digest.subject", facts=said, pages=pages)


def _facts_of(entries: Sequence[Entry], words: Language) -> str:
    """«3 nya, 2 till pågående», the most important first, and how many more there are."""
    facts: list[str] = []
    for group in divided(entries, in_full=len(entries)):
        facts += _facts(group, words)
    said = ", ".join(facts[:_FACTS])
    left = sum(_fact_sizes(entries)[_FACTS:])
    return words.count("digest.more", left, facts=said) if left else said


def _facts(group: Group, words: Language) -> list[str]:
    if group.name != "moved":
        return [words.count(f"facts.{group.name}", group.size)]
    return [
        words.count("facts.moved", size, status=_to_status(status, words))
        for status, size in _moves(group.full)
    ]


def _fact_sizes(entries: Sequence[Entry]) -> list[int]:
    sizes: list[int] = []
    for group in divided(entries, in_full=len(entries)):
        moved = group.name == "moved"
        sizes += [size for _, size in _moves(group.full)] if moved else [group.size]
    return sizes


def _moves(entries: Sequence[Entry]) -> list[tuple[str | None, int]]:
    found: dict[str | None, int] = {}
    for entry in entries:
        status = entry.change["status"]["new"]
        found[status] = found.get(status, 0) + 1
    return list(found.items())


def _to_status(status: str | None, words: Language) -> str:
    known = words.texts["to_statuses"].get(status)
    return str(known) if known else f"«{words.status(status)}»"


def _group_view(group: Group, reader: Reader) -> GroupView:
    words = reader.words
    notes = {
        "corrections": (words.say("digest.correction_note"),),
        "removed": (words.count("digest.removed_note", group.size),),
    }
    return GroupView(
        heading=words.say(f"groups.{group.name}"),
        size=group.size,
        notes=notes.get(group.name, ()),
        entries=tuple(entry_view(entry, reader) for entry in group.full),
        rest=tuple(_rest_view(entry, reader) for entry in group.rest),
        rest_heading=words.count("digest.rest", len(group.rest)),
    )


def _rest_view(entry: Entry, reader: Reader) -> RestView:
    change, words = entry.change, reader.words
    note = ""
    if entry.group == "moved":
        status = change["status"]
        note = f"{reader.status(status['old'])} → {reader.status(status['new'])}"
    page = entry.pages[0]
    names = _names(entry.pages, words, _PAGES_NAMED)
    return RestView(entry.title, note, names, page.url, _other_language(entry, words))


def entry_view(entry: Entry, reader: Reader) -> EntryView:
    """One entry in words."""
    change, words = entry.change, reader.words
    view = _page_words(entry, reader) if change["subject"] == "page" else _initiative(entry, reader)
    after = reader.moment(change["after"]) if change.get("after") else None
    when = words.between(after, reader.moment(change["before"]), reader.letterhead.zone)
    initiative = change.get("initiative")
    return replace(
        view,
        pages=entry.pages,
        flags=_flags(entry, words),
        seen=words.say("digest.seen", when=when),
        history=reader.letterhead.history_url(initiative) if initiative else "",
        key=entry.group in _KEY_GROUPS,
        lang=_other_language(entry, words) if change["subject"] == "initiative" else "",
    )


def _other_language(entry: Entry, words: Language) -> str:
    """The language of what a page says, where it is not the mail's."""
    said_in = entry.pages[0].language
    return said_in if said_in != words.code else ""


def _flags(entry: Entry, words: Language) -> tuple[str, ...]:
    change = entry.change
    found = []
    kinds = change["kinds"]
    named = words.joined([words.kind(kind) for kind in kinds])
    if change.get("certainty", 1.0) < LIKELY_BELOW:
        found.append(words.say("digest.likely", what=named))
    elif change["subject"] == "initiative" and (len(kinds) > 1 or _needs_kinds(entry)):
        found.append(named)
    if entry.group == "corrections":
        found.append(words.say("digest.correction"))
    if entry.late:
        found.append(words.say("digest.late"))
    return tuple(found)


def _needs_kinds(entry: Entry) -> bool:
    """Whether the group's heading says too little of what happened to it."""
    stayed = entry.group == "back" and entry.change["title"]["new"] is not None
    return stayed or entry.group == "corrections"


def _explanations(entries: Sequence[Entry], words: Language) -> tuple[str, ...]:
    """What the flags mean, each once."""
    found = []
    if any(entry.change.get("certainty", 1.0) < LIKELY_BELOW for entry in entries):
        found.append(words.say("digest.likely_note"))
    if any(entry.late for entry in entries):
        found.append(words.say("digest.late_note"))
    return tuple(found)


def _page_words(entry: Entry, reader: Reader) -> EntryView:
    change, words = entry.change, reader.words
    title = words.say(f"fields.{change['field']}")
    old, new = change["text"]["old"] or "", change["text"]["new"] or ""
    if change.get("withdrawn"):
        return EntryView(_plain(title), title, lines=(words.say("digest.withdrawn_note"),))
    lines = (words.say("digest.back_note"),) if change.get("returned") else ()
    return EntryView(
        title=_plain(title),
        plain_title=title,
        lines=lines,
        paragraphs=_paragraphs(mark(old, new)),
        marked=bool(old and new and not change.get("returned")),
    )


def _initiative(entry: Entry, reader: Reader) -> EntryView:
    change, words = entry.change, reader.words
    kinds, title, status = change["kinds"], change["title"], change["status"]
    returned = bool(change.get("returned"))
    view = EntryView(title=_plain(tidy(entry.title)), plain_title=tidy(entry.title))
    if change.get("withdrawn"):
        return replace(view, lines=(words.say("digest.withdrawn_note"),))
    lines = list(_notes(entry, words))
    if not returned and "moved" in kinds:
        move = MoveView(reader.status(status["old"]), reader.status(status["new"]))
        view = replace(view, move=move)
    else:
        stood = "removed" in kinds and not returned
        key = "digest.last_status" if stood else "digest.status"
        value = status["old"] if status["new"] is None else status["new"]
        lines.append(f"{words.say(key)}: {reader.status(value)}")
    if entry.group == "doubled":
        other = reader.status(change["twin"]["status"])
        lines.append(f"{words.say('digest.twin_status')}: {other}")
    if returned:
        return replace(view, lines=tuple(lines))
    if "renamed" in kinds:
        lines.append(f"{words.say('digest.old_title')}: {tidy(title['old'])}")
    if change["signals"]:
        signals = words.joined([words.signal(one) for one in change["signals"]])
        lines.append(words.say("digest.touches", signals=signals))
    text = change["description"]
    old, new = text["old"] or "", text["new"] or ""
    if "reworded" in kinds:
        view = replace(view, paragraphs=_paragraphs(mark(old, new)), marked=True)
        if not new:
            lines.append(words.say("digest.gone_text"))
    elif not CAME_OR_LEFT.isdisjoint(kinds):
        shown = old if "removed" in kinds else new
        view = replace(view, paragraphs=_paragraphs(_plain(shown)))
        if not shown:
            lines.append(words.say("digest.no_text"))
    return replace(view, lines=tuple(lines), links=_links(change, words))


def _notes(entry: Entry, words: Language) -> list[str]:
    change = entry.change
    if entry.group == "crossed":
        left, entered = entry.changes[0]["pages"], entry.changes[-1]["pages"]
        names = {page.id: page.name for page in entry.pages}
        old = words.joined([names[page] for page in left])
        new = words.joined([names[page] for page in entered])
        return [words.say("digest.crossed_note", old=old, new=new)]
    if entry.group == "doubled":
        came = change["title"]["old"] is None
        return [words.say("digest.doubled_note" if came else "digest.single_note")]
    if change.get("returned"):
        gone = change["title"]["new"] is None
        return [words.say("digest.gone_back_note" if gone else "digest.back_note")]
    return []


def _links(change: Mapping[str, Any], words: Language) -> tuple[LinkView, ...]:
    old, new = change["links"]["old"] or [], change["links"]["new"] or []
    if change["kinds"] in (["added"], ["restored"]):
        return tuple(_link(link, words) for link in new)
    if "relinked" not in change["kinds"]:
        return ()
    had = {(same_key(one["text"]), one["href"]) for one in old}
    has = {(same_key(one["text"]), one["href"]) for one in new}
    texts = {same_key(one["text"]) for one in old}
    found = []
    for one in new:
        key = same_key(one["text"])
        if (key, one["href"]) not in had:
            label = "digest.links_changed" if key in texts else "digest.links_new"
            found.append(_link(one, words, words.say(label)))
    kept = {same_key(one["text"]) for one in new}
    for one in old:
        key = same_key(one["text"])
        if (key, one["href"]) not in has and key not in kept:
            found.append(_link(one, words, words.say("digest.links_gone")))
    return tuple(found)


def _link(link: Mapping[str, Any], words: Language, label: str = "") -> LinkView:
    external = words.say("digest.external") if link.get("external") else ""
    return LinkView(tidy(link["text"]), safe_href(link["href"]), external, label)


def safe_href(href: str | None) -> str | None:
    """The address, where it is one that a message may link to: web or mail, nothing that runs.

    What could end an attribute or a link in any form is percent-encoded.
    """
    if not href:
        return None
    try:
        scheme = urlsplit(href).scheme.lower()
    except ValueError:
        return None
    if scheme not in ("http", "https", "mailto"):
        return None
    return _UNSAFE.sub(lambda hit: quote(hit[0], safe=""), href)


_UNSAFE = re.compile(r"""[\s<>"'`\\{}|^\x00-\x1f]""")


def _plain(text: str) -> Pieces:
    return (Piece("same", text),) if text else ()


def _paragraphs(pieces: Sequence[Piece]) -> tuple[Pieces, ...]:
    """The pieces split at blank lines; single line breaks read as spaces."""
    paragraphs: list[list[Piece]] = [[]]
    for piece in pieces:
        for number, part in enumerate(piece.text.split("\n\n")):
            if number:
                paragraphs.append([])
            if part:
                paragraphs[-1].append(Piece(piece.kind, part.replace("\n", " ")))
    return tuple(tuple(one) for one in paragraphs if any(piece.text.strip() for piece in one))


# --- the others -------------------------------------------------------------------------------


def _welcome(message: Message, reader: Reader) -> View:
    words, subscription = reader.words, reader.subscription
    chat = "_chat" if subscription.channel in CHAT else ""
    pages = tuple(_page(one) for one in message.payload["pages"])
    if subscription.about == "operation":
        told = [words.say(f"welcome.operation_lead{chat}"), words.say("welcome.operation_when")]
        if pages:
            watched = _names(pages, words, len(pages))
            told.append(words.say("welcome.watched", pages=watched))
        return View(
            lang=words.code,
            subject=words.say("welcome.operation_subject"),
            heading=words.say("welcome.heading"),
            lead=tuple(told),
            buttons=_page_buttons(pages, words),
        )
    lead = [words.say(f"welcome.lead{chat}", pages=_names(pages, words, len(pages)))]
    if subscription.digest.rhythm == "immediate":
        lead.append(words.say("welcome.when_immediate"))
    else:
        lead.append(words.say("welcome.when_digest", when=rhythm(subscription, words)))
    if subscription.when_quiet != "never":
        lead.append(words.say(f"welcome.quiet_{subscription.when_quiet}"))
    filters = filter_words(subscription, words)
    only = []
    if filters:
        chosen = (words.count("welcome.chosen", len(filters)),)
        only.append(GroupView(words.say("welcome.only"), notes=chosen, facts=tuple(filters)))
    return View(
        lang=words.code,
        subject=words.say("welcome.subject", pages=_names(pages, words, _PAGES_NAMED)),
        heading=words.say("welcome.heading"),
        lead=tuple(lead),
        groups=(*only, *_page_counts(message.payload["pages"], reader)),
        buttons=_page_buttons(pages, words),
    )


def _page_counts(pages: Sequence[Mapping[str, Any]], reader: Reader) -> tuple[GroupView, ...]:
    words = reader.words
    groups = []
    for one in pages:
        counts = one.get("counts")
        if counts:
            lines = tuple(
                f"{row['heading'] or words.status(row['status'])}:"
                f" {words.count('welcome.initiatives', row['number'])}"
                for row in counts
            )
        else:
            lines = (words.say("welcome.nothing_yet"),)
        groups.append(GroupView(heading=one["name"], facts=lines))
    return tuple(groups)


def _first(message: Message, reader: Reader) -> View:
    words = reader.words
    shown = message.payload.get("pages") or [message.payload["page"]]
    pages = tuple(map(_page, shown))
    number = sum(row["number"] for page in shown for row in page["counts"])
    total = words.count("first.total", number)
    names = _names(pages, words, _PAGES_NAMED)
    mends = tuple(words.say("first.mend", page=page.id) for page in pages)
    wrong = GroupView(words.say("first.wrong"), facts=mends)
    return View(
        lang=words.code,
        subject=words.say("first.subject", total=total, page=names),
        heading=words.say("first.heading", page=names),
        lead=(words.count("first.lead", len(pages)),),
        groups=(*_page_counts(shown, reader), wrong),
        buttons=_page_buttons(pages, words),
    )


def _quiet(message: Message, reader: Reader) -> View:
    words, payload = reader.words, message.payload
    pages = tuple(_page(one) for one in payload["pages"])
    since = reader.time(payload["since"])
    lead = [words.say("quiet.lead", pages=_names(pages, words, len(pages)), since=since)]
    lead.append(words.count("quiet.looks", payload["looks"]))
    if payload["failed"]:
        lead.append(words.count("quiet.looks_failed", payload["failed"]))
    return View(
        lang=words.code,
        subject=words.say("quiet.subject", pages=_names(pages, words, _PAGES_NAMED)),
        heading=words.say("quiet.heading"),
        lead=tuple(lead),
        buttons=_page_buttons(pages, words),
    )


def _incident(message: Message, reader: Reader) -> View:
    words, payload = reader.words, message.payload
    what = payload["what"]
    pages = tuple(_page(one) for one in payload.get("pages", ()))
    headline, lead = _what_is_wrong(payload, pages, words)
    since = reader.time(payload["first_at"])
    if what == "ended":
        until = reader.time(payload["ended_at"])
        lasted = reader.moment(payload["ended_at"]) - reader.moment(payload["first_at"])
        minutes = lasted.total_seconds() / 60
        length = words.lasting(minutes) if minutes >= 1 else words.say("incident.brief")
        lead.append(words.say("incident.lasted", since=since, until=until, length=length))
    else:
        lead.append(words.count("incident.times", payload["count"], when=since))
        if payload["mend"]:
            mend = words.mend(payload["cause"], payload["mend"])
            lead.append(words.say("incident.mend", mend=mend))
    if payload.get("instead"):
        lead.append(words.say("incident.instead"))
    return View(
        lang=words.code,
        subject=words.say(f"incident.{what}_subject", text=_shortened(headline, 90)),
        heading=words.say(f"incident.{what}"),
        lead=tuple(lead),
        buttons=_page_buttons(pages, words),
    )


def _what_is_wrong(
    payload: Mapping[str, Any], pages: Sequence[PageInfo], words: Language
) -> tuple[str, list[str]]:
    """An incident in a line, and in as many as it takes: one for all its pages where the same is
    wrong with them, else one for each."""
    cause, over = payload["cause"], payload["what"] == "ended"
    if not pages:
        return _trouble_elsewhere(payload, words)
    texts = payload.get("texts") or [payload["text"]]
    said = [_trouble_of(cause, text, page, words) for text, page in zip(texts, pages, strict=True)]
    if over:  # what follows is what was being done about it
        said = [text.partition(";")[0] for text in said]
    headline = _names(pages, words, _PAGES_NAMED) + said[0]
    if len(set(said)) == 1:
        return headline, [_names(pages, words, len(pages)) + said[0]]
    return headline, [page.name + text for page, text in zip(pages, said, strict=True)]


def _trouble_elsewhere(payload: Mapping[str, Any], words: Language) -> tuple[str, list[str]]:
    """What is wrong with a channel, an address or ourselves: named once."""
    subject = words.texts["incident"]["subjects"].get(payload["subject"], payload["subject"])
    text = words.reason(payload["cause"], payload["text"])
    before, colon, rest = text.partition(": ")
    if colon and subject.endswith(f"({before})"):  # an address, with its subscription
        text = f"{subject}: {rest}"
    if subject in text:
        return text, [text]
    return text, [words.say("incident.subject", subject=subject), text]


def _trouble_of(cause: str, text: str, page: PageInfo, words: Language) -> str:
    """What is wrong with a page, to stand right after its name: without its id, and without its
    address, which would fill a subject line. « svarade 503», «: namnet kan inte slås upp»."""
    sentence = text.removeprefix(f"{page.id}: ")
    address, _, rest = sentence.partition(" ")
    own = address.partition("?")[0].rstrip("…")
    if not own.startswith("http") or not page.url.startswith(own):
        return f": {words.reason(cause, sentence)}"
    said = words.reason(cause, rest)
    return f" {said}" if said == rest else f": {said}"


def _note(message: Message, reader: Reader) -> View:
    words, payload = reader.words, message.payload
    text = words.reason(payload["code"], payload["text"])
    acts = words.texts["note"]["acts"].get(payload["code"]) or words.say("note.calm")
    pages = (_page(payload["page"]),) if payload["page"] else ()
    return View(
        lang=words.code,
        subject=words.say("note.subject", text=_shortened(text, 90)),
        heading=words.say("note.heading"),
        lead=(*(page.name for page in pages), text, acts, words.say("note.unheard")),
        buttons=_page_buttons(pages, words),
    )


def _test(message: Message, reader: Reader) -> View:
    words = reader.words
    return View(
        lang=words.code,
        subject=words.say("trial.subject"),
        heading=words.say("trial.heading"),
        lead=(message.payload["text"],),
    )


def _blind(message: Message, reader: Reader) -> View:
    words, payload = reader.words, message.payload
    over = payload.get("until") is not None
    which = "over_" if over else ""
    shown = payload.get("pages") or [
        {**payload["page"], "since": payload["since"], "until": payload["until"]}
    ]
    pages = tuple(map(_page, shown))
    lead = []
    for one in shown:
        until = {"until": reader.time(one["until"])} if over else {}
        since = reader.time(one["since"])
        lead.append(words.say(f"blind.{which}lead", page=one["name"], since=since, **until))
    note = words.say("blind.over_note") if over else words.count("blind.note", len(pages))
    return View(
        lang=words.code,
        subject=words.count(
            f"blind.{which}subject", len(pages), page=_names(pages, words, _PAGES_NAMED)
        ),
        heading=words.count(f"blind.{which}heading", len(pages)),
        lead=(*lead, note),
        buttons=_page_buttons(pages, words),
    )


_VIEWS: Final = {
    "digest": _digest,
    "welcome": _welcome,
    "first": _first,
    "quiet": _quiet,
    "incident": _incident,
    "blind": _blind,
    "note": _note,
    "test": _test,
}


def _charts(charts: Sequence[Mapping[str, Any]], reader: Reader) -> tuple[ChartView, ...]:
    """How many initiatives each status has now, with what it was, and its curve."""
    found = []
    for chart in charts:
        rows = tuple(_row(row, chart, reader) for row in chart["rows"])
        caption, curves = reader.words.say("chart.page", page=chart["page"]), ""
        if any(row.numbers for row in rows):
            curves = reader.words.say("chart.curves", began=reader.date(chart["began"]))
        found.append(ChartView(caption, rows, curves))
    return tuple(found)


def _row(row: Mapping[str, Any], chart: Mapping[str, Any], reader: Reader) -> RowView:
    words, new, old = reader.words, row["new"], row["old"]
    label, text = reader.status(row["status"]), str(new)
    if old not in (None, new):
        since = reader.date(chart["since"])
        key = "chart.was_today" if since == reader.date(chart["until"]) else "chart.was"
        text = words.say(key, new=new, old=old, since=since)
    numbers = tuple(row.get("curve") or ())  # messages of earlier versions have none
    if not numbers:
        return RowView(label, text)
    low, high = min(numbers), max(numbers)
    began = reader.date(chart["began"])
    if low < high and {low, high} == {old, new} and began == reader.date(chart["since"]):
        drawn = words.say("chart.drawn", first=numbers[0], last=numbers[-1])
        return RowView(label, text, "", drawn, numbers)
    key = "chart.level" if low == high else "chart.curve"
    if began == reader.date(chart["until"]):
        key += "_today"
    curve = words.say(key, began=began, first=numbers[0], low=low, high=high)
    return RowView(label, text, curve, curve, numbers)


# --- words used by several --------------------------------------------------------------------


def rhythm(subscription: Subscription, words: Language) -> str:
    """When its digests come: «varje arbetsdag kl. 07:30»."""
    digest = subscription.digest
    at = f"{digest.at:%H:%M}" if digest.at else ""
    weekday = words.texts["weekdays"][digest.weekday] if digest.weekday is not None else ""
    return words.say(f"rhythms.{digest.rhythm}", at=at, weekday=weekday)


def filter_words(subscription: Subscription, words: Language) -> list[str]:
    """What a subscription narrows itself to, in words; empty: it gets everything."""
    found: list[tuple[str, list[str]]] = []
    kinds = wanted_kinds(subscription)
    if kinds:
        ordered = [kind for kind in GROUPS if kind in kinds]
        found.append(("kinds", [words.kind(kind) for kind in ordered]))
    if subscription.moves:
        any_status = words.say("welcome.any_status")
        moves = [
            f"{any_status if move.old == ANY else words.status(move.old)} → "
            f"{any_status if move.new == ANY else words.status(move.new)}"
            for move in subscription.moves
        ]
        found.append(("moves", moves))
    if subscription.statuses:
        found.append(("statuses", [words.status(one) for one in subscription.statuses]))
    if subscription.signals:
        found.append(("signals", [words.signal(one) for one in subscription.signals]))
    if subscription.words:
        found.append(("words", [f"«{one}»" for one in subscription.words]))
    return [words.say(f"welcome.only_{name}", what=words.either(these)) for name, these in found]


def _footer(message: Message, reader: Reader) -> tuple[str, ...]:
    words, subscription = reader.words, reader.subscription
    why = "footer.why_operation" if subscription.about == "operation" else "footer.why"
    lines = [words.say(why, address=reader.address or "–", subscription=subscription.id)]
    if subscription.channel == "email":
        reply_to = reader.letterhead.reply_to
        stop = "footer.stop" if reply_to else "footer.stop_plain"
        lines.append(words.say(stop, reply_to=reply_to))
    if message.kind == "digest" and subscription.digest.rhythm not in ("immediate", "hourly"):
        lines.append(words.say("footer.when", when=rhythm(subscription, words)))
    digest = message.kind == "digest"
    lines.append(words.say("footer.automatic_digest" if digest else "footer.automatic"))
    return tuple(lines)


def _page(document: Mapping[str, Any]) -> PageInfo:
    return PageInfo(document["id"], document["id"], document["name"], document["url"])


def _page_buttons(pages: Sequence[PageInfo], words: Language) -> tuple[ButtonView, ...]:
    return tuple(
        ButtonView(words.say("digest.open_page", page=page.name), page.url) for page in pages
    )


def _pages_of(entries: Sequence[Entry]) -> tuple[PageInfo, ...]:
    found: dict[str, PageInfo] = {}
    for entry in entries:
        for page in entry.pages:
            found.setdefault(page.id, page)
    return tuple(found.values())


def _names(pages: Sequence[PageInfo], words: Language, at_most: int) -> str:
    names = list(dict.fromkeys(page.name for page in pages))
    if len(names) > at_most:
        return words.count("digest.pages", len(names))
    return words.joined(names)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _shortened(text: str, longest: int) -> str:
    folded = tidy(text)
    if len(folded) <= longest:
        return folded
    return folded[: longest - 1].rsplit(" ", 1)[0] + "…"


__all__ = ["View", "digest_subject", "filter_words", "rhythm", "view_of"]
