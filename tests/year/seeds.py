"""One seed: its year lived in a folder of its own, and judged."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import time
import traceback
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from tests.year.judge import Verdict, judge
from tests.year.life import Life
from tests.year.plan import make_plan

_FAST = Path("/dev/shm")
_GARBAGE_AFTER = 50_000
"""Collected seldom: a year makes little, and looking for it took a tenth of the time."""


@dataclass(frozen=True)
class Told:
    """What is said of a seed."""

    seed: int
    wrong: list[str]
    figures: str
    seconds: float


def live(seed: int, days: int, keep: bool = False) -> tuple[Verdict, Life]:
    """One seed's year, lived and judged. The folder of a wrong one stays."""
    place = _FAST if _FAST.is_dir() and os.access(_FAST, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix=f"year-{seed}-", dir=place))
    gc.collect()  # of the year before
    gc.set_threshold(_GARBAGE_AFTER)
    life = Life(make_plan(seed, days), folder)
    try:
        life.run()
        verdict = judge(life)
    except Exception:
        verdict = Verdict()
        verdict.wrong.append(f"the year did not end: {traceback.format_exc()}")
    if verdict.wrong:
        again = f"python -m tests.year --first {seed} --seeds 1 --days {days} --keep"
        verdict.wrong += [f"folder: {folder}", f"again: {again}"]
    elif not keep:
        shutil.rmtree(folder, ignore_errors=True)
    return verdict, life


def one(task: tuple[int, int, bool]) -> Told:
    """A seed's year, for another process to tell of."""
    began = time.monotonic()
    verdict, life = live(*task)
    figures = ", ".join(f"{name} {value}" for name, value in verdict.figures.items())
    looks = ", ".join(f"{name} {count}" for name, count in sorted(life.looks.items()))
    said = f"{life.ticks} ticks; {looks}; {figures}"
    return Told(task[0], verdict.wrong, said, time.monotonic() - began)


def stay(places: SimpleQueue[set[int]]) -> None:
    """Keep this process to the next of these sets of cores."""
    place = places.get()
    places.put(place)  # for who comes after, should this process die
    os.sched_setaffinity(0, place)
