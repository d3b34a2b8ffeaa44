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

from monitor.model import Initiative, Kind, short_id
from monitor.text import same_key


@dataclass(frozen=True, slots=True)
class Told:
    """A change by its id, its meaning (`meaning_of`) and when it was first seen."""

    id: str
    meaning: str
    before: datetime


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
    those nearest in time belong together.
    """
    waiting: defaultdict[str, list[Told]] = defaultdict(list)
    kept = {told.id: told for told in anchored}
    renamed: dict[str, str] = {}
    left: list[Told] = []
    taken: set[str] = set()
    for change in derived:
        if change.id in kept:
            taken.add(change.id)
        else:
            left.append(change)
    for told in kept.values():
        if told.id not in taken:
            waiting[told.meaning].append(told)
    candidates = sorted(
        (abs(told.before - change.before), change.before, change.id, told.id)
        for change in left
        for told in waiting[change.meaning]
    )
    for _, _, own, told_id in candidates:
        if own not in renamed and told_id not in taken:
            renamed[own] = told_id
            taken.add(told_id)
    return renamed
