"""A view as mail: HTML with its styles inline, and the text twin with the same facts.

Templates are ours, the texts in them come from web pages: the environment is sandboxed, HTML is
escaped by default; addresses that a mail may not link to never come this far (`view.safe_href`).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from notifications.view import View
from presentation.charts import steps_png
from presentation.language import language
from presentation.marking import Piece, bare

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_WIDTH = 76
_BLANKS = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG that the HTML shows, as `cid:` and its id (RFC 2392)."""

    id: str
    png: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail's content: the subject, the same facts twice, and the pictures of the second."""

    subject: str
    text: str
    html: str
    pictures: tuple[Picture, ...] = ()


def letter(view: View) -> Letter:
    """The view as text and HTML."""
    rows = [row for chart in view.charts for row in chart.rows if row.numbers]
    drawn = {row.numbers: _drawn(row.numbers) for row in rows}
    html = _html_of(view, {numbers: picture.id for numbers, picture in drawn.items()})
    return Letter(view.subject, text_of(view), html, tuple(drawn.values()))


@lru_cache(maxsize=64)
def _drawn(numbers: tuple[int, ...]) -> Picture:
    """The same numbers are the same picture under the same id, to everybody and in every try."""
    name = sha256(repr(numbers).encode()).hexdigest()[:16]
    return Picture(f"{name}@visionsvakt", steps_png(numbers))


def _html_of(view: View, pictures: Mapping[tuple[int, ...], str]) -> str:
    """One HTML document, styles inline; dark and narrow screens by the style sheet it keeps."""
    import css_inline  # late: these cost start-up

    template = _environment().get_template("mail.html")
    html = template.render(view=view, pieces=_html_pieces(view.lang), lang=_lang, pictures=pictures)
    return css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False).inline(html)


def text_of(view: View) -> str:
    """The text twin: lines of at most 76 characters, but for addresses."""
    text = (
        _environment()
        .get_template("mail.txt")
        .render(
            view=view, pieces=_text_pieces, legend=language(view.lang).say("digest.legend_text")
        )
    )
    lines = [_wrapped(line) for line in text.splitlines()]
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip() + "\n"


def _wrapped(line: str) -> str:
    if len(line) <= _WIDTH:
        return line.rstrip()
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line.strip(),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + ("  " if line.lstrip().startswith(("- ", "* ")) else ""),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _text_pieces(pieces: Iterable[Piece]) -> str:
    shown = []
    for piece in pieces:
        opening, closing = {"gone": ("[-", "-]"), "new": ("{+", "+}")}.get(piece.kind, ("", ""))
        before, text, after = bare(piece.text)
        marked = f"{opening}{text}{closing}" if text else ""
        shown.append(f"{before}{marked}{after}")
    return "".join(shown)


def _lang(code: str) -> Markup:
    """The attribute for a text in another language than what it stands in; "" is none."""
    from markupsafe import Markup

    return Markup(' lang="{}"').format(code) if code else Markup("")


class _html_pieces:  # noqa: N801 (reads as a function in the template)
    """Marked words as `del` and `ins`, said aloud too: most screen readers pass over the tags."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        words = language(lang)
        self.said = {"gone": words.say("digest.gone"), "new": words.say("digest.new")}

    def __call__(self, pieces: Iterable[Piece], said_in: str = "") -> Markup:
        from markupsafe import Markup

        shown = Markup("")
        gone = False
        for piece in pieces:
            if gone and piece.kind == "new":
                shown += " "  # else the old word and the new one read as one
            gone = piece.kind == "gone" and not piece.text[-1:].isspace()
            if piece.kind == "same" or not piece.text.strip():
                shown += Markup("{}").format(piece.text)
                continue
            tag = "del" if piece.kind == "gone" else "ins"
            ours = _lang(self.lang if said_in else "")
            before, text, after = bare(piece.text)
            shown += Markup('{before}<{tag}><span class="vh"{ours}>[{said}: </span>{text}').format(
                before=before, tag=tag, ours=ours, said=self.said[piece.kind], text=text
            )
            shown += Markup('<span class="vh">] </span></{}>{}').format(tag, after)
        return shown


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import PackageLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        loader=PackageLoader("notifications"),
        autoescape=lambda name: name is None or name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
