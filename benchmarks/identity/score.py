"""Scores for changes against the truth: F1 by kind, calibration, misses. Shared by the scripts.

An event counts when its kinds (as a set), both titles and both statuses are right; events are
compared as multisets, edition by edition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from monitor.diff import Difference, compare
from monitor.identity.match import match
from monitor.model import Initiative
from monitor.text import same_key

Told = tuple[frozenset[str], str | None, str | None, str | None, str | None]
"""(kinds, old title, new title, old status, new status)."""


@dataclass
class Score:
    """Right, invented and missed events, by kinds; and how sure the right and wrong ones were."""

    right: Counter[str] = field(default_factory=Counter)
    invented: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    sure: list[tuple[float, bool]] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)

    def add(self, where: str, told: Sequence[tuple[Told, float]], truth: Iterable[Told]) -> None:
        open_truth = Counter(truth)
        for event, certainty in told:
            good = open_truth[event] > 0
            open_truth[event] -= good
            (self.right if good else self.invented)[_kinds(event)] += 1
            self.sure.append((certainty, good))
            if not good:
                self.misses.append(f"{where}: told  {_line(event)} ({certainty:.3f})")
        for event in open_truth.elements():
            self.missed[_kinds(event)] += 1
            self.misses.append(f"{where}: truth {_line(event)}")

    def merge(self, other: Score) -> None:
        self.right += other.right
        self.invented += other.invented
        self.missed += other.missed
        self.sure += other.sure
        self.misses += other.misses

    @property
    def f1(self) -> float:
        return _f1(self.right.total(), self.invented.total(), self.missed.total())

    def table(self) -> str:
        lines = [f"{'kinds':36}{'right':>7}{'invented':>10}{'missed':>8}{'P':>8}{'R':>8}{'F1':>8}"]
        names = sorted(self.right.keys() | self.invented.keys() | self.missed.keys())
        for name in [*names, "all"]:
            counts = [
                table.total() if name == "all" else table[name]
                for table in (self.right, self.invented, self.missed)
            ]
            right, invented, missed = counts
            precision = right / (right + invented) if right + invented else 1.0
            recall = right / (right + missed) if right + missed else 1.0
            lines.append(
                f"{name:36}{right:7}{invented:10}{missed:8}{precision:8.3f}{recall:8.3f}"
                f"{_f1(right, invented, missed):8.4f}"
            )
        return "\n".join(lines)

    def calibration(self) -> str:
        """How often a certainty was right; the two promises last."""
        lines = ["certainty      changes    right   stated"]
        edges = [0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.01]
        for low, high in pairwise(edges):
            inside = [(sure, good) for sure, good in self.sure if low <= sure < high]
            if inside:
                right = sum(good for _, good in inside) / len(inside)
                stated = sum(sure for sure, _ in inside) / len(inside)
                lines.append(
                    f"{low:.2f}–{min(high, 1.0):.2f}   {len(inside):9}  {right:7.4f}  {stated:7.4f}"
                )
        lines.append(f"right among those with 0.9 or more: {self.right_when_sure:.4f} (>= 0.99)")
        lines.append(f"0.9 or more among the right ones:   {self.sure_when_right:.4f} (>= 0.90)")
        return "\n".join(lines)

    @property
    def right_when_sure(self) -> float:
        sure = [good for certainty, good in self.sure if certainty >= 0.9]
        return sum(sure) / len(sure) if sure else 1.0

    @property
    def sure_when_right(self) -> float:
        right = [certainty >= 0.9 for certainty, good in self.sure if good]
        return sum(right) / len(right) if right else 1.0


def fold(
    pages: Sequence[Sequence[Initiative]],
) -> list[tuple[tuple[Difference, ...], tuple[Initiative, ...]]]:
    """Each edition's differences from the one before, and who had left before it."""
    told: list[tuple[tuple[Difference, ...], tuple[Initiative, ...]]] = []
    departed: tuple[Initiative, ...] = ()
    for old, new in pairwise(pages):
        matching = match(old, new, departed)
        told.append((compare(old, new, matching, departed), departed))
        back = {pair.old for pair in matching.pairs if pair.restored}
        stayed = {pair.old for pair in matching.pairs if not pair.restored}
        departed = (
            *(item for index, item in enumerate(departed) if index not in back),
            *(item for index, item in enumerate(old) if index not in stayed),
        )
    return told


def told(difference: Difference) -> tuple[Told, float]:
    """A difference in the truth's terms."""
    old = None if difference.kinds == ("restored",) else difference.old
    return (
        (
            frozenset(difference.kinds),
            same_key(old.title) if old else None,
            same_key(difference.new.title) if difference.new else None,
            old.status if old else None,
            difference.new.status if difference.new else None,
        ),
        difference.certainty,
    )


def _f1(right: int, invented: int, missed: int) -> float:
    return 2 * right / (2 * right + invented + missed) if right + invented + missed else 1.0


def _kinds(event: Told) -> str:
    return "+".join(sorted(event[0]))


def _line(event: Told) -> str:
    return f"{_kinds(event)} | {event[1]} => {event[2]} | {event[3]} > {event[4]}"
