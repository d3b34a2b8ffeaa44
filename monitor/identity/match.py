"""Who is who between two snapshots of one page: the heart of it, pure.

First what is told by exact keys, from the whole initiative down to a title or a text that is the
only one of its kind. What is left over is compared by likeness, and the pairs that best explain the
page as a whole are chosen together, never one by one. A pair must be likely in itself (threshold)
and likelier than what its ends could be instead (margin). Only then are matched pairs compared:
differences between unmatched lists invent renames.

`Pair.certainty` is the probability that the pair is right, as measured by benchmarks/identity.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

from rapidfuzz import fuzz
from rapidfuzz.process import extract

from monitor.identity.address import address_key, same_links
from monitor.identity.assign import Edge, assign, components, total
from monitor.identity.likeness import (
    Face,
    Likeness,
    faces,
    is_swap,
    link_likeness,
    plausible,
    shared_addresses,
    text_likeness,
    title_likeness,
)
from monitor.model import Initiative
from monitor.text import heading_key, same_key


class Pair(NamedTuple):
    """`old` and `new` (indexes) are one initiative. Where `restored`, `old` indexes `departed`.

    `certainty` in 0..1; `score` the pair's own likelihood in 0..1, `runner_up` that of the best
    other partner of either end (0: nobody came near). `same`: they are known to be equal to a
    reader, so that there is nothing to compare.
    """

    old: int
    new: int
    certainty: float
    score: float
    runner_up: float
    restored: bool = False
    same: bool = False


@dataclass(frozen=True, slots=True)
class Matching:
    """The pairs, each old, new and departed index at most once; the rest came or left.

    `doubts_old` and `doubts_new`: (index, likelihood that it should have been in a pair after all)
    of ends that stayed free though somebody came near. What is not named is free without doubt.
    """

    pairs: tuple[Pair, ...]
    doubts_old: tuple[tuple[int, float], ...] = ()
    doubts_new: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Constraints:
    """What people decided: (old or departed index, new index) that must, or must not, be a pair."""

    same: frozenset[tuple[int, int]] = frozenset()
    different: frozenset[tuple[int, int]] = frozenset()
    same_departed: frozenset[tuple[int, int]] = frozenset()
    different_departed: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One partner considered: its index (among the old, the departed, or, for one that left,
    the new), the likelihood in 0..1 and what it is made of."""

    index: int
    departed: bool
    score: float
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one initiative got its partner or none. `candidates`: best first, all that came near.

    Of a new initiative `new` is its index and `old` None; of one that left the other way round.
    `by` says how: `decided`, `exact`, `likeness`, or `none` where nobody was near enough.
    """

    new: int | None
    old: int | None
    by: str
    pair: Pair | None
    candidates: tuple[Candidate, ...]


_Key = TypeVar("_Key", bound=Hashable)

_THRESHOLD = -0.8
"""Log-odds below which two are two, however lonely both are."""
_MARGIN = 0.35
"""Log-odds by which an assignment must beat the best one without a pair that is itself unsure."""
_SURE = 2.2
"""Log-odds from which a pair needs no margin: one of the two IS it, and the likelier is told."""
_EXACT_CERTAINTY = 0.999
_MANY_PAIRS = 100_000
"""Pairs of leftovers from which a title or a text that is alone of its kind decides at once."""
_FEW_DEPARTED = 40
"""Up to so many departed initiatives are all compared; beyond, the nearest by title or text."""


def match(
    old: Sequence[Initiative],
    new: Sequence[Initiative],
    departed: Sequence[Initiative] = (),
    constraints: Constraints = Constraints(),
) -> Matching:
    """The likeliest pairing of `old` with `new`, and of what is left of `new` with `departed`.

    Pure; the order of `old` and `new` is the page's (neighbours are weak evidence), that of
    `departed` is from the longest gone to the latest.
    """
    return _Matcher(old, new, departed, constraints).matching()


def explain(
    old: Sequence[Initiative],
    new: Sequence[Initiative],
    departed: Sequence[Initiative] = (),
    constraints: Constraints = Constraints(),
) -> tuple[Explanation, ...]:
    """For each that changed, came, is back or left: who was considered, and why it came so.

    New initiatives in page order, then those that left.
    """
    return _Matcher(old, new, departed, constraints).explanations()


class _Matcher:
    """One run. `self.partner` grows from exact to likely; nothing is taken back."""

    def __init__(
        self,
        old: Sequence[Initiative],
        new: Sequence[Initiative],
        departed: Sequence[Initiative],
        constraints: Constraints,
    ) -> None:
        self._old, self._new, self._departed = old, new, departed
        self._constraints = constraints
        # Both kinds of past in one list: indexes from len(old) on are the departed.
        self._past = [*old, *departed]
        self._forbidden = constraints.different | {
            (index + len(old), other) for index, other in constraints.different_departed
        }
        self._free_old = dict.fromkeys(range(len(old)))
        self._free_new = dict.fromkeys(range(len(new)))
        self._free_departed = dict.fromkeys(range(len(old), len(self._past)))
        self._pairs: list[Pair] = []
        self._by: dict[int, str] = {}
        self._likeness: dict[Edge, Likeness] = {}
        self._odds: dict[Edge, float] = {}
        self._run()

    # -- what is asked for ------------------------------------------------------------------

    def matching(self) -> Matching:
        best_old: dict[int, float] = {}
        best_new: dict[int, float] = {}
        size = len(self._old)
        took_old = {pair.old + size * pair.restored: pair.certainty for pair in self._pairs}
        took_new = {pair.new: pair.certainty for pair in self._pairs}
        for (left, right), odds in self._odds.items():
            # Whose likely partner went to another is in doubt as far as that pair is.
            likely = _probability(odds)
            if left in self._free_old:
                doubt = min(likely, 1.0 - took_new.get(right, 0.0))
                best_old[left] = max(best_old.get(left, 0.0), doubt)
            if right in self._free_new:
                doubt = min(likely, 1.0 - took_old.get(left, 0.0))
                best_new[right] = max(best_new.get(right, 0.0), doubt)
        return Matching(
            pairs=tuple(sorted(self._pairs, key=lambda pair: pair.new)),
            doubts_old=tuple(sorted(best_old.items())),
            doubts_new=tuple(sorted(best_new.items())),
        )

    def explanations(self) -> tuple[Explanation, ...]:
        pairs = {pair.new: pair for pair in self._pairs}
        candidates: dict[int, list[Candidate]] = defaultdict(list)
        of_old: dict[int, list[Candidate]] = defaultdict(list)
        size = len(self._old)
        for (left, right), likeness in self._likeness.items():
            gone = left >= size
            score = _probability(self._odds[left, right])
            candidates[right].append(Candidate(left - size * gone, gone, score, likeness))
            of_old[left].append(Candidate(right, False, score, likeness))
        told = []
        for index, item in enumerate(self._new):
            pair = pairs.get(index)
            if pair and not pair.restored and self._old[pair.old] == item:
                continue
            by = self._by.get(index, "none")
            told.append(Explanation(index, None, by, pair, _best_first(candidates[index])))
        for index in self._free_old:
            told.append(Explanation(None, index, "none", None, _best_first(of_old[index])))
        return tuple(told)

    # -- the run ----------------------------------------------------------------------------

    def _run(self) -> None:
        size = len(self._old)
        for left, right in sorted(self._constraints.same):
            self._take(left, right, _EXACT_CERTAINTY, "decided")
        for left, right in sorted(self._constraints.same_departed):
            self._take(left + size, right, _EXACT_CERTAINTY, "decided")
        self._as_written()
        if self._free_new and self._free_old:
            self._by_key(self._free_old, _whole_key, several=True, same=True)
            self._by_key(self._free_old, _title_and_text, several=False)
            if len(self._free_old) * len(self._free_new) > _MANY_PAIRS:
                # A page of hundreds edited through and through: sure signs first, for speed.
                self._by_key(self._free_old, lambda item: heading_key(item.title), several=False)
                self._by_key(self._free_old, lambda item: same_key(item.description), several=False)
        if self._free_new and self._free_departed:
            self._come_back_unchanged()
        if self._free_new and (self._free_old or self._free_departed):
            self._by_likeness()

    def _take(
        self, left: int, right: int, certainty: float, by: str, *, same: bool = False
    ) -> None:
        free = self._free_old if left < len(self._old) else self._free_departed
        if left in free and right in self._free_new:
            self._keep(left, right, certainty, 1.0, 0.0, same)
            self._by[right] = by

    def _keep(
        self,
        left: int,
        right: int,
        certainty: float,
        score: float,
        runner_up: float,
        same: bool = False,
    ) -> None:
        restored = left >= len(self._old)
        del (self._free_departed if restored else self._free_old)[left]
        del self._free_new[right]
        index = left - len(self._old) if restored else left
        self._pairs.append(Pair(index, right, certainty, score, runner_up, restored, same))

    def _as_written(self) -> None:
        """Pair what is alone of its kind on either side, glyph for glyph but for its links.

        On most looks this is nearly everything: it costs two dictionaries and no key.
        """
        yours = _alone_as_written(self._new, self._free_new)
        for written, left in _alone_as_written(self._old, self._free_old).items():
            right = yours.get(written)
            if left is None or right is None or (left, right) in self._forbidden:
                continue
            # Equal but for the links: perhaps a double of it fits better.
            if same_links(self._old[left].links, self._new[right].links):
                self._keep(left, right, _EXACT_CERTAINTY, 1.0, 0.0, same=True)
                self._by[right] = "exact"

    def _by_key(
        self,
        free: Mapping[int, None],
        key: Callable[[Initiative], Hashable],
        *,
        several: bool,
        same: bool = False,
    ) -> None:
        """Pair what has equal keys. `several`: equal keys mean equal things, any pairing is right;
        else only a key that one free initiative has on either side tells anything. `same`: equal
        keys mean that a reader sees no difference."""
        mine = _groups(self._past, free, key)
        yours = _groups(self._new, self._free_new, key)
        for value, lefts in mine.items():
            rights = yours.get(value)
            if rights is None or (not several and len(lefts) + len(rights) > 2):
                continue
            pairs = list(zip(lefts, rights, strict=False))
            if self._forbidden and not self._forbidden.isdisjoint(pairs):
                continue
            # Equal as written but for the links: perhaps a double of it fits better.
            if not several and not same_links(
                self._past[lefts[0]].links, self._new[rights[0]].links
            ):
                continue
            for left, right in pairs:
                self._take(left, right, _EXACT_CERTAINTY, "exact", same=same)

    def _come_back_unchanged(self) -> None:
        """What left and is back word for word, unless somebody still here fits as well."""
        near = {heading_key(self._old[index].title) for index in self._free_old}
        yours = _groups(self._new, self._free_new, _title_and_text)
        wanted = {title for title, _ in yours} - near
        titles = self._departed_titles
        gone = [index for index in self._free_departed if titles[index] in wanted]
        mine = _groups(self._past, gone, _title_and_text)
        for value, lefts in mine.items():
            rights = yours.get(value, [])
            # The latest to leave is the likeliest to return.
            for left, right in zip(reversed(lefts), rights, strict=False):
                if (left, right) not in self._forbidden:
                    self._take(left, right, _EXACT_CERTAINTY, "exact")

    @cached_property
    def _departed_titles(self) -> dict[int, str]:
        """The title's key of each that had left, from the longest gone to the latest."""
        size = len(self._old)
        return {at: heading_key(item.title) for at, item in enumerate(self._departed, start=size)}

    def _by_likeness(self) -> None:
        worths = self._weigh_leftovers()
        for group in components(worths):
            chosen = assign(group)
            best = sum(group[edge] for edge in chosen)
            for edge in sorted(chosen):
                odds = group[edge] + _THRESHOLD
                margin = self._margin(group, edge, best) if len(group) > 1 else math.inf
                if odds < _SURE and margin < _MARGIN:
                    continue
                left, right = edge
                rival = max(
                    (self._odds[other] for other in group if _rivals(other, edge)),
                    default=-math.inf,
                )
                certainty = _certainty(odds, margin, self._likeness[edge])
                self._keep(left, right, certainty, _probability(odds), _probability(rival))
                self._by[right] = "likeness"

    def _margin(self, group: Mapping[Edge, float], edge: Edge, best: float) -> float:
        """How much worse the best explanation of the group is that does without the pair."""
        without = {other: worth for other, worth in group.items() if other != edge}
        return best - total(without)

    def _weigh_leftovers(self) -> dict[Edge, float]:
        rights = list(self._free_new)
        lefts = [*self._free_old, *self._departed_worth_a_look(rights)]
        prepared = faces(
            [*(self._past[left] for left in lefts), *(self._new[right] for right in rights)],
            self._new,
        )
        mine, yours = prepared[: len(lefts)], prepared[len(lefts) :]
        common = shared_addresses(self._new)
        around = _Around(self._pairs, len(self._old), len(self._new))
        worths: dict[Edge, float] = {}
        for first, second in plausible(mine, yours):
            edge = lefts[first], rights[second]
            if edge in self._forbidden:
                continue
            present = edge[0] < len(self._old)
            likeness = _likeness(
                mine[first],
                yours[second],
                common,
                around.agreement(*edge) if present else 0.0,
            )
            odds = log_odds(likeness, present=present)
            self._likeness[edge] = likeness
            self._odds[edge] = odds
            if odds > _THRESHOLD:
                worths[edge] = odds - _THRESHOLD
        return worths

    def _departed_worth_a_look(self, rights: Sequence[int]) -> list[int]:
        """After years the departed are many: for each newcomer those nearest by title, and those
        nearest by text unless it has the title or the text of one who stood here till now."""
        gone = self._free_departed
        if len(gone) <= _FEW_DEPARTED:
            return list(gone)
        titles = {index: self._departed_titles[index] for index in gone}
        texts = {index: self._past[index].description for index in gone}
        names = {heading_key(self._old[index].title) for index in self._free_old}
        tales = {self._old[index].description for index in self._free_old} | {""}
        wanted: set[int] = set()
        for right in rights:
            item = self._new[right]
            title = heading_key(item.title)
            near = extract(title, titles, scorer=fuzz.ratio, score_cutoff=60, limit=5)
            if title not in names and item.description not in tales:
                near += extract(
                    item.description, texts, scorer=fuzz.ratio, score_cutoff=55, limit=5
                )
            wanted.update(index for _, _, index in near)
        return sorted(wanted)


