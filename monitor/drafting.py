"""A first profile for a page nobody has described: the headings found, and what each would be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from monitor.blocks import Outline
from monitor.extract import page_of
from monitor.furniture import heads_box, is_contents, is_count, labelled
from monitor.model import Profile, Section, Source
from monitor.text import heading_key

_NOBODY = Profile("new", "sv", ())
_GUESSES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (status, re.compile(words, re.IGNORECASE))
    for status, words in (
        (
            "partnership",
            r"partner|nätverk|nettverk|netværk|verkosto|network|samarb|samverk|samspill|kumppan"
            r"|yhteisty|tillsammans med|sammen med|together|yhdessä",
        ),
        (
            "done",
            r"avslut|genomfört|genomförda|färdig|klart|gjennomført|gennemført|afslut|valmis|valmiit"
            r"|toteutet|done|completed|finished|vi har gjort",
        ),
        (
            "developing",
            r"utveckl|utvikl|udvikl|kehit|develop|plan|på gång|kommande|kommende|tar fram|framåt"
            r"|\bkommer\b|på ve[ij]\b|ska göra|skal gjøre|skal gøre|suunnit|tulossa"
            r"|coming|next|upcoming|will do",
        ),
        (
            "ongoing",
            r"pågå|gör vi|vi gör|gjør vi|vi gjør|gør vi|vi gør|i dag|just nu|lige nu|akkurat nå"
            r"|i gång|igång|happening|i gang|nå\b|nu\b|käynn|teemme|nyt\b"
            r"|ongoing|current|now|in progress|today|under way",
        ),
    )
)
_NEWS = re.compile(
    r"nyheter|frågor|fråga oss|spørsmål|spørgsmål|kysy|questions|aktuellt|aktuelt|nyheder|uutis"
    r"|ajankohtai|news|latest|relatera|relatert|relateret"
    r"|related|läs mer|les mer|læs mere|lue lisää|read more"
    r"|mer information|mer om|kalend|evenemang",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class FoundHeading:
    """One heading of a page: where it stands, how many initiatives follow, what it would be."""

    text: str
    level: int
    initiatives: int
    part: str
    """"section", "stop", "title" or "text"."""


@dataclass(frozen=True, slots=True)
class ProfileDraft:
    """What a person needs to write a profile: the headings found, and a block to paste."""

    headings: tuple[FoundHeading, ...]
    toml: str


def suggest(source: Source) -> ProfileDraft:
    """The headings of a page and a TOML block to paste. Never fails: nonsense gives no headings."""
    page = page_of(source, _NOBODY)
    if page is None:
        return ProfileDraft((), _toml(_name(source, None), "sv", (), ()))
    outline = page.outline
    reading = page.read(source.url)
    labels = _labels(outline)
    found = list(_headings(outline, () if len(labels) >= 2 else reading.sections))
    if len(labels) >= 2:
        told = [FoundHeading(word, 0, count, "section") for word, count in labels.items()]
        found = [*told, *(heading for heading in found if heading.part == "stop")]
    parts = [(heading.text, heading.initiatives) for heading in found if heading.part == "section"]
    stops = [heading.text for heading in found if heading.part == "stop"]
    name = _name(source, reading.canonical)
    return ProfileDraft(tuple(found), _toml(name, reading.language, parts, stops))


def _labels(outline: Outline) -> Mapping[str, int]:
    words: dict[str, int] = {}
    spelling: dict[str, str] = {}
    for block in outline.blocks:
        value = labelled(block.text)
        if value:
            key = heading_key(value)
            words[key] = words.get(key, 0) + 1
            spelling.setdefault(key, value)
    return {spelling[key]: count for key, count in words.items()}


def _headings(outline: Outline, sections: Sequence[Section]) -> Iterable[FoundHeading]:
    counts = {section.heading: len(section.initiatives) for section in sections}
    titles = {item.title for section in sections for item in section.initiatives}
    over = False
    seen: set[str] = set()
    for block in outline.blocks:
        text = block.text
        if not text or text in seen or not (block.level or text in counts):
            continue
        if text in titles and text not in counts:
            continue
        seen.add(text)
        if block.level == 1:
            yield FoundHeading(text, 1, 0, "title")
        elif heads_box(text) or _NEWS.search(text):
            over = over or bool(counts)
            yield FoundHeading(text, block.level, 0, "stop")
        elif text in counts and counts[text] and not over and not is_contents(text):
            tail = block.tail
            name = tail.rest if tail is not None and is_count(tail.text) else text
            yield FoundHeading(name, block.level, counts[text], "section")
        else:
            yield FoundHeading(text, block.level, 0, "text")


def _status(heading: str, taken: set[str]) -> str:
    """The likeliest status of a heading; a word of its own where nothing fits."""
    for status, pattern in _GUESSES:
        if pattern.search(heading) and status not in taken:
            return status
    folded = heading.lower().translate(str.maketrans("åäöæøé", "aaoaoe"))
    word = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:24].strip("-")
    word = word if word[:1].isalpha() else f"status-{word}".rstrip("-")
    while word in taken:
        word += "x"
    return word


def _name(source: Source, canonical: str | None) -> str:
    try:
        host = urlsplit(source.url or canonical or "").hostname or ""
    except ValueError:
        host = ""
    labels = host.split(".")
    name = re.sub(r"[^a-z0-9-]", "", labels[-2] if len(labels) > 1 else host)
    return name if name[:1].isalpha() and name != "new" else "min-kommun"


def _toml(name: str, language: str, parts: Sequence[tuple[str, int]], stops: Sequence[str]) -> str:
    def quoted(text: str) -> str:
        return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

    lines = [f"[profiles.{name}]", f"language = {quoted(language)}", "sections = ["]
    taken: set[str] = set()
    for heading, count in parts:
        status = _status(heading, taken)
        taken.add(status)
        unit = "insats" if count == 1 else "insatser"
        lines.append(
            f"  {{ heading = [{quoted(heading)}], status = {quoted(status)} }},  # {count} {unit}"
        )
    if not parts:
        lines.append('  # { heading = ["Rubriken på sidan"], status = "ongoing" },')
    lines.append("]")
    lines.append(f"stop = [{', '.join(quoted(stop) for stop in stops)}]")
    return "\n".join(lines) + "\n"
