"""Ids once told stay for ever: which change of a new derivation is one that was told before.

A change's own id is made from the capture that first showed it. When older captures are imported,
or a person decides, the same event may be found between two other looks and would get another id.
So each id that was told is remembered with what it meant, and given back to the change that means
that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.model import Initiative, Kind, Observation, short_id
from monitor.text import same_key


@dataclass(frozen=True, slots=True)
class Told:
    """A change by its id, its meaning (`meaning_of`) and when it was first seen.

    `kinds` and `seen` (the observation of what was new, or of what left) where they are known.
    """

    id: str
    meaning: str
    before: datetime
    kinds: frozenset[Kind] = frozenset()
    seen: Observation | None = None


def meaning_of(
    kinds: Iterable[Kind],
    old: Initiative | None,
    new: Initiative | None,
    words: tuple[str | None, str | None, str | None] = (None, None, None),
) -> str:
    """What a change says, apart from when and where: equal for the same event seen twice.

    `words` is (field, old text, new text) of a change of the page's own words.
    """
    return short_id("m", [sorted(kinds), _said(old), _said(new), *words])


def _said(initiative: Initiative | None) -> tuple[object, ...]:
    if initiative is None:
        return ()
    links = [(same_key(link.text), link.href) for link in initiative.links]
    title, description = same_key(initiative.title), same_key(initiative.description)
    return (initiative.status, title, description, links)


def published_ids(derived: Iterable[Told], anchored: Iterable[Told]) -> Mapping[str, str]:
    """Own id -> id that was told, for each derived change that was told under another id.

    Independent of the order of both. Where a change happened several times (A -> B -> A -> B),
    they keep their order and lie as near in time as they can. What is left belongs to the change
    that showed the same initiative at the same place, and says no more than was told: a look that
    was imported between two others cuts an edit in two, and the told one's end is still there.
    """
    kept = {told.id: told for told in anchored}
    own = {change.id: change for change in derived}
    left = [change for change in own.values() if change.id not in kept]
    waiting = [told for told in kept.values() if told.id not in own]
    renamed = _by_meaning(left, waiting)
    taken = set(renamed.values())
    renamed.update(
        _by_place(
            [change for change in left if change.id not in renamed],
            [told for told in waiting if told.id not in taken],
        )
    )
    return renamed


def _by_meaning(left: Iterable[Told], waiting: Iterable[Told]) -> dict[str, str]:
    """Those that say the same, as often as both sides have it."""
    mine, yours = _grouped(left), _grouped(waiting)
    return {
        change.id: told.id
        for meaning in mine.keys() & yours.keys()
        for change, told in _in_step(mine[meaning], yours[meaning])
    }


def _grouped(many: Iterable[Told]) -> Mapping[str, Sequence[Told]]:
    groups: defaultdict[str, list[Told]] = defaultdict(list)
    for one in sorted(many, key=lambda one: (one.before, one.id)):
        groups[one.meaning].append(one)
    return groups


def _in_step(mine: Sequence[Told], yours: Sequence[Told]) -> Iterable[tuple[Told, Told]]:
    """All of the fewer with as many of the others, both in their order, least time apart in sum."""
    if len(mine) > len(yours):
        return [(change, told) for told, change in _in_step(yours, mine)]
    spare = len(yours) - len(mine)
    # Of each `mine`: what it costs, with all before it, where it has passed over `skip` of `yours`.
    cost, passed = [0.0] * (spare + 1), []
    for number, one in enumerate(mine):
        skips, best = [], 0
        for skip in range(spare + 1):
            best = skip if cost[skip] < cost[best] else best
            skips.append(best)
        apart = [abs(yours[number + skip].before - one.before) for skip in range(spare + 1)]
        cost = [cost[skips[skip]] + apart[skip].total_seconds() for skip in range(spare + 1)]
        passed.append(skips)
    skip = min(range(spare + 1), key=lambda skip: cost[skip])
    pairs = []
    for number in reversed(range(len(mine))):
        pairs.append((mine[number], yours[number + skip]))
        skip = passed[number][skip]
    return pairs


def _by_place(left: Iterable[Told], waiting: Iterable[Told]) -> dict[str, str]:
    """Those that showed the same initiative at the same place, the nearest in time first."""
    at_place: defaultdict[Observation, list[Told]] = defaultdict(list)
    for told in waiting:
        if told.seen is not None:
            at_place[told.seen].append(told)
    candidates = sorted(
        (abs(told.before - change.before), change.before, change.id, told.id)
        for change in left
        if change.seen is not None
        for told in at_place[change.seen]
        if change.kinds <= told.kinds
    )
    renamed: dict[str, str] = {}
    taken: set[str] = set()
    for _, _, name, told_id in candidates:
        if name not in renamed and told_id not in taken:
            renamed[name] = told_id
            taken.add(told_id)
    return renamed
