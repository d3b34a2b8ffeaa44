"""One initiative's whole life as a page that needs nothing else: to print, to keep, to hand over.

No script, no address is fetched; everything from the watched page is escaped. The texts show what
each change took away and put in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from html import escape
from typing import Any

from presentation.language import language
from presentation.marking import mark
from presentation.terminal import between, local

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--soft:#595959;--line:#c9c9c9;
--new:#d9f2dd;--gone:#fbdcdc}
@media (prefers-color-scheme:dark){:root{--ink:#eee;--paper:#161616;--soft:#b4b4b4;--line:#4a4a4a;
--new:#1d4a29;--gone:#5c2222}}
body{font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:46rem;margin:2rem auto;padding:0 1rem;overflow-wrap:break-word}
h1{line-height:1.2}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}
dt{font-weight:600}dd{margin:0 0 .6rem}article{margin:1.5rem 0;break-inside:avoid}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;
padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}
ins{background:var(--new)}del{background:var(--gone)}.soft{color:var(--soft)}
code,.url{overflow-wrap:anywhere}code{font-size:.85em}
@media print{:root{--ink:#000;--paper:#fff;--soft:#333}body{max-width:none;margin:0}}
"""

_WORDS = language("sv")


@dataclass(frozen=True, slots=True)
class Source:
    """One capture that a change rests on: its id, the page's address, the hash of its bytes."""

    capture: str
    at: str
    url: str
    sha256: str


def dossier(life: Mapping[str, Any], sources: Sequence[Source], zone: tzinfo, made_at: str) -> str:
    """The page, as HTML, from `history`'s document and the captures its changes rest on."""
    initiative = life["initiative"]
    title = escape(initiative["title"])
    return "".join(
        (
            '<!DOCTYPE html>\n<html lang="sv"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{title} – akt</title><style>{_STYLE}</style></head><body><main>\n",
            f"<h1>{title}</h1>\n",
            *_facts(initiative),
            *_statuses(life["statuses"], zone),
            *_changes(life["changes"], zone),
            *_sources(sources, zone),
            f'<p class="soft">Sammanställd {local(made_at, zone)} av Visionsvakt ur sidans egen '
            "text. Tider är lokala; det som hände mellan två hämtningar såg ingen.</p>\n",
            "</main></body></html>\n",
        )
    )


def _facts(initiative: Mapping[str, Any]) -> Iterator[str]:
    where = "Står på" if initiative["present"] else "Stod senast på"
    yield "<dl>"
    yield f"<dt>Status</dt><dd>{escape(_WORDS.status(initiative['status']))}</dd>"
    yield f"<dt>{where}</dt><dd>{escape(', '.join(initiative['pages']))}</dd>"
    yield f"<dt>Id</dt><dd><code>{escape(initiative['id'])}</code></dd></dl>\n"


def _statuses(statuses: Sequence[Mapping[str, Any]], zone: tzinfo) -> Iterator[str]:
    yield "<h2>Lägen</h2>\n<table><thead><tr><th>Sida</th><th>Status</th><th>Började</th>"
    yield "<th>Slutade</th></tr></thead><tbody>\n"
    for span in statuses:
        end = between(span["to_after"], span["to"], zone) if span["to"] else "pågår än"
        start = between(span["from_after"], span["from"], zone)
        cells = (span["page"], _WORDS.status(span["status"]), start, end)
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>\n"
    yield "</tbody></table>\n"


def _changes(changes: Sequence[Mapping[str, Any]], zone: tzinfo) -> Iterator[str]:
    yield "<h2>Ändringar</h2>\n"
    if not changes:
        yield "<p>Inga ändringar är kända.</p>\n"
    for change in changes:
        kinds = ", ".join(_WORDS.kind(kind) for kind in change["kinds"])
        when = between(change["after"], change["before"], zone)
        yield f"<article><h3>{escape(kinds.capitalize())}</h3>"
        yield f'<p class="soft">{escape(change["page"])}, {when}</p>'
        old, new = change["status"]["old"], change["status"]["new"]
        if old != new:
            arrow = f"{_WORDS.status(old) if old else '–'} → {_WORDS.status(new) if new else '–'}"
            yield f"<p>{escape(arrow)}</p>"
        for key in ("title", "description"):
            yield from _marked(change[key]["old"] or "", change[key]["new"] or "")
        yield f'<p class="soft"><code>{escape(change["id"])}</code></p></article>\n'


def _marked(old: str, new: str) -> Iterator[str]:
    if not old and not new:
        return
    tags = {"same": ("", ""), "gone": ("<del>", "</del>"), "new": ("<ins>", "</ins>")}
    parts = []
    for piece in mark(old, new):
        before, after = tags[piece.kind]
        parts.append(before + escape(piece.text).replace("\n", "<br>") + after)
    yield f"<p>{''.join(parts)}</p>"


def _sources(sources: Sequence[Source], zone: tzinfo) -> Iterator[str]:
    yield "<h2>Källor</h2>\n<table><thead><tr><th>Hämtad</th><th>Adress</th><th>Hämtning och "
    yield "SHA-256 av innehållet</th></tr></thead><tbody>\n"
    for source in sources:
        yield (
            f"<tr><td>{local(source.at, zone)}</td><td class='url'>{escape(source.url)}</td>"
            f"<td><code>{escape(source.capture)}<br>{escape(source.sha256)}</code></td></tr>\n"
        )
    yield "</tbody></table>\n"
