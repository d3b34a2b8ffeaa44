"""Ids once told stay for ever: which change of a new derivation is one that was told before.

A change's own id is made from the capture that first showed it. When older captures are imported,
or a person decides, the same event may be found between two other looks and would get another id.
So each id that was told is remembered with what it meant, and given back to the change that means
that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
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
    those nearest in time belong together. What is left belongs to the change that showed the same
    initiative at the same place, and says no more than was told: a look that was imported between
    two others cuts an edit in two, and the told one's end is still there.
    """
    kept = {told.id: told for told in anchored}
    own = list(derived)
    taken = {change.id for change in own if change.id in kept}
    left = [change for change in own if change.id not in kept]
    waiting: defaultdict[object, list[Told]] = defaultdict(list)
    for told in kept.values():
        waiting[told.meaning].append(told)
        if told.seen is not None:
            waiting[told.seen].append(told)
    candidates = [
        (0, abs(told.before - change.before), change.before, change.id, told.id)
        for change in left
        for told in waiting[change.meaning]
    ]
    candidates += [
        (1, abs(told.before - change.before), change.before, change.id, told.id)
        for change in left
        for told in waiting[change.seen]
        if change.kinds <= told.kinds
    ]
    renamed: dict[str, str] = {}
    for *_, name, told_id in sorted(candidates):
        if name not in renamed and told_id not in taken:
            renamed[name] = told_id
            taken.add(told_id)
    return renamed
