"""A parsed tree as a flat list of tags and the texts after them, cut from its own serialisation.

The parser has already mended whatever was broken, so what it writes back is regular (WHATWG HTML,
13.3): every element is opened and closed in order, void elements are opened only, attributes stand
as `name="value"` after one space each, and no text or value holds a «<» or «>». One serialisation
and one cut, both in C, cost a fraction of asking node after node for its tag, its text and what
follows it.

Comments and the text of scripts may hold anything: `without_foreign_text` takes it out of the way.
What is odder still (a name with a «<» in it, `<xmp>`, a link without an address) is rare, and read
node by node (`walk`): slower, with the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from html import escape
from typing import NamedTuple

from selectolax.lexbor import LexborNode

Attributes = dict[str, str]

VOID = frozenset(
    "area base basefont bgsound br col embed frame hr img input keygen link meta param source track"
    " wbr".split()
)
FOREIGN = frozenset(("script", "style", "iframe"))
"""Elements whose text is no HTML, and is written as it is."""
ODD = FOREIGN | {"xmp", "noembed", "noframes", "plaintext"}
"""Elements that may be written otherwise than they were read."""
_OPAQUE = re.compile(rf"<(?:!--|({'|'.join(sorted(FOREIGN))})[ >])")
_SCRIPT_STEP = re.compile(r"<!--(?!-*>)|-->|<(/?)script[\s/>]", re.IGNORECASE)
_ATTRIBUTE = re.compile(r'(?<![^ ])([^ ][^ =]*)="([^"]*)"')


class Markup(NamedTuple):
    """`texts[n]` stands after `tags[n]`. Tags are as written: `li class="a"`, `/li`, `!----`."""

    tags: list[str]
    texts: list[str]

    def next_end(self, first: int, name: str) -> int | None:
        """Where the element opened at `first` is closed; None where it holds another of its name,
        which takes `ends` to tell."""
        try:
            end = self.tags.index(f"/{name}", first)
        except ValueError:
            return None
        return None if any(tag.startswith(name) for tag in self.tags[first + 1 : end]) else end

    def ends(self, name: str) -> dict[int, int]:
        """Where each element of a name is closed, by where it is opened."""
        found: dict[int, int] = {}
        opened: list[int] = []
        for number, tag in enumerate(self.tags):
            if tag.startswith(name) and name_of(tag) == name:
                opened.append(number)
            elif tag == f"/{name}" and opened:
                found[opened.pop()] = number
        return found

    def last_outside(self, wanted: Container[str], outer: Sequence[str]) -> int:
        """Where the last element of these names opens that is inside none of the others; else 0."""
        last = depth = 0
        for number, tag in enumerate(self.tags):
            name = name_of(tag)
            if name in outer:
                depth += 1
            elif name[:1] == "/" and name[1:] in outer:
                depth -= 1
            elif not depth and name in wanted:
                last = number
        return last

    def text_between(self, first: int, end: int) -> str:
        """The text between two tags, templates left out."""
        if "template" not in map(name_of, self.tags[first:end]):
            return "".join(self.texts[first:end])
        found: list[str] = []
        templates = self.ends("template")
        while first < end:
            first = templates.get(first, first)
            found.append(self.texts[first])
            first += 1
        return "".join(found)


def name_of(tag: str) -> str:
    """The element that a tag opens; "/" and the element where it closes one."""
    return tag.partition(" ")[0]


def attributes_of(tag: str) -> Attributes:
    """The attributes of a start tag. One without a value has "", as the specification says."""
    found = _ATTRIBUTE.findall(tag.partition(" ")[2])
    if "&" in tag:
        return {name: _unescape(value) for name, value in found}
    return dict(found)


def attribute_of(tag: str, name: str) -> str | None:
    """One attribute of a start tag; None where it has none of that name."""
    before, given, after = tag.partition(f' {name}="')
    if not given:
        return None
    if before.count('"') % 2:  # inside another's value, which ends as ours begins
        return attributes_of(tag).get(name)
    value = after.partition('"')[0]
    return _unescape(value) if "&" in value else value


def cut(html: str) -> Markup:
    """The tags and texts of a serialised tree. Right if it is regular: see `is_regular`."""
    return markup_of(flatten(html))


def flatten(html: str) -> list[str]:
    """Nothing, then tags and the texts after them in turns, as they are written."""
    return html.replace(">", "<").split("<")


def markup_of(flat: list[str]) -> Markup:
    """The tags and texts of what was flattened."""
    tags, texts = flat[1::2], flat[2::2]
    if "&" in "".join(texts):
        texts = [_unescape(text) if "&" in text else text for text in texts]
    return Markup(tags, texts)


def is_regular(tag: str) -> bool:
    """Whether it is a tag. Where each is one, and each element is closed, the cut was right."""
    first = tag[:1]
    if first == "!":
        return len(tag) >= 5 and tag.startswith("!--") and tag.endswith("--")
    if first == "?":
        return True
    name, more, _ = tag.partition(" ")
    return "a" <= first <= "z" and '"' not in name and (not more or tag[-1] == '"')


def _unescape(text: str) -> str:
    """The text behind a serialised one: no other references are ever written."""
    text = text.replace("&nbsp;", "\xa0").replace("&lt;", "<").replace("&gt;", ">")
    return text.replace("&quot;", '"').replace("&amp;", "&")


def without_foreign_text(html: str) -> str:
    """A serialised tree, its comments and scripts emptied: they differ from one look to the next.

    Where there are dialogs the scripts' words stay: they may tell that a dialog is about cookies.
    """
    done: list[str] = []
    words = "dialog" in html
    at = 0
    while found := _OPAQUE.search(html, at):
        begin, name = found.start(), found[1]
        if name is None:
            done += (html[at:begin], "<!---->")
            at = _find(html, "-->", begin + 4) + 3
        else:
            inside = _find(html, ">", begin) + 1
            is_script = name == "script"
            end = _end_of_script(html, inside) if is_script else _find(html, f"</{name}>", inside)
            text = escape(html[inside:end], quote=False) if words else ""
            done += (html[at:begin], f"<{name}>", text)
            at = end
    done.append(html[at:])
    return "".join(done)


def _find(html: str, what: str, start: int) -> int:
    at = html.find(what, start)
    return at if at >= 0 else len(html)


def _end_of_script(html: str, inside: int) -> int:
    """A script may hold a whole script of its own inside `<!--` (WHATWG HTML, 13.2.5.27)."""
    commented = nested = False
    for step in _SCRIPT_STEP.finditer(html, inside):
        if step[0] == "<!--":
            commented = True
        elif step[0] == "-->":
            commented = nested = False
        elif not step[1]:
            nested = nested or commented
        elif not nested:
            return step.start()
        else:
            nested = False
    return len(html)


def walk(root: LexborNode, most: int) -> Markup:
    """The same, read node by node: `most` tags of it."""
    tags: list[str] = []
    texts: list[str] = []
    around: list[LexborNode] = []
    node: LexborNode | None = root
    while node is not None and len(tags) < most:
        if node.is_text_node:
            texts[-1] += node.text_content or ""
        else:
            tags.append(_written(node))
            texts.append("")
        below = node.child
        if below is not None:
            around.append(node)
            node = below
            continue
        while node is not None:
            if node.is_element_node and node.tag not in VOID:
                tags.append(f"/{node.tag}")
                texts.append("")
            if node.next is not None or not around:
                break
            node = around.pop()
        node = node.next if around else None
    return Markup(tags, texts)


def _written(node: LexborNode) -> str:
    if not node.is_element_node:
        return "!----"
    written = [node.tag or ""]
    for name, value in node.attributes.items():
        if value is not None or (node.tag, name) != ("a", "href"):
            quoted = escape(value or "", quote=False).replace('"', "&quot;")
            written.append(f'{name}="{quoted}"')
    return " ".join(written)
