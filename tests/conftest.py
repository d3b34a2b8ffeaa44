"""Fixtures that any test may ask for by name; and in CI, nothing is skipped."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

from tests.support.imported import imported
from tests.support.store import postgresql, sqlite_store, store, store_url

__all__ = ["imported", "postgresql", "sqlite_store", "store", "store_url"]

# How long an example takes says how busy the machine is: benchmarks measure, tests don't.
settings.register_profile("visionsvakt", deadline=None)
settings.load_profile("visionsvakt")

# In the background (nohup … &) we ignore Ctrl-C, and so would the programs that tests stop by it.
signal.signal(signal.SIGINT, signal.default_int_handler)

NOT_OURS = "shared"
"""In the reason of a skip: it wants material that lies beside the repository, not in it."""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI=1 a run fails where anything was skipped: what CI lacks, it has not tried.

    Pytest's closing lines name what it was, and why.
    """
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "1" or terminal is None or session.exitstatus != 0:
        return
    reports = terminal.stats.get("skipped", ())
    reasons = [one.longrepr[2] for one in reports if isinstance(one.longrepr, tuple)]
    if any(NOT_OURS not in reason for reason in reasons):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
