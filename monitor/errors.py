"""Every way watching can fail, sorted by what the caller does.

VisionsvaktError
├── UsageError            wrong usage, configuration or name: one line, exit 2
│   └── ConfigurationError    names the file, the key and the mend
├── FetchError            a look that failed; a capture records it; `code` is stable
│   ├── TryLater          network, time-outs, 5xx, 429: the timetable tries again
│   ├── AskOperator       robots, refused address, too large, wrong kind: someone must look
│   └── Gone              404, 410: the page is not there
├── StoreError            the database can't be used now (full, locked, read-only, newer)
│   └── StoreBusy         another worker or a long write holds it: try again
├── DeliveryError         a message did not arrive
│   ├── TryAgain          temporary; `retry_after_seconds` where the other side said so
│   └── GiveUp            permanent for this address
└── DerivationError       changes replayed on the old snapshot did not give the new one
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class VisionsvaktError(Exception):
    """What Visionsvakt says of itself. `str()` is one line that names the thing and the mend."""


class UsageError(VisionsvaktError):
    """Wrong usage, configuration or name: exit 2, one line on standard error."""


class ConfigurationError(UsageError):
    """A configuration that can't be used: names file, key and mend."""


class FetchError(VisionsvaktError):
    """A look that did not end in a whole page. `code` is stable, `hops` what came back so far."""

    def __init__(
        self,
        code: str,
        text: str,
        *,
        hops: Sequence[Any] = (),
        status: int | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.hops = tuple(hops)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class TryLater(FetchError):
    """The world's trouble: the timetable tries again."""


class AskOperator(FetchError):
    """Trying again alone will not mend it; the text says what would."""


class Gone(FetchError):
    """The page is not there any more (404, 410)."""


class StoreError(VisionsvaktError):
    """The database can't be used now."""


class StoreBusy(StoreError):
    """Somebody else holds it; try again."""


class DeliveryError(VisionsvaktError):
    """A message did not arrive."""

    def __init__(self, text: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_seconds = retry_after_seconds


class TryAgain(DeliveryError):
    """Temporary: the outbox tries again later."""


class GiveUp(DeliveryError):
    """Permanent for this address."""

    def __init__(self, text: str, *, ends_subscription: bool = False) -> None:
        super().__init__(text)
        self.ends_subscription = ends_subscription


class DerivationError(VisionsvaktError):
    """The changes do not turn the old snapshot into the new one: a bug, never a message."""
