"""When Python's collector of circles comes by: seldom, for what we make holds next to none.

What a start builds up (modules, classes, tables: 125,000 objects) all stays. Looked through again
and again while it grows, and once more on the way out, it takes a sixth of a short command's CPU.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_USUAL: Final = gc.get_threshold()
_A_START: Final = 200_000
"""More objects than any command makes by its start."""


@contextmanager
def away_at_start() -> Iterator[None]:
    """For a process of ours, whole: the collector first comes by when it has begun in earnest, and
    not for what goes away with the process."""
    gc.set_threshold(_A_START, 10, 10)
    try:
        yield
    finally:
        gc.freeze()


def come_as_usual() -> None:
    """For a process that stays: what it was begun with is there for good, the rest is as ever."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_USUAL)


@contextmanager
def seldom() -> Iterator[None]:
    """While hundreds of editions are folded: it takes a tenth of the time, and finds nothing."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
