"""What a tag is to the outline: a block, a piece of text, a link, a picture, or nothing.

A page writes the same few tags over and over, and its next edition the same again: each is looked
into once, as written.
"""

from __future__ import annotations

from monitor.markup import ODD, VOID, Attributes, attribute_of, is_regular, name_of

SKIPPED_ROLES = ("navigation", "search", "banner", "contentinfo", "alert", "menu", "menubar")
DIALOG_ROLES = ("dialog", "alertdialog")
TELLING_ROLES = ("heading", "button", "tab")
_TELLING = ("role", "aria-controls", "aria-hidden", "aria-level", "href")
LEVELS = {f"h{n}": n for n in range(1, 7)}
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark nobr q rb rp rt"
    " ruby s samp small span strike strong sub sup time tt u var wbr".split()
)
_BLOCKS = (
    "address article aside blockquote button caption dd details div dl dt fieldset figcaption"
    " figure form label legend li main ol p pre section summary table tbody td th thead tr"
    " ul".split()
)
_SKIP = frozenset(
    "script style template noscript head title meta link iframe object embed video audio canvas"
    " map select option datalist textarea input progress meter math frameset search".split()
)

(END, NOTHING, BR, IMAGE, DRAWING, SKIPPING, INLINED, LINK, KNOWN, BLOCK, LANDMARK) = range(11)
_KINDS = (
    dict.fromkeys(_SKIP, SKIPPING)
    | dict.fromkeys(_INLINE, INLINED)
    | dict.fromkeys(("header", "footer", "dialog", "nav"), LANDMARK)
    | dict.fromkeys(VOID, NOTHING)
    | {"br": BR, "a": LINK, "img": IMAGE, "svg": DRAWING}
)

Shape = tuple[int, str, str, int, Attributes | None]
"""What a tag is: its kind, its name, its step in a look, its heading level, and its attributes
where they tell something."""
END_TAG: Shape = (END, "", "", 0, None)
_NO_TAG: Shape = (NOTHING, "", "", 0, None)
_PLAIN: dict[str, Shape] = {
    name: (_KINDS.get(name, BLOCK), name, f"/{name}", LEVELS.get(name, 0), None)
    for name in (*_KINDS, *LEVELS, *_BLOCKS)
}


_MOST_USUAL = 8_000
_LONGEST_USUAL = 300
_usual: dict[str, Shape] = {}
"""The shapes of tags that are in no way remarkable, of all pages read. With more, all go."""


def forget() -> None:
    """Look into every tag anew from here on."""
    _usual.clear()


class Shapes(dict[str, Shape]):
    """The shape of each tag of a page, as written: it writes the same few over and over.

    What is remarkable is noted. `odd`: the names of elements that may be written otherwise than
    they were read. `landmarks`: the tags to be judged by where they stand: headers, footers, menus,
    dialogs. `closes_void`: whether elements that HTML never closes are closed, as `base` is inside
    a drawing.
    """

    def __init__(self) -> None:
        self.odd: set[str] = set()
        self.landmarks: set[str] = set()
        self.closes_void = False

    def __missing__(self, tag: str) -> Shape:
        shape = self[tag] = _usual.get(tag) or self.look_into(tag)
        return shape

    def look_into(self, tag: str) -> Shape:
        name = name_of(tag)
        if name[:1] == "/":
            self.closes_void = self.closes_void or name[1:] in VOID
            return END_TAG
        shape = _PLAIN.get(name)
        is_plain = shape is not None and (name == tag or tag[-1] == '"')
        odd = (
            name in ODD or not (is_plain or is_regular(tag)) or (name == "a" and ' href=""' in tag)
        )
        if odd:
            self.odd.add(name)
        if name[:1] in ("!", "?"):
            return _NO_TAG
        if shape is None:
            shape = (BLOCK, name, f"/{name}", 0, None)
        landmark = shape[0] == LANDMARK
        if shape[0] != SKIPPING and (
            ' role="' in tag or ' aria-controls="' in tag or ' aria-hidden="true"' in tag
        ):
            attributes = _told_by(tag)
            role = attributes.get("role")
            landmark = landmark or role in SKIPPED_ROLES or role in DIALOG_ROLES
            kind = BLOCK if role in TELLING_ROLES and name not in VOID else shape[0]
            shape = (kind, name, shape[2], shape[3], attributes)
        if landmark:
            self.landmarks.add(tag)
        elif not odd and len(tag) <= _LONGEST_USUAL:
            if len(_usual) >= _MOST_USUAL:
                _usual.clear()
            _usual[tag] = shape
        return shape


def _told_by(tag: str) -> Attributes:
    """The attributes that tell something, of a tag that has one of them."""
    found = {}
    for name in _TELLING:
        value = attribute_of(tag, name)
        if value is not None:
            found[name] = value
    return found
