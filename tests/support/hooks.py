"""Webhook receivers on loopback, and the real door to the web that posts to them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from monitor.fetch import Fetcher, FetchRules
from tests.support.gate import MemoryGate
from tests.support.web import Asked, Served, Site

SECRET = "whsec_" + "Z3JhbnZpa3MgaGVtbGlnYSBueWNrZWwgMQ=="  # "granviks hemliga nyckel 1"


class Hook(Site):
    """Answers each post with the next of the statuses, then with the last of them for ever."""

    def __init__(self, *statuses: int | Served | Callable[[Asked], Served]) -> None:
        self._answers = list(statuses or (200,))
        super().__init__(self._next)

    def _next(self, asked: Asked) -> Served:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Served):
            return answer
        if isinstance(answer, int):
            return Served(b"", answer, ())
        return answer(asked)

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(asked.body) for asked in self.log]

    @property
    def ids(self) -> list[str]:
        return [asked.headers["webhook-id"] for asked in self.log]


def poster(allow_private: Sequence[str] = ("127.0.0.1",)) -> Fetcher:
    """The guarded door, allowed to reach loopback. Close it."""
    rules = FetchRules(allow_private=tuple(allow_private))
    gate = MemoryGate(_now, time.sleep, pause_seconds=0.0)
    return Fetcher(rules, gate=gate, clock=_now)


def _now() -> datetime:
    return datetime.now(UTC)
