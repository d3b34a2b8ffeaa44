"""A site that writes its addresses another way changes nothing: one event for operators, not 100.

A new host, folder, scheme or ending shows as another address on every link at once. Where the page
that a link leads to plainly is the same, and what was exchanged is the same for many addresses,
the old ones are read in their new form, and only links that lead elsewhere are changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from monitor.identity.address import address_key
from monitor.identity.match import Matching
from monitor.model import Initiative, Link
from monitor.text import same

FORM_AT_LEAST = 5
"""So many addresses must show the same exchange, for it to be the site's and not an edit's."""

Form = tuple[tuple[str, str], tuple[str, str]]
"""What was exchanged before the page's own name in an address, and after it: (old, new)."""

_PARTS = re.compile(
    r"(?P<head>//[^/?#]*/[^?#]*?)(?P<name>[^/?#.]{4,})(?P<end>(?:\.[a-z]{2,5})?/?(?:[?#].*)?)"
)
_OWN_NAME = re.compile(r"[^\W_]")


def readdressed(
    old: Sequence[Initiative], new: Sequence[Initiative], matching: Matching
) -> tuple[Sequence[Initiative], tuple[Form, ...]]:
    """The old initiatives with their addresses as the site writes them now, and what it exchanged.

    `old` itself and () where the site writes them as before.
    """
    pairs = [(old[pair.old], new[pair.new]) for pair in matching.pairs if not pair.restored]
    shown = {
        (form, address_key(one.href or ""))
        for before, after in pairs
        for one, _, form in _exchanges(before, after)
        if form is not None
    }
    count = Counter(form for form, _ in shown)
    forms = tuple(sorted(form for form, number in count.items() if number >= FORM_AT_LEAST))
    if not forms:
        return old, ()
    renewed = list(old)
    for pair in matching.pairs:
        if not pair.restored:
            renewed[pair.old] = _renewed(old[pair.old], new[pair.new], forms)
    return tuple(renewed), forms


def form_change(old: str, new: str) -> Form | None:
    """What was exchanged in an address that leads to the same page; None where it may not."""
    was, now = address_key(old), address_key(new)
    if was == now:
        return None
    one, other = _PARTS.fullmatch(was), _PARTS.fullmatch(now)
    if one is None or other is None or not _OWN_NAME.search(one["name"]):
        return None
    if one["name"].casefold() != other["name"].casefold():
        return None
    head = _without_what_is_common(one["head"], other["head"])
    end = _without_what_is_common(one["end"], other["end"])
    return head, end


def _without_what_is_common(old: str, new: str) -> tuple[str, str]:
    start = sum(1 for _ in takewhile(lambda two: two[0] == two[1], zip(old, new, strict=False)))
    old, new = old[start:], new[start:]
    backwards = zip(reversed(old), reversed(new), strict=False)
    end = sum(1 for _ in takewhile(lambda two: two[0] == two[1], backwards))
    return old[: len(old) - end], new[: len(new) - end]


def _exchanges(old: Initiative, new: Initiative) -> Iterator[tuple[Link, Link, Form | None]]:
    """Link by link, where the texts are the same in the same order."""
    if old.links == new.links or len(old.links) != len(new.links):
        return
    together = list(zip(old.links, new.links, strict=True))
    if all(same(one.text, other.text) for one, other in together):
        for one, other in together:
            known = one.href is not None and other.href is not None
            form = form_change(one.href or "", other.href or "") if known else None
            yield one, other, form


def _renewed(old: Initiative, new: Initiative, forms: Sequence[Form]) -> Initiative:
    links = tuple(
        replace(one, href=other.href) if form in forms else one
        for one, other, form in _exchanges(old, new)
    )
    return replace(old, links=links) if links and links != old.links else old
