"""One seed: its year lived in a folder of its own, and judged."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.year.judge import Verdict, judge
from tests.year.life import Life
from tests.year.plan import make_plan

_FAST = Path("/dev/shm")
_GARBAGE_AFTER = 50_000
"""Collected seldom: a year makes little, and looking for it took a tenth of the time."""


def live(seed: int, days: int, keep: bool = False) -> tuple[int, Verdict, Life, float]:
    """One seed's year, lived and judged."""
    place = _FAST if _FAST.is_dir() and os.access(_FAST, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix=f"year-{seed}-", dir=place))
    began = time.monotonic()
    gc.set_threshold(_GARBAGE_AFTER)
    life = Life(make_plan(seed, days), folder)
    try:
        life.run()
        verdict = judge(life)
    except Exception:
        keep = True
        print(f"seed {seed}: the year did not end; its folder is {folder}", file=sys.stderr)
        raise
    if verdict.wrong:
        keep = True
        again = f"python -m tests.year --first {seed} --seeds 1 --days {days} --keep"
        verdict.wrong += [f"folder: {folder}", f"again: {again}"]
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    return seed, verdict, life, time.monotonic() - began


def one(task: tuple[int, int, bool]) -> tuple[int, Verdict, str, float]:
    seed, verdict, life, seconds = live(*task)
    figures = ", ".join(f"{name} {value}" for name, value in verdict.figures.items())
    looks = ", ".join(f"{name} {count}" for name, count in sorted(life.looks.items()))
    return seed, verdict, f"{life.ticks} ticks; {looks}; {figures}", seconds
