"""Who holds a lease: a process, by a name that tells whether it still runs.

A lease ends by itself; where its holder is seen to be gone, nobody has to wait for that.
"""

from __future__ import annotations

import fcntl
import os
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

CLOCKS_APART: Final = timedelta(seconds=60)
"""So far may the clocks of two machines be from each other. A lease that ends later by more than
this than any that could be given now is from a clock that was ahead, and holds nobody up."""


@cache
def this_holder() -> str:
    """The name under which this process holds leases: where it runs, its pid, when it started."""
    return f"{_space()}/{os.getpid()}/{_started(os.getpid())}"


def runs(holder: str) -> bool:
    """Whether a holder may still be at work: False only where it is seen to be gone."""
    if not is_here(holder):
        return True
    _, pid, started = holder.split("/")
    return _started(int(pid)) == started


def is_here(holder: str) -> bool:
    """Whether a holder is (or was) a process that can be seen from here: same boot, same space."""
    space, _, rest = holder.partition("/")
    pid, _, started = rest.partition("/")
    return bool(space) and space == _space() and pid.isdigit() and started.isdigit()


def same_machine(holder: str) -> bool:
    """Whether a holder is (or was) a process of this boot, in whatever container."""
    boot = _boot()
    return bool(boot) and holder.startswith(f"{boot}-")


class Mark:
    """A lock on a file beside a store, that the system takes away when this process ends.

    Every worker of a store on this machine asks for it, whatever container it is in: whoever has it
    knows that the others are gone. `is_held` None: no such lock is to be had here.
    """

    def __init__(self, file: Path) -> None:
        self.is_held: bool | None = None
        self._number: int | None = None
        try:
            self._number = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.is_held = True
        except BlockingIOError:
            self.is_held = False
        except OSError:
            pass

    def close(self) -> None:
        """Give it back. Safe to call twice."""
        if self._number is not None:
            os.close(self._number)
            self._number = None


def name_of(holder: str) -> str:
    """What people call a holder: «process 4711», with its place where that is another."""
    space, _, rest = holder.partition("/")
    pid = rest.partition("/")[0]
    return f"process {pid}" if is_here(holder) else f"en process på annat håll ({space}, {pid})"


@cache
def _space() -> str:
    """This boot and this process namespace: only there does a pid say anything."""
    try:
        space = os.readlink("/proc/self/ns/pid")[5:-1]
    except OSError:
        return ""
    return f"{_boot()}-{space}" if _boot() else ""


@cache
def _boot() -> str:
    """This boot of the machine, which all its containers share; "" where nothing tells."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process started, in ticks since the boot; "" where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]
