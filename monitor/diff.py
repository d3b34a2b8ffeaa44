"""Matched pairs -> differences. What is not matched came or left; nothing else is ever compared.

`verify_replay` is the proof: the differences, applied to the whole old snapshot, give the new one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from monitor.errors import DerivationError
from monitor.identity.address import address_key, same_links
from monitor.identity.match import Matching
from monitor.model import Initiative, Kind, PageWords
from monitor.signals import signals
from monitor.text import same, same_key

_Frozen: TypeAlias = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What happened to one initiative between two snapshots of a page.

    `old` is None on added, `new` on removed. On restored, `old` is the departed initiative as it
    stood last and `old_index` its index among the departed.
    """

    kinds: tuple[Kind, ...]
    old: Initiative | None
    new: Initiative | None
    old_index: int | None
    new_index: int | None
    certainty: float
    signals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WordsDifference:
    """What happened to the page's own words. None: there was, or is, no such thing."""

    field: Literal["title", "intro", "section"]
    old_text: str | None
    new_text: str | None


def compare(
    old: Sequence[Initiative],
    new: Sequence[Initiative],
    matching: Matching,
    departed: Sequence[Initiative] = (),
    language: str = "sv",
) -> tuple[Difference, ...]:
    """What changed, in the contract's order: by new position, then what left, by old position."""
    partner = {pair.new: pair for pair in matching.pairs}
    doubts_old, doubts_new = dict(matching.doubts_old), dict(matching.doubts_new)
    found: list[Difference] = []
    for index, item in enumerate(new):
        pair = partner.get(index)
        if pair is None:
            certainty = _alone(doubts_new.get(index, 0.0))
            found.append(Difference(("added",), None, item, None, index, certainty))
        elif pair.same:
            continue
        elif pair.restored:
            before = departed[pair.old]
            found.append(Difference(("restored",), before, item, pair.old, index, pair.certainty))
        elif old[pair.old] is not item and (kinds := kinds_of(old[pair.old], item)):
            before = old[pair.old]
            about: tuple[str, ...] = ()
            if "reworded" in kinds:
                about = signals(before.description, item.description, language)
            found.append(Difference(kinds, before, item, pair.old, index, pair.certainty, about))
    stayed = {pair.old for pair in matching.pairs if not pair.restored}
    found.extend(
        Difference(("removed",), item, None, index, None, _alone(doubts_old.get(index, 0.0)))
        for index, item in enumerate(old)
        if index not in stayed
    )
    return tuple(found)


def _alone(doubt: float) -> float:
    """How sure it is that somebody came or left, when the best pair not made was `doubt` likely."""
    return round(max(0.0, min(0.999, 1.0 - doubt)), 3)


def kinds_of(old: Initiative, new: Initiative) -> tuple[Kind, ...]:
    """moved, renamed, reworded, relinked, in that order; () for the same to a reader."""
    if old == new:
        return ()
    kinds = []
    if old.status != new.status:
        kinds.append("moved")
    if not same(old.title, new.title):
        kinds.append("renamed")
    if not same(old.description, new.description):
        kinds.append("reworded")
    if old.links != new.links and not same_links(old.links, new.links):
        kinds.append("relinked")
    return tuple(kinds)


def compare_words(old: PageWords, new: PageWords) -> tuple[WordsDifference, ...]:
    """What changed in the page's own words: title, intro, then section headings in page order.

    Headings are compared within a status: a section that moved up the page is no change.
    """
    found = []
    if not same(old.title, new.title):
        found.append(WordsDifference("title", old.title, new.title))
    if [same_key(one) for one in old.intro] != [same_key(one) for one in new.intro]:
        found.append(WordsDifference("intro", "\n\n".join(old.intro), "\n\n".join(new.intro)))
    before, after = _headings(old), _headings(new)
    for status in [*after, *(status for status in before if status not in after)]:
        gone, come = _unmet(before.get(status, []), after.get(status, []))
        for place in range(max(len(gone), len(come))):
            found.append(
                WordsDifference(
                    "section",
                    gone[place] if place < len(gone) else None,
                    come[place] if place < len(come) else None,
                )
            )
    return tuple(found)


def _headings(words: PageWords) -> dict[str | None, list[str]]:
    """Each status' headings, once each: a list in groups has the same ones in every group."""
    found: dict[str | None, dict[str, str]] = defaultdict(dict)
    for status, heading in words.headings:
        found[status].setdefault(same_key(heading), heading)
    return {status: list(headings.values()) for status, headings in found.items()}