class _Around:
    """Which matched initiatives stand nearest before and after each place, on both pages."""

    def __init__(self, pairs: Iterable[Pair], old: int, new: int) -> None:
        forward = {pair.old: pair.new for pair in pairs if not pair.restored}
        self._before_old, self._after_old = _nearest(old, forward)
        self._before_new, self._after_new = _nearest(new, {one: one for one in forward.values()})

    def agreement(self, old: int, new: int) -> float:
        """0, 0.5 or 1: the neighbour before and the one after are the same."""
        before = self._before_old[old] == self._before_new[new]
        after = self._after_old[old] == self._after_new[new]
        return (before + after) / 2


def _nearest(size: int, named: Mapping[int, int]) -> tuple[list[int], list[int]]:
    before, last = [], -1
    for index in range(size):
        before.append(last)
        last = named.get(index, last)
    after, last = [], -1
    for index in reversed(range(size)):
        after.append(last)
        last = named.get(index, last)
    return before, after[::-1]


def _alone_as_written(
    items: Sequence[Initiative], free: Iterable[int]
) -> dict[tuple[str, str, str | None], int | None]:
    """Title, text and status -> the only one of `free` that has them; None where several do."""
    found: dict[tuple[str, str, str | None], int | None] = {}
    for index in free:
        item = items[index]
        written = (item.title, item.description, item.status)
        found[written] = None if written in found else index
    return found


