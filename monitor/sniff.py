"""Before anything is parsed: is this a page at all, and can it be parsed in bounded time?"""

from __future__ import annotations

import re

from monitor.model import Reason, Source

_MAGIC = (
    (b"%PDF-", "en PDF"),
    (b"\x89PNG", "en bild"),
    (b"\xff\xd8\xff", "en bild"),
    (b"GIF8", "en bild"),
    (b"PK\x03\x04", "ett arkiv"),
    (b"\x1f\x8b", "packade data"),
    (b"\x28\xb5\x2f\xfd", "packade data"),
)
_OTHER_TEXT = (
    (re.compile(rb"\s*[\[{]\s*[\"\[{\]}]"), "JSON"),
    (
        re.compile(
            rb"\s*(?:<\?xml[^>]*>\s*(?:<!--.*?-->\s*)*)?<(?:rss|feed|urlset|sitemapindex|svg)\b",
            re.S,
        ),
        "XML",
    ),
)
_CONTROLS = bytes(n for n in range(32) if n not in b"\t\n\r\f")
_MANY_TAGS = 8_000
_MOST_TAGS = 200_000
_MOST_LINES = 50_000
_DEEPEST = 10_000
_LONGEST_TAG = 60_000
_MANY_ATTRIBUTES = 4_000
_QUOTED = re.compile(rb"\"[^\"]*\"|'[^']*'")
_SEPARATOR = re.compile(rb"[\s/'\"]")
_TAG = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_VOID = frozenset(
    b"area base br col embed hr img input link meta source track wbr path use rect circle".split()
)


def not_a_page(source: Source) -> Reason | None:
    """A reason where the bytes are something else than HTML or plain text."""
    body = source.body
    if not body.strip():
        return Reason("empty_body", "Svaret var tomt.")
    for magic, name in _MAGIC:
        if body.startswith(magic):
            return Reason("not_html", f"Svaret är {name}, inte en webbsida.", name)
    for pattern, name in _OTHER_TEXT:
        if pattern.match(body):
            return Reason("not_html", f"Svaret är {name}, inte en webbsida.", name)
    if b"\x00" in body and not _wide(body):
        controls = len(body) - len(body.translate(None, _CONTROLS))
        if controls > len(body) // 50:
            return Reason("not_html", "Svaret är binära data, inte en webbsida.", "binary")
    return None


def _wide(body: bytes) -> bool:
    """Whether it could be UTF-16 or UTF-32: every other byte is zero, or a mark says so."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    head = body[:400]
    return head[1::2].count(0) > len(head) // 3 or head[::2].count(0) > len(head) // 3


def too_tangled(html: bytes) -> Reason | None:
    """A reason where the tags are nested or piled up so that parsing would not end in time.

    The HTML algorithm takes time that grows with tags times depth, and with the square of a tag's
    attributes (WHATWG HTML, 13.2.6.4.7). Ordinary pages pass after one count of bytes.
    """
    tags = html.count(b"<")
    tangled = Reason("too_tangled", "Sidans märkning är så trasslig att den inte kan läsas.")
    if _piled_up(html):
        return tangled
    if len(html) > 100 * tags and html.count(b">") > 2 * tags + 5_000:
        return tangled
    if tags <= _MANY_TAGS:
        return None
    if tags > _MOST_TAGS:
        return Reason("too_large", "Sidan är för stor för att läsas.", str(tags))
    depth = deepest = 0
    for slash, name in _TAG.findall(html):
        if slash:
            depth = max(0, depth - 1)
        elif name.lower() not in _VOID:
            depth += 1
            deepest = max(deepest, depth)
    return tangled if deepest > _DEEPEST else None


def _piled_up(html: bytes) -> bool:
    """Whether some tag has thousands of attributes. Long comments, and pictures in an attribute,
    are ordinary."""
    step = _LONGEST_TAG // 2
    judged = 0
    for start in range(0, len(html) - _LONGEST_TAG, step):
        if start < judged or html.find(b">", start, start + step) >= 0:
            continue
        opened = html.rfind(b"<", 0, start + step)
        if opened < 0 or html.find(b">", opened, start) >= 0:
            continue
        judged = html.find(b">", start) + 1 or len(html)
        tag = b"" if html.startswith(b"<!--", opened) else html[opened:judged]
        if len(_SEPARATOR.findall(_QUOTED.sub(b'"', tag))) > _MANY_ATTRIBUTES:
            return True
    return False


def too_long(text: str) -> Reason | None:
    """A reason where a plain text has more lines than any page."""
    lines = text.count("\n")
    if lines <= _MOST_LINES:
        return None
    return Reason("too_large", "Texten är för lång för att läsas.", str(lines))


_LOGIN = re.compile(
    rb"<input[^>]{0,500}?(?:type\s*=\s*[\"']?password|name\s*=\s*[\"']?(?:SAML|RelayState|wresult))",
    re.IGNORECASE,
)


def asks_to_log_in(html: bytes) -> bool:
    """Whether there is a field for a password, or a form that leads to a log-in elsewhere."""
    return _LOGIN.search(html) is not None


_CLOSED = re.compile(rb"</(?:html|body)\s*>", re.IGNORECASE)
_OPENED = re.compile(rb"<(?:html|body)\b", re.IGNORECASE)


def cut_ending(html: bytes) -> str:
    """Where a document was cut: "tag" in the middle of a tag, "end" without its end, else ""."""
    if html.rfind(b"<") > html.rfind(b">"):
        return "tag"
    if html.rfind(b"</html>") >= 0 or html.rfind(b"</body>") >= 0 or _CLOSED.search(html):
        return ""
    return "end" if _OPENED.search(html, 0, 20_000) else ""