def _unmet(old: Sequence[str], new: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands on one side only, by key."""
    mine, yours = Counter(map(same_key, old)), Counter(map(same_key, new))
    return _rest(old, mine - yours), _rest(new, yours - mine)


def _rest(texts: Sequence[str], wanted: Counter[str]) -> list[str]:
    left, found = Counter(wanted), []
    for text in texts:
        key = same_key(text)
        if left[key]:
            left[key] -= 1
            found.append(text)
    return found


def verify_replay(
    old: Sequence[Initiative],
    new: Sequence[Initiative],
    matching: Matching,
    differences: Sequence[Difference],
) -> None:
    """Apply all differences to the whole old snapshot: it must give the new one, order apart.

    Each changed pair goes through deepdiff: its Delta on the old fields must give the new fields.
    Raises DerivationError, naming the first initiative that does not come out right.
    """
    partner = {pair.new: pair.old for pair in matching.pairs if not pair.restored}
    told_old: set[int] = set()
    rebuilt: list[_Frozen] = []
    for one in differences:
        if one.kinds == ("removed",):
            if one.old_index is None or one.old_index in told_old:
                raise DerivationError(f"Ändringarna går inte ihop vid «{_title(one)}».")
            told_old.add(one.old_index)
        elif one.kinds in (("added",), ("restored",)):
            rebuilt.append(_frozen(_fields(_given(one.new, one))))
        else:
            before, after = _given(one.old, one), _given(one.new, one)
            if one.old_index is None or one.old_index in told_old:
                raise DerivationError(f"Ändringarna går inte ihop vid «{_title(one)}».")
            told_old.add(one.old_index)
            rebuilt.append(_frozen(_replayed(_fields(before), _fields(after), one.kinds)))
    # What no difference names stands as it stood. An unknown address takes what is known of it;
    # what is equal on both sides is so when folded, too.
    new_of = {left: right for right, left in partner.items()}
    equal: set[int] = set()
    for index, item in enumerate(old):
        if index in told_old:
            continue
        twin = new[new_of[index]] if index in new_of else item
        if index in new_of and (item is twin or item == twin):
            equal.add(new_of[index])
        else:
            rebuilt.append(_frozen(_fields(item, twin)))
    wanted = Counter(_frozen(_fields(item)) for at, item in enumerate(new) if at not in equal)
    if Counter(rebuilt) != wanted:
        odd = next(iter((wanted - Counter(rebuilt)) or (Counter(rebuilt) - wanted)))
        raise DerivationError(f"Ändringarna ger inte den nya versionen: «{dict(odd)['title']}».")


def _given(item: Initiative | None, difference: Difference) -> Initiative:
    if item is None:
        raise DerivationError(f"Ändringen {'+'.join(difference.kinds)} saknar sin insats.")
    return item


def _title(difference: Difference) -> str:
    item = difference.new or difference.old
    return item.title if item else ""


def _fields(item: Initiative, known: Initiative | None = None) -> dict[str, Any]:
    """The fields as compared. Where links equal those of `known` but for null ones, its count."""
    links = item.links
    if known is not None and links != known.links and same_links(links, known.links):
        links = known.links
    return {
        "title": same_key(item.title),
        "description": same_key(item.description),
        "status": item.status or "",
        "links": sorted(
            [same_key(link.text), "" if link.href is None else address_key(link.href)]
            for link in links
        ),
    }


_FIELD = {"moved": "status", "renamed": "title", "reworded": "description", "relinked": "links"}


def _replayed(
    before: dict[str, Any], after: dict[str, Any], kinds: Sequence[Kind]
) -> dict[str, Any]:
    from deepdiff import DeepDiff, Delta  # 0.1 s of start-up: only where something changed

    touched = {_FIELD[kind] for kind in kinds}
    # A difference may change only what its kinds name; links with null addresses go along.
    allowed = {
        name: after[name] if name in touched | {"links"} else before[name] for name in before
    }
    delta = Delta(DeepDiff(before, allowed), raise_errors=True)
    result: dict[str, Any] = before + delta
    return result


def _frozen(fields: dict[str, Any]) -> _Frozen:
    return tuple(
        (name, tuple(map(tuple, value)) if isinstance(value, list) else value)
        for name, value in fields.items()
    )