def _groups(
    items: Sequence[Initiative], free: Iterable[int], key: Callable[[Initiative], _Key]
) -> dict[_Key, list[int]]:
    groups: dict[_Key, list[int]] = {}
    for index in free:
        groups.setdefault(key(items[index]), []).append(index)
    return groups


def _title_and_text(item: Initiative) -> tuple[str, str]:
    return heading_key(item.title), same_key(item.description)


def _whole_key(item: Initiative) -> Hashable:
    links = sorted((same_key(link.text), address_key(link.href or "")) for link in item.links)
    return same_key(item.title), same_key(item.description), item.status, tuple(links)


def _best_first(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(candidates, key=lambda one: (-one.score, one.departed, one.index)))


def _rivals(one: Edge, other: Edge) -> bool:
    return one != other and (one[0] == other[0] or one[1] == other[1])


def _likeness(left: Face, right: Face, common: frozenset[str], neighbours: float) -> Likeness:
    text, in_common, telling = text_likeness(left, right)
    return Likeness(
        title=title_likeness(left, right),
        text=text,
        in_common=in_common,
        telling=telling,
        links=link_likeness(left, right, common),
        section=left.status == right.status,
        neighbours=neighbours,
        swapped=is_swap(left, right),
        bare=not left.text_weight and not right.text_weight,
    )


