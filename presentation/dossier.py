"""One initiative's whole life as a page that needs nothing else: to print, to keep, to hand over.

No script, no address is fetched; everything from the watched page is escaped. The texts show what
each change took away and put in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from html import escape
from typing import Any, Final

from presentation.language import Language
from presentation.marking import mark
from presentation.terminal import between, local

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--soft:#595959;--line:#c9c9c9;
--new:#d9f2dd;--gone:#fbdcdc;--b0:#0b5b52;--b1:#8a4b00;--b2:#3b4cb8;--b3:#8c1d5a}
@media (prefers-color-scheme:dark){:root{--ink:#eee;--paper:#161616;--soft:#b4b4b4;--line:#4a4a4a;
--new:#1d4a29;--gone:#5c2222;--b0:#5cc4b6;--b1:#e0a050;--b2:#98a6ff;--b3:#e58cbd}}
body{font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:46rem;margin:2rem auto;padding:0 1rem;overflow-wrap:break-word}
h1{line-height:1.2}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}h2,h3{break-after:avoid}
dt{font-weight:600}dd{margin:0 0 .6rem}article{margin:1.5rem 0;break-inside:avoid}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;
padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}tr{break-inside:avoid}
ins{background:var(--new)}del{background:var(--gone)}del+ins{margin-left:.2em}
.soft{color:var(--soft)}code,.url{overflow-wrap:anywhere}code{font-size:.85em}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
svg{display:block;width:100%;height:auto;margin:1rem 0}svg text{fill:var(--ink)}
.b0{fill:var(--b0)}.b1{fill:var(--b1)}.b2{fill:var(--b2)}.b3{fill:var(--b3)}.axis{stroke:var(--line)}
@media (max-width:36rem){thead{position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%)}tr{display:block;border-bottom:1px solid var(--line);padding:.5rem 0}
td{display:block;border:0;padding:.1rem 0}td[data-label]::before{content:attr(data-label) ": ";
font-weight:600}}
@media print{:root{--ink:#000;--paper:#fff;--soft:#333;--line:#999;--new:#e4f5e7;--gone:#fbe4e4;
--b0:#0b5b52;--b1:#8a4b00;--b2:#3b4cb8;--b3:#8c1d5a}
body{max-width:none;margin:0;font-size:10.5pt;print-color-adjust:exact}}
"""

_WIDTH: Final = 640
_LABEL: Final = 150
_BAR: Final = 24


@dataclass(frozen=True, slots=True)
class Source:
    """One capture that the history rests on: its id, the page's address, the hash of its bytes.

    `source` says where it came from: «look», «file» or «warc»; `at` is RFC 3339.
    """

    capture: str
    at: str
    url: str
    sha256: str
    source: str = "look"


