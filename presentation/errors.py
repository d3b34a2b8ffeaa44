"""An error's line in the terminal's language. It is raised in Swedish, and put into English at the
door, phrase by phrase: `locales/errors.en.toml` has them, each with `{}` for what varies.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from presentation.language import DEFAULT, locale

_HOLE: Final = "{}"


def in_language(line: str, code: str) -> str:
    """A line of one of our errors as people of that language read it; Swedish as it is."""
    if code == DEFAULT:
        return line
    for said, meant in _phrases(code):
        line = said.sub(meant, line)
    return re.sub("«([^»]*)»", "“\\1”", line)


@cache
def _phrases(code: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The phrases of a language and what takes their place, longest first: one may be a part of
    another."""
    longest_first = sorted(locale(f"errors.{code}").items(), key=lambda pair: -len(pair[0]))
    return tuple((_pattern(said), _filled(meant)) for said, meant in longest_first)


def _filled(meant: str) -> str:
    """As `re.sub` fills it in: each hole of the phrase in its turn."""
    first, *others = meant.replace("\\", r"\\").split(_HOLE)
    return first + "".join(f"\\g<{number}>{part}" for number, part in enumerate(others, 1))


def _pattern(said: str) -> re.Pattern[str]:
    parts = [re.escape(part) for part in said.split(_HOLE)]
    if len(parts) > 1 and not parts[-1]:  # nothing ends the last hole but the line
        return re.compile("(.+?)".join(parts[:-1]) + "(.+)")
    return re.compile("(.+?)".join(parts))
