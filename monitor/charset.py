"""Bytes -> text. The bytes themselves have the last word: what is valid UTF-8 is UTF-8.

Order: byte order mark, valid UTF-8, the header's charset, `<meta charset>`, then detection. A
declared charset that the bytes contradict is noticed (`Decoded.contradiction`), never followed
blindly.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEADER = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:\-]+)", re.IGNORECASE)
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_.:\-]+)", re.IGNORECASE)
_META_WINDOW = 4096
# The names browsers read as windows-1252 (WHATWG Encoding Standard, section 4.2).
_LATIN = {"iso-8859-1", "iso8859-1", "latin1", "latin-1", "l1", "us-ascii", "ascii", "iso_8859-1"}
_READABLE = re.compile(r"utf|iso8859|cp\d|koi8|mac_|gb|big5|shift_jis|euc_|cp1252|latin")
_WITHOUT_ASCII = {"utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be", "utf-7"}


@dataclass(frozen=True, slots=True)
class Decoded:
    """`contradiction` is "" or says which declared charset the bytes did not fit."""

    text: str
    charset: str
    contradiction: str = ""


def decode(body: bytes, content_type: str | None = None) -> Decoded:
    """The text of a body. Never fails: what fits no charset gets U+FFFD, which quality notices."""
    for mark, charset in _BOMS:
        if body.startswith(mark):
            return Decoded(body.decode(charset, "replace").lstrip("\ufeff"), charset)
    declared = _declared(body, content_type)
    if not (declared and declared[0] in _WITHOUT_ASCII):
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            wrong = [name for name in declared if name != "utf-8"] if not text.isascii() else []
            return Decoded(text, "utf-8", wrong[0] if wrong else "")
    for name in declared:
        if name != "utf-8":
            try:
                return Decoded(body.decode(name), name)
            except (UnicodeDecodeError, LookupError, ValueError):
                continue
    if "utf-8" in declared and _nearly_utf8(body):
        return Decoded(body.decode("utf-8", "replace"), "utf-8", "utf-8")
    return _detected(body, declared)


def _declared(body: bytes, content_type: str | None) -> list[str]:
    names = []
    if content_type and (found := _HEADER.search(content_type)):
        names.append(found[1])
    if found_bytes := _META.search(body, 0, _META_WINDOW):
        names.append(found_bytes[1].decode("ascii"))
    known = []
    for name in names:
        lower = name.lower()
        try:
            charset = "cp1252" if lower in _LATIN else codecs.lookup(lower).name
        except (LookupError, ValueError):
            continue
        if _READABLE.match(charset):
            known.append(charset)
    return known


def _nearly_utf8(body: bytes) -> bool:
    """A few broken bytes in a UTF-8 page are damage to report, not another charset."""
    text = body.decode("utf-8", "replace")
    good = sum(1 for char in text if char > "\x7f" and char != "\ufffd")
    return text.count("\ufffd") <= good


def _detected(body: bytes, declared: list[str]) -> Decoded:
    contradiction = declared[0] if declared else ""
    if b"\x00" not in body[:_META_WINDOW]:
        # Nordic pages outside UTF-8 are windows-1252: five bytes are unassigned there.
        try:
            return Decoded(body.decode("cp1252"), "cp1252", contradiction)
        except UnicodeDecodeError:
            pass
    from charset_normalizer import from_bytes

    best = from_bytes(body[:200_000]).best()
    charset = best.encoding if best is not None else "cp1252"
    return Decoded(body.decode(charset, "replace"), charset, contradiction)
