"""The worker's log: lines for people at a terminal, one JSON object per line anywhere else.

One line for each look. Whatever is logged goes through one door that takes out every secret the
configuration names: in a text that came from outside, too, a secret may stand.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeAlias
from urllib.parse import urlsplit

import structlog

from notifications.channels import SHORTEST_SECRET
from presentation.documents import instant
from presentation.errors import in_language
from presentation.language import Language, language
from presentation.reports import delivery_line, look_line, stamped
from settings import Settings
from worker.rest import Patience, Rest

if TYPE_CHECKING:
    from pipeline.check import Checked
    from pipeline.deliver import Delivered

Event: TypeAlias = MutableMapping[str, Any]


REPEATS: Final = Patience(60.0, timedelta(hours=1))
"""How long a trouble that has been said is not said again."""


@dataclass(slots=True)
class _Again:
    """A trouble that has been said, and how many times it was met and not said since."""

    rest: Rest
    unsaid: int = 0

    def is_past(self, now: datetime) -> bool:
        """Whether it has not been met for so long that it would be another."""
        return abs(now - self.rest.since) > 3 * self.rest.pause


@dataclass(slots=True)
class Log:
    """What the worker says of its work. Thread-safe: a line is written whole."""

    environment: Mapping[str, str]
    settings: Settings
    clock: Callable[[], datetime]
    words: Language = field(init=False)
    secrets: tuple[tuple[str, str], ...] = ()
    out: Any = None
    _troubles: dict[str, _Again] = field(default_factory=dict)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.configure(self.settings)

    def configure(self, settings: Settings) -> None:
        """Speak as these settings say from now on. What was a secret before stays one."""
        self.settings = settings
        self.words = language(settings.worker.language)
        found = dict(self.secrets) | dict(secrets_of(settings, self.environment))
        self.secrets = tuple(sorted(found.items(), key=lambda pair: -len(pair[0])))
        with self._counting:
            self._troubles.clear()

    def looked(self, checked: Checked) -> None:
        """How one look ended."""
        many, reasons = len(checked.changes), checked.reasons
        self.out.info(
            look_line(checked.page.id, checked.outcome, many, reasons, self.words),
            kind="look",
            page=checked.page.id,
            outcome=checked.outcome,
            changes=many,
            snapshot=checked.snapshot,
            reasons=[reason.code for reason in reasons],
            captured_at=instant(checked.captured_at),
        )

    def delivered(self, done: Delivered) -> None:
        """What one round of deliveries came to."""
        self.out.info(
            delivery_line(done.sent, done.waiting, done.dead, self.words),
            kind="delivery",
            sent=done.sent,
            waiting=done.waiting,
            dead=done.dead,
            failed=done.failed,
        )

    def trouble(self, text: str) -> None:
        """Something of ours or of the store went wrong. The same over and over (a full disk, at
        each tick) is said at first, then after growing pauses, with how many times since."""
        text = in_language(text, self.words.code)
        unsaid = self._unsaid(text, self.clock())
        if unsaid is None:
            return
        if unsaid:
            text = self.words.count("reports.again", unsaid, text=text)
        self.out.error(text, kind="trouble", unsaid=unsaid)

    def _unsaid(self, text: str, now: datetime) -> int | None:
        """How many times a trouble was met and not said; None where it is not to be said now."""
        with self._counting:
            self._troubles = {one: it for one, it in self._troubles.items() if not it.is_past(now)}
            again = self._troubles.get(text)
            if again is not None and not again.rest.is_over(now):
                again.unsaid += 1
                return None
            self._troubles[text] = _Again(REPEATS.rest(again.rest if again else None, now))
            return again.unsaid if again else 0

    def say(self, text: str) -> None:
        """Where the program itself stands."""
        self.out.info(text, kind="program")


def open_log(
    settings: Settings,
    clock: Callable[[], datetime],
    *,
    stream: TextIO | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Log:
    """The log of a worker on `stream` (standard error): for people where it is a terminal."""
    stream = sys.stderr if stream is None else stream
    log = Log(environment, settings, clock)

    def clean(_: Any, level: str, event: Event) -> Event:
        return {name: _cleaned(value, log.secrets) for name, value in event.items()}

    def for_people(_: Any, level: str, event: Event) -> str:
        return stamped(event["event"], clock(), log.settings.zone)

    def for_machines(_: Any, level: str, event: Event) -> str:
        text = " ".join(str(event.pop("event")).split())
        line = {"at": instant(clock()), "level": level, "kind": event.pop("kind"), "text": text}
        return json.dumps({**line, **event}, ensure_ascii=False)

    render = for_people if stream.isatty() else for_machines
    log.out = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[clean, render],
        wrapper_class=structlog.BoundLogger,
        context_class=dict,
    )
    return log


def take_over(log: Log) -> None:
    """Whatever the libraries we stand on have to say goes the same way."""
    root = logging.getLogger()
    root.handlers[:] = [_Library(log)]
    root.setLevel(logging.WARNING)


class _Library(logging.Handler):
    """A library's warning as a line of ours; of an exception its kind, never its inside."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        why = f" ({kind.__name__})" if kind is not None else ""
        self._log.trouble(f"{record.name}: {record.getMessage()}{why}")


def secrets_of(
    settings: Settings, environment: Mapping[str, str] = os.environ
) -> tuple[tuple[str, str], ...]:
    """(a secret, what stands in its place), the longest first: one may be a part of another."""
    names = [settings.worker.ping_url_env, settings.fetch.proxy_env]
    if settings.email:
        names.append(settings.email.password_env)
    for one in settings.subscriptions:
        names += [one.url_env, one.secret_env]
    found: dict[str, str] = {}
    for name in dict.fromkeys(name for name in names if name):
        value = environment.get(name, "").strip()
        for part in (value, *value.split(), *_parts(value)):
            if len(part) >= SHORTEST_SECRET:
                found[part] = f"${name}"
    password = urlsplit(settings.database_url).password or ""
    if len(password) >= SHORTEST_SECRET:
        found[password] = "***"
    return tuple(sorted(found.items(), key=lambda pair: -len(pair[0])))


def _parts(value: str) -> tuple[str, ...]:
    """Of an address, what makes it a secret: password, path and query; its host may be named."""
    if not value.startswith(("http://", "https://")):
        return ()
    parts = urlsplit(value)
    return (parts.password or "", parts.path.strip("/"), parts.query)


def _cleaned(value: Any, secrets: tuple[tuple[str, str], ...]) -> Any:
    if isinstance(value, list):
        return [_cleaned(one, secrets) for one in value]
    if not isinstance(value, str):
        return value
    for secret, name in secrets:
        value = value.replace(secret, name)
    return value