@dataclass(frozen=True, slots=True)
class Text:
    """What the initiative says on a page now, or said there last."""

    page: str
    heading: str
    title: str
    description: str
    links: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Whom the page is written for."""

    words: Language
    zone: tzinfo

    def say(self, key: str, **values: object) -> str:
        """A text of the dossier, escaped; `values` may hold text from the page."""
        return escape(self.words.say(f"dossier.{key}", **values))

    def between(self, after: str | None, before: str | None) -> str:
        return escape(between(after, before, self.zone, self.words))

    def local(self, instant: str | None) -> str:
        return escape(local(instant, self.zone))

    def status(self, status: str | None) -> str:
        return escape(self.words.status(status))


def dossier(
    life: Mapping[str, Any],
    texts: Sequence[Text],
    sources: Sequence[Source],
    made_at: str,
    words: Language,
    zone: tzinfo,
) -> str:
    """The page, as HTML, from `history`'s document, the texts as they stand (or stood last) on each
    page, and the captures it rests on. `made_at` is RFC 3339."""
    to = _Reader(words, zone)
    title = escape(life["initiative"]["title"])
    return "".join(
        (
            f'<!DOCTYPE html>\n<html lang="{words.code}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{title} – {to.say('name')}</title><style>{_STYLE}</style></head>"
            f"<body><main>\n<h1>{title}</h1>\n",
            *_facts(life["initiative"], to),
            *_statuses(life["statuses"], made_at, to),
            *_texts(texts, bool(life["initiative"]["present"]), to),
            *_changes(life["changes"], to),
            *_sources(sources, to),
            f'<p class="soft">{to.say("made", at=local(made_at, zone), zone=str(zone))}</p>\n',
            "</main></body></html>\n",
        )
    )


def _facts(initiative: Mapping[str, Any], to: _Reader) -> Iterator[str]:
    where = to.say("stands_on" if initiative["present"] else "stood_on")
    yield "<dl>"
    yield f"<dt>{to.say('status')}</dt><dd>{to.status(initiative['status'])}</dd>"
    yield f"<dt>{where}</dt><dd>{escape(', '.join(initiative['pages']))}</dd>"
    yield f"<dt>Id</dt><dd><code>{escape(initiative['id'])}</code></dd></dl>\n"


def _statuses(statuses: Sequence[Mapping[str, Any]], made_at: str, to: _Reader) -> Iterator[str]:
    yield f"<h2>{to.say('timeline')}</h2>\n"
    if statuses:
        yield _timeline(statuses, made_at, to)
    rows = []
    for span in statuses:
        ended = to.say("still")
        if span["to"]:
            ended = to.between(span["to_after"], span["to"])
        began = to.between(span["from_after"], span["from"])
        rows.append((escape(span["page"]), to.status(span["status"]), began, ended))
    yield from _table([to.say(key) for key in ("page", "status", "began", "ended")], rows)


def _timeline(statuses: Sequence[Mapping[str, Any]], made_at: str, to: _Reader) -> str:
    """A bar for each status it had, a row for each page. The table below says the same."""
    moments = [datetime.fromisoformat(span["from"]) for span in statuses]
    start, end = min(moments), datetime.fromisoformat(made_at)
    seconds = max((end - start).total_seconds(), 1.0)
    rows = list(dict.fromkeys(span["page"] for span in statuses))
    colours = list(dict.fromkeys(span["status"] for span in statuses))
    height = len(rows) * (_BAR + 12) + 30

    def x(moment: str | None) -> float:
        at = datetime.fromisoformat(moment) if moment else end
        share = (at - start).total_seconds() / seconds
        return round(_LABEL + min(max(share, 0.0), 1.0) * (_WIDTH - _LABEL), 1)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height + 22 * len(colours)}" role="img" '
        f'font-family="system-ui,sans-serif" font-size="14" aria-label="{to.say("drawn")}">'
    ]
    for number, page in enumerate(rows):
        top = number * (_BAR + 12)
        parts.append(f'<text x="0" y="{top + 17}">{escape(_short(page))}</text>')
        for span in statuses:
            if span["page"] == page:
                left, right = x(span["from"]), x(span["to"])
                colour = colours.index(span["status"]) % 4
                parts.append(
                    f'<rect class="b{colour}" x="{left}" y="{top}" rx="2" '
                    f'width="{max(right - left - 1, 2):.1f}" height="{_BAR}"/>'
                )
    axis = len(rows) * (_BAR + 12)
    parts.append(f'<line class="axis" x1="{_LABEL}" x2="{_WIDTH}" y1="{axis}" y2="{axis}"/>')
    for where, anchor, moment in ((_LABEL, "start", start), (_WIDTH, "end", end)):
        day = f"{moment.astimezone(to.zone):%Y-%m-%d}"
        parts.append(f'<text x="{where}" y="{axis + 18}" text-anchor="{anchor}">{day}</text>')
    for number, status in enumerate(colours):
        top = height + number * 22
        parts.append(
            f'<rect class="b{number % 4}" x="{_LABEL}" y="{top}" width="14" height="14" rx="2"/>'
            f'<text x="{_LABEL + 22}" y="{top + 12}">{to.status(status)}</text>'
        )
    return "".join([*parts, "</svg>\n"])


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"


def _texts(texts: Sequence[Text], present: bool, to: _Reader) -> Iterator[str]:
    yield f"<h2>{to.say('text_now' if present else 'text_last')}</h2>\n"
    said: dict[tuple[str, str, str], list[Text]] = {}
    for text in texts:  # the same words on several pages stand here once
        links = "\n".join(_link_lines(text.links))
        said.setdefault((text.title, text.description, links), []).append(text)
    for (title, description, links), where in said.items():
        places = "; ".join(f"{one.page}: {one.heading}" for one in where)
        yield f'<article><h3>{escape(title)}</h3><p class="soft">{escape(places)}</p>'
        yield from _marked(description or to.words.say("digest.no_text"), None, to)
        yield from _marked(links, None, to)
        yield "</article>\n"


def _changes(changes: Sequence[Mapping[str, Any]], to: _Reader) -> Iterator[str]:
    yield f"<h2>{to.say('changes')}</h2>\n"
    if not changes:
        yield f"<p>{to.say('no_changes')}</p>\n"
        return
    yield f'<p class="soft">{escape(to.words.say("digest.legend"))}</p>\n'
    for change in changes:
        kinds = ", ".join(to.words.kind(kind) for kind in change["kinds"])
        when = to.between(change["after"], change["before"])
        yield f"<article><h3>{escape(kinds[:1].upper() + kinds[1:])}</h3>"
        yield f'<p class="soft">{escape(change["page"])}, {when}</p>'
        old, new = change["status"]["old"], change["status"]["new"]
        if old != new:
            sides = [to.status(one) if one else "–" for one in (old, new)]
            yield f"<p>{' → '.join(sides)}</p>"
        for key in ("title", "description"):
            yield from _marked(change[key]["old"] or "", change[key]["new"] or "", to)
        if "relinked" in change["kinds"]:
            before, after = ("\n".join(_link_lines(change["links"][one])) for one in ("old", "new"))
            yield from _marked(before, after, to)
        if change["signals"]:
            signals = ", ".join(map(to.words.signal, change["signals"]))
            yield f'<p class="soft">{escape(to.words.say("digest.touches", signals=signals))}</p>'
        yield f'<p class="soft"><code>{escape(change["id"])}</code></p></article>\n'


def _link_lines(links: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    for link in links or ():
        yield f"{link['text']}: {link['href'] or '–'}"


def _marked(old: str, new: str | None, to: _Reader) -> Iterator[str]:
    """A paragraph with what left it struck out and what came underlined; `new` None: as it is."""
    if not old and not new:
        return
    tags = {
        "same": ("", ""),
        "gone": (f"<del><span class='vh'>[{to.say('gone')}: </span>", "</del>"),
        "new": (f"<ins><span class='vh'>[{to.say('new')}: </span>", "</ins>"),
    }
    parts = []
    for piece in mark(old, old if new is None else new):
        before, after = tags[piece.kind]
        hidden = "<span class='vh'>]</span>" if before else ""
        parts.append(before + escape(piece.text).replace("\n", "<br>") + hidden + after)
    yield f"<p>{''.join(parts)}</p>"


def _sources(sources: Sequence[Source], to: _Reader) -> Iterator[str]:
    yield f"<h2>{to.say('sources')}</h2>\n"
    headings = [to.say(key) for key in ("captured", "origin", "address", "hash")]
    rows = [
        (
            to.local(source.at),
            escape(to.words.say(f"origins.{source.source}")),
            f"<span class='url'>{escape(source.url)}</span>",
            f"<code>{escape(source.capture)}<br>{escape(source.sha256)}</code>",
        )
        for source in sources
    ]
    yield from _table(headings, rows)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table of cells that are HTML already; on a narrow screen each cell says its heading."""
    yield "<table><thead><tr>"
    yield "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    yield "</tr></thead><tbody>\n"
    for row in rows:
        labelled = zip(headings, row, strict=True)
        cells = (f'<td data-label="{heading}">{cell}</td>' for heading, cell in labelled)
        yield f"<tr>{''.join(cells)}</tr>\n"
    yield "</tbody></table>\n"
