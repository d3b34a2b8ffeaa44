"""What counts as the same text. What is shown is always the original; this only compares.

Folded for comparison: Unicode NFC, every white space (also NBSP), soft hyphens and zero-width
characters, quote and dash glyphs. Kept: å ä ö, case (but for headings and titles' keys), digits.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u180e\u034f"
_TABLE = {
    **dict.fromkeys(_INVISIBLE, ""),
    **dict.fromkeys("“”„‟«»″＂❝❞", '"'),
    **dict.fromkeys("‘’‚‛‹›′`´＇", "'"),
    **dict.fromkeys("‐‑‒–—―−﹘﹣－", "-"),
    "…": "...",
}
"""What is folded to what, glyph by glyph."""
_ODD = re.compile(f"[{''.join(_TABLE)}]")
_SPACE = re.compile(r"[ \t\n\r\f\v]+")
_PLAIN = re.compile(r"[ -~åäöÅÄÖéÉüÜ\n]*")


def tidy(text: str) -> str:
    """The text as shown: white space folded as a browser does, trimmed; every glyph kept.

    Non-breaking and other special spaces inside a text are glyphs: they are shown as written.
    """
    if (
        "\n" not in text
        and "  " not in text
        and text == text.strip()
        and "\t" not in text
        and "\r" not in text
        and "\f" not in text
    ):
        return text
    if "\xa0" in text or "\u202f" in text or "\u2009" in text:
        return _SPACE.sub(" ", text).strip()
    return " ".join(text.split())


@lru_cache(maxsize=2048)
def same_key(text: str) -> str:
    """Two texts with equal keys are the same text. The latest are remembered: one look at a page
    asks for the same ones again and again, and so does the next look."""
    if _PLAIN.fullmatch(text):  # nearly every text: no white space but blanks and line breaks
        text = text.replace("`", "'").replace("\n", " ")
        while "  " in text:
            text = text.replace("  ", " ")
        return text.strip(" ")
    folded = _ODD.sub(_fold, unicodedata.normalize("NFC", text))
    return " ".join(folded.split())


def _fold(glyph: re.Match[str]) -> str:
    return _TABLE[glyph[0]]


def heading_key(text: str) -> str:
    """How a heading is looked up in a profile: like `same_key`, case ignored."""
    return same_key(text).casefold()


def same(left: str, right: str) -> bool:
    """Whether two texts are the same to a reader."""
    return left == right or same_key(left) == same_key(right)
