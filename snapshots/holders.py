"""Who holds a lease: a process, by a name that tells whether it still runs.

A lease ends by itself; where its holder is seen to be gone, nobody has to wait for that.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


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


def name_of(holder: str) -> str:
    """What people call a holder: «process 4711», with its place where that is another."""
    space, _, rest = holder.partition("/")
    pid = rest.partition("/")[0]
    return f"process {pid}" if is_here(holder) else f"en process på annat håll ({space}, {pid})"


@cache
def _space() -> str:
    """This boot and this process namespace: only there does a pid say anything."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot[:8]}-{os.readlink('/proc/self/ns/pid')[5:-1]}"
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
