"""The words people read, in Swedish and English: one file each in locales/, the same keys in both.

A text may hold `{names}` to fill in. Where it depends on a number it is a table with `one` and
`other`. Nothing here knows HTML; whoever puts a text into HTML escapes it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cache
from importlib import resources
from typing import Any, Final

LANGUAGES: Final = ("sv", "en")
DEFAULT: Final = "sv"


@dataclass(frozen=True, slots=True)
class Language:
    """One language's words. KeyError for a key that is not there: a bug, found by a test."""

    code: str
    texts: Mapping[str, Any]
    record: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Where the language is not the record's own (Swedish): what is on record, in this one."""

    def say(self, key: str, **values: object) -> str:
        """The text of a dotted key, filled in."""
        text = self._find(key)
        if not isinstance(text, str):
            raise KeyError(f"{key} depends on a number: use `count`")
        return text.format(**values)

    def count(self, key: str, number: int, **values: object) -> str:
        """The text of a dotted key for a number: «1 ny», «3 nya»."""
        forms = self._find(key)
        return str(forms["one" if number == 1 else "other"]).format(number=number, **values)

    def kind(self, kind: str) -> str:
        """What a kind of change is called: «ny på sidan»."""
        return self._known("kinds", kind)

    def status(self, status: str | None) -> str:
        """A status as a state: «pågår». One that only a profile knows reads as it is written."""
        return self._known("statuses", status) if status else self.say("status_unknown")

    def signal(self, signal: str) -> str:
        """What a rewording touches: «belopp»."""
        return self._known("signals", signal)

    def reason(self, code: str, text: str) -> str:
        """A sentence of the record: as it was written, or this language's for the same code, with
        the names and numbers that were written in it, and the name that stood before it."""
        known = self.record.get("reasons", {})
        said = known.get(code) or (known.get("http") if code.startswith("http_") else None)
        if said is None:
            return text
        named = _NAMED.match(text)
        before, sentence = named.groups() if named else ("", text)
        facts = [quoted or plain.rstrip(".,;:)") for quoted, plain in _FACT.findall(sentence)]
        try:
            filled = said.format(*facts)
        except IndexError:
            return text
        if facts and filled == said:
            filled = f"{filled} ({', '.join(facts)})"
        return before + filled

    def mend(self, cause: str, text: str) -> str:
        """What is to be done about a cause: as it was written, or this language's for it."""
        known = self.record.get("mends")
        if not known:
            return text
        return known.get(cause) or known["http" if cause.startswith("http_") else "other"]

    def trouble(self, text: str) -> str:
        """An error that has no code on record: its words that we know, in this language."""
        for fragment, said in self.record.get("fragments", {}).items():
            text = text.replace(fragment, said)
        return text

    def day(self, moment: datetime, zone: tzinfo) -> str:
        """A local date in words: «måndag 23 november 2026»."""
        local = moment.astimezone(zone)
        return self.say(
            "day",
            weekday=self._find("weekdays")[local.weekday()],
            day=local.day,
            month=self._find("months")[local.month - 1],
            year=local.year,
        )

    def date(self, moment: datetime, zone: tzinfo) -> str:
        """A local date, short: «23 nov 2026»."""
        local = moment.astimezone(zone)
        month = self._find("months")[local.month - 1][:3]
        return self.say("date", day=local.day, month=month, year=local.year)

    def time(self, moment: datetime, zone: tzinfo) -> str:
        """A local date and time, short: «23 nov 2026 08:00»."""
        local = moment.astimezone(zone)
        return self.say(
            "time",
            day=local.day,
            month=self._find("months")[local.month - 1][:3],
            year=local.year,
            clock=f"{local:%H:%M}",
        )

    def clock(self, moment: datetime, zone: tzinfo) -> str:
        """A local time of day: «08:00»."""
        return f"{moment.astimezone(zone):%H:%M}"

    def between(self, after: datetime | None, before: datetime, zone: tzinfo) -> str:
        """The interval in which something happened: never a false exact time."""
        if after is None:
            return self.say("latest", before=self.time(before, zone))
        left, right = after.astimezone(zone), before.astimezone(zone)
        if self.time(after, zone) == self.time(before, zone):
            return self.time(before, zone)
        if left.date() == right.date():
            return f"{self.time(after, zone)}–{self.clock(before, zone)}"
        return self.say("between", after=self.time(after, zone), before=self.time(before, zone))

    def lasting(self, minutes: float) -> str:
        """How long something took, no finer than anybody wants to know: «61 minuter», «7 timmar
        30 minuter», «313 dygn 9 timmar»."""
        whole = round(minutes)
        if whole < _MINUTES_SAID:
            return self.count("lasting.minutes", whole)
        if whole < _HOURS_SAID * 60:
            big, (number, rest), small = "hours", divmod(whole, 60), "minutes"
        else:
            big, (number, rest), small = "days", divmod(round(whole / 60), 24), "hours"
        said = self.count(f"lasting.{big}", number)
        return f"{said} {self.count(f'lasting.{small}', rest)}" if rest else said

    def joined(self, parts: Sequence[str]) -> str:
        """«a, b och c»."""
        return self._joined(parts, "and")

    def either(self, parts: Sequence[str]) -> str:
        """«a, b eller c»."""
        return self._joined(parts, "or")

    def _joined(self, parts: Sequence[str], word: str) -> str:
        if len(parts) < 2:
            return "".join(parts)
        return f"{', '.join(parts[:-1])} {self.say(word)} {parts[-1]}"

    def _known(self, table: str, name: str) -> str:
        found = self._find(table).get(name)
        return str(found) if found else name.replace("_", " ").replace("-", " ")

    def _find(self, key: str) -> Any:
        found: Any = self.texts
        for part in key.split("."):
            found = found[part]
        return found


_MINUTES_SAID: Final = 120
_HOURS_SAID: Final = 48
"""From so many on, the next unit is said."""
_NAMED: Final = re.compile(r"([^\s«]+: )(.+)", re.DOTALL)
"""A name before a sentence: a page's id, a subscription's, a server."""
_FACT: Final = re.compile(
    r"«([^»]*)»|(https?://\S+|(?<![\w-])\d+(?:[.:/]\d+)*|[\w-]+(?:\.[\w-]+)+(?::\d+)?)"
)
"""What a sentence of the record is about: quoted words, addresses, numbers, names of hosts."""


@cache
def language(code: str) -> Language:
    """The words of one of LANGUAGES; Swedish where there is no such language."""
    known = code if code in LANGUAGES else DEFAULT
    record = locale(f"record.{known}") if known != DEFAULT else {}
    return Language(known, locale(known), record)


def locale(name: str) -> dict[str, Any]:
    """What stands in one file of locales/."""
    file = resources.files("presentation") / "locales" / f"{name}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))