def log_odds(likeness: Likeness, *, present: bool) -> float:
    """The pair's log-odds of being one initiative; `present`: the old one stood there until now.

    Weights are rounded from a logistic regression over the leftovers of invented histories
    (benchmarks/identity), then eased where those are surer than life: a changed address, a return
    under a new name. An equal title nearly decides; an exchanged word in title and text alike
    decides against.
    """
    title, text = likeness.title, likeness.text
    odds = -5.3 + 1.0 * title + 5.5 * title * title
    if title == 1.0:
        odds += 7.0
    if likeness.bare:
        odds += 4.5 * _smooth(title, 0.0, 0.5)
    elif text is None:
        odds += 2.0 * _smooth(title, 0.3, 0.8)
    else:
        told = -4.1 + 8.4 * _smooth(text, 0.1, 0.7) + 6.6 * max(0.0, text - 0.7)
        if text > 0.9999:
            told += 2.0  # every word of it, if not in this order
        told += 1.25 * math.log1p(likeness.in_common)
        # A text alone never says more than a title alone: texts are copied, titles are names.
        odds += likeness.telling * (told if told < 7.0 else 7.0 + 0.35 * (told - 7.0))
    if likeness.links is not None:
        odds += 4.5 * likeness.links - 1.0
    if likeness.section:
        odds += 0.4
    if likeness.swapped:
        odds -= 11.0
    return odds + (2.0 * likeness.neighbours if present else -3.2)


def _smooth(value: float, low: float, high: float) -> float:
    """From 0 at `low` to 1 at `high`, without corners."""
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return share * share * (3.0 - 2.0 * share)


def _probability(odds: float) -> float:
    if odds < -40:
        return 0.0
    return 1.0 / (1.0 + math.exp(-odds))


def _certainty(odds: float, margin: float, likeness: Likeness) -> float:
    return round(min(0.995, _probability(min(odds, margin) + 1.0)), 3)
