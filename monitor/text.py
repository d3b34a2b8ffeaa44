"""What counts as the same text. What is shown is always the original; this only compares.

Folded for comparison: Unicode NFC, every white space (also NBSP), soft hyphens and zero-width
characters, quote and dash glyphs. Kept: å ä ö, case (but for headings and titles' keys), digits.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = dict.fromkeys(
    [0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x200E, 0x200F, 0x180E, 0x034F]
)
_GLYPHS = {
    **dict.fromkeys(map(ord, "“”„‟«»″＂❝❞"), '"'),
    **dict.fromkeys(map(ord, "‘’‚‛‹›′`´＇"), "'"),
    **dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－"), "-"),
    ord("…"): "...",
}
_TABLE: dict[int, str | None] = {**_INVISIBLE, **_GLYPHS}
_SPACE = re.compile(r"[ \t\n\r\f\v]+")
_PLAIN = re.compile(r"[ -~åäöÅÄÖéÉüÜ\n]*")


def tidy(text: str) -> str:
    """The text as shown: white space folded as a browser does, trimmed; every glyph kept.

    Non-breaking and other special spaces inside a text are glyphs: they are shown as written.
    """
    if (
        text
        and "\n" not in text
        and "  " not in text
        and "\t" not in text
        and "\r" not in text
        and "\f" not in text
        and not text[0].isspace()
        and not text[-1].isspace()
    ):
        return text
    if "\xa0" in text or "\u202f" in text or "\u2009" in text:
        return _SPACE.sub(" ", text).strip()
    return " ".join(text.split())


def same_key(text: str) -> str:
    """Two texts with equal keys are the same text."""
    if _PLAIN.fullmatch(text):
        if "`" in text:
            text = text.replace("`", "'")
        return " ".join(text.split())
    folded = unicodedata.normalize("NFC", text).translate(_TABLE)
    return " ".join(folded.split())


def heading_key(text: str) -> str:
    """How a heading is looked up in a profile: like `same_key`, case ignored."""
    return same_key(text).casefold()


def same(left: str, right: str) -> bool:
    """Whether two texts are the same to a reader."""
    return left == right or same_key(left) == same_key(right)
