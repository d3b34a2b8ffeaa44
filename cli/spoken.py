"""In which language the program speaks at the terminal: the configuration's, wherever that stands.

Help and errors may come before any configuration is read, or be about one that can't be: so its
language is looked for in the text of the file alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cli.frame import locate

_LANGUAGE: Final = re.compile(r"^\[worker\][^\[]*?^language\s*=\s*[\"'](\w+)[\"']", re.M)


def terminal_language(words: Sequence[str]) -> str:
    """The code of the terminal's language, for the words of a command line."""
    from presentation.language import DEFAULT, LANGUAGES

    code = _configured(words)
    return code if code in LANGUAGES else DEFAULT


def _configured(words: Sequence[str]) -> str:
    """`worker.language` of the file that the words point out; "" where none is to be had."""
    option = ""
    for word, following in zip(words, (*words[1:], ""), strict=False):
        if word == "--config":
            option = following
        elif word.startswith("--config="):
            option = word.removeprefix("--config=")
        else:
            continue
        break
    file = locate(Path(option) if option else None)
    try:
        found = _LANGUAGE.search(file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
    return found[1] if found else ""
